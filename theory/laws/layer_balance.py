r"""Deep linear networks: what a step does to the balance of two layers, and how fast a mode grows for it.

The product P = W_1 W_2 ... W_d learns by gradient descent on a loss of P with the gradient R. Layer l has the gradient
(W_1...W_{l-1})^T R (W_{l+1}...W_d)^T, and W_l^T W_l - W_{l+1} W_{l+1}^T is the *imbalance* of two neighbours.
"""

from __future__ import annotations

import sympy
from sympy import Matrix, Rational, Symbol

from theory import network_symbols as nets
from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality

_TESTS = ("tests/zoo/test_matrix_completion.py",)
_SOURCE = (
    "derived here; compare Arora, Cohen, Hu & Luo (2019), Implicit regularization in deep matrix factorization, "
    "NeurIPS, arXiv:1905.13655"
)


def _matrix(name: str) -> Matrix:
    return Matrix(2, 2, [Symbol(f"{name}_{i}{j}", real=True) for i in range(2) for j in range(2)])


def derive_layer_balance_step() -> Derivation:
    """Change of an entry of two layers' imbalance in one step, held to layers of 2 by 2 entries."""
    first, second, third, pull = (_matrix(name) for name in ("W", "V", "U", "R"))
    rate = s.learning_rate
    slopes = pull * (second * third).T, first.T * pull * third.T
    demand = first.T * slopes[0] - slopes[1] * second.T
    stepped = first - rate * slopes[0], second - rate * slopes[1]
    after = stepped[0].T * stepped[0] - stepped[1] * stepped[1].T
    before = first.T * first - second * second.T
    told = rate**2 * (slopes[0].T * slopes[0] - slopes[1] * slopes[1].T)
    for entry in (*demand, *(after - before - told)):
        demand_zero(sympy.expand(entry), "terms of first order cancel")
    result = rate**2 * (nets.square_slope_before - nets.square_slope_behind)
    return Derivation.of(
        result,
        "With $G_l = (W_1\\cdots W_{l-1})^T R (W_{l+1}\\cdots W_d)^T$ both $W_l^T G_l$ and $G_{l+1} W_{l+1}^T$ are "
        "$(W_1\\cdots W_l)^T R (W_{l+1}\\cdots W_d)^T$. In a step $W' = W - \\eta G$ the terms of first order in "
        "$W'^T_l W'_l - W'_{l+1}W'^T_{l+1}$ therefore cancel, and what is left is",
        result,
        "In gradient flow the imbalance is conserved; layers that start small start balanced, and stay so.",
    )


def derive_balanced_mode_growth() -> Derivation:
    """Rate at which a singular value of the product grows where all layers carry the same share of it."""
    depth, strength, pull = s.depth, nets.mode_strength, nets.mode_pull
    shares = sympy.symbols("p_1 p_2 p_3", positive=True)
    velocity = [pull * sympy.prod(shares) / own for own in shares]  # - dL/dp = pull times the other layers
    for own, other, one, two in zip(shares, shares[1:], velocity, velocity[1:], strict=False):
        demand_zero(2 * own * one - 2 * other * two, "difference of the squares of two layers")
    growth = sympy.Add(*(sympy.diff(sympy.prod(shares), own) * one for own, one in zip(shares, velocity, strict=True)))
    result = depth * strength ** (2 - 2 / depth) * pull
    equal = Symbol("p", positive=True)
    told = result.subs({depth: 3, strength: equal**3})
    demand_zero(growth.subs(dict.fromkeys(shares, equal)) - sympy.powdenest(told, force=True), "three layers alike")
    general = depth * equal ** (depth - 1) * equal ** (depth - 1) * pull
    demand_zero(
        sympy.powsimp(general - sympy.powdenest(result.subs(strength, equal**depth), force=True), force=True),
        "any depth",
    )
    return Derivation.of(
        result,
        "By [eq:layer-balance-step] balanced layers share their singular directions, and each carries $p = "
        "\\sigma^{1/d}$ of a mode. A layer's share grows at the pull $f = -u^T \\nabla L\\, v$ times those of the "
        "other layers",
        equality(Symbol(r"\dot p"), pull * equal ** (depth - 1)),
        "and the mode, their product, at $d p^{d-1}\\dot p$.",
        "A small mode hardly moves, the more so the deeper the network, while one that has grown follows every pull. "
        "What a first task has grown is what a second task is fitted with.",
    )


EQUATIONS = (
    Equation(
        "layer-balance-step",
        "Deep linear network: the balance of two layers",
        nets.balance_change,
        derive_layer_balance_step,
        "Exact for gradient descent, minibatches or not; of second order in the learning rate.",
        {s.learning_rate: Rational(1, 10), nets.square_slope_before: 2, nets.square_slope_behind: 1},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "balanced-mode-growth",
        "Deep linear network: how fast a mode grows",
        nets.mode_growth,
        derive_balanced_mode_growth,
        "Why the period closes when the first task's modes have grown. Exact for balanced layers in gradient flow.",
        {s.depth: 3, nets.mode_strength: 8, nets.mode_pull: Rational(1, 10)},
        source=_SOURCE,
        tests=_TESTS,
    ),
)
