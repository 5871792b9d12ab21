"""SGD's steps in the worlds that are no pair: exact in quadratic and linear cases, and as the zoo's own dynamics."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from slt_toys.protocol.sgd_run import SGDRun
from slt_toys.reference.laws import law
from slt_toys.worlds.sgd_steps import BOTTLENECK, PATHWAYS, SADDLE, sgd_steps
from slt_toys.zoo import bottleneck, deep_linear_pathways, memorising_saddle
from tests.seeds import fresh_seeds

RUNS, CURVATURE, RATE, STEPS = 20_000, 4.0, 0.05, 16


def settings(epochs: int, switch: int, rate: float = RATE, steps: int = STEPS, **others: Any) -> SGDRun:
    weights = (np.arange(epochs) < switch).astype(float)
    return SGDRun(np.full(epochs, rate), weights, 1.0, float(steps), **others)


def in_the_bowl(epochs: int, seed: list[int] | None = None, **others: Any) -> np.ndarray:
    """The bottleneck's deficit is quadratic about -1."""
    given = np.tile([CURVATURE, 0.0, 0.0], (RUNS, 1))
    start = np.full((RUNS, 1), -1.0)
    return (
        sgd_steps(BOTTLENECK, settings(epochs, epochs, **others), 1.0, start, given, seed or fresh_seeds())[1][:, 0] + 1
    )


@pytest.mark.parametrize(
    ("others", "noise"),
    [({}, 1.0), ({"momentum": 0.5}, 1.0), ({"label_noise": 2.0}, 3.0), ({"added_noise": 1.0}, 2.0)],
)
def test_a_bowl_has_the_discrete_temperature(others, noise):
    heat = law("sgd-temperature")(
        learning_rate=RATE, gradient_variance=noise, batch_size=1.0, momentum=others.get("momentum", 0.0)
    )
    exact = law("sgd-temperature-quadratic")(
        learning_rate=RATE, momentum=others.get("momentum", 0.0), curvature=CURVATURE, temperature=heat
    )
    found = CURVATURE * float((in_the_bowl(6, **others) ** 2).mean())
    assert abs(found / exact - 1) < 5 * np.sqrt(2 / RUNS)
    assert abs(found / (1.3 * exact) - 1) > 12 * np.sqrt(2 / RUNS), "the negative control"


def test_reshuffled_steps_are_as_cold_between_epochs_as_derived():
    exact = law("reshuffling-position-variance")(
        learning_rate=RATE, curvature=CURVATURE, steps_per_epoch=STEPS, steps_into_epoch=0
    )
    heat = law("sgd-temperature")(learning_rate=RATE, gradient_variance=1.0, batch_size=1.0, momentum=0.0)
    found = CURVATURE * float((in_the_bowl(6, order="reshuffled") ** 2).mean()) / heat
    assert abs(found / exact - 1) < 5 * np.sqrt(2 / RUNS) and exact < 0.85
    seed = fresh_seeds()
    one, two = (in_the_bowl(epochs, seed, order="fixed") for epochs in (6, 7))
    assert one == pytest.approx(two, abs=1e-5), "a fixed order's noise repeats, and so do the weights"
    one, two = (in_the_bowl(epochs, seed, order="reshuffled") for epochs in (6, 7))
    assert np.abs(one - two).max() > 0.05


def test_nesterov_and_averages():
    """Without noise by hand: three steps of each."""
    given, start = np.array([[CURVATURE, 0.0, 0.0]]), np.array([[0.0]])
    w, v, path = 1.0, 0.0, []
    for _ in range(3):
        slope = CURVATURE * w
        v = 0.5 * v + slope
        w -= RATE * (slope + 0.5 * v)
        path.append(w)
    run = settings(3, 3, steps=1, momentum=0.5, nesterov=True)
    assert sgd_steps(BOTTLENECK, run, 0.0, start, given, 1)[1][0, 0] + 1 == pytest.approx(path[-1])
    mean = sgd_steps(BOTTLENECK, replace(run, averaged_epochs=2), 0.0, start, given, 1)[1][0, 0] + 1
    assert mean == pytest.approx(np.mean(path[-2:]))


def test_small_steps_are_the_zoos_flows():
    """The gradient of each kind: as the zoo's own integrators go, and not twice as far."""
    fine = settings(4, 2, rate=0.002, steps=500)  # a flow time of 1 in each epoch
    at_switch, end = sgd_steps(PATHWAYS, fine, 0.0, np.array([[0.6, 0.5]]), np.array([[1.0, 4.0]]), 1)
    flow = deep_linear_pathways.flow([[0.6, 0.5]], np.ones(4), [True, True, False, False], 1.0, 4, 0.002)
    assert at_switch[0] == pytest.approx(flow[1, 0], rel=1e-9) and end[0] == pytest.approx(flow[3, 0], rel=1e-9)
    given = np.array([[1.0, 0.4, 1.0]])
    _, end = sgd_steps(BOTTLENECK, fine, 0.0, np.array([[-0.5]]), given, 1)
    left = bottleneck.passage_time(0.4)
    assert -1 < end[0, 0] < 1 and left > 2
    assert 2 * np.tan(0) + end[0, 0] == pytest.approx(
        np.sqrt(0.4) * np.tan(np.arctan(at_start(-0.5, 2.0) / np.sqrt(0.4)) + 2.0 * np.sqrt(0.4)), rel=5e-3
    )


def at_start(start: float, spent: float) -> float:
    """Where the deficit has brought the bottleneck's runs."""
    return -1 + (start + 1) * float(np.exp(-spent))


def test_the_saddle_spreads_as_its_law():
    start = np.sqrt(memorising_saddle.INITIAL_VARIANCE) * np.random.default_rng(fresh_seeds()).standard_normal(
        (4_000, 4)
    )
    run = settings(1, 1, rate=0.01, steps=100)
    heat = law("sgd-temperature")(learning_rate=0.01, gradient_variance=0.02, batch_size=1.0, momentum=0.0)
    _, end = sgd_steps(SADDLE, run, 0.02, start, np.zeros((4_000, 1)), fresh_seeds())
    exact = float(memorising_saddle.variance(heat, 1.0))
    assert abs((end**2).mean() / exact - 1) < 5 * np.sqrt(2 / 16_000) + 0.02
    assert abs((end**2).mean() / float(memorising_saddle.variance(2 * heat, 1.0)) - 1) > 0.3


def test_the_same_seed_gives_the_same_runs():
    start, given = np.zeros((5, 4)), np.zeros((5, 1))
    one, two, other = (sgd_steps(SADDLE, settings(3, 1), 0.1, start, given, seed)[1] for seed in ([1], [1], [2]))
    assert np.array_equal(one, two) and not np.array_equal(one, other)
