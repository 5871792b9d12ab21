"""Cost of SGD's exact kernel beside that of its sampler, where both find the same."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.measure import Comparison, compare, machine
from benchmarks.sgd_kernel import CASES, CHAINS, kernel, sampler

# Epochs after which hardly a run crosses.
UNTIL = {"control": 75, "momentum": 95, "reshuffled": 70, "anisotropic noise": 85}


@pytest.mark.parametrize("arm", CASES)
def test_kernel_against_sampler(benchmark, arm):
    """CPU time per switch epoch, kernel over sampler: medians of paired ratios."""
    ours, other = kernel(arm), sampler(arm, UNTIL[arm])
    exact, sampled = ours.run(), other.run()
    assert (np.abs(exact - sampled) < 5 * np.sqrt(exact * (1 - exact) / CHAINS) + 3e-3).all()

    def work() -> Comparison:
        return compare(ours, other, 3)

    found = benchmark.pedantic(work, rounds=1)
    benchmark.extra_info[found.other] = found.in_milliseconds()
    print(
        f"\n{machine()}\n{arm}: {1e3 * found.our_cost.cpu:.3g} ms of CPU time per switch epoch; "
        f"{found.other}: {1e3 * found.other_cost.cpu:.3g} ms; {found.spread()}"
    )
