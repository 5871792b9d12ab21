r"""The local energy about a point that is no minimum: a checkpoint of training on a slope or at a saddle."""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Expr, Rational, Symbol

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero
from theory.laws.localisation import derive_localised_energy, derive_start_excess

_HALF = Rational(1, 2)
_AWAY = Symbol("u", real=True)
_STIFF = Symbol("s", positive=True)
_HELD = Symbol("kappa", positive=True)
_FIELD = (
    "derived here; estimates along training: Chen, Lau, Mendel, Wei & Murfet (2023), arXiv 2310.06301, and Hoogland, "
    "Wang, Farrugia-Roberts, Carroll, Wei & Murfet (2024), arXiv 2402.02364"
)


def _moments(slope: Expr) -> tuple[Expr, Expr]:
    """Mean of u and of u² under exp(-nβ g u - s u²/2)."""
    weight = sympy.exp(-s.n_beta * slope * _AWAY - _STIFF * _AWAY**2 / 2)
    mass, first, second = (sympy.integrate(_AWAY**power * weight, (_AWAY, -sympy.oo, sympy.oo)) for power in (0, 1, 2))
    return sympy.simplify(first / mass), sympy.simplify(second / mass)


@cache
def derive_tilted_energy() -> Derivation:
    """Mean energy, measured from the point itself, of a direction with a slope and a curvature of either sign."""
    curvature, slope = s.curvature_at_start, s.slope_at_start
    stiffness = s.n_beta * curvature + s.localisation
    mean, square = _moments(slope)
    energy = s.n_beta * slope * mean + s.n_beta * curvature * square / 2
    pulled = s.n_beta**2 * slope**2 * (s.n_beta * curvature + 2 * s.localisation) / (2 * stiffness**2)
    result = s.n_beta * curvature / (2 * stiffness) - pulled
    demand_zero(energy.subs(_STIFF, stiffness) - result, "energy about a point on a slope")
    at_minimum = result.subs({slope: 0, curvature: s.curvature})
    demand_zero(at_minimum - derive_localised_energy().result, "at a minimum")
    without = result.subs({s.localisation: 0, curvature: s.curvature})
    demand_zero(without - _HALF + derive_start_excess().result, "without localisation")
    return Derivation.of(
        result,
        "At a distance $u$ from the point the loss is $g_*u + h_*u^2/2$ above the point's. As long as the stiffness "
        "$s = n\\beta h_* + \\gamma_*$ is positive the localised posterior is a proper normal law, whatever the sign "
        "of $h_*$, with the means of $u$ and $u^2$",
        sympy.Tuple(mean, square),
        "so that the mean of $n\\beta(g_*u + h_*u^2/2)$ is the result. At a minimum it is [eq:localised-energy]; "
        "without localisation it is $\\frac12$ less [eq:start-excess].",
        "The slope's part grows like $n\\beta$ and the curvature's does not: about a point on a slope the "
        "estimate is negative, and says how steep the loss is rather than how it is curved.",
    )


@cache
def derive_tilt_effect() -> Derivation:
    """By how much the slope lowers that energy."""
    slope = s.slope_at_start
    tilted = derive_tilted_energy().result
    stiffness = s.n_beta * s.curvature_at_start + s.localisation
    compact = (s.n_beta * slope) ** 2 * (stiffness + s.localisation) / (2 * stiffness**2)
    demand_zero(tilted.subs(slope, 0) - tilted - compact, "difference to no slope")
    flat = compact.subs(s.curvature_at_start, 0)
    demand_zero(flat - (s.n_beta * slope) ** 2 / s.localisation, "without curvature")
    return Derivation.of(
        compact,
        "It is the energy of [eq:tilted-energy] at slope 0 less that at slope $g_*$. Where the loss holds the chains, "
        "$n\\beta h_* \\gg \\gamma_*$, it is the height above the minimum, [eq:start-excess]; in a direction without "
        "curvature, where the localisation alone ends the way down, it is",
        flat,
    )


@cache
def derive_untilted_energy() -> Derivation:
    """Mean energy of the loss less its tangent."""
    curvature = s.curvature_at_start
    stiffness = s.n_beta * curvature + s.localisation
    square = _moments(sympy.Integer(0))[1]
    result = s.n_beta * curvature / (2 * stiffness)
    demand_zero(s.n_beta * curvature * square.subs(_STIFF, stiffness) / 2 - result, "energy without the slope")
    demand_zero(derive_tilted_energy().result + derive_tilt_effect().result - result, "tilted energy and tilt's effect")
    demand_zero(result.subs(curvature, s.curvature) - derive_localised_energy().result, "at a minimum")
    falling = sympy.simplify(result.subs(s.localisation, -_HELD * s.n_beta * curvature))
    demand_zero(falling + 1 / (2 * (_HELD - 1)), "a direction that falls")
    demand_zero(falling.subs(_HELD, 2) + _HALF, "held twice as stiffly as it falls")
    return Derivation.of(
        result,
        "Take the tangent away: sample $L(w) - g_*\\cdot(w - w^*)$ in place of $L(w)$, and measure its energy. The "
        "point is then stationary. About a minimum nothing has changed; elsewhere the estimate says how the loss is "
        "curved, and [eq:tilt-effect] is told beside it.",
        "A direction in which the loss falls, $h_* < 0$, counts less than nothing. With a localisation of "
        "$\\kappa$ times what it falls with, $\\gamma_* = \\kappa\\,n\\beta|h_*|$, it counts",
        falling,
        "which for $\\kappa = 2$ is $-\\frac12$: as much as a rising one that is free counts up. The sum over "
        "directions is then half of (those that rise less those that fall), and no localisation that all directions "
        "share has to hold the steepest fall.",
    )


EQUATIONS = (
    Equation(
        "tilted-energy",
        "Local energy about a point on a slope or at a saddle",
        s.tilted_energy,
        derive_tilted_energy,
        "Estimates along training are taken at points that are no minima. Near such a point the localised posterior "
        "is proper all the same, and its energy has a closed form where the loss is quadratic.",
        {s.n_beta: 1000, s.curvature_at_start: 1, s.localisation: 100, s.slope_at_start: Rational(1, 10)},
        source=_FIELD,
    ),
    Equation(
        "tilt-effect",
        "What the slope takes from the local energy",
        s.tilt_effect,
        derive_tilt_effect,
        "The part of an estimate off the minimum that is the slope's alone.",
        {s.n_beta: 1000, s.curvature_at_start: 1, s.localisation: 100, s.slope_at_start: Rational(1, 10)},
    ),
    Equation(
        "untilted-energy",
        "Local energy of the loss less its tangent",
        s.untilted_energy,
        derive_untilted_energy,
        "A quantity that is defined at every checkpoint, compares along training, and is the learning coefficient's "
        "estimate where the checkpoint is a minimum.",
        {s.n_beta: 1000, s.curvature_at_start: -Rational(1, 20), s.localisation: 100},
    ),
)
