"""Superposition with another dictionary: what the posterior has at each N, and what SGD's runs have.

Laws drawn: none by formula; the posterior's shares are sampled on the exact loss [eq:active-square].
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from figures.style import FAINT, INK, series, use_style


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the posterior, and SGD's shares beside those of the best posterior.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run superposition --features N`` writes it.
    """
    use_style()
    figure, (left, right) = plt.subplots(1, 2, figsize=(12, 4.6), gridspec_kw={"width_ratios": (1, 1.25)})
    runs, number = dataset["runs"].values, dataset["sides"].values
    shares, places = runs / runs.sum(axis=1, keepdims=True), np.arange(len(runs))
    at, fitted = np.log(dataset["size"].values), np.log(dataset["fit_size"].values)
    for column, (look, k) in enumerate(zip(series(number.size), number, strict=True)):
        found = dataset["posterior"].values[:, column]
        left.errorbar(
            dataset["size"].values, found, 1.96 * dataset["posterior_error"].values[:, column], color=look.colour,
            linestyle=look.line_style, marker=look.marker, markersize=4,
            label=f"{k} or fewer sides" if column == 0 else f"{k} sides",
        )  # fmt: skip
        error = 1.96 * np.sqrt(shares[:, column] * (1 - shares[:, column]) / runs.sum(axis=1))
        right.errorbar(
            places, shares[:, column], error, color=look.colour, linestyle="none", marker=look.marker, capsize=2.5
        )
        right.hlines(
            np.interp(fitted, at, found), places - 0.35, places + 0.35, color=look.colour, linestyle=look.line_style
        )
    for size in sorted(set(dataset["fit_size"].values.tolist())):
        left.axvline(size, color=FAINT, linewidth=0.8, zorder=0)
    left.set(xscale="log", xlabel="N = nβ (faint: best N of SGD's runs)", ylabel="share of draws", ylim=(-0.02, 1.05))
    left.set_title("a  The posterior")
    left.legend(loc="upper left", frameon=True, facecolor="white", edgecolor="none")
    right.set_xticks(places, [str(name).replace(", ", "\n") for name in dataset["setting"].values])
    for place, deviance, verdict in zip(
        places, dataset["fit_deviance"].values, dataset["fit_verdict"].values, strict=True
    ):
        right.text(float(place), 0.85, f"{deviance:.0f}\n{verdict}", ha="center", color=INK, fontsize=9)
    right.text(-0.4, 0.97, "deviance, and whether the posterior fits:", color=INK, fontsize=9)
    right.set(ylabel="share of runs", ylim=(-0.02, 1.05), title="b  SGD (marks) and the best posterior (bars)")
    return figure
