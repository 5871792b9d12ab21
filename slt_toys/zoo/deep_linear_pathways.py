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
import xarray as xr
from numba import njit
from numpy.typing import ArrayLike
from scipy.optimize import brentq

from ..reference.laws import law
from ..results.claims import Claim, Table, Verdict
from .model import Array, Check, Measured, ZooModel, mean_and_error
from .study import Influence, Study

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


@njit(cache=True)
def _minibatches(
    random: np.random.Generator, p: Array, strength: float, rate: float, steps: int, batch: int, label_noise: float,
    depth: int,
) -> Array:  # fmt: skip
    for run in range(p.shape[0]):
        a, b = p[run, 0], p[run, 1]
        for _ in range(steps):
            square, error = 0.0, 0.0
            for _ in range(batch):
                x = random.standard_normal()
                square += x * x / batch
                error += label_noise * random.standard_normal() * x / batch
            pull = (strength - a**depth - b**depth) * square + error
            a, b = a + rate * a ** (depth - 1) * pull, b + rate * b ** (depth - 1) * pull
        p[run, 0], p[run, 1] = a, b
    return p


def minibatch_share(
    batch_size: int, runs: int, seed: int | Sequence[int], label_noise: float = 0.0, flow_time: float = 400.0,
    rate: float = 0.01, depth: int = 3,
) -> Array:  # fmt: skip
    """K_b over the final p_a^D + p_b^D at S = 1, of SGD that starts in the valley with share 0.01; shape (runs,).

    Examples are x ~ N(0, 1) with labels S x + label noise; the two weights of a step see one minibatch. At depth 2 both
    weights are multiplied by one number in every step, so that the share cannot change at all.
    """
    start = np.tile([0.99 ** (1 / depth), 0.01 ** (1 / depth)], (runs, 1))
    random, steps = np.random.default_rng(seed), round(flow_time / rate)
    p = _minibatches(random, start, 1.0, rate, steps, batch_size, label_noise, depth)
    return p[:, 1] ** depth / (p**depth).sum(axis=1)


# ---- the study -----------------------------------------------------------------------------------------------------
_STUDY_ONSETS = np.array([0.0, 0.25, 0.5, 0.75, 1.0, 1.25, 1.5, 2.0])
_STUDY_TIMES = (40.0, 80.0, 200.0, 400.0)
_STUDY_TEMPERATURES = (1e-4, 1e-3)
_STUDY_RUNS, _SGD_RUNS, _LABEL_NOISE = 2000, 24, 0.5
_BATCHES = (64, 1)
_LEFT = (5.0, 50.0)


def _after_deficit(left: float, depth: int = 2) -> float:
    """K_b/S after so much flow time without deficit, from one of length 1.5 at the start."""
    p = flow([[START ** (1 / depth)] * 2], [1.5, left], [True, False], STRONGEST, depth, 0.01)
    return float(p[1, 0, 1] ** depth / STRONGEST)


def dataset(seed: int) -> xr.Dataset:
    """Shares by onset and depth, by temperature and flow time, and by batch size and flow time left."""
    depths = (2, 4)
    pairs = np.array([[deficit_share(depth, onset, 1.5) for onset in _STUDY_ONSETS] for depth in depths])
    warm = [
        mean_and_error(sampled_share(temperature, _STUDY_TIMES, _STUDY_RUNS, seed * 10 + number))
        for number, temperature in enumerate(_STUDY_TEMPERATURES)
    ]
    labels = (0.0, _LABEL_NOISE)
    noisy = [
        [mean_and_error(minibatch_share(b, _SGD_RUNS, [seed, b, i], noise)) for b in _BATCHES]
        for i, noise in enumerate(labels)
    ]
    return xr.Dataset(
        {
            "share": (("depth", "onset"), pairs[..., 0]),
            "share_by_invariant": (("depth", "onset"), pairs[..., 1]),
            "warm_share": (("temperature", "flow_time"), [mean for mean, _ in warm]),
            "warm_share_error": (("temperature", "flow_time"), [error for _, error in warm]),
            "warm_share_law": (
                ("temperature", "flow_time"), [mean_share(t, _STUDY_TIMES) for t in _STUDY_TEMPERATURES]
            ),
            "sgd_share": (("label_noise", "batch"), [[float(mean) for mean, _ in row] for row in noisy]),
            "sgd_share_error": (("label_noise", "batch"), [[float(error) for _, error in row] for row in noisy]),
            "cold_share": ("left", [_after_deficit(left) for left in _LEFT]),
        },
        coords={
            "depth": list(depths), "onset": _STUDY_ONSETS, "temperature": list(_STUDY_TEMPERATURES),
            "flow_time": list(_STUDY_TIMES), "label_noise": list(labels), "batch": list(_BATCHES), "left": list(_LEFT),
        },
        attrs={"runs": _STUDY_RUNS, "sgd_runs": _SGD_RUNS, "seed": seed},
    )  # fmt: skip


def influences(data: xr.Dataset) -> tuple[Influence, ...]:
    """Temperature, batch noise, flow time without and with temperature, and the deficit's onset; equal shares are ½."""
    told = "deprived pathway's share of the target"
    hot = {"temperature": _STUDY_TEMPERATURES[-1]}
    warm, error = data["warm_share"].sel(hot), data["warm_share_error"].sel(hot)
    first, last = _STUDY_TIMES[0], _STUDY_TIMES[-1]
    onset = data["share"].sel(depth=2)
    return (
        Influence("temperature", f"T from 0 to .001, flow time {last:g}", told, 0.01, float(warm.sel(flow_time=last)),
                  0.0, float(error.sel(flow_time=last)), 0.5),
        *(
            Influence("batch size", f"B from 64 to 1, label noise {float(noise):g}, depth 3", told,
                      float(data["sgd_share"][row, 0]), float(data["sgd_share"][row, 1]),
                      float(data["sgd_share_error"][row, 0]), float(data["sgd_share_error"][row, 1]), 0.5)
            for row, noise in enumerate(data["label_noise"].values)
        ),
        Influence("time", "flow time left from 5 to 50, T = 0", told, float(data["cold_share"][0]),
                  float(data["cold_share"][1]), 0.0, 0.0, 0.5),
        Influence("time", f"flow time from {first:g} to {last:g}, T = .001", told, float(warm.sel(flow_time=first)),
                  float(warm.sel(flow_time=last)), float(error.sel(flow_time=first)),
                  float(error.sel(flow_time=last)), 0.5),
        Influence("other", "the deficit's onset from 0 to 1.5", told, float(onset.sel(onset=0.0)),
                  float(onset.sel(onset=1.5)), 0.0, 0.0, 0.5),
    )  # fmt: skip


def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """Batch noise does not reopen it; temperature does, by the law; early deficits are for ever."""
    last = _STUDY_TIMES[-1]
    sgd = data["sgd_share"].sel(label_noise=_LABEL_NOISE, batch=1)
    reach = 1.96 * float(data["sgd_share_error"].sel(label_noise=_LABEL_NOISE, batch=1))
    low, high = float(sgd) - reach, float(sgd) + reach
    reopened: Verdict = "yes" if low > 0.06 else "no" if high < 0.06 else "cannot tell"
    found = [
        Claim.of("batch-noise-reopens", "At depth 3, minibatches of one with label noise bring the share from .01 to "
                 f"{float(sgd):.3g} [{low:.3g}, {high:.3g}].", float(sgd), (low, high), verdict=reopened),
    ]  # fmt: skip
    for temperature in data["temperature"].values:
        at = {"temperature": temperature, "flow_time": last}
        value, reach = float(data["warm_share"].sel(at)), 1.96 * float(data["warm_share_error"].sel(at))
        low, high = value - reach, value + reach
        found.append(
            Claim.of(
                f"share-at-temperature-{temperature:.0e}".replace("e-0", "e-"),
                f"At T = {temperature:g} the share after flow time {last:g} is {value:.3f} [{low:.3f}, {high:.3f}].",
                value, (low, high), float(data["warm_share_law"].sel(at)),
            )
        )  # fmt: skip
    early, late = (float(data["share"].sel(depth=4, onset=onset)) for onset in (0.0, 1.5))
    verdict: Verdict = "yes" if early < 0.1 * late else "no"
    found.append(
        Claim.of("early-deficit-is-for-ever", f"At depth 4 a deficit from the start leaves a share of {early:.2g}, one "
                 f"from 1.5 on {late:.2g}.", early, verdict=verdict)
    )  # fmt: skip
    return tuple(found)


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Shares by onset, simulated and by the invariant; by temperature, simulated and by law."""
    onset = Table.of_columns(
        "by_onset", "Share K_b/S at the end, after a deficit of length 1.5: simulated, and by the invariant.",
        {"onset": [f"{x:g}" for x in data["onset"].values]}
        | {
            f"depth {depth}": [
                f"{x:.3f} ({y:.3f})" for x, y in zip(
                    data["share"].sel(depth=depth).values, data["share_by_invariant"].sel(depth=depth).values,
                    strict=True,
                )
            ]
            for depth in data["depth"].values
        },
    )  # fmt: skip
    warm = Table.of_columns(
        "by_temperature", f"Mean share of {data.attrs['runs']} runs at depth 2, one standard error, and the law's.",
        {"flow time": [f"{x:g}" for x in data["flow_time"].values]}
        | {
            f"T = {t:g}": [
                f"{x:.3f} ± {e:.3f} ({y:.3f})" for x, e, y in zip(
                    data["warm_share"].sel(temperature=t).values, data["warm_share_error"].sel(temperature=t).values,
                    data["warm_share_law"].sel(temperature=t).values, strict=True,
                )
            ]
            for t in data["temperature"].values
        },
    )  # fmt: skip
    return onset, warm


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
    Study(
        "Two deep linear pathways: a critical period that temperature reopens",
        """Two linear pathways of D layers share one target S, and a *deficit* holds one of them for a while. Its
*share* is what it carries of the target at the end; without a deficit both carry ½. Time is gradient flow time. The
flow conserves a number [eq:pathway-invariant], so that what the deficit has done stays done, however long one trains.
White noise of temperature T makes the split diffuse along the valley of minima [eq:pathway-share-thermal] and reopens
the period.

SGD on examples x ~ N(0, 1) with labels S x plus label noise is run at depth 3. At depth 2 a step multiplies both
weights by one number, whatever the minibatch, so that the split cannot change. Where this departs from the paper: one
mode of its network is shown, and temperature and minibatches are ours. Not told: networks whose modes are coupled.""",
        dataset, claims, tables, influences,
    ),
)  # fmt: skip
