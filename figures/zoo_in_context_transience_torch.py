"""In-context learning: accuracy of the network in torch and of the one whose gradients are written out.

Laws drawn: none.
"""

from __future__ import annotations

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.figure import Figure

from figures.style import series, use_style


def draw(dataset: xr.Dataset) -> Figure:
    """Draw accuracies in novel contexts and from memory.

    Parameters
    ----------
    dataset
        As ``python -m slt_toys.zoo run in_context_transience --torch`` writes it.
    """
    use_style()
    figure, axes = plt.subplots(1, 2, figsize=(12, 4.6), sharey=True)
    for panel, name, title in zip(
        axes, ("in_context", "from_memory"), ("a  In contexts of novel items", "b  From memory"), strict=True
    ):
        for look, network in zip(series(dataset.sizes["network"]), dataset["network"].values, strict=True):
            at = dataset[name].sel(network=network)
            panel.plot(dataset["step"], at.sel(way="by hand"), color=look.colour, label=str(network))
            panel.plot(dataset["step"], at.sel(way="torch"), color=look.colour, marker=look.marker, linestyle="none")
        panel.axhline(0.5, color="0.7", linewidth=0.8, zorder=0)
        panel.set(xlabel="step", title=title)
    axes[0].set(ylabel="accuracy")
    axes[0].legend(title="lines: by hand; marks: torch")
    return figure
