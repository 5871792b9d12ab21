"""Standard errors of thermometers and sampled energies against the jackknife over chains, which shares no formula."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import pytest

from slt_toys.potentials.potential import Potential
from slt_toys.thermometers.dynamic import fluctuation_dissipation_thermometer, stationarity
from slt_toys.thermometers.equilibrium import anisotropy, energy_thermometer, occupancy_thermometer
from slt_toys.thermometers.readings import Reading, disagreement, reading
from tests.samplers.jackknives import CHAINS, WELL, jackknife

PLANE = Potential.from_expression("(x**2-1)**2 - x/10 + 2*y**2")


def hops(seed: int, dimension: int, draws: int = 40) -> np.ndarray:
    """Chains (chain, draw, coordinate) that hop between wells at ±1, unlike one another in share and width."""
    random = np.random.default_rng(seed)
    right = random.random((CHAINS, draws)) < random.uniform(0.45, 0.85, (CHAINS, 1))
    width = random.uniform(0.15, 0.35, (CHAINS, 1))
    first = np.where(right, 1.0, -1.0) + width * random.standard_normal((CHAINS, draws))
    others = 0.3 * random.standard_normal((CHAINS, draws, dimension - 1))
    return np.concatenate([first[..., None], others], axis=-1)


READINGS: dict[str, tuple[Potential, Callable[[np.ndarray], Reading]]] = {
    "energy": (WELL, lambda x: energy_thermometer(WELL, x)),
    "energy in phase": (WELL, lambda x: energy_thermometer(WELL, x, "left")),
    "energy in the other phase": (WELL, lambda x: energy_thermometer(WELL, x, "right")),
    "energy in phase, plane": (PLANE, lambda x: energy_thermometer(PLANE, x, "left")),
    "occupancy": (WELL, lambda x: occupancy_thermometer(WELL, x)),
    "direction": (PLANE, lambda x: anisotropy(PLANE, x, "left").readings[0]),
    "other direction": (PLANE, lambda x: anisotropy(PLANE, x, "left").readings[1]),
}  # fmt: skip


@pytest.mark.parametrize("name", READINGS)
@pytest.mark.parametrize("seed", [1, 2])
def test_the_error_of_a_thermometer_is_the_jackknifes(name, seed):
    potential, read = READINGS[name]
    points = hops(seed, potential.dimension)
    whole = read(points)
    assert whole.reads, whole.reason
    expected = jackknife(lambda kept: float(np.log(read(points[kept]).inverse_temperature)))
    # The two differ by terms of second order in the error, about one over the chains.
    assert whole.relative_error == pytest.approx(expected, rel=0.06)
    assert whole.standard_error == pytest.approx(whole.inverse_temperature * whole.relative_error)
    # A third, a half or double of it would be seen.
    for wrong in (0.5, 2**-0.5, 2**0.5, 2.0):
        assert whole.relative_error * wrong != pytest.approx(expected, rel=0.06)


def test_the_error_of_the_dynamic_thermometer_is_the_jackknifes():
    random, rate = np.random.default_rng(8), 0.02
    well = Potential.from_expression("x**2/2 + y**2")
    before = np.sqrt([0.3, 0.15]) * random.standard_normal((CHAINS, 200, 2)) * random.uniform(0.9, 1.1, (CHAINS, 1, 1))
    noise = np.sqrt(2 * 0.3 / rate) * random.standard_normal(before.shape)
    after = before - rate * (well.gradient_function()(before) + noise)

    def read(kept: np.ndarray | slice) -> Reading:
        return fluctuation_dissipation_thermometer(well, before[kept], after[kept], learning_rate=rate)

    whole = read(slice(None))
    assert whole.reads, whole.reason
    expected = jackknife(lambda kept: float(np.log(read(kept).inverse_temperature)))
    assert whole.relative_error == pytest.approx(expected, rel=0.06)


def test_the_error_of_stationarity_is_the_jackknifes():
    points = hops(3, 2)
    after = points[:, ::-1] * 0.97
    whole = stationarity(PLANE, points, after, learning_rate=0.05, momentum=0.3)
    expected = jackknife(
        lambda kept: (
            stationarity(PLANE, points[kept], after[kept], learning_rate=0.05, momentum=0.3).relative_difference
        )
    )
    assert whole.standard_error == pytest.approx(expected, rel=0.06)


def test_intervals_and_effective_sizes_of_a_reading_by_hand():
    shares = np.linspace(-1, 1, 25) * 0.1
    found = reading("x", 4.0, np.repeat(shares[:, None], 3, axis=1) + 0.01 * np.array([[1, -2, 1]]), confidence=0.9)
    error = np.sqrt((shares**2).sum() / 24 / 25)
    reach = 1.7108820799094275 * error  # Student's t with 24 degrees of freedom at .95
    assert found.standard_error == pytest.approx(4 * error, rel=1e-12)
    assert (found.low, found.high) == pytest.approx((4 * np.exp(-reach), 4 * np.exp(reach)), rel=1e-9)
    variance = (shares**2).mean() + 0.01**2 * 2
    assert found.effective_sample_size == pytest.approx(variance / error**2, rel=1e-12)


def test_disagreement_by_hand():
    random = np.random.default_rng(5)
    first, second = random.standard_normal((2, 30)) * 0.2
    one, two = (reading(n, b, x[:, None]) for n, b, x in (("a", 2.0, first), ("b", 2.3, second)))
    found = disagreement([one, two], confidence=0.9)
    difference = np.log(2.3 / 2.0)
    variance = (first - second).var(ddof=1) / 30
    assert found.chi_square == pytest.approx(difference**2 / variance, rel=1e-9)
    # For two readings Hotelling's law is Student's t with one degree of freedom less than there are chains.
    from scipy.stats import t

    assert found.p_value == pytest.approx(2 * t.sf(difference / np.sqrt(variance), 29), rel=1e-9)
    assert (found.degrees_of_freedom, found.spread) == (1, pytest.approx(0.15))
    assert found.spread_error == pytest.approx(1.15 * np.sqrt(variance), rel=1e-9)
    covariance = np.cov(np.stack([first - first.mean(), second - second.mean()])) / 30
    weights = np.linalg.inv(covariance).sum(axis=1)
    common = weights @ np.log([2.0, 2.3]) / weights.sum()
    reach = t.ppf(0.95, 28) / np.sqrt(weights.sum())
    assert (found.inverse_temperature, found.low, found.high) == pytest.approx(
        (np.exp(common), np.exp(common - reach), np.exp(common + reach)), rel=1e-9
    )
