"""Scores: expressions of a potential's coordinates, and of momenta, that tell how far a chain is on its way out."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import shown
from .expression_parts import compiled
from .expressions import parse_expression
from .potential import Potential

__all__ = ["momentum_symbols", "read_score", "score_at_rest"]


def momentum_symbols(potential: Potential) -> tuple[sympy.Symbol, ...]:
    """Names by which a score may have what lies behind the coordinates: momenta, or SGD's buffer."""
    return tuple(sympy.Symbol(f"momentum_{w.name}", real=True) for w in potential.coordinates)


def read_score(potential: Potential, score: str | sympy.Expr, momenta: bool, argument: str = "score") -> sympy.Expr:
    """A score in the potential's own symbols, of functions that kernels can be printed with.

    Parameters
    ----------
    potential
        Whose coordinates it may have.
    score
        Text, or an expression whose symbols have the coordinates' names.
    momenta
        Whether it may have :func:`momentum_symbols` too.
    argument
        What to call it in a message.

    Raises
    ------
    ValueError
        In one line: no expression, other symbols, or none.
    """
    expression = parse_expression(score, argument) if isinstance(score, str) else score
    if not isinstance(expression, sympy.Expr):
        raise ValueError(f"{argument} must be a coordinate's number or an expression, not {shown(score)}")
    carried = momentum_symbols(potential) if momenta else ()
    known = {s.name: s for s in (*potential.coordinates, *carried)}
    unknown = sorted(s.name for s in expression.free_symbols if s.name not in known)
    if unknown or not expression.free_symbols:
        what = f"has {', '.join(unknown)}" if unknown else "has none of them"
        raise ValueError(f"{argument} must be an expression of {', '.join(known)}, and {expression} {what}")
    if strange := sorted(f.func.__name__ for f in expression.atoms(sympy.core.function.AppliedUndef)):
        raise ValueError(f"{argument} has the unknown function {strange[0]}; give its formula")
    expression = expression.xreplace({s: known[s.name] for s in expression.free_symbols})
    # The larger of two numbers is half of their sum and their distance: printed without a comparison.
    return expression.rewrite(sympy.Abs) if expression.has(sympy.Min, sympy.Max) else expression


def score_at_rest(potential: Potential, score: sympy.Expr) -> Callable[[ArrayLike], NDArray[np.float64]]:
    """The score at points (..., d) with all momenta zero."""
    return compiled(score.xreplace(dict.fromkeys(momentum_symbols(potential), sympy.S.Zero)), potential.coordinates, ())
