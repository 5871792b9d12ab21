"""Ends and temperatures under a learning rate that falls as a power of the epoch."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate

from tests.theory.laws.made_schedules import RUN


def test_power_law_end(evaluate):
    values = {"initial_learning_rate": 0.05, "gradient_variance": 3072, "momentum": 0.3, "critical_temperature": 0.05}
    for power in (0.5, 1.0, 2.0):
        ends = [
            evaluate("critical-period-end-power-law", schedule_power=power, batch_size=b, **values) for b in (64, 128)
        ]
        temperature = 0.05 * (1 + ends[0]) ** -power * 3072 / (2 * 64 * 0.7)
        assert temperature == pytest.approx(0.05, rel=1e-10)
        assert (1 + ends[0]) / (1 + ends[1]) == pytest.approx(2 ** (1 / power), rel=1e-10)


def test_power_law_remaining_time(evaluate):
    law = evaluate("remaining-langevin-time-power-law", schedule_power=2.5, batch_size=64, epoch=7, **RUN)
    exact = integrate.quad(lambda e: 0.05 * (1 + e) ** -2.5 * 50_000 / 64 / 0.7, 7, np.inf)[0]
    assert law == pytest.approx(exact, rel=1e-8)


@pytest.mark.parametrize("prefactor", [0.0, 0.25])
@pytest.mark.parametrize("power", [0.75, 1.0, 2.0])
def test_critical_temperature_balances_the_hazard(evaluate, power, prefactor):
    # The leading-order hazard is off by O(T / barrier): exact hazard over ln 2 tends to 1 as the clock gets longer.
    height, batch_size, ratios, orders = 1.0, 128, [], []
    for attempt in (1e12, 1e24):
        temperature = evaluate(
            "critical-temperature-power-law",
            schedule_power=power,
            batch_size=batch_size,
            barrier_height=height,
            attempt_rate=attempt,
            rate_temperature_power=prefactor,
            critical_hazard=np.log(2),
            gradient_variance=3072,
            **RUN,
        )
        slow = 1 - RUN["momentum"]
        start = 0.05 * 3072 / (2 * batch_size * slow)
        first = (start / temperature) ** (1 / power)

        def rate(log_u, attempt=attempt, start=start, slow=slow):
            u = np.exp(log_u)
            now = start * u**-power
            time = 0.05 * u**-power * 50_000 / (batch_size * slow)
            return attempt * now**prefactor * np.exp(-height / now) * time * u

        begin = np.log(first)
        hazard = integrate.quad(rate, begin, begin + 3, limit=800, epsrel=1e-11, points=begin + np.array([0.01, 0.1]))[
            0
        ]
        orders.append(temperature / height)
        ratios.append((hazard / np.log(2) - 1) / orders[-1])
    # 1 - ratio is (2 + s - 1/p) T/barrier to next order, by one more integration by parts.
    expected = -(2 + prefactor - 1 / power)
    assert abs(ratios[1] - expected) < abs(ratios[0] - expected) + 1e-9
    limit = (ratios[1] * orders[0] - ratios[0] * orders[1]) / (orders[0] - orders[1])
    assert limit == pytest.approx(expected, rel=0.015)


def test_bayesian_reading(evaluate):
    coefficient = 50_000 * 3072 * 0.05 / 2
    for epoch in (0, 9):
        law = evaluate(
            "bayesian-temperature", examples_coefficient=coefficient, batch_size=128, dataset_size=50_000, epoch=epoch
        )
        assert law == pytest.approx(
            evaluate(
                "sgd-temperature", learning_rate=0.05 / (1 + epoch), gradient_variance=3072, batch_size=128, momentum=0
            )
        )
