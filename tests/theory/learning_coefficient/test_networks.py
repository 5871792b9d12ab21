"""Learning coefficients of networks: known values, dimension counts, a second theorem, partition functions."""

from __future__ import annotations

from itertools import combinations, pairwise, permutations, product
from math import comb
from typing import Any

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize
from sympy import Rational

from tests.seeds import fresh_generator
from theory.learning_coefficient.ideal import rlct_of_ideal
from theory.learning_coefficient.networks import deep_linear_network, reduced_rank_regression, tanh_network

INEXACT: Any = 2.5
DEEP_LINEAR = [
    ((1, 1, 1), 0, Rational(1, 2), 2),
    ((1, 1, 1, 1), 0, Rational(1, 2), 3),
    ((2, 2, 2), 1, 2, 2),
    ((3, 3, 3), 0, Rational(7, 2), 2),
    ((5, 3, 5), 2, Rational(19, 2), 2),
    ((10, 5, 10), 2, 29, 2),
    ((5, 4, 4, 5), 2, 10, 3),
    ((100,) * 5, 50, Rational(9063, 2), 5),
]
LINEAR_CASES = [
    (widths, rank)
    for layers, widest in ((1, 8), (2, 8), (3, 5), (4, 4), (5, 3))
    for widths in product(range(1, widest + 1), repeat=layers + 1)
    for rank in range(min(widths) + 1)
]


@pytest.mark.parametrize(("widths", "rank", "value", "multiplicity"), DEEP_LINEAR)
def test_known_deep_linear_networks(widths, rank, value, multiplicity):
    result = deep_linear_network(widths, rank)
    assert (result.value, result.multiplicity) == (value, multiplicity)
    assert isinstance(result.value, sympy.Rational)


def test_the_certificate_adds_up():
    for widths, rank in LINEAR_CASES[::97]:
        result = deep_linear_network(widths, rank)
        line = next(sentence for sentence in result.certificate if sentence.startswith("value = "))
        *_, terms, value = line.split(" = ")
        assert sympy.sympify(terms, rational=True) == result.value == Rational(value)
        assert "Aoyagi (2024)" in result.certificate[0]


def test_both_theorems_agree_on_every_width_up_to_eight():
    compared = 0
    for widths in product(range(1, 9), repeat=3):
        for rank in range(min(widths) + 1):
            deep, shallow = (
                deep_linear_network(widths, rank),
                reduced_rank_regression(widths[0], widths[1], widths[2], rank),
            )
            assert (deep.value, deep.multiplicity) == (shallow.value, shallow.multiplicity), (widths, rank)
            compared += 1
    assert compared == sum(min(widths) + 1 for widths in product(range(1, 9), repeat=3))


def codimension(widths, rank):
    """Codimension of {W_L ... W_1 = a given matrix of this rank} and its number of largest components.

    The n x k matrices of rank q have codimension (n - q)(k - q), so the strata on which the partial products have ranks
    k_1 >= ... >= k_L = rank, each irreducible, have codimension sum (H_j - k_j)(k_(j-1) - k_j) with k_0 = H_0. All
    matrices of one rank look alike: fixing the matrix costs their dimension.
    """
    best = {widths[0]: (0, 1)}
    for width in widths[1:]:
        following: dict[int, tuple[int, int]] = {}
        for before, (cost, count) in best.items():
            for after in range(rank, min(before, width) + 1):
                total = cost + (width - after) * (before - after)
                known, ways = following.get(after, (total + 1, 0))
                if total <= known:
                    following[after] = (total, count + (ways if total == known else 0))
        best = following
    cost, count = best[rank]
    return cost + rank * (widths[0] + widths[-1] - rank), count


def test_the_value_is_half_the_codimension():
    for widths, rank in LINEAR_CASES:
        assert 2 * deep_linear_network(widths, rank).value == codimension(widths, rank)[0], (widths, rank)


def test_the_multiplicity_counts_components_only_while_fewer_than_four_layers_matter():
    # a(l - a) + 1 against binomial(l, a) components: equal for l <= 3, smaller for l = 4, a = 2.
    for widths, rank in LINEAR_CASES:
        components, multiplicity = codimension(widths, rank)[1], deep_linear_network(widths, rank).multiplicity
        assert components == multiplicity if len(widths) <= 4 else components >= multiplicity
    assert codimension((2,) * 5, 0)[1] == comb(4, 2) == deep_linear_network((2,) * 5, 0).multiplicity + 1


def test_the_dimension_count_against_points_over_a_small_field():
    # The number of tuples over GF(q) with product 0 grows like (components) q^(dimension): counted one by one.
    widths = (2, 1, 2)
    counts = []
    for q in (2, 3, 5):
        first = [np.array(entries).reshape(1, 2) for entries in product(range(q), repeat=2)]
        second = [np.array(entries).reshape(2, 1) for entries in product(range(q), repeat=2)]
        counts.append(sum(not ((b @ a) % q).any() for a in first for b in second))
        assert counts[-1] == 2 * q**2 - 1
    assert codimension(widths, 0) == (4 - 2, 2)


def literal_sets(widths, rank):
    """Every index set that Aoyagi's three conditions allow, by trying all of them (l >= 1)."""
    excess = [width - rank for width in widths]
    for size in range(2, len(excess) + 1):
        for chosen in combinations(range(len(excess)), size):
            inside = [excess[i] for i in chosen]
            outside = [excess[i] for i in range(len(excess)) if i not in chosen]
            layers = size - 1
            if sum(inside) < layers * max(inside):
                continue
            if outside and (max(inside) >= min(outside) or sum(inside) >= layers * min(outside)):
                continue
            yield inside


def test_the_literal_conditions_choose_the_same_answer():
    found = 0
    for widths, rank in LINEAR_CASES:
        result = deep_linear_network(widths, rank)
        for inside in literal_sets(widths, rank):
            layers, total = len(inside) - 1, sum(inside)
            remainder = total - (-(-total // layers) - 1) * layers
            # The theorem's own arrangement of the terms, from first differences rather than from s^2.
            value = (
                Rational(rank * (widths[0] + widths[-1] - rank), 2)
                + Rational(remainder * (layers - remainder), 4 * layers)
                + Rational(total**2 - layers * sum(m * m for m in inside), 4 * layers)
            )
            assert (value, remainder * (layers - remainder) + 1) == (result.value, result.multiplicity)
            found += 1
    assert found > len(LINEAR_CASES) / 2


@settings(max_examples=80, deadline=None)
@given(st.lists(st.integers(1, 30), min_size=2, max_size=6), st.data())
def test_properties_of_deep_linear_networks(widths, data):
    rank = data.draw(st.integers(0, min(widths)))
    result = deep_linear_network(widths, rank)
    parameters = sum(a * b for a, b in pairwise(widths))
    assert Rational(rank * (widths[0] + widths[-1] - rank), 2) <= result.value <= Rational(parameters, 2)
    assert result.value <= Rational(widths[0] * widths[-1], 2)  # as many equations as entries of the product
    assert 1 <= result.multiplicity <= len(widths) - 1 + comb(len(widths) - 1, 2)
    # The hidden widths may be permuted for any rank, all of them where the true map is zero.
    shuffled = data.draw(st.permutations(widths[1:-1]))
    assert deep_linear_network([widths[0], *shuffled, widths[-1]], rank).value == result.value
    assert deep_linear_network(data.draw(st.permutations(widths)), 0).value == deep_linear_network(widths, 0).value
    place = data.draw(st.integers(0, len(widths) - 1))
    wider = [width + (i == place) for i, width in enumerate(widths)]
    assert deep_linear_network(wider, rank).value >= result.value


def partition_function(widths, log_n):
    """E exp(-n |W_L ... W_1|^2 / 2), standard normal weights: the last layer exactly, the rest by quadrature.

    Given the product P of the others the last layer gives det(1 + n P P^T)^(-H_L/2). In logarithmic coordinates the
    integrand is analytic and decays exponentially: the trapezium rule converges geometrically.
    """
    step = 0.1
    line = np.arange(-1.2 * log_n - 60, 6, step)
    *others, last = widths
    hidden = sorted(others)
    if hidden[:1] == [2] and len(others) == 2:  # P is 2 x k, k = 2 or 3: squared singular values of a normal matrix
        x = np.exp(line)[:, None]
        v = np.arange(-1.2 * log_n - 60, 60, step)[None, :]
        small, rest = 1 / (1 + np.exp(-v)), 1 / (1 + np.exp(v))  # second eigenvalue x * small
        power = (hidden[1] - 3) / 2
        density = x * rest * (x * x * small) ** power * np.exp(-x * (1 + small) / 2) * x * x * small * rest
        inside = density * ((1 + np.exp(log_n) * x) * (1 + np.exp(log_n) * x * small)) ** (-last / 2)
        return inside.sum() / density.sum()
    if len(others) == 2 and min(others) == 1:  # P is a vector
        x, k = np.exp(line), max(others)
        density = x ** (k / 2) * np.exp(-x / 2)
        return np.sum(density * (1 + np.exp(log_n) * x) ** (-last / 2)) / density.sum()
    assert len(others) == 3 and sorted(others)[:2] == [1, 1]  # P is a number times a vector
    first, second = np.exp(line)[:, None], np.exp(line)[None, :]
    density = np.sqrt(first) * np.exp(-first / 2) * second ** (max(others) / 2) * np.exp(-second / 2)
    return np.sum(density * (1 + np.exp(log_n) * first * second) ** (-last / 2)) / density.sum()


def relative_difference(values, order):
    """Finite difference of this order over the size of the last value."""
    return abs(np.diff(values, order)[-1] / values[-1])


QUADRATURE = [(1, 1, 1), (1, 2, 1), (2, 1, 2), (3, 1, 1), (2, 2, 2), (2, 2, 3), (2, 3, 2), (2, 2, 5)]
QUADRATURE += [(1, 1, 1, 1), (1, 1, 2, 1), (1, 1, 2, 2)]


@pytest.mark.parametrize("widths", QUADRATURE)
def test_partition_functions_of_small_linear_networks(widths):
    # Z n^value is a polynomial of degree multiplicity - 1 in log n up to negative powers of n.
    result = deep_linear_network(widths, 0)
    logs = np.array([30.0, 36.0, 42.0, 48.0])
    scaled = np.array([partition_function(widths, t) for t in logs])
    scaled *= np.exp(float(result.value) * (logs - logs[-1]))
    assert relative_difference(scaled, result.multiplicity) < 1e-5
    assert relative_difference(scaled, result.multiplicity - 1) > 1e-3
    # Negative control: neither a value off by 1/4 nor one multiplicity fewer passes.
    assert relative_difference(scaled * np.exp(0.25 * (logs - logs[-1])), result.multiplicity) > 1e-2


KNOWN_TANH = [(1, Rational(1, 2), 2), (2, Rational(2, 3), 1), (3, Rational(5, 6), 1), (4, 1, 2), (9, Rational(3, 2), 2)]


@pytest.mark.parametrize(("units", "value", "multiplicity"), KNOWN_TANH)
def test_tanh_networks(units, value, multiplicity):
    result = tanh_network(units)
    assert (result.value, result.multiplicity) == (value, multiplicity)


def test_the_tanh_value_is_the_smallest_of_its_candidates():
    # (H + i^2 + i)/(4 i + 2) is one candidate for every i; the floor of sqrt(H) minimises it, twice at squares.
    for units in range(1, 200):
        candidates = [Rational(units + i * i + i, 4 * i + 2) for i in range(units + 1)]
        result = tanh_network(units)
        assert result.value == min(candidates)
        assert result.multiplicity == candidates.count(min(candidates))
        assert result.value <= Rational(units, 2)
        assert units == 1 or result.value > tanh_network(units - 1).value


def tanh_partition_function(units, log_n):
    """Integral of exp(-n K / 2), K the squares of sum a_h b_h^(2k-1), k <= H: a exactly, b by quadrature."""
    n, step = np.exp(log_n), 0.06
    y = np.arange(-log_n, 3, step)[:, None]
    b = np.exp(y)
    if units == 1:
        return np.sum(b * np.exp(-b * b / 2) / np.sqrt(1 + n * b**2))
    v = np.arange(-log_n, log_n, step)[None, :]
    share, rest = 1 / (1 + np.exp(-v)), 1 / (1 + np.exp(v))
    c = b * share  # 0 < c < b; the other orders and signs are mirror images
    trace = b**2 + c**2 + b**6 + c**6
    minor = b * c * (b * rest) * (b + c)
    measure = b * b * share * rest * np.exp(-(b * b + c * c) / 2)
    return np.sum(measure / np.sqrt(1 + n * trace + n**2 * minor**2))


@pytest.mark.parametrize("units", [1, 2])
def test_partition_functions_of_small_tanh_networks(units):
    result = tanh_network(units)
    logs = np.array([100.0, 110.0, 120.0, 130.0])
    scaled = np.array([tanh_partition_function(units, t) for t in logs]) * np.exp(float(result.value) * (logs - 130))
    # The next pole of the zeta function is close (by 1/12 for two units), so the tolerance is what it leaves over.
    assert relative_difference(scaled, result.multiplicity) < 1e-3
    assert relative_difference(scaled, result.multiplicity - 1) > 1e-2
    wrong = scaled * np.exp((logs - 130) / 12)
    assert relative_difference(wrong, result.multiplicity) > 1e-1


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: deep_linear_network((3, 2, 3), 3), "rank: 3 is above the smallest width 2"),
        (lambda: deep_linear_network((3, 2, 3), -1), "rank: expected an integer >= 0, got -1"),
        (lambda: deep_linear_network((3, 2, 3), INEXACT), "rank: expected an integer >= 0, got 2.5"),
        (lambda: deep_linear_network((3, 0, 3), 0), "widths: expected a positive integer, got 0"),
        (lambda: deep_linear_network((3, INEXACT, 3), 0), "widths: expected a positive integer, got 2.5"),
        (lambda: deep_linear_network((3,), 0), "widths: got 1 of them, expected at least two"),
        (lambda: reduced_rank_regression(3, 2, 0, 0), "output_width: expected a positive integer, got 0"),
        (lambda: reduced_rank_regression(3, 2, 3, 3), "rank: 3 is above the smallest width 2"),
        (lambda: tanh_network(0), "hidden_units: expected a positive integer, got 0"),
        (lambda: tanh_network(True), "hidden_units: expected a positive integer, got True"),
    ],
)
def test_bad_input_gets_one_clear_line(call, message):
    with pytest.raises(ValueError, match=message.replace("(", r"\(")) as error:
        call()
    assert "\n" not in str(error.value)


def test_all_orders_of_hidden_widths_agree():
    for order in permutations((2, 3, 5)):
        result = deep_linear_network((4, *order, 6), 1)
        assert (result.value, result.multiplicity) == (
            deep_linear_network((4, 2, 3, 5, 6), 1).value,
            deep_linear_network((4, 2, 3, 5, 6), 1).multiplicity,
        )


@pytest.mark.parametrize(
    "widths", [(1, 1), (1, 1, 1), (2, 1, 2), (1, 1, 2), (3, 1, 1), (1,) * 4, (1,) * 5, (1, 1, 1, 2)]
)
def test_the_ideal_of_the_entries_of_the_product_agrees(widths):
    # The general method, which knows no network; at a zero map the origin, where every layer vanishes, is worst.
    product_of_layers, coordinates = sympy.eye(widths[0]), []
    for layer, (before, after) in enumerate(pairwise(widths)):
        matrix = sympy.Matrix(after, before, lambda i, j, layer=layer: sympy.Symbol(f"w{layer}_{i}{j}"))
        coordinates += list(matrix)
        product_of_layers = matrix * product_of_layers
    derived = rlct_of_ideal([sympy.expand(entry) for entry in product_of_layers], coordinates, [0] * len(coordinates))
    result = deep_linear_network(widths, 0)
    assert (derived.value, derived.multiplicity) == (result.value, result.multiplicity)


def scaled_singular_values(layers):
    """Every linear programme of the product of normal 2 x 2 matrices, singular values on the scale exp(-x), exp(-y).

    A layer has a first column of length exp(-p), and a second with components exp(-q) along it and exp(-r) across, with
    probability exp(-2p - q - r). On the product so far, diag(exp(-x), exp(-y)), the next has x' = min(x + p, y + q,
    y + r) and x' + y' = x + p + y + r. All entries of the last are below exp(-1) where x' >= 1. One programme per
    choice of the minima: the cost is 2 value, the dimension of the optimal face multiplicity - 1.
    """
    unit = np.eye(3 * layers + 1)  # the last column holds the constant
    for choices in product(range(3), repeat=layers - 1):
        x = y = np.zeros(3 * layers + 1)
        rows = []
        for layer in range(layers):
            p, q, r = unit[3 * layer : 3 * layer + 3]
            candidates = [x + p, y + q, y + r]
            if layer == layers - 1:
                rows += [candidate - unit[-1] for candidate in candidates]
            else:
                chosen = candidates[choices[layer]]
                rows += [candidate - chosen for candidate in candidates]
                x, y = chosen, x + p + y + r - chosen
        yield -np.array(rows)[:, :-1], np.array(rows)[:, -1]


@pytest.mark.parametrize("layers", [1, 2, 3, 4])
def test_value_and_multiplicity_of_two_by_two_layers_by_linear_programming(layers):
    # Tells a(l - a) + 1 = 5 from the 6 components of the zero set at four layers.
    cost = np.tile([2.0, 1.0, 1.0], layers)
    programmes = [(rows, right, optimize.linprog(cost, rows, right)) for rows, right in scaled_singular_values(layers)]
    programmes = [programme for programme in programmes if programme[2].success]
    least = min(solved.fun for _, _, solved in programmes)
    rng = fresh_generator()
    dimensions = []
    for rows, right, solved in programmes:
        if solved.fun < least + 1e-7:
            ends = [
                optimize.linprog(rng.normal(size=len(cost)), rows, right, A_eq=cost[None], b_eq=[least]).x
                for _ in range(40)
            ]
            dimensions.append(np.linalg.matrix_rank(np.array(ends) - ends[0], tol=1e-6))
    result = deep_linear_network((2,) * (layers + 1), 0)
    assert least == pytest.approx(2 * float(result.value))
    assert max(dimensions) + 1 == result.multiplicity
