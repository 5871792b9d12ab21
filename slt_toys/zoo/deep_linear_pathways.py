r"""Two deep linear pathways compete for one target: a critical period without temperature, which noise reopens.

Loss (S - p_a^D - p_b^D)²/(2D), flow dp_a/dt = p_a^{D-1} (S - p_a^D - p_b^D) and the same for p_b, which a deficit
holds. K_b = p_b^D is what the deprived pathway ends up carrying; p ≥ 0, time is gradient flow time.

Exact: the flow conserves p_a^{2-D} - p_b^{2-D}, at D = 2 ln(p_a/p_b) [eq:pathway-invariant], so the final split is
where that curve meets p_a^D + p_b^D = S (at D = 2, [eq:pathway-share-shallow]). Langevin dynamics
dp = -∇L dt + √(2T) dW, reflected at p = 0, forgets the split: at D = 2 and low temperature the mean share obeys
[eq:pathway-share-thermal].

Source: Kleinman, Achille & Soatto (2024), Critical learning periods emerge even in deep linear networks, ICLR,
arXiv:2308.12221 (a mode of their multipath network); the laws are ours.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
from numba import njit
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from ..reference.laws import law
from .model import Array, Check, Measured, ZooModel, mean_and_error

STRONGEST = np.sqrt(15.0)  # largest singular value of the reference tree
START = 0.01  # p^D at the start


def residual_loss(p: ArrayLike, strength: float, depth: int) -> Array:
    """(S - p_a^D - p_b^D)²/(2D) for weights of shape (..., 2)."""
    return (strength - (np.asarray(p, dtype=float) ** depth).sum(axis=-1)) ** 2 / (2 * depth)


def final_share(p: ArrayLike, strength: float, depth: int) -> float:
    """Exact K_b/S at the end of the flow from weights (p_a, p_b), both positive."""
    a, b = (float(weight) for weight in np.asarray(p, dtype=float))
    if depth == 2:
        return float(law("pathway-share-shallow")(pathway_open=a, pathway_deprived=b))
    constant = law("pathway-invariant")(pathway_open=a, pathway_deprived=b, depth=depth)

    def excess(share: float) -> float:
        pair = ((1 - share) * strength) ** (1 / depth), (share * strength) ** (1 / depth)
        return law("pathway-invariant")(pathway_open=pair[0], pathway_deprived=pair[1], depth=depth) - constant

    return float(brentq(excess, 1e-14, 1 - 1e-14, xtol=1e-14))


def mean_share(temperature: float, flow_time: ArrayLike, strength: float = 1.0, initial_share: float = 0.01) -> Array:
    """Mean K_b/S at depth 2 along the valley of minima [eq:pathway-share-thermal]."""
    return np.asarray(
        law("pathway-share-thermal")(
            temperature=temperature, elapsed_time=flow_time, target_strength=strength, initial_share=initial_share
        )
    )


def flow(start: ArrayLike, durations: ArrayLike, deficit: ArrayLike, strength: float, depth: int, step: float) -> Array:
    """Euler steps of the flow through stages: weights (p_a, p_b) after each, shape (stages, runs, 2).

    ``start`` holds weights (runs, 2), ``durations`` the flow time of each stage, ``deficit`` whether p_b is held in it;
    strength, depth and step are S, D and the largest step.
    """
    cold = np.zeros(np.shape(durations))
    return langevin(np.random.default_rng(0), start, cold, durations, deficit, strength, depth, step)


def langevin(
    random: np.random.Generator, start: ArrayLike, temperatures: ArrayLike, durations: ArrayLike, deficit: ArrayLike,
    strength: float, depth: int, step: float,
) -> Array:  # fmt: skip
    """Langevin dynamics through stages, each at a temperature of its own; otherwise as :func:`flow`."""
    temperatures, durations = np.asarray(temperatures, dtype=float), np.asarray(durations, dtype=float)
    held = np.asarray(deficit, dtype=np.bool_)
    return _langevin(random, np.array(start, dtype=float), temperatures, durations, held, strength, depth, step)


@njit(cache=True)
def _langevin(
    random: np.random.Generator, p: Array, temperatures: Array, durations: Array, deficit: np.ndarray, strength: float,
    depth: int, step: float,
) -> Array:  # fmt: skip
    states = np.empty((durations.size, p.shape[0], 2))
    for stage in range(durations.size):
        steps = int(np.ceil(durations[stage] / step - 1e-9))
        h = durations[stage] / max(steps, 1)
        kick = np.sqrt(2 * temperatures[stage] * h)
        for run in range(p.shape[0]):
            a, b = p[run, 0], p[run, 1]
            for _ in range(steps):
                power_a, power_b = a, b
                for _ in range(depth - 2):
                    power_a *= a
                    power_b *= b
                residual = strength - power_a * a - power_b * b
                a += h * power_a * residual
                if not deficit[stage]:
                    b += h * power_b * residual
                if kick > 0:
                    a = abs(a + kick * random.standard_normal())
                    if not deficit[stage]:
                        b = abs(b + kick * random.standard_normal())
            p[run, 0], p[run, 1] = a, b
        states[stage] = p
    return states


def deficit_share(depth: int, onset: float, length: float, step: float = 0.01) -> tuple[float, float]:
    """K_b/S at the end of a run with a deficit of some length from an onset on: simulated, and by the invariant.

    The reference setting: S = √15, p^D = 0.01 at the start, Euler steps of 0.01, flow time 10 in all; the law starts
    from the simulated state at the deficit's end.
    """
    start = [[START ** (1 / depth)] * 2]
    states = flow(start, [onset, length, 10.0 - onset - length], [False, True, False], STRONGEST, depth, step)
    return states[2, 0, 1] ** depth / STRONGEST, final_share(states[1, 0], STRONGEST, depth)


def sampled_share(temperature: float, times: Sequence[float], runs: int, seed: int, step: float = 0.05) -> Array:
    """K_b/S at depth 2 and S = 1 of Langevin runs that start in the valley with share 0.01; shape (runs, times)."""
    random = np.random.default_rng(seed)
    start = np.tile([np.sqrt(0.99), 0.1], (runs, 1))
    stages = np.diff([0.0, *times])
    p = langevin(random, start, np.full(stages.size, temperature), stages, [False] * stages.size, 1.0, 2, step)
    return (p[:, :, 1] ** 2).T


# ---- checks --------------------------------------------------------------------------------------------------------
_ONSETS = {4: (0.0, 0.5, 0.75, 1.0, 1.5, 2.0), 2: (0.0, 0.5, 0.75, 1.0, 1.5)}
_BY_ONSET = {4: (0.003, 0.007, 0.014, 0.042, 0.498, 0.500), 2: (0.003, 0.095, 0.310, 0.462, 0.499)}
_LENGTHS = (0.1, 0.4, 1.0)
_BY_LENGTH = {4: (0.156, 0.021, 0.004), 2: (0.320, 0.048, 0.003)}


def _measured(depth: int, column: int, step: float = 0.01) -> Array:
    by_onset = [deficit_share(depth, onset, 1.5, step)[column] for onset in _ONSETS[depth]]
    return np.array(by_onset + [deficit_share(depth, 0.0, length, step)[column] for length in _LENGTHS])


def _without_error(values: Array) -> Measured:
    return values, np.zeros_like(values)


def _by_depth(depth: int) -> tuple[Check, Check]:
    """Shares by onset and length against those reported, and against the invariant; wrong are the other depth's."""

    def wrong(column: int) -> Array:
        return np.append(_measured(2, column), 0.0) if depth == 4 else _measured(4, column)[1:]  # 4 has an onset more

    reported = Check(
        f"reported shares by onset and length, depth {depth}", lambda: np.array(_BY_ONSET[depth] + _BY_LENGTH[depth]),
        lambda seed: _without_error(_measured(depth, 0)), lambda: wrong(0), 0.001, "reported to three decimals",
    )  # fmt: skip
    exact = Check(
        f"share by the invariant, from the state when the deficit ends, depth {depth}",
        lambda: _measured(depth, 1, 0.001), lambda seed: _without_error(_measured(depth, 0, 0.001)),
        lambda: wrong(1), 0.001, "Euler steps of 0.001",
    )  # fmt: skip
    return reported, exact


def _random_splits(seed: int) -> Measured:
    """Final share of the flow from random states less that by the invariant."""
    random = np.random.default_rng(seed)
    start = random.uniform(0.3, 0.8, (20, 2))
    end = flow(start, [30.0], [False], 1.5, 4, 1e-3)[0]
    shares = np.array([final_share(p, 1.5, 4) for p in start])
    return end[:, 1] ** 4 / 1.5 - shares, np.zeros(20)


def _thermal_share(temperature: float, times: tuple[float, ...], runs: int, off: float, slow: bool) -> Check:
    return Check(
        f"mean share at temperature {temperature:g}, depth 2", lambda: mean_share(temperature, times),
        lambda seed: mean_and_error(sampled_share(temperature, times, runs, seed)),
        lambda: mean_share(temperature, 2 * np.array(times)), off, f"the valley has a width at T = {temperature:g}",
        slow,
    )  # fmt: skip


MODEL = ZooModel(
    "deep_linear_pathways", ("pathway-invariant", "pathway-share-shallow", "pathway-share-thermal"),
    (
        *_by_depth(4), *_by_depth(2),
        Check("share by the invariant from random states", lambda: np.zeros(20), _random_splits,
              lambda: np.full(20, 0.05), 0.001, "Euler steps of 0.001"),
        _thermal_share(1e-3, (40.0, 80.0, 200.0, 400.0), 2000, 0.005, False),
        _thermal_share(1e-4, (1000.0, 2000.0, 3900.0), 1500, 0.002, True),
    ),
)  # fmt: skip
