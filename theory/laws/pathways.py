r"""Two competing deep linear pathways: what their gradient flow conserves, and how temperature undoes it.

Pathway strengths p_a^d and p_b^d share a target S: the loss is (S - p_a^d - p_b^d)^2/(2d), whose gradient flow is
dp_a/dt = p_a^(d-1) (S - p_a^d - p_b^d) and the same for b (Kleinman, Achille & Soatto 2024). A deficit holds p_b.
"""

from __future__ import annotations

import sympy
from sympy import Rational, Symbol, cos, exp, log, sin, sqrt

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality

_TESTS = ("tests/zoo/test_zoo.py",)
_SOURCE = (
    "derived here for the model of Kleinman, Achille & Soatto (2024), Critical learning periods emerge even in deep "
    "linear networks, ICLR, arXiv:2308.12221"
)


def _velocities() -> tuple[sympy.Expr, sympy.Expr]:
    a, b, depth = s.pathway_open, s.pathway_deprived, s.depth
    loss = (s.target_strength - a**depth - b**depth) ** 2 / (2 * depth)
    velocities = -sympy.diff(loss, a), -sympy.diff(loss, b)
    for weight, velocity in zip((a, b), velocities, strict=True):
        demand_zero(
            velocity - weight ** (depth - 1) * (s.target_strength - a**depth - b**depth), "gradient of the loss"
        )
    return velocities


def derive_pathway_invariant() -> Derivation:
    """p_a^(2-d) - p_b^(2-d) is conserved."""
    a, b, depth = s.pathway_open, s.pathway_deprived, s.depth
    result = a ** (2 - depth) - b ** (2 - depth)
    first, second = _velocities()
    demand_zero(sympy.diff(result, a) * first + sympy.diff(result, b) * second, "rate of change of the invariant")
    shallow = sympy.limit((result / (2 - depth)).subs(depth, 2 - Symbol("z")), Symbol("z"), 0)
    demand_zero(shallow - log(a / b), "depth 2")
    return Derivation.of(
        result,
        "The flow of the loss $(S - p_a^d - p_b^d)^2/2d$ has $\\dot p_a$ equal to",
        equality(Symbol(r"\dot p_a"), first.simplify()),
        "and the same for $b$. Each pathway feels the same residual times its own power, so dividing by that "
        "power gives $p_a^{2-d}$ and $p_b^{2-d}$ the same rate of change.",
        "At depth 2 the invariant, divided by $2-d$, becomes",
        shallow,
        "The split at the end is where this curve meets $p_a^d + p_b^d = S$.",
    )


def derive_pathway_share_shallow() -> Derivation:
    """Depth 2: the deprived pathway's final share of the target, from the state at the switch."""
    a, b = s.pathway_open, s.pathway_deprived
    result = b**2 / (a**2 + b**2)
    grown = Symbol("g", positive=True)  # both pathways grow by one factor
    demand_zero(result.subs({a: grown * a, b: grown * b}, simultaneous=True) - result, "a function of the ratio")
    first, second = (velocity.subs(s.depth, 2) for velocity in _velocities())
    demand_zero(sympy.diff(result, a) * first + sympy.diff(result, b) * second, "conserved at depth 2")
    return Derivation.of(
        result,
        "At depth 2 the flow conserves $\\ln(p_a/p_b)$ [eq:pathway-invariant], and with it the share.",
        "So what is lost under the deficit stays lost, whatever flow time is left.",
    )


def derive_pathway_share_thermal() -> Derivation:
    """Depth 2 at a temperature: the mean share of the deprived pathway."""
    angle, temperature, strength = Symbol("varphi", real=True), s.temperature, s.target_strength
    radius = sqrt(strength)
    mode = cos(2 * angle)
    generator = temperature / radius**2 * sympy.diff(mode, angle, 2)
    rate = -sympy.simplify(generator / mode)
    demand_zero(rate - 4 * temperature / strength, "rate of the slowest mode")
    for end in (0, sympy.pi / 2):
        demand_zero(sympy.diff(mode, angle).subs(angle, end), "reflecting ends")
    share = sin(angle) ** 2
    demand_zero(share - (1 - mode) / 2, "share as a mode")
    result = (1 - (1 - 2 * s.initial_share) * exp(-rate * s.elapsed_time)) / 2
    demand_zero(result.subs(s.elapsed_time, 0) - s.initial_share, "start")
    potential = (strength - radius**2) ** 2 / 4
    demand_zero(potential, "the loss is flat along the valley")
    return Derivation.of(
        result,
        "The minima $p_a^2+p_b^2 = S$ are a quarter circle of radius $\\sqrt S$, flat along the angle "
        "$\\varphi$ from the $p_a$ axis. At low temperature the angle diffuses with coefficient",
        temperature / radius**2,
        "between reflecting axes, and its slowest mode is $\\cos 2\\varphi$, with the rate",
        rate,
        "The share is $\\sin^2\\varphi = (1-\\cos 2\\varphi)/2$: this one mode and a constant. So its mean "
        "relaxes exactly exponentially, from any start.",
    )


EQUATIONS = (
    Equation(
        "pathway-invariant",
        "Competing pathways: what is conserved",
        s.pathway_constant,
        derive_pathway_invariant,
        "A critical period without any temperature: what one pathway has gained under the deficit is kept as a "
        "constant of motion. Holds for depths above 2.",
        {s.pathway_open: 1, s.pathway_deprived: Rational(1, 3), s.depth: 4},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "pathway-share-shallow",
        "Competing pathways: final share at depth 2",
        s.pathway_share,
        derive_pathway_share_shallow,
        "At depth 2 the state at the switch gives the final split directly.",
        {s.pathway_open: 1, s.pathway_deprived: Rational(1, 3)},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "pathway-share-thermal",
        "Competing pathways: temperature reopens the critical period",
        s.pathway_share,
        derive_pathway_share_thermal,
        "White noise diffuses along the valley of minima and forgets the split, in a time $S/4T$.",
        {
            s.temperature: Rational(1, 1000),
            s.target_strength: 1,
            s.initial_share: Rational(1, 100),
            s.elapsed_time: 200,
        },
        source=_SOURCE,
        tests=_TESTS,
    ),
)
