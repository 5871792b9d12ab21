"""Teacher and student: the error in the end by units, learning curves, the plateau, and what noise does to the end.

Laws drawn: [eq:spare-units-error] and [eq:shared-units-error].
"""

from __future__ import annotations

from typing import Any

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import EXACT, FAINT, INK, LAW, PALETTE, SAMPLED, plain_ticks, use_style

KINDS = (("spare", "first layer learns", PALETTE[1], "o"), ("shared", "both layers learn", PALETTE[2], "s"))


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the four panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run teacher_student`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(2, 2, figsize=(12, 8.4))
    _by_units(axes[0, 0], dataset)
    _curves(axes[0, 1], dataset)
    _plateau(axes[1, 0], dataset)
    _by_noise(axes[1, 1], dataset)
    return figure


def _look(colour: str, marker: str) -> dict[str, Any]:
    return {**SAMPLED, "marker": marker, "markeredgecolor": colour, "ecolor": colour}


def _by_units(axes: Axes, dataset: xr.Dataset) -> None:
    for kind, told, colour, marker in KINDS:
        own = dataset[f"{kind}_settled"].dropna("units")
        axes.plot(dataset["units"], dataset[f"{kind}_law"], **{**LAW, "color": colour})
        axes.plot(own["units"], own, **{**EXACT, "color": colour, "linewidth": 1.3})
        axes.errorbar(
            dataset["sampled_units"], dataset[f"{kind}_sgd"], 1.96 * dataset[f"{kind}_sgd_error"],
            **_look(colour, marker), label=f"SGD, {told}",
        )  # fmt: skip
    axes.plot([], [], **{**EXACT, "color": FAINT, "linewidth": 1.3}, label="equations")
    axes.plot([], [], **{**LAW, "color": FAINT}, label="law, small learning rate")
    axes.set(
        yscale="log", xlabel="hidden units K of the student", ylabel="error in the end", ylim=(7e-5, 2e-2),
        title="a  More units: worse, or better (η = 0.2)",
    )  # fmt: skip
    plain_ticks(axes.xaxis, dataset["units"].values.tolist())
    axes.legend(loc="upper left")


def _curves(axes: Axes, dataset: xr.Dataset) -> None:
    for batch, colour, marker in zip(dataset["batch"].values, (PALETTE[1], PALETTE[2]), ("o", "s"), strict=True):
        own = dataset.sel(batch=batch)
        axes.plot(own["time"], own["curve_equations"], **{**EXACT, "color": colour, "linewidth": 1.3})
        axes.plot(own["time"], own["curve"], **_points(colour, marker), label=f"one run, B = {batch}")
    axes.plot([], [], **{**EXACT, "color": FAINT, "linewidth": 1.3}, label="equations")
    axes.set(
        xscale="log", yscale="log", xlabel="time (steps over inputs)", ylabel="error",
        title="b  From random weights: K = 4, M = 2",
    )  # fmt: skip
    axes.legend(loc="upper right")


def _points(colour: str, marker: str) -> dict[str, Any]:
    return {name: value for name, value in _look(colour, marker).items() if name not in ("ecolor", "capsize")}


def _plateau(axes: Axes, dataset: xr.Dataset) -> None:
    colours = (PALETTE[1], PALETTE[2], PALETTE[3], INK)
    for run in range(dataset.sizes["run"]):
        own, colour = dataset.isel(run=run), colours[run % len(colours)]
        axes.plot(own["plateau_time"], own["plateau_equations"], **{**EXACT, "color": colour, "linewidth": 1.3})
        axes.plot(own["plateau_time"], own["plateau"], **_points(colour, "osD^"[run % 4]), label=f"run {run + 1}")
    axes.plot([], [], **{**EXACT, "color": FAINT, "linewidth": 1.3}, label="equations")
    axes.set(
        yscale="log", xlabel="time (steps over inputs)", ylabel="error",
        title="c  From small weights: a plateau, K = M = 2",
    )  # fmt: skip
    axes.legend(loc="upper right")


def _by_noise(axes: Axes, dataset: xr.Dataset) -> None:
    told = ("reference\nη = 0.2, B = 1", "B = 4", "η = 0.05", "T = 0.001", "T = 0.001,\nK = 2, σ = 0")
    places = np.arange(dataset.sizes["arms"])
    for place, value in zip(places, dataset["arm_equations"].values, strict=True):
        line = axes.plot([place - 0.3, place + 0.3], [value, value], **{**EXACT, "linewidth": 1.3})
        if place == 0:
            line[0].set_label("equations")
    axes.errorbar(places, dataset["arm"], 1.96 * dataset["arm_error"], **_look(PALETTE[1], "o"), label="SGD")
    axes.set_xticks(places, told, fontsize=9)
    axes.set(
        ylabel="error in the end", ylim=(0, 1.2 * float(dataset["arm"].max())), xlim=(-0.5, len(places) - 0.5),
        title="d  Noise sets it: η/B, and temperature T",
    )  # fmt: skip
    axes.legend(loc="upper left")
