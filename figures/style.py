"""One look for every figure: readable sizes, colours that stay apart for colour-blind eyes and in grey."""

from __future__ import annotations

import os
import sys
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Any

import matplotlib
import numpy as np
from matplotlib.axis import Axis
from matplotlib.colors import Colormap, ListedColormap, to_hex
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, Formatter, FuncFormatter, Locator, NullLocator

# Lightness rises by at least 9 (CIELAB L*) from each colour to the next, so grey print keeps them apart;
# under simulated protanopia, deuteranopia and tritanopia any two differ by more than 20.
PALETTE = ("#0d1b4c", "#9b1b5a", "#2a7fb8", "#e07b39", "#7bc8a4", "#f2d14b")
LineStyle = str | tuple[int, tuple[float, ...]]
LINE_STYLES: tuple[LineStyle, ...] = (
    "-", (0, (6, 2)), (0, (1.5, 1.5)), (0, (6, 2, 1.5, 2)), (0, (3, 1.5)), (0, (6, 2, 1.5, 2, 1.5, 2)),
)  # fmt: skip
MARKERS = ("o", "s", "^", "D", "v", "P", "X", "<", ">", "*")

INK = "#222222"
FAINT = "#8a8a8a"
# The three ways to know the same number look alike in every figure.
EXACT = {"linestyle": "-", "linewidth": 2.0, "color": INK}
LAW = {"linestyle": (0, (5, 2.5)), "linewidth": 1.6, "color": PALETTE[3]}
SAMPLED = {
    "linestyle": "none", "marker": "o", "markersize": 5.5, "markerfacecolor": "white", "markeredgecolor": PALETTE[1],
    "ecolor": PALETTE[1], "capsize": 2.5,
}  # fmt: skip

_PARAMETERS: Any = {
    "font.size": 11.0,
    "axes.titlesize": 12.0,
    "axes.labelsize": 11.5,
    "xtick.labelsize": 10.0,
    "ytick.labelsize": 10.0,
    "legend.fontsize": 9.5,
    "figure.titlesize": 14.0,
    "font.family": "sans-serif",
    "font.sans-serif": ["DejaVu Sans"],  # comes with matplotlib: the same figure everywhere
    "axes.titlelocation": "left",
    "axes.spines.top": False,
    "axes.spines.right": False,
    "axes.edgecolor": INK,
    "axes.labelcolor": INK,
    "text.color": INK,
    "xtick.color": INK,
    "ytick.color": INK,
    "axes.grid": False,
    "axes.axisbelow": True,
    "grid.color": "#dddddd",
    "grid.linewidth": 0.7,
    "lines.linewidth": 1.8,
    "lines.markersize": 5.5,
    "legend.frameon": False,
    "figure.facecolor": "white",
    "savefig.facecolor": "white",
    "figure.constrained_layout.use": True,
    "savefig.dpi": 180,
    "svg.fonttype": "none",  # text stays text, so the file is small and can be searched
    "svg.hashsalt": "slt-toys",  # the same figure gives the same file
}


@dataclass(frozen=True)
class Series:
    """How one curve of a family looks.

    Colour, line and marker each tell it from the others.
    """

    colour: str
    line_style: LineStyle
    marker: str


def plain_ticks(axis: Axis, places: Iterable[float] | Locator, formatter: Formatter | None = None) -> None:
    """Ticks at these places alone, by default with their numbers written out, on a scale of any kind."""
    axis.set_major_locator(places if isinstance(places, Locator) else FixedLocator(list(places)))
    axis.set_minor_locator(NullLocator())
    axis.set_major_formatter(formatter or FuncFormatter(lambda value, _: f"{value:g}"))


SUPERSCRIPTS = str.maketrans("-0123456789", "⁻⁰¹²³⁴⁵⁶⁷⁸⁹")


def power_of_ten(exponent: int) -> str:
    """As text, not as a formula: a formula takes a hundred times as long to set."""
    return f"10{str(exponent).translate(SUPERSCRIPTS)}"


def narrow_log_ticks(axis: Axis) -> None:
    """Plain ticks 1, 2, 5, 10, ... on a logarithmic axis that shows fewer than two powers of ten; others stay.

    Matplotlib labels the ticks between two powers there, one over the other.
    """
    low, high = sorted(axis.get_view_interval())
    powers = np.arange(np.floor(np.log10(low)), np.ceil(np.log10(high)) + 1)
    if ((10**powers >= low) & (10**powers <= high)).sum() < 2:
        places = np.outer(10**powers, [1, 2, 5]).ravel()
        plain_ticks(axis, places[(places >= low) & (places <= high)])


def reach(value: np.ndarray, low: np.ndarray, high: np.ndarray) -> np.ndarray:
    """Distances from values to the ends of their intervals, as ``errorbar`` takes them; 0 where an end is open."""
    return np.nan_to_num(np.maximum([value - low, high - value], 0))


def use_style() -> None:
    """Set matplotlib's parameters; call it first in every ``draw``.

    Without a display the Agg backend is chosen, which needs none.
    """
    displays = ("MPLBACKEND", "DISPLAY", "WAYLAND_DISPLAY")
    if sys.platform.startswith("linux") and not any(os.environ.get(name) for name in displays):
        matplotlib.use("Agg")
    matplotlib.rcParams.update(_PARAMETERS)


def prepare() -> None:
    """Load fonts and the grammar of formulas, which the first figure would else wait for."""
    use_style()
    figure = Figure()
    figure.text(0, 0, "$x$")
    figure.draw_without_rendering()


def settle(figure: Figure) -> None:
    """Solve the layout once and for all: it would be solved again for every file, which would be drawn twice for it."""
    engine = figure.get_layout_engine()
    if engine is not None:
        engine.execute(figure)
    matplotlib.rcParams["figure.constrained_layout.use"] = False  # or saving puts the layout back; see use_style
    figure.set_layout_engine(None)


def series(count: int) -> tuple[Series, ...]:
    """Looks for ``count`` curves in order, for example one for each batch size from small to large.

    Parameters
    ----------
    count
        How many; up to six take the palette, more take evenly spaced colours of one perceptually uniform map.

    Returns
    -------
    tuple of Series
        From dark to light.

    Raises
    ------
    ValueError
        If ``count`` is negative.
    """
    if count < 0:
        raise ValueError(f"count is {count}; it must be zero or more")
    colours = list(PALETTE[:count])
    if count > len(PALETTE):
        uniform = matplotlib.colormaps["viridis"]
        colours = [to_hex(uniform(0.92 * index / (count - 1))) for index in range(count)]
    return tuple(
        Series(colour, LINE_STYLES[index % len(LINE_STYLES)], MARKERS[index % len(MARKERS)])
        for index, colour in enumerate(colours)
    )


def phase_colour_map() -> Colormap:
    """Colour map for the probability of a phase: perceptually uniform and safe for colour-blind eyes.

    The ends of cividis are left out, so that black and white boundaries drawn on it can be seen everywhere.
    """
    cividis = matplotlib.colormaps["cividis"]
    colours = [cividis(0.06 + 0.88 * step / 255) for step in range(256)]
    return ListedColormap(colours, name="phase")
