r"""Epoch-wise double descent of linear regression: fast features overfit before slow ones are learnt.

Features x of two groups, independent and normal, fast ones of variance v_f and slow ones of v_s << v_f; answers
y = θ.x + ε, half the mean square loss over n examples. A feature is learnt at the rate v. Its risk after k steps is
v θ² (1-ηv)^{2k} + (ς²/n)(1-(1-ηv)^k)² [eq:feature-risk-step], over flow time and at a temperature
[eq:feature-risk-flow]; it is least at [eq:feature-best-time]. The excess risk is the sum over features.

Exact: for n much larger than the number of features, these laws. For any n, the error of drawn examples by their own
eigenvectors. Not exact: for n near the number of inputs and without noise, Pezeshki et al.'s closed form, a ridge
regression of each group alone [eq:ridge-alignment] with ridge 1/t, whose two groups they then couple; it is compared
with drawn examples here, and fails late. Temperature, dw = ... + √(2T) dW, is our addition.

Source: Heckel & Yilmaz (2021), Early stopping in deep networks: double descent and how to eliminate it, ICLR,
arXiv:2007.10099 (two features); Pezeshki, Mitra, Bengio & Lajoie (2022), Multi-scale feature learning dynamics:
insights for double descent, ICML, arXiv:2112.03215 (closed form, by their code); 60 features in two groups are ours.
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
from .model import Array, Check, Measured, ZooModel, mean_and_error
from .study import Influence, Study

# ---- two features, by epochs ---------------------------------------------------------------------------------------
HECKEL_VARIANCES = np.array([1.0, 0.15**2])
HECKEL_SIGNALS = HECKEL_VARIANCES * np.array([0.45, 3.0]) ** 2
HECKEL_NOISE, HECKEL_RATE = 0.1, 0.1  # ς²/n and the step


def two_feature_risk(epochs: ArrayLike, rate: float = HECKEL_RATE) -> Array:
    """Excess risk of the two features of Heckel & Yilmaz's second figure after so many epochs."""
    own = law("feature-risk-step")(
        feature_signal=HECKEL_SIGNALS, feature_noise=HECKEL_NOISE, feature_variance=HECKEL_VARIANCES,
        learning_rate=rate, epochs_done=np.asarray(epochs, dtype=float)[..., None],
    )  # fmt: skip
    return np.asarray(own).sum(axis=-1)


def extrema(values: Array) -> np.ndarray:
    """Places of the inner extrema of a sequence, in order."""
    turns = np.sign(np.diff(values))
    return np.flatnonzero(turns[1:] * turns[:-1] < 0) + 1


# ---- two groups of features ----------------------------------------------------------------------------------------
@dataclass(frozen=True)
class Groups:
    """Numbers of fast and slow features, their scales √v, each group's signal, ς²/n times the fast ones' number."""

    sizes: tuple[int, int] = (50, 10)
    scales: tuple[float, float] = (1.0, 0.1)
    signals: tuple[float, float] = (1.0, 1.0)
    fast_noise: float = 1.0

    @property
    def variances(self) -> Array:
        """Of every feature, shape (features,)."""
        return np.repeat(np.square(self.scales), self.sizes)

    @property
    def weights(self) -> Array:
        """True weight of every feature: equal within a group."""
        each = np.sqrt(np.array(self.signals) / self.sizes) / np.array(self.scales)
        return np.repeat(each, self.sizes)

    def noise_deviation(self, examples: int) -> float:
        """Of the answers, so that ς²/n does not depend on the number of examples."""
        return float(np.sqrt(examples * self.fast_noise / self.sizes[0]))


REFERENCE = Groups()


def risk_law(times: ArrayLike, groups: Groups = REFERENCE, temperature: float = 0.0) -> Array:
    """Excess risk over flow time for many examples, at a temperature [loss]."""
    each = law("feature-risk-flow")(
        feature_signal=groups.variances * groups.weights**2, feature_noise=groups.fast_noise / groups.sizes[0],
        feature_variance=groups.variances, elapsed_time=np.asarray(times, dtype=float)[..., None],
        temperature=temperature,
    )  # fmt: skip
    return np.asarray(each).sum(axis=-1)


def best_times(groups: Groups = REFERENCE) -> tuple[float, float]:
    """Flow times at which the fast and the slow features' own risks are least."""
    found = law("feature-best-time")(
        feature_signal=np.divide(groups.signals, groups.sizes), feature_noise=groups.fast_noise / groups.sizes[0],
        feature_variance=np.square(groups.scales),
    )  # fmt: skip
    return float(found[0]), float(found[1])


def examples(n: int, seed: int | Sequence[int], groups: Groups = REFERENCE) -> tuple[Array, Array]:
    """Features (n, features) and answers (n,)."""
    random = np.random.default_rng(seed)
    x = random.standard_normal((n, sum(groups.sizes))) * np.sqrt(groups.variances)
    return x, x @ groups.weights + groups.noise_deviation(n) * random.standard_normal(n)


def risk_of(weights: Array, groups: Groups = REFERENCE) -> Array:
    """Excess risk of weights, shape (..., features)."""
    return ((weights - groups.weights) ** 2 * groups.variances).sum(axis=-1)


def flow(x: Array, y: Array, times: ArrayLike) -> Array:
    """Weights along gradient flow from 0 on these examples, by their own eigenvectors, shape (times, features)."""
    rates, basis = np.linalg.eigh(x.T @ x / len(x))
    pull = basis.T @ (x.T @ y) / len(x)
    decay = -np.expm1(-rates * np.asarray(times, dtype=float)[:, None]) / rates
    return (decay * pull) @ basis.T


@njit(cache=True)
def _langevin(
    random: np.random.Generator, moments: Array, pull: Array, rate: float, temperature: float, kept: np.ndarray
) -> Array:
    size = pull.size
    w, step, found, place = np.zeros(size), np.empty(size), np.empty((kept.size, size)), 0
    kick = np.sqrt(2 * temperature * rate)
    for now in range(kept[-1] + 1):
        if now == kept[place]:
            found[place] = w
            place += 1
        for i in range(size):
            slope = -pull[i]
            for j in range(size):
                slope += moments[i, j] * w[j]
            step[i] = -rate * slope
            if kick > 0:
                step[i] += kick * random.standard_normal()
        w += step
    return found


def train(
    x: Array, y: Array, times: ArrayLike, rate: float, seed: int | Sequence[int] = 0, temperature: float = 0.0
) -> Array:
    """Weights after steps of gradient descent on the mean loss with white noise, at flow times; (times, features)."""
    kept = np.round(np.asarray(times, dtype=float) / rate).astype(np.int64)
    return _langevin(np.random.default_rng(seed), x.T @ x / len(x), x.T @ y / len(x), rate, temperature, kept)


# ---- as many examples as inputs, without noise ---------------------------------------------------------------------
@dataclass(frozen=True)
class Modulated:
    """n examples z of d inputs, seen by the student through F with p singular values 1 and the others 1/κ."""

    examples: int = 130
    inputs: int = 100
    fast: int = 70
    ratio: float = 100.0


def modulated_error(
    steps: ArrayLike, seed: int | Sequence[int], setting: Modulated = Modulated(), by_ridge: bool = False
) -> Array:
    """Half the mean square error of a student after steps of 1/largest eigenvalue, on drawn examples; exact.

    z has entries of variance 1/d and the teacher of variance 1; the error is |w - F ŵ|²/2d. ``by_ridge``: of ridge
    regression on the same examples instead, with the ridge 2/steps that the closed form stands for.
    """
    random, d = np.random.default_rng(seed), setting.inputs
    z = random.standard_normal((setting.examples, d)) / np.sqrt(d)
    teacher = random.standard_normal(d)
    turns = [np.linalg.qr(random.standard_normal((d, d)))[0] for _ in range(2)]
    f = turns[0] @ np.diag(np.where(np.arange(d) < setting.fast, 1.0, 1 / setting.ratio)) @ turns[1]
    _, scale, basis = np.linalg.svd(z @ f, full_matrices=False)
    at = np.asarray(steps, dtype=float)[:, None]
    kept = 2 / (at * scale**2 + 2) if by_ridge else np.maximum(1 - scale**2 / scale[0] ** 2, 0.0) ** at
    left = kept * (basis @ np.linalg.solve(f, teacher))  # without noise and n > d the end is the teacher itself
    return ((left @ (f @ basis.T).T) ** 2).mean(axis=1) / 2


def closed_form_error(steps: ArrayLike, setting: Modulated = Modulated()) -> Array:
    """The same by Pezeshki et al.'s closed form, as their code has it: without noise, with a ridge of 1/steps."""
    ridge, d, n = 1 / np.asarray(steps, dtype=float), setting.inputs, setting.examples
    sizes, scales, halves = (setting.fast, d - setting.fast), (0.5, 0.5 / setting.ratio), (0.5, 1.0)
    aligned, couplings, rests = [], [], []
    for size, scale, half in zip(sizes, scales, halves, strict=True):
        alpha, own = n / size, half * ridge / (size / d * scale**2)
        share = np.asarray(law("ridge-alignment")(examples_per_input=alpha, scaled_ridge=own))
        a = alpha / share
        aligned.append(size / d * share)
        couplings.append(alpha / (a**2 - alpha))
        rests.append(1 - (2 - a) / a * n / d)
    rest = [rests[0] - 2 * aligned[1], rests[1] - 2 * aligned[0]]
    both = couplings[0] * couplings[1]
    norms = [(both * rest[1 - i] + couplings[i] * rest[i]) / (1 - both) for i in range(2)]
    return (1 - 2 * (aligned[0] + aligned[1]) + norms[0] + norms[1]) / 2


# ---- the study -----------------------------------------------------------------------------------------------------
FIRST, PEAK, LATE = 0.71, 4.7, 179.0  # flow times of the law's extrema
TEMPERATURE = 0.005  # that of minibatches of 2 at the rate .001 and 1000 examples, η ς²/2B
EXAMPLES, RUNS, DRAWN = 4000, 160, 200
SHOWN = (0.2, FIRST, 2.0, PEAK, 12.0, 40.0, LATE, 600.0)
STEPS = np.geomspace(1, 1e6, 49)
SINGLED = (10.0, 316.0, 3e4, 2e5)
ARMS = {
    "reference": (REFERENCE, 0.0), "T = 0.005": (REFERENCE, TEMPERATURE), "slow scale 1": (Groups(scales=(1, 1)), 0.0),
    "no noise": (Groups(fast_noise=0.0), 0.0),
}  # fmt: skip


def risks(name: str, runs: int, seed: int, times: Sequence[float] = SHOWN) -> Array:
    """Excess risks of students in one arm, under flow or in steps of .02 at its temperature, shape (runs, times)."""
    groups, temperature = ARMS[name]
    found = []
    for run in range(runs):
        x, y = examples(EXAMPLES, [seed, run], groups)
        weights = train(x, y, times, 0.02, [seed, run, 1], temperature) if temperature else flow(x, y, times)
        found.append(risk_of(weights, groups))
    return np.array(found)


def dataset(seed: int) -> xr.Dataset:
    """The law of two features and of two groups, students in each arm, and the closed form against drawn examples."""
    found: dict[str, tuple] = {}
    first, peak, late = (SHOWN.index(t) for t in (FIRST, PEAK, LATE))
    with progress("students", len(ARMS) + 2) as advance:
        arms = []
        for arm in ARMS:
            arms.append(risks(arm, RUNS, seed * 10))
            advance()
        parts_of = {
            "risk": arms, "rise": [r[:, peak] - r[:, first] for r in arms],
            "descent": [r[:, peak] - r[:, late] for r in arms],
        }  # fmt: skip
        for name in ("rise", "descent"):  # each student less the one on the same examples without temperature
            parts_of[f"{name}_change"] = [each - parts_of[name][0] for each in parts_of[name]]
        for name, values in parts_of.items():
            pairs, dims = [mean_and_error(each) for each in values], ("arm", "shown") if name == "risk" else ("arm",)
            found[name], found[f"{name}_error"] = (dims, [m for m, _ in pairs]), (dims, [e for _, e in pairs])
        for name, by_ridge in (("drawn", False), ("ridged", True)):
            draws = np.array([
                modulated_error(np.r_[STEPS, SINGLED], [seed, 7, run], by_ridge=by_ridge) for run in range(DRAWN)
            ])  # fmt: skip
            mean, error = mean_and_error(draws)
            for part, dim, cut in (("", "step", slice(STEPS.size)), ("_at", "at", slice(STEPS.size, None))):
                found[f"{name}{part}"] = (dim, mean[cut])
                found[f"{name}{part}_error"] = (dim, error[cut])
            advance()
    times, epochs = np.geomspace(0.1, 2000, 241), np.unique(np.round(np.geomspace(1, 5000, 300)))
    parts = law("feature-risk-step")(
        feature_signal=HECKEL_SIGNALS, feature_noise=HECKEL_NOISE, feature_variance=HECKEL_VARIANCES,
        learning_rate=HECKEL_RATE, epochs_done=epochs[:, None],
    )  # fmt: skip
    return xr.Dataset(
        {
            **found,
            "two_features": (("epoch", "feature"), parts),
            "law": (("arm", "time"), [risk_law(times, *each) for each in ARMS.values()]),
            "shown_law": (("arm", "shown"), [risk_law(SHOWN, *each) for each in ARMS.values()]),
            "closed_form": ("step", closed_form_error(STEPS)),
            "closed_form_at": ("at", closed_form_error(SINGLED)),
        },
        coords={"arm": list(ARMS), "shown": list(SHOWN), "time": times, "epoch": epochs, "feature": ["fast", "slow"],
                "step": STEPS, "at": list(SINGLED)},
        attrs={"runs": RUNS, "drawn": DRAWN, "examples": EXAMPLES, "seed": seed},
    )  # fmt: skip


def influences(data: xr.Dataset) -> tuple[Influence, ...]:
    """Time, temperature on both parts, the slow features' scale, and the answers' noise."""
    first, peak, late = (float(risk_law(t)) for t in (FIRST, PEAK, LATE))

    def between(control: str, lever: str, quantity: str, name: str, arm: str, span: float) -> Influence:
        base, changed = float(data[name].sel(arm="reference")), data[[f"{name}_change", f"{name}_change_error"]]
        change, error = (float(each) for each in changed.sel(arm=arm).data_vars.values())
        return Influence(control, lever, quantity, base, base + change, 0.0, error, span)  # type: ignore[arg-type]

    own = data.sel(arm="reference")
    start, fall = float(own["risk"].sel(shown=PEAK)), float(own["descent"])
    rise, descent = "rise of the risk, t = 0.71 to 4.7", "second descent of the risk, t = 4.7 to 179"
    return (
        between("temperature", "T from 0 to .005", rise, "rise", "T = 0.005", peak - first),
        between("temperature", "T from 0 to .005", descent, "descent", "T = 0.005", peak - late),
        Influence("time", "flow time from 4.7 to 179", "excess risk", start, start - fall, 0.0,
                  float(own["descent_error"]), peak - late),
        between("other", "slow features' scale from .1 to 1", descent, "descent", "slow scale 1", peak - late),
        between("other", "variance of the answers' noise from n/50 to 0", rise, "rise", "no noise", peak - first),
    )  # fmt: skip


def _against(name: str, sentence: str, value: float, error: float, expected: float, end: str = "") -> Claim:
    low, high = value - 1.96 * error, value + 1.96 * error
    return Claim.of(
        name, f"{sentence} {value:.3g} [{low:.3g}, {high:.3g}]{end}.", value, (low, high), expected
    )  # fmt: skip


def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """Where the closed form fails, and why; then the laws."""
    found = []
    for name, told, at in (
        ("drawn", "students", 2e5),
        ("drawn", "students", 316.0),
        ("ridged", "ridge regressions", 2e5),
    ):
        unit = float(data["closed_form_at"].sel(at=at))
        when = "late" if at > 1000 else "peak"
        found.append(
            _against(f"closed-form-{name}-{when}", f"After {at:.0f} steps drawn {told} err by",
                     float(data[f"{name}_at"].sel(at=at)) / unit, float(data[f"{name}_at_error"].sel(at=at)) / unit,
                     1.0, " times the closed form")
        )  # fmt: skip
    places = extrema(two_feature_risk(np.arange(3000)))
    verdict: Verdict = "yes" if places.tolist() == [12, 30, 491] else "no"
    found.append(
        Claim.of("two-features", f"Two features' risk turns after {', '.join(map(str, places))} epochs; 12, 30 and 491 "
                 "are reported.", len(places), verdict=verdict)
    )  # fmt: skip
    own, warm, one = (data.sel(arm=name) for name in ("reference", "T = 0.005", "slow scale 1"))
    by_law = {name: risk_law([FIRST, PEAK, LATE], *each) for name, each in ARMS.items()}
    rises = {name: float(each[1] - each[0]) for name, each in by_law.items()}
    value, reach = float(one["descent"]), 1.96 * float(one["descent_error"])
    low, high = value - reach, value + reach
    span = 0.1 * float(by_law["reference"][1] - by_law["reference"][2])
    absent: Verdict = "yes" if high < span else "no" if low > span else "cannot tell"
    found += [
        _against("risk-rises", "From flow time 0.71 to 4.7 the risk of students rises by", float(own["rise"]),
                 float(own["rise_error"]), rises["reference"]),
        _against("risk-falls-again", "From flow time 4.7 to 179 it falls by", float(own["descent"]),
                 float(own["descent_error"]), float(by_law["reference"][1] - by_law["reference"][2])),
        _against("temperature-adds", "At temperature 0.005 it rises by", float(warm["rise"]), float(warm["rise_error"]),
                 rises["T = 0.005"]),
        Claim.of("no-separation-no-second-descent", f"With features of one scale the second descent is {value:.3g} "
                 f"[{low:.3g}, {high:.3g}].", value, (low, high), verdict=absent),
    ]  # fmt: skip
    return tuple(sorted(found, key=lambda claim: claim.verdict != "no"))


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Risks over time in each arm, and the closed form against drawn examples."""

    def cells(values: xr.Dataset, name: str) -> list[str]:
        return [f"{v:.3f} ± {e:.3f}" for v, e in zip(values[name].values, values[f"{name}_error"].values, strict=True)]

    over_time = Table.of_columns(
        "over_time", f"Excess risk of {RUNS} students on {EXAMPLES} examples, mean and one standard error, and the "
        "law's.",
        {"flow time": [f"{t:g}" for t in SHOWN]}
        | {
            arm: [
                f"{cell} ({by_law:.3f})" for cell, by_law in zip(
                    cells(data.sel(arm=arm), "risk"), data["shown_law"].sel(arm=arm).values, strict=True
                )
            ]
            for arm in ARMS
        },
    )  # fmt: skip
    closed = Table.of_columns(
        "closed_form", f"Half the mean square error of {DRAWN} drawn sets of examples, mean and one standard error, "
        "after steps and with the ridge that stands for them.",
        {"steps": [f"{t:.0f}" for t in SINGLED], "closed form": [f"{x:.4f}" for x in data["closed_form_at"].values],
         "students": cells(data, "drawn_at"), "ridge regression": cells(data, "ridged_at")},
    )  # fmt: skip
    return over_time, closed


# ---- checks --------------------------------------------------------------------------------------------------------
def _two_feature_descent(seed: int) -> Measured:
    """Mean risk of two features in steps, with the noise of the answers drawn, at the law's extrema."""
    at, random = np.array([12, 30, 491]), np.random.default_rng(seed)
    truth = np.array([0.45, 3.0])
    pull = np.sqrt(HECKEL_NOISE) * random.standard_normal((4000, 2))
    w, found = np.zeros((4000, 2)), []
    for epoch in range(at[-1] + 1):
        if epoch in at:
            found.append(((w - truth) ** 2 * HECKEL_VARIANCES).sum(axis=1))
        w -= HECKEL_RATE * (HECKEL_VARIANCES * (w - truth) - np.sqrt(HECKEL_VARIANCES) * pull)
    return mean_and_error(np.array(found).T)


def _by_arm(name: str, off: float) -> Check:
    times = (FIRST, PEAK, LATE)
    return Check(
        f"risk of two groups, {name}", lambda: risk_law(times, *ARMS[name]),
        lambda seed: mean_and_error(risks(name, 40, seed, times)), lambda: risk_law(times, Groups(scales=(1.0, 0.3))),
        off, "4000 examples, not infinitely many",
    )  # fmt: skip


MODEL = ZooModel("double_descent", (
    "feature-risk-step", "feature-risk-flow", "feature-best-time", "ridge-alignment",
), (
    Check("risk of two features after 12, 30 and 491 epochs", lambda: two_feature_risk([12, 30, 491]),
          _two_feature_descent, lambda: two_feature_risk([30, 491, 12])),
    _by_arm("reference", 0.06), _by_arm("T = 0.005", 0.06),
), Study(
    "Epoch-wise double descent: fast features overfit before slow ones are learnt",
    """Linear regression with fast features (scale 1) and slow ones (scale .1) by gradient descent on all examples.
Each feature has a best time of its own [eq:feature-best-time]; after it the feature fits noise. The *excess risk* on
new examples is a sum over features [eq:feature-risk-flow]: it falls as the fast are learnt, rises as they overfit, and
falls again, the *second descent*, as the slow are learnt. *Flow time* is rate times steps. White noise of temperature T
is our addition; .005 is the temperature that minibatches of 2 have in batch_double_descent.

For as many examples as inputs and answers without noise, a closed form of Pezeshki et al. puts a ridge of 1/steps for
time. It is compared with students on drawn examples, and with ridge regressions on the same, at n = 130, d = 100, 70
fast inputs and a ratio of scales of 100. It has the shape, but late errors are up to twice its own. The sixty features
in two groups are ours; Heckel and Yilmaz have two.""",
    dataset, claims, tables, influences,
))  # fmt: skip
