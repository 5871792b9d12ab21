r"""Energy and entropy: a deep sharp well against a shallow wide one, and minima of one loss that differ in width.

Two wells in one coordinate, h_A (w + 1)^2 / 2 on the left of the border and Delta + h_B (w - 1)^2 / 2 on its right.
And two weights in a row, f = u v x, fitted to y = x + noise: on u v = 1 the loss is least, and its curvature across
is u^2 + v^2.
"""

from __future__ import annotations

import sympy
from sympy import Rational, Symbol, erf, exp, log, oo, pi, sqrt

from theory import entropy_symbols as e
from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality

_TESTS = ("tests/zoo/test_energy_entropy.py",)
_SOURCE = (
    "derived here, after the abstract of Zhang, Saxe, Advani & Lee (2018), Energy-entropy competition and the "
    "effectiveness of stochastic gradient descent in machine learning, Molecular Physics 116"
)


def _half_gauss(precision: sympy.Expr, reach: sympy.Expr) -> sympy.Expr:
    """Integral of exp(-precision x^2 / 2) from minus infinity to a reach beyond its top, checked by its slope."""
    result = sqrt(pi / (2 * precision)) * (1 + erf(reach * sqrt(precision / 2)))
    point = Symbol("x", positive=True)
    slope = sympy.diff(result.subs(reach, point), point) if reach.is_Symbol else None
    if slope is not None:
        demand_zero(slope - exp(-precision * point**2 / 2), "slope of the integral")
    demand_zero(sympy.limit(result.subs(reach, -point), point, oo), "nothing far on the other side")
    return result


def derive_well_odds() -> Derivation:
    """Masses of both wells under exp(-L/T)."""
    t, gap = s.temperature, e.energy_gap
    sharp = _half_gauss(e.sharp_curvature / t, e.sharp_reach)
    wide = exp(-gap / t) * _half_gauss(e.wide_curvature / t, e.wide_reach)
    ends = (1 + erf(e.sharp_reach * sqrt(e.sharp_curvature / (2 * t)))) / (
        1 + erf(e.wide_reach * sqrt(e.wide_curvature / (2 * t)))
    )
    result = exp(gap / t) * sqrt(e.wide_curvature / e.sharp_curvature) * ends
    demand_zero(sympy.simplify(sharp / wide / result) - 1, "ratio of the masses")
    return Derivation.of(
        result,
        "Under $e^{-L/T}$ each well holds a Gaussian integral that ends at the border, on the sharp side",
        sharp,
        "and likewise on the wide one, times $e^{-\\Delta_E/T}$. Their ratio is the result: energy speaks for the "
        "sharp well, the root of the curvatures, its entropy, against it. The last factor is 1 for small $T$.",
    )


def derive_flat_noise_odds() -> Derivation:
    """Masses of both wells under noise proportional to curvature, by the stationary density of Ito noise."""
    theta, point = e.noise_per_curvature, Symbol("x", real=True)
    # D = theta h in each well, so that Psi' = L'/D has no curvature in it.
    climb = sympy.integrate(e.sharp_curvature * point / (theta * e.sharp_curvature), point)
    demand_zero(climb - point**2 / (2 * theta), "climb in a well")
    up, down = (climb.subs(point, reach) for reach in (e.sharp_reach, e.wide_reach))
    sharp = exp(up) * _half_gauss(1 / theta, e.sharp_reach) / (theta * e.sharp_curvature)
    wide = exp(down) * _half_gauss(1 / theta, e.wide_reach) / (theta * e.wide_curvature)
    ends = (1 + erf(e.sharp_reach / sqrt(2 * theta))) / (1 + erf(e.wide_reach / sqrt(2 * theta)))
    result = e.wide_curvature / e.sharp_curvature * exp((e.sharp_reach**2 - e.wide_reach**2) / (2 * theta)) * ends
    demand_zero(sympy.simplify(sharp / wide / result) - 1, "ratio of the masses")
    return Derivation.of(
        result,
        "Label noise gives a quadratic loss gradient noise in proportion to its curvature, $D = \\theta_h h$. By "
        "[eq:noisy-density] the density is $e^{-\\Psi}/D$, and in both wells the climb from the minimum is",
        climb,
        "whatever the curvature. From the border down to each minimum, with a mass as in [eq:two-well-odds] over $D$, "
        "the ratio is the result. Neither the gap in loss nor any temperature is in it, and the root of the "
        "curvatures has become the ratio itself: where the wide well's border is the further one, it holds all as the "
        "noise vanishes, though its loss is higher.",
    )


def derive_undersampling_crossing() -> Derivation:
    """Examples per dimension at which N Delta_E balances D/2 times the log of the curvatures."""
    dimensions, examples = sympy.symbols("D N", positive=True)
    free_energy = -examples * e.energy_gap + dimensions / 2 * log(e.sharp_curvature / e.wide_curvature)
    result = log(e.sharp_curvature / e.wide_curvature) / (2 * e.energy_gap)
    demand_zero(free_energy.subs(examples, result * dimensions), "free energies equal")
    one = log(sqrt(e.wide_curvature / e.sharp_curvature) * exp(e.energy_gap / s.temperature))
    demand_zero(
        sympy.expand_log(one.subs(s.temperature, 1 / result), force=True), "one dimension: odds 1, far from the border"
    )
    return Derivation.of(
        result,
        "In $D$ dimensions with $N$ examples, $T = 1/N$ for a loss per example, and [eq:two-well-odds] for narrow "
        "wells in each direction, the sharp well's free energy less that of the wide one is",
        free_energy,
        "which vanishes at $N = \\alpha_N D$. With fewer examples per dimension the wide well wins: to be undersampled "
        "is to be at a high temperature.",
    )


def derive_imbalance_step() -> Derivation:
    """u^2 - v^2 after a step along a minibatch's gradient."""
    u, v, x, y = sympy.symbols("u v x y", real=True)
    rate, g = s.learning_rate, s.network_gradient
    loss = (u * v * x - y) ** 2 / 2
    demand_zero(sympy.diff(loss, u) - (u * v * x - y) * x * v, "gradient of u")
    demand_zero(sympy.diff(loss, v) - (u * v * x - y) * x * u, "gradient of v")
    after = (u - rate * g * v) ** 2 - (v - rate * g * u) ** 2
    demand_zero(sympy.expand(after - (1 - rate**2 * g**2) * (u**2 - v**2)), "imbalance after a step")
    result = e.imbalance * (1 - rate**2 * g**2)
    return Derivation.of(
        result,
        "With $g$ the minibatch's mean of residual times input, the gradients are $g v$ and $g u$. A step makes of "
        "$c_u = u^2 - v^2$",
        after,
        "where all terms of first order cancel. On $uv = 1$ the curvature $u^2 + v^2 = \\sqrt{c_u^2 + 4}$ is least at "
        "$c_u = 0$: any noise of the gradient drives the weights to the widest minimum, and no other noise does.",
    )


def derive_label_noise_slope() -> Derivation:
    """Mean square of the minibatch's gradient where u v - 1 is stationary to first order in itself."""
    rate, batch, h, sigma = s.learning_rate, s.batch_size, e.square_sum, s.answer_noise
    spread = Symbol("S", positive=True)  # mean square of a = u v - 1
    fourth = 1 + 2 / batch  # mean of the squared minibatch mean of x^2, x normal
    slope = fourth * spread + sigma / batch
    solved = sympy.solve(sympy.Eq(spread, spread - 2 * rate * h * spread + rate**2 * h**2 * slope), spread)[0]
    result = 2 * sigma / (2 * batch - rate * h * (batch + 2))
    demand_zero(sympy.together(slope.subs(spread, solved) - result), "mean square of the gradient")
    return Derivation.of(
        result,
        "Let $a = uv - 1$. A minibatch of $B$ normal inputs and labels of noise $\\varsigma^2$ has the gradient "
        "$g = a\\,\\overline{x^2} - \\overline{\\zeta x}$ with the mean square",
        slope,
        "where $S$ is that of $a$. To first order in $a$ a step makes of it $a - \\eta h_u g$, so $S$ balances",
        equality(2 * rate * h * spread, rate**2 * h**2 * slope),
        "Solve for $S$. By [eq:imbalance-step] the imbalance then falls by the share $\\eta^2\\overline{g^2} \\approx "
        "\\eta^2\\varsigma^2/B$ in a step.",
    )


def derive_imbalance_diffusion() -> Derivation:
    """Under white noise u^2 - v^2 has no drift, and a variance that grows with the temperature."""
    u, v, g, t = Symbol("u", real=True), Symbol("v", real=True), s.network_gradient, s.temperature
    c = u**2 - v**2

    def generator(f: sympy.Expr) -> sympy.Expr:
        drift = -g * v * sympy.diff(f, u) - g * u * sympy.diff(f, v)
        return sympy.expand(drift + t * (sympy.diff(f, u, 2) + sympy.diff(f, v, 2)))

    demand_zero(generator(c), "no drift")
    growth = generator(c**2)
    demand_zero(growth - 8 * t * (u**2 + v**2), "growth of the square")
    result = 8 * t * sqrt(e.imbalance**2 + 4 * e.weight_product**2)
    demand_zero((u**2 + v**2) ** 2 - c**2 - 4 * (u * v) ** 2, "squares")
    return Derivation.of(
        result,
        "Under $du = -gv\\,dt + \\sqrt{2T}\\,dW_u$ and $dv = -gu\\,dt + \\sqrt{2T}\\,dW_v$ the drift cancels in "
        "$c_u = u^2 - v^2$, and so do both terms of Ito, $2T - 2T$: the imbalance is a martingale. Its square grows by",
        growth,
        "with $(u^2+v^2)^2 = c_u^2 + 4b_u^2$, $b_u = uv$. The law $e^{-L/T}$ has no mean imbalance at all: along the "
        "minima its density falls as $1/\\sqrt{c_u^2+4}$, which cannot be normalised.",
    )


_CURVATURES = {e.sharp_curvature: 20, e.wide_curvature: 1}
_REACHES = {e.sharp_reach: Rational(377, 1000), e.wide_reach: Rational(1623, 1000)}
_GAP = {e.energy_gap: Rational(1, 10)}
EQUATIONS = (
    Equation(
        "two-well-odds",
        "Two wells: energy against entropy",
        e.well_odds,
        derive_well_odds,
        "What temperature does to a choice between a deep minimum and a wide one. Exact.",
        {**_CURVATURES, **_REACHES, **_GAP, s.temperature: Rational(1, 10)},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "two-well-odds-flat-noise",
        "Two wells under noise that goes with curvature",
        e.flat_noise_odds,
        derive_flat_noise_odds,
        "What label noise does to the same choice. Exact, for Ito noise.",
        {**_CURVATURES, **_REACHES, e.noise_per_curvature: Rational(4, 5)},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "undersampling-crossing",
        "Two wells: how many examples the sharp one needs",
        e.undersampling,
        derive_undersampling_crossing,
        "Few examples act as a high temperature. Holds for wells narrow against their distance.",
        {**_CURVATURES, **_GAP},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "imbalance-step",
        "Two weights in a row: minibatches drive them to balance",
        e.next_imbalance,
        derive_imbalance_step,
        "Exact for every minibatch and every rate.",
        {e.imbalance: Rational(15, 4), s.learning_rate: Rational(1, 20), s.network_gradient: Rational(1, 2)},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "label-noise-slope",
        "Two weights in a row: how large the gradient's noise is",
        e.batch_square_gradient,
        derive_label_noise_slope,
        "With it the rate of the drift needs no fitted number. Holds for small noise.",
        {s.learning_rate: Rational(1, 20), s.batch_size: 1, e.square_sum: 2, s.answer_noise: Rational(1, 4)},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "imbalance-diffusion",
        "Two weights in a row: temperature only spreads them",
        e.imbalance_growth,
        derive_imbalance_diffusion,
        "The same minima under white noise: no drift, at any temperature.",
        {s.temperature: Rational(1, 100), e.imbalance: Rational(15, 4), e.weight_product: 1},
        source=_SOURCE,
        tests=_TESTS,
    ),
)
