"""Irrational coefficients in three or more coordinates: rescalings, rotations, conjugates."""

from __future__ import annotations

import pytest
import sympy
from sympy import Abs, CRootOf, Rational, cbrt, expand, sqrt, symbols

from theory.learning_coefficient import LearningCoefficientRefused, rlct
from theory.learning_coefficient.ideal import rlct_of_ideal
from theory.learning_coefficient.number_field import field_of
from theory.learning_coefficient.pictures import UnresolvedError
from theory.learning_coefficient.resolution_over_field import resolve_over_field

x, y, z, w = symbols("x y z w", real=True)
NAMES = (x, y, z)
half, third = Rational(1, 2), Rational(1, 3)
ROOT = CRootOf(sympy.Symbol("t") ** 3 - 3 * sympy.Symbol("t") + 1, 1)
TURNS = ((Rational(3, 5), Rational(4, 5)), (1 / sqrt(2), 1 / sqrt(2)), (sqrt(3) / 2, half))

# By hand: elimination of a regular coordinate, a monomial ideal, a hypersurface, a definite form.
KNOWN = [
    ((sqrt(2) * x - y * z) ** 2 + z**4, (Rational(3, 4), 1)),
    (x**2 + sqrt(2) * y**2 * z**2, (1, 2)),
    ([x * y - sqrt(2) * z, z * y], (Rational(3, 4), 1)),
    ((x**2 - 2 * y**2) ** 2 * z**2, (half, 3)),
    ([x + sqrt(2) * y, y**2 * z], (Rational(3, 4), 1)),
    ([x**2 - sqrt(3) * x * y + y**2, x * z], (Rational(3, 4), 2)),
    ((x**2 + cbrt(2) * y**2 + z**3) ** 2, (half, 1)),
    ((x - sqrt(2) * y) ** 2 * (y - sqrt(3) * z) ** 2, (half, 2)),
    (expand((x + sqrt(2) * y) ** 2 * (y - sqrt(2) * z) ** 2 * (x + z) ** 2), (half, 3)),
    ((x + sqrt(2) * y) ** 4 * (x - sqrt(2) * y) ** 2 * z**2, (Rational(1, 4), 1)),
    ([(sqrt(2) * x - y) * (y - sqrt(2) * z) * (x - z)], (third, 1)),  # three planes through one line
]


def answer(result):
    return result.value, result.multiplicity


@pytest.mark.parametrize(("loss", "expected"), KNOWN)
def test_known_answers(loss, expected):
    assert answer(rlct(loss, NAMES)) == expected


# Rational ideals with a known answer, in coordinates stretched by irrational factors.
IDEALS = [
    [x * y - z**2, z**3],
    [x - y * z, z**2],
    [x**2 - y * z, y**3, z**3],
    [x * y, y * z, x * z],
    [x * (1 + y) + z * y, z**2 * y],
    [z * (x**2 + y**2)],
    [(x - y) * (y - z) * (x - z)],
]
STRETCHES = [(sqrt(2), 1, 1), (1, cbrt(2), 1), (-sqrt(2), 1 + sqrt(2), 1), (ROOT, 1, -1)]


@pytest.mark.parametrize("generators", IDEALS, ids=str)
@pytest.mark.parametrize("factors", STRETCHES, ids=str)
def test_stretched_coordinates_change_nothing(generators, factors):
    expected = answer(rlct_of_ideal(generators, NAMES, (0, 0, 0)))
    stretched = {c: s * c for c, s in zip(NAMES, factors, strict=True)}
    moved = [expand(f.xreplace(stretched)) for f in generators]
    assert answer(rlct_of_ideal(moved, NAMES, (0, 0, 0))) == expected
    reordered = [-3 * f for f in reversed(moved)]
    assert answer(rlct_of_ideal(reordered, NAMES[::-1], (0, 0, 0))) == expected


@pytest.mark.parametrize(("c", "s"), TURNS)
@pytest.mark.parametrize(
    "generators",
    [[x * y**2 * z], [x * y, y * z, x * z], [x**2 * y, z], [x * z**2, x**2 + y**2]],
    ids=str,
)
def test_rotations_change_nothing(generators, c, s):
    expected = answer(rlct_of_ideal(generators, NAMES, (0, 0, 0)))
    turned = [expand(f.xreplace({x: c * x + s * y, y: -s * x + c * y})) for f in generators]
    assert answer(rlct_of_ideal(turned, NAMES, (0, 0, 0))) == expected


def test_negative_control_the_sign_of_a_root_counts():
    """x^2 + c y^2 is one point of the plane for c > 0, two lines for c < 0: conjugates must not be mixed up."""
    for c, multiplicity in ((sqrt(2), 2), (-sqrt(2), 3), (sqrt(2) - 1, 2), (1 - sqrt(2), 3), (ROOT, 2), (-ROOT, 3)):
        assert answer(rlct([z * (x**2 + c * y**2)], NAMES)) == (half, multiplicity)
    two_lines = answer(rlct([(x - 2 * y) * (x + 3 * y), x * z], NAMES))
    assert answer(rlct([x**2 - sqrt(5) * x * y + y**2, x * z], NAMES)) == two_lines


def test_negative_control_nearly_equal_numbers_are_told_apart():
    """x - sqrt(2) y and x - p/q y with p/q within 2e-12 of sqrt(2) are two planes; sqrt(8)/2 gives one plane twice."""
    close = Rational(665857, 470832)
    assert answer(rlct([z * (x - sqrt(2) * y) * (x - close * y)], NAMES)) == (half, 3)
    assert answer(rlct([z * (x - sqrt(2) * y) * (x - sqrt(8) / 2 * y)], NAMES)) == (Rational(1, 4), 1)


def test_priors_and_a_point_away_from_the_origin():
    assert answer(rlct([sqrt(2) * x - y * z, z**2], NAMES, prior=Abs(z))) == (1, 1)
    assert answer(rlct([x - y * z, z**2], NAMES, prior=Abs(z))) == (1, 1)
    moved = [(x - sqrt(2)) * y - sqrt(2) * z, z * y]
    assert answer(rlct(moved, NAMES, (sqrt(2), 0, 0))) == (Rational(3, 4), 1)


def test_refusals_have_true_bounds():
    # A generator that bends in the rotated plane grows too long; unrotated, elimination and monomials give 7/8.
    turned = {x: (sqrt(3) * x + y) / 2, y: (-x + sqrt(3) * y) / 2}
    with pytest.raises(LearningCoefficientRefused) as refused:
        rlct([expand(f.xreplace(turned)) for f in (x + y**2 + z, y * z**2, x * z)], NAMES)
    assert refused.value.lower <= Rational(7, 8) <= refused.value.upper
    assert answer(rlct([x + y**2 + z, y * z**2, x * z], NAMES)) == (Rational(7, 8), 1)
    with pytest.raises(UnresolvedError, match="large degree"):
        field_of(sqrt(2) + cbrt(3))
    with pytest.raises(UnresolvedError, match="no coefficient"):
        resolve_over_field([x * y], NAMES, (0, 0, 0))
