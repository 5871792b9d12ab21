"""Superposition: what the posterior has at each N, what SGD has, and a deficit's end.

Laws drawn: none by formula; the posterior's shares are sampled on the exact loss [eq:active-square].
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import FAINT, INK, SAMPLED, series, use_style

NAMES = ("3 or fewer", "4", "5", "6")


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the three panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run superposition`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.6), gridspec_kw={"width_ratios": (1.1, 1.35, 1)})
    _posterior(axes[0], dataset)
    _runs(axes[1], dataset)
    _deficit(axes[2], dataset)
    return figure


def _posterior(axes: Axes, dataset: xr.Dataset) -> None:
    for look, name, k in zip(series(4), NAMES, dataset["sides"].values, strict=True):
        axes.errorbar(
            dataset["size"].values, dataset["posterior"].sel(sides=k), 1.96 * dataset["posterior_error"].sel(sides=k),
            color=look.colour, linestyle=look.line_style, marker=look.marker, markersize=4, label=f"{name} sides",
        )  # fmt: skip
    for size in sorted(set(dataset["fit_size"].values.tolist())):
        axes.axvline(size, color=FAINT, linewidth=0.8, zorder=0)
    axes.text(float(dataset["fit_size"].max()) * 1.1, 1.02, "best N of SGD's runs", color=FAINT, fontsize=9)
    axes.set(xscale="log", xlabel="N = nβ", ylabel="share of draws", ylim=(-0.02, 1.1), title="a  The posterior")
    axes.legend(loc="upper left", bbox_to_anchor=(0.0, 0.93), frameon=True, facecolor="white", edgecolor="none")


def _runs(axes: Axes, dataset: xr.Dataset) -> None:
    runs = dataset["runs"].values
    shares, places = runs / runs.sum(axis=1, keepdims=True), np.arange(len(runs))
    fitted = np.log(dataset["fit_size"].values)
    at = np.log(dataset["size"].values)
    for column, look in enumerate(series(4)):
        error = 1.96 * np.sqrt(shares[:, column] * (1 - shares[:, column]) / runs.sum(axis=1))
        axes.errorbar(
            places, shares[:, column], error, color=look.colour, linestyle="none", marker=look.marker, markersize=6,
            capsize=2.5,
        )  # fmt: skip
        expected = np.interp(fitted, at, dataset["posterior"].values[:, column])
        axes.hlines(expected, places - 0.35, places + 0.35, color=look.colour, linewidth=1.4, linestyle=look.line_style)
    names = [str(name).replace(", ", "\n") for name in dataset["setting"].values]
    axes.set_xticks(places, names)
    for place, deviance, verdict in zip(
        places, dataset["fit_deviance"].values, dataset["fit_verdict"].values, strict=True
    ):
        axes.text(float(place), 0.75, f"{deviance:.0f}\n{verdict}", ha="center", color=INK, fontsize=9)
    axes.text(-0.4, 0.87, "deviance, and whether the posterior fits:", color=INK, fontsize=9)
    axes.set(ylabel="share of runs", ylim=(-0.02, 0.95), title="b  SGD (marks) and the best posterior (bars)")


def _deficit(axes: Axes, dataset: xr.Dataset) -> None:
    ends = np.maximum(dataset["end"].values, 1.0)
    chosen = (0, dataset.sizes["batch"] - 1)
    for look, k in zip(series(2), chosen, strict=True):
        at = dataset.isel(batch=k)
        axes.plot(ends, at["learned_law"], color=look.colour, linestyle=look.line_style, linewidth=1.5)
        axes.errorbar(
            ends, at["learned"], 1.96 * at["learned_error"],
            **{**SAMPLED, "marker": look.marker, "markeredgecolor": look.colour, "ecolor": look.colour},
            label=f"B {int(dataset['batch'][k])}",
        )  # fmt: skip
    axes.set(
        xscale="log", xlabel="end of the deficit e$_s$ [flow time]", ylabel="share that learns the withheld feature",
        ylim=(0.2, 0.95), title="c  SGD (marks), Langevin (lines)",
    )  # fmt: skip
    axes.set_xticks([1, 10, 100], ["0", "10", "100"])
    axes.legend(loc="upper right")
