"""Schedules: which are one experiment, and what is refused."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from slt_toys.protocol.schedule import Ending, Schedule

HALF_EPOCHS = (np.arange(20) < 10).astype(float)


@pytest.mark.parametrize(
    "change",
    [{"deficit_weights": HALF_EPOCHS - (np.arange(20) == 9)},
     {"temperatures": 1.01 * np.ones(20)}, {"durations": 0.99 * np.ones(20)},
     {"order": "reshuffled", "steps_per_epoch": 5}, {"steps_per_epoch": 5},
     {"deficit_weights": np.append(HALF_EPOCHS, 0.0), "temperatures": np.ones(21), "durations": np.ones(21)}],
)  # fmt: skip
def test_schedules_differ_in_each_part(change):
    base = {
        "deficit_weights": HALF_EPOCHS,
        "learning_rates": np.ones(20),
        "temperatures": np.ones(20),
        "durations": np.ones(20),
    }
    one = Schedule(**base)
    assert one.same_as(Schedule(**base | {"learning_rates": 2 * np.ones(20), "temperatures": np.ones(20) + 1e-12}))
    assert not one.same_as(Schedule(**base | change)) and not Schedule(**base | change).same_as(one)


def test_momentum_makes_another_schedule_of_own_steps_alone():
    """In the continuous limit it acts by temperatures and durations, which say it already."""
    for steps in (0, 5):
        one, other = (
            Schedule(HALF_EPOCHS, np.ones(20), np.ones(20), momentum=mu, steps_per_epoch=steps) for mu in (0.0, 0.5)
        )
        assert one.same_as(other) == other.same_as(one) == (steps == 0)


@pytest.mark.parametrize("name", ["temperatures", "durations"])
def test_schedules_differ_in_any_unit(name):
    base: dict[str, Any] = {part: np.ones(20) for part in ("learning_rates", "temperatures", "durations")}
    parts: list[dict[str, Any]] = [base | {name: 1e-15 * factor * np.ones(20)} for factor in (1.0, 1.01)]
    one, other = (Schedule(deficit_weights=HALF_EPOCHS, **each) for each in parts)
    assert not one.same_as(other) and one.same_as(replace(other, **{name: 1e-15 * np.ones(20)}))


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (
            lambda: Schedule(np.zeros(2), np.ones(2), np.ones(2), order="reshuffled"),
            "steps_per_epoch must be at least 2",
        ),
        (lambda: Schedule(np.zeros(2), np.ones(2), np.ones(2), steps_per_epoch=1), "steps_per_epoch must be 0"),
        (lambda: Schedule(np.full(2, 1.5), np.ones(2), np.ones(2)), "deficit_weights must hold one number"),
        (lambda: Schedule(np.ones(3), np.ones(2), np.ones(2)), "deficit_weights must hold one number"),
        (lambda: Schedule(np.ones(2), np.zeros(2), np.ones(2)), "temperatures must be finite and positive"),
        (lambda: Schedule(np.zeros(2), np.ones(2), np.ones(2), order="sorted"), "order must be"),  # type: ignore[arg-type]
        (lambda: Ending("later", 10), "kind must be 'further' or 'total'"),  # type: ignore[arg-type]
        (lambda: Ending("total", 0), "whole number of at least 1"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
