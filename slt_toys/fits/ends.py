"""Where a critical period ends: definitions of e* on a curve over switch epochs.

A curve gives, for each switch epoch e_s, the value reached at the end of training: a stuck probability (it rises with
e_s) or an accuracy (it falls). Three definitions, fixed beforehand because they do not agree on real curves:

- half stuck mass: the first epoch at which the stuck probability, an absolute mass, reaches a level (1/2);
- hinge: the kink of the least-squares line that turns flat, ``a + b min(e, kink)``;
- half depth: where the curve is midway between its first row and the mean of its last three.

A curve that does not contain its own e* is *censored*: the answer is then "later than" or "earlier than" an epoch, or
"flat" when nothing changes at all, and no number. Intervals come from ``slt_toys.fits.resampling``.
"""

from __future__ import annotations

import math
from dataclasses import asdict, dataclass
from typing import Any, Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import PchipInterpolator

from ..inputs.arguments import check_fields, checked_arguments

FloatArray = NDArray[np.float64]
Name = Literal["half_stuck_mass", "hinge", "half_depth"]
State = Literal["found", "later", "earlier", "flat"]
MINIMUM_ROWS = {"half_stuck_mass": 2, "hinge": 5, "half_depth": 4}


@dataclass(frozen=True)
class Definition:
    """What is meant by the end of the critical period.

    Parameters
    ----------
    name : {"half_stuck_mass", "hinge", "half_depth"}
    level : float
        The stuck mass to reach; read by half_stuck_mass only.
    direction : {"rising", "falling"}
        Whether the curve reaches the level from below or from above; read by half_stuck_mass only.
    interpolation : {"linear", "monotone_cubic"}
        Between rows, for half_stuck_mass. Monotone cubic (PCHIP) suits exact, smooth curves; linear suits
        noisy ones.
    tail_rows : int
        Rows whose mean is the final value; read by half_depth only.
    """

    name: Name
    level: float = 0.5
    direction: Literal["rising", "falling"] = "rising"
    interpolation: Literal["linear", "monotone_cubic"] = "linear"
    tail_rows: int = 3

    def __post_init__(self) -> None:
        check_fields(self)
        if self.name not in MINIMUM_ROWS:
            raise ValueError(f"definition: {self.name!r} is unknown; use one of {', '.join(MINIMUM_ROWS)}")
        if self.interpolation not in ("linear", "monotone_cubic"):
            raise ValueError(f"interpolation: {self.interpolation!r} is unknown; use linear or monotone_cubic")
        if self.direction not in ("rising", "falling"):
            raise ValueError(f"direction: {self.direction!r} is unknown; use 'rising' or 'falling'")
        if not math.isfinite(self.level):
            raise ValueError(f"level: {self.level} is not a level; give a finite number such as 0.5")
        if self.tail_rows < 1:
            raise ValueError(f"tail_rows: {self.tail_rows} rows have no mean; give at least 1")


HALF_STUCK_MASS = Definition("half_stuck_mass")
HINGE = Definition("hinge")
HALF_DEPTH = Definition("half_depth")


@dataclass(frozen=True)
class Record:
    """What a fit found, as fields that JSON can hold."""

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary for JSON: no NaN, no infinity."""
        return asdict(self)


@dataclass(frozen=True)
class CriticalPeriodEnd(Record):
    """The end of a critical period by one definition. Epochs throughout; ``None`` where there is no number.

    ``bound`` is the epoch that a censored e* is later or earlier than. ``low`` and ``high`` are the ends of the
    interval, ``None`` when there is no interval or when it is open on that side because too many resampled curves are
    censored; ``censored_share`` says how many were. ``standard_error`` is the standard deviation over resampled
    curves, given only if none of them is censored. ``within`` names what the interval is confined to, such as "one
    seed": it then lacks what another one would move.
    """

    definition: str
    state: State
    epoch: float | None
    level: float | None
    bound: float | None = None
    low: float | None = None
    high: float | None = None
    standard_error: float | None = None
    confidence: float | None = None
    method: str = "exact curve"
    repetitions: int = 0
    censored_share: float = 0.0
    within: str = ""

    def statement(self) -> str:
        """One short phrase: the epoch, its interval and within what it holds, or on which side of the curve it lies."""
        if self.state == "flat":
            return "cannot tell: the curve is flat"
        if self.epoch is None:
            return f"{self.state} than {self.bound:g}"
        if self.confidence is None:
            return f"{self.epoch:.1f}"
        low = "open" if self.low is None else f"{self.low:.1f}"
        high = "open" if self.high is None else f"{self.high:.1f}"
        return f"{self.epoch:.1f} [{low}, {high}]" + (f" within {self.within}" if self.within else "")

    def to_dict(self) -> dict[str, Any]:
        """A plain dictionary for JSON, with the phrase."""
        return super().to_dict() | {"statement": self.statement()}


@dataclass(frozen=True)
class HingeFit:
    """The least-squares hinge ``intercept + slope * min(epoch, kink)``, in epochs and the curve's own unit."""

    kink: float
    intercept: float
    slope: float
    residual_sum_of_squares: float

    def line(self, epochs: ArrayLike) -> FloatArray:
        """The fitted curve at the given epochs."""
        return self.intercept + self.slope * np.minimum(np.asarray(epochs, dtype=float), self.kink)


def check_curve(switch_epochs: ArrayLike, values: ArrayLike, at_least: int = 2) -> tuple[FloatArray, FloatArray]:
    """Return (epochs (n,), values (..., n)) as floats, or refuse them in one line.

    Raises
    ------
    ValueError
        If the lengths differ, a number is not finite, the epochs do not increase, or there are too few rows.
    """
    epochs, curve = np.asarray(switch_epochs, dtype=float), np.asarray(values, dtype=float)
    if epochs.ndim != 1 or curve.ndim < 1 or curve.shape[-1] != len(epochs):
        raise ValueError(f"values: shape {curve.shape} does not match switch_epochs {epochs.shape}; give one per epoch")
    if len(epochs) < at_least:
        raise ValueError(f"switch_epochs: {len(epochs)} rows are too few; this needs at least {at_least}")
    check_rows("switch_epochs", epochs)
    check_rows("values", curve)
    steps = np.diff(epochs)
    if np.any(steps <= 0):
        row = int(np.argmax(steps <= 0)) + 1
        raise ValueError(f"switch_epochs: row {row} is {epochs[row]:g} after {epochs[row - 1]:g}; sort them")
    return epochs, curve


def check_rows(name: str, values: FloatArray, positive: bool = False) -> None:
    """Refuse what is not finite, or not positive, by the first row (of the last axis) that holds it."""
    bad = np.argwhere(~(np.isfinite(values) & ((values > 0) | (not positive))))
    if len(bad):
        kind = "positive" if positive else "finite"
        raise ValueError(f"{name}: row {bad[0][-1]} is {values[tuple(bad[0])]}; every row needs a {kind} number")


def first_crossing(
    abscissa: ArrayLike, values: FloatArray, level: ArrayLike, monotone_cubic: bool = False
) -> FloatArray:
    """Where each curve first falls through its level, in the abscissa's unit.

    Parameters
    ----------
    abscissa : (n,)
        Need not increase with the row when the interpolation is linear.
    values : (r, n)
        One curve a row.
    level : scalar or (r,)
    monotone_cubic : bool
        Interpolate by monotone cubics (PCHIP) instead of straight lines.

    Returns
    -------
    (r,) : the crossing; ``-inf`` if the first row is already below, ``+inf`` if no row is.
    """
    where = np.asarray(abscissa, dtype=float)
    target = np.broadcast_to(np.asarray(level, dtype=float), values.shape[:1])
    below = values < target[:, None]
    after = np.argmax(below, axis=1)  # the first row below the level
    before, curve = np.maximum(after - 1, 0), np.arange(len(values))
    start, width = where[before], where[after] - where[before]
    drop = values[curve, before] - values[curve, after]
    share = np.where(after > 0, (values[curve, before] - target) / np.where(after > 0, drop, 1.0), 0.0)
    if monotone_cubic:
        cubic = np.asarray(PchipInterpolator(where, values, axis=1).c)[:, before, curve]
        low, high = np.zeros(len(values)), width.copy()
        for _ in range(60):  # bisection: the cubic is monotone between two rows
            middle = (low + high) / 2
            above = ((cubic[0] * middle + cubic[1]) * middle + cubic[2]) * middle + cubic[3] >= target
            low, high = np.where(above, middle, low), np.where(above, high, middle)
        crossing = start + (low + high) / 2
    else:
        crossing = start + share * width
    return np.where(below.any(axis=1), np.where(after > 0, crossing, -np.inf), np.inf)


def _hinges(epochs: FloatArray, curves: FloatArray) -> tuple[FloatArray, FloatArray, FloatArray, FloatArray]:
    """Kink, intercept, slope and residual sum of squares of the best hinge of every curve, exactly.

    Between two rows the best kink is where the free line through the left rows meets the mean of the right rows, if
    they meet there; if not, the best of that interval lies at one of its ends (Hudson 1966). So the candidates are the
    rows, and one meeting point per interval.
    """
    rows, best = len(epochs), np.full(len(curves), np.inf)
    kink, intercept, slope = (np.zeros(len(curves)) for _ in range(3))

    def consider(at: FloatArray, a: FloatArray, b: FloatArray, valid: NDArray[np.bool_]) -> None:
        residual = curves - a[:, None] - b[:, None] * np.minimum(epochs, at[:, None])
        loss = np.sum(residual**2, axis=1)
        better = valid & (loss < best)
        for kept, candidate in ((best, loss), (kink, at), (intercept, a), (slope, b)):
            kept[better] = candidate[better]

    every = np.ones(len(curves), dtype=bool)
    for row in range(1, rows):  # the last row: a straight line that never turns flat
        bent = np.minimum(epochs, epochs[row])
        a, b = np.linalg.pinv(np.column_stack([np.ones(rows), bent])) @ curves.T
        consider(np.full(len(curves), epochs[row]), a, b, every)
    for row in range(1, rows - 1):
        design = np.column_stack([np.ones(row + 1), epochs[: row + 1]])
        a, b = np.linalg.pinv(design) @ curves[:, : row + 1].T
        sloped = b != 0
        at = (curves[:, row + 1 :].mean(axis=1) - a) / np.where(sloped, b, 1.0)
        consider(at, a, b, sloped & (at > epochs[row]) & (at < epochs[row + 1]))
    return kink, intercept, slope, best


def _locate(epochs: FloatArray, curves: FloatArray, definition: Definition) -> tuple[FloatArray, FloatArray]:
    """e* and the value there for every curve: ``+inf`` later, ``-inf`` earlier, ``nan`` flat."""
    if definition.name == "half_stuck_mass":
        sign = 1.0 if definition.direction == "falling" else -1.0
        # a curve that touches the level has reached it, hence the next number towards the start
        level = np.nextafter(sign * definition.level, np.inf)
        where = first_crossing(epochs, sign * curves, level, definition.interpolation == "monotone_cubic")
        return where, np.full(len(curves), definition.level)
    flat = np.ptp(curves, axis=1) <= 1e-12 * np.max(np.abs(curves), axis=1)
    if definition.name == "hinge":
        kink, intercept, slope, _ = _hinges(epochs, curves)
        # a kink needs two rows on either side: a slope, and a plateau that one stray row cannot fake
        margin = 1e-9 * (epochs[-1] - epochs[0])
        where = np.where(kink <= epochs[1] + margin, -np.inf, np.where(kink > epochs[-2] + margin, np.inf, kink))
        return np.where(flat, np.nan, where), intercept + slope * kink
    tail = curves[:, -definition.tail_rows :].mean(axis=1)
    level = (curves[:, 0] + tail) / 2
    sign = np.where(curves[:, 0] >= tail, 1.0, -1.0)
    where = first_crossing(epochs, sign[:, None] * curves, sign * level)
    # a crossing among the rows that define the final value means that the plateau is not on the curve
    where = np.where(where > epochs[-definition.tail_rows], np.inf, where)
    return np.where(flat | (curves[:, 0] == tail), np.nan, where), level


def minimum_rows(definition: Definition) -> int:
    """How many rows a curve needs for this definition."""
    return MINIMUM_ROWS[definition.name] + (max(definition.tail_rows - 3, 0) if definition.name == "half_depth" else 0)


@checked_arguments
def find_end(switch_epochs: ArrayLike, values: ArrayLike, definition: Definition) -> CriticalPeriodEnd:
    """The end of the critical period on one curve (n,), by the given definition, without an interval."""
    epochs, curve = check_curve(switch_epochs, values, minimum_rows(definition))
    if curve.ndim != 1:
        raise ValueError(f"values: shape {curve.shape} holds several curves; give one of {len(epochs)} rows")
    where, level = (array.item() for array in _locate(epochs, curve[None], definition))
    if math.isfinite(where):
        return CriticalPeriodEnd(definition.name, "found", where, level)
    if math.isnan(where):
        return CriticalPeriodEnd(definition.name, "flat", None, None)
    early, late = {"hinge": (1, -2), "half_depth": (0, -definition.tail_rows)}.get(definition.name, (0, -1))
    state, row = ("later", late) if where > 0 else ("earlier", early)
    return CriticalPeriodEnd(definition.name, state, None, None, bound=float(epochs[row]))


@checked_arguments(finite=False)
def half_stuck_mass(
    switch_epochs: ArrayLike, values: ArrayLike, *, level: float = 0.5,
    interpolation: Literal["linear", "monotone_cubic"] = "linear",
    direction: Literal["rising", "falling"] = "rising",
) -> CriticalPeriodEnd:  # fmt: skip
    """First switch epoch at which the stuck probability, as an absolute mass, reaches the level."""
    return find_end(switch_epochs, values, Definition("half_stuck_mass", level, direction, interpolation))


@checked_arguments
def hinge(switch_epochs: ArrayLike, values: ArrayLike) -> CriticalPeriodEnd:
    """The kink of the least-squares line that turns flat, exact over all kinks (Hudson 1966); ``level`` is the plateau.

    The kink needs two rows on either side of it; with fewer it is censored.
    """
    return find_end(switch_epochs, values, HINGE)


@checked_arguments
def half_depth(switch_epochs: ArrayLike, values: ArrayLike, *, tail_rows: int = 3) -> CriticalPeriodEnd:
    """Where the curve, joined by straight lines, is midway between its first row and the mean of its last rows."""
    return find_end(switch_epochs, values, Definition("half_depth", tail_rows=tail_rows))


@checked_arguments
def hinge_fit(switch_epochs: ArrayLike, values: ArrayLike) -> HingeFit:
    """The least-squares hinge of one curve (n,), for drawing it."""
    epochs, curve = check_curve(switch_epochs, values, MINIMUM_ROWS["hinge"])
    return HingeFit(*(array.item() for array in _hinges(epochs, curve[None])))


@checked_arguments
def replicate_epochs(switch_epochs: ArrayLike, curves: ArrayLike, definition: Definition) -> FloatArray:
    """e* of every resampled curve (r, n): ``+inf`` if later than the curve, ``-inf`` if earlier, ``nan`` if flat."""
    if np.ndim(curves) == 0 or np.shape(curves)[-1:] != np.shape(switch_epochs):
        raise ValueError(f"curves: shape {np.shape(curves)} does not match switch_epochs {np.shape(switch_epochs)}")
    epochs, several = check_curve(switch_epochs, curves, minimum_rows(definition))
    return _locate(epochs, np.atleast_2d(several), definition)[0]
