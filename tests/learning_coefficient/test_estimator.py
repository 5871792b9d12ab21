"""Estimates of learning coefficients against theorems, an exact Gibbs sampler and regular models."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from slt_toys.learning_coefficient import curvature as curvature_spectrum
from slt_toys.learning_coefficient.deep_linear import deep_linear_problem, half_squared_error
from slt_toys.learning_coefficient.estimator import local_learning_coefficient
from slt_toys.learning_coefficient.verdict import burn_in_of
from tests.learning_coefficient.exact_gibbs import gibbs_energies
from tests.learning_coefficient.made_modules import estimate
from tests.seeds import fresh_seed


def regression(weights=(1.0, -2.0, 0.5), examples=400, off=0.0):
    """Linear regression at its least squares solution, or off it; nβ-free learning coefficient 3/2."""
    rng = np.random.default_rng(7)
    x = torch.from_numpy(rng.standard_normal((examples, len(weights)))) * torch.tensor([1.0, 0.5, 2.0])
    y = x @ torch.tensor(weights, dtype=torch.float64)[:, None] + torch.from_numpy(rng.standard_normal((examples, 1)))
    module = nn.Linear(len(weights), 1, bias=False).double()
    with torch.no_grad():
        module.weight.copy_(torch.linalg.lstsq(x, y).solution.mT + off)
    return module, (x, y)


# ---- deep linear networks ----


@pytest.mark.parametrize(("sampler", "draws"), [("hmc", 250), pytest.param("mala", 1500, marks=pytest.mark.long)])
def test_posterior_energy_at_a_crossing_against_exact_gibbs(sampler, draws):
    """Where the loss is of fourth order the quadratic knows nothing: an exact sampler does."""
    seed = fresh_seed()
    problem = deep_linear_problem((3, 2, 3), 1, examples=500, minimum="crossing", seed=seed)
    found = estimate(problem, sampler=sampler, localisation=10.0, chains=24, draws=draws, seed=seed)
    first, second = (factor.detach().numpy() for factor in problem.module.factors)

    def gibbs(localisation: float) -> tuple[float, float]:
        energies = gibbs_energies(
            first, second, problem.inputs.numpy(), problem.targets.numpy(), n_beta=found.n_beta,
            localisation=localisation, chains=24, sweeps=250, rng=np.random.default_rng(seed + 1),
        )[:, 50:]  # fmt: skip
        return float(energies.mean()), float(energies.mean(1).std(ddof=1)) / np.sqrt(len(energies))

    exact, error = gibbs(10.0)
    both = np.hypot(error, found.standard_error)
    assert abs(found.posterior_energy - exact) < 5 * both
    assert abs(found.posterior_energy - gibbs(400.0)[0]) > 12 * both, "the localisation is seen"


def test_a_start_without_curvature_is_left_without_blowing_up():
    problem = deep_linear_problem((1, 1, 1), 0, noise=0.0, minimum="crossing", seed=1)
    for localisation in (None, 1.0):
        found = estimate(problem, n_beta=10.0, localisation=localisation, draws=40, seed=fresh_seed())
        assert np.isfinite(found.energies).all() and found.verdict.startswith("doubt")


def test_a_start_without_curvature_needs_a_localisation_where_directions_are_not_known(monkeypatch):
    monkeypatch.setattr(curvature_spectrum, "EXACT_UP_TO", 0)
    problem = deep_linear_problem((1, 1, 1), 0, noise=0.0, minimum="crossing", seed=1)
    with pytest.raises(ValueError, match=r"^module: the loss has no positive curvature .* give localisation$"):
        estimate(problem, n_beta=10.0)


# ---- regular models ----


@pytest.mark.parametrize("sampler", ["hmc", "mala", "sgld", "preconditioned sgld"])
def test_regular_model(sampler):
    module, data = regression()
    draws = {"hmc": 150, "mala": 300}.get(sampler, 1500)
    found = local_learning_coefficient(
        module, half_squared_error, data, sampler=sampler, draws=draws, seed=fresh_seed()
    )
    assert abs(found.estimate - 1.5) < 5 * found.standard_error
    assert found.standard_error < 0.15
    # The quadratic is exact here: the raw energy is what it predicts.
    assert abs(found.posterior_energy - found.quadratic_energy - found.step_bias) < 5 * found.standard_error
    assert found.start_excess == pytest.approx(0, abs=1e-9)


def test_a_large_step_is_corrected_by_its_closed_form():
    module, data = regression()
    plain = local_learning_coefficient(module, half_squared_error, data, draws=20, seed=1)
    step = 2.5 / (plain.n_beta * plain.largest_curvature)
    found = local_learning_coefficient(
        module, half_squared_error, data, sampler="sgld", step_size=step, draws=300, chains=64, seed=fresh_seed()
    )
    assert abs(found.estimate - 1.5) < 5 * found.standard_error
    assert found.posterior_energy - 1.5 > 12 * found.standard_error, "uncorrected it is far off"
    assert "the step adds" in found.verdict


def test_a_start_above_the_minimum_is_corrected_and_named():
    module, data = regression(off=0.1)
    found = local_learning_coefficient(
        module, half_squared_error, data, draws=600, seed=fresh_seed(), localisation=1e-3
    )
    assert found.start_excess > 12 * found.standard_error
    assert abs(found.estimate - 1.5) < 5 * found.standard_error
    assert found.verdict.startswith("doubt: ") and "off the minimum" in found.verdict


def test_quadrature_of_the_spectrum_agrees_with_the_whole_hessian(monkeypatch):
    problem = deep_linear_problem((10, 5, 10), 2, seed=3)
    exact = estimate(problem, draws=20, sampler="sgld")
    monkeypatch.setattr(curvature_spectrum, "EXACT_UP_TO", 0)
    quadrature = estimate(problem, draws=20, sampler="sgld")
    assert quadrature.start_excess == pytest.approx(exact.start_excess, rel=1e-2)
    # Six vectors of signs in a hundred parameters: the scatter of a trace is √(2Σ_{i≠j} P_ij²/6) of the projection P.
    assert abs(quadrature.quadratic_energy - exact.quadratic_energy) < 5 * (2 * 58 / 6) ** 0.5 / 2
    assert quadrature.localisation_effect / quadrature.quadratic_energy == pytest.approx(
        exact.localisation_effect / exact.quadratic_energy, rel=0.02
    )


# ---- what a run reports ----


def test_same_seed_same_bits():
    module, data = regression()
    runs = [local_learning_coefficient(module, half_squared_error, data, draws=30, seed=s).energies for s in (5, 5, 6)]
    assert np.array_equal(runs[0], runs[1])
    assert not np.array_equal(runs[0], runs[2])


def test_too_large_a_step_is_named():
    module, data = regression()
    found = local_learning_coefficient(module, half_squared_error, data, sampler="sgld", step_size=10.0, draws=400)
    assert found.verdict.startswith("doubt: diverged")
    assert not found.trusted


def test_no_minimum_is_negative():
    far, data = regression(off=3.0)
    found = local_learning_coefficient(far, half_squared_error, data, draws=200, localisation=1e-3, seed=fresh_seed())
    assert "negative" in found.verdict


def test_burn_in_is_found():
    rng = np.random.default_rng(fresh_seed())
    way = 30 * np.exp(-np.arange(400) / 30)
    energies = 5 + rng.standard_normal((8, 400)) - way
    assert 60 <= burn_in_of(energies) <= 200
    assert burn_in_of(energies[:, 200:]) <= 100


# ---- the stacked loss ----


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"sampler": "nuts"}, "sampler: 'nuts' is unknown"),
        ({"chains": 0}, "chains: 0 is too few"),
        ({"draws": 3}, "draws: 3 is too few"),
        ({"step_size": -1.0}, "step_size: -1.0 must be"),
        ({"localisation": float("nan")}, "localisation: nan must be"),
        ({"batch_size": 8}, "batch_size: 8 must be"),
        ({"batch_norm": "running"}, "batch_norm: 'running' is unknown"),
        ({"burn_in": 500}, "burn_in: 500 must lie"),
        ({"examples": 2}, "examples: n/log n needs"),
        ({"examples_at_once": 0}, "examples_at_once: 0 must be"),
    ],
)
def test_bad_input_is_refused_in_one_line(options, message):
    module, data = regression()
    with pytest.raises(ValueError, match=message) as refusal:
        local_learning_coefficient(module, half_squared_error, data, **options)
    assert "\n" not in str(refusal.value)
