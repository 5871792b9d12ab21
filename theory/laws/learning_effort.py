r"""Learning effort: a neuron's weight by averaged gradient descent, without any effort."""

from __future__ import annotations

import sympy
from sympy import Rational, Symbol, exp

from theory import self_set_symbols as own
from theory.derivation import Derivation, Equation, demand_zero, equality


def derive_unaided_weight() -> Derivation:
    """Weight of a neuron from 0, for the mean squared error with weight decay."""
    w, time = Symbol("w", real=True), own.learning_time
    mean, square, decay = own.input_mean, own.input_square, own.weight_decay
    loss = (1 - 2 * mean * w + square * w**2) / 2 + decay * w**2 / 2
    speed = -sympy.diff(loss, w)
    result = mean / (square + decay) * (1 - exp(-(square + decay) * time))
    demand_zero(sympy.diff(result, time) - speed.subs(w, result), "gradient flow")
    demand_zero(result.subs(time, 0), "start")
    return Derivation.of(
        result,
        "Labels are $\\pm 1$ and the output is $w$ times the input, so that half the mean squared error, with the "
        "decay's part, is",
        loss,
        "Under gradient flow the weight's speed $\\dot w$ is linear in it,",
        equality(Symbol(r"\dot w"), speed),
        "and starts from 0. White noise and minibatches add nothing to the mean.",
    )


EQUATIONS = (
    Equation(
        "unaided-weight",
        "Learning effort: a neuron without effort",
        own.neuron_weight,
        derive_unaided_weight,
        "What an effort, which scales the weight while it learns, is held against.",
        {own.input_mean: 2, own.input_square: 5, own.weight_decay: Rational(1, 10), own.learning_time: 1},
        source="derived here for the neuron of Carrasco-Davis, Masís & Saxe (2023), arXiv:2310.19919",
        tests=("tests/zoo/test_learning_effort.py",),
    ),
)
