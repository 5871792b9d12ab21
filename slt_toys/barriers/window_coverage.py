"""How often do the intervals of window weights hold the truth? Declines drawn from spectra of every kind, and read.

An interval holds the true weight of its window exactly where chi² of the best spectrum with that weight there exceeds
the least chi² of any spectrum by no more than the quantile (the profile is convex). So coverage needs no interval: two
non-negative least squares a window. That *rise* is computed here by a row of equations so heavy that it holds, which is
another way than the intervals are found by, and serves every quantile at once.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import nnls
from scipy.special import chdtrc, chdtri

from ..inputs.arguments import checked_arguments
from .decline import REJECTED, Decline, chance_of_misfit
from .inversion import POINTS, WINDOW_FREEDOM, _any_heights, window_weights
from .kernel import BarrierKernel
from .readings import CONFIDENCE, window_edges
from .separate import separate_barriers

Array = NDArray[np.float64]
Spectrum = tuple[Array, Array]  # heights and weights
Draw = Callable[[np.random.Generator, BarrierKernel, Array], Spectrum]

HEAVY = 1e5  # weight of the equation that holds a window's weight, over that of a row
GRID = 500  # heights of a smooth spectrum
BESIDE = 1e-4  # of an edge, relative: as near as a barrier comes to it
MARGIN = 0.1  # of the kernel's range in log height that spectra keep from its ends
MOST = 4  # separate barriers that are said to be enough
TESTS = 60  # simulated declines of a test for the number of barriers
NO_WEIGHT = 1e-9
COUNTS: tuple[str, ...] = (
    "windows", "held", "held_profile", "full", "full_held", "full_held_profile", "doubted", "width", "width_profile",
    "smooth_windows", "smooth_held", "smooth_doubted", "few",
)  # fmt: skip

__all__ = ["KINDS", "coverage_of_windows", "rises"]


def _range(kernel: BarrierKernel) -> tuple[float, float]:
    low, high = np.log(kernel.lowest), np.log(kernel.highest)
    return low + MARGIN * (high - low), high - MARGIN * (high - low)


def _separate(number: int) -> Draw:
    def draw(random: np.random.Generator, kernel: BarrierKernel, _: Array) -> Spectrum:
        return np.exp(random.uniform(*_range(kernel), number)), random.dirichlet(np.ones(number))

    return draw


def _peaks(random: np.random.Generator, kernel: BarrierKernel, spreads: tuple[float, float], number: int) -> Spectrum:
    """Log-normal peaks within the kernel's range, of any weights."""
    heights = np.geomspace(kernel.lowest, kernel.highest, GRID + 2)[1:-1]
    weights = np.zeros(GRID)
    for share in random.dirichlet(np.ones(number)):
        spread = np.exp(random.uniform(*np.log(spreads)))
        peak = np.exp(-(((np.log(heights) - random.uniform(*_range(kernel))) / spread) ** 2) / 2)
        weights += share * peak / peak.sum()
    return heights, weights


def _narrow(random: np.random.Generator, kernel: BarrierKernel, _: Array) -> Spectrum:
    return _peaks(random, kernel, (0.02, 0.3), int(random.integers(1, 4)))


def _smooth(random: np.random.Generator, kernel: BarrierKernel, _: Array) -> Spectrum:
    return _peaks(random, kernel, (0.35, 0.9), 1)


def _mixture(random: np.random.Generator, kernel: BarrierKernel, edges: Array) -> Spectrum:
    share = random.uniform(0.3, 0.7)
    parts = _separate(int(random.integers(1, 3)))(random, kernel, edges), _smooth(random, kernel, edges)
    return (np.concatenate([parts[0][0], parts[1][0]]),
            np.concatenate([share * parts[0][1], (1 - share) * parts[1][1]]))  # fmt: skip


def _inner(random: np.random.Generator, edges: Array) -> Array:
    """Just inside the two edges of a window that is not the first or the last."""
    window = int(random.integers(1, edges.size - 2)) if edges.size > 3 else 0
    return edges[window : window + 2] * np.array([1 + BESIDE, 1 - BESIDE])


def _beside_an_edge(random: np.random.Generator, _: BarrierKernel, edges: Array) -> Spectrum:
    return _inner(random, edges)[[int(random.integers(2))]], np.ones(1)


def _at_both_edges(random: np.random.Generator, _: BarrierKernel, edges: Array) -> Spectrum:
    share = random.uniform(0.2, 0.8)
    return _inner(random, edges), np.array([share, 1 - share])


KINDS: dict[str, Draw] = {
    "1 barrier": _separate(1),
    "2 barriers": _separate(2),
    "3 barriers": _separate(3),
    "4 barriers": _separate(4),
    "1 barrier beside an edge": _beside_an_edge,
    "2 barriers at both edges": _at_both_edges,
    "narrow peaks": _narrow,
    "smooth": _smooth,
    "barriers on smooth": _mixture,
}


@checked_arguments
def rises(
    kernel: BarrierKernel, decline: Decline, edges: ArrayLike, true_weights: ArrayLike
) -> tuple[Array, float, int]:
    """By how much chi² of the best spectrum rises when it is given its true weight in one window.

    Parameters
    ----------
    kernel, decline
        Of the same switch epochs.
    edges
        Of the windows, increasing heights inside the kernel's range, shape (windows + 1,).
    true_weights
        Shape (windows,).

    Returns
    -------
    tuple
        The rise in each window, shape (windows,); the least chi²; and of how many barriers that spectrum consists.

    Raises
    ------
    ValueError
        For a kernel of other switch epochs, or not one weight for each window.
    """
    kernel.check_epochs(decline)
    edges, weights = np.asarray(edges, dtype=float), np.asarray(true_weights, dtype=float)
    if weights.shape != (edges.size - 1,):
        raise ValueError(f"true_weights must hold one weight for each of {edges.size - 1} windows, not {weights.shape}")
    heights = _any_heights(kernel, edges, POINTS)
    matrix, data = decline.whiten(kernel(heights)).T, decline.whitened
    best, residual = nnls(matrix, data)
    heavy = HEAVY * float(np.abs(matrix).max()) / 1e2
    risen = np.empty(weights.size)
    for k, weight in enumerate(weights):
        held = heavy * ((edges[k] < heights) & (heights < edges[k + 1]))
        risen[k] = nnls(np.vstack([matrix, held]), np.append(data, heavy * weight))[1] ** 2
    return risen - residual**2, float(residual**2), int((best > 0).sum())


@checked_arguments
def coverage_of_windows(
    kernel: BarrierKernel,
    noises: Sequence[float],
    *,
    runs: int,
    intervals: int,
    seed: int | Sequence[int] = 0,
    advance: Callable[[float], None] | None = None,
) -> xr.Dataset:
    """Count how often 95 % intervals of window weights hold the truth, on spectra of every kind.

    Parameters
    ----------
    kernel
        Of the declines and of their readings.
    noises
        Standard errors of the stuck share.
    runs
        Declines of each kind and noise, each of a spectrum drawn anew.
    intervals
        Of how many of them the intervals themselves are found as well, for their widths; and those that suppose a
        smooth spectrum, and the number of separate barriers.
    seed
        Of all randomness.
    advance
        Called with the fraction of the work done since the last call.

    Returns
    -------
    xarray.Dataset
        Along (kind, noise): ``windows`` of the readings that are not doubted and ``held``, how many of them hold the
        truth; the same of those that have weight, ``full`` and ``full_held``; ``held_profile`` and
        ``full_held_profile`` with the usual quantile of one degree of freedom; ``doubted`` readings; ``width`` of the
        intervals of windows with weight, and ``width_profile``; ``smooth_windows`` and ``smooth_held``, supposing
        smoothness, and ``smooth_doubted`` readings; ``few`` readings in which at most four separate barriers are
        enough.
    """
    if runs < 1 or not 0 <= intervals <= runs or not len(noises) or not min(noises) > 0:
        raise ValueError(
            f"runs must be at least 1, intervals at most as many and noises positive, not {runs}, {intervals}, {noises}"
        )
    seeds = [seed] if isinstance(seed, int | np.integer) else list(seed)
    edges = window_edges(kernel)
    table = np.zeros((len(COUNTS), len(KINDS), len(noises)))
    for i, draw in enumerate(KINDS.values()):
        for j, noise in enumerate(noises):
            cell: dict[str, float] = {name: 0.0 for name in COUNTS}
            for run in range(runs):
                random = np.random.default_rng([*seeds, i, j, run])
                heights, weights = draw(random, kernel, edges)
                mean = weights @ kernel(heights)
                error = np.full(mean.size, noise)
                decline = Decline(kernel.switch_epochs, mean + noise * random.standard_normal(mean.size), error)
                truth = np.histogram(heights, edges, weights=weights)[0]
                _count_rises(cell, kernel, decline, edges, truth)
                if run < intervals:
                    _count_intervals(cell, kernel, decline, edges, truth, [*seeds, i, j, run, 1])
            for width in ("width", "width_profile"):
                cell[width] /= max(intervals, 1)
            table[:, i, j] = [cell[name] for name in COUNTS]
            if advance is not None:
                advance(1 / (len(KINDS) * len(noises)))
    data = {name: (("kind", "noise"), values) for name, values in zip(COUNTS, table, strict=True)}
    attrs = {"confidence": CONFIDENCE, "freedom": WINDOW_FREEDOM, "runs": runs, "intervals": intervals, "most": MOST}
    return xr.Dataset(data, {"kind": list(KINDS), "noise": list(noises)}, attrs)


def _count_rises(cell: dict[str, float], kernel: BarrierKernel, decline: Decline, edges: Array, truth: Array) -> None:
    risen, chi_square, number = rises(kernel, decline, edges, truth)
    if chance_of_misfit(chi_square, decline.size, number) < REJECTED:
        cell["doubted"] += 1
        return
    full = truth > NO_WEIGHT
    cell["windows"] += truth.size
    cell["full"] += full.sum()
    for name, freedom in (("held", WINDOW_FREEDOM), ("held_profile", 1)):
        held = risen <= chdtri(freedom, 1 - CONFIDENCE)
        cell[name] += held.sum()
        cell[f"full_{name}"] += (held & full).sum()


def _count_intervals(
    cell: dict[str, float], kernel: BarrierKernel, decline: Decline, edges: Array, truth: Array, seeds: list[int]
) -> None:
    full = truth > NO_WEIGHT
    usual = 1 - float(chdtrc(WINDOW_FREEDOM, chdtri(1, 1 - CONFIDENCE)))  # whose quantile is the usual one
    for name, confidence in (("width", CONFIDENCE), ("width_profile", usual)):
        found = window_weights(kernel, decline, edges, confidence=confidence)
        if not found.doubt:
            cell[name] += float(np.diff(found.intervals, axis=1)[full].mean())
    smooth = window_weights(kernel, decline, edges, confidence=CONFIDENCE, assume="smooth")
    if smooth.doubt:
        cell["smooth_doubted"] += 1
    else:
        inside = (smooth.intervals[:, 0] <= truth + NO_WEIGHT) & (truth <= smooth.intervals[:, 1] + NO_WEIGHT)
        cell["smooth_windows"] += truth.size
        cell["smooth_held"] += inside.sum()
    cell["few"] += separate_barriers(kernel, decline, most=MOST, repetitions=TESTS, seed=seeds).enough
