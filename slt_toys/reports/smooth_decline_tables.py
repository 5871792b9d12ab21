"""Tables of the smooth-decline experiment, from its dataset alone."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import xarray as xr

from ..results.claims import Table, chance_text, decimals, estimate_text, interval_text, texts

ROUNDING = 1e-9


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Declines, barriers, windows, limits of what was read; where run, the map of recovery, recordings, published."""
    recovery = (_recovery(data),) if "recovery_from" in data else ()
    recordings = (_recordings(data),) if "transitions_detected" in data else ()
    published = (_published(data), _exponents(data)) if "published_median" in data else ()
    return (_declines(data), _barriers(data), _windows(data), *recovery, *recordings, *published,
            _limits(data))  # fmt: skip


def name_of(part: xr.Dataset) -> str:
    """Name of a decline at the beginning of a sentence."""
    name = str(part["name"].values)
    return name[0].upper() + name[1:]


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


def _intervals(ends: np.ndarray) -> list[str]:
    return [interval_text(low, high) if np.isfinite([low, high]).any() else "-" for low, high in ends.reshape(-1, 2)]


def _declines(data: xr.Dataset) -> Table:
    doubts = zip(data["doubt_separate"].values, data["doubt_windows"].values, strict=True)
    columns = {
        "decline": [str(name) for name in data["name"].values],
        "median standard error": texts(np.median(data["share_error"].values, axis=1), 2),
        "separate barriers": texts(data["number"].values),
        "p": [*map(chance_text, data["p_value"].values)],
        "p for one fewer": [*map(chance_text, data["p_value_fewer"].values)],
        "their chi-square": texts(data["chi_square_separate"].values),
        "chi-square, smooth": texts(data["chi_square_smooth"].values),
        "p, smooth": [*map(chance_text, data["p_value_smooth"].values)],
        "median height, smooth": texts(data["median"].values),
        "ratio resolved": [
            "-" if str(doubt) else f"{ratio:.3g}" if np.isfinite(ratio) else "none"
            for ratio, doubt in zip(data["limit"].values, data["doubt_windows"].values, strict=True)
        ],
        "ratio of rows": texts(data["row_ratio"].values),
        "doubts": ["; ".join(filter(None, map(str, two))) or "-" for two in doubts],
    }
    caption = (
        f"What each decline of {data.sizes['switch_epoch']} rows asks for. Ratio resolved: of two barriers about the "
        "median height."
    )
    return Table.of_columns("declines", caption, columns)


def _barriers(data: xr.Dataset) -> Table:
    headings = ("decline", "height", "height, 95 %", "true height", "weight", "weight, 95 %", "true weight")
    columns: dict[str, list[str]] = {heading: [] for heading in headings}
    for k in range(data.sizes["decline"]):
        part, number = data.isel(decline=k), int(data["number"][k])
        truth = true_barriers(part) if "true_barrier" in part else ()
        columns["decline"] += [str(part["name"].values)] * number
        for place, (name, kind) in enumerate((("height", "barrier"), ("weight", "weight"))):
            given = name == "height" or not str(part["doubt_separate"].values)
            columns[name] += texts(part[kind].values[:number]) if given else ["-"] * number
            columns[f"{name}, 95 %"] += _intervals(part[f"{kind}_interval"].values[:number])
            known = truth and truth[place].size == number
            columns[f"true {name}"] += texts(truth[place]) if known else ["-"] * number
    caption = "Barriers fitted, in units of loss; without weights and intervals where the fit is doubted."
    return Table.of_columns("separate_barriers", caption, columns)


def _windows(data: xr.Dataset) -> Table:
    edges, count = data["edge"].values, data.sizes["window"]
    truth = data.get("true_window_weight", data["window_weight"] * np.nan).values
    doubted = np.array([bool(str(doubt)) for doubt in data["doubt_windows"].values])
    weights = np.where(doubted[:, None], np.nan, data["window_weight"].values)
    columns = {
        "decline": [str(name) for name in data["name"].values for _ in range(count)],
        "heights": [f"{low:.3g} to {high:.3g}" for low, high in pairwise(edges)] * data.sizes["decline"],
        "weight": [decimals(weight, 3) for weight in weights.ravel()],
        "95 %": _intervals(data["window_interval"].values),
        "true weight": [decimals(weight, 3) for weight in truth.ravel()],
    }
    return Table.of_columns(
        "windows", "Weight within windows of height, by inversion; intervals hold for any spectrum.", columns
    )


def _recovery(data: xr.Dataset) -> Table:
    columns = {
        "standard error": texts(data["noise"].values),
        **{
            f"ratio {ratio:.3g}": [f"{100 * share:.0f} %" for share in shares]
            for ratio, shares in zip(data["ratio"].values, data["recovery_share"].values, strict=True)
        },
        "recovered from": [*map(decimals, data["recovery_from"].values)],
        "two of them resolved from": [*map(decimals, data["recovery_limit"].values)],
    }
    caption = (
        f"Share of {data.sizes['run']} declines in which {data.attrs['recovery_number']} equal barriers about "
        f"{data.attrs['recovery_centre']:.2g} are recovered; from: in three of four."
    )
    return Table.of_columns("recovery", caption, columns)


def _recordings(data: xr.Dataset) -> Table:
    columns = {
        "recorded every": [recording_interval(int(n), data.attrs["steps_per_epoch"]) for n in data["every"].values]
    }
    for kind in ("separate", "detected"):
        counts = zip(data[f"transitions_{kind}"].values, data[f"transitions_{kind}_error"].values, strict=True)
        columns[f"{kind} ± standard error"] = [f"{count:.2f} ± {error:.2f}" for count, error in counts]
        columns[f"{kind}, law"] = [*map(decimals, data[f"transitions_expected_{kind}"].values)]
    caption = (
        f"Transitions in a run of SGD over {data.attrs['barriers']} barriers, {data.attrs['expected_total']:.2f} in "
        "all: separate ones, and those detected in the recorded loss."
    )
    return Table.of_columns("recordings", caption, columns)


def _published(data: xr.Dataset) -> Table:
    flat = data.stack(curve=("factor", "batch_size"))
    medians, lows, highs = (flat[f"published_median{end}"].values for end in ("", "_low", "_high"))
    chi_squares = zip(flat["published_chi_square"].values, flat["published_rows"].values, strict=True)
    columns = {
        "batch size": texts(flat["batch_size"].values),
        "gradient variance, factor": texts(flat["factor"].values),
        "first temperature": texts(flat["published_first_temperature"].values),
        "median height, 95 % of the scatter of rows": [
            estimate_text(median, low, high, 2) if np.isfinite(low) else f"{median:.2g}, rejected"
            for median, low, high in zip(medians, lows, highs, strict=True)
        ],
        "separate barriers": texts(flat["published_number"].values),
        "chi-square, smooth / rows": [f"{value:.1f} / {rows:.0f}" for value, rows in chi_squares],
        "p": [*map(chance_text, flat["published_p_value"].values)],
        "ratio of rows": texts(flat["published_row_ratio"].values),
    }
    caption = (
        "Each published curve read by itself with the kernel of two states; the gradient variance was not measured, so "
        "each is read with several."
    )
    return Table.of_columns("published_curves", caption, columns)


def _exponents(data: xr.Dataset) -> Table:
    exponent, low, high = (data[f"published_exponent{end}"].values for end in ("", "_low", "_high"))
    columns = {
        "gradient variance, factor": texts(data["factor"].values),
        "exponent": [
            f"{x:.2f} [{a:.2f}, {b:.2f}]" if np.isfinite(a) else f"{x:.2f}, rejected"
            for x, a, b in zip(exponent, low, high, strict=True)
        ],
        **{
            f"holds {power}": [
                "-" if np.isnan(a) else "yes" if a <= power <= b else "no" for a, b in zip(low, high, strict=True)
            ]
            for power in (0, -1)
        },
    }
    caption = (
        "Exponent of the batch size in the median height, 95 % of the scatter of rows: 0 by temperature or flow time "
        "left, -1 by the epoch alone."
    )
    return Table.of_columns("published_exponents", caption, columns)


def _limits(data: xr.Dataset) -> Table:
    told = {
        "first temperature, in the units of the gradient variance": f"{data.attrs['first_temperature']:.3g}",
        "kernel": str(data.attrs["method"]).replace("_", "-"),
    }
    if data.attrs["errors_estimated"]:
        own = 100 * 1.5 / np.sqrt(data.sizes["switch_epoch"])
        told["standard errors"] = f"estimated from the scatter of neighbouring rows, to {own:.0f} %"
    if data.attrs["measured"] and not data.attrs["best_given"]:
        told["level where nothing is stuck"] = "the first row; barriers stuck even there leave no trace"
    if data.attrs["published"]:
        told["seeds of the published curve"] = "one"
    return Table("limits", "What bounds the meaning of the tables.", ("quantity", "value"), tuple(told.items()))
