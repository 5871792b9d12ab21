r"""Noise that differs from place to place, in one coordinate: dw = -L'(w) dt + sqrt(2 D(w)) dW in the sense of Ito.

It is what SGD tends to for small steps, D = learning rate / 2 times the variance of the minibatch's gradient at w.
There is a stationary density and an effective potential, and escapes are activated; but each thermometer reads another
mean of D.
"""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Eq, Expr, Function, Integral, Symbol, exp, log, pi, sqrt

from theory import symbols as s
from theory.derivation import Derivation, Equation, Step, demand_zero

_TESTS = ("tests/theory/laws/test_noisy_diffusion.py",)
_BOTH = (*_TESTS, "tests/exact/test_noisy_diffusion.py")
_DENSITY = "Gardiner, Handbook of Stochastic Methods, section 5.2; blowtorch: Landauer (1975), Phys. Rev. A 12, 636"
_W, _INNER, _OUTER = Symbol("w", real=True), Symbol("z", real=True), Symbol("y", real=True)
_LOSS, _NOISE, _CLIMB = Function("L", real=True), Function("D", positive=True), Function("Psi", real=True)


def _with_climb(expression: Expr, point: Symbol) -> Expr:
    """Replace the derivative of Psi by L'/D at a point."""
    return expression.subs(_CLIMB(point).diff(point), _LOSS(point).diff(point) / _NOISE(point))


@cache
def derive_noisy_density() -> Derivation:
    """Stationary density exp(-Psi)/D: the flux L' p + (D p)' vanishes."""
    density = exp(-_CLIMB(_W)) / _NOISE(_W)
    flux = _LOSS(_W).diff(_W) * density + (_NOISE(_W) * density).diff(_W)
    demand_zero(_with_climb(flux, _W), "stationary flux")
    result = exp(-s.climb) / s.diffusion
    temperature = Symbol("T", positive=True)
    boltzmann = result.subs({s.climb: Symbol("L", real=True) / temperature, s.diffusion: temperature})
    demand_zero(boltzmann * temperature - exp(-Symbol("L", real=True) / temperature), "constant noise")
    return Derivation(
        result,
        (
            Step(
                "The density obeys $\\partial_t p = \\partial_w(L'p + \\partial_w(Dp))$: Ito noise has $D$ inside both "
                "derivatives. In one coordinate between walls the stationary flux vanishes,",
                Eq(
                    _LOSS(_W).diff(_W) * Function("p")(_W) + (_NOISE(_W) * Function("p")(_W)).diff(_W),
                    0,
                    evaluate=False,
                ),
            ),
            Step(
                "a linear equation for $Dp$, solved by $e^{-\\Psi}$ with",
                Eq(_CLIMB(_W), Integral(_LOSS(_INNER).diff(_INNER) / _NOISE(_INNER), (_INNER, 0, _W)), evaluate=False),
            ),
            Step("For $D = T$ everywhere it is $e^{-L/T}$."),
        ),
    )


@cache
def derive_noisy_effective_potential() -> Derivation:
    """-log of the density."""
    result = s.climb + log(s.diffusion)
    demand_zero(result + log(derive_noisy_density().result), "logarithm of the density")
    slope = (_CLIMB(_W) + log(_NOISE(_W))).diff(_W)
    where = (_LOSS(_W).diff(_W) + _NOISE(_W).diff(_W)) / _NOISE(_W)
    demand_zero(_with_climb(slope, _W) - where, "its slope")
    return Derivation(
        result,
        (
            Step("Minus the logarithm of [eq:noisy-density]. Its slope is", where),
            Step(
                "so its minima lie where $L' = -D'$, moved towards colder places, and no temperature makes it $L/T$ "
                "unless $D$ is a constant: that would need $L' + D' = L'D/T$."
            ),
        ),
    )


@cache
def derive_noisy_passage() -> Derivation:
    """Mean first passage time from the backward equation D tau'' - L' tau' = -1."""
    low, high, start = s.reflecting_end, s.absorbing_end, s.start
    inner = Integral(exp(-_CLIMB(_INNER)) / _NOISE(_INNER), (_INNER, low, start))
    slope = -exp(_CLIMB(start)) * inner
    equation = _NOISE(start) * slope.diff(start) - _LOSS(start).diff(start) * slope + 1
    demand_zero(_with_climb(equation.doit(), start), "backward equation")
    outer = exp(_CLIMB(_OUTER)) * Integral(exp(-_CLIMB(_INNER)) / _NOISE(_INNER), (_INNER, low, _OUTER))
    result = Integral(outer, (_OUTER, start, high))
    demand_zero(result.diff(start) - slope, "from its slope")
    return Derivation(
        result,
        (
            Step(
                "As for [eq:mean-first-passage], the time solves $D\\tau'' - L'\\tau' = -1$ with $\\tau'(a_0) = 0$ and "
                "$\\tau(b_0) = 0$. Divided by $D$ and multiplied by $e^{-\\Psi}$ the left side is a derivative, so",
                Eq(Function("tau")(start).diff(start), slope, evaluate=False),
            ),
            Step("and a second integration gives the result. Both are checked by substitution."),
        ),
    )


@cache
def derive_noisy_escape_rate() -> Derivation:
    """Kramers' law in the effective potential."""
    depth, well, barrier = s.barrier_climb, s.well_diffusion, s.barrier_diffusion
    bottom = sqrt(2 * pi * well / s.well_curvature) / well  # integral of exp(-Psi)/D about the minimum
    top = sqrt(2 * pi * barrier / s.barrier_curvature) * exp(depth)
    point = Symbol("u", real=True)
    gauss = sympy.integrate(exp(-s.well_curvature * point**2 / (2 * well)), (point, -sympy.oo, sympy.oo)) / well
    demand_zero(gauss - bottom, "integral about the minimum")
    result = sqrt(s.well_curvature * s.barrier_curvature * well / barrier) / (2 * pi) * exp(-depth)
    demand_zero(sympy.powsimp(result * bottom * top, force=True) - 1, "rate times passage time")
    height, temperature = s.barrier_height, s.temperature
    regular = result.subs({well: temperature, barrier: temperature, depth: height / temperature})
    kramers = sqrt(s.well_curvature * s.barrier_curvature) / (2 * pi) * exp(-height / temperature)
    demand_zero(regular - kramers, "constant noise")
    return Derivation(
        result,
        (
            Step(
                "In [eq:noisy-passage] the outer integral is concentrated at the barrier and the inner one in the "
                "well. There $L' = 0$, so $\\Psi'' = L''/D$: to leading order they are",
                Eq(Symbol("tau"), sympy.Mul(top, bottom, evaluate=False), evaluate=False),
            ),
            Step(
                "The rate is one over that. With $D \\propto \\eta/B$ everywhere $\\Delta\\Psi_\\ddagger$ is a number "
                "times $B/\\eta$, and the factor before it does not change: hopping is activated, its logarithm linear "
                "in $B/\\eta$, though no temperature need exist. For $D = T$ it is [eq:eyring-kramers]."
            ),
        ),
    )


@cache
def derive_noisy_escape_temperature() -> Derivation:
    """What a thermometer that knows the loss reads from escapes."""
    result = s.barrier_height / s.barrier_climb
    demand_zero(result.subs(s.barrier_climb, s.barrier_height / s.temperature) - s.temperature, "constant noise")
    # A mean of 1/D over the climb, weighted by the slope: between the least and the largest D on the way.
    steps, first, second = sympy.symbols("q D_1 D_2", positive=True)
    two_parts = s.barrier_height / (steps * s.barrier_height / first + (1 - steps) * s.barrier_height / second)
    harmonic = 1 / (steps / first + (1 - steps) / second)
    demand_zero(two_parts - harmonic, "harmonic mean")
    return Derivation(
        result,
        (
            Step(
                "The thermometer looks for the $T$ whose $e^{-\\Delta L_\\ddagger/T}$ is the exponential of "
                "[eq:noisy-escape-rate]; factors before it change that by a logarithm. With "
                "$\\Delta\\Psi_\\ddagger = \\int L'/D$ it is the harmonic mean of $D$ over the climb, weighted by the "
                "height gained: of two stretches of the climb, $q$ of the height at $D_1$ and the rest at $D_2$,",
                harmonic,
            ),
            Step(
                "The energy inside a phase tells $D_\\alpha$, that at its minimum, to leading order; the size of the "
                "steps the mean of $D$ over all places visited."
            ),
        ),
    )


@cache
def derive_noisy_occupancy_temperature() -> Derivation:
    """What a thermometer reads from the shares of two phases with regular minima."""
    own, other = s.well_diffusion, s.other_well_diffusion
    h, g = s.well_curvature, Symbol("h_o", positive=True)
    first = sqrt(2 * pi * own / h) / own
    second = exp(-s.climb_difference) * sqrt(2 * pi * other / g) / other
    difference, temperature = s.loss_difference, s.occupancy_temperature
    assumed = exp(-difference / temperature) * sqrt(h / g)
    result = difference / (s.climb_difference + log(other / own) / 2)
    odds = sympy.expand_log(log(second / first), force=True) - sympy.expand_log(log(assumed), force=True)
    demand_zero(sympy.expand_log(odds.subs(temperature, result), force=True), "shares")
    return Derivation(
        result,
        (
            Step(
                "By [eq:noisy-density] the masses about two regular minima of curvatures $h_\\alpha$ and $h_o$ have "
                "the ratio",
                sympy.Mul(second, 1 / first, evaluate=False),
            ),
            Step(
                "where a thermometer expects $e^{-\\Delta L/T}\\sqrt{h_\\alpha/h_o}$. Equal for the result. The "
                "logarithm is no mean of $D$: a phase that is hotter is emptier, at any loss. Where $\\Delta L$ is "
                "small, a few per cent of difference in $D$ move the reading far beyond either $D$, and the sign may "
                "turn."
            ),
        ),
    )


_RATE = {s.well_curvature: 8, s.barrier_curvature: 4}
EQUATIONS = (
    Equation(
        "noisy-density",
        "Stationary density with noise by place",
        s.stationary_weight,
        derive_noisy_density,
        "Gradient noise is never the same everywhere. What does SGD sample if it is hotter here than there?",
        {s.climb: 2, s.diffusion: sympy.Rational(2, 5)},
        source=_DENSITY,
        tests=_BOTH,
    ),
    Equation(
        "noisy-effective-potential",
        "Effective potential of noise by place",
        s.effective_potential,
        derive_noisy_effective_potential,
        "What one would take for the loss of a tempered posterior, seeing where the weights are.",
        {s.climb: 2, s.diffusion: sympy.Rational(2, 5)},
        source=_DENSITY,
        tests=_TESTS,
    ),
    Equation(
        "noisy-passage",
        "Mean first passage time with noise by place",
        s.mean_first_passage_time,
        derive_noisy_passage,
        "The exact time, of which the rate below is a limit.",
        source="Gardiner, Handbook of Stochastic Methods, section 5.5; derived here",
        tests=_BOTH,
    ),
    Equation(
        "noisy-escape-rate",
        "Escape rate with noise by place",
        s.escape_rate,
        derive_noisy_escape_rate,
        "Hopping that follows $\\eta/B$ is no evidence for a tempered posterior: any noise whose size follows it gives "
        "that.",
        {
            **_RATE,
            s.well_diffusion: sympy.Rational(1, 2),
            s.barrier_diffusion: sympy.Rational(1, 4),
            s.barrier_climb: 3,
        },
        source="derived here; constant noise Kramers (1940), Physica 7",
        tests=_TESTS,
    ),
    Equation(
        "noisy-escape-temperature",
        "Temperature that escapes tell",
        s.escape_temperature,
        derive_noisy_escape_temperature,
        "Thermometers differ by what they average: this one the noise of the climb.",
        {s.barrier_height: 1, s.barrier_climb: 3},
        tests=_TESTS,
    ),
    Equation(
        "noisy-occupancy-temperature",
        "Temperature that occupancies tell",
        s.occupancy_temperature,
        derive_noisy_occupancy_temperature,
        "The most sensitive witness: it multiplies a small difference of noise by how much the phases differ in loss.",
        {
            s.loss_difference: sympy.Rational(-8, 15),
            s.climb_difference: -1,
            s.well_diffusion: sympy.Rational(1, 2),
            s.other_well_diffusion: sympy.Rational(53, 100),
        },
        tests=_TESTS,
    ),
)
