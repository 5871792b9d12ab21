r"""What the size of SGD's steps does to escapes, to first order: to noise by place, and that to hardly anything.

One Euler step w' = w - L' dt + sqrt(2 T dt) xi, which SGD with additive noise is, dt = learning rate.
"""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Eq, Function, Symbol, exp, sqrt

from theory import symbols as s
from theory.derivation import Derivation, Equation, Step, demand_zero
from theory.laws.noisy_diffusion import derive_noisy_escape_rate

_TESTS = ("tests/theory/laws/test_discrete_escape.py",)


@cache
def derive_discrete_escape_factor() -> Derivation:
    """Drift and diffusion whose paths the steps are to first order, put into Kramers' law for noise by place."""
    w, temp, eta = Symbol("w", real=True), s.temperature, s.learning_rate
    loss, test = Function("L")(w), Function("phi")(w)
    slope, bend = loss.diff(w), loss.diff(w, 2)

    def generator(value: sympy.Expr) -> sympy.Expr:
        return temp * value.diff(w, 2) - slope * value.diff(w)

    one_step = slope**2 * test.diff(w, 2) / 2 - temp * slope * test.diff(w, 3) + temp**2 * test.diff(w, 4) / 2
    drift = -(slope * bend - temp * loss.diff(w, 3)) / 2
    noise = temp * bend
    added = drift * test.diff(w) + noise * test.diff(w, 2)
    demand_zero(sympy.expand(one_step - generator(generator(test)) / 2 - added), "second order of one step")
    # In a quadratic well, exactly: rate -log(1 - eta h)/eta and variance T/(h (1 - eta h/2)).
    h = s.curvature
    rate = -sympy.log(1 - eta * h) / eta
    exact = rate * temp / (h * (1 - eta * h / 2))
    demand_zero(sympy.series(exact, eta, 0, 2).removeO() - temp * (1 + eta * h), "diffusion in a quadratic well")
    demand_zero(sympy.series(rate, eta, 0, 2).removeO() - h * (1 + eta * h / 2), "rate in a quadratic well")
    # The climb between two places where the slope vanishes.
    integrand = sympy.series(
        (slope + eta * (slope * bend - temp * loss.diff(w, 3)) / 2) / (temp * (1 + eta * bend)), eta, 0, 2
    ).removeO()
    primitive = loss / temp - eta * slope**2 / (4 * temp) - eta * bend / 2
    demand_zero(sympy.expand(integrand - primitive.diff(w)), "climb")
    well, top, height = s.well_curvature, s.barrier_curvature, s.barrier_height
    changed = derive_noisy_escape_rate().result.subs(
        {
            s.barrier_climb: height / temp + eta * (well + top) / 2,
            s.well_diffusion: temp * (1 + eta * well),
            s.barrier_diffusion: temp * (1 - eta * top),
            well: well * (1 + eta * well / 2),
            top: top * (1 - eta * top / 2),
        },
        simultaneous=True,
    )
    plain = sqrt(well * top) / (2 * sympy.pi) * exp(-height / temp)
    first = sympy.limit(sympy.diff(sympy.log(changed / plain), eta), eta, 0)
    result = 1 + eta * (well - top) / 4
    demand_zero(sympy.simplify(first - (result - 1) / eta), "all terms together")
    return Derivation(
        result,
        (
            Step(
                "To second order in $\\eta$ one step does to a mean what the diffusion with this drift and this "
                "coefficient does in the time $\\eta$ (their generators agree, for any loss):",
                Eq(Symbol("b"), -slope + eta * drift, evaluate=False),
            ),
            Step("and", Eq(s.diffusion, temp + eta * noise, evaluate=False)),
            Step(
                "Finite steps are noise by place: hotter where the loss is curved upwards, colder at the barrier. "
                "Their climb from minimum to barrier is $\\Delta L/T + \\frac\\eta2(h_\\alpha + h_\\ddagger)$, as "
                "the integrand is the derivative of",
                primitive,
            ),
            Step(
                "In [eq:noisy-escape-rate], with $D_\\alpha = T(1+\\eta h_\\alpha)$, "
                "$D_\\ddagger = T(1-\\eta h_\\ddagger)$ and the drift's slopes there, the steeper climb and the "
                "factors before it all but cancel. (Terms of order $\\eta T$ are left out.)"
            ),
            Step(
                "So at $\\eta h_\\alpha = 0.4$ and $h_\\ddagger = h_\\alpha/2$ escapes are 5 % more frequent, as if "
                "$T$ were 1 or 2 % higher, while the energy in the well reads a temperature 25 % too high "
                "[eq:sgd-temperature-quadratic]: coarse steps part thermometers that agree for fine ones."
            ),
        ),
    )


EQUATIONS = (
    Equation(
        "discrete-escape-factor",
        "Escapes by finite steps",
        s.escape_factor,
        derive_discrete_escape_factor,
        "The energy of a well knows the size of the steps. Do escapes?",
        {s.learning_rate: sympy.Rational(1, 20), s.well_curvature: 8, s.barrier_curvature: 4},
        source="derived here; modified equations: Zygalakis (2011), SIAM J. Sci. Comput. 33",
        tests=_TESTS,
    ),
)
