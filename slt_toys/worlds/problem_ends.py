"""Where each problem's critical period ends by batch size, the slope of that, and rival laws of it.

Definitions of the end are those of :mod:`slt_toys.fits.ends`, fixed beforehand. Ends are fitted in epochs;
slopes are in halvings of the learning rate per halving of the batch, in which theory expects 1 for any problem and
exponential decay [eq:learning-rate-halvings], so that problems compare.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray
from scipy.special import ndtri

from ..fits.agreement import agreement, halvings_of_rate, joint_fit, slopes_per_halving
from ..fits.batch_size import Comparison, compare, usable_ends
from ..fits.ends import HALF_DEPTH, HINGE, CriticalPeriodEnd, Definition, find_end, minimum_rows, replicate_epochs
from ..fits.resampling import end_with_interval, percentile_interval, resample_chains
from ..fits.rival_laws import Model, power_schedule_models, rival_models
from ..protocol.training import ExponentialDecay, PowerDecay, Training
from ..reference.laws import law
from .problems import Curve, Problem

Array = NDArray[np.float64]
Ends = Mapping[int, CriticalPeriodEnd]
HALF_STUCK_MASS = Definition("half_stuck_mass", interpolation="monotone_cubic")
DEFINITIONS = (HALF_STUCK_MASS, HINGE, HALF_DEPTH)
LAWS = ("scaling_law", "temperature_drift", "log_law", "power_law", "constant", "flow_time")
REPETITIONS = 1000
MOST_PARAMETERS = 2  # of a law


def problem_ends(problem: Problem, curves: Sequence[Curve], seed: int) -> xr.Dataset:
    """Ends, slopes and fits of one problem.

    Returns
    -------
    xarray.Dataset
        By definition of the end, then by rank (batch sizes from small to large) or law; ends in epochs and in halvings
        of the learning rate. ``slope`` is that of the sampled ends, with a bootstrap interval and standard error,
        ``exact_slope`` that of the exact ends. ``temperature_ratio`` is the temperature at the end of the smallest
        batch over that of the largest, by the exact ends where there are such: 1 on an equi-temperature curve.
    """
    resampled = {
        curve.batch_size: resample_chains(curve.stuck, repetitions=REPETITIONS, seed=[seed, curve.batch_size])
        for curve in curves
    }
    parts, exact_mass = [], {}
    for given in DEFINITIONS:
        definition = replace(given, level=problem.level) if given is HALF_STUCK_MASS else given
        sampled, exact, drawn = _located(curves, definition, resampled)
        parts.append(_by_definition(problem, sampled, exact, drawn))
        exact_mass = exact_mass or exact
    data = xr.concat(parts, "definition").assign_coords(
        definition=[definition.name for definition in DEFINITIONS], law=list(LAWS)
    )
    facts = {"kind": problem.kind, "schedule": problem.schedule, "expected": problem.expected,
             "real_noise": problem.real_noise, "level": problem.level, "runs": len(curves[0].stuck),
             "expected_slope": _expected_slope(problem, exact_mass)}  # fmt: skip
    sizes = [float(curve.batch_size) for curve in curves]
    data = data.assign(facts).assign(batch_size=("rank", sizes, {"units": "examples"}))
    return data.assign_coords(problem=problem.name)


def _located(
    curves: Sequence[Curve], definition: Definition, resampled: Mapping[int, Array]
) -> tuple[dict[int, CriticalPeriodEnd], dict[int, CriticalPeriodEnd], dict[int, Array]]:
    """Sampled ends, exact ends, and those of resampled curves, by batch size."""
    sampled, exact, drawn = {}, {}, {}
    for curve in curves:
        size, rows = curve.batch_size, _rows(curve, definition)
        at, values = curve.switch_epochs[rows], resampled[size][:, rows]
        sampled[size] = end_with_interval(
            at, curve.stuck.mean(axis=0)[rows], values, definition, method="bootstrap over runs"
        )
        drawn[size] = replicate_epochs(at, values, definition)
        if curve.exact.size:
            # Hinge and half depth depend on the rows they are given: exact ends get those of the sampled ones.
            fine = slice(None) if definition.name == HALF_STUCK_MASS.name else np.isin(curve.exact_epochs, at)
            exact[size] = find_end(curve.exact_epochs[fine], curve.exact[fine], definition)
    return sampled, exact, drawn


def _rows(curve: Curve, definition: Definition) -> NDArray[np.bool_]:
    kept = curve.switch_epochs >= (curve.onset if definition is HINGE else 0)
    return kept if kept.sum() >= minimum_rows(definition) else np.ones(len(kept), dtype=bool)


def _by_definition(problem: Problem, sampled: Ends, exact: Ends, drawn: Mapping[int, Array]) -> xr.Dataset:
    training = problem.trainings[0]
    slopes = _slopes(training, sampled, exact, drawn)
    sampled = {
        size: replace(end, standard_error=_error(end.standard_error, end.low, end.high))
        for size, end in sampled.items()
    }
    sizes, epochs, errors, left_out = usable_ends(sampled)
    comparison = compare(_rival_laws(problem, sizes), sizes, epochs, errors) if len(sizes) > 1 else None
    fields = {"end": "epoch", "end_low": "low", "end_high": "high", "end_error": "standard_error", "end_level": "level",
              "end_bound": "bound", "censored_share": "censored_share"}  # fmt: skip
    ends = {
        name: np.array([_number(getattr(end, field)) for end in sampled.values()]) for name, field in fields.items()
    }
    ends["exact_end"] = np.array([_number(exact[size].epoch if size in exact else None) for size in sampled])
    fallen = {
        f"{name}_halvings": _halvings(training, ends[name]) for name in ("end", "end_low", "end_high", "exact_end")
    }
    # The unit's derivative turns an error in epochs into one in halvings.
    before, after = np.maximum(ends["end"] - 0.5, 0), ends["end"] + 0.5
    steepness = (_halvings(training, after) - _halvings(training, before)) / (after - before)
    ends |= {**fallen, "end_error_halvings": ends["end_error"] * steepness}
    return xr.Dataset(
        {name: ("rank", values, {"units": _unit(name)}) for name, values in ends.items()}
        | {name: ((), value, {"units": _unit(name)}) for name, value in slopes.items()}
        | _fits(comparison, [size in sizes for size in sampled])
        | {"end_state": ("rank", [end.state for end in sampled.values()]), "left_out": "; ".join(left_out)}
    )


def _unit(name: str) -> str:
    if "slope" in name:
        return "halvings of the learning rate per halving of the batch"
    if "halvings" in name:
        return "halvings of the learning rate"
    return "1" if name in ("end_level", "censored_share", "temperature_ratio") else "epochs"


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _error(error: float | None, low: float | None, high: float | None) -> float | None:
    """The standard error, or, where a few resampled curves have no end, that of a normal with the same interval."""
    if error is None and low is not None and high is not None:
        error = (high - low) / (2 * float(ndtri(0.975)))
    return error if error is None or error > 0 else None


def _halvings(training: Training, epochs: Array) -> Array:
    """Halvings of the learning rate by each epoch; not a number where the epoch is none."""
    fallen = np.full(np.shape(epochs), np.nan)
    known = np.isfinite(epochs)
    rates = np.asarray(training.learning_rate_at(epochs[known]), dtype=float)  # type: ignore[arg-type]
    fallen[known] = halvings_of_rate(rates, float(training.learning_rates(1)[0]))
    return fallen


def _slopes(training: Training, sampled: Ends, exact: Ends, drawn: Mapping[int, Array]) -> dict[str, float]:
    value = error = low = high = of_exact = ratio = None
    sizes, epochs, _, _ = usable_ends(sampled)
    if len(sizes) > 1:
        value = float(slopes_per_halving(sizes, _halvings(training, epochs)))
        table = _halvings(training, np.column_stack([drawn[int(size)] for size in sizes]))
        redrawn = slopes_per_halving(sizes, table)
        low, high = percentile_interval(redrawn)
        error = _error(float(redrawn.std(ddof=1)) if np.isfinite(redrawn).all() else None, low, high)
    exact_sizes, exact_epochs, _, _ = usable_ends(exact)
    if len(exact_sizes) > 1:
        of_exact = float(slopes_per_halving(exact_sizes, _halvings(training, exact_epochs)))
        sizes, epochs = exact_sizes, exact_epochs
    if len(sizes) > 1:
        fallen = _halvings(training, epochs)
        ratio = float(2 ** (fallen[-1] - fallen[0]) * sizes[-1] / sizes[0])
    slopes = {"slope": value, "slope_error": error, "slope_low": low, "slope_high": high, "exact_slope": of_exact,
              "temperature_ratio": ratio}  # fmt: skip
    return {name: _number(slope) for name, slope in slopes.items()}


def _rival_laws(problem: Problem, batch_sizes: Array) -> dict[str, Model]:
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


def _fits(comparison: Comparison | None, fitted: Sequence[bool]) -> dict[str, Any]:
    """Every law's fit, as variables by law; what could not be fitted is not a number."""
    fields = {"weight": "weight", "p_value": "p_value", "loss": "loss", "degrees_of_freedom": "degrees_of_freedom",
              "criterion": "corrected_criterion"}  # fmt: skip
    by_law = {name: np.full(len(LAWS), np.nan) for name in fields}
    parameters = {name: np.full((len(LAWS), MOST_PARAMETERS), np.nan) for name in ("value", "low", "high")}
    curves = {name: np.full((len(LAWS), len(fitted)), np.nan) for name in ("predicted", "residuals")}
    names = np.full((len(LAWS), MOST_PARAMETERS), "", dtype="<U32")
    for row, law_name in enumerate(LAWS):
        fit = None if comparison is None else comparison.fits.get(law_name)
        if fit is None:
            continue
        for name, field in fields.items():
            by_law[name][row] = _number(getattr(fit, field))
        for column, parameter in enumerate(fit.parameters):
            names[row, column] = parameter.name
            for name, values in parameters.items():
                values[row, column] = _number(getattr(parameter, name))
        for name, values in curves.items():
            values[row, np.array(fitted)] = getattr(fit, name)
    return {
        **{name: ("law", values) for name, values in by_law.items()},
        **{f"parameter_{name}": (("law", "parameter"), values) for name, values in parameters.items()},
        "parameter_name": (("law", "parameter"), names),
        **{f"law_{name}": (("law", "rank"), values, {"units": "epochs"}) for name, values in curves.items()},
    }


def _expected_slope(problem: Problem, ends: Ends) -> float:
    """What theory expects; not a number where it gives none."""
    rate = problem.trainings[0].learning_rate_at
    if problem.expected == "power law" and problem.barrier is not None and isinstance(rate, PowerDecay):
        slopes = []
        for training in problem.trainings:
            end = ends[int(training.batch_size)].epoch
            if end is not None:
                fallen = 2 ** -float(_halvings(training, np.array([end]))[0])
                temperature = float(training.temperatures(1)[0]) * fallen
                slopes.append(
                    law("equi-temperature-slope-power-law")(
                        schedule_power=rate.power, rate_temperature_power=problem.barrier[1],
                        reduced_barrier=problem.barrier[0] / temperature,
                    )
                )  # fmt: skip
        return float(np.mean(slopes)) if slopes else np.nan
    return np.nan if problem.expected == "flow time spent" else 1.0


def agreements(problems: xr.Dataset) -> xr.Dataset:
    """Whether slopes of problems agree: each problem's own ("slopes"), and a "joint fit".

    Parameters
    ----------
    problems
        As :func:`problem_ends` gives them, along ``problem``.

    Returns
    -------
    xarray.Dataset
        What :class:`slt_toys.fits.agreement.Agreement` holds, by definition, way and group: of all problems under
        exponential decay of which theory expects one temperature, of those of them that are "handed" it, and of "all",
        the control that must disagree. Not a number for groups of fewer than two problems.
    """
    equal = problems["expected"].values == "equal temperature"
    groups = {"equal temperature": equal, "handed": equal & ~problems["real_noise"].values, "all": equal | True}
    ways = ("slopes", "joint fit")
    blank = asdict(agreement([1.0, 1.0], [1.0, 1.0]))
    shape = (problems.sizes["definition"], len(groups), len(ways))
    tables = {name: np.full(shape, np.nan) for name in blank}
    for row, name in enumerate(problems["definition"].values):
        for column, members in enumerate(groups.values()):
            part = problems.sel(definition=name).isel(problem=np.flatnonzero(members))
            part = part.isel(problem=np.flatnonzero(_has_errors(part)))
            if part.sizes["problem"] < 2:
                continue
            both = (agreement(part["slope"].values, part["slope_error"].values), joint_fit(_points(part)))
            for way, made in enumerate(both):
                for field, value in asdict(made).items():
                    tables[field][row, column, way] = value
    dims = ("definition", "group", "way")
    return xr.Dataset(
        {f"agreement_{name}": (dims, values) for name, values in tables.items()},
        coords={"definition": problems["definition"].values, "group": list(groups), "way": list(ways)},
    )


def _has_errors(part: xr.Dataset) -> NDArray[np.bool_]:
    """Which problems have a slope and ends whose standard errors are all known."""
    complete = np.isfinite(part["end_error_halvings"].values) | ~np.isfinite(part["end"].values)
    return np.isfinite(part["slope_error"].values) & complete.all(axis=1)


def _points(part: xr.Dataset) -> dict[str, tuple[Array, Array, Array]]:
    points = {}
    for row, name in enumerate(part["problem"].values):
        one = part.isel(problem=row)
        known = np.isfinite(one["end"].values)
        sizes, ends, errors = (one[each].values[known] for each in ("batch_size", "end_halvings", "end_error_halvings"))
        points[str(name)] = (sizes, ends, errors)
    return points
