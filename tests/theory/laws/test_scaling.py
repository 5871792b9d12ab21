"""Scaling laws against sums over epochs, root finding and an integrated two-state process."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, optimize

RUN = {"initial_learning_rate": 0.05, "dataset_size": 50_000, "momentum": 0.3}
DECAY = 0.97


def schedule(epochs, batch_size):
    """(temperature, Langevin time) of each epoch, from the definitions."""
    rate = RUN["initial_learning_rate"] * DECAY**epochs
    slow = 1 - RUN["momentum"]
    return rate * 3072 / (2 * batch_size * slow), rate * RUN["dataset_size"] / (batch_size * slow)


def stuck(epoch: float, batch_size: float, height: float = 0.3, further: float = 200.0) -> float:
    """Mass left of a two-state process with rate exp(-height/T), integrated in continuous epochs."""

    def rate(e):
        temperature, time = schedule(e, batch_size)
        return np.exp(-height / temperature) * time

    return float(np.exp(-integrate.quad(rate, epoch, epoch + further, limit=400, epsrel=1e-11)[0]))


def half_stuck(batch_size: float) -> float:
    """Switch epoch at which half the mass is left, by root finding."""
    return float(optimize.brentq(lambda e: stuck(e, batch_size) - 0.5, -200, 300, xtol=1e-10))


def test_one_number_decides(evaluate):
    for batch_size in (32, 64):
        middle = half_stuck(batch_size)
        for epoch in (middle - 3, middle + 5):
            theta = evaluate("scaling-variable", decay=DECAY, epoch=epoch, batch_size=batch_size)
            partner = epoch + np.log(2) / np.log(DECAY)
            assert evaluate("scaling-variable", decay=DECAY, epoch=partner, batch_size=2 * batch_size) == pytest.approx(
                theta
            )
            assert stuck(partner, 2 * batch_size) == pytest.approx(stuck(epoch, batch_size), rel=1e-8)
            # Negative control: without moving the epoch the end differs.
            assert abs(stuck(epoch, 2 * batch_size) - stuck(epoch, batch_size)) > 1e-4


def test_fixed_totals_break_the_scaling():
    switch = half_stuck(32)
    total = switch + 5.0
    first = stuck(switch, 32, further=total - switch)
    partner = switch + np.log(2) / np.log(DECAY)
    second = stuck(partner, 64, further=total - partner)
    assert abs(first - second) > 1e-3


def test_remaining_time_is_the_sum_over_epochs(evaluate):
    for epoch, batch_size in ((0, 128), (37, 64)):
        theta = evaluate("scaling-variable", decay=DECAY, epoch=epoch, batch_size=batch_size)
        law = evaluate("remaining-langevin-time", scaling_variable=theta, decay=DECAY, **RUN)
        assert law == pytest.approx(schedule(np.arange(epoch, 4000), batch_size)[1].sum(), rel=1e-10)


def test_end_of_the_critical_period_by_root_finding(evaluate):
    ends = {b: half_stuck(b) for b in (32, 64, 128, 256)}
    shift = evaluate("epochs-per-halving", decay=DECAY)
    assert shift == pytest.approx(22.7566, abs=1e-4)
    offset = ends[32] - np.log(32) / np.log(DECAY)
    for batch_size, end in ends.items():
        law = evaluate("critical-period-end-exponential", epoch_offset=offset, batch_size=batch_size, decay=DECAY)
        assert law == pytest.approx(end, abs=1e-6)
    assert ends[32] - ends[64] == pytest.approx(shift, abs=1e-6)


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


def test_flow_time_rivals(evaluate):
    for batch_size in (64, 128):
        end = evaluate("critical-period-end-flow-time", decay=DECAY, batch_size=batch_size, flow_time=500, **RUN)
        whole = int(end)
        times = schedule(np.arange(whole + 1), batch_size)[1]
        # The closed form interpolates the sum over whole epochs.
        assert times[:whole].sum() <= 500 <= times.sum()
        spent = schedule(0, batch_size)[1] * (1 - DECAY**end) / (1 - DECAY)
        assert spent == pytest.approx(500, rel=1e-10)
        left = evaluate("critical-period-end-flow-time-left", decay=DECAY, batch_size=batch_size, flow_time=50, **RUN)
        assert schedule(left, batch_size)[1] / (1 - DECAY) == pytest.approx(50, rel=1e-10)
    constant = evaluate(
        "critical-period-end-flow-time-constant",
        batch_size=64,
        flow_time=500,
        learning_rate=0.05,
        dataset_size=50_000,
        momentum=0.3,
    )
    assert constant * schedule(0, 64)[1] == pytest.approx(500, rel=1e-12)
    near = evaluate("critical-period-end-flow-time", decay=1 - 1e-9, batch_size=64, flow_time=500, **RUN)
    assert near == pytest.approx(constant, rel=1e-6)
