"""Estimators side by side: they agree at regular minima, and must not where something is wrong."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import torch

from slt_toys import learning_coefficient_estimators
from slt_toys.learning_coefficient.deep_linear import deep_linear_problem, half_squared_error
from slt_toys.learning_coefficient.referee_problems import PROBLEMS
from slt_toys.learning_coefficient.rungs import NAMES
from slt_toys.reference.laws import law
from tests.seeds import fresh_seed


def found_for(name: str, examples: int = 100_000, **more: Any):
    problem = PROBLEMS[name](examples, fresh_seed() % 2**32)
    given: dict[str, Any] = {"seed": fresh_seed(), "draws": 120} | more
    return problem, learning_coefficient_estimators(
        problem.module, problem.loss, problem.data, examples=problem.examples, **given
    )


@pytest.mark.parametrize("name", ["linear regression", "columns from 1 to 1/10 000"])
def test_they_agree_at_a_regular_minimum(name):
    problem, found = found_for(name)
    assert found.agree and found.verdict == "agree", found
    for estimator in NAMES:
        value, error = found.estimate(estimator)
        assert abs(value - problem.exact) < 7 * error, estimator
        assert error < 0.25 * problem.exact
    assert found.dataset["logarithm_chance"].values[0] > 1e-5, "multiplicity one"
    assert str(found).splitlines()[-1] == "agree" and "thermodynamic integration" in str(found)


def test_wbic_fluctuation_and_waic_of_a_linear_regression_are_those_of_its_normal_posterior():
    """For given data the posterior is normal, and every variance of an example's loss is known."""
    problem, found = found_for("a wrong linear model", draws=240)
    (inputs, targets), n = problem.data, problem.examples
    x = inputs.numpy()
    with torch.no_grad():
        residual = (targets - problem.module(inputs)).numpy().ravel()
    moments = x.T @ x / len(x)
    at = np.einsum("ij,jk,ik->i", x, np.linalg.inv(moments), x) / n  # variance of an example's output at nβ = n
    nu = n / 2 * float((residual**2 * at + at**2 / 2).mean())
    values = found.dataset
    # The localisation, a hundredth of the hottest rung's stiffness, takes less than that of the variances.
    off = abs(float(values["singular_fluctuation"]) - nu)
    assert off < 6 * float(values["singular_fluctuation_error"]) + 0.01 * nu
    assert abs(nu - problem.exact) > 0.5 * problem.exact, "the control: where the model is wrong ν is not λ"
    loss = float((residual**2).mean() / 2)
    predictive = float((np.log(1 + at) / 2 + residual**2 / (1 + at) / 2).mean())
    assert float(values["waic"]) == pytest.approx(predictive + 2 * nu / n, abs=6 * float(values["waic_error"]) + 1e-7)
    assert abs(float(values["wbic"]) - n * loss - problem.exact * np.log(n)) < 6 * float(values["wbic_error"])


@pytest.mark.slow
def test_at_a_crossing_they_follow_the_exact_laws_and_raise_the_alarm():
    problem = deep_linear_problem((1, 1, 1), 0, noise=0.0, minimum="crossing", seed=1)
    n_betas = np.geomspace(1.0, 1e3, 4)
    found = learning_coefficient_estimators(
        problem.module, half_squared_error, (problem.inputs, problem.targets), n_betas=n_betas, localisation=1.0,
        chains=48, draws=250, example_losses=False, seed=fresh_seed(),
    )  # fmt: skip
    curvature = float(problem.inputs.square().mean())

    def energy(n_beta):
        return law("crossing-energy")(n_beta=n_beta, curvature=curvature, localisation=1.0)

    exact = np.array([energy(n_beta) for n_beta in n_betas])
    slope = np.array([(energy(1.01 * n_beta) - energy(n_beta / 1.01)) / (2 * np.log(1.01)) for n_beta in n_betas])
    values = found.dataset
    assert (np.abs(values["energy"].values - exact) < 6 * values["energy_error"].values).all()
    value, error = found.estimate("loss variance")
    assert abs(value - (exact - slope)[0]) < 6 * error
    assert not found.agree and "energy mean, coldest says" in found.verdict
    assert found.multiplicity is None or found.multiplicity > 1


def test_frozen_directions_raise_the_alarm():
    """A hundredth of the largest stiffness for every direction holds the soft ones of this regression."""
    problem = PROBLEMS["columns from 1 to 1/100"](10_000, fresh_seed() % 2**32)
    found = learning_coefficient_estimators(
        problem.module, problem.loss, problem.data, examples=problem.examples, seed=fresh_seed(), draws=300,
        localisation=0.01 * 10_000 / np.log(10_000), example_losses=False,
    )  # fmt: skip
    assert not found.agree, found
    assert found.estimate("energy mean")[0] < 0.8 * problem.exact


def test_a_start_above_the_minimum_raises_no_alarm_where_the_loss_is_quadratic():
    """Its height is known, and the estimators that need no loss at the start are not moved."""
    problem = PROBLEMS["linear regression"](10_000, fresh_seed() % 2**32)
    with torch.no_grad():
        next(problem.module.parameters()).add_(0.02)
    found = learning_coefficient_estimators(
        problem.module, problem.loss, problem.data, examples=problem.examples, seed=fresh_seed(), draws=120,
        example_losses=False,
    )  # fmt: skip
    for estimator in ("loss variance", "regression over temperatures", "energy mean", "energy mean, coldest"):
        value, error = found.estimate(estimator)
        assert abs(value - problem.exact) < 7 * error, estimator
    assert float(found.dataset["energy"].values[-1]) < 0.5, "the control: as sampled the energy is far below λ"


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"sampler": "sgld"}, "sampler: 'sgld' must be 'hmc' or 'mala'"),
        ({"chains": 4}, "chains: 4 is too few; it must be at least 8"),
        ({"n_betas": [100.0]}, "n_betas: .* at least two positive numbers, rising"),
        ({"n_betas": [100.0, 10.0]}, "n_betas: .* rising"),
        ({"localisation": -1.0}, "localisation: -1.0 must be a positive number"),
        ({"examples": 10}, "examples: rungs from n/log n to n need at least 20, got 10"),
        ({"example_losses": 1}, "example_losses must be True or False"),
        ({"batch_norm": "batch"}, "example_losses: with statistics of a batch"),
    ],
)
def test_bad_input_takes_one_line(given, words):
    problem = PROBLEMS["linear regression"](1000, 0)
    with pytest.raises(ValueError, match=words) as raised:
        learning_coefficient_estimators(problem.module, problem.loss, problem.data, **given)
    assert "\n" not in str(raised.value)
