r"""Conditional distributions of exp(-L/T) where the loss is of degree two in one coordinate or in a block of them."""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Expr, Matrix, MatrixSymbol, Rational, Symbol

from theory import symbols as s
from theory.derivation import Derivation, Equation, Story, demand_zero, equality

_SOURCE = "textbook; Geman & Geman (1984), IEEE Trans. Pattern Anal. Mach. Intell. 6"
_W, _REST = Symbol("w", real=True), Symbol("c_0", real=True)


def conditional_loss() -> Expr:
    """L as a function of one coordinate w, all others fixed."""
    return s.quadratic_coefficient * _W**2 + s.linear_coefficient * _W + _REST


@cache
def conditional_moments() -> tuple[Expr, Expr, Story]:
    """Mean and variance of one coordinate by completing the square, checked by integrals."""
    a, b, temp = s.quadratic_coefficient, s.linear_coefficient, s.temperature
    mean, variance = -b / (2 * a), temp / (2 * a)
    lowest = _REST - b**2 / (4 * a)
    demand_zero(conditional_loss() / temp - (_W - mean) ** 2 / (2 * variance) - lowest / temp, "completed square")
    weight = sympy.exp(-conditional_loss() / temp)
    total, first, second = (_line_integral(_W**power * weight) for power in range(3))
    demand_zero(sympy.simplify(first / total) - mean, "mean by integration")
    demand_zero(sympy.simplify(second / total - (first / total) ** 2) - variance, "variance by integration")
    story = (
        "Given the other coordinates the loss is a parabola in $w$, with $c_0$ what does not hold $w$. Completing "
        "the square,",
        equality(conditional_loss(), a * (_W + b / (2 * a)) ** 2 + lowest),
        "and $\\exp(-L/T)$ is a normal density, $a_2 (w - \\bar w)^2/T = (w - \\bar w)^2/(2\\sigma_w^2)$. Check: "
        "the integrals of $\\exp(-L/T)$, $w\\exp(-L/T)$ and $w^2\\exp(-L/T)$ give the same mean and variance.",
    )
    return mean, variance, story


def _line_integral(expression: Expr) -> Expr:
    """Integral over the line by the substitution that centres the parabola."""
    a, b, temp = s.quadratic_coefficient, s.linear_coefficient, s.temperature
    moved = sympy.expand(expression.subs(_W, _W - b / (2 * a)))
    parabola = sympy.exp(-a * _W**2 / temp)
    constant = sympy.exp(b**2 / (4 * a * temp) - _REST / temp)
    polynomial = sympy.expand(sympy.powsimp(sympy.expand(moved / (parabola * constant))))
    return constant * sympy.integrate(polynomial * parabola, (_W, -sympy.oo, sympy.oo))


def _block_story() -> Story:
    """Mean -H^-1 g and covariance T H^-1 of a block, for two coordinates with every entry a symbol."""
    temp = s.temperature
    h11, h22 = sympy.symbols("h11 h22", positive=True)
    h12, g1, g2, x1, x2 = sympy.symbols("h12 g1 g2 x1 x2", real=True)
    hessian, slope, place = Matrix([[h11, h12], [h12, h22]]), Matrix([g1, g2]), Matrix([x1, x2])
    mean, covariance = -hessian.inv() * slope, temp * hessian.inv()
    loss = (place.T * hessian * place / 2 + slope.T * place)[0]
    away = place - mean
    depth = (slope.T * hessian.inv() * slope)[0] / 2
    demand_zero(loss - (away.T * hessian * away)[0] / 2 + depth, "completed square of a block")
    # Integrate the second coordinate out, then read the first one's law: its variance is the covariance's entry.
    inner = loss.subs(x2, -(h12 * x1 + g2) / h22)  # the parabola in x2 at its lowest; its width holds no x1
    marginal = sympy.Poly(sympy.expand(inner), x1)
    bend, tilt = marginal.coeff_monomial(x1**2), marginal.coeff_monomial(x1)
    demand_zero(temp / (2 * bend) - covariance[0, 0], "variance of a block's coordinate")
    demand_zero(-tilt / (2 * bend) - mean[0], "mean of a block's coordinate")
    correlated = sympy.simplify(-h12 / h22 * covariance[0, 0] - covariance[0, 1])  # x2 follows x1 with slope -h12/h22
    demand_zero(correlated, "covariance within a block")
    # Conditioning the block once more is the law of one coordinate.
    single = {s.quadratic_coefficient: h11 / 2, s.linear_coefficient: h12 * x2 + g1}
    one_mean, one_variance, _ = conditional_moments()
    ratio = covariance[0, 1] / covariance[1, 1]
    demand_zero(mean[0] + ratio * (x2 - mean[1]) - one_mean.subs(single), "conditional mean within a block")
    demand_zero(covariance[0, 0] - ratio * covariance[0, 1] - one_variance.subs(single), "conditional variance")
    dimension = Symbol("d", integer=True, positive=True)
    block, vector, means = (
        MatrixSymbol("H", dimension, dimension),
        MatrixSymbol("g", dimension, 1),
        MatrixSymbol("M", dimension, 1),
    )
    return (
        "A block of $d$ coordinates in which the loss is of degree two, $L = \\frac12 x^\\top H x + g^\\top x + "
        "\\text{const}$ with $H$ positive definite, is normal in the same way, of precision $H/T$, covariance "
        "$T H^{-1}$ and mean vector $M$:",
        equality(means, -block.I * vector),
        "Check, for two coordinates and every entry a symbol: the square completes; with one coordinate integrated "
        "out the other has this mean and variance; and conditioning the block on one of its coordinates gives the "
        "law of the other one above.",
    )


def derive_gibbs_conditional_mean() -> Derivation:
    """Mean of a coordinate given the others."""
    mean, _, story = conditional_moments()
    return Derivation.of(mean, *story, *_block_story())


def derive_gibbs_conditional_variance() -> Derivation:
    """Variance of a coordinate given the others."""
    _, variance, story = conditional_moments()
    energy = s.quadratic_coefficient * variance / s.temperature
    demand_zero(energy - Rational(1, 2), "equipartition")
    return Derivation.of(
        variance,
        *story,
        "The variance depends on the other coordinates through $a_2$ alone. Check: the mean of $a_2(w-\\bar "
        "w)^2/T$ is one half, as equipartition demands. In a block it is the diagonal entry $T/H_{jj}$, not the "
        "larger $T (H^{-1})_{jj}$, which is the variance with the rest of the block integrated out.",
    )


_EXAMPLE = {s.quadratic_coefficient: 2, s.linear_coefficient: -1, s.temperature: Rational(1, 10)}

EQUATIONS = (
    Equation(
        "gibbs-conditional-mean",
        "Conditional mean",
        s.conditional_mean,
        derive_gibbs_conditional_mean,
        "Many losses are of degree two in each coordinate, though not in all together: products of weights, squared. "
        "Then every coordinate can be drawn from its exact law given the others, without a step size and without "
        "rejections.",
        _EXAMPLE,
        source=_SOURCE,
    ),
    Equation(
        "gibbs-conditional-variance",
        "Conditional variance",
        s.conditional_variance,
        derive_gibbs_conditional_variance,
        "How far a draw of a coordinate lies from its conditional mean.",
        _EXAMPLE,
        source=_SOURCE,
    ),
)
