"""Boundaries: what they are, where their gradients depend, and what is solved for."""

from __future__ import annotations

import pytest
import sympy
from sympy import symbols

from theory.learning_coefficient.boundaries import (
    dependent_zeros,
    fresh_sides,
    met_together,
    pieces,
    solve_boundaries,
)

x, y, z = symbols("x y z", real=True)


def test_inequalities_are_read_as_polynomials_that_are_not_negative():
    (read,) = pieces(["x <= 1", y > x**2, (x >= 0) & (y >= 0), x <= 1], (x, y))
    assert set(read) == {1 - x, y - x**2, x, y}
    assert pieces(None, (x,)) == [()] and pieces("x >= 0", (x,)) == [(x,)] and pieces("-3*x**3 >= 0", (x,)) == [(-x,)]


def test_products_and_unions_are_taken_apart():
    assert set(map(frozenset, pieces([x * y >= 0], (x, y)))) == {frozenset((x, y)), frozenset((-x, -y))}
    assert set(pieces([x**2 * y >= 0], (x, y))) == {(y,)} and pieces([x**2 - 2 * x + 1 >= 0], (x,)) == [()]
    assert pieces([2 * x - x**2 - 1 >= 0], (x,)) == []
    assert set(pieces((x >= 1) | (x <= -1), (x,))) == {(x - 1,), (-x - 1,)}


def test_sets_that_may_be_met_begin_with_none():
    assert met_together((x, y)) == [(), (x,), (y,), (x, y)]


@pytest.mark.parametrize(("generators", "met", "free", "expected"), [
    ([x], [x], (x, y), None),
    ([x], [x - y**2], (y,), (x, y)),  # along y alone: dependent where y = 0
    ([y], [x**2 + y**2 - 1], (x, y), None),
    ([x], [x * y], (x, y), (x, y)),
    ([x - 5], [x, x + 1], (x, y), None),  # not met together
    ([y], [x, y, x + y], (x, y), (x, y)),  # three in a plane
])  # fmt: skip
def test_zeros_with_dependent_gradients(generators, met, free, expected):
    found = dependent_zeros(generators, met, free, (x, y))
    assert (None if found is None else set(found)) == (None if expected is None else set(expected))


def test_boundaries_are_solved_where_they_are_linear():
    plain = {x: x, y: y}
    images, solved, left = solve_boundaries([2 * x + y - 1], plain, (x, y))
    assert solved == (x,) and left == () and sympy.expand(2 * images[x] + images[y] - 1 - x**2) == 0
    images, solved, left = solve_boundaries([x * y - 1, x + y], plain, (x, y))
    assert solved == (x,) and len(left) == 1 and sympy.expand(left[0] - ((x**2 - y) * y - 1)) == 0
    images, solved, left = solve_boundaries([x, x + y], plain, (x, y))
    assert solved == (x, y) and left == () and images == {x: x**2, y: y**2 - x**2}
    assert solve_boundaries([x], plain, ())[1:] == ((), (x,))


def test_names_of_sides_are_new():
    assert [side.name for side in fresh_sides(2, (x, y))] == ["side1", "side2"]
    assert fresh_sides(1, symbols("side1 x"))[0].name == "side_1"
