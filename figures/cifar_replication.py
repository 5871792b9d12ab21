"""The replication on CIFAR-10: accuracy against switch epoch, the ends, and what was measured at the switch."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator, FuncFormatter, NullLocator

from figures.style import FAINT, INK, LAW, PALETTE, series, use_style

CONTROL_MARKERS = {"reset": "^", "fresh": "s", "base": "v"}
DEFINITIONS = {"hinge": "o", "half_depth": "s", "half_stuck_mass": "^"}


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the four panels.

    Parameters
    ----------
    dataset
        As `cifar.dataset.sweep_dataset` makes it.
    """
    use_style()
    figure, axes = plt.subplots(2, 2, figsize=(13.2, 9.6))
    _accuracy(axes[0, 0], dataset)
    _controls(axes[0, 1], dataset)
    _ends(axes[1, 0], dataset)
    _at_switch(axes[1, 1], dataset)
    words = f"{dataset.attrs['source']}, preset {dataset.attrs['preset']}, deficit {_words(dataset.attrs['deficit'])}"
    figure.suptitle(f"End of the critical period in a real network ({words})")
    figure.draw_without_rendering()
    figure.set_layout_engine("none")
    return figure


def _words(name: str) -> str:
    return str(name).replace("_", " ")


def _accuracy(axes: Axes, data: xr.Dataset) -> None:
    base = (data["arm"] == "base") & (data["deficit"] == data.attrs["deficit"])
    for look, size in zip(series(data.sizes["curve_batch_size"]), data["curve_batch_size"].values, strict=True):
        one = data.sel(curve_batch_size=size)
        known = np.isfinite(one["curve"].values)
        epochs = one["curve_epoch"].values[known]
        axes.errorbar(
            epochs, one["curve"].values[known], yerr=one["curve_standard_error"].fillna(0).values[known],
            color=look.colour, linestyle=look.line_style, marker=look.marker, capsize=2.5, label=f"B = {size}",
        )  # fmt: skip
        runs = data.isel(run=np.flatnonzero(base & (data["batch_size"] == size)))
        failed = ~runs["passed"].values.astype(bool)
        accuracy = 100 * runs["final_test_accuracy"].values
        axes.plot(
            runs["switch_epoch"].values[failed], accuracy[failed], linestyle="none", marker="x", color=look.colour
        )
        kink, intercept, slope = one["hinge_line"].values
        if np.isfinite(kink):
            grid = np.linspace(epochs[0], epochs[-1], 200)
            axes.plot(grid, intercept + slope * np.minimum(grid, kink), color=look.colour, linewidth=0.8, alpha=0.6)
    axes.plot([], [], linestyle="none", marker="x", color=FAINT, label="below the gate (left out)")
    axes.set_title("Final test accuracy: mean and standard error over seeds, with hinge")
    axes.set_xlabel("switch epoch $e_s$")
    axes.set_ylabel("final test accuracy, %")
    axes.legend()


def _controls(axes: Axes, data: xr.Dataset) -> None:
    sizes = sorted(set(data["control_batch_size"].values.tolist()))
    size = sizes[0] if sizes else int(data["curve_batch_size"].values[0])
    if size in data["curve_batch_size"].values:
        one = data.sel(curve_batch_size=size)
        known = np.isfinite(one["curve"].values)
        axes.errorbar(
            one["curve_epoch"].values[known], one["curve"].values[known],
            yerr=one["curve_standard_error"].fillna(0).values[known], color=INK, marker="o", capsize=2.5,
            label=f"{_words(data.attrs['deficit'])}, base arm",
        )  # fmt: skip
    names = sorted(set(zip(data["control_arm"].values.tolist(), data["control_deficit"].values.tolist(), strict=True)))
    for number, (arm, deficit) in enumerate(names):
        chosen = (
            (data["control_arm"] == arm) & (data["control_deficit"] == deficit) & (data["control_batch_size"] == size)
        )
        these = data.isel(control=np.flatnonzero(chosen))
        axes.plot(
            these["control_switch_epoch"].values, these["control_accuracy"].values, linestyle=":",
            marker=CONTROL_MARKERS.get(arm, "D"), color=PALETTE[(number + 1) % len(PALETTE)], markersize=7,
            label=f"{_words(deficit)}, {_words(arm)}",
        )  # fmt: skip
    axes.set_title(f"Controls at B = {size}")
    axes.set_xlabel("switch epoch $e_s$")
    axes.set_ylabel("final test accuracy, %")
    axes.legend()


def _ends(axes: Axes, data: xr.Dataset) -> None:
    """Ends in units of the theorem's shift per halving, so that this run and the published ones share an axis."""
    ticks: set[int] = set()
    for prefix, dimension, unit, colour in (
        ("end", "curve_batch_size", data.attrs["epochs_per_halving_theory"], PALETTE[1]),
        ("published", "published_batch_size", data.attrs["published_epochs_per_halving_theory"], PALETTE[2]),
    ):
        sizes = data[dimension].values
        ticks |= set(sizes.tolist())
        for name, marker in DEFINITIONS.items():
            if f"{prefix}_{name}" not in data:
                continue
            values, low, high = (data[f"{prefix}_{name}{end}"].values / unit for end in ("", "_low", "_high"))
            known = np.isfinite(values)
            reach = np.nan_to_num(np.abs(np.array([values - low, high - values])))[:, known]
            whose = "this run" if prefix == "end" else "published"
            axes.errorbar(
                sizes[known], values[known], yerr=reach, marker=marker, capsize=2.5, linestyle="-", linewidth=0.8,
                label=f"{whose}, {_words(name)}", color=colour,
            )  # fmt: skip
    sizes = np.array(sorted(ticks), dtype=float)
    middle = np.nanmean(data["published_half_depth"].values) / data.attrs["published_epochs_per_halving_theory"]
    axes.plot(sizes, middle - np.log2(sizes / 128), label="slope of the theorem", **LAW)
    axes.set_xscale("log", base=2)
    axes.xaxis.set_major_locator(FixedLocator(sizes.tolist()))
    axes.xaxis.set_minor_locator(NullLocator())
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}"))
    axes.set_title("Ends, in units of the theorem's shift per halving of the batch")
    axes.set_xlabel("batch size B")
    axes.set_ylabel(r"$e^*\,|\ln\gamma|\,/\ln 2$")
    axes.legend(fontsize=8.5)


def _at_switch(axes: Axes, data: xr.Dataset) -> None:
    name = "switch_fisher_trace" if "switch_fisher_trace" in data else "switch_deficit_train_loss"
    base = (data["arm"] == "base") & (data["deficit"] == data.attrs["deficit"])
    for look, size in zip(series(data.sizes["curve_batch_size"]), data["curve_batch_size"].values, strict=True):
        runs = data.isel(run=np.flatnonzero(base & (data["batch_size"] == size)))
        epochs = sorted({int(e) for e in runs["switch_epoch"].values})
        means = [runs[name].values[(runs["switch_epoch"].values == e) & np.isfinite(runs[name].values)] for e in epochs]
        kept = [(e, float(v.mean())) for e, v in zip(epochs, means, strict=True) if len(v)]
        if kept:
            axes.plot(*zip(*kept, strict=True), color=look.colour, marker=look.marker, label=f"B = {size}")
        end = float(data["end_hinge"].sel(curve_batch_size=size)) if "end_hinge" in data else np.nan
        if np.isfinite(end):
            axes.axvline(end, color=look.colour, linewidth=0.8, linestyle=":")
    axes.set_yscale("log")
    trace = name.endswith("trace")
    axes.set_title("Fisher trace at the switch (dotted: hinge)" if trace else "Deficit loss at the switch")
    axes.set_xlabel("switch epoch $e_s$")
    axes.set_ylabel("trace of the Fisher information" if trace else "deficit train loss, nats")
    if axes.get_legend_handles_labels()[0]:
        axes.legend()
