"""Neural race: exclusive or beside its law, shared against dedicated routes, and pairs of domains never trained.

Laws drawn: [eq:xor-pathway-loss] with [eq:mode-strength].
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import FAINT, INK, LAW, PALETTE, SAMPLED, use_style

REACH = 1.96


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the four panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run neural_race`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(1, 4, figsize=(16, 4), gridspec_kw={"width_ratios": (1.1, 1.3, 0.9, 0.9)})
    time = dataset["time"].values
    for number in range(dataset.sizes["shown"]):
        axes[0].plot(
            time, dataset["xor_loss"][number], color=PALETTE[2], linewidth=2.6, alpha=0.7,
            label=None if number else "simulated, three runs",
        )  # fmt: skip
        axes[0].plot(time, dataset["xor_loss_law"][number], **LAW, label=None if number else "law, start fitted")
    axes[0].set(xlabel="flow time", ylabel="loss", xlim=(10, 24), title="a  Exclusive or: four pathways")
    axes[0].legend()
    _race(axes[1], dataset)
    _tasks(axes[2], dataset)
    _untrained(axes[3], dataset)
    return figure


def _race(axes: Axes, dataset: xr.Dataset) -> None:
    levels = (("root", 0, "-"), ("top", 1, (0, (5, 2))), ("leaves", 2, (0, (1.5, 1.5))))
    for kind, colour in (("shared", INK), ("dedicated", PALETTE[1])):
        for told, mode, line in levels:
            axes.plot(
                dataset["moment"], dataset[f"{kind}_trace"][:, mode], color=colour, linestyle=line,
                label=f"{kind}, {told}",
            )  # fmt: skip
    axes.set(
        xlabel="flow time", ylabel="share of the mode learned", ylim=(-0.03, 1.62),
        title="b  Eight tasks, each route alone",
    )  # fmt: skip
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.legend(fontsize=8.5, loc="upper center", ncols=2)


def _tasks(axes: Axes, dataset: xr.Dataset) -> None:
    for kind, colour, marker in (("shared", INK, "s"), ("dedicated", PALETTE[1], "o")):
        axes.plot(dataset["tasks"], dataset[f"{kind}_half_by_tasks"], color=colour, marker=marker, label=kind)
    axes.set(
        xlabel="tasks of four domains", ylabel="half-time of the root's mode", ylim=(0, None),
        title="c  Sharing pools examples",
    )  # fmt: skip
    axes.set_xticks(dataset["tasks"].values)
    axes.legend()


def _untrained(axes: Axes, dataset: xr.Dataset) -> None:
    places = np.arange(dataset.sizes["partial"])
    value, error = dataset["zero_shot"].values, REACH * dataset["zero_shot_error"].values
    axes.errorbar(places, value, [np.minimum(error, value), error], **SAMPLED, label="random starts")
    axes.axhline(float(dataset.attrs["untrained"]), color=FAINT, linewidth=0.9)
    axes.text(
        places[-1], float(dataset.attrs["untrained"]) + 0.06, "before training", color=FAINT, ha="right", fontsize=9
    )
    axes.axhline(0, **LAW, label="decoupled start")
    axes.set(
        xlabel="tasks of four domains", ylabel="loss on untrained pairs", title="d  Pairs never seen",
        xlim=(-0.4, places[-1] + 0.4),
    )  # fmt: skip
    axes.set_xticks(places, [str(x) for x in dataset["partial"].values])
    axes.legend(loc="upper right")
