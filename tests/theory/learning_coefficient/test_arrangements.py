"""Minimum over the flats of an arrangement, against blow-ups that know nothing of flats."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations

import pytest
import sympy
from sympy import Abs, Integer, Rational, prod, symbols

from tests.seeds import fresh_generator
from theory.learning_coefficient.arrangements import ArrangementTooLargeError, arrangement_value
from theory.learning_coefficient.ideal import rlct_of_ideal
from theory.learning_coefficient.ideal_resolution import UnresolvedError, resolve_ideal

v = symbols("v1:6", real=True)
w, x, y, z = symbols("w x y z", real=True)


def _answer(generator, coordinates, prior=1):
    found = rlct_of_ideal([generator], coordinates, (0,) * len(coordinates), prior)
    assert found.method.startswith(("arrangement", "ideal (normal crossing)", "ideal (regular"))
    return found.value, found.multiplicity


@pytest.mark.parametrize("n", [3, pytest.param(4, marks=pytest.mark.slow), pytest.param(5, marks=pytest.mark.slow)])
def test_reflection_arrangements(n):
    """Codimension over twice the number of hyperplanes at the smallest flat: 1/n, 1/(2 n), 1/(2 (n - 1))."""
    names = v[:n]
    differences = prod([a - b for a, b in combinations(names, 2)])
    squares = prod([a**2 - b**2 for a, b in combinations(names, 2)])
    assert _answer(differences, names) == (Rational(1, n), 1)
    assert _answer(prod(names) * squares, names) == (Rational(1, 2 * n), 1)
    assert _answer(squares, names) == (Rational(1, 2 * (n - 1)), 1)


@pytest.mark.parametrize(
    ("generator", "coordinates", "prior", "expected"),
    [
        (x * y * (x + y), (x, y), Abs(x), (Rational(1, 2), 2)),  # the origin (2 + 1)/6 and y = 0 or x + y = 0
        (x**2 * y * (x + y) * (z - w) ** 3, (w, x, y, z), 1, (Rational(1, 6), 1)),
        (x * y * (x + y) * z * (x + z), (x, y, z), 1, (Rational(3, 10), 1)),
        (x * y * (x + y) * z * w * (z + w), (w, x, y, z), 1, (Rational(1, 3), 2)),
        (x**3 * y * (x + y), (x, y), 1, (Rational(1, 6), 1)),
        (x**3 * y**2 * (x + y), (x, y), 1, (Rational(1, 6), 2)),  # x = 0 through the blown-up origin
        (x * y * (x + y) * (1 + z), (x, y, z), z**2, (Rational(1, 3), 1)),
        (x * y * (x + y) * z**3, (x, y, z), z**2, (Rational(1, 3), 1)),
        (x * y * (x + y) * z**3, (x, y, z), Abs(z), (Rational(1, 3), 2)),
        (x * (x + y) * y, (x, y), Abs(x) ** Rational(-1, 2), (Rational(1, 4), 2)),  # x = 0 and the origin
    ],
)
def test_by_hand(generator, coordinates, prior, expected):
    assert _answer(generator, coordinates, prior) == expected


def test_random_arrangements_against_blow_ups():
    rng, compared = fresh_generator(), 0
    for _ in range(12):
        n = int(rng.integers(2, 4))
        names = (x, y, z)[:n]
        rows = {tuple(int(c) for c in rng.integers(-1, 2, size=n)) for _ in range(int(rng.integers(2, 5)))}
        rows = [r for r in rows if any(r) and tuple(-c for c in r) not in rows]
        if len(rows) < 2:
            continue
        powers = [int(k) for k in rng.integers(1, 3, size=len(rows))]
        h = [Rational(int(k), 2) for k in rng.integers(-1, 3, size=n)]
        forms = [sum((c * name for c, name in zip(r, names, strict=True)), Integer(0)) for r in rows]
        every = {tuple(map(Fraction, r)): (2 * k, Fraction(0)) for r, k in zip(rows, powers, strict=True)}
        for j, exponent in enumerate(h):
            axis = tuple(Fraction(int(i == j)) for i in range(n))
            axis = tuple(-c for c in axis) if tuple(-c for c in axis) in every else axis
            every[axis] = (every.get(axis, (0, 0))[0], Fraction(exponent.p, exponent.q))
        found = arrangement_value(list(every), [n for n, _ in every.values()], [e for _, e in every.values()])
        generator = sympy.expand(prod([f**k for f, k in zip(forms, powers, strict=True)]))
        try:
            blown = resolve_ideal([generator], names, h)
        except UnresolvedError:
            continue
        compared += 1
        assert (Rational(found[0].numerator, found[0].denominator), found[1]) == (blown.value, blown.multiplicity)
    assert compared >= 3


def test_too_many_flats_are_refused():
    axes = [tuple(Fraction(int(i == j)) for i in range(12)) for j in range(12)]
    with pytest.raises(ArrangementTooLargeError):
        arrangement_value(axes, [2] * 12, [Fraction(0)] * 12)
