"""Blow-ups worked on generators: networks, mixtures, cones, arrangements, and random ideals whose answer is known."""

from __future__ import annotations

from itertools import combinations, pairwise

import numpy as np
import pytest
from sympy import Abs, Integer, Matrix, Rational, Symbol, expand, prod, symbols

from tests.seeds import fresh_generator
from tests.theory.learning_coefficient.test_linear_programme import numeric_programme
from tests.theory.learning_coefficient.test_symmetry import minors
from theory.learning_coefficient.engine import LearningCoefficientRefused, rlct
from theory.learning_coefficient.ideal import rlct_of_ideal
from theory.learning_coefficient.ideal_resolution import UnresolvedError, resolve_ideal

a, b, c, d, w, x, y, z = symbols("a b c d w x y z", real=True)
half, quarter = Rational(1, 2), Rational(1, 4)


def _product_of_matrices(*widths):
    pairs = list(pairwise(widths))
    matrices = [
        Matrix(rows, columns, lambda i, j, k=k: Symbol(f"m{k}_{i}{j}", real=True))
        for k, (columns, rows) in enumerate(pairs)
    ]
    whole = matrices[0]
    for matrix in matrices[1:]:
        whole = matrix * whole
    return list(whole), [entry for matrix in matrices for entry in matrix]


def _sums_of_powers(hidden, powers):
    outer, inner = symbols(f"a1:{hidden + 1}", real=True), symbols(f"b1:{hidden + 1}", real=True)
    return [sum(u * v**q for u, v in zip(outer, inner, strict=True)) for q in powers], (*outer, *inner)


def _naive_bayes(features, weight):
    """Moments of `features` binary features given a hidden one, all centred, the truth independent."""
    t = Symbol("t", real=True)
    u, v = symbols(f"u0:{features}", real=True), symbols(f"v0:{features}", real=True)
    sets = [s for size in range(1, features + 1) for s in combinations(range(features), size)]
    share = t + weight
    moments = [(1 - share) * prod([u[i] for i in s]) + share * prod([v[i] for i in s]) for s in sets]
    return [expand(m) for m in moments], (t, *u, *v)


def _mixture(weight):
    return [expand((1 - weight) * b**k + weight * c**k) for k in (1, 2, 3)], (a, b, c)


def _three_means(weight):
    weights = (1 - 2 * weight - w - x, weight + w, weight + x)
    moments = [sum(u * v**k for u, v in zip(weights, (a, b, c), strict=True)) for k in (1, 2, 3)]
    return [expand(m) for m in moments], (w, x, a, b, c)


def _factor_analysis(observed, factors):
    loadings = Matrix(observed, factors, lambda i, j: Symbol(f"l{i}{j}", real=True))
    covariance = loadings * loadings.T
    return [covariance[i, j] for i in range(observed) for j in range(i + 1, observed)], list(loadings)


NAMED = {
    "units and a slope": (([x * (1 + y) + z * y, z**2 * y], (x, y, z)), (Rational(3, 4), 1)),
    "two hidden units": (_sums_of_powers(2, (1, 2)), (Rational(3, 4), 1)),
    "two odd hidden units": (_sums_of_powers(2, (1, 3)), (Rational(2, 3), 1)),  # SCIENCE: (H + i^2 + i)/(4 i + 2)
    "linear 2, 1, 2": (_product_of_matrices(2, 1, 2), (1, 2)),
    "linear 2, 2, 1": (_product_of_matrices(2, 2, 1), (1, 2)),
    "linear 1, 1, 1, 1": (_product_of_matrices(1, 1, 1, 1), (half, 3)),
    "linear 1, 2, 1": (_product_of_matrices(1, 2, 1), (half, 1)),
    "mixture, weight one half": (_mixture(a + half), (Rational(3, 4), 1)),
    "mixture, weight zero": (_mixture(a), (Rational(3, 4), 1)),
    "mixture of three, equal weights": (_three_means(Rational(1, 3)), (1, 1)),  # (3 + 1)/4
    "naive Bayes, two features": (_naive_bayes(2, 0), (Rational(3, 2), 3)),
    "naive Bayes, three features": (_naive_bayes(3, 0), (2, 1)),
    "naive Bayes, three features, equal shares": (_naive_bayes(3, half), (Rational(9, 4), 1)),
    "factor analysis (2, 0, 2)": (_factor_analysis(2, 2), (half, 1)),  # and 2/2 for the variances
    "factor analysis (3, 0, 2)": (_factor_analysis(3, 2), (Rational(3, 2), 3)),  # and 3/2: 3, 3
    "cone and a power": (([x**2 + y**2 - z**2, x**3], (x, y, z)), (Rational(2, 3), 2)),
    "cone over the twisted cubic": (([x * z - y**2, x * w - y * z, y * w - z**2], (x, y, z, w)), (1, 2)),
    "three lines": (([(x - y) * (y - z) * (x - z)], (x, y, z)), (Rational(1, 3), 1)),
    "four planes": (([(x**2 - y**2) * (x**2 - z**2)], (x, y, z)), (Rational(3, 8), 1)),
    # Over the flats of an arrangement: codimension over twice the number of planes.
    "A3": (([(x - y) * (y - z) * (z - w) * (x - z) * (x - w) * (y - w)], (x, y, z, w)), (quarter, 1)),
    "B3": (([x * y * z * (x**2 - y**2) * (y**2 - z**2) * (x**2 - z**2)], (x, y, z)), (Rational(1, 6), 1)),
    "minors of 2 by 3": (([a * x - b * w, a * y - c * w, b * y - c * x], (a, b, c, w, x, y)), (1, 1)),
    "Whitney umbrella": (([x**2 - y**2 * z], (x, y, z)), (half, 2)),
    "a definite quartic": (([x**4 + x**3 * y + x**2 * y**2 + x * y**3 + y**4 + z**4], (x, y, z)), (Rational(3, 8), 1)),
    "cusp": (([x**2 - y**3], (x, y)), (Rational(5, 12), 1)),
    "an imaginary pair": (([x**2 + y**2], (x, y)), (half, 1)),
    "irrational lines": (([x**2 - 2 * y**2, y**3], (x, y)), (half, 2)),
}


@pytest.mark.parametrize("name", NAMED)
def test_named_ideals(name):
    (generators, coordinates), expected = NAMED[name]
    found = resolve_ideal(generators, coordinates, (Integer(0),) * len(coordinates))
    assert (found.value, found.multiplicity) == expected
    assert found.certificate[0].startswith("blow-ups of coordinate subspaces")
    if len(coordinates) > 2:
        through = rlct_of_ideal(generators, coordinates, (0,) * len(coordinates))
        assert (through.value, through.multiplicity) == expected


@pytest.mark.slow
def test_a_wide_linear_network_from_its_ideal():
    generators, coordinates = _product_of_matrices(2, 2, 2)
    found = resolve_ideal(generators, coordinates, (Integer(0),) * len(coordinates))
    assert (found.value, found.multiplicity) == (Rational(3, 2), 1)


@pytest.mark.slow
def test_a_mixture_of_four_from_its_ideal():
    means, free = symbols("b1:5", real=True), symbols("a1:4", real=True)
    weights = [quarter + u for u in free]
    weights.append(1 - sum(weights))
    moments = [expand(sum(u * v**k for u, v in zip(weights, means, strict=True))) for k in (1, 2, 3, 4)]
    found = resolve_ideal(moments, (*free, *means), (Integer(0),) * 7)
    assert (found.value, found.multiplicity) == (Rational(5, 4), 1)  # (4 + 1)/4


def test_priors_weigh_the_coordinates():
    for exponents in ((0, 0), (1, 0), (0, Rational(1, 2)), (3, 2)):
        cusp = resolve_ideal([x**2 - y**3], (x, y), [Rational(h) for h in exponents])
        # The toric divisor of the weights 3, 2, and the smooth branch.
        assert cusp.value == min(half, (5 + 3 * Rational(exponents[0]) + 2 * Rational(exponents[1])) / 12)


def test_what_does_not_close_is_refused():
    with pytest.raises(UnresolvedError, match="no common zero"):
        resolve_ideal([1 + x], (x, y), (Integer(0),) * 2)
    with pytest.raises(UnresolvedError, match="every generator is zero"):
        resolve_ideal([Integer(0)], (x, y), (Integer(0),) * 2)
    # An elliptic cone: the shape of its zeros may differ from point to point, so no answer is given for the cut.
    with pytest.raises(UnresolvedError, match="no graph"):
        resolve_ideal([x**3 + y**3 + z**3 + x * y * z, w * z - x * y], (w, x, y, z), (Integer(0),) * 4)


def random_ideal(rng, dimension=None):
    """Generators, coordinates and exponents of a monomial ideal behind units, mixtures and changes of coordinates."""
    n = dimension or int(rng.integers(2, 5))
    names = symbols("p q r s", real=True)[:n]
    powers = [tuple(map(int, row)) for row in rng.integers(0, 3, size=(int(rng.integers(1, 4)), n))]
    powers = [row for row in powers if any(row)] or [(1,) * n]
    change = {v: v for v in names}
    for i in range(1, n):  # triangular: linear, and at times bent; only later coordinates move
        if rng.random() < 0.7:
            change[names[i]] += int(rng.integers(-2, 3)) * names[int(rng.integers(0, i))] ** int(rng.integers(1, 3))
    monomials = [
        prod([v**e for v, e in zip(names, row, strict=True)]).subs(change, simultaneous=True) for row in powers
    ]
    mixed = []
    for i, g in enumerate(monomials):
        unit = 1 + int(rng.integers(-1, 2)) * names[int(rng.integers(0, n))]
        earlier = sum(int(rng.integers(-1, 2)) * names[int(rng.integers(0, n))] * f for f in monomials[:i])
        mixed.append(expand(g * unit + earlier))
    return mixed, names, powers


def test_random_ideals_agree_with_a_numeric_linear_programme():
    rng, decided = fresh_generator(), 0
    for _ in range(15):
        generators, names, powers = random_ideal(rng)
        try:
            found = resolve_ideal(generators, names, (Integer(0),) * len(names))
        except UnresolvedError:
            continue
        decided += 1
        rows = 2.0 * np.array(powers)
        assert float(found.value) == pytest.approx(numeric_programme(rows, np.ones(len(names))), abs=1e-9)
    assert decided >= 5


def _random_plane_ideal(rng):
    generators = []
    for _ in range(int(rng.integers(1, 4))):
        f = Integer(0)
        for _ in range(int(rng.integers(1, 4))):
            i, j = (int(e) for e in rng.integers(0, 4, size=2))
            f += int(rng.choice([-2, -1, 1, 2, 3])) * x**i * y**j if i + j else 0
        generators.append(expand(f * (x - y if rng.random() < 0.3 else 1)))
    return [g for g in generators if g != 0]


def test_random_plane_ideals_agree_with_blow_ups_of_the_squares():
    """Two resolutions that share no code: of generators here, of the curve of their sum of squares there."""
    rng, compared = fresh_generator(), 0
    while compared < 8:
        generators = _random_plane_ideal(rng)
        exponents = [Integer(int(h)) for h in rng.integers(0, 3, size=2)]
        try:
            found = resolve_ideal(generators, (x, y), exponents)
            squares = rlct(
                sum(g**2 for g in generators), (x, y), (0, 0), Abs(x) ** exponents[0] * Abs(y) ** exponents[1]
            )
        except (UnresolvedError, LearningCoefficientRefused):
            continue
        compared += 1
        assert (found.value, found.multiplicity) == (squares.value, squares.multiplicity), generators


def _docampo(rows, columns, size):
    """Half of min (m - i)(n - i)/(k - i), and how often it is attained: the divisors of ranks 0, 1, ... all meet."""
    candidates = [Rational((rows - i) * (columns - i), 2 * (size - i)) for i in range(size)]
    return min(candidates), candidates.count(min(candidates))


@pytest.mark.parametrize(
    "size", [(2, 2, 2), (2, 3, 2), (2, 4, 2), (3, 3, 2), (3, 3, 3), (3, 4, 2), (3, 4, 3), (4, 4, 2)]
)
def test_minors_of_a_matrix(size):
    generators, entries = minors(*size)
    found = resolve_ideal(generators, entries, (Integer(0),) * len(entries))
    assert (found.value, found.multiplicity) == _docampo(*size)


def test_minors_do_not_depend_on_names_order_scales_units_or_mixed_rows_and_columns():
    rng = fresh_generator()
    generators, entries = minors(3, 3, 2)
    for _ in range(3):
        shifts = [Matrix.eye(3), Matrix.eye(3)]  # a multiple of one row, then of one column, added to another
        for shift in shifts:
            i, j = (int(k) for k in rng.permutation(3)[:2])
            shift[i, j] = int(rng.integers(1, 3))
        mixed = shifts[0] * Matrix(3, 3, entries) * shifts[1]
        moved = [expand(g.subs(dict(zip(entries, mixed, strict=True)), simultaneous=True)) for g in generators]
        kept = [moved[int(k)] * int(rng.integers(1, 4)) for k in rng.permutation(9)]
        kept[1] = expand(kept[1] * (1 + entries[0]) + entries[4] * kept[0])
        names = [entries[int(k)] for k in rng.permutation(9)]
        found = resolve_ideal(kept, names, (Integer(0),) * 9)
        assert (found.value, found.multiplicity) == (2, 1)


def test_a_minor_left_out_or_a_prior_is_another_question():
    generators, entries = minors(2, 3, 2)
    weighed = resolve_ideal(generators, entries, (Integer(3),) + (Integer(0),) * 5)
    assert weighed.value >= 1  # the prior makes the matrix of rank zero no worse
    assert resolve_ideal(generators[:1], entries, (Integer(0),) * 6).value == half
    two = resolve_ideal(generators[:2], entries, (Integer(0),) * 6)  # rank one, or a column of zeros, which meet
    assert (two.value, two.multiplicity) == (1, 2)
