"""What steps, cases and extremes are near one point."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from sympy import Integer, Rational

from theory.learning_coefficient.local_pieces import local_piece

half = Rational(1, 2)
x, y = sympy.symbols("x y", real=True)
PIECES = [
    sympy.Heaviside(x - half),
    sympy.Heaviside(half - x) * 3 + y,
    sympy.sign(x - 2) * x,
    sympy.Abs(x - 2) + sympy.Abs(y - 5),
    sympy.Max(x, y, 1),
    sympy.Min(x + y, 3 - x, y**2),
    sympy.floor(3 * x + half),
    sympy.ceiling(3 * x + half),
    sympy.frac(3 * x + half),
    sympy.Piecewise((x, (x < 0) | (y > 0)), (y, True)),
    sympy.Piecewise((x, (x < 0) & (y > 0)), (y, True)),
    sympy.Piecewise((x, sympy.Not((x < 0) | (y > 0))), (y, sympy.Ne(x, y)), (7, True)),
    sympy.Piecewise((5, sympy.Eq(x, y)), (x - y, y >= x), (x + y, x > y)),
]


@pytest.mark.parametrize("e", [sympy.Max(1, x, y), sympy.Max(x, x**2, y), sympy.Min(x, 1, y - 1, y - 3)])
def test_equal_losers_of_an_extreme_do_not_matter_and_equal_winners_do(e):
    assert local_piece("prior", e, (x, y), (Integer(1), Integer(2))) == (y if isinstance(e, sympy.Max) else y - 3)
    with pytest.raises(ValueError, match="switches at the point"):
        local_piece("prior", e, (x, y), (Integer(1), Integer(1 if isinstance(e, sympy.Max) else 4)))


@pytest.mark.parametrize("expression", PIECES)
@pytest.mark.parametrize("place", [(1, 2), (-1, Rational(7, 3)), (Rational(4, 3), Rational(-3, 4)), (-2, -3)])
def test_a_local_piece_is_the_expression_all_around_its_point(expression, place):
    """Equal values at nine points within 1/1000, without a switch left in it."""
    point = tuple(map(sympy.sympify, place))
    piece = local_piece("prior", expression, (x, y), point)
    assert not piece.has(sympy.Heaviside, sympy.sign, sympy.Max, sympy.Min, sympy.floor, sympy.ceiling, sympy.Piecewise)
    for dx, dy in np.ndindex(3, 3):
        there = {x: point[0] + Rational(int(dx) - 1, 1001), y: point[1] + Rational(int(dy) - 1, 1003)}
        assert piece.subs(there) == expression.subs(there)
