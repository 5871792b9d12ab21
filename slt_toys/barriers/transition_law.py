"""The separate transitions of a many-barrier system, exactly: when they come, how large and how long they are, and
how many a record of given resolution can tell apart.

The energy is a sum of one-coordinate energies, so the coordinates are independent; each goes once from its start well
to its target well and, where the gap is many temperatures, stays. Arrival laws are those of the Fokker-Planck process
of each coordinate, absorbed at the target's minimum: survival S(t) = Σ c_k exp(-λ_k t), by one eigendecomposition.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.linalg import eigh_tridiagonal

from ..exact.draws import phase_at
from ..exact.elimination import eliminate, substitute
from ..exact.fokker_planck import FokkerPlanck, check_temperature, fokker_planck, grid_for
from ..exact.kinetics import committor, log_mean_first_passage_time
from ..inputs.arguments import checked_arguments
from ..potentials.periodic import refuse_periodic
from ..potentials.potential import Potential

Array = NDArray[np.float64]

__all__ = [
    "DecayLaw", "arrival_laws", "expected_intervals", "expected_separate", "expected_transitions", "loss_drops",
    "loss_noise", "transition_table",
]  # fmt: skip

GRID_CELLS = 160
FORGOTTEN = 1e-12  # coefficient of a mode that is left out
QUADRATURE = 1500  # points in log time of the expectation integrals; doubling changes nothing above 1e-4 (tested)


@dataclass(frozen=True, eq=False)
class DecayLaw:
    """A sum of exponentials Σ c_k exp(-λ_k t)."""

    coefficients: Array  # c_k, (k,)
    rates: Array  # λ_k ≥ 0 per Langevin time, (k,)

    def __call__(self, times: ArrayLike) -> Array:
        """The sum at times of any shape."""
        return np.exp(-np.multiply.outer(np.asarray(times, dtype=float), self.rates)) @ self.coefficients

    @property
    def integral(self) -> float:
        """From 0 to infinity: the mean, for a survival probability."""
        return float((self.coefficients / self.rates).sum())


@checked_arguments
def arrival_laws(potential: Potential, temperature: float, start: str | int, target: str | int) -> tuple[DecayLaw, ...]:
    """Probability that each coordinate, started at a phase's minimum, has not yet reached another phase's minimum.

    Parameters
    ----------
    potential
        A sum over single coordinates.
    temperature
        In units of loss.
    start, target
        Phases of the potential; coordinates for which they are the same are left out.

    Returns
    -------
    Survival probabilities, one for each coordinate that moves, in order.

    Raises
    ------
    ValueError
        In one line, for coupled coordinates, equal phases, or a temperature that is not positive or too low.
    """
    laws = []
    for part, begin, end in _moving(potential, start, target):
        process, centers = _process(part, temperature)
        beyond = centers >= end if end > begin else centers <= end
        values, vectors, weights = _modes(process, temperature, ~beyond)
        inside = np.flatnonzero(~beyond)
        cell = int(np.searchsorted(inside, process.grid.cell(begin)))
        # Survival from the cell: sum over modes of left vector at the cell times the mass of the mode.
        with np.errstate(divide="ignore", invalid="ignore"):
            coefficients = vectors[cell] / np.sqrt(weights[cell]) * (np.sqrt(weights) @ vectors)
        if not abs(coefficients.sum() - 1) < 1e-6:
            raise ValueError(
                f"temperature {temperature:g} is too low: the fall of {part.name} is so many temperatures that the "
                "arrival law drowns in rounding"
            )
        kept = np.abs(coefficients) > FORGOTTEN
        laws.append(DecayLaw(coefficients[kept], values[kept]))
    return tuple(laws)


@checked_arguments
def expected_transitions(laws: Sequence[DecayLaw], total: float) -> float:
    """Expected number of transitions within a time: Σ (1 - S_i(total))."""
    return float(sum(1 - law(total) for law in laws))


@checked_arguments
def expected_intervals(laws: Sequence[DecayLaw], total: float, interval: float) -> float:
    """Expected number of record intervals that hold a transition: transitions in one interval are seen as one.

    Σ_m [1 - Π_i (1 - S_i(m Δ) + S_i((m+1) Δ))] over the intervals of length Δ within the total.
    """
    _positive(total=total, interval=interval)
    edges = np.arange(int(np.floor(total / interval * (1 + 1e-12))) + 1) * interval
    none = np.ones(edges.size - 1)
    for law in laws:
        none *= 1 + np.diff(law(edges))
    return float((1 - none).sum())


@checked_arguments
def expected_separate(
    laws: Sequence[DecayLaw], total: float, resolution: float, seen: Callable[[Array], Array] | None = None
) -> float:
    """Expected number of transitions with no other within ``resolution`` before them: groups that stand apart.

    Σ_i ∫ f_i(t) Π_{j≠i} [1 - S_j(t - w) + S_j(t)] dt from 0 to ``total``, f_i = -S_i'. For w → 0 it is
    :func:`expected_transitions`.

    Parameters
    ----------
    laws
        From :func:`arrival_laws`.
    total, resolution
        Langevin times.
    seen
        From times (n,) to the probability that each transition, coming then, is seen by itself, (transitions, n);
        default 1. What is not seen neither counts nor joins others.
    """
    _positive(total=total)
    if not resolution >= 0:
        raise ValueError(f"resolution must be a Langevin time of at least 0, not {resolution}")
    times = np.concatenate([[0.0], np.geomspace(total * 1e-8, total, QUADRATURE)])
    middles = (times[1:] + times[:-1]) / 2
    share = np.ones((len(laws), middles.size)) if seen is None else np.asarray(seen(middles), dtype=float)
    if share.shape != (len(laws), middles.size) or (share < 0).any() or (share > 1).any():
        raise ValueError(f"seen must give a probability for each of the {len(laws)} transitions and every time")
    recent = [law(np.maximum(middles - resolution, 0.0)) - law(middles) for law in laws]
    expected = 0.0
    for number, law in enumerate(laws):
        alone = np.ones(middles.size)
        for other, chance in enumerate(recent):
            if other != number:
                alone *= 1 - share[other] * chance
        expected += float((share[number] * -np.diff(law(times)) * alone).sum())
    return expected


@checked_arguments
def loss_noise(potential: Potential, temperature: float, start: str | int, target: str | int) -> tuple[DecayLaw, ...]:
    """Autocovariance of each coordinate's loss within a well, in units of loss².

    Of the two wells the one with the larger integral, so that no noise is left out whichever the coordinate is in.
    Exact for the process confined to its well by a wall at the barrier.
    """
    noises = []
    for part, begin, end in _moving(potential, start, target):
        wells = []
        process, centers = _process(part, temperature)
        for place in (begin, end):
            low, high = part.phase_interval(phase_at(part, np.array([place])))
            inside = (centers > low) & (centers < high)
            values, vectors, weights = _modes(process, temperature, inside, walls=True)
            weights = weights / weights.sum()
            energy = process.energy[inside] - weights @ process.energy[inside]
            amplitudes = (np.sqrt(weights) * energy) @ vectors
            wells.append(DecayLaw(amplitudes[1:] ** 2, values[1:]))  # without the constant mode
        noises.append(max(wells, key=lambda well: well.integral))
    return tuple(noises)


@checked_arguments
def loss_drops(potential: Potential, start: str | int, target: str | int) -> Array:
    """Fall of the loss between the wells' minima for each coordinate that moves, in units of loss."""
    return np.array([
        float(-np.diff(part.energy_function()(np.array([[begin], [end]])))[0]) for part, begin, end in
        _moving(potential, start, target)
    ])  # fmt: skip


@checked_arguments
def transition_table(potential: Potential, temperature: float, start: str | int, target: str | int) -> xr.Dataset:
    """What each transition looks like in the loss.

    Returns
    -------
    xarray.Dataset
        Along ``transition``, in the order of the coordinates: ``drop`` of the loss between the wells' minima;
        ``barrier`` out of the start well; ``waiting_time``, the mean first passage time by quadrature; ``duration``,
        the mean time of the crossing itself, from the last visit of the start's minimum to the first of the target's;
        ``noise``, the standard deviation of the loss in its well, and ``noise_time``, its correlation time.
    """
    rows = []
    noises = loss_noise(potential, temperature, start, target)
    for (part, begin, end), noise in zip(_moving(potential, start, target), noises, strict=True):
        process, centers = _process(part, temperature)
        between = (centers > min(begin, end)) & (centers < max(begin, end))
        losses = part.energy_function()(np.array([[begin], [end]]))
        variance = float(noise(0.0))
        rows.append((
            losses[0] - losses[1], process.energy[between].max() - losses[0],
            np.exp(log_mean_first_passage_time(part, temperature, begin, end)),
            _crossing_time(process, temperature, begin, end), np.sqrt(variance), noise.integral / variance,
        ))  # fmt: skip
    names = ("drop", "barrier", "waiting_time", "duration", "noise", "noise_time")
    columns = np.array(rows).T
    return xr.Dataset(
        {name: ("transition", column) for name, column in zip(names, columns, strict=True)},
        attrs={"potential": potential.name, "temperature": float(temperature)},
    )


def _crossing_time(process: FokkerPlanck, temperature: float, begin: float, end: float) -> float:
    """Mean time from the start's cell to the target's without coming back, by a linear solve.

    With q the committor, m = q·(time to arrive, given that it does) solves Q m = -q off both ends; the paths that
    leave the start's cell for good enter through its neighbour.
    """
    centers = process.grid.centers[0]
    first, second = np.zeros(centers.size, dtype=bool), np.zeros(centers.size, dtype=bool)
    first[process.grid.cell(begin)], second[process.grid.cell(end)] = True, True
    chance = committor(process, temperature, first, second)
    times = substitute(eliminate(process, temperature, first | second), chance.ravel())
    neighbour = process.grid.cell(begin) + (1 if end > begin else -1)
    return float(times[neighbour] / chance[neighbour])


def _moving(potential: Potential, start: str | int, target: str | int) -> list[tuple[Potential, float, float]]:
    """Each coordinate that moves: its own potential, where it starts, and where it goes."""
    groups = potential.components()
    if any(len(group) > 1 for group in groups):
        raise ValueError(
            f"potential {potential.name} couples coordinates; separate transitions need a sum over single ones"
        )
    begins, ends = potential.minimum_point(start), potential.minimum_point(target)
    moving = [
        (potential.component(i), float(begins[i]), float(ends[i])) for i in range(len(groups)) if begins[i] != ends[i]
    ]
    if not moving:
        raise ValueError(f"target must be another phase than the start {start!r}")
    return moving


def _process(part: Potential, temperature: float) -> tuple[FokkerPlanck, Array]:
    check_temperature(temperature)
    refuse_periodic("a law of transitions over one barrier", "give walls, boundary='reflecting'", potential=part)
    grid = grid_for(part, [temperature], GRID_CELLS)
    return fokker_planck(part, grid), grid.centers[0]


def _modes(
    process: FokkerPlanck, temperature: float, kept: NDArray[np.bool_], walls: bool = False
) -> tuple[Array, Array, Array]:
    """Rates and orthonormal modes of the symmetrised generator on the kept cells, and their stationary masses.

    Jumps off the kept cells absorb, or with ``walls`` do not happen.
    """
    up, down = process.rates(temperature)[0]
    leaving = np.zeros(kept.size)
    jumps = (kept[:-1] & kept[1:]) if walls else np.ones(kept.size - 1, dtype=bool)
    leaving[:-1] += up * jumps
    leaving[1:] += down * jumps
    inside = np.flatnonzero(kept)
    beside = np.sqrt(up * down)[inside[:-1]]  # the kept cells are an interval
    values, vectors = eigh_tridiagonal(leaving[inside], -beside)
    log_weights = process.log_stationary(temperature)[kept]
    return np.maximum(values, 0.0), vectors, np.exp(log_weights - log_weights.max())


def _positive(**values: float) -> None:
    for name, value in values.items():
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be a positive Langevin time, not {value}")
