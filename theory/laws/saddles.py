r"""How long a Langevin path needs to leave a regular well over a saddle, in any number of coordinates.

All times are for dw = -grad L dt + sqrt(2T) dW.
"""

from __future__ import annotations

import sympy
from sympy import Expr, Function, Symbol, erf, exp, oo, pi, sqrt

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality
from theory.laws.kinetics import derive_eyring_kramers

_ALONG = Symbol("x", real=True)
_REST = Symbol(r"P_\ddagger", positive=True)  # product of the saddle's positive curvatures
_DIMENSION = Symbol("d", positive=True, integer=True)


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
)
