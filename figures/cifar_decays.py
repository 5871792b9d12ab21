"""Accuracy at two decays of the learning rate, over what each clock shows at the switch."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure
from matplotlib.ticker import LogLocator

from figures.style import plain_ticks, series, settle, use_style

PANELS = (
    ("epoch", "switch epoch $e_s$", "Epochs"),
    ("learning_rate", "learning rate at the switch", "Temperature at the switch"),
    ("flow_time_left", "sum of learning rates to come", "Flow time left"),
)


def draw(dataset: xr.Dataset) -> Figure:
    """Draw a row of panels for each batch size.

    Parameters
    ----------
    dataset
        As `cifar.analysis.decays.decays_dataset` makes it.
    """
    use_style()
    sizes = dataset["batch_size"].values.tolist()
    figure, grid = plt.subplots(len(sizes), len(PANELS), figsize=(15, 4.6 * len(sizes)), squeeze=False, sharey="row")
    letters = iter("abcdefghijklmnopqrstuvwxyz")
    for row, size in zip(grid, sizes, strict=True):
        for axes, (clock, label, title) in zip(row, PANELS, strict=True):
            for look, decay in zip(series(dataset.sizes["decay"]), dataset["decay"].values.tolist(), strict=True):
                curve = dataset.sel(batch_size=size, decay=decay)
                known = np.isfinite(curve["accuracy"].values)
                shown = curve[clock].values[known]
                axes.errorbar(
                    shown, curve["accuracy"].values[known], yerr=curve["standard_error"].fillna(0).values[known],
                    capsize=2.5, color=look.colour, linestyle=look.line_style, marker=look.marker,
                    label=f"γ = {decay:g}",
                )  # fmt: skip
            axes.set(title=f"{next(letters)}  {title}, B = {size}", xlabel=label)
            if clock != "epoch":  # time goes to the right
                axes.set_xscale("log")
                axes.invert_xaxis()
                plain_ticks(axes.xaxis, LogLocator(subs=(1, 2, 5)))
        row[0].set_ylabel("final test accuracy, %")
        row[0].legend()
    deficit = str(dataset.attrs["deficit"]).replace("_", " ")
    figure.suptitle(
        f"Over the clock that decides, both decays give one shape ({dataset.attrs['source']}, deficit {deficit})"
    )
    settle(figure)
    return figure
