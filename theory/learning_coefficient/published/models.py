"""Linear and tanh networks, mixtures, latent variables, non-negative factors: rows of the table that are models."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from functools import partial
from itertools import combinations, pairwise

from sympy import Expr, Integer, Matrix, Rational, Symbol, expand, prod, symbols

from theory.learning_coefficient.latent_variable_models import factor_analysis, gaussian_mixture
from theory.learning_coefficient.models import rlct_of_model
from theory.learning_coefficient.networks import deep_linear_network, reduced_rank_regression, tanh_network
from theory.learning_coefficient.published.cases import BY_HAND, Case, ask_for, shown

HALF, QUARTER = Rational(1, 2), Rational(1, 4)


def matrix_products(widths: Sequence[int], rank: int = 0) -> tuple[list[Expr], list[Symbol], list[int]]:
    """Entries of W_L ... W_1 minus the true map, the weights, and the point where each holds an identity of `rank`."""
    pairs = list(pairwise(widths))
    matrices = [
        Matrix(rows, columns, lambda i, j, k=k: Symbol(f"m{k}_{i}{j}", real=True))
        for k, (columns, rows) in enumerate(pairs)
    ]
    whole = matrices[0]
    for matrix in matrices[1:]:
        whole = matrix * whole
    truth = Matrix(whole.rows, whole.cols, lambda i, j: int(int(i) == int(j) < rank))
    point = [int(i == j < rank) for m in matrices for i in range(m.rows) for j in range(m.cols)]
    return [expand(e) for e in whole - truth], [entry for m in matrices for entry in m], point


def linear_networks() -> Iterator[Case]:
    """From the ideals of their entries, and by the theorem alone where these are too wide."""
    family = "Linear networks"
    for *widths, rank in (
        (1, 1, 1, 0),
        (1, 2, 1, 0),
        (1, 3, 1, 0),
        (2, 1, 2, 0),
        (2, 2, 1, 0),
        (1, 2, 2, 0),
        (3, 1, 3, 0),
        (3, 1, 2, 0),
        (1, 1, 1, 1, 0),
        (1, 1, 1, 1, 1, 0),
        (2, 1, 1, 2, 0),
        (1, 1, 2, 1, 0),
        (1, 2, 2, 1, 0),
        (2, 2, 2, 0),
        (1, 1, 1, 1),
        (2, 1, 2, 1),
        (2, 2, 2, 1),
        (2, 2, 2, 2),
        (3, 2, 3, 1),
        (3, 3, 3, 2),
        (2, 3, 2, 0),
        (3, 2, 3, 0),
        (2, 2, 2, 2, 0),
        (2, 2, 2, 2, 1),
    ):
        known = deep_linear_network(widths, rank)
        ideal, weights, point = matrix_products(widths, rank)
        name = f"{'-'.join(map(str, widths))}, rank {rank}, from its ideal"
        source = "Aoyagi-Watanabe" if len(widths) == 3 else "Aoyagi 2024"
        yield Case(family, name, source, known.value, known.multiplicity, ask_for(ideal, weights, point=point))
    for widths, rank, value, m in (
        ((3, 3, 3), 0, Rational(7, 2), 2),
        ((5, 3, 5), 2, Rational(19, 2), 2),
        ((10, 5, 10), 2, Integer(29), 2),
        ((5, 4, 4, 5), 2, Integer(10), 3),
        ((100,) * 5, 50, Rational(9063, 2), 5),
    ):
        name = f"{'-'.join(map(str, widths))}, rank {rank}, by the theorem"
        yield Case(family, name, "Aoyagi 2024", value, m, partial(deep_linear_network, widths, rank), theorem=True)
        if len(widths) == 3:
            ask = partial(reduced_rank_regression, *widths, rank)
            name = f"{'-'.join(map(str, widths))}, rank {rank}, by the theorem of 2005"
            yield Case(family, name, "Aoyagi-Watanabe", value, m, ask, theorem=True)


def vandermonde(hidden: int, step: int) -> tuple[Rational, int]:
    """Value and multiplicity of (sum_h a_h b_h^(1 + l step), l = 0, 1, ...) by Aoyagi (2010)."""
    k = max(i for i in range(1, hidden + 1) if 2 * hidden >= step * i * (i - 1) + 2 * i)
    value = Rational(step * k * (k + 1) + 2 * hidden, 4 * (1 + k * step))
    return value, 2 if 2 * hidden == step * k * (k - 1) + 2 * k else 1


def sums_of_powers(hidden: int, step: int) -> tuple[list[Expr], tuple[Symbol, ...]]:
    """Generators sum_h a_h b_h^(1 + l step), l < hidden, and their coordinates."""
    outer, inner = symbols(f"a1:{hidden + 1}", real=True), symbols(f"b1:{hidden + 1}", real=True)
    powers = [1 + step * k for k in range(hidden)]
    return [sum((u * v**q for u, v in zip(outer, inner, strict=True)), Integer(0)) for q in powers], (*outer, *inner)


def networks() -> Iterator[Case]:
    """Hidden units with true function zero, from their ideals and by the theorem."""
    family = "Hidden units"
    for hidden, step in ((1, 1), (1, 2), (1, 3), (2, 1), (2, 2), (2, 3), (2, 4), (3, 1), (3, 2)):
        value, m = vandermonde(hidden, step)
        ideal, names = sums_of_powers(hidden, step)
        name = f"{hidden} unit(s), sums a b^q with q = 1, {1 + step}, ..."
        yield Case(family, name, "Aoyagi 2010", value, m, ask_for(ideal, names))
    for noise in ("gaussian", "bernoulli", "poisson"):
        ask = partial(rlct_of_model, "a*tanh(b*x)", "x", ["a", "b"], (0, 0), noise)
        yield Case(family, f"a tanh(b x), {noise} noise", "Watanabe", HALF, 2, ask)
    model = "a*tanh(b*x) + c*tanh(d*x)"
    ask = partial(rlct_of_model, model, "x", ["a", "b", "c", "d"], (0, 0, 0, 0))
    yield Case(family, f"{shown(model)}, from its ideal", "Aoyagi 2010", Rational(2, 3), 1, ask)
    ask = ask_for("(a*tanh(b))**2")
    yield Case(family, "(a tanh b)^2", BY_HAND, HALF, 2, ask)
    ask = partial(rlct_of_model, "a*sin(b*x) + c*x**2", "x", ["a", "b", "c"], (0, 0, 0))
    yield Case(family, "a sin(b x) + c x^2, gaussian noise", BY_HAND, Integer(1), 2, ask)
    ask = partial(rlct_of_model, "a*exp(b*x) - a", "x", ["a", "b"], (0, 0))
    yield Case(family, "a (exp(b x) - 1), gaussian noise", BY_HAND, HALF, 2, ask)
    for hidden in (1, 2, 3, 4, 5, 9, 16):
        value, m = vandermonde(hidden, 2)
        name = f"tanh network with {hidden} units, by the theorem"
        yield Case(family, name, "Aoyagi 2010", value, m, partial(tanh_network, hidden), theorem=True)


def mixtures() -> Iterator[Case]:
    """Gaussian mixtures of unit variance, truth N(0, 1), by the ideals of their moments."""
    family, (a, b, c) = "Gaussian mixtures", symbols("a b c", real=True)
    source = "Yamazaki-Watanabe"
    yield Case(family, "(1 - a) N(0) + a N(b)", source, HALF, 2, partial(gaussian_mixture, 1))
    yield Case(family, "(1 - a) N(b) + a N(c)", source, Rational(3, 4), 1, partial(gaussian_mixture, 2))
    for weight in (Integer(0), Rational(1, 3), HALF):
        share = a + weight
        moments = [expand((1 - share) * b**k + share * c**k) for k in (1, 2, 3)]
        name = f"moments of (1 - a) N(b) + a N(c) about a = {weight}"
        yield Case(family, name, source, Rational(3, 4), 1, ask_for(moments, (a, b, c)))
    w, d = symbols("w d", real=True)
    weights = (1 - a - w, a, w)
    moments = [expand(sum(u * v**k for u, v in zip(weights, (b, c, d), strict=True))) for k in (1, 2, 3)]
    name = "moments of three means about weights 1, 0, 0, all weights >= 0"
    yield Case(family, name, BY_HAND, Integer(1), 1, ask_for(moments, (a, w, b, c, d), domain=[a >= 0, w >= 0]))
    yield Case(family, "three free means", BY_HAND, Integer(1), 1, partial(gaussian_mixture, 3))
    yield Case(family, "four free means", BY_HAND, Rational(5, 4), 1, partial(gaussian_mixture, 4))


def naive_bayes(features: int, share: Rational) -> tuple[list[Expr], tuple[Symbol, ...]]:
    """Moments of `features` binary features given a hidden one, all centred, the truth independent."""
    t = Symbol("t", real=True)
    u, v = symbols(f"u0:{features}", real=True), symbols(f"v0:{features}", real=True)
    sets = [s for size in range(1, features + 1) for s in combinations(range(features), size)]
    moments = [(1 - t - share) * prod([u[i] for i in s]) + (t + share) * prod([v[i] for i in s]) for s in sets]
    return [expand(m) for m in moments], (t, *u, *v)


def latent_variables() -> Iterator[Case]:
    """Naive Bayes with a binary hidden variable; factor analysis with known means."""
    family = "Latent variables"
    for features, m in ((2, 3), (3, 1), (4, 1), (5, 1)):
        ideal, names = naive_bayes(features, Integer(0))
        value = Rational(features + 1, 2)
        name = f"naive Bayes, {features} binary features, truth independent"
        yield Case(family, name, "Rusakov-Geiger", value, m, ask_for(ideal, names))
    for observed, connected, value, m in (
        (2, 0, Rational(3, 2), 2),
        (3, 0, Rational(9, 4), 1),
        (4, 0, Integer(3), 1),
        (5, 0, Rational(15, 4), 1),
        (3, 2, Rational(5, 2), 1),
        (4, 2, Rational(7, 2), 1),
        (3, 3, Integer(3), 1),
        (4, 3, Integer(4), 1),
    ):
        truth = f"truth with {connected} connected" if connected else "truth independent"
        name = f"one factor, {observed} observed, {truth}"
        yield Case(family, name, "Drton et al.", value, m, partial(factor_analysis, observed, connected))
    for observed, value, m in ((2, Rational(3, 2), 1), (3, Integer(3), 3)):
        ask = partial(factor_analysis, observed, 0, 2)
        yield Case(family, f"two factors, {observed} observed, truth independent", BY_HAND, value, m, ask)
    for observed, value, m in ((2, HALF, 1), (3, Rational(3, 2), 3)):
        loadings = Matrix(observed, 2, lambda i, j: Symbol(f"l{i}{j}", real=True))
        covariance = loadings * loadings.T
        ideal = [covariance[i, j] for i in range(observed) for j in range(i + 1, observed)]
        name = f"two factors, {observed} observed: entries off the diagonal"
        yield Case(family, name, BY_HAND, value, m, ask_for(ideal, list(loadings)))


def boundaries() -> Iterator[Case]:
    """Points on the boundary of a domain."""
    for widths, m in (((1, 1, 1), 2), ((1, 2, 1), 3), ((1, 3, 1), 4), ((2, 1, 2), 2), ((2, 1, 1), 1), ((2, 2, 2), 3)):
        ideal, weights, _ = matrix_products(widths)
        value = Rational(widths[1] * min(widths[0], widths[2]), 2)
        name = f"{widths[2]} by {widths[0]} of inner width {widths[1]}, true product zero"
        ask = ask_for(ideal, weights, domain=[entry >= 0 for entry in weights])
        yield Case("Non-negative factors", name, "Hayashi-Watanabe", value, m, ask)
    simplex = ["x >= 0", "y >= 0", "x + y <= 1"]
    for loss, options, value, m in (
        ("x", {"domain": "x >= 0"}, Integer(1), 1),
        ("x + y**2", {"domain": "x >= 0"}, Rational(3, 2), 1),
        ("x*y", {"domain": ["x >= 0", "y >= 0"]}, Integer(1), 2),
        ("x**2*y**2", {"domain": ["x >= 0", "x <= y"]}, HALF, 2),
        ("x**2*y**4", {"domain": ["y >= 2*x", "y >= -2*x"]}, Rational(1, 3), 1),
        ("(x - y)**2", {"domain": ["x >= 0", "y <= 0"]}, Integer(1), 1),
        ("x**2*y**2", {"domain": simplex, "prior": "x**(-1/2)*y**(-1/3)"}, QUARTER, 1),
        ("(x - 1)**2", {"domain": "x**2 + y**2 <= 1", "point": [1, 0]}, Rational(3, 4), 1),
        ("(x - 1)**2", {"domain": "x**2 + y**2 >= 1", "point": [1, 0]}, HALF, 1),
    ):
        domain = options["domain"]
        where = ", ".join([domain] if isinstance(domain, str) else domain)
        names = ("x", "y") if "y" in loss + where else ("x",)
        name = shown(f"{loss} where {where}" + (f", prior {options['prior']}" if "prior" in options else ""))
        yield Case("Boundaries", name, BY_HAND, value, m, ask_for(loss, names, **options))


FAMILIES = (linear_networks, networks, mixtures, latent_variables, boundaries)
