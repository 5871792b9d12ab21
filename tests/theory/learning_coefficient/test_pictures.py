"""Charts of a blow-up, and small things asked of local pictures."""

from __future__ import annotations

from fractions import Fraction

import pytest
from sympy import symbols

from tests.theory.learning_coefficient.test_symmetry import picture_of
from theory.learning_coefficient.pictures import Resolved, cells_by_zeros, chart, divided, is_definite, size_of, worst

x, y, z = symbols("x y z", real=True)


def test_a_chart_substitutes_and_counts_the_volume():
    picture = picture_of([x**2 - y**3, x * z], (x, y, z), (Fraction(1), Fraction(0), Fraction(1, 2)))
    moved = chart(picture, (0, 1), (0,), (1,))  # x = r, y = r s with any s
    assert [str(g.as_expr()) for g in moved.generators] == ["-x**3*y**3 + x**2", "x*z"]
    assert moved.volume == (2, 0, Fraction(1, 2)) and moved.local == (True, False, True)
    assert moved.nonzero == frozenset() and moved.depth == 1
    apart = chart(picture, (0, 1), (0, 1))
    assert apart.nonzero == {picture.generators[0].ring.gens[1]}
    out = divided(moved)
    assert out.powers == (1, 0, 0) and [str(g.as_expr()) for g in out.generators] == ["-x**2*y**3 + x", "z"]


def test_cells_by_zeros_are_all_sets():
    assert cells_by_zeros((0, 2)) == [((0,), ()), ((2,), ()), ((0, 2), ())]


@pytest.mark.parametrize(
    ("f", "expected"),
    [(x**2 + y**2 + 1, True), (x**4 - x**2 * y + y**2 + 1, True), (x**2 - y**2 + 1, False), (x**2 + y**2, False)],
)
def test_definite_polynomials(f, expected):
    (read,) = picture_of([f], (x, y)).generators
    assert is_definite(read, [0, 1]) is expected


def test_the_worst_has_the_smallest_value_then_the_largest_multiplicity():
    answers = [None, *[Resolved(Fraction(v, 2), m, ()) for v, m in ((2, 3), (1, 1), (1, 2))]]
    found = worst(answers)
    assert found is not None and (found.value, found.multiplicity) == (Fraction(1, 2), 2)
    assert worst([None]) is None
    assert size_of(picture_of([x**3 + y], (x, y)).generators[0]) == (2, 3)
