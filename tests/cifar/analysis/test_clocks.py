"""Clocks against closed forms, displacements that were put in, and worlds in which one clock decides."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy.stats import binom

from cifar.analysis.analysis import analyse
from cifar.analysis.clocks import (
    BY_SCHEDULE,
    EPOCH,
    LEARNING_RATE,
    LEFT,
    LOSS,
    SPENT,
    Reading,
    Sweep,
    _positions,
    clock_values,
    displacement,
    read_clocks,
    verdicts,
)
from cifar.study.presets import STUDY, STUDY_DECAY
from slt_toys.reference.laws import law
from tests.cifar.analysis.made_decays import CLOCKS, made, pair, same_clock
from tests.seeds import fresh_generator

EPOCHS = np.array([0.0, 6, 12, 16, 20, 24, 28, 32, 36, 42])


def fall(epochs):
    """Level, a fall, and a slower one."""
    return np.interp(epochs, [-100, 14, 30, 200], [10.0, 10.0, 4.0, -13.0])


def covered(first: Sweep, second: Sweep, clock: str, size: int) -> tuple[np.ndarray, np.ndarray]:
    found = _positions(first, second, clock, size)
    assert not isinstance(found, str)
    return found


def off(reading: Reading) -> tuple[float, float | None, float | None]:
    assert reading.off is not None
    return reading.off


# ---- clocks ----
@pytest.mark.parametrize("size", [32, 128])
@pytest.mark.parametrize(
    ("clock", "label"),
    [(LEARNING_RATE, ""), (LEFT, "-time-left"), (SPENT, "-time-spent")],
)
def test_long_runs_show_what_closed_forms_say(clock, label, size):
    generator = fresh_generator()
    long = [replace(study, further_epochs=600, stage=replace(study.stage, cooling=0)) for study in (STUDY, STUDY_DECAY)]
    first, second = (made(study, EPOCH, noise=0.1, seeds=1, generator=generator) for study in long)
    epochs, at = covered(first, second, clock, size)
    assert epochs[0] == at[0] == 0  # no deficit is no deficit
    for epoch, there in zip(epochs[1:], at[1:], strict=True):
        back = law(f"end-at-another-decay{label}")(epoch=there, decay=0.93, other_decay=0.9)

        assert back == pytest.approx(epoch, abs=1e-6), (epoch, there)


def test_clocks_count_cooling_and_the_end_of_runs():
    first, second = pair(EPOCH, noise=0.1, seeds=(1, 1), generator=fresh_generator())
    for clock in CLOCKS:
        epochs, at = covered(first, second, clock, 128)
        told = [same_clock(clock, there, 0.93, 0.9, (35, 26)) for there in at[1:]]
        assert told == pytest.approx(epochs[1:].tolist(), abs=1e-9)
    left = np.exp(-clock_values(first, first.findings.curves[128], LEFT))
    cooled = 0.05 * sum(0.93**epoch * 0.4 ** max(0, epoch - 29) for epoch in range(35))
    assert left[0] == pytest.approx(cooled) and left[-1] == pytest.approx(cooled * 0.93**42)


def test_a_clock_that_does_not_grow_is_no_clock():
    first, second = pair(EPOCH, noise=0.1, seeds=(1, 1), generator=fresh_generator())
    for each in read_clocks(first, second):
        if each.clock == LOSS:
            assert (each.off, each.why) == (None, "not measured at every switch")
    losses = [
        [replace(row, at_switch={"deficit_train_loss": value(row.run.switch_epoch)}) for row in sweep.rows]
        for sweep, value in ((first, lambda e: 2.0 - e / 60), (second, lambda e: 1.5 + (e % 2)))
    ]
    one, two = (replace(sweep, rows=rows) for sweep, rows in zip((first, second), losses, strict=True))
    assert _positions(one, two, LOSS, 128) == "it does not grow with the switch epoch"
    epochs, at = covered(one, one, LOSS, 128)
    assert at == pytest.approx(epochs)


# ---- displacements ----
@pytest.mark.parametrize("by", [-9.25, -0.3, 0.0, 2.6, 11.0])
@pytest.mark.parametrize(("level", "depth"), [(0.0, 1.0), (-30.0, 0.6), (7.0, 1.8)])
def test_a_displacement_is_found_whatever_level_and_depth(by, level, depth):
    dense = np.arange(0.0, 43)  # so that lines between rows are the curve
    at = EPOCHS * 1.04
    others = level + depth * fall(at - by)
    (found,) = displacement(dense, fall(dense)[None], at, others[None])
    assert found == pytest.approx(by, abs=0.05)
    # percent or shares, any unit of epochs
    (again,) = displacement(dense, fall(dense)[None] / 100, at, others[None] / 100)
    assert again == pytest.approx(found, abs=1e-9)


def test_rows_without_a_deficit_do_not_move():
    start = EPOCHS == 0
    others = fall(np.where(start, 0, EPOCHS + 18))  # all but the first are on the way down
    free, held = (displacement(EPOCHS, fall(EPOCHS)[None], EPOCHS, others[None], each)[0] for each in (None, start))
    assert held == pytest.approx(-18, abs=1) and abs(free + 18) > abs(held + 18) + 1


def test_what_lies_further_than_half_of_the_curve_is_said_to():
    late = fall(EPOCHS - 40)[None]
    assert displacement(EPOCHS, fall(EPOCHS)[None], EPOCHS, late).item() == math.inf


# ---- verdicts ----
@pytest.mark.parametrize("truth", [LEARNING_RATE, LEFT])
def test_the_clock_that_decides_is_told_and_the_others_are_refused(truth):
    first, second = pair(truth, noise=0.15, seeds=(3, 1), generator=fresh_generator())
    readings = read_clocks(first, second)
    said = verdicts(readings)
    assert said == {**dict.fromkeys(BY_SCHEDULE, "no"), truth: "yes", LOSS: "cannot tell"}
    for each in readings:
        if each.clock == truth:
            assert each.held and (each.within == "") and abs(off(each)[0]) < 2
    # of which half depth sees the same
    for each in readings:
        if each.batch_size and each.clock == truth:
            assert each.predicted == pytest.approx(each.found, abs=2)


def test_epochs_are_told_from_temperature():
    first, second = pair(EPOCH, noise=0.15, seeds=(3, 3), generator=fresh_generator())
    said = verdicts(read_clocks(first, second))
    assert said[EPOCH] != "no" and said[LEARNING_RATE] == "no" and said[LEFT] == "no"


def test_curves_of_two_shapes_are_said_to_be():
    first, second = pair(LEFT, noise=0.2, seeds=(3, 3), generator=fresh_generator())
    assert not any(each.why for each in read_clocks(first, second) if each.clock == LEFT)
    bent = []
    for row in second.rows:  # what falls by steps has another shape
        accuracy = 0.76 - 0.04 * (row.run.switch_epoch > 12) - 0.04 * (row.run.switch_epoch > 35)
        bent.append(replace(row, final={**row.final, "test_accuracy": accuracy + 1e-3 * row.run.seed}))
    other = Sweep(bent, analyse(bent, deficit="blur", decay=0.9, learning_rate=0.05, momentum=0.9, examples=10_000))
    said = {each.batch_size: each.why for each in read_clocks(first, other) if each.clock == LEFT}
    assert said[32] == "the curves have two shapes"
    assert not any(each.held for each in read_clocks(first, other) if each.batch_size == 32)


def test_what_is_far_off_is_refused_and_open_towards_more():
    first, second = pair(LEARNING_RATE, noise=0.1, seeds=(3, 3), generator=fresh_generator())
    early = []
    for row in second.rows:  # all is lost after a few epochs
        accuracy = 0.76 - 0.08 * min(row.run.switch_epoch / 6, 1) + 1e-3 * row.run.seed
        early.append(replace(row, final={**row.final, "test_accuracy": accuracy}))
    other = Sweep(early, analyse(early, deficit="blur", decay=0.9, learning_rate=0.05, momentum=0.9, examples=10_000))
    readings = [each for each in read_clocks(first, other) if each.clock == LEARNING_RATE]
    far = next(each for each in readings if each.batch_size == 32)
    assert far.refused and far.why.startswith("off by more than half of the curve")
    least, low, high = off(far)
    assert least == -30.5 and low is None and high is not None and -30.5 <= high < -10
    assert verdicts(readings) == {LEARNING_RATE: "no"}


def test_half_seeds_leave_intervals_of_rows():
    first, second = pair(LEFT, noise=0.2, seeds=(2, 1), generator=fresh_generator())
    rows = [row for row in first.rows if row.run.seed == 0 or row.run.switch_epoch < 40]
    fewer = Sweep(rows, analyse(rows, deficit="blur", decay=0.93, learning_rate=0.05, momentum=0.9, examples=10_000))
    assert {each.within for each in read_clocks(fewer, second) if each.off} == {"rows alone"}
    one = made(STUDY, LEFT, noise=0.2, seeds=1, generator=fresh_generator())
    assert {each.within for each in read_clocks(one, second) if each.off} == {"one seed"}


def test_readings_that_cannot_be():
    first, second = pair(LEFT, noise=0.2, seeds=(1, 1), generator=fresh_generator())
    few = [row for row in second.rows if row.run.switch_epoch in (0, 12, 21, 30, 8, 17)]
    fitted = analyse(few, deficit="blur", decay=0.9, learning_rate=0.05, momentum=0.9, examples=10_000)
    assert all(each.why for each in read_clocks(first, Sweep(few, fitted)) if each.batch_size)
    other = [row for row in second.rows if row.run.batch_size == 32]
    only = analyse(other, deficit="blur", decay=0.9, learning_rate=0.05, momentum=0.9, examples=10_000)
    assert {each.batch_size for each in read_clocks(first, Sweep(other, only))} == {32}  # and no mean of one
    missing = [row for row in first.rows if row.run.batch_size == 128]
    none = analyse(missing, deficit="blur", decay=0.93, learning_rate=0.05, momentum=0.9, examples=10_000)
    with pytest.raises(ValueError, match=r"^beside: the sweeps have no batch size in common; give two that have$"):
        read_clocks(Sweep(missing, none), Sweep(other, only))


def test_a_yes_takes_the_refusal_of_every_rival():
    def told(**offs):
        return verdicts([Reading(clock, 32, off=offs[clock]) for clock in BY_SCHEDULE])

    kept, far, wide = (0.5, -1.0, 2.0), (4.0, 1.0, 7.0), (0.5, None, 2.0)
    rivals = dict.fromkeys(BY_SCHEDULE, far)
    assert told(**rivals | {LEFT: kept}) == {**dict.fromkeys(BY_SCHEDULE, "no"), LEFT: "yes"}
    assert told(**rivals | {LEFT: wide})[LEFT] == "cannot tell"
    assert told(**rivals | {LEFT: kept, EPOCH: wide})[LEFT] == "cannot tell"
    assert told(**rivals | {LEFT: (-4.0, None, -1.0)})[LEFT] == "no"
    assert set(told(**dict.fromkeys(BY_SCHEDULE, None)).values()) == {"cannot tell"}
    # one batch size is enough to refuse
    readings = [Reading(LEFT, 32, off=kept), Reading(LEFT, 128, off=far), Reading(LEFT, None, off=kept)]
    assert verdicts(readings) == {LEFT: "no"}


@pytest.mark.slow
@pytest.mark.parametrize(
    ("truth", "seeds", "shift"),
    [(LEARNING_RATE, (3, 1), 0.0), (EPOCH, (3, 1), 0.0), (LEFT, (3, 3), 1.0), (SPENT, (3, 3), 1.0)],
)
def test_the_clock_that_decides_is_seldom_refused(truth, seeds, shift):
    draws, refused = 20, 0
    for _ in range(draws):
        first, second = pair(truth, noise=0.39, seeds=seeds, generator=fresh_generator(), shift=shift)
        refused += verdicts(read_clocks(first, second))[truth] == "no"
    assert refused <= binom.isf(1e-4, draws, 0.05)
