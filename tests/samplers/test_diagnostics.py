"""Statistics of chains against ArviZ and exact laws, and phase trips against loops."""

from __future__ import annotations

import math
from typing import Any

import arviz_stats
import numpy as np
import pytest
import xarray as xr
from scipy import integrate, stats

from slt_toys.potentials.potential import Potential
from slt_toys.samplers import statistics as chain_statistics
from slt_toys.samplers.statistics import (
    autocorrelation_time,
    bulk_effective_sample_size,
    drift,
    effective_sample_size_of_mean,
    monte_carlo_standard_error,
    split_r_hat,
    summarise,
    tail_effective_sample_size,
)
from tests.samplers.made_draws import autoregressive
from tests.seeds import fresh_generator

STATISTICS = [
    split_r_hat,
    bulk_effective_sample_size,
    tail_effective_sample_size,
    effective_sample_size_of_mean,
    monte_carlo_standard_error,
    autocorrelation_time,
    drift,
]
arviz: Any = arviz_stats  # what it exports is not typed
WELL = Potential.from_expression("w**2")
BOWL = Potential.from_expression("w1**2 + w2**2 + w3**2")


# ---- against ArviZ ---------------------------------------------------------------------------------------------------


def with_one_stuck() -> np.ndarray:
    x = autoregressive((4, 400), 0.3)
    # Not at a tail quantile: there ArviZ's rounding decides whether the whole chain lies below it.
    x[2] = np.quantile(x, 0.3)
    return x


CASES = {
    "independent": lambda: autoregressive((4, 1000), 0.0),
    "odd number of draws": lambda: autoregressive((4, 1001), 0.5),
    "slow": lambda: autoregressive((3, 777), 0.95),
    "antithetic": lambda: autoregressive((4, 500), -0.6),
    "99 chains": lambda: autoregressive((99, 50), 0.5),
    "many long chains": lambda: autoregressive((400, 500), 0.5),
    "shortest": lambda: autoregressive((40, 10), 0.3),
    "11 draws": lambda: autoregressive((40, 11), 0.9),
    "two modes": lambda: autoregressive((4, 400), 0.3) + np.array([-5, 5, 5, -5])[:, None],
    "different scales": lambda: autoregressive((4, 400), 0.3) * np.array([1, 1, 1, 3])[:, None],
    "one stuck": with_one_stuck,
    "drifting": lambda: autoregressive((4, 400), 0.3) + np.linspace(0, 2, 400),
    "no mean": lambda: fresh_generator().standard_cauchy((4, 300)),
    "two values": lambda: (autoregressive((4, 400), 0.8) > 1).astype(float),
    "ties": lambda: np.round(autoregressive((4, 200), 0.8)),
}


@pytest.mark.parametrize("case", CASES)
def test_parity_with_arviz(case):
    x = CASES[case]()
    theirs = xr.Dataset({"x": (("chain", "draw"), x)})
    expected = {
        "r_hat": arviz.rhat(theirs),
        "bulk_effective_sample_size": arviz.ess(theirs, method="bulk"),
        "tail_effective_sample_size": arviz.ess(theirs, method="tail", prob=(0.05, 0.95)),
        "monte_carlo_standard_error": arviz.mcse(theirs, method="mean"),
    }
    found = summarise(x)
    for name, value in expected.items():
        assert float(value["x"]) == pytest.approx(float(getattr(found, name)), rel=1e-9), name
    assert float(arviz.ess(theirs, method="mean")["x"]) == pytest.approx(
        float(effective_sample_size_of_mean(x)), rel=1e-9
    )
    assert found.mean == pytest.approx(x.mean(), rel=1e-9, abs=1e-12)


def test_each_function_alone_gives_what_the_summary_does():
    for shape in ((4, 300, 3), (50, 7, 3), (30, 1, 2)):
        x = autoregressive(shape, 0.4)
        found = summarise(x)
        for function, field in (
            (split_r_hat, found.r_hat),
            (bulk_effective_sample_size, found.bulk_effective_sample_size),
            (tail_effective_sample_size, found.tail_effective_sample_size),
            (monte_carlo_standard_error, found.monte_carlo_standard_error),
        ):
            assert np.array_equal(function(x), field, equal_nan=True)


@pytest.mark.parametrize("function", STATISTICS)
def test_trailing_axes_are_judged_one_by_one(function, monkeypatch):
    x = autoregressive((6, 30, 2, 5), 0.5)
    x[0, 3, 1, 2] = np.nan
    x[..., 0, 4] = 0.1
    monkeypatch.setattr(chain_statistics, "NUMBERS_AT_ONCE", 3 * 6 * 30)
    found = function(x)
    assert found.shape == (2, 5)
    for i, j in np.ndindex(2, 5):
        assert found[i, j] == pytest.approx(function(x[..., i, j]), rel=1e-9, nan_ok=True)
    assert np.isnan(found[1, 2]) and np.isnan(found[0, 4]) and np.isfinite(found).sum() == 8


# ---- against exact laws ----------------------------------------------------------------------------------------------


@pytest.mark.parametrize("correlation", [-0.5, 0.0, 0.5, 0.9])
def test_autoregressive_chains_have_their_exact_autocorrelation_time(correlation):
    """τ = (1+ρ)/(1-ρ); where the sum stops depends on noise, which biases it by up to 1 % at 20 000 draws."""
    x = autoregressive((4, 5000, 60), correlation)
    exact = (1 + correlation) / (1 - correlation)
    for estimate, expected in (
        (autocorrelation_time(x), exact),
        (effective_sample_size_of_mean(x), 20_000 / exact),
        (bulk_effective_sample_size(x), 20_000 / exact),
    ):
        error = estimate.std(ddof=1) / math.sqrt(60)
        assert abs(estimate.mean() - expected) < 5 * error + 0.02 * expected
        assert error < 0.03 * expected
    time = indicator_autocorrelation_time(correlation)
    tail = tail_effective_sample_size(x)
    # The smaller of two equally good, correlated estimates is less than either by at most 0.56 of their spread.
    slack = 0.6 * tail.std() + 0.02 * 20_000 / time + 5 * tail.std() / math.sqrt(60)
    assert abs(tail.mean() - 20_000 / time) < slack < 0.25 * 20_000 / time


def indicator_autocorrelation_time(correlation: float) -> float:
    """τ of whether a Gaussian autoregressive chain is below its 5 % quantile q: Cov_t = ∫_0^{ρ^t} φ₂(q, q; s) ds."""
    q = stats.norm.ppf(0.05)

    def density(s: float) -> float:
        return math.exp(-(q**2) / (1 + s)) / (2 * math.pi * math.sqrt(1 - s * s))

    covariances = [integrate.quad(density, 0, correlation**t)[0] for t in range(1, 400)]
    return 1 + 2 * sum(covariances) / (0.05 * 0.95)


@pytest.mark.parametrize("draws", [1, 2, 5, 9, 10, 25, 60])
@pytest.mark.parametrize("correlation", [0.0, 0.5, 0.95])
def test_many_short_chains_are_worth_what_the_variance_of_their_mean_says(draws, correlation):
    chains = 20_000
    x = autoregressive((chains, draws), correlation)
    lags = np.arange(1, draws)
    exact = chains * draws**2 / (draws + 2 * ((draws - lags) * correlation**lags).sum())
    # The variance of 20 000 means is known to √(2 / 20 000), and so is that of a draw where draws of a chain are alike.
    slack = 5 * math.sqrt(2 / chains) * math.sqrt(2)
    for function in (effective_sample_size_of_mean, bulk_effective_sample_size):
        assert float(function(x)) == pytest.approx(exact, rel=slack)
    if draws == 1:
        for function in (
            effective_sample_size_of_mean,
            bulk_effective_sample_size,
            tail_effective_sample_size,
        ):
            assert function(x) == chains
        assert np.isnan(split_r_hat(x)) and np.isnan(drift(x))
    assert monte_carlo_standard_error(x) == pytest.approx(math.sqrt(x.var(ddof=1) / effective_sample_size_of_mean(x)))


@pytest.mark.parametrize("shape", [(4, 2000), (1, 4000), (200, 5), (200, 20), (100, 50)])
def test_standard_errors_cover_the_truth(shape):
    runs, correlation = 1000, 0.6
    x = autoregressive((*shape, runs), correlation)
    error = monte_carlo_standard_error(x)
    covered = (np.abs(x.mean((0, 1))) < 1.96 * error).mean()
    slack = 5 * math.sqrt(0.95 * 0.05 / runs)
    assert abs(covered - 0.95) < slack
    # What takes the draws for independent does not: the errors are half as large as they should be.
    naive = (np.abs(x.mean((0, 1))) < 1.96 * x.std((0, 1)) / math.sqrt(shape[0] * shape[1])).mean()
    assert abs(naive - 0.95) > slack


def test_drift_is_students_t_in_a_stationary_run():
    chains, runs = 40, 4000
    found = drift(autoregressive((chains, 7, runs), 0.5))
    variance = (chains - 1) / (chains - 3)
    assert abs(found.mean()) < 5 * math.sqrt(variance / runs)
    assert abs((found**2).mean() - variance) < 5 * (found**2).std() / math.sqrt(runs)
    assert drift(np.tile(np.arange(4.0), (5, 1))) == np.inf
    assert drift(np.tile(np.arange(5.0)[:, None], (1, 4))) == 0


def test_chains_and_halves_that_differ_have_a_large_r_hat():
    x = autoregressive((4, 500), 0.3)
    assert split_r_hat(x) < 1.03
    for wrong in (x + np.arange(4)[:, None], x * np.array([1, 1, 1, 4])[:, None], x + np.linspace(0, 3, 500)):
        assert split_r_hat(wrong) > 1.05
    assert split_r_hat(x[:1] + np.linspace(0, 3, 500)) > 1.05, "one chain: its halves"
    assert split_r_hat(np.tile(np.arange(4.0)[:, None], (1, 50))) == np.inf


@pytest.mark.parametrize("value", [0.0, 0.1, 1e300])
def test_a_constant_has_no_statistics(value):
    for function in STATISTICS:
        assert np.isnan(function(np.full((3, 20), value)))
    assert np.isnan(effective_sample_size_of_mean(np.arange(6.0)[None])), "six draws of one chain say too little"


@pytest.mark.parametrize("function", STATISTICS)
@pytest.mark.parametrize("shape", [(5,), (0, 5), (5, 0), ()])
def test_arrays_without_chains_and_draws_are_refused(function, shape):
    with pytest.raises(ValueError, match=r"^values must have shape \(chain, draw, \.\.\.\)"):
        function(np.zeros(shape))
