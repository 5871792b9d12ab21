"""Estimates from moments at several temperatures, on energies whose law is known."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from scipy.integrate import quad

from slt_toys.learning_coefficient.rungs import NAMES, Corrections, Moments, estimates, logarithm_fits
from slt_toys.reference.laws import law
from tests.seeds import fresh_seed

N_BETA = np.geomspace(1e3, 1e5, 5)


def of_gammas(coefficients: np.ndarray, rng: np.random.Generator, chains=16, draws=200, height=0.0):
    """A quadratic's energies are Gamma(λ) distributed; measured from a start above the minimum they are less."""
    energies = [rng.gamma(k, size=(chains, draws)) - height * x for k, x in zip(coefficients, N_BETA, strict=True)]
    zero = np.zeros((1, len(N_BETA)))
    return estimates(Moments.of(energies), Corrections(zero, zero, height * N_BETA), N_BETA)


def test_all_estimators_are_unbiased_and_know_their_errors():
    """Ninety runs: distances from λ = 3 in units of the errors that each run tells are as they should be."""
    rng = np.random.default_rng(fresh_seed())
    runs = [of_gammas(np.full(5, 3.0), rng) for _ in range(90)]
    values = np.stack([run.values[0] for run in runs])
    errors = np.array([[run.error(unit) for unit in np.eye(len(NAMES))] for run in runs])
    off = (values.mean(0) - 3) / (values.std(0, ddof=1) / np.sqrt(len(runs)))
    assert (np.abs(off) < 5).all(), dict(zip(NAMES, off, strict=True))
    ratio = np.sqrt((errors**2).mean(0)) / values.std(0, ddof=1)
    assert ((ratio > 0.65) & (ratio < 1.5)).all(), dict(zip(NAMES, ratio, strict=True))


def test_a_start_above_the_minimum_moves_none_that_knows_it_and_two_that_need_not():
    rng = np.random.default_rng(fresh_seed())
    raised = of_gammas(np.full(5, 3.0), rng, height=1e-3)
    assert all(abs(value - 3) < 6 * raised.error(unit) for value, unit in zip(raised.values[0], np.eye(6), strict=True))
    energies = [rng.gamma(3.0, size=(16, 200)) - 1e-3 * x for x in N_BETA]
    zero = np.zeros((1, 5))
    untold = estimates(Moments.of(energies), Corrections(zero, zero, np.zeros(5)), N_BETA)
    for name in ("loss variance", "loss variance, coldest", "regression over temperatures"):
        number = NAMES.index(name)
        assert abs(untold.values[0, number] - 3) < 6 * untold.error(np.eye(6)[number]), name
    assert untold.values[0, 1] < -90, "the control: the energy mean takes the loss at the start for the least"


def test_thermodynamic_integration_is_the_free_energy_that_theory_derives():
    """Three localised directions: exact means and variances go in, and ½ log of the ratios comes out."""
    curvature = np.array([1.0, 0.1, 0.01])
    n_beta = np.geomspace(1e3, 1e5, 9)
    given = {"n_beta": n_beta[:, None], "curvature": curvature, "localisation": 10.0}
    mean = law("localised-energy")(**given).sum(1)
    variance = law("localised-energy-variance")(**given).sum(1)
    zero = np.zeros((1, 9))
    found = estimates(Moments(mean[None], variance[None]), Corrections(zero, zero, np.zeros(9)), n_beta).values[0]
    exact = law("localised-free-energy")(
        n_beta=n_beta[0], colder_n_beta=n_beta[-1], curvature=curvature, localisation=10.0
    ).sum() / np.log(n_beta[-1] / n_beta[0])
    assert found[NAMES.index("thermodynamic integration")] == pytest.approx(exact, rel=1e-3)
    assert abs(mean.mean() - exact) > 3e-3 * exact, "the control: the mean over rungs is another number"
    two = estimates(
        Moments(mean[None, [0, -1]], variance[None, [0, -1]]),
        Corrections(zero[:, :2], zero[:, :2], np.zeros(2)),
        n_beta[[0, -1]],
    )
    told = law("two-temperature-estimate")(
        n_beta=n_beta[0], colder_n_beta=n_beta[-1], mean_loss=mean[0] / n_beta[0],
        colder_mean_loss=mean[-1] / n_beta[-1],
    )  # fmt: skip
    assert two.values[0, NAMES.index("regression over temperatures")] == pytest.approx(told, rel=1e-12)


def test_energies_that_rise_with_n_beta_are_far_apart():
    rng = np.random.default_rng(fresh_seed())
    found = of_gammas(np.array([2.0, 2.2, 2.4, 2.6, 2.8]), rng)
    weights = np.eye(6)[1] - np.eye(6)[0]
    assert found.values[0] @ weights > 5 * found.error(weights)


@pytest.mark.parametrize("multiplicity", [1, 2, 3])
def test_a_multiplicity_comes_back(multiplicity):
    """Errors of one in a thousand tell it: others are refused, the right one is not."""
    seed, n_beta = fresh_seed(), np.geomspace(1e2, 1e7, 8)
    exact = law("energy-law")(
        n_beta=n_beta, learning_coefficient=1.5, multiplicity=multiplicity, energy_offset=0.5
    ) * np.ones(8)
    errors = np.full(8, 1e-3)
    noisy = exact + 1e-3 * np.random.default_rng(seed).standard_normal(8)
    fits = {fit.multiplicity: fit for fit in logarithm_fits(n_beta, noisy, errors)}
    right = fits[multiplicity]
    assert right.probability > 1e-5 and abs(right.estimate - 1.5) < 6 * max(right.standard_error, 1e-3)
    assert all(fits[m].probability < 1e-6 for m in range(1, multiplicity))


def test_mean_and_variance_at_a_crossing_by_quadrature():
    """[eq:energy-variance] and the energy law of (w1 w2)^2 on the unit square: u = w1 w2 has the density -ln u."""
    n_beta = 1e6
    width = n_beta**-0.5

    def moment(power: int) -> float:
        parts = [0.0, 0.01 * width, 0.1 * width, width, 3 * width, 6 * width, 12 * width]
        weigh = lambda u: -np.log(u) * (n_beta * u**2) ** power * np.exp(-n_beta * u**2)  # noqa: E731
        return sum(quad(weigh, low, high, epsabs=0, epsrel=1e-11)[0] for low, high in pairwise(parts))

    mean = moment(1) / moment(0)
    variance = moment(2) / moment(0) - mean**2
    given = {"n_beta": n_beta, "learning_coefficient": 0.5, "multiplicity": 2}
    given["energy_offset"] = np.euler_gamma + 2 * np.log(2)
    assert law("energy-variance")(**given) == pytest.approx(variance, rel=1e-6)
    assert variance < mean < 0.5
