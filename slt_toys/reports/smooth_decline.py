"""What the smooth-decline experiment amounts to: one dataset of every number, and its claims.

Tables are in :mod:`slt_toys.reports.smooth_decline_tables`.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from scipy.stats import binom

from ..barriers.decline import REJECTED
from ..barriers.measured import MeasuredDecline
from ..barriers.population import Population
from ..barriers.published import row_ratio
from ..barriers.readings import CONFIDENCE, DeclineReading
from ..protocol.curves import pad
from ..results.claims import Claim, Verdict, against_first, p_text
from .smooth_decline_tables import name_of, recording_interval, tables, true_barriers, within

__all__ = ["INTRODUCTION", "TITLE", "claims", "dataset", "tables", "warning"]

RECOVERED = 0.75  # share of the declines of a cell from which recovery is said to be possible
SURPRISING = 0.01  # chance of so few intervals that hold the truth
NORMAL = 1.96  # standard errors of a 95 % interval

TITLE = "Which barriers does a smooth decline show?"
INTRODUCTION = """\
A *decline* is final accuracy that falls with the switch epoch, the epoch at which training data change from the
deficit to the clean ones. Many independent two-phase subsystems make one: each ends *stuck*, in the phase that the
deficit prefers, with a probability that depends on the height of its barrier. The *barrier spectrum* is the share of
subsystems by barrier height, in units of loss; the *kernel* is the stuck share by switch epoch and height. A decline
is the spectrum seen through the kernel.

It is read in two ways. *Separate barriers*: the fewest heights that explain it, each with a weight, its share of the
subsystems. *Smooth spectrum*: inversion with a penalty on roughness. A *window* is a range of heights; its weight has
an interval that holds for any spectrum. A reading is *doubted* where what was fitted does not explain the decline:
then nothing is given a weight. Barriers are *recovered* from a decline if it asks for the right number of them. Two
barriers are *resolved* where the best test finds two of them in half of the declines. *Rows* are the switch epochs
measured.

Limits: heights are in the units of the gradient variance; where that was not measured only ratios mean something, and
the attempt rates that it implies. Published curves have one seed, and standard errors estimated from the scatter of
rows, which sees nothing that moves all rows alike."""


# ---- dataset --------------------------------------------------------------------------------------------------------
def dataset(
    readings: Sequence[DeclineReading],
    source: MeasuredDecline | Sequence[Population],
    recovered: xr.Dataset | None,
    recorded: xr.Dataset | None,
    published: xr.Dataset | None,
) -> xr.Dataset:
    """Every number that is told or drawn.

    Parameters
    ----------
    readings
        All with one kernel.
    source
        What was read: a decline measured elsewhere, or populations whose spectra are known.
    recovered
        From :func:`slt_toys.barriers.resolution.recovery_map`; None, as the others, where it was not run.
    recorded
        From :func:`slt_toys.barriers.recording_intervals.transitions_by_interval`.
    published
        From :func:`slt_toys.barriers.published.published_spectra`.
    """
    measured = source if isinstance(source, MeasuredDecline) else None
    populations = [] if isinstance(source, MeasuredDecline) else list(source)
    parts = [
        readings_dataset([measured.name] if measured else [each.name for each in populations], readings, populations),
    ]
    attributes: dict[str, Any] = {}
    if recovered is not None:
        parts.append(recovery_dataset(recovered))
        attributes["recovery_number"] = int(recovered.attrs["number"])
        attributes["recovery_centre"] = float(recovered.attrs["height"])
    attributes["method"] = readings[0].kernel.method
    if recorded is not None:
        parts.append(recorded.rename({name: f"transitions_{name}" for name in recorded.data_vars}))
        whole = {name: int(recorded.attrs[name]) for name in ("barriers", "steps_per_epoch")}
        total = float(recorded.attrs["expected_total"])
        attributes |= {"barriers": whole["barriers"], "expected_total": total, **whole}
    if published is not None:
        parts.append(published.rename({name: f"published_{name}" for name in published.data_vars}))
    merged = xr.merge([part.drop_attrs() for part in parts])
    merged.attrs = {
        "measured": int(measured is not None),
        "best_given": int(measured is not None and measured.best_given),
        "errors_estimated": int(measured is not None and measured.errors_estimated),
        "confidence": CONFIDENCE,
        **attributes,
    }
    return merged


def readings_dataset(
    names: Sequence[str], readings: Sequence[DeclineReading], populations: Sequence[Population]
) -> xr.Dataset:
    """Declines, fits, barriers, spectra and windows along ``decline``; truths where they are known, else nan."""
    kernel, edges = readings[0].kernel, readings[0].windows.edges
    heights, loss = readings[0].spectrum.heights, {"units": "loss"}
    rows, barrier = ("decline", "switch_epoch"), ("decline", "barrier_number")
    separate = [reading.separate for reading in readings]
    variables: dict[str, Any] = {
        "name": ("decline", list(names)),
        "share": (rows, [reading.decline.stuck_share for reading in readings]),
        "share_error": (rows, [reading.standard_errors for reading in readings]),
        "fit_separate": (rows, [each.fit.decline(kernel) for each in separate]),
        "fit_smooth": (rows, [reading.spectrum.decline(kernel) for reading in readings]),
        "rows": ("decline", [reading.decline.size for reading in readings]),
        "number": ("decline", [each.number for each in separate]),
        "enough": ("decline", [int(each.enough) for each in separate]),
        "p_values": (("decline", "barriers_tried"), pad([each.p_values for each in separate], 1)),
        "p_value": ("decline", [each.p_values[-1] for each in separate]),
        "p_value_fewer": ("decline", [([1.0, *each.p_values])[-2] for each in separate]),
        "chi_square_separate": ("decline", [each.fit.chi_square for each in separate]),
        "chi_square_smooth": ("decline", [reading.spectrum.chi_square for reading in readings]),
        "p_value_smooth": ("decline", [reading.spectrum.p_value for reading in readings]),
        "doubt_separate": ("decline", [each.doubt for each in separate]),
        "doubt_windows": ("decline", [reading.windows.doubt for reading in readings]),
        "median": ("decline", [reading.median for reading in readings], loss),
        "limit": ("decline", [reading.limit.ratio for reading in readings]),
        "limit_height": ("decline", [reading.limit.height for reading in readings], loss),
        "row_ratio": ("decline", [row_ratio(kernel, reading.median) for reading in readings]),
        "log_density": (("decline", "height"), [reading.spectrum.log_density for reading in readings]),
        "edge": ("edges", edges, loss),
        "window_weight": (("decline", "window"), [reading.windows.weights for reading in readings]),
        "window_interval": (("decline", "window", "end"), [reading.windows.intervals for reading in readings]),
        "barrier": (barrier, pad([each.fit.heights for each in separate], 1)),
        "weight": (barrier, pad([each.fit.weights for each in separate], 1)),
        "barrier_interval": ((*barrier, "end"), _padded_intervals([each.height_intervals for each in separate])),
        "weight_interval": ((*barrier, "end"), _padded_intervals([each.weight_intervals for each in separate])),
    }
    if populations:
        points = [slice(0) if each.spread else slice(None) for each in populations]  # a smooth one's are quadrature
        truths = list(zip(populations, points, strict=True))
        unknown = np.full(heights.size, np.nan)
        variables |= {
            "exact": (rows, [each.weights @ kernel(each.heights) for each in populations]),
            "smooth": ("decline", [int(bool(each.spread)) for each in populations]),
            "true_barrier": (("decline", "true_number"), pad([each.heights[point] for each, point in truths], 1)),
            "true_weight": (("decline", "true_number"), pad([each.weights[point] for each, point in truths], 1)),
            "true_log_density": (
                ("decline", "height"),
                [each.log_density(heights) if each.spread else unknown for each in populations],
            ),
            "true_window_weight": (("decline", "window"), [each.within(edges) for each in populations]),
        }
    return xr.Dataset(variables, {"switch_epoch": readings[0].decline.switch_epochs, "height": heights})


def recovery_dataset(recovered: xr.Dataset) -> xr.Dataset:
    """The map of where barriers are recovered, with the share of declines and where recovery begins.

    It begins at the smallest ratio from which on at least three in four declines are recovered; nan where at none.
    """
    data = recovered.rename({name: f"recovery_{name}" for name in recovered.data_vars})
    share = (data["recovery_found"] == recovered.attrs["number"]).mean("run").transpose("ratio", "noise")
    begins = []
    for column in share.values.T:
        bad = np.flatnonzero(column < RECOVERED)
        first = int(bad[-1]) + 1 if bad.size else 0
        begins.append(float(data["ratio"][first]) if first < column.size else np.nan)
    return data.assign(recovery_share=share, recovery_from=("noise", begins))


def _padded_intervals(intervals: Sequence[np.ndarray]) -> np.ndarray:
    ends = [pad([np.reshape(values, (-1, 2))[:, end] for values in intervals], 1) for end in (0, 1)]
    return np.stack(ends, axis=-1)


# ---- claims ---------------------------------------------------------------------------------------------------------
def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """At most eight, those that come out against what one would hope for first."""
    told = _measured(data) if data.attrs["measured"] else _known(data)
    if "recovery_from" in data:
        told.append(_recovery(data))
    if "transitions_detected" in data:
        told.append(_transitions(data))
    return against_first([*told, *(_published(data) if "published_median" in data else [])])


def warning(data: xr.Dataset) -> str:
    """That a decline of one's own is not explained, and by how much; empty where it may be."""
    if not data.attrs["measured"]:
        return ""
    part = data.isel(decline=0)
    parts = [str(part[f"doubt_{name}"].values).partition("): ") for name in ("separate", "windows")]
    told = [head + ")" * bool(mark) for head, mark, _ in parts if head]
    if not told:
        return ""
    tails = list(dict.fromkeys(f" {tail[0].upper()}{tail[1:]}." for *_, tail in parts if tail))
    without = "No weight has an interval." if parts[1][0] else "Separate barriers have no intervals."
    return f"Rejected, {part['name'].item()}: {'; '.join(told)}.{''.join(tails)} {without}"


def _measured(data: xr.Dataset) -> list[Claim]:
    """How many barriers a decline asks for whose spectrum is not known, and what its windows say."""
    part = data.isel(decline=0)
    number, doubt = int(part["number"]), str(part["doubt_separate"].values)
    fewer, enough = (p_text(float(part[name])) for name in ("p_value_fewer", "p_value"))
    sentence = (
        f"{name_of(part)} asks for at least {number} separate barriers: {fewer} for one fewer, {enough} for {number}."
    )
    if "chi-square" in doubt:
        chi_square, rows = float(part["chi_square_separate"]), int(part["rows"])
        sentence = (
            f"{name_of(part)} is not explained by {number} barriers: chi-square {chi_square:.3g} for {rows} rows."
        )
    windows = str(part["doubt_windows"].values)
    widest = np.diff(part["window_interval"].values, axis=1).max() / 2
    weights = (
        "is doubted, and no window has a weight"
        if windows
        else f"gives each of {data.sizes['window']} windows a weight, at worst to ± {widest:.2f}"
    )
    return [
        Claim("barriers-asked-for", sentence, number, None, None, "cannot tell" if doubt else "yes"),
        Claim("windows-have-weights", f"{name_of(part)} {weights}.", None, None, None, "no" if windows else "yes"),
    ]


def _known(data: xr.Dataset) -> list[Claim]:
    """What is recovered of spectra that are known: the number, heights and weights, and windows."""
    told = []
    for k in range(data.sizes["decline"]):
        part = data.isel(decline=k)
        number, p_value = int(part["number"]), p_text(float(part["p_value"]))
        if int(part["smooth"]):
            rejected = bool(str(part["doubt_separate"].values)) or not int(part["enough"])
            sentence = f"A decline tells a smooth spectrum from separate barriers: {number} explain it with {p_value}."
            verdict = "yes" if rejected else "no"
            told.append(Claim("smooth-told-from-separate", sentence, number, None, None, verdict))
            continue
        heights, weights = true_barriers(part)
        if number == heights.size:
            held = within(heights, part["barrier_interval"].values[:number])
            held += within(weights, part["weight_interval"].values[:number])
            tail = f"{held} of {2 * number} intervals of height and weight hold the truth"
            verdict = _covered(held, 2 * number)
        else:
            tail, verdict = "not so many as there are", "no"
        if str(part["doubt_separate"].values):
            tail, verdict = "the fit is doubted", "cannot tell"
        sentence = f"{heights.size} separate barriers are recovered from their decline: it asks for {number}; {tail}."
        told.append(Claim("separate-barriers-recovered", sentence, number, None, heights.size, verdict))
    return [*told, _windows(data)]


def _covered(held: int, count: int) -> Verdict:
    """Whether so many 95 % intervals that hold the truth are not surprisingly few."""
    return "yes" if binom.cdf(held, count, CONFIDENCE) >= SURPRISING else "no"


def _windows(data: xr.Dataset) -> Claim:
    doubted = [bool(str(doubt)) for doubt in data["doubt_windows"].values]
    kept = data.isel(decline=np.flatnonzero(~np.array(doubted)))
    count = kept["window_weight"].size
    held = sum(
        within(kept["true_window_weight"].values[k], kept["window_interval"].values[k])
        for k in range(kept.sizes["decline"])
    )
    sentence = (
        f"Intervals of window weights hold the truth: {held} of {count}; {sum(doubted)} of {len(doubted)} smooth "
        "readings are doubted."
    )
    verdict = _covered(held, count) if count else "cannot tell"
    return Claim("window-intervals-hold", sentence, held, None, count, verdict)


def _recovery(data: xr.Dataset) -> Claim:
    """Up to which noise several barriers are recovered at any ratio tried."""
    begins, number = data["recovery_from"].values, data.attrs["recovery_number"]
    largest, recovered = float(data["noise"][-1]), np.flatnonzero(np.isfinite(begins))
    told = f"{number} equal barriers are recovered at standard errors up to {largest:g}:"
    if not recovered.size:
        return Claim("barriers-recovered-by-noise", f"{told} at none.", None, None, largest, "no")
    most = float(data["noise"][recovered[-1]])
    sentence = f"{told} at {most:g} from a ratio of {begins[recovered[-1]]:.3g}, at none larger."
    if most == largest:
        sentence = f"{told} there from a ratio of {begins[-1]:.3g}."
    return Claim("barriers-recovered-by-noise", sentence, most, None, largest, "yes" if most == largest else "no")


def _transitions(data: xr.Dataset) -> Claim:
    """Whether at least half of the transitions are resolved by recording about once an epoch."""
    half, epoch = data.attrs["expected_total"] / 2, data.attrs["steps_per_epoch"]
    part = data.isel(interval=int(np.argmin(np.abs(np.log(data["every"].values / epoch)))))
    count, error = float(part["transitions_detected"]), NORMAL * float(part["transitions_detected_error"])
    low, high = count - error, count + error
    every = recording_interval(int(part["every"]), epoch)
    sentence = (
        f"Recording the loss every {every} resolves at least half of {2 * half:.2f} separate transitions: {count:.2f} "
        f"[{low:.2f}, {high:.2f}]."
    )
    verdict: Verdict = "yes" if low >= half else "no" if high < half else "cannot tell"
    law = float(part["transitions_expected_detected"])
    return Claim("transitions-resolved", sentence, count, (low, high), law, verdict)


def _published(data: xr.Dataset) -> list[Claim]:
    """Of the published curves: whether a spectrum explains them, how it moves with the batch, what they resolve."""
    part = data.sel(factor=1.0)
    least = float(part["published_p_value"].min())
    low, high = float(part["published_exponent_low"]), float(part["published_exponent_high"])
    exponent = float(part["published_exponent"])
    follows = (
        "The published median barrier does not move with the batch size B: "
        f"exponent {exponent:.2f} [{low:.2f}, {high:.2f}]"
    )
    if not np.isfinite([low, high]).all():
        follows = (
            f"The published median barrier does not move with the batch size B: exponent {exponent:.2f}, not fitted"
        )
    verdict: Verdict = (
        "cannot tell" if np.isnan(low) else "no" if not low <= 0 <= high else "cannot tell" if low <= -1 else "yes"
    )
    ratio = float(part["published_row_ratio"].max())
    return [
        Claim(
            "published-smooth-spectrum",
            f"A smooth spectrum explains each published curve: least p = {least:.2g}.",
            least, None, None, "yes" if least >= REJECTED else "no",
        ),
        Claim.of(
            "published-exponent", f"{follows} within one seed each; epoch alone says -1.",
            exponent, (low, high), 0.0, verdict,
        ),
        Claim(
            "published-rows-resolve",
            f"Published rows resolve barriers a factor of 2 apart: neighbouring rows lie up to {ratio:.2g} apart.",
            ratio, None, 2.0, "yes" if ratio < 2 else "no",
        ),
    ]  # fmt: skip
