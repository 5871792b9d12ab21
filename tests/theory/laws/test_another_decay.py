"""The end at another decay against root finding on learning rates written out epoch by epoch."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import optimize

from slt_toys.reference.laws import law

PAIRS = [(0.93, 0.9), (0.9, 0.93), (0.97, 0.95), (0.99, 0.6)]
LONG = 6000  # epochs until nothing is left


def sums(decay: float, epoch: float, rate: float = 0.05) -> tuple[float, float, float]:
    """Learning rate, and the sums of learning rates from an epoch on and before it; between epochs geometrically."""
    whole = rate * decay ** np.arange(LONG)
    left = whole.sum() * decay**epoch
    first = int(epoch)
    assert decay ** (epoch - first) * whole[first:].sum() == pytest.approx(left, rel=1e-9)
    return rate * decay**epoch, left, whole.sum() - left


def found(index: int, decay: float, other: float, epoch: float) -> float:
    level = sums(decay, epoch)[index]
    last = min(600, 300 / -np.log(other))  # then nothing is left that a number could hold
    return float(optimize.brentq(lambda e: np.log(sums(other, e)[index] / level), 1e-9, last, xtol=1e-10))


@pytest.mark.parametrize(("decay", "other"), PAIRS)
@pytest.mark.parametrize("epoch", [12.0, 30.5])
def test_ends_are_where_the_sums_are_equal(evaluate, decay, other, epoch):
    run = {"epoch": epoch, "decay": decay, "other_decay": other}
    by_rate = evaluate("end-at-another-decay", **run)
    assert by_rate == pytest.approx(found(0, decay, other, epoch), abs=1e-6)
    by_left = evaluate("end-at-another-decay-time-left", **run)
    if by_left > 0:  # else there is never as much
        assert by_left == pytest.approx(found(1, decay, other, epoch), abs=1e-6)
    with np.errstate(invalid="ignore"):  # of what never comes
        by_spent = law("end-at-another-decay-time-spent")(**run)
    if decay**epoch > (decay - other) / (1 - other):
        assert by_spent == pytest.approx(evaluate("end-at-another-decay-time-spent", **run), rel=1e-12)
        assert by_spent == pytest.approx(found(2, decay, other, epoch), abs=1e-5)
    else:
        assert np.isnan(by_spent)
        assert sums(other, LONG - 1)[2] < sums(decay, epoch)[2]
    # what falls faster ends earlier by temperature, earlier still by time left, and later by time spent
    order = by_left, by_rate, epoch, by_spent
    assert list(order) == sorted(order, reverse=other > decay) or np.isnan(by_spent)


def test_the_same_decay_moves_nothing(evaluate):
    run = {"epoch": 17.0, "decay": 0.93, "other_decay": 0.93}
    for name in ("", "-time-left", "-time-spent"):
        assert evaluate(f"end-at-another-decay{name}", **run) == pytest.approx(17)
