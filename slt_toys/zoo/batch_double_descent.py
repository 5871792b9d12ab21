r"""Double descent over batch sizes: epoch-wise double descent seen through the number of steps, and temperature.

Least squares on n = 1000 examples of double_descent's two groups of features by SGD on minibatches of B examples,
drawn with replacement, with the rate η for E epochs: flow time t = ηEn/B. In the eigenbasis of the examples' second
moments the mean of the weights follows gradient descent, whatever B; the variance of a mode of curvature h follows
[eq:minibatch-variance-step] with the mean square residual 2f. The risk is that of the mean, gradient descent at the
same t, plus the variance times the true second moments.

Exact: with ever new normal examples, [eq:streaming-moment-step], and the loss it ends at,
[eq:streaming-stationary-loss]. Not exact: for examples drawn again, the law takes the mean of input squared times
residual squared for a product of means; it is held to SGD itself. The question is the post's conjecture that there is a
double descent over batch sizes; epochs, rates and B are ours.

Source: Paquette, Paquette, Adlam & Pennington (2022), Homogenization of SGD in high-dimensions, arXiv:2205.07069 (the
closure); features as in Heckel & Yilmaz (2021), arXiv:2007.10099.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numba import njit
from numpy.typing import ArrayLike

from ..reference.laws import law
from ..results.claims import Claim, Table, Verdict
from ..results.progress import progress
from .double_descent import REFERENCE as GROUPS
from .double_descent import examples
from .model import Array, Check, Measured, ZooModel, mean_and_error
from .study import Influence, Study


# ---- fixed examples ------------------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Regression:
    """Examples (n, d), answers (n,), true weights (d,) and true variances of the features (d,)."""

    inputs: Array
    answers: Array
    truth: Array
    variances: Array


def regression(seed: int | Sequence[int], n: int = 1000) -> Regression:
    """Examples of the two groups of features of double_descent."""
    x, y = examples(n, seed)
    return Regression(x, y, GROUPS.weights, GROUPS.variances)


@njit(cache=True)
def _recursion(
    curvature: Array, mean: Array, floor: float, metric: Array, offset: Array, scales: Array, kept: np.ndarray
) -> Array:
    """Train loss, risk of the mean, and risk of the variance, at kept steps; ``scales`` holds η and B."""
    rate, batch = scales[0], scales[1]
    variance, found, place = np.zeros(curvature.size), np.empty((kept.size, 3)), 0
    for step in range(kept[-1] + 1):
        loss = floor
        for i in range(curvature.size):
            loss += 0.5 * curvature[i] * (mean[i] ** 2 + variance[i])
        while place < kept.size and step == kept[place]:
            error, noise = 0.0, 0.0
            for i in range(curvature.size):
                own = 0.0
                for j in range(curvature.size):
                    own += metric[i, j] * (mean[j] + offset[j])
                error += own * (mean[i] + offset[i])
                noise += metric[i, i] * variance[i]
            found[place, 0], found[place, 1], found[place, 2] = loss, error, noise
            place += 1
        for i in range(curvature.size):
            h = curvature[i]
            moment = mean[i] ** 2 + variance[i]
            noise = 0.0 if batch == 0 else rate**2 / batch * (2 * loss * h - h**2 * moment)
            variance[i] = (1 - rate * h) ** 2 * variance[i] + noise
            mean[i] *= 1 - rate * h
    return found


def sgd_law(given: Regression, rate: float, batch: int, steps: ArrayLike) -> Array:
    """Train loss, and the two parts of the excess risk: of gradient descent, and of the variance; (steps, 3).

    ``batch`` 0 is gradient descent itself.
    """
    x, y = given.inputs, given.answers
    curvature, basis = np.linalg.eigh(x.T @ x / len(x))
    solution = basis @ (basis.T @ (x.T @ y) / len(x) / curvature)
    metric = basis.T @ (given.variances[:, None] * basis)
    floor = float(((y - x @ solution) ** 2).mean() / 2)
    kept = np.asarray(steps, dtype=np.int64)
    offset, mean = basis.T @ (solution - given.truth), -(basis.T @ solution)
    return _recursion(curvature, mean, floor, metric, offset, np.array([rate, batch]), kept)


@njit(cache=True)
def _sgd(
    random: np.random.Generator, x: Array, y: Array, truth: Array, metric: Array, rate: float, batch: int, steps: int
) -> Array:
    n, d = x.shape
    w, gradient = np.zeros(d), np.empty(d)
    for _ in range(steps):
        gradient[:] = 0.0
        for _ in range(batch):
            p = random.integers(0, n)
            residual = y[p]
            for i in range(d):
                residual -= x[p, i] * w[i]
            for i in range(d):
                gradient[i] += residual * x[p, i]
        for i in range(d):
            w[i] += rate / batch * gradient[i]
    loss, risk = 0.0, 0.0
    for p in range(n):
        residual = y[p]
        for i in range(d):
            residual -= x[p, i] * w[i]
        loss += 0.5 * residual**2 / n
    for i in range(d):
        risk += metric[i] * (w[i] - truth[i]) ** 2
    return np.array([loss, risk])


def sgd(given: Regression, rate: float, batch: int, steps: int, seed: int | Sequence[int]) -> Array:
    """Train loss and excess risk after so many steps of SGD from 0, shape (2,)."""
    random = np.random.default_rng(seed)
    return _sgd(random, given.inputs, given.answers, given.truth, given.variances, rate, batch, steps)


# ---- ever new examples ---------------------------------------------------------------------------------------------
STREAM_VARIANCES = np.repeat([1.0, 0.1], (10, 20))
STREAM_NOISE, STREAM_RATE = 0.25, 0.02


def stationary_loss(batch: int, rate: float = STREAM_RATE, variances: Array = STREAM_VARIANCES) -> float:
    """Excess loss that SGD on ever new examples ends at; infinite where it diverges."""
    total = float((variances / (2 - rate * variances * (1 + 1 / batch))).sum())
    if rate * total >= batch:
        return np.inf
    return law("streaming-stationary-loss")(
        learning_rate=rate, batch_size=batch, stability_sum=total, answer_noise=STREAM_NOISE
    )


def streaming_loss(batch: int, steps: int, start: float = 0.0, rate: float = STREAM_RATE) -> float:
    """Excess loss after so many steps by the exact recursion, from equal squared distances ``start``."""
    moment, step = np.full(STREAM_VARIANCES.size, start), law("streaming-moment-step")
    for _ in range(steps):
        double = float((STREAM_VARIANCES * moment).sum())
        moment = step(
            mode_moment=moment, mode_curvature=STREAM_VARIANCES, learning_rate=rate, batch_size=batch,
            double_excess_loss=double, answer_noise=STREAM_NOISE,
        )  # fmt: skip
    return float((STREAM_VARIANCES * moment).sum() / 2)


@njit(cache=True)
def _streaming(
    random: np.random.Generator, variances: Array, noise: float, rate: float, batch: int, steps: int, after: int,
    start: float,
) -> float:  # fmt: skip
    """Mean excess loss from step ``after`` on."""
    d = variances.size
    w, x, gradient, total = np.full(d, np.sqrt(start)), np.empty(d), np.empty(d), 0.0
    for step in range(steps):
        if step >= after:
            for i in range(d):
                total += 0.5 * variances[i] * w[i] ** 2 / (steps - after)
        gradient[:] = 0.0
        for _ in range(batch):
            residual = np.sqrt(noise) * random.standard_normal()
            for i in range(d):
                x[i] = np.sqrt(variances[i]) * random.standard_normal()
                residual -= x[i] * w[i]
            for i in range(d):
                gradient[i] += residual * x[i]
        for i in range(d):
            w[i] += rate / batch * gradient[i]
    return total


def streaming_runs(
    batch: int, steps: int, runs: int, seed: int | Sequence[int], after: int = 0, start: float = 0.0,
    rate: float = STREAM_RATE,
) -> Array:  # fmt: skip
    """Mean excess loss of SGD on ever new examples from step ``after`` on, shape (runs,)."""
    random = np.random.default_rng(seed)
    return np.array([
        _streaming(random, STREAM_VARIANCES, STREAM_NOISE, rate, batch, steps, after, start) for _ in range(runs)
    ])  # fmt: skip


# ---- the study -----------------------------------------------------------------------------------------------------
RATE, EPOCHS, EXAMPLES = 0.001, 720, 1000
BATCHES = (2, 4, 8, 16, 36, 72, 144, 250, 500, 1000)
FIXED = (1, 2, 4, 8, 16, 36, 72, 144)
FIXED_TIME = 5.0
PROPORTIONAL, RATE_PER_BATCH, FEW_EPOCHS = (1, 2, 5, 10, 25, 50), 0.002, 5
SETS, RUN_SETS, REPEATS = 32, 16, 200
TROUGH, PEAK, SMALL = 16, 144, 2
STREAM_BATCHES = (1, 4)


def arm_steps(batch: int, epochs: float = EPOCHS) -> int:
    """Steps in so many epochs on minibatches of B."""
    return round(epochs * EXAMPLES / batch)


def _laws(seed: int) -> dict[str, tuple]:
    """Parts of the risk by law on every set of examples, and gradient descent over flow time."""
    times = np.geomspace(0.3, 500, 61)
    parts, curves = [], []
    with progress("the law", SETS) as advance:
        for number in range(SETS):
            given = regression([seed, number])
            parts.append([sgd_law(given, RATE, b, [arm_steps(b)])[0, 1:] for b in BATCHES])
            curves.append(sgd_law(given, 0.01, 0, np.round(times / 0.01))[:, 1])
            advance()
    return {"law": (("set", "batch", "part"), parts), "descent": (("set", "time"), curves), "time": ("time", times)}


def _runs(seed: int) -> dict[str, tuple]:
    """SGD on the first sets: at fixed epochs, at fixed time, at a rate in proportion to B; and on new examples."""
    kinds: dict[str, list] = {"risk": [], "fixed": [], "fixed_law": [], "proportional": [], "proportional_law": [],
                              "early": []}  # fmt: skip
    with progress("SGD", RUN_SETS) as advance:
        for number in range(RUN_SETS):
            given, own = regression([seed, number]), [seed, number, 1]
            kinds["risk"].append([
                np.mean([sgd(given, RATE, b, arm_steps(b), [*own, b, 0, r])[1] for r in range(3 if b < 16 else 1)])
                for b in BATCHES
            ])  # fmt: skip
            steps = round(FIXED_TIME / RATE)
            kinds["fixed"].append([
                np.mean([sgd(given, RATE, b, steps, [*own, b, 1, again])[1] for again in range(6 if b < 36 else 1)])
                for b in FIXED
            ])  # fmt: skip
            kinds["fixed_law"].append([sgd_law(given, RATE, b, [steps])[0, 1:].sum() for b in FIXED])
            few = [(b, RATE_PER_BATCH * b, arm_steps(b, FEW_EPOCHS)) for b in PROPORTIONAL]
            kinds["proportional"].append([
                np.mean([sgd(given, rate, b, n, [*own, b, 2, again])[1] for again in range(REPEATS)])
                for b, rate, n in few
            ])  # fmt: skip
            kinds["proportional_law"].append([sgd_law(given, rate, b, [n])[0, 1:].sum() for b, rate, n in few])
            kinds["early"].append(sgd(given, RATE, PEAK, arm_steps(PEAK, 100), [*own, 3])[1])
            advance()
    dims = {"risk": "batch", "fixed": "fixed_batch", "proportional": "proportional_batch"}
    found: dict[str, tuple] = {}
    for name, values in kinds.items():
        dim = dims.get(name.removesuffix("_law"))
        found[name] = (("run_set", dim) if dim else ("run_set",), values)
    streams = [mean_and_error(streaming_runs(b, 20000, 12, [seed, 9, b], 4000)) for b in STREAM_BATCHES]
    found["stream"] = ("stream_batch", [float(m) for m, _ in streams])
    found["stream_error"] = ("stream_batch", [float(e) for _, e in streams])
    found["stream_law"] = ("stream_batch", [stationary_loss(b) for b in STREAM_BATCHES])
    return found


def dataset(seed: int) -> xr.Dataset:
    """Risks by batch size: at fixed epochs, fixed time and fixed rate over batch, by law and by SGD."""
    return xr.Dataset(
        {**_laws(seed), **_runs(seed)},
        coords={"batch": list(BATCHES), "part": ["descent", "noise"], "fixed_batch": list(FIXED),
                "proportional_batch": list(PROPORTIONAL), "stream_batch": list(STREAM_BATCHES)},
        attrs={"sets": SETS, "run_sets": RUN_SETS, "seed": seed},
    )  # fmt: skip


def _mean(values: xr.DataArray) -> tuple[float, float]:
    """Over sets of examples, with its standard error."""
    mean, error = mean_and_error(values.values)
    return float(mean), float(error)


def _span(data: xr.Dataset) -> float:
    """By how much the law's risk rises from the trough at B = 16 to the peak at 144."""
    risk = data["law"].sum("part").mean("set")
    return float(risk.sel(batch=PEAK) - risk.sel(batch=TROUGH))


def influences(data: xr.Dataset) -> tuple[Influence, ...]:
    """Batch size in three ways, minibatch noise at two, and epochs; changes are on the same sets of examples."""
    risk, span = data["risk"], _span(data)
    by_descent = data["law"].sel(part="descent").isel(set=slice(RUN_SETS)).rename(set="run_set")

    def change(control: str, lever: str, first: xr.DataArray, last: xr.DataArray) -> Influence:
        base, (moved, error) = float(first.mean()), _mean(last - first)
        return Influence(control, lever, "excess risk", base, base + moved, 0.0, error, span)  # type: ignore[arg-type]

    trough, peak = risk.sel(batch=TROUGH), risk.sel(batch=PEAK)
    fixed, flat = data["fixed"], data["proportional"]
    return (
        change("temperature", "minibatch noise from none to that of B = 2, t = 360",
               by_descent.sel(batch=SMALL), risk.sel(batch=SMALL)),
        change("temperature", "minibatch noise from none to that of B = 144, t = 5", by_descent.sel(batch=PEAK), peak),
        change("batch size", "B from 16 to 144 at 720 epochs", trough, peak),
        change("batch size", "B from 16 to 144 at t = 5", fixed.sel(fixed_batch=TROUGH), fixed.sel(fixed_batch=PEAK)),
        change("batch size", "B from 1 to 10 at 5 epochs, rate .002B", flat.sel(proportional_batch=1),
               flat.sel(proportional_batch=10)),
        change("time", "epochs from 100 to 720 at B = 144", data["early"], peak),
    )  # fmt: skip


def _highest_peak(values: xr.DataArray) -> tuple[float, float]:
    """By how much the mean's highest inner peak along the second axis stands above both sides, with its error.

    The lower of its two drops counts, so that what only rises or only falls has none.
    """
    mean = values.values.mean(axis=0)
    best = -np.inf, 0, 0
    for at in range(1, mean.size - 1):
        sides = int(np.argmin(mean[:at])), at + 1 + int(np.argmin(mean[at + 1 :]))
        side = max(sides, key=lambda place: mean[place])
        best = max(best, (float(mean[at] - mean[side]), at, side))
    error = float(mean_and_error(values.values[:, best[1]] - values.values[:, best[2]])[1])
    return best[0], error


def _told(value: float, error: float) -> str:
    return f"{value:.3g} [{value - 1.96 * error:.3g}, {value + 1.96 * error:.3g}]"


def _exists(name: str, sentence: str, value: float, error: float, least: float) -> Claim:
    """Whether a rise is more than what counts."""
    low, high = value - 1.96 * error, value + 1.96 * error
    verdict: Verdict = "yes" if low > least else "no" if high < least else "cannot tell"
    return Claim.of(name, sentence, value, (low, high), verdict=verdict)


def _against(name: str, sentence: str, value: float, error: float, expected: float) -> Claim:
    ends = value - 1.96 * error, value + 1.96 * error
    return Claim.of(name, f"{sentence} {_told(value, error)}.", value, ends, expected)


def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """The conjecture by name first: what of it stands, and what the peak is made of."""
    least, risk = 0.1 * _span(data), data["risk"]
    parts = data["law"].isel(set=slice(RUN_SETS)).rename(set="run_set")
    rise = risk.sel(batch=PEAK) - risk.sel(batch=TROUGH)
    fall = risk.sel(batch=PEAK) - risk.sel(batch=1000)
    up = risk.sel(batch=SMALL) - risk.sel(batch=8)
    descent = parts.sel(part="descent")
    same = descent.sel(batch=PEAK) - descent.sel(batch=TROUGH)
    cold = descent.sel(batch=SMALL) - descent.sel(batch=8)
    fixed, flat = _highest_peak(data["fixed"]), _highest_peak(data["proportional"])
    off = risk - parts.sum("part")
    ratio, ratio_error = _mean((off / parts.sum("part")).mean("batch"))
    stream, stream_error = float(data["stream"][0]), float(data["stream_error"][0])
    found = [
        _exists("intrinsic-batch-size-double-descent", "At fixed flow time the conjectured batch-size double descent "
                f"has a highest peak of {_told(*fixed)}.", *fixed, least),
        _exists("double-descent-at-fixed-rate-over-batch", "At a fixed rate over B and fixed epochs its highest peak "
                f"is {_told(*flat)}.", *flat, least),
        _exists("peak-at-fixed-epochs", f"At 720 epochs the risk rises by {_told(*_mean(rise))} from B = 16 to 144.",
                *_mean(rise), 0.0),
        _exists("fall-beyond-the-peak", f"It falls by {_told(*_mean(fall))} from B = 144 to 1000.", *_mean(fall), 0.0),
        _exists("peak-is-that-of-descent", f"Gradient descent at the same flow times rises by {_told(*_mean(same))} "
                "there: the peak is epoch-wise.", *_mean(same), 0.0),
        _exists("upturn-is-noise", f"From B = 8 to 2 the risk rises by {_told(*_mean(up))}; gradient descent changes "
                f"by {_told(*_mean(cold))}.", *_mean(up - cold), 0.0),
        _against("law-holds-sgd", "On the same examples, in per cent, SGD departs from the law by", 100 * ratio,
                 100 * ratio_error, 0.0),
        _against("streaming-loss", "On ever new examples minibatches of one end at the excess loss", stream,
                 stream_error, float(data["stream_law"][0])),
    ]  # fmt: skip
    return tuple(found)


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Risks by batch size at fixed epochs, with both parts; and the two controls."""

    def means(values: xr.DataArray) -> list[str]:
        mean, error = mean_and_error(values.values)
        return [f"{m:.3f} ± {e:.3f}" for m, e in zip(mean, error, strict=True)]

    parts = data["law"].isel(set=slice(RUN_SETS))
    epochs = Table.of_columns(
        "at_fixed_epochs", f"Excess risk after {EPOCHS} epochs: both parts and their sum by the law on {SETS} sets of "
        f"examples; SGD, and the law's sum, on {RUN_SETS} of them. Means and one standard error, which is nearly all "
        "between sets.",
        {"B": [f"{b}" for b in BATCHES], "flow time": [f"{EPOCHS / b:.3g}" for b in BATCHES],
         "gradient descent": means(data["law"].sel(part="descent")),
         "noise": means(data["law"].sel(part="noise")), "sum": means(data["law"].sum("part")),
         "SGD": means(data["risk"]), "law on its sets": means(parts.sum("part"))},
    )  # fmt: skip
    controls = [
        Table.of_columns(name, caption, {"B": [f"{b}" for b in at], "SGD": means(data[key]),
                                         "law": means(data[f"{key}_law"])})
        for name, caption, key, at in (
            ("at_fixed_time", "Excess risk at flow time 5 and the rate .001.", "fixed", FIXED),
            ("at_a_fixed_rate_over_batch", "Excess risk after 5 epochs at the rate .002B, flow time 10.",
             "proportional", PROPORTIONAL),
        )
    ]  # fmt: skip
    return epochs, *controls


# ---- checks --------------------------------------------------------------------------------------------------------
def _sgd_over_law(batch: int, seed: int) -> Measured:
    """Train loss and risk of SGD at 20 epochs over those of the law, on one set of 200 examples."""
    given, steps = regression(seed, 200), 4000 // batch
    loss, *parts = sgd_law(given, 0.005, batch, [steps])[0]
    runs = np.array([sgd(given, 0.005, batch, steps, [seed, run]) for run in range(60)])
    return mean_and_error(runs / [loss, sum(parts)])


def _against_sgd(batch: int) -> Check:
    return Check(
        f"train loss and risk of SGD over the law's, B = {batch}", lambda: np.ones(2),
        lambda seed: _sgd_over_law(batch, seed), lambda: np.full(2, 2.0), 0.04,
        "input squared and residual squared are not independent",
    )  # fmt: skip


MODEL = ZooModel("batch_double_descent", (
    "minibatch-variance-step", "streaming-moment-step", "streaming-stationary-loss",
), (
    Check("excess loss on ever new examples, 30 steps from 1, B = 2", lambda: np.array([streaming_loss(2, 30, 1.0)]),
          lambda seed: mean_and_error(streaming_runs(2, 31, 4000, seed, 30, 1.0)[:, None]),
          lambda: np.array([streaming_loss(2, 45, 1.0)])),
    _against_sgd(2), _against_sgd(16),
), Study(
    "Batch-size double descent is epoch-wise double descent and temperature",
    """The post conjectures a double descent over batch sizes. Here the *excess risk* of linear regression with fast and
slow features (double_descent) is followed through SGD on minibatches of B of 1000 examples, drawn with replacement.
*Flow time* is rate times steps, 720 epochs at the rate .001 being a flow time of 720/B. The law splits the risk into
that of gradient descent at the same flow time and that of the noise [eq:minibatch-variance-step].

At fixed epochs there is a double descent over B. It is the epoch-wise one: large B have done little, middling B overfit
the fast features, small B have learnt the slow ones; below B = 8 the noise, a temperature of order rate over B, raises
the risk again. At fixed flow time, and at a fixed rate over B, there is none. A *peak* is as high as the lower of the
drops on its two sides; it counts from a tenth of the rise from B = 16 to 144 on. Sets of examples differ by more than
SGD on one of them, so changes are told on the same sets. Exact is the law on ever new examples
[eq:streaming-moment-step]; the other one is close. Nothing is told of networks that are not linear.""",
    dataset, claims, tables, influences,
))  # fmt: skip
