"""Verdicts: calibrated, never for a wrong hypothesis, silent where arms confound, able to refute mixtures and all."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.protocol.arms import CONTROL, Observation, confounding_arms, find_arm
from slt_toys.worlds.hypotheses import HYPOTHESES, design, find_hypothesis
from slt_toys.worlds.verdict import fit, judge, verdict_table
from slt_toys.worlds.verdict_power import redrawn, scaled_energies
from slt_toys.worlds.world import (
    WORLDS,
    early_noise,
    flow_time_left,
    loss_threshold,
    observe,
    pathways,
    thermal_two_phase,
)
from tests.seeds import fresh_seed
from tests.worlds.made_counts import CONFOUNDING, FEW, LAWFUL, made_up

FEW_LAWFUL = [arm for arm in FEW if arm.within_the_law]
# ---- none, and nothing ---------------------------------------------------------------------------------------------


def test_arms_say_none_when_nothing_fits():
    """A stuck share that goes up and down again along the switch epochs, whatever the arm."""
    epochs = np.tile(np.arange(0, 101, 10), len(FEW))
    shares = 0.5 + 0.45 * np.sin(epochs / 8.0)
    verdict = judge(made_up(shares, 200, fresh_seed(), arms=FEW))
    assert verdict.outcome == "none" and verdict.survivors == ()
    assert all(each.p_value < 1e-6 for each in verdict.fits)


def test_nothing_can_be_told_from_flat_curves():
    verdict = judge(made_up(0.5, 100, fresh_seed(), arms=FEW))
    assert verdict.outcome == "cannot tell" and len(verdict.survivors) == 4


# ---- worlds --------------------------------------------------------------------------------------------------------
EXACT_FAMILY = (thermal_two_phase, flow_time_left)  # worlds whose own family holds to 100 runs a cell in all arms


def never_wrong(make, verdict) -> bool:
    """No other hypothesis than the truth survives, and the truth is the nearest, where it is one of them."""
    truth = make().truth
    others = [each.p_value for each in verdict.fits if each.hypothesis.name != truth]
    return verdict.outcome in (truth, "none") and max(others) < 1e-4 and (
        truth == "none" or verdict.nearest.hypothesis.name == truth
    )  # fmt: skip


@pytest.mark.parametrize("make", WORLDS, ids=lambda make: make.__name__)
def test_two_verdicts_in_every_world(make):
    """Six arms, 60 runs each, any seeds; every second switch epoch where simulating takes long.

    The families are idealisations, so the truth's own may be refuted; nothing else may be believed. Early noise looks
    like temperature to so few runs (p = .003 in one of thirty sets), so it has six times as many.
    """
    every, world = 2 if make in (thermal_two_phase, early_noise) else 1, make()
    runs = 360 if make is early_noise else 60
    for _ in range(2):
        arms = [arm for arm in FEW_LAWFUL if world.can_run(arm)]
        seen = observe(world, arms, switch_epochs=world.switch_epochs[::every], runs=runs, seed=fresh_seed())
        verdict = judge(seen)
        assert never_wrong(make, verdict), [(each.hypothesis.name, each.p_value) for each in verdict.fits]
        if make in EXACT_FAMILY:
            assert verdict.nearest.p_value > 1e-6


@pytest.mark.long
@pytest.mark.parametrize("make", WORLDS, ids=lambda make: make.__name__)
def test_twenty_verdicts_in_every_world(make):
    """All arms and switch epochs, 100 runs each, any seeds: never wrong, and right where the truth's family is exact.

    In those of pathways and of the saddle no family is: there the verdict is "none" as a rule. The arms that confound
    cannot tell, by themselves, in worlds whose truth is one of the two that they confound.
    """
    first, world = fresh_seed(), make()
    silent = world.truth in ("temperature", "flow time left") and make in EXACT_FAMILY
    verdicts, unsure = [], []
    for seed in range(first, first + 20):
        seen = observe(world, [arm for arm in LAWFUL if world.can_run(arm)], runs=100, seed=seed)
        verdicts.append(judge(seen))
        if silent:
            names = confounding_arms(LAWFUL, world.training, world.switch_epochs, world.epochs_after)
            verdict = judge([each for each in seen if each.arm in names])
            unsure.append(
                verdict.outcome == "cannot tell" and {"temperature", "flow time left"} <= set(verdict.survivors)
            )
    assert all(never_wrong(make, verdict) for verdict in verdicts), first
    if make in EXACT_FAMILY or world.truth == "none":
        right = [verdict.outcome == world.truth for verdict in verdicts]
        assert sum(right) >= 17, (first, right)
    assert not silent or sum(unsure) >= 16, (first, unsure)


@pytest.mark.parametrize("make", [thermal_two_phase, flow_time_left], ids=lambda make: make.__name__)
def test_confounding_arms_alone_cannot_tell_temperature_from_time_left(make):
    """Control, half the batch and linear scaling: computed to confound, and two hypotheses fit them as well."""
    world = make()
    names = confounding_arms(CONFOUNDING, world.training, world.switch_epochs, world.epochs_after)
    assert names == tuple(arm.name for arm in CONFOUNDING)
    verdict = judge(observe(world, CONFOUNDING, runs=60, seed=fresh_seed()))
    chances = {each.hypothesis.name: each.p_value for each in verdict.fits}
    assert min(chances["temperature"], chances["flow time left"]) > 1e-5 > chances["flow time spent"], chances


def test_a_loss_that_is_a_clock_cannot_be_told_from_it():
    """In the saddle's world, arms that only rescale time leave loss and time spent one function of each other."""
    verdict = judge(observe(loss_threshold(), CONFOUNDING, runs=60, seed=fresh_seed()))
    assert next(each for each in verdict.fits if each.hypothesis.name == "loss threshold").p_value > 1e-6


# ---- the table -----------------------------------------------------------------------------------------------------


@pytest.fixture(scope="module")
def thermal():
    """The thermal world in six arms."""
    world = thermal_two_phase()
    return world, observe(world, FEW_LAWFUL, runs=60, seed=fresh_seed())


def test_the_table_gives_ends_by_arm_that_agree_with_the_right_hypothesis_alone(thermal):
    world, seen = thermal
    verdict = judge(seen)
    assert verdict.nearest.hypothesis.name == "temperature" and verdict.nearest.p_value > 1e-6
    rows = verdict_table(verdict, level=world.level)
    assert [row.arm for row in rows] == [arm.name for arm in FEW_LAWFUL]
    for each in verdict.fits:
        parts = sum(row.deviances[each.hypothesis.name] for row in rows)
        assert parts == pytest.approx(each.deviance)
    ends = {row.arm: row for row in rows}
    for name in ("control", "halve the batch", "flow-time matched", "added gradient noise"):
        found, predicted = ends[name].observed, ends[name].predicted["temperature"]
        assert found.epoch is not None and predicted.epoch is not None and abs(found.epoch - predicted.epoch) < 10
    noise = ends["added gradient noise"]
    # temperature alone moves e* by up to ln 2/|ln .97| = 22.8 epochs, time left by none
    unmoved = noise.predicted["flow time left"].epoch
    assert noise.observed.epoch is not None and unmoved is not None and noise.observed.epoch > unmoved + 10
    assert ends["reset at the switch"].observed.state == "later"


def test_parameters_from_the_control_predict_arms_that_were_not_seen():
    world = flow_time_left()
    arms = [CONTROL, find_arm("halve the batch"), find_arm("added gradient noise")]
    verdict = judge(observe(world, arms, runs=200, seed=fresh_seed()))
    rows = verdict_table(verdict, level=world.level, fitted_to=["control"])
    for row, shift in zip(rows[1:], (22.76, 0.0), strict=True):
        ends = [each.predicted["flow time left"].epoch for each in (row, rows[0])]
        assert None not in ends and ends[0] - ends[1] == pytest.approx(shift, abs=2.5)  # type: ignore[operator]
        assert abs(row.observed.epoch - row.predicted["flow time left"].epoch) < 6  # type: ignore[operator]


def test_constant_arms_are_censored_not_invented():
    world = flow_time_left()
    verdict = judge(observe(world, [CONTROL, find_arm("constant rate")], runs=40, seed=1))
    constant = verdict_table(verdict, level=world.level)[1]
    assert constant.observed.state == "later" and constant.observed.epoch is None
    assert constant.predicted["flow time left"].state == "later"


def test_verdicts_are_reproducible():
    seen = observe(pathways(), FEW[:5], switch_epochs=[0, 8, 16, 24], runs=30, seed=3)
    one, two = judge(seen), judge(seen)
    assert all(np.array_equal(a.parameters, b.parameters) for a, b in zip(one.fits, two.fits, strict=True))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: judge([]), "observations: 0 cannot test 4 parameters"),
        (lambda: design([]), "observations: there are none"),
        (lambda: redrawn(made_up(0.5, 10, 0), np.full(3, 0.5), 0), "shares must hold a number from 0 to 1 for each"),
        (lambda: redrawn(made_up(0.5, 10, 0)[:1], np.array([1.1]), 0), "shares must hold a number from 0 to 1"),
        (lambda: scaled_energies(made_up(0.5, 10, 0), 0.0, []), "factor must be positive"),
        (lambda: verdict_table(judge(made_up(0.5, 10, 0, arms=FEW[:1]) * 2)), "arm 'control' has a switch epoch twice"),
        (lambda: fit(HYPOTHESES[0], made_up(0.5, 10, 0)[:4]), "observations: 4 cannot test"),
        (lambda: design(made_up(0.5, 10, 0, losses=np.full(1_000, np.nan))), "deficit_loss must be finite"),
        (lambda: find_hypothesis("luck"), "hypothesis 'luck' is unknown"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_unequal_runs_in_an_arm_have_no_bootstrap():
    seen = made_up(0.5, 10, 0, arms=FEW[:1]) + made_up(0.5, 20, 0, arms=FEW[:1], switches=[105])
    with pytest.raises(ValueError, match="runs: arm 'control' has"):
        verdict_table(judge(seen))


def test_exchanging_the_arms_leaves_no_hypothesis(thermal):
    """Negative control: the same counts under the schedules of other arms."""
    _, seen = thermal
    by_arm = [[each for each in seen if each.arm == arm.name] for arm in FEW_LAWFUL]
    moved = [
        Observation(right.arm, right.switch_epoch, wrong.runs, wrong.stuck, wrong.deficit_loss, right.schedule)
        for rights, wrongs in zip(by_arm, by_arm[1:] + by_arm[:1], strict=True)
        for right, wrong in zip(rights, wrongs, strict=True)
    ]
    verdict = judge(moved)
    assert verdict.outcome == "none" and all(each.p_value < 1e-6 for each in verdict.fits)
