"""Insight: a sudden switch after a delay, its spread over runs, and what opens the gate.

Law drawn: the gate's mean time [eq:insight-time].
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.axes import Axes
from matplotlib.figure import Figure

from figures.style import FAINT, INK, LAW, PALETTE, SAMPLED, plain_ticks, use_style


def draw(dataset: xr.Dataset) -> Figure:
    """Draw the four panels.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run insight`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(1, 4, figsize=(15, 4), gridspec_kw={"width_ratios": (1, 1, 1, 1)})
    axes[0].plot(dataset["from_switch"], dataset["aligned"], color=INK)
    axes[0].axvline(0, color=FAINT, linewidth=0.9)
    axes[0].set(xlabel="trials from a run's own switch", ylabel="mean accuracy", title="a  The switch is sudden")
    waits = dataset["delay"].values
    had = waits[np.isfinite(waits)]
    axes[1].hist(had / 1000, bins=24, color=PALETTE[2])
    axes[1].set(
        xlabel="delay [1 000 trials]", ylabel="runs", title=f"b  {had.size} of {waits.size} runs have it, all delayed"
    )
    _shares(axes[2], dataset)
    _times(axes[3], dataset)
    return figure


def _shares(axes: Axes, dataset: xr.Dataset) -> None:
    parts = (
        ("by_noise", "noise", "noise", "o", PALETTE[1]), ("by_batch", "batch", "batch size", "s", INK),
        ("without_noise_by_batch", "batch", "batch size, no noise", "^", PALETTE[2]),
    )  # fmt: skip
    place, ticks, names = 0.0, [], []
    for name, dim, told, marker, colour in parts:
        share, error = dataset[name].values, 1.96 * dataset[f"{name}_error"].values
        places = place + np.arange(share.size)
        axes.errorbar(
            places, share, [np.minimum(error, share), np.minimum(error, 1 - share)],
            **{**SAMPLED, "marker": marker, "markeredgecolor": colour, "ecolor": colour}, label=told,
        )  # fmt: skip
        ticks += places.tolist()
        names += [f"{value:g}" for value in dataset[dim].values]
        place = places[-1] + 1.6
    axes.set_xticks(ticks, names, rotation=90, fontsize=8.5)
    axes.set(ylabel="share of runs with an insight", ylim=(-0.05, 1.45), title="c  Noise is needed, batches will not")
    axes.set_yticks([0, 0.25, 0.5, 0.75, 1])
    axes.legend(loc="upper center", fontsize=8.5)


def _times(axes: Axes, dataset: xr.Dataset) -> None:
    noise = dataset["gate_noise"].values
    fine = np.geomspace(noise.min() / 1.2, noise.max() * 1.2, 50)
    scale = float((dataset["gate_time_law"] * dataset["gate_noise"] ** 2).mean())
    axes.plot(fine**2 * 1e6, scale / fine**2, **LAW, label="law, ∝ 1/T")
    axes.errorbar(noise**2 * 1e6, dataset["gate_time"], 1.96 * dataset["gate_time_error"], **SAMPLED, label="simulated")
    axes.set(
        xscale="log", yscale="log", xlabel="variance of parameter noise [$10^{-6}$]", ylabel="steps until it opens",
        title="d  The gate alone",
    )  # fmt: skip
    plain_ticks(axes.xaxis, [0.1, 0.2, 0.5])
    plain_ticks(axes.yaxis, [1e4, 2e4, 5e4, 1e5])
    axes.legend()
