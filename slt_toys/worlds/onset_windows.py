"""Which onset of a deficit window does most harm, and which ingredient of a toy decides it.

In networks the earliest window is the worst (Achille, Rovere & Soatto 2019). In a two-phase pair it need not be: a run
that still changes phase after the window forgets it, and a run that does not change phase within the window is not
harmed. Four ingredients, each off or on:

============ ============================================== =========================================================
ingredient   off                                            on
============ ============================================== =========================================================
start        equilibrium of the clean energy                at the saddle between the phases
temperature  phases mix in epoch 0                          too cold to mix, from epoch 0 on
noise        constant learning rate                         falls, as η₀γ^e
barrier      regular                                        quartic: the saddle is flat and left slowly
============ ============================================== =========================================================

All of it is exact (Fokker-Planck). No start knows of the deficit.

What comes out: the temperature turns it round, alone. The start at the saddle only lets a window do harm where it is
too cold to change phase; falling noise is what makes any window worst where it is not. And where the earliest window
is the worst, the end of the critical period does not follow the law of equal temperature
[eq:critical-period-end-exponential], whose condition, a start that is forgotten, is the opposite.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from itertools import product

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..exact.fokker_planck import Grid, fokker_planck, grid_for
from ..fits.ends import Definition, find_end
from ..inputs.arguments import checked_arguments
from ..potentials.catalogue import find_pair
from ..potentials.potential import PotentialPair
from ..protocol.exact import exact_shifts, stuck_by_switch
from ..protocol.schedule import Ending
from ..protocol.shifts import Late, Shift, Sudden
from ..protocol.training import ConstantRate, ExponentialDecay, Training
from ..reference.laws import law

Array = NDArray[np.float64]
STARTS = ("equilibrium", "saddle")
TEMPERATURES = {"mixes at first": 0.6, "never mixes": 0.05}  # of epoch 0; the barriers of the pairs are near 1
NOISES = ("constant", "falling")
BARRIERS = {"regular": "regular_double_well", "flat": "flat_topped_barrier"}
SADDLE_WIDTH = 0.1  # standard deviation of the start at the saddle; the wells are 1 away
LEARNING_RATE, DECAY, BATCH_SIZE, DATASET_SIZE = 0.05, 0.97, 128, 50_000
LENGTH, ONSETS, EPOCHS = 20, tuple(range(0, 121, 10)), 260
BATCHES = (64, 128, 256)
SWITCHES, AFTER = tuple(range(0, 121, 4)), 140
LEAST_HARM = 0.01  # of stuck mass: below it no window is worst

__all__ = ["OnsetCurve", "end_slope", "ingredients", "onset_curve", "training_at", "worst_by_temperature"]


@dataclass(frozen=True, eq=False)
class OnsetCurve:
    """Harm of deficit windows by onset.

    Attributes
    ----------
    onsets
        In epochs, shape (m,).
    harm
        Final stuck mass with the window less that without any, shape (m,).
    without
        Final stuck mass without a window.
    """

    onsets: NDArray[np.int64]
    harm: Array
    without: float

    @property
    def worst(self) -> int | None:
        """Onset of most harm; None where no window does as much as :data:`LEAST_HARM`."""
        return int(self.onsets[self.harm.argmax()]) if self.harm.max() >= LEAST_HARM else None


@checked_arguments
def onset_curve(
    pair: PotentialPair, training: Training, *, start: str = "equilibrium", length: int = LENGTH,
    onsets: Sequence[int] = ONSETS, epochs: int = EPOCHS, saddle: float = 0.0, width: float = SADDLE_WIDTH,
) -> OnsetCurve:  # fmt: skip
    """Harm by onset in a pair of one coordinate.

    Parameters
    ----------
    pair
    training
        Temperatures and durations of the epochs.
    start
        ``"equilibrium"`` of the clean energy at the first temperature, or ``"saddle"``: normal about ``saddle``, with
        standard deviation ``width``, whatever the energy.
    length, onsets, epochs
        Of the window, its onsets, and of every run.
    saddle, width
        In units of the coordinate.

    Raises
    ------
    ValueError
        For a pair of more coordinates, an unknown start, or windows that are not over by the end.
    """
    shifts: dict[str, Shift] = {"none": Sudden(0)}
    shifts |= {str(onset): Late(int(onset), length) for onset in onsets}
    grid, masses = _begun(pair, training.temperatures(epochs), start, saddle, width)
    stuck = exact_shifts(pair, training, shifts, epochs, start=masses, grid=grid)["stuck"].values
    return OnsetCurve(np.array(onsets, dtype=np.int64), stuck[1:] - stuck[0], float(stuck[0]))


@checked_arguments
def end_slope(
    pair: PotentialPair, at: Callable[[int], Training], *, start: str = "equilibrium",
    batches: Sequence[int] = BATCHES, saddle: float = 0.0, width: float = SADDLE_WIDTH,
) -> float | None:  # fmt: skip
    """Shift of the end of the critical period per halving of the batch, in epochs: (e*(least) - e*(most)) / halvings.

    The end is where the stuck mass is midway between its least and its most over the switch epochs.

    Parameters
    ----------
    pair, start, saddle, width
        As for :func:`onset_curve`.
    at
        Gives the training of a batch size.
    batches
        Increasing.

    Returns
    -------
    float or None
        None where a batch size has no end among the switch epochs: a stuck mass that changes by less than
        :data:`LEAST_HARM`, or one that has changed before the first of them.
    """
    ends = []
    for size in (batches[0], batches[-1]):
        training, last = at(size), SWITCHES[-1] + AFTER
        temperatures, durations = training.temperatures(last), training.durations(last)
        grid, masses = _begun(pair, temperatures, start, saddle, width)
        curve = stuck_by_switch(
            pair, temperatures, durations, SWITCHES, Ending("further", AFTER), start=masses, grid=grid
        )
        if np.ptp(curve) < LEAST_HARM:
            return None
        level = float(curve.min() + curve.max()) / 2
        ends.append(
            find_end(SWITCHES, curve, Definition("half_stuck_mass", level, interpolation="monotone_cubic")).epoch
        )
    if ends[0] is None or ends[1] is None:
        return None
    return (ends[0] - ends[1]) / float(np.log2(batches[-1] / batches[0]))


def training_at(temperature: float, noise: str = "falling", batch_size: int = BATCH_SIZE) -> Training:
    """SGD whose first epoch has this temperature at the control's batch size; another one changes it.

    Raises
    ------
    ValueError
        If ``noise`` is neither ``"constant"`` nor ``"falling"``.
    """
    if noise not in NOISES:
        raise ValueError(f"noise must be 'constant' or 'falling', not {noise!r}")
    unit = law("sgd-temperature")(
        learning_rate=LEARNING_RATE, gradient_variance=1.0, batch_size=BATCH_SIZE, momentum=0.0
    )
    rate = ExponentialDecay(LEARNING_RATE, DECAY) if noise == "falling" else ConstantRate(LEARNING_RATE)
    return Training(batch_size, DATASET_SIZE, rate, temperature / unit)


def ingredients() -> xr.Dataset:
    """Every combination of the four ingredients.

    Returns
    -------
    xarray.Dataset
        Along (start, mixing, noise, barrier): ``harm`` (..., onset), ``without``, ``worst_onset`` in epochs (nan where
        no window harms) and ``end_slope`` in epochs per halving of the batch (nan where there is no end).
    """
    combinations = list(product(STARTS, TEMPERATURES, NOISES, BARRIERS))
    shape = (len(STARTS), len(TEMPERATURES), len(NOISES), len(BARRIERS))
    curves, slopes = [], []
    for start, mixing, noise, barrier in combinations:
        pair, temperature = find_pair(BARRIERS[barrier]), TEMPERATURES[mixing]
        curves.append(onset_curve(pair, training_at(temperature, noise), start=start))
        slopes.append(end_slope(pair, _batches(temperature, noise), start=start))
    axes = ("start", "mixing", "noise", "barrier")
    return xr.Dataset(
        {
            "harm": ((*axes, "onset"), np.array([curve.harm for curve in curves]).reshape(*shape, -1)),
            "without": (axes, np.array([curve.without for curve in curves]).reshape(shape)),
            "worst_onset": (axes, _numbers(curve.worst for curve in curves).reshape(shape)),
            "end_slope": (axes, _numbers(slopes).reshape(shape)),
        },
        coords={
            "start": list(STARTS), "mixing": list(TEMPERATURES), "noise": list(NOISES), "barrier": list(BARRIERS),
            "onset": list(ONSETS),
        },
    )  # fmt: skip


def worst_by_temperature(temperatures: Sequence[float], start: str, barrier: str = "regular") -> xr.Dataset:
    """Worst onset and slope of the end under falling noise, by the temperature of epoch 0.

    Returns
    -------
    xarray.Dataset
        ``worst_onset``, ``harm_first`` (of the window at 0), ``harm_worst`` and ``end_slope``, along ``temperature``.
    """
    pair = find_pair(BARRIERS[barrier])
    curves = [onset_curve(pair, training_at(float(t)), start=start) for t in temperatures]
    slopes = [end_slope(pair, _batches(float(t), "falling"), start=start) for t in temperatures]
    return xr.Dataset(
        {
            "worst_onset": ("temperature", _numbers(curve.worst for curve in curves)),
            "harm_first": ("temperature", np.array([curve.harm[0] for curve in curves])),
            "harm_worst": ("temperature", np.array([curve.harm.max() for curve in curves])),
            "end_slope": ("temperature", _numbers(slopes)),
        },
        coords={"temperature": np.asarray(temperatures, dtype=float)},
    )


def _batches(temperature: float, noise: str) -> Callable[[int], Training]:
    return lambda size: training_at(temperature, noise, size)


def _begun(pair: PotentialPair, temperatures: Array, start: str, saddle: float, width: float) -> tuple[Grid, Array]:
    """The grid and the masses of its cells at epoch 0."""
    if pair.clean.dimension != 1:
        raise ValueError(f"pair {pair.name} has {pair.clean.dimension} coordinates; give one of a single coordinate")
    if start not in STARTS:
        raise ValueError(f"start must be 'equilibrium' or 'saddle', not {start!r}")
    if not (np.isfinite(width) and width > 0 and np.isfinite(saddle)):
        raise ValueError(f"width must be positive and saddle finite, not {width} and {saddle}")
    grid = grid_for((pair.deficit, pair.clean), (float(temperatures.min()), float(temperatures.max())), None)
    if start == "equilibrium":
        return grid, fokker_planck(pair.clean, grid).stationary(float(temperatures[0]))
    return grid, np.exp(-(((grid.centers[0] - saddle) / width) ** 2) / 2) * grid.volumes


def _numbers(values: Iterable[float | None]) -> Array:
    return np.array([np.nan if value is None else float(value) for value in values])
