"""The published curves: resolution, the exponent that tells temperature from epoch, the factor of the variance."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from slt_toys.barriers import published as spectra
from slt_toys.barriers.kernel import stuck_probabilities
from slt_toys.barriers.measured import MeasuredDecline, measured_decline, published_decline
from slt_toys.barriers.population import log_normal
from slt_toys.barriers.published import published_protocol, published_spectra, read_measured
from slt_toys.barriers.resolution import difference_from_one, separation_limit
from tests.barriers.made_experiment import PAIR
from tests.seeds import fresh_seeds


def test_the_limit_is_the_smallest_ratio_even_of_a_wide_kernel():
    """Barriers at the ends of a wide kernel show nothing; between there are ratios that do."""
    training, ending = published_protocol(128, 3072.0)
    measured = published_decline(128)
    reading = read_measured(PAIR, training, ending, measured, method="eyring_kramers", repetitions=40)
    noise, limit = measured.decline.noise, reading.limit
    size = stats.norm.isf(0.05)
    assert 1 < limit.ratio < np.inf
    args = (reading.kernel, noise, limit.height)
    assert difference_from_one(*args, limit.ratio, 2 / 3) == pytest.approx(size**2, rel=1e-2)
    assert difference_from_one(*args, limit.ratio**0.8, 2 / 3) < size**2
    assert separation_limit(reading.kernel, 100 * np.sqrt(np.diag(noise)), limit.height).ratio == np.inf


@pytest.mark.parametrize(("power", "tolerance"), [(0.0, 0.1), (-1.0, 0.15)])
def test_the_exponent_tells_temperature_from_epoch(monkeypatch, power, tolerance):
    """Declines of one spectrum at every batch size give 0; of spectra that follow the temperature, -1."""
    random = np.random.default_rng(fresh_seeds())

    def synthetic(batch_size: int) -> MeasuredDecline:
        training, ending = published_protocol(batch_size, 3072.0)
        epochs = np.arange(0, 200, 8)
        population = log_normal("smooth", 4.0 * (batch_size / 128.0) ** power, 0.6)
        share = population.weights @ stuck_probabilities(
            PAIR, training, epochs, ending, population.heights, method="eyring_kramers"
        )
        values = 1 - share + 0.004 * random.standard_normal(epochs.size)
        return measured_decline("synthetic", epochs, values, np.full(epochs.size, 0.004), worst=0.0)

    monkeypatch.setattr(spectra, "published_decline", synthetic)
    found = published_spectra(PAIR, 3072.0, factors=(1.0,), redraws=8, repetitions=30)
    assert float(found["exponent"][0]) == pytest.approx(power, abs=tolerance)
    assert found["median"].values[0, 1] == pytest.approx(4.0, rel=0.1)


def test_the_published_curves_have_the_factor_of_the_variance():
    found = published_spectra(PAIR, 3072.0, factors=(1.0,), redraws=6, repetitions=30, seed=fresh_seeds())
    assert found["first_temperature"].values[0] == pytest.approx([12, 6, 3])
    assert (found["median_low"] <= found["median_high"]).all() and found["rows"].values[0].tolist() == [11, 11, 13]
    assert (found["row_ratio"] > 1.5).all()  # as coarse as the table
