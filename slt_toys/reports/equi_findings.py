"""What the curves of a problem amount to: the end of its critical period by batch size, its slope, and rival laws.

Definitions of the end are those of :mod:`slt_toys.fits.ends`, fixed beforehand. Ends are fitted in epochs;
slopes are in halvings of the learning rate per halving of the batch, in which theory expects 1 for any problem and
exponential decay [eq:learning-rate-halvings], so that problems compare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray
from scipy.special import ndtri

from ..fits.agreement import Agreement, agreement, halvings_of_rate, joint_fit, slopes_per_halving
from ..fits.batch_size import Comparison, compare, usable_ends
from ..fits.ends import HALF_DEPTH, HINGE, CriticalPeriodEnd, Definition, find_end, minimum_rows, replicate_epochs
from ..fits.resampling import end_with_interval, percentile_interval, resample_chains
from ..fits.rival_laws import Model, power_schedule_models, rival_models
from ..protocol.training import ExponentialDecay, PowerDecay, Training
from ..reference.laws import law
from ..worlds.problems import Curve, Problem

Array = NDArray[np.float64]
HALF_STUCK_MASS = Definition("half_stuck_mass", interpolation="monotone_cubic")
DEFINITIONS = (HALF_STUCK_MASS, HINGE, HALF_DEPTH)
REPETITIONS = 1000


@dataclass(frozen=True)
class Slope:
    """Halvings of the learning rate by the end, per halving of the batch.

    ``exact`` is that of the exact curves, ``value`` that of the sampled ones, with a bootstrap interval and standard
    error; any is None where the ends do not give it. ``temperature_ratio`` is the temperature at the end of the
    smallest batch over that of the largest, by the exact ends where there are such: 1 on an equi-temperature curve.
    """

    value: float | None
    standard_error: float | None
    low: float | None
    high: float | None
    exact: float | None
    temperature_ratio: float | None


@dataclass(frozen=True)
class Finding:
    """All about one problem, by definition of the end."""

    problem: Problem
    curves: tuple[Curve, ...]
    exact: dict[str, dict[int, CriticalPeriodEnd]]
    sampled: dict[str, dict[int, CriticalPeriodEnd]]
    slopes: dict[str, Slope]
    comparisons: dict[str, Comparison]
    expected_slope: float | None
    notes: tuple[str, ...]


def find(problem: Problem, curves: Sequence[Curve], seed: int) -> Finding:
    """Locate the ends, and fit."""
    exact: dict[str, dict[int, CriticalPeriodEnd]] = {}
    sampled: dict[str, dict[int, CriticalPeriodEnd]] = {}
    slopes: dict[str, Slope] = {}
    comparisons: dict[str, Comparison] = {}
    resampled = {
        curve.batch_size: resample_chains(curve.stuck, repetitions=REPETITIONS, seed=[seed, curve.batch_size])
        for curve in curves
    }
    notes: list[str] = []
    for given in DEFINITIONS:
        definition = replace(given, level=problem.level) if given is HALF_STUCK_MASS else given
        name, drawn = definition.name, {}
        exact[name], sampled[name] = {}, {}
        for curve in curves:
            size, rows = curve.batch_size, _rows(curve, definition)
            at, values = curve.switch_epochs[rows], resampled[curve.batch_size][:, rows]
            sampled[name][size] = end_with_interval(
                at, curve.stuck.mean(axis=0)[rows], values, definition, method="bootstrap over runs"
            )
            drawn[size] = replicate_epochs(at, values, definition)
            if curve.exact.size:
                # Hinge and half depth depend on the rows they are given: exact ends get those of the sampled ones.
                fine = slice(None) if given is HALF_STUCK_MASS else np.isin(curve.exact_epochs, at)
                exact[name][size] = find_end(curve.exact_epochs[fine], curve.exact[fine], definition)
        slopes[name] = _slope(problem, exact[name], sampled[name], drawn)
        sampled[name] = {
            size: replace(end, standard_error=_error(end.standard_error, end.low, end.high))
            for size, end in sampled[name].items()
        }
        sizes, epochs, errors, left_out = usable_ends(sampled[name])
        notes += [f"{name.replace('_', ' ')}, left out of the fits: {text}" for text in left_out]
        if len(sizes) > 1:
            comparisons[name] = compare(models_of(problem, sizes), sizes, epochs, errors)
    expected = expected_slope(problem, exact[HALF_STUCK_MASS.name])
    return Finding(problem, tuple(curves), exact, sampled, slopes, comparisons, expected, tuple(notes))


def _error(error: float | None, low: float | None, high: float | None) -> float | None:
    """The standard error, or, where a few resampled curves have no end, that of a normal with the same interval."""
    if error is None and low is not None and high is not None:
        error = (high - low) / (2 * float(ndtri(0.975)))
    return error if error is None or error > 0 else None


def _rows(curve: Curve, definition: Definition) -> NDArray[np.bool_]:
    kept = curve.switch_epochs >= (curve.onset if definition is HINGE else 0)
    return kept if kept.sum() >= minimum_rows(definition) else np.ones(len(kept), dtype=bool)


def halvings(training: Training, epochs: Array) -> Array:
    """Halvings of the learning rate by each epoch; not a number where the epoch is none."""
    found = np.full(np.shape(epochs), np.nan)
    known = np.isfinite(epochs)
    rates = np.asarray(training.learning_rate_at(epochs[known]), dtype=float)  # type: ignore[arg-type]
    found[known] = halvings_of_rate(rates, float(training.learning_rates(1)[0]))
    return found


def _slope(
    problem: Problem, exact: Mapping[int, CriticalPeriodEnd], sampled: Mapping[int, CriticalPeriodEnd],
    drawn: Mapping[int, Array],
) -> Slope:  # fmt: skip
    training = problem.trainings[0]
    sizes, epochs, _, _ = usable_ends(dict(sampled))
    value = error = low = high = of_exact = ratio = None
    if len(sizes) > 1:
        value = float(slopes_per_halving(sizes, halvings(training, epochs)))
        table = halvings(training, np.column_stack([drawn[int(size)] for size in sizes]))
        slopes = slopes_per_halving(sizes, table)
        low, high = percentile_interval(slopes)
        error = _error(float(slopes.std(ddof=1)) if np.isfinite(slopes).all() else None, low, high)
    exact_sizes, exact_epochs, _, _ = usable_ends(dict(exact))
    if len(exact_sizes) > 1:
        of_exact = float(slopes_per_halving(exact_sizes, halvings(training, exact_epochs)))
        sizes, epochs = exact_sizes, exact_epochs
    if len(sizes) > 1:
        fallen = halvings(training, epochs)
        ratio = float(2 ** (fallen[-1] - fallen[0]) * sizes[-1] / sizes[0])
    return Slope(value, error, low, high, of_exact, ratio)


def models_of(problem: Problem, batch_sizes: Array) -> dict[str, Model]:
    """The rival laws for the problem's schedule."""
    training = problem.trainings[0]
    rate = training.learning_rate_at
    if isinstance(rate, PowerDecay):
        height, power = problem.barrier if problem.barrier is not None else (None, 0.0)
        return power_schedule_models(
            batch_sizes, power=rate.power, learning_rate=rate.learning_rate, dataset_size=training.dataset_size,
            gradient_variance=training.gradient_variance, barrier_height=height, rate_temperature_power=power,
        )  # fmt: skip
    if not isinstance(rate, ExponentialDecay):
        raise ValueError(f"schedule of {problem.name} must be ExponentialDecay or PowerDecay for rival laws")
    return rival_models(
        batch_sizes, decay=rate.decay, learning_rate=rate.learning_rate, dataset_size=training.dataset_size
    )


def expected_slope(problem: Problem, ends: Mapping[int, CriticalPeriodEnd]) -> float | None:
    """What theory expects; None where it gives no number."""
    rate = problem.trainings[0].learning_rate_at
    if problem.expected == "power law" and problem.barrier is not None and isinstance(rate, PowerDecay):
        found = []
        for training in problem.trainings:
            end = ends[int(training.batch_size)].epoch
            if end is not None:
                fallen = 2 ** -float(halvings(training, np.array([end]))[0])
                temperature = float(training.temperatures(1)[0]) * fallen
                found.append(
                    law("equi-temperature-slope-power-law")(
                        schedule_power=rate.power, rate_temperature_power=problem.barrier[1],
                        reduced_barrier=problem.barrier[0] / temperature,
                    )
                )  # fmt: skip
        return float(np.mean(found)) if found else None
    return None if problem.expected == "flow time spent" else 1.0


def agreements(findings: Sequence[Finding], everything: bool = False) -> dict[str, dict[str, Agreement]]:
    """By definition, whether the slopes of problems agree: each problem's own, and a joint fit.

    Parameters
    ----------
    findings
    everything
        Take all problems, also those of which theory expects another slope: the control that must disagree.
    """
    found: dict[str, dict[str, Agreement]] = {}
    for definition in DEFINITIONS:
        name = definition.name
        chosen = [
            each
            for each in findings
            if (everything or each.problem.expected == "equal temperature") and each.slopes[name].standard_error
        ]
        if len(chosen) < 2:
            continue
        values = [each.slopes[name].value for each in chosen]
        errors = [each.slopes[name].standard_error for each in chosen]
        found[name] = {"slopes": agreement(values, errors)}  # type: ignore[arg-type]
        points = {each.problem.name: _points(each, name) for each in chosen}
        found[name]["joint fit"] = joint_fit(points)
    return found


def _points(finding: Finding, name: str) -> tuple[Array, Array, Array]:
    training = finding.problem.trainings[0]
    sizes, epochs, errors, _ = usable_ends(finding.sampled[name])
    if errors is None:
        raise ValueError(f"problem {finding.problem.name}: its ends have no standard errors")
    ends = halvings(training, epochs)
    # The unit's derivative turns an error in epochs into one in halvings.
    slope = (halvings(training, epochs + 0.5) - halvings(training, np.maximum(epochs - 0.5, 0))) / (
        epochs + 0.5 - np.maximum(epochs - 0.5, 0)
    )
    return sizes, ends, errors * slope
