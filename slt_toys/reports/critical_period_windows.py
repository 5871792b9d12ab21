"""Windows and learning coefficients: claims and tables of :mod:`slt_toys.worlds.window_study`."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..results.claims import Claim, Table, texts
from ..worlds.onset_windows import BATCHES

SHIFT_TOLERANCE = 0.02  # of the law's shift, within which it holds


def window_claims(data: xr.Dataset) -> list[Claim]:
    """That the earliest window may be the worst where the law holds, and that estimates rise in the period alone."""
    return [_first_window(data), _estimates(data)] if "law_shift" in data else []


def _first_window(data: xr.Dataset) -> Claim:
    expected = float(data["law_shift"])
    slopes, worst = data["by_temperature_end_slope"].values, data["by_temperature_worst_onset"].values
    first = slopes[(worst == 0) & np.isfinite(slopes)]
    name = "first-window-worst-and-law"
    if not first.size:
        return Claim(
            name, "No start and temperature makes the earliest window the worst.", None, None, None, "cannot tell"
        )
    nearest = float(first[np.abs(first - expected).argmin()])
    sentence = (
        f"Where the earliest window is the worst, as in networks, the law holds as well: there the end shifts by "
        f"{nearest:.1f} of {expected:.1f} epochs."
    )
    holds = "yes" if abs(nearest - expected) <= SHIFT_TOLERANCE * expected else "no"
    return Claim(name, sentence, nearest, None, expected, holds)


def _estimates(data: xr.Dataset) -> Claim:
    shares = data["published_share_at_switch"].values
    sentence = (
        f"Published λ̂, one seed a batch size so without interval, rises in the critical period alone: by its hinge "
        f"{100 * shares.min():.0f} to {100 * shares.max():.0f} % is done."
    )
    return Claim("estimates-rise-in-the-period-alone", sentence, float(shares.max()), None, 1.0,
                 "yes" if shares.min() >= 0.95 else "no")  # fmt: skip


def window_tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Ingredients, temperatures, and coefficients along the run."""
    if "law_shift" not in data:
        return ()
    return _ingredients(data), _temperatures(data), _pathways(data), _coefficients(data), _published(data)


def _ingredients(data: xr.Dataset) -> Table:
    flat = data[["harm", "worst_onset", "end_slope"]].stack(row=("start", "mixing", "noise", "barrier"))
    columns = {
        **{name: texts(flat[name].values) for name in ("start", "mixing", "noise", "barrier")},
        "worst onset": _open(flat["worst_onset"].values, "none harms"),
        "harm there": [f"{harm:.3f}" for harm in flat["harm"].max("onset").values],
        "harm of the window at 0": [f"{harm:.3f}" for harm in flat["harm"].sel(onset=0).values],
        "shift per halving": _open(flat["end_slope"].values, "no end"),
    }
    caption = (
        "Which deficit window does most harm, by ingredient: onset in epochs, harm in stuck mass, exact; and how far a "
        f"halving of the batch ({BATCHES[0]} to {BATCHES[-1]}) moves the end, in epochs."
    )
    return Table.of_columns("windows_by_ingredient", caption, columns)


def _temperatures(data: xr.Dataset) -> Table:
    columns = {"temperature of epoch 0": texts(data["first_temperature"].values)}
    for start in data["start"].values:
        part = data.sel(start=start)
        columns[f"{start}: worst onset"] = _open(part["by_temperature_worst_onset"].values, "none harms")
        columns[f"{start}: shift per halving"] = _open(part["by_temperature_end_slope"].values, "no end")
    caption = (
        "The same by temperature, regular barrier, falling noise. The law's shift is "
        f"{float(data['law_shift']):.2f} epochs."
    )
    return Table.of_columns("windows_by_temperature", caption, columns)


def _pathways(data: xr.Dataset) -> Table:
    cost, trace = data["pathway_cost"].values, data["pathway_fisher_trace"].values
    peak, last = int(trace.argmax()), len(trace) - 1
    places = {"start": 0, "largest Fisher information": peak, "last": last}
    columns = {
        "place": list(places),
        "flow time": [f"{data['pathway_onset'].values[at]:.3g}" for at in places.values()],
        "trace of the Fisher information": [f"{trace[at]:.3g}" for at in places.values()],
        "share that a window from there costs": [f"{cost[at]:.3f}" for at in places.values()],
    }
    caption = (
        "Two logistic pathways at temperature 0, exact: the Fisher information rises and falls, the cost of a short "
        "window falls from the start."
    )
    return Table.of_columns("fisher_information", caption, columns)


def _coefficients(data: xr.Dataset) -> Table:
    run = data["run_coefficient"].stack(row=("coefficients", "place", "reading"))
    at = [0, data.sizes["run_epoch"] // 3, 2 * data.sizes["run_epoch"] // 3, data.sizes["run_epoch"] - 1]
    columns = {
        "pair": texts(run["coefficients"].values),
        "place": texts(run["place"].values),
        "reading": texts(run["reading"].values),
        **{f"switch at {int(data['run_epoch'][k])}": [f"{v:.3g}" for v in run.isel(run_epoch=k).values] for k in at},
    }
    caption = (
        "Learning coefficient along the run, mean over runs, exact: asymptotic and at the probe's inverse temperature "
        "(finite), estimated about the state with the phase's minimum known (centred) and as published."
    )
    return Table.of_columns("coefficients_along_the_run", caption, columns)


def _published(data: xr.Dataset) -> Table:
    columns = {
        "batch size": texts(data["published_batch_size"].values),
        "hinge of accuracy": texts(data["published_hinge"].values),
        "share of the rise done by then, at the switch": [
            f"{share:.2f}" for share in data["published_share_at_switch"].values
        ],
        "at the end": [f"{share:.2f}" for share in data["published_share_final"].values],
    }
    caption = "Published estimates for CIFAR-10 (Baker 2023): one seed a batch size, published without errors."
    return Table.of_columns("published_estimates", caption, columns)


def _open(values: np.ndarray, otherwise: str) -> list[str]:
    return [f"{value:.3g}" if np.isfinite(value) else otherwise for value in values]
