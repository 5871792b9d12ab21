"""Problems of equi-temperature curves trained by SGD on real minibatches, and which conditions of the law they meet."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import xarray as xr

from ..fits.ends import replicate_epochs
from ..fits.measured_noise import NoisePrediction, NoiseTable, predicted_ends
from ..fits.resampling import resample_chains
from ..kernels.minibatch import minibatch_kernel
from ..protocol.training import ExponentialDecay, Training
from . import minibatch_networks as networks
from . import minibatch_regressions as regressions
from .escapes_left import end_by_escapes, escapes_left, one_weight_moves
from .minibatch_training import Advance, Array, Epochs, Model, Runs, gradient, losses_and_variances, trained_runs
from .problems import Curve, Expectation, Problem

NOISE_ROWS = 21  # denser early on
LEAST_ERROR = 0.1  # epochs, of an end between whole epochs
REPETITIONS = 400
FORGOTTEN = 1.0  # epochs by which another start may move the end
FIRST = 0  # epoch whose noise is that of the start alone
LINE = 101  # points of the straight line between two phases
CONDITIONS = ("variance_over_run", "variance_over_batch", "start_shift", "start_shift_low", "start_shift_high",
              "step_curvature", "barrier", "noise_slope", "noise_slope_low", "noise_slope_high", "noise_p_value",
              "closed_p_value", "noise_anchor")  # fmt: skip
NOISE_ENDS = {"": "epoch", "_low": "low", "_high": "high"}  # of a predicted end: name in the dataset to its field


@dataclass(frozen=True, eq=False)
class Setting:
    """A model with its schedule.

    Attributes
    ----------
    kind
        What sort of problem it is.
    model
        Makes the model.
    learning_rate, decay
        η₀ and γ.
    batch_sizes
        Of the curves.
    latest, after
        Last switch epoch looked at, and epochs on clean data after each switch.
    runs_share
        Sampled runs over those asked for.
    """

    kind: str
    model: Callable[[], Model]
    learning_rate: float
    decay: float
    batch_sizes: tuple[int, ...]
    latest: int
    after: int
    runs_share: float = 0.25


SETTINGS = {
    "regular_regression": Setting(
        "regression, regular", regressions.regular_regression, 0.0015, 0.85, (1, 2, 4, 8), 42, 14
    ),
    "singular_regression": Setting(
        "regression, singular", regressions.singular_regression, 0.0004, 0.93, (1, 2, 3, 4), 66, 30
    ),
    "logistic": Setting("logistic regression", regressions.logistic, 3.0, 0.85, (1, 2, 4, 8), 42, 14),
    "deep_linear": Setting("deep linear network", networks.deep_linear, 0.02, 0.85, (2, 4, 8, 16), 24, 20),
    "matrix_completion": Setting("matrix completion", networks.matrix_completion, 0.01, 0.85, (1, 2, 4, 8), 42, 16),
    "teacher_student": Setting("teacher-student network", networks.teacher_student, 0.1, 0.85, (1, 2, 3, 4), 42, 16),
    "memorising": Setting(
        "regression with memory", regressions.memorising_regression, 0.01, 0.97, (1, 2, 4, 8), 168, 80
    ),
    "without_memory": Setting(
        "the same without memory",
        partial(regressions.memorising_regression, memory=0.0),
        0.01,
        0.97,
        (1, 2, 4, 8),
        168,
        80,
    ),
}  # fmt: skip


def minibatch_problem(name: str, batch_sizes: Sequence[int] | None = None) -> Problem:
    """A problem by name, one of :data:`SETTINGS`."""
    setting, model = SETTINGS[name], SETTINGS[name].model()
    schedule = ExponentialDecay(setting.learning_rate, setting.decay)
    sizes = sorted(setting.batch_sizes if batch_sizes is None else batch_sizes)
    noise_epochs = noise_rows(setting.latest)

    def runs(training: Training, rows: Epochs, count: int, seed: Sequence[int], advance: Advance | None) -> Runs:
        return trained_runs(
            model, training, rows, setting.after, count, seed, noise_epochs=noise_epochs.tolist(), advance=advance
        )

    def sample(training: Training, rows: Epochs, count: int, seed: Sequence[int], advance: Advance | None) -> Array:
        return trained_runs(model, training, rows, setting.after, count, seed, advance=advance).stuck

    expected: Expectation = "equal temperature"
    return Problem(
        name, setting.kind, expected,
        # The variance is that of the clean phase; only its measured values are used below.
        tuple(Training(size, len(model.clean), schedule, _variance(model)) for size in sizes),
        setting.latest, 0.5, setting.runs_share, sample, pilot=48, real_noise=True, runs=runs, model=model,
    )  # fmt: skip


def noise_rows(latest: int) -> Epochs:
    """Epochs at which gradient noise is measured, from 0 to the latest one."""
    wanted = (latest * np.linspace(0, 1, NOISE_ROWS) ** 1.5).round().astype(np.int64)
    return np.maximum(wanted, np.arange(NOISE_ROWS))  # distinct, since latest is at least as many


def _variance(model: Model) -> float:
    return float(losses_and_variances(model, model.clean, model.clean_weights[None])[1][0])


def no_conditions(ranks: int) -> xr.Dataset:
    """What :func:`conditions` gives for a problem without a model: nothing, in the same shapes."""
    blank = {name: ((), np.nan) for name in CONDITIONS}
    ends = {f"noise_end{name}": ("rank", np.full(ranks, np.nan)) for name in NOISE_ENDS}
    table = {name: (("rank", "noise_row"), np.full((ranks, NOISE_ROWS), np.nan))
             for name in ("noise_variance", "noise_variance_error")}  # fmt: skip
    rows = {"noise_epoch": ("noise_row", np.full(NOISE_ROWS, np.nan)), "noise_doubts": ""}
    return xr.Dataset(blank | ends | no_escapes(ranks) | table | rows)


# ---- conditions -----------------------------------------------------------------------------------------------------
def conditions(
    problem: Problem, curves: Sequence[Curve], ends: xr.Dataset, runs: int, seed: Sequence[int]
) -> xr.Dataset:
    """What of the law's conditions a problem meets, measured, and what measured noise predicts.

    Parameters
    ----------
    problem
        With a model.
    curves
        Of its batch sizes.
    ends
        By half stuck mass: ``end`` and ``end_error`` by rank, epochs.
    runs, seed
        Of the second start.

    Returns
    -------
    xarray.Dataset
        ``variance_over_run``, ``variance_over_batch``: largest over smallest measured gradient variance, over the
        epochs up to the end (of the batch size where that is largest), and over batch sizes at their ends;
        ``start_shift`` with both ends of its interval: epochs by which the end at the largest batch size moves when
        runs begin in the clean phase; ``step_curvature``: ηh at the earliest end; ``barrier``: height, on the straight
        line from the stuck phase to the clean one, over the stuck phase, in units of loss. Then by
        :func:`slt_toys.fits.measured_noise.predicted_ends` the ``noise_slope`` with its interval, in halvings per
        halving, and the chances of the measured ends by measured noise and by one variance. Where one weight moves
        runs, by :mod:`slt_toys.worlds.escapes_left` the ``escapes_end`` by rank, in epochs, and the ``escapes_left``
        at the measured ends, ln 2 if the count is right.
    """
    model, training = problem.model, problem.trainings[-1]
    assert isinstance(model, Model) and isinstance(training.learning_rate_at, ExponentialDecay)
    table, known = _noise_table(curves), _known_ends(curves, ends)
    made: dict[str, float] = {name: np.nan for name in CONDITIONS}
    stuck_at, clean_at = (descended(model, weights) for weights in (model.deficit_weights, model.clean_weights))
    made["barrier"] = barrier(model, stuck_at, clean_at)
    if known:
        made |= _noise_ratios(table, known)
        first = min(end for end, _ in known.values())
        curvature = max(largest_curvature(model, weights) for weights in (stuck_at, clean_at))
        made["step_curvature"] = float(training.learning_rate_at(np.array(first)) * curvature)  # type: ignore[arg-type]
    if curves[-1].batch_size in known:
        made |= _start_shift(problem, curves[-1], runs, seed)
    escapes = no_escapes(len(curves))
    if one_weight_moves(model):
        escapes = _escapes(problem, table, stuck_at, clean_at, ends["end"].values)
    noise = None
    if len(known) > 1:
        anchor, decay = sorted(known)[len(known) // 2], training.learning_rate_at.decay
        noise = predicted_ends(table, known, anchor=anchor, decay=decay, repetitions=REPETITIONS, seed=[*seed, 9])
        made |= _noise_slope(noise)
    return xr.Dataset(
        {name: ((), value) for name, value in made.items()}
        | _noise_ends(noise, table)
        | escapes
        | {"noise_epoch": ("noise_row", table.epochs),
           "noise_variance": (("rank", "noise_row"), table.values),
           "noise_variance_error": (("rank", "noise_row"), table.errors)}
    )  # fmt: skip


def _noise_table(curves: Sequence[Curve]) -> NoiseTable:
    """Gradient variance by batch size and epoch, as measured along the curves."""
    return NoiseTable(
        np.array([curve.batch_size for curve in curves], dtype=float), curves[0].noise_epochs.astype(float),
        np.array([curve.variance for curve in curves]), np.array([curve.variance_error for curve in curves]),
    )  # fmt: skip


def _known_ends(curves: Sequence[Curve], ends: xr.Dataset) -> dict[int, tuple[float, float]]:
    """Ends that have an error, by batch size; one without it takes the width of its interval."""
    at, errors = ends["end"].values, ends["end_error"].values
    width = (ends["end_high"].values - ends["end_low"].values) / (2 * 1.96)
    errors = np.maximum(np.where(np.isfinite(errors), errors, width), LEAST_ERROR)
    sizes = [curve.batch_size for curve in curves]
    return {size: (end, error) for size, end, error in zip(sizes, at, errors, strict=True) if np.isfinite(end + error)}


def _noise_slope(noise: NoisePrediction) -> dict[str, float]:
    """The slope that measured noise predicts, in halvings per halving, and the chances of the measured ends."""
    shifts = {"": noise.shift, "_low": noise.shift_low, "_high": noise.shift_high}
    slopes = {f"noise_slope{name}": _number(shift) / noise.closed_form_shift for name, shift in shifts.items()}
    chances = {"noise_p_value": _number(noise.p_value), "closed_p_value": noise.closed_form_p_value}
    return slopes | chances | {"noise_anchor": float(noise.anchor)}


def _noise_ends(noise: NoisePrediction | None, table: NoiseTable) -> dict[str, Any]:
    """Ends that measured noise predicts, by rank, and what it doubts; not a number where it predicts none."""
    predicted = {name: np.full(len(table.batch_sizes), np.nan) for name in ("epoch", "low", "high")}
    for end in () if noise is None else noise.ends:
        for name, values in predicted.items():
            values[table.batch_sizes == end.batch_size] = _number(getattr(end, name))
    doubts = () if noise is None else (*noise.doubts, *(end.refusal for end in noise.ends if end.refusal))
    ends = {f"noise_end{name}": ("rank", predicted[field]) for name, field in NOISE_ENDS.items()}
    return {"noise_doubts": "; ".join(doubts), **ends}


def no_escapes(ranks: int) -> dict[str, Any]:
    """What is known of escapes where several weights move runs together: nothing."""
    return {name: ("rank", np.full(ranks, np.nan)) for name in ("escapes_end", "escapes_left")}


def _escapes(problem: Problem, table: NoiseTable, stuck: Array, clean: Array, ends: Array) -> dict[str, Any]:
    """Where ln 2 escapes are left, and how many are left at the measured ends, by rank."""
    setting, model = SETTINGS[problem.name], problem.model
    assert isinstance(model, Model)
    found = no_escapes(len(table.batch_sizes))
    for row, training in enumerate(problem.trainings[: len(table.batch_sizes)]):
        left = escapes_left(table, training, model, stuck, clean, latest=setting.latest, after=setting.after)
        found["escapes_end"][1][row] = end_by_escapes(left, problem.level)
        found["escapes_left"][1][row] = np.interp(ends[row], np.arange(len(left)), left)
    return found


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


def _noise_ratios(table: NoiseTable, known: dict[int, tuple[float, float]]) -> dict[str, float]:
    over_run, at_end = [], []
    for size, (end, _) in known.items():
        logs = table.logarithms(size)
        last = float(np.interp(end, table.epochs, logs))
        # The first epochs still lead away from the start.
        seen = np.append(logs[(table.epochs > FIRST) & (table.epochs <= end)], last)
        over_run.append(np.ptp(seen))
        at_end.append(last)
    return {"variance_over_run": float(np.exp(max(over_run))), "variance_over_batch": float(np.exp(np.ptp(at_end)))}


def _start_shift(problem: Problem, curve: Curve, runs: int, seed: Sequence[int]) -> dict[str, float]:
    """Runs from the clean phase at the rows of a curve, and the end by half stuck mass from both starts."""
    from .problem_ends import HALF_STUCK_MASS

    setting, model = SETTINGS[problem.name], problem.model
    assert isinstance(model, Model)
    definition = replace(HALF_STUCK_MASS, level=problem.level)
    training = next(each for each in problem.trainings if each.batch_size == curve.batch_size)
    other = trained_runs(model, training, curve.switch_epochs, setting.after, runs, [*seed, 7], start="clean").stuck
    both = []
    for number, stuck in enumerate((curve.stuck, other)):
        drawn = resample_chains(stuck, repetitions=REPETITIONS, seed=[*seed, 8, number])
        both.append(replicate_epochs(curve.switch_epochs, drawn, definition))
    with np.errstate(invalid="ignore"):
        shifts = both[1] - both[0]
    shifts = shifts[~np.isnan(shifts)]
    if not shifts.size:
        return {}
    low, middle, high = np.quantile(shifts, [0.025, 0.5, 0.975], method="nearest")
    return {"start_shift": float(middle), "start_shift_low": float(low), "start_shift_high": float(high)}


def descended(model: Model, weights: Array, steps: int = 2000) -> Array:
    """Follow the gradient of the clean loss down from weights (d,), in steps that cross no barrier."""
    w = np.array(weights, dtype=float)
    step = 0.25 / max(largest_curvature(model, w), 1e-3)
    minibatch_kernel(model.add_gradient).descend(np.ascontiguousarray(model.clean), w, step, steps)
    return w


def barrier(model: Model, stuck: Array, clean: Array) -> float:
    """Height of the straight line between two points over the first; 0 where the stuck phase is no minimum at all."""
    if not model.is_stuck(stuck[None])[0] or model.is_stuck(clean[None])[0]:
        return 0.0
    line = stuck + np.linspace(0, 1, LINE)[:, None] * (clean - stuck)
    losses, _ = losses_and_variances(model, model.clean, line)
    return float(losses.max() - losses[0])


def largest_curvature(model: Model, weights: Array, width: float = 1e-4) -> float:
    """Largest eigenvalue of the clean loss's Hessian at weights (d,), over the moving weights, by differences."""
    count = model.dimension if model.moving is None else model.moving
    hessian = np.empty((count, count))
    for k in range(count):
        shift = np.zeros(model.dimension)
        shift[k] = width
        up, down = (gradient(model, model.clean, weights + sign * shift)[:count] for sign in (1, -1))
        hessian[k] = (up - down) / (2 * width)
    return float(np.linalg.eigvalsh((hessian + hessian.T) / 2)[-1])
