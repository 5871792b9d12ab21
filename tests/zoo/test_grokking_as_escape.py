"""Grokking as escape: barrier, exact times, what the whole network does, and what minibatches do not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from slt_toys.reference.laws import law
from slt_toys.zoo.decayed_network import Mode, Noise, learn_mode, learn_network
from slt_toys.zoo.grokking_as_escape import REFERENCE, network_ratio
from tests.seeds import fresh_seed


def test_the_origin_is_a_saddle_at_depth_two_and_a_minimum_from_three_on():
    u = np.array([0.0, 1e-4])
    for decay in (0.01, 0.4, 0.9):
        assert np.diff(Mode(2, decay).loss(u))[0] < 0
    assert np.diff(Mode(2, 1.1).loss(u))[0] > 0
    for depth in (3, 4, 6):
        assert np.diff(Mode(depth, 1e-3).loss(u))[0] > 0


@pytest.mark.parametrize("depth", [3, 4, 5])
def test_the_barrier_of_weak_decay(depth):
    """[eq:weak-decay-barrier] is reached as the decay falls, and not before."""
    found = [
        Mode(depth, decay).barrier / law("weak-decay-barrier")(layers=depth, mode_target=1, weight_decay=decay)
        for decay in (1e-1, 1e-2, 1e-3)
    ]
    off = np.abs(np.array(found) - 1)
    assert (np.diff(off) < 0).all() and off[-1] < 0.02


def test_too_much_decay_leaves_nothing_to_learn():
    with pytest.raises(ValueError, match=r"decay must be below 0\.4725 at depth 3, not 0\.5"):
        Mode(3, 0.5).stationary  # noqa: B018


def test_the_mode_s_time_by_quadrature():
    """[eq:mean-first-passage] in x = √D u, by two nested integrals of scipy's."""
    temperature, root = REFERENCE.barrier, np.sqrt(3)
    loss = lambda x: float(REFERENCE.loss(x / root)) / temperature  # noqa: E731
    inner = lambda y: quad(lambda z: np.exp(loss(y) - loss(z)), -3.0, y)[0]  # noqa: E731
    told = quad(inner, 0, root * REFERENCE.target)[0] / temperature
    assert REFERENCE.time(temperature) == pytest.approx(told, rel=1e-6)


@pytest.mark.parametrize(
    ("mode", "width", "given", "runs"),
    [
        (REFERENCE, 1, 0.01, 60),
        pytest.param(REFERENCE, 3, 0.004, 400, marks=pytest.mark.slow),
        pytest.param(Mode(4, 0.3), 2, 0.01, 400, marks=pytest.mark.slow),
    ],
)
def test_the_measured_temperature_is_that_of_the_noise(mode, width, given, runs):
    """[eq:stepped-temperature]: any width, any depth, and any step, though steps are long here."""
    found = learn_network(mode, width, Noise(given), runs, fresh_seed(), step=0.1)
    assert abs(found.temperature - given) < 5 * found.temperature_error
    assert found.temperature_error < 0.02 * given


def test_the_mode_s_temperature_is_that_of_the_noise_at_any_step():
    """And not with half the step times the curvature more, as it would be without the slope's square."""
    found = learn_mode(REFERENCE, 0.01, 2000, fresh_seed(), step=0.2)
    assert abs(found.temperature - 0.01) < 5 * found.temperature_error < 0.01 * 0.2 * REFERENCE.decay / 2


def test_minibatches_alone_never_escape_though_their_gradients_are_noisy():
    """Their noise vanishes with the weights; the same runs escape where they begin beyond the saddle."""
    spread = np.sqrt(REFERENCE.barrier / 5 / REFERENCE.decay)
    held = learn_network(REFERENCE, 2, Noise(0.0, 1, start=spread), 100, fresh_seed(), most=200.0)
    assert held.arrived.mean() < 0.05
    assert learn_network(REFERENCE, 2, Noise(0.0, 1, start=1.0), 100, fresh_seed(), most=200.0).arrived.mean() > 0.05


def test_at_depth_two_nothing_is_climbed():
    """Time grows as ln(1/T) over twice the saddle's curvature, [eq:aligned-mode-loss] at depth 2."""
    two = Mode(2)
    assert (two.time(1e-5) - two.time(1e-4)) / np.log(10) == pytest.approx(1 / 1.2, rel=1e-3)
    mean, error = learn_mode(two, 1e-5, 1000, fresh_seed(), step=0.005).time
    assert abs(mean - two.time(1e-5)) < 5 * error + 0.02 * mean


@pytest.mark.slow
def test_wider_networks_come_to_their_law_from_above():
    """[eq:aligned-escape-speedup].

    1.59 ± .07 of it at a fifth of the barrier, 1.43 ± .07 at a seventh; a mode's own law is off by ten or more."""
    ratios = [network_ratio(2, climb, 400, fresh_seed()) for climb in (4.0, 7.0)]
    (_, hot, hot_error), (found, cold, cold_error) = ratios
    assert 1 - 5 * cold_error < cold < hot + 5 * np.hypot(hot_error, cold_error) and cold < 1.6 + 5 * cold_error
    assert REFERENCE.time(found.temperature) / found.time[0] > 10
