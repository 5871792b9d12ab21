"""Generalisation phases: which phase holds the posterior across n and across β, and the errors on the way.

Laws drawn: both phases by [eq:live-free-energy]; the crossover's n by [eq:crossover].
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import FAINT, INK, LAW, PALETTE, SAMPLED, plain_ticks, use_style


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the four panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run generalisation_phases`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(1, 4, figsize=(17, 4.6), gridspec_kw={"width_ratios": (1, 1, 1, 0.9)})
    middle, signal = float(dataset.attrs["middle"]), float(dataset.attrs["signal_shown"])
    _shares(axes[0], dataset)
    _errors(axes[1], dataset, "size", "n [examples]", "b  Errors across n, β = 1")
    fine = np.geomspace(float(dataset["size"].min()), float(dataset["size"].max()), 200)
    axes[1].plot(fine, fine * signal**2 / 2, color=FAINT, linewidth=1.1)
    axes[1].text(middle / 2.2, 8.5, "dead: $n\\delta^2/2$", color=FAINT, fontsize=9, ha="right")
    axes[1].text(middle * 14, 2.4, "live: λ = 2", color=LAW["color"], fontsize=9)
    axes[1].set(ylim=(0, 10))
    _errors(axes[2], dataset, "beta", "inverse temperature β", "c  Errors across β at the transition's n")
    axes[2].set(ylim=(0, 10))
    axes[2].legend(loc="upper right")
    plain_ticks(axes[2].xaxis, [0.1, 0.25, 1, 4, 10])
    _signals(axes[3], dataset)
    return figure


def _shares(axes: Axes, dataset: xr.Dataset) -> None:
    places = dataset["size"].values / dataset.attrs["middle"]
    axes.plot(dataset["law_place"], dataset["law_by_size"], **LAW, label="law in n, no fluctuation")
    for dim, at, colour, marker, label in (
        ("size", places, PALETTE[1], "o", "n over the law's, β = 1"),
        ("beta", dataset["beta"].values, PALETTE[2], "s", "β, at the law's n"),
    ):
        axes.errorbar(
            at, dataset[f"{dim}_dead"], 1.96 * dataset[f"{dim}_dead_error"],
            **{**SAMPLED, "marker": marker, "markeredgecolor": colour, "ecolor": colour}, label=label,
        )  # fmt: skip
    axes.set(
        xscale="log", xlim=(0.02, 130), ylim=(-0.05, 1.42), xlabel="n or β, in units of the transition's",
        ylabel="posterior share of the dead phase", title="a  From dead to live, in n as in β",
    )  # fmt: skip
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    plain_ticks(axes.xaxis, [0.1, 1, 10, 100])
    axes.legend(loc="upper right", fontsize=9)


def _errors(axes: Axes, dataset: xr.Dataset, dim: str, label: str, title: str) -> None:
    for name, told, colour, marker in (("bayes", "Bayes", PALETTE[1], "o"), ("gibbs", "Gibbs", PALETTE[2], "^")):
        axes.errorbar(
            dataset[dim], dataset[f"{dim}_{name}"], 1.96 * dataset[f"{dim}_{name}_error"], linewidth=0.9,
            **{**SAMPLED, "linestyle": "-", "color": colour, "marker": marker, "markeredgecolor": colour,
               "ecolor": colour}, label=told,
        )  # fmt: skip
    axes.axhline(2, **LAW)
    axes.set(xscale="log", xlabel=label, ylabel="n × error", title=title)


def _signals(axes: Axes, dataset: xr.Dataset) -> None:
    signal = dataset["signal"].values
    ratio = (dataset["turning_size"] / dataset["law_size"]).values
    error = 1.96 * dataset["turning_size_log_error"].values * ratio
    axes.axhline(1, **LAW, label="crossover law")
    axes.errorbar(signal, ratio, error, **SAMPLED, label="half of the data sets live")
    axes.plot(signal, dataset["width"], color=INK, marker="s", label="width in log n, one data set")
    axes.set(
        xscale="log", xlabel="signal δ", ylabel="n over the law's; width", ylim=(0, 3), title="d  Sharper as n grows"
    )
    axes.invert_xaxis()
    axes.legend(loc="upper right", fontsize=9)
