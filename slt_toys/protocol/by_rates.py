"""Critical periods in the cold and in many coordinates, where nothing is solved exactly and no chain is seen to cross.

Once a barrier is many temperatures high a run is in one of two phases, and what counts is how often it leaves each.
Such rates are measured by multilevel splitting at a few temperatures (:mod:`slt_toys.samplers.passage_estimate`) and
joined by the law of Eyring and Kramers with a free power of T. In an epoch of temperature T and duration t the stuck
share then goes to its equilibrium r/(r + s) as exp(-(r + s) t), with r the rate into the stuck phase and s that out of
it [eq:two-state-epoch].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy import stats

from ..exact.energy_path import minimum_energy_path
from ..inputs.arguments import checked_arguments
from ..potentials.potential import Potential, PotentialPair
from ..samplers.passage_estimate import estimate_passage_time
from .components import preferred_phase
from .schedule import Ending, Start, check_start, switch_schedules
from .training import Training

Array = NDArray[np.float64]
Advance = Callable[[float], None]

__all__ = ["stuck_by_rates"]

HEIGHTS = (4.0, 25.0)  # of barriers over T, between which rates are measured
RUNGS = 6
FEWEST_RUNGS = 4  # for a law of three parameters
COLD = 6.0  # of barriers over T, above which crossings must end
DRAWS = 1000  # of the rates' laws, for intervals
MISFIT = 1e-4  # chance of a law as far off its rates as that
WAYS = ("out of the stuck phase", "into the stuck phase")
ENERGIES = ("clean", "deficit")


@dataclass(frozen=True, eq=False)
class _Law:
    """log rate = a + p log T - h/T for one energy and way: parameters (3,), their covariance, and what made them."""

    parameters: Array
    covariance: Array
    temperatures: Array
    logs: Array
    errors: Array  # standard, of the logarithms
    barrier: float
    doubts: tuple[str, ...]

    def rates(self, temperatures: Array, parameters: Array) -> Array:
        """Rates for parameters (draws, 3): (draws, temperatures)."""
        return np.exp(parameters @ _columns(temperatures).T)


@checked_arguments
def stuck_by_rates(
    pair: PotentialPair, training: Training, switch_epochs: Sequence[int] | NDArray[np.int64], ending: Ending, *,
    error: float = 0.1, seed: int | Sequence[int] = 0, start: Start = "equilibrium", threads: int | None = None,
    advance: Advance | None = None,
) -> xr.Dataset:  # fmt: skip
    """Final stuck share for each switch epoch from measured rates of escape, in any number of coordinates.

    Parameters
    ----------
    pair
        Both energies have two phases of the same names, and no walls on the way between them.
    training, switch_epochs, ending
        As in :func:`slt_toys.protocol.exact.exact_stuck_probability`.
    error
        Half the width of the 95 % interval of each rate, relative.
    seed
        The same seed gives the same result on any number of threads.
    start
        At epoch 0: the deficit's ``"equilibrium"``, or all runs in the ``"deficit phase"`` or in the ``"clean phase"``.
    threads
        Defaults to the processors this process may use.
    advance
        Called with the fraction of the work done since the last call.

    Returns
    -------
    xarray.Dataset
        ``stuck``, and ``low`` and ``high``, a 95 % interval by the errors of the rates (switch_epoch); ``temperature``,
        ``log_rate`` and ``standard_error`` (energy, way, rung), and ``power`` and ``height`` (energy, way), of
        rate ∝ T^power exp(-height/T). Attribute ``verdict``: "trust", or "doubt: " and why.

    Raises
    ------
    ValueError
        In one line: energies that do not have two phases, and as
        :func:`~slt_toys.samplers.passage_estimate.estimate_passage_time`.
    """
    check_start(start)
    if not 0.01 <= error <= 1:
        raise ValueError(f"error must lie between 0.01 and 1, a share of each rate, not {error}")
    last = ending.last_epoch(int(ending.checked(switch_epochs)[-1]))
    temperatures, durations = training.temperatures(last), training.durations(last)
    runs = switch_schedules(temperatures, durations, switch_epochs, ending)
    seeds = [seed] if isinstance(seed, int | np.integer) else list(seed)
    names = _phases(pair)
    laws: dict[str, tuple[_Law, _Law]] = {}
    for number, (energy, potential) in enumerate(zip(ENERGIES, (pair.clean, pair.deficit), strict=True)):
        ways = []
        for way, (first, second) in enumerate((names, names[::-1])):
            asked = (error, [*seeds, number, way], threads, advance)
            ways.append(_law(potential, first, second, temperatures, *asked))
        laws[energy] = ways[0], ways[1]
    random = np.random.default_rng([*seeds, 2])
    shares = {
        energy: [
            law.rates(temperatures, np.concatenate([
                law.parameters[None], random.multivariate_normal(law.parameters, law.covariance, DRAWS),
            ]))
            for law in ways
        ]
        for energy, ways in laws.items()
    }  # fmt: skip
    stuck = np.empty((len(runs), DRAWS + 1))
    for row, run in enumerate(runs):
        stuck[row] = _evolved(run.deficit_weights, durations, shares, start)
    doubts = [doubt for ways in laws.values() for law in ways for doubt in law.doubts]
    # Two phases say enough where crossings end: at the last temperature at which a run still expects one.
    total = shares["clean"][0][0] + shares["clean"][1][0]
    lowest = min(law.barrier for law in laws["clean"])
    ends = [_last_crossing(run.temperatures, (total * durations)[: len(run.temperatures)]) for run in runs]
    if lowest < COLD * max(ends):
        doubts.append(
            f"crossings end at a barrier of {lowest / max(ends):.2g} temperatures; below {COLD:g} two phases and rates "
            "are no more than a few hundredths of the runs right"
        )
    low, high = np.quantile(stuck[:, 1:], [0.025, 0.975], axis=1)
    return _dataset(runs, stuck[:, 0], low, high, laws, doubts)


def _evolved(
    weights: Array, durations: Array, shares: dict[str, list[Array]], start: Start
) -> Array:  # fmt: skip
    """Stuck share at a run's end for every draw of the rates, (draws,)."""
    out, into = shares["deficit"]
    if start == "equilibrium":
        now = 1 / (1 + out[:, 0] / into[:, 0])
    else:
        now = np.full(len(out), 1.0 if start == "deficit phase" else 0.0)
    for epoch, weight in enumerate(weights):
        out, into = shares["deficit" if weight else "clean"]
        total = into[:, epoch] + out[:, epoch]
        if not total.any():
            continue  # too cold for numbers
        rest = into[:, epoch] / np.maximum(total, np.finfo(float).tiny)
        now = now + (rest - now) * -np.expm1(-total * durations[epoch])
    return now


def _last_crossing(temperatures: Array, crossings: Array) -> float:
    """The last temperature at which a crossing or more is left; 0 where there is none."""
    left = crossings[::-1].cumsum()[::-1]
    seen = np.flatnonzero(left >= 1)
    return float(temperatures[seen[-1]]) if seen.size else 0.0


def _phases(pair: PotentialPair) -> tuple[str, str]:
    """Names of the stuck phase and of the other."""
    for energy, potential in zip(ENERGIES, (pair.clean, pair.deficit), strict=True):
        names = sorted(phase.name for phase in potential.phases)
        if len(names) != 2 or pair.stuck_phase not in names:
            raise ValueError(
                f"pair {pair.name} must have two phases in each energy, {pair.stuck_phase!r} among them; its {energy} "
                f"one has {', '.join(names)}"
            )
    return pair.stuck_phase, preferred_phase(pair)


def _law(
    potential: Potential, first: str, second: str, training: Array, error: float, seeds: list[int],
    threads: int | None, advance: Advance | None,
) -> _Law:  # fmt: skip
    """Measure rates from one phase to the other between two heights of the barrier, and fit their law."""
    path = minimum_energy_path(potential, first, second)
    if len(path.saddles) != 1:
        seen = f"{len(path.saddles) - 1} more minima lie" if len(path.saddles) else "no single pass was found"
        raise ValueError(
            f"pair: {seen} between {first} and {second} of {potential.name}; two phases do not say where a run is"
        )
    barrier = path.barrier
    # Only temperatures that a run has matter; but a law of three parameters needs a decade of rates.
    cold = max(barrier / HEIGHTS[1], min(float(training.min()), barrier / (2 * HEIGHTS[0])))
    temperatures = 1 / np.linspace(HEIGHTS[0] / barrier, 1 / cold, RUNGS)
    logs, errors, doubts = [], [], []
    for number, temperature in enumerate(temperatures):
        found = estimate_passage_time(
            potential, temperature=float(temperature), start=potential.minimum_point(first),
            target=potential.minimum_point(second), error=error, seed=[*seeds, number], threads=threads,
        )  # fmt: skip
        logs.append(-found.log_time)
        errors.append(found.error / 1.96)
        doubts += [f"from {first} at T = {temperature:.3g}: {doubt}" for doubt in found.doubts]
        if advance is not None:
            advance(1 / (4 * RUNGS))
    rows = _columns(temperatures) / np.array(errors)[:, None]
    right = np.array(logs) / np.array(errors)
    # Columns of like size: 1/T and log T are far from 1 in most units of loss.
    size = np.linalg.norm(rows, axis=0)
    turned, singular, back = np.linalg.svd(rows / size, full_matrices=False)
    parameters = back.T @ ((turned.T @ right) / singular) / size
    covariance = (back.T / singular**2) @ back / np.outer(size, size)
    misfit = float(((right - rows @ parameters) ** 2).sum())
    if stats.chi2.sf(misfit, RUNGS - 3) < MISFIT:
        doubts.append(
            f"rates from {first} do not follow T^p exp(-h/T): chi-square {misfit:.3g} for {RUNGS - 3} degrees"
        )
    return _Law(parameters, covariance, temperatures, np.array(logs), np.array(errors), barrier, tuple(doubts))


def _columns(temperatures: Array) -> Array:
    """1, log T and -1/T."""
    return np.stack([np.ones_like(temperatures), np.log(temperatures), -1 / temperatures], axis=1)


def _dataset(
    runs: Sequence, stuck: Array, low: Array, high: Array, laws: dict[str, tuple[_Law, _Law]], doubts: list[str]
) -> xr.Dataset:  # fmt: skip
    def each(value: Callable[[_Law], object]) -> Array:
        return np.array([[value(law) for law in laws[energy]] for energy in ENERGIES])

    rung, one = ("energy", "way", "rung"), ("energy", "way")
    return xr.Dataset(
        {
            "stuck": ("switch_epoch", stuck), "low": ("switch_epoch", low), "high": ("switch_epoch", high),
            "temperature": (rung, each(lambda law: law.temperatures)), "log_rate": (rung, each(lambda law: law.logs)),
            "standard_error": (rung, each(lambda law: law.errors)), "power": (one, each(lambda law: law.parameters[1])),
            "height": (one, each(lambda law: law.parameters[2])),
            "power_error": (one, each(lambda law: law.covariance[1, 1] ** 0.5)),
            "height_error": (one, each(lambda law: law.covariance[2, 2] ** 0.5)),
        },
        {"switch_epoch": [run.switch_epoch for run in runs], "energy": list(ENERGIES), "way": list(WAYS)},
        {"verdict": f"doubt: {'; '.join(doubts)}" if doubts else "trust"},
    )  # fmt: skip
