"""Tables of the smooth-decline experiment, from its dataset alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ..results.claims import Table, interval_text, number_text

ROUNDING = 1e-9
NOTHING = "-"

__all__ = ["name_of", "p_text", "recording_interval", "tables", "true_barriers", "within"]


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Declines, barriers, windows, the map of recovery, recordings, published curves, and limits of what was read."""
    told = [_declines(data), _barriers(data), _windows(data), _recovery(data), _recordings(data)]
    if "published_median" in data:
        told += [_published(data), _exponents(data)]
    return (*told, _limits(data))


def name_of(part: xr.Dataset) -> str:
    """Name of a decline at the beginning of a sentence."""
    name = str(part["name"].values)
    return name[0].upper() + name[1:]


def p_text(p_value: Any) -> str:
    """A p-value in words."""
    value = float(p_value)
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def recording_interval(every: int, epoch: int) -> str:
    """A recording interval in minibatches or epochs."""
    if every % epoch == 0:
        return "epoch" if every == epoch else f"{every // epoch} epochs"
    return "minibatch" if every == 1 else f"{every} minibatches"


def true_barriers(part: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """True heights and weights of one decline; empty where its spectrum is smooth."""
    heights, weights = part["true_barrier"].values, part["true_weight"].values
    known = np.isfinite(heights)
    return heights[known], weights[known]


def within(truth: np.ndarray, ends: np.ndarray) -> int:
    """How many intervals hold the truth, up to rounding."""
    return int(((ends[:, 0] <= truth + ROUNDING) & (truth <= ends[:, 1] + ROUNDING)).sum())


def _interval(ends: np.ndarray) -> str:
    return interval_text(*ends) if np.isfinite(ends).any() else NOTHING


def _declines(data: xr.Dataset) -> Table:
    rows = []
    for k in range(data.sizes["decline"]):
        part = data.isel(decline=k)
        numbers = [float(part[name]) for name in ("median", "limit", "row_ratio")]
        doubts = [str(part[f"doubt_{kind}"].values) for kind in ("separate", "windows")]
        rows.append((
            name_of(part), f"{float(np.median(part['share_error'])):.2g}", str(int(part["number"])),
            p_text(part["p_value"]), p_text(part["p_value_fewer"]), number_text(float(part["chi_square_separate"])),
            number_text(float(part["chi_square_smooth"])), p_text(part["p_value_smooth"]),
            *(number_text(number) for number in numbers), "; ".join(filter(None, doubts)) or NOTHING,
        ))  # fmt: skip
    return Table(
        "declines",
        f"What each decline of {data.sizes['switch_epoch']} rows asks for. Ratio resolved: of two barriers about the "
        "median height.",
        ("decline", "median standard error", "separate barriers", "p", "p for one fewer", "their chi-square",
         "chi-square, smooth", "p, smooth", "median height, smooth", "ratio resolved", "ratio of rows", "doubts"),
        tuple(rows),
    )  # fmt: skip


def _barriers(data: xr.Dataset) -> Table:
    rows = []
    for k in range(data.sizes["decline"]):
        part = data.isel(decline=k)
        truth = true_barriers(part) if "true_barrier" in part else (np.empty(0), np.empty(0))
        for j in range(int(part["number"])):
            known = truth[0].size == int(part["number"])
            rows.append((
                name_of(part), number_text(float(part["barrier"][j])), _interval(part["barrier_interval"].values[j]),
                number_text(float(truth[0][j])) if known else NOTHING, number_text(float(part["weight"][j])),
                _interval(part["weight_interval"].values[j]), number_text(float(truth[1][j])) if known else NOTHING,
            ))  # fmt: skip
    return Table(
        "separate_barriers",
        "Barriers fitted, in units of loss; without intervals where the fit is doubted.",
        ("decline", "height", "95 %", "true height", "weight", "95 %", "true weight"),
        tuple(rows),
    )


def _windows(data: xr.Dataset) -> Table:
    edges, rows = data["edge"].values, []
    for k in range(data.sizes["decline"]):
        part = data.isel(decline=k)
        for j in range(data.sizes["window"]):
            truth = float(part["true_window_weight"][j]) if "true_window_weight" in part else np.nan
            rows.append((
                name_of(part), f"{edges[j]:.3g} to {edges[j + 1]:.3g}", f"{float(part['window_weight'][j]):.3f}",
                _interval(part["window_interval"].values[j]), NOTHING if np.isnan(truth) else f"{truth:.3f}",
            ))  # fmt: skip
    return Table(
        "windows",
        "Weight within windows of height, by inversion; intervals hold for any spectrum.",
        ("decline", "heights", "weight", "95 %", "true weight"),
        tuple(rows),
    )


def _recovery(data: xr.Dataset) -> Table:
    rows = []
    for j in range(data.sizes["noise"]):
        part = data.isel(noise=j)
        rows.append((
            f"{float(part['noise']):g}", *(f"{100 * share:.0f} %" for share in part["recovery_share"].values),
            number_text(float(part["recovery_from"])), number_text(float(part["recovery_limit"])),
        ))  # fmt: skip
    return Table(
        "recovery",
        f"Share of {data.sizes['run']} declines in which {data.attrs['recovery_number']} equal barriers about "
        f"{data.attrs['recovery_centre']:.2g} are recovered; from: three in four.",
        ("standard error", *(f"ratio {ratio:.3g}" for ratio in data["ratio"].values), "recovered from",
         "two of them resolved from"),
        tuple(rows),
    )  # fmt: skip


def _recordings(data: xr.Dataset) -> Table:
    rows = []
    for k, every in enumerate(data["every"].values):
        part = data.isel(interval=k)
        cells = [recording_interval(int(every), data.attrs["steps_per_epoch"])]
        for kind in ("separate", "detected"):
            count, error = (float(part[f"transitions_{kind}{end}"]) for end in ("", "_error"))
            cells += [f"{count:.2f} ± {error:.2f}", f"{float(part[f'transitions_expected_{kind}']):.2f}"]
        rows.append(tuple(cells))
    return Table(
        "recordings",
        f"Transitions in a run of SGD over {data.attrs['barriers']} barriers, {data.attrs['expected_total']:.2f} in "
        "all: separate ones, and those detected in the recorded loss.",
        ("recorded every", "separate ± standard error", "law", "detected ± standard error", "law"),
        tuple(rows),
    )


def _published(data: xr.Dataset) -> Table:
    rows = []
    for factor in data["factor"].values:
        for size in data["batch_size"].values:
            part = data.sel(factor=factor, batch_size=size)
            low, high = (float(part[f"published_median_{end}"]) for end in ("low", "high"))
            median = f"{float(part['published_median']):.2g} {interval_text(low, high, 2)}"
            rows.append((
                str(int(size)), f"{factor:g}", number_text(float(part["published_first_temperature"])),
                median, str(int(part["published_number"])),
                f"{float(part['published_chi_square']):.1f} / {int(part['published_rows'])}",
                p_text(part["published_p_value"]), number_text(float(part["published_row_ratio"])),
            ))  # fmt: skip
    return Table(
        "published_curves",
        "Each published curve read by itself with the kernel of two states; the gradient variance was not measured, so "
        "each is read with several.",
        ("batch size", "gradient variance, factor", "first temperature", "median height, 95 % of the scatter of rows",
         "separate barriers", "chi-square, smooth / rows", "p", "ratio of rows"),
        tuple(rows),
    )  # fmt: skip


def _exponents(data: xr.Dataset) -> Table:
    rows = []
    for factor in data["factor"].values:
        part = data.sel(factor=factor)
        low, high = (float(part[f"published_exponent_{end}"]) for end in ("low", "high"))
        inside = ("yes" if low <= power <= high else "no" for power in (0, -1))
        exponent = f"{float(part['published_exponent']):.2f} [{low:.2f}, {high:.2f}]"
        rows.append((f"{factor:g}", exponent, *inside))
    return Table(
        "published_exponents",
        "Exponent of the batch size in the median height, 95 % of the scatter of rows: 0 by temperature or flow time "
        "left, -1 by the epoch alone.",
        ("gradient variance, factor", "exponent", "holds 0", "holds -1"),
        tuple(rows),
    )


def _limits(data: xr.Dataset) -> Table:
    told = [
        ("first temperature, in the units of the gradient variance", number_text(data.attrs["first_temperature"])),
        ("kernel", str(data.attrs["method"]).replace("_", "-")),
    ]
    if data.attrs["measured"]:
        if data.attrs["errors_estimated"]:
            own = 100 * 1.5 / np.sqrt(data.sizes["switch_epoch"])
            told.append(("standard errors", f"estimated from the scatter of neighbouring rows, to {own:.0f} %"))
        if not data.attrs["best_given"]:
            told.append(("level where nothing is stuck", "the first row; barriers stuck even there leave no trace"))
        if data.attrs["published"]:
            told.append(("seeds of the published curve", "one"))
    return Table("limits", "What bounds the meaning of the tables.", ("quantity", "value"), tuple(told))
