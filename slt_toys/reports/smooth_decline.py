"""What the smooth-decline experiment amounts to: its dataset, its JSON record, and what it says in words."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from rich.console import Console

from ..barriers.decline import REJECTED
from ..barriers.population import Population
from ..barriers.published import row_ratio
from ..barriers.readings import CONFIDENCE, DeclineReading

RECOVERED = 0.75  # share of the declines of a cell from which recovery is said to be possible

__all__ = ["in_words", "print_report", "readings_dataset", "readme_table", "recovers_from", "summary"]


# ---- dataset --------------------------------------------------------------------------------------------------------
def readings_dataset(
    names: Sequence[str], readings: Sequence[DeclineReading], populations: Sequence[Population] | None
) -> xr.Dataset:
    """Declines, fits, barriers, spectra and windows along ``decline``; truths where they are known, else nan.

    All readings have one kernel.
    """
    kernel = readings[0].kernel
    loss = {"units": "loss"}
    rows = ("decline", "switch_epoch")
    found: dict[str, Any] = {
        "name": ("decline", list(names)),
        "share": (rows, [one.decline.stuck_share for one in readings]),
        "share_error": (rows, [one.standard_errors for one in readings]),
        "fit_separate": (rows, [one.separate.fit.decline(kernel) for one in readings]),
        "fit_smooth": (rows, [one.spectrum.decline(kernel) for one in readings]),
        "number": ("decline", [one.separate.number for one in readings]),
        "enough": ("decline", [int(one.separate.enough) for one in readings]),
        "p_value": ("decline", [one.separate.p_values[-1] for one in readings]),
        "p_value_fewer": ("decline", [([1.0, *one.separate.p_values])[-2] for one in readings]),
        "chi_square_separate": ("decline", [one.separate.fit.chi_square for one in readings]),
        "chi_square_smooth": ("decline", [one.spectrum.chi_square for one in readings]),
        "p_value_smooth": ("decline", [one.spectrum.p_value for one in readings]),
        "doubt_separate": ("decline", [one.separate.doubt for one in readings]),
        "doubt_windows": ("decline", [one.windows.doubt for one in readings]),
        "median": ("decline", [one.median for one in readings], loss),
        "limit": ("decline", [one.limit.ratio for one in readings]),
        "limit_height": ("decline", [one.limit.height for one in readings], loss),
        "row_ratio": ("decline", [row_ratio(kernel, one.median) for one in readings]),
        "log_density": (("decline", "height"), [one.spectrum.log_density for one in readings]),
        "edge": ("edges", readings[0].windows.edges, loss),
        "window_weight": (("decline", "window"), [one.windows.weights for one in readings]),
        "window_interval": (("decline", "window", "end"), [one.windows.intervals for one in readings]),
    }
    for name, values in (
        ("barrier", [one.separate.fit.heights for one in readings]),
        ("weight", [one.separate.fit.weights for one in readings]),
    ):
        found[name] = (("decline", "barrier_number"), _padded(values))
    for name, intervals in (
        ("barrier_interval", [one.separate.height_intervals for one in readings]),
        ("weight_interval", [one.separate.weight_intervals for one in readings]),
    ):
        ends = [_padded([np.reshape(values, (-1, 2))[:, end] for values in intervals]) for end in (0, 1)]
        found[name] = (("decline", "barrier_number", "end"), np.stack(ends, axis=-1))
    if populations is not None:
        smooth = [bool(one.spread) for one in populations]
        found |= {
            "exact": (rows, [one.weights @ kernel(one.heights) for one in populations]),
            "smooth": ("decline", [int(one) for one in smooth]),
            "true_barrier": (("decline", "true_number"), _padded([o.heights[: None if not o.spread else 0] for o in
                                                                  populations])),
            "true_weight": (("decline", "true_number"), _padded([o.weights[: None if not o.spread else 0] for o in
                                                                 populations])),
            "true_log_density": (("decline", "height"), [
                o.log_density(readings[0].spectrum.heights) if o.spread else np.full(one.spectrum.heights.size, np.nan)
                for o, one in zip(populations, readings, strict=True)
            ]),
            "true_window_weight": (("decline", "window"), [o.within(readings[0].windows.edges) for o in populations]),
        }  # fmt: skip
    return xr.Dataset(
        found, coords={"switch_epoch": readings[0].decline.switch_epochs, "height": readings[0].spectrum.heights}
    )


def _padded(rows: Sequence[np.ndarray]) -> np.ndarray:
    """Rows of different lengths as one table, the rest nan."""
    table = np.full((len(rows), max(1, *(len(row) for row in rows))), np.nan)
    for place, row in zip(table, rows, strict=True):
        place[: len(row)] = row
    return table


# ---- record ---------------------------------------------------------------------------------------------------------
def summary(
    names: Sequence[str], readings: Sequence[DeclineReading], dataset: xr.Dataset, published: xr.Dataset | None
) -> dict[str, Any]:
    """A plain dictionary for JSON."""
    ratio, noise = dataset["ratio"].values, dataset["noise"].values
    share = _recovered(dataset)
    record: dict[str, Any] = {
        "declines": [
            {
                "name": name,
                "barriers": one.separate.fit.heights,
                "barrier_intervals": one.separate.height_intervals,
                "weights": one.separate.fit.weights,
                "weight_intervals": one.separate.weight_intervals,
                "p_values_of_0_1_2_barriers": one.separate.p_values,
                "chi_square": {"separate": one.separate.fit.chi_square, "smooth": one.spectrum.chi_square},
                "p_value_of_the_smooth_fit": one.spectrum.p_value,
                "doubts": [told for told in (one.separate.doubt, one.windows.doubt) if told],
                "rows": one.decline.size,
                "windows": {"edges": one.windows.edges, "weights": one.windows.weights,
                            "intervals": one.windows.intervals},
                "median_barrier": one.median,
                "smallest_ratio_told_apart": one.limit.ratio,
            }
            for name, one in zip(names, readings, strict=True)
        ],
        "recovered": [
            {"ratio": ratio[i], "noise": noise[j], "share": share[i, j], "declines": dataset.sizes["run"]}
            for i in range(len(ratio))
            for j in range(len(noise))
        ],
        "recovers_from": {f"{value:g}": recovers_from(dataset, j) for j, value in enumerate(noise)},
        "transitions": [
            {"every": int(every), "detected": float(dataset["transitions_detected"][k]),
             "law": float(dataset["transitions_expected_detected"][k])}
            for k, every in enumerate(dataset["every"].values)
        ],
    }  # fmt: skip
    if published is not None:
        record["published"] = {name: published[name].values for name in (*published.coords, *published.data_vars)}
    return record


def _recovered(dataset: xr.Dataset) -> np.ndarray:
    """Share of the declines in which the right number was found, (ratio, noise)."""
    return (dataset["recovery_found"] == dataset.attrs["recovery_number"]).mean("run").values


def recovers_from(dataset: xr.Dataset, noise: int) -> float | None:
    """Smallest ratio from which on at least three in four are recovered at the noise of this index; None if at none."""
    good = _recovered(dataset)[:, noise] >= RECOVERED
    last_bad = np.flatnonzero(~good)
    first = int(last_bad[-1]) + 1 if last_bad.size else 0
    return float(dataset["ratio"].values[first]) if first < good.size else None


# ---- words ----------------------------------------------------------------------------------------------------------
def in_words(dataset: xr.Dataset, published: xr.Dataset | None) -> list[str]:
    """What came out, one sentence or two each, every number from the dataset."""
    said: list[str] = []
    for k in range(dataset.sizes["decline"]):
        one = dataset.isel(decline=k)
        said += [_number_of_barriers(one), _windows(one), _limit(one)]
    said += _caveats(dataset)
    said += [_where_it_stops(dataset), _recordings(dataset)]
    if published is not None:
        said += _published(published)
    return said


def _number_of_barriers(one: xr.Dataset) -> str:
    number = int(one["number"])
    if doubt := str(one["doubt_separate"].values):
        return f"{_name(one)}: {doubt}. No barrier is given a height or a weight."
    found = [
        f"{one['barrier'].values[j]:.3g} {_interval(one['barrier_interval'].values[j])} of weight "
        f"{one['weight'].values[j]:.2f} {_interval(one['weight_interval'].values[j])}"
        for j in range(number)
    ]
    said = (
        f"{_name(one)}: the decline asks for at least {number} barrier{'s' * (number != 1)} (p = "
        f"{float(one['p_value_fewer']):.2g} for one fewer, {float(one['p_value']):.2g} for {number}), at {_join(found)}"
    )
    if "true_barrier" not in one:
        return said + "."
    if int(one["smooth"]):
        return said + "; its spectrum is smooth, so a decline does not tell a smooth spectrum from a few barriers."
    truth = one["true_barrier"].values, one["true_weight"].values
    truth = [values[np.isfinite(values)] for values in truth]
    if len(truth[0]) != number:
        return said + f"; there are {len(truth[0])}."
    intervals = [one[f"{kind}_interval"].values[:number] for kind in ("barrier", "weight")]
    inside = sum(_inside(true, ends) for true, ends in zip(truth, intervals, strict=True))
    told = _join(f"{height:g} of weight {weight:g}" for height, weight in zip(*truth, strict=True))
    return said + f"; true are {told}: {inside} of {2 * number} {100 * CONFIDENCE:.0f} % intervals hold them."


def _windows(one: xr.Dataset) -> str:
    edges, ends = one["edge"].values, one["window_interval"].values
    if doubt := str(one["doubt_windows"].values):
        return f"{_name(one)}, inverted with a penalty on roughness: {doubt}. No window is given a weight."
    halves = np.diff(ends, axis=1)[:, 0] / 2
    widest = int(np.argmax(halves))
    said = (
        f"{_name(one)}, inverted with a penalty on roughness: half of the weight lies below a barrier of "
        f"{float(one['median']):.3g}; the weights of {len(ends)} windows, whatever the spectrum, are known to ± "
        f"{np.median(halves):.2f} (median), at worst to ± {halves[widest]:.2f}, between {edges[widest]:.2g} and "
        f"{edges[widest + 1]:.2g}"
    )
    if "true_window_weight" in one:
        inside = _inside(one["true_window_weight"].values, ends)
        said += f"; {inside} of the {len(ends)} {100 * CONFIDENCE:.0f} % intervals hold the true weight"
    return said + "."


def _limit(one: xr.Dataset) -> str:
    ratio = float(one["limit"])
    error = float(np.median(one["share_error"]))
    told = f"by a factor of less than {ratio:.3g}" if np.isfinite(ratio) else "by any factor within what its rows show"
    return (
        f"{_name(one)}: with standard errors of {error:.2g} (median) and rows whose barriers are a factor of "
        f"{float(one['row_ratio']):.3g} apart, two barriers about {float(one['limit_height']):.2g} that differ {told} "
        "are taken for one at least half of the time, whatever the test."
    )


def _name(one: xr.Dataset) -> str:
    name = str(one["name"].values)
    return name[0].upper() + name[1:]


def _inside(truth: np.ndarray, ends: np.ndarray) -> int:
    """How many intervals hold the truth, up to rounding."""
    return int(((ends[:, 0] <= truth + 1e-9) & (truth <= ends[:, 1] + 1e-9)).sum())


def _caveats(dataset: xr.Dataset) -> list[str]:
    if not dataset.attrs["measured"]:
        return []
    said = []
    if dataset.attrs["errors_estimated"]:
        said.append(
            "Standard errors were not given: they are an estimate from the scatter of neighbouring rows, which sees "
            "nothing that moves all rows alike, such as another seed. Its own error is some "
            f"{100 * 1.5 / np.sqrt(dataset.sizes['switch_epoch']):.0f} %, and that of every interval with it."
        )
    if not dataset.attrs["best_given"]:
        said.append("The first row is taken for the level where nothing is stuck (--best gives another): barriers so "
                    "high that they are stuck even there leave no trace.")  # fmt: skip
    if dataset.attrs["published"]:
        said.append("The published curve has one seed.")
    first = dataset.attrs["first_temperature"]
    said.append(
        f"Barriers are in the units of --gradient-variance, by which the first temperature is {first:.3g}: where that "
        "was not measured, only ratios of barriers mean something, and even those with the attempt rates it implies."
    )
    return said


def _where_it_stops(dataset: xr.Dataset) -> str:
    told = []
    for j, noise in enumerate(dataset["noise"].values):
        ratio, most = recovers_from(dataset, j), float(dataset["ratio"].values[-1])
        where = f"at no ratio tried, up to {most:g}" if ratio is None else f"from a ratio of {ratio:g} on"
        told.append(f"at noise {noise:g} {where} (limit for two of them: {float(dataset['recovery_limit'][j]):.2f})")
    return (
        f"Where it stops: {dataset.attrs['recovery_number']} equal barriers about "
        f"{dataset.attrs['recovery_centre']:.2g}, neighbours in a fixed ratio, are found in at least "
        f"{100 * RECOVERED:.0f} % of {dataset.sizes['run']} declines {_join(told)}."
    )


def _recordings(dataset: xr.Dataset) -> str:
    epoch = dataset.attrs["steps_per_epoch"]
    seen = dataset["transitions_detected"].values
    errors = dataset["transitions_detected_error"].values
    law = dataset["transitions_expected_detected"].values
    told = [
        f"{seen[k]:.2f} ± {errors[k]:.2f} (law {law[k]:.2f}) recording every {_batches(int(every), epoch)}"
        for k, every in enumerate(dataset["every"].values)
    ]
    return (
        f"SGD over {dataset.attrs['barriers']} barriers makes {dataset.attrs['expected_total']:.2f} transitions in a "
        f"run; of these so many are seen apart in the training loss: {_join(told)}."
    )


def _batches(every: int, epoch: int) -> str:
    if every % epoch == 0:
        return "epoch" if every == epoch else f"{every // epoch} epochs"
    return "minibatch" if every == 1 else f"{every} minibatches"


def _published(published: xr.Dataset) -> list[str]:
    middle = published.sel(factor=1.0)
    told = []
    for j, size in enumerate(published["batch_size"].values):
        one = middle.isel(batch_size=j)
        rejected = ", which do not follow it" if float(one["p_value"]) < REJECTED else ""
        told.append(
            f"{float(one['median']):.2g} [{float(one['median_low']):.2g}, {float(one['median_high']):.2g}] at B = "
            f"{size} ({int(one['number'])} barriers asked for, chi-square {float(one['chi_square']):.0f} of the smooth "
            f"spectrum for {int(one['rows'])} rows{rejected})"
        )
    powers = [
        f"{float(one['exponent']):.2f} [{float(one['exponent_low']):.2f}, {float(one['exponent_high']):.2f}] with "
        f"{float(one['factor']):g} times"
        for one in (published.isel(factor=i) for i in range(published.sizes["factor"]))
    ]
    ratios = middle["row_ratio"].values
    ends = published["exponent_low"].values, published["exponent_high"].values
    verdict = _join(
        f"{power} ({meaning}) lies in {_how_many(int(((ends[0] <= power) & (power <= ends[1])).sum()), len(ends[0]))}"
        for power, meaning in ((0, "temperature alone, or flow time left"), (-1, "epoch alone"))
    )
    return [
        "Published curves, each read by itself with the kernel of two states: half of the weight lies below a "
        f"barrier of {_join(told)}.",
        f"That median goes as B to the power {_join(powers)} the gradient variance: {verdict} of these intervals. They "
        "are the scatter of rows; one seed says nothing of others.",
        f"The published rows lie a factor of {ratios.min():.2g} to {ratios.max():.2g} in barrier height apart, so that "
        "nothing finer can be seen; their standard errors are estimated from the scatter of rows, and the gradient "
        "variance was never measured, so that heights have no unit.",
    ]


def _how_many(count: int, of: int) -> str:
    return "none" if count == 0 else "all" if count == of else f"{count} of {of}"


def _interval(ends: np.ndarray) -> str:
    return f"[{ends[0]:.3g}, {ends[1]:.3g}]"


def _join(parts: Any) -> str:
    parts = list(parts)
    return ", ".join(parts[:-1]) + (" and " if len(parts) > 1 else "") + parts[-1] if parts else "nothing"


def readme_table(record: Mapping[str, Any]) -> str:
    """The sentences as a list in Markdown."""
    return "\n".join(f"- {sentence}" for sentence in record["in_words"])


def print_report(record: Mapping[str, Any], stem: Path) -> None:
    """Print what came out."""
    console = Console()
    for sentence in record["in_words"]:
        console.print(sentence, highlight=False, markup=False)
    console.print(f"Written: {stem}.png, .svg, .nc, .json", highlight=False)
