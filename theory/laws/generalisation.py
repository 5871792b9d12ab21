r"""Generalisation of a linear student over time: spectrum of random inputs, error of each mode, its averages.

P examples of N inputs, entries of variance 1/N; the student follows dw = X (y - X^T w) dt, at a temperature with white
noise. Errors are in units of the noise's variance. Each eigendirection of X X^T learns by itself.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Rational, Symbol, exp, oo, pi, sqrt

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand, demand_zero, equality

_SOURCE = (
    "Advani, Saxe & Sompolinsky (2020), High-dimensional dynamics of generalization error in neural networks, Neural "
    "Networks 132, 428-446, arXiv:1710.03667; derived here"
)
_TESTS = ("tests/zoo/test_generalisation_dynamics.py",)
_RATIO, _CURVATURE, _TIME = s.examples_per_input, s.mode_curvature, s.elapsed_time
_RIDGE = Symbol("gamma", positive=True)


def _resolvent_roots(z: Any) -> list[Any]:
    """Solutions m(z) = tr (X X^T - z)^{-1}/N of its equation for large N, after checking the step that leads to it."""
    a, b, c = sympy.symbols("a b c", real=True)
    x = sympy.Matrix(sympy.symbols("x_1 x_2", real=True))
    inverse = sympy.Matrix([[a, b], [b, c]])
    g = (x.T * inverse * x)[0]
    with_it = (inverse.inv() + x * x.T).inv()
    demand_zero(sympy.simplify((x.T * with_it * x)[0] - g / (1 + g)), "one example added to the resolvent")
    m = Symbol("m")
    return sympy.solve(sympy.numer(sympy.together(1 + z * m - _RATIO * m / (1 + m))), m)


def _resolvent() -> Any:
    """m(-γ) for γ > 0: the positive root."""
    roots = _resolvent_roots(-_RIDGE)
    numbers = {_RATIO: Rational(1, 2), _RIDGE: Rational(1, 3)}
    (found,) = [root for root in roots if root.subs(numbers) > 0]
    return found


def derive_spectral_density() -> Derivation:
    """Density of the eigenvalues of X X^T away from 0, by the jump of the resolvent's trace."""
    z = Symbol("z", real=True)
    edges = (sqrt(_RATIO) - 1) ** 2, (sqrt(_RATIO) + 1) ** 2
    one, other = _resolvent_roots(z)
    inside = (edges[1] - z) * (z - edges[0])
    demand_zero(sympy.expand(((one - other) / 2) ** 2 + inside / (4 * z**2)), "the root is imaginary between the edges")
    result = sqrt((edges[1] - _CURVATURE) * (_CURVATURE - edges[0])) / (2 * pi * _CURVATURE)
    demand_zero(result**2 - inside.subs(z, _CURVATURE) / (2 * pi * _CURVATURE) ** 2, "imaginary part over pi")
    m, equation_of_m = Symbol("m"), Symbol("z")
    return Derivation.of(
        result,
        "Let $m(z)$ be the trace of $(XX^T - z)^{-1}$ over $N$. Leaving one example out changes $m$ by little, and "
        "adding it to the resolvent gives $x^T(XX^T-z)^{-1}x = m/(1+m)$. Summing over examples,",
        equality(1 + equation_of_m * m, _RATIO * m / (1 + m)),
        "This is quadratic in $m$. Its roots are real but between the edges $(\\sqrt\\alpha_P \\pm 1)^2$. There the "
        "imaginary part over $\\pi$ is the density of eigenvalues.",
    )


def derive_mode_error() -> Derivation:
    """Mean squared error of one mode after flow time, from its linear equation with noise."""
    w, noise, rate = sympy.Function("w"), Symbol("epsilon", real=True), _CURVATURE
    start, t = Symbol("d_0", real=True), _TIME
    # d = w - w*, dd/dt = -λ d + sqrt(λ) ε.
    solved = start * exp(-rate * t) + noise * (1 - exp(-rate * t)) / sqrt(rate)
    demand_zero(sympy.diff(solved, t) + rate * solved - sqrt(rate) * noise, f"equation of {w}")
    demand_zero(solved.subs(t, 0) - start, "start")
    diffused = s.noise_temperature * (1 - exp(-2 * rate * t)) / rate
    demand_zero(sympy.diff(diffused, t) + 2 * rate * diffused - 2 * s.noise_temperature, "variance of the white noise")
    square = sympy.expand(solved**2)
    mean = square.coeff(start, 2) * start**2 + square.coeff(noise, 2) * noise**2
    demand_zero(square - mean - 2 * start * noise * exp(-rate * t) * (1 - exp(-rate * t)) / sqrt(rate), "cross term")
    result = (
        (s.signal_to_noise + s.start_to_noise) * exp(-2 * rate * t) + (1 - exp(-rate * t)) ** 2 / rate + diffused
    )  # fmt: skip
    told = mean.subs({start: sqrt(s.signal_to_noise + s.start_to_noise), noise: 1}) + diffused
    demand_zero(result - told, "mean square")
    return Derivation.of(
        result,
        "In the eigenbasis of $XX^T$ the distance $d$ to the teacher obeys "
        "$\\dot d = -\\lambda_h d + \\sqrt{\\lambda_h}\\,\\varepsilon$ with $\\varepsilon$ of unit variance, and "
        "white noise adds the variance",
        diffused,
        "Solve for $d$, square it, and take the mean: signal and noise are independent.",
    )


def derive_frozen_error() -> Derivation:
    """The same for a mode in which no example lies."""
    result = sympy.limit(derive_mode_error().result, _CURVATURE, 0, "+")
    demand_zero(
        result - (s.signal_to_noise + s.start_to_noise + 2 * s.noise_temperature * _TIME), "no curvature at all"
    )
    return Derivation.of(
        sympy.expand(result),
        "Let $\\lambda_h \\to 0$ in [eq:mode-error]. A share $1 - \\alpha_P$ of modes is such where $\\alpha_P < 1$: "
        "the frozen subspace. Nothing is learnt there, and nothing holds what white noise does.",
    )


def _inverse_mean(few: bool) -> Any:
    """Mean of 1/λ over eigenvalues away from 0, by the resolvent at 0."""
    m, gap = _resolvent(), Symbol("q", positive=True)
    if few:
        at = m.subs(_RATIO, 1 / (1 + gap))  # α < 1
        frozen = 1 - 1 / (1 + gap)
        found = sympy.limit(sympy.simplify(at - frozen / _RIDGE), _RIDGE, 0, "+")
        return sympy.simplify(found.subs(gap, 1 / _RATIO - 1))
    found = sympy.limit(m.subs(_RATIO, 1 + gap), _RIDGE, 0, "+")
    return sympy.simplify(found.subs(gap, _RATIO - 1))


def derive_final_error_many() -> Derivation:
    """More examples than inputs: the error at infinite time."""
    mode = sympy.limit(derive_mode_error().result, _TIME, oo)
    demand_zero(mode - (1 + s.noise_temperature) / _CURVATURE, "mode at infinite time")
    mean = _inverse_mean(few=False)
    demand_zero(mean - 1 / (_RATIO - 1), "mean of the inverse")
    return Derivation.of(
        1 + (1 + s.noise_temperature) / (_RATIO - 1),
        "At infinite time every mode has the error",
        mode,
        "The mean of $1/\\lambda_h$ is the trace of the resolvent at 0 [eq:spectral-density]:",
        mean,
        "The noise of the answers adds 1.",
    )


def derive_final_error_few() -> Derivation:
    """Fewer examples than inputs: the error at infinite time, without temperature."""
    mean = _inverse_mean(few=True)
    demand_zero(mean - _RATIO / (1 - _RATIO), "mean of the inverse")
    frozen = derive_frozen_error().result.subs(s.noise_temperature, 0)
    return Derivation.of(
        1 + (1 - _RATIO) * frozen + _RATIO / (1 - _RATIO),
        "A share $1-\\alpha_P$ of modes is frozen [eq:frozen-error]; the others have the mean of $1/\\lambda_h$, which "
        "is that of the resolvent at 0 less its pole",
        mean,
        "At a temperature the frozen modes diffuse for ever, and there is no final error.",
    )


def derive_peak_growth() -> Derivation:
    """As many examples as inputs: how the error grows with time, to leading order."""
    density = derive_spectral_density().result.subs(_RATIO, 1)
    edge = sympy.limit(density * sqrt(_CURVATURE), _CURVATURE, 0, "+")
    demand_zero(edge - 1 / pi, "density at the edge")
    x = Symbol("x", positive=True)
    # ∫ f x^{-3/2} dx = 2 ∫ f' x^{-1/2} dx, since f vanishes at 0 as x at least.
    shapes = (1 - exp(-x)) ** 2, 1 - exp(-2 * x)
    noise, diffused = (2 * sympy.integrate(sympy.expand(sympy.diff(f, x)) / sqrt(x), (x, 0, oo)) for f in shapes)
    result = sqrt(_TIME) / pi * (noise + s.noise_temperature * diffused)
    demand_zero(
        result - 2 * sqrt(_TIME / pi) * (2 - sqrt(2) + sqrt(2) * s.noise_temperature), "both integrals in closed form"
    )
    return Derivation.of(
        2 * sqrt(_TIME / pi) * (2 - sqrt(2) + sqrt(2) * s.noise_temperature),
        "At $\\alpha_P = 1$ the density [eq:spectral-density] rises at 0 as",
        1 / (pi * sqrt(_CURVATURE)),
        "Put $x = \\lambda_h t_e$ into [eq:mode-error] and integrate by parts. The signal's part falls meanwhile.",
    )


def derive_optimal_ridge_error() -> Derivation:
    """Least error of ridge regression, at the ridge that every mode wants."""
    ridge, signal = _RIDGE, s.signal_to_noise
    mode = (signal * ridge**2 + _CURVATURE) / (_CURVATURE + ridge) ** 2
    slope = sympy.factor(sympy.diff(mode, ridge))
    demand_zero(slope - 2 * _CURVATURE * (signal * ridge - 1) / (_CURVATURE + ridge) ** 3, "slope in the ridge")
    best = mode.subs(ridge, 1 / signal)
    demand_zero(best - 1 / (_CURVATURE + 1 / signal), "error of a mode at its best ridge")
    result = 1 + _resolvent().subs(ridge, 1 / signal)
    demand(bool(abs(result.subs({_RATIO: 1, signal: 5}).evalf() - 2.7913) < 1e-4), "value at one example per input")
    return Derivation.of(
        sympy.simplify(result),
        "Ridge regression with the ridge $\\gamma$ gives a mode the error",
        mode,
        "Its slope in $\\gamma$ vanishes at $\\gamma = 1/S_w$, whatever $\\lambda_h$: one ridge is best for all modes, "
        "frozen ones among them. What is left is",
        1 / (_CURVATURE + 1 / signal),
        "whose mean over all modes is $m(-1/S_w)$, the positive root of the resolvent's equation "
        "[eq:spectral-density].",
    )


def _equation(label: str, title: str, left: Any, derive: Any, motivation: str, example: dict) -> Equation:
    return Equation(label, title, left, derive, motivation, example, source=_SOURCE, tests=_TESTS)


_SNR = {s.signal_to_noise: 5, s.start_to_noise: 0}
EQUATIONS = (
    _equation(
        "spectral-density",
        "Random inputs: the density of curvatures",
        s.spectral_density,
        derive_spectral_density,
        "The law of Marchenko and Pastur, for N and P large in the ratio P/N. Its mass is the least of 1 and P/N.",
        {_RATIO: 2, _CURVATURE: 2},
    ),
    _equation(
        "mode-error",
        "Linear student: the error of one mode over time",
        s.mode_error,
        derive_mode_error,
        "Signal is learnt while noise is fitted, each at the mode's own rate. The term in T is ours.",
        {**_SNR, _CURVATURE: Rational(1, 2), _TIME: 3, s.noise_temperature: Rational(1, 10)},
    ),
    _equation(
        "frozen-error",
        "Linear student: the error of a frozen mode",
        s.frozen_error,
        derive_frozen_error,
        "With fewer examples than inputs some directions are never seen.",
        {**_SNR, _TIME: 3, s.noise_temperature: Rational(1, 10)},
    ),
    _equation(
        "final-error-many",
        "Linear student: the final error with more examples than inputs",
        s.final_error,
        derive_final_error_many,
        "It diverges where examples are as many as inputs, for noise of answers and for temperature alike.",
        {_RATIO: 2, s.noise_temperature: 0},
    ),
    _equation(
        "final-error-few",
        "Linear student: the final error with fewer examples than inputs",
        s.final_error,
        derive_final_error_few,
        "Without temperature, it diverges from this side too.",
        {**_SNR, _RATIO: Rational(1, 2)},
    ),
    _equation(
        "peak-growth",
        "Linear student: the peak grows as the root of time",
        s.peak_error,
        derive_peak_growth,
        "With as many examples as inputs there is no final error, but a peak that grows while one trains.",
        {_TIME: 1000, s.noise_temperature: 0},
    ),
    _equation(
        "optimal-ridge-error",
        "Linear student: the least error of ridge regression",
        s.ridge_error,
        derive_optimal_ridge_error,
        "The standard by which early stopping is judged, for a student that starts at 0.",
        {_RATIO: 1, s.signal_to_noise: 5},
    ),
)
