"""Arms on schedules: what they change, which of them confound, and agreement with theory's predicted shifts."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.protocol.arms import ARMS, CONTROL, Arm, Observation, confounding_arms, copied_arms, find_arm
from slt_toys.protocol.training import ExponentialDecay, PowerDecay, Training
from slt_toys.reference.laws import law
from theory.laws.confound import arm_table

BASE = Training(128, 50_000, ExponentialDecay(0.05, 0.97), 3072.0)
LOSS = 0.98 ** np.arange(200)
GIVEN = {"relative_loss": LOSS}
THEORY = {  # theory's arm -> ours, at the numbers ours has
    "halve the batch": ("halve the batch", {}),
    "linear scaling, k times learning rate and batch": ("linear scaling", {"k": 0.5}),
    "flow-time matched: batch and epochs doubled": ("flow-time matched", {}),
    "added gradient noise": ("added gradient noise", {"added_noise": 3072 / 128}),
    "constant learning rate": ("constant rate", {}),
    "learning rate reset at the switch": ("reset at the switch", {}),
}


@pytest.mark.parametrize("row", arm_table(), ids=lambda row: row.name)
def test_ratios_are_those_of_theory(row):
    name, numbers = THEORY[row.name]
    arm = find_arm(name)
    values = {"batch_size": 128, "gradient_variance": 3072, **numbers}
    heat, clock = (
        float(ratio.subs({x: values[x.name] for x in ratio.free_symbols}))
        for ratio in (row.temperature_ratio, row.clock_ratio)
    )
    ours, control = (each.schedule(BASE, 0, 50) for each in (arm, CONTROL))
    assert ours.temperatures[0] / control.temperatures[0] == pytest.approx(heat)
    assert ours.durations[0] / control.durations[0] == pytest.approx(clock)
    assert len(ours.durations) == int(row.epoch_stretch) * 50 == arm.epoch_stretch * 50


@pytest.mark.parametrize("name", ["halve the batch", "momentum", "linear scaling", "added gradient noise"])
def test_shifts_are_those_of_theory(name):
    """An arm moved by theory's shift has the control's temperature, or its time left, in whole epochs."""
    arm = find_arm(name)
    ours, control = (each.schedule(BASE, 0, 4000) for each in (arm, CONTROL))
    heat, clock = ours.temperatures[0] / control.temperatures[0], ours.durations[0] / control.durations[0]
    shift = law("arm-shift-temperature")(temperature_ratio=heat, decay=0.97)
    assert np.interp(30 + shift, np.arange(4000), np.log(ours.temperatures)) == pytest.approx(
        np.log(control.temperatures[30])
    )
    shift = law("arm-shift-flow-time-left")(clock_ratio=clock, epoch_stretch=1, decay=0.97)
    left = [np.log(run.durations[::-1].cumsum()[::-1]) for run in (ours, control)]
    assert np.interp(30 + shift, np.arange(4000), left[0]) == pytest.approx(left[1][30])


HALF_EPOCHS = (np.arange(20) < 10).astype(float)


def test_time_left_over_temperature_is_theorys_constant():
    run = CONTROL.schedule(BASE, 25, 5000)
    expected = law("confound")(
        temperature=run.temperatures[25], dataset_size=50_000, gradient_variance=3072, decay=0.97
    )
    assert run.flow_time_left == pytest.approx(expected)


def test_the_confounding_arms_are_computed():
    switches = range(0, 60, 10)
    found = confounding_arms(ARMS, BASE, switches, 100, **GIVEN)
    halves = ("halve the learning rate", "Nesterov momentum", "label noise", "weight averaging")
    assert found == ("control", "halve the batch", "linear scaling", "reset at the switch", "added gradient noise",
                     "momentum", *halves)[:4] + found[4:]  # fmt: skip
    assert set(found[4:]) == {"momentum", "halve the learning rate", "Nesterov momentum", "weight averaging"}
    power = Training(128, 50_000, PowerDecay(0.1, 1.5), 3072.0)
    assert confounding_arms(ARMS, power, switches, 100, **GIVEN) == ("reset at the switch",)


def test_rates_around_the_switch():
    control = 0.05 * 0.97 ** np.arange(60)
    for name, expected in {
        "control": control,
        "constant rate": np.full(60, 0.05),
        "reset at the switch": np.concatenate([control[:10], control[:50]]),
        "linear scaling": control / 2,
    }.items():
        assert find_arm(name).schedule(BASE, 10, 50).learning_rates == pytest.approx(expected)
    cyclic = Arm("cyclic", rate="cyclic", period=20).schedule(BASE, 10, 50).learning_rates
    assert cyclic == pytest.approx(np.concatenate([control[:30], control[:20], control[:10]]))
    matched = find_arm("flow-time matched").schedule(BASE, 10, 50)
    assert matched.switch_epoch == 20 and matched.learning_rates is not None
    assert matched.learning_rates[40] == pytest.approx(control[20])


def test_temperatures_that_depend_on_loss_or_noise():
    control = CONTROL.schedule(BASE, 10, 50).temperatures
    followed = find_arm("loss-dependent noise").schedule(BASE, 10, 50, relative_loss=[1.0, 0.5, 0.0]).temperatures
    assert followed[:2] == pytest.approx(control[:2] * [1, 0.5]) and (followed[2:] == control[2:] * 1e-6).all()
    noise = find_arm("added gradient noise").schedule(BASE, 10, 50)
    assert noise.temperatures == pytest.approx(2 * control)
    assert noise.flow_time_spent == pytest.approx(CONTROL.schedule(BASE, 10, 50).flow_time_spent)


def test_reshuffled_examples_are_told_the_law_with_replacement_and_nothing_else():
    """No temperature that made the data is handed on: the schedule differs in how it is run."""
    arm = find_arm("reshuffled")
    run, control = arm.schedule(BASE, 10, 50), CONTROL.schedule(BASE, 10, 50)
    assert (run.temperatures == control.temperatures).all() and (run.durations == control.durations).all()
    assert (run.order, run.steps_per_epoch) == ("reshuffled", 391) and (control.order, control.steps_per_epoch) == (
        "with replacement", 0,
    )  # fmt: skip
    heavy = Arm("heavy", momentum=0.5, order="reshuffled").schedule(BASE, 10, 50)
    assert (heavy.momentum, control.momentum) == (0.5, 0.0)
    beyond = {other.name for other in ARMS if not other.within_the_law}
    assert beyond == {"reshuffled", "fixed order", "loss-dependent noise", "anisotropic noise"}
    assert not run.same_as(control)
    assert "reshuffled" not in confounding_arms([CONTROL, arm], BASE, [0, 10], 50)


def seen(arms, switches=(0, 10, 30), base=BASE) -> list[Observation]:
    return [
        Observation(arm.name, switch, 10, 5, 0.1, arm.schedule(base, switch, 60, **GIVEN))
        for arm in arms
        for switch in switches
    ]


def test_arms_with_one_schedule_are_found():
    copies = {"linear scaling": "control", "momentum": "halve the batch", "Nesterov momentum": "control",
              "label noise": "added gradient noise", "anisotropic noise": "control",
              "weight averaging": "control"}  # fmt: skip
    assert copied_arms(seen(ARMS)) == copies
    # Whatever they are called, in whatever order, and only if all of their schedules are the same.
    again = [Arm("again", batch_factor=3.0, learning_rate_factor=3.0), CONTROL, Arm("quarter", batch_factor=0.25),
             Arm("both", batch_factor=0.5, momentum=0.5), Arm("heavy", momentum=0.75)]  # fmt: skip
    assert copied_arms(seen(again)) == {"control": "again", "both": "quarter", "heavy": "quarter"}
    reset = find_arm("reset at the switch")
    assert copied_arms(seen([CONTROL, reset], (0,))) == {"reset at the switch": "control"}
    assert copied_arms(seen([CONTROL, reset])) == {}
    assert copied_arms(seen([CONTROL, Arm("a trifle hotter", noise_factor=1.001)])) == {}
    assert copied_arms(seen([CONTROL]) + seen([Arm("fewer epochs")], (0, 10))) == {}


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Arm("x", batch_factor=0), "batch_factor must be positive"),
        (lambda: Arm("x", epoch_stretch=0), "epoch_stretch must be a whole number"),
        (lambda: Arm("x", rate="warm"), "rate must be one of 'control'"),  # type: ignore[arg-type]
        (lambda: Arm("x", order="sorted"), "order must be"),  # type: ignore[arg-type]
        (lambda: Arm("x", noise_factor=0.5), "noise_factor must be at least 1"),
        (lambda: Arm("x", momentum=1.0), "momentum must lie in"),
        (lambda: find_arm("nothing"), "arm 'nothing' is unknown"),
        (lambda: CONTROL.schedule(BASE, -1, 5), "switch_epoch must be a whole number of at least 0"),
        (lambda: CONTROL.schedule(BASE, 1, 0), "epochs_after must be a whole number of at least 1"),
        (lambda: find_arm("loss-dependent noise").schedule(BASE, 1, 5), "relative_loss: arm"),
        (lambda: find_arm("loss-dependent noise").schedule(BASE, 1, 5, relative_loss=[-1.0]), "relative_loss must"),
        (lambda: Arm("x", order="reshuffled", batch_factor=300.0).schedule(BASE, 1, 5), "leaves arm 'x' . minibatch"),
        (lambda: Arm("x", order="reshuffled", noise_factor=2.0), "order 'reshuffled' goes with the minibatches' noise"),
        (lambda: Arm("x", order="reshuffled", noise_follows_loss=True), "order 'reshuffled' goes with"),
        (lambda: Observation("x", 0, 10, 11, 0.1, CONTROL.schedule(BASE, 0, 5)), "stuck must lie between"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
