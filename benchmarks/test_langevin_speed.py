"""Chain-steps per second of the Langevin engine, and its cost beside a bound and peers of the same run."""

from __future__ import annotations

import os
import time

import pytest

from benchmarks.bound import load_bound
from benchmarks.engines import FAMILY, POTENTIALS, SCHEMES, family_member, kernel, through_sample
from benchmarks.measure import Contender, Unavailable, compare, machine
from benchmarks.peers import RIVALS
from slt_toys.potentials.catalogue import catalogue

# CPU time over all threads, as everywhere here.
by_cpu_time = pytest.mark.benchmark(timer=time.process_time, min_rounds=5, max_time=0.5, warmup=False)


def timed(benchmark, contender: Contender) -> None:
    contender.run()  # compiles
    benchmark(contender.run)
    benchmark.extra_info["contender"] = contender.name
    if benchmark.stats is not None:  # None with --benchmark-disable
        benchmark.extra_info["ns_per_chain_step"] = 1e9 * benchmark.stats.stats.median / contender.units
        benchmark.extra_info["chain_steps_per_second"] = contender.units / benchmark.stats.stats.median


@by_cpu_time
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", POTENTIALS)
def test_kernel(benchmark, name, scheme):
    timed(benchmark, kernel(catalogue()[name], scheme))


@by_cpu_time
@pytest.mark.parametrize("scheme", SCHEMES)
@pytest.mark.parametrize("name", POTENTIALS)
def test_sample(benchmark, name, scheme):
    timed(benchmark, through_sample(catalogue()[name], scheme))


@pytest.mark.skipif((os.cpu_count() or 1) < 2, reason="one processor only")
@pytest.mark.benchmark(timer=time.perf_counter, min_rounds=5, max_time=0.5, warmup=False)
def test_sample_on_two_threads_wall_time(benchmark):
    timed(benchmark, through_sample(catalogue()["regular_double_well"], threads=2))


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.peers if rival[2] else ()) for n, rival in RIVALS.items()]
)
def test_engine_against_bounds(benchmark, name):
    """CPU time per chain-step, the engine's over the other's: median of paired ratios, and its limit."""
    make_ours, make_other, _, limit = RIVALS[name]
    try:
        ours, other = make_ours(), make_other()
    except Unavailable as reason:
        pytest.skip(str(reason))
    found = benchmark.pedantic(compare, (ours, other), rounds=1)
    costs = {"our_ns": 1e9 * found.our_cost.cpu, "other_ns": 1e9 * found.other_cost.cpu}
    benchmark.extra_info.update(costs, machine=machine(), ours=found.ours, other=found.other, ratio=found.ratio)
    print(
        f"\n{machine()}\n{found.ours}: {1e9 * found.our_cost.cpu:.2f} ns a chain-step of CPU time; "
        f"{found.other}: {1e9 * found.other_cost.cpu:.2f} ns; {found.spread()}"
        + (f", at most {limit:.3g}" if limit else "")
    )
    if name == "c_bound":
        print(load_bound().description)
    assert limit is None or found.ratio <= limit


@pytest.mark.parametrize("potential", POTENTIALS)
@pytest.mark.parametrize("name", FAMILY)
def test_family_against_the_unadjusted_sampler(benchmark, name, potential):
    """CPU time per chain-step, a sampler's over unadjusted Langevin's: median of paired ratios, and its limit."""
    sampler, limit = FAMILY[name]
    energy = catalogue()[potential]
    ours, other = family_member(sampler, energy), through_sample(energy)
    found = benchmark.pedantic(compare, (ours, other), rounds=1)
    benchmark.extra_info.update(ratio=found.ratio, low=found.low, high=found.high, limit=limit, machine=machine())
    if limit is not None and energy.dimension in (1, 10):
        assert found.ratio <= limit
