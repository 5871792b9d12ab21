"""Ends, shifts, exponents and controls of sweeps whose curves are known."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from cifar.analysis.analysis import CONFIDENCE, analyse, resampled
from cifar.analysis.claims import claims
from cifar.analysis.curves import curve
from slt_toys.fits.collapse import collapse
from slt_toys.fits.ends import HALF_DEPTH, half_depth
from tests.cifar.analysis.made_by_hand import base, cell, falling, findings, row
from tests.cifar.analysis.made_rows import SHIFT, fitted, made_rows


def test_the_theorem_is_found_where_it_was_put_in():
    found = fitted(made_rows(0.002, even=False))
    assert found.freedom == 2 * (3 * 16 + 3)
    assert abs(found.scatter - 0.2) < 5 * 0.2 / np.sqrt(2 * found.freedom)
    assert fitted(made_rows(0.002)).scatter == pytest.approx(0.2, rel=1e-9)  # deviations of -.2, 0 and .2 points
    far = stats.t.isf(1e-6, 6)
    for size, end in found.ends["hinge"].items():
        assert end.epoch is not None and end.standard_error
        # Ends scatter by .15 at most over 40 seeds; their errors have 6 degrees of freedom.
        assert abs(end.epoch - (30 - SHIFT * np.log2(size / 64))) < min(far * end.standard_error, 1.0)
    for name in ("hinge", "half_stuck_mass"):
        slope = found.epochs_per_halving[name]
        assert slope.low is not None and slope.high is not None
        error = (slope.high - slope.low) / 2 / stats.t.ppf(0.975, 6)
        assert abs(slope.slope - (SHIFT if name == "hinge" else SHIFT / 2)) < min(
            far * error, 0.8
        )  # they scatter by .11
    fits = found.comparisons["hinge"].fits
    assert (fits["scaling_law"].p_value or 0) > 1e-6
    assert (fits["constant"].p_value or 0) < 1e-12  # the control: a constant end is not what was put in


def test_too_few_runs_are_said_and_not_fitted():
    few = [row for row in made_rows(0.002) if row.run.switch_epoch < 8]
    found = fitted(few)
    assert not found.epochs_per_halving and any("Too few runs" in note for note in found.notes)


def testresampled_curves_scatter_by_the_stretched_error_of_their_means():
    found = [*cell(79, 81), *cell(77, 78, 79, 78, switch=1), *cell(70, 70, switch=2), row(60, switch=3)]
    one = curve(found, "base", "blur", 64)
    assert one.counts.tolist() == [2, 4, 2, 1]
    drawn = resampled(one, HALF_DEPTH, 1.5, 7, [3])
    stretch = stats.t.ppf(0.975, 7) / stats.norm.ppf(0.975)
    noise = np.random.default_rng([3]).standard_normal((2000, 4))
    assert drawn == pytest.approx(one.values + stretch * 1.5 * noise / np.sqrt([2, 4, 2, 1]), rel=1e-12)
    assert not np.array_equal(drawn, resampled(one, HALF_DEPTH, 1.5, 7, [4]))


def test_a_difference_has_its_whole_t_interval_and_its_sign():
    found = [*base(), *cell(74, 76, arm="reset", switch=3), *cell(71, 73, 75, arm="fresh", switch=3)]
    found += [row(60, deficit="vertical_flip", switch=3), row(77, arm="clean", switch=3)]
    made = findings(found)
    # 6 + 1 cells of two runs with deviations of 1, and one of three with 2, 0, 2
    assert made.freedom == 7 + 2 and made.scatter == pytest.approx(math.sqrt((14 + 8) / 9), rel=1e-12)
    of = {(one.arm, one.deficit): one for one in made.controls}
    reach = stats.t.ppf(0.975, 9) * made.scatter

    def interval(gap: float, first: int, second: int) -> Any:
        half = reach * math.sqrt(1 / first + 1 / second)
        return pytest.approx((gap, gap - half, gap + half), rel=1e-9, abs=1e-9)

    assert of["reset", "blur"].recovered == interval(75 - 70, 2, 2) and of["reset", "blur"].lost == interval(5, 2, 2)
    assert of["fresh", "blur"].recovered == interval(73 - 70, 3, 2) and of["fresh", "blur"].lost == interval(7, 2, 3)
    assert of["base", "vertical_flip"].lost == interval(20, 2, 1)
    assert of["base", "vertical_flip"].recovered == interval(-10, 1, 2)
    one = of["clean", "blur"]
    assert (one.accuracy, one.base, one.no_deficit) == (pytest.approx(77), pytest.approx(70), pytest.approx(80))
    # from no deficit to the mean of the last three switch epochs: that mean is of six runs
    assert made.declines[64] == interval(80 - 70, 2, 6)
    (flip,) = (claim for claim in claims(made, 1.0, None) if claim.name == "negative-control")
    low, high = 20 - reach * math.sqrt(1.5), 20 + reach * math.sqrt(1.5)
    assert f"costs 20.0 [{low:.1f}, {high:.1f}] points" in flip.sentence and flip.verdict == "no"


def test_means_of_different_numbers_of_runs_are_doubted():
    assert not any("different numbers" in note for note in findings(base()).notes)
    uneven = [one for one in base() if (one.run.switch_epoch, one.run.seed) != (2, 1)]
    assert any("B = 64" in note and "(0: 2, 1: 2, 2: 1, " in note for note in findings(uneven).notes)


def test_curves_without_their_first_or_a_late_point_are_doubted():
    notes = " ".join(findings(base()).notes)
    assert "no run of e_s = 0" not in notes and "no run passed" not in notes
    headless = [replace(one, passed=one.run.switch_epoch > 0) for one in base()]
    assert any("B = 64: no run of e_s = 0 counts" in n and "from e_s = 1" in n for n in findings(headless).notes)
    holed = [replace(one, passed=one.run.switch_epoch != 5) for one in base()]
    assert any("B = 64: no run passed the gate at e_s = 5;" in note for note in findings(holed).notes)


def test_ends_are_where_the_hand_made_curves_cross():
    shifted = [replace(one, run=replace(one.run, switch_epoch=one.run.switch_epoch)) for one in base(128)]
    made = findings([*base(), *shifted])
    # half depth: 80 falls to the mean of the last three, 70, and passes 75 three quarters of the way from 78 to 74
    for size in (64, 128):
        assert made.ends["half_depth"][size].epoch == pytest.approx(1.75, rel=1e-12)
        # the common level lies midway between the mean of the starts and that of the last three rows
        assert made.ends["half_stuck_mass"][size].level == pytest.approx(75, rel=1e-12)
        assert made.ends["half_stuck_mass"][size].epoch == pytest.approx(1.75, rel=1e-12)
    assert made.epochs_per_halving["half_depth"].slope == pytest.approx(0, abs=1e-12)
    assert made.ends["half_depth"][64].method == "t distribution with 2 degrees of freedom, 2 seeds"
    assert made.ends["half_depth"][64].within == ""
    assert made.ends["half_depth"][64].confidence == CONFIDENCE
    one_seed = findings([one for one in base() if one.run.seed == 0])
    assert one_seed.freedom == 0 and one_seed.ends["half_depth"][64].method == "residual bootstrap, one seed"
    assert one_seed.ends["half_depth"][64].statement().endswith("within one seed")


def test_ends_of_several_seeds_are_those_of_their_own_curves():
    """Half depth by hand: seeds that cross at 1.25 and 2.25, at two batch sizes; three degrees of freedom in all."""
    early, late = (80, 76, 72, 70, 70, 70), (80, 79, 76, 72, 70, 68)
    found = [
        one
        for size, seeds in ((64, (early, late)), (128, (early, late, late)))
        for switch in range(6)
        for one in cell(*(curve[switch] for curve in seeds), size=size, switch=switch)
    ]
    made = findings(found)
    own = [half_depth(range(6), values).epoch for values in (early, late)]
    assert own == pytest.approx([1.25, 2.25])
    scatter = math.sqrt((2 * 0.5**2 + (2 / 3) ** 2 + 2 * (1 / 3) ** 2) / 3)
    for size, mean, seeds in ((64, 1.75, 2), (128, 1.25 + 2 / 3, 3)):
        end = made.ends["half_depth"][size]
        reach = stats.t.ppf(0.975, 3) * scatter / math.sqrt(seeds)
        assert (end.epoch, end.low, end.high) == pytest.approx((mean, mean - reach, mean + reach), rel=1e-9)
    shift = made.epochs_per_halving["half_depth"]
    reach = stats.t.ppf(0.975, 3) * scatter * math.sqrt(1 / 2 + 1 / 3)
    assert (shift.slope, shift.low, shift.high) == pytest.approx((-1 / 6, -1 / 6 - reach, -1 / 6 + reach), rel=1e-9)
    # A seed that lacks a point: rows are resampled, and the interval says what it is confined to.
    holed = findings([one for one in found if (one.run.seed, one.run.switch_epoch) != (1, 3)])
    assert holed.ends["half_depth"][64].statement().endswith("within rows alone")
    # Where each batch size has two whole seeds, one that is not done yet is left out.
    third = [one for one in found if one.run.batch_size == 128 or one.run.seed < 2]
    third += [one for switch in range(4) for one in cell(80, 80, 75, size=64, switch=switch)[2:]]
    begun = findings(third)
    assert begun.ends["half_depth"][64] == made.ends["half_depth"][64]
    assert any("are means of different numbers of runs" in note for note in begun.notes)
    assert holed.epochs_per_halving["half_depth"].within == "rows alone"


def test_the_shift_is_positive_where_smaller_batches_end_later():
    made = findings([*falling(128, 4.0), *falling(64, 8.0), *falling(32, 12.0)])
    hinge = made.epochs_per_halving["hinge"]
    assert hinge.slope == pytest.approx(4.0, abs=0.2)
    assert [pair.shift for pair in hinge.pairs] == pytest.approx([4.0, 4.0], abs=0.3)
    assert {size: end.epoch for size, end in made.ends["hinge"].items()} == pytest.approx(
        {32: 12.0, 64: 8.0, 128: 4.0}, abs=0.3
    )
    for theorem, verdict in ((4.0, "yes"), (40.0, "no"), (-4.0, "no")):
        (told,) = (claim for claim in claims(made, theorem, None) if claim.name == "shift-hinge")
        assert told.verdict == verdict and told.expected == theorem
        assert "is epoch 12.0 at B=32 and 4.0 at B=128: 4.0 [" in told.sentence
        assert told.interval is not None and told.interval[0] is not None and told.interval[0] > 0
    reverse = findings([*falling(128, 12.0), *falling(64, 8.0), *falling(32, 4.0)])
    assert reverse.epochs_per_halving["hinge"].slope == pytest.approx(-4.0, abs=0.2)


@pytest.mark.parametrize("decay, exponent", [(2**-0.25, 1.0), (2**-0.125, 0.5), (0.5, 4.0)])
def test_curves_that_are_moved_by_the_law_collapse_over_its_variable(decay, exponent):
    """Moved by 4 epochs for each halving: η/B^a at the end is the same for a = 4 |ln γ| / ln 2."""
    found = [
        one
        for size, start in ((128, 2), (64, 6), (32, 10))
        for switch in range(0, 24, 2)
        for one in cell(
            *(80 - 10 * min(max(switch - start, 0) / 4, 1) + off for off in (-0.05, 0.05)), size=size, switch=switch
        )
    ]
    made = analyse(found, deficit="blur", decay=decay, learning_rate=0.05, momentum=0.9, examples=640)
    best = made.best_exponent
    assert best is not None and best.exponent == pytest.approx(exponent, abs=0.01)
    (told,) = (claim for claim in claims(made, 4.0, None) if claim.name == "batch-size-exponent")
    assert told.verdict == ("yes" if exponent == 1 else "no") and f"at a = {exponent:.2f} [" in told.sentence
    if exponent == 1:
        assert best.low is not None and best.high is not None and best.low < 1 < best.high
        spread = {name: one.spread for name, one in made.collapse.items()}
        assert spread["learning_rate/batch_size"] == pytest.approx(0, abs=1e-6)
        assert min(value for name, value in spread.items() if name != "learning_rate/batch_size" and value) > 0.1


@pytest.mark.parametrize("at_start", [None, 0.7])
def test_before_any_training_the_loss_is_that_of_guessing_among_ten(monkeypatch, at_start):
    """Unless it was measured, as where the run of e_s = 0 has an epoch of the deficit."""
    seen: list[Any] = []

    def spy(batch, **settings):
        seen.extend(batch)
        return collapse(batch, **settings)

    monkeypatch.setattr("cifar.analysis.analysis.collapse", spy)
    found = []
    for one in [*falling(64, 8.0), *falling(32, 12.0)]:
        loss = at_start if one.run.switch_epoch == 0 else 1 / one.run.switch_epoch
        found.append(replace(one, at_switch={} if loss is None else {"deficit_train_loss": loss}))
    made = findings(found)
    assert made.collapse and [curve_.batch_size for curve_ in seen] == [32, 64]
    for curve_ in seen:
        assert curve_.learning_rates == pytest.approx(0.05 * 0.5**curve_.switch_epochs)
        assert curve_.deficit_train_loss == pytest.approx([at_start or math.log(10), *1 / curve_.switch_epochs[1:]])


def test_where_there_are_many_seeds_two_points_are_compared_seed_by_seed():
    """Seeds that scatter by tens of points, all of them two points better with fresh weights."""
    own = np.array([50.0, 90.0] * 4)
    others = [one for switch in (0, 1, 2, 3, 4) for one in cell(*(own + 5 - switch), switch=switch)]
    told = findings([*others, *cell(*(own + 2 + 0.1 * np.arange(8)), arm="fresh", switch=5), *cell(*own, switch=5)])
    (control,) = told.controls
    assert control.recovered == pytest.approx((2.35, 2.35 - 0.2048, 2.35 + 0.2048), abs=1e-3)  # t interval of 7 degrees
    assert control.lost == pytest.approx((2.65, 2.4452, 2.8548), abs=1e-3)
    assert told.declines[64] == pytest.approx((4.0, 4.0, 4.0)), "each seed falls by as much"
    few = findings([one for one in [*others, *cell(*own[:7], switch=5)] if one.run.seed < 7])
    assert few.declines[64] is not None and few.declines[64][1] < 0, "the control: seven seeds go by the pooled scatter"
