r"""Local learning coefficients as they are measured: what localisation, the step and an unfinished descent add."""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Eq, Rational, Symbol

from theory import symbols as s
from theory.derivation import Derivation, Equation, Step, demand_zero, equality

_HALF = Rational(1, 2)
_LAU = "derived here; the localised posterior: Lau, Furman, Wang, Murfet & Wei (2023), arXiv 2308.12108"
_W = Symbol("w", real=True)


@cache
def derive_localised_energy() -> Derivation:
    """Mean energy of one quadratic direction under the localised posterior."""
    stiffness = s.n_beta * s.curvature + s.localisation
    weight = sympy.exp(-stiffness * _W**2 / 2)
    mass = sympy.integrate(weight, (_W, -sympy.oo, sympy.oo))
    mean = sympy.integrate(s.n_beta * s.curvature * _W**2 / 2 * weight, (_W, -sympy.oo, sympy.oo)) / mass
    result = s.n_beta * s.curvature / (2 * stiffness)
    demand_zero(mean - result, "energy of a localised direction")
    demand_zero(result.subs(s.localisation, 0) - _HALF, "without localisation")
    return Derivation.of(
        result,
        "Along an eigenvector of the Hessian with curvature $h$ the localised posterior is a normal law, with",
        weight,
        "whose mean of $n\\beta h w^2/2$ is the result: half a degree of freedom without localisation, "
        "nothing from directions that localisation holds stiffer than the loss does.",
    )


@cache
def derive_localisation_effect() -> Derivation:
    """First-order change of the measured energy when the localisation is taken away."""
    energy = derive_localised_energy().result
    result = -s.localisation * sympy.diff(energy, s.localisation)
    compact = s.n_beta * s.curvature * s.localisation / (2 * (s.n_beta * s.curvature + s.localisation) ** 2)
    demand_zero(result - compact, "derivative by the localisation")
    exact = _HALF - energy
    small = sympy.series(exact - compact, s.localisation, 0, 2).removeO()
    demand_zero(small, "agrees with the exact loss to first order")
    demand_zero(compact.subs(s.curvature, 0), "a direction without curvature has none")
    largest = sympy.simplify(compact.subs(s.localisation, s.n_beta * s.curvature))
    demand_zero(largest - Rational(1, 8), "largest where the two stiffnesses are equal")
    return Derivation.of(
        compact,
        "A stiff direction loses $\\frac12 - \\frac{n\\beta h}{2(n\\beta h+\\gamma_*)}$ of [eq:localised-energy], but "
        "a flat one, which has nothing to lose, would be charged $\\frac12$ by that difference. Minus the derivative "
        "by $\\log\\gamma_*$ agrees with it to first order in $\\gamma_*$ and is zero where the curvature is.",
        "It is at most $1/8$ for each direction, where $\\gamma_* = n\\beta h$.",
    )


@cache
def derive_localised_energy_euler() -> Derivation:
    """Mean energy of one localised quadratic direction under the unadjusted scheme."""
    variance = Symbol("V", positive=True)
    stiffness = s.n_beta * s.curvature + s.localisation
    update = Eq(variance, (1 - s.step_size * stiffness / 2) ** 2 * variance + s.step_size)
    solved = sympy.solve(update, variance)[0]
    result = derive_localised_energy().result / (1 - s.step_size * stiffness / 4)
    demand_zero(s.n_beta * s.curvature * solved / 2 - result, "energy of the scheme")
    return Derivation.of(
        result,
        "The step $w \\leftarrow w - \\frac\\epsilon2(n\\beta h+\\gamma_*)w + \\sqrt\\epsilon\\,\\xi$ has the "
        "stationary variance that solves",
        equality(s.stationary_variance, (1 - s.step_size * stiffness / 2) ** 2 * s.stationary_variance + s.step_size),
        "and $n\\beta h/2$ times it is the result: [eq:localised-energy] with the factor of "
        "[eq:unadjusted-langevin-bias], the localisation counted into the stiffness. Beyond "
        "$\\epsilon(n\\beta h+\\gamma_*) = 4$ the scheme has no stationary law.",
    )


@cache
def derive_start_excess() -> Derivation:
    """How far, in units of the temperature, the loss at the start lies above the minimum beneath it."""
    shift = Symbol("a", real=True)
    loss = s.curvature * (_W - shift) ** 2 / 2
    slope = loss.diff(_W).subs(_W, 0)
    result = s.n_beta * s.slope_at_start**2 / (2 * s.curvature)
    demand_zero(result.subs(s.slope_at_start, slope) - s.n_beta * loss.subs(_W, 0), "height of the start")
    return Derivation.of(
        result,
        "Where the start is not the minimum but has slope $g$, the minimum of the quadratic "
        "$\\frac h2(w-a)^2$ with $g = -ha$ lies lower by $ha^2/2 = g^2/2h$.",
        "An estimate measures the loss from the start: it is too small by $n\\beta$ times this. At the true "
        "parameter of a regular model of $d$ weights, whose $n$ examples have unit noise, the mean is "
        "$\\frac d2\\cdot\\frac{n\\beta}n$, that is $\\lambda/\\log n$ at $n\\beta = n/\\log n$.",
    )


@cache
def derive_estimate_in_a_run() -> Derivation:
    """Mean estimate about the state of a run that samples a temperature of its own: one quadratic direction."""
    start = Symbol("w_0", real=True)
    stiffness = s.n_beta * s.curvature + s.localisation
    centre = s.localisation * start / stiffness  # of the localised posterior
    weight = sympy.exp(-s.n_beta * s.curvature * _W**2 / 2 - s.localisation * (_W - start) ** 2 / 2)
    shifted = sympy.exp(-stiffness * (_W - centre) ** 2 / 2)
    demand_zero(sympy.diff(sympy.log(weight) - sympy.log(shifted), _W), "completed square")
    second_moment = 1 / stiffness + centre**2
    at_start = s.n_beta * s.curvature * (second_moment - start**2) / 2
    run_variance = s.temperature / s.curvature
    mean = sympy.expand(at_start).subs(start**2, run_variance)
    localised = derive_localised_energy().result
    kept = 1 - (s.localisation / stiffness) ** 2
    result = localised - s.n_beta * s.temperature * kept / 2
    demand_zero(mean - result, "mean over the run's states")
    demand_zero(result.subs(s.localisation, 0) - (1 - s.n_beta * s.temperature) / 2, "without localisation")
    return Derivation(
        result,
        (
            Step(
                "The run's state $w_0$ is normal with variance $T/h$, and the localised posterior about it has the "
                "second moment",
                second_moment,
            ),
            Step("The estimate measures the loss from the state and not from the minimum:", at_start),
            Step(
                "Its mean over the run's states is the result. Without localisation it is",
                (1 - s.n_beta * s.temperature) / 2,
            ),
            Step(
                "so that the estimate is $\\lambda(1 - n\\beta T)$: negative while the run is hotter than the probe, "
                "and rising as the run cools, in one phase and with one learning coefficient throughout."
            ),
        ),
    )


@cache
def derive_crossing_energy() -> Derivation:
    """Exact mean energy where two branches of minima cross: L = h (w1 w2)^2 / 2 under localisation."""
    first, second = Symbol("w_1", positive=True), Symbol("w_2", real=True)  # even in both
    angle, turn = Symbol("u", positive=True), Symbol("t", positive=True)
    argument = Symbol("z", positive=True)
    stiffness, pull = s.n_beta * s.curvature, s.localisation
    weight = sympy.exp(-stiffness * first**2 * second**2 / 2 - pull * (first**2 + second**2) / 2)
    inner = sympy.integrate(sympy.exp(-(stiffness * first**2 + pull) * second**2 / 2), (second, -sympy.oo, sympy.oo))
    left = sympy.sqrt(2 * sympy.pi / (stiffness * first**2 + pull))
    demand_zero(inner - left, "integral over the second weight")
    # w1 = sqrt(gamma / n beta h) sinh u makes the root a hyperbolic cosine, which the measure cancels.
    scale = sympy.sqrt(pull / stiffness)
    put = (left * sympy.exp(-pull * first**2 / 2)).subs(first, scale * sympy.sinh(angle)) * scale * sympy.cosh(angle)
    half_turn = sympy.sqrt(2 * sympy.pi / stiffness) * sympy.exp(argument - argument * sympy.cosh(2 * angle))
    value = pull**2 / (4 * stiffness)
    ratio = sympy.simplify((put**2 / half_turn.subs(argument, value) ** 2).rewrite(sympy.exp))
    demand_zero(ratio - 1, "substitution")
    bessel = sympy.besselk(0, argument)  # the integral of exp(-z cosh t) over positive t
    equation = argument**2 * bessel.diff(argument, 2) + argument * bessel.diff(argument) - argument**2 * bessel
    integrand = sympy.exp(-argument * sympy.cosh(turn))
    by_parts = argument**2 * integrand.diff(argument, 2) + argument * integrand.diff(argument) - argument**2 * integrand
    demand_zero(by_parts - sympy.diff(-argument * sympy.sinh(turn) * integrand, turn), "equation of the integral")
    demand_zero(sympy.expand_func(equation), "equation of the Bessel function")
    log_mass = value + sympy.log(bessel.subs(argument, value)) - sympy.log(stiffness) / 2
    ours = -s.n_beta * sympy.diff(log_mass, s.n_beta)
    compact = _HALF + argument * (1 - sympy.besselk(1, argument) / bessel)
    result = compact.subs(argument, value)
    demand_zero(ours - result, "derivative by n beta")
    # Toward z = 0, z K1 -> 1 and K0 -> log(2/z) - gamma_E.
    logarithm = sympy.log(2 / argument) - sympy.EulerGamma
    tail = sympy.limit((_HALF - compact) * logarithm, argument, 0, "+")
    demand_zero(tail - 1, "approach to one half")
    return Derivation.of(
        result,
        "Two branches of minima, $w_1 = 0$ and $w_2 = 0$, cross where the start is. The weight is",
        weight,
        "The second weight is normal given the first, and integrates to",
        left,
        "With $w_1 = \\sqrt{\\gamma_*/n\\beta h}\\,\\sinh u$ and $z = \\gamma_*^2/4n\\beta h$ the rest is "
        "$e^{z}\\int e^{-z\\cosh 2u}\\,du$, a modified Bessel function $K_0$: the partition function is, up to "
        "a constant, $e^z K_0(z)/\\sqrt{n\\beta h}$.",
        "Minus the derivative of its logarithm by $\\log n\\beta$ is the energy. As $z \\to 0$ it nears "
        "$\\lambda = \\frac12$ like",
        _HALF - 1 / logarithm,
        "so that an estimate which says $\\frac12$ here, at any $n\\beta$ that can be reached, is wrong: the "
        "multiplicity 2 costs $1/\\log n\\beta$ [eq:energy-law].",
    )


EQUATIONS = (
    Equation(
        "localised-energy",
        "Energy of a localised direction",
        s.measured_energy,
        derive_localised_energy,
        "A local learning coefficient is measured under $\\exp(-n\\beta L - \\frac{\\gamma_*}{2}|w-w^*|^2)$. The "
        "localisation keeps chains near $w^*$, and takes a part of the energy of every direction.",
        {s.n_beta: 1000, s.curvature: 1, s.localisation: 100},
        source=_LAU,
    ),
    Equation(
        "localisation-effect",
        "What the localisation takes",
        s.localisation_effect,
        derive_localisation_effect,
        "So an estimate says by how much it would rise without localisation, as far as the loss is quadratic.",
        {s.n_beta: 1000, s.curvature: 1, s.localisation: 100},
        source=_LAU,
    ),
    Equation(
        "localised-energy-euler",
        "Energy of a localised direction under unadjusted Langevin",
        s.measured_energy,
        derive_localised_energy_euler,
        "The sum over the Hessian's spectrum predicts the bias of a step before it is taken: the step is chosen so "
        "that it is small, and what is left is taken off.",
        {s.n_beta: 1000, s.curvature: 1, s.localisation: 100, s.step_size: Rational(1, 10000)},
        source=_LAU,
    ),
    Equation(
        "start-excess",
        "How far the start lies above the minimum",
        s.start_excess,
        derive_start_excess,
        "The estimate is about a minimum. A network at its true parameters, or one that training has not quite "
        "brought down, stands above the minimum of its data's loss.",
        {s.n_beta: 1000, s.curvature: 1, s.slope_at_start: Rational(1, 100)},
    ),
    Equation(
        "estimate-in-a-run",
        "Estimate about a state of a run that has a temperature",
        s.measured_energy,
        derive_estimate_in_a_run,
        "Estimates at every switch epoch are taken where the run happens to stand. They are thermometers of the run as "
        "much as learning coefficients of its phase.",
        {s.n_beta: 100, s.curvature: 8, s.localisation: 10, s.temperature: Rational(1, 50)},
    ),
    Equation(
        "crossing-energy",
        "Energy at a crossing of two branches, at finite n beta",
        s.measured_energy,
        derive_crossing_energy,
        "The smallest singular network, $x \\mapsto w_2 w_1 x$ with true map 0, is measured exactly: three numbers, "
        "the estimate, this and $\\lambda = \\frac12$, can be told apart.",
        {s.n_beta: 1000, s.curvature: 1, s.localisation: 1},
        source="derived here; the singularity: Watanabe (2009), Algebraic Geometry and Statistical Learning "
        "Theory, ch. 1",
    ),
)
