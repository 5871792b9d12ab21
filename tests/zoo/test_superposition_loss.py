"""The exact loss of superposition: pair by pair, its slope, and the polygons that minimise it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from slt_toys.reference.laws import law
from slt_toys.zoo.superposition_loss import gradient, hessian, losses, polygon, polygon_loss, raised, sides
from tests.seeds import fresh_generator

REPORTED = {
    (6, 0): 0.048192, (5, 1): 0.061799, (5, 0): 0.068743, (4, 2): 0.097222, (4, 0): 0.111111, (3, 0): 0.166667,
}  # fmt: skip


@pytest.mark.parametrize(("slope", "bias"), [(1.2, 0.3), (1.2, -0.5), (-1.3, 0.4), (-0.4, 0.9), (-1.0, -0.1)])
def test_an_output_by_quadrature(slope, bias):
    """[eq:active-square] where it is active everywhere, at the end, at the start, and nowhere."""
    start, end = max(bias, 0.0), max(slope + bias, 0.0)
    length = 1.0 if start > 0 and end > 0 else abs(end - start) / abs(slope)
    edge = [-bias / slope] if 0 < -bias / slope < 1 else None
    square = quad(lambda u: max(slope * u + bias, 0.0) ** 2, 0, 1, points=edge)[0]
    if length > 0:
        assert law("active-square")(start_output=start, end_output=end, active_length=length) == pytest.approx(square)
        if slope > 0:
            moment = quad(lambda u: u * max(slope * u + bias, 0.0), 0, 1, points=edge)[0]
            found = law("active-moment")(start_output=start, end_output=end, active_length=length)
            assert found == pytest.approx(moment)
    else:
        assert square == 0


def test_the_slope_by_differences():
    for w in 0.8 * fresh_generator().standard_normal((5, 18)):
        found = [(losses(w + 1e-6 * e) - losses(w - 1e-6 * e)) / 2e-6 for e in np.eye(18)]
        assert gradient(w) == pytest.approx(np.array(found), abs=1e-7)


def test_zero_weights_have_the_loss_of_saying_nothing():
    w = np.zeros(18)
    assert losses(w) == pytest.approx(1 / 3) and np.abs(gradient(w)).max() == 0
    w[12:] = 0.1  # every slope is 0, every output the bias
    assert losses(w) == pytest.approx(1 / 3 - 0.1 + 6 * 0.01)


@pytest.mark.parametrize("phase", REPORTED)
def test_polygons(phase):
    """[eq:polygon-loss] and [eq:dead-feature-loss]: as reported to 1e-6, at places without a slope, as labelled."""
    w = polygon(*phase)
    assert polygon_loss(*phase) == pytest.approx(REPORTED[phase], abs=1e-6)
    assert losses(w) == pytest.approx(polygon_loss(*phase), abs=1e-12)
    assert np.abs(gradient(w)).max() < 1e-8
    assert (int(sides(w)), int(raised(w))) == phase


def test_shapes_of_the_polygons():
    """Reported: lengths 1.3205 and 1.1705, biases -.6181, -.2823 and 1/12."""
    six, five = polygon(6), polygon(5, 1)
    assert (six[0], six[12]) == pytest.approx((1.3205, -0.6181), abs=1e-4)
    assert (five[0], five[12], five[17]) == pytest.approx((1.1705, -0.2823, 1 / 12), abs=1e-4)


@pytest.mark.parametrize(("phase", "coefficient"), [((6, 0), 8.5), ((5, 1), 8.5), ((5, 0), 7.0)])
def test_what_the_hessian_leaves_out_is_flat(phase, coefficient):
    """λ is half the rank: along the other directions the loss stays, however far (turns, a feature without slope)."""
    w = polygon(*phase)
    values, vectors = np.linalg.eigh(hessian(w))
    flat = np.abs(values) < 1e-6 * values[-1]
    assert (~flat).sum() / 2 == coefficient and values[~flat].min() > 0.01
    turn = np.concatenate([-w[6:12], w[:6], np.zeros(6)])
    spanned = [turn] if phase != (5, 0) else [turn, *np.eye(18)[[5, 11, 17]]]
    assert flat.sum() == len(spanned)
    basis = np.linalg.qr(np.array(spanned).T)[0]
    assert np.abs(vectors[:, flat] - basis @ (basis.T @ vectors[:, flat])).max() < 1e-4
    if phase == (5, 0):
        for move in fresh_generator().uniform(-0.1, 0.1, (20, 3)):
            near = w.copy()
            near[[5, 11, 17]] += move
            assert losses(near) == losses(w)


def test_numbers_that_are_no_polygon_are_refused():
    with pytest.raises(ValueError, match="columns must be 3 to features = 6"):
        polygon(7)
    with pytest.raises(ValueError, match="pluses 0 to 1"):
        polygon_loss(5, 2)
    with pytest.raises(ValueError, match="only neighbours overlap"):
        polygon_loss(12, features=12)


def test_other_dictionaries():
    for features in (5, 7, 8):
        for columns in range(3, min(features, 8) + 1):
            assert losses(polygon(columns, 0, features)) == pytest.approx(polygon_loss(columns, 0, features), abs=1e-12)
    assert sides(np.full(18, np.nan)) == -1
