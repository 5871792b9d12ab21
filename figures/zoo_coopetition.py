"""Coopetition: the two mechanisms' losses over training, and what keeps the first.

Laws drawn: gradient descent by [eq:overlap-step] and [eq:square-norm-step].
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import FAINT, INK, PALETTE, SAMPLED, series, use_style

LOST = 0.1
FLOOR = 1e-4  # below it the losses are not drawn


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the three panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run coopetition`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2), gridspec_kw={"width_ratios": (1.5, 1, 1)})
    _traces(axes[0], dataset)
    _shares(
        axes[1], dataset, "decay", ("emerges", "keeps", "second"), "weight decay γ", "b  Weight decay keeps mechanism 1"
    )
    _shares(
        axes[2], dataset, "temperature", ("emerges_at_temperature", "keeps_at_temperature"), "temperature T [loss]",
        "c  Temperature keeps it, too",
    )  # fmt: skip
    return figure


def _traces(axes: Axes, dataset: xr.Dataset) -> None:
    decays = dataset["decay"].values
    for look, decay in zip(series(len(decays)), decays, strict=True):
        for mechanism, width, line in ((1, 2.0, "-"), (2, 1.2, (0, (3, 1.5)))):
            trace = dataset["trace"].sel(decay=decay, mechanism=mechanism).values
            axes.plot(
                np.maximum(dataset["step"].values, 0.8), np.maximum(trace, FLOOR), color=look.colour, linewidth=width,
                linestyle=line, label=f"γ = {decay:g}" if mechanism == 1 else None,
            )  # fmt: skip
    axes.axhline(LOST, color=FAINT, linewidth=0.9)
    axes.text(0.9, LOST * 1.1, "has mechanism 1 below", color=FAINT, fontsize=9, va="bottom")
    axes.set(
        xscale="log", yscale="log", xlabel="step", ylabel="loss", ylim=(FLOOR, 3), xlim=(0.8, dataset["step"].max()),
        title="a  One run: $L_1$ (solid) falls and rises, $L_2$ (dashed) falls",
    )  # fmt: skip
    axes.legend(loc="lower left")


def _shares(axes: Axes, dataset: xr.Dataset, dim: str, names: tuple[str, ...], label: str, title: str) -> None:
    told = ("mechanism 1 emerges", "stays to the end, if emerged", "mechanism 2 at the end")
    places = np.arange(dataset.sizes[dim])
    for name, text, colour, marker, shift in zip(
        names, told, (INK, PALETTE[1], PALETTE[2]), ("s", "o", "^"), (-0.08, 0.0, 0.08), strict=False
    ):
        share, error = dataset[name].values, 1.96 * dataset[f"{name}_error"].values
        axes.errorbar(
            places + shift, share, [np.minimum(error, share), np.minimum(error, 1 - share)],
            **{**SAMPLED, "marker": marker, "markeredgecolor": colour, "ecolor": colour}, label=text,
        )  # fmt: skip
        axes.plot(places + shift, dataset[name].values, color=colour, linewidth=0.8)
    axes.set_xticks(places, [f"{value:g}" for value in dataset[dim].values])
    axes.set(xlabel=label, ylabel="share of runs", ylim=(-0.05, 1.5), title=title)
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.legend(loc="upper center", fontsize=8.5)
