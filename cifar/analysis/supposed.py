"""What each definition of the end would say on a sweep's own switch epochs if nothing moved, and if the law held.

Batch sizes may have switch epochs of their own, and accuracies that differ without any deficit. Both move what a
definition finds, whatever the batch size does: half depth is counted from the last rows, so that a curve that still
falls there has its half later the longer its switch epochs go on.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from cifar.analysis.analysis import Findings, definitions
from cifar.analysis.curves import Curve
from slt_toys.fits.batch_size import epochs_per_halving
from slt_toys.fits.ends import HALF_DEPTH, Definition, find_end, minimum_rows
from slt_toys.results.claims import Table, spoken

REACH = 0.5  # epochs that a curve may be read beyond its last switch
MUCH = 0.25  # of the law's shift: what a definition may say of ends that do not move without being doubted


@dataclass(frozen=True)
class Supposed:
    """Epochs per halving that a definition gives here, and what it would give; None where an end is not found.

    ``unmoved`` if the curves of all batch sizes were one in epochs, ``lawful`` if it were one but for the law's shift;
    ``known`` says whether a curve goes on long enough to tell the latter.
    """

    definition: str
    found: float | None
    unmoved: float | None
    lawful: float | None
    known: bool

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
    unmoved = {size: _read(known, each, 0.0) for size, each in curves.items()}
    lawful = None
    if math.isfinite(theorem):
        shifts = {size: theorem * math.log2(size / known.batch_size) for size in curves}
        if all(curves[size].switch_epochs[-1] + by <= known.switch_epochs[-1] + REACH for size, by in shifts.items()):
            lawful = {size: _read(known, curves[size], by) for size, by in shifts.items()}
    found = {name: shift.slope for name, shift in findings.epochs_per_halving.items()}
    one, other = _slopes(unmoved), {} if lawful is None else _slopes(lawful)
    return [
        Supposed(name, found.get(name), one.get(name), other.get(name), lawful is not None) for name in findings.ends
    ]


def _read(known: Curve, at: Curve, by: float) -> Curve:
    """A curve read so many epochs later at another's switch epochs, moved to the other's level without a deficit."""
    values = np.interp(at.switch_epochs + by, known.switch_epochs, known.values)
    return replace(at, values=values + float(at.values[0] - known.values[0]))


def _slopes(curves: Mapping[int, Curve]) -> dict[str, float]:
    slopes = {}
    for definition in definitions(curves):
        ends = [_end(each, definition) for each in curves.values()]
        whole = [end for end in ends if end is not None]
        if len(whole) == len(ends):
            slopes[definition.name] = epochs_per_halving(list(curves), whole).slope
    return slopes


def _end(curve: Curve, definition: Definition) -> float | None:
    long = len(curve.values) >= minimum_rows(definition)
    return find_end(curve.switch_epochs, curve.values, definition).epoch if long else None


def supposed_tables(supposed: list[Supposed], theorem: float) -> list[Table]:
    """The table; nothing where there are no two curves."""
    rows = tuple(
        (spoken(each.definition), _epochs(each.found), _epochs(each.unmoved), _epochs(each.lawful, each.known))
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


def _epochs(value: float | None, known: bool = True) -> str:
    return "-" if not known else "none" if value is None else f"{round(value, 1) + 0.0:.1f}"
