"""A linear student: its error over examples and time, the law held against runs, and what noise adds.

Laws drawn: [eq:spectral-density], [eq:mode-error], [eq:frozen-error], [eq:final-error-many], [eq:final-error-few],
[eq:optimal-ridge-error].
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.colors import LogNorm
from matplotlib.figure import Figure

from figures.style import FAINT, INK, LAW, PALETTE, SAMPLED, phase_colour_map, plain_ticks, use_style

RATIOS = (0.2, 0.5, 1, 2, 5)
EXAMPLES = {0.5: "N/2", 1.0: "N", 2.0: "2N"}
ERRORS = (1.2, 1.5, 2, 3, 5, 10, 20)


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the four panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run generalisation_dynamics`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(1, 4, figsize=(17, 4.2), gridspec_kw={"width_ratios": (1.2, 1, 1, 1)})
    _map(figure, axes[0], dataset)
    _over_time(axes[1], dataset)
    _by_examples(axes[2], dataset)
    _added(axes[3], dataset)
    return figure


def _map(figure: Figure, axes: Axes, dataset: xr.Dataset) -> None:
    picture = axes.pcolormesh(
        dataset["ratio"], dataset["time"], dataset["law"].transpose("time", "ratio"), norm=LogNorm(1.1, 22),
        cmap=phase_colour_map(), shading="gouraud", rasterized=True,
    )  # fmt: skip
    axes.plot(dataset["ratio"], dataset["stop_time"], color="white", linestyle=(0, (5, 2)))
    axes.text(0.22, 1.9 * float(dataset["stop_time"][0]), "best time to stop", color="white", fontsize=9.5)
    axes.set(
        xscale="log", yscale="log", xlabel="examples over inputs, P/N", ylabel="flow time", ylim=(0.1, 1000),
        title="a  Error by the law [noise variance]",
    )  # fmt: skip
    plain_ticks(axes.xaxis, RATIOS)
    plain_ticks(axes.yaxis, [0.1, 1, 10, 100, 1000])
    bar = figure.colorbar(picture, ax=axes, pad=0.02)
    plain_ticks(bar.ax.yaxis, ERRORS)


def _over_time(axes: Axes, dataset: xr.Dataset) -> None:
    for ratio, marker, colour in zip(dataset["place"].values, ("s", "o", "^"), PALETTE[:3], strict=True):
        own = dataset.sel(place=ratio)
        look = {**SAMPLED, "marker": marker, "markeredgecolor": colour, "ecolor": colour}
        axes.plot(own["time"], own["curve_law"], **{**LAW, "color": colour})
        axes.errorbar(
            own["shown_time"], own["curve"], 1.96 * own["curve_error"], **look, label=f"P = {EXAMPLES[float(ratio)]}"
        )
        axes.errorbar(
            own["arm_time"], own["steps"], 1.96 * own["steps_error"],
            **{**look, "marker": "x", "markersize": 4.5, "capsize": 0},
        )  # fmt: skip
    axes.plot([], [], **{**LAW, "color": FAINT}, label="law")
    axes.plot([], [], color=FAINT, marker="x", linestyle="none", label="descent in steps")
    axes.set(xscale="log", yscale="log", xlabel="flow time", ylabel="error [noise variance]", ylim=(1.5, 60))
    axes.set_title("b  Runs against the law")
    plain_ticks(axes.xaxis, [0.1, 1, 10, 100, 1000])
    plain_ticks(axes.yaxis, [2, 5, 10, 20, 50])
    axes.legend(loc="upper left", ncols=2, columnspacing=1.0)


def _by_examples(axes: Axes, dataset: xr.Dataset) -> None:
    axes.plot(dataset["ratio"], dataset["final_law"].where(np.isfinite(dataset["final_law"])), **LAW)
    axes.plot(dataset["ratio"], dataset["stop_law"], **{**LAW, "color": PALETTE[2]})
    axes.plot(dataset["ratio"], dataset["ridge_law"], color=INK, linewidth=1.0, label="best ridge, law")
    for name, marker, colour, told in (
        ("final", "o", PALETTE[3], "at infinite time"), ("stopped", "s", PALETTE[2], "stopped at the best time"),
    ):  # fmt: skip
        axes.errorbar(
            dataset["seen"], dataset[name], 1.96 * dataset[f"{name}_error"],
            **{**SAMPLED, "marker": marker, "markeredgecolor": colour, "ecolor": colour}, label=told,
        )  # fmt: skip
    axes.set(
        xscale="log", yscale="log", xlabel="examples over inputs, P/N", ylabel="error [noise variance]",
        ylim=(1.1, 150), title="c  Stopping removes the peak",
    )  # fmt: skip
    plain_ticks(axes.xaxis, RATIOS)
    plain_ticks(axes.yaxis, [2, 5, 10, 20, 50, 100])
    axes.legend(loc="upper right")


def _added(axes: Axes, dataset: xr.Dataset) -> None:
    late = dataset.isel(arm_time=-1)
    places = np.arange(late.sizes["arm"])
    for shift, ratio, marker, colour in zip(
        (-0.15, 0, 0.15), late["place"].values, ("s", "o", "^"), PALETTE[:3], strict=True
    ):
        own = late.sel(place=ratio)
        axes.errorbar(
            places + shift, own["added"], 1.96 * own["added_error"],
            **{**SAMPLED, "marker": marker, "markeredgecolor": colour, "ecolor": colour},
            label=f"P = {EXAMPLES[float(ratio)]}",
        )  # fmt: skip
        warm = own["added_law"].values > 0
        axes.scatter(places[warm] + shift, own["added_law"].values[warm], marker="_", s=220, color=PALETTE[3], zorder=4)
    axes.scatter([], [], marker="_", s=220, color=PALETTE[3], label="law")
    axes.axhline(0, color=FAINT, linewidth=0.9)
    axes.set_yscale("symlog", linthresh=0.05, linscale=0.7)
    plain_ticks(axes.yaxis, [0, 0.05, 0.1, 1, 10])
    axes.set_xticks(places, [str(name) for name in late["arm"].values], fontsize=9)
    axes.set(ylabel="error added at t = 100 [noise variance]", ylim=(-0.03, 60), title="d  What noise adds")
    axes.legend(loc="upper right")
