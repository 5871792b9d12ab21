"""What the analysis makes of hand-made sweeps, to the digit: means, scatter, intervals, controls, claims and tables."""

from __future__ import annotations

import math
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from scipy import stats

from cifar.analysis import tables
from cifar.analysis.analysis import CONFIDENCE, Findings, _resampled, analyse
from cifar.analysis.claims import claims, measured_temperatures
from cifar.analysis.curves import Row, curve, mean_at_switch, scatter
from cifar.study.arms import Protocol, make_run
from cifar.study.stages import Recipe, Stage
from slt_toys.fits.collapse import collapse
from slt_toys.fits.ends import HALF_DEPTH

STAGE = Stage(0, learning_rate=0.05, decay=0.5)


def row(accuracy: float, *, arm="base", deficit="blur", size=64, seed=0, switch=0, passed=True, **at_switch) -> Row:
    """A run with this final test accuracy, in percent."""
    protocol = Protocol(Recipe(batch_size=size, seed=seed), STAGE, deficit, further_epochs=10, window=2)
    final = {"test_accuracy": accuracy / 100, "train_accuracy": 1.0 if passed else 0.0}
    return Row(make_run(arm, protocol, switch), final, at_switch, passed)


def cell(*accuracies: float, **settings) -> list[Row]:
    """One run for each accuracy, of the seeds 0, 1, ..."""
    return [row(accuracy, seed=seed, **settings) for seed, accuracy in enumerate(accuracies)]


def findings(found: list[Row]) -> Findings:
    return analyse(found, deficit="blur", decay=0.5, learning_rate=0.05, momentum=0.9, examples=640)


def base(size: int = 64) -> list[Row]:
    """Means 80, 78, 74, 70, 70, 70 at 0, 1, ..., 5, of two seeds that are 1 above and below."""
    means = (80, 78, 74, 70, 70, 70)
    return [one for switch, mean in enumerate(means) for one in cell(mean - 1, mean + 1, size=size, switch=switch)]


def test_scatter_is_pooled_over_the_degrees_of_freedom():
    # deviations from the cells' means: -1, 0, 1 and -2, 2; a cell of one run and one that failed say nothing
    found = [*cell(49, 50, 51), *cell(58, 62, switch=4), row(99, switch=8), *cell(10, 90, switch=12, passed=False)]
    spread, freedom = scatter(found)
    assert freedom == 3 and spread == pytest.approx(math.sqrt((1 + 0 + 1 + 4 + 4) / 3), rel=1e-12)
    assert scatter(cell(3, 3.5))[0] == pytest.approx(np.std([3, 3.5], ddof=1), rel=1e-12)
    # cells are told apart by arm, deficit, batch size and switch epoch
    apart = [row(1), row(2, arm="reset"), row(3, deficit="greyscale"), row(4, size=32), row(5, switch=1)]
    assert scatter(apart)[1] == 0 and math.isnan(scatter(apart)[0])


def test_a_curve_is_of_the_runs_that_passed():
    found = [*cell(49, 50, 54), *cell(40, 10, switch=4), row(0, seed=2, switch=4, passed=False)]
    found += [*cell(1, 2, switch=8, passed=False), row(99, arm="reset", switch=4), row(98, size=32, switch=4)]
    one = curve(found, "base", "blur", 64)
    assert one.switch_epochs.tolist() == [0, 4] and one.values == pytest.approx([51, 25], rel=1e-12)
    assert one.counts.tolist() == [3, 2] and one.failed == {8: 2}


def test_what_was_measured_at_a_switch_is_of_the_same_runs():
    found = [row(50, switch=4, trace=1.0), row(50, switch=4, seed=1, trace=4.0), row(50, switch=8, trace=7.0)]
    found += [row(50, switch=4, seed=2, trace=100.0, passed=False), row(50, switch=4, size=32, trace=50.0)]
    found += [row(50, switch=12), row(50, arm="reset", switch=4, trace=60.0)]
    means = mean_at_switch(found, curve(found, "base", "blur", 64), "trace")
    assert means[:2] == pytest.approx([2.5, 7.0]) and math.isnan(means[2])


def test_resampled_curves_scatter_by_the_stretched_error_of_their_means():
    found = [*cell(79, 81), *cell(77, 78, 79, 78, switch=1), *cell(70, 70, switch=2), row(60, switch=3)]
    one = curve(found, "base", "blur", 64)
    assert one.counts.tolist() == [2, 4, 2, 1]
    drawn = _resampled(one, HALF_DEPTH, 1.5, 7, [3])
    stretch = stats.t.ppf(0.975, 7) / stats.norm.ppf(0.975)
    noise = np.random.default_rng([3]).standard_normal((2000, 4))
    assert drawn == pytest.approx(one.values + stretch * 1.5 * noise / np.sqrt([2, 4, 2, 1]), rel=1e-12)
    assert not np.array_equal(drawn, _resampled(one, HALF_DEPTH, 1.5, 7, [4]))


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


def test_runs_without_a_counterpart_are_not_compared():
    found = [*base(), *cell(60, 62, arm="window", switch=3), *cell(50, 52, arm="reset", switch=9)]
    found += [*cell(1, 2, arm="fresh", switch=3, passed=False), *cell(60, 62, arm="clean", size=32, switch=3)]
    of = {one.arm: one for one in findings(found).controls}
    window = of["window"]  # its switch epoch is its onset: the base arm has no run like it
    assert window.base is None and window.recovered is None and window.lost is not None
    assert window.lost[0] == pytest.approx(80 - 61)
    assert of["reset"].base is None and of["reset"].recovered is None
    assert of["reset"].lost is not None and of["reset"].lost[0] == pytest.approx(29)
    assert of["fresh"].failed and of["fresh"].recovered is None and of["fresh"].lost is None
    assert (of["clean"].base, of["clean"].no_deficit, of["clean"].lost) == (None, None, None)
    shown = {row[0]: row[-1] for row in tables.controls(findings(found))[0].rows}
    assert shown["window (blur)"] == "loss" and shown["fresh (blur)"] == "nothing: below the gate"
    assert shown["clean (blur)"] == "cannot tell"
    assert "budget" not in {
        claim.name for claim in claims(findings(found), 1.0, None)
    }  # a run that failed says nothing


def test_only_a_flip_is_called_the_negative_control():
    found = [*base(), *cell(79, 81, deficit="vertical_flip", switch=3), *cell(69, 71, deficit="greyscale", switch=3)]
    told = [claim for claim in claims(findings(found), 1.0, None) if claim.name == "negative-control"]
    assert len(told) == 1 and "vertical flip" in told[0].sentence and told[0].value == pytest.approx(0)


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
    assert made.ends["half_depth"][64].method == "pooled scatter between seeds"
    assert made.ends["half_depth"][64].confidence == CONFIDENCE
    one_seed = findings([one for one in base() if one.run.seed == 0])
    assert one_seed.freedom == 0 and one_seed.ends["half_depth"][64].method == "residual bootstrap, one seed"


def falling(size: int, end: float, depth: float = 10.0) -> list[Row]:
    """A straight fall until an end, then level; two seeds a tenth of a point apart."""
    epochs = range(0, 24, 2)
    return [
        one
        for switch in epochs
        for one in cell(
            *(80 - depth * min(switch / end, 1) + off for off in (-0.05, 0.05)), size=size, switch=switch,
        )
    ]  # fmt: skip


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


def test_a_rise_is_said_to_be_one():
    rising = [replace(one, final={**one.final, "test_accuracy": 1.5 - one.final["test_accuracy"]}) for one in base()]
    (told,) = (claim for claim in claims(findings(rising), 1.0, None) if claim.name == "decline")
    assert told.verdict == "no" and told.value == pytest.approx(-10)


# ---- temperature, both ways ----


def test_temperature_is_measured_against_noise_that_never_changes():
    # η = .05, .025 at epochs 0, 1; noise in proportion to the batch at 0, the same at 1
    noise = {32: {0: 32.0, 1: 64.0, 9: 1.0}, 128: {0: 128.0, 1: 64.0, 9: 1.0}}
    measured = measured_temperatures(noise, learning_rate=0.05, decay=0.5, end=0.5)
    assert measured is not None and (measured.batch_sizes, measured.epochs) == ((32, 128), (0, 1, 9))
    assert measured.values == pytest.approx(np.array([[0.05, 0.05], [0.05, 0.0125], [0.05 / 2**14, 0.05 / 2**16]]))
    assert measured.exponents == pytest.approx([0, -1, -1]) and measured.early == (True, False, False)

    def told(end: float | None):
        measured = measured_temperatures(noise, learning_rate=0.05, decay=0.5, end=end)
        return next(one for one in claims(findings(base()), 1.0, measured) if one.name == "measured-temperature")

    assert told(0.5).verdict == "no" and told(0.5).value == pytest.approx(0)
    assert told(4.0).verdict == "yes" and told(4.0).value == pytest.approx(-1) and told(None).verdict == "yes"
    assert tables.temperature(measured)[0].rows[1] == ("1", "no", "0.05", "0.0125", "-1.00")
    assert tables.temperature(None) == []
    assert measured_temperatures({32: {0: 1.0}}, learning_rate=0.05, decay=0.5, end=None) is None
    assert measured_temperatures({}, learning_rate=0.05, decay=0.5, end=None) is None
