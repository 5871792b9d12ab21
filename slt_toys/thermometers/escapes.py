"""Thermometers that look up their exact laws in tables, in one or two coordinates; and how often escapes happen.

The one of escapes is :func:`slt_toys.thermometers.dynamic.escape_thermometer` with its expectations looked up in a
table (:mod:`slt_toys.exact.passage_table`), that of the energy is
:func:`slt_toys.thermometers.equilibrium.energy_thermometer` without its last steps from the table, right to 1e-4, to
rounding: one table serves every run of a potential. The rate of escapes assumes no temperature; how it depends on the
size of the noise says whether they are activated.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..exact.energies import energy_table
from ..exact.passage_table import passage_table
from ..inputs.arguments import checked_arguments
from ..potentials.periodic import refuse_periodic
from ..potentials.potential import Potential
from ..reference.laws import law
from .changes_of_phase import settled_changes
from .dynamic import FEWEST_ESCAPES, _ends, _waits
from .equilibrium import TRIPS
from .readings import CONFIDENCE, FEWEST_CHAINS, Array, Range, Reading, checked_positions, reading, refusal, root

__all__ = [
    "EscapeRate", "escape_rate", "phase_energy_thermometer", "recorded_escape_thermometer", "transverse_thermometer",
]  # fmt: skip

SLOPE_STEP = 1e-3  # of log(n_beta)


@dataclass(frozen=True, eq=False)
class EscapeRate:
    """How often chains leave a phase.

    Attributes
    ----------
    phase
        Its name.
    escapes
        Seen.
    log_rate
        Of escapes per Langevin time waited; NaN where there were too few.
    standard_error
        Of ``log_rate``, from the scatter of the chains.
    shares
        Shape (chains,): each chain's part in the error of ``log_rate``, which is their mean.
    """

    phase: str
    escapes: int
    log_rate: float
    standard_error: float
    shares: Array = field(default_factory=lambda: np.empty(0), repr=False)


@checked_arguments
def escape_rate(
    potential: Potential, positions: ArrayLike, *, time_per_draw: float, phase: str | int, axis: int = 0
) -> EscapeRate:
    """Escapes per Langevin time waited, from the level of one phase's minimum to that of the other.

    Parameters
    ----------
    potential
        With two phases.
    positions
        Shape (chain, draw, coordinate).
    time_per_draw
        Langevin time between draws.
    phase
        The one that is left.
    axis
        The coordinate whose levels count.
    """
    refuse_periodic("a rate of passages of a level", "sample occupancies instead", potential=potential)
    waiting, escaped, _ = _seen(potential, positions, time_per_draw, phase, axis)
    name = potential.phases[potential.phase_number(phase)].name
    escapes = int(escaped.sum())
    if escapes < FEWEST_ESCAPES or len(waiting) < FEWEST_CHAINS:
        return EscapeRate(name, escapes, np.nan, np.nan)
    counts, waits = escaped.sum(axis=1), waiting.sum(axis=1)
    shares = counts / counts.mean() - waits / waits.mean()
    error = float(shares.std(ddof=1) / np.sqrt(shares.size))
    return EscapeRate(name, escapes, float(np.log(escapes / (waits.sum() * time_per_draw))), error, shares)


@checked_arguments
def recorded_escape_thermometer(
    potential: Potential,
    positions: ArrayLike,
    *,
    time_per_draw: float,
    phase: str | int,
    between: Range,
    axis: int = 0,
    confidence: float = CONFIDENCE,
) -> Reading:
    """Inverse temperature at which the exact expectation of the time waited is the observed one [eq:recorded-wait].

    Parameters
    ----------
    potential
        One or two coordinates and two phases.
    positions, time_per_draw, phase, axis
        As for :func:`escape_rate`.
    between
        Least and largest n_beta looked for, within a factor of 20.
    confidence
        Of the interval.
    """
    refuse_periodic("a rate of passages of a level", "sample occupancies instead", potential=potential)
    waiting, escaped, (start, end) = _seen(potential, positions, time_per_draw, phase, axis)
    points = checked_positions(potential, positions)
    name = f"escape from {potential.phases[potential.phase_number(phase)].name}"
    escapes = int(escaped.sum())
    if escapes < FEWEST_ESCAPES:
        return refusal(name, f"{escapes} escapes were seen; {FEWEST_ESCAPES} are the fewest")
    table = passage_table(potential, float(f"{time_per_draw:.12g}"), start, end, between, axis)
    began, cut = _ends(waiting, escaped)
    totals = law("recorded-wait")(
        start_waits=table.at_nodes(points[began]).sum(axis=1),
        cut_waits=table.at_nodes(points[:, -1][cut]).sum(axis=1) if cut.any() else np.zeros(table.nodes.size),
    )
    if not (totals > 0).all():
        return refusal(name, "the run cuts off more waits than it holds; run longer")
    observed, logs = float(np.log(waiting.sum())), np.log(totals)

    def expected(x: float) -> float:
        return float(table.weights(x) @ logs)

    low, high = np.log(between)
    if not expected(low) < observed < expected(high):
        wait = waiting.sum() * time_per_draw / escapes
        return refusal(name, f"no n_beta from {between[0]:g} to {between[1]:g} has the mean wait {wait:.3g}")
    log_n_beta = root(lambda x: expected(x) - observed, low, high)
    slope = (expected(log_n_beta + SLOPE_STEP) - expected(log_n_beta - SLOPE_STEP)) / (2 * SLOPE_STEP)
    ahead = table.at(log_n_beta, points)
    change = waiting.copy()
    change[:, 1:] += waiting[:, 1:] * ((1 - escaped[:, 1:]) * ahead[:, 1:] - ahead[:, :-1])
    influence = change / (waiting.mean() * slope)
    found = reading(name, float(np.exp(log_n_beta)), influence, confidence=confidence, effective_sample_size=np.nan)
    if not found.reads:
        return found
    return replace(found, effective_sample_size=float(1 / (slope * found.relative_error) ** 2))


@checked_arguments
def phase_energy_thermometer(
    potential: Potential, positions: ArrayLike, phase: str | int, *, between: Range, confidence: float = CONFIDENCE
) -> Reading:
    """Inverse temperature at which the exact mean loss inside a phase is the sampled one [eq:energy-law].

    Chains must have changed phase 3 times on average, so that what lies at the border came from both sides.

    Parameters
    ----------
    potential, positions, phase, between, confidence
        As for :func:`slt_toys.thermometers.equilibrium.energy_thermometer`.
    """
    points = checked_positions(potential, positions)
    number = potential.phase_number(phase)
    name = f"energy in {potential.phases[number].name}"
    index = potential.phase_index(points)
    inside = (index == number).astype(float)
    trips = float(settled_changes(potential, points, index).mean())
    if trips < TRIPS or not inside.any():
        return refusal(name, f"chains changed phase {trips:.2g} times on average; it takes {TRIPS:g}")
    table, share = energy_table(potential, between), float(inside.mean())
    excess = potential.energy_function()(points) - table.references[number + 1]
    mean = float((excess * inside).mean() / share)
    low, high = np.log(between)

    def log_mean(x: float) -> float:
        return float(table.log_means(x)[number + 1])

    if not log_mean(high) < np.log(mean) < log_mean(low):
        return refusal(name, f"no n_beta from {between[0]:g} to {between[1]:g} has the mean loss {mean:.3g}")
    log_n_beta = root(lambda x: log_mean(x) - np.log(mean), low, high)
    slope = float(table.log_means(log_n_beta, 1)[number + 1])
    return reading(
        name, float(np.exp(log_n_beta)), inside * (excess - mean) / (share * mean * slope), confidence=confidence
    )


@checked_arguments
def transverse_thermometer(
    potential: Potential, positions: ArrayLike, phase: str | int, coordinate: int, *, confidence: float = CONFIDENCE
) -> Reading:
    """Inverse temperature across a phase: T = ⟨(wⱼ - minimumⱼ) ∂L/∂wⱼ⟩ inside it, exact where the border is along wⱼ.

    Integrate exp(-L/T) by parts along wⱼ, which meets no border: no matter what the other coordinates do.

    Parameters
    ----------
    potential, positions, phase
        As for :func:`slt_toys.thermometers.equilibrium.anisotropy`.
    coordinate
        Number j, of a coordinate that the phase's region does not mention.
    confidence
        Of the interval.
    """
    points = checked_positions(potential, positions)
    number = potential.phase_number(phase)
    chosen = potential.phases[number]
    if not 0 <= coordinate < potential.dimension:
        raise ValueError(f"coordinate must lie between 0 and {potential.dimension - 1}, not {coordinate}")
    symbol = potential.coordinates[coordinate]
    name = f"across {chosen.name} along {symbol.name}"
    if potential.boundary == "periodic":
        return refusal(name, f"{potential.name} is periodic: the mean of u dL/du is no temperature on a circle")
    if symbol in chosen.region.free_symbols:
        return refusal(name, f"the border of {chosen.name} is not along {symbol.name}")
    inside = (potential.phase_index(points) == number).astype(float)
    visitors = int(inside.any(axis=1).sum())
    if visitors < FEWEST_CHAINS:
        return refusal(name, f"{visitors} chains were in the phase; {FEWEST_CHAINS} are the fewest")
    away = points[..., coordinate] - potential.minimum_point(number)[coordinate]
    virial = away * potential.gradient_function()(points)[..., coordinate] * inside
    share = float(inside.mean())
    temperature = float(virial.mean() / share)
    if not temperature > 0:
        return refusal(name, f"the mean of u dL/du is {temperature:.3g}, not positive")
    influence = -(virial - temperature * inside) / (share * temperature)
    return reading(name, 1 / temperature, influence, confidence=confidence)


def _seen(
    potential: Potential, positions: ArrayLike, time_per_draw: float, phase: str | int, axis: int
) -> tuple[Array, Array, tuple[float, float]]:
    """What is waited through and where escapes are, (chain, draw) each, and the two levels."""
    points = checked_positions(potential, positions)
    if len(potential.phases) != 2:
        raise ValueError(f"potential must have two phases, not {len(potential.phases)}")
    if not 0 <= axis < potential.dimension:
        raise ValueError(f"axis must lie between 0 and {potential.dimension - 1}, not {axis}")
    if not (np.isfinite(time_per_draw) and time_per_draw > 0):
        raise ValueError(f"time_per_draw must be positive and finite, not {time_per_draw}")
    own = potential.phase_number(phase)
    start, end = (float(potential.minimum_point(k)[axis]) for k in (own, 1 - own))
    if start == end:
        raise ValueError(f"axis must tell the minima apart, which coordinate {axis} does not")
    places, sign = points[..., axis], np.sign(end - start)
    home: NDArray[np.bool_] = sign * (places - start) <= 0
    waiting, escaped = _waits(home, sign * (places - end) >= 0)
    return waiting, escaped, (start, end)
