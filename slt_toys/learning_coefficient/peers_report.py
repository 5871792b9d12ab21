"""The referee's table of all estimators: ours beside its peers' over the same problems."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from slt_toys.results.claims import Table

OURS = "slt-toys"
ERRORS, SHARE = 3.0, 0.03


def wrong(estimate: float, error: float, energy: float) -> bool:
    """Whether an estimate is off by more than three standard errors and three per cent."""
    return not abs(estimate - energy) <= max(ERRORS * error, SHARE * energy)


def beside(dataset: xr.Dataset) -> Table:
    """A line for each estimator and setting; of ours a second one of what it trusts."""
    ours = {key: dataset[key].values for key in ("estimate", "energy", "covered", "wrong", "seconds")}
    trusted = dataset["trusted"].values.astype(bool)
    lines = [
        _line(f"{OURS}, all", ours, np.ones(len(trusted), bool), f"{int(trusted.sum())} trusted"),
        _line(f"{OURS}, trusted", ours, trusted, "trust"),
    ]
    for peer in dict.fromkeys(dataset["peer_peer"].values.tolist()):
        for setting in dict.fromkeys(dataset["peer_setting"].values.tolist()):
            own = (dataset["peer_peer"].values == peer) & (dataset["peer_setting"].values == setting)
            part = dataset.isel(peer_row=own & dataset["peer_has_setting"].values)
            values = {key: part[f"peer_{key}"].values for key in ours}
            lines.append(_line(f"{peer}, {setting}", values, np.ones(part.sizes["peer_row"], bool), "none given"))
    missing = "; ".join(np.atleast_1d(dataset.attrs.get("missing_peers", [])).tolist())
    return Table(
        "peers",
        "The same problems, data and nβ = n/log n for all. Without an estimate a peer had diverged or raised; it then "
        "counts as wrong. Where a loss has no curvature there is no step by it, and such runs count nowhere. Intervals "
        "of peers are Student's, from the scatter of their chains." + (f" Not measured: {missing}." if missing else ""),
        ("estimator", "runs", "without estimate", "covered", "wrong", "median error", "median seconds", "verdict"),
        tuple(lines),
    )


def _line(name: str, values: dict[str, Any], which: np.ndarray, verdict: str) -> tuple[str, ...]:
    count = int(which.sum())
    if not count:
        return (name, "0", *(5 * ("-",)), verdict)
    estimate, energy = values["estimate"][which], values["energy"][which]
    there = np.isfinite(estimate)
    scaled = energy[there & (energy > 0)]
    error = np.abs(estimate[there & (energy > 0)] / scaled - 1)
    covered, wrong = (int(values[key][which].astype(bool).sum()) for key in ("covered", "wrong"))
    return (
        name,
        f"{count}",
        f"{count - int(there.sum())}",
        f"{covered} ({100 * covered / count:.0f} %)",
        f"{wrong} ({100 * wrong / count:.0f} %)",
        f"{100 * float(np.median(error)):.2g} %" if len(error) else "-",
        f"{float(np.nanmedian(values['seconds'][which])):.1f}",
        verdict,
    )
