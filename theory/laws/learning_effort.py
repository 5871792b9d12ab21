r"""Learning effort: a neuron without effort and at its horizon, and two layers at a constant effort."""

from __future__ import annotations

import sympy
from sympy import Rational, Symbol, exp, sqrt

from theory import effort_symbols as efforts
from theory import network_symbols as nets
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


def derive_last_effort() -> Derivation:
    """Effort that is best when nothing is left to be learned."""
    g, w = Symbol("g", real=True), efforts.seen_weight
    mean, square, cost = own.input_mean, own.input_square, efforts.effort_cost
    loss = (1 - 2 * mean * (1 + g) * w + square * (1 + g) ** 2 * w**2) / 2 + cost * g**2
    slope = sympy.diff(loss, g)
    result = w * (mean - square * w) / (square * w**2 + 2 * cost)
    demand_zero(slope.subs(g, result), "slope by the effort")
    demand_zero(sympy.diff(loss, g, 2) - square * w**2 - 2 * cost, "which is positive: a minimum")
    return Derivation.of(
        result,
        "With an effort $g$ the output is $(1 + g) w_H$ times the input. At the horizon what the neuron would learn "
        "no longer counts. What is left of loss and cost,",
        loss,
        "is quadratic in $g$, and least where its slope is 0,",
        equality(sympy.expand(slope), sympy.S.Zero),
        "Weight decay and discount do not depend on $g$ then.",
    )


def derive_geared_mode_strength() -> Derivation:
    """Strength of a balanced mode of two layers whose weights all are scaled by one constant gain."""
    time, gain, decay = own.learning_time, efforts.layer_gain, own.weight_decay
    rate, spread, start = nets.mode_correlation, nets.input_variance, nets.initial_mode_strength
    b, c, a = Symbol("b", positive=True), Symbol("c", positive=True), Symbol("a", positive=True)
    seen = gain**2 * b * c
    loss = rate**2 / (2 * spread) - rate * seen + spread * seen**2 / 2 + decay * (b**2 + c**2) / 2
    speed_b, speed_c = -sympy.diff(loss, b), -sympy.diff(loss, c)
    balanced = {b: sqrt(a), c: sqrt(a)}
    demand_zero((speed_b - speed_c).subs(balanced), "both layers stay alike")
    speed = 2 * a * (gain**2 * (rate - spread * gain**2 * a) - decay)
    demand_zero((speed_b * c + b * speed_c).subs(balanced) - speed, "speed of the product")
    growth = gain**2 * rate - decay
    final = growth / (spread * gain**4)
    left = exp(-2 * growth * time)
    result = final / (1 + (final / start - 1) * left)
    residue = sympy.diff(result, time) - speed.subs(a, result)
    # a symbol in place of the exponential leaves a rational function, which is seen to vanish at once
    demand_zero(residue.subs(left, Symbol("z", positive=True)), "gradient flow")
    demand_zero(result.subs(time, 0) - start, "start")
    return Derivation.of(
        result,
        "Along a mode of the data let $b$ and $c$ be the weights of both layers, each scaled by $G_\\ell$. The mode's "
        "loss with its decay is",
        loss,
        "Weights that are alike stay so, and their product $a = b c$ grows at the speed $\\dot a$,",
        equality(Symbol(r"\dot a"), speed),
        "a logistic law. Effort speeds growth up by its square, and lowers the weights that are needed in the end by "
        "its fourth power.",
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
    Equation(
        "last-effort",
        "Learning effort: a neuron at its horizon",
        efforts.last_effort,
        derive_last_effort,
        "All other effort is paid for what it teaches; this one for the output alone.",
        {own.input_mean: 2, own.input_square: 5, efforts.effort_cost: Rational(3, 10),
         efforts.seen_weight: Rational(7, 20)},
        source="derived here for the neuron of Carrasco-Davis, Masís & Saxe (2023), arXiv:2310.19919",
        tests=("tests/zoo/test_learning_effort.py",),
    ),
    Equation(
        "geared-mode-strength",
        "Learning effort: a mode of two layers at constant effort",
        efforts.geared_strength,
        derive_geared_mode_strength,
        "What effort does to a network: stages come sooner by the square of the gain.",
        {nets.mode_correlation: Rational(1, 2), nets.input_variance: Rational(1, 8), efforts.layer_gain: Rational(5, 4),
         own.weight_decay: Rational(1, 100), own.learning_time: 10, nets.initial_mode_strength: Rational(1, 1000)},
        source="derived here; without decay and effort it is that of Saxe, McClelland & Ganguli (2019)",
        tests=("tests/zoo/test_effort_network.py",),
    ),
)  # fmt: skip
