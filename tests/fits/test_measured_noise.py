"""Ends predicted from measured gradient noise: right ones come back, wrong ones are refuted, none is extrapolated."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.fits.measured_noise import NoiseTable, local_shift, predicted_ends
from slt_toys.reference.laws import law
from tests.seeds import fresh_seed

DECAY, SIZES, EPOCHS = 0.9, np.array([4.0, 8.0, 16.0, 32.0]), np.arange(0.0, 81.0, 4.0)


def memorising(e, b):
    return law("memorised-variance")(
        memory_rate=40.0, batch_size=b, decay=DECAY, epoch=e, initial_learning_rate=0.05, gradient_variance=3000.0
    )


def table(variance, error: float = 0.0, unit: float = 1.0, epochs=EPOCHS, sizes=SIZES) -> NoiseTable:
    values = unit * np.array([[float(variance(e, b)) for e in epochs] for b in sizes])
    return NoiseTable(sizes, epochs, values, error * values)


def true_ends(variance, level: float = 0.3) -> dict[int, float]:
    grid = np.linspace(0, 80, 80_001)
    ends = {}
    for b in SIZES:
        temperature = 0.05 * DECAY**grid * np.array(variance(grid, b)) / (2 * b)
        ends[int(b)] = float(grid[np.flatnonzero(temperature > level)[-1]])
    return ends


def test_ends_of_a_memorising_run_come_back_and_the_closed_form_is_refuted():
    ends = {size: (end, 0.3) for size, end in true_ends(memorising).items()}
    made = predicted_ends(table(memorising, 0.02), ends, anchor=8, decay=DECAY, seed=fresh_seed())
    for each in made.ends:
        assert each.epoch == pytest.approx(each.measured, abs=0.5)  # the table's coarse epochs
        assert each.low is not None and each.high is not None and each.low < each.measured < each.high
    assert made.p_value is not None and made.p_value > 0.01 > 1e-6 > made.closed_form_p_value
    assert made.shift == pytest.approx(made.measured_shift, abs=0.2) and not made.doubts
    # In other units of the variance nothing changes.
    other = predicted_ends(table(memorising, 0.02, 1e-7), ends, anchor=8, decay=DECAY, seed=1)
    assert other.shift == pytest.approx(made.shift, abs=1e-9)


def test_one_variance_gives_the_closed_form():
    ends = {4: (40.0, 0.5), 8: (34.0, 0.5), 16: (28.0, 0.5)}
    made = predicted_ends(table(lambda e, b: 7.0), ends, anchor=8, decay=DECAY)
    for each in made.ends:
        assert each.epoch == pytest.approx(each.closed_form, abs=1e-6)
    assert made.shift == pytest.approx(made.closed_form_shift, abs=1e-6)


def test_ends_by_flow_time_refute_the_prediction():
    """Negative control: noise says one thing, the ends another."""
    ends = {4: (10.0, 0.3), 8: (20.0, 0.3), 16: (40.0, 0.3)}
    made = predicted_ends(table(lambda e, b: 3000.0, 0.02), ends, anchor=8, decay=DECAY)
    assert made.p_value is not None and made.p_value < 1e-6


def test_intervals_cover():
    ends, covered, repeats = true_ends(memorising), 0, 60
    random = np.random.default_rng(fresh_seed())
    for _ in range(repeats):
        clean = table(memorising, 0.05)
        noisy = NoiseTable(SIZES, EPOCHS, clean.values * np.exp(0.05 * random.standard_normal(clean.values.shape)),
                           clean.errors)  # fmt: skip
        given = {8: (ends[8] + 0.5 * random.standard_normal(), 0.5), 16: (ends[16], 0.0)}
        each = predicted_ends(noisy, given, anchor=8, decay=DECAY, repetitions=200, seed=fresh_seed()).ends[0]
        assert each.low is not None and each.high is not None
        covered += each.low <= ends[16] <= each.high
    assert covered / repeats > 0.95 - 5 * np.sqrt(0.05 * 0.95 / repeats)


def test_a_rising_temperature_is_doubted_by_name():
    made = predicted_ends(
        table(lambda e, b: 100 * b * np.exp(0.15 * e), 0.01), {8: (20.0, 1.0), 16: (22.0, 1.0)}, anchor=8, decay=DECAY
    )
    assert "rises at the anchor's end" in made.doubts[0] and made.shift == pytest.approx(0, abs=0.05)


def test_nothing_is_extrapolated():
    short = table(lambda e, b: 7.0, epochs=np.arange(20.0, 37.0, 4.0))
    made = predicted_ends(short, {4: (40.0, 0.5), 8: (34.0, 0.5), 32: (22.0, 0.5)}, anchor=8, decay=DECAY)
    late, early = made.ends
    assert late.epoch is None and "after" in late.refusal and early.epoch is not None
    assert made.shift is None and made.p_value is None
    with pytest.raises(ValueError, match="anchor's, 50, lies beyond"):
        predicted_ends(short, {4: (40.0, 0.5), 8: (50.0, 0.5)}, anchor=8, decay=DECAY)
    with pytest.raises(ValueError, match="batch_size must lie from 4 to 32"):
        predicted_ends(short, {2: (40.0, 0.5), 8: (30.0, 0.5)}, anchor=8, decay=DECAY)
    with pytest.raises(ValueError, match="a variance of 0 has no temperature"):
        NoiseTable(SIZES, EPOCHS, np.zeros((4, len(EPOCHS))), np.zeros((4, len(EPOCHS))))
    with pytest.raises(ValueError, match="anchor must be one of"):
        predicted_ends(short, {4: (30.0, 0.5), 8: (24.0, 0.5)}, anchor=16, decay=DECAY)


def test_local_shift_is_that_of_the_ends():
    fine = NoiseTable(SIZES, np.arange(0.0, 81.0, 0.5), table(memorising, epochs=np.arange(0.0, 81.0, 0.5)).values,
                      np.zeros((4, 162)))  # fmt: skip
    ends = true_ends(memorising)
    middle = NoiseTable(SIZES[1:3], fine.epochs, fine.values[1:3], fine.errors[1:3])
    made = local_shift(middle, (ends[8] + ends[16]) / 2, 0.0, decay=DECAY, repetitions=10)
    assert made.shift == pytest.approx(ends[8] - ends[16], abs=0.3) and made.rising == 0
    assert abs(made.shift - made.closed_form) > 1  # the control
    flat = local_shift(table(lambda e, b: 5.0 * b), 20.0, 1.0, decay=DECAY, repetitions=10)
    assert flat.shift == pytest.approx(0, abs=1e-9) and flat.batch_exponent == pytest.approx(1)
    with pytest.raises(ValueError, match="epoch must lie from 0 to 80"):
        local_shift(table(memorising), 90.0, 1.0, decay=DECAY)
