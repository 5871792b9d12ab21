"""Errors of posteriors: quadrature against closed forms, brute force over weights, and sums over real examples."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.exact import posterior_errors as pe
from slt_toys.exact.posterior_errors import draw_examples, expected_line_errors, line_errors, rank_one_errors
from slt_toys.reference.laws import law
from tests.seeds import fresh_generator, fresh_seed


@pytest.mark.parametrize("size", [3, 40, 4000])
@pytest.mark.parametrize("beta", [0.25, 1.0, 4.0])
def test_the_mean_of_normal_examples_in_closed_form(size, beta):
    found = expected_line_errors("mean", beta, size)
    given = dict(parameter_count=1, sample_size=size, inverse_temperature=beta, prior_precision=0, true_variance=1,
                 true_mean_square=0)  # fmt: skip
    assert found["bayes"] == pytest.approx(size * law("gaussian-mean-bayes-error")(**given), abs=1e-9)
    assert found["gibbs"] == pytest.approx(size * law("gaussian-mean-gibbs-error")(**given), abs=1e-9)
    assert found["fluctuation"] == pytest.approx(law("gaussian-mean-fluctuation")(**given), abs=1e-9)


def brute_force(f: np.ndarray, x: np.ndarray, beta: float) -> dict[str, float]:
    """Errors of one data set from weights drawn from the prior, one output f for each."""
    n = len(x)
    weights = np.exp(-beta * (n * f**2 / 2 - x.sum() * f))
    weights /= weights.sum()
    logs = x[:, None] * f - f**2 / 2
    new = np.linspace(-9, 9, 181)
    chance = np.exp(-(new**2) / 2)
    predicted = np.log(np.exp(new[:, None] * f - f**2 / 2) @ weights)
    return {
        "bayes": -n * (predicted @ chance) / chance.sum(),
        "gibbs": n * (f**2 @ weights) / 2,
        "bayes_training": -float(np.log(np.exp(logs) @ weights).sum()),
        "gibbs_training": -float((logs @ weights).sum()),
        "fluctuation": beta / 2 * float(((logs**2) @ weights - (logs @ weights) ** 2).sum()),
    }


@pytest.mark.parametrize(("family", "power"), [("square", 0.0), ("square", 1.0), ("product", 0.0)])
def test_errors_of_one_data_set_by_brute_force(family, power):
    """A grid of weights instead of nodes along f; twelve examples, each one's part in the sums."""
    x, beta = fresh_generator().standard_normal(12), 0.7
    if family == "square":
        w = (np.arange(20_000) + 0.5) / 20_000
        f = (w ** (1 / (power + 1))) ** 2  # weights of equal mass
    else:
        w = (np.arange(-200, 200) + 0.5) / 200
        f = np.outer(w, w).ravel()
    told = brute_force(f, x, beta)
    moments = np.array([x.sum() / np.sqrt(12)]), np.array([(x**2).sum()]), pe._polynomial_sums(x[None], pe.DEGREE)
    found = line_errors(family, beta, pe.Examples(12, *moments), power)
    for name, value in told.items():
        assert float(getattr(found, name)[0]) == pytest.approx(value, abs=2e-3 if family == "product" else 2e-4), name
    evidence = np.log(np.exp(-beta * (6 * f**2 - x.sum() * f)).mean())
    assert float(found.log_evidence[0]) == pytest.approx(evidence, abs=1e-3)


def test_means_over_data_sets_are_those_of_drawn_ones():
    examples = draw_examples(60, 3000, fresh_seed())
    for family in ("square", "product"):
        told = expected_line_errors(family, 0.5, 60)
        found = line_errors(family, 0.5, examples)
        for name, value in told.items():
            each = getattr(found, name)
            assert abs(each.mean() - value) < 5 * each.std() / np.sqrt(len(each)), (family, name)


def test_rank_one_by_brute_force():
    """Weights drawn from the prior, weighted by the likelihood; eight examples, four at each input."""
    random, n, beta, deviation = fresh_generator(), 8, 0.6, 1.0
    noise = random.standard_normal((3, 2))
    u, v = random.standard_normal((80_000, 3)), random.standard_normal((80_000, 2))
    maps = deviation**2 * u[:, :, None] * v[:, None, :]
    least = noise / np.sqrt(n)
    weights = np.exp(-n * beta * ((maps**2).sum((1, 2)) / 2 - (maps * least).sum((1, 2))))
    weights /= weights.sum()
    found = rank_one_errors(beta, n, noise[None], deviation)
    size = 1 / (weights**2).sum()
    norm = n * (maps**2).sum((1, 2)) / 2
    told = norm @ weights
    reach = 5 * np.sqrt(weights @ (norm - told) ** 2 / size)
    assert abs(float(found.gibbs[0]) - told) < reach
    excess = norm - n * (maps * least).sum((1, 2))
    spread = np.sqrt(weights @ (excess - excess @ weights) ** 2 / size)
    assert abs(float(found.gibbs_training[0]) - excess @ weights) < 5 * spread
    bayes, errors = [], []
    for y in random.standard_normal((12, 3)):
        for column in range(2):
            output = np.sqrt(2) * maps[:, :, column]
            likelihood = np.exp(output @ y - (output**2).sum(1) / 2)
            mean = likelihood @ weights
            bayes.append((column, y, np.log(mean)))
            errors.append(np.sqrt(weights @ (likelihood - mean) ** 2 / size) / mean)
    ours = [_log_predictive(beta, n, noise, deviation, column, y) for column, y, _ in bayes]
    gap = np.array(ours) - np.array([value for *_, value in bayes])
    assert (np.abs(gap) < 6 * np.array(errors) + 1e-9).all()


def _log_predictive(beta, n, noise, deviation, column, y):
    """By the same integral over the right vector's angle, on 100 angles and with numbers of its own."""
    angle = np.pi * np.arange(100) / 100
    b = np.stack([np.cos(angle), np.sin(angle)])
    s = np.linspace(1e-6, 30, 3001)[:, None]

    def integral(p, pull):
        length = np.linalg.norm(pull, axis=0)
        exponent = -s / (deviation**2 * np.sqrt(n)) - p * s**2 / 2 + s * length
        return (np.exp(exponent) * (1 - np.exp(-2 * s * length)) / (2 * length)).sum(axis=0).mean()

    moved = beta * noise @ b + np.sqrt(2 / n) * y[:, None] * b[column]
    return np.log(integral(beta + 2 * b[column] ** 2 / n, moved) / integral(beta * np.ones(100), beta * noise @ b))


def test_rank_one_errors_use_that_predictive_density():
    random, n, beta = fresh_generator(), 50, 0.6
    noise = random.standard_normal((3, 2))
    nodes, shares = pe._cube(3)
    told = -n / 2 * sum(
        w * _log_predictive(beta, n, noise, 1.0, column, y)
        for column in range(2) for y, w in zip(nodes, shares, strict=True)
    )  # fmt: skip
    assert float(rank_one_errors(beta, n, noise[None], 1.0).bayes[0]) == pytest.approx(told, rel=0.01, abs=0.01)


def test_at_beta_one_bayes_error_and_waic_of_a_data_set_add_up_to_twice_lambda():
    """Watanabe's law of their sum; for the rank-one map λ = 1, for y = w² λ = 1/4; at β = 2 it does not hold."""
    noise = fresh_generator().standard_normal((40, 3, 2))
    found = rank_one_errors(1.0, 10**5, noise)
    np.testing.assert_allclose(found.bayes + found.waic, 2.0, atol=0.01)
    square = line_errors("square", 1.0, draw_examples(4000, 40, fresh_seed()))
    np.testing.assert_allclose(square.bayes + square.waic, 0.5, atol=0.05)
    hot = rank_one_errors(2.0, 10**5, noise)
    assert np.ptp(hot.bayes + hot.waic) > 0.1
