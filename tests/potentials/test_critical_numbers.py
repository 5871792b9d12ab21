"""Coordinates of critical points are numbers, known to any precision."""

from __future__ import annotations

import pytest
import sympy

from slt_toys.potentials.critical_numbers import CriticalNumber
from slt_toys.potentials.expressions import ExpressionError

w, x, y = sympy.symbols("w x y", real=True)


def test_a_number_is_known_to_any_precision():
    (number,) = CriticalNumber.point(sympy.exp(w) + w**2, (w,), (-0.4,), (-0.3,))
    assert number == number.func(*number.args) and not number.free_symbols and number.is_real
    assert abs(sympy.N(sympy.exp(number) + 2 * number, 80)) < 1e-78
    assert bool(number > -0.36) and not bool(number > -0.35)
    assert number.subs(w, 3) == number
    assert str(number).startswith("-0.351733711249")


def test_both_coordinates_of_one_point():
    energy = sympy.cosh(x - 2 * y) + sympy.exp(x) - 3 * x + y**2
    first, second = CriticalNumber.point(energy, (x, y), (0.5, 0.1), (1.2, 0.6))
    at = {x: first, y: second}
    for coordinate in (x, y):
        assert abs(sympy.N(sympy.diff(energy, coordinate).subs(at), 60)) < 1e-55


def test_a_box_without_the_point_is_refused():
    (number,) = CriticalNumber.point(sympy.exp(w) + w**2, (w,), (0.3,), (0.4,))
    with pytest.raises(ExpressionError, match="cannot be refined"):
        number.evalf(20)
