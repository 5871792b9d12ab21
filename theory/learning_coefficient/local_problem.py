"""A question about a loss at a point, its answer, and its refusal."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import NoReturn

from sympy import Expr, Rational, Symbol

from theory.learning_coefficient.local_form import independent_blocks
from theory.learning_coefficient.prior import Prior


@dataclass(frozen=True)
class LearningCoefficient:
    """Learning coefficient `value` and `multiplicity`, the method that found them and a proof in sentences."""

    value: Rational
    multiplicity: int
    method: str
    certificate: tuple[str, ...]


class LearningCoefficientRefused(ValueError):
    """No method proves a value; the message says why and which bounds are known.

    Attributes
    ----------
    lower, upper : sympy.Rational or None
        Bounds of the value that hold if the point is a local minimum; None where none is known.
    next_step : str
        What to try instead.
    """

    def __init__(
        self, reason: str, lower: Rational | None = None, upper: Rational | None = None, next_step: str = ""
    ) -> None:
        super().__init__(reason)
        self.lower, self.upper = lower, upper
        self.next_step = next_step or "give the generators of an ideal whose sum of squares bounds the loss both ways"

    def hints(self) -> tuple[str, ...]:
        """The bounds, where there are any, and the next step, a line each."""
        ends = [f"{self.lower} <= " if self.lower is not None else "", f" <= {self.upper}" if self.upper else ""]
        known = (f"bounds, at a local minimum: {ends[0]}λ{ends[1]}",) if any(ends) else ()
        return (*known, f"next step: {self.next_step}")


@dataclass(frozen=True)
class Problem:
    """Loss with value zero at `point` to be analysed in `coordinates` only (it may not depend on all of them).

    `minimum`: the loss is known to be non-negative near the point.
    """

    loss: Expr
    coordinates: tuple[Symbol, ...]
    point: tuple[Expr, ...]
    prior: Prior
    depth: int = 0
    minimum: bool = False

    def restricted(self, loss: Expr, coordinates: Sequence[Symbol]) -> Problem:
        """The same question about a part of the loss in some of the coordinates."""
        places = dict(zip(self.coordinates, self.point, strict=True))
        return replace(self, loss=loss, coordinates=tuple(coordinates), point=tuple(places[c] for c in coordinates))


def bounds(problem: Problem, lower: Rational, upper: Rational | None = None) -> str:
    """Known bounds of the value, and what they rest on."""
    lower *= problem.prior.share_of_bounded()
    condition = "" if problem.minimum else f"if {problem.point} is a local minimum, "
    return f"{condition}known bounds: {lower} <= value" + ("" if upper is None else f" <= {upper}")


def check_prior_blocks(problem: Problem) -> None:
    """Refuse a vanishing prior factor that mixes coordinates, unless one block of the loss holds them all."""
    for factor, _ in problem.prior.others:
        needed = factor.free_symbols & set(problem.coordinates)
        blocks = independent_blocks(problem.loss, problem.coordinates)
        if not any(needed <= set(block_coordinates) for _, block_coordinates in blocks):
            refuse(f"prior factor {factor} ties together coordinates that are independent in the loss")


def refuse(reason: str) -> NoReturn:
    """Raise a refusal with this one line."""
    raise LearningCoefficientRefused(reason)
