"""What happens exactly in any schedule: the Fokker-Planck equation, epoch by epoch.

The generator is constant within an epoch, so its propagator (:mod:`slt_toys.exact.propagator`) is exact to its own
small error. Runs are solved side by side: in every epoch, those of one energy, temperature and duration share a
propagator. Runs of one training that only switch at different epochs share the sweep before the switch, and where they
end together, or in a plane end frozen, one backward sweep after it. Phases are the clean potential's regions.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from ..exact.fokker_planck import FokkerPlanck, Grid, fokker_planck, grid_for, phase_weights
from ..exact.grids import CELLS
from ..exact.sweeps import (
    HELD_SUBSTEPS,
    FrozenSweep,
    backward_sweep,
    cell_masses,
    forward_sweep,
    frozen_epoch,
    frozen_sweep,
    sweep,
)
from ..inputs.arguments import checked_arguments
from ..potentials.potential import PotentialPair
from .components import component_pairs, laid_pair, preferred_phase
from .schedule import Ending, Schedule, Start, check_start, switch_schedules
from .shifts import Shift, shift_dataset, shift_schedules
from .training import Training

Array = NDArray[np.float64]
Advance = Callable[[float], None]


@checked_arguments
def exact_stuck_probability(
    pair: PotentialPair, training: Training, switch_epochs: Sequence[int] | NDArray[np.int64], ending: Ending,
    start: Start = "equilibrium", cells: int | None = None, coarser: float = 1.0, advance: Advance | None = None,
) -> Array:  # fmt: skip
    """Final stuck mass for each switch epoch, from the Fokker-Planck equation.

    Parameters
    ----------
    pair
        Of one or two coordinates, or separable into such components: then the mean over the components that have
        two phases.
    training
        Temperatures and durations of the epochs.
    switch_epochs
        Increasing whole numbers from 0.
    ending
        The protocol.
    start
        At epoch 0: the deficit potential's ``"equilibrium"`` at the first temperature, or that within its stuck phase
        (``"deficit phase"``), or within the phase that the clean data prefer (``"clean phase"``).
    cells
        Grid cells per coordinate, passed to :func:`~slt_toys.exact.fokker_planck.grid_for`; chosen when not given, in a
        plane with axes that suit the energy (:mod:`slt_toys.exact.turned`).
    coarser
        Of the cells that are chosen this many times fewer are taken.
    advance
        Called with the fraction of the work done since the last call.

    Returns
    -------
    ndarray
        Shape (len(switch_epochs),).
    """
    epochs = ending.last_epoch(int(ending.checked(switch_epochs)[-1]))
    given = training.temperatures(epochs), training.durations(epochs)
    return stuck_by_switch(
        pair, *given, switch_epochs, ending, start=start, cells=cells, coarser=coarser, advance=advance
    )


@checked_arguments
def stuck_by_switch(
    pair: PotentialPair, temperatures: Array, durations: Array, switch_epochs: Sequence[int] | NDArray[np.int64],
    ending: Ending, *, start: Start | Array = "equilibrium", cells: int | None = None, grid: Grid | None = None,
    coarser: float = 1.0, advance: Advance | None = None,
) -> Array:  # fmt: skip
    """:func:`exact_stuck_probability` for any temperatures and durations of the epochs.

    ``start`` may be masses of the cells, shape ``grid.shape``, which are normalised. Runs that only cool end when less
    than :data:`~slt_toys.exact.sweeps.FROZEN_CROSSING` of their mass may still cross, unless all end at a fixed total.
    """
    runs = switch_schedules(temperatures, durations, switch_epochs, ending)
    together, parts = ending.kind == "total", component_pairs(pair)

    def tell(fraction: float) -> None:
        if advance is not None:
            advance(fraction / len(parts))

    solved = [Runs(part, runs, start, cells, grid, coarser).stuck_by_switch(together, tell) for part in parts]
    return np.mean(solved, axis=0)


@dataclass(frozen=True, eq=False)
class FrozenCurve:
    """Stuck masses of runs that end frozen, and what was seen on the way of runs that have not switched.

    Attributes
    ----------
    stuck
        For the switch epochs 0, 1, ...
    forgotten
        Whether a run is in the deficit's equilibrium of the epoch before, at the start of each epoch.
    until
        Epoch from which on no run changes its phase.
    """

    stuck: Array
    forgotten: NDArray[np.bool_]
    until: int


def frozen_stuck_curve(
    pair: PotentialPair, training: Training, latest: int, ending: Ending, start: Start = "equilibrium",
    advance: Advance = lambda _: None, allowed: float | None = None, coarser: float = 1.0,
) -> FrozenCurve | None:  # fmt: skip
    """Final stuck mass for every switch epoch 0, ..., ``latest`` at once; None unless all runs cool and end frozen.

    It costs about as much as one switch epoch alone (:func:`~slt_toys.exact.sweeps.frozen_sweep`, which says what is
    ``allowed``).
    """
    given = training.temperatures(ending.last_epoch(latest)), training.durations(ending.last_epoch(latest))
    parts, curves = component_pairs(pair), []
    ends = switch_schedules(*given, [0, latest], ending)
    for part in parts:
        runs = Runs(part, ends, start, coarser=coarser)
        curve = runs.frozen_curve(lambda share: advance(share / len(parts)), allowed)
        if curve is None:
            return None
        curves.append(curve)
    every = np.arange(latest + 1)
    first = min(len(curve.stuck) for curve in curves)
    return FrozenCurve(
        np.mean([curve.stuck[np.minimum(every, len(curve.stuck) - 1)] for curve in curves], axis=0),
        np.all([curve.forgotten[:first] for curve in curves], axis=0), max(curve.until for curve in curves),
    )  # fmt: skip


@dataclass(frozen=True)
class Needed:
    """Which epochs decide where runs end: from when each still remembers, until none changes its phase any more.

    Attributes
    ----------
    begins
        For each run, the latest epoch at whose start its law is the equilibrium of the epoch before; 0 is the start.
    until
        Epoch from which on no run changes its phase; the number of epochs where there is no such epoch.
    """

    begins: tuple[int, ...]
    until: int


def needed_epochs(
    pair: PotentialPair, runs: Sequence[Schedule], start: Start, allowed: float, known: FrozenCurve | None = None
) -> Needed:
    """Epochs without which no more than ``allowed`` of the mass of each run of one training ends in another phase.

    The law is the exact one; two laws are one where their total variation distance is below half of ``allowed``. Pairs
    with coupled coordinates need all epochs unless their exact curve is ``known``, with half of ``allowed``: to solve
    it costs more than the chains that it would save.
    """
    whole = Needed((0,) * len(runs), len(runs[-1].epochs))
    parts = component_pairs(pair)
    if allowed <= 0:
        return whole
    if any(part.clean.dimension > 1 for part in parts):
        return whole if known is None else _needed_of_known(parts, runs, start, allowed, known)
    solved = [Runs(part, runs, start) for part in parts]
    frozen = [each.frozen_epoch(allowed / 2) for each in solved]
    until = whole.until if None in frozen else max(1, *(epoch for epoch in frozen if epoch is not None))
    forgotten = np.all([each.forgotten(until, allowed / 2) for each in solved], axis=0)
    begins = len(forgotten) - 1 - forgotten[::-1].argmax(axis=0)
    return Needed(tuple(begins.tolist()), until)


def _needed_of_known(
    parts: Sequence[PotentialPair], runs: Sequence[Schedule], start: Start, allowed: float, known: FrozenCurve
) -> Needed:
    """The same by a curve that is known, and runs after their switch as long as those before it forget."""
    until = min(max(1, known.until), len(runs[-1].epochs))
    before = np.flatnonzero(known.forgotten[: until + 1])
    begins = np.array([before[before <= run.switch_epoch][-1] for run in runs])
    early = [run for run in runs if run.switch_epoch < before[-1]]
    if early:
        solved = [Runs(part, [run.part(0, int(before[-1])) for run in early], start) for part in parts]
        forgotten = np.all([each.forgotten(int(before[-1]), allowed / 2) for each in solved], axis=0)
        begins[: len(early)] = len(forgotten) - 1 - forgotten[::-1].argmax(axis=0)
    return Needed(tuple(begins.tolist()), until)


@checked_arguments
def exact_stuck_in_arm(pair: PotentialPair, schedules: Sequence[Schedule], cells: int | None = None) -> Array:
    """Final mass of the stuck phase at the end of each schedule (n,), from the Fokker-Planck equation: shape (n,).

    Schedules may each have a switch of their own; they start in equilibrium at their first temperature. ``pair`` and
    ``cells`` are as in :func:`exact_stuck_probability`.

    Raises
    ------
    ValueError
        If there is no schedule, one is run as SGD's own steps, or the pair has more than two coupled coordinates.
    """
    if not schedules:
        raise ValueError("schedules must hold at least one schedule, such as CONTROL.schedule(training, 30, 100)")
    if any(run.steps_per_epoch for run in schedules):
        raise ValueError(
            "schedules: steps_per_epoch must be 0 for the Fokker-Planck equation, which knows no steps and no noise "
            "that sums to zero over an epoch; sample such a run"
        )
    return np.mean([Runs(part, schedules, cells=cells).stuck_at_ends() for part in component_pairs(pair)], axis=0)


@checked_arguments
def exact_shifts(
    pair: PotentialPair, training: Training, shifts: Mapping[str, Shift], epochs: int, *,
    start: Start | Array = "equilibrium", cells: int | None = None, grid: Grid | None = None,
) -> xr.Dataset:  # fmt: skip
    """Masses of the phases in every epoch of runs with shifts, from the Fokker-Planck equation.

    Parameters
    ----------
    pair, training, cells
        As in :func:`exact_stuck_probability`; phases may be more than two.
    shifts
        By name. All run side by side, so many cost little more than one.
    epochs
        Length of every run; shifts must end by then.
    start
        At epoch 0: ``"equilibrium"`` at the first temperature in the energy in force then, or the deficit's
        equilibrium within its stuck phase (``"deficit phase"``); or masses of the cells, shape ``grid.shape``.

    Returns
    -------
    xarray.Dataset
        ``occupancy`` (shift, epoch, phase), the mass at the start of epochs 0, 1, ... and at the end;
        ``deficit_weight`` (shift, epoch), nan at the end; ``stuck`` (shift), the final mass of the stuck phase.

    Raises
    ------
    ValueError
        In one line, for a shift that is not over by the end or has weights outside [0, 1], and for unknown starts.
    """
    runs = shift_schedules(training, shifts, epochs)
    parts = component_pairs(pair)
    names = [phase.name for phase in parts[0].clean.phases]
    if any([phase.name for phase in part.clean.phases] != names for part in parts):
        raise ValueError(f"pair {pair.name} has components with different phases; their mean would mean nothing")
    occupancy = np.mean([Runs(part, runs, start, cells, grid).phase_masses() for part in parts], axis=0)
    stuck = occupancy[:, -1, names.index(parts[0].stuck_phase)]
    return shift_dataset(pair, shifts, runs, np.arange(epochs + 1), names, occupancy, stuck=("shift", stuck))


class Runs:
    """Schedules of one pair, side by side on one grid: masses (cells, runs) that sweeps move through the epochs."""

    def __init__(
        self, pair: PotentialPair, schedules: Sequence[Schedule], start: str | ArrayLike = "equilibrium",
        cells: int | None = None, grid: Grid | None = None, coarser: float = 1.0,
    ) -> None:  # fmt: skip
        temperatures = np.concatenate([run.temperatures for run in schedules])
        extremes = temperatures.min(), temperatures.max()
        if cells is None and grid is None:
            chosen = CELLS.get(pair.clean.dimension)
            if pair.clean.dimension == 2 and isinstance(start, str):
                pair, chosen = laid_pair(pair, temperatures)
            cells = None if chosen is None else round(chosen / coarser)
        self.grid = grid_for((pair.deficit, pair.clean), extremes, cells) if grid is None else grid
        self.pair, self.runs = pair, schedules
        self.processes = {float(w): fokker_planck(p, self.grid) for w, p in enumerate((pair.clean, pair.deficit))}
        self.switches = np.array([run.switch_epoch for run in schedules])
        self.stuck = phase_weights(pair.clean, pair.stuck_phase, self.grid)
        self.start = start

    @cached_property
    def columns(self) -> Array:
        """Masses at epoch 0, (cells, runs)."""
        starts = [(run.start_weight, float(run.temperatures[0])) for run in self.runs]
        first = {key: self.first_masses(self.start, *key).ravel() for key in dict.fromkeys(starts)}
        return np.stack([first[key] for key in starts], axis=1)

    def process(self, weight: float) -> FokkerPlanck:
        """The jump process in the energy of a deficit weight."""
        if weight not in self.processes:
            clean, deficit = (self.processes[pure].energy for pure in (0.0, 1.0))
            self.processes[weight] = FokkerPlanck(self.grid, weight * deficit + (1 - weight) * clean)
        return self.processes[weight]

    def first_masses(self, start: str | ArrayLike, weight: float, temperature: float) -> Array:
        """Masses of the cells at epoch 0."""
        if not isinstance(start, str):
            return cell_masses(start, self.grid)
        check_start(start)
        if start == "equilibrium":
            return self.process(weight).stationary(temperature)
        phase = self.pair.stuck_phase if start == "deficit phase" else preferred_phase(self.pair)
        masses = self.process(1.0).stationary(temperature) * phase_weights(self.pair.deficit, phase, self.grid)
        if not masses.sum() > 0:
            raise ValueError(f"phase {phase!r} holds no mass at temperature {temperature}; start in 'equilibrium'")
        return cell_masses(masses, self.grid)

    def phase_masses(self) -> Array:
        """Masses of the phases at the start of every epoch and at the end: (runs, epochs + 1, phases)."""
        clean = self.pair.clean
        regions = np.array([phase_weights(clean, i, self.grid).ravel() for i in range(len(clean.phases))])
        table = schedule_table([run.epochs for run in self.runs], np.zeros_like(self.switches))
        masses = np.empty((len(self.runs), len(table) + 1, len(regions)))
        masses[:, 0] = (regions @ self.columns).T
        for done in sweep(self.process, self.columns, table):
            masses[:, done] = (regions @ self.columns).T
        return masses

    def stuck_at_ends(self) -> Array:
        """Final stuck mass of runs that may share nothing but some epochs."""
        shape = self.grid.shape
        columns = np.stack([cell_masses(run.reshape(shape), self.grid).ravel() for run in self.columns.T], axis=1)
        before = [run.epochs[: run.switch_epoch] for run in self.runs]
        after = [run.epochs[run.switch_epoch :] for run in self.runs]
        none = np.zeros_like(self.switches)
        # After the switch, epochs are counted from it or from epoch 0, whichever way takes fewer propagators.
        shorter = min((schedule_table(after, offset) for offset in (none, self.switches)), key=_propagators)
        for table in (schedule_table(before, none), shorter):
            for _ in sweep(self.process, columns, table):
                pass
        return self.stuck.ravel() @ columns

    def stuck_by_switch(self, end_together: bool, advance: Advance = lambda _: None) -> Array:
        """Final stuck mass of runs that are one until they switch to the clean energy, all of one training."""
        first, last = self.runs[0].epochs[self.switches[0] :], self.runs[-1].epochs
        masses = cell_masses(self.columns[:, 0].reshape(self.grid.shape), self.grid)[None]
        if not end_together and not self.grid.is_line and (np.diff(last[:, 1]) <= 0).all():
            return self._stuck_once_frozen(masses[0], advance)
        if latest := int(self.switches[-1]):
            masses = forward_sweep(self.process(1.0), last[:latest, 1], last[:latest, 2], masses[0])
        begun = masses[self.switches].reshape(len(self.switches), -1)
        if end_together and len(first):
            values = backward_sweep(self.process(0.0), first[:, 1], first[:, 2], self.stuck)
            advance(1.0)
            return (begun * values[self.switches - self.switches[0]].reshape(begun.shape)).sum(axis=1)
        return self._stuck_at_own_ends(begun, self.switches, advance)

    def _stuck_at_own_ends(self, begun: Array, switches: NDArray[np.int64], advance: Advance) -> Array:
        """Final stuck mass of runs whose masses at their switch are ``begun`` (runs, cells), each to its own end."""
        columns, last = np.ascontiguousarray(begun.T), self.runs[-1].epochs
        table = schedule_table([run.epochs[run.switch_epoch :] for run in self.runs[: len(switches)]], switches)
        latest = int(switches[-1])
        cools = (np.diff(last[latest:, 1]) <= 0).all()
        for _ in sweep(self.process, columns, table, stop=(latest, self.stuck) if cools else None):
            advance(1 / len(table))
        return self.stuck.ravel() @ columns

    def masses_at_switches(self) -> Array:
        """Masses of runs of one training at their switch, (cells, runs)."""
        last, first = self.runs[-1].epochs, cell_masses(self.columns[:, 0].reshape(self.grid.shape), self.grid)
        masses = first[None]
        if latest := int(self.switches[-1]):
            substeps = HELD_SUBSTEPS[self.grid.is_line]
            masses = forward_sweep(self.process(1.0), last[:latest, 1], last[:latest, 2], first, substeps)
        return masses[self.switches].reshape(len(self.switches), -1).T

    def frozen_curve(self, advance: Advance, allowed: float | None = None) -> FrozenSweep | None:
        """Final stuck mass for the switch epochs 0, ..., f of runs that all end frozen, and stay so from f on."""
        if (np.diff(self.runs[-1].temperatures) > 0).any():
            return None
        found = frozen_sweep(*self._protocol(self.columns[:, 0]), advance, allowed)
        return None if found is None or min(len(run.epochs) for run in self.runs) < len(found.stuck) - 1 else found

    def frozen_epoch(self, allowed: float) -> int | None:
        """First epoch from which on less than ``allowed`` crosses, of runs that cool."""
        if (np.diff(self.runs[-1].temperatures) > 0).any():
            return None
        return frozen_epoch(*self._protocol(self.columns[:, 0]), allowed)

    def forgotten(self, until: int, allowed: float) -> NDArray[np.bool_]:
        """Whether each run at each epoch is in the equilibrium of the epoch before: (epochs + 1, runs); yes at 0."""
        every = [run.epochs[:until] for run in self.runs]
        columns, table = self.columns.copy(), schedule_table(every, np.zeros_like(self.switches))
        near = np.zeros((len(table) + 1, len(every)), dtype=bool)
        near[0] = True
        for done in sweep(self.process, columns, table):
            on = {number: _law(row) for number, row in enumerate(table[done - 1]) if row[2] > 0}
            laws = {key: self.process(key[0]).stationary(key[1]).ravel() for key in set(on.values())}
            for number, key in on.items():
                near[done, number] = np.abs(columns[:, number] - laws[key]).sum() < 2 * allowed
        return near

    def _protocol(self, masses: Array) -> tuple[FokkerPlanck, FokkerPlanck, Array, Array, Array, Array]:
        """Processes, temperatures, durations, masses at epoch 0 and the phase's weights, for sweeps that freeze."""
        last, first = self.runs[-1].epochs, cell_masses(masses.reshape(self.grid.shape), self.grid)
        return self.process(1.0), self.process(0.0), last[:, 1], last[:, 2], first.ravel(), self.stuck.ravel()

    def _stuck_once_frozen(self, masses: Array, advance: Advance) -> Array:
        """The same of runs that cool: those that end frozen by one backward sweep, the others to their own ends."""
        deficit, last = self.process(1.0), self.runs[-1].epochs
        found = frozen_sweep(*self._protocol(masses), advance)
        frozen = None if found is None else found.stuck
        ends = np.array([len(run.epochs) for run in self.runs])
        early = len(ends) if frozen is None else int((ends < len(frozen) - 1).sum())
        stuck = np.zeros(len(ends)) if frozen is None else frozen[np.minimum(self.switches, len(frozen) - 1)]
        if early:
            latest = int(self.switches[early - 1])
            begun = forward_sweep(deficit, last[:latest, 1], last[:latest, 2], masses) if latest else masses[None]
            own = begun[self.switches[:early]].reshape(early, -1)
            left = 0.4 if frozen is None else 0.0  # of the work
            stuck[:early] = self._stuck_at_own_ends(own, self.switches[:early], lambda share: advance(left * share))
        return stuck


def schedule_table(runs: Sequence[Array], offsets: NDArray[np.int64]) -> Array:
    """Weight, temperature and duration by epoch and run, shape (epochs, runs, 3); no duration where a run is not on."""
    last = max(offset + len(run) for run, offset in zip(runs, offsets, strict=True))
    table = np.zeros((last, len(runs), 3))
    for column, (run, offset) in enumerate(zip(runs, offsets, strict=True)):
        table[offset : offset + len(run), column] = run
    return table


def _law(row: Array) -> tuple[float, float]:
    """Weight and temperature of a row of a table."""
    return float(row[0]), float(row[1])


def _propagators(table: Array) -> int:
    """How many a table of one energy takes: distinct temperatures and durations, epoch by epoch."""
    kinds = np.sort(np.where(table[..., 2] > 0, table[..., 1] + 1j * table[..., 2], np.inf), axis=1)
    kept = np.isfinite(kinds)
    return int(kept[:, 0].sum() + (kept[:, 1:] & (kinds[:, 1:] != kinds[:, :-1])).sum())
