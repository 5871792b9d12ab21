r"""What gradients of some of the examples add to the energy of a localised quadratic direction."""

from __future__ import annotations

from functools import cache

import sympy
from sympy import Eq, Rational, Symbol

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality
from theory.laws.localisation import derive_localised_energy_euler


@cache
def derive_minibatch_excess() -> Derivation:
    """Rise of the measured energy by the noise of minibatch gradients."""
    variance = Symbol("V", positive=True)
    stiffness = s.n_beta * s.curvature + s.localisation
    noise = s.step_size + s.step_size**2 * s.minibatch_variance / 4
    update = Eq(variance, (1 - s.step_size * stiffness / 2) ** 2 * variance + noise)
    solved = sympy.solve(update, variance)[0]
    measured = s.n_beta * s.curvature * solved / 2
    plain = derive_localised_energy_euler().result
    result = (
        s.step_size
        * s.minibatch_variance
        * s.n_beta
        * s.curvature
        / (8 * stiffness * (1 - s.step_size * stiffness / 4))
    )
    demand_zero(measured - plain - result, "energy beyond that of whole gradients")
    small = sympy.limit(result / s.step_size, s.step_size, 0).subs(s.localisation, 0)
    demand_zero(small - s.minibatch_variance / 8, "a small step without localisation")
    return Derivation.of(
        result,
        "At each step the gradient of $n\\beta L_n$ is that of a minibatch, with the right mean and a noise whose "
        "variance along the direction is $\\Sigma_B$. The stationary variance then solves",
        equality(s.stationary_variance, (1 - s.step_size * stiffness / 2) ** 2 * s.stationary_variance + noise),
        "whatever $\\Sigma_B$ depends on, if it is its mean over the stationary law, for the noise has mean zero given "
        "the state. $n\\beta h/2$ times the variance, less [eq:localised-energy-euler], is the result.",
        "With a small step and without localisation it is $\\epsilon\\Sigma_B/8$: summed over directions it needs only "
        "the mean square of the noise, which the difference of two halves of each minibatch shows.",
        "A control variate, $\\nabla L_B(w) - \\nabla L_B(w^*) + \\nabla L_n(w^*)$ in place of $\\nabla L_B(w)$, has "
        "the same mean, and a noise that vanishes at $w^*$.",
    )


EQUATIONS = (
    Equation(
        "minibatch-excess",
        "What minibatch gradients add to the energy of a localised direction",
        s.minibatch_excess,
        derive_minibatch_excess,
        "Chains that look at some of the examples at each step are a little too warm. By how much is measured while "
        "they run, and taken off.",
        {
            s.n_beta: 1000, s.curvature: 1, s.localisation: 100, s.step_size: Rational(1, 10000),
            s.minibatch_variance: 50,
        },
        source="derived here; control variates in stochastic gradients: Baker, Fearnhead, Fox & Nemeth (2019), "
        "Stat. Comput. 29:599",
    ),
)  # fmt: skip
