"""Functions whose mean under a tempered posterior is zero whatever the energy: control variates for means."""

from __future__ import annotations

import sympy
from sympy import Function

from theory import symbols as s
from theory import table_symbols as t
from theory.derivation import Derivation, Equation, demand_zero, equality

_TESTS = ("tests/samplers/test_control_variates.py",)


def derive_zero_mean_of_fields() -> Derivation:
    """The divergence of a field times the density, over the density."""
    w1, w2 = sympy.symbols("w1 w2", real=True)
    temperature = s.temperature
    loss = Function("L")(w1, w2)
    fields = Function("g1")(w1, w2), Function("g2")(w1, w2)
    density = sympy.exp(-loss / temperature)
    flow = sum(sympy.diff(field * density, w) for field, w in zip(fields, (w1, w2), strict=True))
    divergence = sum(sympy.diff(field, w) for field, w in zip(fields, (w1, w2), strict=True))
    along = sum(sympy.diff(loss, w) * field for field, w in zip(fields, (w1, w2), strict=True))
    result = temperature * t.field_divergence - t.loss_along_field
    written = result.subs({t.field_divergence: divergence, t.loss_along_field: along})
    demand_zero(sympy.simplify(temperature * flow / density - written), "a divergence over the density")
    gaussian = sympy.exp(-(w1**2) / (2 * temperature))
    control = temperature - w1**2  # g = w, L = w²/2
    mean = sympy.integrate(sympy.expand(control) * gaussian, (w1, -sympy.oo, sympy.oo))
    demand_zero(mean, "the mean in a quadratic well")
    return Derivation.of(
        result,
        "For a field $g$ of two coordinates $w_1$ and $w_2$, with components $g_1$ and $g_2$, write $g_\\nabla$ for "
        "its divergence and $L_g$ for the slope of the loss along it. The divergence of the field times the density "
        "$e^{-L/T}$ is, over the density and times $T$,",
        equality(temperature * flow / density, temperature * divergence - along),
        "Its integral over space is the flow through a far sphere, which is none where the field times the density "
        "dies off, or through walls, which is none where the field does not point through them. So the mean of the "
        "right side under the tempered posterior is 0. (Check: in a quadratic well, $L=w_1^2/2$ with $g=w_1$, the "
        "function is the one that follows, of mean 0.)",
        control,
        "An observable less such a function has the observable's mean. With $g$ the gradient of a function $f$ it is "
        "the generator of Langevin dynamics on $f$: where it equals the observable less its mean, which is Poisson's "
        "equation, nothing is left to fluctuate, and the mean is read at any place.",
    )


EQUATIONS = (
    Equation(
        "zero-mean-of-fields",
        "Functions of mean zero",
        t.zero_mean_function,
        derive_zero_mean_of_fields,
        "A mean over chains is as noisy as the observable, and as slow. What has mean zero for sure, and goes up and "
        "down with it, may be taken off.",
        {s.temperature: sympy.Rational(1, 2), t.field_divergence: 3, t.loss_along_field: 1},
        source="Stein's identity; Assaraf & Caffarel (1999); derived here",
        tests=_TESTS,
    ),
)
