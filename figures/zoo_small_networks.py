"""Small networks: what a warm start costs, and what weight decay brings in windows of epochs.

No law is drawn: none is known for these networks.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import FAINT, INK, PALETTE, SAMPLED, use_style


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the two panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run small_networks`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(1, 2, figsize=(13, 4.6), gridspec_kw={"width_ratios": (1.25, 1)})
    _costs(axes[0], dataset)
    _decays(axes[1], dataset)
    return figure


def _bars(axes: Axes, places: np.ndarray, values: np.ndarray, colour: str, label: str) -> None:
    """Each run's value in the background; means with 95 % intervals over the first axis."""
    for row in values:
        axes.plot(row, places, linestyle="none", marker=".", markersize=4, color=FAINT, alpha=0.6, zorder=1)
    error = 1.96 * values.std(axis=0, ddof=1) / np.sqrt(len(values))
    look = {**SAMPLED, "markeredgecolor": colour, "ecolor": colour}
    axes.errorbar(values.mean(axis=0), places, xerr=error, **look, label=label, zorder=2)


def _costs(axes: Axes, dataset: xr.Dataset) -> None:
    arms = [str(arm) for arm in dataset["arm"].values]
    costs = (dataset["cold"] - dataset["warm"]).transpose("run", "arm").values
    cold = dataset["cold"].sel(arm=dataset["optimiser"].values).transpose("run", "arm").values
    mended = cold - dataset["mended"].transpose("run", "optimiser").values
    names = [*arms[:-1], *(f"{arm.split(',')[0]}, shrunk, perturbed" for arm in dataset["optimiser"].values), arms[-1]]
    values = np.concatenate([costs[:, :-1], mended, costs[:, -1:]], axis=1)
    places = np.arange(len(names), dtype=float)[::-1]
    _bars(axes, places, values, PALETTE[1], "mean and 95 % interval")
    axes.plot([], [], linestyle="none", marker=".", color=FAINT, label="each seed")
    axes.axvline(0, color=INK, linewidth=0.9)
    axes.set_yticks(places, names, fontsize=9.5)
    axes.set(xlabel="cost of the start in accuracy, cold less this", title="a  A warm start costs accuracy")
    axes.legend(loc="best")


def _decays(axes: Axes, dataset: xr.Dataset) -> None:
    windows = [str(window) for window in dataset["window"].values][1:]
    places = np.arange(len(windows), dtype=float)[::-1]
    for shift, model, colour in ((0.1, "network", PALETTE[1]), (-0.1, "logistic", PALETTE[2])):
        own = dataset["decayed"].sel(model=model).transpose("run", "window").values
        _bars(axes, places + shift, own[:, 1:] - own[:, :1], colour, model)
    axes.axvline(0, color=INK, linewidth=0.9)
    axes.set_yticks(places, windows)
    axes.set(
        xlabel="gain of accuracy by weight decay", ylabel="epochs with weight decay",
        title="b  Late weight decay works, early alone hardly",
    )  # fmt: skip
    axes.legend(loc="lower right")
