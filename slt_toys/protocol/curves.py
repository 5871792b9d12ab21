"""Stuck probability against switch epoch for several batch sizes, exactly and sampled, and the map of mixing times."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..potentials.own_units import relative_loss
from ..potentials.potential import Potential, PotentialPair
from ..reference.laws import law
from ..results.background import Beside, at_once
from ..results.progress import progress
from .exact import FrozenCurve, exact_stuck_probability, frozen_stuck_curve
from .maps import relaxation_times
from .sampled import SHORTCUTS, StuckChains, stuck_chains
from .schedule import Ending, Start
from .training import Training

LATEST_SWITCH = 400
COARSE_STEP = 10
FEWEST_ROWS = 9
COLD = 0.02  # of the energy's own unit of loss: below it a run does not change its phase
USUAL = 0.6  # likewise, at epoch 0
LEAST_RISE = 0.02  # of the stuck share over all switch epochs, for a critical period to end
COARSE_CELLS = 40
# Of the widths of a rise from its middle, where chains switch; the latter in planes where they take more steps than
# DEAR, some minutes, for one batch size.
OFFSETS = (-1.5, -1, -0.75, -0.6, -0.45, -0.3, -0.15, 0, 0.15, 0.3, 0.45, 0.6, 0.75, 1, 1.25, 1.5)
FEWER_OFFSETS = (-1, -0.6, -0.3, 0, 0.3, 0.6, 1, 1.5)
DEAR, MOST_WORK = 1e10, 2e11  # steps of all chains of a batch size
FEWEST_CHAINS = 100
# Of the work of a curve: finding its range, the exact curve, the chains.
LINE_SHARES, PLANE_SHARES = (0.02, 0.03, 0.95), (0.1, 0.4, 0.5)


@dataclass(frozen=True)
class StuckCurve:
    """What ends stuck, at one batch size: on a fine grid exactly, shape (n,), and at fewer switches (m,) of chains.

    ``stuck`` says whether each chain ended stuck, shape (chains, m).
    """

    training: Training
    switch_epochs: NDArray[np.int64]
    exact: NDArray[np.float64]
    sampled_switch_epochs: NDArray[np.int64]
    stuck: NDArray[np.float64]


def refuse_too_hot(pair: PotentialPair, trainings: Sequence[Training], ending: Ending, option: str) -> None:
    """Refuse runs that are so hot at every switch epoch that the outcome depends on none.

    The training with the largest batch is asked, the coldest, and only where the last switch epoch is not cold.

    Raises
    ------
    ValueError
        In one line that names ``option``, the variance of the gradients.
    """
    coldest, latest = max(trainings, key=lambda training: training.batch_size), LATEST_SWITCH
    temperatures, unit = coldest.temperatures(latest + 1), relative_loss(pair.clean)
    if temperatures[-1] < COLD * unit:
        return
    rough = exact_stuck_probability(pair, coldest, np.arange(0, latest + 1, latest // 8), ending, cells=COARSE_CELLS)
    if np.ptp(rough) < LEAST_RISE:
        usual = coldest.gradient_variance * USUAL * unit / temperatures[0]
        raise ValueError(
            f"{option} {coldest.gradient_variance:g} is too hot for {pair.clean.name}: temperature "
            f"{temperatures[0]:.3g} at epoch 0 and {temperatures[-1]:.2g} at {latest}, the last switch epoch, so "
            f"phases are not told apart and nothing ends stuck; about {usual:.2g} would do"
        )


def stuck_curve(
    pair: PotentialPair, training: Training, ending: Ending, *, chains: int, seed: int | Sequence[int],
    start: Start = "equilibrium", threads: int | None = None, advance: Callable[[float], None] | None = None,
) -> StuckCurve:  # fmt: skip
    """Find the range of switch epochs in which the stuck probability moves, and compute it there.

    Parameters are those of :func:`slt_toys.protocol.sampled.sampled_stuck`.
    """
    return begin_stuck_curve(
        pair, training, ending, chains=chains, seed=seed, start=start, threads=threads, advance=advance
    ).curve()


@dataclass(frozen=True)
class BegunCurve:
    """A :class:`StuckCurve` whose chains run; ``stuck`` waits for them."""

    training: Training
    switch_epochs: NDArray[np.int64]
    exact: NDArray[np.float64]
    sampled_switch_epochs: NDArray[np.int64]
    stuck: Callable[[], NDArray[np.float64]]
    dear: bool

    def curve(self) -> StuckCurve:
        """Wait for the chains."""
        return StuckCurve(self.training, self.switch_epochs, self.exact, self.sampled_switch_epochs, self.stuck())


def begin_stuck_curve(
    pair: PotentialPair, training: Training, ending: Ending, *, chains: int, seed: int | Sequence[int],
    start: Start = "equilibrium", threads: int | None = None, advance: Callable[[float], None] | None = None,
    beside: Beside = at_once, dear: bool | None = None,
) -> BegunCurve:  # fmt: skip
    """Solve a :func:`stuck_curve` exactly and start its chains.

    Chains that are ``dear`` switch at fewer epochs; None decides by what they take. Curves that are compared should be
    all so or none.
    """
    latest = LATEST_SWITCH if ending.kind == "further" else min(LATEST_SWITCH, ending.epochs)
    coupled = plane(pair)
    find, solve, run = PLANE_SHARES if coupled else LINE_SHARES
    tell = partial(_scaled, advance)
    fine, exact, known = _exact_curve(
        pair, training, latest, ending, start, partial(tell, find), partial(tell, solve), coupled
    )
    tell = partial(tell, run)
    chosen = sampled_rows(fine, exact)
    prepared = stuck_chains(pair, training, chosen, ending, chains, seed, start, threads, known=known)
    if dear is None:
        dear = coupled and prepared.work() * chains > DEAR
    if dear:
        chosen = sampled_rows(fine, exact, FEWER_OFFSETS)
        prepared = stuck_chains(pair, training, chosen, ending, chains, seed, start, threads, known=known)
    if coupled:
        refuse_too_long(prepared, training)
    final = beside(prepared.final, tell)
    return BegunCurve(training, fine, exact, chosen, lambda: prepared.stuck(final()), dear)


def _exact_curve(
    pair: PotentialPair, training: Training, latest: int, ending: Ending, start: Start,
    find: Callable[[float], None], solve: Callable[[float], None], plane: bool,
) -> tuple[NDArray[np.int64], NDArray[np.float64], FrozenCurve | None]:  # fmt: skip
    """Switch epochs in which the stuck probability moves, the exact curve there, and a plane's curve as found."""
    coarse = np.arange(0, latest + 1, COARSE_STEP)
    whole = None
    if ending.kind == "further":
        whole = frozen_stuck_curve(
            pair, training, latest, ending, start, advance=solve, allowed=SHORTCUTS / 2 if plane else None
        )
    # In a plane half the cells are enough to find the range.
    coarser = 2.0 if plane else 1.0
    if whole is None:
        rough = exact_stuck_probability(pair, training, coarse, ending, start, coarser=coarser, advance=find)
    else:
        rough = whole.stuck[coarse]
        find(1.0)
    # Past the last epoch that still changes the outcome by half a percent the curve is flat.
    moving = np.flatnonzero(np.abs(rough - rough[-1]) > 0.005 * np.ptp(rough))
    last = int(min(max(4, moving[-1] + 2 if moving.size else 0) * COARSE_STEP, latest))
    # A step of 3 epochs and monotone cubics between keep e* within 0.05 epochs.
    fine = np.unique(np.append(np.arange(0, last + 1, max(1, min(3, last // 40))), last))
    if whole is not None:
        return fine, whole.stuck[fine], whole if plane else None
    return fine, exact_stuck_probability(pair, training, fine, ending, start, advance=solve), None


def plane(pair: PotentialPair) -> bool:
    """Whether some coordinates of a pair are coupled, so that it is solved in a plane."""
    return max(map(len, pair.clean.components())) > 1


def _scaled(advance: Callable[[float], None] | None, share: float, fraction: float) -> None:
    if advance is not None:
        advance(share * fraction)


def rise(epochs: NDArray[np.int64], curve: NDArray[np.float64]) -> tuple[float, float]:
    """Middle and width of a curve's rise: where it is half way from its first to its last value, and 10 to 90 %."""
    share = (curve - curve[0]) / (curve[-1] - curve[0]) if curve[-1] != curve[0] else np.linspace(0, 1, len(curve))
    low, middle, high = (float(epochs[np.argmax(share >= level)]) for level in (0.1, 0.5, 0.9))
    return middle, max(high - low, 1.0)


def refuse_too_long(prepared: StuckChains, training: Training) -> None:
    """Refuse chains that would run for hours, before they begin, in one line that names what makes them shorter."""
    steps, chains = prepared.work(), prepared.chains
    if steps * chains <= MOST_WORK:
        return
    fewer, share = int(MOST_WORK / steps), MOST_WORK / (steps * chains)
    cure = f"chains at most {fewer}, or " if fewer >= FEWEST_CHAINS else ""
    raise ValueError(
        f"chains: {chains} take {steps * chains:.2g} steps at batch size {training.batch_size:g}, where at most "
        f"{MOST_WORK:.0g} are run; take {cure}dataset_size about {training.dataset_size * share:.2g}, since steps are "
        f"as short as {prepared.pair.clean.name}'s steepest well asks for"
    )


def sampled_rows(
    epochs: NDArray[np.int64], curve: NDArray[np.float64], offsets: Sequence[float] = OFFSETS
) -> NDArray[np.int64]:
    """Switch epochs to sample: the same offsets from the rise at each batch size, so that no definition of e* that
    depends on its rows sees a difference between batch sizes where there is none.
    """
    middle, width = rise(epochs, curve)
    wanted = np.concatenate([[0], middle + np.array(offsets) * width])
    nearest = np.unique(np.abs(epochs[:, None] - np.clip(wanted, 0, epochs[-1])[None, :]).argmin(axis=0))
    if len(nearest) < FEWEST_ROWS:  # next to nothing rises
        nearest = np.unique(np.append(nearest, np.linspace(0, len(epochs) - 1, FEWEST_ROWS).round().astype(int)))
    return epochs[nearest]


def grid_error(
    pair: PotentialPair, curve: StuckCurve, ending: Ending, end: float, start: Start = "equilibrium"
) -> float:
    """Estimate the error that the Fokker-Planck grid leaves in an exact e*, in epochs.

    The solver is of second order in the cell: a grid with 1/√2 of the cells has twice the error, so the difference
    between the two is the finer one's error. ``end`` is the exact e* by half stuck mass on the default grid.
    """
    rows, known = np.arange(max(0, round(end) - 3), round(end) + 4, 3), []
    if plane(pair):  # dear, and the curve itself is of the default grid
        nearest = np.sort(np.abs(curve.switch_epochs - end).argsort(kind="stable")[:3])
        rows, known = curve.switch_epochs[nearest], [curve.exact[nearest]]
    with progress("error of the grid", 2.0 - len(known)) as advance:
        coarse, fine = [
            exact_stuck_probability(pair, curve.training, rows, ending, start, coarser=coarser, advance=advance)
            for coarser in (2**0.5, 1.0)[: 2 - len(known)]
        ] + known
    slope = np.gradient(fine, rows)
    return float(np.abs((coarse - fine) / slope).max())


def mixing_map(potential: Potential, trainings: Sequence[Training], epochs: int, knots: int = 24) -> xr.Dataset:
    """Relaxation time in epochs in a clean potential, 1 / (gap · epoch's Langevin time), for each training and epoch.

    It is computed at so many temperatures, ``knots``; between them its logarithm is interpolated over 1/T.

    Returns
    -------
    xarray.Dataset
        ``log10_relaxation_epochs`` and ``map_temperature`` along (map_batch_size, map_epoch).
    """
    temperatures = np.array([training.temperatures(epochs) for training in trainings])
    durations = np.array([training.durations(epochs) for training in trainings])
    # Below a hundredth of the highest temperature a relaxation time is astronomic; the last value is extrapolated.
    low = max(temperatures.min(), temperatures.max() / 100)
    nodes = np.geomspace(low, temperatures.max() * (1 + 1e-12), knots)
    with progress("map of mixing", 1.0) as advance:
        log_times = np.log(relaxation_times(potential, nodes, advance))
    slope = (log_times[0] - log_times[1]) / (1 / nodes[0] - 1 / nodes[1])
    inverse = 1 / temperatures
    logs = np.interp(inverse, 1 / nodes[::-1], log_times[::-1])
    logs = logs + np.where(inverse > 1 / nodes[0], slope * (inverse - 1 / nodes[0]), 0.0)
    grid = ("map_batch_size", "map_epoch")
    return xr.Dataset(
        {
            "log10_relaxation_epochs": (grid, (logs - np.log(durations)) / np.log(10)),
            "map_temperature": (grid, temperatures),
        },
        coords={"map_batch_size": [training.batch_size for training in trainings], "map_epoch": np.arange(epochs)},
    )


def pad(rows: Sequence[Any], least: int = 0) -> NDArray[np.float64]:
    """Stack rows of different lengths, filled with NaN, to a table of at least so many columns."""
    width = max([least, *map(len, rows)])
    return np.array([np.concatenate([np.asarray(row, dtype=float), np.full(width - len(row), np.nan)]) for row in rows])


def curves_dataset(curves: Sequence[StuckCurve], decay: float) -> xr.Dataset:
    """Exact and sampled curves of all batch sizes, padded with NaN, with temperatures and θ [eq:scaling-variable]."""

    def along(function: Callable[[StuckCurve], NDArray]) -> NDArray[np.float64]:
        return pad([function(curve) for curve in curves])

    def temperature(curve: StuckCurve, epochs: NDArray[np.int64]) -> NDArray[np.float64]:
        return curve.training.temperatures(int(epochs[-1]) + 1)[epochs]

    def scaling_variable(curve: StuckCurve) -> NDArray[np.float64]:
        return law("scaling-variable")(batch_size=curve.training.batch_size, decay=decay, epoch=curve.switch_epochs)

    fine, coarse = ("batch_size", "row"), ("batch_size", "sampled_row")
    return xr.Dataset(
        {
            "switch_epoch": (fine, along(lambda c: c.switch_epochs)),
            "stuck_exact": (fine, along(lambda c: c.exact)),
            "switch_temperature": (fine, along(lambda c: temperature(c, c.switch_epochs))),
            "switch_scaling_variable": (fine, along(scaling_variable)),
            "sampled_switch_epoch": (coarse, along(lambda c: c.sampled_switch_epochs)),
            "stuck_sampled": (coarse, along(lambda c: c.stuck.mean(axis=0))),
            "stuck_sampled_error": (coarse, along(lambda c: c.stuck.std(axis=0) / np.sqrt(len(c.stuck)))),
            "sampled_switch_temperature": (coarse, along(lambda c: temperature(c, c.sampled_switch_epochs))),
        },
        coords={"batch_size": [curve.training.batch_size for curve in curves]},
    )
