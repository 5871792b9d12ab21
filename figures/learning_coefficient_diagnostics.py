"""Chains of an estimate of a learning coefficient: their trace, how soon they forget, and energy against γ."""

from __future__ import annotations

import numpy as np
import xarray as xr
from matplotlib.figure import Figure

from figures.style import FAINT, INK, series, use_style


def draw(dataset: xr.Dataset) -> Figure:
    """Draw what `slt_toys.learning_coefficient.refined.diagnostics` gives.

    Parameters
    ----------
    dataset
        `energy` (chain, draw), `burn_in`, `autocorrelation` (lag), and along ``run``: `localisation`, `run_energy`,
        `run_estimate` and `run_error`.
    """
    use_style()
    figure = Figure(figsize=(13.0, 4.2))
    trace, correlation, pull = figure.subplots(1, 3, width_ratios=(1.6, 1, 1))
    raw, corrected = series(2)
    energies, burn_in = dataset["energy"].values, int(dataset["burn_in"])
    for chain in energies:
        trace.plot(chain, color=FAINT, linewidth=0.5, alpha=0.5)
    trace.plot(energies.mean(0), color=raw.colour, linewidth=1.2, label="mean over chains")
    trace.axvspan(-0.5, burn_in - 0.5, color=FAINT, alpha=0.2, linewidth=0, label="burn-in")
    trace.axhline(float(energies[:, burn_in:].mean()), color=INK, linewidth=1.0)
    finite = energies[np.isfinite(energies)]
    top = float(np.quantile(finite, 0.999)) if len(finite) else 1.0
    trace.set(xlabel="draw", ylabel=r"energy $n\beta\,(L - L^*)$", ylim=(min(0.0, float(finite.min(initial=0))), top))
    trace.set_title(f"{energies.shape[0]} chains, {dataset.attrs.get('sampler', '')}")
    trace.legend(loc="upper right")
    correlation.axhline(0, color=INK, linewidth=0.8)
    correlation.plot(dataset["lag"].values, dataset["autocorrelation"].values, color=raw.colour, marker=raw.marker)
    correlation.set(xlabel="lag [draws]", ylabel="autocorrelation", title="How soon energies are forgotten")
    order = np.argsort(dataset["localisation"].values)
    x, error = dataset["localisation"].values[order], 1.96 * dataset["run_error"].values[order]
    for name, look, label in (("run_energy", raw, "as sampled"), ("run_estimate", corrected, "estimate")):
        pull.errorbar(
            x, dataset[name].values[order], error, color=look.colour, marker=look.marker, capsize=2,
            linestyle=look.line_style, linewidth=1, label=label,
        )  # fmt: skip
    pull.set(xlabel=r"localisation $\gamma$ [1/length²]", ylabel=r"$\hat\lambda$", title="What the localisation takes")
    if (x > 0).all():
        pull.set_xscale("log")
    pull.legend(loc="best")
    return figure
