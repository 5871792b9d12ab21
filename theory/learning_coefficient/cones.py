"""Polyhedral cones {A q >= 0} with apex at the origin, cut exactly into simplicial ones."""

from __future__ import annotations

from collections.abc import Sequence
from itertools import combinations
from math import lcm

from sympy import Matrix, Rational

Ray = tuple[Rational, ...]


def simplicial_cones(rows: Sequence[Sequence[Rational]]) -> list[list[Ray]]:
    """Linearly independent rays of simplicial cones whose union is {q : A q >= 0}; no cone if it has no interior.

    Parameters
    ----------
    rows : sequence of vectors of length r
        The rows of A, which has rank r: the cone holds no line.
    """
    dimension = len(rows[0])
    rays = _rays(rows, dimension)
    if not rays or Matrix(rays).rank() < dimension:
        return []
    touching = [[i for i, ray in enumerate(rays) if _dot(row, ray) == 0] for row in rows]
    return [[rays[i] for i in part] for part in _triangulated(list(range(len(rays))), touching, rays)]


def _rays(rows: Sequence[Sequence[Rational]], dimension: int) -> list[Ray]:
    """Extreme rays: directions fixed by dimension - 1 tight rows that meet all others."""
    found: set[Ray] = set()
    if dimension == 1:
        candidates = [Matrix([[1]])]
    else:
        spaces = [Matrix(chosen).nullspace() for chosen in combinations(rows, dimension - 1)]
        candidates = [space[0] for space in spaces if len(space) == 1]
    for direction in candidates:
        scale = lcm(*[int(v.q) for v in direction])
        for sign in (1, -1):
            ray = tuple(sign * scale * v for v in direction)
            if all(_dot(row, ray) >= 0 for row in rows):
                found.add(ray)
    return sorted(found)


def _triangulated(face: list[int], touching: Sequence[Sequence[int]], rays: Sequence[Ray]) -> list[list[int]]:
    """Cones over the facets that do not hold the first ray of a face, each cut the same way."""
    rank = Matrix([rays[i] for i in face]).rank()
    if len(face) == rank:
        return [face]
    apex = face[0]
    parts = {tuple(i for i in face if i in tight) for tight in touching}
    facets = [list(part) for part in parts if part and apex not in part]
    facets = [part for part in facets if Matrix([rays[i] for i in part]).rank() == rank - 1]
    return [[apex, *part] for facet in facets for part in _triangulated(facet, touching, rays)]


def _dot(a: Sequence[Rational], b: Sequence[Rational]) -> Rational:
    return sum((x * y for x, y in zip(a, b, strict=True)), Rational(0))
