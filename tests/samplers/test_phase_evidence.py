"""Which phases a run must have visited, and how often."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.samplers import phase_evidence
from slt_toys.samplers.phase_evidence import Border, Evidence, evidence
from tests.samplers.made_verdicts import NAN, TILTED


def seen(entries: list[int], returns: int, matters: list[bool]) -> Evidence:
    size = len(entries)
    names = tuple("abc"[:size])
    shares = np.full(size, 1 / size)
    return Evidence(names, shares, np.full(size, NAN), np.array(matters), np.array(entries), returns, True)


def test_ten_entries_and_ten_returns():
    every = [True, True, True]
    assert not list(seen([30, 10, 10], 10, every).problems())
    assert list(seen([30, 9, 12], 40, every).problems()) == ["phase b was entered 9 times, 10 are needed"]
    assert list(seen([30, 12, 12], 9, every).problems()) == ["chains came back to a phase 9 times, 10 are needed"]
    assert seen([30, 12, 2], 9, [True, True, False]).least_entries() == 12


def test_which_phases_matter():
    """With exact shares: what ten draws are expected in; else what was seen, or lies within forty temperatures."""
    matters = phase_evidence._matters
    shares, exact = np.array([0.0, 1.0]), np.array([1e-3, 0.999])
    assert matters(TILTED, shares, exact, 1.0, 9_990.0).tolist() == [False, True]
    assert matters(TILTED, shares, exact, 1.0, 10_010.0).tolist() == [True, True]
    unknown, apart = np.full(2, NAN), TILTED.minimum_loss(0) - TILTED.minimum_loss(1)
    assert matters(TILTED, shares, unknown, 39 / apart, 1.0).tolist() == [True, True]
    assert matters(TILTED, shares, unknown, 41 / apart, 1.0).tolist() == [False, True]
    assert matters(TILTED, np.array([0.01, 0.99]), unknown, 41 / apart, 1.0).tolist() == [True, True], "it was seen"
    assert matters(TILTED, np.array([1.0, 0.0]), unknown, 41 / apart, 1.0).tolist() == [True, True], "it lies lower"
    assert matters(TILTED, shares, unknown, None, 1.0).tolist() == [True, True]


@pytest.mark.parametrize(("count", "expected"), [(4, [True, False]), (6, [True, True])])
def test_the_core_of_a_phase(count, expected):
    """Up to λT + T above its minimum, λ = 1/2; from a share of .05 on its draws' lower half is core too."""
    n_beta, phase = 50.0, TILTED.phase_number("left")
    energy, lowest = TILTED.energy_function(), TILTED.minimum_loss(phase)
    places = TILTED.minimum_point(phase)[0] + np.linspace(0, 0.5, 50_001)
    heights = n_beta * (energy(places[:, None]) - lowest)
    low, high = (places[np.searchsorted(heights, height)] for height in (1.45, 1.55))
    points = np.full((1, 100, 1), TILTED.minimum_point("right")[0])
    points[0, :count, 0] = high
    points[0, 0, 0] = low
    index = TILTED.phase_index(points)
    shares = np.array([(index == k).mean() for k in range(2)])
    core = phase_evidence._cores(TILTED, points, index, shares, n_beta)
    assert (core[0, :2] == phase).tolist() == expected
    without = phase_evidence._cores(TILTED, points, index, shares, None)
    assert (without[0, :2] == phase).all(), "without a temperature the lower half is all there is to go by"


def test_a_ladders_round_trips_limit_entries_and_returns_of_each_chain():
    points = np.where(np.arange(200) % 2, 1.0, -1.0)[None, :, None] * np.ones((2, 1, 1))
    border = Border(TILTED, (0,), "")
    free = evidence(border, points, None, 1000.0)
    assert free is not None and free.entries.tolist() == [198, 200] and free.returns == 396
    bound = evidence(border, points, None, 1000.0, np.array([3, 0]))
    assert bound is not None and bound.entries.tolist() == [3, 3] and bound.returns == 3
