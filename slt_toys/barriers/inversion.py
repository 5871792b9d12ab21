"""From a smooth decline to its spectrum of barriers, by regularised non-negative least squares.

Weights x ≥ 0 on an even grid of log heights minimise chi²(x) + α |x''|², the second differences of the density in log
height (nothing beyond the grid's ends: the spectrum need not vanish there). α is chosen by a stated rule:

============================ ========================================================================================
generalised_cross_validation least n chi² / (n - 1.4 freedom)², the freedom being the trace of the map from data to fit
                             on the weights that are not 0 (Golub, Heath & Wahba 1979); without the factor (Kim & Gu
                             2004) one decline in twelve was smoothed far too little, with it one in a hundred
discrepancy                  largest α with chi² at most n (Morozov 1966), or at most a standard deviation √(2n) above
                             the least chi² where that is more; the noise must be known, not guessed
============================ ========================================================================================

A density has no honest pointwise interval here: what is finer than the kernel is invented by the penalty. So intervals
are of the weight within windows at least a kernel width wide, found by profiling: the weights for which the misfit can
be brought within a quantile of chi² of its minimum. What the misfit is depends on what one assumes.

======= ===============================================================================================================
nothing chi² alone, over all non-negative spectra on a finer grid, separate barriers among them: intervals hold at least
        as often as they promise. A decline does not tell a smooth spectrum from a few barriers, so this is what is
        printed. The quantile has four degrees of freedom, two barriers with a height and a weight each: a window of a
        kernel width resolves no more. One degree, the usual profile, is too few. Weights that must not be negative
        make the rise of chi² larger than that (the conjecture of Burrus fails: Batlle, Stanley, Kuusela & Owhadi 2023):
        with a single barrier, alone in a window and beside its edge, such 95 % intervals held 79 to 87 times in a
        hundred, with two at both edges 67 to 80. Measured by :mod:`slt_toys.barriers.window_coverage`
smooth  chi² plus the penalty, thirty times weaker than the chosen one (undersmoothing: the bias of the penalty must
        stay within the interval), one degree of freedom: credible intervals under a Gaussian prior of smoothness on
        non-negative spectra. Where separate barriers are behind the decline their nominal 95 % held the weight 60 to
        72 times in a hundred, of one window once in thirty
======= ===============================================================================================================

Both hold their level or more on the spectra they are for (tested on known ones). The percentile bootstrap was tried and
left: at non-negative spectra its nominal 90 % held the truth 50 to 90 times in a hundred. Where the spectrum does not
explain the decline (chi² has a chance below 1 %) there are no intervals.
"""

from __future__ import annotations

from dataclasses import dataclass
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq, nnls
from scipy.special import chdtri

from ..inputs.arguments import checked_arguments
from .decline import Decline, chance_of_misfit, misfit_told
from .kernel import BarrierKernel

Array = NDArray[np.float64]
Rule = Literal["generalised_cross_validation", "discrepancy"]
Assumption = Literal["nothing", "smooth"]
ASSUMPTIONS = ("nothing", "smooth")
RULES = ("generalised_cross_validation", "discrepancy")
POINTS = 60
FREEDOM_FACTOR = 1.4
UNDERSMOOTHING = 0.03  # the smaller α over the chosen one
SMOOTHINGS = np.geomspace(1e6, 1e-4, 31)  # largest first
RIDGE = 1e-11  # of the mean squared column: far below any α that matters
IMPOSSIBLE = 1e-6  # chance of a chi² so large: beyond it the kernel or the noise is wrong
FINER = 8  # grid points in the narrowest kernel width, for spectra that need not be smooth
BESIDE = 1e-9  # of the points on either side of a window's edge, relative
FARTHEST = 1e9  # pull, beyond which a window's weight is not bounded
SPRING = 0.02  # weight that a pull of the interval's own strength moves, roughly
WINDOW_FREEDOM = 4  # of the chi² whose quantile bounds a window's weight: two barriers, a height and a weight each

__all__ = ["WINDOW_FREEDOM", "Spectrum", "WindowWeights", "invert_decline", "window_weights"]


@dataclass(frozen=True, eq=False)
class Spectrum:
    """A spectrum of barriers on a grid.

    Attributes
    ----------
    heights
        Barrier heights in units of loss, even in the logarithm, shape (m,).
    weights
        Share of the whole at each, shape (m,).
    smoothing
        α.
    chi_square
        Of the fit.
    freedom
        Effective number of parameters.
    rows
        Of the decline.
    """

    heights: Array
    weights: Array
    smoothing: float
    chi_square: float
    freedom: float
    rows: int

    @property
    def p_value(self) -> float:
        """Chance of so large a chi² if this kind of spectrum, this kernel and this noise are right."""
        return chance_of_misfit(self.chi_square, self.rows, self.freedom)

    @property
    def doubt(self) -> str:
        """Why the spectrum does not describe the decline; empty where it may."""
        return misfit_told("a smooth spectrum does not explain", self.chi_square, self.rows, self.freedom)

    @property
    def log_density(self) -> Array:
        """Share per unit of log height, shape (m,)."""
        return self.weights / np.log(self.heights[1] / self.heights[0])

    @property
    def density(self) -> Array:
        """Share per unit of barrier height [1/loss], shape (m,)."""
        return self.log_density / self.heights

    def decline(self, kernel: BarrierKernel) -> Array:
        """The fitted shares, shape (n,)."""
        return self.weights @ kernel(self.heights)


@dataclass(frozen=True, eq=False)
class WindowWeights:
    """Weight of a spectrum within windows of barrier height.

    Attributes
    ----------
    edges
        Increasing heights, shape (windows + 1,).
    weights
        Of the smooth spectrum where they lie inside the intervals, else the nearer end; shape (windows,).
    intervals
        Shape (windows, 2), not below 0; nan where no spectrum explains the decline.
    confidence
        Of each interval by itself, at least.
    assume
        What was assumed of the spectrum.
    doubt
        Why there are no intervals; empty where there are.
    """

    edges: Array
    weights: Array
    intervals: Array
    confidence: float
    assume: Assumption
    doubt: str


@checked_arguments
def invert_decline(
    kernel: BarrierKernel,
    decline: Decline,
    *,
    rule: Rule = "generalised_cross_validation",
    smoothing: float | None = None,
    points: int = POINTS,
) -> Spectrum:
    """Estimate the spectrum of barriers behind a decline.

    Parameters
    ----------
    kernel
        For the decline's switch epochs; its range is the spectrum's.
    decline
        Measured.
    rule
        How α is chosen.
    smoothing
        α itself, instead of a rule.
    points
        Grid points.

    Raises
    ------
    ValueError
        In one line: unknown rule, α not positive, other switch epochs; for ``"discrepancy"``, when no spectrum of
        barriers comes as close to the decline as its noise says.
    """
    kernel.check_epochs(decline)
    if rule not in RULES:
        raise ValueError(f"rule must be one of {', '.join(RULES)}, not {rule!r}")
    if smoothing is not None and not (np.isfinite(smoothing) and smoothing > 0):
        raise ValueError(f"smoothing must be positive and finite, not {smoothing}")
    if points < 8:
        raise ValueError(f"points must be at least 8 heights, not {points}")
    problem = _Problem(kernel, decline, np.geomspace(kernel.lowest, kernel.highest, points))
    data = decline.whitened
    if smoothing is not None:
        return problem.solve(data, smoothing)
    spectra = [problem.solve(data, alpha) for alpha in SMOOTHINGS]
    if rule == "generalised_cross_validation":
        n = decline.size
        return min(spectra, key=lambda s: n * s.chi_square / max(n - FREEDOM_FACTOR * s.freedom, 1e-9) ** 2)
    least = spectra[-1].chi_square
    if least > chdtri(decline.size, IMPOSSIBLE):
        raise ValueError(
            f"noise is too small for this kernel: chi² is at least {least:.4g} for {decline.size} rows, so no "
            "spectrum of these barriers declines like this"
        )
    target = max(decline.size, least + np.sqrt(2 * decline.size))
    return next(spectrum for spectrum in spectra if spectrum.chi_square <= target)


@checked_arguments
def window_weights(
    kernel: BarrierKernel,
    decline: Decline,
    edges: ArrayLike,
    *,
    rule: Rule = "generalised_cross_validation",
    undersmoothing: float = UNDERSMOOTHING,
    confidence: float = 0.9,
    points: int = POINTS,
    assume: Assumption = "nothing",
) -> WindowWeights:
    """Weight of the spectrum within windows of barrier height, with intervals.

    Parameters
    ----------
    kernel, decline, rule, points
        As in :func:`invert_decline`.
    edges
        Increasing heights inside the kernel's range, each at least a kernel width from the next.
    undersmoothing
        For a smooth spectrum: the α of the intervals over the chosen one, at most 1.
    confidence
        Of each interval.
    assume
        ``"nothing"`` of the spectrum, or that it is ``"smooth"``, which makes intervals narrower, and wrong where
        separate barriers are behind the decline.

    Raises
    ------
    ValueError
        As :func:`invert_decline`; for windows finer than the kernel, which no decline resolves.
    """
    edges = np.asarray(edges, dtype=float)
    if edges.ndim != 1 or edges.size < 2 or not (edges > 0).all() or (np.diff(edges) <= 0).any():
        raise ValueError(f"edges must be at least two increasing barrier heights, not {edges}")
    for low, high in pairwise(edges):
        width = kernel.log_width(float(np.sqrt(low * high)))
        if np.log(high / low) < width * (1 - 1e-9):
            raise ValueError(
                f"edges {low:g} and {high:g} are closer than the kernel's width there, a factor of {np.exp(width):.3g}"
            )
    if not (0 < undersmoothing <= 1 and 0 < confidence < 1):
        raise ValueError(f"undersmoothing must lie in (0, 1] and confidence in (0, 1), not {undersmoothing} and "
                         f"{confidence}")  # fmt: skip
    if assume not in ASSUMPTIONS:
        raise ValueError(f"assume must be one of {', '.join(ASSUMPTIONS)}, not {assume!r}")
    smooth = invert_decline(kernel, decline, rule=rule, points=points)
    alpha = smooth.smoothing * undersmoothing
    if assume == "nothing":
        alpha, heights = 0.0, _any_heights(kernel, edges, points)
        shares = ((edges[:-1, None] < heights) & (heights < edges[1:, None])).astype(float)
    else:
        heights = smooth.heights
        shares = _shares(heights, edges)
    problem = _Problem(kernel, decline, heights)
    spectrum = problem.solve(decline.whitened, alpha)
    weights = _shares(smooth.heights, edges) @ smooth.weights
    doubt = smooth.doubt
    if assume == "nothing":
        told = "even the best spectrum of any kind does not explain"
        doubt = misfit_told(told, spectrum.chi_square, spectrum.rows, spectrum.freedom)
    if doubt:
        return WindowWeights(edges, weights, np.full((len(weights), 2), np.nan), confidence, assume, doubt)
    excess = float(chdtri(WINDOW_FREEDOM if assume == "nothing" else 1, 1 - confidence))
    intervals = np.array([problem.profile(decline.whitened, spectrum, row, excess) for row in shares])
    return WindowWeights(edges, np.clip(weights, *intervals.T), intervals, confidence, assume, "")


def _any_heights(kernel: BarrierKernel, edges: Array, points: int) -> Array:
    """Heights of separate barriers, so close that others lie between two of them, and beside every edge."""
    width = min(kernel.log_width(float(height)) for height in np.geomspace(edges[0], edges[-1], points))
    fine = int(np.ceil(FINER * np.log(kernel.highest / kernel.lowest) / width))
    beside = np.concatenate([edges * (1 - BESIDE), edges * (1 + BESIDE)])
    beside = beside[(beside > kernel.lowest) & (beside < kernel.highest)]
    grid = np.geomspace(kernel.lowest, kernel.highest, max(points, fine))
    grid = grid[np.abs(np.log(grid[:, None] / edges)).min(axis=1) > 2 * BESIDE]
    return np.sort(np.concatenate([grid, beside]))


def _shares(heights: Array, edges: Array) -> Array:
    """Share of each grid cell (in log height) that lies in each window, shape (windows, m)."""
    centres = np.log(heights)
    half = (centres[1] - centres[0]) / 2
    lows, highs = np.log(edges[:-1, None]), np.log(edges[1:, None])
    overlap = np.minimum(highs, centres + half) - np.maximum(lows, centres - half)
    return np.clip(overlap / (2 * half), 0.0, 1.0)


class _Problem:
    """The least squares problem in units of the noise."""

    def __init__(self, kernel: BarrierKernel, decline: Decline, heights: Array) -> None:
        self.heights, points = heights, heights.size
        step = np.log(self.heights[1] / self.heights[0])
        self.matrix = decline.whiten(kernel(self.heights)).T
        self.inner = self.matrix.T @ self.matrix
        # Integral of the squared second derivative of the density x/step in log height.
        self.bend = np.diff(np.eye(points), n=2, axis=0) / step**2.5
        self.ridge = RIDGE * np.trace(self.inner) / points * np.eye(points)

    def gram(self, alpha: float) -> Array:
        """Half the second derivative of chi² + penalty."""
        return self.inner + alpha * self.bend.T @ self.bend + self.ridge * (alpha > 0)

    def weights(self, data: Array, alpha: float, pull: Array | None = None, target: float = 0.0) -> Array:
        """Weights ≥ 0 of least chi² + penalty, plus (pull·x - target)² where there is a pull."""
        rows, aims = [self.matrix], [data]
        if alpha:
            rows += [np.sqrt(alpha) * self.bend, np.sqrt(self.ridge)]
            aims.append(np.zeros(len(self.bend) + len(self.ridge)))
        if pull is not None:
            rows.append(pull[None])
            aims.append(np.array([target]))
        return nnls(np.vstack(rows), np.concatenate(aims), maxiter=30 * self.heights.size)[0]

    def solve(self, data: Array, alpha: float) -> Spectrum:
        """Weights at one α, with chi² and freedom."""
        weights = self.weights(data, alpha)
        free = weights > 0
        chi_square = float(((data - self.matrix @ weights) ** 2).sum())
        part = np.ix_(free, free)
        held = np.linalg.solve(self.gram(alpha)[part], self.inner[part]) if alpha and free.any() else np.eye(free.sum())
        return Spectrum(self.heights, weights, alpha, chi_square, float(np.trace(held)), data.size)

    def profile(self, data: Array, spectrum: Spectrum, share: Array, excess: float) -> tuple[float, float]:
        """Least and largest share·x with chi² + penalty within ``excess`` of its minimum.

        A spring that pulls share·x towards a target finds the constrained optimum at whatever share·x it gives.
        """
        alpha, gram = spectrum.smoothing, self.gram(spectrum.smoothing)
        slope = self.matrix.T @ data
        best = spectrum.weights @ gram @ spectrum.weights - 2 * slope @ spectrum.weights
        estimate = float(share @ spectrum.weights)
        spring = np.sqrt(excess / SPRING**2)

        def at(target: float) -> tuple[float, float]:
            weights = self.weights(data, alpha, spring * share, spring * target)
            return float(share @ weights), float(weights @ gram @ weights - 2 * slope @ weights - best) - excess

        ends = []
        for sign in (-1.0, 1.0):
            reach = 2 * SPRING
            value, over = at(estimate + sign * reach)
            # A share pulled down ends at 0; one pulled up may stay there until the pull is strong.
            while over < 0 and (sign > 0 or value > 1e-9) and reach < FARTHEST:
                reach *= 2
                value, over = at(estimate + sign * reach)
            if over >= 0:
                root = brentq(lambda t: at(t)[1], *sorted((estimate, estimate + sign * reach)), xtol=1e-5)
                value = at(float(np.asarray(root)))[0]
            ends.append(max(value, 0.0) if over >= 0 else 0.0 if sign < 0 else np.inf)
        return ends[0], ends[1]
