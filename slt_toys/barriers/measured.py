"""Declines measured elsewhere: a table of the user's, or a published curve, as shares that end stuck.

Two levels make a value a share: that where nothing is stuck, and that where everything is. The second only rescales
all weights. The first matters: where it is not given, the first row is taken for it, and leaves the fit; its error then
moves all other rows alike, which is in their covariance.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.stats import norm

from ..inputs.arguments import checked_arguments
from ..inputs.number_tables import decode_table, number, read_rows
from ..reference.published import published_curves
from .decline import Decline

Array = NDArray[np.float64]

COLUMNS = ("switch_epoch", "value")
ERROR_COLUMN = "standard_error"
FEWEST_ROWS = 6
PUBLISHED = "published-"
LAST_ROWS = 3  # whose mean is the level where everything is stuck, where that is not given
LATEST = 10**9  # switch epoch
FAR = 10.0  # spreads of the values between them and a level, beyond which the two have other units
SURE = 5.0  # standard errors
NORMAL_MEDIAN = float(norm.ppf(0.75))  # of the absolute value of a standard normal number

__all__ = [
    "PUBLISHED", "MeasuredDecline", "find_decline", "measured_decline", "published_decline", "published_size",
    "read_decline", "scatter",
]  # fmt: skip


@dataclass(frozen=True, eq=False)
class MeasuredDecline:
    """A measured decline and where its levels and errors come from.

    Attributes
    ----------
    name
        What it is called.
    first_epoch
        First switch epoch of the table, at which the level of nothing stuck may have been read.
    decline
        Shares stuck, with their noise.
    best, worst
        Values where nothing and where everything is stuck.
    best_given
        Whether the first of them was given.
    errors_estimated
        Whether the standard errors are an estimate from the scatter of neighbouring rows.
    """

    name: str
    first_epoch: int
    decline: Decline
    best: float
    worst: float
    best_given: bool
    errors_estimated: bool


@checked_arguments
def scatter(switch_epochs: ArrayLike, values: ArrayLike) -> float:
    """Standard error of one row, from how far each lies off the line through its two neighbours.

    A median over the rows, so that the few where a decline bends count little. Its own relative error is about
    1.5/√rows, and it sees nothing that moves all rows alike, such as another seed.

    Raises
    ------
    ValueError
        For fewer than six rows, or where more than half lie exactly on the line.
    """
    epochs, heights = np.asarray(switch_epochs, dtype=float), np.asarray(values, dtype=float)
    if epochs.size < FEWEST_ROWS:
        raise ValueError(f"switch_epochs must be at least {FEWEST_ROWS} for their scatter, not {epochs.size}")
    share = (epochs[1:-1] - epochs[:-2]) / (epochs[2:] - epochs[:-2])
    off = heights[1:-1] - (1 - share) * heights[:-2] - share * heights[2:]
    deviation = float(np.median(np.abs(off) / np.sqrt(1 + share**2 + (1 - share) ** 2)) / NORMAL_MEDIAN)
    if not deviation > 0:
        raise ValueError(f"values must scatter for an error to be estimated; give a column {ERROR_COLUMN!r}")
    return deviation


@checked_arguments
def measured_decline(
    name: str,
    switch_epochs: ArrayLike,
    values: ArrayLike,
    standard_errors: ArrayLike | None,
    *,
    best: float | None = None,
    worst: float | None = None,
) -> MeasuredDecline:
    """Bring measured values to shares that end stuck.

    Parameters
    ----------
    name
        For messages and captions.
    switch_epochs
        Whole, each once, in any order, shape (n,).
    values
        Final accuracy, or anything else that goes one way as more gets stuck, shape (n,).
    standard_errors
        Of independent rows, shape (n,); None to estimate them by :func:`scatter`.
    best, worst
        Values where nothing and where everything is stuck, taken as exact. Without the first, the first row; without
        the second, the mean of the last three.

    Raises
    ------
    ValueError
        In one line, where the two levels are equal or in other units than the values, rows are too few, or one of
        them is not what it must be.
    """
    epochs, heights = np.asarray(switch_epochs, dtype=float), np.asarray(values, dtype=float)
    if epochs.ndim != 1 or epochs.size < FEWEST_ROWS:
        raise ValueError(f"{name} must have at least {FEWEST_ROWS} switch epochs, not {epochs.size}")
    if not (np.isfinite(epochs) & (epochs >= 0) & (epochs <= LATEST) & (epochs == np.round(epochs))).all():
        raise ValueError(f"{name} must have whole switch epochs of at least 0, not {epochs.tolist()}")
    order = np.argsort(epochs)
    if (np.diff(epochs[order]) == 0).any():
        raise ValueError(f"{name} must have every switch epoch once, not {np.sort(epochs).tolist()}")
    if heights.shape != epochs.shape or not np.isfinite(heights).all():
        raise ValueError(f"{name} must have one finite value per switch epoch, not {heights.tolist()}")
    epochs, heights = epochs[order].astype(np.int64), heights[order]
    estimated = standard_errors is None
    if standard_errors is None:
        errors = np.full(epochs.size, scatter(epochs, heights))
    else:
        errors = np.asarray(standard_errors, dtype=float)
        if errors.shape != epochs.shape or not (np.isfinite(errors) & (errors > 0)).all():
            raise ValueError(f"{name} must have one positive standard error per switch epoch, not {errors.tolist()}")
        errors = errors[order]
    top = float(heights[0] if best is None else best)
    bottom = float(heights[-LAST_ROWS:].mean() if worst is None else worst)
    if not (math.isfinite(top) and math.isfinite(bottom) and top != bottom):
        raise ValueError(
            f"{name} has the same level {top:g} without and with everything stuck; give --best and --worst that differ"
        )
    _check_levels(name, heights, errors, best, worst, top, bottom)
    share, errors = (top - heights) / (top - bottom), errors / abs(top - bottom)
    if best is not None:
        decline = Decline(epochs, share, errors)
    else:
        decline = Decline(epochs[1:], share[1:], np.diag(errors[1:] ** 2) + errors[0] ** 2)
    return MeasuredDecline(name, int(epochs[0]), decline, top, bottom, best is not None, estimated)


def _check_levels(
    name: str, values: Array, errors: Array, best: float | None, worst: float | None, top: float, bottom: float
) -> None:
    """Refuse a given level that rows lie beyond, or that is in another unit than they are."""
    spread, sign = float(np.ptp(values)), math.copysign(1.0, top - bottom)
    for option, level, side in (("--best", best, sign), ("--worst", worst, -sign)):
        if level is None:
            continue
        short = float(np.min(np.maximum(side * (level - values), 0.0)))
        if short > FAR * max(spread, SURE * float(errors.max())):
            raise ValueError(
                f"{name} has values from {values.min():g} to {values.max():g}, far from {option} {level:g}; give it in "
                "their unit (per cent or share)"
            )
        beyond = side * (values - level) / errors
        if beyond.max() > SURE:
            row = int(beyond.argmax())
            raise ValueError(
                f"{name} has the value {values[row]:g}, {beyond[row]:.1f} standard errors beyond {option} {level:g}; "
                "give a level that no row passes, in their unit (per cent or share)"
            )
    if best is not None and worst is None and abs(top - values[0]) > abs(top - bottom) + SURE * float(errors.max()):
        raise ValueError(
            f"{name} begins at {values[0]:g}, farther from --best {top:g} than its last rows are, {bottom:g}; give the "
            "level where nothing is stuck, in their unit (per cent or share)"
        )


@checked_arguments
def published_decline(batch_size: int, *, best: float | None = None, worst: float | None = None) -> MeasuredDecline:
    """The published accuracies at one batch size; one seed, so that errors are estimated from the scatter of rows.

    Raises
    ------
    ValueError
        For a batch size that is not in the table of :mod:`slt_toys.reference.published`.
    """
    curves = published_curves()
    if batch_size not in curves:
        raise ValueError(f"batch_size must be one of {', '.join(map(str, curves))}, not {batch_size}")
    curve = curves[batch_size]
    return measured_decline(
        f"published, B = {batch_size}", curve.switch_epochs, curve.final_accuracy, None, best=best, worst=worst
    )


@checked_arguments
def read_decline(path: Path, *, best: float | None = None, worst: float | None = None) -> MeasuredDecline:
    """A decline from a file of comma-separated values.

    Parameters
    ----------
    path
        In UTF-8. Its first line names the columns: ``switch_epoch``, ``value`` and, where known, ``standard_error``,
        separated by commas, semicolons or tabs; decimals have a point, or between semicolons and tabs a comma. Rows may
        come in any order.
    best, worst
        As in :func:`measured_decline`.

    Raises
    ------
    ValueError
        In one line that names the line and the column, for anything that cannot be read.
    OSError
        If there is no such file.
    """
    source = f"--decline {path.name}"
    names, numbered = read_rows(decode_table(path.read_bytes(), source), source, COLUMNS, (ERROR_COLUMN,))
    rows: dict[float, tuple[int, list[float]]] = {}
    for line, record in numbered:
        place = f"{source}, line {line}"
        row = [number(record[name], f"{place}, column {name!r}") for name in names]
        if not (0 <= row[0] <= LATEST and row[0].is_integer()):
            raise ValueError(f"{place}: switch_epoch must be a whole number of at least 0, not {row[0]:g}")
        if row[0] in rows:
            raise ValueError(f"{place}: switch_epoch must not come twice, but {row[0]:g} stands in line "
                             f"{rows[row[0]][0]} too; give the mean of repeats, with its standard error")  # fmt: skip
        if len(row) == 3 and row[2] <= 0:
            raise ValueError(f"{place}: standard_error must be positive, not {row[2]:g}; leave the column out to have "
                             "it estimated")  # fmt: skip
        rows[row[0]] = line, row
    if len(rows) < FEWEST_ROWS:
        raise ValueError(f"{source} must have at least {FEWEST_ROWS} rows, not {len(rows)}")
    columns = np.array([row for _, row in rows.values()]).T
    errors = columns[2] if len(names) == 3 else None
    return measured_decline(f"the decline in {path.name}", columns[0], columns[1], errors, best=best, worst=worst)


def published_size(name: str) -> int:
    """Batch size of a published curve by its name, such as published-64.

    Raises
    ------
    ValueError
        In one line, for a name that no curve has.
    """
    sizes = [str(size) for size in published_curves()]
    wanted = name.removeprefix(PUBLISHED)
    if not name.startswith(PUBLISHED) or wanted not in sizes:
        raise ValueError(f"--decline must be published- and a batch size of {', '.join(sizes)}, not {name!r}")
    return int(wanted)


def find_decline(name: str, *, best: float | None = None, worst: float | None = None) -> MeasuredDecline:
    """A published curve by its name, such as published-64, or a decline from a file; see `read_decline`."""
    if name.startswith(PUBLISHED):
        return published_decline(published_size(name), best=best, worst=worst)
    return read_decline(Path(name), best=best, worst=worst)
