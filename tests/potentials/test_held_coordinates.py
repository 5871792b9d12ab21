"""Squares that hold one coordinate to others, and coordinates in which squares are plain."""

from __future__ import annotations

from fractions import Fraction

import numpy as np
import pytest
import sympy

from slt_toys.potentials.confinement import numeric
from slt_toys.potentials.expressions import parse_expression
from slt_toys.potentials.held_coordinates import Square, held, in_other_coordinates, square_of
from slt_toys.potentials.lower_bounds import separable
from slt_toys.potentials.one_sided_bounds import Sides
from tests.seeds import fresh_generator

w = sympy.symbols("w1 w2", real=True)


def read_square(text: str) -> Square:
    square = square_of(parse_expression(text), w)
    assert square is not None
    return square


@pytest.mark.parametrize(
    ("rest", "squares"),
    [
        ("0*w1", ["(1-w1)**2", "100*(w2-w1**2)**2"]),
        ("w1**2 - w1 - w2/10", ["100*(w2-w1**2)**2"]),
        ("w1**4", ["abs(w2-w1)"]),
        ("w1**2", ["abs(w2 - w1**3)**1.5"]),
        ("0*w1", ["(w1+w2**3-1)**2", "(w1-w2**3)**2"]),  # by their difference
        ("w2**2", ["3*(w1**3 - w2**5 + 2)**4"]),
    ],
)
def test_the_bound_holds(rest, squares):
    sides = Sides(w, (0, 0))
    terms = sides.lower(parse_expression(rest)) or {(Fraction(0), Fraction(0)): 0.0}
    bound = held(terms, [read_square(s) for s in squares])
    assert bound is not None
    energy = sum(map(parse_expression, squares), parse_expression(rest))
    generator = fresh_generator()
    points = generator.standard_normal((20_000, 2)) * 10 ** generator.uniform(-2, 2, (20_000, 2))
    valley = points.copy()
    valley[:, 1] = valley[:, 0] ** 2  # along which the first of them are small
    for place in (points, valley):
        losses = numeric(energy, w)(place)
        assert (losses - bound(place) >= -1e-9 * (1 + np.abs(losses))).all()


def test_squares_that_do_not_hold():
    sides = Sides(w, (0, 0))
    for rest, square in (("w1**2", "(w1*w2-1)**2"), ("0*w1", "(w2-w1**2)**2"), ("w1**2 - w2**2", "(w2-w1)**2")):
        terms = sides.lower(parse_expression(rest)) or {(Fraction(0), Fraction(0)): 0.0}
        assert held(terms, [read_square(square)]) is None
    assert square_of(parse_expression("(w1-1)**3"), w) is None
    assert square_of(parse_expression("-(w1-1)**2"), w) is None


def test_bounds_come_back_from_other_coordinates():
    energy = parse_expression("(w1+2*w2-7)**2 + 3*(2*w1+w2-5)**4")
    changed, back = next(iter(in_other_coordinates(energy, w)))
    assert (
        sympy.expand(changed - w[0] ** 2 - 3 * w[1] ** 4) == 0 or sympy.expand(changed - 3 * w[0] ** 4 - w[1] ** 2) == 0
    )
    low = Sides(w, (0, 0)).lower(changed)
    assert low is not None
    plain = separable(low)
    assert plain is not None
    bound = back(plain)
    points = fresh_generator().standard_normal((20_000, 2)) * 20
    assert (bound(points) <= numeric(energy, w)(points) + 1e-9).all()
