r"""Where phases meet in the plane: the border of a basin of attraction near the saddle that it passes through."""

from __future__ import annotations

import sympy
from sympy import Rational, Symbol

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality

_X, _Y = Symbol("x", real=True), Symbol("y", real=True)


def derive_border_bend() -> Derivation:
    """Second-order term of the invariant curve of the gradient flow that leaves a saddle uphill."""
    rest = sympy.symbols("c_1 c_2 c_3", real=True)
    along, across, third = s.border_curvature, s.crossing_curvature, s.border_coupling
    loss = along * _X**2 / 2 + across * _Y**2 / 2 + third * _X**2 * _Y / 2
    cubic = loss + rest[0] * _X**3 + rest[1] * _X * _Y**2 + rest[2] * _Y**3
    speed = [sympy.diff(cubic, w) for w in (_X, _Y)]
    bend = s.border_bend
    leaves = sympy.Poly(sympy.expand((speed[1] - 2 * bend * _X * speed[0]).subs(_Y, bend * _X**2)), _X)
    demand_zero(leaves.nth(1), "the straight direction")
    (result,) = sympy.solve(leaves.nth(2), bend)
    demand_zero(result - third / (2 * (2 * along - across)), "closed form")
    return Derivation.of(
        result,
        "Measure $x$ along the saddle's rising direction and $y$ across it, with curvatures $h_e > 0 > h_n$. To third "
        "order only one term bends a curve through the saddle at lowest order:",
        loss,
        "Steepest ascent moves by the gradient, and keeps to $y = a_b x^2$ if $\\dot y = 2 a_b x \\dot x$ on it, where",
        equality(Symbol(r"\dot y"), speed[1].subs({c: 0 for c in rest})),
        "At order $x^2$ this is linear in $a_b$; the other cubic terms enter at order $x^3$.",
        leaves.nth(2),
    )


EQUATIONS = (
    Equation(
        "border-bend",
        "Border of a basin at its saddle",
        s.border_bend,
        derive_border_bend,
        "A phase in the plane is the basin of attraction of its minimum under steepest descent, where there are more "
        "than two wells: every point belongs to the minimum that the noiseless flow takes it to, walls that reflect "
        "included, so phases fill the box and share no point. Borders are the paths of steepest ascent from the "
        "saddles, and leave them along $y = a_b x^2$. With two wells and one saddle the border is the plane through "
        "the saddle, across its unstable direction (Vineyard 1957); on a line it is the maximum between two minima.",
        {s.border_curvature: 2, s.crossing_curvature: -1, s.border_coupling: Rational(1, 2)},
        source="derived here; basins of attraction as phases: Stillinger and Weber (1982), Phys. Rev. A 25, 978",
    ),
)
