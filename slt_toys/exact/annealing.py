"""Annealed Langevin dynamics: densities forwards and observables backwards through any schedule of temperatures.

A schedule is two arrays: in epoch e the temperature is ``temperatures[e]`` for a Langevin time
``durations[e]``. Within an epoch the generator is constant and :mod:`slt_toys.exact.propagator` applies its
exponential. Forward and backward sweeps are adjoint to rounding, so ⟨masses, observable⟩ may be taken at any
epoch.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import checked_arguments
from ..potentials.potential import Potential
from ..potentials.same_space import check_same_space
from .fokker_planck import FokkerPlanck, Grid, fokker_planck, grid_for, phase_weights
from .propagator import propagator

Array = NDArray[np.float64]
Start = Literal["equilibrium", "deficit phase"]

__all__ = [
    "Start", "backward_sweep", "check_undershoot", "forward_sweep", "start_masses", "stuck_probability_fixed_further",
    "stuck_probability_fixed_total",
]  # fmt: skip

WORST_UNDERSHOOT = 1e-3
FROZEN_CROSSING = 1e-10  # mass that may still cross when a cooling run is called finished


# ---- sweeps --------------------------------------------------------------------------------------------------------
def check_schedule(temperatures: ArrayLike, durations: ArrayLike) -> tuple[Array, Array]:
    """Both arrays as floats, shape (epochs,); temperatures must be positive, durations not negative."""
    temperatures, durations = np.asarray(temperatures, dtype=float), np.asarray(durations, dtype=float)
    if temperatures.ndim != 1 or temperatures.shape != durations.shape or not temperatures.size:
        raise ValueError(
            "temperatures and durations must hold one number per epoch each, "
            f"not shapes {temperatures.shape} and {durations.shape}"
        )
    for name, values, wrong in (
        ("temperatures", temperatures, temperatures <= 0),
        ("durations", durations, durations < 0),
    ):
        bad = np.flatnonzero(wrong | ~np.isfinite(values))
        if bad.size:
            sign = "positive" if name == "temperatures" else "not negative"
            raise ValueError(f"{name} must be finite and {sign}; epoch {bad[0]} has {values[bad[0]]}")
    return temperatures, durations


@checked_arguments
def forward_sweep(
    process: FokkerPlanck, temperatures: ArrayLike, durations: ArrayLike, start: Array, substeps: int | None = None
) -> Array:
    """Evolve cell masses through the schedule.

    Parameters
    ----------
    process
        The jump process.
    temperatures, durations
        One number per epoch: T in units of loss, Langevin time.
    start
        Masses of the cells, shape ``grid.shape``.
    substeps
        Per epoch; see :func:`~slt_toys.exact.propagator.propagator_error`.

    Returns
    -------
    Masses at the start of every epoch and, last, at the end: shape (epochs + 1, *grid.shape).

    Raises
    ------
    ValueError
        In one line, for a schedule or a start that is none; or where a state far from equilibrium would have left
        negative masses, which more sub-steps cure.
    """
    temperatures, durations = check_schedule(temperatures, durations)
    masses = _masses(start, process.grid)
    found = np.empty((temperatures.size + 1, *process.grid.shape))
    found[0] = masses
    column = masses.reshape(-1, 1)
    for epoch, (temperature, duration) in enumerate(zip(temperatures, durations, strict=True)):
        column = propagator(process, temperature, duration, substeps).masses(column)
        check_undershoot(column, epoch)
        found[epoch + 1] = column.reshape(process.grid.shape)
    return found


@checked_arguments
def backward_sweep(
    process: FokkerPlanck, temperatures: ArrayLike, durations: ArrayLike, terminal: Array, substeps: int | None = None
) -> Array:
    """Evolve an observable backwards through the schedule (Kolmogorov's backward equation).

    Parameters
    ----------
    process, temperatures, durations, substeps
        As in :func:`forward_sweep`.
    terminal
        The observable at the end, shape ``grid.shape``, such as a phase's
        :func:`~slt_toys.exact.fokker_planck.phase_weights`.

    Returns
    -------
    Its expected final value given the cell at the start of every epoch and, last, the observable itself:
    shape (epochs + 1, *grid.shape).
    """
    temperatures, durations = check_schedule(temperatures, durations)
    terminal = np.asarray(terminal, dtype=float)
    if terminal.shape != process.grid.shape or not np.isfinite(terminal).all():
        raise ValueError(
            f"terminal must be finite with one value per cell, shape {process.grid.shape}, not {terminal.shape}"
        )
    found = np.empty((temperatures.size + 1, *process.grid.shape))
    found[-1] = terminal
    column = terminal.reshape(-1, 1)
    for epoch in range(temperatures.size - 1, -1, -1):
        column = propagator(process, temperatures[epoch], durations[epoch], substeps).observables(column)
        found[epoch] = column.reshape(process.grid.shape)
    return found


# ---- the critical period's protocol --------------------------------------------------------------------------------
@checked_arguments
def start_masses(
    deficit: Potential, grid: Grid, temperature: float, start: Start | Array = "equilibrium", stuck_phase: str | int = 0
) -> Array:
    """Cell masses at epoch 0.

    Parameters
    ----------
    deficit, grid, temperature
        The first potential, the grid, the schedule's first temperature.
    start
        ``"equilibrium"`` of the deficit potential; ``"deficit phase"``: that law conditioned on the stuck phase; or
        masses (or weights) of the cells, shape ``grid.shape``, which are normalised.
    stuck_phase
        Used by ``"deficit phase"`` alone.
    """
    if isinstance(start, str):
        if start not in ("equilibrium", "deficit phase"):
            raise ValueError(f"start must be 'equilibrium', 'deficit phase' or masses of the cells, not {start!r}")
        masses = fokker_planck(deficit, grid).stationary(temperature)
        if start == "deficit phase":
            masses = masses * phase_weights(deficit, stuck_phase, grid)
            if not masses.sum() > 0:
                raise ValueError(
                    f"phase {stuck_phase!r} holds no mass at temperature {temperature}; start in 'equilibrium'"
                )
        return masses / masses.sum()
    return _masses(start, grid)


@checked_arguments
def stuck_probability_fixed_total(
    deficit: Potential,
    clean: Potential,
    stuck_phase: str | int,
    temperatures: ArrayLike,
    durations: ArrayLike,
    start: Start | Array = "equilibrium",
    grid: Grid | None = None,
    substeps: int | None = None,
) -> Array:
    """Final mass in the clean potential's region of the stuck phase, for every switch epoch of a fixed-total protocol.

    The deficit lasts through epochs 0 ... e - 1, the clean potential from e to the schedule's end. One forward sweep in
    the deficit and one backward sweep in the clean potential give every e at once, as ⟨p_e, u_e⟩.

    Parameters
    ----------
    deficit, clean
        Potentials of the same one or two coordinates.
    stuck_phase
        Name or index of the phase, in both.
    temperatures, durations
        One number per epoch.
    start
        See :func:`start_masses`.
    grid, substeps
        Chosen by :func:`~slt_toys.exact.fokker_planck.grid_for` and :data:`~slt_toys.exact.propagator.SUBSTEPS` when
        not given.

    Returns
    -------
    Probabilities for the switch epochs 0 ... epochs, shape (epochs + 1,).
    """
    temperatures, durations = check_schedule(temperatures, durations)
    check_same_space(deficit=deficit, clean=clean)
    clean.phase_number(stuck_phase)
    grid = grid_for((deficit, clean), temperatures) if grid is None else grid
    first = start_masses(deficit, grid, temperatures[0], start, stuck_phase)
    masses = forward_sweep(fokker_planck(deficit, grid), temperatures, durations, first, substeps)
    terminal = phase_weights(clean, stuck_phase, grid)
    values = backward_sweep(fokker_planck(clean, grid), temperatures, durations, terminal, substeps)
    axes = tuple(range(1, 1 + grid.dimension))
    return (masses * values).sum(axis=axes)


@checked_arguments
def stuck_probability_fixed_further(
    deficit: Potential,
    clean: Potential,
    stuck_phase: str | int,
    temperatures: ArrayLike,
    durations: ArrayLike,
    switch_epochs: Sequence[int] | NDArray[np.int64],
    epochs_after: int,
    start: Start | Array = "equilibrium",
    grid: Grid | None = None,
    substeps: int | None = None,
) -> Array:
    """Final mass in the stuck phase when the clean potential lasts ``epochs_after`` epochs after each switch epoch.

    All switch epochs evolve side by side, so each epoch's propagator is factored once.

    Parameters
    ----------
    deficit, clean, stuck_phase, temperatures, durations, start, grid, substeps
        As in :func:`stuck_probability_fixed_total`; the schedule must reach the last switch epoch plus
        ``epochs_after``.
    switch_epochs
        Increasing integers ≥ 0.
    epochs_after
        Clean epochs, ≥ 0.

    Returns
    -------
    Probabilities, shape (len(switch_epochs),).
    """
    temperatures, durations = check_schedule(temperatures, durations)
    switches = np.asarray(switch_epochs)
    if switches.ndim != 1 or not switches.size or switches.dtype.kind not in "iu" or switches.min() < 0:
        raise ValueError(f"switch_epochs must be integers of at least 0, not {switch_epochs}")
    if (np.diff(switches) <= 0).any():
        raise ValueError(f"switch_epochs must increase, not {switch_epochs}")
    if not isinstance(epochs_after, int | np.integer) or epochs_after < 0:
        raise ValueError(f"epochs_after must be an integer of at least 0, not {epochs_after}")
    last = int(switches[-1] + epochs_after)
    if last > temperatures.size:
        raise ValueError(
            f"temperatures must hold {last} epochs (switch at {switches[-1]}, {epochs_after} after), "
            f"not {temperatures.size}"
        )
    check_same_space(deficit=deficit, clean=clean)
    clean.phase_number(stuck_phase)
    grid = grid_for((deficit, clean), temperatures[:last] if last else temperatures) if grid is None else grid
    first = start_masses(deficit, grid, temperatures[0], start, stuck_phase)
    until = int(switches[-1])
    if until:
        masses = forward_sweep(fokker_planck(deficit, grid), temperatures[:until], durations[:until], first, substeps)
    else:
        masses = first[None]
    process, stuck = fokker_planck(clean, grid), phase_weights(clean, stuck_phase, grid).ravel()
    columns = np.zeros((grid.volumes.size, switches.size))
    for column, switch in enumerate(switches):
        columns[:, column] = masses[switch].ravel()
    cooling = bool((np.diff(temperatures[until:last]) <= 0).all())
    for epoch in range(int(switches[0]), last):
        running = np.flatnonzero((switches <= epoch) & (epoch < switches + epochs_after))
        if not running.size or durations[epoch] == 0:
            continue
        active = slice(running[0], running[-1] + 1)
        if epoch >= switches[-1] and cooling:
            crossing = _crossing_rate(process, temperatures[epoch], stuck, columns[:, active])
            if crossing * durations[epoch:last].sum() < FROZEN_CROSSING:
                break
        step = propagator(process, temperatures[epoch], durations[epoch], substeps)
        columns[:, active] = step.masses(columns[:, active])
        check_undershoot(columns[:, active], epoch)
    return stuck @ columns


def _crossing_rate(process: FokkerPlanck, temperature: float, stuck: Array, columns: Array) -> float:
    """Largest rate, over the columns, at which mass crosses the border of the stuck phase in either direction."""
    shape = process.grid.shape
    weights, masses = stuck.reshape(*shape, 1), columns.reshape(*shape, -1)
    total = np.zeros(masses.shape[-1])
    for axis, (up, down) in enumerate(process.rates(temperature)):
        first, second = (np.take(masses, np.arange(shape[axis])[part], axis) for part in (slice(-1), slice(1, None)))
        flow = np.abs(np.diff(weights, axis=axis)) * (up[..., None] * first + down[..., None] * second)
        total += np.abs(flow).sum(axis=tuple(range(len(shape))))
    return float(total.max())


def _masses(masses: ArrayLike, grid: Grid) -> Array:
    masses = np.asarray(masses, dtype=float)
    if masses.shape != grid.shape:
        raise ValueError(f"start must have one mass per cell, shape {grid.shape}, not {masses.shape}")
    if not np.isfinite(masses).all() or (masses < 0).any() or not masses.sum() > 0:
        raise ValueError("start must hold finite masses of at least 0, not all of them 0")
    return masses / masses.sum()


def check_undershoot(masses: Array, epoch: int) -> None:
    """Refuse masses (cells, ...) that sub-steps have left negative by more than :data:`WORST_UNDERSHOOT`."""
    lost = -np.minimum(masses, 0.0).sum(axis=0).min()
    if not lost < WORST_UNDERSHOOT:
        raise ValueError(f"masses of {-lost:.2g} appeared in epoch {epoch}; give more substeps")
