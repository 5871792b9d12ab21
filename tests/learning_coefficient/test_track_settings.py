"""Settings of the tracks: each run from its first step on, to an end that is known."""

from __future__ import annotations

from slt_toys.learning_coefficient.superposition import POLYGONS
from slt_toys.learning_coefficient.track_settings import ADDITION, RUNS, STAIRCASES, STEPS


def test_steps_rise_from_the_start_to_a_known_end():
    assert ADDITION in RUNS and set(STAIRCASES) < set(RUNS) and len(set(RUNS)) == len(RUNS)
    for steps in (STEPS, *(steps for *_, steps in STAIRCASES.values())):
        assert list(steps) == sorted(set(steps)) and steps[0] == 0
    assert {end for end, *_ in STAIRCASES.values()} == set(POLYGONS)
