"""The engine's own cost per unit of a sweep, against what is asked of it and against Ray Core alone."""

from __future__ import annotations

import pytest

from benchmarks.measure import Unavailable, machine
from benchmarks.sweeps import ENGINES, LIMITS, UNITS


@pytest.mark.parametrize("name", ENGINES)
def test_overhead_per_unit(benchmark, name):
    """Clock time per unit that does nothing, everything kept included."""
    try:
        found = benchmark.pedantic(lambda: ENGINES[name](3), rounds=1)
    except Unavailable as reason:
        pytest.skip(str(reason))
    told = "" if found.ratio is None else f", {found.ratio:.2f} times Ray Core alone"
    benchmark.extra_info |= {"milliseconds": 1e3 * found.sweep.wall, "ratio": found.ratio}
    print(
        f"\n{machine()}\n{name}, {UNITS} units: {1e3 * found.sweep.wall:.2f} ms a unit, "
        f"{1e3 * found.sweep.cpu:.2f} of the driver's processor{told}"
    )
    assert found.sweep.wall < LIMITS[name]
