"""What a sweep says of the law and of its rivals, as claims."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from scipy.special import stdtrit

from cifar.analysis.analysis import Findings
from cifar.analysis.curves import FloatArray
from cifar.analysis.measured_noise import ORDER, at_common_epochs
from cifar.analysis.supposed import Supposed, unmoved_exponent
from slt_toys.results.claims import MOST_CLAIMS, Claim, Verdict, inside, spoken

FLAT_EXPONENT = -0.5  # of the batch size: a measured temperature above it hardly follows the law's power of -1


@dataclass(frozen=True)
class MeasuredTemperatures:
    """Temperature from the gradient noise that was measured: η·tr(C)/B, by epoch and batch size.

    ``exponents`` are the powers of the batch size that it follows at each epoch; noise that never changes gives -1.
    ``early`` says which epochs lie before the earliest end of the critical period: only there can it decide that end.
    ``reach`` is how far from an exponent the true one may be, 95 % for all early epochs together; None where it is not
    known.
    """

    batch_sizes: tuple[int, ...]
    epochs: tuple[int, ...]
    values: FloatArray
    exponents: FloatArray
    early: tuple[bool, ...]
    reach: float | None = None


def measured_temperatures(
    noise: Mapping[int, Mapping[int, float]],
    *,
    learning_rate: float,
    decay: float,
    end: float | None,
    error: tuple[float, int] | None = None,
) -> MeasuredTemperatures | None:
    """Temperatures where the noise of two batch sizes or more was measured; None where it was not.

    Between its own switch epochs the logarithm of a batch size's noise is taken to be a line.

    Parameters
    ----------
    noise
        Batch size to switch epoch to the trace of the covariance of per-example gradients, tr(C).
    learning_rate, decay
        Of the schedule.
    end
        The earliest end of the critical period, epochs; None if none is known.
    error
        Relative standard error of a trace, and its degrees of freedom; None where they are not known.
    """
    sizes = sorted(noise)
    epochs, traces = at_common_epochs(noise, sizes)
    early = tuple(end is None or epoch <= end for epoch in epochs)
    if len(sizes) < 2 or not any(early):
        return None
    values = learning_rate * decay ** np.array(epochs, dtype=float)[:, None] * traces.T / np.array(sizes)
    line = np.log(sizes) - np.mean(np.log(sizes))
    exponents = np.array([np.polyfit(line, np.log(row), 1)[0] for row in values])
    reach = None
    if error is not None:  # 95 % for all epochs before the end together
        reach = float(stdtrit(error[1], 1 - 0.025 / sum(early))) * error[0] / float(np.sqrt(line @ line))
    return MeasuredTemperatures(tuple(sizes), tuple(epochs), values, exponents, early, reach)


def claims(
    findings: Findings,
    theorem: float,
    temperatures: MeasuredTemperatures | None,
    shares: Sequence[Claim] = (),
    supposed: Sequence[Supposed] = (),
) -> tuple[Claim, ...]:
    """At most eight, those that speak against the law first; with ``shares``, the end by one definition less.

    Where it is ``supposed`` what a definition would find on these switch epochs if the law held, that is expected;
    where it would find as much if nothing moved, it cannot tell.
    """
    shifts = _shifts(findings, theorem, {each.definition: each for each in supposed})
    made = [*(shifts[:1] if shares else shifts), *shares, *_exponent(findings, theorem), *_decline(findings),
            *_controls(findings), *_measured(temperatures)]  # fmt: skip
    return tuple(sorted(made, key=lambda claim: ORDER.index(claim.verdict)))[:MOST_CLAIMS]


def points(value: tuple[float, float, float]) -> str:
    """Percentage points with their interval."""
    return f"{value[0]:.1f} [{value[1]:.1f}, {value[2]:.1f}]"


def _beyond_zero(value: tuple[float, float, float]) -> Verdict:
    return "yes" if value[1] > 0 else "no" if value[2] < 0 else "cannot tell"


def _shifts(findings: Findings, theorem: float, supposed: Mapping[str, Supposed]) -> list[Claim]:
    """Where intervals are closed: the end by each definition, and how far a halving of the batch moves it."""
    made = []
    for name, shift in findings.epochs_per_halving.items():
        if shift.low is None or shift.high is None or not math.isfinite(theorem):
            continue
        found = {size: end for size, end in findings.ends[name].items() if end.epoch is not None}
        if any(end.low is None or end.high is None for end in found.values()):
            continue  # what has no bounds gives no shift with bounds
        ends = {size: float(end.epoch) for size, end in found.items() if end.epoch is not None}
        small, large = min(ends), max(ends)
        law = f" within {shift.within}; law: {theorem:.2f}." if shift.within else f"; the law says {theorem:.2f}."
        sentence = (
            f"By {spoken(name)} the end is epoch {ends[small]:.1f} at B={small} and {ends[large]:.1f} at B={large}: "
            f"{points((shift.slope, shift.low, shift.high))} per halving{law}"
        )
        here = supposed.get(name)
        expected = None if here is None else here.lawful
        if expected is not None:
            within = f" within {shift.within}" if shift.within else ""
            sentence = (
                f"{spoken(name).capitalize()} is at epoch {ends[small]:.1f} (B={small}) and {ends[large]:.1f} "
                f"(B={large}): {points((shift.slope, shift.low, shift.high))} per halving{within}; "
                f"law: {theorem:.2f}, here {expected:.1f}."
            )
        bounds = (shift.low, shift.high)
        told = theorem if expected is None else expected
        verdict = _verdict(told, bounds, here)
        made.append(Claim.of(f"shift-{name.replace('_', '-')}", sentence, shift.slope, bounds, told, verdict))
    return made


def _verdict(told: float, bounds: tuple[float, float], here: Supposed | None) -> Verdict:
    """Whether a shift is what is told, and not what would be found if nothing moved.

    What the law gives on these switch epochs is read off a curve that scatters, too: it is denied where the interval of
    the difference excludes none as well.
    """
    verdict = inside(told, *bounds)
    if here is None or verdict == "cannot tell":
        return verdict
    if verdict == "yes":
        most = here.unmoved_most is not None and here.unmoved_most >= bounds[0]
        same = here.unmoved is not None and inside(here.unmoved, *bounds) == "yes"
        return "cannot tell" if most or same else "yes"
    if here.off_lawful is None or here.lawful is None:
        return verdict
    low, high = here.off_lawful
    return "no" if (low is not None and low > 0) or (high is not None and high < 0) else "cannot tell"


def _exponent(findings: Findings, theorem: float) -> list[Claim]:
    """The power of the batch size, which speaks for the law only where it is not that of curves that do not move."""
    best = findings.best_exponent
    if best is None or best.low is None or best.high is None:
        return []
    unmoved, verdict = unmoved_exponent(findings, theorem), inside(1.0, best.low, best.high)
    sentence = (
        f"Curves collapse best over learning rate / B^a at a = {best.exponent:.2f} [{best.low:.2f}, {best.high:.2f}]; "
        "the law says 1"
    )
    if unmoved is not None:
        sentence += f", if nothing moved {round(unmoved, 2) + 0.0:.2f}"
        if verdict == "yes" and inside(unmoved, best.low, best.high) == "yes":
            verdict = "cannot tell"
    return [Claim.of("batch-size-exponent", f"{sentence}.", best.exponent, (best.low, best.high), 1.0, verdict)]


def _measured(temperatures: MeasuredTemperatures | None) -> list[Claim]:
    if temperatures is None:
        return []
    early = temperatures.exponents[list(temperatures.early)]
    sentence = (
        f"Before the end the measured temperature η·tr(C)/B goes as B to the power {early.min():.2f} to "
        f"{early.max():.2f}; noise that never changes gives -1."
    )
    farthest = float(early[np.argmax(np.abs(early + 1))])
    if temperatures.reach is None:
        # of one seed: nothing says how far noise that never changes would scatter
        verdict: Verdict = "no" if farthest > FLAT_EXPONENT else "cannot tell"
        return [Claim("measured-temperature", sentence, farthest, None, -1.0, verdict)]
    bounds = farthest - temperatures.reach, farthest + temperatures.reach
    return [Claim.of("measured-temperature", sentence, farthest, bounds, -1.0)]


def _decline(findings: Findings) -> list[Claim]:
    known = {size: decline for size, decline in findings.declines.items() if decline is not None}
    if not known:
        return []
    size = min(known, key=lambda each: known[each][0])
    least = known[size]
    sentence = f"Late switches cost {points(least)} points at B={size}, where they cost least."
    return [Claim.of("decline", sentence, least[0], least[1:], verdict=_beyond_zero(least))]


# Name of a claim to the arm, its deficit (None for the sweep's own), what is told, and how.
ALL_BACK = ", as temperature would"
LESS = "Fresh weights, same learning rates ({}), reach {} points less than after the deficit."
_OF_CONTROLS = {
    "negative-control": ("base", "vertical_flip", "lost",
                         "The negative control, a vertical flip ({}), costs {} points."),
    "budget": ("fresh", None, "recovered",
               "Fresh weights, same learning rates ({}), reach {} points more than after the deficit."),
    "reset": ("reset", None, "recovered",
              f"Resetting the learning rate at the switch ({{}}) recovers {{}} points{ALL_BACK}."),
}  # fmt: skip


def _controls(findings: Findings) -> list[Claim]:
    """Of each kind of control every batch size's latest switch that can be judged: where it does least, and most."""
    made = []
    for name, (arm, deficit, field, words) in _OF_CONTROLS.items():
        kind = arm, deficit or findings.deficit
        of_kind = [each for each in findings.controls if (each.arm, each.deficit) == kind]
        judged = [(each, value) for each in of_kind if (value := getattr(each, field)) is not None]
        if not judged:
            continue
        latest = {each.batch_size: (each, value) for each, value in sorted(judged, key=lambda p: p[0].switch_epoch)}
        control, value = min(latest.values(), key=lambda pair: pair[1][0])
        other, most = max(latest.values(), key=lambda pair: pair[1][0])
        turned, also = value, most
        if name == "budget" and most[2] < 0:  # what is lost is the learning rates'
            words, turned, also = LESS, _negative(value), _negative(most)
        sentence = words.format(f"B={control.batch_size}, epoch {control.switch_epoch}", points(turned))
        if other is not control:  # batch sizes may answer otherwise
            at = "" if other.switch_epoch == control.switch_epoch else f", epoch {other.switch_epoch}"
            sentence = f"{sentence[:-1]}; at B={other.batch_size}{at}: {points(also)}."
        rest: dict[str, Any] = {"verdict": _beyond_zero(value)} if deficit is None else {"expected": 0.0}
        if name == "reset" and control.lost is not None and control.lost[1] > 0:  # temperature would bring all back
            rest["verdict"] = "no"
            sentence = sentence.replace(ALL_BACK, f", {control.lost[0]:.1f} stay lost")
        made.append(Claim.of(name, sentence, value[0], value[1:], **rest))
    return made


def _negative(value: tuple[float, float, float]) -> tuple[float, float, float]:
    return -value[0], -value[2], -value[1]
