"""The linear programme of a monomial ideal, exactly: its minimum and the dimension of the set of minimisers.

The dual, max sum_r y_r over y >= 0 with sum_r y_r row_r <= weights, starts at y = 0 and is solved by the simplex method
with Bland's rule, which never cycles. Its optimal face is what is left of the last tableau without the columns whose
reduced cost is not zero. By strict complementarity a row is tight at every minimiser u exactly if its y_r is positive
somewhere on that face, and u_j is zero at every minimiser exactly if the slack of column j is; these equations cut out
the set of minimisers.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from functools import lru_cache

Answer = tuple[Fraction, int]


@lru_cache(maxsize=4096)
def linear_programme(rows: tuple[tuple[int, ...], ...], weights: tuple[Fraction, ...]) -> Answer:
    """Minimum of <weights, u> over u >= 0 with <u, row> >= 1 for every row, and the minimisers' dimension plus one.

    Rows hold non-negative integers, none of them only zeros; weights are positive.
    """
    n = len(weights)
    minimal = [r for r in dict.fromkeys(rows) if not any(o != r and divides(o, r) for o in rows)]
    tableau = _Tableau(minimal, weights)
    value = tableau.maximise([Fraction(1)] * len(minimal) + [Fraction(0)] * n)
    tight = tableau.positive_somewhere()
    equations = [list(map(Fraction, r)) for r, positive in zip(minimal, tight, strict=False) if positive]
    equations += [[Fraction(int(i == j)) for i in range(n)] for j in range(n) if tight[len(minimal) + j]]
    return value, n - _rank(equations) + 1


class _Tableau:
    """Equations of the dual with slack variables, solved for a basis of them; all right-hand sides >= 0."""

    def __init__(self, rows: Sequence[Sequence[int]], weights: Sequence[Fraction]) -> None:
        n, count = len(weights), len(rows)
        self.columns = count + n
        self.body = [
            [*[Fraction(r[j]) for r in rows], *[Fraction(int(i == j)) for i in range(n)], Fraction(weights[j])]
            for j in range(n)
        ]
        self.basis = [count + j for j in range(n)]
        self.open = [True] * self.columns  # columns that may be positive
        self.reduced: list[Fraction] = []

    def maximise(self, objective: Sequence[Fraction]) -> Fraction:
        """Largest value of the objective; the basis is optimal afterwards."""
        cost = [*objective, Fraction(0)]
        for row, basic in zip(self.body, self.basis, strict=True):
            factor = cost[basic]
            if factor:
                cost = [c - factor * v for c, v in zip(cost, row, strict=True)]
        while True:
            enter = next((j for j in range(self.columns) if self.open[j] and cost[j] > 0), None)
            if enter is None:
                self.reduced = cost
                return -cost[-1]
            leaving = [(row[-1] / row[enter], self.basis[i], i) for i, row in enumerate(self.body) if row[enter] > 0]
            assert leaving, "every row holds a positive integer, so the dual is bounded"
            self._pivot(min(leaving)[2], enter)
            pivot, factor = self.body[self.basis.index(enter)], cost[enter]
            cost = [c - factor * v for c, v in zip(cost, pivot, strict=True)]

    def _pivot(self, place: int, enter: int) -> None:
        pivot = [v / self.body[place][enter] for v in self.body[place]]
        for i, row in enumerate(self.body):
            if i != place and row[enter]:
                factor = row[enter]
                self.body[i] = [a - factor * b for a, b in zip(row, pivot, strict=True)]
        self.body[place] = pivot
        self.basis[place] = enter

    def positive_somewhere(self) -> list[bool]:
        """Which variables are positive at some point of the optimal face."""
        self.open = [o and c == 0 for o, c in zip(self.open, self.reduced, strict=False)]
        found = [False] * self.columns
        for j in range(self.columns):
            if self.open[j] and not found[j]:
                self.maximise([Fraction(int(i == j)) for i in range(self.columns)])
            for row, basic in zip(self.body, self.basis, strict=True):
                found[basic] = found[basic] or row[-1] > 0
        return found


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
