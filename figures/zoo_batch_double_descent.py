"""Batch-size double descent: the risk by batch size with its two parts, over flow time, and its two controls.

Laws drawn: [eq:minibatch-variance-step].
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import FAINT, INK, LAW, PALETTE, SAMPLED, plain_ticks, use_style

EPOCHS = 720


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the three panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run batch_double_descent`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(1, 3, figsize=(14.5, 4.4))
    own = dataset["law"].isel(set=slice(dataset.sizes["run_set"])).mean("set")
    _by_batch(axes[0], dataset, own)
    _over_time(axes[1], dataset)
    for name, marker, colour, told in (
        ("fixed", "o", PALETTE[1], "flow time 5, rate .001"),
        ("proportional", "s", PALETTE[2], "flow time 10, rate .002B"),
    ):  # fmt: skip
        batch = dataset[f"{name}_batch"]
        look = {**SAMPLED, "marker": marker, "markeredgecolor": colour, "ecolor": colour}
        axes[2].plot(batch, dataset[f"{name}_law"].mean("run_set"), **{**LAW, "color": colour})
        spread = (dataset[name] - dataset[f"{name}_law"]).std("run_set", ddof=1)
        error = 1.96 * spread / np.sqrt(dataset.sizes["run_set"])
        axes[2].errorbar(batch, dataset[name].mean("run_set"), error, **look, label=told)
    axes[2].plot([], [], **{**LAW, "color": FAINT}, label="law")
    axes[2].set(xscale="log", xlabel="batch size B", ylabel="excess risk [loss]", ylim=(1.5, 4.2))
    axes[2].set_title("c  Without the confound: no peak")
    plain_ticks(axes[2].xaxis, [1, 2, 4, 8, 16, 36, 72, 144])
    axes[2].legend(loc="upper right")
    return figure


def _by_batch(axes: Axes, dataset: xr.Dataset, own: xr.DataArray) -> None:
    batch = dataset["batch"]
    axes.fill_between(batch, own.sel(part="descent"), own.sum("part"), color=PALETTE[3], alpha=0.3, linewidth=0)
    axes.plot(batch, own.sel(part="descent"), color=INK, label="gradient descent, same flow time")
    axes.plot(batch, own.sum("part"), **LAW, label="with minibatch noise, law")
    parts = dataset["law"].isel(set=slice(dataset.sizes["run_set"])).sum("part").rename(set="run_set")
    error = 1.96 * (dataset["risk"] - parts).std("run_set", ddof=1) / np.sqrt(dataset.sizes["run_set"])
    axes.errorbar(batch, dataset["risk"].mean("run_set"), error, **SAMPLED, label="SGD on the same examples")
    axes.set(
        xscale="log", xlabel="batch size B", ylabel="excess risk [loss]", ylim=(1.0, 2.75),
        title=f"a  At fixed {EPOCHS} epochs",
    )  # fmt: skip
    plain_ticks(axes.xaxis, [2, 8, 36, 144, 1000])
    axes.legend(loc="upper right")


def _over_time(axes: Axes, dataset: xr.Dataset) -> None:
    curves = dataset["descent"].isel(set=slice(dataset.sizes["run_set"]))
    axes.plot(dataset["time"], curves.mean("set"), color=INK, label="gradient descent")
    times = EPOCHS / dataset["batch"].values
    risk = dataset["risk"].mean("run_set").values
    axes.errorbar(times, risk, **SAMPLED, label="SGD, by batch size")
    for batch, time, value in zip(dataset["batch"].values, times, risk, strict=True):
        if batch in (2, 8, 36, 144, 1000):
            axes.annotate(f"{batch}", (time, value), (0, 7), textcoords="offset points", ha="center", fontsize=9)
    axes.set(xscale="log", xlabel="flow time", ylabel="excess risk [loss]", ylim=(1.0, 2.75))
    axes.set_title("b  The same risks over flow time")
    plain_ticks(axes.xaxis, [1, 10, 100])
    axes.legend(loc="upper right")
