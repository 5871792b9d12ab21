"""The replication on CIFAR-10: accuracy against switch epoch, the ends, and what was measured at the switch."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import FAINT, INK, LAW, PALETTE, plain_ticks, series, settle, use_style

ACCURACY = {"xlabel": "switch epoch $e_s$", "ylabel": "final test accuracy, %"}
CONTROL_MARKERS = {"reset": "^", "fresh": "s", "base": "v"}
FEW_TIMES = 10  # what spans less is drawn on a linear axis
DEFINITIONS = {"hinge": "o", "half_depth": "s", "half_stuck_mass": "^"}


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the six panels.

    Parameters
    ----------
    dataset
        As `cifar.analysis.dataset.sweep_dataset` makes it.
    """
    use_style()
    figure, axes = plt.subplots(3, 2, figsize=(13.2, 14.2))
    _accuracy(axes[0, 0], dataset)
    _controls(axes[0, 1], dataset)
    _ends(axes[1, 0], dataset)
    _collapse(axes[1, 1], dataset)
    _at_switch(axes[2, 0], dataset, ("fisher_trace",))
    _at_switch(axes[2, 1], dataset, ("learning_coefficient", "hessian_top_eigenvalue", "deficit_train_loss"))
    for letter, panel in zip("abcdef", axes.flat, strict=True):
        panel.set_title(f"{letter}  {panel.get_title(loc='left')}".rstrip(), loc="left")
    words = f"{dataset.attrs['source']}, preset {dataset.attrs['preset']}, deficit {_words(dataset.attrs['deficit'])}"
    figure.suptitle(f"End of the critical period in a real network ({words})")
    settle(figure)
    return figure


def _words(name: str) -> str:
    return str(name).replace("_", " ")


def _hinges(data: xr.Dataset) -> dict[int, float]:
    """Batch sizes whose hinge was found, with its epoch."""
    if "end_hinge" not in data:
        return {}
    ends = zip(data["curve_batch_size"].values.tolist(), data["end_hinge"].values.tolist(), strict=True)
    return {size: end for size, end in ends if np.isfinite(end)}


def _curve(axes: Axes, curve: xr.Dataset, **look: Any) -> np.ndarray:
    """Draw the mean accuracy of one batch size with its standard errors; the switch epochs come back."""
    known = np.isfinite(curve["curve"].values)
    epochs, error = curve["curve_epoch"].values[known], curve["curve_standard_error"].fillna(0).values[known]
    axes.errorbar(epochs, curve["curve"].values[known], yerr=error, capsize=2.5, **look)
    return epochs


def _accuracy(axes: Axes, data: xr.Dataset) -> None:
    base = (data["arm"] == "base") & (data["deficit"] == data.attrs["deficit"])
    for look, size in zip(series(data.sizes["curve_batch_size"]), data["curve_batch_size"].values, strict=True):
        curve = data.sel(curve_batch_size=size)
        epochs = _curve(
            axes, curve, color=look.colour, linestyle=look.line_style, marker=look.marker, label=f"B = {size}"
        )  # fmt: skip
        runs = data.isel(run=np.flatnonzero(base & (data["batch_size"] == size)))
        failed = ~runs["passed"].values.astype(bool)
        accuracy = 100 * runs["final_test_accuracy"].values
        axes.plot(
            runs["switch_epoch"].values[failed], accuracy[failed], linestyle="none", marker="x", color=look.colour
        )
        kink, intercept, slope = curve["hinge_line"].values
        if size in _hinges(data) and np.isfinite(kink):
            grid = np.linspace(epochs[0], epochs[-1], 200)
            line = intercept + slope * np.minimum(grid, kink)
            # a curve that is flat at first has a fit that begins above what an accuracy can be
            axes.plot(grid, np.where(line > 100, np.nan, line), color=look.colour, linewidth=0.8, alpha=0.6)
    if not data["passed"].values[base.values].all():
        axes.plot([], [], linestyle="none", marker="x", color=FAINT, label="below the gate (left out)")
    hinge = ", with hinge" if _hinges(data) else ""
    axes.set(title=f"Final test accuracy: mean and standard error over seeds{hinge}", **ACCURACY)
    axes.legend()


def _controls(axes: Axes, data: xr.Dataset) -> None:
    of_size: dict[int, set[tuple[str, str]]] = {}
    kinds = zip(data["control_batch_size"].values.tolist(), data["control_arm"].values.tolist(),
                data["control_deficit"].values.tolist(), strict=True)  # fmt: skip
    for each, *kind in sorted(kinds):
        of_size.setdefault(int(each), set()).add((kind[0], kind[1]))
    # the batch size with the most kinds of controls, and another that has more than half of them
    most = sorted(of_size, key=lambda each: -len(of_size[each]))
    sizes = sorted([each for each in most if 2 * len(of_size[each]) > len(of_size[most[0]])][:2])
    sizes = sizes or [int(data["curve_batch_size"].values[0])]
    every = sorted({kind for size in sizes for kind in of_size.get(size, ())})
    for size, inside in zip(sizes, (None, "white"), strict=False):
        filled: dict[str, Any] = {"markerfacecolor": inside} if inside else {}
        at = "" if len(sizes) == 1 else f", B = {size}"
        if size in data["curve_batch_size"].values:
            label = f"{_words(data.attrs['deficit'])}, base arm{at}"
            _curve(axes, data.sel(curve_batch_size=size), color=INK, marker="o", label=label, **filled)
        for arm, deficit in sorted(of_size.get(size, ())):
            number = every.index((arm, deficit))
            chosen = (
                (data["control_arm"] == arm)
                & (data["control_deficit"] == deficit)
                & (data["control_batch_size"] == size)
            )
            these = data.isel(control=np.flatnonzero(chosen))
            axes.errorbar(
                these["control_switch_epoch"].values + 0.25 * (number - 1), these["control_accuracy"].values,
                yerr=these["control_standard_error"].fillna(0).values, linestyle=":", capsize=2.5,
                marker=CONTROL_MARKERS.get(arm, "D"), color=PALETTE[(number + 1) % len(PALETTE)], markersize=7,
                label=f"{_words(deficit)}, {_words(arm)}{at}", **filled,
            )  # fmt: skip
    named = " and ".join(map(str, sizes))
    axes.set(title=f"Controls at B = {named}: mean and standard error", **ACCURACY)
    axes.legend(fontsize=None if len(sizes) == 1 else 8.5)


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
            if not known.any():
                continue
            reach = np.nan_to_num(np.abs(np.array([values - low, high - values])))[:, known]
            whose = "this run" if prefix == "end" else "published, one seed"
            axes.errorbar(
                sizes[known], values[known], yerr=reach, marker=marker, capsize=2.5, linestyle="-", linewidth=0.8,
                label=f"{whose}, {_words(name)}", color=colour,
            )  # fmt: skip
    toys = data["toy_batch_size"].values
    ticks |= set(toys.tolist())
    axes.plot(
        toys, data["toy_half_depth"].values / data.attrs["toy_epochs_per_halving_theory"], marker="s", linewidth=0.8,
        color=PALETTE[0], markerfacecolor="white", label="toy, half depth",
    )  # fmt: skip
    sizes = np.array(sorted(ticks), dtype=float)
    middle = np.nanmean(data["published_half_depth"].values) / data.attrs["published_epochs_per_halving_theory"]
    axes.plot(sizes, middle - np.log2(sizes / 128), label="slope of the theorem", **LAW)
    axes.set_xscale("log", base=2)
    plain_ticks(axes.xaxis, sizes)
    title = "Ends, in units of the theorem's shift per halving of the batch"
    axes.set(title=title, xlabel="batch size B", ylabel=r"$e^*\,|\ln\gamma|\,/\ln 2$")
    axes.legend(fontsize=8.5)


def _collapse(axes: Axes, data: xr.Dataset) -> None:
    """Normalised accuracy over learning rate / batch size at the switch, to which the temperature is proportional."""
    for prefix, filled in (("curve", True), ("published", False)):
        dimension = f"{prefix}_batch_size"
        sizes = data[dimension].values
        for look, size in zip(series(len(sizes)), sizes, strict=True):
            curve = data.sel({dimension: size})
            shape, rates = curve[f"{prefix}_normalised"].values, curve[f"{prefix}_learning_rate"].values
            known = np.isfinite(shape)
            if not known.any():
                continue
            axes.plot(
                rates[known] / size, shape[known], color=look.colour, marker=look.marker,
                linewidth=1.6 if filled else 0.7, linestyle=look.line_style if filled else ":",
                markersize=6 if filled else 4,
                markerfacecolor=look.colour if filled else "white",
                label=f"{'this run' if filled else 'published'}, B = {size}",
            )  # fmt: skip
    axes.set_xscale("log")
    axes.invert_xaxis()
    axes.set(
        title="Collapse: over learning rate / batch size at the switch",
        xlabel=r"$\eta(e_s)/B$, falling as the switch comes later",
        ylabel="accuracy, 1 without deficit, 0 at late switches",
    )
    axes.legend(fontsize=8.5)


AT_SWITCH = {
    "fisher_trace": ("Fisher trace", "trace of the Fisher information"),
    "learning_coefficient": ("Local learning coefficient", r"$\hat\lambda$, deficit loss"),
    "hessian_top_eigenvalue": ("Top Hessian eigenvalue", "largest eigenvalue, deficit loss"),
    "deficit_train_loss": ("Deficit loss", "deficit train loss, nats"),
}


def _at_switch(axes: Axes, data: xr.Dataset, names: Sequence[str]) -> None:
    """The first of these measurements that there is, with the range over seeds."""
    known = [name for name in names if f"switch_{name}" in data and np.isfinite(data[f"switch_{name}"].values).any()]
    if not known:
        axes.set_axis_off()
        axes.text(0.5, 0.5, f"{AT_SWITCH[names[0]][0]}: not measured", ha="center", transform=axes.transAxes)
        return
    title, label = AT_SWITCH[known[0]]
    base = (data["arm"] == "base") & (data["deficit"] == data.attrs["deficit"])
    lowest, highest = np.inf, -np.inf
    for look, size in zip(series(data.sizes["curve_batch_size"]), data["curve_batch_size"].values, strict=True):
        runs = data.isel(run=np.flatnonzero(base & (data["batch_size"] == size)))
        values, at = runs[f"switch_{known[0]}"].values, runs["switch_epoch"].values
        epochs = sorted({int(epoch) for epoch in at[np.isfinite(values)]})
        each = [values[(at == epoch) & np.isfinite(values)] for epoch in epochs]
        if epochs:
            mean = np.array([seeds.mean() for seeds in each])
            reach = np.array([mean - [seeds.min() for seeds in each], [seeds.max() for seeds in each] - mean])
            axes.errorbar(
                epochs, mean, yerr=reach, color=look.colour, marker=look.marker, linestyle=look.line_style, capsize=2.5,
                label=f"B = {size}",
            )  # fmt: skip
            lowest, highest = min(lowest, (mean - reach[0]).min()), max(highest, (mean + reach[1]).max())
        if size in _hinges(data):
            axes.axvline(_hinges(data)[size], color=look.colour, linewidth=0.8, linestyle=":")
    if 0 < lowest < highest / FEW_TIMES:
        axes.set_yscale("log")
    hinge = " (dotted: hinge)" if _hinges(data) else ""
    axes.set(title=f"{title} at the switch{hinge}", xlabel=ACCURACY["xlabel"], ylabel=label)
    axes.legend()
