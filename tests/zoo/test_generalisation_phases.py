"""Generalisation phases: posterior and errors by brute force, the law's transition in n and in β, errors across it."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import quad

from slt_toys.reference.laws import law
from slt_toys.zoo import generalisation_phases as zoo
from slt_toys.zoo.generalisation_phases import (
    SIGNAL,
    crossover_beta,
    crossover_size,
    dead_share,
    free_energy,
    least_squares_maps,
    turning_beta,
    turning_size,
    unit_errors,
)
from slt_toys.zoo.model import mean_and_error
from tests.seeds import fresh_generator


def test_the_density_of_the_live_length():
    """[eq:live-length-density] against lengths drawn from the prior."""
    random, draws = fresh_generator(), 60_000
    lengths = np.abs(random.standard_normal(draws)) * np.linalg.norm(random.standard_normal((draws, 4)), axis=1)
    for end in (0.3, 1.0, 3.0):
        told = quad(lambda s: law("live-length-density")(live_length=s), 0, end)[0]
        share = (lengths < end).mean()
        assert abs(share - told) < 5 * np.sqrt(told * (1 - told) / draws)
    assert told == pytest.approx(1 - (2 + 3) * np.exp(-3) / 2)


@pytest.mark.parametrize(("beta", "size", "signal"), [(0.5, 12.0, 0.8), (1.0, 5.0, 1.5), (2.0, 4.0, 0.0)])
def test_one_data_set_by_weights_from_the_prior(beta, size, signal):
    """Dead share, Gibbs and Bayes error: weights drawn from the prior and weighted; new examples by Monte Carlo."""
    random = fresh_generator()
    noise = random.standard_normal((1, 4))
    a, w = random.standard_normal(60_000), random.standard_normal((60_000, 4))
    f = np.maximum(a, 0)[:, None] * w
    weights = np.exp(-beta * size * ((f - least_squares_maps(size, signal, noise)) ** 2).sum(1) / 2)
    weights /= weights.sum()
    truth = np.array([signal, 0.0, 0.0, 0.0])
    found = unit_errors(beta, size, signal, noise)
    for value, of in ((found.dead, (a < 0).astype(float)), (found.gibbs, size * ((f - truth) ** 2).sum(1) / 2)):
        mean = of @ weights
        assert abs(float(value[0]) - mean) < 5 * np.sqrt(((of - mean) ** 2) @ weights**2)
    x, pull = size * beta, size * beta * least_squares_maps(size, signal, noise)[0]

    def gain(y: np.ndarray) -> np.ndarray:
        """Log of the predictive density over that of f = 0."""
        one = np.logaddexp(
            0, zoo._log_odds(x + 1, np.asarray(np.sqrt(((pull + y) ** 2).sum(axis=1)), dtype=np.float64))
        )
        return one - np.logaddexp(0, zoo._log_odds(x, np.sqrt((pull[None] ** 2).sum(axis=1))))

    some = truth + random.standard_normal((10, 4))
    for y, told in zip(some, gain(some), strict=True):
        likelihood = np.exp(f @ y - (f**2).sum(1) / 2)
        mean = likelihood @ weights
        assert abs(np.expm1(told - np.log(mean))) < 6 * np.sqrt(((likelihood - mean) ** 2) @ weights**2) / mean
    many = truth + random.standard_normal((20_000, 4))
    mean, error = mean_and_error(many @ truth - signal**2 / 2 - gain(many))
    assert abs(float(found.bayes[0]) / size - mean) < 5 * error


def test_nodes_are_enough(monkeypatch):
    noise = fresh_generator().standard_normal((40, 4))
    settings = [(beta, size) for beta in (0.1, 1.0, 10.0) for size in (1000.0, 40_000.0)]
    coarse = [unit_errors(beta, size, SIGNAL, noise) for beta, size in settings]
    for name, value in (("NODES", 160), ("ALONG", 14), ("ACROSS", 8)):
        monkeypatch.setattr(zoo, name, value)
    for one, (beta, size) in zip(coarse, settings, strict=True):
        fine = unit_errors(beta, size, SIGNAL, noise)
        for name in ("dead", "bayes", "gibbs"):
            np.testing.assert_allclose(getattr(one, name), getattr(fine, name), atol=2e-4, rtol=2e-4)


def test_the_law_is_the_free_energy_of_the_exact_phases():
    """[eq:live-free-energy]: at large nβδ², minus the log odds in a data set whose map has the mean square length."""
    signal, beta = 0.01, 1.0
    for size, within in ((3e6, 0.05), (3e7, 0.005)):
        told = float(free_energy(beta, size, signal))
        x = size * beta
        pull = x * np.sqrt(signal**2 + 4 / size)
        odds = float(zoo._log_odds(x, np.array([pull]))[0])
        assert abs(-odds - told) < within * 3
    assert abs(-odds - told - 2 * beta) > 1  # without the noise of the examples it would be off by that


def test_crossover_solves_the_law():
    for beta in (0.5, 1.0, 2.0):
        size = crossover_size(beta, SIGNAL)
        assert float(free_energy(beta, size, SIGNAL)) == pytest.approx(0, abs=1e-6)
        assert float(free_energy(beta, 1.1 * size, SIGNAL)) < 0
    assert crossover_beta(crossover_size(1.0, SIGNAL), SIGNAL) == pytest.approx(1.0, abs=1e-5)
    assert crossover_size(1.0, SIGNAL) == pytest.approx(36_323, rel=1e-4)


@pytest.mark.parametrize(("signal", "within"), [(0.02, 0.2), (0.0008, 0.12)])
def test_data_sets_turn_live_near_the_law(signal, within):
    """Found: 1.11 and 1.06 times the law's n; the law has the phases' asymptotic weights."""
    noise = fresh_generator().standard_normal((8, 100, 4))
    ratio = np.array([turning_size(1.0, signal, part) for part in noise]) / crossover_size(1.0, signal)
    mean, error = mean_and_error(ratio)
    assert 1 - 5 * error < mean < 1 + within + 5 * error
    size = 2 * crossover_size(1.0, signal)
    ratio = np.array([turning_beta(size, signal, part) for part in noise]) / crossover_beta(size, signal)
    mean, error = mean_and_error(ratio)
    assert 1 - 5 * error < mean < 1 + within + 5 * error


def test_errors_across_the_transition():
    """Deep in the dead phase the loss of f = 0, far beyond λ = 2 and 2 (1 + 1/β); between them more than either."""
    noise, middle = fresh_generator().standard_normal((800, 4)), crossover_size(1.0, SIGNAL)
    early = unit_errors(1.0, 0.1 * middle, SIGNAL, noise)
    assert early.dead.mean() > 0.9 and early.bayes.mean() == pytest.approx(0.1 * middle * SIGNAL**2 / 2, rel=0.1)
    at = unit_errors(1.0, middle, SIGNAL, noise)
    mean, error = mean_and_error(at.bayes)
    assert mean - 5 * error > 2.5 and abs(at.dead.mean() - 0.55) < 0.1
    for beta in (0.25, 1.0, 4.0):
        late = unit_errors(beta, 100 * middle, SIGNAL, noise)
        mean, error = mean_and_error(late.bayes)
        assert late.dead.max() < 1e-6 and abs(mean - 2) < 5 * error + 0.05
        mean, error = mean_and_error(late.gibbs)
        assert abs(mean - 2 * (1 + 1 / beta)) < 5 * error + 0.1


def test_temperature_moves_the_transition():
    noise, middle = fresh_generator().standard_normal((400, 4)), crossover_size(1.0, SIGNAL)
    hot, cold = (dead_share(beta, middle, SIGNAL, noise).mean() for beta in (0.25, 4.0))
    assert hot > 0.95 and cold < 0.08
    hot, cold = (unit_errors(beta, middle, SIGNAL, noise).bayes.mean() for beta in (0.25, 4.0))
    assert hot > 6.5 and cold < 2.6


def test_one_data_set_is_sharper_for_a_smaller_signal():
    widths = [zoo.width(signal) for signal in zoo.SIGNALS]
    assert (np.diff(widths) < 0).all() and widths[-1] < 0.5
