"""What might end a critical period: four hypotheses, each a stuck share with four parameters.

=============== ======================================================== =========================================
hypothesis      what decides whether a run ends stuck                    parameters
=============== ======================================================== =========================================
temperature     mixing between two states through all epochs, see below  attempts, barrier, two energy differences
flow time left  logistic in ln(flow time on clean data), falling         centre, width, least and most share
flow time spent logistic in ln(flow time under the deficit), rising      the same
loss threshold  logistic in the deficit loss at the switch, falling      the same
=============== ======================================================== =========================================

Temperature: a run is stuck or not. In a state that the present data do not favour it changes at the rate
T exp(a - b/T), and back at that rate times exp(-c/T), with one energy difference c under the deficit and one on clean
data; it starts in the deficit's equilibrium. The power of T in front of an escape rate lies between 0 for regular wells
and 1 for a flat valley, where T sets the pace without any barrier [eq:singular-eyring-kramers]. A barrier makes up for
it within a factor of a few in T, so it is fixed at 1: then no barrier, b = 0, is diffusion in a valley, and no
parameters make the temperature irrelevant.

All four have as many parameters, so none wins by being supple. An arm enters through its
:class:`~slt_toys.protocol.schedule.Schedule` and the recorded loss alone: each hypothesis is told the temperature (by
the law with replacement) and duration of every epoch. So a verdict says which of these numbers decides, not whether
SGD has that temperature.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numba import njit
from numpy.typing import NDArray

from ..inputs.arguments import checked_arguments
from ..protocol.arms import Observation

Array = NDArray[np.float64]
LAPSE = 1e-3  # share of runs that may end either way whatever a hypothesis says


@dataclass(frozen=True, eq=False)
class Design:
    """What the hypotheses may look at, one row per observation.

    Attributes
    ----------
    log_flow_left, log_flow_spent, losses
        Shape (observations,); minus infinity for a time of 0.
    temperatures, durations
        Shape (observations, epochs), durations padded with 0.
    switch_epochs
        In each run's own epochs.
    units
        Temperature and rate in which parameters are of order one; without others, the geometric mean of the
        temperatures at the switch, and one over the mean duration of an epoch.
    """

    log_flow_left: Array
    log_flow_spent: Array
    losses: Array
    temperatures: Array
    durations: Array
    switch_epochs: NDArray[np.int64]
    units: tuple[float, float]


@checked_arguments
def design(observations: Sequence[Observation], units: tuple[float, float] | None = None) -> Design:
    """Collect what the hypotheses look at.

    Raises
    ------
    ValueError
        If there are no observations, or a deficit loss is negative or not finite.
    """
    if not observations:
        raise ValueError("observations: there are none; give at least one per parameter")
    losses = np.array([each.deficit_loss for each in observations], dtype=float)
    bad = np.flatnonzero(~(np.isfinite(losses) & (losses >= 0)))
    if bad.size:
        raise ValueError(f"deficit_loss must be finite and not negative; observation {bad[0]} has {losses[bad[0]]}")
    schedules = [each.schedule for each in observations]
    longest = max(run.durations.size for run in schedules)
    temperatures, durations = np.ones((len(schedules), longest)), np.zeros((len(schedules), longest))
    for row, run in enumerate(schedules):
        temperatures[row, : run.temperatures.size], durations[row, : run.durations.size] = (
            run.temperatures,
            run.durations,
        )
    with np.errstate(divide="ignore"):
        left = np.log([run.flow_time_left for run in schedules])
        spent = np.log([run.flow_time_spent for run in schedules])
    at_switch = [run.temperatures[min(run.switch_epoch, run.temperatures.size - 1)] for run in schedules]
    if units is None:
        units = float(np.exp(np.mean(np.log(at_switch)))), float(1 / durations[durations > 0].mean())
    switches = np.array([run.switch_epoch for run in schedules])
    return Design(left, spent, losses, temperatures, durations, switches, units)


@dataclass(frozen=True)
class Hypothesis:
    """A family of stuck shares.

    Attributes
    ----------
    name
    parameters
        Their names.
    predict
        Takes parameters (k,) and a :class:`Design`; returns stuck shares (observations,).
    bounds
        Takes a design; returns lower and upper bounds, each (k,).
    """

    name: str
    parameters: tuple[str, ...]
    predict: Callable[[Array, Design], Array]
    bounds: Callable[[Design], tuple[Array, Array]]


def _logistic(name: str, variable: Callable[[Design], Array], sign: float) -> Hypothesis:
    def predict(parameters: Array, given: Design) -> Array:
        centre, log_width, least, most = parameters
        # least and most share may come in either order; the hypothesis says which end of the variable is which
        low, high = min(least, most), max(least, most)
        argument = np.clip(sign * (variable(given) - centre) / np.exp(log_width), -500, 500)
        return _with_lapses(low + (high - low) / (1 + np.exp(-argument)))

    def bounds(given: Design) -> tuple[Array, Array]:
        values = variable(given)
        values = values[np.isfinite(values)]
        span = (float(np.ptp(values)) or 1e-9 * float(np.abs(values).max()) or 1.0) if values.size else 1.0
        middle = float(values.mean()) if values.size else 0.0
        return np.array([middle - 2 * span, np.log(0.002 * span), 0.0, 0.0]), np.array(
            [middle + 2 * span, np.log(4 * span), 1.0, 1.0]
        )

    return Hypothesis(name, ("centre", "log_width", "least_share", "most_share"), predict, bounds)


def _with_lapses(share: Array) -> Array:
    return LAPSE / 2 + (1 - LAPSE) * share


def _mixing(parameters: Array, given: Design) -> Array:
    log_attempts, barrier, deficit_difference, clean_difference = parameters
    shares = _master_equation(
        given.temperatures / given.units[0], given.durations * given.units[1], given.switch_epochs,
        log_attempts, barrier, deficit_difference, clean_difference,
    )  # fmt: skip
    return _with_lapses(shares)


@njit(cache=True)
def _master_equation(
    temperatures: Array,
    durations: Array,
    switch_epochs: NDArray[np.int64],
    log_attempts: float,
    barrier: float,
    deficit_difference: float,
    clean_difference: float,
) -> Array:
    """Stuck share at the end, exactly: within an epoch both rates are constant."""
    shares = np.empty(durations.shape[0])
    for row in range(durations.shape[0]):
        # from the end back: what an epoch leaves of what was before it multiplies up, and soon nothing is left
        share, kept = 0.0, 1.0
        for epoch in range(durations.shape[1] - 1, -1, -1):
            if durations[row, epoch] == 0:
                continue
            temperature = temperatures[row, epoch]
            deficit = epoch < switch_epochs[row]
            difference = deficit_difference if deficit else clean_difference
            # at the unit temperature the rate out is exp(log_attempts), so that attempts and barrier are not entangled
            out = temperature * np.exp(max(min(log_attempts - barrier * (1 / temperature - 1), 50.0), -500.0))
            if out * durations[row, epoch] < 1e-12:
                continue  # frozen
            back = np.exp(-min(difference / temperature, 500.0))  # rate into the unfavoured state over that out of it
            resting = (1 if deficit else back) / (1 + back)
            left = np.exp(-min(out * (1 + back) * durations[row, epoch], 500.0))
            share += kept * (1 - left) * resting
            kept *= left
            if kept < 1e-12:
                break
        shares[row] = share + kept / (1 + np.exp(-min(deficit_difference / temperatures[row, 0], 500.0)))
    return shares


def _mixing_bounds(given: Design) -> tuple[Array, Array]:
    return np.array([-12.0, 0.0, 0.0, 0.0]), np.array([12.0, 30.0, 20.0, 20.0])


HYPOTHESES: tuple[Hypothesis, ...] = (
    Hypothesis(
        "temperature",
        ("log_attempts", "barrier", "deficit_difference", "clean_difference"),
        _mixing,
        _mixing_bounds,
    ),
    _logistic("flow time left", lambda given: given.log_flow_left, -1.0),
    _logistic("flow time spent", lambda given: given.log_flow_spent, 1.0),
    _logistic("loss threshold", lambda given: given.losses, -1.0),
)


@checked_arguments
def find_hypothesis(name: str) -> Hypothesis:
    """Look up a hypothesis.

    Raises
    ------
    ValueError
        If none has this name.
    """
    for hypothesis in HYPOTHESES:
        if hypothesis.name == name:
            return hypothesis
    raise ValueError(f"hypothesis {name!r} is unknown; use one of {', '.join(each.name for each in HYPOTHESES)}")
