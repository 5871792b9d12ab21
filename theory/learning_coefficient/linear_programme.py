"""The linear programme of a monomial ideal, exactly: its minimum and the dimension of the set of minimisers."""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache
from itertools import combinations
from typing import Any

Answer = tuple[Fraction, int]


@lru_cache(maxsize=4096)
def linear_programme(rows: tuple[tuple[int, ...], ...], weights: tuple[Fraction, ...]) -> Answer:
    """Minimum of <weights, u> over u >= 0 with <u, row> >= 1 for every row, and the minimisers' dimension plus one."""
    n = len(weights)
    minimal = [r for r in rows if not any(o != r and divides(o, r) for o in rows)]
    planes = [(r, 1) for r in minimal] + [(tuple(int(i == j) for i in range(n)), 0) for j in range(n)]
    best: Fraction | None = None
    optimal: list[list[Fraction]] = []
    for chosen in combinations(planes, n):
        u = _intersection([list(map(Fraction, (*row, right))) for row, right in chosen])
        if u is None or min(u) < 0 or any(_dot(r, u) < 1 for r in minimal):
            continue
        value = _dot(weights, u)
        if best is None or value < best:
            best, optimal = value, []
        if value == best:
            optimal.append(u)
    assert best is not None, "rows without a zero row leave a vertex"
    differences = [[a - b for a, b in zip(u, optimal[0], strict=True)] for u in optimal[1:]]
    return best, _rank(differences) + 1


def _intersection(rows: list[list[Fraction]]) -> list[Fraction] | None:
    """Solution of a square linear system given as augmented rows; None if it is singular."""
    n = len(rows)
    for i in range(n):
        pivot = next((k for k in range(i, n) if rows[k][i]), None)
        if pivot is None:
            return None
        rows[i], rows[pivot] = rows[pivot], rows[i]
        rows[i] = [v / rows[i][i] for v in rows[i]]
        for k in range(n):
            if k != i and rows[k][i]:
                rows[k] = [a - rows[k][i] * b for a, b in zip(rows[k], rows[i], strict=True)]
    return [row[-1] for row in rows]


def _rank(rows: list[list[Fraction]]) -> int:
    rank = 0
    rows = [row for row in rows if any(row)]
    while rows:
        first, *rest = rows
        column = next(j for j, v in enumerate(first) if v)
        rest = [[a - r[column] / first[column] * b for a, b in zip(r, first, strict=True)] for r in rest]
        rows, rank = [r for r in rest if any(r)], rank + 1
    return rank


def divides(a: Sequence[int], b: Sequence[int]) -> bool:
    """Whether the monomial with exponents a divides that with exponents b."""
    return all(x <= y for x, y in zip(a, b, strict=True))


def _dot(a: Sequence[Any], b: Sequence[Any]) -> Any:
    return sum((x * y for x, y in zip(a, b, strict=True)), Fraction(0))
