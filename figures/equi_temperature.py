"""Equi-temperature curves: the end of the critical period against batch size across problems, slopes and rival laws.

Laws drawn: one halving of the learning rate for each of the batch [eq:learning-rate-halvings], and the slope under a
power law [eq:equi-temperature-slope-power-law].
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure
from matplotlib.ticker import FixedLocator

from figures.style import FAINT, INK, LAW, PALETTE, plain_ticks, reach, series, settle, use_style

SPACING, REFERENCE = 1.25, 64  # between neighbouring curves, in halvings, at a batch size
FLAT = 0.5  # a slope below it crosses its neighbours
DEFINITIONS = {"half_stuck_mass": "half stuck mass", "hinge": "hinge", "half_depth": "half depth"}
LAWS = {
    "scaling_law": "one temperature",
    "temperature_drift": "drifting temperature",
    "log_law": "logarithm, free slope",
    "power_law": "power of $B$, free",
    "constant": "constant",
    "flow_time": "flow time spent",
}
PUBLISHED = "published CIFAR-10"


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the panels: curves, slopes, laws, and below them measured noise where it was measured.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.equi_temperature`` writes it.
    """
    use_style()
    rows = dataset.sizes["problem"]
    noisy = _with_noise(dataset)
    figure = plt.figure(figsize=(16.0, max(6.5, 2.6 + 0.6 * rows) + (4.2 if noisy else 0.0)))
    heights = (max(4.0, 0.6 * rows), 3.0) if noisy else (1.0,)
    grid = figure.add_gridspec(len(heights), 1, height_ratios=heights)
    top = grid[0].subgridspec(1, 3, width_ratios=(1.35, 1.2, 0.9), wspace=0.02)
    _curves(figure.add_subplot(top[0]), dataset)
    slopes = figure.add_subplot(top[1])
    _slopes(slopes, dataset)
    _laws(figure.add_subplot(top[2], sharey=slopes), dataset)
    if noisy:
        below = grid[1].subgridspec(1, len(noisy))
        for number, name in enumerate(noisy):
            _noise(figure.add_subplot(below[number]), dataset.sel(problem=name), number == 0)
    figure.suptitle("Equi-temperature curves: how the end of the critical period follows the batch size, by problem")
    settle(figure)
    return figure


NOISY = ("memorising", "without_memory", "teacher_student", "deep_linear")  # drawn where they were run


def _with_noise(data: xr.Dataset) -> list[str]:
    if "noise_variance" not in data:
        return []
    there = [str(name) for name in data["problem"].values]
    return [name for name in NOISY if name in there and np.isfinite(data["noise_epoch"].sel(problem=name)).any()]


def _noise(axes: Axes, one: xr.Dataset, labelled: bool) -> None:
    """Temperature by the measured variance along the run, a line for each batch size, its end and the predicted one."""
    main = one.isel(definition=0)
    decay = float(str(main["schedule"].item()).split()[-1])
    epochs, sizes = main["noise_epoch"].values, main["batch_size"].values
    looks = series(int(np.isfinite(sizes).sum()))
    for look, row in zip(looks, np.flatnonzero(np.isfinite(sizes)), strict=True):
        temperature = decay**epochs * main["noise_variance"].values[row] / sizes[row]
        whole = temperature[1:] > 0  # epoch 0 is the start, before any training
        axes.plot(epochs[1:][whole], temperature[1:][whole], color=look.colour, linewidth=1.3,
                  label=f"$B$ = {sizes[row]:g}")  # fmt: skip
        for name, marker, face in (("end", look.marker, "white"), ("noise_end", "x", look.colour)):
            at = main[name].values[row]
            if np.isfinite(at):
                height = np.exp(np.interp(at, epochs, np.log(np.maximum(main["noise_variance"].values[row], 1e-300))))
                axes.plot(at, decay**at * height / sizes[row], marker=marker, color=look.colour, markerfacecolor=face,
                          markersize=7, linestyle="none", zorder=5)  # fmt: skip
    axes.set(yscale="log", xlabel="epoch $e$", title=f"{'d  ' if labelled else ''}{main['kind'].item()}")
    if labelled:
        axes.set_ylabel(r"$\gamma^e\sigma^2(e,B)/B$, which a temperature follows")
        axes.plot([], [], "o", color=INK, markerfacecolor="white", label="end, measured")
        axes.plot([], [], "x", color=INK, label="end, predicted from one other")
    axes.legend(handlelength=1.4, fontsize=8.5)


def _names(data: xr.Dataset) -> list[str]:
    return [str(kind) for kind in data["kind"].values]


def _curves(axes: Axes, data: xr.Dataset) -> None:
    main = data.isel(definition=0)
    names, looks = _names(data), series(2)
    sizes = data["batch_size"].values
    line = np.array([np.nanmin(sizes) / 1.25, np.nanmax(sizes) * 1.25])
    # What hardly follows the batch size would cross its neighbours: below all others.
    slopes = main["slope"].values
    order = sorted(range(len(names)), key=lambda row: slopes[row] < FLAT)
    flat = int(np.sum(slopes < FLAT))
    place = np.arange(len(names))
    heights = SPACING * (len(names) - place - 2.0 * np.maximum(place - (len(names) - flat - 1), 0))
    for row, height in zip(order, heights, strict=True):
        curve = main.isel(problem=row)
        low, high = main["slope_low"].values[row], main["slope_high"].values[row]
        look = looks[1 if low > 1 or high < 1 else 0]
        ends = [curve[f"{part}_halvings"].values for part in ("end", "end_low", "end_high", "exact_end")]
        _curve(axes, line, sizes[row], ends, height, names[row], look.colour, look.marker)
    chosen = _published(data, "half_depth")
    if chosen.size:
        ends = data["published_end_halvings"].values[chosen[0]]
        sizes = data["published_batch_size"].values
        _curve(axes, line, sizes, [*ends.T, np.full(len(sizes), np.nan)], SPACING * flat, PUBLISHED, PALETTE[2], "D")
    axes.plot([], [], **LAW, label="one temperature: slope 1")
    axes.plot([], [], color=INK, linewidth=1.1, label="exact (Fokker-Planck)")
    for look, text in zip(looks, ("sampled, 95 %", "sampled; slope is not 1"), strict=True):
        axes.errorbar([], [], yerr=[], fmt=look.marker, color=look.colour, markerfacecolor="white", capsize=2,
                      label=text)  # fmt: skip
    if chosen.size:
        axes.errorbar([], [], yerr=[], fmt="D", color=PALETTE[2], markerfacecolor="white", capsize=2,
                      label="published, by half depth, within one seed")  # fmt: skip
    lowest = min(heights[-1], SPACING * flat) if chosen.size else heights[-1]
    octaves = float(np.log2(line[1] / line[0]))
    top = SPACING * len(names) + np.log2(REFERENCE / line[0])
    axes.set(
        xscale="log",
        xlim=(line[0], line[1] * 2 ** (0.62 * octaves)),
        ylim=(lowest - np.log2(line[1] / REFERENCE) - 0.8, top + 0.5),
        xlabel="batch size $B$",
        ylabel=r"halvings of $\eta$ by the end, $\log_2(\eta_0/\eta(e^*))$, each curve shifted",
        title="a  End of the critical period by half stuck mass",
    )
    ticks = 2 ** np.arange(np.ceil(np.log2(line[0])), np.log2(line[1]))
    plain_ticks(axes.xaxis, ticks)
    axes.yaxis.set_major_locator(FixedLocator([]))
    foot, place = axes.get_ylim()[0] + 0.4, line[0] * 1.2
    axes.plot([place, place], [foot, foot + 1], color=INK, linewidth=2.5, solid_capstyle="butt")
    axes.annotate("1 halving", (place, foot + 0.5), xytext=(5, 0), textcoords="offset points", va="center",
                  fontsize=9.5)  # fmt: skip
    axes.legend(loc="upper right", handlelength=2.4)


def _published(data: xr.Dataset, definition: str) -> np.ndarray:
    """Row of the published ends by a definition, none where they were not asked."""
    if "published_definition" not in data:
        return np.zeros(0, dtype=int)
    return np.flatnonzero(data["published_definition"].values == definition)


def _curve(
    axes: Axes, line: np.ndarray, sizes: np.ndarray, ends: Sequence[np.ndarray], height: float, name: str, colour: str,
    marker: str,
) -> None:  # fmt: skip
    """One problem's curve, shifted so that the line of slope 1 through its middle has ``height`` at the reference.

    ``ends`` are the sampled ones with both ends of their intervals, and the exact ones.
    """
    end, low, high, exact = ends
    law = height - np.log2(line / REFERENCE)
    axes.plot(line, law, **LAW, zorder=2)
    axes.annotate(name, (line[1], law[1]), xytext=(4, 0), textcoords="offset points", va="center", fontsize=9.5,
                  color=colour)  # fmt: skip
    known, there = np.isfinite(end), np.isfinite(exact)
    if not known.any():
        axes.annotate("no end found", (line[0], law[0]), fontsize=9.5, color=FAINT)
        return
    middle = np.log2(sizes[known]).mean()
    shift = height - (middle - np.log2(REFERENCE)) - end[known].mean()
    axes.plot(sizes[there], exact[there] + shift, color=INK, linewidth=1.1, zorder=3)
    axes.errorbar(
        sizes[known], end[known] + shift, yerr=reach(end, low, high)[:, known], fmt=marker, color=colour,
        markersize=4.8, markerfacecolor="white", capsize=2, elinewidth=1.1, linestyle="none", zorder=4,
    )  # fmt: skip


def _slopes(axes: Axes, data: xr.Dataset) -> None:
    count = data.sizes["problem"]
    places = np.arange(count, 0, -1, dtype=float)
    definitions = list(data["definition"].values)
    axes.axvline(1, **LAW, zorder=1)
    for number, (look, name) in enumerate(zip(series(6)[::2], definitions, strict=True)):
        part = data.sel(definition=name)
        style: dict[str, Any] = {"fmt": look.marker, "color": look.colour, "markersize": 4.8, "capsize": 1.8,
                                 "elinewidth": 1.2, "markerfacecolor": "white", "zorder": 4}  # fmt: skip
        shift = 0.22 * (1 - number)
        value, low, high = (part[f"slope{end}"].values for end in ("", "_low", "_high"))
        _readings(axes, value, low, high, places + shift, style, DEFINITIONS.get(str(name), str(name)))
        exact = part["exact_slope"].values
        if np.isfinite(exact).any():
            axes.plot(exact, places + shift, linestyle="none", marker="|", markersize=8, markeredgewidth=1.6, color=INK,
                      zorder=5, label="exact" if number == 2 else None)  # fmt: skip
        chosen = _published(data, name)
        if chosen.size:
            value, low, high = data["published_slope"].values[chosen[0]][:, None]
            _readings(axes, value, low, high, np.array([shift]), style, None)
    if "noise_slope" in data and np.isfinite(data["noise_slope"].values).any():
        value, low, high = (data[f"noise_slope{end}"].values for end in ("", "_low", "_high"))
        style = {"fmt": "X", "color": PALETTE[3], "markersize": 5.5, "capsize": 1.8, "elinewidth": 1.2, "zorder": 4}
        _readings(axes, value, low, high, places - 0.4, style, "predicted by measured noise")
    expected = data["expected_slope"].values
    for place, value in zip(places, expected, strict=True):
        if np.isfinite(value) and value != 1:
            axes.plot([value] * 2, [place - 0.42, place + 0.42], color=PALETTE[3], linewidth=3, alpha=0.6, zorder=2)
    published = "published_slope" in data
    axes.set_ylim(-0.6 if published else 0.4, count + 0.6)
    for place in np.arange(0.5, count + 0.5):
        axes.axhline(place, color="#e2e2e2", linewidth=0.7, zorder=0)
    finite = [data[name].values[np.isfinite(data[name].values)] for name in ("slope_low", "slope_high")]
    shown = np.concatenate([*finite, *([data["published_slope"].values.ravel()] if published else []), [0.8, 1.2]])
    if "noise_slope" in data:
        shown = np.append(shown, data["noise_slope"].values[np.isfinite(data["noise_slope"].values)])
    axes.set(xlim=(shown.min() - 0.1, shown.max() + 0.1), title="b  Halvings of $\\eta$ per halving of $B$")
    handed = ~data["real_noise"].values & (data["expected"].values == "equal temperature")
    axes.set_xlabel("slope (1: closed form; †: 1 by identity, a check)" if handed.any() else "slope (1: closed form)")
    names = [f"{name} †" if given else name for name, given in zip(_names(data), handed, strict=True)]
    axes.set_yticks([*places, *([0.0] if published else [])], [*names, *([PUBLISHED] if published else [])])
    _legend_below(axes)


def _readings(
    axes: Axes, value: np.ndarray, low: np.ndarray, high: np.ndarray, places: np.ndarray, style: dict[str, Any],
    label: str | None,
) -> None:  # fmt: skip
    known = np.isfinite(value)
    axes.errorbar(value[known], places[known], xerr=reach(value, low, high)[:, known], label=label, **style)


def _laws(axes: Axes, data: xr.Dataset) -> None:
    weights = np.nan_to_num(data["weight"].isel(definition=0).values)
    places = np.arange(data.sizes["problem"], 0, -1, dtype=float)
    begin = np.zeros(len(places))
    for look, name, share in zip(series(len(weights.T)), data["law"].values, weights.T, strict=True):
        axes.barh(places, share, left=begin, height=0.62, color=look.colour, edgecolor="white", linewidth=0.8,
                  label=LAWS.get(str(name), str(name)))  # fmt: skip
        begin += share
    axes.set(xlim=(0, 1), xlabel="Akaike weight", title="c  Law of $e^*(B)$, by half stuck mass")
    axes.tick_params(labelleft=False, left=False)
    _legend_below(axes)


def _legend_below(axes: Axes) -> None:
    axes.legend(loc="upper center", bbox_to_anchor=(0.5, -0.075), ncols=2, handlelength=1.6)
