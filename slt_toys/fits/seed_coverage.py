"""How often do intervals of e* hold it, when another seed moves the whole curve? Simulated curves, read as measured.

Each seed's curve is a hinge whose rows scatter, moved along the epochs as a whole by a normal shift: the *jitter*. Its
ends are known: e* is the end of the curve that is not moved.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr

from ..inputs.arguments import check_fields, checked_arguments
from .ends import HALF_DEPTH, HINGE, Definition, FloatArray
from .seeds import end_over_seeds, ends_over_seeds, halving_over_seeds

DEFINITIONS = (HINGE, HALF_DEPTH)
REPETITIONS = 300  # resampled curves of one seed
COUNTS: tuple[str, ...] = (
    "closed", "held", "width", "pooled_closed", "pooled_held", "pooled_width", "halving_held", "halving_width",
)  # fmt: skip

__all__ = ["DEFINITIONS", "JitteredCurves", "coverage_over_seeds"]


@dataclass(frozen=True)
class JitteredCurves:
    """Curves of one hinge, which seeds move along the epochs.

    Attributes
    ----------
    rows, spacing
        Number of switch epochs from 0 on, and epochs between them.
    kink
        Of the hinge, in epochs.
    slope
        Accuracy lost per epoch before it, in per cent.
    scatter
        Standard deviation of a row, in per cent.
    """

    rows: int = 12
    spacing: float = 20.0
    kink: float = 107.0
    slope: float = 0.1
    scatter: float = 0.4

    def __post_init__(self) -> None:
        check_fields(self)
        if not (self.rows >= 6 and self.spacing > 0 and 0 < self.kink < self.spacing * (self.rows - 3)):
            raise ValueError(f"kink must lie within the rows but the last three, not {self.kink} of {self.rows} rows")

    @property
    def switch_epochs(self) -> FloatArray:
        """Shape (rows,)."""
        return self.spacing * np.arange(self.rows, dtype=np.float64)

    def end(self, definition: Definition) -> float:
        """e* of the curve that is not moved."""
        return self.kink if definition.name == "hinge" else self.kink / 2

    def draw(self, random: np.random.Generator, seeds: int, jitter: float) -> FloatArray:
        """Curves (seeds, rows), each moved by a jitter of its own."""
        moved = jitter * random.standard_normal(seeds)
        fallen = np.minimum(self.switch_epochs - moved[:, None], self.kink)
        return -self.slope * fallen + self.scatter * random.standard_normal(fallen.shape)


@checked_arguments
def coverage_over_seeds(
    curves: JitteredCurves,
    *,
    jitters: Sequence[float],
    seeds: Sequence[int],
    runs: int,
    confidence: float = 0.95,
    seed: int | Sequence[int] = 0,
    advance: Callable[[float], None] | None = None,
) -> xr.Dataset:
    """Count how often intervals of e* hold it.

    Parameters
    ----------
    curves
        What is measured.
    jitters
        Standard deviations of a whole curve's shift between seeds, in epochs.
    seeds
        Numbers of seeds; 1 is read by its rows alone.
    runs
        Simulated studies in each cell.
    confidence
        Of the intervals.
    seed
        Of all randomness.
    advance
        Called with the fraction of the work done since the last call.

    Returns
    -------
    xarray.Dataset
        Along (definition, jitter, seeds): ``closed`` intervals, ``held``, how many of them hold e*, and their mean
        ``width`` in epochs; the same of three batch sizes whose scatter is pooled, ``pooled_closed``, ``pooled_held``
        and ``pooled_width``, and of the epochs per halving between them, ``halving_held`` and ``halving_width``. For
        one seed there is nothing to pool, and these are 0.
    """
    if runs < 1 or min(seeds) < 1 or min(jitters) < 0:
        raise ValueError(f"runs and seeds must be at least 1 and jitters at least 0, not {runs}, {seeds}, {jitters}")
    start = [seed] if isinstance(seed, int | np.integer) else list(seed)
    table = np.zeros((len(COUNTS), len(DEFINITIONS), len(jitters), len(seeds)))
    for place in np.ndindex(table.shape[1:]):
        definition, jitter, count = DEFINITIONS[place[0]], jitters[place[1]], seeds[place[2]]
        cell: dict[str, float] = {name: 0.0 for name in COUNTS}
        for run in range(runs):
            own = [*start, *place, run]
            _count_end(cell, curves, definition, jitter, count, confidence, own)
            if count > 1:
                _count_pooled(cell, curves, definition, jitter, count, confidence, [*own, 1])
        for name in ("", "pooled_", "halving_"):
            cell[f"{name}width"] /= max(cell["closed" if not name else "pooled_closed"], 1)
        table[(slice(None), *place)] = [cell[name] for name in COUNTS]
        if advance is not None:
            advance(len(COUNTS) / table.size)
    data = {name: (("definition", "jitter", "seeds"), values) for name, values in zip(COUNTS, table, strict=True)}
    coordinates = {"definition": [each.name for each in DEFINITIONS], "jitter": list(jitters), "seeds": list(seeds)}
    return xr.Dataset(data, coordinates, {"confidence": confidence, "runs": runs})


def _count_end(
    cell: dict[str, float], curves: JitteredCurves, definition: Definition, jitter: float, count: int,
    confidence: float, own: list[int],
) -> None:  # fmt: skip
    drawn = curves.draw(np.random.default_rng(own), count, jitter)
    end = end_over_seeds(
        curves.switch_epochs, drawn, definition, confidence=confidence, repetitions=REPETITIONS, seed=[*own, 2]
    )  # fmt: skip
    if end.low is not None and end.high is not None:
        cell["closed"] += 1
        cell["held"] += end.low <= curves.end(definition) <= end.high
        cell["width"] += end.high - end.low


def _count_pooled(
    cell: dict[str, float], curves: JitteredCurves, definition: Definition, jitter: float, count: int,
    confidence: float, own: list[int],
) -> None:  # fmt: skip
    """Three batch sizes with the same end, so that a halving moves it by nothing; the middle one's interval counts."""
    random = np.random.default_rng(own)
    several = {size: (curves.switch_epochs, curves.draw(random, count, jitter)) for size in (32, 64, 128)}
    end = ends_over_seeds(several, definition, confidence=confidence)[64]
    shift = halving_over_seeds(several, definition, confidence=confidence)
    if end.low is None or end.high is None or shift.low is None or shift.high is None:
        return
    cell["pooled_closed"] += 1
    cell["pooled_held"] += end.low <= curves.end(definition) <= end.high
    cell["pooled_width"] += end.high - end.low
    cell["halving_held"] += shift.low <= 0 <= shift.high
    cell["halving_width"] += shift.high - shift.low
