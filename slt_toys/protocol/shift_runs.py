"""Runs with shifts in mid-training, exactly (Fokker-Planck) and sampled (Langevin chains).

The energy in force is constant within an epoch, a(e) L_deficit + (1 - a(e)) L_clean, so the generator of each epoch is
that of the mixture and the propagator of :mod:`slt_toys.exact.propagator` is as exact as for one potential. Phases are
the clean potential's regions throughout.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from functools import partial
from itertools import pairwise
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..exact.annealing import check_undershoot, start_masses
from ..exact.draws import draw_exact
from ..exact.fokker_planck import FokkerPlanck, fokker_planck, grid_for, phase_weights
from ..exact.propagator import propagator
from ..inputs.arguments import checked_arguments
from ..potentials.potential import PotentialPair
from ..samplers import OverdampedLangevin, Stage, sample_stages
from .shifts import Shift, mixture
from .switch_protocol import STEP_SHARE, component_pairs, coordinates_of, step_limit
from .training import Training

Array = NDArray[np.float64]
Start = Literal["equilibrium", "deficit phase"]
STARTS = ("equilibrium", "deficit phase")

__all__ = ["exact_shifts", "sampled_shifts"]


@checked_arguments
def exact_shifts(
    pair: PotentialPair,
    training: Training,
    shifts: Mapping[str, Shift],
    epochs: int,
    *,
    start: Start = "equilibrium",
    cells: int | None = None,
) -> xr.Dataset:
    """Masses of the phases in every epoch of runs with shifts, from the Fokker-Planck equation.

    Parameters
    ----------
    pair
        Of one or two coordinates and any number of phases; or separable into two-phase components, whose mean is taken.
    training
        Temperatures and durations of the epochs.
    shifts
        By name. All run side by side, so many cost little more than one.
    epochs
        Length of every run; shifts must end by then.
    start
        At epoch 0: ``"equilibrium"`` at the first temperature in the energy in force then, or the deficit's
        equilibrium within its stuck phase (``"deficit phase"``).
    cells
        Grid cells per coordinate.

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
    weights = _weights(shifts, epochs)
    _check_start(start)
    temperatures, durations = training.temperatures(epochs), training.durations(epochs)
    parts = component_pairs(pair)
    names = [phase.name for phase in parts[0].clean.phases]
    if any([phase.name for phase in part.clean.phases] != names for part in parts):
        raise ValueError(f"pair {pair.name} has components with different phases; their mean would mean nothing")
    occupancy = np.zeros((len(shifts), epochs + 1, len(names)))
    for part in parts:
        occupancy += _evolve(part, temperatures, durations, weights, start, cells) / len(parts)
    stuck = occupancy[:, -1, names.index(parts[0].stuck_phase)]
    return _dataset(pair, shifts, weights, np.arange(epochs + 1), names, occupancy, stuck=("shift", stuck))


@checked_arguments
def sampled_shifts(
    pair: PotentialPair,
    training: Training,
    shifts: Mapping[str, Shift],
    epochs: int,
    *,
    chains: int,
    record_epochs: Sequence[int] | NDArray[np.int64] | None = None,
    seed: int | Sequence[int] = 0,
    start: Start = "equilibrium",
    threads: int | None = None,
    step_share: float = STEP_SHARE,
    advance: Callable[[float], None] | None = None,
) -> xr.Dataset:
    """Shares of Langevin chains in the phases, with chains of their own for every shift.

    Parameters
    ----------
    pair, training, shifts, epochs, start
        As in :func:`exact_shifts`.
    chains
        For each shift.
    record_epochs
        Increasing numbers of epochs done, from 1; default: the end only.
    seed, threads, step_share
        As in :func:`slt_toys.protocol.switch_protocol.sampled_stuck`.
    advance
        Called with the fraction of the work done since the last call.

    Returns
    -------
    xarray.Dataset
        ``occupancy`` and ``standard_error`` (shift, epoch, phase), ``deficit_weight`` (shift, epoch) and ``stuck``
        (shift, chain): 1 for stuck at the end, 0 for not; for separable pairs the components' share.
    """
    weights = _weights(shifts, epochs)
    _check_start(start)
    records = np.array([epochs]) if record_epochs is None else np.asarray(record_epochs)
    if records.ndim != 1 or not records.size or records[0] < 1 or records[-1] > epochs or (np.diff(records) <= 0).any():
        raise ValueError(f"record_epochs must increase from at least 1 to at most {epochs}, not {records.tolist()}")
    seeds = [seed] if isinstance(seed, int | np.integer) else list(seed)
    temperatures, durations = training.temperatures(epochs), training.durations(epochs)
    steps = np.maximum(1, np.ceil(durations / step_limit(pair, temperatures, step_share))).astype(np.int64)
    parts = component_pairs(pair)
    names = [phase.name for phase in parts[0].clean.phases]
    ends = np.cumsum(steps)
    shares = np.empty((len(shifts), chains, records.size, len(names)))
    for number, weight in enumerate(weights):
        first = pair.deficit if start == "deficit phase" else mixture(pair, weight[0])
        phase = pair.stuck_phase if start == "deficit phase" else None
        initial = draw_exact(first, 1 / temperatures[0], chains, [*seeds, number, 0], phase)
        turns = [0, *(np.flatnonzero(np.diff(weight)) + 1), epochs]
        stages = []
        for since, until in pairwise(turns):
            span = slice(since, until)
            step_size = np.repeat(durations[span] / steps[span], steps[span])
            n_beta = np.repeat(1 / temperatures[span], steps[span])
            energy = mixture(pair, weight[since])
            stages.append(Stage(energy, OverdampedLangevin(step_size, "heun"), n_beta, int(steps[span].sum())))
        report = None if advance is None else partial(_report, advance, 1 / len(weights))
        draws = sample_stages(
            stages, chains=chains, record_steps=ends[records - 1], seed=[*seeds, number, 1], initial=initial,
            threads=threads, advance=report,
        )["w"].values  # fmt: skip
        shares[number] = _phase_shares(pair, parts, draws, len(names))
    occupancy = shares.mean(axis=1)
    error = np.sqrt(np.maximum(shares.var(axis=1), 1 / chains) / chains)
    stuck = shares[:, :, -1, names.index(parts[0].stuck_phase)]
    found = _dataset(pair, shifts, weights, records, names, occupancy, stuck=(("shift", "chain"), stuck))
    return found.assign(standard_error=(("shift", "epoch", "phase"), error))


def _evolve(
    part: PotentialPair, temperatures: Array, durations: Array, weights: Array, start: str, cells: int | None
) -> Array:
    """Masses of the phases (shifts, epochs + 1, phases); in each epoch, one propagator for every weight in force."""
    grid = grid_for((part.deficit, part.clean), temperatures, cells)
    deficit, clean = fokker_planck(part.deficit, grid).energy, fokker_planck(part.clean, grid).energy
    regions = np.array([phase_weights(part.clean, i, grid).ravel() for i in range(len(part.clean.phases))])

    def process(weight: float) -> FokkerPlanck:
        return FokkerPlanck(grid, weight * deficit + (1 - weight) * clean)

    columns = np.empty((deficit.size, len(weights)))
    for column, weight in enumerate(weights[:, 0]):
        if start == "deficit phase":
            masses = start_masses(part.deficit, grid, temperatures[0], start, part.stuck_phase)
        else:
            masses = process(weight).stationary(temperatures[0])
        columns[:, column] = masses.ravel()
    found = np.empty((len(weights), temperatures.size + 1, len(regions)))
    found[:, 0] = (regions @ columns).T
    for epoch, (temperature, duration) in enumerate(zip(temperatures, durations, strict=True)):
        for weight in np.unique(weights[:, epoch]):
            active = weights[:, epoch] == weight
            step = propagator(process(float(weight)), temperature, duration)
            columns[:, active] = step.masses(columns[:, active])
        check_undershoot(columns, epoch)
        found[:, epoch + 1] = (regions @ columns).T
    return found


def _phase_shares(pair: PotentialPair, parts: Sequence[PotentialPair], draws: Array, phases: int) -> Array:
    """Whether each chain is in each phase at each record: (chains, records, phases), a mean over components."""
    found = np.zeros((*draws.shape[:2], phases))
    for part in parts:
        index = part.clean.phase_index(draws[..., coordinates_of(part, pair)])
        found += (index[..., None] == np.arange(phases)) / len(parts)
    return found


def _weights(shifts: Mapping[str, Shift], epochs: int) -> Array:
    if not shifts:
        raise ValueError("shifts must hold at least one shift, such as {'sudden': Sudden(40)}")
    if not isinstance(epochs, int | np.integer) or epochs < 1:
        raise ValueError(f"epochs must be a whole number of at least 1, not {epochs!r}")
    found = np.empty((len(shifts), epochs))
    for row, (name, shift) in enumerate(shifts.items()):
        if shift.end_epoch > epochs:
            raise ValueError(f"epochs must reach the end of shift {name!r} at {shift.end_epoch}, not stop at {epochs}")
        found[row] = shift(np.arange(epochs))
        if not ((found[row] >= 0) & (found[row] <= 1)).all():
            raise ValueError(f"shift {name!r} must give weights between 0 and 1")
    return found


def _check_start(start: str) -> None:
    if start not in STARTS:
        raise ValueError(f"start must be one of {', '.join(map(repr, STARTS))}, not {start!r}")


def _dataset(
    pair: PotentialPair, shifts: Mapping[str, Shift], weights: Array, records: NDArray[np.int64], names: list[str],
    occupancy: Array, stuck: tuple,
) -> xr.Dataset:  # fmt: skip
    after = np.concatenate([weights, np.full((len(shifts), 1), np.nan)], axis=1)[:, records]
    return xr.Dataset(
        {"occupancy": (("shift", "epoch", "phase"), occupancy), "deficit_weight": (("shift", "epoch"), after),
         "stuck": stuck},
        coords={"shift": list(shifts), "epoch": records, "phase": names},
        attrs={"pair": pair.name, "shifts": "; ".join(repr(shift) for shift in shifts.values())},
    )  # fmt: skip


def _report(advance: Callable[[float], None], share: float, fraction: float) -> None:
    advance(share * fraction)
