"""Annealed Langevin dynamics: densities forwards and observables backwards through any temperatures and durations.

In epoch e the temperature is ``temperatures[e]`` for a Langevin time ``durations[e]``. Within an epoch the generator is
constant and :mod:`slt_toys.exact.propagator` applies its exponential. Forward and backward sweeps are adjoint to
rounding, so ⟨masses, observable⟩ may be taken at any epoch.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import checked_arguments
from .fokker_planck import FokkerPlanck, Grid
from .propagator import propagator

Array = NDArray[np.float64]

__all__ = ["backward_sweep", "cell_masses", "check_schedule", "check_undershoot", "forward_sweep"]

WORST_UNDERSHOOT = 1e-3


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
    masses = cell_masses(start, process.grid)
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


def cell_masses(masses: ArrayLike, grid: Grid) -> Array:
    """Masses or weights of the cells, normalised."""
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
