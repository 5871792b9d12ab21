"""What the controls say, in sentences whose every number is taken from the findings."""

from __future__ import annotations

import math
from collections.abc import Mapping

import numpy as np

from cifar.analysis.analysis import ControlFinding, Findings


def decline_sentences(findings: Findings) -> list[str]:
    """For each batch size, whether the accuracy declines with the switch epoch at all."""
    said = []
    for size, decline in findings.declines.items():
        if decline is None:
            said.append(f"B = {size}: cannot tell whether the accuracy declines: too few runs or seeds.")
        elif decline[1] > 0:
            said.append(f"B = {size}: late switches cost {_points(decline)}.")
        elif decline[2] < 0:
            said.append(f"B = {size}: late switches gain {_points((-decline[0], -decline[2], -decline[1]))}.")
        else:
            said.append(
                f"B = {size}: no decline is shown ({_points(decline)}); an end by any definition is one of noise."
            )
    return said


def law_sentences(findings: Findings, theorem: float) -> list[str]:
    """Whether the end moves with the batch size as the theorem says, and what the curves collapse over."""
    said = []
    for name, shift in findings.epochs_per_halving.items():
        words = f"By {name.replace('_', ' ')}, halving the batch moves the end by {shift.slope:.1f} epochs"
        if shift.low is None or shift.high is None:
            said.append(f"{words}, with an open interval: cannot tell from the theorem's {theorem:.2f}.")
            continue
        side = "inside" if shift.low <= theorem <= shift.high else "outside"
        zero = "inside" if shift.low <= 0 <= shift.high else "outside"
        said.append(
            f"{words} [{shift.low:.1f}, {shift.high:.1f}]; the theorem's {theorem:.2f} lies {side}, and no shift at "
            f"all lies {zero}."
        )
    known = {name: one.spread for name, one in findings.collapse.items() if one.spread is not None}
    if known:
        least = min(known, key=known.__getitem__)
        said.append(
            f"Of the variables tried the curves collapse best over {least.replace('_', ' ')} ({known[least]:.3f})."
        )
    best = findings.best_exponent
    if best is not None and best.low is not None and best.high is not None:
        side = "inside" if best.low <= 1 <= best.high else "outside"
        said.append(
            f"Over learning rate / batch size^a they do so best at a = {best.exponent:.2f} [{best.low:.2f}, "
            f"{best.high:.2f}]; the theorem's 1 lies {side}."
        )
    return said


def temperature_sentences(
    noise: Mapping[int, Mapping[int, float]], *, learning_rate: float, decay: float, end: float | None
) -> list[str]:
    """Temperature both ways: with a noise that is the same always, and with the gradient noise that was measured.

    Parameters
    ----------
    noise
        Batch size to switch epoch to the trace of the covariance of per-example gradients, tr(C).
    learning_rate, decay
        Of the schedule.
    end
        The earliest end of the critical period, epochs; later ones are not looked at for the dependence on the batch
        size. None if none is known.
    """
    sizes = sorted(noise)
    common = sorted(set.intersection(*(set(each) for each in noise.values()))) if noise else []
    early = [epoch for epoch in common if end is None or epoch <= end]
    if len(sizes) < 2 or not early:
        return []
    constant = "With a gradient noise that never changes, temperature is proportional to η/B"
    if decay < 1:
        constant += f", and halving the batch moves the end by {math.log(2) / -math.log(decay):.2f} epochs"

    def temperature(size: int, epoch: int) -> float:
        return learning_rate * decay**epoch * noise[size][epoch] / size

    each, exponents = [], []
    for epoch in early:
        values = [temperature(size, epoch) for size in sizes]
        exponents.append(float(np.polyfit(np.log(sizes), np.log(values), 1)[0]))
        shown = " / ".join(f"{value:.3f}" for value in values)
        each.append(f"{shown} at epoch {epoch} (as B^{exponents[-1]:+.2f})")
    named = " / ".join(map(str, sizes))
    measured = (
        f"With the noise that was measured, η·tr(C)/B was, for B = {named}, {', '.join(each)}; a noise that never "
        "changes gives B^-1.00."
    )
    if all(abs(exponent) < 0.5 for exponent in exponents):
        measured += (
            " So before the end it hardly depended on the batch size, and temperature as it was measured predicts next "
            "to no shift there: what can fail is the closed form with its constant noise."
        )
    said = [f"{constant}.", measured]
    last = common[-1]
    if last > early[-1] and (falls := [temperature(size, early[-1]) / temperature(size, last) for size in sizes]):
        words = " / ".join(f"{fall:,.0f}".replace(",", " ") for fall in falls)
        said.append(f"From epoch {early[-1]} to {last} it changed by a factor of 1 / ({words}).")
    return said


def control_sentences(findings: Findings) -> list[str]:
    """One sentence for each control and switch epoch that can be judged."""
    said = []
    for one in findings.controls:
        where = f"B = {one.batch_size}, switch at {one.switch_epoch}"
        if one.failed:
            said.append(f"{_name(one)} ({where}): below the gate, so it says nothing.")
        elif one.arm == "base":
            kind = "Negative control" if one.deficit == "vertical_flip" else "Another deficit"
            said.append(f"{kind}, {_name(one)} ({where}): {_against_no_deficit(one)}.")
        elif one.arm == "window":
            said.append(f"Window, {_name(one)} (B = {one.batch_size}, onset at {one.switch_epoch}): {_window(one)}.")
        elif one.arm == "fresh":
            said.append(f"Budget, fresh weights with the same learning rates ({where}): {_budget(one)}.")
        elif one.arm == "reset":
            said.append(f"Learning rate reset at the switch ({where}): {_reset(one)}.")
        else:
            said.append(f"Arm {_name(one)} ({where}): {_against_base(one)}.")
    return said


def _name(one: ControlFinding) -> str:
    return f"{one.arm.replace('_', ' ')}, {one.deficit.replace('_', ' ')}"


def _points(found: tuple[float, float, float]) -> str:
    return f"{found[0]:.1f} points [{found[1]:.1f}, {found[2]:.1f}]"


def _against_no_deficit(one: ControlFinding) -> str:
    if one.lost is None:
        return "cannot tell: no interval"
    if one.lost[1] > 0:
        return f"it loses {_points(one.lost)} against no deficit, so that a loss does not need a critical period"
    return f"no loss against no deficit is shown ({_points(one.lost)})"


def _budget(one: ControlFinding) -> str:
    if one.recovered is None:
        return "cannot tell: no interval"
    if one.recovered[1] > 0:
        more = f"they reach {_points(one.recovered)} more than after the deficit"
        return f"{more}, so budget does not explain all of the loss"
    if one.recovered[2] < 0:
        return f"they reach {_points(one.recovered)} against the deficit's run: a shorter training explains the loss"
    return f"cannot tell budget from deficit ({_points(one.recovered)})"


def _reset(one: ControlFinding) -> str:
    if one.recovered is None or one.lost is None:
        return "cannot tell: no interval"
    back = f"it gains {_points(one.recovered)} over the base arm"
    if one.recovered[1] <= 0:
        back = f"no gain over the base arm is shown ({_points(one.recovered)})"
    left = f"still loses {_points(one.lost)}" if one.lost[1] > 0 else f"no loss is left to show ({_points(one.lost)})"
    return f"{back}, and against no deficit {left}"


def _window(one: ControlFinding) -> str:
    if one.lost is None:
        return "cannot tell: no interval"
    if one.lost[1] > 0:
        return f"it loses {_points(one.lost)} against no deficit"
    return f"no loss against no deficit is shown ({_points(one.lost)})"


def _against_base(one: ControlFinding) -> str:
    if one.recovered is None:
        return "cannot tell: no interval"
    return f"{_points(one.recovered)} against the base arm"
