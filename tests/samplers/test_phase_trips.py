"""Trips between phases against loops."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slt_toys.samplers import diagnostics
from slt_toys.samplers.phase_trips import core_entries, phase_round_trips, phase_transitions


def trips_by_hand(path: list[int], first: int, second: int) -> int:
    trips, place = 0, "nowhere"
    for phase in path:
        if phase == first:
            trips += place == "away"
            place = "home"
        elif phase == second and place == "home":
            place = "away"
    return trips


def transitions_by_hand(path: list[int]) -> int:
    seen = [phase for phase in path if phase >= 0]
    return sum(a != b for a, b in itertools.pairwise(seen))


PATHS = st.integers(1, 12).flatmap(
    lambda draws: st.lists(st.lists(st.integers(-1, 2), min_size=draws, max_size=draws), min_size=1, max_size=5)
)


@given(paths=PATHS)
def test_trips_and_transitions_against_loops(paths):
    index = np.array(paths)
    for first, second in ((0, 1), (1, 0), (2, 0)):
        assert phase_round_trips(index, first, second).tolist() == [trips_by_hand(p, first, second) for p in paths]
    starts = [number % 2 for number in range(len(paths))]
    assert phase_round_trips(index, starts, 2).tolist() == [
        trips_by_hand(p, s, 2) for p, s in zip(paths, starts, strict=True)
    ]
    assert phase_transitions(index).tolist() == [transitions_by_hand(p) for p in paths]
    homes = [next((phase for phase in path if phase >= 0), -1) for path in paths]
    returns = [
        trips_by_hand([-1 if q < 0 else int(q == h) for q in p], 1, 0) for p, h in zip(paths, homes, strict=True)
    ]
    assert diagnostics._round_trips(index) == sum(returns)


@pytest.mark.parametrize(
    ("index", "ends", "message"),
    [
        (np.zeros((2, 3)), (0, 1), "phase_index must hold whole numbers"),
        (np.zeros(3, int), (0, 1), "phase_index must hold whole numbers"),
        (np.zeros((2, 3), int), (1, 1), "first and second must be different phases"),
        (np.zeros((2, 3), int), (np.zeros(3, int), 1), "first must be one phase index or one for each of 2 chains"),
    ],
)
def test_bad_phase_indices_are_refused(index, ends, message):
    with pytest.raises(ValueError, match=message):
        phase_round_trips(index, *ends)


def entries_by_hand(path: list[int], phases: int) -> tuple[list[int], int]:
    entries, returns, been, place = [0] * phases, 0, set(), -1
    for phase in path:
        if phase < 0 or phase == place:
            continue
        if place >= 0:
            entries[phase] += 1
            returns += phase in been
        been.add(phase)
        place = phase
    return entries, returns


@given(paths=PATHS)
def test_entries_and_returns_against_loops(paths):
    entries, returns = core_entries(np.array(paths), 3)
    expected = [entries_by_hand(path, 3) for path in paths]
    assert entries.tolist() == [one for one, _ in expected]
    assert returns.tolist() == [one for _, one in expected]
