"""Losses of examples at draws: refined by data, covariances and susceptibilities against a normal posterior; ArviZ."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from figures.learning_coefficient_diagnostics import draw
from slt_toys.learning_coefficient.deep_linear import half_squared_error
from slt_toys.learning_coefficient.estimator import local_learning_coefficient
from slt_toys.learning_coefficient.refined import covariance, diagnostics, draws_of, on_examples, susceptibilities
from tests.learning_coefficient.test_estimator import regression
from tests.seeds import fresh_seed

N_BETA = 40.0  # so small that examples matter: draws go far


def measured(**more):
    module, data = regression(examples=12)
    given = {"n_beta": N_BETA, "localisation": 1e-6, "draws": 250, "seed": fresh_seed(), "example_losses": True} | more
    return module, data, local_learning_coefficient(module, half_squared_error, data, **given)


def normal_posterior(module, data):
    """Inputs, residuals and the covariance of the weights."""
    x, y = (part.numpy() for part in data)
    residual = y[:, 0] - x @ module.weight.detach().numpy()[0]
    return x, residual, np.linalg.inv(x.T @ x / len(x)) / N_BETA


def test_covariances_and_susceptibilities_are_those_of_the_normal_posterior():
    module, data, found = measured()
    x, residual, spread = normal_posterior(module, data)
    shared = x @ spread @ x.T
    exact = np.outer(residual, residual) * shared + shared**2 / 2
    root = np.sqrt(np.diag(exact))
    assert np.abs((covariance(found) - exact) / np.outer(root, root)).max() < 0.2
    # Cov(energy, nβ ℓ) is x M⁻¹ x / 2 with M = (nβ spread)⁻¹, and the energy's variance d/2.
    told = 1.5 - N_BETA * np.diag(shared) / 2
    values, errors = susceptibilities(found)
    assert (np.abs(values - told) < 6 * errors).all() and errors.max() < 0.6 * np.abs(told).max()
    assert values.mean() == pytest.approx(0, abs=1e-9), "all examples together change nothing"
    assert np.abs(told).max() > 8 * errors.min(), "the control: some are far from 0"


def test_a_susceptibility_is_the_derivative_of_the_energy_by_an_examples_weight():
    """By theory alone: quadratic losses tilted towards one example, without sampling."""
    module, data = regression(examples=12)
    x, residual, spread = normal_posterior(module, data)
    tilt = 1e-5

    def energy(h: float, which: int) -> float:
        weight = np.full(12, (1 - h) / 12)
        weight[which] += h
        precision = N_BETA * (x.T * weight) @ x
        centre = np.linalg.solve(precision, N_BETA * (x.T * weight) @ residual)
        second = np.linalg.inv(precision) + np.outer(centre, centre)
        return float(N_BETA / 2 * np.trace(x.T @ x / 12 @ second))

    told = 1.5 - N_BETA * np.einsum("ij,jk,ik->i", x, spread, x) / 2
    for which in range(12):
        assert (energy(tilt, which) - energy(-tilt, which)) / (2 * tilt) == pytest.approx(told[which], abs=1e-4)


def test_on_the_same_examples_it_is_the_energy_and_on_others_theirs():
    module, data, found = measured(draws=100)
    energy, error = on_examples(found)
    assert energy == pytest.approx(found.posterior_energy, rel=1e-9) and 0 < error < 0.5
    other = torch.randn(50, 3, dtype=torch.float64, generator=torch.Generator().manual_seed(0))
    aside = other, module(other).detach()
    found = local_learning_coefficient(
        module, half_squared_error, data, n_beta=N_BETA, localisation=1e-6, draws=100, seed=fresh_seed(),
        example_losses=aside,
    )  # fmt: skip
    _, _, spread = normal_posterior(module, data)
    exact = N_BETA / 2 * float(np.trace(other.numpy().T @ other.numpy() / 50 @ spread))
    energy, error = on_examples(found)
    assert abs(energy - exact) < 6 * error
    assert found.example_losses is not None and found.example_losses.shape == (16, 100, 50)


def test_a_callback_sees_every_draw_and_what_it_raises_ends_the_run():
    seen = []
    module, data = regression()

    def look(draw, parameters, energies):
        seen.append((draw, tuple(parameters.shape), energies.copy()))
        parameters.zero_()  # its own copy
        energies[:] = 0

    found = local_learning_coefficient(module, half_squared_error, data, draws=20, burn_in=2, seed=5, callback=look)
    plain = local_learning_coefficient(module, half_squared_error, data, draws=20, burn_in=2, seed=5)
    assert found.estimate == plain.estimate and found.example_losses is None
    assert [each[:2] for each in seen] == [(draw, (16, 3)) for draw in range(20)]
    assert (np.stack([each[2] for each in seen], 1) == found.energies).all()

    def stop(*_):
        raise KeyError("enough")

    with pytest.raises(KeyError, match="enough"):
        local_learning_coefficient(module, half_squared_error, data, draws=20, callback=stop)


@pytest.mark.parametrize(
    ("given", "words"),
    [
        ({"example_losses": 3}, "example_losses: 3 must be True, a pair"),
        ({"callback": 3}, "callback: 3 must be a function"),
        ({"example_losses": True, "batch_norm": "batch"}, "example_losses: with statistics of a batch"),
        ({"example_losses": True, "draws": 10**8}, "example_losses: 16 chains, .* more than 2 GiB"),
    ],
)
def test_bad_input_takes_one_line(given, words):
    module, data = regression()
    with pytest.raises(ValueError, match=f"^{words}"):
        local_learning_coefficient(module, half_squared_error, data, **given)


def test_without_losses_it_says_so():
    module, data = regression()
    found = local_learning_coefficient(module, half_squared_error, data, draws=20)
    with pytest.raises(ValueError, match=r"^found: it holds no losses of examples"):
        susceptibilities(found)


def test_arviz_reads_the_draws():
    arviz = pytest.importorskip("arviz_stats")
    found = measured(draws=100)[2]
    tree = draws_of(found)
    assert tree["posterior"]["energy"].dims == ("chain", "draw")
    assert tree["warmup_posterior"].sizes["draw"] + tree["posterior"].sizes["draw"] == 100
    assert tree["log_likelihood"]["loss"].dims == ("chain", "draw", "example")
    summary = arviz.summary(tree, round_to="none")
    assert float(summary.loc["energy", "mean"]) == pytest.approx(found.posterior_energy, rel=1e-9)
    assert float(summary.loc["energy", "r_hat"]) == pytest.approx(found.r_hat, rel=1e-6)


def test_diagnostics_are_drawn():
    module, data, found = measured(draws=100)
    softer = local_learning_coefficient(
        module, half_squared_error, data, n_beta=N_BETA, localisation=1.0, draws=60, seed=fresh_seed()
    )
    dataset = diagnostics(found, softer)
    assert dataset["autocorrelation"].values[0] == 1 and dataset["localisation"].values.tolist() == [1e-6, 1.0]
    trace, correlation, pull = draw(dataset).axes
    assert len(trace.lines) >= found.energies.shape[0] and len(correlation.lines) >= 1
    assert pull.get_xscale() == "log"
