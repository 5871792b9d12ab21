"""Learning effort: the adjoint's gradient, the reported values of a neuron, and what minibatches do."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from slt_toys.zoo.learning_effort import REFERENCE, best_effort, gain, train, value
from tests.seeds import fresh_generator, fresh_seed


def test_the_adjoint_s_gradient_is_that_of_differences():
    effort = 0.5 * fresh_generator().random(REFERENCE.steps)
    slope = value(REFERENCE, effort)[1]
    for k in (0, 150, 599):
        bump = np.zeros_like(effort)
        bump[k] = 1e-4
        told = (value(REFERENCE, effort + bump)[0] - value(REFERENCE, effort - bump)[0]) / 2e-4
        assert slope[k] == pytest.approx(told, rel=1e-5, abs=1e-9)


def test_the_reported_neuron():
    """J without and with effort, the effort's integral and where it is paid; [eq:unaided-weight] at the end."""
    effort = best_effort(REFERENCE)
    assert value(REFERENCE, np.zeros(600))[0] == pytest.approx(-0.10294, abs=1e-4)
    assert value(REFERENCE, effort)[0] == pytest.approx(-0.09426, abs=1e-4)
    assert effort.sum() * 1e-3 == pytest.approx(0.0877, abs=1e-3)
    assert effort[0] == 0.5 and effort[300] == pytest.approx(0.102, abs=5e-3)
    assert effort[-1] == pytest.approx(0.063, abs=5e-3)
    assert float(REFERENCE.unaided(1e3)) == pytest.approx(0.39216, abs=5e-6)
    assert float(REFERENCE.unaided(0.6)) == pytest.approx(0.3738, abs=5e-5)


@pytest.mark.parametrize("cost", [0.1, 0.3, 1.0])
def test_the_last_effort_is_where_no_change_helps(cost):
    """[eq:last-effort] against the adjoint's gradient, which knows nothing of the law; another effort is seen."""
    setting = replace(REFERENCE, cost=cost)
    effort = best_effort(setting)
    told = setting.last_effort(float(value(setting, effort)[2][-2]))
    effort[-1] = told
    largest = np.abs(value(setting, np.zeros(600))[1]).max()
    assert abs(value(setting, effort)[1][-1]) < 1e-9 * largest
    for wrong in (0.98 * told, 1.02 * told):
        effort[-1] = wrong
        assert abs(value(setting, effort)[1][-1]) > 1e-4 * largest


@pytest.mark.parametrize(
    ("name", "values", "told"),
    [
        ("cost", (0.05, 0.1, 0.3, 1.0, 2.0), (0.01801, 0.01496, 0.00868, 0.00346, 0.00187)),
        ("deviation", (0.5, 1.0, 2.0, 4.0), (0.01336, 0.00868, 0.00240, 0.00018)),
        ("steps", (200, 400, 600, 1000), (0.00683, 0.00857, 0.00868, 0.00871)),
    ],
)
def test_what_effort_gains(name, values, told):
    for x, reported in zip(values, told, strict=True):
        assert gain(replace(REFERENCE, **{name: x})) == pytest.approx(reported, rel=0.02, abs=6e-6)


def test_minibatches_spread_the_weight():
    for batch, spread in ((1, 0.0070), (8, 0.00226), (128, 0.00062)):
        runs = 2000 if batch < 100 else 500
        found = train(REFERENCE, np.zeros(600), runs, batch, fresh_seed()).std(ddof=1)
        assert abs(found - spread) < 5 * spread / np.sqrt(2 * runs) + 0.05 * spread
