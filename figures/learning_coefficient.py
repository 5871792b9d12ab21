"""Estimates of the learning coefficients of deep linear networks over their exact values, by way of measuring."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import FAINT, INK, series, use_style


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the rows of ``python -m slt_toys.learning_coefficient``.

    Parameters
    ----------
    dataset
        Variables along ``row``: network, setting, seed, estimate, standard_error, exact; along ``crossing``:
        crossing_n_beta, crossing_estimate, crossing_standard_error, crossing_exact; along ``curve``: curve_n_beta,
        curve_energy.
    """
    use_style()
    figure = Figure(figsize=(13.0, 6.0))
    axes, beside = figure.subplots(1, 2, width_ratios=(2.3, 1))
    _draw_crossing(beside, dataset)
    networks = list(dict.fromkeys(dataset["network"].values.tolist()))
    settings = list(dict.fromkeys(dataset["setting"].values.tolist()))
    axes.axhspan(0.95, 1.05, color=FAINT, alpha=0.2, linewidth=0, label="within 5 %")
    axes.axhline(1, color=INK, linewidth=1.2)
    for number, (setting, look) in enumerate(zip(settings, series(len(settings)), strict=True)):
        part = dataset.isel(row=dataset["setting"].values == setting)
        ratio = part["estimate"].values / part["exact"].values
        error = 1.96 * part["standard_error"].values / part["exact"].values
        centre = np.array([networks.index(name) for name in part["network"].values.tolist()], dtype=float)
        seeds = part["seed"].values
        spread = max(1, len(set(seeds.tolist())))
        place = centre + 0.13 * (number - (len(settings) - 1) / 2) + 0.09 * ((seeds - seeds.min()) / spread - 0.5)
        shown = np.isfinite(ratio) & (ratio > 0) & (ratio < 2.2)
        axes.errorbar(
            place[shown], ratio[shown], np.where(np.isfinite(error), error, 0)[shown], linestyle="none",
            marker=look.marker, markersize=5 if spread == 1 else 2.5, color=look.colour, capsize=0, linewidth=1,
            label=setting,
        )  # fmt: skip
        for x in place[~shown]:
            axes.annotate("diverged", (x, 2.08), ha="center", va="top", rotation=90, fontsize=9, color=look.colour)
    axes.set(
        ylim=(0.5, 2.1),
        xlim=(-0.5, len(networks) - 0.5),
        xlabel="deep linear network (widths; rank of the true map)",
        ylabel=r"estimate / exact learning coefficient",
        title="Learning coefficients of deep linear networks: measured over exact",
    )
    axes.set_xticks(range(len(networks)), networks)
    figure.legend(*axes.get_legend_handles_labels(), loc="outside lower center", ncols=3)
    return figure


def _draw_crossing(axes: Axes, dataset: xr.Dataset) -> None:
    """Three numbers against nβ: estimates, the exact energy and the learning coefficient."""
    exact, sampled = series(2)
    axes.axhline(float(dataset["crossing_exact"].values[0]), color=INK, linewidth=1.2, label="learning coefficient")
    axes.plot(
        dataset["curve_n_beta"].values, dataset["curve_energy"].values, color=exact.colour, linestyle="--",
        label=r"exact at finite $n\beta$",
    )  # fmt: skip
    error = 1.96 * dataset["crossing_standard_error"].values
    axes.errorbar(
        dataset["crossing_n_beta"].values, dataset["crossing_estimate"].values, error, linestyle="none",
        marker=sampled.marker, color=sampled.colour, label="estimate, 1.96 standard errors",
    )  # fmt: skip
    axes.set(
        xscale="log", ylim=(0.2, 0.54), xlabel=r"$n\beta$ [1/loss]", ylabel=r"energy $n\beta\,(E[L]-L^*)$",
        title="(1,1,1;0) at the crossing",
    )  # fmt: skip
    axes.legend(loc="lower right")
