"""What the critical-period experiment found, in words: first what speaks against the law, then what decides."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import numpy as np

from ..worlds.experiment import Experiment
from ..worlds.verdict import CANNOT_TELL, NONE, Verdict
from ..worlds.verdict_power import Power
from .critical_period_findings import ONE_TEMPERATURE, Findings, outcome_of

ALLOWED_BEFORE = 0.07  # what an earlier verdict let a share of one half miss the truth by
PASSED_BEFORE = 40  # per cent of another mechanism that it called temperature, with p above .99


def prediction(found: Findings, name: str) -> dict[str, Any]:
    """How a hypothesis that has seen the control alone does in the other arms, against what happened."""
    pairs = [(row.predicted[name], end) for row, end in zip(found.rows[1:], found.happened[1:], strict=True)]
    misses = [abs(one.epoch - end.epoch) for one, end in pairs if one.epoch is not None and end.epoch is not None]
    return {
        "arms": len(pairs),
        "on_the_right_side": sum(one.state == end.state for one, end in pairs),
        "ends": len(misses),
        "largest_miss_in_epochs": max(misses, default=None),
    }


def in_words(found: Findings) -> list[str]:
    """What came out, one sentence each; what speaks against the law comes first."""
    return [*_against(found), *_of_the_verdict(found), *_of_worlds(found.worlds), *_of_shifts(found)]


# ---- against --------------------------------------------------------------------------------------------------------
def _against(found: Findings) -> list[str]:
    experiment = found.experiment
    said = [_reshuffled(found, arm) for arm in experiment.beyond]
    if not experiment.world.makes_steps:
        said.append(
            "Reshuffled examples were not run: at these learning rates and batch sizes SGD's own steps are not stable "
            "in these wells, or an epoch is one minibatch."
        )
    end = found.happened[0].epoch
    steep = found.steepest_of_one_temperature
    if end is not None:
        first, last = found.steepness(0.0), found.steepness(end)
        told = (
            f"In the control, learning rate times curvature of the wells is {first:.2g} at epoch 0 and {last:.2g} at "
            f"its end; up to {steep:.2g} a quadratic well has the law's temperature to {100 * ONE_TEMPERATURE:g} %"
        )
        if first > steep:
            told += (
                ", so that SGD's own steps sample no one tempered posterior there: what ends the critical period is "
                "shown in the limit of small steps, in which the arms are run"
            )
        said.append(told + ".")
    said.append(
        "Every hypothesis is told the temperature and duration of each epoch, the numbers that made the data: the "
        "verdict says which of them decides in such a system, not that a network has this temperature."
    )
    peak, first = _windows(found)
    if peak != first:
        said.append(
            f"The deficit window that does most harm starts at epoch {peak} here, while in Achille et al. (2019) the "
            "earliest does: a conflict; a toy that starts in equilibrium forgets early windows at a high temperature, "
            "and learns no features that a window could spoil."
        )
    said += _misjudged(found.worlds)
    return said


def _reshuffled(found: Findings, arm: str) -> str:
    experiment = found.experiment
    row = next(row for row in found.rows if row.arm == arm)
    told = (
        f"Against the law: in arm {arm}, run as SGD whose noise sums to zero over an epoch, the end comes at "
        f"{row.observed.statement()}, where temperature by the law with replacement predicts "
        f"{row.predicted['temperature'].statement()}"
    )
    if found.as_sgd is not None:
        told += f"; the control as SGD with replacement ends at {found.as_sgd.statement()}, so the order does it"
    factors = found.reshuffling_factors
    if factors is not None and min(factors) >= 1:
        told += (
            f"; the derived factor at the curvatures of the wells, {factors[0]:.2f} to {factors[1]:.2f}, would make "
            "the end later, not earlier"
        )
    if experiment.everything is not None:
        told += f"; with this arm the verdict is: {experiment.everything.outcome} ({_chances(experiment.everything)})"
    return told + "."


def _misjudged(worlds: Sequence[Experiment]) -> list[str]:
    said = []
    for each in worlds:
        nearest, name = each.verdict.nearest, each.world.name
        if each.right:
            continue
        if each.verdict.outcome == NONE:
            said.append(
                f"In the world {name} no hypothesis holds to the sampling error, though {each.world.truth} is the "
                f"truth: nearest is {nearest.hypothesis.name}, deviance {nearest.deviance:.0f} on "
                f"{nearest.degrees_of_freedom} degrees of freedom; the families are idealisations."
            )
        else:
            said.append(f"Judged wrongly: {name} is {each.verdict.outcome}, in truth {each.world.truth}.")
    return said


# ---- the verdict ----------------------------------------------------------------------------------------------------
def _of_the_verdict(found: Findings) -> list[str]:
    experiment = found.experiment
    judged = len({each.arm for each in experiment.verdict.observations})
    first = found.happened[0]
    said = [
        f"On the pair {found.pair.name}, from temperature {found.temperature:.3g}, the control's critical period ends "
        f"at epoch {first.statement()} exactly; from the {judged} unlike arms that meet the law's conditions the "
        f"verdict is: {experiment.verdict.outcome} ({_chances(experiment.verdict)}; deviance of the nearest, "
        f"{experiment.verdict.nearest.hypothesis.name}, {experiment.verdict.nearest.deviance:.0f} on "
        f"{experiment.verdict.nearest.degrees_of_freedom} degrees of freedom)."
    ]
    said += _identities(experiment)
    said.append(_confounded(experiment))
    said += _of_power(found.power)
    sides = {name: prediction(found, name) for name in found.hypotheses}
    told = ", ".join(f"{name} {one['on_the_right_side']}" for name, one in sides.items())
    said.append(
        f"Fitted to the control alone, of {sides[found.hypotheses[0]]['arms']} unseen unlike arms so many are put on "
        f"the right side of the switch epochs (before, among or after): {told}; the side alone tells little."
    )
    said += [_miss(found, name) for name in found.hypotheses if sides[name]["largest_miss_in_epochs"] is not None]
    far = np.abs(found.distances)
    said.append(
        f"Exact and sampled stuck shares of the arms that can be solved differ by {np.sqrt((far**2).mean()):.2f} "
        f"standard errors in root mean square, the largest of {far.size} by {far.max():.1f}."
    )
    return said


def _identities(experiment: Experiment) -> list[str]:
    if not experiment.copies:
        return []
    told = " and ".join(f"{copy} is the schedule of {original}" for copy, original in experiment.copies.items())
    sentence = f"By identity, up to rounding, {told}: computed, run as repeats, and counted as no arm"
    repeats = experiment.repeats
    if repeats is not None:
        sentence += (
            f"; {repeats.degrees_of_freedom} repeated cells scatter {repeats.ratio:.2f} times as "
            f"binomial counts do ({_chance(repeats.p_value)}), and no more is allowed for"
        )
    return [sentence + "."]


def _of_power(power: Sequence[Power]) -> list[str]:
    if not power:
        return []
    pure, mixed = power[0], power[1:]
    missed = [each for each in mixed if each.refuted < each.seeds]
    said = [
        f"An earlier verdict let a share of one half miss the truth by {ALLOWED_BEFORE:g}, and called temperature, "
        f"with p > 0.99, what was up to {PASSED_BEFORE} % another mechanism; that allowance is withdrawn.",
        f"Of {len(mixed)} mixtures tried now this verdict refutes temperature in all of {pure.seeds} sets of counts "
        f"for {len(mixed) - len(missed)}, and in {pure.refuted} of {pure.seeds} where temperature alone decides; how "
        "much of an end is temperature, with an interval, it does not say.",
    ]
    if missed:
        told = ", ".join(f"{each.world} (refuted {each.refuted} of {each.seeds})" for each in missed)
        said.append(f"It does not tell apart every time: {told}.")
    return said


def _miss(found: Findings, name: str) -> str:
    told = prediction(found, name)
    sentence = (
        f"Of {told['ends']} unseen arms whose end and its prediction lie among the switch epochs, {name} misses by "
        f"up to {told['largest_miss_in_epochs']:.1f} epochs"
    )
    judged = found.experiment.everything or found.experiment.verdict
    if name not in judged.survivors:
        sentence += f"; it fails worst in {_worst(found, name)}"
    return sentence + "."


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
    told = f"From the confounding arms alone ({names}), in which temperature and flow time left are one function, "
    if verdict.outcome == CANNOT_TELL:
        return told + f"one cannot tell {' from '.join(verdict.survivors)} ({_chances(verdict)})."
    return told + f"the verdict is: {verdict.outcome} ({_chances(verdict)})."


def _worst(found: Findings, name: str) -> str:
    row = max(found.rows, key=lambda row: row.deviances[name])
    predicted, happened = row.predicted[name].statement(), row.observed.statement()
    if predicted == happened:
        return f"the arm {row.arm}, by its shares (the end is {happened} both ways)"
    return f"the arm {row.arm}: {predicted} predicted, {happened} happened"


# ---- worlds and shifts ----------------------------------------------------------------------------------------------
def _of_worlds(worlds: Sequence[Experiment]) -> list[str]:
    right = sum(each.right for each in worlds)
    silent = [each.world.name for each in worlds if outcome_of(each.confounded) == CANNOT_TELL]
    decided = {
        f"{each.world.name} ({each.confounded.outcome})": each.confounded
        for each in worlds
        if each.confounded is not None and each.confounded.outcome != CANNOT_TELL
    }
    said = [
        f"From sampled data of the law's arms {right} of {len(worlds)} simulated worlds are judged rightly; each is "
        "one mechanism pure, or none of these, so this says nothing of mixtures."
    ]
    refuted = [each.world.name for each in worlds if each.verdict.outcome == NONE and each.right]
    if refuted:
        said.append(f"The table can say no: no hypothesis survives in {', '.join(refuted)}, where none is true.")
    sentence = f"From the confounding arms alone one cannot tell in {', '.join(silent) or 'no world'}"
    if decided:
        sentence += f"; they decide in {', '.join(decided)}"
        if not any({"temperature", "flow time left"} & set(verdict.survivors) for verdict in decided.values()):
            sentence += ", where they refute both of what they confound, temperature and flow time left"
    said.append(sentence + ".")
    return said


def _windows(found: Findings) -> tuple[int, int]:
    """Onset of the window that leaves most stuck, and of the first."""
    exact = found.shifts["exact"].sel(phase=found.stuck_phase)
    peak = max(found.windows, key=lambda window: float(exact.sel(shift=f"window at {window.onset_epoch}")))
    return peak.onset_epoch, found.windows[0].onset_epoch


def _of_shifts(found: Findings) -> list[str]:
    stuck = {name: found.shifts[name].sel(phase=found.stuck_phase) for name in ("exact", "sampled", "error")}
    windows = {f"window at {window.onset_epoch}": window for window in found.windows}
    named = [str(name) for name in stuck["exact"]["shift"].values if name != "none" and name not in windows]
    exact = {str(name): float(stuck["exact"].sel(shift=name)) for name in stuck["exact"]["shift"].values}
    ordered = sorted(named, key=lambda name: -exact[name])
    peak = f"window at {_windows(found)[0]}"
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
