"""The diagonal linear network: test error by the noise's window, its shift of the scale, temperature, and the nulls.

Laws drawn: [eq:effective-initialisation-shift].
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import FAINT, INK, LAW, PALETTE, SAMPLED, plain_ticks, use_style

LOOKS = (("o", PALETTE[1]), ("s", PALETTE[2]), ("^", PALETTE[3]))
LEAST = 1e-18  # distances below it are drawn there


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the four panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run diagonal_linear_network`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(2, 2, figsize=(12.5, 8.4))
    _errors(axes[0, 0], dataset)
    _shifts(axes[0, 1], dataset)
    _temperature(axes[1, 0], dataset)
    _nulls(axes[1, 1], dataset)
    return figure


def _points(axes: Axes, places: np.ndarray, values: np.ndarray, look: tuple[str, str], label: str | None) -> None:
    """Means over the first axis with 95 % intervals."""
    marker, colour = look
    error = 1.96 * values.std(axis=0, ddof=1) / np.sqrt(len(values))
    axes.errorbar(
        places, values.mean(axis=0), error,
        **{**SAMPLED, "marker": marker, "markeredgecolor": colour, "ecolor": colour}, label=label,
    )  # fmt: skip


def _windows(axes: Axes, dataset: xr.Dataset) -> np.ndarray:
    names = [str(name).replace(" ", "") for name in dataset["window"].values]
    places = np.arange(len(names), dtype=float)
    axes.set_xticks(places, names)
    axes.axvline(len(names) - 1.5, color=FAINT, linewidth=0.9)
    axes.set(xlabel="window of steps with minibatches", xlim=(-0.5, len(names) - 0.5))
    return places


def _errors(axes: Axes, dataset: xr.Dataset) -> None:
    places = _windows(axes, dataset)
    for shift, look, batch in zip((-0.1, 0, 0.1), LOOKS, dataset["batch"].values, strict=True):
        change = (dataset["error"].sel(batch=batch) - dataset["full_batch"]).transpose("problem", "window").values
        _points(axes, places + shift, change, look, f"B = {batch}")
        axes.plot(places[:-1] + shift, change.mean(axis=0)[:-1], color=look[1], linewidth=0.8)
    axes.axhline(0, color=INK, linewidth=0.9)
    axes.set(ylabel="change of test error", title="a  Only early batch noise lowers the test error")
    axes.legend(loc="lower left")


def _shifts(axes: Axes, dataset: xr.Dataset) -> None:
    places = _windows(axes, dataset)
    for look, batch in zip(LOOKS, dataset["batch"].values, strict=True):
        own = dataset.sel(batch=batch)
        law = own["shift_law"].transpose("problem", "window").values.mean(axis=0)
        axes.plot(places[:-1], law[:-1], **{**LAW, "color": look[1]})
        axes.plot(places[-1] + np.array([-0.25, 0.25]), [law[-1]] * 2, **{**LAW, "color": look[1]})
        _points(axes, places, own["shift"].transpose("problem", "window").values, look, f"B = {batch}")
    axes.plot([], [], **{**LAW, "color": FAINT}, label="law")
    axes.axhline(0, color=INK, linewidth=0.9)
    axes.set(ylabel="shift of ln uv", title="b  The noise shrinks uv while there is loss")
    axes.legend(loc="lower left")


def _temperature(axes: Axes, dataset: xr.Dataset) -> None:
    places = np.arange(dataset.sizes["temperature"], dtype=float)
    for shift, look, window in zip((-0.08, 0, 0.08), LOOKS, dataset["warm_window"].values, strict=True):
        change = (dataset["warm"].sel(warm_window=window) - dataset["full_batch"]).transpose("problem", "temperature")
        _points(axes, places + shift, change.values, look, f"steps {str(window).replace(' ', '')}")
    one = (dataset["error"].sel(batch=1).isel(window=-2) - dataset["full_batch"]).mean()
    axes.axhline(float(one), color=FAINT, linewidth=0.9)
    axes.text(places[-1] + 0.45, float(one) * 1.25, "minibatches of one", color=FAINT, ha="right", va="top", fontsize=9)
    axes.axhline(0, color=INK, linewidth=0.9)
    axes.set_yscale("symlog", linthresh=0.2, linscale=0.9)
    plain_ticks(axes.yaxis, (-0.2, -0.1, 0, 0.1, 0.2, 1, 10))
    axes.set_xticks(places, [f"{t:g}" for t in dataset["temperature"].values])
    axes.set(
        xlabel="temperature of white noise in a window [loss]", ylabel="change of test error",
        xlim=(-0.5, places[-1] + 0.5), ylim=(-0.35, 60), title="c  Temperature is no substitute, and harms when long",
    )  # fmt: skip
    axes.legend(loc="upper left")


def _nulls(axes: Axes, dataset: xr.Dataset) -> None:
    names = [str(name) for name in dataset["null"].values]
    places = np.arange(len(names))[::-1]
    for name, marker, colour, label in (
        ("moved", "o", PALETTE[1], "the null, each problem"), ("control", "s", PALETTE[2], "its control"),
    ):  # fmt: skip
        values = np.maximum(dataset[name].transpose("null_problem", "null").values, LEAST)
        for row in values:
            axes.plot(
                row, places, linestyle="none", marker=marker, markersize=5, markerfacecolor="white",
                markeredgecolor=colour, label=label,
            )  # fmt: skip
            label = None
    axes.set_yticks(places, names, fontsize=9)
    axes.set_xscale("log")
    axes.set(xlabel="distance between ends", xlim=(LEAST / 3, 30), title="d  What does not move the end")
    axes.legend(loc="lower center")
