"""The public way in: a loss or generators as people write them, at the origin unless another point is given.

Text is parsed without being evaluated, `Poly` and numpy numbers are taken as they are, a Matrix or a list means the
generators of an ideal, floats count where they are short binary fractions (0.5, 0.375) and are refused by name where
they are not (0.1). What was assumed is said first in the certificate.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import replace
from typing import Any

import sympy
from sympy import Expr, Float, Heaviside, MatrixBase, Max, Min, Piecewise, Poly, Rational, Symbol
from sympy.logic.boolalg import Boolean

from theory.learning_coefficient import engine, ideal
from theory.learning_coefficient.algebraic import NotAlgebraicError, rename_symbols
from theory.learning_coefficient.arguments import check_arguments, ordered, shown
from theory.learning_coefficient.local_form import factors_at, gradients_independent
from theory.learning_coefficient.local_pieces import local_piece
from theory.learning_coefficient.local_problem import LearningCoefficient, LearningCoefficientRefused
from theory.learning_coefficient.text import read_expression, read_relation

_LARGEST_DENOMINATOR, _LARGEST_NUMERATOR = 2**10, 2**53


def rlct(
    expression: Any, coordinates: Any = None, point: Any = None, prior: Any = 1, domain: Any = None
) -> LearningCoefficient:
    """Learning coefficient and multiplicity of a loss, or of the ideal that a Matrix or list generates.

    Parameters
    ----------
    expression : sympy.Expr, sympy.Poly, str, or a Matrix, list or tuple of them
        One loss, or generators f_1, f_2, ... standing for the loss f_1^2 + f_2^2 + ...
    coordinates : sequence of sympy.Symbol or str, optional
        The symbols of the loss in order of name, if left out.
    point : sequence or mapping of exact numbers, optional
        A minimum (a common zero of generators). The origin, if left out; a mapping names every coordinate.
    prior : sympy.Expr, str or number
        Density near the point, as for :func:`theory.learning_coefficient.engine.rlct`; where it switches at the point
        (Heaviside, Piecewise, Max, Min), each of its cases is a domain.
    domain : inequality or str, or a list or tuple of them, optional
        Polynomial inequalities such as x >= 0 or "x + y <= 1" that hold together; the point may lie on the boundary,
        and the loss need only be smallest there among the points of the domain.

    Returns
    -------
    LearningCoefficient
        Its certificate opens with what was assumed: coordinates, point, symbols taken to be real.

    Raises
    ------
    LearningCoefficientRefused
        If no method proves a value; its `lower`, `upper` and `next_step` say what is known and what to try.
    ValueError
        If an argument is malformed or holds a float that is no short binary fraction; if the point lies outside of the
        domain, or the domain has no interior there.
    """
    several = isinstance(expression, MatrixBase | list | tuple)
    given = None if coordinates is None else ordered("coordinates", coordinates)
    items = list(expression) if isinstance(expression, MatrixBase | list | tuple) else [expression]
    known = _named([*items, prior], given or ())
    read = [_expression("expression", item, known) for item in items]
    density = _expression("prior", prior, _named([*read, prior], given or ()))
    relations = () if domain is None else _relations(domain, _named([*read, density], given or ()))
    names, said = _coordinates(given, [*read, density], read, known)
    place = _place(point, names)
    if point is None:
        said.append(f"no point was given: the origin of ({', '.join(map(str, names))})")
    plain = [str(c) for c in names if isinstance(c, Symbol) and c.is_real is None]
    if plain:
        said.append(f"{', '.join(plain)}: taken to be real")
    if relations or _switches(density, names, place):
        from theory.learning_coefficient.on_domain import solve_on_domain  # needed by few

        answer = solve_on_domain(read, several, names, place, density, relations, (ideal.rlct_of_ideal, _of_loss))
    else:
        answer = _of_generators(read, names, place, density) if several else _of_loss(read[0], names, place, density)
    return replace(answer, certificate=(*said, *answer.certificate))


def _relations(domain: Any, known: Mapping[str, Symbol]) -> tuple[Boolean, ...]:
    """The inequalities of a domain: text read, floats made exact."""
    from theory.learning_coefficient.domain import read_relations  # needed by few

    items = ordered("domain", domain) if isinstance(domain, Iterable) and not isinstance(domain, str) else (domain,)
    read = [read_relation("domain", item, known) if isinstance(item, str) else item for item in items]
    return read_relations(
        item.xreplace({n: _exact("domain", n) for n in item.atoms(Float)}) if isinstance(item, Boolean) else item
        for item in read
    )


def _switches(density: Any, names: Sequence[Any], place: Sequence[Any]) -> bool:
    """Whether the prior has steps or cases that change at the point, which cut the neighbourhood into domains."""
    if not isinstance(density, Expr) or not density.has(Heaviside, Piecewise, Max, Min):
        return False
    try:
        local_piece("prior", density, names, place)
    except ValueError as error:
        return "switches at the point" in str(error)
    return False


def _of_generators(
    read: Sequence[Any], names: tuple[Any, ...], place: tuple[Any, ...], density: Expr
) -> LearningCoefficient:
    """The ideal's answer; what is wrong with its generators is wrong with what they were given as."""
    try:
        return ideal.rlct_of_ideal(read, names, place, density)
    except ValueError as error:
        if isinstance(error, LearningCoefficientRefused) or not str(error).startswith("generators"):
            raise
        raise ValueError(f"expression{str(error).removeprefix('generators')}") from None


def _of_loss(loss: Expr, names: tuple[Any, ...], place: tuple[Any, ...], density: Expr) -> LearningCoefficient:
    """The engine's answer, or, where it has none, that of an ideal whose sum of squares is comparable to the loss."""
    if (of_root := _of_square_root(loss, names, place, density)) is not None:
        return of_root
    try:
        return engine.rlct(loss, names, place, density)
    except LearningCoefficientRefused as refusal:
        if refusal.lower is None:  # no minimum, or not analytic
            raise
        from theory.learning_coefficient.analytic_losses import NoIdealError, ideal_of_loss  # needed by few

        real = {c: Symbol(c.name, real=True, prime=False) for c in names}
        try:
            generators, moved, sentences = ideal_of_loss(rename_symbols(loss, real), tuple(real.values()), place)
            if density.free_symbols and len(sentences) > 1:  # the prior is not written in the new coordinates
                raise refusal
            answer = ideal.rlct_of_ideal(generators, tuple(real.values()), moved, rename_symbols(density, real))
        except (NoIdealError, LearningCoefficientRefused):
            raise refusal from None
    return replace(answer, certificate=(*sentences, *answer.certificate))


def _of_square_root(
    loss: Any, names: tuple[Any, ...], place: tuple[Any, ...], density: Expr
) -> LearningCoefficient | None:
    """The ideal (f) of a loss that is a unit times f^2 and no normal crossing, in three or more coordinates.

    Tried first: the expanded square has many faces, and a method that fails on it takes long to do so.
    """
    if len(getattr(loss, "free_symbols", ())) < 3 or not loss.is_polynomial(*names):
        return None
    try:
        (exact,), names, place = check_arguments("expression", (loss,), names, place)
        factored = factors_at(exact - exact.xreplace(dict(zip(names, place, strict=True))), names, place)
    except (ValueError, NotAlgebraicError):  # for the engine to say
        return None
    if factored is None or any(power % 2 for _, power in factored.vanishing):
        return None
    if factored.unit_sign < 0:
        raise LearningCoefficientRefused(
            f"point {tuple(place)} is not a local minimum: the loss is a negative unit times a square",
            next_step="give a point at which the loss is smallest nearby",
        )
    if gradients_independent([f for f, _ in factored.vanishing], names, place):
        return None
    root = sympy.Mul(*[f ** (power // 2) for f, power in factored.vanishing])
    try:
        answer = ideal.rlct_of_ideal([root], names, place, density, blow_ups_only=True)
    except LearningCoefficientRefused:
        return None
    return replace(answer, certificate=(f"the loss is a positive unit times the square of {root}", *answer.certificate))


def _named(items: Iterable[Any], coordinates: Iterable[Any]) -> dict[str, Symbol]:
    """Symbols already in use, by name: text means these."""
    known: dict[str, Symbol] = {}
    for item in items:
        free = getattr(item, "free_symbols", ())
        known |= {symbol.name: symbol for symbol in free if isinstance(symbol, Symbol)}
    return known | {c.name: c for c in coordinates if isinstance(c, Symbol)}


def _coordinates(
    given: Sequence[Any] | None, used: Sequence[Expr], losses: Sequence[Expr], known: Mapping[str, Symbol]
) -> tuple[tuple[Any, ...], list[str]]:
    symbols = _named(used, ()) | dict(known)
    if given is not None:
        read = []
        for name in given:
            if isinstance(name, str) and not name.isidentifier():
                raise ValueError(f"coordinates: {shown(name)} is no name; expected one such as 'x'")
            read.append(symbols.get(name, Symbol(name, real=True)) if isinstance(name, str) else name)
        return tuple(read), []
    free = sorted(set().union(*[e.free_symbols for e in losses]), key=lambda s: (_natural(s.name), str(s.assumptions0)))
    if not free:
        raise ValueError(f"expression: {shown(losses[0] if losses else None)} has no symbols; name its coordinates")
    return tuple(free), [f"coordinates: the symbols in order of name, ({', '.join(map(str, free))})"]


def _natural(name: str) -> tuple[str, int]:
    stem = name.rstrip("0123456789")
    return stem, int(name[len(stem) :] or -1)


def _place(point: Any, names: Sequence[Any]) -> tuple[Any, ...]:
    if point is None:
        return (sympy.Integer(0),) * len(names)
    if isinstance(point, Mapping):
        by_name = {str(key): value for key, value in point.items()}
        expected = [str(c) for c in names]
        if set(by_name) != set(expected) or len(by_name) != len(point):
            raise ValueError(f"point: names {', '.join(by_name)}; expected one value for each of {', '.join(expected)}")
        point = [by_name[c] for c in expected]
    return tuple(_expression("point", p, {}) for p in ordered("point", point))


def _expression(name: str, value: Any, known: Mapping[str, Symbol]) -> Any:
    """`value` read, with floats made exact; what is no expression is left for the check of arguments to refuse."""
    if isinstance(value, str):
        return read_expression(name, value, known)
    if isinstance(value, bool | None | bytes):
        return value
    if isinstance(value, Poly):
        value = value.as_expr()
    try:
        read = sympy.sympify(value, strict=True)
    except (sympy.SympifyError, TypeError, ValueError, AttributeError):
        return value
    if not isinstance(read, Expr) or isinstance(read, MatrixBase):
        raise ValueError(f"{name}: expected an expression, text or a number, got {shown(value)}")
    return read.xreplace({number: _exact(name, number) for number in read.atoms(Float)})


def _exact(name: str, number: Float) -> Rational:
    if number.is_finite:
        fraction = Rational(number)
        if fraction.q <= _LARGEST_DENOMINATOR and abs(fraction.p) <= _LARGEST_NUMERATOR:
            return fraction
    short = sympy.nsimplify(number, rational=True, tolerance=1e-12) if number.is_finite else "a finite number"
    raise ValueError(f"{name}: the float {float(number):.12g} is no short binary fraction; write {short!s} exactly")


__all__ = ["rlct"]
