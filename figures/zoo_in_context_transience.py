"""In-context learning comes and goes: strength over steps, the fold's law, noise, and a network.

Laws drawn: [eq:copied-share], [eq:readout-drift] and [eq:score-drift] as the flow, [eq:memorising-time] up to the fold.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import FAINT, LAW, PALETTE, SAMPLED, plain_ticks, series, use_style

HAS, LOST = 1.5, 0.75


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the four panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run in_context_transience`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(2, 2, figsize=(11.5, 8))
    _strength(axes[0, 0], dataset)
    _items(axes[0, 1], dataset)
    _noise(axes[1, 0], dataset)
    _network(axes[1, 1], dataset)
    return figure


def _strength(axes: Axes, data: xr.Dataset) -> None:
    decays = data["attention_decay"].values
    for look, decay in zip(series(len(decays)), decays, strict=True):
        own = data.sel(attention_decay=decay)
        axes.plot(own["step"], own["strength"], color=look.colour, linestyle=look.line_style, label=f"decay {decay:g}")
    for level, told in ((HAS, "there above"), (LOST, "lost below")):
        axes.axhline(level, color=FAINT, linewidth=0.9)
        axes.text(data["step"].values[0] * 1.05, level + 0.06, told, color=FAINT, fontsize=9)
    axes.set(
        xscale="log", xlabel="step", ylabel="strength $p\\,w$ (logit)", ylim=(-0.1, None),
        xlim=(data["step"].values[0], data["step"].values[-1]), title="a  What is copied from the context, 200 items",
    )  # fmt: skip
    axes.legend(loc="upper left")


def _items(axes: Axes, data: xr.Dataset) -> None:
    axes.plot(data["items"], data["lost_per_item"], marker="o", color=PALETTE[1], label="flow of the population loss")
    axes.axhline(float(data["law_lost_per_item"]), **LAW, label="law for many items")
    axes.set(
        xscale="log", xlabel="items", ylabel="steps an item until it is lost", ylim=(0, None),
        title="b  When it is lost, decay .003",
    )  # fmt: skip
    plain_ticks(axes.xaxis, data["items"].values)
    axes.legend(loc="lower right")


def _noise(axes: Axes, data: xr.Dataset) -> None:
    sizes = [data.sizes["batch"], data.sizes["temperature"]]
    places = np.arange(sum(sizes)) + np.repeat([0, 1], sizes)
    means = np.concatenate([data["lost_by_batch"].values, data["lost_by_temperature"].values])
    errors = np.concatenate([data["lost_by_batch_error"].values, data["lost_by_temperature_error"].values])
    axes.errorbar(places, means, 1.96 * errors, **SAMPLED, label="SGD, 95 %")
    axes.axhline(1, **LAW, label="law for many items")
    told = [f"$B$ = {x:g}" for x in data["batch"].values] + [f"$T$ = {x:g}" for x in data["temperature"].values]
    axes.set_xticks(places, told, rotation=30, ha="right")
    axes.set(ylabel="steps until it is lost, over the law's", ylim=(0, 1.1), title="c  Batch size and temperature")
    axes.legend(loc="lower left")


def _network(axes: Axes, data: xr.Dataset) -> None:
    names = [str(name) for name in data["network"].values]
    for look, name in zip(series(len(names)), names, strict=True):
        own = data.sel(network=name)
        axes.plot(
            own["network_step"], own["network_in_context"], color=look.colour, linestyle=look.line_style,
            marker=look.marker, markersize=4, label=name,
        )  # fmt: skip
    axes.axhline(0.5, color=FAINT, linewidth=0.9)
    axes.set(
        xlabel="step", ylabel="accuracy in contexts of novel items", ylim=(0.4, 1.3), xlim=(0, None),
        title="d  A network of one attention head",
    )  # fmt: skip
    axes.set_yticks([0.5, 0.6, 0.7, 0.8, 0.9, 1.0])
    axes.legend(loc="upper right", ncols=2, fontsize=9)
