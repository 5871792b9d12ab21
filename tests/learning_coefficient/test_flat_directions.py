"""Which directions are flat: bent branches, walls far out, and no higher order."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from slt_toys.learning_coefficient import curvature as curvature_spectrum
from slt_toys.learning_coefficient.flat_directions import (
    PAIRS,
    TURNED,
    WIDTHS,
    flatness,
    lowest_rise,
    polished,
    straight_on,
)
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from tests.learning_coefficient.made_losses import DOUBLE, generator, of, quadratic, stacked


def test_flat_directions_are_those_of_rounding_where_nothing_is_negative():
    known = of(quadratic([4.0, 1e-14, 0.0]), n_beta=10.0, localisation=1.0)
    assert known.floor == pytest.approx(1000 * np.finfo(float).eps * 41)
    assert known.softest == pytest.approx(40)
    assert known.missing()[0] == pytest.approx(0.5 - 40 / 82 - 40 / (2 * 41**2), rel=1e-6)
    assert of(quadratic([0.0, 0.0])).softest == np.inf


def looked_at(loss: StackedLoss, n_beta: float, localisation: float):
    return flatness(loss, of(loss, n_beta, localisation), n_beta=n_beta)


def test_a_bent_branch_of_minima_is_flat():
    found = looked_at(stacked(lambda w: ((w**2).sum() - 1) ** 2, [0.6, 0.8, 0.0]), 1e4, 800.0)
    assert found is not None and found.flat and abs(found.rise) < 1e-7
    assert found.width < WIDTHS[-1], "beyond the sphere one does not look"


@pytest.mark.parametrize("n_beta", [1e2, 1e5, 1e8, 1e11])
@pytest.mark.parametrize(
    "function",
    [
        lambda w: w[0] ** 2 + w[1] ** 4,
        lambda w: w[0] ** 2 + w[1] ** 6 + w[2] ** 2 * 0,
        lambda w: w[0] ** 2 + (w[1] * w[2]) ** 2,
        lambda w: w[0] ** 2 + (w[1] * w[2] * w[0]) ** 2 + (w[1] * (w[1] - w[2])) ** 2,
    ],
)
def test_higher_orders_and_crossings_are_not_flat_at_any_n(function, n_beta):
    found = looked_at(stacked(function, [0.0, 0.0, 0.0]), n_beta, 0.02 * n_beta)
    assert found is not None and not found.flat


def test_the_rise_of_a_fourth_order_is_its_own():
    found = looked_at(stacked(lambda w: w[0] ** 2 + w[1] ** 4, [0.0, 0.0]), 1e5, 2e3)
    drawn = torch.randn((PAIRS, 1), generator=generator(), dtype=DOUBLE) / 2e3**0.5
    assert found is not None
    quartic = 1e5 * float((drawn**4).mean())
    expected = quartic * (found.width**4 - WIDTHS[0] ** 4 * (found.width / WIDTHS[0]) ** 2)
    assert found.rise == pytest.approx(expected, rel=1e-6)


def test_a_wall_far_out_leaves_a_direction_flat():
    found = looked_at(stacked(lambda w: w[0] ** 2 + torch.relu(w[1] - 20.0) ** 2, [0.0, 0.0]), 10.0, 1.0)
    assert found is not None and found.flat and found.rise == pytest.approx(0, abs=1e-9)


def test_where_there_is_nothing_to_look_at(monkeypatch):
    assert looked_at(quadratic([1.0, 2.0]), 10.0, 1.0) is None
    assert looked_at(quadratic([1.0, 0.0]), 10.0, 0.0) is None
    monkeypatch.setattr(curvature_spectrum, "EXACT_UP_TO", 0)
    assert looked_at(quadratic([1.0, 0.0]), 10.0, 1.0) is None


def axes(*curvatures: float):
    """Directions that are the weights' own, stiffness and which are flat."""
    h = np.array(curvatures)
    return torch.eye(len(h), dtype=DOUBLE), h, h == 0


def test_the_lowest_points_of_a_sphere():
    """|w| = 2 in two flat directions: lowest where w1 = ±2 or w2 = ±2, or on the arms of a cross; the others relax."""
    directions = axes(0.0, 0.0, 20.0)
    power = stacked(lambda w: w[0] ** 4 + 3 * w[1] ** 4 + 10 * w[2] ** 2 + w[2] * w[0] ** 2, [0.0, 0.0, 0.0])
    # w2 relaxes to -w0²/20 and takes w0⁴/40; along the circle a w0⁴ + 3 w1⁴ is least at w0² = 4 · 3/(a + 3).
    a = 1 - 1 / 40
    assert lowest_rise(power, *directions, 2.0, n_beta=1.0) == pytest.approx(16 * 3 * a / (a + 3), rel=1e-4)
    cross = stacked(lambda w: (w[0] * w[1]) ** 2 + 10 * w[2] ** 2, [0.0, 0.0, 0.0])
    assert lowest_rise(cross, *directions, 2.0, n_beta=1e3) < 1e-3


def test_the_bottom_across_flat_directions():
    loss = stacked(lambda w: 0 * w[0] + (w[1] - 1) ** 2 + (w[2] + 2) ** 4, [5.0, 0.0, 0.0])
    found = polished(loss, *axes(0.0, 2.0, 48.0), n_beta=1.0)
    assert found[:2].tolist() == pytest.approx([5.0, 1.0], abs=1e-6)
    assert found[2] == pytest.approx(-2.0, abs=0.2)  # Newton steps of a curvature that is gone there come no nearer


def test_how_far_a_branch_is_straight():
    """Straight on off a circle the loss rises by nβ t⁴, whose mean over points drawn is known; a plain is straight."""
    loss, n_beta = stacked(lambda w: ((w**2).sum() - 1) ** 2, [1.0, 0.0]), 1e3
    known = curvature_spectrum.eigen(loss, n_beta=n_beta)
    flat = known.curvature <= known.floor
    width = straight_on(loss, known.vectors, flat, 5.0, n_beta=n_beta)
    fourth = float((torch.randn((PAIRS, 1), generator=generator(), dtype=DOUBLE) ** 4).mean())
    assert n_beta * width**4 * fourth == pytest.approx(TURNED, rel=0.1) and n_beta * width**4 * fourth <= TURNED
    assert straight_on(loss, known.vectors, flat, width / 2, n_beta=n_beta) == width / 2
    plain = quadratic([0.0, 4.0])
    known = curvature_spectrum.eigen(plain, n_beta=n_beta)
    assert straight_on(plain, known.vectors, known.curvature <= known.floor, 1e3, n_beta=n_beta) == 1e3
