"""The page of report of a sweep, with its data file and figure: written anew from the results file at any time."""

from __future__ import annotations

import json
import math
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import xarray as xr

import figures
from cifar.analysis.analysis import Findings, analyse, plain
from cifar.analysis.curves import Row, mean_at_switch, rows
from cifar.analysis.dataset import base_run, sweep_dataset
from cifar.analysis.verdicts import control_sentences, decline_sentences, law_sentences, temperature_sentences
from cifar.sweep.store import Store
from slt_toys.fits.batch_size import EpochsPerHalving
from slt_toys.fits.ends import CriticalPeriodEnd
from slt_toys.fits.published import PublishedFindings, published_findings
from slt_toys.results.recipe import dataset_of
from slt_toys.results.records import (
    manifest,
    write_bytes_atomically,
    write_dataset,
    write_figure,
    write_json,
    written_together,
)

NAME = "cifar_replication"


@dataclass(frozen=True)
class Summary:
    """What the report is made of."""

    facts: dict[str, Any]
    found: list[Row]
    wanted: int
    findings: Findings
    published: PublishedFindings
    toy: xr.Dataset
    hours: float
    devices: tuple[str, ...]
    theorem: float
    late: int
    noise: dict[int, dict[int, float]]


def summarise(store: Store) -> Summary:
    """Analyse what a sweep has so far.

    Raises
    ------
    ValueError
        If no run of the base arm is done.
    """
    facts, found, runs = store.facts(), rows(store), store.runs()
    base = [row for row in found if row.run.arm == "base" and row.run.deficit == runs[0].deficit]
    if not base:
        raise ValueError("results: no run of the base arm is done yet; resume the sweep")
    run = base[0].run
    stage = run.stages[0]
    findings = analyse(
        found,
        deficit=runs[0].deficit,
        decay=stage.decay,
        learning_rate=stage.learning_rate,
        momentum=run.recipe.momentum,
        examples=int(facts["data"]["train_images"]),
    )
    theorem = math.log(2) / abs(math.log(stage.decay)) if stage.decay < 1 else math.nan
    record = json.loads((Path(figures.__file__).parent / "phase_diagram.json").read_text(encoding="utf-8"))
    return Summary(
        facts, found, len(runs), findings, published_findings(), dataset_of(record), store.seconds() / 3600,
        store.devices(), theorem, _late(found, findings.deficit), _noise(found, findings),
    )  # fmt: skip


def _late(found: Sequence[Row], deficit: str) -> int:
    """Epochs of the deficit beyond the switch epoch: 1 where the epoch of the switch is its last."""
    runs = [row.run for row in found if (row.run.arm, row.run.deficit) == ("base", deficit) and deficit != "none"]
    return max(
        (sum(part.epochs for part in r.stages if part.deficit != "none") - r.switch_epoch for r in runs), default=0
    )


def _noise(found: Sequence[Row], findings: Findings) -> dict[int, dict[int, float]]:
    """Trace of the gradient noise by batch size and switch epoch, where it was measured."""
    traces = {}
    for size, one in findings.curves.items():
        values = mean_at_switch(found, one, "gradient_noise_trace")
        traces[size] = {int(e): float(v) for e, v in zip(one.switch_epochs, values, strict=True) if v > 0}
    return {size: each for size, each in traces.items() if each}


@written_together()
def write_report(folder: Path) -> str:
    """Write ``cifar_replication`` .md, .json, .nc, .png and .svg into the results folder, and give the page's text."""
    from figures.cifar_replication import draw

    begun = time.monotonic()
    with Store(folder) as store:
        summary = summarise(store)
    page = report_page(summary)
    dataset = sweep_dataset(
        summary.found, summary.findings, summary.published, summary.facts, summary.theorem, summary.toy
    )
    files = {f"{NAME}.nc": write_dataset(dataset, folder / f"{NAME}.nc")}
    files |= write_figure(draw(dataset), folder / NAME)
    files[f"{NAME}.md"] = write_bytes_atomically(page.encode(), folder / f"{NAME}.md")
    record = plain(summary.findings) | {
        "work_hours": summary.hours,
        "devices": summary.devices,
        "gradient_noise_trace": {str(size): each for size, each in summary.noise.items()},
        "manifest": manifest(_portable(summary.facts), None, time.monotonic() - begun, files=files),
    }
    write_json(record, folder / f"{NAME}.json", not_finite="null")
    return page


def _portable(facts: dict[str, Any]) -> dict[str, Any]:
    """The facts without the place where the data lay: their checksum says what they are on any machine."""
    return facts | {"data": {name: value for name, value in facts["data"].items() if name != "path"}}


def report_page(summary: Summary) -> str:
    """The page, in Markdown: every sentence from the findings."""
    data, study = summary.facts["data"], summary.facts["study"]
    run = base_run(summary.found, summary.findings.deficit)
    stage = run.stages[0]
    failed = [row for row in summary.found if not row.passed]
    recipe = run.recipe
    lines = [
        f"# Critical periods on {data['source']}: {len(summary.found)} of {summary.wanted} runs",
        "",
        f"Preset {study['name']}: {recipe.network}, width {recipe.width or 'as published'}, {recipe.precision}, "
        f"{data['train_images']} training and {data['test_images']} test images of {data['source']}, momentum "
        f"{recipe.momentum:g}, weight decay {stage.weight_decay:g}, learning rate {stage.learning_rate:g} · "
        f"{stage.decay:g}^epoch, {'with' if stage.augment else 'without'} augmentation, deficit "
        f"{_words(summary.findings.deficit)}. Work so far: {summary.hours:.2f} hours of one worker ("
        f"{'; '.join(summary.devices)})." + _devices(summary.devices),
        "",
        _convention(summary),
        "",
        f"Gate: a run is averaged in only if its final clean train accuracy is at least {100 * study['gate']:g} %. "
        + (_failures(failed) if failed else "Every run passed."),
        "",
        _scatter(summary.findings),
        "",
        "## Final test accuracy, percent, mean of the seeds that passed",
        "",
        *_accuracies(summary.findings),
        "",
        *(f"- {sentence}" for sentence in decline_sentences(summary.findings)),
        "",
        "## End of the critical period, epochs",
        "",
        *_ends(summary.findings),
        "",
        "## Epochs by which it moves for each halving of the batch",
        "",
        *_halvings(summary),
        "",
        "## Measured at the switch, mean over seeds",
        "",
        *_at_switch(summary),
        "",
        *(f"- {sentence}" for sentence in _temperatures(summary)),
        "",
        "## Collapse (0 is perfect)",
        "",
        *_collapse(summary),
        "",
        *(f"- {sentence}" for sentence in law_sentences(summary.findings, summary.theorem)),
        "",
        "## Controls",
        "",
        *_controls(summary.findings),
        "",
        *(f"- {sentence}" for sentence in control_sentences(summary.findings)),
        *(f"- {note}" for note in summary.findings.notes),
        "",
    ]
    return "\n".join(lines)


def _devices(devices: Sequence[str]) -> str:
    if len(devices) < 2:
        return ""
    return f" They are of {len(devices)} devices or versions: of one recipe, but not to the same bits."


def _convention(summary: Summary) -> str:
    if summary.late:
        return (
            "A switch at e_s: the deficit lasts through epoch e_s, e_s + 1 epochs in all (as Baker 2023). The run of "
            "e_s = 0, which has one epoch of it, stands for no deficit below."
        )
    return "A switch at e_s: the deficit lasts until epoch e_s, e_s epochs in all (as Achille, Rovere & Soatto 2019)."


def _temperatures(summary: Summary) -> list[str]:
    stage = base_run(summary.found, summary.findings.deficit).stages[0]
    ends = [end.epoch for end in summary.findings.ends.get("hinge", {}).values() if end.epoch is not None]
    return temperature_sentences(
        summary.noise, learning_rate=stage.learning_rate, decay=stage.decay, end=min(ends, default=None)
    )


def _scatter(findings: Findings) -> str:
    if not findings.freedom:
        return "One seed: intervals show the scatter between rows only."
    return (
        f"Scatter between seeds: {findings.scatter:.2f} percentage points ({findings.freedom} degrees of freedom); "
        "intervals are 95 %."
    )


def _failures(failed: Sequence[Row]) -> str:
    each = [
        f"{_arm(row.run.arm, row.run.deficit)} B {row.run.batch_size} seed {row.run.seed} "
        f"switch {row.run.switch_epoch} ({100 * row.final['train_accuracy']:.1f} %)"
        for row in failed[:40]
    ]
    return f"Below it, marked and not averaged in: {'; '.join(each)}."


def _accuracies(findings: Findings) -> list[str]:
    epochs = sorted({int(e) for one in findings.curves.values() for e in (*one.switch_epochs, *one.failed)})
    table = [["batch size", *(f"e_s = {epoch}" for epoch in epochs)]]
    for size, one in findings.curves.items():
        values = {int(e): f"{v:.1f}" for e, v in zip(one.switch_epochs, one.values, strict=True)}
        values |= dict.fromkeys(one.failed, "gate")
        table.append([str(size), *(values.get(epoch, "-") for epoch in epochs)])
    return _markdown(table)


def _ends(findings: Findings) -> list[str]:
    table = [["batch size", *(_words(name) for name in findings.ends)]]
    for size in findings.curves:
        table.append([str(size), *(_end(ends.get(size)) for ends in findings.ends.values())])
    return _markdown(table)


def _halvings(summary: Summary) -> list[str]:
    toy, unit = summary.toy, summary.theorem
    theirs = (
        f"(theorem {toy['law_halving'].item():.2f})",
        f"(theorem {summary.published.theorem_epochs_per_halving:.2f})",
    )
    exact = toy["exact_halving_slope"].to_series()
    table = [["definition", "theorem", "this run, 95 %", f"toy {theirs[0]}", f"published {theirs[1]}"]]
    for name in summary.findings.ends:
        table.append(
            [
                _words(name),
                f"{unit:.2f}",
                _slope(summary.findings.epochs_per_halving.get(name)),
                f"{exact[name]:.2f}" if name in exact else "-",
                _slope(summary.published.epochs_per_halving.get(name)),
            ]
        )
    return _markdown(table)


AT_SWITCH = {
    "fisher_trace": "Fisher trace",
    "learning_coefficient": "local learning coefficient",
    "learning_coefficient_without_burn_in": "the same without burn-in, as first published",
    "gradient_noise_trace": "gradient noise, trace",
    "hessian_top_eigenvalue": "top Hessian eigenvalue",
    "deficit_train_loss": "deficit train loss",
    "deficit_test_accuracy": "deficit test accuracy",
    "test_accuracy": "clean test accuracy",
}


def _at_switch(summary: Summary) -> list[str]:
    """What was measured at the switches, beside the hinge."""
    findings = summary.findings
    table = [["quantity", "batch size", "by switch epoch", "largest at", "hinge"]]
    for name, words in AT_SWITCH.items():
        for size, one in findings.curves.items():
            values = mean_at_switch(summary.found, one, name)
            known = [(int(e), v) for e, v in zip(one.switch_epochs, values, strict=True) if math.isfinite(v)]
            if known:
                largest = max(known, key=lambda pair: pair[1])[0]
                each = ", ".join(f"{epoch}: {value:.3g}" for epoch, value in known)
                table.append([words, str(size), each, str(largest), _end(findings.ends.get("hinge", {}).get(size))])
    return _markdown(table) if len(table) > 1 else ["Nothing was measured at a switch."]


def _collapse(summary: Summary) -> list[str]:
    here, there = summary.findings.collapse, summary.published.collapse
    toy = summary.toy["toy_collapse_spread"].to_series().dropna()
    table = [["variable", "toy", "this run", "published"]]
    for name in there:
        spreads = [
            toy.get(name),
            here[name].spread if name in here else None,
            there[name].spread,
        ]
        table.append([_words(name), *("-" if value is None else f"{value:.3f}" for value in spreads)])
    best = [summary.findings.best_exponent, summary.published.best_exponent]
    exponents = ["-" if one is None else f"{one.exponent:.2f} [{_open(one.low)}, {_open(one.high)}]" for one in best]
    toys = summary.toy["toy_collapse_best_exponent"].item()
    table.append(["best exponent of the batch size, 95 %", f"{toys:.2f}", *exponents])
    return _markdown(table)


def _controls(findings: Findings) -> list[str]:
    head = [
        "arm",
        "batch size",
        "switch epoch",
        "accuracy",
        "base arm",
        "no deficit",
        "recovered, 95 %",
        "still lost, 95 %",
    ]
    table = [head]
    for one in findings.controls:
        table.append(
            [
                _arm(one.arm, one.deficit),
                str(one.batch_size),
                str(one.switch_epoch),
                "gate" if one.failed else _number(one.accuracy),
                _number(one.base),
                _number(one.no_deficit),
                _interval(one.recovered),
                _interval(one.lost),
            ]
        )
    return _markdown(table)


def _markdown(table: list[list[str]]) -> list[str]:
    lines = ["| " + " | ".join(row) + " |" for row in table]
    return [lines[0], "|" + " --- |" * len(table[0]), *lines[1:]]


def _words(name: str) -> str:
    return name.replace("_", " ")


def _arm(arm: str, deficit: str) -> str:
    return f"{_words(arm)} ({_words(deficit)})"


def _number(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _open(value: float | None) -> str:
    return "open" if value is None else f"{value:.2f}"


def _interval(value: tuple[float, float, float] | None) -> str:
    return "-" if value is None else f"{value[0]:.1f} [{value[1]:.1f}, {value[2]:.1f}]"


def _end(end: CriticalPeriodEnd | None) -> str:
    return "-" if end is None else end.statement()


def _slope(shift: EpochsPerHalving | None) -> str:
    if shift is None:
        return "-"
    low, high = ("open" if x is None else f"{x:.1f}" for x in (shift.low, shift.high))
    return f"{shift.slope:.1f} [{low}, {high}]"
