"""Escapes still to come: rates against quadrature, ends against the Fokker-Planck equation, and what is refused."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest

from slt_toys.exact.kinetics import mean_first_passage_time
from slt_toys.fits.ends import Definition, find_end
from slt_toys.fits.measured_noise import NoiseTable, predicted_ends
from slt_toys.potentials.from_text import read_pair
from slt_toys.potentials.potential import PotentialPair
from slt_toys.protocol.exact import stuck_by_switch
from slt_toys.protocol.schedule import Ending
from slt_toys.protocol.training import ExponentialDecay, Training
from slt_toys.reference.laws import law
from slt_toys.worlds import minibatch_networks as networks
from slt_toys.worlds import minibatch_regressions as regressions
from slt_toys.worlds.escapes_left import end_by_escapes, escape_rates, escapes_left, one_weight_moves
from slt_toys.worlds.minibatch_problems import descended

DECAY, RATE, STEPS, LATEST, AFTER = 0.97, 0.01, 4096, 160, 100
SIZES = (1, 2, 4, 8)
MODEL = regressions.regular_regression(size=64)


@cache
def pair() -> PotentialPair:
    """The regular regression's losses, up to the noise of its labels: (w²-1)² + (w-t)²/2."""
    return read_pair("(w**2-1)**2 + (w-0.32)**2/2", "(w**2-1)**2 + (w+0.32)**2/2", option="--clean")


def minima() -> list[np.ndarray]:
    return [descended(MODEL, weights) for weights in (MODEL.deficit_weights, MODEL.clean_weights)]


def trainings() -> list[Training]:
    return [Training(size, STEPS, ExponentialDecay(RATE, DECAY), 1.0) for size in SIZES]


def learned(memory: float) -> NoiseTable:
    """Gradient variance that is learned away, by batch size and epoch."""
    epochs = np.arange(LATEST + AFTER)
    values = [
        law("memorised-variance")(
            memory_rate=memory, batch_size=size, decay=DECAY, epoch=epochs, initial_learning_rate=RATE,
            gradient_variance=360.0,
        )
        for size in SIZES
    ]  # fmt: skip
    return NoiseTable(np.array(SIZES, dtype=float), epochs.astype(float), np.array(values), np.zeros((4, len(epochs))))


def exact_end(training: Training, variances: np.ndarray) -> float:
    """By the Fokker-Planck equation at the temperature of each epoch."""
    epochs, switches = LATEST + AFTER, np.arange(0, LATEST + 1, 3)
    temperatures = training.learning_rates(epochs) * variances / (2 * training.batch_size)
    stuck = stuck_by_switch(
        pair(), temperatures, training.durations(epochs), switches, Ending("further", AFTER), cells=200
    )
    end = find_end(switches, stuck, Definition("half_stuck_mass", interpolation="monotone_cubic")).epoch
    return np.nan if end is None else end


def test_rates_are_those_of_quadrature():
    stuck, clean = minima()
    temperatures = np.array([0.02, 0.1, 0.5])
    found = escape_rates(MODEL, stuck, clean, temperatures)
    times = [mean_first_passage_time(pair().clean, each, stuck[0], clean[0]) for each in temperatures]
    np.testing.assert_allclose(found * np.array(times), 1, rtol=2e-3)


def test_ends_are_those_of_the_fokker_planck_equation():
    """As learned noise bends them; one critical temperature, the control, is further off where it bends most."""
    table, (stuck, clean) = learned(6.0), minima()
    exact = np.array([exact_end(each, row) for each, row in zip(trainings(), table.values, strict=True)])
    ends = np.array(
        [
            end_by_escapes(escapes_left(table, each, MODEL, stuck, clean, latest=LATEST, after=AFTER))
            for each in trainings()
        ]
    )

    known = np.isfinite(exact)
    assert known.sum() >= 3
    assert np.abs(ends - exact)[known].max() < 0.8
    sizes = np.array(SIZES)[known]
    given = {int(size): (end, 0.1) for size, end in zip(sizes, exact[known], strict=True)}
    anchor = int(sizes[-1])
    one = predicted_ends(table, given, anchor=anchor, decay=DECAY, repetitions=20, seed=0)
    missed = [np.inf if each.epoch is None else abs(each.epoch - given[int(each.batch_size)][0]) for each in one.ends]
    assert max(missed) > 2 * np.abs(ends - exact)[known].max()


def test_ends_between_epochs():
    left = np.exp(np.linspace(1, -3, 41))
    assert end_by_escapes(left) == pytest.approx((1 - np.log(np.log(2))) * 10)
    assert end_by_escapes(left, 0.9) > end_by_escapes(left)
    assert np.isnan(end_by_escapes(left / 100)) and np.isnan(end_by_escapes(left * 100))


def test_what_is_refused():
    table, training, (stuck, clean) = learned(6.0), trainings()[0], minima()
    assert one_weight_moves(MODEL) and one_weight_moves(regressions.memorising_regression())
    assert not one_weight_moves(networks.deep_linear())
    with pytest.raises(ValueError, match="model must have one moving weight"):
        escape_rates(networks.deep_linear(), np.zeros(4), np.ones(4), np.array([0.1]))
    with pytest.raises(ValueError, match="temperatures must be positive, not 0"):
        escape_rates(MODEL, stuck, clean, np.array([0.1, 0.0]))
    with pytest.raises(ValueError, match="latest and after must be at least 1, not 0 and 5"):
        escapes_left(table, training, MODEL, stuck, clean, latest=0, after=5)
    with pytest.raises(ValueError, match="batch_size must lie from 1 to 8"):
        escapes_left(table, Training(16, STEPS, ExponentialDecay(RATE, DECAY), 1.0), MODEL, stuck, clean,
                     latest=9, after=9)  # fmt: skip
