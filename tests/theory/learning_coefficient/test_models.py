"""Models of one input, as they are written: ideals against theorems, and the recurrence against Groebner bases."""

from __future__ import annotations

from typing import Any

import pytest
import sympy
from sympy import Rational, symbols

from theory.learning_coefficient import LearningCoefficientRefused, models, tanh_network

rlct_of_model: Any = models.rlct_of_model
x, a, b, c, d = symbols("x a b c d", real=True)
half = Rational(1, 2)
TWO = "a*tanh(b*x) + c*tanh(d*x)"


def _answer(*arguments, **options):
    found = rlct_of_model(*arguments, **options)
    return found.value, found.multiplicity


@pytest.mark.parametrize(
    ("mean", "coordinates", "point", "expected"),
    [
        ("a*tanh(b*x)", "ab", (0, 0), (half, 2)),
        ("a*tanh(b*x)", "ab", (0, 2), (half, 1)),
        ("a*tanh(b*x)", "ab", (1, 1), (1, 1)),  # regular
        (TWO, "abcd", (0, 0, 0, 0), (Rational(2, 3), 1)),  # theorem for tanh networks, two units
        ("a*sin(b*x) + c*sin(d*x)", "abcd", (0, 0, 0, 0), (Rational(2, 3), 1)),
        ("a*exp(b*x) + c*exp(d*x)", "abcd", (1, 0, -1, 0), (1, 1)),  # a + c = 0 and a b + c d = 0
        ("a*b*x", "ab", (0, 0), (half, 2)),
        ("a*x + b*x**2", "ab", (0, 0), (1, 1)),
        ("c*x + a*tanh(b*x)", "abc", (0, 0, 0), (half + Rational(1, 6), 1)),  # (c + a b, a b^3)
        ("a*cos(b*x)", "ab", (0, 0), (half, 1)),
        ("3 + 0*a", "a", (0,), (0, 1)),
    ],
)
def test_models_as_written(mean, coordinates, point, expected):
    assert _answer(mean, "x", list(coordinates), point) == expected


def test_a_theorem_is_confirmed():
    for hidden, mean, names in ((1, "a*tanh(b*x)", "ab"), (2, TWO, "abcd")):
        theorem = tanh_network(hidden)
        assert _answer(mean, "x", list(names), (0,) * len(names)) == (theorem.value, theorem.multiplicity)


def test_noise_families_share_the_ideal():
    answers = {_answer(TWO, "x", list("abcd"), (0,) * 4, noise=noise) for noise in models.NOISE}
    assert len(answers) == 1


@pytest.mark.parametrize("truth", [(0, 0, 0, 0), (1, 1, 0, 2)])
def test_later_coefficients_lie_in_the_ideal(truth):
    """And the last generator is needed: without it they do not."""
    mean = a * sympy.tanh(b * x) + c * sympy.tanh(d * x)
    difference = mean - mean.subs(dict(zip((a, b, c, d), truth, strict=True)))
    generators, _ = models._generators(sympy.expand(difference, func=False), x, (a, b, c, d))
    later = a * b**9 + c * d**9 - truth[0] * truth[1] ** 9 - truth[2] * truth[3] ** 9
    basis = sympy.groebner(generators, a, b, c, d, order="grevlex")
    assert basis.contains(sympy.expand(later))
    assert not sympy.groebner(generators[:-1], a, b, c, d, order="grevlex").contains(sympy.expand(later))


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (("a*tanh(b*x)", "x", ["a", "b"], (0, 0), "cauchy"), "noise: expected one of gaussian"),
        (("a*tanh(b*x)", "x", ["a"], (0,)), "mean: depends on b"),
        (("a*tanh(b*x)", "x", ["a", "b"], (0,)), "point: has length"),
        (("a*tanh(b*x) + c*sin(d*x)", "x", list("abcd"), (0,) * 4), "mean: .* is neither"),
        (("a*tanh(b*x + c)", "x", list("abc"), (0,) * 3), "mean: .* is neither"),
        (("a*log(1 + b*x)", "x", list("ab"), (0, 0)), "mean: .* is neither"),
        (("tanh(a*tanh(b*x))", "x", list("ab"), (0, 0)), "mean: .* is neither"),
        (("a*tanh(b*x)**2", "x", list("ab"), (0, 0)), "mean: .* is neither"),
        (("a/(1 + x**2)", "x", ["a"], (0,)), "mean: .* is neither"),
    ],
)
def test_the_rest_is_refused_by_one_line(arguments, message):
    with pytest.raises(ValueError, match=message) as error:
        rlct_of_model(*arguments)
    assert "\n" not in str(error.value)
    assert isinstance(error.value, LearningCoefficientRefused) is ("neither" in message)
