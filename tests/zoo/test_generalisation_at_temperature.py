"""Generalisation at temperature: the numbers that were checked, the post's sentence, WAIC and WBIC."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import gamma

from slt_toys.exact.posterior_errors import draw_examples, expected_line_errors, line_errors, rank_one_errors
from slt_toys.reference.laws import law
from slt_toys.zoo import generalisation_at_temperature as zoo
from slt_toys.zoo.generalisation_at_temperature import (
    equations_of_state,
    learning_coefficient,
    limiting_fluctuation,
    mean_errors,
    regression_errors,
    wbic_law,
)
from slt_toys.zoo.model import mean_and_error
from tests.seeds import fresh_generator, fresh_seed

REPORTED = {  # β: ν, n B_g, n G_g of 1 500 data sets at n = 4 000 (errors of B_g .01)
    0.25: (0.146, 0.550, 1.133),
    1.0: (0.175, 0.252, 0.427),
    4.0: (0.223, 0.226, 0.282),
}


def test_learning_coefficients():
    told = {"mean": 0.5, "regression": 2, "square": 0.25, "square, prior |w|": 0.5, "product": 0.5, "rank one": 1}
    assert {model: learning_coefficient(model) for model in told} == told


@pytest.mark.parametrize("beta", list(REPORTED))
def test_the_numbers_reported_for_the_square(beta):
    """Within five standard errors of 1 500 data sets, and of the reported ones, which had as many."""
    found = line_errors("square", beta, draw_examples(4000, 1500, fresh_seed()))
    exact = expected_line_errors("square", beta, 4000)
    for name, reported in zip(("fluctuation", "bayes", "gibbs"), REPORTED[beta], strict=True):
        value, error = mean_and_error(getattr(found, name))
        assert abs(value - reported) < 5 * np.sqrt(2) * error + 5e-4
        assert abs(value - exact[name]) < 5 * error and abs(exact[name] - reported) < 5 * error + 5e-4
        regular = {"fluctuation": 0.5, "gibbs": 0.5 * (1 + 1 / beta)}
        assert name == "bayes" or abs(value - regular[name]) > 12 * error


@pytest.mark.parametrize("model", ["square", "square, prior |w|"])
@pytest.mark.parametrize("beta", [0.1, 0.25, 1.0, 4.0, 20.0])
def test_the_equations_of_state_of_exact_means(model, beta):
    """All four errors at n = 10⁶, with λ of the theorem and ν at the same n.

    [eq:gibbs-generalisation-error], [eq:gibbs-training-error], [eq:bayes-generalisation-error] and
    [eq:bayes-training-error].
    """
    found = expected_line_errors("square", beta, 10**6, 1.0 if "|w|" in model else 0.0)
    told = equations_of_state(model, beta, found["fluctuation"])
    for name in ("bayes", "gibbs", "bayes_training", "gibbs_training", "waic"):
        assert found[name] == pytest.approx(told[name], abs=2e-3 / beta)
    wrong = equations_of_state(model, beta, learning_coefficient(model))  # as if regular
    assert abs(found["gibbs"] - wrong["gibbs"]) > 0.005


def test_the_hot_and_cold_limits_of_the_singular_fluctuation():
    """[eq:one-sided-fluctuation] and 1/4."""
    for model in ("square", "square, prior |w|"):
        coefficient = learning_coefficient(model)
        hot = law("one-sided-fluctuation")(learning_coefficient=coefficient)
        assert hot == pytest.approx(coefficient - (gamma(coefficient + 0.5) / gamma(coefficient)) ** 2)
        assert limiting_fluctuation(model, 1e-4) == pytest.approx(hot, abs=2e-3)
        assert limiting_fluctuation(model, 300.0) == pytest.approx(0.25, abs=0.01)


@pytest.mark.parametrize(("variance", "precision"), [(1.0, 0.0), (1.5, 0.0), (1.0, 5.0), (2.0, 3.0)])
def test_the_mean_of_normal_examples(variance, precision):
    """[eq:gaussian-mean-bayes-error], [eq:gaussian-mean-gibbs-error], [eq:gaussian-mean-fluctuation], at n = 20."""
    beta, examples = 0.5, draw_examples(20, 4000, fresh_seed())
    found = mean_errors(beta, examples, variance, precision)
    for error in ("bayes", "gibbs", "fluctuation"):
        value, reach = mean_and_error(getattr(found, error))
        assert abs(value - zoo._mean_law(error, beta, 20, precision, variance)) < 5 * reach
        assert abs(value - zoo._mean_law(error, 2 * beta, 20, precision, variance)) > 5 * reach or error != "gibbs"
    if variance == 1 and precision == 0:
        by_quadrature = line_errors("mean", beta, examples)
        for error in ("bayes", "gibbs", "bayes_training", "gibbs_training", "fluctuation"):
            np.testing.assert_allclose(getattr(found, error), getattr(by_quadrature, error), atol=1e-5)


def test_the_law_of_the_mean_is_the_one_it_was_checked_with():
    """SCIENCE's control: B_g = (d/2)[ln(1 + 1/(nβ)) + (1 + 1/n)/(1 + 1/(nβ)) - 1]."""
    for n, beta, d in ((5, 0.3, 2), (100, 4.0, 3)):
        v = 1 / (n * beta)
        told = law("gaussian-mean-bayes-error")(
            parameter_count=d, sample_size=n, inverse_temperature=beta, prior_precision=0, true_variance=1,
            true_mean_square=0,
        )  # fmt: skip
        assert told == pytest.approx(d / 2 * (np.log1p(v) + (1 + 1 / n) / (1 + v) - 1), rel=1e-12)


def test_linear_regression():
    """The Gibbs error is exact [eq:regression-gibbs-error]; β moves the Bayes error by less than a tenth of λ."""
    size, inputs = 300, 4
    hot, cold = regression_errors((0.25, 4.0), size, inputs, 600, fresh_seed(), new=100)
    for errors, beta in ((hot, 0.25), (cold, 4.0)):
        told = size * law("regression-gibbs-error")(parameter_count=inputs, sample_size=size, inverse_temperature=beta)
        value, reach = mean_and_error(errors.gibbs)
        assert abs(value - told) < 5 * reach
    change, reach = mean_and_error(cold.bayes - hot.bayes)
    assert abs(change) < 0.1 * 2 + 5 * reach and hot.gibbs.mean() - cold.gibbs.mean() > 7


def test_regression_is_that_of_its_weights():
    """All errors of one data set by brute force over one weight, at the same new inputs."""
    seed, size, beta = fresh_seed(), 15, 0.5
    (found,) = regression_errors((beta,), size, 1, 2, seed, prior_precision=0.7, new=400)
    random = np.random.default_rng([seed, size, 1])
    x, y = random.standard_normal((2, size, 1))[0, :, 0], random.standard_normal((2, size))[0]
    fresh = random.standard_normal((2, 400, 1))[0, :, 0]
    w = np.linspace(-5, 5, 801)
    logs = -((y[:, None] - x[:, None] * w) ** 2 - y[:, None] ** 2) / 2
    weights = np.exp(beta * logs.sum(0) - 0.35 * w**2)
    weights /= weights.sum()
    assert float(found.gibbs[0]) == pytest.approx(size * (w**2 @ weights) / 2, rel=1e-6)
    assert float(found.bayes_training[0]) == pytest.approx(-np.log(np.exp(logs) @ weights).sum(), rel=1e-6)
    assert float(found.gibbs_training[0]) == pytest.approx(-(logs @ weights).sum(), rel=1e-6)
    variance = ((logs**2) @ weights - (logs @ weights) ** 2).sum()
    assert float(found.fluctuation[0]) == pytest.approx(beta / 2 * variance, rel=1e-6)
    z = np.linspace(-7, 7, 41)
    chance = np.exp(-(z**2) / 2) / np.exp(-(z**2) / 2).sum()
    predicted = [np.log(np.exp(np.outer(z, a * w) - (a * w) ** 2 / 2) @ weights) @ chance for a in fresh]
    assert float(found.bayes[0]) == pytest.approx(-size * np.mean(predicted), rel=1e-4)


def test_the_rank_one_map():
    """λ = 1 at β = 1; the equations of state with the measured ν at other β; a hot posterior predicts better."""
    noise = fresh_generator().standard_normal((400, 3, 2))
    found = {beta: rank_one_errors(beta, 10**5, noise) for beta in (0.25, 1.0, 4.0)}
    for beta, errors in found.items():
        value, reach = mean_and_error(errors.bayes - equations_of_state("rank one", beta, errors.fluctuation)["bayes"])
        assert abs(value) < 5 * reach + 0.01
    value, reach = mean_and_error(found[1.0].bayes)
    assert abs(value - 1) < 5 * reach and abs(value - 2) > 5 * reach  # 2: of a regular model of as many dimensions
    gain, reach = mean_and_error(found[4.0].bayes - found[0.25].bayes)
    assert gain > 1 + 2 * reach
    assert found[0.25].fluctuation.mean() > learning_coefficient("rank one")


def test_the_crossing_forgets_its_temperature_like_one_over_log():
    """n B_g at β = 1/4 and 4: both come to 1/2, their difference times log n stays."""
    apart = {}
    for n in (10**6, 10**12):
        hot, cold = (expected_line_errors("product", beta, n)["bayes"] for beta in (0.25, 4.0))
        assert hot < cold < 0.5
        apart[n] = (cold - hot) * np.log(n)
    assert apart[10**12] == pytest.approx(apart[10**6], rel=0.1) and apart[10**12] > 1


def test_waic_has_the_mean_of_the_bayes_error_and_not_its_value():
    examples = draw_examples(1000, 1500, fresh_seed())
    for family in ("square", "product"):
        for beta in (0.5, 1.0):
            found = line_errors(family, beta, examples)
            value, reach = mean_and_error(found.waic - found.bayes)
            assert abs(value) < 5 * reach + 0.01
            if beta == 1:
                assert np.corrcoef(found.waic, found.bayes)[0, 1] < -0.9
            training, reach = mean_and_error(found.bayes_training - found.bayes)
            assert training < -5 * reach  # without the correction it is too low


def test_wbic():
    """[eq:wbic-mean]: λ log n - ν of the square, by quadrature and by data sets; its slope in log n is λ."""
    sizes = (10**3, 10**6)
    exact = [expected_line_errors("square", float(1 / np.log(n)), n)["gibbs_training"] for n in sizes]
    for n, value in zip(sizes, exact, strict=True):
        assert value == pytest.approx(wbic_law(n)[0], abs=0.02)
    slope = (exact[1] - exact[0]) / np.log(sizes[1] / sizes[0])
    assert slope == pytest.approx(0.25, abs=0.01)
    found = line_errors("square", float(1 / np.log(1000)), draw_examples(1000, 1500, fresh_seed())).gibbs_training
    value, reach = mean_and_error(found)
    assert abs(value - exact[0]) < 5 * reach
    free = [-expected_line_errors("square", 1.0, n)["log_evidence"] for n in sizes]
    assert (free[1] - free[0]) / np.log(sizes[1] / sizes[0]) == pytest.approx(0.25, abs=0.005)
