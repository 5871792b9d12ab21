"""Leading forms: definite ones, squares that are completed, and where the next terms vanish."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.potentials.confinement import numeric
from slt_toys.potentials.expressions import parse_expression
from slt_toys.potentials.leading_forms import definite_form, middle_of, with_square_form
from slt_toys.potentials.lower_bounds import separable
from tests.seeds import fresh_generator

w = sympy.symbols("w1 w2 w3", real=True)
DEFINITE = {
    "w1**4 - 19*w1**2*w2**2/10 + w2**4 + w1": True,
    "w1**4 - 2*w1**2*w2**2 + w2**4": False,
    "w1**4 - 21*w1**2*w2**2/10 + w2**4": False,
    "w1**2 + w2**2 + w3**2 + w1*w2 + w2*w3 + w1*w3": True,
    "w1**2 + w2**2 + w3**2 - w1*w2 - w2*w3 - w1*w3": False,  # vanishes on the diagonal
    "w1**4 + w1**3*w2/2 + w2**4 + w3**2": True,
    "100*w1**4 - 199*w1**2*w2 + 100*w2**2": True,  # weights 1/4 and 1/2
    "w1**4 + w2**3": False,
    "w1**2*w2**2 + w1**2": False,
}


@pytest.mark.parametrize(("text", "definite"), DEFINITE.items())
def test_definite_forms(text, definite):
    energy = parse_expression(text)
    coordinates = tuple(x for x in w if energy.has(x))
    found = definite_form(energy, coordinates)
    assert (found is not None) == definite
    if found is not None:
        bound = separable(found)
        assert bound is not None
        points = fresh_generator().standard_normal((20_000, len(coordinates))) * 30
        assert (bound(points) <= numeric(energy, coordinates)(points) + 1e-6).all()


def test_squares_are_completed():
    u = w[1] - (w[0] + 3) ** 2 + 5
    energy = sympy.expand(100 * u**2 + (1 - w[0]) ** 2)
    found = list(with_square_form(energy, w[:2]))
    assert all(sympy.expand(e - energy) == 0 for e in found)
    assert any(sympy.expand(term - 100 * u**2) == 0 for e in found for term in e.args)
    assert list(with_square_form(w[0] ** 4 - w[0] ** 2 * w[1] + w[1] ** 2, w[:2])) == []


def test_the_middle_follows_a_shift():
    base = w[0] ** 2 * w[1] ** 2 - 2 * w[0] * w[1] + w[0] ** 2
    moved = base.subs({w[0]: w[0] - 7, w[1]: w[1] + sympy.Rational(2, 3)}, simultaneous=True)
    assert middle_of(moved, w[:2]) == [7, -sympy.Rational(2, 3)]
    assert middle_of(sympy.exp(w[0]) + w[1], w[:2]) is None


def test_least_values_are_those_of_a_search():
    angle = np.linspace(0, 2 * np.pi, 20_001)
    energy = parse_expression("w1**4 - 19*w1**2*w2**2/10 + w2**4")
    form = definite_form(energy, w[:2])
    assert form is not None
    bound = separable(form)
    assert bound is not None
    x = np.stack([np.cos(angle), np.sin(angle)], axis=-1)
    exact = (numeric(energy, w[:2])(x) / (x**4).sum(axis=-1)).min()
    assert 0.1 * exact < bound.amounts[0] < exact
