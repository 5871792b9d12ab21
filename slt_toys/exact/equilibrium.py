"""Exact equilibrium: what the tempered posterior exp(-n_beta L) on the box prefers, phase by phase.

Everything here is log-domain quadrature (:mod:`slt_toys.exact.quadrature`) in one and two coupled coordinates, and
products of such for energies that separate; it holds from n_beta = 0.1 to 1e8 in the energy's own unit of loss and
beyond, and the box follows the temperature (:mod:`slt_toys.potentials.boxes`). Terms: F_α = -log ∫_{W_α} exp(-n_beta L)
[eq:phase-free-energy], temperature T = 1/n_beta in units of loss, the prior density is 1 on the box. Where phases meet,
and what λ the integrals show, is in :mod:`slt_toys.exact.phase_boundaries`.
"""

from __future__ import annotations

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import checked_arguments, shown
from ..potentials.boxes import loss_unit, mass_beyond, widened
from ..potentials.periodic import wrapped
from ..potentials.potential import Potential
from .phase_integrals import PhaseMoments, checked_n_beta, group_of, part_of, phase_moments, range_for
from .quadrature import QuadratureError, line_integrals

TOLERANCE = 1e-6

_ABOUT = {
    "log_partition_function": ("log of the integral of exp(-n_beta L) over the region", ""),
    "free_energy": ("F = -log partition function", ""),
    "mean_loss": ("expected loss", "loss"),
    "excess_energy": ("n_beta times (expected loss - loss of the phase)", ""),
    "entropy": ("differential entropy, log partition function + n_beta expected loss", ""),
    "heat_capacity": ("n_beta² times the variance of the loss = d(expected loss)/dT", ""),
    "error_estimate": ("relative error of the partition function, by an embedded coarser rule", ""),
}


@checked_arguments(finite=False)
def phase_table(potential: Potential, n_beta: ArrayLike, *, tolerance: float = TOLERANCE) -> xr.Dataset:
    """Free energy, occupancy, energy, entropy and heat capacity of every phase and of the whole posterior.

    Parameters
    ----------
    potential
        At most two coordinates coupled at a time; any number of them if the energy separates.
    n_beta
        Inverse temperatures, a number or shape (temperatures,), in inverse units of loss.
    tolerance
        Largest accepted ``error_estimate``; ``inf`` to accept anything and read the estimate instead.

    Returns
    -------
    xarray.Dataset
        Dimensions (n_beta, phase): ``log_partition_function``, ``free_energy`` (F_α), ``occupancy``, ``mean_loss``
        (E_α[L]), ``excess_energy`` (n_beta (E_α[L] - L_α), tends to λ_α), ``entropy``, ``heat_capacity``,
        ``error_estimate``. Dimension n_beta: the same for the whole box with the prefix ``total_`` (its excess
        energy is above the lowest loss), ``occupancy_outside`` (mass outside every phase) and ``temperature``.
        Dimension phase: ``loss``, ``learning_coefficient``, ``multiplicity``. The attribute ``mass_beyond`` bounds the
        share of mass that the box leaves out at the hottest of them (:func:`slt_toys.potentials.boxes.mass_beyond`).

    Raises
    ------
    ValueError
        Non-positive or non-finite n_beta, more than two coupled coordinates, an energy that is not finite.
    QuadratureError
        An error estimate above the tolerance.
    """
    values = checked_n_beta(n_beta)
    total, *parts = phase_moments(potential, values, [None, *range(len(potential.phases))])
    names = [phase.name for phase in potential.phases]
    columns = [_thermodynamics(part, values) for part in parts]
    whole = _thermodynamics(total, values)
    variables: dict[str, tuple] = {}
    for key, (about, units) in _ABOUT.items():
        attributes = {"long_name": about, "units": units}
        variables[key] = (("n_beta", "phase"), np.stack([c[key] for c in columns], axis=1), attributes)
        variables[f"total_{key}"] = (("n_beta",), whole[key], attributes)
    shares = np.stack([_share(part, total, values) for part in parts], axis=1)
    variables["occupancy"] = (("n_beta", "phase"), shares, {"long_name": "share of the posterior mass"})
    outside = np.maximum(1 - shares.sum(axis=1), 0.0)
    variables["occupancy_outside"] = (("n_beta",), outside, {"long_name": "mass in no phase"})
    variables["temperature"] = (("n_beta",), 1 / values, {"units": "loss"})
    variables["loss"] = (("phase",), [part.reference for part in parts])
    variables["learning_coefficient"] = (("phase",), [float(phase.learning_coefficient) for phase in potential.phases])
    variables["multiplicity"] = (("phase",), [phase.multiplicity for phase in potential.phases])
    table = xr.Dataset(
        variables,
        coords={"n_beta": ("n_beta", values, {"units": "1/loss"}), "phase": names},
        attrs={
            "potential": potential.name,
            "tolerance": tolerance,
            "mass_beyond": mass_beyond(potential, 1 / values.min()),
        },
    )
    for name, error in [*zip(names, table.error_estimate.values.T, strict=True), ("total", whole["error_estimate"])]:
        if not np.isfinite(error).all():
            at = values[int(np.argmin(np.isfinite(error)))]
            raise QuadratureError(
                f"partition function of {name!r} in {potential.name} is beyond double precision at n_beta {at:.3g}; "
                f"take one nearer to {1 / loss_unit(potential):.3g}, the energy's own unit of 1/loss"
            )
        if not error.max() <= tolerance:
            at = values[int(np.argmax(error))]
            raise QuadratureError(
                f"partition function of {name!r} in {potential.name} is known to {error.max():.1e} only "
                f"at n_beta {at:.3g}; tolerance is {tolerance:.1e}"
            )
    return table


def _thermodynamics(part: PhaseMoments, n_beta: NDArray[np.float64]) -> dict[str, NDArray[np.float64]]:
    moments = part.moments
    log_partition_function = moments.log_integral - n_beta * part.reference
    excess_energy = n_beta * moments.mean
    return {
        "log_partition_function": log_partition_function,
        "free_energy": -log_partition_function,
        "mean_loss": part.reference + moments.mean,
        "excess_energy": excess_energy,
        "entropy": moments.log_integral + excess_energy,
        "heat_capacity": n_beta**2 * moments.variance,
        "error_estimate": moments.error,
    }


def _share(part: PhaseMoments, total: PhaseMoments, n_beta: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.exp(part.moments.log_integral - n_beta * part.offset - total.moments.log_integral)


@checked_arguments
def free_energy(potential: Potential, phase: str | int, n_beta: ArrayLike) -> NDArray[np.float64]:
    """Return F_α = -log ∫_{W_α} exp(-n_beta L) at each n_beta, shape (temperatures,) [eq:phase-free-energy].

    Raises
    ------
    ValueError
        As :func:`phase_table`, or no such phase.
    """
    values = checked_n_beta(n_beta)
    (part,) = phase_moments(potential, values, [potential.phase_number(phase)])
    return values * part.reference - part.moments.log_integral


@checked_arguments
def occupancy(potential: Potential, n_beta: ArrayLike) -> NDArray[np.float64]:
    """Share of the posterior mass in each phase, shape (temperatures, phases).

    Rows fall short of 1 by the mass outside every phase.

    Raises
    ------
    ValueError
        As :func:`phase_table`.
    """
    values = checked_n_beta(n_beta)
    total, *parts = phase_moments(potential, values, [None, *range(len(potential.phases))])
    return np.stack([_share(part, total, values) for part in parts], axis=1)


@checked_arguments
def marginal_density(
    potential: Potential, coordinate: int | str, n_beta: ArrayLike, grid: ArrayLike
) -> NDArray[np.float64]:
    """Density of one coordinate under the whole posterior.

    Parameters
    ----------
    potential
        As for :func:`phase_table`.
    coordinate
        Number or name.
    n_beta
        Inverse temperatures, a number or shape (temperatures,).
    grid
        Values of the coordinate, shape (points,); beyond walls that reflect the density is 0, and so it is where the
        loss stands 30 temperatures above every phase. On a circle it repeats itself.

    Returns
    -------
    ndarray
        Shape (temperatures, points); integrates to 1 over the box.

    Raises
    ------
    ValueError
        As :func:`phase_table`, or no such coordinate.
    """
    values = checked_n_beta(n_beta)
    points = np.atleast_1d(np.asarray(grid, dtype=float))
    if points.ndim != 1 or not np.isfinite(points).all():
        raise ValueError(f"grid must be finite points along one axis, not {shown(grid)}")
    names = [symbol.name for symbol in potential.coordinates]
    number = names.index(coordinate) if coordinate in names else coordinate
    if not isinstance(number, int | np.integer) or not 0 <= number < len(names):
        raise ValueError(f"coordinate {coordinate!r} is not one of {potential.name}'s: {', '.join(names)}")
    unit = loss_unit(potential)
    potential = widened(potential, 1 / float(values.min()))
    own = group_of(potential, int(number))
    part = part_of(potential, own)
    (total,) = phase_moments(part, values, [None])
    energy = part.energy_function()
    axis = own.index(int(number))
    low, high = part.box[axis]
    if part.boundary == "periodic":
        points = wrapped(points[:, None], [(low, high)])[:, 0]
    inside = (points >= low) & (points <= high)
    logs = np.full((values.size, points.size), -np.inf)
    if len(own) == 1:
        logs[:, inside] = -values[:, None] * (energy(points[inside, None]) - total.reference)
    elif inside.any():

        def loss(x: NDArray[np.float64], y: NDArray[np.float64]) -> NDArray[np.float64]:
            pair = np.broadcast_arrays(x, y)
            return energy(np.stack(pair if axis == 0 else pair[::-1], axis=-1))

        logs[:, inside] = line_integrals(
            loss, points[inside], part.box[1 - axis], total.reference, values, range_for(values * unit).in_unit(unit)
        )
    return np.exp(logs - total.moments.log_integral[:, None])
