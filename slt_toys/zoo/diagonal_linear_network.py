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
from numba import njit
from numpy.typing import ArrayLike

from ..reference.laws import law
from .model import Array, Check, Measured, ZooModel, mean_and_error


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
    seed: int | Sequence[int] = 0,
) -> Trained:  # fmt: skip
    """Train from α through stages of constant settings; all but problem, α and seed hold one number per stage.

    Batches of ``batch_sizes`` are drawn with replacement, 0 stands for the full one; ``noise`` is a factor on the
    deviation of the minibatch gradient from the full one. By ``weight_decays`` λ_w, u and v shrink by ηλ_w in a step.
    ``first_examples``: train on so many from the top; 0 for all.
    """
    rates = np.atleast_1d(np.asarray(learning_rates, dtype=float))

    def column(values: ArrayLike, kind: type) -> np.ndarray:
        return np.broadcast_to(np.asarray(values), rates.shape).astype(kind)

    u = np.full(data.teacher.size, float(initial_scale))
    v = u.copy()
    losses, integrals = _train(
        np.random.default_rng(seed), data.features, data.targets, u, v, rates, column(steps, np.int64),
        column(batch_sizes, np.int64), column(noise, float), column(weight_decays, float),
        column(first_examples, np.int64),
    )  # fmt: skip
    return Trained(u, v, losses, integrals)


@njit(cache=True)
def _train(
    random: np.random.Generator, x: Array, y: Array, u: Array, v: Array, rates: Array, steps: np.ndarray,
    batches: np.ndarray, noise: Array, decays: Array, firsts: np.ndarray,
) -> tuple[Array, Array]:  # fmt: skip
    n, d = x.shape
    losses, integrals = np.empty(rates.size), np.zeros(rates.size)
    beta, g, full, r = u * u - v * v, np.empty(d), np.empty(d), np.empty(n)
    for stage in range(rates.size):
        eta, batch, count = rates[stage], batches[stage], firsts[stage] if firsts[stage] > 0 else n
        everything = batch == 0 or noise[stage] != 1.0
        for _ in range(steps[stage]):
            for i in range(count):
                r[i] = np.dot(x[i], beta) - y[i]
            integrals[stage] += eta * np.dot(r[:count], r[:count]) / (4 * count)
            if everything:
                full[:] = 0.0
                for i in range(count):
                    for j in range(d):
                        full[j] += r[i] * x[i, j]
                full /= count
            if batch == 0:
                g[:] = full
            else:
                g[:] = 0.0
                for _ in range(batch):
                    i = int(random.random() * count)
                    for j in range(d):
                        g[j] += r[i] * x[i, j]
                g /= batch
                if noise[stage] != 1.0:
                    for j in range(d):
                        g[j] = full[j] + noise[stage] * (g[j] - full[j])
            for j in range(d):
                u[j] *= 1 - eta * (g[j] + decays[stage])
                v[j] *= 1 + eta * (g[j] - decays[stage])
                beta[j] = u[j] * u[j] - v[j] * v[j]
        total = 0.0
        for i in range(n):
            total += (np.dot(x[i], beta) - y[i]) ** 2
        losses[stage] = total / (4 * n)
    return losses, integrals


# ---- checks --------------------------------------------------------------------------------------------------------
_SMALL, _RATE = 0.1, 0.03  # α and η of the batch-noise experiment
_BATCHES = (1, 2, 4)


def predicted_shift(data: Problem, run: Trained, learning_rate: float, batch_size: int, stage: int = 0) -> float:
    """Mean shift of ln u v by batch noise in a stage [eq:effective-initialisation-shift]."""
    return law("effective-initialisation-shift")(
        learning_rate=learning_rate, batch_size=batch_size, loss_integral=run.loss_integrals[stage],
        feature_second_moment=float((data.features**2).mean()),
    )  # fmt: skip


def noise_window(seed: int | Sequence[int], first: int, last: int, batch_size: int = 1) -> tuple[Problem, Trained]:
    """Full-batch training with minibatches in steps ``first`` to ``last`` alone, to interpolation."""
    seeds = [seed] if isinstance(seed, int | np.integer) else list(seed)
    data, rest = problem([*seeds, 0]), max(20_000 - last, 0)
    stages = [first, last - first, rest]
    return data, train(data, _SMALL, [_RATE] * 3, stages, [0, batch_size, 0], seed=[*seeds, 1])


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


def _reported_shifts(seed: int) -> Measured:
    """Shifts over the reported ones."""
    problems = within_the_law(seed, 10)
    shifts = [[noise_window(own, 0, 4000, b)[1].log_scale_shift(_SMALL) for b in _BATCHES] for own in problems]
    return mean_and_error(np.array(shifts) / np.array([-0.265, -0.122, -0.061]))


def _weight_decay_dates(seed: int) -> Array:
    """Distances of the interpolators with later weight decay, and of the law's, from that with early decay."""
    data, ends = problem(seed), []
    for onset in (0, 10_000, 40_000):
        stages, decays = [onset, 4000, 60_000 - onset], [0.0, 0.05, 0.0]
        ends.append(train(data, 1.0, [0.005] * 3, stages, 0, weight_decays=decays).coefficients)
    scale = law("effective-initialisation-decay")(initial_scale=1.0, decay_integral=0.05 * 0.005 * 4000)
    ends.append(train(data, float(scale), 0.005, 60_000, 0).coefficients)
    return np.array([float(np.linalg.norm(other - ends[0])) for other in ends[1:]])


def _warm_start(seed: int) -> Measured:
    """Distance of the interpolator after training on half of the examples first from that of a cold start."""
    data = problem(seed)
    warm = train(data, 1.0, [0.005] * 2, [20_000, 40_000], 0, first_examples=[20, 0]).coefficients
    cold = train(data, 1.0, 0.005, 40_000, 0).coefficients
    return np.array([float(np.linalg.norm(warm - cold))]), np.zeros(1)


def _other_start() -> Array:
    """How far the interpolator moves if α changes by a factor of e and nothing else."""
    data = problem(0)
    large, small = (train(data, scale, 0.005, 40_000, 0).coefficients for scale in (1.0, np.exp(-1.0)))
    return np.array([float(np.linalg.norm(large - small))])


MODEL = ZooModel(
    "diagonal_linear_network",
    ("effective-initialisation-step", "effective-initialisation-shift", "effective-initialisation-decay"),
    (
        Check("u v after one step", lambda: np.zeros(100), _one_step, lambda: np.full(100, 1e-6), 1e-12, "rounding"),
        Check("shift by batch noise over its law", lambda: np.ones(3), _shifts, lambda: np.full(3, 2.0), 0.1,
              "the law takes residual and feature for independent"),
        Check("shift by batch noise over the reported one", lambda: np.ones(3), _reported_shifts,
              lambda: np.full(3, 2.0), 0.15, "the problem's size is not reported"),
        Check("noise after step 400 is useless, noise before it enough", lambda: np.zeros(2), _gains,
              lambda: np.ones(2), 0.05, "a last 1 % of the loss", slow=True),
        Check("weight decay early, later and latest", lambda: np.zeros(2),
              lambda seed: (_weight_decay_dates(seed)[:2], np.zeros(2)), lambda: np.full(2, _other_start()[0]), 1e-5,
              "discrete steps"),
        Check("weight decay as a smaller start", lambda: np.zeros(1),
              lambda seed: (_weight_decay_dates(seed)[2:], np.zeros(1)), _other_start, 3e-3, "discrete steps"),
        Check("warm start", lambda: np.zeros(1), _warm_start, _other_start, 1e-3, "discrete steps"),
    ),
)  # fmt: skip
