"""Singularities, monomials, arrangements and determinants: rows of the table whose ideals are given by formula."""

from __future__ import annotations

from collections.abc import Iterator
from itertools import combinations, combinations_with_replacement

import sympy
from sympy import Abs, Integer, Matrix, Rational, Symbol, prod, symbols

from theory.learning_coefficient.published.cases import BY_HAND, Case, ask_for, shown

w, x, y, z = symbols("w x y z", real=True)
HALF = Rational(1, 2)


def normal_crossings() -> Iterator[Case]:
    """prod w_j^(2 k_j) with prior prod |w_j|^(h_j): min (h_j + 1)/(2 k_j), and how often."""
    family = "Normal crossings"
    for powers, prior in (
        ((1,), (0,)),
        ((2,), (0,)),
        ((3,), (1,)),
        ((1, 1), (0, 0)),
        ((1, 2), (0, 0)),
        ((2, 2), (0, 0)),
        ((1, 1), (1, 0)),
        ((1, 1), (1, 1)),
        ((2, 1), (1, 0)),
        ((3, 2), (2, 1)),
        ((1, 1), (-HALF, 0)),
        ((2, 1), (0, -HALF)),
        ((1, 1, 1), (0, 0, 0)),
        ((1, 2, 3), (0, 0, 0)),
        ((1, 2, 3), (0, 1, 2)),
        ((2, 2, 1), (0, 0, 0)),
        ((2, 1, 1), (HALF, 0, 0)),
        ((1, 1, 1, 1), (0, 0, 0, 0)),
        ((3, 3, 2, 1), (0, 0, 0, 0)),
    ):
        names = (x, y, z, w)[: len(powers)]
        loss = prod([c ** (2 * k) for c, k in zip(names, powers, strict=True)])
        density = prod([Abs(c) ** h for c, h in zip(names, prior, strict=True)])
        poles = [(Rational(h) + 1) / (2 * k) for h, k in zip(prior, powers, strict=True)]
        name = shown(str(loss)) + (f", prior {shown(str(density))}" if density != 1 else "")
        value, ask = min(poles), ask_for(loss, names, prior=density)
        yield Case(family, name, "Watanabe", value, poles.count(value), ask)


def plane_powers() -> Iterator[Case]:
    """x^a - y^b, squared: half of 1/a + 1/b."""
    for a, b in combinations_with_replacement(range(2, 8), 2):
        value = (Rational(1, a) + Rational(1, b)) / 2
        f = x**a - y**b
        yield Case("Plane curves x^a - y^b", shown([f]), "Kollar", value, 2 if a == b == 2 else 1, ask_for([f], (x, y)))


def simple_singularities() -> Iterator[Case]:
    """Lines of Arnold's list: half of the sum of the weights, at most one half."""
    family = "Simple, elliptic and cusp singularities"
    for k in range(4, 10):
        f = x**2 * y + y ** (k - 1)
        yield Case(family, f"D{k}: {shown([f])}", "Arnold et al.", Rational(k, 4 * (k - 1)), 1, ask_for([f], (x, y)))
    f = x**3 + x * y**3
    yield Case(family, f"E7: {shown([f])}", "Arnold et al.", Rational(5, 18), 1, ask_for([f], (x, y)))
    surfaces = {f"A{k}": x**2 + y**2 - z ** (k + 1) for k in range(1, 6)}
    surfaces |= {f"D{k}": x**2 + y**2 * z + z ** (k - 1) for k in (4, 5, 6)}
    surfaces |= {"E6": x**2 + y**3 + z**4, "E7": x**2 + y**3 + y * z**3, "E8": x**2 + y**3 + z**5}
    for name, f in surfaces.items():
        yield Case(family, f"{name}: {shown([f])}", "Kollar", HALF, 1, ask_for([f], (x, y, z)))
    for f in (x**3 + y**3 + z**3, x**2 + y**4 - z**4, x**2 + y**3 + z**6):
        yield Case(family, f"elliptic: {shown([f])}", "Kollar", HALF, None, ask_for([f], (x, y, z)))
    for p, q, r in ((4, 4, 4), (3, 3, 4), (2, 3, 7), (2, 4, 5)):
        f = x * y * z + x**p + y**q + z**r
        yield Case(family, f"T{p}{q}{r}: {shown([f])}", "Kollar", HALF, None, ask_for([f], (x, y, z)))


def brieskorn() -> Iterator[Case]:
    """Sums of powers in three and four coordinates: half of min(1, the sum of reciprocals)."""
    for powers in (
        (4, 4, 4),
        (3, 4, 5),
        (5, 5, 5),
        (3, 3, 4),
        (2, 5, 7),
        (2, 3, 8),
        (3, 5, 7),
        (4, 5, 6),
        (5, 5, 5, 5),
    ):
        f = sum((c**k for c, k in zip((x, y, z, w), powers, strict=False)), Integer(0))
        value = min(Integer(1), sum((Rational(1, k) for k in powers), Integer(0))) / 2
        names = (x, y, z, w)[: len(powers)]
        yield Case("Sums of powers", shown([f]), "Kollar", value, 1, ask_for([f], names))
    for powers in ((1, 2), (2, 4), (1, 2, 3), (2, 2, 3), (1, 1, 2, 4)):
        names = (x, y, z, w)[: len(powers)]
        loss = sum((c ** (2 * k) for c, k in zip(names, powers, strict=True)), Integer(0))
        value = sum((Rational(1, 2 * k) for k in powers), Integer(0))
        yield Case("Sums of powers", shown(str(loss)), "Watanabe", value, 1, ask_for(loss, names))


def monomial_ideals() -> Iterator[Case]:
    """Monomial ideals, by the polyhedron of their exponents."""
    family = "Monomial ideals"
    for n in range(2, 7):
        names = symbols(f"x1:{n + 1}", real=True)
        for k in range(1, n + 1):
            ideal = [prod(chosen) for chosen in combinations(names, k)]
            value, m = Rational(n, 2 * k), n if k == n else 1
            yield Case(family, f"all products of {k} out of {n}", "Howald", value, m, ask_for(ideal, names))
    for n, k in ((2, 2), (2, 3), (2, 5), (3, 2), (3, 4), (4, 3)):
        names = (x, y, z, w)[:n]
        ideal = [prod(chosen) for chosen in combinations_with_replacement(names, k)]
        yield Case(
            family, f"all monomials of degree {k} in {n}", "Howald", Rational(n, 2 * k), 1, ask_for(ideal, names)
        )
    for a, b in ((3, 3), (3, 4), (4, 6), (5, 7)):
        ideal = [x**a, x * y, y**b]
        yield Case(family, shown(ideal), "Howald", HALF, 2, ask_for(ideal, (x, y)))
    for a, b, c in ((2, 2, 2), (2, 3, 4), (3, 4, 6)):
        ideal = [x**a, y**b, z**c]
        value = (Rational(1, a) + Rational(1, b) + Rational(1, c)) / 2
        yield Case(family, shown(ideal), "Howald", value, 1, ask_for(ideal, (x, y, z)))


def arrangements() -> Iterator[Case]:
    """Hyperplanes through the origin: the smallest codimension over twice the number of them, over all flats."""
    family = "Arrangements of hyperplanes"
    names = symbols("x1:6", real=True)
    for n in (3, 4, 5):
        f = prod([a - b for a, b in combinations(names[:n], 2)])
        yield Case(family, f"A{n - 1}: all differences of {n}", "Mustata", Rational(1, n), 1, ask_for([f], names[:n]))
    for n in (2, 3, 4):
        f = prod(names[:n]) * prod([a**2 - b**2 for a, b in combinations(names[:n], 2)])
        name = f"B{n}: {n} coordinates and all differences of their squares"
        yield Case(family, name, "Mustata", Rational(1, 2 * n), 1, ask_for([f], names[:n]))
    for n in (3, 4):
        f = prod([a**2 - b**2 for a, b in combinations(names[:n], 2)])
        name = f"D{n}: all differences of the squares of {n}"
        yield Case(family, name, "Mustata", Rational(1, 2 * n - 2), 1, ask_for([f], names[:n]))
    for n in range(3, 8):
        f = prod([x - k * y for k in range(n)])
        yield Case(family, f"{n} lines in the plane", "Mustata", Rational(1, n), 1, ask_for([f], (x, y)))
    for n in range(4, 8):
        f = prod([x + k * y + k**2 * z for k in range(n)])
        yield Case(family, f"{n} planes, any 3 of rank 3", "Mustata", Rational(3, 2 * n), 1, ask_for([f], (x, y, z)))
    f = (x**2 - y**2) * (x**2 - z**2)
    yield Case(family, shown([f]), "Mustata", Rational(3, 8), 1, ask_for([f], (x, y, z)))


def determinants() -> Iterator[Case]:
    """Minors of size k of a generic matrix: half of min (m - i)(n - i)/(k - i) over i < k."""
    sizes = (
        (2, 2, 1),
        (2, 3, 1),
        (2, 2, 2),
        (2, 3, 2),
        (2, 4, 2),
        (3, 3, 3),
        (3, 3, 2),
        (3, 4, 2),
        (4, 4, 2),
        (3, 4, 3),
    )
    for m, n, k in sizes:
        matrix = Matrix(m, n, lambda i, j: Symbol(f"m{i}{j}", real=True))
        rows, columns = list(combinations(range(m), k)), list(combinations(range(n), k))
        ideal = [sympy.expand(matrix.extract(list(r), list(c)).det()) for r in rows for c in columns]
        value = min(Rational((m - i) * (n - i), k - i) for i in range(k)) / 2
        name = f"minors of size {k} of {m} by {n}"
        yield Case("Determinantal ideals", name, "Docampo", value, None, ask_for(ideal, list(matrix)))


def named() -> Iterator[Case]:
    """Polynomials that this project is tested on."""
    family, third = "Single polynomials", Rational(1, 3)
    for loss, value, m in (
        ("(x**2 - y**3)**2", Rational(5, 12), 1),
        ("x**4 + y**6", Rational(5, 12), 1),
        ("(x**2 + y**2)**2", HALF, 1),
        ("x**2*y**2*(x + y)**2", third, 1),
        ("y**6 + y**2*z**2 + z**6", HALF, 2),
        ("y**4 + y**2*z**2 + z**4", HALF, 1),
        ("x**2*y**2 + x**6", HALF, 2),
        ("(x**2 + y**2 - z**2)**2 + x**6", Rational(2, 3), 2),
        ("(x**2 - y**2*z)**2", HALF, 2),
        ("(x*y*(x - y))**2 + z**2", HALF + third, 1),
        ("x**2*y**2/(1 + y**2)", HALF, 2),
        ("(x**2 - 2*y**2)**2 + x**8", HALF, 2),
    ):
        yield Case(family, shown(loss), BY_HAND, value, m, ask_for(loss))
    cone = [x * z - y**2, x * w - y * z, y * w - z**2]
    yield Case(
        family, f"cone over the twisted cubic: {shown(cone)}", BY_HAND, Integer(1), 2, ask_for(cone, (x, y, z, w))
    )
    bent = [x * (1 + y) + z * y, z**2 * y]
    yield Case(family, shown(bent), BY_HAND, Rational(3, 4), 1, ask_for(bent, (x, y, z)))


FAMILIES = (
    normal_crossings,
    plane_powers,
    simple_singularities,
    brieskorn,
    monomial_ideals,
    arrangements,
    determinants,
    named,
)
