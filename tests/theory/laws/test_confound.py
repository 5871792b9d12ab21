"""Heat against time: every arm carried out on schedules written out as arrays, and e* found by root finding."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy
from scipy import optimize

from theory.laws.confound import arm_table

RUN: dict[str, Any] = {
    "learning_rate": 0.05,
    "batch_size": 128.0,
    "gradient_variance": 3072.0,
    "dataset_size": 50_000.0,
    "decay": 0.97,
}
CONTROL_END = 30.0
K, NOISE = 3.0, 11.0


def quantities(e, learning_rate, batch_size, gradient_variance, dataset_size, decay, reset=False):
    """(temperature, flow time left, flow time spent) for a switch at epoch e, epochs counted continuously."""
    speed = -np.log(decay) if decay < 1 else None
    at_switch = learning_rate if reset else learning_rate * decay**e
    temperature = at_switch * gradient_variance / (2 * batch_size)
    left = at_switch * dataset_size / batch_size / speed if speed else np.inf
    epochs = (1 - decay**e) / speed if speed else e
    return temperature, left, learning_rate * dataset_size / batch_size * epochs


ARMS: dict[str, tuple[dict[str, Any], int]] = {
    "halve the batch": ({"batch_size": 64.0}, 1),
    "linear scaling, k times learning rate and batch": ({"learning_rate": 0.05 * K, "batch_size": 128 * K}, 1),
    "flow-time matched: batch and epochs doubled": ({"batch_size": 256.0, "decay": 0.97**0.5}, 2),
    "added gradient noise": ({"gradient_variance": 3072 + 128 * NOISE}, 1),
    "constant learning rate": ({"decay": 1.0}, 1),
    "learning rate reset at the switch": ({"reset": True}, 1),
}


@pytest.mark.parametrize("arm", arm_table(), ids=lambda arm: arm.name)
def test_arm(arm):
    changes, stretch = ARMS[arm.name]
    control = quantities(CONTROL_END, **RUN)
    for index, shift in enumerate((arm.temperature, arm.flow_time_left, arm.flow_time_spent)):

        def difference(moved, index=index):
            return quantities(stretch * moved, **{**RUN, **changes})[index] - control[index]

        if shift is None:  # no switch is special
            assert difference(-50.0) == difference(200.0)
            continue
        values = {"decay": 0.97, "epoch": CONTROL_END, "k": K, "added_noise": NOISE, "batch_size": 128,
                  "gradient_variance": 3072}  # fmt: skip
        predicted = float(shift.subs({symbol: values[symbol.name] for symbol in shift.free_symbols}))
        found = optimize.brentq(difference, -100, 400, xtol=1e-11) - CONTROL_END
        assert predicted == pytest.approx(found, abs=1e-7)


def test_all_arms_are_tested():
    assert {arm.name for arm in arm_table()} == set(ARMS)


def test_heat_is_time(evaluate):
    for batch_size, epoch in ((32, 0), (128, 40), (512, 7)):
        temperature, left, _ = quantities(epoch, **{**RUN, "batch_size": batch_size})
        law = evaluate("confound", temperature=temperature, dataset_size=50_000, gradient_variance=3072, decay=0.97)
        assert law == pytest.approx(left * -np.log(0.97) / 0.03, rel=1e-10)  # whole epochs against continuous ones
        whole = 0.05 * 0.97 ** np.arange(epoch, 3000)
        assert law == pytest.approx(whole.sum() * 50_000 / batch_size, rel=1e-10)
    # Negative control: under a power law equal temperatures leave different times.
    ends = {b: np.sqrt(128 / b) * 41 - 1 for b in (128, 32)}  # equal temperature for rate (1 + e)^-2
    left = [50_000 / b * 0.05 / (1 + e) for b, e in ends.items()]
    assert abs(left[0] / left[1] - 1) > 0.4


def test_shifts(evaluate):
    common = {"clock_ratio": 2, "epoch_stretch": 1, "decay": 0.97}
    shift = np.log(2) / -np.log(0.97)
    assert evaluate("arm-shift-temperature", temperature_ratio=2, decay=0.97) == pytest.approx(shift)
    assert evaluate("arm-shift-flow-time-left", **common) == pytest.approx(shift)
    spent = evaluate("arm-shift-flow-time-spent", epoch=CONTROL_END, **common)
    assert 1 - 0.97 ** (CONTROL_END + spent) == pytest.approx((1 - 0.97**CONTROL_END) / 2)
    assert evaluate("flow-time-matched-arm", decay=0.97) == pytest.approx(-shift)


def test_what_each_arm_separates():
    heat, left, spent = ([getattr(arm, name) for arm in arm_table()] for name in
                         ("temperature", "flow_time_left", "flow_time_spent"))  # fmt: skip
    assert sympy.simplify(heat[0] - left[0]) == 0 and spent[0] != left[0]  # halving the batch: the confound
    assert heat[1] == left[1] == spent[1] == 0  # linear scaling: no arm at all
    assert heat[2] != 0 and left[2] == spent[2] == 0  # matched
    assert heat[3] != 0 and left[3] == spent[3] == 0  # noise
