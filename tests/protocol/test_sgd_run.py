"""A run's settings hold no temperature; whoever knows the gradients' variance may compute one."""

from __future__ import annotations

from dataclasses import fields

import numpy as np
import pytest

from slt_toys.protocol.arms import ARMS, CONTROL, Arm, find_arm
from slt_toys.protocol.sgd_run import SGDRun
from slt_toys.protocol.training import ExponentialDecay, Training

BASE = Training(128, 50_000, ExponentialDecay(0.05, 0.97), 3072.0)


def test_settings_hold_no_temperature_and_do_not_know_the_variance():
    """A pilot that misjudges the gradients' variance changes the added noise alone."""
    assert not [field.name for field in fields(SGDRun) if "temperature" in field.name or "variance" in field.name]
    misjudged = Training(128, 50_000, ExponentialDecay(0.05, 0.97), 30.0)
    for arm in ARMS:
        one, two = arm.sgd_run(BASE, 10, 20), arm.sgd_run(misjudged, 10, 20)
        for field in fields(SGDRun):
            same = np.array_equal(getattr(one, field.name), getattr(two, field.name))
            assert same or (field.name == "added_noise" and arm.noise_factor != 1), (arm.name, field.name)


@pytest.mark.parametrize("arm", [arm for arm in ARMS if arm.within_the_law], ids=lambda arm: arm.name)
def test_the_measured_schedule_is_the_arms_where_the_variance_is_the_pilots(arm):
    one, two = arm.sgd_run(BASE, 10, 20).schedule(3072.0), arm.schedule(BASE, 10, 20)
    assert one.same_as(two) and one.switch_epoch == two.switch_epoch == 10 * arm.epoch_stretch
    hotter = arm.sgd_run(BASE, 10, 20).schedule(2 * 3072.0)
    ratio = hotter.temperatures / one.temperatures
    assert ratio == pytest.approx(1.5 if arm.noise_factor == 2 else 2.0), "added noise does not grow with the world's"


def test_an_order_that_is_remembered_is_no_other_runs_schedule():
    schedules = [
        find_arm(name).sgd_run(BASE, 10, 20).schedule(3072.0) for name in ("control", "reshuffled", "fixed order")
    ]
    assert not any(one.same_as(two) for k, one in enumerate(schedules) for two in schedules[k + 1 :])


def test_rates_by_arm():
    control = 0.05 * 0.97 ** np.arange(60)
    expected = {
        "halve the learning rate": control / 2,
        "step decay": 0.05 * 0.97 ** (20 * (np.arange(60) // 20)),
        "warm restarts": np.concatenate([control[:40], control[:20]]),
        "cosine": 0.05 * (1 + np.cos(np.pi * np.arange(60) / 120)) / 2,
    }
    for name, rates in expected.items():
        assert find_arm(name).sgd_run(BASE, 10, 50).learning_rates == pytest.approx(rates), name
    late = find_arm("cosine").sgd_run(BASE, 100, 50).learning_rates
    assert late[-1] == pytest.approx(0.05e-3) and (np.diff(late) <= 0).all()


def test_steps_and_switch():
    run = find_arm("flow-time matched").sgd_run(BASE, 10, 20)
    assert (run.switch_epoch, run.steps_per_epoch, len(run.learning_rates)) == (20, 195, 60)
    assert find_arm("weight averaging").sgd_run(BASE, 10, 20).averaged_epochs == 5


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGDRun(np.array([0.0]), np.ones(1), 1, 2), "learning_rates must hold one positive"),
        (lambda: SGDRun(np.ones(2), np.ones(1), 1, 2), "deficit_weights must hold"),
        (lambda: SGDRun(np.ones(1), np.array([0.5]), 1, 2), "deficit_weights must hold"),
        (lambda: SGDRun(np.ones(1), np.ones(1), 1, 2, momentum=1.0), "momentum must lie"),
        (lambda: SGDRun(np.ones(1), np.ones(1), 1, 2, order="sorted"), "order must be one of"),  # type: ignore[arg-type]
        (lambda: SGDRun(np.ones(1), np.ones(1), 2, 2, order="reshuffled"), "leaves 1 minibatch"),
        (lambda: CONTROL.sgd_run(BASE, -1, 5), "switch_epoch must be a whole number"),
        (lambda: Arm("x", order="fixed", noise_factor=2.0), "order 'fixed' goes with"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
