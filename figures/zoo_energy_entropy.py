"""Energy and entropy: the wide well's chance by temperature and by batch noise, by examples, and the imbalance.

Laws drawn: [eq:two-well-odds], [eq:two-well-odds-flat-noise], [eq:undersampling-crossing], and [eq:imbalance-step] with
[eq:label-noise-slope].
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import FAINT, INK, LAW, PALETTE, SAMPLED, plain_ticks, series, use_style

REACH = 1.96


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the three panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run energy_entropy`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(1, 3, figsize=(14, 4.2), gridspec_kw={"width_ratios": (1, 1, 1.3)})
    _wells(axes[0], dataset)
    _alpha(axes[1], dataset)
    _imbalance(axes[2], dataset)
    return figure


def _wells(axes: Axes, dataset: xr.Dataset) -> None:
    parts = (
        ("wide", dataset["temperature"], "temperature T", "o", PALETTE[1]),
        ("flat_wide", dataset["noise"], "noise ∝ curvature", "s", PALETTE[2]),
    )
    for name, place, told, marker, colour in parts:
        axes.errorbar(
            place, dataset[name], REACH * dataset[f"{name}_error"],
            **{**SAMPLED, "marker": marker, "markeredgecolor": colour, "ecolor": colour}, label=told,
        )  # fmt: skip
    axes.plot(dataset["drawn"], dataset["drawn_temperature"], **LAW, label="laws")
    axes.plot(dataset["drawn"], dataset["drawn_flat"], **LAW)
    axes.set(
        xscale="log", xlabel="noise on the wide well [loss]", ylabel="chance of the wide well", ylim=(-0.03, 1.08),
        title="a  Two wells",
    )  # fmt: skip
    plain_ticks(axes.xaxis, [0.02, 0.05, 0.1, 0.2, 0.5, 1, 2])
    axes.legend(loc="lower right")


def _alpha(axes: Axes, dataset: xr.Dataset) -> None:
    looks = series(dataset.sizes["dimensions"])
    for look, number in zip(looks, dataset["dimensions"].values, strict=True):
        axes.plot(
            dataset["alpha"], dataset["wide_by_alpha"].sel(dimensions=number), color=look.colour,
            linestyle=look.line_style, label=f"D = {number}",
        )  # fmt: skip
    axes.set(
        xlabel="examples per dimension α = N/D", ylabel="chance of the wide well", ylim=(-0.03, 1.08),
        title="b  Few examples act as temperature (law)",
    )  # fmt: skip
    axes.legend(loc="lower left")


def _imbalance(axes: Axes, dataset: xr.Dataset) -> None:
    steps = dataset["kept"].values
    hot = dataset.isel(white_noise=-1)
    mean, spread = hot["white"].values, hot["white_spread"].values
    axes.fill_between(steps, mean - spread, mean + spread, color=FAINT, alpha=0.25, linewidth=0)
    axes.plot(steps, mean, color=INK, label=f"white noise, T = {float(hot['white_noise']):g}: mean, and ± 1 sd of runs")
    for look, batch in zip(series(dataset.sizes["batch"] + 1)[1:], dataset["batch"].values, strict=True):
        of = dataset.sel(batch=batch)
        axes.plot(steps, of["left_law"], **LAW)
        axes.errorbar(
            steps[::10], of["left"][::10], REACH * of["left_error"][::10],
            **{**SAMPLED, "marker": look.marker, "markeredgecolor": look.colour, "ecolor": look.colour},
            label=f"SGD, B = {batch}",
        )  # fmt: skip
    axes.plot([], [], **LAW, label="law of SGD")
    axes.axhline(0, color=FAINT, linewidth=0.9)
    axes.set(
        xlabel=f"steps of {float(dataset.attrs['learning_rate']):g}", ylabel="imbalance over its start",
        ylim=(-2.2, 4.4), xlim=(0, steps[-1]), title="c  Equal minima: SGD seeks the widest, at imbalance 0",
    )  # fmt: skip
    axes.legend(loc="upper left", fontsize=8.5)
    axes.set_yticks(np.arange(-2, 4))
