"""Problems whose critical periods end at an epoch that depends on the batch size, and how each curve is measured.

Every problem is a deficit and a clean loss with a schedule of the learning rate, looked at for several batch sizes. The
energies of the catalogue are here, solved exactly (Fokker-Planck) and sampled (Langevin chains); those that are only
simulated, in :mod:`slt_toys.worlds.simulated_problems`.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import PchipInterpolator

from ..exact.kinetics import barrier_form, well_form
from ..potentials.potential import PotentialPair
from ..protocol.curves import rise, sampled_rows
from ..protocol.exact import exact_stuck_probability
from ..protocol.sampled import sampled_stuck
from ..protocol.schedule import Ending, Start
from ..protocol.training import ExponentialDecay, PowerDecay, Training
from ..reference.laws import law
from .minibatch_training import Model, Runs

Array = NDArray[np.float64]
Epochs = NDArray[np.int64]
Advance = Callable[[float], None]
Expectation = Literal["equal temperature", "power law", "start remembered", "flow time spent"]

LEARNING_RATE, DATASET_SIZE = 0.05, 20_000
HOT = 0.7  # temperature of the largest batch at epoch 0, over the barrier
PILOT_ROWS = 16
STEP_SHARE = 0.5  # of the largest stable step; the Heun scheme's bias stays far below the sampling error
CELLS = {1: 240, 2: 40}  # along each axis; in two coordinates that shifts every end alike, by 0.15 epochs
AFTER_HALVINGS, LATEST_HALVINGS = 6.0, 8.2  # of the learning rate: after the switch, and up to the last switch
POWER, POWER_SIZES, POWER_AFTER, POWER_LATEST = 1.0, (16, 23, 32, 45, 64), 300, 160


@dataclass(frozen=True, eq=False)
class Problem:
    """One problem.

    Attributes
    ----------
    name
    kind
        What sort of problem it is.
    expected
        What theory expects of it: ``"equal temperature"``, one halving of the learning rate for each halving of the
        batch [eq:learning-rate-halvings]; ``"power law"``, the same with the drift of
        [eq:equi-temperature-slope-power-law]; ``"start remembered"``, a departure from it, since the deficit has not
        forgotten its start; ``"flow time spent"``, the opposite, without any temperature.
    trainings
        One for each batch size, from small to large.
    latest
        Last switch epoch looked at.
    level
        Stuck mass that marks the end of the critical period.
    runs_share
        Sampled runs of it over those asked for.
    sample
        Takes a training, switch epochs, a number of runs, a seed and a progress callback; gives whether each run ended
        stuck at each switch epoch, shape (runs, switch epochs).
    exact
        Takes a training and switch epochs; gives the stuck mass. None where there is no exact answer.
    pilot
        Runs that find where the stuck share rises, before those that measure it; 0 where the exact answer does.
    barrier
        Height in units of loss, and power of the temperature in front of the escape rate, where they are known.
    real_noise
        Whether its noise is that of real minibatches. The others are Langevin systems (or flows) that are handed
        temperature and duration as functions of γ^e/B: a slope of 1 is then an identity, and checks solver and sampler.
    runs
        As ``sample``, with the gradient noise measured along the run; None where there is none to measure.
    model
        What those runs train; None where there are none.
    """

    name: str
    kind: str
    expected: Expectation
    trainings: tuple[Training, ...]
    latest: int
    level: float
    runs_share: float
    sample: Callable[[Training, Epochs, int, Sequence[int], Advance | None], Array]
    exact: Callable[[Training, Epochs], Array] | None = None
    pilot: int = 0
    barrier: tuple[float, float] | None = None
    real_noise: bool = False
    runs: Callable[[Training, Epochs, int, Sequence[int], Advance | None], Runs] | None = None
    model: Model | None = None

    @property
    def schedule(self) -> str:
        """In words."""
        rate = self.trainings[0].learning_rate_at
        if isinstance(rate, ExponentialDecay):
            return f"exponential, decay {rate.decay:g}"
        return f"power law, power {rate.power:g}" if isinstance(rate, PowerDecay) else "other"


@dataclass(frozen=True, eq=False)
class Curve:
    """What ends stuck, at one batch size of a problem.

    Attributes
    ----------
    batch_size
    switch_epochs, stuck
        Where runs were sampled, shape (m,), and which ended stuck, shape (runs, m).
    onset
        Epoch from which the curve rises: the hinge looks at later rows only, since it has no flat start.
    exact_epochs, exact
        A finer grid that holds the sampled rows, and the exact stuck mass on it; empty where there is none.
    noise_epochs, variance, variance_error
        Where gradient noise was measured, and what it was; empty where it was not.
    """

    batch_size: int
    switch_epochs: Epochs
    stuck: Array
    onset: float
    exact_epochs: Epochs
    exact: Array
    noise_epochs: Epochs = field(default_factory=lambda: np.empty(0, dtype=np.int64))
    variance: Array = field(default_factory=lambda: np.empty(0))
    variance_error: Array = field(default_factory=lambda: np.empty(0))


ONSET = 0.8  # widths of the rise (10 to 90 %) before its middle


def measure(
    problem: Problem, training: Training, runs: int, seed: Sequence[int], advance: Advance | None = None
) -> Curve:
    """Find where the stuck share rises, exactly or by pilot runs of their own, then measure it there."""
    coarse = np.arange(0, problem.latest + 1, -(-problem.latest // PILOT_ROWS))
    if problem.exact is None or problem.pilot:
        rough = problem.sample(training, coarse, problem.pilot, [*seed, 1], None).mean(axis=0)
        rough = np.convolve(np.pad(rough, 1, mode="edge"), np.ones(3) / 3, mode="valid")
    else:
        rough = problem.exact(training, coarse)
    every = np.arange(coarse[-1] + 1)
    between = PchipInterpolator(coarse, rough)(every)
    middle, width = rise(every, between)
    rows = sampled_rows(every, between)
    exact_epochs, exact = np.empty(0, dtype=np.int64), np.empty(0)
    if problem.exact is not None:
        # Where the exact answer is dear it is given at the sampled rows alone.
        near = (
            rows
            if problem.pilot
            else np.arange(max(0, round(middle - 0.5 * width)), min(every[-1], round(middle + 0.5 * width)) + 1, 2)
        )
        exact_epochs = np.union1d(rows, near)
        exact = problem.exact(training, exact_epochs)
    onset = middle - ONSET * width
    if problem.runs is not None:
        made = problem.runs(training, rows, runs, [*seed, 0], advance)
        noise = (made.noise_epochs, made.variance, made.variance_error)
        return Curve(int(training.batch_size), rows, made.stuck, onset, exact_epochs, exact, *noise)
    stuck = problem.sample(training, rows, runs, [*seed, 0], advance)
    return Curve(int(training.batch_size), rows, stuck, onset, exact_epochs, exact)


# ---- energies -------------------------------------------------------------------------------------------------------
def energy_problem(
    pair: PotentialPair,
    kind: str,
    trainings: Sequence[Training],
    latest: int,
    epochs_after: int,
    *,
    expected: Expectation = "equal temperature",
    start: Start = "equilibrium",
    runs_share: float = 1.0,
    level: float = 0.5,
    name: str = "",
) -> Problem:
    """Langevin dynamics in a pair of energies that is solved exactly as well."""
    ending = Ending("further", epochs_after)
    dimension = max(len(group) for group in pair.clean.components())

    def exact(training: Training, rows: Epochs) -> Array:
        return exact_stuck_probability(pair, training, rows, ending, start, CELLS[dimension])

    def sample(training: Training, rows: Epochs, runs: int, seed: Sequence[int], advance: Advance | None) -> Array:
        return sampled_stuck(
            pair, training, rows, ending, chains=runs, seed=seed, start=start, step_share=STEP_SHARE, advance=advance
        )

    ordered = tuple(sorted(trainings, key=lambda training: training.batch_size))
    barrier = escape_barrier(pair) if pair.clean.dimension == 1 else None
    pilot = 0 if dimension == 1 else 200
    return Problem(
        name or pair.name, kind, expected, ordered, latest, level, runs_share, sample, exact, pilot, barrier
    )  # fmt: skip


def escape_barrier(pair: PotentialPair) -> tuple[float, float]:
    """Barrier that a stuck run has to cross on clean data, and the power of the temperature before the escape rate.

    The power is 1 less the learning coefficients of well and barrier [eq:singular-eyring-kramers].
    """
    well = well_form(pair.clean, pair.stuck_phase)
    stuck = pair.clean.phase_number(pair.stuck_phase)
    beside = [k for k in (stuck - 1, stuck) if 0 <= k < len(pair.clean.phases) - 1]
    barrier = min((barrier_form(pair.clean, k) for k in beside), key=lambda form: form.loss)
    return barrier.loss - well.loss, 1 - 1 / (2 * well.half_order) - 1 / (2 * barrier.half_order)


def variance_for(
    pair: PotentialPair, batch_sizes: Sequence[int], hot: float = HOT, learning_rate: float = LEARNING_RATE
) -> float:
    """Gradient variance that makes the first epoch of the largest batch ``hot`` barriers warm [eq:sgd-temperature]."""
    unit = law("sgd-temperature")(
        learning_rate=learning_rate, gradient_variance=1.0, batch_size=max(batch_sizes), momentum=0.0
    )
    return hot * escape_barrier(pair)[0] / unit


def decaying(
    pair: PotentialPair,
    kind: str,
    batch_sizes: Sequence[int],
    decay: float,
    *,
    variance: float | None = None,
    expected: Expectation = "equal temperature",
    start: Start = "equilibrium",
    runs_share: float = 1.0,
    level: float = 0.5,
    name: str = "",
    learning_rate: float = LEARNING_RATE,
) -> Problem:
    """A pair of energies under exponential decay, from ``learning_rate`` on."""
    noise = variance_for(pair, batch_sizes, learning_rate=learning_rate) if variance is None else variance
    schedule = ExponentialDecay(learning_rate, decay)
    halving = law("epochs-per-halving")(decay=decay)
    # Wide enough for the batch sizes: the end moves by one halving for each of theirs.
    octaves = float(np.log2(max(batch_sizes) / min(batch_sizes)))
    return energy_problem(
        pair, kind, [Training(size, DATASET_SIZE, schedule, noise) for size in batch_sizes],
        int(np.ceil((LATEST_HALVINGS - 4 + octaves) * halving)), int(np.ceil(AFTER_HALVINGS * halving)),
        expected=expected, start=start, runs_share=runs_share, level=level, name=name,
    )  # fmt: skip


def harmonic(pair: PotentialPair, kind: str) -> Problem:
    """A pair of energies under a power law, the Bayesian reading of temperature [eq:bayesian-temperature]."""
    schedule = PowerDecay(LEARNING_RATE, POWER)
    noise = 10 * variance_for(pair, POWER_SIZES)  # a power law cools fast at first
    return energy_problem(
        pair, kind, [Training(size, DATASET_SIZE, schedule, noise) for size in POWER_SIZES], POWER_LATEST,
        POWER_AFTER, expected="power law", name=f"{pair.name}, power law",
    )  # fmt: skip
