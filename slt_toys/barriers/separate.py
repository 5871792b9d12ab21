"""How many separate barriers does a decline show, where are they, and how much weight has each?

A spectrum of K separate barriers is fitted by least squares (Levenberg-Marquardt in log height and weight, weights not
negative). How many are needed is a test: with D_K = chi² of the best K barriers minus that of the best spectrum of any
kind (non-negative least squares on a fine grid, a convex problem), K is rejected where D_K exceeds what it is in
declines simulated from the K fitted barriers. The number found is the smallest K that is not rejected: the decline
asks for at least as many. Intervals are percentiles of refits to declines simulated from the fit (parametric
bootstrap), and hold for that K; where K barriers do not explain the decline there are none.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray
from scipy.interpolate import CubicSpline
from scipy.optimize import nnls

from ..inputs.arguments import checked_arguments
from .decline import Decline, misfit_told
from .kernel import BarrierKernel

Array = NDArray[np.float64]

__all__ = ["BarrierFit", "SeparateBarriers", "any_spectrum", "fit_barriers", "separate_barriers"]

GRID = 90  # heights of the spectrum of any kind
ITERATIONS = 60
STARTS = 12
SPLIT = 0.6  # of a kernel width, on either side


@dataclass(frozen=True, eq=False)
class BarrierFit:
    """Barriers fitted to a decline.

    Attributes
    ----------
    heights, weights
        In units of loss, increasing, and shares of the whole; shape (number,).
    chi_square
        Sum of squared residuals in units of the noise.
    """

    heights: Array
    weights: Array
    chi_square: float

    def decline(self, kernel: BarrierKernel) -> Array:
        """The fitted shares, shape (n,)."""
        return self.weights @ kernel(self.heights) if self.heights.size else np.zeros(kernel.switch_epochs.size)


@dataclass(frozen=True, eq=False)
class SeparateBarriers:
    """What :func:`separate_barriers` found.

    Attributes
    ----------
    fit
        With the number of barriers found.
    p_values
        Of 0, 1, 2, ... barriers, up to the number found: the last one is the first above ``level``.
    height_intervals, weight_intervals
        Shape (number, 2); nan where the fit is doubted.
    height_errors, weight_errors
        Standard errors, shape (number,); nan where the fit is doubted.
    level, confidence, repetitions
        As asked for.
    enough
        False when even the largest number tried was rejected.
    doubt
        Why the barriers found do not describe the decline; empty where they may.
    """

    fit: BarrierFit
    p_values: tuple[float, ...]
    height_intervals: Array
    weight_intervals: Array
    height_errors: Array
    weight_errors: Array
    level: float
    confidence: float
    repetitions: int
    enough: bool
    doubt: str

    @property
    def number(self) -> int:
        """Number of separate barriers found."""
        return self.fit.heights.size


@checked_arguments
def separate_barriers(
    kernel: BarrierKernel,
    decline: Decline,
    *,
    level: float = 0.05,
    most: int = 6,
    confidence: float = 0.95,
    repetitions: int = 400,
    seed: int | Sequence[int] = 0,
) -> SeparateBarriers:
    """Find how many barriers a decline needs, and fit them with intervals.

    Parameters
    ----------
    kernel
        For the decline's switch epochs.
    decline
        Measured.
    level
        Of the test: the chance to find more barriers than there are.
    most
        Largest number tried.
    confidence
        Of the intervals.
    repetitions
        Simulated declines for each test and for the intervals.
    seed
        Of the simulated declines.

    Raises
    ------
    ValueError
        In one line, for settings that make no sense or a kernel of other switch epochs.
    """
    kernel.check_epochs(decline)
    for name, value in (("level", level), ("confidence", confidence)):
        if not 0 < value < 1:
            raise ValueError(f"{name} must lie between 0 and 1, not {value}; {name} 0.05 or 0.95 is usual")
    if most < 1 or repetitions < 20:
        raise ValueError(f"most must be at least 1 and repetitions at least 20, not {most} and {repetitions}")
    seeds = [seed] if isinstance(seed, int | np.integer) else list(seed)
    model = _Model(kernel, decline)
    freest = model.freest(decline.whitened)
    p_values: list[float] = []
    fit = model.fit(0, None)
    for number in range(most + 1):
        fit = model.fit(number, fit)
        random = np.random.default_rng([*seeds, number])
        data = fit.weights @ model(np.log(fit.heights)) + random.standard_normal((repetitions, decline.size))
        start = (np.tile(np.log(fit.heights), (repetitions, 1)), np.tile(fit.weights, (repetitions, 1)))
        logs, weights, chi_squares = model.refine(data, *start)
        excess = chi_squares - np.array([model.freest(row) for row in data])
        p_values.append(float((1 + np.sum(excess >= fit.chi_square - freest)) / (repetitions + 1)))
        if p_values[-1] > level:
            break
    number = fit.heights.size
    order = np.argsort(logs, axis=1)
    heights, weights = np.exp(np.take_along_axis(logs, order, 1)), np.take_along_axis(weights, order, 1)
    enough = p_values[-1] > level
    plural = f"{number} barrier{'s' * (number != 1)}"
    doubt = misfit_told(f"{plural} do{'es' * (number == 1)} not explain", fit.chi_square, decline.size, 2 * number)
    if not (doubt or enough):
        doubt = f"the decline asks for more than the {plural} tried (p = {p_values[-1]:.2g})"
    if doubt:
        heights, weights = np.full((2, *heights.shape), np.nan)
    tails = [(1 - confidence) / 2, (1 + confidence) / 2]
    return SeparateBarriers(
        fit, tuple(p_values), np.quantile(heights, tails, axis=0).T.reshape(number, 2),
        np.quantile(weights, tails, axis=0).T.reshape(number, 2), heights.std(axis=0, ddof=1),
        weights.std(axis=0, ddof=1), level, confidence, repetitions, enough, doubt,
    )  # fmt: skip


@checked_arguments
def fit_barriers(kernel: BarrierKernel, decline: Decline, number: int) -> BarrierFit:
    """Fit a given number of barriers by least squares, from many starts.

    Raises
    ------
    ValueError
        For a negative number or a kernel of other switch epochs.
    """
    kernel.check_epochs(decline)
    if not isinstance(number, int | np.integer) or number < 0:
        raise ValueError(f"number must be a whole number of barriers, at least 0, not {number!r}")
    model = _Model(kernel, decline)
    fit = model.fit(0, None)
    for count in range(1, number + 1):
        fit = model.fit(count, fit)
    return fit


@checked_arguments
def any_spectrum(kernel: BarrierKernel, decline: Decline, points: int = GRID) -> BarrierFit:
    """The best spectrum of any kind: weights, most of them 0, on an even grid of log heights.

    A convex problem without local optima, so a lower bound on the chi² of every spectrum; as an estimate it is spiky
    where the data do not tell.
    """
    kernel.check_epochs(decline)
    heights = np.geomspace(kernel.lowest, kernel.highest, points)
    weights, residual = nnls(decline.whiten(kernel(heights)).T, decline.whitened)
    return BarrierFit(heights, weights, float(residual**2))


class _Model:
    """The kernel in units of the noise."""

    def __init__(self, kernel: BarrierKernel, decline: Decline) -> None:
        self.decline = decline
        self.low, self.high = float(np.log(kernel.lowest)), float(np.log(kernel.highest))
        self._value = CubicSpline(np.log(kernel.nodes), decline.whiten(kernel.values), axis=0)
        self._slope = self._value.derivative()
        self._grid = self._value(np.linspace(self.low, self.high, GRID)).T
        self._width = kernel.log_width(float(np.exp((self.low + self.high) / 2)))

    def __call__(self, logs: Array) -> Array:
        return self._value(logs)

    def freest(self, data: Array) -> float:
        """Least chi² of any spectrum."""
        return float(nnls(self._grid, data)[1] ** 2)

    def fit(self, number: int, fewer: BarrierFit | None) -> BarrierFit:
        """Best fit of ``number`` barriers, from the fit of one fewer with one added or one split."""
        data = self.decline.whitened
        if number == 0 or fewer is None:
            return BarrierFit(np.empty(0), np.empty(0), float(data @ data))
        before, shares = np.log(fewer.heights), fewer.weights
        starts = [
            (np.append(before, place), np.append(shares * (1 - 1 / number), max(shares.sum(), 0.1) / number))
            for place in np.linspace(self.low, self.high, STARTS + 2)[1:-1]
        ]
        for index in range(number - 1):
            apart, halved = before.copy(), shares.copy()
            apart[index] -= SPLIT * self._width
            halved[index] /= 2
            starts.append((np.append(apart, before[index] + SPLIT * self._width), np.append(halved, halved[index])))
        logs, weights = (np.array(part) for part in zip(*starts, strict=True))
        logs, weights, chi_squares = self.refine(np.tile(data, (len(starts), 1)), logs, weights)
        best = int(np.argmin(chi_squares))
        order = np.argsort(logs[best])
        return BarrierFit(np.exp(logs[best][order]), weights[best][order], float(chi_squares[best]))

    def refine(self, data: Array, logs: Array, weights: Array) -> tuple[Array, Array, Array]:
        """Levenberg-Marquardt for many declines (runs, n) at once, from log heights and weights (runs, number).

        Returns log heights, weights and chi² (runs,). Steps are cut off at the kernel's range and at weight 0.
        """
        runs, number = logs.shape
        logs, weights = np.clip(logs, self.low, self.high), np.maximum(weights, 0.0)
        residual = data - np.einsum("rk,rkn->rn", weights, self(logs))
        chi_squares = (residual**2).sum(axis=1)
        if not number:
            return logs, weights, chi_squares
        damping = np.full(runs, 1e-2)
        busy = np.arange(runs)
        for _ in range(ITERATIONS):
            jacobian = np.concatenate([weights[busy, :, None] * self._slope(logs[busy]), self(logs[busy])], axis=1)
            normal = jacobian @ jacobian.swapaxes(1, 2)
            pull = np.einsum("rpn,rn->rp", jacobian, residual[busy])
            diagonal = np.einsum("rpp->rp", normal)
            diagonal += damping[busy, None] * diagonal + 1e-9 * diagonal.max(axis=1, keepdims=True)
            step = np.linalg.solve(normal, pull[..., None])[..., 0]
            new_logs = np.clip(logs[busy] + np.clip(step[:, :number], -0.5, 0.5), self.low, self.high)
            new_weights = np.maximum(weights[busy] + step[:, number:], 0.0)
            new_residual = data[busy] - np.einsum("rk,rkn->rn", new_weights, self(new_logs))
            new_chi = (new_residual**2).sum(axis=1)
            gained = chi_squares[busy] - new_chi
            better = gained > 0
            taken = busy[better]
            logs[taken], weights[taken] = new_logs[better], new_weights[better]
            residual[taken], chi_squares[taken] = new_residual[better], new_chi[better]
            damping[busy] *= np.where(better, 0.2, 6.0)
            done = (better & (gained < 1e-6)) | (damping[busy] > 1e8)
            busy = busy[~done]
            if not busy.size:
                break
        return logs, weights, chi_squares
