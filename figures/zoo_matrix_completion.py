"""Matrix completion: test error by the second task's onset, growth of modes, and what reopens the period.

Laws drawn: [eq:balanced-mode-growth].
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import FAINT, LAW, PALETTE, SAMPLED, series, use_style

LEAST = 1e-3  # growth below it is not drawn


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the three panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run matrix_completion`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(1, 3, figsize=(14.5, 4.4), gridspec_kw={"width_ratios": (1, 1, 1)})
    _onsets(axes[0], dataset)
    _growth(axes[1], dataset)
    _arms(axes[2], dataset)
    return figure


def _onsets(axes: Axes, dataset: xr.Dataset) -> None:
    for depth, marker, colour in zip(dataset["depth"].values, ("o", "s"), (PALETTE[1], PALETTE[2]), strict=True):
        own = dataset["error"].sel(depth=depth).transpose("run", "onset").values
        for row in own:
            axes.plot(dataset["onset"], row, color=colour, linewidth=0.7, alpha=0.5)
        logs = np.log(own)
        middle, reach = logs.mean(axis=0), 1.96 * logs.std(axis=0, ddof=1) / np.sqrt(len(logs))
        error = np.exp([middle, middle + reach]) - np.exp([middle - reach, middle])
        look = {**SAMPLED, "marker": marker, "markeredgecolor": colour, "ecolor": colour}
        axes.errorbar(dataset["onset"], np.exp(middle), error, **look, label=f"depth {depth}")
    axes.axhline(1, color=FAINT, linewidth=0.9)
    axes.text(0, 1.1, "no better than zeros", color=FAINT, fontsize=9, va="bottom")
    axes.set(
        yscale="log", ylim=(3e-5, 4), xlabel="onset of the second task [flow time]", ylabel="test error",
        title="a  A first task closes the period",
    )  # fmt: skip
    axes.legend(loc="lower right")


def _growth(axes: Axes, dataset: xr.Dataset) -> None:
    told, found = dataset["growth_law"].values, dataset["growth"].values
    seen = (told > LEAST) & (found > LEAST)
    ends = np.array([LEAST, 1.3 * max(told[seen].max(), found[seen].max())])
    axes.plot(ends, ends, **LAW, label="law")
    for mode, look in enumerate(series(told.shape[1])):
        own = seen[:, mode]
        axes.plot(
            told[own, mode], found[own, mode], linestyle="none", marker=look.marker, markersize=4.5,
            markerfacecolor="white", markeredgecolor=look.colour, label=f"mode {mode + 1}",
        )  # fmt: skip
    axes.set(
        xscale="log", yscale="log", xlabel="growth by law [per flow time]", ylabel="growth, measured",
        title="b  Modes of depth 3 grow by the law",
    )  # fmt: skip
    axes.legend(loc="upper left", fontsize=8.5)


def _arms(axes: Axes, dataset: xr.Dataset) -> None:
    names = [str(arm) for arm in dataset["arm"].values]
    places = np.arange(len(names))[::-1]
    own = dataset["by_arm"].transpose("run", "arm").values
    for row, look in zip(own, series(len(own)), strict=True):
        axes.plot(
            row, places, linestyle="none", marker=look.marker, markersize=5.5, markerfacecolor="white",
            markeredgecolor=look.colour,
        )  # fmt: skip
    middle = np.exp(np.log(own).mean(axis=0))
    for place, value in zip(places, middle, strict=True):
        axes.plot([value] * 2, [place - 0.28, place + 0.28], color=PALETTE[1], linewidth=1.6)
    axes.axvline(middle[0], color=FAINT, linewidth=0.9)
    axes.set_yticks(places, names, fontsize=9.5)
    axes.set(
        xscale="log", xlabel="test error of each seed, and geometric mean", title="c  What reopens it (onset 6000)"
    )
