"""Learning effort: when it is paid, what it does to the weight, and what it gains by its cost; two layers below.

Laws drawn: [eq:unaided-weight] [eq:last-effort].
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import INK, LAW, PALETTE, SAMPLED, series, use_style


def draw(dataset: xr.Dataset) -> Figure:
    """Draw a row of three panels for the neuron and one for the two layers.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run learning_effort`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(2, 3, figsize=(13, 8.2))
    time = dataset["time"]
    axes[0, 0].plot(time, dataset["effort"], color=PALETTE[1])
    axes[0, 0].plot(
        [float(time[-1])], [dataset.attrs["last_effort_law"]], marker="o", color=INK, label="law at the end"
    )
    axes[0, 0].set(xlabel="flow time", ylabel="best effort g", ylim=(0, 0.55), title="a  Effort is paid at the start")
    axes[0, 0].legend()
    axes[0, 1].plot(time, dataset["unaided_weight"], color=INK, label="without effort")
    axes[0, 1].plot(time, dataset["unaided_weight_law"], **LAW, label="law")
    reached = dataset["weight_with_effort"] * (1 + dataset["effort"])
    axes[0, 1].plot(time, reached, color=PALETTE[2], label="with effort, times 1 + g")
    axes[0, 1].set(xlabel="flow time", ylabel="weight that the output sees", title="b  It raises the output at once")
    axes[0, 1].legend(loc="lower right")
    axes[0, 2].errorbar(dataset["cost"], dataset["gain_by_cost"], **SAMPLED)
    axes[0, 2].set(xscale="log", xlabel="cost of effort", ylabel="gain of J", title="c  What it gains", ylim=(0, None))
    _layers(axes[1], dataset)
    return figure


def _layers(axes: np.ndarray, dataset: xr.Dataset) -> None:
    first, second, third = axes
    time = dataset["block"]
    by_layer, by_weight = series(2)
    first.plot(time, dataset["layer_effort"], color=by_layer.colour, linestyle=by_layer.line_style, label="by layer: g")
    first.plot(
        time, dataset["weight_effort"], color=by_weight.colour, linestyle=by_weight.line_style,
        label="by weight: sum of g²",
    )  # fmt: skip
    first.set(xlabel="flow time", ylabel="effort", ylim=(0, None), title="d  Two layers pay while they learn")
    first.legend()
    _levels(second, dataset, "by layer", "e  One effort a layer")
    _levels(third, dataset, "by weight", "f  An effort for every weight")


def _levels(axes: Axes, dataset: xr.Dataset, how: str, title: str) -> None:
    for look, level in zip(series(dataset.sizes["level"]), dataset["level"].values, strict=True):
        learned = dataset["level_learned"].sel(level=level)
        axes.plot(dataset["moment"], learned.sel(how=how), color=look.colour, label=str(level))
        axes.plot(dataset["moment"], learned.sel(how="none"), color=look.colour, linestyle=":", linewidth=1.2)
    axes.set(xlabel="flow time", ylabel="share of the level that is learned", title=title, ylim=(-0.03, 1.08))
    axes.set_xlim(right=1.5 * float(dataset["moment"][-1]))  # beside the curves, which leave no room between them
    axes.legend(loc="center right", title="dotted:\nno effort")
