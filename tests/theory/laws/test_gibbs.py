"""Conditional laws of a quadratic coordinate: quadrature, and sweeps that must leave the joint normal law as it is."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import integrate
from scipy.linalg import solve_discrete_lyapunov

from tests.seeds import fresh_generator
from theory.derivation import DerivationError


@settings(max_examples=25, deadline=None)
@given(st.floats(0.05, 20.0), st.floats(-5.0, 5.0), st.floats(0.01, 3.0))
def test_mean_and_variance_by_quadrature(evaluate, quadratic, linear, temperature):
    mean = evaluate("gibbs-conditional-mean", quadratic_coefficient=quadratic, linear_coefficient=linear)
    variance = evaluate("gibbs-conditional-variance", quadratic_coefficient=quadratic, temperature=temperature)
    lowest = -linear / (2 * quadratic)  # only to place the range of integration
    reach = 12 * np.sqrt(temperature / quadratic)

    def weight(w: float) -> float:
        return np.exp(-(quadratic * (w**2 - lowest**2) + linear * (w - lowest)) / temperature)

    ends = (lowest - reach, lowest + reach)
    total = integrate.quad(weight, *ends, limit=200)[0]
    first = integrate.quad(lambda w: (w - lowest) * weight(w), *ends, limit=200)[0] / total
    second = integrate.quad(lambda w: (w - lowest) ** 2 * weight(w), *ends, limit=200)[0] / total
    assert mean - lowest == pytest.approx(first, abs=1e-9 * reach)
    assert variance == pytest.approx(second - first**2, rel=1e-8)


def sweep_law(evaluate, hessian: np.ndarray, slope: np.ndarray, temperature: float, variances=None):
    """Stationary mean and covariance of sweeps x_j <- law given the others, as an autoregression."""
    d = len(slope)
    move, shift, noise = np.eye(d), np.zeros(d), np.zeros((d, d))
    for j in range(d):
        one, offset = np.eye(d), np.zeros(d)
        quadratic = hessian[j, j] / 2
        given_at = [evaluate("gibbs-conditional-mean", quadratic_coefficient=quadratic, linear_coefficient=linear)
                    for linear in (slope[j], slope[j] + 1)]  # fmt: skip
        # The mean is affine in the linear coefficient g_j + sum of H_jk x_k.
        one[j] = (given_at[1] - given_at[0]) * np.where(np.arange(d) == j, 0, hessian[j])
        offset[j] = given_at[0]
        move, shift, noise = one @ move, one @ shift + offset, one @ noise @ one.T
        law = evaluate("gibbs-conditional-variance", quadratic_coefficient=quadratic, temperature=temperature)
        noise[j, j] += law if variances is None else variances[j]
    return np.linalg.solve(np.eye(d) - move, shift), solve_discrete_lyapunov(move, noise)


@pytest.mark.parametrize("dimension", [2, 3, 5])
def test_sweeps_keep_the_normal_law_of_a_block(evaluate, dimension):
    random = fresh_generator()
    factor = random.normal(size=(dimension, dimension))
    hessian, slope, temperature = factor @ factor.T + np.eye(dimension), random.normal(size=dimension), 0.3
    mean, covariance = sweep_law(evaluate, hessian, slope, temperature)
    np.testing.assert_allclose(mean, -np.linalg.solve(hessian, slope), rtol=1e-9, atol=1e-9)
    exact = temperature * np.linalg.inv(hessian)
    np.testing.assert_allclose(covariance, exact, rtol=1e-8, atol=1e-10)
    # Negative control: drawing with the variance that has the rest of the block integrated out widens the law.
    _, wide = sweep_law(evaluate, hessian, slope, temperature, np.diag(exact))
    coupled = np.diag(exact) * np.diag(hessian) / temperature  # 1 for a coordinate that nothing couples
    assert np.trace(wide) > np.trace(exact) * (1 + 0.1 * (coupled.max() - 1)) and coupled.max() > 1


def test_a_wrong_completion_of_the_square_does_not_close(monkeypatch):
    import theory.laws.gibbs as gibbs

    right = gibbs.conditional_loss()
    gibbs.conditional_moments.cache_clear()
    monkeypatch.setattr(gibbs, "conditional_loss", lambda: 2 * right)
    with pytest.raises(DerivationError, match="completed square"):
        gibbs.conditional_moments()
