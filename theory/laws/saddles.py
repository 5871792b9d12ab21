r"""How long a Langevin path needs to leave a regular well over a saddle, in any number of coordinates.

All times are for dw = -grad L dt + sqrt(2T) dW.
"""

from __future__ import annotations

import sympy
from sympy import Expr, Function, Symbol, erf, exp, oo, pi, sqrt

from theory import escape_symbols as e
from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality
from theory.laws.kinetics import derive_eyring_kramers

_ALONG = Symbol("x", real=True)
_REST = Symbol(r"P_\ddagger", positive=True)  # product of the saddle's positive curvatures
_DIMENSION = Symbol("d", positive=True, integer=True)
_TESTS = ("tests/exact/test_gates.py",)


def committor_over_saddle() -> Expr:
    """Chance to go down on the far side of a saddle -h x²/2, from its backward equation."""
    curvature, temp = s.barrier_curvature, s.temperature
    chance = (1 + erf(_ALONG * sqrt(curvature / (2 * temp)))) / 2
    slope = sympy.diff(chance, _ALONG)
    demand_zero(temp * sympy.diff(slope, _ALONG) + curvature * _ALONG * slope, "backward equation at the saddle")
    demand_zero(sympy.limit(chance, _ALONG, oo) - 1, "beyond the saddle")
    demand_zero(sympy.limit(chance, _ALONG, -oo), "before the saddle")
    return chance


def derive_eyring_kramers_saddle() -> Derivation:
    """Escape rate: capacity of the saddle over the well's integral."""
    curvature, temp = s.barrier_curvature, s.temperature
    chance = committor_over_saddle()
    slope = sympy.diff(chance, _ALONG)
    along = sympy.integrate(slope**2 * exp(curvature * _ALONG**2 / (2 * temp)), (_ALONG, -oo, oo))
    demand_zero(along - sqrt(curvature / (2 * pi * temp)), "integral across the saddle")
    stable = (2 * pi * temp) ** ((_DIMENSION - 1) / 2) / sqrt(_REST)
    capacity = temp * along * stable
    well = (2 * pi * temp) ** (_DIMENSION / 2) / sqrt(s.well_determinant)
    result = curvature / (2 * pi) * sqrt(s.well_determinant / s.saddle_determinant) * exp(-s.barrier_height / temp)
    found = capacity / well * exp(-s.barrier_height / temp)
    demand_zero(
        sympy.simplify(found / result.subs(s.saddle_determinant, curvature * _REST)) - 1, "capacity over the well"
    )
    line = result.subs({s.well_determinant: s.well_curvature, s.saddle_determinant: curvature})
    demand_zero(sympy.simplify(line / derive_eyring_kramers().result) - 1, "one coordinate")
    q = Function("q")(_ALONG)
    return Derivation.of(
        result,
        "Let $q$ be the chance to go down on the far side of the saddle. At low temperature it varies only along the "
        "unstable direction $x$, where the loss is $L_\\ddagger - h_\\ddagger x^2/2$, and solves the backward equation",
        equality(temp * q.diff(_ALONG, 2) + curvature * _ALONG * q.diff(_ALONG), 0),
        "from 0 to 1:",
        equality(q, chance),
        "The flow in equilibrium is the capacity $T \\int |\\nabla q|^2 e^{-L/T} dw$. Along $x$ it gives",
        along,
        "and across it one Gaussian integral for each of the $d - 1$ positive curvatures, whose product is "
        "$P_\\ddagger = |D_\\ddagger|/h_\\ddagger$:",
        stable,
        "Divided by the well's integral, which the Hessian's determinant gives,",
        equality(s.well_integral, well),
        "the powers of $T$ cancel. In one coordinate it is [eq:eyring-kramers].",
    )


def derive_line_capacity() -> Derivation:
    """What one line along the way carries at least, and why lines together bound from below."""
    temp, slope, weight = s.temperature, Symbol("p", real=True), Symbol("r", positive=True)
    multiplier, whole = Symbol("k", real=True), e.line_integral
    # With r = e^(-L/T): stationary where 2 p r = k, and the slopes add up to 1.
    best = sympy.solve(sympy.diff(slope**2 * weight - multiplier * slope, slope), slope)[0]
    of_multiplier = sympy.solve(sympy.Eq(multiplier * whole / 2, 1), multiplier)[0]
    cost = best**2 * weight
    demand_zero(sympy.simplify(cost.subs(multiplier, of_multiplier) - 1 / (weight * whole**2)), "on a line")
    # ∫ dx / (r D²), with D = ∫ dx / r, is 1/D.
    result = temp / whole
    demand_zero(sympy.simplify(temp * whole / whole**2 - result), "integral")
    return Derivation.of(
        result,
        "The capacity between two sides is the least value of $T \\int |\\nabla q|^2 e^{-L/T} dw$ over functions from "
        "0 to 1. Leaving out the slope across the way makes it smaller, and then every line along the way is on its "
        "own. With $p = dq/dx$ and $r = e^{-L/T}$ on a line, $p^2 r$ is least, for given $\\int p\\,dx = 1$, where",
        equality(2 * slope * weight, multiplier),
        "so that $p = k/2r$, and the condition gives",
        equality(multiplier, of_multiplier),
        "where $D_\\ell = \\int e^{L/T} dx$ over the line. Then $p = e^{L/T}/D_\\ell$, and the line carries",
        result,
        "Its integral over all lines is a lower bound of the capacity. The functions $q$ of all lines together are one "
        "function of the space, whose full integral, slopes across the way and all, is an upper bound.",
    )


def derive_gate_rate() -> Derivation:
    """Rate over a gate by the integrals along it, across it and of the well."""
    temp, curvature = s.temperature, s.barrier_curvature
    across = e.gate_constant * temp**e.gate_learning_coefficient
    well = e.well_constant * temp**s.learning_coefficient
    along = sqrt(2 * pi * temp / curvature)
    result = temp * across / (along * well) * exp(-s.barrier_height / temp)
    power = derive_gate_rate_power().result
    plain = sqrt(curvature / (2 * pi)) * e.gate_constant / e.well_constant * temp**power * exp(-s.barrier_height / temp)
    demand_zero(sympy.simplify(sympy.powsimp(result / plain, force=True)) - 1, "powers of T")
    regular = {
        e.gate_learning_coefficient: (_DIMENSION - 1) / 2,
        s.learning_coefficient: _DIMENSION / 2,
        e.gate_constant: (2 * pi) ** ((_DIMENSION - 1) / 2) / sqrt(_REST),
        e.well_constant: (2 * pi) ** (_DIMENSION / 2) / sqrt(s.well_determinant),
    }
    known = derive_eyring_kramers_saddle().result.subs(s.saddle_determinant, curvature * _REST)
    demand_zero(sympy.simplify(sympy.powsimp(plain.subs(regular) / known, force=True)) - 1, "regular gate and well")
    return Derivation.of(
        plain,
        "Let the loss be $L_\\ddagger - h_\\ddagger x^2/2$ along the way, and a germ across it of learning coefficient "
        "$\\lambda_\\perp$. A line far from the gate carries little, and near it [eq:line-capacity] has",
        equality(e.line_integral, along),
        "times $e^{L/T}$ of its own top. The sum over lines is the integral of $e^{-g/T}$ over the germ $g$:",
        across,
        "as for any germ of multiplicity 1, and the well's is",
        equality(s.well_integral, well),
        "Capacity over the well's integral gives the rate. With multiplicities $m_\\perp$ and $m$ it has a factor "
        "$\\log(1/T)^{m_\\perp - m}$ more. Where all curvatures are positive it is [eq:eyring-kramers-saddle]. "
        "Terms that mix the way with directions across shift the tops of lines; the germ is that of the tops.",
    )


def derive_gate_rate_power() -> Derivation:
    """Power of the temperature before the exponential."""
    result = sympy.Rational(1, 2) + e.gate_learning_coefficient - s.learning_coefficient
    demand_zero(
        sympy.simplify(
            result.subs({e.gate_learning_coefficient: (_DIMENSION - 1) / 2, s.learning_coefficient: _DIMENSION / 2})
        ),
        "none where all is regular",
    )
    return Derivation.of(
        result,
        "Across the gate the integral grows as $T^{\\lambda_\\perp}$, in the well as $T^{\\lambda}$, and along the "
        "way, with the factor $T$ of the capacity, there is $T^{1 - 1/2}$. Regular, $\\lambda_\\perp = (d-1)/2$ and "
        "$\\lambda = d/2$, all powers cancel. A gate flatter than its well has the smaller exponent and is taken more "
        "often at low temperature than its height says.",
    )


EQUATIONS = (
    Equation(
        "eyring-kramers-saddle",
        "Eyring-Kramers law over a saddle",
        s.escape_rate,
        derive_eyring_kramers_saddle,
        "Escape rate from a regular well over one saddle, in any number of coordinates, at low temperature. "
        "The rates over several saddles add. The ratio to the exact rate departs from 1 as $T$.",
        {
            s.barrier_curvature: 4,
            s.well_determinant: 16,
            s.saddle_determinant: 8,
            s.barrier_height: 1,
            s.temperature: sympy.Rational(1, 10),
        },
        source="Langer (1969), Ann. Phys. 54; Bovier et al. (2004), J. Eur. Math. Soc. 6; derived here",
    ),
    Equation(
        "line-capacity",
        "What a line along the way carries",
        e.line_capacity,
        derive_line_capacity,
        "Two bounds of a rate at any temperature, whatever the gate is made of: all lines from below, their functions "
        "put together from above.",
        {s.temperature: sympy.Rational(1, 10), e.line_integral: 1},
        source="Dirichlet's principle, as in Bovier et al. (2004), J. Eur. Math. Soc. 6; derived here",
        tests=_TESTS,
    ),
    Equation(
        "gate-rate-power",
        "Power of the temperature in a rate over a gate",
        e.rate_power,
        derive_gate_rate_power,
        "How a rate over a degenerate gate, or out of a singular well, departs from an exponential.",
        {e.gate_learning_coefficient: sympy.Rational(1, 4), s.learning_coefficient: 1},
        source="derived here; Berglund & Gentz (2010) for quartic saddles",
        tests=_TESTS,
    ),
    Equation(
        "gate-rate",
        "Singular Eyring-Kramers law",
        s.escape_rate,
        derive_gate_rate,
        "Escape rate over a gate that may be degenerate across the way, out of a well that may be singular.",
        {
            s.barrier_curvature: 4,
            e.gate_constant: 2,
            e.well_constant: 3,
            e.gate_learning_coefficient: sympy.Rational(1, 4),
            s.learning_coefficient: 1,
            s.barrier_height: 1,
            s.temperature: sympy.Rational(1, 10),
        },
        source="Berglund & Gentz (2010), Markov Process. Relat. Fields 16; derived here for any germ",
        tests=_TESTS,
    ),
)
