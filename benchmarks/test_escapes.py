"""What a rate of a rare escape costs beside waiting, and a lane-step of splitting beside one of the plain kernel."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.engines import kernel
from benchmarks.escapes import STEP, ends, height, waiting
from benchmarks.measure import Contender, compare, machine
from slt_toys.potentials.catalogue import regular_double_well
from slt_toys.samplers import OverdampedLangevin
from slt_toys.samplers.escape_rate import sample_escape_rate

LIMIT = 3.0  # of the plain kernel's time a chain-step
TEMPERATURE = 0.03


def test_waiting_costs_as_many_steps_as_it_says():
    """A hundred escapes of mean time e at the step, one nanosecond each."""
    assert waiting(1.0, 0.196, 1e-9) == pytest.approx(100 * np.e / STEP * 1e-9)


def test_the_barrier_is_that_of_the_well():
    left, top, right = np.sort(np.roots([4, 0, -4, -0.15]).real)
    loss = np.poly1d([1, 0, -2, -0.15, 1])
    assert ends() == pytest.approx((left, right)) and height() == pytest.approx(loss(top) - loss(left))


def test_a_lane_step_beside_the_plain_kernel(benchmark):
    """Trials score, compare and refill lanes at every step."""
    well = regular_double_well()

    def rate():
        return sample_escape_rate(
            well, OverdampedLangevin(STEP, "heun"), temperature=TEMPERATURE, start="left", target="right", seed=1,
            threads=1,
        )  # fmt: skip

    ours = Contender("sample_escape_rate", rate, units=rate().lane_steps)
    found = benchmark.pedantic(compare, (ours, kernel(well, "heun", steps=2**14)), rounds=1)
    benchmark.extra_info.update(machine=machine(), ratio=found.ratio)
    print(
        f"\n{machine()}\n{found.ours}: {1e9 * found.our_cost.cpu:.2f} ns a lane-step; {found.other}: "
        f"{1e9 * found.other_cost.cpu:.2f} ns; {found.spread()}, at most {LIMIT:.3g}"
    )
    assert found.ratio <= LIMIT
