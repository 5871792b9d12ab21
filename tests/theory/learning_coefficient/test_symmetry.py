"""Symmetries of local pictures: found where there are some, never where there are none; and cells that cover."""

from __future__ import annotations

from fractions import Fraction
from itertools import combinations, permutations

import pytest
from sympy import QQ, Add, Matrix, Poly, Symbol, expand, symbols
from sympy.polys.rings import PolyRing

from tests.seeds import fresh_generator
from theory.learning_coefficient.ideal_resolution import Resolver, UnresolvedError
from theory.learning_coefficient.pictures import Picture
from theory.learning_coefficient.symmetry import cells_by_the_first, orbits

x, y, z, w = symbols("x y z w", real=True)


def picture_of(generators, coordinates, volume=None, powers=None, base=None):
    n = len(coordinates)
    ring = PolyRing([str(c) for c in coordinates], QQ, "grevlex")
    read = tuple(ring.from_dict(Poly(f, *coordinates, domain=QQ).as_dict()) for f in generators)
    return Picture(read, powers or (0,) * n, volume or (Fraction(0),) * n, (True,) * n, base=base)


def minors(rows, columns, size):
    matrix = Matrix(rows, columns, lambda i, j: Symbol(f"m{i}{j}", real=True))
    chosen = [(r, c) for r in combinations(range(rows), size) for c in combinations(range(columns), size)]
    return [expand(matrix.extract(list(r), list(c)).det()) for r, c in chosen], list(matrix)


@pytest.mark.parametrize(
    ("generators", "expected"),
    [
        ([x * y * z * w], [[0, 1, 2, 3]]),
        ([x * y + z * w], [[0, 1, 2, 3]]),
        ([x * y - z * w], [[0, 1, 2, 3]]),  # up to a sign of the generator
        ([x * y, z], [[0, 1], [2], [3]]),
        ([x**2 * y + y**2 * z + z**2 * x], [[0, 1, 2], [3]]),  # a cycle, no reflection
        ([x * y + 2 * z * w, x + y], [[0, 1], [2, 3]]),
        ([x + 2 * y], [[0], [1], [2, 3]]),  # by renaming only, not by scaling
        ([x * y**2 + z * w**2, x * y], [[0], [1], [2], [3]]),
    ],
)
def test_orbits(generators, expected):
    assert orbits(picture_of(generators, (x, y, z, w)), range(4), range(4)) == expected


def test_all_entries_of_a_matrix_are_alike():
    generators, entries = minors(2, 3, 2)
    assert orbits(picture_of(generators, entries), range(6), range(6)) == [list(range(6))]


def test_what_sets_coordinates_apart():
    same = [x * y * z * w]
    assert orbits(picture_of(same, (x, y, z, w)), (0, 1), range(4)) == [[0, 1], [2, 3]]
    volume = tuple(Fraction(h) for h in (0, 1, 0, 1))
    assert orbits(picture_of(same, (x, y, z, w), volume), range(4), range(4)) == [[0, 2], [1, 3]]
    assert orbits(picture_of(same, (x, y, z, w), powers=(2, 0, 0, 0)), range(4), range(4)) == [[0], [1, 2, 3]]
    ring = PolyRing(["x", "y", "z", "w"], QQ, "grevlex")
    somewhere = tuple((g, ring.one) for g in ring.gens)  # where it lies is asked for, by name
    assert orbits(picture_of(same, (x, y, z, w), base=somewhere), range(4), range(4)) == [[0], [1], [2], [3]]


def test_orbits_are_those_of_all_permutations():
    """Random ideals in four coordinates against every one of the 24 permutations."""
    rng = fresh_generator()
    names = (x, y, z, w)
    for _ in range(20):
        rows = rng.integers(0, 2, size=(3, 2, 4))
        generators = [Add(*(x ** int(a) * y ** int(b) * z ** int(c) * w ** int(d) for a, b, c, d in f)) for f in rows]
        generators = [f for f in generators if not f.is_number] or [x]
        picture = picture_of(generators, names)
        whole = frozenset(f.monic() for f in picture.generators)
        carried = set()
        for order in permutations(range(4)):
            moved = [f.subs({names[i]: names[order[i]] for i in range(4)}, simultaneous=True) for f in generators]
            if frozenset(f.monic() for f in picture_of(moved, names).generators) == whole:
                carried |= {(i, order[i]) for i in range(4)}
        for orbit in orbits(picture, range(4), range(4)):
            assert all((i, j) in carried for i in orbit for j in orbit), generators


def test_cells_cover_the_fibre_up_to_symmetry():
    alike = picture_of([x * y * z * w], (x, y, z, w))
    assert cells_by_the_first(alike, (0, 1, 2, 3)) == [((0,), (1, 2, 3))]
    apart = picture_of([x * y**2 * z**3], (x, y, z))
    assert cells_by_the_first(apart, (0, 1, 2)) == [((0,), (1, 2)), ((1,), (2,)), ((2,), ())]
    weighed = picture_of([x * y**2 * z**3], (x, y, z), powers=(0, 0, 1))
    assert cells_by_the_first(weighed, (0, 1, 2)) == [
        ((0,), (1,)),
        ((0, 2), (1,)),
        ((1,), ()),
        ((1, 2), ()),
        ((2,), ()),
    ]


def random_generators(rng):
    generators = []
    for _ in range(int(rng.integers(1, 4))):
        terms = rng.integers(0, 3, size=(int(rng.integers(1, 4)), 3))
        signs = rng.choice([-1, 1, 2], size=len(terms))
        f = Add(*(int(s) * x ** int(a) * y ** int(b) * z ** int(c) for s, (a, b, c) in zip(signs, terms, strict=True)))
        generators.append(f - f.subs({x: 0, y: 0, z: 0}))
    return [f for f in generators if f != 0] or [x]


def test_both_ways_to_cut_a_fibre_agree():
    """Cells up to symmetry against all sets of zeros, and priors too: two coverings, one answer."""
    rng, compared = fresh_generator(), 0
    for _ in range(60):
        generators = random_generators(rng)
        if rng.random() < 0.5:  # made symmetric in x and y
            generators += [f.subs({x: y, y: x}, simultaneous=True) for f in generators]
        volume = tuple(Fraction(int(h), 2) for h in rng.integers(0, 3, size=3)) if rng.random() < 0.5 else None
        picture = picture_of(generators, (x, y, z), volume)
        try:
            ring = picture.generators[0].ring
            found = [Resolver(ring, in_cells=cells).solve(picture) for cells in (True, False)]
        except UnresolvedError:
            continue
        compared += 1
        assert found[0] is not None and found[1] is not None
        assert (found[0].value, found[0].multiplicity) == (found[1].value, found[1].multiplicity), generators
    assert compared >= 20
