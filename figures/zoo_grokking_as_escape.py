"""Grokking as escape: the loss along the mode, times of mode and networks, and how the networks come to their law.

Laws drawn: [eq:aligned-mode-loss], [eq:mean-first-passage], [eq:aligned-escape-speedup].
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import FAINT, INK, LAW, PALETTE, SAMPLED, series, use_style


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the three panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run grokking_as_escape`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2))
    for look, depth in zip(series(dataset.sizes["depth"]), dataset["depth"].values, strict=True):
        axes[0].plot(dataset["strength"], dataset["loss"].sel(depth=depth), color=look.colour, label=f"depth {depth}")
    axes[0].set(
        xlabel="strength u of each layer", ylabel="loss", ylim=(0.3, 0.75),
        title=f"a  Along the mode, γ = {dataset.attrs['weight_decay']:g} s",
    )  # fmt: skip
    axes[0].legend()
    _times(axes[1], dataset)
    _ratios(axes[2], dataset)
    return figure


def _times(axes: Axes, dataset: xr.Dataset) -> None:
    axes.plot(dataset["climb"], dataset["mode_time_law"], **LAW, label="mode alone, exact")
    axes.plot(
        dataset["climb"], dataset["mode_kramers"], color=FAINT, linestyle=(0, (3, 1.5)), label="mode, Eyring–Kramers"
    )
    axes.errorbar(
        dataset["climb"],
        dataset["mode_time"],
        1.96 * dataset["mode_time_error"],
        **{**SAMPLED, "marker": "s", "markeredgecolor": INK, "ecolor": INK},
        label="mode, simulated",
    )
    for width, colour, marker in ((1, PALETTE[1], "o"), (2, PALETTE[2], "^"), (3, PALETTE[3], "D")):
        rows = dataset.isel(network=np.flatnonzero(dataset["network_width"] == width))
        axes.plot(rows["network_climb"], rows["network_time_law"], color=colour, linewidth=1)
        axes.errorbar(
            rows["network_climb"], rows["network_time"], 1.96 * rows["network_time_error"],
            **{**SAMPLED, "marker": marker, "markeredgecolor": colour, "ecolor": colour}, label=f"width {width}",
        )  # fmt: skip
    axes.set(
        yscale="log", xlabel="barrier / temperature", ylabel="flow time until it is learned",
        title="b  Escape times and laws, none fitted",
    )  # fmt: skip
    axes.legend(fontsize=8.5, loc="upper left")


def _ratios(axes: Axes, dataset: xr.Dataset) -> None:
    axes.axhline(1, color=INK, linewidth=0.9)
    for width, colour, marker in ((1, PALETTE[1], "o"), (2, PALETTE[2], "^"), (3, PALETTE[3], "D")):
        rows = dataset.isel(network=np.flatnonzero(dataset["network_width"] == width))
        axes.errorbar(
            1 / rows["network_climb"], rows["network_ratio"], 1.96 * rows["network_ratio_error"],
            **{**SAMPLED, "marker": marker, "markeredgecolor": colour, "ecolor": colour}, label=f"width {width}",
        )  # fmt: skip
    axes.set(
        xlabel="temperature / barrier", ylabel="time over that of the law", xlim=(0, 0.36), ylim=(0, 3.2),
        title="c  Whole networks come to their law slowly",
    )  # fmt: skip
    axes.legend(loc="lower right")
