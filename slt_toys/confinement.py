"""Does an energy confine by itself, and in which box is its mass?"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import sympy

from .expressions import ExpressionError

# exp(-200) at n_beta = 1: beyond the box nothing is left in double precision at any temperature below 5.
ENERGY_AT_THE_EDGE = 200.0


def confining_box(
    energy: sympy.Expr, coordinates: Sequence[sympy.Symbol], argument: str = "energy"
) -> tuple[tuple[float, float], ...]:
    """Box outside which a confining polynomial energy exceeds its minimum by :data:`ENERGY_AT_THE_EDGE`.

    Raises
    ------
    ExpressionError
        When the energy is not bounded below, or it cannot be shown to grow in every direction.
    """
    shown = repr(sympy.sstr(energy)[:60])
    if not energy.is_polynomial(*coordinates):
        raise ExpressionError(
            f"{argument} {shown} is not a polynomial, so it cannot be shown to confine; give box=(low, high)"
        )
    if not _grows_everywhere(sympy.Poly(energy, *coordinates), len(coordinates)):
        raise ExpressionError(
            f"{argument} {shown} is unbounded below or does not grow in every direction; add a confining term such as "
            f"{coordinates[0]}**4, or give box=(low, high)"
        )
    function = sympy.lambdify(coordinates, energy, modules="numpy", cse=True)
    radius = 1.0
    for _ in range(200):
        inside = function(*_ball(len(coordinates), radius))
        surface = function(*_sphere(len(coordinates), radius))
        if np.min(surface) > np.min(inside) + ENERGY_AT_THE_EDGE and np.all(
            function(*_sphere(len(coordinates), 1.5 * radius)) > np.min(surface)
        ):
            return ((-radius, radius),) * len(coordinates)
        radius *= 1.15
    raise ExpressionError(f"{argument} {shown} grows too slowly for a box to be found; give box=(low, high)")


def _grows_everywhere(polynomial: sympy.Poly, dimension: int) -> bool:
    degree = polynomial.total_degree()
    if degree < 2 or degree % 2:
        return False
    terms = polynomial.terms()
    if dimension == 1:
        return bool(polynomial.LC() > 0)
    if all(
        term.is_polynomial() and len(term.free_symbols) <= 1
        for term in sympy.Add.make_args(sympy.expand(polynomial.as_expr()))
    ):
        return all(
            _grows_everywhere(sympy.Poly(sum((c * w ** m[i] for m, c in terms if m[i]), sympy.S.Zero), w), 1)
            for i, w in enumerate(polynomial.gens)
        )
    top = sympy.Add(
        *(c * sympy.prod(w**e for w, e in zip(polynomial.gens, m, strict=True)) for m, c in terms if sum(m) == degree)
    )
    if dimension == 2:
        # The leading form is positive on every line through the origin: no real root in slope, positive somewhere.
        x, y = polynomial.gens
        slope = sympy.Poly(top.subs({x: 1}), y)
        if top.subs({x: 0, y: 1}) > 0 and top.subs({x: 1, y: 0}) > 0 and slope.count_roots() == 0:
            return True
    if degree == 2:
        return bool(sympy.hessian(top, polynomial.gens).is_positive_definite)
    return _powers_outweigh(terms, dimension)


def _powers_outweigh(terms: Sequence[tuple[tuple[int, ...], sympy.Expr]], dimension: int) -> bool:
    """Whether every term that may be negative grows more slowly than the even powers of single coordinates.

    |w^m| is at most the largest |w_i|^d_i to the power Σ m_i/d_i; below 1 that is outweighed far out.
    """
    even = [all(e % 2 == 0 for e in m) and c > 0 for m, c in terms]
    powers = [
        max((m[i] for (m, _), good in zip(terms, even, strict=True) if good and m[i] == sum(m) > 0), default=0)
        for i in range(dimension)
    ]
    if not all(powers):
        return False
    return all(
        good or sum(sympy.Rational(e, d) for e, d in zip(m, powers, strict=True)) < 1
        for (m, _), good in zip(terms, even, strict=True)
    )


def _sphere(dimension: int, radius: float) -> np.ndarray:
    if dimension == 1:
        return np.array([[-radius, radius]])
    if dimension == 2:
        angle = np.linspace(0, 2 * np.pi, 721)
        return radius * np.array([np.cos(angle), np.sin(angle)])
    directions = np.random.default_rng(0).standard_normal((dimension, 4000))
    directions = np.hstack([directions, np.eye(dimension), -np.eye(dimension)])
    return radius * directions / np.linalg.norm(directions, axis=0)


def _ball(dimension: int, radius: float) -> np.ndarray:
    return np.concatenate([_sphere(dimension, r) for r in np.linspace(0.0, radius, 201)], axis=1)
