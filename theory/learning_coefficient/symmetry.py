"""Coordinates of a local picture that a change of names carries to one another.

Coordinates are put in an order by what tells them apart: their role, then the terms they occur in with the coordinates
beside them; where several are alike the first is set apart and the rest told apart from it. The whole picture, written
in that order, is its *key*. Two pictures with one key are the same up to names, for certain; with different keys they
still may be. So a coordinate i is carried to j by a symmetry if the picture with i marked has the key of that with j.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from itertools import combinations
from typing import Any

from sympy import QQ

from theory.learning_coefficient.pictures import Cell, Picture

_MOST_COORDINATES = 20
Terms = dict[tuple[int, ...], Any]


def orbits(picture: Picture, centre: Sequence[int], among: Sequence[int]) -> list[list[int]]:
    """`among`, sorted into coordinates that symmetries of the picture and of the centre carry to one another."""
    if picture.base is not None or len(picture.local) > _MOST_COORDINATES:
        return [[i] for i in among]
    found: dict[Any, list[int]] = {}
    for i in among:
        found.setdefault(_key(picture, [(j in centre, j == i) for j in range(len(picture.local))]), []).append(i)
    return list(found.values())


def cells_by_the_first(picture: Picture, centre: tuple[int, ...]) -> list[Cell]:
    """The exceptional fibre, cut by the first of the coordinates that is not zero: those after it may be zero or not.

    Where a symmetry carries a coordinate to an earlier one, its part is a copy of an earlier part. Where the volume or
    the monomial depends on a coordinate, it is zero or it is not.
    """
    weighed = [i for i in centre if picture.powers[i] or picture.volume[i]]
    chosen = [s for size in range(len(weighed) + 1) for s in combinations(weighed, size)]
    left = [i for i in centre if i not in weighed]
    cells: list[Cell] = []
    for orbit in orbits(picture, centre, left):
        cells += [((orbit[0], *off), tuple(i for i in left if i != orbit[0])) for off in chosen]
        left = [i for i in left if i not in orbit]
    return [*cells, *[(off, ()) for off in chosen if off]]


def _key(picture: Picture, marks: Sequence[tuple[bool, bool]]) -> tuple:
    """What the picture with marked coordinates is, but for their names."""
    roles = list(zip(marks, picture.local, picture.powers, picture.volume, strict=True))
    groups = [[dict(f) for f in group] for group in (picture.generators, picture.nonzero)]
    tagged = [(tag, _sizes(f)) for tag, group in enumerate(groups) for f in group]
    colours = _refined(_ranked(roles), tagged)
    while (alike := next((c for c in colours if colours.count(c) > 1), None)) is not None:
        first = colours.index(alike)
        colours = _refined(_ranked([(c, i != first) for i, c in enumerate(colours)]), tagged)
    order = sorted(range(len(colours)), key=lambda i: colours[i])
    return (*[_listed(group, order) for group in groups], tuple(roles[i] for i in order), picture.some_point)


def _ranked(values: Sequence[Any]) -> list[int]:
    """For each value how many smaller ones there are."""
    smaller: dict[Any, int] = {}
    for k, v in enumerate(sorted(values)):
        smaller.setdefault(v, k)
    return [smaller[v] for v in values]


def _refined(colours: list[int], polynomials: Sequence[tuple[int, Terms]]) -> list[int]:
    """Colours, told apart by the terms that a coordinate occurs in until that changes nothing."""
    while True:
        seen: list[list] = [[] for _ in colours]
        for tag, f in polynomials:
            terms = [(tuple(sorted((colours[i], e) for i, e in enumerate(m) if e)), c, m) for m, c in f.items()]
            whole = tuple(sorted((term, c) for term, c, _ in terms))
            for term, c, m in terms:
                for i, e in enumerate(m):
                    if e:
                        seen[i].append((tag, whole, term, c, e))
        finer = _ranked([(c, tuple(sorted(s))) for c, s in zip(colours, seen, strict=True)])
        if len(set(finer)) == len(set(colours)):
            return finer
        colours = finer


def _sizes(f: Terms) -> Terms:
    """Coefficients without signs and a common factor, which a change of names may move; of irrational ones nothing."""
    if not all(QQ.of_type(c) for c in f.values()):
        return dict.fromkeys(f, 1)
    largest = max(abs(c) for c in f.values())
    return {m: abs(c) / largest for m, c in f.items()}


def _listed(polynomials: Iterable[Terms], order: Sequence[int]) -> frozenset:
    """The polynomials up to constant factors, with their coordinates in the given order."""
    listed = []
    for f in polynomials:
        moved = {tuple(m[i] for i in order): c for m, c in f.items()}
        first = moved[max(moved)]
        listed.append(frozenset((m, c / first) for m, c in moved.items()))
    return frozenset(listed)
