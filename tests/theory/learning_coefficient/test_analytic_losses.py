"""Losses that are no polynomials: units, coordinates, divergences, and what is still refused."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from sympy import Rational, cos, cosh, erf, exp, lambdify, log, sin, sqrt, symbols, tanh

from tests.seeds import fresh_generator
from theory.learning_coefficient import LearningCoefficientRefused, rlct
from theory.learning_coefficient.analytic_losses import NoIdealError, ideal_of_loss

a, b, c, d, x, y, z = symbols("a b c d x y z", real=True)
half, quarter, third = Rational(1, 2), Rational(1, 4), Rational(1, 3)


def _divergence(truth, model):
    return sum(p * log(p / q) for p, q in zip(truth, model, strict=True))


def _softmax(logits):
    whole = sum(exp(u) for u in logits)
    return [exp(u) / whole for u in logits]


KNOWN = [
    ((a * tanh(b)) ** 2, (half, 2)),
    (_divergence([half, half], [half + x * y, half - x * y]), (half, 2)),
    (x**2 * y**2 / (1 + y**2), (half, 2)),
    (1 - cos(x * y) + x**2, (half, 1)),
    (x**2 + y**2 * (1 - cos(x * y)), (half, 1)),
    (_divergence([third] * 3, _softmax([x * y, x * y**2, 0 * x])), (half, 2)),
    (_divergence([third] * 3, _softmax([x * y, y * z, z * x])), (Rational(3, 4), 1)),
    ((a * erf(b) + c) ** 2, (half, 1)),
    ((a * tanh(b) + c * tanh(d)) ** 2, (half, 1)),
    ((exp(x * y) - 1) ** 2 + (sin(x) * y) ** 2, (half, 2)),
    (1 - exp(-((x * y) ** 2)), (half, 2)),
    (log(1 + (x**2 - y**3) ** 2), (Rational(5, 12), 1)),
    (cosh(x * y * z) - 1, (half, 3)),
    (_divergence([half, half], [half + a * tanh(b) / 2, half - a * tanh(b) / 2]), (half, 2)),
    (x * y - log(1 + x * y), (half, 2)),
    (exp(x) * y**2, (half, 1)),
    ((exp(a * b) - 1) ** 4 * (2 + cos(a)), (quarter, 2)),
    (sqrt(1 + x**2 * y**4) - 1, (quarter, 1)),
]


@pytest.mark.parametrize("number", range(len(KNOWN)))
def test_known_losses(number):
    loss, expected = KNOWN[number]
    found = rlct(loss)
    assert (found.value, found.multiplicity) == expected
    assert any("positive multiples" in s or "Hessian" in s for s in found.certificate)


@pytest.mark.parametrize("number", range(len(KNOWN)))
def test_the_ideal_bounds_the_loss_both_ways(number):
    loss, _ = KNOWN[number]
    names = sorted(loss.free_symbols, key=str)
    generators, moved, sentences = ideal_of_loss(loss, names, (sympy.Integer(0),) * len(names))
    assert not any(moved) and sentences
    if "is a coordinate" in " ".join(sentences):  # the generators are then in new coordinates
        return
    near = fresh_generator().uniform(-0.2, 0.2, size=(len(names), 400))
    high, below = (
        np.array([float(lambdify(names, f, "mpmath")(*place)) for place in near.T])
        for f in (loss, sum(g**2 for g in generators))
    )
    seen = below > 1e-9  # what is smaller is lost in rounding
    ratio = high[seen] / below[seen]
    assert seen.sum() > 3 and ratio.min() > 0 and ratio.max() / ratio.min() < 30


def test_sums_of_squares_are_solved_as_ideals():
    for loss, expected in (
        ((x**2 + y**2 - z**2) ** 2 + x**6, (Rational(2, 3), 2)),
        ((a * b + c * d) ** 2 + 3 * (a * b**2 + c * d**2) ** 2, (Rational(3, 4), 1)),
    ):
        found = rlct(loss)
        assert (found.value, found.multiplicity) == expected
        assert any("positive multiples" in s for s in found.certificate)
    # The prior is kept, and weighs the plane x = 0.
    weighed = rlct((x**2 + y**2 - z**2) ** 2 + x**6, prior="abs(x)")
    assert weighed.value > Rational(2, 3)


def test_away_from_the_origin():
    assert (rlct(((tanh(a) - tanh(sympy.Integer(1))) * b) ** 2, (a, b), (1, 0)).multiplicity) == 2
    assert rlct((exp(x * y) - sympy.E) ** 2, (x, y), (1, 1)).value == half
    assert rlct((exp(x * y) - 1) ** 2 * x**2, (x, y), (0, 1)).value == quarter


@pytest.mark.parametrize(
    "loss",
    [
        x**3 * exp(y),
        1 - exp(x**2 * y**2),
        sin(x * y),
        x**2 * y**2 * cos(x) - x**2 * y**2,
        -(x**2) * y**2 / (1 + y**2),
        (x + sin(y)) ** 2 + x**2 * y - cos(x * y) + 1 - x * sin(y**3),
        sympy.Abs(x * y) + exp(x) - 1,
    ],
)
def test_what_is_not_seen_is_refused(loss):
    names = sorted(loss.free_symbols, key=str)
    with pytest.raises(NoIdealError):
        ideal_of_loss(loss, names, (sympy.Integer(0),) * len(names))
    with pytest.raises(LearningCoefficientRefused) as error:
        rlct(loss)
    assert "\n" not in str(error.value)


def test_a_vanishing_prior_is_not_dropped():
    with pytest.raises(LearningCoefficientRefused):
        rlct((a * tanh(b)) ** 2, prior="abs(a)")
