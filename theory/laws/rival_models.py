r"""Two exactly solved models whose critical period is not a matter of temperature: a bottleneck and a saddle."""

from __future__ import annotations

import sympy
from sympy import Rational, Symbol, atan, exp, sqrt

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality

_TESTS = ("tests/zoo/test_zoo.py",)
_HERE = "derived here"
_X = Symbol("x", real=True)
_T = Symbol("t", nonnegative=True)


def derive_bottleneck_passage_time() -> Derivation:
    """Time that dx/dt = drive + curving x^2 takes from -1 to 1."""
    speed = s.bottleneck_drive + s.bottleneck_curving * _X**2
    clock = atan(_X * sqrt(s.bottleneck_curving / s.bottleneck_drive)) / sqrt(s.bottleneck_curving * s.bottleneck_drive)
    demand_zero(sympy.diff(clock, _X) * speed - 1, "time along the path")
    result = 2 * atan(sqrt(s.bottleneck_curving / s.bottleneck_drive)) / sqrt(s.bottleneck_curving * s.bottleneck_drive)
    demand_zero(clock.subs(_X, 1) - clock.subs(_X, -1) - result, "from -1 to 1")
    leading = sympy.limit(result * sqrt(s.bottleneck_drive), s.bottleneck_drive, 0)
    demand_zero(leading - sympy.pi / sqrt(s.bottleneck_curving), "slow drive")
    return Derivation.of(
        result,
        "Position $x$, speed $\\dot x$. Separate the variables of",
        equality(Symbol(r"\dot x"), speed),
        "The time at which the path is at $x$, up to a constant, is",
        clock,
        "Take the difference between $x = 1$ and $x = -1$. For a slow drive it grows as",
        leading,
    )


def derive_saddle_variance() -> Derivation:
    """Variance of dx = curvature x dt + sqrt(2 T) dW that starts with a given variance."""
    h, temperature = s.saddle_curvature, s.temperature
    result = (s.initial_variance + temperature / h) * exp(2 * h * s.elapsed_time) - temperature / h
    course = result.subs(s.elapsed_time, _T)
    demand_zero(sympy.diff(course, _T) - 2 * h * course - 2 * temperature, "rate of change of the variance")
    demand_zero(course.subs(_T, 0) - s.initial_variance, "start")
    hotter = sympy.log(2) / (2 * h)
    cold = result.subs(s.initial_variance, 0)
    later = cold.subs(temperature, 2 * temperature).subs(s.elapsed_time, s.elapsed_time - hotter)
    saved = "twice the temperature saves ln 2/(2 h) of time, up to the offset"
    demand_zero(later.expand() - (cold - temperature / h).expand(), saved)
    return Derivation.of(
        result,
        "Drift $h_s x$ leads off the saddle. By Itô's formula the variance $V_s$, with its rate of change "
        "$\\dot V_s$, obeys",
        equality(Symbol(r"\dot V_s"), 2 * h * s.variance_off_saddle + 2 * temperature),
        "which is linear. So temperature saves flow time: from a start without spread, doubling $T$ brings the escape "
        "forward by",
        hotter,
    )


EQUATIONS = (
    Equation(
        "bottleneck-passage-time",
        "Passage through a bottleneck",
        s.passage_time,
        derive_bottleneck_passage_time,
        "A recovery that is slow without a barrier: the clean loss falls everywhere, but hardly so in between. Whether "
        "a run arrives is a question of the flow time left and of nothing else.",
        {s.bottleneck_drive: Rational(1, 20), s.bottleneck_curving: 1},
        source=_HERE + "; the normal form of a saddle-node bifurcation (Strogatz, Nonlinear Dynamics and Chaos, 4.3)",
        tests=_TESTS,
    ),
    Equation(
        "saddle-variance",
        "Leaving a saddle",
        s.variance_off_saddle,
        derive_saddle_variance,
        "Memorising begins at a saddle, and noise helps to leave it. So the same flow time spent has not brought every "
        "run equally far: training loss and flow time part.",
        {s.saddle_curvature: 1, s.temperature: Rational(1, 5000), s.initial_variance: 0, s.elapsed_time: 4},
        source=_HERE + "; Suzuki (1976), Progress of Theoretical Physics 56, 77",
        tests=_TESTS,
    ),
)
