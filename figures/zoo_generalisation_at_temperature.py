"""Generalisation at temperature: Bayes and Gibbs errors by β, WAIC data set by data set, and the crossing's slow limit.

Laws drawn: [eq:bayes-generalisation-error] and [eq:gibbs-generalisation-error].
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import FAINT, INK, LAW, PALETTE, SAMPLED, plain_ticks, use_style

SHOWN = (
    ("regression", "linear regression", INK, "s"),
    ("mean, wrong variance", "mean, wrong variance", FAINT, "v"),
    ("square", "$y = w^2$", PALETTE[1], "o"),
    ("product", "$y = w_1w_2$", PALETTE[3], "D"),
    ("rank one", "rank-one map", PALETTE[2], "^"),
)


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the four panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run generalisation_at_temperature`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(1, 4, figsize=(17, 4.6), gridspec_kw={"width_ratios": (1.15, 1.15, 0.9, 1)})
    _errors(axes[0], dataset, "bayes", "n × Bayes error / λ")
    axes[0].set(title="a  Bayes error: β enters singular models", ylim=(-0.7, 2.5))
    axes[0].text(0.95, 2.2, "dashed: equations of state,\n$y = w_1w_2$ as regression", fontsize=9, color=FAINT)
    _errors(axes[1], dataset, "gibbs", "n × Gibbs error / λ")
    axes[1].set(title="b  Gibbs error: β enters every model", yscale="log", ylim=(0.85, 20))
    plain_ticks(axes[1].yaxis, [1, 2, 5, 10])
    axes[1].legend(loc="upper right")
    _each(axes[2], dataset)
    _slow(axes[3], dataset)
    return figure


def _errors(axes: Axes, dataset: xr.Dataset, name: str, label: str) -> None:
    beta = dataset["beta"].values
    for place, (model, told, colour, marker) in enumerate(SHOWN):
        part = dataset.sel(model=model)
        unit = float(part["learning_coefficient"])
        axes.plot(beta, part[f"{name}_law"] / unit, color=colour, linestyle=LAW["linestyle"], linewidth=1.3)
        axes.errorbar(
            beta * 1.035 ** (place - 2), part[name] / unit, 1.96 * part[f"{name}_error"] / unit,
            **{**SAMPLED, "marker": marker, "markeredgecolor": colour, "ecolor": colour}, label=told,
        )  # fmt: skip
    axes.set(xscale="log", xlabel="inverse temperature β", ylabel=label)
    plain_ticks(axes.xaxis, beta)


def _each(axes: Axes, dataset: xr.Dataset) -> None:
    bayes, waic = dataset["each_bayes"].values, dataset["each_waic"].values
    axes.plot(bayes, waic, ".", color=PALETTE[1], markersize=3, alpha=0.4, label="one data set")
    line = np.array([bayes.min(), bayes.max()])
    axes.plot(line, 2 * float(dataset["learning_coefficient"].sel(model="square")) - line, **LAW, label="sum 2λ")
    axes.plot(bayes.mean(), waic.mean(), "*", color=INK, markersize=13, label="mean of both")
    axes.set(xlabel="n × Bayes error", ylabel="n × WAIC", title="c  $y = w^2$, β = 1: means agree")
    axes.legend(loc="upper right")


def _slow(axes: Axes, dataset: xr.Dataset) -> None:
    for end, colour, marker in ((0.25, PALETTE[1], "o"), (4.0, PALETTE[2], "s")):
        axes.plot(
            dataset["size"], dataset["product_bayes"].sel(end=end), color=colour, marker=marker, label=f"β = {end:g}"
        )
    axes.axhline(0.5, **LAW, label="n → ∞, any β")
    axes.set(
        xscale="log", xlabel="n [examples]", ylabel="n × Bayes error, exact", ylim=(0, 0.55),
        title="d  $y = w_1w_2$: like 1/log n",
    )  # fmt: skip
    axes.legend(loc="lower right")
