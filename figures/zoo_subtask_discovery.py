"""Subtask discovery: four subtasks on the map, how much each further one explains, and the spectrum by cost."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from figures.style import INK, PALETTE, series, use_style


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run subtask_discovery`` writes it.
    """
    use_style()
    figure, axes = plt.subplot_mosaic(
        [["0", "1", "rank", "spectrum"], ["2", "3", "rank", "spectrum"]], figsize=(12.5, 4.4), width_ratios=(1, 1, 2, 2)
    )
    colours = plt.get_cmap("Blues").copy()
    colours.set_bad(INK)
    for number in range(4):
        panel = axes[str(number)]
        values = dataset["subtasks"][number].values
        panel.imshow(np.ma.masked_invalid(values / np.nanmax(values)), cmap=colours, vmin=0, vmax=1)
        panel.set_xticks([])
        panel.set_yticks([])
        panel.set_title("a  Four subtasks" if number == 0 else "", fontsize=12)
    axes["rank"].plot(dataset["rank"], dataset["divergence"], color=INK, marker="o")
    axes["rank"].axvline(4, color=PALETTE[3], linewidth=1.2, linestyle=(0, (4, 2)))
    axes["rank"].set(
        xlabel="number of subtasks", ylabel="divergence over that of one", ylim=(0, 1.05), title="b  An elbow at four"
    )
    for look, cost in zip(series(dataset.sizes["cost"]), dataset["cost"].values, strict=True):
        axes["spectrum"].plot(
            dataset["order"], dataset["spectrum"].sel(cost=cost), color=look.colour, marker=look.marker,
            linestyle=look.line_style, label=f"q/λ = {cost:g}",
        )  # fmt: skip
    axes["spectrum"].set(
        xlabel="singular value", ylabel="over the first", ylim=(0, 1.05),
        title="c  A cold policy has no rooms",
    )  # fmt: skip
    axes["spectrum"].set_xticks(dataset["order"].values)
    axes["spectrum"].legend(loc="lower left")
    return figure
