"""Circles and tori: what repeats itself, and phases that do not depend on where the circle is cut."""

from math import pi

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from slt_toys.potentials.expressions import ExpressionError
from slt_toys.potentials.periodic import check_periods, images, wrapped
from slt_toys.potentials.potential import Potential, declare_phase
from slt_toys.potentials.same_space import check_same_space

CIRCLE = "cos(w) + 0.8*cos(2*w + 1)"
TORUS = "cos(2*w1) + 2*cos(w2) + cos(w1 - w2)"
CUTS = st.floats(-20, 20)


def circle(cut: float = 0.0, text: str = CIRCLE) -> Potential:
    return Potential.from_expression(text, box=(cut, cut + 2 * pi), boundary="periodic")


def apart(a, b):
    """Distance around the circle."""
    return np.abs(np.angle(np.exp(1j * (np.asarray(a, dtype=float) - np.asarray(b, dtype=float)))))


@given(CUTS)
@settings(max_examples=20, deadline=None)
def test_phases_do_not_depend_on_the_cut(cut):
    uncut, cut_there = circle(), circle(cut)
    assert [p.name for p in cut_there.phases] == ["left", "right"]
    order = np.argsort([p.loss for p in cut_there.phases]) - np.argsort([p.loss for p in uncut.phases])
    pairs = [(i, int(i if order[0] == 0 else 1 - i)) for i in range(2)]
    points = np.linspace(-30, 30, 997)[:, None]
    for one, other in pairs:
        assert apart(uncut.minimum_point(one), cut_there.minimum_point(other)) < 1e-11
        assert uncut.minimum_loss(one) == pytest.approx(cut_there.minimum_loss(other), rel=1e-12)
        ends = zip(uncut.phase_interval(one), cut_there.phase_interval(other), strict=True)
        assert all(apart(a, b) < 1e-11 for a, b in ends)
        low, high = cut_there.phase_interval(other)
        assert low < cut_there.minimum_point(other)[0] < high
        np.testing.assert_array_equal(uncut.phase_index(points) == one, cut_there.phase_index(points) == other)


def test_phases_are_where_the_slope_vanishes():
    """Against the roots of the polynomial in e^{iw} that the slope is."""
    half, turn = 0.5, 0.8 * np.exp(1j)
    # slope = -sin w - 1.6 sin(2w + 1) = Im of -(z + 2 turn z²), times z² a polynomial in z.
    coefficients = [-2 * turn, -2 * half, 0, 2 * half, 2 * np.conj(turn)]
    angles = np.angle([z for z in np.roots(coefficients) if abs(abs(z) - 1) < 1e-9])
    assert len(angles) == 4
    potential = circle()
    found = [potential.minimum_point(i)[0] for i in range(2)] + [potential.barrier(i) for i in range(2)]
    for place in found:
        assert apart(place, angles).min() < 1e-9


@pytest.mark.parametrize("low", [-pi, 0.0, -pi / 2, pi, 2 * pi])
def test_points_at_the_cut_are_counted_once(low):
    for text, count in (("cos(w)", 1), ("cos(3*w)", 3), ("sin(w)**2", 2), ("-cos(w)**4", 2), ("exp(cos(2*w))", 2)):
        assert len(circle(low, text).phases) == count


def test_degenerate_minimum_on_a_circle():
    potential = circle(-1.0, "sin(w)**4 + (1 - cos(w))**2/4")
    whole = potential.phases[0]
    assert (whole.minimum, whole.learning_coefficient, whole.loss) == ((0,), sympy.Rational(1, 4), 0)


def test_wrapped_and_images():
    box = ((-1.0, 2.0), (0.0, 2 * pi))
    random = np.random.default_rng(0)  # any points do
    points = random.uniform(-50, 50, (1000, 2))
    inside = wrapped(points, box)
    turns = (points - inside) / [3.0, 2 * pi]
    assert np.abs(turns - turns.round()).max() < 1e-12
    assert (inside >= [-1, 0]).all()
    assert (inside <= [2, 2 * pi]).all()
    np.testing.assert_array_equal(wrapped(inside, box), inside)
    assert np.isnan(wrapped([[np.nan, 1.0]], box)[0, 0])
    assert images(points[:3], box).shape == (9, 3, 2)


def test_periods_are_exact_numbers():
    w = sympy.Symbol("w", real=True)
    assert check_periods(sympy.cos(w), (w,), ((1.0, 1.0 + 2 * pi),)) == (2 * sympy.pi,)
    assert check_periods(sympy.cos(2 * sympy.pi * w), (w,), ((0.0, 3.0),)) == (3,)
    assert check_periods(sympy.sin(w / 2) ** 2, (w,), ((0.0, 2 * pi),)) == (2 * sympy.pi,)


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("cos(w) + 0.1*w", "changes by 0.6283 over a period along w, but its force repeats itself: a driven system"),
        ("w", "a driven system"),
        ("w**2*(w - 2*pi)**2", "not shown to repeat itself"),  # at both ends alike, but not by its formula
        ("cos(w) + cos(1.0001*w)", "not shown to repeat itself"),
        ("w*cos(w)", "not shown to repeat itself"),
        ("cos(w/2)", "not shown to repeat itself"),
    ],
)
def test_energies_that_do_not_repeat_themselves(text, words):
    with pytest.raises(ExpressionError, match=words):
        circle(0.0, text)


def test_bad_boundaries():
    with pytest.raises(ValueError, match="boundary='periodic' needs box="):
        Potential.from_expression("cos(w)", boundary="periodic")
    with pytest.raises(ValueError, match="one for all coordinates"):
        Potential.from_expression("cos(w1) + w2**2", box=(0, 1), boundary=("periodic", "natural"))  # type: ignore
    with pytest.raises(ValueError, match="boundary must be"):
        Potential.from_expression("cos(w)", box=(0, 1), boundary="circle")  # type: ignore
    with pytest.raises(ValueError, match="boundary='natural' is for an energy without box="):
        Potential.from_expression("w**2", box=(-1, 1), boundary="natural")
    w = sympy.Symbol("w", real=True)
    far = declare_phase(-sympy.cos(w), (w,), "whole", (2 * sympy.pi,))
    with pytest.raises(ValueError, match="must lie in the box, one period"):
        Potential.from_expression("-cos(w)", box=(-pi, pi), boundary="periodic", phases=[far])
    walled = Potential.from_expression(CIRCLE, box=(0, 2 * pi), phases=circle().phases)
    with pytest.raises(ValueError, match="both be periodic"):
        check_same_space(one=circle(), other=walled)
    with pytest.raises(ValueError, match="same period"):
        check_same_space(one=circle(), other=circle(1.0))


# ---- tori ------------------------------------------------------------------------------------------------------------
def torus(cut=(0.0, 0.0), text=TORUS):
    return Potential.from_expression(text, box=[(c, c + 2 * pi) for c in cut], boundary="periodic")


def descended(points, slope, step=0.02, steps=3000):
    """Ends of plain gradient descent, an independent way to a basin."""
    for _ in range(steps):
        points = points - step * slope(points)
    return points


@given(CUTS, CUTS)
@settings(max_examples=2, deadline=None)
def test_basins_of_a_torus(one, other):
    potential = torus((one, other))
    points = np.random.default_rng(1).uniform(-15, 15, (120, 2))  # any points do
    ends = descended(points, potential.gradient_function())
    index = potential.phase_index(points)
    # A point next to a border may still be on its way: those are left out, and few.
    settled = np.linalg.norm(potential.gradient_function()(ends), axis=1) < 1e-6
    assert settled.mean() > 0.95
    for number in range(len(potential.phases)):
        near = apart(ends, potential.minimum_point(number)).max(axis=1) < 1e-3
        np.testing.assert_array_equal((index == number)[settled], near[settled])


def test_a_torus_of_two_circles():
    potential = torus(text="cos(2*w1) + cos(w2) + 0.8*cos(2*w2 + 1)")
    assert len(potential.phases) == 4
    circles = [circle(0.0, "cos(2*w)"), circle()]
    points = np.random.default_rng(2).uniform(-15, 15, (500, 2))  # any points do
    index = [c.phase_index(points[:, [k]]) for k, c in enumerate(circles)]
    assert {*zip(*index, potential.phase_index(points), strict=True)} == {
        (i, j, potential.phase_index([c.minimum_point(n)[0] for c, n in zip(circles, (i, j), strict=True)]).item())
        for i in range(2)
        for j in range(2)
    }
