"""What each direction is held by, how wide chains go there, and whether the start is a minimum, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from slt_toys.learning_coefficient.curvature import eigen
from slt_toys.learning_coefficient.localisation import Hold, bottom, hold
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from tests.learning_coefficient.made_losses import quadratic, stacked


def held(loss: StackedLoss, n_beta: float = 10.0, localisation: float | None = None) -> Hold:
    return hold(loss, eigen(loss, n_beta=n_beta), n_beta=n_beta, localisation=localisation)


def test_curved_directions_are_held_by_a_hundredth_of_their_own_stiffness():
    found = held(quadratic([1e-6, 4.0, 1e4]))
    assert found.pulls == pytest.approx(0.01 * np.array([1e-5, 40.0, 1e5]))
    assert found.scales == pytest.approx((1.01 * np.array([1e-5, 40.0, 1e5])) ** -0.5)
    assert not found.flat.any() and found.localisation == pytest.approx(1e-7)


def test_flat_directions_are_held_by_a_hundredth_of_the_largest():
    found = held(quadratic([0.0, 4.0]))
    assert found.flat.tolist() == [True, False] and found.pulls == pytest.approx([0.4, 0.0])
    assert not found.bent
    assert found.localisation == pytest.approx(0.4) and not found.free
    given = held(quadratic([0.0, 4.0]), localisation=7.0)
    assert given.pulls == pytest.approx([7.0, 7.0]) and given.scales == pytest.approx([7**-0.5, 47**-0.5])


def test_chains_are_held_where_a_branch_is_straight():
    """Off a circle of radius r a way t straight on is t²/2r: at small nβ that is many times as far as chains go."""
    for n_beta, bent in ((100.0, True), (1e7, False)):
        found = held(stacked(lambda w: ((w**2).sum() - 1) ** 2, [1.0, 0.0]), n_beta)
        assert found.flat.tolist() == [True, False] and found.bent is bent
        assert found.pulls[0] == pytest.approx(found.scales[0] ** -2) and found.pulls[1] == 0
        assert bool(found.pulls[0] > 2 * 0.08 * n_beta) is bent
    given = held(stacked(lambda w: ((w**2).sum() - 1) ** 2, [1.0, 0.0]), 100.0, localisation=3.0)
    assert given.pulls == pytest.approx([3.0, 3.0]) and not given.bent


@pytest.mark.parametrize("power", [4, 6, 8])
def test_a_higher_order_is_left_free(power):
    """A hundredth of what the loss itself holds: nβ w^p is the temperature at (nβ)^(-1/p)."""
    n_beta = 1e5
    found = held(stacked(lambda w: w[0] ** 2 + w[1] ** power, [0.0, 0.0]), n_beta)
    assert found.free and found.flat.tolist() == [True, False]
    width = n_beta ** (-1 / power)
    assert 0.3 * width < found.scales[0] < 2 * width
    assert found.pulls[0] == pytest.approx(0.01 / found.scales[0] ** 2)


@pytest.mark.parametrize("unit", [1e-6, 1e-3, 1e3])
@pytest.mark.parametrize("start", [0.0, 5.0])
def test_a_higher_order_is_seen_in_whatever_units(unit, start):
    """Where nothing is curved nothing has a length: w⁸ a thousand times as wide as its parameter is no plain."""
    found = held(stacked(lambda w: (unit * (w[0] - start)) ** 8 + (unit * (w[1] - start)) ** 6, [start, start]), 200.0)
    assert found.free and found.localisation < 0.5 * unit**2
    plain = held(stacked(lambda w: torch.relu(unit * w[0] - 40.0) ** 2 + 0 * w[1], [start, start]), 200.0)
    assert plain.flatness is not None and plain.flatness.flat and not plain.free


@pytest.mark.parametrize("n_beta", [pytest.param(1e2, marks=pytest.mark.slow), 1e4])
@pytest.mark.parametrize(
    ("function", "free"),
    [
        (lambda w: (w[0] * w[1]) ** 2 + w[0] ** 6 + w[1] ** 6, False),
        (lambda w: w[0] ** 4 * w[1] ** 2 + w[0] ** 8 + w[1] ** 6, False),
        (lambda w: w[0] ** 4 + w[1] ** 6, True),
        (lambda w: w[0] ** 4 + w[1] ** 8, True),
        (lambda w: (w @ w) ** 2, True),
        (lambda w: w[0] ** 4 + (w[0] * w[1]) ** 2 + w[1] ** 4, True),
    ],
)
def test_arms_of_a_higher_order_are_no_directions_of_their_own(function, free, n_beta):
    """A mixed monomial below those of the axes: λ is reached like 1/log nβ only, which no chain sees."""
    assert held(stacked(function, [0.0, 0.0]), n_beta).free is free


@pytest.mark.parametrize(
    "function",
    [
        lambda w: (w[0] * w[1]) ** 2,
        lambda w: (w[0] ** 2 - w[1] ** 2) ** 2,
        lambda w: (w[0] ** 2 - w[1] ** 3) ** 2,
        lambda w: w[0] ** 4 + 0 * w[1],
        lambda w: (w[0] - w[1] ** 2) ** 4,
    ],
)
def test_where_arms_lead_out_nothing_is_free(function):
    found = held(stacked(function, [0.0, 0.0]), 1e4)
    assert found.flatness is not None and not found.flatness.flat and not found.free


def test_a_direction_that_the_loss_lets_go_is_held():
    """A well of depth .1 in units of the temperature, or one that ends in a plain."""
    found = held(stacked(lambda w: 1 - torch.exp(-(w[0] ** 2)) + w[1] ** 2, [0.0, 0.0]), 0.1)
    assert found.pulls[1] == pytest.approx(0.002, rel=1e-6) or found.pulls.max() > 0.01
    lets_go = held(stacked(lambda w: 1 - torch.exp(-(w[0] ** 2)), [0.0]), 0.1)
    assert lets_go.pulls[0] == pytest.approx(lets_go.scales[0] ** -2) and lets_go.pulls[0] > 0.2


def test_how_deep_the_loss_falls():
    """From a saddle of a double well to its bottom; down a slope; nowhere from a minimum."""
    well = held(stacked(lambda w: (w[0] ** 2 - 1) ** 2 + w[1] ** 2, [0.0, 0.0]), 100.0)
    assert 80 < well.drop <= 100
    assert held(quadratic([1.0, 0.0])).drop == 0
    slope = held(stacked(lambda w: w[0] ** 2 - 0.1 * w[1], [0.0, 3.0]), 10.0)
    assert slope.drop == pytest.approx(10 * 0.1 * (9 / 2) ** 0.5, rel=1e-6)


def test_at_the_bottom_the_noises_curvature_is_gone():
    """L = ((w0² + w1² - 1)² beside its circle: off it, along the circle, there is a curvature of either sign."""
    for radius in (0.99, 1.01):
        loss = stacked(lambda w: ((w**2).sum() - 1) ** 2, [radius, 0.0])
        known = eigen(loss, n_beta=100.0)
        lowest, there = bottom(loss, known, n_beta=100.0)
        if radius < 1:  # negative: it is taken for noise, and is
            assert known.curvature[0] < -5 and abs(there.curvature[0]) < 1e-3
            assert lowest.start.tolist() == pytest.approx([1.0, 0.0], abs=1e-6)
            assert np.abs(there.slope).max() == pytest.approx(100 * 4 * radius * (1 - radius**2), rel=1e-6)
    plain = quadratic([1.0, 2.0], at=[0.1, 0.1])
    assert bottom(plain, eigen(plain, n_beta=1.0), n_beta=1.0)[0] is plain
