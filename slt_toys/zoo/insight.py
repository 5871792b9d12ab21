r"""Insight: a useful cue waits behind a gate that regularisation holds shut, until noise opens it at once.

Two inputs, a noisy one x_m = y + σ_m ξ and a cue x_c that equals c y after the *onset* and is random before. The
output is g_m w_m x_m + g_c w_c x_c + output noise, the loss ½ (output - y)² + λ (|g_m| + |g_c|); every parameter
follows its gradient at rate α, and parameter noise of standard deviation σ is added at every step.

Exact: near g_c = w_c = 0, where the cue is not used, both obey dw = α c_r g + noise, dg = α (c_r w - λ sgn g) + noise,
with c_r the mean of cue times residual. If the gate is fast, αλ ≪ σ ≪ λ √(α/c_r), the weight drifts by [eq:gate-drift]
and the gate opens after [eq:insight-time] steps on average: (4 ln 2 - 1)/3 (λ/(c_r σ))², which falls as one over the
temperature σ²/2α. Not exact: the whole network, whose reference setting has αλ = σ, where the law gives the scale
alone.

Source: Löwe, Touzo, Muhle-Karbe, Saxe, Summerfield & Schuck (2024), Abrupt and spontaneous strategy switches emerge in
simple regularised neural networks, PLoS Computational Biology 20, e1012505; the law and the reference numbers are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numba import njit
from scipy.special import ndtr

from ..reference.laws import law
from ..results.claims import Claim, Table, Verdict, number_text
from .model import Array, Check, Measured, ZooModel, mean_and_error
from .study import Influence, Study, share

ONSET, TRIALS = 1000, 6000  # trials before the cue means anything, and after
SEEN = 0.85  # accuracy above which a run has had its insight: half way from .74 to .96


@dataclass(frozen=True)
class Setting:
    """Rate α, penalty λ, parameter noise σ, cue c, input noise σ_m, output noise, examples a step: the reference's."""

    learning_rate: float = 0.05
    penalty: float = 0.1
    parameter_noise: float = 0.005
    cue: float = 0.3
    input_noise: float = 1.0
    output_noise: float = 0.5
    batch_size: int = 1
    first_weight: float = 0.01
    first_gate: float = 0.5

    @property
    def temperature(self) -> float:
        """Of the parameter noise, σ²/2α [loss]."""
        return self.parameter_noise**2 / (2 * self.learning_rate)


REFERENCE = Setting()


# ---- the network ---------------------------------------------------------------------------------------------------
@njit(cache=True)
def _network(
    random: np.random.Generator, runs: int, onset: int, trials: int, every: int, rate: float, penalty: float,
    noise: float, cue: float, input_noise: float, output_noise: float, batch: int, weight: float, gate: float,
) -> Array:  # fmt: skip
    """Products g w of both inputs, (runs, kept, 2), kept every so many trials after the onset."""
    kept = np.empty((runs, trials // every, 2))
    gradient, p = np.empty(4), np.empty(4)
    for run in range(runs):
        p[:2], p[2:] = weight, gate  # w_m, w_c, g_m, g_c
        for trial in range(onset + trials):
            gradient[:] = 0.0
            for _ in range(batch):
                y = 1.0 if random.random() < 0.5 else -1.0
                motion = y + input_noise * random.standard_normal()
                colour = cue * y
                if trial < onset and random.random() < 0.5:
                    colour = -colour
                error = p[2] * p[0] * motion + p[3] * p[1] * colour - y + output_noise * random.standard_normal()
                gradient[0] += error * p[2] * motion / batch
                gradient[1] += error * p[3] * colour / batch
                gradient[2] += error * p[0] * motion / batch
                gradient[3] += error * p[1] * colour / batch
            for x in range(2):
                gradient[2 + x] += penalty * np.sign(p[2 + x])
            for x in range(4):
                p[x] -= rate * gradient[x]
                if noise > 0:
                    p[x] += noise * random.standard_normal()
            after = trial - onset + 1
            if after > 0 and after % every == 0:
                kept[run, after // every - 1] = p[2] * p[0], p[3] * p[1]
    return kept


def train(setting: Setting, runs: int, seed: int | Sequence[int], trials: int = TRIALS, every: int = 10) -> Array:
    """Products of gate and weight of both inputs, shape (runs, kept, 2), every so many trials after the onset."""
    random = np.random.default_rng(seed)
    return _network(
        random, runs, ONSET, trials, every, setting.learning_rate, setting.penalty, setting.parameter_noise,
        setting.cue, setting.input_noise, setting.output_noise, setting.batch_size, setting.first_weight,
        setting.first_gate,
    )  # fmt: skip


def accuracy(products: Array, setting: Setting = REFERENCE) -> Array:
    """Chance that the output has the right sign, for products g w of both inputs, shape (..., 2)."""
    signal = products[..., 0] + products[..., 1] * setting.cue
    return ndtr(signal / np.hypot(products[..., 0] * setting.input_noise, setting.output_noise))


def delays(products: Array, setting: Setting = REFERENCE, every: int = 10) -> Array:
    """Trials from the onset until a run's accuracy first exceeds :data:`SEEN`; NaN where it never does, (runs,)."""
    seen = accuracy(products, setting) > SEEN
    return np.where(seen.any(axis=1), every * (seen.argmax(axis=1) + 1.0), np.nan)


# ---- the two parameters of the gate --------------------------------------------------------------------------------
@njit(cache=True)
def _gate(
    random: np.random.Generator, runs: int, rate: float, pull: float, penalty: float, noise: float, most: int
) -> Array:
    """Steps until the weight has reached the one that opens the gate, |u| = 1; NaN if it never does."""
    found = np.full(runs, np.nan)
    for run in range(runs):
        w, g = 0.0, 0.0
        for step in range(most):
            w, g = (
                w + rate * pull * g + noise * random.standard_normal(),
                g + rate * (pull * w - penalty * np.sign(g)) + noise * random.standard_normal(),
            )
            if abs(w) * pull > penalty:
                found[run] = step + 1
                break
    return found


def gate_times(
    runs: int, seed: int | Sequence[int], learning_rate: float = 0.001, pull: float = 1.0, penalty: float = 0.1,
    parameter_noise: float = 5e-4, most: int = 2_000_000,
) -> Array:  # fmt: skip
    """Steps until the gate of the two-parameter model opens, shape (runs,); NaN where it has not after ``most``."""
    return _gate(np.random.default_rng(seed), runs, learning_rate, pull, penalty, parameter_noise, most)


def insight_time(pull: float, penalty: float, parameter_noise: float) -> float:
    """Mean steps until the gate opens [eq:insight-time]."""
    return law("insight-time")(cue_pull=pull, gate_penalty=penalty, parameter_noise=parameter_noise)


def adiabaticity(setting: Setting, pull: float) -> float:
    """σ⁴ c_r²/(α²λ⁴): how far the gate is from being fast; the law is its limit at 0."""
    numerator = setting.parameter_noise**4 * pull**2
    return numerator / (setting.learning_rate**2 * setting.penalty**4)


# ---- the study -----------------------------------------------------------------------------------------------------
RUNS = 400
NOISES = (0.0, 0.0025, 0.005, 0.01, 0.02)
PENALTIES = (0.0, 0.05, 0.1, 0.15)
BATCHES = (1, 4, 16, 64)
GATE_NOISES = (3e-4, 5e-4, 8e-4)
GATE_RUNS = 200
WITHIN = (600, TRIALS)


def dataset(seed: int) -> xr.Dataset:
    """Shares of runs with an insight and their delays, by noise, penalty and batch size; the gate's times by law."""
    found: dict[str, tuple] = {}

    def put(name: str, dim: str, waits: Sequence[Array]) -> None:
        shares = [share(np.isfinite(each)) for each in waits]
        found[name], found[f"{name}_error"] = (dim, [v for v, _ in shares]), (dim, [e for _, e in shares])
        medians = [float(np.nanmedian(each)) if np.isfinite(each).any() else np.nan for each in waits]
        found[f"{name}_delay"] = (dim, medians)

    products = train(REFERENCE, RUNS, [seed, 0])
    waits = delays(products)
    put("by_noise", "noise", [
        delays(train(replace(REFERENCE, parameter_noise=x), RUNS, [seed, 1, i])) for i, x in enumerate(NOISES)
    ])  # fmt: skip
    hot = replace(REFERENCE, parameter_noise=0.01)
    put("by_penalty", "penalty", [
        delays(train(replace(hot, penalty=x), RUNS, [seed, 2, i])) for i, x in enumerate(PENALTIES)
    ])  # fmt: skip
    put("by_batch", "batch", [
        delays(train(replace(REFERENCE, batch_size=x), RUNS // 2, [seed, 3, i])) for i, x in enumerate(BATCHES)
    ])  # fmt: skip
    put("without_noise_by_batch", "batch", [
        delays(train(replace(REFERENCE, batch_size=x, parameter_noise=0.0), RUNS // 4, [seed, 4, i]))
        for i, x in enumerate(BATCHES)
    ])  # fmt: skip
    within = [share(waits <= when) for when in WITHIN]
    found["within"], found["within_error"] = ("trials", [v for v, _ in within]), ("trials", [e for _, e in within])
    times = [gate_times(GATE_RUNS, [seed, 5, i], parameter_noise=x) for i, x in enumerate(GATE_NOISES)]
    means = [mean_and_error(each) for each in times]
    found["gate_time"] = ("gate_noise", [float(m) for m, _ in means])
    found["gate_time_error"] = ("gate_noise", [float(e) for _, e in means])
    found["gate_time_law"] = ("gate_noise", [insight_time(1.0, 0.1, x) for x in GATE_NOISES])
    found["delay"] = ("run", waits)
    found["aligned"] = ("from_switch", _aligned(products))
    return xr.Dataset(
        found,
        coords={
            "noise": list(NOISES), "penalty": list(PENALTIES), "batch": list(BATCHES), "trials": list(WITHIN),
            "gate_noise": list(GATE_NOISES), "from_switch": _OFFSETS,
        },
        attrs={"runs": RUNS, "seed": seed, "temperature_per_square_noise": 1 / (2 * REFERENCE.learning_rate)},
    )  # fmt: skip


_OFFSETS = np.arange(-600, 601, 20)


def _aligned(products: Array) -> Array:
    """Mean accuracy around each run's own switch, both of a mean over 100 trials: single crossings are chance."""
    sums = np.cumsum(accuracy(products), axis=1)
    right = (sums[:, 10:] - sums[:, :-10]) / 10
    seen = right > SEEN
    rows = np.flatnonzero(seen.any(axis=1))
    at = seen[rows].argmax(axis=1)[:, None] + _OFFSETS // 10
    inside = (at >= 0) & (at < right.shape[1])
    values = right[rows[:, None], np.clip(at, 0, right.shape[1] - 1).astype(int)]
    return np.where(inside, values, 0).sum(axis=0) / np.maximum(inside.sum(axis=0), 1)


def influences(data: xr.Dataset) -> tuple[Influence, ...]:
    """Noise, batch size without and with noise, trials, penalty: the share of runs that have their insight."""
    quantity = f"share of runs with an insight within {TRIALS} trials"

    def between(control: str, lever: str, name: str, dim: str, first: float, last: float) -> Influence:
        ends = [(float(data[name].sel({dim: at})), float(data[f"{name}_error"].sel({dim: at}))) for at in (first, last)]
        told = quantity if control != "time" else "share of runs with an insight by then"
        return Influence(control, lever, told, ends[0][0], ends[1][0], ends[0][1], ends[1][1], 1.0)  # type: ignore[arg-type]

    return (
        between("temperature", "parameter noise from 0 to .01", "by_noise", "noise", 0.0, 0.01),
        between("batch size", "B from 1 to 64, without parameter noise", "without_noise_by_batch", "batch", 1, 64),
        between("batch size", "B from 1 to 64, with parameter noise", "by_batch", "batch", 1, 64),
        between("time", "trials from 600 to 6 000", "within", "trials", *WITHIN),
        between("other", "penalty from .15 to 0", "by_penalty", "penalty", 0.15, 0.0),
    )


def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """The law of the gate, what the network does without noise, and how it scales."""
    ratio, error = data["gate_time"] / data["gate_time_law"], data["gate_time_error"] / data["gate_time_law"]
    cold, least = float(ratio[0]), 1.96 * float(error[0])
    slope, slope_error = _slope(data)
    batch = int(data["batch"][0])
    silent, silent_error = (float(data[name][0]) for name in ("without_noise_by_batch", "without_noise_by_batch_error"))
    verdict: Verdict = "yes" if silent + 1.96 * silent_error < 0.1 else "no"
    return (
        Claim.of(
            "gate-time", f"The gate opens after {number_text(cold)} [{cold - least:.3g}, {cold + least:.3g}] times "
            "the law's mean, at the least noise.", cold, (cold - least, cold + least), 1.0,
        ),
        Claim.of(
            "gate-time-falls-as-temperature", f"Its time falls with the temperature to the power {slope:.3g} "
            f"[{slope - slope_error:.3g}, {slope + slope_error:.3g}].", slope,
            (slope - slope_error, slope + slope_error), -1.0,
        ),
        Claim.of(
            "batch-noise-alone-is-not-enough", f"Without parameter noise, minibatches of {batch} bring an insight to "
            f"{number_text(silent, 2)} of the runs.", silent, (0.0, silent + 1.96 * silent_error), verdict=verdict,
        ),
    )  # fmt: skip


def _slope(data: xr.Dataset) -> tuple[float, float]:
    """Power of the temperature in the gate's time, with the reach of its 95 % interval."""
    x, y = np.log(data["gate_noise"].values ** 2), np.log(data["gate_time"].values)
    weight = (data["gate_time"].values / data["gate_time_error"].values) ** 2
    centre = (weight * x).sum() / weight.sum()
    spread = (weight * (x - centre) ** 2).sum()
    return float((weight * (x - centre) * y).sum() / spread), float(1.96 / np.sqrt(spread))


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Shares and median delays by each control."""
    parts = (("by_noise", "noise", "parameter noise"), ("by_penalty", "penalty", "penalty, at noise .01"),
             ("by_batch", "batch", "batch size"),
             ("without_noise_by_batch", "batch", "batch size, no noise"))  # fmt: skip
    rows: list[tuple[str, ...]] = []
    for name, dim, told in parts:
        for value, part, error, wait in zip(
            data[dim].values, data[name].values, data[f"{name}_error"].values, data[f"{name}_delay"].values, strict=True
        ):
            rows.append((told, f"{value:g}", f"{part:.2f} ± {error:.2f}", number_text(float(wait))))
    gate = Table.of_columns(
        "the_gate_alone", "Steps until the gate of the two-parameter model opens, mean and standard error, and the "
        "law's mean.",
        {
            "parameter noise": [f"{x:g}" for x in data["gate_noise"].values],
            "steps": [
                f"{m:.4g} ± {e:.2g}"
                for m, e in zip(data["gate_time"].values, data["gate_time_error"].values, strict=True)
            ],
            "law": [f"{x:.4g}" for x in data["gate_time_law"].values],
        },
    )  # fmt: skip
    caption = (
        "Share of runs with an insight within 6 000 trials of the onset, one standard error, and the median delay."
    )
    return Table("insights", caption, ("control", "setting", "share", "median delay [trials]"), tuple(rows)), gate


# ---- checks --------------------------------------------------------------------------------------------------------
def _gate_ratio(seed: int) -> Measured:
    mean, error = mean_and_error(gate_times(400, seed))
    unit = insight_time(1.0, 0.1, 5e-4)
    return np.array([float(mean) / unit]), np.array([float(error) / unit])


MODEL = ZooModel("insight", ("gate-drift", "insight-time"), (
    Check("mean time of the gate over the law's", lambda: np.ones(1), _gate_ratio, lambda: np.full(1, 2.0), 0.1,
          "the gate is fast to 2 % only: σ⁴c_r²/α²λ⁴ = .0006"),
), Study(
    "Insight: noise opens a gate that regularisation holds shut",
    """A network reads a noisy input and a cue, each through a gate times a weight, and an L1 penalty holds the gates
shut. From the *onset* on the cue tells the answer. A run has its *insight* when its accuracy first exceeds .85; the
*delay* counts trials from the onset. *Parameter noise* is normal noise added to every parameter at every step; its
temperature is its variance over twice the learning rate.

What is exact is the law of the gate alone [eq:insight-time]: two parameters, a fast gate, small noise. The network's
reference setting lies outside that limit, so that its delays are simulated. The paper's parameters could not be
verified: scales of inputs, rates and noise are ours, chosen so that some runs have an insight and some have none.""",
    dataset, claims, tables, influences,
))  # fmt: skip
