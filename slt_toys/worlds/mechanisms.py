r"""Mechanisms that may decide whether a run ends stuck, and their mixture.

A run is decided by one mechanism; a share f_k of the runs by mechanism k. Of cell i (an arm and switch epoch) the share

    p_i = Σ_k f_k P_k(i),   f_k ≥ 0, Σ_k f_k = 1

ends stuck [eq:mixture-of-mechanisms].

===================== ===============================================================================================
mechanism             P_k, the stuck share of the runs that it decides
===================== ===============================================================================================
temperature           *known*: the share that an exact solver gives for the pair and the schedule, with no parameter;
                      or the *two-state law* of four parameters [eq:two-state-epoch], in which the rate at which a run
                      changes its state follows the temperature
flow time left        the part of a population of thresholds that the flow time on clean data does not reach: any
                      decreasing function of it, from 1 to 0
flow time spent       likewise of the flow time under the deficit: any increasing function
loss threshold        likewise of the deficit's loss at the switch: any decreasing function
memory of the start   likewise of the flow time of the whole run: whoever still remembers the start ends stuck
none                  a constant: nothing that the arms change
===================== ===============================================================================================

The law of the thresholds is not assumed: a function is monotone and piecewise linear in the logarithm of its variable,
with knots at quantiles of the values that occur, so that the weights of its ramps are a histogram of thresholds. Runs
whose threshold lies beyond all values are decided by nothing that the arms change; they count as none. So results do
not depend on units. Where the thermal share is a monotone function of such a variable in some design, the two
mechanisms are the same there, and no number of runs tells them apart [eq:confound].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from ..inputs.arguments import checked_arguments
from ..protocol.arms import Observation
from .hypotheses import Design, design
from .mixture_likelihood import KNOWN, TWO_STATES, ThermalData

Array = NDArray[np.float64]
Integers = NDArray[np.int64]
TEMPERATURE, NONE = "temperature", "none"
INTERVALS, USUAL_RUNS, MOST_INTERVALS = 16, 100, 64  # between knots of a threshold's law, at so many runs a cell
SAME = 1e-9  # relative difference up to which two values of a variable are one
MOST_GROUPS = 3  # batch sizes with an energy scale of their own
IMPOSSIBLE = 1e-12  # known shares are kept this far from 0 and 1

__all__ = ["INTERVALS", "MECHANISMS", "NONE", "RIVALS", "TEMPERATURE", "Cells", "Rival", "Thermal", "batch_groups",
           "cells_of", "known_thermal", "two_state_thermal"]  # fmt: skip


@dataclass(frozen=True)
class Rival:
    """A mechanism with a population of thresholds.

    Attributes
    ----------
    name
    log_variable
        Logarithm of what is compared with a threshold, one number per observation of a design.
    rising
        Whether runs end stuck beyond their threshold, or short of it.
    """

    name: str
    log_variable: Callable[[Design], Array]
    rising: bool


def _log(values: Array) -> Array:
    with np.errstate(divide="ignore"):
        return np.asarray(np.log(values), dtype=float)


RIVALS: tuple[Rival, ...] = (
    Rival("flow time left", lambda given: given.log_flow_left, False),
    Rival("flow time spent", lambda given: given.log_flow_spent, True),
    Rival("loss threshold", lambda given: _log(given.losses), False),
    Rival("memory of the start", lambda given: np.logaddexp(given.log_flow_left, given.log_flow_spent), False),
)
MECHANISMS: tuple[str, ...] = (TEMPERATURE, *(rival.name for rival in RIVALS), NONE)


@dataclass(frozen=True, eq=False)
class Cells:
    """Counts of an experiment, and the columns of its mixture.

    Attributes
    ----------
    observations
        The cells.
    stuck, runs
        Counts, shape (cells,).
    columns
        Stuck shares by each cause, shape (cells, causes); the first is the place of the thermal share.
    owner
        Which of :data:`MECHANISMS` each cause belongs to, shape (causes,).
    """

    observations: tuple[Observation, ...]
    stuck: Array
    runs: Array
    columns: Array
    owner: Integers

    def allowed(self, mechanisms: Sequence[str]) -> NDArray[np.bool_]:
        """Which causes belong to some mechanisms."""
        return np.isin(self.owner, [MECHANISMS.index(name) for name in mechanisms])

    @property
    def told(self) -> tuple[str, ...]:
        """Mechanisms that have a cause here: not those whose variable is the same in all cells."""
        return tuple(name for number, name in enumerate(MECHANISMS) if (self.owner == number).any())


@checked_arguments
def cells_of(observations: Sequence[Observation], intervals: int = INTERVALS) -> Cells:
    """Cells of an experiment, with ramps between the knots of every threshold's law.

    Parameters
    ----------
    observations
        At least one.
    intervals
        Between knots, at most, for cells of :data:`USUAL_RUNS` runs. With n times as many there are n^(1/4) times as
        many intervals, so that what a line between two knots misses stays below the sampling error; there are never
        more than distinct values of the variable less one.

    Raises
    ------
    ValueError
        If there are no observations, an interval is missing, or a deficit loss is negative or not finite.
    """
    if intervals < 1:
        raise ValueError(f"intervals must be at least 1, not {intervals}")
    given, runs = design(observations), float(np.median([each.runs for each in observations]))
    intervals = int(np.clip(round(intervals * (runs / USUAL_RUNS) ** 0.25), 1, max(MOST_INTERVALS, intervals)))
    columns, owner = [np.full(len(observations), 0.5)], [0]
    for number, rival in enumerate(RIVALS, start=1):
        ramps = threshold_ramps(rival.log_variable(given), intervals)
        columns += list(ramps if rival.rising else 1 - ramps)
        owner += [number] * len(ramps)
    columns += [np.zeros(len(observations)), np.ones(len(observations))]
    owner += [len(RIVALS) + 1] * 2
    stuck, counts = (
        np.array([getattr(each, name) for each in observations], dtype=float) for name in ("stuck", "runs")
    )
    return Cells(tuple(observations), stuck, counts, np.stack(columns, axis=1), np.array(owner))


def threshold_ramps(log_values: Array, intervals: int) -> Array:
    """Shares of thresholds, uniform between two knots, that lie below each value: shape (ramps, values).

    A step comes first where some values are minus infinity (a time or a loss of 0) and others are not.
    """
    finite = np.isfinite(log_values)
    ramps = [finite.astype(float)] if finite.any() and not finite.all() else []
    values = np.sort(log_values[finite])
    if values.size:
        values = values[np.concatenate([[True], np.diff(values) > SAME])]
    if values.size > 1:
        number = min(intervals, values.size - 1)
        knots = np.quantile(values, np.arange(number + 1) / number)
        for low, high in pairwise(knots):
            ramps.append(np.where(finite, np.clip((np.where(finite, log_values, low) - low) / (high - low), 0, 1), 0.0))
    return np.array(ramps).reshape(len(ramps), log_values.size)


@dataclass(frozen=True, eq=False)
class Thermal:
    """A form of the thermal share.

    Attributes
    ----------
    form
        ``"known"`` or ``"two-state law"``.
    parameters
        Their names; those past ``own`` are log energy scales, one for each further batch size.
    own
        How many belong to the form itself.
    low, high
        Bounds.
    data
        What the shares follow from.
    groups
        Batch sizes of the energy scales, in words.
    """

    form: str
    parameters: tuple[str, ...]
    own: int
    low: Array
    high: Array
    data: ThermalData
    groups: tuple[str, ...]

    def free(self, energies: bool = False) -> NDArray[np.bool_]:
        """Which parameters are fitted: the form's own, and the energy scales if these may differ."""
        fitted = np.zeros(len(self.parameters), dtype=np.bool_)
        fitted[: self.own] = self.form != "known"
        fitted[self.own :] = energies
        return fitted


@checked_arguments
def batch_groups(observations: Sequence[Observation]) -> tuple[Integers, tuple[str, ...]]:
    """Number of each cell's batch size, and the batch sizes in words.

    The commonest batch size (of several, the smallest) is 0, the others count up with size; more than
    :data:`MOST_GROUPS` others are one group. Where a batch size is not known all cells are 0.
    """
    sizes = [each.schedule.batch_size for each in observations]
    none = np.zeros(len(sizes), dtype=np.int64), ()
    if any(size is None for size in sizes):
        return none
    values, counts = np.unique(np.array(sizes, dtype=float), return_counts=True)
    usual = values[counts.argmax()]
    others = [value for value in values if value != usual]
    if not others:
        return none
    if len(others) > MOST_GROUPS:
        return np.array([int(size != usual) for size in sizes]), (f"not {usual:g}",)
    order = [usual, *others]
    return np.array([order.index(float(size)) for size in sizes]), tuple(f"{value:g}" for value in others)  # type: ignore[arg-type]


def _no_pieces(cells: int) -> NDArray[np.float64]:
    return np.zeros((cells, 0, 4))


def _pieces(factors: Array, logits: Array, of_one: Array) -> tuple[Array, NDArray[np.float64]]:
    """Knots and cubic pieces of the change of logits along the logarithm of a factor."""
    knots = np.log(factors)
    change = logits - of_one
    spline = CubicSpline(knots, change, axis=0)
    return knots, np.ascontiguousarray(np.moveaxis(spline.c, (0, 1, 2), (2, 1, 0)))


@checked_arguments
def known_thermal(
    observations: Sequence[Observation], shares: ArrayLike, energies: tuple[ArrayLike, ArrayLike] | None = None
) -> Thermal:
    """The thermal share where an exact solver gives it.

    Parameters
    ----------
    observations
    shares
        Exact stuck shares, shape (cells,).
    energies
        Factors on all energies, increasing and at least four, with 1 inside; and exact stuck shares at each, shape
        (factors, cells). With them, energies may differ between batch sizes.

    Raises
    ------
    ValueError
        If a shape or a share is wrong, or the factors do not increase around 1.
    """
    told = np.asarray(shares, dtype=float)
    if told.shape != (len(observations),) or not ((told >= 0) & (told <= 1)).all():
        raise ValueError(f"shares must hold a number from 0 to 1 for each of {len(observations)} cells")

    def logit(values: Array) -> Array:
        kept = np.clip(values, IMPOSSIBLE, 1 - IMPOSSIBLE)
        return np.asarray(np.log(kept / (1 - kept)), dtype=float)

    cells, group, names = len(observations), *batch_groups(observations)
    knots, pieces, parameters = np.zeros(0), _no_pieces(cells), ["log temperature scale"]
    bounds = [[0.0, 0.0]]
    if energies is not None and names:
        factors, table = (np.asarray(part, dtype=float) for part in energies)
        if factors.ndim != 1 or factors.size < 4 or (np.diff(factors) <= 0).any() or not factors[0] < 1 < factors[-1]:
            raise ValueError(f"energies must have at least four factors that increase around 1, not {factors}")
        if table.shape != (factors.size, cells) or not ((table >= 0) & (table <= 1)).all():
            raise ValueError(f"energies must have shares from 0 to 1 of shape {(factors.size, cells)}")
        knots, pieces = _pieces(factors, logit(table), logit(told))
        parameters += [f"log energy scale at batch size {name}" for name in names]
        bounds += [[float(knots[0]), float(knots[-1])]] * len(names)
    empty, whole = np.zeros(0), np.zeros(0, dtype=np.int64)
    data = ThermalData(
        KNOWN, logit(told), np.zeros(0), _no_pieces(cells), knots, pieces, group, empty, empty, whole,
        np.zeros((cells, 0), dtype=np.int64), np.zeros(cells, dtype=np.int64),
    )  # fmt: skip
    low, high = np.array(bounds).T
    return Thermal("known", tuple(parameters), 1, low, high, data, names if len(parameters) > 1 else ())


@checked_arguments
def two_state_thermal(observations: Sequence[Observation]) -> Thermal:
    """The thermal share by the two-state law, in the units of a :class:`~slt_toys.worlds.hypotheses.Design`."""
    given, (group, names) = design(observations), batch_groups(observations)
    temperatures, durations = given.temperatures / given.units[0], given.durations * given.units[1]
    cells, there = len(observations), given.durations > 0
    kinds = np.stack([temperatures[there], durations[there], np.broadcast_to(group[:, None], there.shape)[there]])
    rounded = np.stack([*np.round(np.log(kinds[:2]) / SAME), kinds[2]])  # up to rounding, one epoch
    _, first, inverse = np.unique(rounded, axis=1, return_index=True, return_inverse=True)
    epochs = np.full(there.shape, -1, dtype=np.int64)
    epochs[there] = inverse.ravel()
    distinct = kinds[:, first]
    data = ThermalData(
        TWO_STATES, np.zeros(cells), np.zeros(0), _no_pieces(cells), np.zeros(0), _no_pieces(cells), group,
        np.ascontiguousarray(distinct[0]), np.ascontiguousarray(distinct[1]), distinct[2].astype(np.int64), epochs,
        given.switch_epochs,
    )  # fmt: skip
    low = np.array([-12.0, 0.0, 0.0, 0.0, *[-1.0] * len(names)])
    high = np.array([12.0, 30.0, 20.0, 20.0, *[1.0] * len(names)])
    parameters = ("log attempts", "barrier", "deficit difference", "clean difference")
    scales = tuple(f"log energy scale at batch size {name}" for name in names)
    return Thermal("two-state law", parameters + scales, 4, low, high, data, names)
