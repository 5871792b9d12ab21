"""A look-up beside what else would draw the same, and beside a load."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.stats import chi2

from benchmarks.look_ups import DURATION, RUNS, TEMPERATURE, inverted, line, loads, starts, table
from benchmarks.measure import compare, machine
from slt_toys.exact.look_up import epoch_matrix

LIMITS = {"numpy": 0.2, "bound": 3.0}


@pytest.mark.parametrize("contender", [table, inverted])
def test_both_draw_the_law_of_the_epoch(contender):
    matrix = epoch_matrix(line(), TEMPERATURE, DURATION)
    expected = np.bincount(starts(), minlength=len(matrix)) @ matrix
    kept = expected > 20
    found = np.bincount(contender().run(), minlength=len(matrix))
    statistic = ((found - expected)[kept] ** 2 / expected[kept]).sum()  # conditional on starts: at most this much
    assert chi2.sf(statistic, kept.sum()) > 1e-9 and found.sum() == RUNS


@pytest.mark.parametrize(("name", "other"), [("numpy", inverted), ("bound", loads)])
def test_a_look_up(benchmark, name, other):
    found = benchmark.pedantic(compare, (table(), other()), rounds=1)
    benchmark.extra_info.update(machine=machine(), ratio=found.ratio)
    print(
        f"\n{machine()}\n{found.ours}: {1e9 * found.our_cost.cpu:.2f} ns; {found.other}: "
        f"{1e9 * found.other_cost.cpu:.2f} ns; {found.spread()}, at most {LIMITS[name]}"
    )
    assert found.ratio <= LIMITS[name]
