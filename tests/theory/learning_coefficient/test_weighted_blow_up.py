"""Weighted blow-ups agree with toric ones and with powers of non-degenerate curves."""

from __future__ import annotations

from itertools import product

import pytest
from sympy import Abs, Integer, Poly, Rational, expand, symbols

from theory.learning_coefficient.engine import LearningCoefficientRefused, rlct
from theory.learning_coefficient.weighted_blow_up import adapted_coordinates, power_of_nondegenerate, weighted_blow_up

w, x, y, z = symbols("w x y z", real=True)


def test_two_routes_to_the_same_value():
    loss = expand((z - x * y) ** 2 + x**6 + y**8 * z**2)
    terms = Poly(loss, x, y, z).as_dict()
    blown = rlct(loss, (x, y, z), (0, 0, 0))
    assert blown.method == "weighted blow-ups"
    adapted = adapted_coordinates(terms, (x, y, z), (True,) * 3)
    assert adapted is not None
    straight = rlct(adapted[0], (x, y, z), (0, 0, 0))
    assert straight.method == "Newton polyhedron"
    assert (blown.value, blown.multiplicity) == (straight.value, straight.multiplicity) == (Rational(11, 15), 1)


@pytest.mark.parametrize(
    "curve", [x**2 - y**3, x**3 - y**3 + x**2 * y**2, x**4 + x * y**2 + y**5, (x - 2 * y) * (x**2 + y**3)]
)
def test_powers_of_nondegenerate_curves_agree_with_the_plane(curve):
    for power in (2, 4):
        direct = power_of_nondegenerate([(expand(curve), power)], (x, y), (Integer(0), Integer(0)))
        resolved = rlct(expand(curve**power), (x, y), (0, 0))
        assert direct is not None and direct[:2] == (resolved.value, resolved.multiplicity)


def test_weighted_blow_up_of_the_plane_agrees_with_the_toric_one():
    losses = (
        expand((x**2 - y**2) ** 2 + y**6),
        expand((x**2 - y**4) ** 2 + x**6 * y**3 + y**14),
        x**2 * y**2 + x**8 + y**8,  # zeros on the axes, where a prior may vanish
        expand((y - x**2) ** 2 + x**6 * y),  # odd in one coordinate
    )
    for loss, density in product(losses, ((0, 0), (2, 0), (0, 3))):
        blown = weighted_blow_up(Poly(loss, x, y).as_dict(), (x, y), tuple(map(Integer, density)))
        assert blown is not None
        parts = []
        for local in blown.problems:
            prior = Abs(x) ** local.prior_exponents[0] * Abs(y) ** local.prior_exponents[1]
            parts.append(rlct(local.loss, (x, y), (0, 0), prior))
        found = rlct(loss, (x, y), (0, 0), Abs(x) ** density[0] * Abs(y) ** density[1])
        value, multiplicity = min([(blown.value, -1), *((p.value, -p.multiplicity) for p in parts)])
        assert (found.value, found.multiplicity) == (value, -multiplicity)


def test_a_loss_that_goes_below_in_three_coordinates_is_no_minimum():
    loss = expand((x**2 - y**2) ** 2 + x**2 * z**4 - y**6 + z**10)
    with pytest.raises(LearningCoefficientRefused, match="not a local minimum"):
        rlct(loss, (x, y, z), (0, 0, 0))
