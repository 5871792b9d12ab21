"""What the critical-period experiment found, in words: what is confounded, and what decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from .arm_experiment import Experiment
from .critical_period_findings import Findings, outcome_of
from .verdict import CANNOT_TELL, NONE, Verdict


def prediction(found: Findings, name: str) -> dict[str, Any]:
    """How a hypothesis that has seen the control alone does in the other arms, against the exact ends."""
    pairs = [(row.predicted[name], end) for row, end in zip(found.experiment.rows[1:], found.ends[1:], strict=True)]
    misses = [abs(one.epoch - end.epoch) for one, end in pairs if one.epoch is not None and end.epoch is not None]
    return {
        "arms": len(pairs),
        "on_the_right_side": sum(one.state == end.state for one, end in pairs),
        "largest_miss_in_epochs": max(misses, default=None),
    }


def in_words(found: Findings) -> list[str]:
    """What came out, one sentence each."""
    experiment = found.experiment
    first = found.ends[0]
    said = [
        f"On the pair {found.pair.name}, from temperature {found.temperature:.3g}, the control's critical period ends "
        f"at epoch {first.statement()} exactly; from all {len(found.arms)} arms the verdict is: "
        f"{experiment.verdict.outcome} ({_chances(experiment.verdict)})."
    ]
    said.append(_confounded(experiment))
    for name in found.hypotheses:
        told = prediction(found, name)
        miss = told["largest_miss_in_epochs"]
        survives = name in experiment.verdict.survivors
        verb = "misses no exact end by more than" if survives else "misses exact ends by up to"
        sentence = (
            f"Fitted to the control alone, {name} says rightly of {told['on_the_right_side']} of {told['arms']} unseen "
            "arms whether their end comes before, among or after the switch epochs"
        )
        if miss is not None:
            sentence += f", and {verb} {miss:.1f} epochs"
        if not survives:
            sentence += f"; it fails worst in {_worst(found, name)}"
        said.append(sentence + ".")
    far = np.abs(found.distances)
    said.append(
        f"Exact and sampled stuck shares of all arms differ by {np.sqrt((far**2).mean()):.2f} standard errors in root "
        f"mean square, the largest of {far.size} by {far.max():.1f}."
    )
    said += _of_worlds(found.worlds)
    said += _of_shifts(found)
    return said


def _chance(p_value: float) -> str:
    if p_value < 0.001:
        return "p < 0.001"
    return "p > 0.99" if p_value > 0.99 else f"p = {p_value:.2g}"


def _chances(verdict: Verdict) -> str:
    return ", ".join(f"{fit.hypothesis.name} {_chance(fit.p_value)}" for fit in verdict.fits)


def _confounded(experiment: Experiment) -> str:
    if experiment.confounded is None:
        return "No arm confounds temperature with flow time left under this schedule."
    verdict, names = experiment.confounded, ", ".join(experiment.confounding)
    told = f"From the confounding arms alone ({names}), in which heat and flow time left are one function, "
    if verdict.outcome == CANNOT_TELL:
        return told + f"one cannot tell {' from '.join(verdict.survivors)} ({_chances(verdict)})."
    return told + f"the verdict is: {verdict.outcome} ({_chances(verdict)})."


def _worst(found: Findings, name: str) -> str:
    row = max(found.experiment.rows, key=lambda row: row.deviances[name])
    predicted, happened = row.predicted[name].statement(), row.observed.statement()
    if predicted == happened:
        return f"the arm {row.arm}, by its shares (the end is {happened} both ways)"
    return f"the arm {row.arm}: {predicted} predicted, {happened} happened"


def _of_worlds(worlds: Sequence[Experiment]) -> list[str]:
    right = sum(each.right for each in worlds)
    silent = [each.world.name for each in worlds if outcome_of(each.confounded) == CANNOT_TELL]
    decided = {
        f"{each.world.name} ({each.confounded.outcome})": each.confounded
        for each in worlds
        if each.confounded is not None and each.confounded.outcome != CANNOT_TELL
    }
    said = [f"From sampled data of all arms {right} of {len(worlds)} simulated worlds are judged rightly."]
    said += [
        f"Judged wrongly: {each.world.name} is {each.verdict.outcome}, in truth {each.world.truth}."
        for each in worlds
        if not each.right
    ]
    refuted = [each.world.name for each in worlds if each.verdict.outcome == NONE]
    if refuted:
        said.append(f"The table can say no: no hypothesis survives in {', '.join(refuted)}.")
    sentence = f"From the confounding arms alone one cannot tell in {', '.join(silent) or 'no world'}"
    if decided:
        sentence += f"; they decide in {', '.join(decided)}"
        if not any({"temperature", "flow time left"} & set(verdict.survivors) for verdict in decided.values()):
            sentence += ", where they refute both of what they confound, heat and flow time left"
    said.append(sentence + ".")
    return said


def _of_shifts(found: Findings) -> list[str]:
    stuck = {name: found.shifts[name].sel(phase=found.stuck_phase) for name in ("exact", "sampled", "error")}
    windows = {f"window at {window.onset_epoch}": window for window in found.windows}
    named = [str(name) for name in stuck["exact"]["shift"].values if name != "none" and name not in windows]
    exact = {str(name): float(stuck["exact"].sel(shift=name)) for name in stuck["exact"]["shift"].values}
    ordered = sorted(named, key=lambda name: -exact[name])
    peak = max(windows, key=lambda name: exact[name])
    three = found.three_phases
    distances = [
        np.abs((data["sampled"] - data["exact"]) / data["error"]).max().item() for data in (found.shifts, three)
    ]
    middle = str(three["phase"].values[1])
    between = {str(name): float(three["exact"].sel(shift=name, phase=middle)) for name in three["shift"].values}
    most = max(between, key=between.__getitem__)
    return [
        "The same sum of deficit weights leaves different shares stuck, by its place and shape: "
        + ", ".join(f"{name} {exact[name]:.2f}" for name in ordered)
        + f"; no deficit {exact['none']:.2f}.",
        f"Of windows of {found.windows[0].length} epochs the one from epoch {windows[peak].onset_epoch} leaves most "
        f"stuck, {exact[peak]:.2f}; the first leaves {exact[next(iter(windows))]:.2f}, the last "
        f"{exact[list(windows)[-1]]:.2f}.",
        f"With three phases up to {between[most]:.2f} of the runs end at the way station ({most}).",
        f"Exact and sampled shares of the phases differ by at most {max(distances):.1f} standard errors over "
        f"{found.shifts['exact'].size + three['exact'].size} shares.",
    ]
