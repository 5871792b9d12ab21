"""What a zoo model is asked: does temperature, batch size or time control its transition, and by how much?"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Literal

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..results.claims import Claim, Table, Verdict, estimate_text
from .model import Check

ControlName = Literal["temperature", "batch size", "time", "other"]
CONTROLS: tuple[ControlName, ...] = ("temperature", "batch size", "time", "other")
LEAST = 0.1  # of the quantity's range: what moves it by less does not control it
MOST = 0.5  # what moves it by more controls it strongly
REACH = 1.96
MOST_SECONDS = 60.0  # of processor time for one model, so that all of them take less than ten minutes


@dataclass(frozen=True)
class Influence:
    """What one control does: the same quantity at two settings that differ in nothing else.

    Attributes
    ----------
    control
        One of :data:`CONTROLS`.
    lever
        What was changed, from what to what.
    quantity
        What was looked at, with its unit.
    first, last
        The quantity at the two settings.
    first_error, last_error
        Their standard errors; 0 where nothing is random.
    span
        By how much the quantity changes over the whole transition. The effect is told in shares of it.
    """

    control: ControlName
    lever: str
    quantity: str
    first: float
    last: float
    first_error: float
    last_error: float
    span: float

    def __post_init__(self) -> None:
        if self.control not in CONTROLS:
            raise ValueError(f"control must be one of {', '.join(CONTROLS)}, not {self.control!r}")
        if not (math.isfinite(self.span) and self.span > 0):
            raise ValueError(f"span must be positive and finite, not {self.span}")

    @property
    def effect(self) -> float:
        """Change of the quantity, in shares of its range."""
        return (self.last - self.first) / self.span

    @property
    def interval(self) -> tuple[float, float]:
        """95 % interval of the effect."""
        reach = REACH * math.hypot(self.first_error, self.last_error) / self.span
        return self.effect - reach, self.effect + reach

    @property
    def verdict(self) -> Verdict:
        """Whether it controls the transition: "yes" beyond a tenth of the range, "no" within it, for the interval."""
        low, high = self.interval
        if not (math.isfinite(low) and math.isfinite(high)):
            return "cannot tell"
        if low > LEAST or high < -LEAST:
            return "yes"
        return "no" if low >= -LEAST and high <= LEAST else "cannot tell"

    @property
    def answer(self) -> str:
        """The verdict with its strength and the effect's interval."""
        low, high = self.interval
        weak = "weakly " if self.verdict == "yes" and abs(self.effect) < MOST else ""
        told = estimate_text(self.effect, low, high, 2) if low < high else f"{self.effect:.2g}"
        return f"{weak}{self.verdict}: {told}"


def nothing(dataset: xr.Dataset) -> tuple[()]:
    """What a study tells that has no claims, or no tables."""
    return ()


@dataclass(frozen=True)
class Study:
    """A model's own experiment.

    Attributes
    ----------
    title
        Of its page.
    introduction
        What the model is, what is exact, where it departs from the paper's system, with every term defined.
    dataset
        Takes a seed; every number that is told or drawn. Where the model has no figure of its own, each variable
        ``x`` beside which there is ``x_law`` is drawn against its dimension, with twice ``x_error``.
    claims
        Of the dataset, at most eight, what speaks against the law or the paper first.
    tables
        Of the dataset.
    influences
        Of the dataset: at least one for each control that the model has.
    most_seconds
        Of processor time that a run may take; ``tests/zoo`` holds the committed record to it.
    """

    title: str
    introduction: str
    dataset: Callable[[int], xr.Dataset]
    claims: Callable[[xr.Dataset], Sequence[Claim]] = nothing
    tables: Callable[[xr.Dataset], Sequence[Table]] = nothing
    influences: Callable[[xr.Dataset], Sequence[Influence]] = nothing
    most_seconds: float = MOST_SECONDS


def share(hits: NDArray[np.bool_]) -> tuple[float, float]:
    """A share of runs and its error, whose 95 % interval holds Wilson's; NaN where there are no runs."""
    n = hits.size
    if not n:
        return math.nan, math.nan
    value = float(hits.mean())
    middle = (value + REACH**2 / (2 * n)) / (1 + REACH**2 / n)
    half = REACH / (1 + REACH**2 / n) * math.sqrt(value * (1 - value) / n + REACH**2 / (4 * n**2))
    return value, (abs(middle - value) + half) / REACH


def influence_table(influences: Sequence[Influence]) -> Table:
    """One row for each influence."""
    columns = {
        "control": [each.control for each in influences],
        "changed": [each.lever for each in influences],
        "looked at": [each.quantity for each in influences],
        "first": [f"{each.first:.3g}" for each in influences],
        "last": [f"{each.last:.3g}" for each in influences],
        "controls it": [each.answer for each in influences],
    }
    return Table.of_columns(
        "what_controls_it",
        "Effects are shares of the quantity's range, with 95 % intervals; below a tenth a control is none, below half "
        "it is weak.",
        columns,
    )


def checked(checks: Sequence[Check], seed: int) -> xr.Dataset:
    """Every check carried out: how far the simulation is from the law, and from the law that is not its own.

    Returns
    -------
    xarray.Dataset
        Along ``check``: the worst departure from the law and the best from the wrong one, each less the tolerance and
        in standard errors (in units of the tolerance, or of 1e-12, where nothing is random).
    """
    law, wrong = [], []
    for number, check in enumerate(checks):
        values, errors = check.simulate(seed * 1000 + number)
        unit = np.where(errors > 0, errors, max(check.tolerance, 1e-12))
        slack = np.where(errors > 0, check.tolerance, 0.0)
        law.append(float((np.maximum(np.abs(values - check.expected()) - slack, 0) / unit).max()))
        wrong.append(float((np.maximum(np.abs(values - check.wrong()) - slack, 0) / unit).max()))
    return xr.Dataset(
        {"departure_from_law": ("check", law), "departure_from_wrong_law": ("check", wrong)},
        coords={"check": [check.name for check in checks]},
    )


def check_table(dataset: xr.Dataset) -> Table:
    """The checks as a table."""
    return Table.of_columns(
        "checks",
        "Worst departure of the simulation from its law, and best from a law that is not its own, in standard errors "
        "beyond the tolerance; in tolerances where nothing is random.",
        {
            "check": [str(name) for name in dataset["check"].values],
            "from the law": [f"{x:.2g}" for x in dataset["departure_from_law"].values],
            "from a wrong law": [f"{x:.2g}" for x in dataset["departure_from_wrong_law"].values],
        },
    )
