"""Readings, their agreement and what a start moves, from influences that are written down: every number by hand."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from slt_toys.potentials.potential import Potential
from slt_toys.thermometers.dynamic import fluctuation_dissipation_thermometer, stationarity
from slt_toys.thermometers.equilibrium import anisotropy, energy_thermometer
from slt_toys.thermometers.readings import DRIFT, Reading, disagreement, reading, start_of_run
from tests.seeds import fresh_generator, fresh_seed

CHAINS = 25


def modes(*sizes: float) -> np.ndarray:
    """Shares of chains that do not vary together, each with the standard error given."""
    turns = 2 * np.pi * np.arange(CHAINS) / CHAINS
    # A cosine of whole turns has the sum of squares 25/2, so variance 25/48 with 24 degrees of freedom.
    return np.array([size * math.sqrt(48) * np.cos((k + 1) * turns) for k, size in enumerate(sizes)])


def told(shares: np.ndarray, n_beta: float) -> Reading:
    return Reading("one", n_beta, np.nan, np.nan, np.nan, 0.0, "", shares)


def test_a_reading_of_25_chains():
    swing = 0.01 * (-1.0) ** np.arange(8)
    influence = 0.02 * (np.arange(CHAINS) - 12.0)[:, None] + swing
    found = reading("one", 3.0, influence + 5.0)  # a mean of the influence is none of the error
    error = math.sqrt(0.02**2 * 1300 / 24 / 25)
    assert found.reads and found.inverse_temperature == 3.0 and found.temperature == pytest.approx(1 / 3)
    assert found.standard_error == pytest.approx(3 * error, rel=1e-12)
    assert found.relative_error == pytest.approx(error, rel=1e-12)
    assert found.low == pytest.approx(3 * math.exp(-2.0638985616 * error), rel=1e-9)  # Student's, 24 degrees
    assert found.high == pytest.approx(3 * math.exp(2.0638985616 * error), rel=1e-9)
    assert found.effective_sample_size == pytest.approx((0.02**2 * 52 + 1e-4) / error**2, rel=1e-9)
    assert found.shares == pytest.approx(0.02 * (np.arange(CHAINS) - 12.0), abs=1e-12)


def test_the_bounds_of_a_reading():
    """An error of 1/4 at most, and 20 chains at least."""
    for size, reads in ((0.2499, True), (0.2501, False)):
        assert reading("one", 1.0, modes(size)[0][:, None]).reads == reads
    for chains, reads in ((20, True), (19, False)):
        assert reading("one", 1.0, 0.1 * np.arange(chains)[:, None] / chains).reads == reads


def test_three_readings_that_do_not_vary_together():
    sizes, logs = np.array([0.02, 0.03, 0.06]), np.log([2.0, 2.1, 1.8])
    found = disagreement([told(s, float(np.exp(x))) for s, x in zip(modes(*sizes), logs, strict=True)])
    weights = sizes**-2.0
    common = float(weights @ logs / weights.sum())
    square = float(weights @ (logs - common) ** 2)
    assert found.inverse_temperature == pytest.approx(math.exp(common), rel=1e-9)
    assert found.chi_square == pytest.approx(square, rel=1e-9) and found.degrees_of_freedom == 2
    assert found.p_value == pytest.approx(stats.f.sf(square * 23 / (2 * 24), 2, 23), rel=1e-9)
    reach = stats.t.ppf(0.975, 22) / math.sqrt(weights.sum())
    assert (found.low, found.high) == pytest.approx((math.exp(common - reach), math.exp(common + reach)), rel=1e-9)
    assert found.spread == pytest.approx(2.1 / 1.8 - 1, rel=1e-9)
    assert found.spread_error == pytest.approx(2.1 / 1.8 * math.hypot(0.03, 0.06), rel=1e-9)


def test_two_readings_have_students_law():
    """For two, Hotelling's law is Student's for their difference, 24 degrees of freedom, whatever they share."""
    first, second = modes(0.03, 0.02)
    found = disagreement([told(first, 1.0), told(first / 2 + second, 1.1)])
    t = math.log(1.1) / math.hypot(0.015, 0.02)
    assert found.p_value == pytest.approx(2 * stats.t.sf(t, 24), rel=1e-9)


@pytest.mark.parametrize(
    ("error", "sure", "moves", "harmful"), [(0.5, 4.618802, 0.5, False), (0.05, 8.660254, 5, True)]
)
def test_what_a_first_draw_moves(error, sure, moves, harmful):
    """Four chains of four draws, the first of them 1 and the others 0."""
    series = np.zeros((4, 4))
    series[:, 0] = 1.0
    found = start_of_run(series, error)
    assert (found.draws, found.difference, found.harmful) == (1, 1.0, harmful)
    assert (found.sure, found.moves) == pytest.approx((sure, moves), rel=1e-6)


def test_the_part_that_differs_surely_is_the_one_that_must_harm():
    """64 chains of 64 draws, the first draw 1; in the second half 48 chains are .5 higher and 16 are .5 lower."""
    series = np.zeros((64, 64))
    series[:, 0] = 1.0
    series[:, 32:] += 0.5 * np.where(np.arange(64) < 48, 1, -1)[:, None]
    harmless, harmful = start_of_run(series, 0.03), start_of_run(series, 0.01)
    # the first half moves the mean by 3.6 errors, by chance: its chains scatter; the first draw does not
    assert (harmless.draws, harmless.harmful, harmful.draws, harmful.harmful) == (1, False, 1, True)
    assert harmless.moves == pytest.approx((1 - 15.75 / 126) / 64 / 0.03, rel=0.01) and harmless.sure > 5


# ---- shares of chains have the sign of what they do to log n beta ----


def test_a_chain_that_is_hotter_pulls_n_beta_down_by_its_part():
    """In a quadratic well w²/2 all three have the influence 1 - (what a chain tells of T)/T, to first order."""
    rng = fresh_generator()
    well, rate, chains, draws = Potential.from_expression("w**2/2"), 0.1, 400, 50
    noise = 2 / rate - 1  # of a gradient, at which w has the variance 1
    before = rng.standard_normal((chains, draws, 1))
    slopes = before + math.sqrt(noise) * rng.standard_normal(before.shape)
    steps = fluctuation_dissipation_thermometer(well, before, before - rate * slopes, learning_rate=rate)
    squares = (slopes[..., 0] ** 2).mean(axis=1)
    assert steps.reads and steps.temperature == pytest.approx(rate / 2 * squares.mean(), rel=1e-9)
    assert steps.shares == pytest.approx(1 - squares / squares.mean(), abs=1e-9)
    heights = (before[..., 0] ** 2).mean(axis=1)
    direction = anisotropy(well, before, 0).readings[0]
    energy = energy_thermometer(well, before)
    for found in (direction, energy):
        assert found.temperature == pytest.approx(heights.mean(), rel=1e-3)
        assert found.shares == pytest.approx(1 - heights / heights.mean(), abs=1e-3)
    sides = stationarity(well, before, before - rate * slopes, learning_rate=rate)
    virial = ((before[..., 0] - before.mean()) * before[..., 0]).mean(axis=1)
    differences = squares / squares.mean() - virial / virial.mean()
    assert sides.standard_error == pytest.approx(differences.std(ddof=1) / 20, rel=1e-9)


def test_what_a_short_start_moves_is_seen():
    """A third of a standard error is let pass, several are not; of a run at rest nothing is said."""
    random = np.random.default_rng(fresh_seed())
    steady = random.standard_normal((400, 256))
    steady -= steady.mean(axis=0)  # what chance moves is no part of this
    error = 1 / math.sqrt(steady.size)
    assert start_of_run(steady, error).sure < DRIFT
    for draws, size in ((1, 0.3), (2, 0.6), (4, 1.5), (32, 0.5)):
        late = steady.copy()
        late[:, :draws] += size
        found = start_of_run(late, error)
        assert found.sure > DRIFT and found.harmful == (draws > 1)
        assert found.moves == pytest.approx(abs(found.difference) * found.draws / 256 / error)
        refused = reading("a thermometer", 3.0, 0.1 * late)
        assert refused.reads == (draws == 1)
        if draws > 1:
            assert found.draws == draws and found.moves == pytest.approx(draws * size * 400**0.5 / 16, rel=0.2)
            assert f"the first {draws} of 256 draws tell log(n_beta) +" in refused.reason
