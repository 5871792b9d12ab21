"""What controls what: every model of the zoo, every control, the effect in shares of the quantity's range."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from figures.style import FAINT, INK, PALETTE, use_style

CONTROLS = ("temperature", "batch size", "time", "other")
LEAST, MOST, REACH = 0.1, 0.5, 1.96


def draw(dataset: xr.Dataset) -> Figure:
    """Draw one row for each model and one panel for each control.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo all`` writes it: influences, along ``influence``.
    """
    use_style()
    models = list(dict.fromkeys(str(name) for name in dataset["model"].values))
    figure, panels = plt.subplots(
        1, len(CONTROLS), figsize=(13, 1.4 + 0.55 * len(models)), sharey=True, sharex=True, squeeze=False
    )
    effect = (dataset["last"].values - dataset["first"].values) / dataset["span"].values
    error = REACH * np.hypot(dataset["first_error"].values, dataset["last_error"].values) / dataset["span"].values
    for axes, control in zip(panels[0], CONTROLS, strict=True):
        axes.axvspan(-LEAST, LEAST, color="#e8e8e8", zorder=0)
        axes.axvline(0, color=FAINT, linewidth=0.8)
        for row, model in enumerate(models):
            own = np.flatnonzero((dataset["model"].values == model) & (dataset["control"].values == control))
            if not own.size:
                axes.text(0, row, "not in it", color=FAINT, ha="center", va="center", fontsize=9, backgroundcolor="w")
            for place, at in zip(np.linspace(-0.15, 0.15, own.size) if own.size > 1 else [0.0], own, strict=False):
                beyond = abs(effect[at]) - error[at] > LEAST
                colour = PALETTE[1] if beyond else INK
                axes.errorbar(effect[at], row + place, xerr=error[at], marker="o", color=colour, capsize=2.5)
        axes.set(title=control, xlabel="effect, share of the range")
    panels[0, 0].set_yticks(range(len(models)), [name.replace("_", " ") for name in models])
    panels[0, 0].set_ylim(len(models) - 0.5, -0.5)
    return figure
