r"""The diagonal linear network: batch noise acts only in the first percent of training, weight decay has no date.

β = u² - v² (coordinate by coordinate), u = v = α at the start, loss L = Σr²/(4n) with r = Xβ - y over n Gaussian
examples of a sparse teacher, n smaller than the number of coordinates d. A step on a minibatch makes of u_j and v_j
(1 - ηg_j) u_j and (1 + ηg_j) v_j, g_j = mean of r x_j. Time is η times steps, the loss is in units of the target².

Exact: a step multiplies u_j v_j by 1 - η²g_j² [eq:effective-initialisation-step]. In gradient flow u_j v_j = α_eff²
fixes the interpolator that is reached: with weight decay α_eff is [eq:effective-initialisation-decay], whenever the
decay came. Approximately, batch noise shifts ln u_j v_j by [eq:effective-initialisation-shift], in proportion to ∫L dt.

Source: Pesme, Pillaud-Vivien & Flammarion (2021), NeurIPS, arXiv:2106.09524, for the effect of noise; compare
Golatkar, Achille & Soatto (2019) and Ash & Adams (2020), whose findings here turn out null.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike

from ..kernels.diagonal_network import train_diagonal
from ..reference.laws import law
from ..results.claims import Claim, Table, Verdict, against_first
from ..results.progress import progress
from .model import Array, Check, Measured, ZooModel, mean_and_error
from .study import REACH, ControlName, Influence, Study


@dataclass(frozen=True, eq=False)
class Problem:
    """Examples and teacher: features (n, d), targets (n,), teacher (d,)."""

    features: Array
    targets: Array
    teacher: Array

    @property
    def initial_loss(self) -> float:
        """Loss where u = v."""
        return float((self.targets**2).mean() / 4)


def problem(seed: int | Sequence[int], examples: int = 40, coordinates: int = 100, active: int = 5) -> Problem:
    """Gaussian features and a teacher of some ones."""
    random = np.random.default_rng(seed)
    features = random.standard_normal((examples, coordinates))
    teacher = np.zeros(coordinates)
    teacher[:active] = 1.0
    return Problem(features, features @ teacher, teacher)


@dataclass(frozen=True, eq=False)
class Trained:
    """Where training ended: u and v (d,); by stage the full loss after it and ∫L dt, shape (stages,)."""

    u: Array
    v: Array
    losses: Array
    loss_integrals: Array

    @property
    def coefficients(self) -> Array:
        """β, shape (d,)."""
        return self.u**2 - self.v**2

    def log_scale_shift(self, initial_scale: float) -> float:
        """Mean over the coordinates of ln(u v/α²); ValueError where a step with η|g| ≥ 1 turned the sign of u v."""
        if not (self.u * self.v > 0).all():
            raise ValueError(
                "learning_rate: a step was larger than 1/|gradient|, so u v changed sign; take a smaller one"
            )
        return float(np.log(self.u * self.v / initial_scale**2).mean())


def train(
    data: Problem, initial_scale: float, learning_rates: ArrayLike, steps: ArrayLike, batch_sizes: ArrayLike, *,
    noise: ArrayLike = 1.0, weight_decays: ArrayLike = 0.0, first_examples: ArrayLike = 0,
    temperatures: ArrayLike = 0.0, start: tuple[Array, Array] | None = None, seed: int | Sequence[int] = 0,
) -> Trained:  # fmt: skip
    """Train from α through stages of constant settings; all but problem, α and seed hold one number per stage.

    Batches of ``batch_sizes`` are drawn with replacement, 0 stands for the full one; ``noise`` is a factor on the
    deviation of the minibatch gradient from the full one. By ``weight_decays`` λ_w, u and v shrink by ηλ_w in a step.
    ``first_examples``: train on so many from the top; 0 for all. ``temperatures`` [loss] add white noise of variance
    2ηT to every u and v in a step. ``start``: u and v to start from, (d,) each, in place of α.
    """
    rates = np.atleast_1d(np.asarray(learning_rates, dtype=float))

    def column(values: ArrayLike, kind: type) -> np.ndarray:
        return np.broadcast_to(np.asarray(values), rates.shape).astype(kind)

    if start is None:
        u = np.full(data.teacher.size, float(initial_scale))
        v = u.copy()
    else:
        u, v = (np.array(each, dtype=float) for each in start)
    losses, integrals = train_diagonal(
        np.random.default_rng(seed), data.features, data.targets, u, v, rates, column(steps, np.int64),
        column(batch_sizes, np.int64), column(noise, float), column(weight_decays, float),
        column(first_examples, np.int64), column(temperatures, float),
    )  # fmt: skip
    return Trained(u, v, losses, integrals)


# ---- noise in a window ---------------------------------------------------------------------------------------------
_SMALL, _RATE = 0.1, 0.03  # α and η of the batch-noise experiment
_BATCHES = (1, 2, 4)


def predicted_shift(data: Problem, run: Trained, learning_rate: float, batch_size: int, stage: int = 0) -> float:
    """Mean shift of ln u v by batch noise in a stage [eq:effective-initialisation-shift]."""
    return law("effective-initialisation-shift")(
        learning_rate=learning_rate, batch_size=batch_size, loss_integral=run.loss_integrals[stage],
        feature_second_moment=float((data.features**2).mean()),
    )  # fmt: skip


def noise_window(
    seed: int | Sequence[int], first: int, last: int, batch_size: int = 1, temperature: float = 0.0,
    steps: int = 20_000,
) -> tuple[Problem, Trained]:  # fmt: skip
    """Full-batch training with minibatches or white noise in steps ``first`` to ``last`` alone, to interpolation."""
    seeds = [seed] if isinstance(seed, int | np.integer) else list(seed)
    data, rest = problem([*seeds, 0]), max(steps - last, 0)
    stages, warm = [first, last - first, rest], [0.0, temperature, 0.0]
    return data, train(
        data, _SMALL, [_RATE] * 3, stages, [0, batch_size, 0], temperatures=warm, seed=[*seeds, 1]
    )  # fmt: skip


def within_the_law(seed: int, count: int) -> list[list[int]]:
    """Seeds of problems in which no example's first step is near η|g| = 1, where [eq:effective-initialisation-step]
    has no logarithm: about one problem in a thousand is left out.
    """
    seeds, number = [], 0
    while len(seeds) < count:
        data = problem([seed, number, 0])
        if _RATE * np.abs(data.targets[:, None] * data.features).max() < 0.7:
            seeds.append([seed, number])
        number += 1
    return seeds


# ---- the study -----------------------------------------------------------------------------------------------------
PROBLEMS, NULL_PROBLEMS, STEPS = 48, 8, 14_000
_ENDS, _LATE, _TEMPERATURES = (50, 100, 400, 10_000), (400, 10_000), (1e-5, 1e-4, 1e-3)
_WARM_WINDOWS = ((0, 400), (400, 800), _LATE)
_NULLS = ("weight decay 10 000 steps later", "weight decay 40 000 steps later", "weight decay as a start at α/e",
          "warm start", "shrinking as a start at 0.4 α", "warm start, linear", "warm start, ridge",
          "warm start, logistic")  # fmt: skip
_DECAY, _DECAY_STEPS, _ONSETS = 0.05, 4000, (0, 10_000, 40_000)  # at a learning rate of 0.005: Λ = 1
_SHRINK, _PERTURB = 0.4, 0.1
_STARTS = ("cold", "warm", "shrunk", "perturbed", "cold at 0.4")


def new_error(data: Problem, run: Trained) -> float:
    """Mean squared error on new examples, |β - teacher|²."""
    return float(((run.coefficients - data.teacher) ** 2).sum())


def _noise_arms(seeds: list[list[int]]) -> dict[str, tuple[tuple[str, ...], Array]]:
    """Test errors and shifts of ln u v by arm, each along ``problem`` first."""
    plain = [noise_window(own, 0, 0, 0, steps=STEPS) for own in seeds]
    base = np.array([new_error(*each) for each in plain])
    drift = np.array([run.log_scale_shift(_SMALL) for _, run in plain])
    windows = [(0, end) for end in _ENDS] + [_LATE]
    shape = len(seeds), len(_BATCHES), len(windows)
    errors, shifts, laws = np.empty(shape), np.empty(shape), np.empty(shape)
    warm = np.empty((len(seeds), len(_TEMPERATURES), len(_WARM_WINDOWS)))
    with progress("problems", len(seeds)) as advance:
        for row, own in enumerate(seeds):
            for b, batch in enumerate(_BATCHES):
                for w, window in enumerate(windows):
                    data, run = noise_window(own, *window, batch, steps=STEPS)
                    errors[row, b, w] = new_error(data, run)
                    shifts[row, b, w] = run.log_scale_shift(_SMALL) - drift[row]
                    laws[row, b, w] = predicted_shift(data, run, _RATE, batch, 1)
            for number, t in enumerate(_TEMPERATURES):
                warm[row, number] = [new_error(*noise_window(own, *window, 0, t, STEPS)) for window in _WARM_WINDOWS]
            advance()
    by_window = ("problem", "batch", "window")
    return {
        "full_batch": (("problem",), base), "error": (by_window, errors), "shift": (by_window, shifts),
        "shift_law": (by_window, laws), "warm": (("problem", "temperature", "warm_window"), warm),
    }  # fmt: skip


def apart(one: tuple[Problem, Trained], other: tuple[Problem, Trained]) -> float:
    """Distance of the coefficients at two ends."""
    return float(np.linalg.norm(one[1].coefficients - other[1].coefficients))


def _half_first(seed: int | Sequence[int]) -> dict[str, tuple[Problem, Trained]]:
    """Cold and warm starts at α = 1, with the weights shrunk and perturbed in between, and a cold one at 0.4 α."""
    data, rate, own = problem(seed), 0.005, [seed] if isinstance(seed, int) else list(seed)
    half = train(data, 1.0, rate, 20_000, 0, first_examples=20)
    noise = _PERTURB * np.random.default_rng([*own, 2]).standard_normal((2, half.u.size))
    shrunk = _SHRINK * half.u, _SHRINK * half.v
    starts = {"warm": (half.u, half.v), "shrunk": shrunk, "perturbed": (shrunk[0] + noise[0], shrunk[1] + noise[1])}
    ends = {name: train(data, 1.0, rate, 20_000, 0, start=start) for name, start in starts.items()}
    ends |= {"cold": train(data, 1.0, rate, 20_000, 0), "cold at 0.4": train(data, _SHRINK, rate, 20_000, 0)}
    return {name: (data, end) for name, end in ends.items()}


def _decayed(seed: int | Sequence[int], onset: int | None, scale: float = 1.0) -> tuple[Problem, Trained]:
    """Trained from α = ``scale``, with weight decay of the integral Λ = 1 from an onset on, or without."""
    data = problem(seed)
    stages = [60_000] if onset is None else [onset, _DECAY_STEPS, 60_000 - onset - _DECAY_STEPS]
    decays = [0.0] if onset is None else [0.0, _DECAY, 0.0]
    return data, train(data, scale, [0.005] * len(stages), stages, 0, weight_decays=decays)


def _pull(name: str, data: Problem, w: Array) -> Array:
    """Gradient per example of the squared loss, "linear" or "ridge" (+ 0.05 |w|²), or of the "logistic" one."""
    scores, n = data.features @ w, data.targets.size
    if name == "logistic":
        return data.features.T @ (1 / (1 + np.exp(-scores)) - data.targets) / n
    return data.features.T @ (scores - data.targets) / n + (0.1 * w if name == "ridge" else 0.0)


def convex_warm_start(name: str, seed: Sequence[int], steps: int = 4000) -> tuple[float, float]:
    """Distance of a warm start's end from a cold one's, by gradient descent from 0 on "linear", "ridge" or "logistic".

    The warm start trains on half of the examples first. The logistic problem has 200 examples in 5 dimensions with
    random labels, so its optimum is unique. Returned, too: the distance after 5 steps on all examples, not ``steps``.
    """
    random = np.random.default_rng([*seed, 3])
    data, rate = problem(seed), 0.1
    if name == "logistic":
        features, teacher = random.standard_normal((200, 5)), np.ones(5)
        labels = (random.random(200) < 1 / (1 + np.exp(-features @ teacher))).astype(float)
        data, rate = Problem(features, labels, teacher), 1.0
    half = Problem(data.features[: data.targets.size // 2], data.targets[: data.targets.size // 2], data.teacher)
    warm, cold, early = np.zeros(data.teacher.size), np.zeros(data.teacher.size), 0.0
    for _ in range(steps):
        warm -= rate * _pull(name, half, warm)
    for step in range(steps):
        warm, cold = warm - rate * _pull(name, data, warm), cold - rate * _pull(name, data, cold)
        if step == 4:
            early = float(np.linalg.norm(warm - cold))
    return float(np.linalg.norm(warm - cold)), early


def _nulls(seeds: list[list[int]]) -> dict[str, tuple[tuple[str, ...], Array]]:
    """How far each null moves the end, and its positive control; test errors by weight decay's onset and by start."""
    moved, control = np.empty((len(seeds), len(_NULLS))), np.empty((len(seeds), len(_NULLS)))
    decayed, started = [], []
    for row, own in enumerate(seeds):
        late = [_decayed(own, onset) for onset in _ONSETS]
        scale = float(law("effective-initialisation-decay")(initial_scale=1.0, decay_integral=1.0))
        smaller, none = _decayed(own, None, scale), _decayed(own, None)
        ends = _half_first(own)
        convex = np.array([convex_warm_start(name, own) for name in ("linear", "ridge", "logistic")])
        pairs = [(other, late[0]) for other in (late[1], late[2], smaller)]
        pairs += [(ends["warm"], ends["cold"]), (ends["shrunk"], ends["cold at 0.4"])]
        moved[row] = [*(apart(*pair) for pair in pairs), *convex[:, 0]]
        other, shrink = apart(smaller, none), apart(ends["cold at 0.4"], ends["cold"])
        control[row] = [other] * 4 + [shrink, *convex[:, 1]]
        decayed.append([new_error(*each) for each in (none, *late, smaller)])
        started.append([new_error(*ends[name]) for name in _STARTS])
    return {
        "moved": (("null_problem", "null"), moved), "control": (("null_problem", "null"), control),
        "decayed": (("null_problem", "decay_arm"), np.array(decayed)),
        "started": (("null_problem", "start"), np.array(started)),
    }  # fmt: skip


def dataset(seed: int) -> xr.Dataset:
    """Every arm on every problem: noise in windows, and the nulls with their positive controls."""
    found = _noise_arms(within_the_law(seed, PROBLEMS)) | _nulls([[seed, n, 9] for n in range(NULL_PROBLEMS)])
    windows = [f"[0, {end})" for end in _ENDS] + [f"[{_LATE[0]}, {_LATE[1]})"]
    return xr.Dataset(
        found,
        coords={
            "batch": list(_BATCHES), "window": windows, "temperature": list(_TEMPERATURES),
            "warm_window": [f"[{first}, {last})" for first, last in _WARM_WINDOWS], "null": list(_NULLS),
            "decay_arm": ["none", "from 0", "from 10 000", "from 40 000", "none, α/e"], "start": list(_STARTS),
        },
        attrs={"problems": PROBLEMS, "null_problems": NULL_PROBLEMS, "seed": seed},
    )  # fmt: skip


def _paired(first: xr.DataArray, last: xr.DataArray) -> tuple[float, float, float]:
    """Means of both over problems, and the standard error of the mean difference."""
    mean, error = mean_and_error((last - first).values)
    return float(first.mean()), float(first.mean() + mean), float(error)


def gain(data: xr.Dataset) -> float:
    """By how much minibatches of one throughout lower the mean test error."""
    always = data["error"].sel(batch=1, window=f"[0, {_ENDS[-1]})")
    return float((data["full_batch"] - always).mean())


def influences(data: xr.Dataset) -> tuple[Influence, ...]:
    """Batch size early and late, the window's date and end, temperature early and late, and the dates that are none.

    The test error's range is the gain of noise throughout; for weight decay and start, that of α from 1 to 1/e.
    """
    early, late, last = f"[0, {_LATE[0]})", f"[{_LATE[0]}, {_LATE[1]})", f"[0, {_ENDS[-1]})"
    one, whole = data["error"].sel(batch=1), data["full_batch"]
    decayed, started = data["decayed"], data["started"]
    alpha = abs(float((decayed.sel(decay_arm="none, α/e") - decayed.sel(decay_arm="none")).mean()))

    def row(control: ControlName, lever: str, first: xr.DataArray, end: xr.DataArray, span: float) -> Influence:
        low, high, error = _paired(first, end)
        return Influence(control, lever, "test error (problems paired)", low, high, 0.0, error, span)

    reach = gain(data)
    return (
        *(
            row("temperature", f"T from 0 to {t:g} in steps {window}", whole,
                data["warm"].sel(temperature=t, warm_window=window), reach)
            for t, window in ((1e-5, early), (1e-4, early), (1e-4, late), (1e-3, early))
        ),
        row("batch size", f"B from 40 to 1 in steps {early}", whole, one.sel(window=early), reach),
        row("batch size", f"B from 40 to 1 in steps {late}", whole, one.sel(window=late), reach),
        row("time", f"B = 1 in steps {early} or in {late}", one.sel(window=early), one.sel(window=late), reach),
        row("time", "end of B = 1 from step 400 to 10 000", one.sel(window=early), one.sel(window=last), reach),
        row("other", "weight decay from step 0 on or from 40 000 on", decayed.sel(decay_arm="from 0"),
            decayed.sel(decay_arm="from 40 000"), alpha),
        row("other", "all examples from the start, or half of them first", started.sel(start="cold"),
            started.sel(start="warm"), alpha),
        row("other", "after half of them, weights as they are or times 0.4", started.sel(start="warm"),
            started.sel(start="shrunk"), alpha),
    )  # fmt: skip


def _share_of_gain(data: xr.Dataset, values: xr.DataArray) -> tuple[float, float, float]:
    """By how much an arm lowers the test error, as a share of the gain, with its 95 % interval."""
    _, _, error = _paired(data["full_batch"], values)
    share, reach = float((data["full_batch"] - values).mean()) / gain(data), REACH * error / gain(data)
    return share, share - reach, share + reach


def _null_claim(data: xr.Dataset, name: str, nulls: Sequence[str], told: str) -> Claim:
    """Some nulls' largest distance: "no", they do not move the end, below a hundredth of the least control."""
    own = data.sel(null=list(nulls))
    worst, control = float(own["moved"].max()), float(own["control"].min())
    sentence = f"{told} by at most {worst:.2g} in {own.sizes['null_problem']} problems; its control by at least"
    return Claim.of(name, f"{sentence} {control:.2g}.", worst, verdict="no" if worst < 0.01 * control else "yes")


def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """What has no effect first: late noise, temperature, dates; then early noise and its law."""
    early, late = f"[0, {_LATE[0]})", f"[{_LATE[0]}, {_LATE[1]})"
    one, at = data["error"].sel(batch=1), {"warm_window": early, "temperature": 1e-4}
    found = []
    for name, values, told in (
        ("late-batch-noise", one.sel(window=late), "Minibatches of one from step 400 on bring"),
        ("temperature-instead", data["warm"].sel(at), "White noise of T = 1e-4 in steps 0 to 400 brings"),
        ("early-batch-noise", one.sel(window=early), "Minibatches of one in steps 0 to 400 alone bring"),
    ):
        share, low, high = _share_of_gain(data, values)
        verdict: Verdict = "yes" if low > 0.5 else "no" if high < 0.5 else "cannot tell"
        sentence = f"{told} {share:.2g} [{low:.2g}, {high:.2g}] of the gain of minibatches throughout."
        found.append(Claim.of(name, sentence, share, (low, high), verdict=verdict))
    ratio = data["shift"].sel(window=f"[0, {_ENDS[-1]})") / data["shift_law"].sel(window=f"[0, {_ENDS[-1]})")
    mean, error = map(float, mean_and_error(ratio.sel(batch=1).values))
    hot, at = _TEMPERATURES[-1], {"warm_window": late, "temperature": _TEMPERATURES[-1]}
    share, *ends = _share_of_gain(data, data["warm"].sel(at))
    found += [
        Claim.of("late-temperature-harms", f"White noise of T = {hot:g} from step 400 on raises the test error by "
                 f"{-share:.3g} [{-ends[1]:.3g}, {-ends[0]:.3g}] times that gain.", -share, (-ends[1], -ends[0]),
                 verdict="yes" if ends[1] < 0 else "no" if ends[0] > 0 else "cannot tell"),
        Claim.of("shift-by-law", f"At B = 1 noise shifts ln uv by {mean:.3f} [{mean - REACH * error:.3f}, "
                 f"{mean + REACH * error:.3f}] of the law.", mean, (mean - REACH * error, mean + REACH * error), 1.0),
        _null_claim(data, "weight-decay-has-a-date", _NULLS[:2], "Later weight decay moves the interpolator"),
        _null_claim(data, "warm-start-matters", _NULLS[3:4], "Half of the examples first moves the interpolator"),
        _null_claim(data, "convex-warm-start", _NULLS[5:], "In three convex problems a warm start moves the end"),
    ]  # fmt: skip
    return against_first(found)


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Test error and shift by window, temperature by window, nulls, and starts."""

    def cells(values: xr.DataArray) -> list[str]:
        means, errors = mean_and_error(values.transpose(values.dims[0], ...).values)
        return [f"{m:+.3f} ± {e:.3f}" for m, e in zip(means, errors, strict=True)]

    windows = {"steps": [str(window) for window in data["window"].values]}
    by_batch = {f"B = {b}": cells(data["error"].sel(batch=b) - data["full_batch"]) for b in data["batch"].values}
    shifts = {f"B = {b}": cells(data["shift"].sel(batch=b)) for b in data["batch"].values}
    laws = data["shift_law"].mean("problem")
    shifts |= {f"law, B = {b}": [f"{x:+.3f}" for x in laws.sel(batch=b).values] for b in data["batch"].values}
    change = data["warm"] - data["full_batch"]
    warm = {f"steps {w}": cells(change.sel(warm_window=w)) for w in data["warm_window"].values}
    largest, least = data["moved"].max("null_problem").values, data["control"].min("null_problem").values
    return (
        Table.of_columns("test_error_by_window", f"Change of the test error by minibatches in these steps alone; it is "
                         f"{float(data['full_batch'].mean()):.3f} without.", windows | by_batch),
        Table.of_columns("shift_by_window", "Mean shift of ln uv by noise, measured and by "
                         "[eq:effective-initialisation-shift].", windows | shifts),
        Table.of_columns("test_error_by_temperature", "Change of the test error by white noise in these steps alone.",
                         {"T": [f"{t:g}" for t in data["temperature"].values]} | warm),
        Table.of_columns("nulls", "Distance between ends: the largest of the problems, and the least of the control "
                         "(α times 1/e; times 0.4; in convex problems after 5 steps).",
                         {"what": list(map(str, data["null"].values))}
                         | {"moves the end by": [f"{x:.1e}" for x in largest], "control": [f"{x:.1e}" for x in least]}),
        Table.of_columns("starts", "Test error at α = 1: half of the examples first, then all; shrunk by 0.4 in "
                         "between; perturbed by 0.1, too.",
                         {"start": list(map(str, data["start"].values)), "test error": cells(data["started"])}),
    )  # fmt: skip


# ---- checks --------------------------------------------------------------------------------------------------------
def _one_step(seed: int) -> Measured:
    data, rate = problem(seed), 0.01
    run = train(data, 0.5, rate, 1, 0)
    gradient = data.features.T @ -data.targets / data.targets.size
    factor = law("effective-initialisation-step")(learning_rate=rate, network_gradient=gradient)
    return run.u * run.v / 0.25 / factor - 1, np.zeros(gradient.size)


def _shifts(seed: int) -> Measured:
    """Shift of ln u v by noise over its law, for each batch size; what discrete steps do without noise is taken off."""
    ratios = []
    for own in within_the_law(seed, 10):
        without = noise_window(own, 0, 0)[1].log_scale_shift(_SMALL)
        row = []
        for batch in _BATCHES:
            data, run = noise_window(own, 0, 4000, batch)
            row.append((run.log_scale_shift(_SMALL) - without) / predicted_shift(data, run, _RATE, batch, 1))
        ratios.append(row)
    return mean_and_error(np.array(ratios))


def _gains(seed: int) -> Measured:
    """What noise in steps [0, 400) alone lacks of the gain of noise throughout, and what noise in [400, 10 000) gains.

    Both over the mean gain in test error, the mean squared error on new examples.
    """
    errors = []
    for number in range(20):
        runs = [noise_window([seed, number], *w) for w in ((0, 0), (0, 400), (400, 10_000), (0, 10_000))]
        errors.append([float(((run.coefficients - data.teacher) ** 2).sum()) for data, run in runs])
    without, early, late, always = np.array(errors).T
    gain = (without - always).mean()
    return mean_and_error(np.column_stack([early - always, without - late]) / gain)


def _weight_decay_dates(seed: int) -> Array:
    """Distances of the interpolators with later weight decay, and of the law's, from that with early decay."""
    scale = float(law("effective-initialisation-decay")(initial_scale=1.0, decay_integral=1.0))
    early, *others = [_decayed(seed, onset) for onset in _ONSETS]
    return np.array([apart(other, early) for other in (*others, _decayed(seed, None, scale))])


def _warm_start(seed: int) -> Measured:
    """Distance of the interpolator after training on half of the examples first from that of a cold start."""
    ends = _half_first(seed)
    return np.array([apart(ends["warm"], ends["cold"])]), np.zeros(1)


def _other_start() -> Array:
    """How far the interpolator moves if α changes by a factor of e and nothing else."""
    return np.array([apart(_decayed(0, None), _decayed(0, None, float(np.exp(-1.0))))])


MODEL = ZooModel(
    "diagonal_linear_network",
    ("effective-initialisation-step", "effective-initialisation-shift", "effective-initialisation-decay"),
    (
        Check("u v after one step", lambda: np.zeros(100), _one_step, lambda: np.full(100, 1e-6), 1e-12, "rounding"),
        Check("shift by batch noise over its law", lambda: np.ones(3), _shifts, lambda: np.full(3, 2.0), 0.1,
              "the law takes residual and feature for independent"),
        Check("noise after step 400 is useless, noise before it enough", lambda: np.zeros(2), _gains,
              lambda: np.ones(2), 0.05, "a last 1 % of the loss", slow=True),
        Check("weight decay early, later and latest", lambda: np.zeros(2),
              lambda seed: (_weight_decay_dates(seed)[:2], np.zeros(2)), lambda: np.full(2, _other_start()[0]), 1e-5,
              "discrete steps"),
        Check("weight decay as a smaller start", lambda: np.zeros(1),
              lambda seed: (_weight_decay_dates(seed)[2:], np.zeros(1)), _other_start, 3e-3, "discrete steps"),
        Check("warm start", lambda: np.zeros(1), _warm_start, _other_start, 1e-3, "discrete steps"),
    ),
    Study(
        "The diagonal linear network: only early batch noise helps, weight decay and warm starts have no date",
        """A linear model whose coefficients are β = u² - v² learns a sparse teacher from 40 examples of 100
coordinates, from u = v = α. Of the many β that interpolate, α fixes which is reached; a smaller α is closer to the
teacher. The *test error* is |β - teacher|². A *window* of steps has minibatches of B examples, or white noise of
temperature T; before and after it gradients are of the full batch. The *gain* is by how much minibatches of one
throughout lower the test error. Problems are paired.

Minibatches shrink u v in every step [eq:effective-initialisation-step], in proportion to the loss
[eq:effective-initialisation-shift]: early, and then no more. White noise acts whenever it comes, in proportion to its
length, and spreads u and v instead of shrinking u v: it is no substitute. Weight decay shrinks α, whenever it comes
[eq:effective-initialisation-decay], so its date cannot matter (against Golatkar, Achille & Soatto's networks). Training
on half of the examples first does not move the end either (against Ash & Adams's), and to shrink the weights in
between is only to start smaller. The same holds for descent from 0 in linear regression, and wherever the optimum is
unique.

Where this departs from a first exploration of ours: it told a test error of 1.545 for five problems and not their size.
At 40 of 100 it is half of that; at 30 of 100 it is 1.8 ± 0.2. Shifts and shares of the gain agree.""",
        dataset, claims, tables, influences, most_seconds=90.0,
    ),
)  # fmt: skip
