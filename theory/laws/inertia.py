r"""Momentum has inertia: it does not change what heavy-ball SGD samples, but it slows escapes over a barrier.

Heavy ball as in `theory.laws.sgd`. Seen in Langevin time a particle of the mass derived here moves with unit friction,
and Kramers' escape rate at any friction follows.
"""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Rational, Symbol

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality


@cache
def derive_inertia() -> Derivation:
    """m = learning rate * momentum / (1 - momentum)^2."""
    eta, mu = s.learning_rate, s.momentum
    before, now, after, force = sympy.symbols("w_- w_0 w_+ g", real=True)
    update = after - now - (mu * (now - before) - eta * force)
    first, second = after - now, after - 2 * now + before
    demand_zero(update - ((1 - mu) * first + mu * second + eta * force), "differences")
    step = eta / (1 - mu)
    result = eta * mu / (1 - mu) ** 2
    # Divided by the learning rate, differences over the time step: first/dt has factor 1, second/dt^2 the mass.
    demand_zero((1 - mu) * step / eta - 1, "friction")
    demand_zero(mu * step**2 / eta - result, "inertia")
    return Derivation.of(
        result,
        "Write $w_-$, $w_0$ and $w_+$ for the weight before, now and after a step. Eliminating the velocity, "
        "with $g$ the minibatch gradient,",
        equality(after - now, mu * (now - before) - eta * force),
        "First and second differences, regrouped:",
        equality((1 - mu) * (after - now) + mu * (after - 2 * now + before), -eta * force),
        "Divided by $\\eta$, with the Langevin time $\\Delta t = \\eta/(1-\\mu)$ of a step, this is "
        "$m_\\mu\\ddot w + \\dot w = -g$: the first difference over $\\Delta t$ has the factor 1, the "
        "second over $\\Delta t^2$ the factor",
        mu * step**2 / eta,
    )


@cache
def derive_transmission_factor() -> Derivation:
    """Growth rate on the barrier over the overdamped one: Kramers' factor on the escape rate."""
    mass, h, temperature = s.inertia, s.barrier_curvature, s.temperature
    rate, slope = sympy.symbols("lambda c", positive=True)
    result = (sympy.sqrt(1 + 4 * mass * h) - 1) / (2 * mass * h)
    demand_zero(mass * (h * result) ** 2 + h * result - h, "growth rate on the barrier")
    w, v = sympy.symbols("w v", real=True)
    # Committor on the barrier: a function F(u) of u = v + c w, with F'' = -(k m^2 / T) u F'.
    drift = slope * v + (h * w - v) / mass
    k = slope - 1 / mass
    constraint = {slope: h * result + 1 / mass}
    demand_zero(sympy.expand(drift - k * (v + slope * w)).coeff(w).subs(constraint), "drift along u, position")
    demand_zero(sympy.expand(drift - k * (v + slope * w)).coeff(v), "drift along u, velocity")
    sharpness = k * mass**2 / temperature
    # Flux through the top: integrate v F by parts against the thermal velocities, then the Gaussian integral of F'.
    step_flux = temperature / mass
    flux = step_flux * sympy.integrate(
        sympy.sqrt(Symbol("a", positive=True) / (2 * sympy.pi))
        * sympy.exp(-(Symbol("a", positive=True) + Symbol("b", positive=True)) * v**2 / 2),
        (v, -sympy.oo, sympy.oo),
    ).subs({Symbol("a", positive=True): sharpness, Symbol("b", positive=True): mass / temperature})
    share = flux / step_flux / sympy.sqrt(mass * h)
    demand_zero(sympy.simplify(share**2).subs(constraint) - result**2, "share of the overdamped rate")
    small = sympy.series(result, mass, 0, 2).removeO()
    demand_zero(small - (1 - mass * h), "small inertia")
    demand_zero(sympy.limit(result * sympy.sqrt(mass * h), mass, sympy.oo) - 1, "transition-state limit")
    demand_zero(result.subs({mass: Rational(3, 4), h: 1}) - Rational(2, 3), "inertia 3/4")
    return Derivation.of(
        result,
        "On top of the barrier $L = L_\\ddagger - h_\\ddagger w^2/2$ a path without noise runs away like "
        "$e^{\\lambda t}$ with the rate $\\lambda$, where",
        equality(mass * rate**2 + rate, h),
        "The probability to fall to the far side is $F(v + cw)$ with $c = \\lambda + 1/m_\\mu$: then the drift of "
        "$u = v + cw$ is a multiple of $u$, and $F'$ is a Gaussian in $u$. Its flux through the top, against "
        "thermal velocities, is the share $\\sqrt{km_\\mu/(1+km_\\mu)}$, $k = c - 1/m_\\mu$, of the flux without "
        "recrossing. That one is $1/\\sqrt{m_\\mu h_\\ddagger}$ of the rate of [eq:eyring-kramers]; with the "
        "equation for $\\lambda$ the product is",
        equality(s.transmission_factor, rate / h),
        "Slow escapes feel it only through the top; for small inertia it is",
        small,
    )


EQUATIONS = (
    Equation(
        "heavy-ball-inertia",
        "Inertia of momentum",
        s.inertia,
        derive_inertia,
        "Momentum makes the clock run faster, which [eq:sgd-temperature] and [eq:epoch-time] account for. What remains "
        "of it is a mass: modes of curvature above $1/(4m_\\mu)$ oscillate. The stationary law does not depend on it.",
        {s.learning_rate: Rational(1, 1000), s.momentum: Rational(9, 10)},
        source="derived here; compare Qian (1999), Neural Networks 12",
    ),
    Equation(
        "kramers-transmission-factor",
        "Escapes with inertia",
        s.transmission_factor,
        derive_transmission_factor,
        "A sampler of the right law need not have the right rates. Inertia carries a path back over the barrier it has "
        "just crossed and multiplies the escape rate of [eq:eyring-kramers] by this factor, so that a thermometer that "
        "reads escapes finds a colder bath than one that reads losses.",
        {s.inertia: Rational(9, 100), s.barrier_curvature: 4},
        source="Kramers (1940), Physica 7; derived here",
    ),
)
