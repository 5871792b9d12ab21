"""Everything that is read off one decline: separate barriers, a smooth spectrum, and how far the two can be trusted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..inputs.arguments import checked_arguments
from .decline import Decline
from .inversion import Spectrum, WindowWeights, invert_decline, window_weights
from .kernel import BarrierKernel
from .resolution import Separation, separation_limit
from .separate import SeparateBarriers, separate_barriers

Array = NDArray[np.float64]

WIDTHS = 1.2  # kernel widths, and rows, that a window is wide at least
MOST_WINDOWS = 10
CONFIDENCE = 0.95

__all__ = ["DeclineReading", "read_barriers", "spectrum_median", "window_edges"]


@dataclass(frozen=True, eq=False)
class DeclineReading:
    """What one decline says.

    Attributes
    ----------
    decline, kernel
        What was read, and by what.
    separate
        Fewest separate barriers that it asks for.
    spectrum
        Smooth spectrum, by regularised inversion.
    windows
        Weight within windows of barrier height, with intervals that hold for any spectrum; without intervals where the
        smooth one does not explain the decline.
    limit
        Two neighbours that any test tells from one half of the time, about the spectrum's median.
    """

    decline: Decline
    kernel: BarrierKernel
    separate: SeparateBarriers
    spectrum: Spectrum
    windows: WindowWeights
    limit: Separation

    @property
    def standard_errors(self) -> Array:
        """Of each row's share, shape (n,)."""
        noise = np.asarray(self.decline.noise)
        return noise if noise.ndim == 1 else np.sqrt(np.diag(noise))

    @property
    def median(self) -> float:
        """Barrier height below which half of the smooth spectrum's weight lies."""
        return spectrum_median(self.spectrum)


@checked_arguments
def read_barriers(
    kernel: BarrierKernel,
    decline: Decline,
    *,
    neighbours_weight: float,
    most: int = 5,
    repetitions: int = 400,
    seed: int | Sequence[int] = 0,
) -> DeclineReading:
    """Read a decline in all ways.

    Parameters
    ----------
    kernel, decline
        Of the same switch epochs.
    neighbours_weight
        Share of the two neighbouring barriers of which the resolution limit is told.
    most, repetitions, seed
        As in :func:`slt_toys.barriers.separate.separate_barriers`.
    """
    separate = separate_barriers(kernel, decline, most=most, confidence=CONFIDENCE, repetitions=repetitions, seed=seed)
    spectrum = invert_decline(kernel, decline)
    windows = window_weights(kernel, decline, window_edges(kernel), confidence=CONFIDENCE)
    if spectrum.doubt and not windows.doubt:
        windows = replace(windows, intervals=np.full_like(windows.intervals, np.nan), doubt=spectrum.doubt)
    limit = separation_limit(kernel, decline.noise, spectrum_median(spectrum), neighbours_weight)
    return DeclineReading(decline, kernel, separate, spectrum, windows, limit)


def spectrum_median(spectrum: Spectrum) -> float:
    """Barrier height below which half of a spectrum's weight lies."""
    passed = np.cumsum(spectrum.weights)
    logs = np.log(spectrum.heights)
    ends = logs + (logs[1] - logs[0]) / 2  # of the cells
    return float(np.exp(np.clip(np.interp(passed[-1] / 2, passed, ends), logs[0], logs[-1])))


@checked_arguments
def window_edges(kernel: BarrierKernel, widths: float = WIDTHS, most: int = MOST_WINDOWS) -> Array:
    """Edges of windows wide enough for a decline to say something of each.

    From the highest barrier down, each window is ``widths`` kernel widths wide, or as many rows (the barriers whose
    steps lie between neighbouring switch epochs), whichever is more. What remains at the low end joins the last.

    Raises
    ------
    ValueError
        Where the kernel's range is not even one window wide.
    """
    bottom, edges = np.log(kernel.lowest), [np.log(kernel.highest)]
    least = (edges[0] - bottom) / most
    while True:
        low = _next_edge(kernel, edges[-1], widths, least)
        if low < bottom:
            break
        edges.append(low)
    if len(edges) == 1:
        raise ValueError(
            f"kernel from {kernel.lowest:g} to {kernel.highest:g} is narrower than what its switch epochs resolve; "
            "give more of them, or a wider range"
        )
    edges[-1] = bottom
    return np.exp(np.array(edges[::-1])) * np.r_[1 + 1e-12, np.ones(len(edges) - 2), 1 - 1e-12]


def _next_edge(kernel: BarrierKernel, high: float, widths: float, least: float) -> float:
    """Log height below ``high`` at which the window between is wide enough; -inf where there is none."""
    for reach in np.arange(least, high - np.log(kernel.lowest) + 0.02, 0.02):
        middle = max(high - reach / 2, np.log(kernel.lowest))
        height = float(np.exp(middle))
        _, _, rows_per_width = kernel.step_at(height)
        width = kernel.log_width(height)
        if reach >= widths * max(width, width / rows_per_width):
            return high - reach
    return -np.inf
