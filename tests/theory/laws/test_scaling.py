"""Scaling laws against sums over epochs, root finding and an integrated two-state process."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate, optimize

from tests.theory.laws.made_schedules import DECAY, RUN, schedule


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
