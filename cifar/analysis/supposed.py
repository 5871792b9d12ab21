"""What each definition of the end would say on a sweep's own switch epochs if nothing moved, and if the law held.

Batch sizes may have switch epochs of their own, and accuracies that differ without any deficit. Both move what a
definition finds, whatever the batch size does: half depth is counted from the last rows, so that a curve that still
falls there has its half later the longer its switch epochs go on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import numpy as np

from cifar.analysis.analysis import CONFIDENCE, Findings, definitions, resampled
from cifar.analysis.curves import REACH, Curve, FloatArray, reader
from slt_toys.fits.collapse import BatchCurve, best_exponent
from slt_toys.fits.ends import HALF_DEPTH, find_end, minimum_rows, replicate_epochs
from slt_toys.fits.resampling import percentile_interval
from slt_toys.results.claims import Table, spoken

Bounds = tuple[float | None, float | None]
MUCH = 0.25  # of the law's shift: what a definition may say of ends that do not move without being doubted


@dataclass(frozen=True)
class Supposed:
    """Epochs per halving that a definition gives here, and what it would give; None where an end is not found.

    ``unmoved`` if the curves of all batch sizes were one in epochs, ``lawful`` if it were one but for the law's shift;
    ``unmoved_most`` is what the former is at most where larger batch sizes end later than their switch epochs go on;
    ``known`` says whether a curve goes on long enough to tell the latter. What would be found comes from a curve that
    scatters as well: ``off_lawful`` is the interval of what is found less what the law gives, over resampled rows; an
    open end is None.
    """

    definition: str
    found: float | None
    unmoved: float | None
    lawful: float | None
    known: bool
    off_lawful: Bounds | None = None
    unmoved_most: float | None = None

    def off(self, theorem: float) -> float:
        """How far from the law's shift the definition would find it, as a share; infinite where that is not told."""
        return math.inf if self.lawful is None else abs(self.lawful - theorem) / theorem


def suppose(findings: Findings, theorem: float) -> list[Supposed]:
    """Each definition on the curve of one batch size, read at the switch epochs of all.

    It is the curve whose switch epochs go on longest; others keep their own accuracy without a deficit.

    Parameters
    ----------
    findings
        Of a sweep.
    theorem
        Epochs per halving by the law.
    """
    curves = {size: each for size, each in findings.curves.items() if len(each.values) >= minimum_rows(HALF_DEPTH)}
    if len(curves) < 2:
        return []
    known = max(curves.values(), key=lambda each: (each.switch_epochs[-1], -each.batch_size))
    shifts = {size: 0.0 for size in curves}
    reads = {"unmoved": shifts}
    if math.isfinite(theorem):
        shifts = {size: theorem * math.log2(size / known.batch_size) for size in curves}
        if all(curves[size].switch_epochs[-1] + by <= known.switch_epochs[-1] + REACH for size, by in shifts.items()):
            reads["lawful"] = shifts
    found = {name: shift.slope for name, shift in findings.epochs_per_halving.items()}
    means = {size: each.values[None] for size, each in curves.items()}
    told = {name: _slopes(curves, _world(curves, means, known, by)) for name, by in reads.items()}
    drawn = {
        size: resampled(each, HALF_DEPTH, findings.scatter, findings.freedom, [position, size])
        for position, (size, each) in enumerate(curves.items())
    }
    seen = _slopes(curves, drawn)
    again = _slopes(curves, _world(curves, drawn, known, reads["lawful"])) if "lawful" in reads else {}
    made = []
    for name in findings.ends:
        unmoved, lawful = (_number(told.get(world, {}).get(name)) for world in ("unmoved", "lawful"))
        off = None if lawful is None else percentile_interval(seen[name] - again[name], CONFIDENCE)
        most = None if unmoved is not None else _at_most(curves, _world(curves, means, known, reads["unmoved"]), name)
        made.append(Supposed(name, found.get(name), unmoved, lawful, "lawful" in reads, off, most))
    return made


def unmoved_exponent(findings: Findings, theorem: float) -> float | None:
    """The power of the batch size that curves would collapse best over if nothing moved; None where none is told.

    Each curve is normalised by its own first and last rows, so that it is not 0 where last rows come at other epochs.
    """
    curves = {size: each for size, each in findings.curves.items() if len(each.values) >= minimum_rows(HALF_DEPTH)}
    if len(curves) < 2 or not math.isfinite(theorem):
        return None
    known = max(curves.values(), key=lambda each: (each.switch_epochs[-1], -each.batch_size))
    means = {size: each.values[None] for size, each in curves.items()}
    world = _world(curves, means, known, dict.fromkeys(curves, 0.0))
    try:
        batch = [
            BatchCurve(size, each.switch_epochs, world[size][0], 2.0 ** (-each.switch_epochs / theorem))
            for size, each in curves.items()
        ]
        return best_exponent(batch).exponent
    except ValueError:  # no two levels are crossed by all
        return None


def _world(
    curves: Mapping[int, Curve], values: Mapping[int, FloatArray], known: Curve, by: Mapping[int, float]
) -> dict[int, FloatArray]:
    """Of each batch size the known curve, shape (r, n), so many epochs later at its own switch epochs and own level."""
    made = {}
    for size, each in curves.items():
        own, other = values[size], values[known.batch_size]
        made[size] = other @ reader(known.switch_epochs, each.switch_epochs + by[size]) + own[:, :1] - other[:, :1]
    return made


def _at_most(curves: Mapping[int, Curve], values: Mapping[int, FloatArray], name: str) -> float | None:
    """An upper bound of epochs per halving where ends that are censored pull it down; else None."""
    (definition,) = (each for each in definitions(curves) if each.name == name)
    ends = []
    for size, weight in zip(curves, _halvings(curves), strict=True):
        if len(curves[size].values) < minimum_rows(definition):
            return None
        end = find_end(curves[size].switch_epochs, values[size][0], definition)
        pulls = end.bound is not None and (weight < 0 if end.state == "later" else weight > 0)
        if end.epoch is None and not pulls:
            return None
        ends.append(end.bound if end.epoch is None else end.epoch)
    return float(_halvings(curves) @ np.array(ends, dtype=float))


def _halvings(curves: Mapping[int, Curve]) -> FloatArray:
    """Weights of the ends in the least-squares slope over halvings of the batch."""
    octaves = np.log2(list(curves))
    return -(octaves - octaves.mean()) / np.sum((octaves - octaves.mean()) ** 2)


def _slopes(curves: Mapping[int, Curve], values: Mapping[int, FloatArray]) -> dict[str, FloatArray]:
    """Epochs per halving (r,) by each definition; nan where a batch size has no end."""
    weights, slopes = _halvings(curves), {}
    for definition in definitions(curves):
        moved = values
        if definition.name == "half_stuck_mass":  # each replicate has a level of its own
            tail = HALF_DEPTH.tail_rows
            ends = [(each[:, 0] + each[:, -tail:].mean(axis=1)) / 2 for each in values.values()]
            level = np.mean(ends, axis=0)[:, None] - definition.level
            moved = {size: each - level for size, each in values.items()}
        if all(len(each.values) >= minimum_rows(definition) for each in curves.values()):
            found = [replicate_epochs(curves[size].switch_epochs, moved[size], definition) for size in curves]
            slopes[definition.name] = weights @ np.where(np.isfinite(found), found, np.nan)
    return slopes


def _number(values: FloatArray | None) -> float | None:
    return None if values is None or not np.isfinite(values[0]) else float(values[0])


def supposed_tables(supposed: list[Supposed], theorem: float) -> list[Table]:
    """The table; nothing where there are no two curves."""
    rows = tuple(
        (spoken(each.definition), _epochs(each.found), _unmoved(each), _epochs(each.lawful, each.known))
        for each in supposed
    )
    law = f" ({theorem:.2f})" if math.isfinite(theorem) else ""
    headings = ("definition", "this run", "if no end moved", f"if the law held{law}")
    caption = (
        "Epochs per halving of the batch that each definition would find on these switch epochs in two worlds: all "
        "batch sizes follow one curve in epochs, or one that the law shifts. The curve is that of the batch size whose "
        "switch epochs go on longest; each keeps its own accuracy without a deficit. A definition that finds a shift "
        "where none is says little here. None: at some batch size no end is found. -: the curve is not known that far."
    )
    return [Table("if_nothing_moved", caption, headings, rows)] if rows else []


def supposed_notes(supposed: list[Supposed], theorem: float) -> list[str]:
    """A doubt for each definition that finds a shift where nothing moves, or another than the law's where it holds."""
    if not math.isfinite(theorem):
        return []
    notes = []
    for each in supposed:
        begun = f"By {spoken(each.definition)}, on these switch epochs and accuracies, a halving would move the end by"
        if each.unmoved is not None and abs(each.unmoved) > MUCH * theorem:
            notes.append(f"{begun} {each.unmoved:.1f} epochs if no end moved.")
        if each.lawful is not None and each.off(theorem) > MUCH:
            notes.append(f"{begun} {each.lawful:.1f} epochs, not {theorem:.2f}, if the law held.")
    return notes


def _unmoved(each: Supposed) -> str:
    return _epochs(each.unmoved) if each.unmoved_most is None else f"none, or at most {each.unmoved_most:.1f}"


def _epochs(value: float | None, known: bool = True) -> str:
    return "-" if not known else "none" if value is None else f"{round(value, 1) + 0.0:.1f}"
