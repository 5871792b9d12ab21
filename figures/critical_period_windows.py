"""Which window is the worst, and what estimates of the learning coefficient show along a run."""

from __future__ import annotations

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import EXACT, FAINT, INK, LAW, PALETTE, plain_ticks, series


def windows(data: xr.Dataset) -> Figure:
    """Five panels: harm by onset, the law by temperature, Fisher information, readings in the toy and published."""
    figure = plt.figure(figsize=(15.0, 9.6))
    grid = figure.add_gridspec(2, 6, hspace=0.08, wspace=0.1)
    top = [figure.add_subplot(grid[0, 2 * column : 2 * column + 2]) for column in range(3)]
    bottom = [figure.add_subplot(grid[1, 3 * column : 3 * column + 3]) for column in range(2)]
    _harm(top[0], data)
    _law(top[1], data)
    _fisher(top[2], data)
    _readings(bottom[0], data)
    _published(bottom[1], data)
    figure.suptitle("Which deficit window is the worst, and what estimates of the learning coefficient show")
    return figure


def _harm(axes: Axes, data: xr.Dataset) -> None:
    part = data.sel(noise="falling", barrier="regular")
    for (start, mixing), look in zip(
        [(start, mixing) for mixing in data["mixing"].values for start in data["start"].values], series(4), strict=True
    ):
        curve = part["harm"].sel(start=start, mixing=mixing)
        axes.plot(
            data["onset"], curve, color=look.colour, linestyle=look.line_style, marker=look.marker, markersize=4.5,
            label=f"{start}, {mixing}",
        )  # fmt: skip
    axes.set(xlabel="onset of the window (epoch)", ylabel="stuck mass added", ylim=(-0.02, 0.72),
             title="a  Harm by onset, falling noise")  # fmt: skip
    axes.legend(loc="upper right", title="start, temperature", alignment="left")


def _law(axes: Axes, data: xr.Dataset) -> None:
    temperatures = data["first_temperature"].values
    axes.axhline(float(data["law_shift"]), **LAW, label="law of equal temperature")
    for start, look in zip(data["start"].values, series(2), strict=True):
        part = data.sel(start=start)
        slopes, first = part["by_temperature_end_slope"].values, part["by_temperature_worst_onset"].values == 0
        axes.plot(
            temperatures, slopes, color=look.colour, linestyle=look.line_style, linewidth=1.2, label=f"from the {start}"
        )
        for chosen, face in ((first, look.colour), (~first, "white")):
            axes.plot(
                temperatures[chosen], slopes[chosen], linestyle="none", marker=look.marker, markersize=7,
                color=look.colour, markerfacecolor=face,
            )  # fmt: skip
    axes.plot([], [], linestyle="none", marker="o", color=INK, label="earliest window the worst")
    axes.plot([], [], linestyle="none", marker="o", color=INK, markerfacecolor="white", label="a later one")
    axes.set_xscale("log")
    plain_ticks(axes.xaxis, [0.05, 0.1, 0.2, 0.5, 1])
    axes.set(xlabel="temperature of epoch 0 (loss)", ylabel="shift of the end per halving (epochs)", ylim=(-1, 33),
             title="b  Where the first window is worst, the law fails")  # fmt: skip
    axes.legend(loc="upper left", ncols=1)


def _fisher(axes: Axes, data: xr.Dataset) -> None:
    times, trace, cost = (data[name].values for name in ("pathway_onset", "pathway_fisher_trace", "pathway_cost"))
    axes.plot(times, trace / trace.max(), **EXACT, label="trace of the Fisher information")
    axes.plot(times, cost / cost[0], color=PALETTE[1], linestyle=(0, (6, 2)), label="cost of a window from then on")
    axes.axvline(times[trace.argmax()], color=FAINT, linewidth=0.9, linestyle=":")
    axes.set(
        xlabel="flow time", ylabel="over its largest value", ylim=(0, 1.3), title="c  Two logistic pathways, T = 0"
    )
    axes.legend(loc="upper right")


def _readings(axes: Axes, data: xr.Dataset) -> None:
    epochs = data["run_epoch"].values
    run = data.sel(place="at the switch")
    looks = {"published": series(4)[1], "centred": series(4)[2], "asymptotic": series(4)[0]}
    for coefficients, width in (("one λ", 2.0), ("two λ", 1.1)):
        for reading, look in looks.items():
            axes.plot(
                epochs, run["run_coefficient"].sel(coefficients=coefficients, reading=reading), color=look.colour,
                linewidth=width, marker=look.marker, markersize=4, linestyle=look.line_style,
                label=f"{reading}, {coefficients}",
            )  # fmt: skip
    axes.plot(epochs, data["run_law"], **LAW, label="law in a quadratic well, one λ")
    axes.set_yscale("symlog", linthresh=1.0)
    plain_ticks(axes.yaxis, [-30, -10, -3, -1, 0, 0.5, 1])
    axes.set(xlabel="switch epoch", ylabel="learning coefficient", ylim=(-40, 60),
             title="d  At the switch, in the toy: the estimate rises as the run cools")  # fmt: skip
    axes.legend(loc="upper left", ncols=3)


def _published(axes: Axes, data: xr.Dataset) -> None:
    sizes = data["published_batch_size"].values
    for size, look in zip(sizes, series(len(sizes)), strict=True):
        part = data.sel(published_batch_size=size)
        axes.plot(
            part["published_epoch"], part["published_at_switch"], color=look.colour, linestyle=look.line_style,
            marker=look.marker, label=f"B = {int(size)}",
        )  # fmt: skip
        axes.axvline(float(part["published_hinge"]), color=look.colour, linestyle=":", linewidth=1.2)
    axes.plot([], [], color=INK, linestyle=":", linewidth=1.2, label="hinge of the accuracy")
    axes.axhline(0, color=FAINT, linewidth=0.8)
    axes.set(xlabel="switch epoch", ylabel="estimated learning coefficient",
             title="e  At the switch, CIFAR-10 (Baker 2023; one seed a batch size)")  # fmt: skip
    axes.legend(loc="lower right")
