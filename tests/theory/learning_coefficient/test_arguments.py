"""What the exact learning coefficients accept: any ordered iterable, read once, and one clear line for the rest."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import sympy
from sympy import Abs, Matrix, Poly, Rational, Symbol, cos, exp, log, nan, oo, sqrt, symbols

from theory.learning_coefficient import engine as learning_coefficient
from theory.learning_coefficient import ideal, local_form, minimum_set, networks, plane_curves
from theory.learning_coefficient.engine import LearningCoefficientRefused
from theory.learning_coefficient.plane_curves import PlaneFactor

# Any: they are called with what their types forbid.
rlct: Any = learning_coefficient.rlct
rlct_of_ideal: Any = ideal.rlct_of_ideal
rlct_on_points: Any = minimum_set.rlct_on_points
rlct_on_plane_curve: Any = minimum_set.rlct_on_plane_curve
deep_linear_network: Any = networks.deep_linear_network
resolve_plane_curve: Any = plane_curves.resolve_plane_curve

x, y = symbols("x y", real=True)
half = Rational(1, 2)
LOSS = x**2 + y**4
# Everything that hands out the same values in the same order, however often it can be read.
ORDERED = {
    "list": list,
    "tuple": tuple,
    "generator": lambda values: (v for v in values),
    "map": lambda values: map(lambda v: v, values),
    "iterator": lambda values: iter(list(values)),
    "array": lambda values: np.array(values, dtype=object),
}


def _answer(result):
    return result.value, result.multiplicity


@pytest.mark.parametrize("pack", ORDERED.values(), ids=ORDERED)
def test_every_iterable_gives_the_answer_of_a_list(pack):
    assert _answer(rlct(LOSS, pack((x, y)), pack((0, 0)))) == (Rational(3, 4), 1)
    assert _answer(rlct_of_ideal(pack([x**2, y]), pack((x, y)), pack((0, 0)))) == (Rational(3, 4), 1)
    assert _answer(rlct_of_ideal(pack([x * y, x * y**3]), (x, y), (0, 0))) == (half, 2)
    assert _answer(rlct_of_ideal(pack([x, y**3]), (x, y), (0, 0))) == (Rational(2, 3), 1)
    found = rlct_on_points((x**2 - 1) ** 2 * (x - 1) ** 2, pack((x,)), pack([(-1,), (1,)]))
    assert (found.result.value, found.places) == (Rational(1, 4), ("(1,)",))
    assert _answer(rlct_on_plane_curve((x**2 - y**3) ** 2, pack((x, y))).result) == (Rational(5, 12), 1)


def test_widths_and_factors_are_read_once():
    expected = _answer(deep_linear_network([5, 3, 5], 2))
    assert expected == (Rational(19, 2), 2)
    for widths in ((w for w in (5, 3, 5)), map(int, "535"), np.array([5, 3, 5]), iter((5, 3, 5))):
        assert _answer(deep_linear_network(widths, np.int64(2))) == expected
    cusp = PlaneFactor("cusp", {(2, 0): sympy.Integer(1), (0, 3): sympy.Integer(-1)}, 2)
    assert _answer(resolve_plane_curve((f for f in [cusp]), (n for n in "xy"))) == (Rational(5, 12), 1)


def test_generators_in_any_order_and_more_than_once():
    for generators in ({x, y**3}, [y**3, x], [x, x, y**3], [0, x, y**3], frozenset({x, y**3})):
        assert _answer(rlct_of_ideal(generators, (x, y), (0, 0))) == (Rational(2, 3), 1)
    assert _answer(rlct_on_points(x**2, (x,), [(0,), (0,), (0,)]).result) == (half, 1)
    assert rlct_on_points(x**2, (x,), np.array([[0], [0]])).places == ("(0,)",)


def test_a_coordinate_that_the_loss_does_not_have_changes_nothing():
    z = Symbol("z", real=True)
    for loss, coordinates in ((LOSS, (x, y)), ((x**2 - y**3) ** 2, (x, y)), (x**2 * y**2, (x, y))):
        without = _answer(rlct(loss, coordinates, (0, 0)))
        for place in range(3):
            wider = (*coordinates[:place], z, *coordinates[place:])
            point = [0, 0, 0]
            point[place] = 7
            assert _answer(rlct(loss, wider, point)) == without
    assert rlct(Poly(LOSS, x, y), (x, y), (0, 0)).value == Rational(3, 4)


REFUSED = [
    (lambda: rlct(LOSS, {x, y}, (0, 0)), "coordinates: a set has no order"),
    (lambda: rlct(LOSS, frozenset((x, y)), (0, 0)), "coordinates: a frozenset has no order"),
    (lambda: rlct(LOSS, (x, y), {0, 1}), "point: a set has no order"),
    (lambda: rlct(LOSS, (x, y), {x: 0, y: 0}), "point: a dict has no order"),
    (lambda: rlct(LOSS, "xy", (0, 0)), "coordinates: expected a list"),
    (lambda: rlct(LOSS, x, (0, 0)), "coordinates: expected a list"),
    (lambda: rlct(LOSS, (x, y), "00"), "point: expected a list"),
    (lambda: rlct(LOSS, (x, y), 0), "point: expected a list"),
    (lambda: rlct(LOSS, (x, y), np.array(0)), "point: expected a list"),
    (lambda: rlct(LOSS, (x, y), ("0", 0)), "point: expected a sympy expression"),
    (lambda: rlct(LOSS, (x, y), (True, 0)), "point: expected a sympy expression"),
    (lambda: rlct(LOSS, (x, y), (None, 0)), "point: expected a sympy expression"),
    (lambda: rlct(LOSS, (x, y), np.zeros((2, 2))), "point: expected a sympy expression"),
    (lambda: rlct(LOSS, (x, y), (nan, 0)), "point: expected exact real numbers"),
    (lambda: rlct(LOSS, (x, y), (oo, 0)), "point: expected exact real numbers"),
    (lambda: rlct(LOSS, (x, y), (float("nan"), 0)), "point: expected exact real numbers"),
    (lambda: rlct(LOSS, (x, y), (sqrt(-2), 0)), "point: expected exact real numbers"),
    (lambda: rlct(LOSS, (x, y), (x, 0)), "point: expected exact real numbers"),
    (lambda: rlct(LOSS, (x, y), (0.0, 0)), "point: holds the inexact number"),
    (lambda: rlct(LOSS, (x, y), (0, 0, 0)), "point: has length 3, expected 2"),
    (lambda: rlct(LOSS, (), ()), "coordinates: expected at least one"),
    (lambda: rlct(LOSS, (x, x**2), (0, 0)), "coordinates: expected at least one sympy Symbol"),
    (lambda: rlct(LOSS, (x, Symbol("x")), (0, 0)), "coordinates: two Symbols share a name"),
    (lambda: rlct(LOSS, (Symbol("x"), y), (0, 0)), "its x is another Symbol"),
    (lambda: rlct("x**2", (x,), (0,)), "expression: expected a sympy expression"),
    (lambda: rlct(None, (x,), (0,)), "expression: expected a sympy expression"),
    (lambda: rlct([x**2], (x,), (0,)), "expression: expected a sympy expression"),
    (lambda: rlct(x**2 > 0, (x,), (0,)), "expression: expected a sympy expression"),
    (lambda: rlct(sympy.Eq(x, 0), (x,), (0,)), "expression: expected a sympy expression"),
    (lambda: rlct(Matrix([x**2]), (x,), (0,)), "expression: expected a sympy expression"),
    (lambda: rlct(x**2 + nan, (x,), (0,)), "expression: expected finite real coefficients"),
    (lambda: rlct(x**2 * float("inf"), (x,), (0,)), "expression: (holds the inexact|expected finite)"),
    (lambda: rlct(x**2, (x,), (0,), "1"), "prior: expected a sympy expression"),
    (lambda: rlct(x**2, (x,), (0,), None), "prior: expected a sympy expression"),
    (lambda: rlct(x**2, (x,), (0,), x > 0), "prior: expected a sympy expression"),
    (lambda: rlct(x**2, (x,), (0,), nan), "prior: expected finite real"),
    (lambda: rlct(x**2, (x,), (0,), oo), "prior: expected finite real"),
    (lambda: rlct(x**2, (x,), (0,), Abs(x) ** 0.5), "prior: holds the inexact number"),
    (lambda: rlct(x**2, (x,), (0,), Symbol("s") * x**2), "prior: depends on s"),
    (lambda: rlct_of_ideal("xy", (x, y), (0, 0)), "generators: expected a non-empty list"),
    (lambda: rlct_of_ideal(iter(()), (x, y), (0, 0)), "generators: expected a non-empty list"),
    (lambda: rlct_of_ideal({x: 1}, (x, y), (0, 0)), "generators: expected a non-empty list"),
    (lambda: rlct_of_ideal(7, (x, y), (0, 0)), "generators: expected a non-empty list"),
    (lambda: rlct_of_ideal([x, "y"], (x, y), (0, 0)), "generators: expected a sympy expression"),
    (lambda: rlct_of_ideal([x], {x, y}, (0, 0)), "coordinates: a set has no order"),
    (lambda: rlct_on_points(x**2, (x,), 0), "points: expected a list of points"),
    (lambda: rlct_on_points(x**2, (x,), "0"), "points: expected a list of points"),
    (lambda: rlct_on_points(x**2, (x,), iter(())), "points: expected at least one point"),
    (lambda: rlct_on_points(x**2, (x,), [0]), "point: expected a list"),
    (lambda: rlct_on_points(x**2 * y**2, (x, y), [(0, 0), (0,)]), "point: has length 1"),
    (lambda: rlct_on_plane_curve(x**2, {x, y}), "coordinates: a set has no order"),
    (lambda: deep_linear_network({3, 5}, 1), "widths: a set has no order"),
    (lambda: deep_linear_network("35", 1), "widths: expected a list"),
    (lambda: deep_linear_network(5, 1), "widths: expected a list"),
    (lambda: deep_linear_network([2.0, 3], 1), "widths: expected a positive integer"),
    (lambda: deep_linear_network([True, 3], 0), "widths: expected a positive integer"),
]


@pytest.mark.parametrize(("call", "message"), REFUSED)
def test_the_rest_is_refused_by_one_line(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


@pytest.mark.parametrize(
    ("assumption", "at"),
    [("positive", 0), ("nonnegative", 0), ("negative", 0), ("nonpositive", 0), ("integer", 0), ("imaginary", 0)],
)
def test_a_coordinate_must_be_free_to_move_about_the_point(assumption, at):
    held = Symbol("w", **{assumption: True})
    with pytest.raises(ValueError, match="cannot move freely"):
        rlct(held**2, (held,), (at,))


def test_a_sign_that_is_assumed_away_from_the_point_does_no_harm():
    positive = Symbol("w", positive=True)
    assert rlct((positive - 1) ** 4, (positive,), (1,)).value == Rational(1, 4)


NOT_ANALYTIC = [
    exp(-1 / x**2),
    x**2 + exp(-1 / Abs(x)),
    log(x) ** 2,
    log(x - 1) * x**2,
    x**2 * (1 + sqrt(x - 1)),
    Abs(x) ** 3,
    sympy.Piecewise((x**2, x > 0), (x**4, True)),
    sympy.Max(x**2, x**4),
    sympy.Heaviside(x) * x**2,
    sympy.floor(x) ** 2,
    sympy.sign(x) * x,
    x**2 * (-2) ** x,
    x**x,
    sympy.Function("f")(x) ** 2,
    sympy.Derivative(x**2, x),
]


@pytest.mark.parametrize("loss", NOT_ANALYTIC)
def test_energies_that_are_not_analytic_are_refused_by_one_line(loss):
    with pytest.raises(LearningCoefficientRefused, match="not known to be analytic") as error:
        rlct(loss, (x,), (0,))
    assert "\n" not in str(error.value)


def test_irrational_and_transcendental_coefficients(monkeypatch):
    assert rlct(sympy.pi * x**4, (x,), (0,)).value == Rational(1, 4)
    assert rlct(sqrt(2) * x**42 + x**44, (x,), (0,)).value == Rational(1, 42)  # the 42nd derivative is the first
    assert rlct(sqrt(2) * (x - sqrt(3)) ** 42, (x,), (sqrt(3),)).value == Rational(1, 42)
    assert _answer(rlct(sqrt(2) * x**4 + x**2 * y**2 + sqrt(3) * y**6, (x, y), (0, 0))) == (half, 2)
    for loss in (sympy.E * x**4 + x**2 * y**2 + y**6, sympy.pi * (x**4 + x**2 * y**2) + y**6):
        with pytest.raises(LearningCoefficientRefused, match="not algebraic"):
            rlct(loss, (x, y), (0, 0))
    # Not known is not the same as no minimum.
    monkeypatch.setattr(local_form, "_HIGHEST_ORDER", 6)
    assert rlct(1 - cos(x**3), (x,), (0,)).value == Rational(1, 6)
    with pytest.raises(LearningCoefficientRefused, match="its order there is not known") as refusal:
        rlct(1 - cos(x**5), (x,), (0,))
    assert "not a local minimum" not in str(refusal.value)
