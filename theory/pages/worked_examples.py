"""Learning coefficients worked out on the page: each is computed as the page is rendered."""

from __future__ import annotations

from dataclasses import dataclass

import sympy
from sympy import Abs, Expr, Poly, Rational, Symbol

from theory.learning_coefficient.engine import rlct
from theory.learning_coefficient.local_problem import LearningCoefficient, LearningCoefficientRefused

W, X, Y, Z = (Symbol(name, real=True) for name in "wxyz")


@dataclass(frozen=True)
class WorkedExample:
    """A loss, a point, and what to notice about it."""

    loss: Expr
    remark: str
    point: tuple[Expr, ...] = ()  # the origin
    prior: Expr | int = 1

    @property
    def coordinates(self) -> tuple[Symbol, ...]:
        """Those of the loss."""
        return tuple(c for c in (W, X, Y, Z) if self.loss.has(c))

    @property
    def place(self) -> tuple[Expr, ...]:
        """The point, coordinate by coordinate."""
        return self.point or (sympy.Integer(0),) * len(self.coordinates)

    def answer(self) -> LearningCoefficient | LearningCoefficientRefused:
        """The learning coefficient, or the refusal."""
        try:
            return rlct(self.loss, self.coordinates, self.place, self.prior)
        except LearningCoefficientRefused as refusal:
            return refusal


_DOUBLE_WELL = (W**2 - 1) ** 2 - Rational(3, 20) * W

WORKED_EXAMPLES: tuple[WorkedExample, ...] = (
    WorkedExample(
        _DOUBLE_WELL,
        "A regular minimum at an algebraic number: the order of vanishing is exact there too.",
        point=(Poly(sympy.diff(_DOUBLE_WELL, W), W).real_roots()[-1],),
    ),
    WorkedExample(X**2 + X * Y + Y**2, "A regular point in two dimensions."),
    WorkedExample(
        (X * Y - Rational(1, 2)) ** 2,
        "A curve of minima: only the distance from the curve matters.",
        point=(sympy.Integer(1), Rational(1, 2)),
    ),
    WorkedExample(
        (X**2 + Y**2 - 1) ** 2 * ((X - 3) ** 2 + Y**2 + Rational(1, 4)),
        "A circle of minima, times a factor that does not vanish.",
        point=(sympy.Integer(1), sympy.Integer(0)),
    ),
    WorkedExample(
        X**2 * Y**2 * ((X - 2) ** 2 + (Y - 2) ** 2 + Rational(7, 48)), "Two lines of minima crossing: multiplicity two."
    ),
    WorkedExample(X**2 * Y**4, "A prior that vanishes raises the learning coefficient.", prior=Abs(X) * Y**2),
    WorkedExample(X**4 + Y**6, "Independent blocks: values add."),
    WorkedExample((X**2 + Y**2) ** 2, "Singular, but not degenerate."),
    WorkedExample(X**2 * Y**2 + X**6, "Two facets of the Newton polyhedron are met at once."),
    WorkedExample(X**6 + X**2 * Y**2 + Y**6, "The middle term wins."),
    WorkedExample(X**4 + X**2 * Y**2 + Y**4, "The middle term lies on the edge and changes nothing."),
    WorkedExample(
        X**4 + Y**4 + Z**4 - X**2 * Y * Z,
        "Three dimensions, a face with a negative term: a Groebner basis proves non-degeneracy.",
    ),
    WorkedExample((X + Y) ** 2 + (X - Y) ** 4, "Degenerate as written, not after a linear change."),
    WorkedExample((X**2 - Y**3) ** 2, "A double cusp: one weighted blow-up."),
    WorkedExample(X**2 * Y**2 * (X + Y) ** 2, "Three lines through a point."),
    WorkedExample((X - Y**2) ** 2 + Y**6, "A parabola of near-minima: two blow-ups in a row."),
    WorkedExample((X**2 - 2 * Y**2) ** 2 + X**8, "Tangents with an irrational slope."),
    WorkedExample((Z**2 - X * Y) ** 2 + X**6 + Y**6, "A weighted blow-up with isolated zeros on its divisor."),
    WorkedExample((X**2 - 2 * Y**2) ** 2 + X**2 * Z**4 + Y**6 + Z**10, "Refused, with bounds."),
    WorkedExample(X**2 - Y**4, "Not a minimum."),
)
