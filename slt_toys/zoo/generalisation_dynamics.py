r"""A linear student in high dimension: its error over time peaks where examples are as many as inputs.

P examples x of N inputs, entries normal of variance 1/N, answers y = w*.x + ε; the student follows gradient flow
dw/dt = X (y - X^T w) of the summed square loss, X = (x_1 ... x_P). α = P/N, S = variance of an entry of w* over that
of ε, S_0 the same for the start; errors are in units of the variance of ε, time is flow time (rate times steps).
E(t) = 1 + (1-α)_+ e_0(t) + ∫ρ(λ) e_λ(t) dλ, with the density of curvatures ρ [eq:spectral-density], the error of a
mode e_λ [eq:mode-error] and that of the frozen subspace e_0 [eq:frozen-error], where no example lies.

Exact: for N and P large, this law; its limits for t → ∞, [eq:final-error-many] and [eq:final-error-few]; the growth of
the peak at α = 1 [eq:peak-growth]; the least error of ridge regression, at the ridge 1/S [eq:optimal-ridge-error].
Temperature, white noise dw = ... + √(2T) dW, is our addition, exact too. Not exact: SGD on minibatches, which is run.

Source: Advani, Saxe & Sompolinsky (2020), High-dimensional dynamics of generalization error in neural networks, Neural
Networks 132, 428-446, arXiv:1710.03667.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numba import njit
from numpy.typing import ArrayLike
from scipy.optimize import minimize_scalar

from ..reference.laws import law
from ..results.claims import Claim, Table, Verdict, decimals
from ..results.progress import progress
from .model import Array, Check, Measured, ZooModel, mean_and_error
from .study import Influence, Study

SIGNAL = 5.0
POINTS = 4001


# ---- the law -------------------------------------------------------------------------------------------------------
def spectrum(ratio: float, points: int = POINTS) -> tuple[Array, Array]:
    """Curvatures and their weights for averages over [eq:spectral-density] at α = ``ratio``, shape (points,) each.

    λ = 1 + α + 2√α cos θ at midpoints of θ, where the density's edges (at α = 1 a pole) are smooth.
    """
    angle = (np.arange(points) + 0.5) * np.pi / points
    curvature = (np.sqrt(ratio) - 1) ** 2 + 4 * np.sqrt(ratio) * np.cos(angle / 2) ** 2
    density = law("spectral-density")(examples_per_input=ratio, mode_curvature=curvature)
    return curvature, density * 2 * np.sqrt(ratio) * np.sin(angle) * np.pi / points


def error_law(
    ratio: float, times: ArrayLike, signal: float = SIGNAL, start: float = 0.0, temperature: float = 0.0
) -> Array:
    """Generalisation error E(t) of the law, in units of the noise's variance, for flow times of any shape."""
    curvature, weight = spectrum(ratio)
    at = np.asarray(times, dtype=float)
    own = {"signal_to_noise": signal, "start_to_noise": start, "noise_temperature": temperature}
    mode = law("mode-error")(elapsed_time=at[..., None], mode_curvature=curvature, **own)
    frozen = law("frozen-error")(elapsed_time=at, **own)
    return 1 + max(1 - ratio, 0.0) * np.asarray(frozen) + np.asarray(mode) @ weight


def final_error(ratio: float, signal: float = SIGNAL, start: float = 0.0) -> float:
    """E(∞) without temperature; infinite at α = 1."""
    if ratio == 1:
        return np.inf
    if ratio > 1:
        return law("final-error-many")(examples_per_input=ratio, noise_temperature=0.0)
    return law("final-error-few")(examples_per_input=ratio, signal_to_noise=signal, start_to_noise=start)


def ridge_error(ratio: ArrayLike, signal: float = SIGNAL) -> Array:
    """Least error of ridge regression."""
    return np.asarray(law("optimal-ridge-error")(examples_per_input=ratio, signal_to_noise=signal))


def best_stop(ratio: float, signal: float = SIGNAL) -> tuple[float, float]:
    """Flow time at which E(t) is least, and that error."""
    grid = np.geomspace(1e-2, 1e3, 200)
    at = int(np.argmin(error_law(ratio, grid, signal)))
    ends = np.log(grid[max(at - 1, 0)]), np.log(grid[min(at + 1, grid.size - 1)])
    found = minimize_scalar(
        lambda x: float(error_law(ratio, np.exp(x), signal)), bounds=ends, method="bounded", options={"xatol": 1e-6}
    )
    return float(np.exp(found.x)), float(found.fun)


# ---- the student itself --------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Problem:
    """Inputs (P, N), answers (P,), the teacher's and the student's first weights (N,)."""

    inputs: Array
    answers: Array
    teacher: Array
    start: Array


def problem(
    ratio: float, inputs: int, seed: int | Sequence[int], signal: float = SIGNAL, start: float = 0.0
) -> Problem:
    """One set of round(αN) examples of N ``inputs``, with its teacher and start."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((round(ratio * inputs), inputs)) / np.sqrt(inputs)
    teacher = np.sqrt(signal) * random.standard_normal(inputs)
    first = np.sqrt(start) * random.standard_normal(inputs)
    return Problem(x, x @ teacher + random.standard_normal(len(x)), teacher, first)


def flow(given: Problem, times: ArrayLike) -> Array:
    """E of one student along gradient flow, solved in the eigenbasis of its own examples; times may be infinite."""
    left, scale, basis = np.linalg.svd(given.inputs, full_matrices=False)
    rate, pull = scale**2, scale * (left.T @ given.answers)
    own = basis @ given.start
    at = np.asarray(times, dtype=float)[:, None]
    moved = (pull / rate - own) * -np.expm1(-rate * at)
    weights = given.start + moved @ basis
    return 1 + ((weights - given.teacher) ** 2).mean(axis=1)


@njit(cache=True)
def _train(
    random: np.random.Generator, x: Array, y: Array, teacher: Array, w: Array, rate: float, batch: int,
    temperature: float, kept: np.ndarray,
) -> Array:  # fmt: skip
    examples, inputs = x.shape
    found, gradient = np.empty(kept.size), np.empty(inputs)
    kick, share, place = np.sqrt(2 * temperature * rate), 1.0 if batch == 0 else examples / batch, 0
    for step in range(kept[-1] + 1):
        if step == kept[place]:
            error = 0.0
            for i in range(inputs):
                error += (w[i] - teacher[i]) ** 2
            found[place] = 1 + error / inputs
            place += 1
        gradient[:] = 0.0
        for k in range(examples if batch == 0 else batch):
            p = k if batch == 0 else random.integers(0, examples)
            residual = y[p]
            for i in range(inputs):
                residual -= x[p, i] * w[i]
            for i in range(inputs):
                gradient[i] += residual * x[p, i]
        for i in range(inputs):
            w[i] += rate * share * gradient[i]
            if kick > 0:
                w[i] += kick * random.standard_normal()
    return found


def train(
    given: Problem, times: ArrayLike, rate: float, seed: int | Sequence[int], batch: int = 0, temperature: float = 0.0
) -> Array:
    """E of one student trained in steps, at flow times in order; shape (times,).

    Steps of ``rate`` on all examples (``batch`` 0) or on so many drawn with replacement, whose gradient is scaled up to
    that of all; with white noise of a temperature (in units of the noise's variance).
    """
    kept = np.round(np.asarray(times, dtype=float) / rate).astype(np.int64)
    random = np.random.default_rng(seed)
    return _train(
        random, given.inputs, given.answers, given.teacher, given.start.copy(), rate, batch, temperature, kept
    )


# ---- the study -----------------------------------------------------------------------------------------------------
PEAK_TIME = 100.0
LEARNING = 0.4  # rate times P of minibatch arms: far below the 2 beyond which a minibatch of one diverges
PLACES = (0.5, 1.0, 2.0)
ARM_TIMES = (3.0, 10.0, 30.0, PEAK_TIME)
ARMS = {
    "T = 0.1": (0.0, 0, 0.1), "T = 0.3": (0.0, 0, 0.3), "B = 16": (LEARNING, 16, 0.0), "B = 4": (LEARNING, 4, 0.0),
    "B = 1": (LEARNING, 1, 0.0),
}  # fmt: skip  # rate times P (0: a step of .05), minibatch, temperature
ARM_INPUTS, ARM_RUNS, INPUTS, RUNS = 100, 40, 200, 100
SHOWN_TIMES = (0.3, 1.0, 3.0, 10.0, 30.0, 100.0, 300.0, 1000.0)
SEEN = (0.3, 0.6, 0.8, 1.25, 1.7, 3.0)


def arm(name: str, ratio: float, runs: int, seed: int, times: Sequence[float] = ARM_TIMES) -> Array:
    """E of students in one arm less that of gradient flow on the same examples, shape (runs, times)."""
    rate_times_examples, batch, temperature = ARMS[name]
    rate = rate_times_examples / round(ratio * ARM_INPUTS) or 0.05
    found = []
    for run in range(runs):
        given = problem(ratio, ARM_INPUTS, [seed, run])
        own = train(given, times, rate, [seed, run, 1], batch, temperature)
        found.append(own - flow(given, times))
    return np.array(found)


def _flows(ratio: float, times: Sequence[float], seed: Sequence[int]) -> Measured:
    """Mean E of students under gradient flow and its standard error, shape (times,)."""
    return mean_and_error(np.array([flow(problem(ratio, INPUTS, [*seed, run]), times) for run in range(RUNS)]))


def _peak(seed: int) -> Measured:
    """At P = N: E at the best time, its rise from there to time 100, and what S from 5 to 1 changes there.

    Each student is compared with itself: the same draws of inputs, noise and, but for its scale, teacher.
    """
    times, found = [best_stop(1.0)[0], PEAK_TIME], []
    for run in range(RUNS):
        strong, weak = (flow(problem(1.0, INPUTS, [seed, 3, run], signal), times) for signal in (SIGNAL, 1.0))
        found.append((strong[0], strong[1] - strong[0], weak[1] - strong[1]))
    return mean_and_error(np.array(found))


def _runs(seed: int) -> dict[str, tuple]:
    """What is run: flow over time and over α, steps of descent, and the arms."""
    found: dict[str, tuple] = {}

    def put(name: str, dims: tuple[str, ...], pairs: Sequence[Measured]) -> None:
        found[name], found[f"{name}_error"] = (dims, [mean for mean, _ in pairs]), (dims, [error for _, error in pairs])

    with progress("students", len(PLACES) * (2 + len(ARMS)) + len(SEEN) + 1) as advance:

        def seen(pair: Measured) -> Measured:
            advance()
            return pair

        put("curve", ("place", "shown_time"), [seen(_flows(a, SHOWN_TIMES, [seed, 0])) for a in PLACES])
        put("steps", ("place", "arm_time"), [
            seen(mean_and_error(np.array([
                train(problem(a, ARM_INPUTS, [seed, 1, run]), ARM_TIMES, 0.05, 0) for run in range(ARM_RUNS)
            ]))) for a in PLACES
        ])  # fmt: skip
        ends = [seen(_flows(a, [best_stop(a)[0], np.inf], [seed, 2])) for a in SEEN]
        put("stopped", ("seen",), [(mean[0], error[0]) for mean, error in ends])
        put("final", ("seen",), [(mean[1], error[1]) for mean, error in ends])
        peak = seen(_peak(seed))
        for number, name in enumerate(("peak", "rise", "faint")):
            found[name], found[f"{name}_error"] = ((), peak[0][number]), ((), peak[1][number])
        pairs = [[seen(mean_and_error(arm(name, a, ARM_RUNS, seed * 10 + 4))) for a in PLACES] for name in ARMS]
        for name, which in (("added", 0), ("added_error", 1)):
            found[name] = (("arm", "place", "arm_time"), [[pair[which] for pair in row] for row in pairs])
    return found


def dataset(seed: int) -> xr.Dataset:
    """The law over α and time; runs under flow, in steps, at temperatures and on minibatches."""
    ratios, times = np.geomspace(0.2, 5.0, 81), np.geomspace(0.1, 1000.0, 81)
    stops = np.array([best_stop(a) for a in ratios])
    law_of = {
        "law": (("ratio", "time"), [error_law(a, times) for a in ratios]),
        "stop_time": ("ratio", stops[:, 0]),
        "stop_law": ("ratio", stops[:, 1]),
        "final_law": ("ratio", [final_error(a) for a in ratios]),
        "ridge_law": ("ratio", ridge_error(ratios)),
        "curve_law": (("place", "time"), [error_law(a, times) for a in PLACES]),
        "shown_law": (("place", "shown_time"), [error_law(a, SHOWN_TIMES) for a in PLACES]),
        "added_law": (
            ("arm", "place", "arm_time"),
            [[error_law(a, ARM_TIMES, temperature=t) - error_law(a, ARM_TIMES) for a in PLACES]
             for _, _, t in ARMS.values()],
        ),
        "arm_law": (("place", "arm_time"), [error_law(a, ARM_TIMES) for a in PLACES]),
    }  # fmt: skip
    return xr.Dataset(
        {**law_of, **_runs(seed)},
        coords={
            "ratio": ratios, "time": times, "place": list(PLACES), "shown_time": list(SHOWN_TIMES),
            "arm_time": list(ARM_TIMES), "seen": list(SEEN), "arm": list(ARMS),
        },
        attrs={"runs": RUNS, "arm_runs": ARM_RUNS, "inputs": INPUTS, "arm_inputs": ARM_INPUTS, "seed": seed},
    )  # fmt: skip


def _examples(ratio: float) -> str:
    return {0.5: "N/2", 1.0: "N", 2.0: "2N"}[ratio]


def _rise(ratio: float) -> float:
    """By how much the law's error rises from the best time to time 100."""
    return float(error_law(ratio, PEAK_TIME)) - best_stop(ratio)[1]


def influences(data: xr.Dataset) -> tuple[Influence, ...]:
    """Temperature and batch size at the peak and beside it, time, α and S: the error after time 100."""
    told = {a: f"error at t = 100, P = {_examples(a)} [noise variance]" for a in PLACES}

    def added(control: str, lever: str, first: str | None, last: str, ratio: float) -> Influence:
        base = float(data["arm_law"].sel(place=ratio, arm_time=PEAK_TIME))
        ends = []
        for name in (first, last):
            at = {"arm": name, "place": ratio, "arm_time": PEAK_TIME}
            ends.append(tuple(float(data[v].sel(at)) if name else 0.0 for v in ("added", "added_error")))
        return Influence(control, lever, told[ratio], base + ends[0][0], base + ends[1][0], ends[0][1], ends[1][1],  # type: ignore[arg-type]
                         _rise(ratio))  # fmt: skip

    low, rise, faint = (float(data[name]) for name in ("peak", "rise", "faint"))
    rise_error, faint_error = float(data["rise_error"]), float(data["faint_error"])
    here, beside = (data.sel(place=a, shown_time=PEAK_TIME) for a in (1.0, 2.0))
    return (
        added("temperature", "T from 0 to 0.1", None, "T = 0.1", 1.0),
        added("temperature", "T from 0 to 0.1", None, "T = 0.1", 2.0),
        added("batch size", "B from 16 to 1, rate .4/P", "B = 16", "B = 1", 1.0),
        added("batch size", "B from 16 to 1, rate .4/P", "B = 16", "B = 1", 2.0),
        Influence("time", "flow time from the best, 3.07, to 100", "error at P = N [noise variance]", low, low + rise,
                  0.0, rise_error, _rise(1.0)),
        Influence("other", "P from N to 2N", "error at t = 100 [noise variance]", float(here["curve"]),
                  float(beside["curve"]), float(here["curve_error"]), float(beside["curve_error"]), _rise(1.0)),
        Influence("other", "signal over noise S from 5 to 1", told[1.0], low + rise, low + rise + faint, 0.0,
                  faint_error, _rise(1.0)),
    )  # fmt: skip


def _ends(value: float, error: float) -> tuple[float, float]:
    return value - 1.96 * error, value + 1.96 * error


def _added_claim(data: xr.Dataset, name: str, arm_name: str, ratio: float, sentence: str) -> Claim:
    """What an arm adds at time 100: against the law where there is one, else whether it is a tenth of the rise."""
    at = {"arm": arm_name, "place": ratio, "arm_time": PEAK_TIME}
    value, expected = float(data["added"].sel(at)), float(data["added_law"].sel(at))
    low, high = _ends(value, float(data["added_error"].sel(at)))
    text = f"{sentence} {value:.2g} [{low:.2g}, {high:.2g}]"
    if ARMS[arm_name][1] == 0:
        return Claim.of(name, f"{text}; the law adds {expected:.3g}.", value, (low, high), expected)
    least = 0.1 * _rise(ratio)
    verdict: Verdict = "yes" if low > least else "no" if high < least else "cannot tell"
    return Claim.of(name, f"{text}, of a rise of {_rise(ratio):.2g}.", value, (low, high), verdict=verdict)


def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """What batch noise does not do first; then temperature, the peak by the law, and early stopping."""
    peak = data.sel(place=1.0, shown_time=1000.0)
    value, (low, high) = float(peak["curve"]), _ends(float(peak["curve"]), float(peak["curve_error"]))
    stopped, ends = float(data["peak"]), _ends(float(data["peak"]), float(data["peak_error"]))
    ridge = float(ridge_error(1.0))
    gap = data["stop_law"] / data["ridge_law"] - 1
    worst, at = 100 * float(gap.max()), float(data["ratio"][int(np.argmax(gap.values))])
    verdict: Verdict = "yes" if worst < 5 else "no"
    return (
        _added_claim(data, "batch-noise-raises-the-peak", "B = 1", 1.0, "At P = N minibatches of one add"),
        _added_claim(data, "batch-noise-raises-beside-it", "B = 1", 2.0, "At P = 2N minibatches of one add"),
        _added_claim(data, "temperature-raises-the-peak", "T = 0.1", 1.0, "At P = N temperature 0.1 adds"),
        _added_claim(data, "temperature-fills-frozen-modes", "T = 0.1", 0.5, "At P = N/2 temperature 0.1 adds"),
        Claim.of("peak-needs-neither", f"Gradient flow alone, at P = N and time 1000, errs by {value:.3g} [{low:.3g}, "
                 f"{high:.3g}].", value, (low, high), float(peak["shown_law"])),
        Claim.of("stopping-removes-the-peak", f"Stopped at time 3.07, the error at P = N is {stopped:.3f} "
                 f"[{ends[0]:.3f}, {ends[1]:.3f}]; the best ridge has {ridge:.3f}.", stopped, ends, best_stop(1.0)[1]),
        Claim.of("stopping-is-as-good-as-ridge", f"By the law, the best stop is at most {worst:.2f} % worse than the "
                 f"best ridge, at P = {at:.2f} N.", worst, verdict=verdict),
    )  # fmt: skip


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Errors over time, errors by α, and what temperature and minibatches add."""

    def cells(data: xr.Dataset, name: str, expected: str | None = None) -> list[str]:
        told = [
            f"{round(v, 3) + 0.0:.3f} ± {e:.3f}"
            for v, e in zip(data[name].values, data[f"{name}_error"].values, strict=True)
        ]
        return [f"{t} ({x:.3f})" for t, x in zip(told, data[expected].values, strict=True)] if expected else told

    over_time = Table.of_columns(
        "over_time", f"Error of {RUNS} students of {INPUTS} inputs under gradient flow, mean and one standard error, "
        "and the law's.",
        {"flow time": [f"{t:g}" for t in SHOWN_TIMES]}
        | {f"P = {_examples(a)}": cells(data.sel(place=a), "curve", "shown_law") for a in PLACES},
    )  # fmt: skip
    at = data["seen"].values
    by_ratio = Table.of_columns(
        "by_number_of_examples", "Error stopped at the best time and at infinite time, one standard error, and the "
        "law's; the best ridge by its law.",
        {"P/N": [f"{a:g}" for a in at]}
        | {
            told: [
                f"{cell} ({law_at(a):.3f})" for cell, a in zip(cells(data, name), at, strict=True)
            ]
            for told, name, law_at in (
                ("stopped", "stopped", lambda a: best_stop(a)[1]), ("at the end", "final", final_error),
            )
        }
        | {"best ridge": [decimals(float(ridge_error(a)), 3) for a in at]},
    )  # fmt: skip
    added = Table.of_columns(
        "added_by_noise", f"What each arm adds to the error at flow time 100, on the same examples as gradient flow: "
        f"mean over {ARM_RUNS} students of {ARM_INPUTS} inputs, one standard error, and the law's where it has one.",
        {"arm": list(ARMS)}
        | {
            f"P = {_examples(a)}": [
                f"{cell} ({law_at:.3f})" if ARMS[name][1] == 0 else cell
                for name, cell, law_at in zip(
                    ARMS, cells(data.sel(place=a, arm_time=PEAK_TIME), "added"),
                    data["added_law"].sel(place=a, arm_time=PEAK_TIME).values, strict=True,
                )
            ]
            for a in PLACES
        },
    )  # fmt: skip
    return over_time, by_ratio, added


# ---- checks --------------------------------------------------------------------------------------------------------
_TIMES = (1.0, 3.0, 30.0)


def _flow_errors(ratio: float, times: Sequence[float], runs: int, seed: int) -> Measured:
    return mean_and_error(np.array([flow(problem(ratio, INPUTS, [seed, run]), times) for run in range(runs)]))


def _by_law(ratio: float, times: tuple[float, ...], off: float) -> Check:
    return Check(
        f"error under gradient flow at P = {ratio:g} N", lambda: error_law(ratio, times),
        lambda seed: _flow_errors(ratio, times, 60, seed), lambda: error_law(2 * ratio, times), off,
        "200 inputs, not infinitely many",
    )  # fmt: skip


def _steps_less_flow(seed: int) -> Measured:
    differences = []
    for run, ratio in enumerate(PLACES):
        given = problem(ratio, 50, [seed, run], start=1.0)
        differences.append(train(given, _TIMES, 2e-3, 0) - flow(given, _TIMES))
    return np.ravel(differences), np.zeros(9)


def _added_by_temperature(seed: int) -> Measured:
    return mean_and_error(arm("T = 0.3", 1.0, 80, seed))


MODEL = ZooModel("generalisation_dynamics", (
    "spectral-density", "mode-error", "frozen-error", "final-error-many", "final-error-few", "peak-growth",
    "optimal-ridge-error",
), (
    _by_law(0.5, _TIMES, 0.02), _by_law(2.0, _TIMES, 0.01), _by_law(1.0, (3.0, 100.0, 1000.0), 0.02),
    Check("steps of gradient descent less flow", lambda: np.zeros(9), _steps_less_flow, lambda: np.full(9, 0.2), 0.02,
          "steps of .002"),
    Check("error that temperature .3 adds at P = N",
          lambda: error_law(1.0, ARM_TIMES, temperature=0.3) - error_law(1.0, ARM_TIMES), _added_by_temperature,
          lambda: np.zeros(len(ARM_TIMES)), 0.05, "steps of .05 and 100 inputs"),
), Study(
    "Generalisation of a linear student: the peak is made by time, and temperature adds to it",
    """A student of N inputs learns a linear teacher from P noisy examples by gradient flow. Errors are on new
examples, in units of the variance of the answers' noise; *flow time* is learning rate times steps; S = 5 is the
teacher's variance over the noise's, and the student starts at 0. The error falls, and where P is near N it rises again
as noise is fitted in directions that the examples hardly show. At P = N this *peak* grows for ever, as the root of time
[eq:peak-growth].

The law is exact for many inputs [eq:spectral-density], [eq:mode-error]. Students are run besides: gradient flow on
drawn examples, steps of gradient descent, white noise of a temperature, and minibatches drawn with replacement at a
rate of .4/P. What an arm adds is told against gradient flow on the same examples. Temperature and minibatches are ours;
networks that are not linear are not told. On a coarser grid of P/N we had found the best stop at most 1.82 % above the
best ridge; on this one it is 2.01 %.""",
    dataset, claims, tables, influences,
))  # fmt: skip
