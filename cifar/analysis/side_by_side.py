"""Sweeps of several recipes beside each other, each in a results folder of its own: never averaged."""

from __future__ import annotations

import math
from collections.abc import Iterator, Sequence
from dataclasses import asdict
from pathlib import Path

from cifar.analysis.claims import points
from cifar.analysis.dataset import base_run
from cifar.analysis.decays import may_be_compared, write_decays
from cifar.analysis.report import Summary, summarise
from cifar.study.recipes import STAGE_FIELDS
from cifar.sweep.store import Store
from slt_toys.results.claims import interval_text, spoken

LEFT_OUT = ("batch_size", "seed", "data")  # of a recipe: its runs differ in the first two, and data have a name


def side_by_side(folders: Sequence[Path], docs: Path | None = None) -> Iterator[str]:
    """What several sweeps found, as a table with a column for each, and what they differ in.

    Where two differ in the decay of the learning rate alone, by which clock the end comes is written into the first
    folder (`cifar.analysis.decays`), and its page follows the table; with ``docs`` it is written there as well. The
    table comes first, so that it is told of folders that nobody may write to.

    Raises
    ------
    ValueError
        If a folder is named twice, has no finished run of its base arm, or a page is asked for that there is not.
    """
    if len({folder.resolve() for folder in folders}) < len(folders):
        raise ValueError(f"beside: {', '.join(map(str, folders))} name a folder twice; give different ones")
    for folder in folders:
        Store(folder, "read").__exit__()  # what is not there is refused before anything is analysed
    summaries = []
    for folder in folders:
        with Store(folder, "read") as store:
            summaries.append(summarise(store))
    settings = [_settings(summary) for summary in summaries]
    names = dict.fromkeys(name for each in settings for name in each)
    rows = [(spoken(name), *(each.get(name, "-") for each in settings)) for name in names]
    differ = [row for row in rows if len(set(row[1:])) > 1]
    found = [_found(summary) for summary in summaries]
    findings = [(name, *(each.get(name, "-") for each in found)) for name in dict.fromkeys(n for f in found for n in f)]
    headings = ("", *(str(folder) for folder in folders))
    told = [_row(headings), _row(("---",) * len(headings)), *(_row(row) for row in (*differ, *findings))]
    unlike = [name for name in names if len({each.get(name) for each in settings}) > 1]
    compared = may_be_compared(unlike, summaries)
    if docs is not None and not compared:
        raise ValueError(
            "docs: there is a page of two folders that differ in decay alone and share a batch size, not of these, "
            f"which differ in {', '.join(map(spoken, unlike)) or 'nothing'}; leave it out"
        )
    yield "\n".join(told)
    if compared:
        yield "\n" + write_decays(summaries, folders[0], docs)


def _row(cells: Sequence[str]) -> str:
    return f"| {' | '.join(cells)} |"


def _settings(summary: Summary) -> dict[str, str]:
    run = base_run(summary.rows, summary.findings.deficit)
    stage, study, data = run.stages[0], summary.facts["study"], summary.facts["data"]
    named = {"source": data["source"], "train_images": data["train_images"], "deficit": summary.findings.deficit}
    named |= {name: value for name, value in asdict(run.recipe).items() if name not in LEFT_OUT}
    named |= {name: getattr(stage, name) for name in STAGE_FIELDS}
    named |= {"gate": study["gate"], "devices": "; ".join(summary.devices)}
    return {name: str(value) for name, value in named.items()}


def _found(summary: Summary) -> dict[str, str]:
    """What is compared: in units of the law where learning rates decay otherwise."""
    findings = summary.findings
    told = {"runs": f"{len(summary.rows)} of {summary.wanted}", "law, epochs per halving": f"{summary.theorem:.2f}"}
    for name, shift in findings.epochs_per_halving.items():
        value = f"{shift.slope:.1f} {interval_text(shift.low, shift.high)}".strip()
        told[f"{spoken(name)}, epochs per halving"] = value
    for name, ends in findings.ends.items():
        for size, end in ends.items():
            told[f"{spoken(name)}, B = {size}"] = end.statement()
            if summary.theorem < math.inf and end.epoch is not None:
                # by the law this does not depend on how fast the learning rate falls
                folds = end.epoch * math.log(2) / summary.theorem
                told[f"{spoken(name)}, B = {size}, e-foldings of the learning rate"] = f"{folds:.2f}"
    for size, decline in findings.declines.items():
        told[f"late switches cost, B = {size}"] = "cannot tell" if decline is None else points(decline)
    return told
