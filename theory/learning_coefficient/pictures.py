"""Local pictures of an ideal on its way to a resolution, and what the resolved ones say."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from itertools import combinations
from typing import Any

from sympy import QQ, groebner

from theory.learning_coefficient.positivity import UndecidedError, why_negative

Polynomial = Any  # sympy's PolyElement, untyped there
Cell = tuple[tuple[int, ...], tuple[int, ...]]  # coordinates that are not zero, and those that may be either


class UnresolvedError(ValueError):
    """The steps do not close within their bounds."""


@dataclass(frozen=True)
class Picture:
    """Monomial `powers`, volume exponents `volume`, which coordinates are `local`, what is `nonzero`, generators."""

    generators: tuple[Polynomial, ...]
    powers: tuple[int, ...]
    volume: tuple[Fraction, ...]
    local: tuple[bool, ...]
    nonzero: frozenset[Polynomial] = frozenset()
    depth: int = 0
    some_point: bool = False  # only of some of the parameters is it known that they occur: no cases may follow
    # Where the picture lies, as numerator and denominator of each coordinate in the parameters; None if not followed.
    base: tuple[tuple[Polynomial, Polynomial], ...] | None = None


@dataclass(frozen=True)
class Resolved:
    """Value, multiplicity and the steps that led to the picture that decides."""

    value: Fraction
    multiplicity: int
    steps: tuple[str, ...]


def is_definite(q: Polynomial, used: Sequence[int]) -> bool:
    """Whether q is proved to have one sign and no zero: zeros of a polynomial of one sign would be singular."""
    names = [q.ring.symbols[i] for i in used]
    constant = q.coeff(1)
    sign = 1 if constant > 0 else -1
    terms = {tuple(m[i] for i in used): sign * QQ.to_sympy(c) for m, c in q.items()}
    try:
        if constant == 0 or why_negative(terms) is not None:
            return False
    except UndecidedError:
        return False
    whole = q.as_expr()
    return groebner([whole, *[whole.diff(name) for name in names]], *names, order="grevlex").exprs == [1]


def worst(answers: Iterable[Resolved | None]) -> Resolved | None:
    """The answer of the smallest value, then of the largest multiplicity; None if there is none."""
    return min((a for a in answers if a is not None), key=lambda a: (a.value, -a.multiplicity), default=None)


def size_of(f: Polynomial) -> tuple[int, int]:
    """Number of terms and degree, to take simple polynomials first."""
    return len(f), max((sum(m) for m in f), default=0)


def monomials_free_of(picture: Picture, t: int) -> bool:
    """Whether w_t divides no generator and is no monomial generator's factor."""
    return all(min(m[t] for m in g) == 0 for g in picture.generators)


def with_power(generators: Sequence[Polynomial], factor: Polynomial) -> list[tuple[Polynomial, int]]:
    """Each generator with the power of `factor` in it."""
    return [(g, next((k for f, k in g.factor_list()[1] if f == factor), 0)) for g in generators]


def divided(picture: Picture) -> Picture:
    """The monomial of local coordinates that all generators share, moved into the powers."""
    common = [min((min(m[i] for m in g) for g in picture.generators), default=0) for i in range(len(picture.local))]
    common = [c if k else 0 for c, k in zip(common, picture.local, strict=True)]
    shifted = tuple(
        g.ring.from_dict({tuple(e - c for e, c in zip(m, common, strict=True)): v for m, v in g.items()})
        for g in picture.generators
    )
    powers = tuple(p + c for p, c in zip(picture.powers, common, strict=True))
    return replace(picture, generators=shifted, powers=powers)


def cells_by_zeros(centre: tuple[int, ...]) -> list[Cell]:
    """The fibre, cut by which coordinates are zero."""
    return [(off, ()) for size in range(1, len(centre) + 1) for off in combinations(centre, size)]


def chart(picture: Picture, centre: tuple[int, ...], off: tuple[int, ...], free: tuple[int, ...] = ()) -> Picture:
    """w_j = r, w_i = r s_i, with j the first of `off`: s_i is not 0 for i in `off`, anything for i in `free`."""
    ring = picture.generators[0].ring
    pivot, unequal = off[0], off[1:]
    generators = []
    for g in picture.generators:
        moved = {}
        for m, c in g.items():
            raised = list(m)
            raised[pivot] = sum(m[i] for i in centre)
            moved[tuple(raised)] = c
        generators.append(ring.from_dict(moved))
    powers, volume = list(picture.powers), list(picture.volume)
    powers[pivot] = sum(picture.powers[i] for i in centre)
    volume[pivot] = sum((picture.volume[i] + 1 for i in centre), Fraction(0)) - 1
    parameters = {*unequal, *free}
    for i in parameters:
        powers[i], volume[i] = 0, Fraction(0)
    return Picture(
        tuple(generators),
        tuple(powers),
        tuple(volume),
        tuple(k and i not in parameters for i, k in enumerate(picture.local)),
        picture.nonzero | {ring.gens[i] for i in unequal},
        picture.depth + 1,
        picture.some_point,
        picture.base,
    )
