"""The phases of a potential against temperature: which one the posterior prefers, and why, by exact free energies."""

from __future__ import annotations

import matplotlib.pyplot as plt
import xarray as xr
from matplotlib.figure import Figure

from figures.style import series, use_style


def draw(dataset: xr.Dataset) -> Figure:
    """Draw occupancies, and free energies times temperature, of every phase.

    Parameters
    ----------
    dataset
        As `slt_toys.phase_table` returns it, along ``n_beta`` and ``phase``.
    """
    use_style()
    figure, (shares, energies) = plt.subplots(1, 2, figsize=(10.5, 4.2))
    temperature = dataset["temperature"]
    ordered = dataset.isel(n_beta=temperature.values.argsort())
    marker = {"marker": "o"} if ordered.sizes["n_beta"] == 1 else {}
    for look, phase in zip(series(dataset.sizes["phase"]), dataset["phase"].values, strict=True):
        own = ordered.sel(phase=phase)
        style = {"color": look.colour, "linestyle": look.line_style, "label": str(phase)} | marker
        shares.plot(own["temperature"], own["occupancy"], **style)
        energies.plot(own["temperature"], own["free_energy"] * own["temperature"], **style)
    for axes in (shares, energies):
        axes.set(xscale="log", xlabel=r"temperature $T = 1/n\beta$ (loss)")
    shares.set(ylim=(-0.02, 1.02), ylabel="share of the posterior mass", title="occupancy")
    energies.set(ylabel=r"$T F$ (loss)", title="free energy")
    shares.legend(title="phase")
    figure.suptitle(str(dataset.attrs.get("potential", "")).replace("_", " "))
    return figure
