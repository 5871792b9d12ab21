"""The learning coefficient along a run: of the phase it is in, exactly; and what local estimates read of it.

For every switch epoch the run's law is known, when the deficit ends and at the end of training (Fokker-Planck). Four
numbers are followed, each a mean over that law:

=========== ======================================================================================================
asymptotic  λ of the phase in which the state lies
finite      n_beta E_α[L - L_α] of that phase, the exact value at the probe's inverse temperature
centred     n_beta (⟨L⟩ - L_α) with ⟨L⟩ under exp(-n_beta L - (γ/2)|w - w*|²) about the state w*, within its phase
published   the same with L(w*) in place of L_α: what is estimated where a minimum is not known (Baker 2023)
=========== ======================================================================================================

In one quadratic phase the last reads λ(1 - n_beta T) up to localisation [eq:estimate-in-a-run]: it rises as the run
cools, though the phase and λ stay what they are. So an estimate that rises is no sign of a critical period by itself,
and a critical period between phases of one λ leaves the first three as they are.

The localised posterior is taken within the state's phase, where chains of any usual length stay. Without that, the
other phase takes it over wherever it lies lower by more than localisation costs, and the estimate is far below zero.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from ..exact.energies import exact_moments
from ..exact.fokker_planck import fokker_planck, grid_for, phase_weights
from ..exact.sweeps import forward_sweep, sweep
from ..inputs.arguments import checked_arguments
from ..potentials.potential import Potential, PotentialPair
from ..protocol.schedule import Ending
from ..protocol.training import Training

Array = NDArray[np.float64]
READINGS = ("asymptotic", "finite", "centred", "published")
N_BETA, LOCALISATION = 100.0, 20.0  # of the probe
NODES, REACH = 1601, 9.0  # of the localised posterior: points, and standard deviations of it on either side

__all__ = ["LOCALISATION", "N_BETA", "READINGS", "coefficients_along_run", "local_estimates", "share_of_rise"]


@checked_arguments
def coefficients_along_run(
    pair: PotentialPair, training: Training, switch_epochs: Sequence[int], ending: Ending, *,
    n_beta: float = N_BETA, localisation: float = LOCALISATION, cells: int | None = None,
) -> xr.Dataset:  # fmt: skip
    """Follow the learning coefficient through every switch epoch, exactly.

    Parameters
    ----------
    pair
        Of one coordinate.
    training
        Temperatures and durations; runs start in the deficit's equilibrium.
    switch_epochs
        Increasing whole numbers.
    ending
        The protocol. With a fixed total all runs end at one temperature; with fixed further epochs, later is colder.
    n_beta, localisation
        Of the probe, in 1/loss and 1/length².
    cells
        Of the grid.

    Returns
    -------
    xarray.Dataset
        ``coefficient`` (place, reading, switch_epoch), places ``"at the switch"`` (on the deficit's loss) and ``"at
        the end"`` (on the clean loss); ``stuck`` (switch_epoch), the final mass of the stuck phase; and
        ``temperature`` (place, switch_epoch) of the run.

    Raises
    ------
    ValueError
        For a pair of more coordinates, or switch epochs that are none.
    """
    if pair.clean.dimension != 1:
        raise ValueError(f"pair {pair.name} has {pair.clean.dimension} coordinates; give one of a single coordinate")
    switches = ending.checked(switch_epochs)
    latest, lasts = int(switches[-1]), [ending.last_epoch(int(switch)) for switch in switches]
    total = lasts[-1]
    temperatures, durations = training.temperatures(total), training.durations(total)
    grid = grid_for((pair.deficit, pair.clean), (float(temperatures.min()), float(temperatures.max())), cells)
    deficit, clean = fokker_planck(pair.deficit, grid), fokker_planck(pair.clean, grid)
    masses = deficit.stationary(float(temperatures[0]))[None]
    if latest:
        masses = forward_sweep(deficit, temperatures[:latest], durations[:latest], masses[0])
    at_switch = masses[switches]
    columns = at_switch.T.copy(order="C")
    table = np.zeros((total, switches.size, 3))
    for column, (switch, last) in enumerate(zip(switches, lasts, strict=True)):
        own = slice(switch, last)
        table[own, column, 1], table[own, column, 2] = temperatures[own], durations[own]
    for _ in sweep(lambda _: clean, columns, table):
        pass
    points = grid.centers[0][:, None]
    values = np.array(
        [
            _readings(potential, points, n_beta, localisation) @ masses_of_cells
            for potential, masses_of_cells in ((pair.deficit, at_switch.T), (pair.clean, columns))
        ]
    )
    ends = np.minimum([switches, np.array(lasts) - 1], total - 1)
    return xr.Dataset(
        {
            "coefficient": (("place", "reading", "switch_epoch"), values),
            "stuck": ("switch_epoch", phase_weights(pair.clean, pair.stuck_phase, grid) @ columns),
            "temperature": (("place", "switch_epoch"), temperatures[ends]),
        },
        coords={"place": ["at the switch", "at the end"], "reading": list(READINGS), "switch_epoch": switches},
        attrs={"pair": pair.name, "n_beta": n_beta, "localisation": localisation},
    )


def local_estimates(potential: Potential, points: ArrayLike, n_beta: float, localisation: float) -> Array:
    """n_beta (⟨L⟩ - L(w*)) about each point w*, by quadrature of the posterior localised there, within its phase.

    Parameters
    ----------
    potential
        Of one coordinate.
    points
        Shape (m, 1).
    n_beta, localisation
        Both positive.

    Returns
    -------
    ndarray
        Shape (m,).
    """
    for name, value in (("n_beta", n_beta), ("localisation", localisation)):
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be positive and finite, not {value}")
    points, energy = np.asarray(points, dtype=float), potential.energy_function()
    offsets = np.linspace(-REACH, REACH, NODES)[:, None] / np.sqrt(localisation)
    around = points[:, None, :] + offsets
    excess = n_beta * (energy(around) - energy(points)[:, None])
    inside = potential.phase_index(around) == potential.phase_index(points)[:, None]
    logs = np.where(inside, -excess - localisation * offsets[:, 0] ** 2 / 2, -np.inf)
    weights = np.exp(logs - logs.max(axis=1, keepdims=True))
    return (weights * excess).sum(axis=1) / weights.sum(axis=1)


def _readings(potential: Potential, points: Array, n_beta: float, localisation: float) -> Array:
    """The four readings at points (m, 1), shape (4, m)."""
    phase = potential.phase_index(points)
    number = range(len(potential.phases))
    asymptotic = np.array([float(each.learning_coefficient) for each in potential.phases])[phase]
    finite = np.array([n_beta * exact_moments(potential, n_beta, k)[0] for k in number])[phase]
    lowest = np.array([potential.minimum_loss(k) for k in number])[phase]
    published = local_estimates(potential, points, n_beta, localisation)
    centred = published + n_beta * (potential.energy_function()(points) - lowest)
    return np.stack([asymptotic, finite, centred, published])


def share_of_rise(epochs: ArrayLike, values: ArrayLike, until: float) -> float:
    """Share of the change from the first value to the most distant one that is done at an epoch.

    Parameters
    ----------
    epochs, values
        Shape (m,), epochs increasing; values in between are joined by straight lines.
    until
        Epoch.

    Returns
    -------
    float
        nan where the values do not change by more than rounding.
    """
    epochs, values = np.asarray(epochs, dtype=float), np.asarray(values, dtype=float)
    change = values - values[0]
    whole = change[np.abs(change).argmax()]
    if abs(whole) <= 1e-9 * max(float(np.abs(values).max()), 1e-300):
        return float("nan")
    return float(np.interp(until, epochs, change) / whole)
