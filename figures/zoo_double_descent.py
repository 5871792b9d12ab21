"""Epoch-wise double descent: two features, two groups of features, and a closed form that fails late.

Laws drawn: [eq:feature-risk-step], [eq:feature-risk-flow], [eq:ridge-alignment].
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.figure import Figure

from figures.style import FAINT, INK, LAW, PALETTE, SAMPLED, use_style


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the three panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run double_descent`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(1, 3, figsize=(14.5, 4.2))
    two = dataset["two_features"]
    axes[0].plot(two["epoch"], two.sum("feature"), **{**LAW, "color": INK}, label="excess risk, law")
    for name, colour in (("fast", PALETTE[1]), ("slow", PALETTE[2])):
        axes[0].plot(two["epoch"], two.sel(feature=name), color=colour, linewidth=1.2, label=f"{name} feature")
    axes[0].set(xscale="log", xlabel="epochs", ylabel="excess risk [loss]", ylim=(0, 0.46), title="a  Two features")
    axes[0].legend(loc="upper right")
    for arm, marker, colour in zip(dataset["arm"].values, ("o", "s", "^", "D"), PALETTE[:4], strict=True):
        own = dataset.sel(arm=arm)
        axes[1].plot(own["time"], own["law"], **{**LAW, "color": colour})
        look = {**SAMPLED, "marker": marker, "markeredgecolor": colour, "ecolor": colour}
        told = "fast and slow" if arm == "reference" else f"{arm}"
        axes[1].errorbar(own["shown"], own["risk"], 1.96 * own["risk_error"], **look, label=told)
    axes[1].plot([], [], **{**LAW, "color": FAINT}, label="law")
    axes[1].set(xscale="log", xlabel="flow time", ylabel="excess risk [loss]", ylim=(0, 3.6))
    axes[1].set_title("b  Two groups of features")
    axes[1].legend(loc="upper right", ncols=2, columnspacing=1.0)
    thin = dataset.isel(step=slice(None, None, 3))
    axes[2].plot(dataset["step"], dataset["closed_form"], **LAW, label="closed form")
    for name, marker, colour, told in (
        ("drawn", "o", PALETTE[1], "students on drawn examples"), ("ridged", "s", PALETTE[2], "ridge regressions"),
    ):  # fmt: skip
        look = {**SAMPLED, "marker": marker, "markeredgecolor": colour, "ecolor": colour}
        axes[2].errorbar(thin["step"], thin[name], 1.96 * thin[f"{name}_error"], **look, label=told)
    axes[2].set(
        xscale="log", xlabel="steps, or 1/ridge", ylabel="half the mean square error [loss]", ylim=(-0.01, 0.46),
        title="c  n = 130, d = 100: fails late",
    )  # fmt: skip
    axes[2].legend(loc="upper right")
    return figure
