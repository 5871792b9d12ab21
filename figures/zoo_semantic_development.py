"""Semantic development: shares learned level by level, what is falsely believed meanwhile, and how items come apart.

Laws drawn: [eq:mode-strength] from [eq:initial-mode-strength], and [eq:illusory-strength].
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import FAINT, INK, LAW, PALETTE, SAMPLED, use_style

COLOURS = (INK, PALETTE[1], PALETTE[2], PALETTE[3])
MARKERS = ("o", "s", "^", "D")


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the four panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run semantic_development`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(2, 2, figsize=(12, 8.4))
    _shares(axes[0, 0], dataset)
    _beliefs(axes[0, 1], dataset)
    _places(axes[1, 0], dataset)
    _half_times(axes[1, 1], dataset)
    return figure


def _shares(axes: Axes, dataset: xr.Dataset) -> None:
    shown = slice(None, None, 10)
    for level, colour, marker in zip(dataset["level"].values, COLOURS, MARKERS, strict=True):
        own = dataset.sel(level=level)
        axes.plot(own["time"], own["share_law"], **{**LAW, "color": colour})
        look = {**SAMPLED, "marker": marker, "markeredgecolor": colour, "markersize": 4.5, "markevery": (2, 1)}
        axes.plot(own["time"][shown], own["one_run"][shown], **_points(look), label=level)
    axes.plot([], [], **{**LAW, "color": FAINT}, label="law")
    axes.set(
        xlabel="flow time", ylabel="share of the level that is learned", ylim=(-0.03, 1.12), xlim=(0, 70),
        title="a  One run from small random weights: level by level",
    )  # fmt: skip
    axes.legend(loc="lower right")


def _points(look: dict[str, Any]) -> dict[str, Any]:
    """The look of sampled points without error bars."""
    return {name: value for name, value in look.items() if name not in ("ecolor", "capsize", "markevery")}


def _beliefs(axes: Axes, dataset: xr.Dataset) -> None:
    shown = slice(None, None, 20)
    for feature, colour, marker in zip(dataset["feature"].values, COLOURS[1:], MARKERS[1:], strict=True):
        own = dataset.sel(feature=feature)
        axes.plot(own["belief_time"], own["belief_law"], **{**LAW, "color": colour})
        look = _points({**SAMPLED, "marker": marker, "markeredgecolor": colour, "markersize": 4.5})
        axes.plot(own["belief_time"][shown], own["belief"][shown], **look, label=f"{feature} feature")
    axes.plot([], [], **{**LAW, "color": FAINT}, label="law")
    axes.axhline(0.5, color=FAINT, linewidth=0.9)
    axes.text(0.5, 0.51, "no more than one half", color=FAINT, fontsize=9, va="bottom")
    axes.set(
        xlabel="flow time", ylabel="said of an item whose sibling has it", ylim=(-0.02, 0.62), xlim=(0, 60),
        title="b  False beliefs come and go (decoupled start)",
    )  # fmt: skip
    axes.legend(loc="upper right", fontsize=9)


def _places(axes: Axes, dataset: xr.Dataset) -> None:
    for item in range(dataset.sizes["item"]):
        path = dataset["place"].isel(item=item).values
        colour = COLOURS[1] if item < dataset.sizes["item"] // 2 else COLOURS[2]
        axes.plot(path[:, 0], path[:, 1], color=colour, linewidth=1.4)
        axes.plot(*path[-1], "o", color=colour, markersize=6)
        side = 1 if item < dataset.sizes["item"] // 2 else -1
        axes.annotate(
            f"item {item + 1}", path[-1], (7 * side, 0), textcoords="offset points", fontsize=9, va="center",
            ha="left" if side > 0 else "right",
        )  # fmt: skip
    axes.plot(0, 0, "s", color=INK, markersize=6)
    axes.annotate("start", (0, 0), (0, 9), textcoords="offset points", fontsize=9, ha="center")
    reach = 1.45 * np.abs(dataset["place"][-1, :, 0].values).max()
    axes.set(
        xlabel="along the top distinction", ylabel="middle + 0.4 × leaf distinctions", xlim=(-reach, reach),
        title="c  The same run: items come apart, halves first",
        ylim=np.array([-1.15, 1.15]) * np.abs(dataset["place"][-1, :, 1].values).max(),
    )  # fmt: skip


def _half_times(axes: Axes, dataset: xr.Dataset) -> None:
    temperatures = dataset["temperature"].values
    groups = [(f"T =\n{t:g}".replace("e-0", "e-"), dataset.sel(temperature=t), "temperature") for t in temperatures]
    for rate in dataset["rate"].values:
        for batch in dataset["batch"].values:
            if batch in (dataset["batch"].values[0], dataset["batch"].values[-1]):
                groups.append((f"B = {batch}\nη = {rate:g}", dataset.sel(rate=rate, batch=batch), "batch"))
    for place, (_, own, name) in enumerate(groups):
        for level, colour, marker in zip(dataset["level"].values, COLOURS, MARKERS, strict=True):
            at = own.sel(level=level)
            by_law = float(at["half_time_by_temperature_law"] if name == "temperature" else at["half_time_law"])
            axes.plot([place - 0.3, place + 0.3], [by_law, by_law], **{**LAW, "color": colour, "linestyle": "-"})
            look = {**SAMPLED, "marker": marker, "markeredgecolor": colour, "ecolor": colour}
            axes.errorbar(
                place, float(at[f"half_time_by_{name}"]), 1.96 * float(at[f"half_time_by_{name}_error"]), **look
            )
    axes.set_xticks(range(len(groups)), [told for told, *_ in groups], fontsize=9)
    axes.set(
        ylabel="half-time [flow time]", ylim=(0, 60), title="d  Noise moves half-times; their order stays (lines: law)"
    )
