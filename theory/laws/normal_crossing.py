"""Zeta function, learning coefficient and multiplicity of a normal crossing.

The loss is prod w_j^(2 k_j) and the prior prod |w_j|^(h_j), near the origin.
"""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Basic, Eq, Expr, Min, Piecewise, Rational, Symbol

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand, demand_zero, equality

_HALF = Rational(1, 2)
WATANABE = "Watanabe (2009), Algebraic Geometry and Statistical Learning Theory, chapters 4 and 6; derived here"


def crossing(powers: tuple[int, ...], exponents: tuple[int, ...] = (0, 0, 0)) -> dict[Symbol, Expr]:
    """Half the powers of the loss and those of the prior in three coordinates, as values of their symbols."""
    symbols = (*s.crossing_half_orders, *s.prior_exponents)
    return dict(zip(symbols, map(sympy.Integer, (*powers, *exponents)), strict=True))


@cache
def crossing_zeta(count: int) -> Expr:
    """Zeta function of prod w_j^(2 k_j) with prior prod w_j^(h_j) on [0, 1]^count, by coordinates one at a time."""
    z = s.zeta_argument
    result: Expr = sympy.Integer(1)
    for k, h in zip(s.crossing_half_orders[:count], s.prior_exponents[:count], strict=True):
        w = Symbol("w", positive=True)
        result = sympy.integrate(w ** (2 * k * z + h) * result, (w, 0, 1))
    return sympy.factor(result)


@cache
def _poles() -> tuple[Expr, ...]:
    free = Symbol("z_free")  # the integral needs z > 0; its continuation is a rational function of any z
    poles = []
    for k, h in zip(s.crossing_half_orders, s.prior_exponents, strict=True):
        w = Symbol("w", positive=True)
        zeta = sympy.integrate(w ** (2 * k * s.zeta_argument + h), (w, 0, 1)).subs(s.zeta_argument, free)
        poles.append(sympy.factor(-sympy.solve(1 / zeta, free)[0]))
    return tuple(poles)


def _poles_with_orders(values: dict[Symbol, Expr]) -> dict[Expr, int]:
    free = Symbol("z_free")
    zeta = crossing_zeta(3).xreplace(values).subs(s.zeta_argument, free)
    return sympy.roots(sympy.denom(sympy.together(zeta)), free)


def derive_normal_crossing_zeta() -> Derivation:
    """Zeta function of a normal crossing, for one, two and three coordinates."""
    z = s.zeta_argument
    story: list[str | Basic] = ["The integrand is a product, so the integral is done one coordinate after the other:"]
    result: Expr = sympy.Integer(1)
    for count, (k, h) in enumerate(zip(s.crossing_half_orders, s.prior_exponents, strict=True), start=1):
        result = result / (2 * k * z + h + 1)
        integrated = crossing_zeta(count)
        demand_zero(1 - integrated / result, f"zeta function in {count} coordinates")
        story += [f"$d = {count}$:", equality(s.zeta, integrated)]
    story += ["Every further coordinate contributes one more factor, with a simple pole at $z = -(h_j+1)/(2k_j)$."]
    return Derivation.of(result, *story)


def derive_normal_crossing_learning_coefficient() -> Derivation:
    """Learning coefficient of a normal crossing: minus the largest pole of its zeta function."""
    poles = _poles()
    result = Min(*poles)
    story: list[str | Basic] = [
        "Poles of [eq:normal-crossing-zeta], one per coordinate; the largest one is the smallest of",
        sympy.Tuple(*poles),
    ]
    for powers, exponents, expected in (
        ((1, 1, 1), (0, 0, 0), Rational(1, 2)),
        ((1, 2, 3), (0, 0, 0), Rational(1, 6)),
        ((1, 2, 3), (0, 1, 5), Rational(1, 2)),
    ):
        values = crossing(powers, exponents)
        demand(sympy.Eq(-max(_poles_with_orders(values)), expected), "largest pole")
        demand(sympy.Eq(result.xreplace(values), expected), "smallest ratio")
    story += ["(For fewer coordinates leave out the ratios that do not occur, or let their $k_j\\to 0$.)"]
    return Derivation.of(result, *story)


def derive_normal_crossing_multiplicity() -> Derivation:
    """Order of the largest pole: how many coordinates share the smallest ratio."""
    poles = _poles()
    least = Min(*poles)
    result = sympy.Add(*[Piecewise((1, Eq(pole, least)), (0, True)) for pole in poles])
    for powers in ((1, 1, 1), (1, 1, 2), (2, 2, 1), (1, 2, 3)):
        values = crossing(powers)
        roots = _poles_with_orders(values)
        demand(sympy.Eq(result.xreplace(values).doit(), roots[max(roots)]), f"order of the pole for powers {powers}")
    return Derivation.of(
        result,
        "Factors with the same pole multiply to a pole of higher order; its order counts them. ($[\\cdot]$ is "
        "1 where the condition inside holds and 0 elsewhere.)",
    )


def derive_kink_learning_coefficient() -> Derivation:
    """Learning coefficient where a loss on a line rises like different powers on the two sides of a place."""
    z, left, right = Symbol("z", positive=True), s.kink_order_left, s.kink_order_right
    place, slopes = Symbol("w", positive=True), sympy.symbols("a_- a_+", positive=True)
    sides = [
        slope**z * sympy.integrate(place ** (order * z), (place, 0, 1))
        for slope, order in zip(slopes, (left, right), strict=True)
    ]
    free = Symbol("z_free")
    poles = []
    for side, slope, order in zip(sides, slopes, (left, right), strict=True):
        (pole,) = sympy.solve((slope**z / side).subs(z, free), free)
        demand_zero(pole + 1 / order, "pole of one side")
        demand_zero(sympy.limit((free - pole) * side.subs(z, free), free, pole) - slope**pole / order, "its residue")
        poles.append(-pole)
    result = Min(*poles)
    # Both residues are positive, so that equal poles add up and do not cancel: the multiplicity is 1.
    for orders, expected in (((1, 1), 1), ((2, 1), _HALF), ((1, 4), Rational(1, 4)), ((3, 3), Rational(1, 3))):
        value = result.subs({left: orders[0], right: orders[1]})
        demand(sympy.Eq(value, expected), f"smallest ratio of {orders}")
    return Derivation.of(
        result,
        "To the left of the place the loss rises like $a_-|w|^{k_-}$, to the right like $a_+w^{k_+}$, with a prior "
        "that is 1 there. The zeta function is a sum of two integrals,",
        sympy.Add(*sides).subs(z, s.zeta_argument),
        "with simple poles at $-1/k_-$ and $-1/k_+$ whose residues, $a_\\pm^{-1/k_\\pm}/k_\\pm$, are positive: the "
        "flatter side decides, and equal ones add up to a simple pole.",
    )


EQUATIONS = (
    Equation(
        "normal-crossing-zeta",
        "Zeta function of a normal crossing",
        s.zeta,
        derive_normal_crossing_zeta,
        "Resolution of singularities turns every analytic loss locally into a normal crossing $\\prod w_j^{2k_j}$ "
        "with a prior $\\prod |w_j|^{h_j}$. There the zeta function is elementary.",
        source=WATANABE,
    ),
    Equation(
        "normal-crossing-learning-coefficient",
        "Learning coefficient of a normal crossing",
        s.learning_coefficient,
        derive_normal_crossing_learning_coefficient,
        "The largest pole of the zeta function, with its sign turned, is the learning coefficient.",
        crossing((1, 2, 2), (0, 0, 1)),
        source=WATANABE,
    ),
    Equation(
        "normal-crossing-multiplicity",
        "Multiplicity of a normal crossing",
        s.multiplicity,
        derive_normal_crossing_multiplicity,
        "The order of that pole. It puts logarithms into the free energy.",
        crossing((2, 2, 1)),
        source=WATANABE,
    ),
    Equation(
        "kink-learning-coefficient",
        "Learning coefficient of a kink",
        s.learning_coefficient,
        derive_kink_learning_coefficient,
        "A loss such as $|w|$ is not analytic, but its zeta function is elementary: at a corner the learning "
        "coefficient is 1, twice that of a smooth minimum, and where one side is smooth it is that of the smooth side.",
        {s.kink_order_left: 1, s.kink_order_right: 2},
    ),
)
