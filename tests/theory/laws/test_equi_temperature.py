"""The slope of equi-temperature curves against an integrated hazard of escapes and root finding."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, optimize

RATE, NOISE, SIZE, HEIGHT = 0.05, 3072.0, 50_000, 1.0


def hazard_left(log_rate: float, batch_size: float, attempt: float, power: float, prefactor: float) -> float:
    """Escapes still expected at a learning rate exp(log_rate) that falls as a power of the epoch from there on."""
    first = (RATE / np.exp(log_rate)) ** (1 / power)

    def per_epoch(u: float) -> float:
        rate = RATE * u**-power
        temperature = rate * NOISE / (2 * batch_size)
        return attempt * temperature**prefactor * np.exp(-HEIGHT / temperature) * rate * SIZE / batch_size

    return float(integrate.quad(per_epoch, first, first * 40, limit=800, epsrel=1e-12)[0])


def log_rate_at_end(batch_size: float, attempt: float, power: float, prefactor: float) -> float:
    """Logarithm of the learning rate at which half of what is stuck can still escape."""
    unit = NOISE / (2 * batch_size) / HEIGHT  # learning rate times this is temperature over barrier
    return float(
        optimize.brentq(
            lambda x: np.log(hazard_left(x, batch_size, attempt, power, prefactor) / np.log(2)),
            np.log(0.01 / unit), np.log(0.6 / unit), xtol=1e-13,
        )
    )  # fmt: skip


@pytest.mark.parametrize("prefactor", [0.0, 0.25])
@pytest.mark.parametrize("power", [0.75, 1.0, 2.0])
def test_slope_under_a_power_law(evaluate, power, prefactor):
    misses = []
    for attempt in (1e2, 1e7):
        below, middle, above = (log_rate_at_end(b, attempt, power, prefactor) for b in (127.0, 128.0, 129.0))
        slope = (above - below) / np.log(129 / 127)
        reduced = HEIGHT / (np.exp(middle) * NOISE / (2 * 128))
        values = {"schedule_power": power, "rate_temperature_power": prefactor, "reduced_barrier": reduced}
        law = evaluate("equi-temperature-slope-power-law", **values)
        misses.append(abs(slope - law) / (slope - 1))
        # Negative control: without the drift of the critical temperature the slope would be one.
        assert slope > 1 + 12 * abs(slope - law)
    # What the law leaves out is of the second order in temperature over barrier.
    assert misses[1] < 0.02 and misses[1] < misses[0] / 3


def test_one_temperature_is_one_halving_for_each(evaluate):
    values = {"critical_temperature": 0.2, "gradient_variance": NOISE, "initial_learning_rate": RATE, "momentum": 0.3}
    for batch_size in (16, 128):
        halvings = evaluate("learning-rate-halvings", batch_size=batch_size, **values)
        at_end = RATE * 2.0**-halvings
        temperature = evaluate(
            "sgd-temperature", learning_rate=at_end, gradient_variance=NOISE, batch_size=batch_size, momentum=0.3
        )
        assert temperature == pytest.approx(0.2, rel=1e-12)
        later = evaluate("learning-rate-halvings", batch_size=batch_size / 2, **values)
        assert later - halvings == pytest.approx(1, rel=1e-12)
