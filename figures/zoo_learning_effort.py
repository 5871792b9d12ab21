"""Learning effort: when it is paid, what it does to the weight, and what it gains by its cost.

Law drawn: [eq:unaided-weight].
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.figure import Figure

from figures.style import INK, LAW, PALETTE, SAMPLED, use_style


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the three panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run learning_effort`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(1, 3, figsize=(13, 4.2))
    time = dataset["time"]
    axes[0].plot(time, dataset["effort"], color=PALETTE[1])
    axes[0].set(xlabel="flow time", ylabel="best effort g", ylim=(0, 0.55), title="a  Effort is paid at the start")
    axes[1].plot(time, dataset["unaided_weight"], color=INK, label="without effort")
    axes[1].plot(time, dataset["unaided_weight_law"], **LAW, label="law")
    reached = dataset["weight_with_effort"] * (1 + dataset["effort"])
    axes[1].plot(time, reached, color=PALETTE[2], label="with effort, times 1 + g")
    axes[1].set(xlabel="flow time", ylabel="weight that the output sees", title="b  It raises the output at once")
    axes[1].legend(loc="lower right")
    axes[2].errorbar(dataset["cost"], dataset["gain_by_cost"], **SAMPLED)
    axes[2].set(xscale="log", xlabel="cost of effort", ylabel="gain of J", title="c  What it gains", ylim=(0, None))
    return figure
