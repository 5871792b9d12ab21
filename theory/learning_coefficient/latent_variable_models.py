"""Learning coefficients of Gaussian mixtures and of factor analysis, derived from their ideals, with a certificate.

Every result assumes a smooth prior that is positive around the true distribution; mixture weights lie in [0, 1], and
noise variances stay above a positive bound.
"""

from __future__ import annotations

from collections.abc import Sequence

from sympy import Abs, Expr, Integer, Rational, Symbol, symbols

from theory.learning_coefficient.arguments import whole_number
from theory.learning_coefficient.engine import LearningCoefficient, LearningCoefficientRefused, rlct
from theory.learning_coefficient.ideal import rlct_of_ideal

_MOST_LOADINGS = 6


def gaussian_mixture(free_means: int) -> LearningCoefficient:
    """Unit-variance Gaussians on a line with free weights in [0, 1], when the truth is N(0, 1).

    Relative to the truth the mixture is 1 + sum_k p_k He_k(x)/k!, with He_k the Hermite polynomials and p_k the k-th
    moment of the means under the weights, so that the loss (Kullback-Leibler divergence) behaves like the sum of the
    squared generators of the ideal (p_1, p_2, ...).

    Parameters
    ----------
    free_means : int
        1: (1 - a) N(0, 1) + a N(b, 1), parameters (a, b). k > 1: sum_i a_i N(b_i, 1) over k components, parameters all
        b_i and all a_i >= 0 but one, as they add up to 1; the value is (k + 1)/4.

    Returns
    -------
    LearningCoefficient
        At the worst point of the minimum set.

    Raises
    ------
    ValueError
        If `free_means` is not a positive integer.

    References
    ----------
    Yamazaki and Watanabe (2003), Singularities in mixture models and upper bounds of stochastic complexity, Neural
    Networks 16, 1029-1038. Watanabe (2009), Algebraic Geometry and Statistical Learning Theory, section 7.
    """
    means = whole_number("free_means", free_means, 1)
    half = Rational(1, 2)
    u, a, b = symbols("u a b", real=True)
    if means == 1:
        opening = (
            "moments of the means: p_k = a b^k, all multiples of p_1, so the ideal is (a b)",
            "minimum set a b = 0; its strata: the crossing (0, 0), b = 0 with a > 0, a = 0 with b not 0",
        )
        return _worst_point(opening, (a * b) ** 2, (a, b), ((0, 0), (half, 0), (0, 1)))
    if means == 2:
        opening = (
            "moments of the means: p_k = (1 - a) b_1^k + a b_2^k; p_(k+2) = (b_1 + b_2) p_(k+1) - b_1 b_2 p_k for "
            "k >= 1 and p_2 = (b_1 + b_2) p_1 - b_1 b_2, so the ideal is (p_1, b_1 b_2)",
            "one weight is not 0, say 1 - a: u = p_1 replaces b_1 = (u - a b)/(1 - a), b = b_2, and modulo u "
            "b_1 b_2 is a b^2 times a unit: the ideal is (u, a b^2)",
            "minimum set u = a b^2 = 0; its strata: b = 0 with a > 0, the crossing a = b = 0, a = 0 with b not 0",
        )
        return _worst_point(opening, u**2 + a**2 * b**4, (u, a, b), ((0, half, 0), (0, 0, 0), (0, 0, 1)))
    return _many_means(means)


def _many_means(means: int) -> LearningCoefficient:
    """Three or more free means: weights that are not negative make the second moment bound all higher ones."""
    weights, places = symbols(f"a2:{means + 1}", real=True), symbols(f"b2:{means + 1}", real=True)
    u = Symbol("u", real=True)
    parts = [_worst_of_pair(a, b) for a, b in zip(weights, places, strict=True)]
    value = Rational(1, 2) + sum((part.value for part, _ in parts), Integer(0))
    multiplicity = sum(part.multiplicity - 1 for part, _ in parts) + 1
    sentences = (
        "moments of the means: p_k = sum a_i b_i^k with a_i >= 0, so |p_k| <= max|b|^(k - 2) p_2 for k >= 2: the loss "
        "lies between multiples of p_1^2 + p_2^2",
        "one weight is not 0, say a_1: u = p_1 replaces b_1 = (u - sum_(i > 1) a_i b_i)/a_1; modulo u p_2 is "
        "sum_(i > 1) a_i b_i^2 + (sum_(i > 1) a_i b_i)^2/a_1, where the square is at most a multiple of the sum "
        "(Cauchy-Schwarz)",
        f"so the loss lies between multiples of {u}^2 and the sum of a_i^2 b_i^4 over i > 1: independent blocks, 1/2 "
        "for u",
        *(f"[{a}, {b}] {text}" for (_, text), a, b in zip(parts, weights, places, strict=True)),
        f"value = 1/2 + {' + '.join(str(part.value) for part, _ in parts)} = {value}, multiplicity {multiplicity}",
    )
    return LearningCoefficient(value, multiplicity, "mixture weights that are not negative (second moment)", sentences)


def _worst_of_pair(a: Symbol, b: Symbol) -> tuple[LearningCoefficient, str]:
    """The worst point of a^2 b^4 = 0 with a >= 0, and a sentence on its strata."""
    loss = a**2 * b**4
    doubled = loss.xreplace({a: a**2})  # a = s^2 covers a >= 0 twice, with da = 2 |s| ds
    strata = {
        f"{b} = 0 < {a}": rlct(loss, (a, b), (Rational(1, 2), 0)),
        f"{a} = {b} = 0": rlct(doubled, (a, b), (0, 0), Abs(a)),
        f"{a} = 0, {b} not 0": rlct(doubled, (a, b), (0, 1), Abs(a)),
    }
    worst = min(strata.values(), key=lambda part: (part.value, -part.multiplicity))
    shown = ", ".join(f"{where}: {part.value}, {part.multiplicity}" for where, part in strata.items())
    return worst, f"{loss} on {a} >= 0 has the strata {shown}; the worst is {worst.value}, {worst.multiplicity}"


def factor_analysis(observed: int, connected: int = 0, factors: int = 1) -> LearningCoefficient:
    """Factor analysis: `observed` Gaussian variables with covariance diagonal noise + loadings loadings^T.

    Parameters
    ----------
    observed : int
        Number d of observed variables (their means known); d variances and d * factors loadings are free.
    connected : int
        How many of them the true factor loads on: 0 for independent variables, else 2 to d. (One loading that is not 0
        leaves the variables independent: give 0.)
    factors : int
        Number of factors in the model; solved for 1, and for independent variables with at most six loadings.

    Returns
    -------
    LearningCoefficient
        At the worst point of the minimum set.

    Raises
    ------
    LearningCoefficientRefused
        For more factors than that; the known bounds are named.
    ValueError
        If a number is not an integer of the stated range.

    References
    ----------
    Drton, Lin, Weihs and Zwiernik (2017), Marginal likelihood and model selection for Gaussian latent tree and forest
    models, Bernoulli 23, 1202-1232: one factor is their star tree.
    """
    d = whole_number("observed", observed, 1)
    factors = whole_number("factors", factors, 1)
    connected = whole_number("connected", connected, 0)
    if connected == 1 or connected > d:
        raise ValueError(f"connected: expected 0 (independent variables) or 2 to observed = {d}, got {connected}")
    if factors > 1 and not connected and d * factors <= _MOST_LOADINGS:
        return _independent_factors(d, factors)
    if factors > 1:
        # Further loadings y enter as y y^T: K <= C (K with one factor + |y|^4). As many factors as variables: at
        # independent loadings the covariance map is a submersion, one coordinate for each of its entries.
        upper = factor_analysis(d, connected).value + Rational(d * (factors - 1), 4)
        upper = min(upper, Rational(d * (d + 1), 4)) if factors >= d else upper
        raise LearningCoefficientRefused(
            f"{factors} factors: the ideal of products of loadings is not monomial and is not resolved here; "
            f"known bounds: {Rational(d, 2)} <= value <= {upper}",
            Rational(d, 2),
            upper,
            "resolve the ideal of the products of loadings at one point: rlct([f_1, f_2, ...])",
        )
    opening = (
        "covariance minus the truth: diagonal entries psi_i + x_i^2 - s_ii, off the diagonal x_i x_j - s_ij, i < j",
        f"the diagonal entries are local coordinates in place of the variances psi_i: they add {d}/2",
    )
    if connected:
        value, multiplicity, sentences = _smooth_star(d, connected)
    else:
        value, multiplicity, sentences = _independent_star(d)
    total = Rational(d, 2) + value
    closing = f"value = {d}/2 + {value} = {total}, multiplicity = {multiplicity}"
    method = "one-factor analysis (ideal of the covariance; Drton et al. 2017)"
    return LearningCoefficient(total, multiplicity, method, (*opening, *sentences, closing))


def _independent_factors(d: int, factors: int) -> LearningCoefficient:
    """Several factors and an independent truth, from the ideal of products of loadings at loadings zero."""
    names = symbols(f"l1:{d * factors + 1}", real=True)
    rows = [names[i * factors : (i + 1) * factors] for i in range(d)]
    products = [
        sum((a * b for a, b in zip(rows[i], rows[j], strict=True)), Integer(0)) for i in range(d) for j in range(i)
    ]
    if not products:
        return factor_analysis(d)
    answer = rlct_of_ideal(products, names, (0,) * len(names))
    total = Rational(d, 2) + answer.value
    sentences = (
        f"the diagonal entries of the covariance are local coordinates in place of the variances: they add {d}/2",
        f"off the diagonal stand the products of rows of loadings: the ideal ({', '.join(map(str, products))})",
        "it is homogeneous, so that every point is like one near loadings zero, which is the worst",
        *answer.certificate,
        f"value = {d}/2 + {answer.value} = {total}, multiplicity = {answer.multiplicity}",
    )
    return LearningCoefficient(total, answer.multiplicity, f"several factors ({answer.method})", sentences)


def _independent_star(d: int) -> tuple[Rational, int, tuple[str, ...]]:
    """Value and multiplicity of the ideal (x_i x_j, i < j) in d loadings, over all its real zeros."""
    if d == 1:
        return Integer(0), 1, ("one variable: no entries off the diagonal, the loading is flat",)
    multiplicity = 2 if d == 2 else 1
    slack = (
        "its minimisers are the segment u_1 + u_2 = 1/2: multiplicity 2"
        if d == 2
        else "every y_ij > 0 forces u_i + u_j = 1/2 for all pairs, so u = 1/4 is the only minimiser: multiplicity 1"
    )
    return (
        Rational(d, 4),
        multiplicity,
        (
            "independent truth: the ideal (x_i x_j, i < j) is monomial, its sum of squares has positive coefficients "
            "and is non-degenerate",
            f"at x = 0, linear programme min sum u_i with 2 (u_i + u_j) >= 1: u_i = 1/4 gives {d}/4, and the dual "
            f"y_ij = {Rational(1, 2 * (d - 1))} for every pair gives the same: value = {Rational(d, 4)}",
            slack,
            f"elsewhere one loading is not 0 and the ideal is that of the other {d - 1}: {Rational(d - 1, 2)}, "
            f"{'equal with multiplicity 1' if d == 2 else 'larger'}; so x = 0 is the worst point",
        ),
    )


def _smooth_star(d: int, connected: int) -> tuple[Rational, int, tuple[str, ...]]:
    """At least two true loadings: the minimum set is smooth and the value is half its codimension."""
    if connected == 2:
        sentence = (
            f"two connected variables: x_1 x_2 = s_12 and the other {d - 2} loadings 0 are {d - 1} equations with "
            f"independent gradients, and the rest follow: value = {Rational(d - 1, 2)}"
        )
        return Rational(d - 1, 2), 1, (sentence,)
    sentence = (
        f"{connected} connected variables: x_1^2 = s_12 s_13/s_23 and so on fix every loading up to one sign, "
        f"{d} independent equations: value = {Rational(d, 2)}"
    )
    return Rational(d, 2), 1, (sentence,)


def _worst_point(
    opening: Sequence[str], loss: Expr, coordinates: Sequence, points: Sequence[Sequence]
) -> LearningCoefficient:
    """Smallest value over the strata of the minimum set, then the largest multiplicity, at one point of each."""
    answers = [(rlct(loss, coordinates, point), point) for point in points]
    worst, where = min(answers, key=lambda pair: (pair[0].value, -pair[0].multiplicity))
    names = ", ".join(map(str, coordinates))
    sentences = [*opening]
    for answer, point in answers:
        shown = ", ".join(map(str, point))
        sentences.append(f"loss {loss} at ({names}) = ({shown}): value {answer.value}, order {answer.multiplicity}")
    sentences += [f"[worst] {sentence}" for sentence in worst.certificate]
    sentences.append(
        f"worst point ({', '.join(map(str, where))}): value = {worst.value}, multiplicity = {worst.multiplicity}"
    )
    return LearningCoefficient(worst.value, worst.multiplicity, f"ideal of moments ({worst.method})", tuple(sentences))
