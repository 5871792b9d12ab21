r"""Scale-invariant weights: behind a normalisation, weight decay and noise set a run's temperature by themselves.

The loss is that of the direction, -k c with c the cosine of w to the best direction in d dimensions; every example adds
a normal tilt of its own. SGD without momentum: w' = (1 - ηγ) w - η g, where g is at right angles to w and falls as
1/|w|. So the direction learns with the effective rate η/|w|², and the norm obeys [eq:norm-step]. It comes to
[eq:norm-equilibrium] in 1/4ηγ steps [eq:norm-relaxation], where the direction's temperature is
[eq:self-set-temperature], of the order of √(ηγ/B). Units: loss; steps.

Exact: the norm's step at any rate; the equilibrium up to the norm's own spread, of order ηγ; the temperature for a
small effective rate, with the loss's own gradient added to the noise; the mean cosine in three dimensions
[eq:mean-alignment]. Not exact: what happens without noise, where the norm shrinks until the direction is unstable.

Source: the laws are derived by us; for the effective rate compare van Laarhoven (2017), arXiv:1706.05350, and for its
equilibrium Li, Lyu & Arora (2020), Reconciling modern deep learning with traditional optimization analyses, NeurIPS,
arXiv:2010.02916 (both recalled; could not be verified here).
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
import xarray as xr
from numba import njit
from scipy.optimize import brentq

from ..reference.laws import law
from ..results.claims import Claim, Table, number_text
from ..results.progress import progress
from .model import Array, Check, Measured, ZooModel, mean_and_error
from .study import REACH, Influence, Study, share

DIMENSION = 3


@dataclass(frozen=True)
class Setting:
    """Rate η, decay γ, batch size B, variance σ² of an example's gradient in each direction, field k."""

    learning_rate: float = 0.1
    weight_decay: float = 0.01
    batch_size: float = 4
    variance: float = 100.0
    field: float = 0.2

    @property
    def decay_a_step(self) -> float:
        """ηγ."""
        return self.learning_rate * self.weight_decay

    @property
    def noise_temperature(self) -> float:
        """Temperature where noise alone makes the gradient [eq:self-set-temperature]."""
        return law("self-set-temperature")(
            learning_rate=self.learning_rate, weight_decay=self.weight_decay, example_variance=self.variance,
            dimension=DIMENSION, batch_size=self.batch_size,
        )  # fmt: skip

    def temperature_at(self, norm_square: float) -> float:
        """Temperature of the direction at a norm held fixed: that of the effective rate."""
        return self.learning_rate / norm_square * self.variance / (2 * self.batch_size)

    def square_gradient(self, temperature: float) -> float:
        """Mean squared gradient at unit norm, of noise and loss, at a temperature of the direction."""
        loss = self.field * temperature * float(alignment(self.field, temperature)) if self.field else 0.0
        return (DIMENSION - 1) * (self.variance / self.batch_size + loss)

    def norm_power(self, temperature: float) -> float:
        """Fourth power of the norm in equilibrium [eq:norm-equilibrium]."""
        return law("norm-equilibrium")(
            learning_rate=self.learning_rate, weight_decay=self.weight_decay,
            sphere_gradient=self.square_gradient(temperature),
        )  # fmt: skip

    @property
    def temperature(self) -> float:
        """Temperature and norm that agree: each follows from the other."""

        def excess(temperature: float) -> float:
            return self.temperature_at(np.sqrt(self.norm_power(temperature))) - temperature

        return float(brentq(excess, self.noise_temperature * 1e-6, self.noise_temperature * 10, xtol=1e-14))


REFERENCE = Setting()


def alignment(field: float, temperature: float) -> Array:
    """Mean cosine of the direction at a temperature [eq:mean-alignment]."""
    return np.asarray(law("mean-alignment")(field=field, self_set_temperature=temperature))


def told_temperature(field: float, cosine: float) -> float:
    """The temperature that a mean cosine tells; NaN for one that is none of a temperature."""
    if not 0 < cosine < 1:
        return float("nan")
    return float(brentq(lambda t: float(alignment(field, t)) - cosine, 2e-3 * field, 1e3 * field))


@njit(cache=True)
def _train(
    random: np.random.Generator, start: Array, rate: float, decay: float, noise: float, field: float, steps: int,
    skipped: int,
) -> Array:  # fmt: skip
    """Per run, means of c, |w|², |w|⁴, g²/|w|² and the largest η k/|w|², after the skipped steps; weights move on."""
    runs, dimension = start.shape
    found = np.zeros((runs, 5))
    tilt = np.empty(dimension)
    for run in range(runs):
        w = start[run]
        for step in range(steps):
            square = 0.0
            for i in range(dimension):
                square += w[i] * w[i]
            length, along = np.sqrt(square), 0.0
            for i in range(dimension):
                tilt[i] = noise * random.standard_normal() if noise > 0 else 0.0
                if i == 0:
                    tilt[i] += field
                along += tilt[i] * w[i] / length
            gradient = 0.0
            for i in range(dimension):
                tilt[i] -= along * w[i] / length  # minus the gradient at unit norm
                gradient += tilt[i] * tilt[i]
            if step >= skipped:
                found[run, 0] += w[0] / length
                found[run, 1] += square
                found[run, 2] += square * square
                found[run, 3] += gradient / square
                found[run, 4] = max(found[run, 4], rate * field / square)
            for i in range(dimension):
                w[i] = (1 - rate * decay) * w[i] + rate * tilt[i] / length
        found[run, :4] /= steps - skipped
    return found


def starts(runs: int, norm_square: float, seed: int | Sequence[int]) -> Array:
    """Weights of a norm, near the best direction, shape (runs, 3)."""
    w = np.random.default_rng(seed).standard_normal((runs, DIMENSION)) * 0.3
    w[:, 0] += 1.0
    return w * np.sqrt(norm_square) / np.sqrt((w**2).sum(axis=1, keepdims=True))


def train(setting: Setting, weights: Array, steps: int, skipped: int, seed: int | Sequence[int]) -> Array:
    """SGD from these weights, which it moves.

    Returns
    -------
    Per run, after the skipped steps: means of c, |w|², |w|⁴ and |g|², and the largest ηk/|w|², shape (runs, 5).
    """
    noise = float(np.sqrt(setting.variance / setting.batch_size))
    return _train(
        np.random.default_rng(seed), weights, setting.learning_rate, setting.weight_decay, noise, setting.field, steps,
        skipped,
    )  # fmt: skip


def in_equilibrium(setting: Setting, runs: int, seed: Sequence[int], lengths: float = 10.0) -> Array:
    """Runs long enough for norm and direction to forget their start, then so many relaxation times more."""
    temperature = setting.temperature
    norm_square = float(np.sqrt(setting.norm_power(temperature)))
    slowest = 1 / (4 * setting.decay_a_step)
    slowest = int(max(slowest, norm_square / setting.learning_rate / max(setting.field, 2 * temperature)))
    weights = starts(runs, norm_square, [*seed, 0])
    return train(setting, weights, int((5 + lengths) * slowest), 5 * slowest, [*seed, 1])


# ---- the study -----------------------------------------------------------------------------------------------------
RUNS = 32
RATES, BATCHES, DECAYS = (0.003, 0.01, 0.03, 0.1, 0.3), (1, 4, 16, 64), (0.001, 0.003, 0.01, 0.03)
DROP_STEPS = (50, 3000, 100_000)
NOISELESS_STEPS = 40_000


def dataset(seed: int) -> xr.Dataset:
    """Alignment, temperature and norm by rate, batch size and decay; a drop of the rate; a run without noise."""
    found: dict[str, tuple[str, list[float]]] = {}
    scans = {"learning_rate": RATES, "batch_size": BATCHES, "weight_decay": DECAYS}
    with progress("settings", sum(map(len, scans.values()))) as advance:
        for number, (name, values) in enumerate(scans.items()):
            rows = []
            for i, value in enumerate(values):
                setting = replace(REFERENCE, **{name: value})
                rows.append((setting, in_equilibrium(setting, RUNS, [seed, number, i], lengths=120)))
                advance()
            _put_scan(found, name, rows)
    after = _after_drop(seed)
    found["effective_rate"], found["effective_rate_error"] = ("steps", after[0]), ("steps", after[1])
    found["effective_rate_law"] = ("steps", after[2])
    found["cosine_after"], found["cosine_after_error"] = ("steps", after[3]), ("steps", after[4])
    silent = train(replace(REFERENCE, variance=0.0), starts(RUNS, 10.0, [seed, 9]), NOISELESS_STEPS,
                   NOISELESS_STEPS // 2, [seed, 10])  # fmt: skip
    unstable = share(silent[:, 4] > 2)
    forgotten = [
        mean_and_error(train(REFERENCE, starts(8 * RUNS, n, [seed, 11, i]), 8000, 7000, [seed, 12, i])[:, 0])
        for i, n in enumerate((1.0, 100.0))
    ]
    found["cosine_by_start"] = ("start", [float(m) for m, _ in forgotten])
    found["cosine_by_start_error"] = ("start", [float(e) for _, e in forgotten])
    return xr.Dataset(
        found, {**{n: list(v) for n, v in scans.items()}, "steps": list(DROP_STEPS), "start": [1.0, 100.0]},
        {"seed": seed, "noiseless_unstable": unstable[0], "noiseless_unstable_error": unstable[1]},
    )  # fmt: skip


def _put_scan(found: dict[str, tuple[str, list[float]]], name: str, rows: list[tuple[Setting, Array]]) -> None:
    short = {"learning_rate": "rate", "batch_size": "batch", "weight_decay": "decay"}[name]
    cosines = [mean_and_error(means[:, 0]) for _, means in rows]
    norms = [mean_and_error(means[:, 2]) for _, means in rows]
    laws = [setting.temperature for setting, _ in rows]
    fields = [setting.field for setting, _ in rows]
    told = [told_temperature(k, float(m)) for k, (m, _) in zip(fields, cosines, strict=True)]
    slopes = [(float(alignment(k, t * 1.01)) - float(alignment(k, t / 1.01))) / (t * 1.01 - t / 1.01)
              for k, t in zip(fields, laws, strict=True)]  # fmt: skip
    found[f"cosine_by_{short}"] = (name, [float(m) for m, _ in cosines])
    found[f"cosine_by_{short}_error"] = (name, [float(e) for _, e in cosines])
    found[f"temperature_by_{short}"] = (name, told)
    found[f"temperature_by_{short}_error"] = (
        name, [float(e) / abs(s) for (_, e), s in zip(cosines, slopes, strict=True)]
    )  # fmt: skip
    found[f"temperature_by_{short}_law"] = (name, laws)
    expected = [setting.norm_power(setting.temperature) for setting, _ in rows]
    found[f"norm_ratio_by_{short}"] = (name, [float(m) / x for (m, _), x in zip(norms, expected, strict=True)])
    found[f"norm_ratio_by_{short}_error"] = (name, [float(e) / x for (_, e), x in zip(norms, expected, strict=True)])


def _after_drop(seed: int) -> tuple[list[float], ...]:
    """Effective rate over that before a drop of the rate by ten, with errors and law, and the mean cosine."""
    before = REFERENCE
    low = replace(REFERENCE, learning_rate=before.learning_rate / 10)
    power = before.norm_power(before.temperature)
    weights = starts(8 * RUNS, np.sqrt(power), [seed, 20])
    train(before, weights, 5000, 0, [seed, 21])
    own = before.learning_rate / np.sqrt(power)
    rows: list[list[float]] = [[], [], [], [], []]
    done = 0
    for number, steps in enumerate(DROP_STEPS):
        train(low, weights, steps - done, 0, [seed, 22, number])
        done = steps
        rate, error = mean_and_error(low.learning_rate / (weights**2).sum(axis=1) / own)
        cosine, spread = mean_and_error(weights[:, 0] / np.sqrt((weights**2).sum(axis=1)))
        told = law("norm-relaxation")(
            learning_rate=low.learning_rate, weight_decay=low.weight_decay, steps_taken=steps,
            sphere_gradient=low.square_gradient(low.temperature), initial_norm_power=power,
        )  # fmt: skip
        for row, value in zip(
            rows, (rate, error, low.learning_rate / np.sqrt(told) / own, cosine, spread), strict=True
        ):
            row.append(float(value))
    return tuple(rows)


def influences(data: xr.Dataset) -> tuple[Influence, ...]:
    """Batch size, rate times decay, time since a drop of the rate, and the norm at the start."""

    def between(control: str, lever: str, name: str, first: int, last: int) -> Influence:
        value, error = data[name].values, data[f"{name}_error"].values
        return Influence(
            control, lever, "mean alignment", float(value[first]), float(value[last]), float(error[first]),  # type: ignore[arg-type]
            float(error[last]), 1.0,
        )  # fmt: skip

    return (
        between("temperature", "T from .14 to .025, by the rate", "cosine_by_rate", -1, 1),
        between("batch size", "B from 1 to 64", "cosine_by_batch", 0, -1),
        between("time", "steps since a drop of the rate by ten, from 50 to 100 000", "cosine_after", 0, -1),
        between("other", "weight decay from .03 to .001", "cosine_by_decay", -1, 0),
        between("other", "squared norm at the start from 1 to 100", "cosine_by_start", 0, -1),
    )


def _power(data: xr.Dataset, name: str, dim: str) -> tuple[float, float]:
    """Power of a setting in the temperature that the alignment tells, with its standard error."""
    x, y = np.log(data[dim].values.astype(float)), np.log(data[name].values)
    weight = (data[name].values / data[f"{name}_error"].values) ** 2
    centre = (weight * x).sum() / weight.sum()
    spread = (weight * (x - centre) ** 2).sum()
    return float((weight * (x - centre) * y).sum() / spread), float(1 / np.sqrt(spread))


def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """What noise-free training does first; then how the temperature goes with batch, rate and decay."""

    def held(name: str, told: str, value: float, error: float, expected: float) -> Claim:
        low, high = value - REACH * error, value + REACH * error
        sentence = told.format(f"{number_text(value)} [{low:.4g}, {high:.4g}]")
        return Claim.of(name, sentence, value, (low, high), expected)

    ratio = np.concatenate([data[f"norm_ratio_by_{x}"].values for x in ("rate", "batch", "decay")])
    weight = 1 / np.concatenate([data[f"norm_ratio_by_{x}_error"].values for x in ("rate", "batch", "decay")]) ** 2
    unstable, error = float(data.attrs["noiseless_unstable"]), float(data.attrs["noiseless_unstable_error"])
    norm, spread = float((weight * ratio).sum() / weight.sum()), float(1 / np.sqrt(weight.sum()))
    drop = [(float(data["effective_rate"][i]), float(data["effective_rate_error"][i])) for i in (0, -1)]
    return (
        Claim.of("no-noise", f"Without noise nothing holds the norm: rate times curvature exceeds 2 in "
                 f"{number_text(unstable, 2)} of the runs.", unstable, (max(unstable - REACH * error, 0.0), 1.0), 1.0),
        held("power-of-batch", "The temperature goes as the batch size to the power {}, not -1.",
             *_power(data, "temperature_by_batch", "batch_size"), -0.5),
        held("power-of-rate", "It goes as the learning rate to the power {}.",
             *_power(data, "temperature_by_rate", "learning_rate"), 0.5),
        held("power-of-decay", "It goes as the weight decay to the power {}.",
             *_power(data, "temperature_by_decay", "weight_decay"), 0.5),
        Claim.of("norm", f"The norm's fourth power is within a hundredth of its law: {norm:.4f} ± {spread:.4f} of it.",
                 norm, (norm - REACH * spread, norm + REACH * spread), 1.0,
                 "yes" if abs(norm - 1) + REACH * spread < 0.01 else "no"),
        held("drop-at-once", "A drop of the rate by ten leaves {} of the effective rate after 50 steps.", *drop[0],
             float(data["effective_rate_law"][0])),
        held("drop-later", "In the end it leaves {}, by law 1/√10.", *drop[1], float(data["effective_rate_law"][-1])),
    )  # fmt: skip


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Temperature and norm by rate, batch size and decay."""
    rows = []
    for short, name in (("rate", "learning_rate"), ("batch", "batch_size"), ("decay", "weight_decay")):
        for i, value in enumerate(data[name].values):
            cells = [
                f"{float(data[key][i]):.4g} ± {float(data[f'{key}_error'][i]):.2g}"
                for key in (f"temperature_by_{short}", f"norm_ratio_by_{short}")
            ]
            told = f"{float(data[f'temperature_by_{short}_law'][i]):.4g}"
            rows.append((name.replace("_", " "), f"{value:g}", cells[0], told, cells[1]))
    caption = "Temperature that the alignment tells, its law, and the norm's fourth power over its law; one error."
    return (Table("equilibrium", caption, ("control", "setting", "temperature", "law", "norm"), tuple(rows)),)


# ---- checks --------------------------------------------------------------------------------------------------------
_CHECKED = (Setting(batch_size=1), Setting(batch_size=64), Setting(learning_rate=0.5))


def _equilibria(seed: int) -> Measured:
    """Mean |w|⁴ over its law, and mean cosine, of each setting."""
    found = [in_equilibrium(each, 64, [seed, i], lengths=50) for i, each in enumerate(_CHECKED)]
    norms = [mean_and_error(means[:, 2] / each.norm_power(each.temperature))
             for each, means in zip(_CHECKED, found, strict=True)]  # fmt: skip
    cosines = [mean_and_error(means[:, 0]) for means in found]
    values, errors = zip(*norms, *cosines, strict=True)
    return np.array(values), np.array(errors)


def _laws() -> Array:
    return np.array([1.0] * 3 + [float(alignment(each.field, each.temperature)) for each in _CHECKED])


def _at_a_fixed_norm() -> Array:
    """What the law of SGD at one norm, the reference's, would say of the cosines."""
    norm_square = np.sqrt(REFERENCE.norm_power(REFERENCE.temperature))
    return np.array([1.0] * 3 + [float(alignment(each.field, each.temperature_at(norm_square))) for each in _CHECKED])


def _norm_balance(seed: int) -> Measured:
    """Stationarity of |w|²: mean of what decay takes over what gradients give, at a large decay a step."""
    setting = Setting(learning_rate=1.0, weight_decay=0.1)
    means = in_equilibrium(setting, 400, [seed], lengths=200)
    taken = (1 - (1 - setting.decay_a_step) ** 2) * means[:, 1]
    ratio = taken / (setting.learning_rate**2 * means[:, 3])
    mean, error = mean_and_error(ratio)
    return np.array([mean]), np.array([error])


MODEL = ZooModel(
    "scale_invariant_weights",
    ("norm-step", "norm-equilibrium", "norm-relaxation", "self-set-temperature", "mean-alignment"),
    (
        Check("norm's fourth power over its law, and mean alignment", _laws, _equilibria, _at_a_fixed_norm, 0.01,
              "the norm's own spread and the effective rate times the field"),
        Check("decay's share over the gradients' in the norm's balance", lambda: np.ones(1), _norm_balance,
              lambda: np.full(1, 2 / (2 - 0.1)), 1e-3, "the runs end a little off their start"),
    ),
    Study(
        "Scale-invariant weights: a temperature that the run sets itself",
        """The loss depends on the direction of the weights alone, as behind a normalisation layer, and the weights
decay. The *effective rate* is the learning rate over the squared norm; the norm comes to rest where decay and noise
balance [eq:norm-equilibrium]. The *alignment* is the cosine of the weights to the best direction; its mean is a
thermometer [eq:mean-alignment].

Exact are the norm's step [eq:norm-step], at any rate, and, at small rates, the temperature
[eq:self-set-temperature]. Examples add normal tilts to the loss, so that their noise is isotropic on the sphere; a
network's is not. The papers on effective rates could not be verified; the solvable loss is ours.""",
        dataset, claims, tables, influences,
    ),
)  # fmt: skip
