"""The report of a sweep: claims, tables and figure, written anew from the results file at any time."""

from __future__ import annotations

import math
import time
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Any

import xarray as xr

import figures
from cifar.analysis import tables
from cifar.analysis.analysis import Findings, analyse, plain
from cifar.analysis.claims import claims, measured_temperatures
from cifar.analysis.curves import Row, mean_at_switch, relative_error_at_switch, rows
from cifar.analysis.dataset import base_run, sweep_dataset
from cifar.analysis.measured_noise import with_prediction
from cifar.analysis.shares import between, judge, share_claim, share_tables
from cifar.analysis.supposed import suppose, supposed_notes, supposed_tables
from cifar.study.names import GENERATED
from cifar.study.stages import COOLING
from cifar.sweep.store import Store
from slt_toys.fits.published import PublishedFindings, published_findings
from slt_toys.results.claims import Outcome, page, spoken
from slt_toys.results.recipe import dataset_of, numbers
from slt_toys.results.records import (
    manifest,
    read_record,
    writable_folder,
    write_bytes_atomically,
    write_dataset,
    write_figure,
    write_record,
    written_together,
)

NAME = "cifar_replication"
# Of presets that have a page of their own.
NAMES = {
    "minutes": "cifar_minutes", "study": "cifar_study", "study_decay": "cifar_study_decay", "slots": "cifar_slots",
}  # fmt: skip
COMMAND = "python -m cifar report"


@dataclass(frozen=True)
class Summary:
    """What the report is made of."""

    facts: dict[str, Any]
    rows: list[Row]
    wanted: int
    findings: Findings
    published: PublishedFindings
    toy: xr.Dataset
    hours: float
    devices: tuple[str, ...]
    theorem: float
    late: int  # epochs of the deficit beyond the switch epoch: 1 where the epoch of the switch is its last
    noise: dict[int, dict[int, float]]


def summarise(store: Store) -> Summary:
    """Analyse what a sweep has so far.

    Raises
    ------
    ValueError
        If no run of the base arm is done.
    """
    runs = store.runs()
    if not runs:
        raise ValueError("results: no run of the base arm is done yet; resume the sweep")
    return summarise_rows(store.needed("data", "study"), rows(store), runs[0].deficit, wanted=len(runs),
                          hours=store.seconds() / 3600, devices=store.devices())  # fmt: skip


def summarise_rows(
    facts: dict[str, Any], finished: list[Row], deficit: str, *, wanted: int, hours: float, devices: tuple[str, ...]
) -> Summary:
    """Analyse finished runs; ``deficit`` is that of the base arm."""
    if not any(row.run.curve[:2] == ("base", deficit) for row in finished):
        raise ValueError("results: no run of the base arm is done yet; resume the sweep")
    run = base_run(finished, deficit)
    stage = run.stages[0]
    findings = analyse(
        finished, deficit=deficit, decay=stage.decay, learning_rate=stage.learning_rate, momentum=run.recipe.momentum,
        examples=int(facts["data"]["train_images"]),
    )  # fmt: skip
    theorem = math.log(2) / abs(math.log(stage.decay)) if stage.decay < 1 else math.nan
    toy = read_record(Path(figures.__file__).parent / "phase_diagram.json")
    return Summary(
        facts, finished, wanted, findings, published_findings(), dataset_of(toy), hours, devices, theorem,
        max(row.run.late or 0 for row in finished if row.run.curve[:2] == ("base", deficit)),
        _noise(finished, findings),
    )  # fmt: skip


def _noise(finished: Sequence[Row], findings: Findings) -> dict[int, dict[int, float]]:
    """Trace of the gradient noise by batch size and switch epoch, where it was measured."""
    traces = {}
    for size, curve in findings.curves.items():
        values = mean_at_switch(finished, curve, "gradient_noise_trace")
        traces[size] = {int(e): float(v) for e, v in zip(curve.switch_epochs, values, strict=True) if v > 0}
    return {size: each for size, each in traces.items() if each}


def _noise_error(summary: Summary) -> tuple[float, int] | None:
    """Of a mean trace, relative, the largest of the batch sizes', and its degrees of freedom; None of one seed."""
    curves = summary.findings.curves.values()
    errors = [relative_error_at_switch(summary.rows, each, "gradient_noise_trace") for each in curves]
    known = [error for error in errors if error is not None]
    return max(known) if known and len(known) == len(errors) else None


def _first_end(findings: Findings) -> float | None:
    """The earliest end by the first definition that finds one."""
    for name in ("hinge", "half_depth", "half_stuck_mass"):
        if found := [end.epoch for end in findings.ends.get(name, {}).values() if end.epoch is not None]:
            return min(found)
    return None


def sweep_outcome(summary: Summary, figure_by_name: Mapping[str, Any]) -> Outcome:
    """What the sweep amounts to, with the figures given."""
    findings = summary.findings
    stage = base_run(summary.rows, findings.deficit).stages[0]
    temperatures = measured_temperatures(
        summary.noise, learning_rate=stage.learning_rate, decay=stage.decay, end=_first_end(findings),
        error=_noise_error(summary),
    )  # fmt: skip
    judged = judge(summary.rows, findings, summary.noise, examples=int(summary.facts["data"]["train_images"]))
    shares = share_tables(judged, between(summary.rows, findings)) if judged else ()
    supposed = suppose(findings, summary.theorem)
    made = claims(findings, summary.theorem, temperatures, [share_claim(judged)] if judged else [], supposed)
    notes = *findings.notes, *supposed_notes(supposed, summary.theorem)
    return Outcome(
        f"Critical periods on {summary.facts['data']['source']}",
        _introduction(summary),
        made,
        (
            tables.accuracies(findings),
            *tables.ungated(summary.rows, findings),
            tables.ends(findings),
            tables.halvings(findings, summary.published, summary.toy, summary.theorem),
            *supposed_tables(supposed, summary.theorem),
            *tables.at_switch(summary.rows, findings),
            *tables.temperature(temperatures),
            tables.collapse(findings, summary.published, summary.toy),
            *tables.controls(findings),
            *shares,
            *tables.doubts(summary.rows, replace(findings, notes=notes)),
        ),
        figure_by_name,
    )


DEFINITIONS = """\
Each run trains on a **deficit** until the **switch epoch** e_s and on clean images from then on. An **arm** is one way
to do so; the base arm has the deficit alone. The end of the critical period has three definitions. **Half stuck mass**:
the accuracy crosses the level midway between the mean start and the mean end of all batch sizes. **Hinge**: the kink of
the best line that falls and then stays flat. **Half depth**: the curve has gone half of its own way down."""


BY_HEART = """\
Limits. Without augmentation a small set of images is learned by heart within some ten epochs, so this is as much a warm
start (Ash & Adams 2020) as a critical period. The law supposes gradient noise that never changes; temperature with the
noise that was measured may predict no shift at all."""


AUGMENTED = """\
Limits. Images are shifted and flipped anew in every epoch and are not learned by heart, so that the gate asks only
whether a run has trained at all, and clean train accuracy falls with test accuracy. A late switch leaves small learning
rates: what these alone can do is told by **fresh weights**, and a loss against no deficit is the deficit's only as far
as fresh weights do better. One width, some thousand images a class, few seeds: published sizes are not reached."""


DRAWN = """\
Every epoch draws new curves: nothing is learned by heart, and training accuracy is test accuracy. A run that sees
shapes alone ends near 50 %, and the gate asks for shapes only. **Fresh weights**, at every switch epoch, tell what the
deficit costs from what a learning rate that ran out costs. The law supposes gradient noise that never changes and a
start that is forgotten. Here weight decay makes the network forget what the deficit hides, by flow time spent
(learning rate times steps), of which small batches have more; how far it has come is measured at the switch.

Task, network, weight decay and learning rates were chosen in some 45 trials for showing a critical period. That there
is one says nothing about networks at large; how its end moves, and what the controls do, is what was asked of it."""


CONVENTIONS = {
    True: "The deficit lasts through epoch e_s, e_s + 1 epochs in all (as Baker 2023). The run of e_s = 0, which has "
    "one epoch of it, stands for no deficit below.",
    False: "The deficit lasts until epoch e_s, e_s epochs in all (as Achille, Rovere & Soatto 2019).",
}


def _introduction(summary: Summary) -> str:
    data, study = summary.facts["data"], summary.facts["study"]
    run = base_run(summary.rows, summary.findings.deficit)
    stage, recipe = run.stages[0], run.recipe
    drawn, small = recipe.network == GENERATED, study["name"] in ("study", "study_decay")
    last = run.stages[-1].cooling
    cooled = f" ({COOLING:g} an epoch besides in the last {last})" if last else ""
    devices, count = "; ".join(summary.devices), len(summary.devices)
    several = f" They are of {count} devices or versions: of one recipe, but not to the same bits." if count > 1 else ""
    parts = (
        f"Preset {study['name']}, {len(summary.rows)} of {summary.wanted} runs: {recipe.network}, width "
        f"{recipe.width or ('64' if drawn else 'as published')}, {recipe.precision}, {data['train_images']} "
        f"{'new curves an epoch' if drawn else 'training'} and {data['test_images']} test "
        f"{'curves' if drawn else 'images'}, momentum {recipe.momentum:g}, weight decay {stage.weight_decay:g}, "
        f"learning rate {stage.learning_rate:g} · {stage.decay:g}^epoch{cooled}, "
        f"{'with' if stage.augment else 'without'} "
        f"augmentation, deficit {spoken(summary.findings.deficit)}. Work so far: {summary.hours:.2f} hours of one "
        f"worker ({devices})." + several,
        DEFINITIONS,
        CONVENTIONS[bool(summary.late)],
        f"Gate: a run is averaged in only if its final clean train accuracy is at least {100 * study['gate']:g} %. "
        + ("Every run passed." if all(row.passed for row in summary.rows) else "The others are listed as doubts."),
        *((DRAWN,) if drawn else (BY_HEART,) if not stage.augment else (AUGMENTED,) if small else ()),
    )
    return "\n\n".join(parts)


@written_together()
def write_report(folder: Path, docs: Path | None = None) -> str:
    """Write .md, .json, .nc, .png and .svg into the results folder, and give the page's text.

    They are called ``cifar_replication``, or as `NAMES` has it.

    With ``docs``, a folder of pages, its page of this experiment is written anew as well.
    """
    from figures.cifar_replication import draw

    begun = time.monotonic()
    docs = None if docs is None else writable_folder(docs, argument="--docs")
    with Store(folder, "read") as store:
        summary = summarise(store)
    name = NAMES.get(summary.facts["study"]["name"], NAME)
    dataset = sweep_dataset(
        summary.rows, summary.findings, summary.published, summary.facts, summary.theorem, summary.toy
    ).assign_attrs(experiment=name)
    outcome = sweep_outcome(summary, {name: draw(dataset)})
    record = plain(summary.findings) | outcome.to_dict() | {
        "supposed": [asdict(each) for each in suppose(summary.findings, summary.theorem)],
        "numbers": numbers(dataset),
        "work_hours": summary.hours,
        "devices": summary.devices,
        "gradient_noise_trace": {str(size): each for size, each in summary.noise.items()},
        "gradient_noise_relative_error": None if (error := _noise_error(summary)) is None else error[0],
    }  # fmt: skip
    stage = base_run(summary.rows, summary.findings.deficit).stages[0]
    record = with_prediction(record, stage.decay)
    facts = travelling(summary.facts)
    return write_files(name, record, dataset, outcome.figures[name], folder, docs, facts, begun)


def travelling(facts: Mapping[str, Any]) -> dict[str, Any]:
    """Facts without the place where the data lay: their checksum says what they are on any machine."""
    return {**facts, "data": {name: value for name, value in facts["data"].items() if name != "path"}}


def write_files(
    name: str,
    record: dict[str, Any],
    dataset: xr.Dataset,
    figure: Any,
    folder: Path,
    docs: Path | None,
    facts: Mapping[str, Any],
    begun: float,
    command: str = COMMAND,
) -> str:
    """Write NAME.nc, .png, .svg, .md and .json, and the page of docs; gives the page's text.

    ``begun`` is when the work began by `time.monotonic`.
    """
    text = page(record, command)
    files = {f"{name}.nc": write_dataset(dataset, folder / f"{name}.nc")}
    files |= write_figure(figure, folder / name)
    files[f"{name}.md"] = write_bytes_atomically(text.encode(), folder / f"{name}.md")
    if docs is not None:
        write_bytes_atomically(page(record, command, "../../").encode(), docs / f"{name}.md")
    told = {**record, "manifest": manifest(facts, None, time.monotonic() - begun, files=files)}
    write_record(told, folder / f"{name}.json")
    return text
