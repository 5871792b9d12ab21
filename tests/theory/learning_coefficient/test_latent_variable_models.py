"""Learning coefficients of mixtures and factor analysis against quadrature, linear programming and ranks."""

from __future__ import annotations

from itertools import combinations
from typing import Any

import numpy as np
import pytest
import sympy
from scipy import optimize
from sympy import Rational

from tests.seeds import fresh_generator
from theory.learning_coefficient import rlct as ask
from theory.learning_coefficient.engine import LearningCoefficientRefused, rlct
from theory.learning_coefficient.latent_variable_models import factor_analysis, gaussian_mixture

INEXACT: Any = 1.5
half = Rational(1, 2)
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
WEIGHTS = WEIGHTS / WEIGHTS.sum()


def divergence_to_mixture(weights, means):
    """Kullback-Leibler divergence of N(0, 1) to a unit-variance mixture, by Gauss-Hermite quadrature."""
    ratio = sum(
        w[..., None] * np.expm1(b[..., None] * NODES - b[..., None] ** 2 / 2)
        for w, b in zip(weights, means, strict=True)
    )
    series = ratio**2 / 2 - ratio**3 / 3 + ratio**4 / 4 - ratio**5 / 5
    return np.where(np.abs(ratio) < 1e-3, series, ratio - np.log1p(ratio)) @ WEIGHTS


def test_known_mixtures():
    one, two = gaussian_mixture(1), gaussian_mixture(2)
    assert (one.value, one.multiplicity) == (Rational(1, 2), 2)
    assert (two.value, two.multiplicity) == (Rational(3, 4), 1)
    assert "worst point" in one.certificate[-1] and "worst point" in two.certificate[-1]


def test_the_moments_obey_the_recursion_of_the_certificate():
    a, b, c = sympy.symbols("a b c")
    moments = [(1 - a) * b**k + a * c**k for k in range(12)]
    for k in range(10):
        assert sympy.expand(moments[k + 2] - (b + c) * moments[k + 1] + b * c * moments[k]) == 0
    u = sympy.Symbol("u")
    b_of_u = (u - a * c) / (1 - a)
    assert sympy.simplify((b * c).subs(b, b_of_u).subs(u, 0) + a * c**2 / (1 - a)) == 0


def test_the_divergence_is_comparable_with_the_squared_generators():
    # Along random approaches to the minimum set the ratio stays within fixed bounds: the ideal is the right one.
    rng = fresh_generator()
    size = 4000
    scale = 10.0 ** rng.uniform(-4, -0.3, (2, size))
    a = rng.uniform(0, 0.7, size) * 10.0 ** -rng.uniform(0, 4, size)
    b, u = rng.choice([-1, 1], size) * scale[0], rng.normal(size=size) * scale[1] * scale[0]
    first = (u - a * b) / (1 - a)
    ratio = divergence_to_mixture((1 - a, a), (first, b)) / (u**2 + (first * b) ** 2)
    assert ratio.min() > 0.02 and ratio.max() < 5
    # Negative control: the generator p_1 alone does not bound the divergence.
    alone = divergence_to_mixture((1 - a, a), (first, b)) / u**2
    assert alone.max() > 1e3


def test_partition_function_of_the_mixture_with_one_free_mean():
    line = np.arange(-40, 12, 0.2)
    a = 1 / (1 + np.exp(-line))
    b = np.exp(np.arange(-36, 1.4, 0.2))
    measure = (a * (1 - a))[:, None] * (b * np.exp(-b * b / 2))[None, :]
    grid = np.broadcast_arrays(a[:, None], b[None, :])
    divergence = np.stack([divergence_to_mixture((x,), (y,)) for x, y in zip(*grid, strict=True)])
    logs = np.array([14.0, 17.0, 20.0, 23.0])
    scaled = np.array([np.sum(measure * np.exp(-np.exp(t) * divergence)) for t in logs]) * np.exp(logs / 2)
    slopes = np.diff(scaled)
    assert np.all(slopes > 0.02 * scaled[:-1])  # multiplicity 2: grows like log n
    assert abs(slopes[-1] / slopes[-2] - 1) < 0.002  # and exactly linearly


def test_partition_function_of_the_mixture_with_two_free_means():
    # The chi-square distance sum_ij w_i w_j (exp(b_i b_j) - 1) is comparable with the divergence and explicit.
    def partition_function(log_n):
        root, z, t = np.exp(-log_n / 2), np.arange(-36, 36.01, 0.3), np.arange(-40, 12.01, 0.4)
        a = (0.5 / (1 + np.exp(-t)))[:, None, None]
        u, b = (root * np.sinh(z))[None, :, None], (np.sqrt(root) * np.sinh(z))[None, None, :]
        first = (u - a * b) / (1 - a)
        cross = (1 - a) ** 2 * np.expm1(np.minimum(first**2, 50)) + a * a * np.expm1(np.minimum(b * b, 50))
        with np.errstate(over="ignore"):
            distance = cross + 2 * a * (1 - a) * np.expm1(np.clip(first * b, -50, 50))
        measure = a * (1 - 2 * a) * np.cosh(z)[:, None] * np.cosh(z)[None, :] * root**1.5 / (1 - a)
        return np.sum(measure * np.exp(-(first**2 + b * b) / 2 - np.exp(log_n) * np.maximum(distance, 0)))

    slopes = np.diff([np.log(partition_function(t)) for t in (22.0, 25.0, 28.0)]) / 3
    value = float(gaussian_mixture(2).value)
    assert np.all(np.abs(-slopes / value - 1) < 0.002)


@pytest.mark.parametrize("means", [2, 3, 4, 7])
def test_many_means(means):
    result = gaussian_mixture(means)
    assert (result.value, result.multiplicity) == (Rational(means + 1, 4), 1)
    assert any("moments" in sentence for sentence in result.certificate)


def _moments_of_three(weights, highest=3):
    places = sympy.symbols("b1:4", real=True)
    moments = [sum(u * b**k for u, b in zip(weights, places, strict=True)) for k in range(1, highest + 1)]
    return [sympy.expand(p) for p in moments], places


@pytest.mark.parametrize(
    "shares", [(0, 0), (0, Rational(1, 3)), (Rational(1, 3), Rational(1, 3)), (Rational(1, 4), half)]
)
def test_three_means_from_the_ideal_of_their_moments(shares):
    """Blow-ups of (p_1, p_2, p_3) on the simplex of weights, at means zero: another proof of the same."""
    w, x = sympy.symbols("w x", real=True)
    moments, places = _moments_of_three((1 - sum(shares) - w - x, shares[0] + w, shares[1] + x))
    boundaries = [c >= 0 for c, share in zip((w, x), shares, strict=True) if not share]
    found = ask(moments, (w, x, *places), domain=boundaries or None)
    known = gaussian_mixture(3)
    assert (found.value, found.multiplicity) == (known.value, known.multiplicity)


def test_weights_of_both_signs_are_another_model():
    """Where weights may be negative the second moment is no bound, and the multiplicity at weights 1, 0, 0 is 2."""
    w, x = sympy.symbols("w x", real=True)
    moments, places = _moments_of_three((1 - w - x, w, x))
    found = ask(moments, (w, x, *places))
    assert (found.value, found.multiplicity) == (1, 2)


@pytest.mark.parametrize("means", [3, 4])
def test_the_divergence_lies_between_multiples_of_the_normal_form(means):
    """u^2 + sum (a_i b_i^2)^2 against divergences by quadrature, for weights and means of all sizes."""
    rng = fresh_generator()
    count = 4000
    weights = 10 ** rng.uniform(-4, -1, (means - 1, count)) * (rng.random((means - 1, count)) < 0.8)
    places = rng.choice([-1, 1], (means - 1, count)) * 10 ** rng.uniform(-2, -0.3, (means - 1, count))
    first = 1 - weights.sum(axis=0)
    second = (weights * places**2).sum(axis=0)
    u = rng.choice([-1, 0, 1], count) * second * 10 ** rng.uniform(-1, 1, count)
    leading = (u - (weights * places).sum(axis=0)) / first
    kept = second > 1e-7
    divergence = divergence_to_mixture([first, *weights], [leading, *places])[kept]
    ratio = divergence / (u**2 + ((weights * places**2) ** 2).sum(axis=0))[kept]
    assert np.all((ratio > 0.02) & (ratio < 50))
    # With the last mean's weight left out of the form there is no such bound.
    less = divergence / (u**2 + ((weights[1:] * places[1:] ** 2) ** 2).sum(axis=0) + 1e-300)[kept]
    assert less.max() > 1e3


@pytest.mark.parametrize("observed", [1, 2, 3, 4, 5, 9])
def test_one_factor_at_independence(observed):
    result = factor_analysis(observed)
    expected = {1: (Rational(1, 2), 1), 2: (Rational(3, 2), 2)}.get(observed, (Rational(3 * observed, 4), 1))
    assert (result.value, result.multiplicity) == expected
    if 2 <= observed <= 4:
        x = sympy.symbols(f"x:{observed}")
        derived = rlct(sum(p**2 * q**2 for p, q in combinations(x, 2)), x, (0,) * observed)
        assert (derived.value + Rational(observed, 2), derived.multiplicity) == expected
    if observed >= 2:
        rows = np.array([[-2.0 * (i in pair) for i in range(observed)] for pair in combinations(range(observed), 2)])
        programme = optimize.linprog(np.ones(observed), rows, -np.ones(len(rows)))
        assert programme.fun == pytest.approx(float(result.value) - observed / 2)


@pytest.mark.parametrize("observed", [2, 3])
def test_partition_function_of_the_products_of_loadings(observed):
    # E exp(-n sum_(i<j) x_i^2 x_j^2), standard normal loadings: the last one exactly, the rest by quadrature.
    x = np.exp(np.arange(-90, 3, 0.15))
    weight = x * np.exp(-x * x / 2)

    def partition_function(log_n):
        n = np.exp(log_n)
        if observed == 2:
            return np.sum(weight / np.sqrt(1 + 2 * n * x**2))
        y = x[:, None]
        inside = np.exp(-n * y**2 * x**2) / np.sqrt(1 + 2 * n * (y**2 + x**2))
        return np.sum(weight[:, None] * weight * inside)

    result = factor_analysis(observed)
    logs = np.array([60.0, 66.0, 72.0, 78.0])
    scaled = np.array([partition_function(t) for t in logs])
    scaled *= np.exp(float(result.value - Rational(observed, 2)) * (logs - 78))
    assert abs(np.diff(scaled, result.multiplicity)[-1] / scaled[-1]) < 1e-4
    assert abs(np.diff(scaled, result.multiplicity - 1)[-1] / scaled[-1]) > 1e-2


@pytest.mark.parametrize("observed", [2, 3, 5])
def test_connected_truths_are_half_the_rank_of_the_covariance_map(observed):
    for connected in range(2, observed + 1):
        loadings = np.zeros(observed)
        loadings[:connected] = fresh_generator().uniform(0.5, 2, connected)
        columns = [np.diag(row) for row in np.eye(observed)]
        columns += [np.outer(row, loadings) + np.outer(loadings, row) for row in np.eye(observed)]
        upper = np.triu_indices(observed)
        rank = np.linalg.matrix_rank(np.array([column[upper] for column in columns]), tol=1e-8)
        result = factor_analysis(observed, connected)
        assert (result.value, result.multiplicity) == (Rational(int(rank), 2), 1)
        # Degenerate truths are learned with fewer effective parameters.
        assert result.value >= factor_analysis(observed).value


def test_two_factors_of_independent_variables():
    for arguments, expected in (
        ((2, 0, 2), (Rational(3, 2), 1)),
        ((3, 0, 2), (3, 3)),
        ((1, 0, 3), (Rational(1, 2), 1)),
    ):
        found = factor_analysis(*arguments)
        assert (found.value, found.multiplicity) == expected
        one, bound = factor_analysis(arguments[0]), Rational(arguments[0] * (arguments[2] - 1), 4)
        assert one.value <= found.value <= one.value + bound, "between one factor and the bound of a refusal"


def test_unsolved_models_are_refused_with_bounds():
    with pytest.raises(LearningCoefficientRefused, match=r"known bounds: 5/2 <= value <= 5$"):
        factor_analysis(5, factors=2)
    with pytest.raises(LearningCoefficientRefused, match=r"known bounds: 5/2 <= value <= 25/4$"):
        factor_analysis(5, 3, factors=2)
    with pytest.raises(LearningCoefficientRefused, match=r"known bounds: 1 <= value <= 3/2$"):
        factor_analysis(2, factors=9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: gaussian_mixture(0), "free_means: expected an integer >= 1, got 0"),
        (lambda: gaussian_mixture(INEXACT), "free_means: expected an integer >= 1, got 1.5"),
        (lambda: factor_analysis(0), "observed: expected an integer >= 1, got 0"),
        (lambda: factor_analysis(4, 1), "connected: expected 0 .independent variables. or 2 to observed = 4, got 1"),
        (lambda: factor_analysis(4, 5), "connected: expected 0 .independent variables. or 2 to observed = 4, got 5"),
        (lambda: factor_analysis(4, -1), "connected: expected an integer >= 0, got -1"),
        (lambda: factor_analysis(4, factors=0), "factors: expected an integer >= 1, got 0"),
    ],
)
def test_bad_input_gets_one_clear_line(call, message):
    with pytest.raises(ValueError, match=message) as error:
        call()
    assert "\n" not in str(error.value)


def test_as_many_factors_as_variables_reach_their_bound():
    # The submersion behind the bound d (d + 1)/4, at loadings that are orthogonal and not 0.
    observed = 4
    loadings = np.diag(fresh_generator().uniform(0.5, 2, observed))
    columns = [np.diag(row) for row in np.eye(observed)]
    for i, j in np.ndindex(observed, observed):
        change = np.zeros((observed, observed))
        change[i, j] = 1
        columns.append(change @ loadings.T + loadings @ change.T)
    upper = np.triu_indices(observed)
    assert np.linalg.matrix_rank(np.array([column[upper] for column in columns])) == observed * (observed + 1) // 2
