"""Draws of a sampler: the way of every chain, and where all of them were."""

from __future__ import annotations

import matplotlib.pyplot as plt
import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from figures.style import FAINT, INK, series, use_style

MOST_COORDINATES = 8  # panels below each other; the first so many are shown
MOST_CHAINS = 32  # lines; evenly chosen
MOST_SHOWN = 2000  # draws of a line; every k-th
BINS = 60


def draw(dataset: xr.Dataset) -> Figure:
    """Draw a row for each coordinate: trace and histogram.

    Parameters
    ----------
    dataset
        `w` (chain, draw, coordinate), as `slt_toys.sample` returns it, with ``time`` or ``step`` of each draw if known.
    """
    use_style()
    w = dataset["w"].transpose("chain", "draw", "coordinate")
    count = min(w.sizes["coordinate"], MOST_COORDINATES)
    figure, panels = plt.subplots(
        count, 2, figsize=(10, 1.2 + 2.3 * count), squeeze=False, width_ratios=(3, 1), sharey="row", sharex="col"
    )
    chains = np.unique(np.linspace(0, w.sizes["chain"] - 1, min(w.sizes["chain"], MOST_CHAINS)).round().astype(int))
    every = max(1, -(-w.sizes["draw"] // MOST_SHOWN))
    place, told = _along(dataset)
    look = series(2)[1]
    names = w["coordinate"].values if "coordinate" in w.coords else np.arange(w.sizes["coordinate"])
    for (trace, histogram), name, row in zip(panels, names, range(count), strict=False):
        values = w.values[:, :, row]
        for chain in chains:
            trace.plot(place[::every], values[chain, ::every], color=FAINT, linewidth=0.6, alpha=0.6)
        trace.plot(place[::every], values.mean(0)[::every], color=INK, linewidth=1.2, label="mean of all chains")
        finite = values[np.isfinite(values)]
        if finite.size:
            histogram.hist(finite, bins=BINS, orientation="horizontal", density=True, color=look.colour, alpha=0.8)
        trace.set_ylabel(f"{name}")
    panels[0, 0].legend(loc="upper right")
    panels[-1, 0].set_xlabel(told)
    panels[-1, 1].set_xlabel("density")
    total = w.sizes["coordinate"]
    more = f", the first {count} of {total} coordinates" if count < total else ""
    panels[0, 0].set_title(f"{len(chains)} of {w.sizes['chain']} chains{more}")
    panels[0, 1].set_title("all chains and draws")
    return figure


def _along(dataset: xr.Dataset) -> tuple[np.ndarray, str]:
    """Where each draw lies on the axis, and what the axis is."""
    for name, told in (("time", "time"), ("step", "step")):
        if name in dataset.variables and dataset[name].dims == ("draw",) and np.isfinite(dataset[name]).all():
            return dataset[name].values, told
    return np.arange(dataset.sizes["draw"]), "draw"
