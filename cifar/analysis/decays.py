"""Two sweeps whose learning rates fall unequally fast, as one experiment: by which clock the end comes."""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr

from cifar.analysis.clocks import (
    DEPTHS,
    EPOCH,
    LEARNING_RATE,
    LEFT,
    LOSS,
    SPENT,
    Reading,
    Sweep,
    clock_values,
    read_clocks,
    verdicts,
)
from cifar.analysis.curves import scatter, standard_errors
from cifar.analysis.measured_noise import ORDER
from cifar.analysis.report import COMMAND, Summary, travelling, write_files
from slt_toys.fits.ends import HALF_DEPTH
from slt_toys.reference.laws import law
from slt_toys.results.claims import Claim, Outcome, Table, interval_text
from slt_toys.results.recipe import numbers
from slt_toys.results.records import writable_folder, written_together

NAME = "cifar_decays"
CLOCKS = {
    LEARNING_RATE: "temperature at the switch", EPOCH: "epochs", LEFT: "flow time left", SPENT: "flow time spent",
    LOSS: "loss under the deficit",
}  # fmt: skip
MAY_DIFFER = {"decay", "devices"}

INTRODUCTION = """\
Two sweeps of one recipe, {runs}, whose learning rate falls by γ = {first} and by γ = {second} an epoch. Each run
trains on a **deficit** ({deficit}) until the **switch epoch** e_s and on clean images from then on.

At one decay, temperature at the switch and flow time left after it are one function of epoch and batch size
([eq:confound]), and no choice of batch sizes tells them apart. Another decay does. Each **clock** shows a number at
every switch: the learning rate (the temperature, as batch size, examples and momentum stay; it takes gradient noise to
be a function of it), epochs, the flow time left (the sum of learning rates to come) or spent, and, measured, the loss
under the deficit. If one clock decides what becomes of a run, the curve at γ = {second} is that at γ = {first}, read
where the clock shows the same, up to level and depth ({low:g} to {high:g} times as deep). **Off** says by how many
epochs of γ = {first} the curve comes later than that: 0 for the clock that decides.

A *yes* takes a clock that no batch size refuses, and that each rival of the schedule is refused. Intervals hold for
all readings of a clock together, at 95 %."""


def may_be_compared(differing: Sequence[str], summaries: Sequence[Summary]) -> bool:
    """Whether these are two sweeps that differ in the decay, in nothing else that trains, and share a batch size."""
    shared = set.intersection(*(set(each.findings.curves) for each in summaries))
    return len(summaries) == 2 and "decay" in differing and set(differing) <= MAY_DIFFER and bool(shared)


def sweeps_of(summaries: Sequence[Summary]) -> tuple[Sweep, Sweep]:
    """The one whose learning rates fall more slowly first: it has more epochs in which to place an end."""
    one, two = sorted(summaries, key=lambda each: -_decay(each))
    return Sweep(one.rows, one.findings), Sweep(two.rows, two.findings)


def _decay(summary: Summary) -> float:
    return Sweep(summary.rows, summary.findings).run(next(iter(summary.findings.curves))).stages[0].decay


# ---- what is said ----
def decay_outcome(summaries: Sequence[Summary], figure_by_name: dict[str, Any] | None = None) -> Outcome:
    """Claims and tables of two sweeps that `may_be_compared`."""
    first, second = sweeps_of(summaries)
    readings = read_clocks(first, second)
    decays = sorted((_decay(each) for each in summaries), reverse=True)
    runs = " and ".join(
        f"{len(each.rows)} of {each.wanted} runs" for each in sorted(summaries, key=lambda s: -_decay(s))
    )
    words = INTRODUCTION.format(
        runs=runs, first=f"{decays[0]:g}", second=f"{decays[1]:g}", deficit=first.findings.deficit.replace("_", " "),
        low=DEPTHS[0], high=DEPTHS[1],
    )  # fmt: skip
    return Outcome(
        f"By which clock a critical period ends on {summaries[0].facts['data']['source']}",
        words,
        tuple(clock_claims(readings, decays)),
        (_table(readings, decays), *_closed_forms(first, second, decays)),
        figure_by_name or {},
    )


def clock_claims(readings: Sequence[Reading], decays: Sequence[float]) -> list[Claim]:
    """Of each clock that was read how far the end is from it; what says no comes first."""
    said, made = verdicts(readings), []
    for clock, words in CLOCKS.items():
        chosen = _told([each for each in readings if each.clock == clock and each.off is not None])
        if chosen is None or chosen.off is None:
            continue
        off, low, high = chosen.off
        bounds = interval_text(low, high) if off >= 0 else interval_text(_minus(high), _minus(low))
        at = "" if chosen.batch_size is None else f", B={chosen.batch_size},"
        sentence = (
            f"The end keeps to {words}: at γ={decays[1]:g}{at} it comes {abs(off):.1f} {bounds} epochs "
            f"{'later' if off >= 0 else 'earlier'} than γ={decays[0]:g} predicts."
        )
        interval = (math.nan if low is None else low, math.nan if high is None else high)
        made.append(Claim.of(f"clock-{clock.replace('_', '-')}", sentence, off, interval, 0.0, said[clock]))
    return sorted(made, key=lambda each: ORDER.index(each.verdict))


def _told(readings: Sequence[Reading]) -> Reading | None:
    """The mean over batch sizes; but one of these where it alone is refused."""
    mean = next((each for each in readings if each.batch_size is None), None)
    if mean is not None and (mean.refused or not any(each.refused for each in readings)):
        return mean
    by_size = sorted(readings, key=lambda each: (not each.refused, each.batch_size or 0))
    return by_size[0] if by_size else None


def _minus(bound: float | None) -> float | None:
    return None if bound is None else -bound


def _table(readings: Sequence[Reading], decays: Sequence[float]) -> Table:
    rows = []
    for each in readings:
        size = "mean" if each.batch_size is None else str(each.batch_size)
        off = "-" if each.off is None else f"{each.off[0]:+.1f} {interval_text(*each.off[1:])}"
        doubt = "; ".join(words for words in (each.why, each.within and f"within {each.within}") if words)
        covered = "" if each.batch_size is None else str(len(each.epochs))
        rows.append((CLOCKS[each.clock], size, covered, _epoch(each.predicted), _epoch(each.found), off, doubt))
    caption = (
        f"Half depth (epochs of γ = {decays[1]:g}) as a clock predicts it from γ = {decays[0]:g} and as it is, on the "
        f"switch epochs that the clock covers; and how far the whole curve is off (epochs of γ = {decays[0]:g}), which "
        "decides."
    )
    return Table(
        "clocks", caption, ("clock", "B", "switch epochs", "half predicted", "half found", "off", "doubts"), tuple(rows)
    )


def _epoch(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _closed_forms(first: Sweep, second: Sweep, decays: Sequence[float]) -> list[Table]:
    """Ends at the other decay by theory, from half depth of the whole curves."""
    laws = {
        LEARNING_RATE: "end-at-another-decay", LEFT: "end-at-another-decay-time-left",
        SPENT: "end-at-another-decay-time-spent",
    }  # fmt: skip
    ends = [sweep.findings.ends.get(HALF_DEPTH.name, {}) for sweep in (first, second)]
    rows = []
    for size, end in ends[0].items():
        other = ends[1].get(size)
        if end.epoch is None or other is None:
            continue
        run = {"epoch": end.epoch, "decay": decays[0], "other_decay": decays[1]}
        with np.errstate(invalid="ignore"):  # of what never comes
            told = [law(label)(**run) for label in laws.values()]
        cells = ["never" if math.isnan(value) else f"{value:.1f}" for value in told]
        rows.append((str(size), end.statement(), *cells, f"{end.epoch:.1f}", other.statement()))
    if not rows:
        return []
    caption = (
        "What closed forms make of half depth at the slower decay, [eq:end-at-another-decay], "
        "[eq:end-at-another-decay-time-left], [eq:end-at-another-decay-time-spent], for runs without end; and half "
        "depth at the faster one, each on all its switch epochs. Runs that end leave less; the table above counts that."
    )
    headings = ("B", f"γ = {decays[0]:g}", *(CLOCKS[clock] for clock in laws), CLOCKS[EPOCH], f"γ = {decays[1]:g}")
    return [Table("closed_forms", caption, headings, tuple(rows))]


# ---- what is drawn ----
def decays_dataset(summaries: Sequence[Summary]) -> xr.Dataset:
    """Curves of both sweeps (dimensions ``decay``, ``batch_size``, ``epoch``) with what clocks show at each switch.

    Accuracies and their standard errors are in percent; learning rates and their sums are per step; nan where nothing
    is.
    """
    sweeps = sweeps_of(summaries)
    decays = sorted((_decay(each) for each in summaries), reverse=True)
    sizes = [size for size in sweeps[0].findings.curves if size in sweeps[1].findings.curves]
    epochs = sorted({float(e) for each in sweeps for size in sizes for e in each.findings.curves[size].switch_epochs})
    shape = len(sweeps), len(sizes), len(epochs)
    data = {name: np.full(shape, math.nan) for name in ("accuracy", "standard_error", LEARNING_RATE, LEFT, SPENT)}
    spread = max((scatter(each.rows) for each in sweeps), key=lambda pair: pair[1])[0]
    for number, sweep in enumerate(sweeps):
        for place, size in enumerate(sizes):
            curve = sweep.findings.curves[size]
            where = np.searchsorted(epochs, curve.switch_epochs)
            data["accuracy"][number, place, where] = curve.values
            data["standard_error"][number, place, where] = standard_errors(sweep.rows, curve, spread)
            for clock in (LEARNING_RATE, LEFT):  # shown by minus its logarithm
                data[clock][number, place, where] = np.exp(-clock_values(sweep, curve, clock))
            data[SPENT][number, place, where] = clock_values(sweep, curve, SPENT)
    return xr.Dataset(
        {name: (("decay", "batch_size", "epoch"), values) for name, values in data.items()},
        coords={"decay": decays, "batch_size": sizes, "epoch": epochs},
        attrs={
            "source": summaries[0].facts["data"]["source"],
            "deficit": sweeps[0].findings.deficit,
            "experiment": NAME,
        },
    )


@written_together()
def write_decays(summaries: Sequence[Summary], folder: Path, docs: Path | None = None) -> str:
    """Write cifar_decays.md, .json, .nc, .png and .svg into a folder, and give the page's text.

    With ``docs``, a folder of pages, its page of this experiment is written anew as well.
    """
    from figures.cifar_decays import draw

    begun = time.monotonic()
    docs = None if docs is None else writable_folder(docs, argument="--docs")
    dataset = decays_dataset(summaries)
    outcome = decay_outcome(summaries, {NAME: draw(dataset)})
    record = outcome.to_dict() | {
        "numbers": numbers(dataset), "work_hours": sum(each.hours for each in summaries),
        "devices": sorted({device for each in summaries for device in each.devices}),
    }  # fmt: skip
    # two sweeps may be of one preset
    facts = {f"{each.facts['study']['name']}, decay {_decay(each):g}": travelling(each.facts) for each in summaries}
    return write_files(
        NAME, record, dataset, outcome.figures[NAME], folder, docs, facts, begun, f"{COMMAND} --beside"
    )  # fmt: skip
