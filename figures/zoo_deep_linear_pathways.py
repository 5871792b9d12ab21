"""Two deep linear pathways: shares by the deficit's onset, and how temperature reopens the critical period.

Laws drawn: [eq:pathway-invariant], [eq:pathway-share-shallow], [eq:pathway-share-thermal].
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from figures.style import FAINT, LAW, PALETTE, SAMPLED, use_style


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the three panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run deep_linear_pathways`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(1, 3, figsize=(13, 4))
    for depth, marker, colour in zip(dataset["depth"].values, ("o", "s"), (PALETTE[1], PALETTE[2]), strict=True):
        own = dataset.sel(depth=depth)
        axes[0].plot(own["onset"], own["share_by_invariant"], **{**LAW, "color": colour})
        look = {**SAMPLED, "marker": marker, "markeredgecolor": colour}
        axes[0].errorbar(own["onset"], own["share"], **look, label=f"depth {depth}")
    axes[0].plot([], [], **{**LAW, "color": FAINT}, label="by the invariant")
    axes[0].set(
        xlabel="onset of the deficit [flow time]", ylabel="share of the deprived pathway", ylim=(-0.02, 0.62),
        title="a  Early deficits are for ever",
    )  # fmt: skip
    axes[0].legend(loc="lower right")
    for temperature, marker, colour in zip(
        dataset["temperature"].values, ("s", "o"), (PALETTE[2], PALETTE[1]), strict=True
    ):
        own = dataset.sel(temperature=temperature)
        axes[1].plot(own["flow_time"], own["warm_share_law"], **{**LAW, "color": colour})
        axes[1].errorbar(
            own["flow_time"], own["warm_share"], 1.96 * own["warm_share_error"],
            **{**SAMPLED, "marker": marker, "markeredgecolor": colour, "ecolor": colour}, label=f"T = {temperature:g}",
        )  # fmt: skip
    axes[1].plot([], [], **{**LAW, "color": FAINT}, label="law")
    axes[1].axhline(0.5, color=FAINT, linewidth=0.9)
    axes[1].set(
        xlabel="flow time after the deficit", ylabel="mean share", ylim=(-0.02, 0.8), title="b  Temperature reopens it"
    )
    axes[1].legend(loc="upper left")
    places = np.arange(dataset.sizes["batch"])
    for shift, noise, marker, colour in zip(
        (-0.06, 0.06), dataset["label_noise"].values, ("o", "s"), (PALETTE[1], PALETTE[2]), strict=True
    ):
        own = dataset.sel(label_noise=noise)
        axes[2].errorbar(
            places + shift, own["sgd_share"], 1.96 * own["sgd_share_error"],
            **{**SAMPLED, "marker": marker, "markeredgecolor": colour, "ecolor": colour},
            label=f"label noise {noise:g}",
        )  # fmt: skip
    axes[2].axhline(0.5, color=FAINT, linewidth=0.9)
    axes[2].text(places[-1] + 0.4, 0.51, "equal shares", color=FAINT, ha="right", fontsize=9)
    axes[2].set_xticks(places, [f"{value}" for value in dataset["batch"].values])
    axes[2].set(
        xlabel="batch size", ylabel="mean share", ylim=(-0.02, 0.62), xlim=(-0.5, places[-1] + 0.5),
        title="c  Noise of minibatches does not (depth 3)",
    )  # fmt: skip
    axes[2].legend(loc="center left")
    return figure
