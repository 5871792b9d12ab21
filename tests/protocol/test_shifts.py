"""Shifts in mid-training: weights by definition, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.potentials.catalogue import find_pair
from slt_toys.protocol.exact import exact_shifts
from slt_toys.protocol.sampled import sampled_shifts
from slt_toys.protocol.shifts import (
    Gradual,
    Late,
    Partial,
    Repeated,
    Shift,
    Sudden,
    mixture,
    shift_catalogue,
    three_phase_pair,
    windows_by_onset,
)
from slt_toys.protocol.training import ExponentialDecay, Training
from tests.seeds import fresh_generator

PAIR = find_pair("regular_double_well")
TRAINING = Training(128, 50_000, ExponentialDecay(0.05, 0.9), 3072.0)


def deficit_epochs(shift: Shift) -> float:
    """Sum of the deficit's weights over all epochs: how much of the deficit a run sees."""
    return float(np.sum(shift(np.arange(shift.end_epoch)))) if shift.end_epoch else 0.0


@pytest.mark.parametrize(
    ("shift", "weights"),
    [
        (Sudden(2), [1, 1, 0, 0, 0, 0]),
        (Sudden(0), [0, 0, 0, 0, 0, 0]),
        (Gradual(1, 5), [1, 1, 0.75, 0.5, 0.25, 0]),
        (Repeated(1, 1, 2), [1, 0, 1, 0, 0, 0]),
        (Repeated(2, 1, 2), [1, 1, 0, 1, 1, 0]),
        (Partial(3, 0.4), [0.4, 0.4, 0.4, 0, 0, 0]),
        (Late(2, 3), [0, 0, 1, 1, 1, 0]),
    ],
)
def test_weights(shift, weights):
    assert shift(np.arange(6)) == pytest.approx(weights)
    assert shift.end_epoch == max((i + 1 for i, weight in enumerate(weights) if weight), default=0)
    assert deficit_epochs(shift) == pytest.approx(sum(weights))


def test_the_catalogue_gives_each_the_same_dose():
    doses = {name: deficit_epochs(shift) for name, shift in shift_catalogue(12).items()}
    assert doses.pop("gradual") == 12.5
    assert set(doses.values()) == {12.0} and set(doses) == {"sudden", "repeated", "partial", "late"}
    assert windows_by_onset(5, [0, 7]) == (Late(0, 5), Late(7, 5))


def test_mixtures_are_mixtures():
    for pair in (PAIR, three_phase_pair(), find_pair("curve_against_point")):
        points = fresh_generator().uniform(-1.5, 1.5, (50, pair.clean.dimension))
        both = [potential.energy_function()(points) for potential in (pair.deficit, pair.clean)]
        for weight in (0.0, 0.3, 1.0):
            mixed = mixture(pair, weight)
            assert mixed.energy_function()(points) == pytest.approx(weight * both[0] + (1 - weight) * both[1], abs=1e-9)
            assert np.array_equal(mixed.phase_index(points), pair.clean.phase_index(points))
    energies = {mixture(PAIR, weight).energy for weight in (0.0, 0.3, 1.0)}
    assert len(energies) == 1  # one kernel for every weight


def test_three_phases():
    pair = three_phase_pair()
    assert [phase.name for phase in pair.clean.phases] == ["left", "middle", "right"]
    losses = [pair.clean.minimum_loss(i) for i in range(3)]
    assert losses[0] > losses[1] > losses[2]
    assert [pair.deficit.minimum_loss(i) for i in range(3)] == pytest.approx(losses[::-1])


# ---- refusals ------------------------------------------------------------------------------------------------------
class _Wrong:
    end_epoch = 1

    def __call__(self, epochs):
        return np.full(np.shape(epochs), 1.5)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: Sudden(-1), "switch_epoch must be a whole number of at least 0"),
        (lambda: Gradual(5, 5), "last_epoch must be a whole number of at least 6"),
        (lambda: Repeated(0, 1, 1), "deficit_length must be a whole number of at least 1"),
        (lambda: Partial(3, 1.2), "deficit_weight must lie between 0 and 1"),
        (lambda: Late(2, 0), "length must be a whole number of at least 1"),
        (lambda: shift_catalogue(10), "positive multiple of 4"),
        (lambda: mixture(PAIR, -0.1), "deficit_weight must lie"),
        (lambda: exact_shifts(PAIR, TRAINING, {}, 5), "at least one shift"),
        (lambda: exact_shifts(PAIR, TRAINING, {"a": Sudden(6)}, 5), "reach the end of shift 'a' at 6"),
        (lambda: exact_shifts(PAIR, TRAINING, {"a": _Wrong()}, 5), "must give weights between 0 and 1"),
        (lambda: exact_shifts(PAIR, TRAINING, {"a": Sudden(1)}, 5, start="cold"), "start must be one of"),  # type: ignore[arg-type]
        (
            lambda: sampled_shifts(PAIR, TRAINING, {"a": Sudden(1)}, 5, chains=10, record_epochs=[0]),
            "record_epochs must increase",
        ),
    ],
)
def test_bad_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
