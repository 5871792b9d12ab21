"""Cost of the exact solvers beside scipy's, where both find the same."""

from __future__ import annotations

import time

import pytest

from benchmarks.exact import CASES, difference, ends_plane, reference_case
from benchmarks.measure import Comparison, Unavailable, compare, machine


@pytest.mark.parametrize("name", CASES)
def test_exact_against_scipy(benchmark, name):
    """CPU time per unit, ours over scipy's: medians of paired ratios."""
    try:
        case = CASES[name]()
    except Unavailable as reason:
        pytest.skip(str(reason))
    answer = case.ours.run()
    for other in case.others:
        assert difference(answer, other.run()) < case.tolerance

    def work() -> list[Comparison]:
        return [compare(case.ours, other, case.repetitions) for other in case.others]

    found = benchmark.pedantic(work, rounds=1)
    for comparison in found:
        benchmark.extra_info[comparison.other] = comparison.in_milliseconds()
        print(
            f"\n{machine()}\n{name}: {1e3 * comparison.our_cost.cpu:.3g} ms of CPU time per {case.unit}; "
            f"{comparison.other}: {1e3 * comparison.other_cost.cpu:.3g} ms; {comparison.spread()}"
        )


@pytest.mark.benchmark(timer=time.process_time, min_rounds=3, max_time=1.0, warmup=False)
@pytest.mark.parametrize("case", [reference_case, ends_plane])
def test_reference_case(benchmark, case):
    contender = case()
    stuck = contender.run()
    assert ((stuck > -1e-6) & (stuck < 1 + 1e-6)).all()
    benchmark(contender.run)
    if benchmark.stats is not None:
        benchmark.extra_info["milliseconds_per_epoch"] = 1e3 * benchmark.stats.stats.median / contender.units
