"""Thermometers that look at where chains are, not at when: energy, occupancy, and one for each direction.

Their exact laws hold for any trajectory whose stationary law is exp(-n_beta L), and for independent draws.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from ..exact.energies import EnergyTable, energy_table, exact_moments, exact_occupancies
from ..exact.kinetics import committor_quadrature
from ..inputs.arguments import checked_arguments
from ..potentials.boxes import has_scale
from ..potentials.periodic import refuse_periodic
from ..potentials.potential import Potential
from ..samplers.phase_trips import phase_transitions
from .changes_of_phase import settled_changes
from .readings import (  # fmt: skip
    CONFIDENCE,
    DRIFT,
    FEWEST_CHAINS,
    HARMLESS,
    Array,
    Range,
    Reading,
    checked_positions,
    range_of,
    reading,
    refusal,
    root,
    start_of_run,
)

GRID = 1000  # inverse temperatures at which occupancies are looked at first
NEWTON_STEPS = 2  # from the table to the exact value
TINY = 1e-300
LEAST_CHANGE = 1e-6  # of an occupancy over the whole range
AMBIGUOUS = 25.0  # chi-square by which another inverse temperature must be worse, 5 standard errors
TRIPS = 3.0  # changes of phase of a chain, on average, that make its occupancies its own and not the start's
BORDER_POINTS = 20_001  # of a phase's interval
LIKELY = (1e-3, 1e3)  # n_beta times a mean loss above the minimum: about λ
FLAT = 1e-9  # curvature, relative to the largest, of a direction that has no temperature


# ---- energy ---------------------------------------------------------------------------------------------------------
@checked_arguments
def energy_thermometer(
    potential: Potential, positions: ArrayLike, phase: str | int | None = None, *, between: Range | None = None,
    confidence: float = CONFIDENCE,
) -> Reading:  # fmt: skip
    """Inverse temperature at which the exact mean loss is the sampled one.

    To leading order n_beta = λ_α / E_α[L - L_α] [eq:energy-law]; here the mean comes from quadrature.

    Parameters
    ----------
    potential
        The loss; at most two coupled coordinates.
    positions
        Shape (chain, draw, coordinate).
    phase
        Take only draws in this phase, and its own mean loss; None for all draws and the whole posterior.
    between
        Least and largest n_beta looked for; by default from 0.1 to 1e8 in the energy's own unit of 1/loss, or about
        what the mean loss says where the energy has none.
    """
    points = checked_positions(potential, positions)
    number = None if phase is None else potential.phase_number(phase)
    name = "energy" if number is None else f"energy in {potential.phases[number].name}"
    inside = np.ones(points.shape[:2]) if number is None else (potential.phase_index(points) == number).astype(float)
    share = inside.mean()
    if few := _few_visitors(inside):
        return refusal(name, few)

    losses = potential.energy_function()(points)
    if between is None and not has_scale(potential):
        mean = float((losses * inside).mean() / share) - min(
            potential.minimum_loss(k) for k in range(len(potential.phases))
        )
        between = (LIKELY[0] / mean, LIKELY[1] / mean) if mean > 0 else None
    between = range_of(potential, between)
    row = 0 if number is None else number + 1
    table = energy_table(potential, between)
    excess = losses - table.references[row]
    mean = float((excess * inside).mean() / share)
    low, high = np.log(between)
    hottest, coldest = (float(np.exp(table.log_means(x)[row])) for x in (low, high))
    if not coldest <= mean <= hottest:
        return refusal(
            name, f"the mean loss is {mean:.3g} above the minimum; n_beta from {between[0]:g} to {between[1]:g} "
            f"give {hottest:.3g} to {coldest:.3g}",
        )  # fmt: skip
    log_n_beta = root(lambda x: float(table.log_means(x)[row]) - np.log(mean), low, high)
    for _ in range(NEWTON_STEPS):
        exact, variance = exact_moments(potential, np.exp(log_n_beta), number)
        log_n_beta += np.log(exact / mean) * exact / (np.exp(log_n_beta) * variance)
    n_beta = float(np.exp(log_n_beta))
    influence = -inside * (excess - mean) / share / (n_beta * variance)
    read = reading(name, n_beta, influence, confidence=confidence)
    if read.reads and len(potential.phases) > 1:
        moved = _moved_by_start(potential, points, n_beta, number, table) / read.relative_error
        if abs(moved) > HARMLESS:
            told = (
                f"which moves the reading by {moved:+.1f} of its standard errors"
                if np.isfinite(moved)
                else "and what they miss at the border between them is not known in several coordinates"
            )
            return refusal(
                name, f"chains hold the shares of phases that they began with, {told}; run longer, or start from what "
                "they should sample",
            )  # fmt: skip
    return read


def _moved_by_start(
    potential: Potential, points: Array, n_beta: float, number: int | None, table: EnergyTable
) -> float:
    """By how much log(n_beta) is off because shares of the phases are those of the start; 0 where they need not be.

    Of all draws the mean loss is off by the shares' own error. Of draws in one phase it is off where those are missing
    that came from the neighbours: a phase that nobody enters holds its density times 1 - q, q being the committor of
    the neighbour. Known in one dimension; infinite in several, where more than a few changes of phase were seen.
    """
    index = potential.phase_index(points)
    seen = np.array([(index == k).mean() for k in range(len(potential.phases))])
    sure = max(start_of_run((index == k).astype(float), np.inf).sure for k in range(len(seen)))
    if settled_changes(potential, points, index).mean() >= TRIPS and sure <= DRIFT:
        return 0.0
    exact, _ = exact_occupancies(potential, n_beta)
    if number is None:
        means = np.exp(table.log_means(np.log(n_beta)))[1:] + table.offsets[1:]
        _, variance = exact_moments(potential, n_beta, None)
        return -float((seen / seen.sum() - exact) @ means) / (n_beta * variance)
    if potential.dimension > 1 or potential.boundary == "periodic":
        return np.inf if phase_transitions(index).sum() >= TRIPS else 0.0
    low, high = potential.phase_interval(number)
    places = np.linspace(low, high, BORDER_POINTS)
    excess = potential.energy_function()(places[:, None]) - potential.minimum_loss(number)
    weight = np.exp(-n_beta * excess)
    _, variance = exact_moments(potential, n_beta, number)
    mean = weight @ excess / weight.sum()
    own, moved = float(potential.minimum_point(number)[0]), 0.0
    for other in (number - 1, number + 1):
        if not 0 <= other < len(seen) or exact[other] <= 0:
            continue
        there = committor_quadrature(potential, 1 / n_beta, places, own, float(potential.minimum_point(other)[0]))
        present = seen[other] / seen[number] * exact[number] / exact[other]
        moved += (1 - present) * float(weight @ ((excess - mean) * there)) / weight.sum() / (n_beta * variance)
    return moved


# ---- occupancy ------------------------------------------------------------------------------------------------------
@checked_arguments
def occupancy_thermometer(
    potential: Potential, positions: ArrayLike, *, between: Range | None = None, confidence: float = CONFIDENCE
) -> Reading:
    """Inverse temperature at which the exact occupancies of the phases suit the visited ones best.

    Draws outside every phase are left out on both sides; the least Pearson chi-square decides, which for two phases is
    zero. Occupancies need not determine n_beta: of phases alike in loss and shape they do not depend on it, and where
    the deeper phase is the narrower one two temperatures may share them. Both are refused, and so are chains that have
    changed phase, from deep to deep, fewer than 3 times on average, whose occupancies are those of their start.

    Parameters
    ----------
    potential, positions, between, confidence
        As for :func:`energy_thermometer`; a narrower ``between`` may leave one of two temperatures.
    """
    name = "occupancy"
    points, between = checked_positions(potential, positions), range_of(potential, between)
    if len(potential.phases) < 2:
        return refusal(name, f"{potential.name} has one phase")
    index = potential.phase_index(points)
    trips = float(settled_changes(potential, points, index).mean())
    if trips < TRIPS:
        return refusal(
            name, f"chains changed phase {trips:.2g} times on average; it takes {TRIPS:g} to forget the start"
        )
    visited = index[..., None] == np.arange(len(potential.phases))
    share = visited.any(axis=-1).mean()
    seen = visited.mean(axis=(0, 1)) / share

    table = energy_table(potential, between)

    def misfit(log_n_beta: ArrayLike) -> Array:
        shares = table.occupancies(log_n_beta)
        return ((seen - shares) ** 2 / np.maximum(shares, TINY)).sum(axis=-1)

    grid = np.linspace(np.log(between[0]), np.log(between[1]), GRID)
    if np.ptp(table.occupancies(grid), axis=0).max() < LEAST_CHANGE:
        return refusal(name, "the phases have the same occupancies at every n_beta: they do not determine it")
    logs, misfits = _minima(misfit, grid)
    best = int(misfits.argmin())
    log_n_beta = logs[best]
    for _ in range(NEWTON_STEPS + 1):
        shares, slope = exact_occupancies(potential, np.exp(log_n_beta))
        pull = slope / np.maximum(shares, TINY)
        if not slope @ pull > 0:
            return refusal(name, "the phases' occupancies do not change with n_beta where they suit best")
        step = pull @ (seen - shares) / (slope @ pull)
        log_n_beta += float(np.clip(step, -0.1, 0.1))
    n_beta = float(np.exp(log_n_beta))
    shares, slope = exact_occupancies(potential, n_beta)
    pull = slope / np.maximum(shares, TINY)
    influence = ((visited - seen * visited.any(axis=-1, keepdims=True)) / share) @ (pull / (slope @ pull))
    read = reading(name, n_beta, influence, confidence=confidence)
    if not read.reads:
        return read
    size = 1 / (slope @ pull * read.relative_error**2)
    others = np.exp(logs[(misfits - misfits[best]) * size < AMBIGUOUS])
    if len(others) > 1:
        told = " and ".join(f"{value:.3g}" for value in sorted(others))
        return refusal(name, f"occupancy does not determine n_beta: {told} suit alike; narrow between=")
    return read


def _minima(misfit: Callable[[ArrayLike], Array], grid: Array) -> tuple[Array, Array]:
    """All local minima of a function of log(n_beta), refined, and their values."""
    values = misfit(grid)
    padded = np.concatenate([[np.inf], values, [np.inf]])
    places, least = [], []
    for i in np.flatnonzero((padded[1:-1] <= padded[:-2]) & (padded[1:-1] < padded[2:])):
        ends = grid[max(i - 1, 0)], grid[min(i + 1, len(grid) - 1)]
        best: Any = minimize_scalar(lambda x: float(misfit(x)), bounds=ends, method="bounded", options={"xatol": 1e-9})
        places.append(float(best.x))
        least.append(float(best.fun))
    return np.array(places), np.array(least)


# ---- directions -----------------------------------------------------------------------------------------------------
@dataclass(frozen=True, eq=False)
class Anisotropy:
    """One temperature for each Hessian direction at a minimum.

    ``curvatures`` (d,) are the eigenvalues, rising, in loss/length²; the columns of ``directions`` (d, d) the
    eigenvectors; ``readings`` one for each direction, in order, named after its curvature.
    """

    curvatures: Array
    directions: Array
    readings: tuple[Reading, ...]


@checked_arguments
def anisotropy(
    potential: Potential, positions: ArrayLike, phase: str | int, *, confidence: float = CONFIDENCE
) -> Anisotropy:
    """Temperature in each eigen-direction e of the Hessian at a minimum, T = ⟨u ∂L/∂u⟩ with u = e·(w - minimum).

    That is equipartition, h⟨u²⟩ = T in a quadratic well, in the form that holds for any well (integrate by parts), up
    to what the phase's border carries. Directions without curvature are refused.

    Parameters
    ----------
    potential
        Of any dimension.
    positions
        Shape (chain, draw, coordinate).
    phase
        Its minimum must be a point; only draws in it count.

    Raises
    ------
    ValueError
        When the phase's minima form a curve or more.
    """
    points = checked_positions(potential, positions)
    refuse_periodic("⟨u ∂L/∂u⟩ as a temperature", "read the energy or the occupancy instead", potential=potential)
    number = potential.phase_number(phase)
    chosen = potential.phases[number]
    if set_dimension := chosen.minimum_dimension:
        raise ValueError(
            f"phase {chosen.name!r} must have a point for its minimum, not a set of dimension {set_dimension}"
        )
    minimum = potential.minimum_point(number)
    curvatures, directions = np.linalg.eigh(potential.hessian_function()(minimum))
    inside = (potential.phase_index(points) == number).astype(float)
    share, few = inside.mean(), _few_visitors(inside)
    along = (points - minimum) @ directions
    slopes = potential.gradient_function()(points) @ directions
    readings = []
    for k, curvature in enumerate(curvatures):
        name = f"direction {k + 1} (curvature {curvature:.3g})"
        virial = along[..., k] * slopes[..., k] * inside
        temperature = float(virial.mean() / share) if share else np.nan
        if few:
            readings.append(refusal(name, few))
        elif curvature <= FLAT * abs(curvatures).max():
            readings.append(refusal(name, "the direction has no curvature"))
        elif not temperature > 0:
            readings.append(refusal(name, f"the mean of u dL/du is {temperature:.3g}, not positive"))
        else:
            influence = -(virial - temperature * inside) / (share * temperature)
            readings.append(reading(name, 1 / temperature, influence, confidence=confidence))
    return Anisotropy(curvatures, directions, tuple(readings))


def _few_visitors(inside: Array) -> str:
    """Why draws inside a phase, by their indicator (chain, draw), have no standard error; empty where they have."""
    visitors = int(inside.any(axis=1).sum())
    return f"{visitors} chains were in the phase; {FEWEST_CHAINS} are the fewest" if visitors < FEWEST_CHAINS else ""
