"""Cost of a whole command and of a sampler's first use, beside the parts that they cannot do without."""

from __future__ import annotations

import pytest

from benchmarks.commands import JOBS, LIMITS
from benchmarks.measure import machine


@pytest.mark.parametrize("name", JOBS)
def test_job_against_its_parts(benchmark, name):
    """CPU time of the job over that of its parts, each in a process that does it alone."""
    found = benchmark.pedantic(lambda: JOBS[name](1), rounds=1)
    benchmark.extra_info |= {"seconds": found.job.cpu, "ratio": found.ratio, **found.parts}
    parts = ", ".join(f"{part} {cpu:.2f}" for part, cpu in found.parts.items())
    print(f"\n{machine()}\n{name}: {found.job.cpu:.2f} CPU s, {found.job.wall:.2f} s; alone: {parts}")
    assert found.ratio < LIMITS.get(name, float("inf"))
