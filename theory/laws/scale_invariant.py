r"""Scale-invariant weights: normalisation with weight decay sets the temperature of a run by itself.

The loss depends on w/|w| alone. A step is w' = (1 - eta gamma) w - eta g with a gradient g of a minibatch, which is at
right angles to w and falls as 1/|w|.
"""

from __future__ import annotations

import sympy
from sympy import Matrix, Rational, Symbol, exp, pi, sqrt

from theory import self_set_symbols as own
from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality

_TESTS = ("tests/zoo/test_scale_invariant_weights.py",)
_COMPARE = (
    "derived here; compare van Laarhoven (2017), L2 regularization versus batch and weight normalization, "
    "arXiv:1706.05350, and Li, Lyu & Arora (2020), NeurIPS, arXiv:2010.02916 (recalled, not verified)"
)
_RATE, _DECAY, _NORM, _SLOPE = s.learning_rate, own.weight_decay, own.norm, own.sphere_gradient


def derive_norm_step() -> Derivation:
    """Squared norm after a step, held to a loss of three weights that depends on their direction."""
    weights = sympy.symbols("w_1 w_2 w_3", real=True)
    length = sqrt(sum(w**2 for w in weights))
    any_loss = sympy.Function("f")(weights[0] / length, weights[1] / length)
    gradient = Matrix([sympy.diff(any_loss, w).doit() for w in weights])
    demand_zero(sympy.simplify(sum(w * g for w, g in zip(weights, gradient, strict=True))), "at right angles")
    keep = 1 - _RATE * _DECAY
    result = keep**2 * _NORM**2 + _RATE**2 * _SLOPE / _NORM**2
    stepped = keep * Matrix([_NORM, 0]) - _RATE * Matrix([0, sqrt(_SLOPE) / _NORM])
    demand_zero(sympy.expand(stepped.dot(stepped) - result), "squared norm after a step")
    return Derivation.of(
        result,
        "A loss of $w/|w|$ does not change along $w$, so every example's gradient is at right angles to it, and "
        "scaling $w$ up scales the gradient down: it is that at unit norm, $\\tilde g$, over $|w|$. By Pythagoras, "
        "with the factor of the decay",
        keep,
        "both parts add in squares. Nothing else of loss or minibatch enters.",
    )


def derive_norm_equilibrium() -> Derivation:
    """Norm at which a step changes nothing."""
    step = derive_norm_step().result
    result = _RATE * _SLOPE / (_DECAY * (2 - _RATE * _DECAY))
    still = step.subs(_NORM, result ** Rational(1, 4)) - sqrt(result)
    demand_zero(sympy.simplify(still), "squared norm is kept")
    return Derivation.of(
        result,
        "Put $|w'| = |w|$ into [eq:norm-step]:",
        equality(_NORM**4 * (1 - (1 - _RATE * _DECAY) ** 2), _RATE**2 * _SLOPE),
        "With random steps $\\tilde g^2$ is its mean, up to the norm's own spread, of order $\\eta\\gamma$. At small "
        "$\\eta\\gamma$ it is $\\eta\\,\\tilde g^2/2\\gamma$.",
    )


def derive_norm_relaxation() -> Derivation:
    """Fourth power of the norm after steps at a constant squared gradient, at small decay per step."""
    time = own.steps_taken
    end = derive_norm_equilibrium().result
    limit = _RATE * _SLOPE / (2 * _DECAY)
    demand_zero(sympy.limit(end / limit, _DECAY, 0) - 1, "equilibrium at small decay")
    result = limit + (own.initial_norm_power - limit) * exp(-4 * _RATE * _DECAY * time)
    demand_zero(
        sympy.diff(result, time) - (-4 * _RATE * _DECAY * result + 2 * _RATE**2 * _SLOPE),
        "equation of the fourth power",
    )
    demand_zero(result.subs(time, 0) - own.initial_norm_power, "start")
    r = Symbol("r", positive=True)
    change = sympy.series((r + _RATE * (-2 * _DECAY * r + _RATE * _SLOPE / r)) ** 2 - r**2, _RATE, 0, 2).removeO()
    demand_zero(sympy.expand(change + 4 * _RATE * _DECAY * r**2), "first order of the decay")
    return Derivation.of(
        result,
        "To first order in $\\eta\\gamma$ and in the squared kick, [eq:norm-step] says of $|w|^4$ that it changes in a "
        "step by",
        -4 * _RATE * _DECAY * own.norm_power + 2 * _RATE**2 * _SLOPE,
        "which is linear. So the norm forgets its start in $1/4\\eta\\gamma$ steps, the slower the smaller the rate.",
    )


def derive_self_set_temperature() -> Derivation:
    """Temperature of the direction at equilibrium, where the gradient is noise."""
    noise = (own.dimension - 1) * own.example_variance / s.batch_size
    norm_square = sqrt(_RATE * noise / (2 * _DECAY))
    rate = _RATE / norm_square
    result = sqrt(_RATE * _DECAY * own.example_variance / (2 * (own.dimension - 1) * s.batch_size))
    demand_zero(
        sympy.powsimp(sympy.simplify(rate * own.example_variance / (2 * s.batch_size) / result), force=True) - 1,
        "temperature of the direction",
    )
    return Derivation.of(
        result,
        "The direction $w/|w|$ moves by $\\eta/|w|^2$ times the gradient at unit norm: an effective learning rate. "
        "Where noise prevails, $\\tilde g^2$ is that of $d - 1$ directions,",
        noise,
        "and at the equilibrium of [eq:norm-equilibrium], at small $\\eta\\gamma$, the effective rate is",
        equality(own.effective_rate, sqrt(2 * _RATE * _DECAY / noise)),
        "As in [eq:sgd-temperature] the temperature is that rate times $\\sigma^2/2B$. It is of the order of "
        "$\\sqrt{\\eta\\gamma/B}$: rate and weight decay act by their product alone, and halving the batch raises the "
        "temperature by $\\sqrt 2$, no more. It vanishes as the rate does, for any batch size.",
    )


def derive_mean_alignment() -> Derivation:
    """Mean cosine on the sphere in three dimensions at a temperature."""
    c, ratio = Symbol("c", real=True), Symbol("kappa", positive=True)
    weight = sympy.integrate(exp(ratio * c), (c, -1, 1))
    mean = sympy.integrate(c * exp(ratio * c), (c, -1, 1)) / weight
    told = 1 / sympy.tanh(ratio) - 1 / ratio
    demand_zero(sympy.simplify((mean - told).rewrite(exp)), "mean cosine")
    temp = own.self_set_temperature
    result = 1 / sympy.tanh(own.field / temp) - temp / own.field
    demand_zero(told.subs(ratio, own.field / temp) - result, "by temperature")
    area = sympy.integrate(2 * pi, (c, -1, 1))
    demand_zero(area - 4 * pi, "cosines are uniform on the sphere")
    return Derivation.of(
        result,
        "The loss $-k c$, with $c$ the cosine to the best direction, has on the sphere the stationary density "
        "$e^{k c/T_{\\rm e}}$. In three dimensions $c$ is uniform on $[-1, 1]$ without it (Archimedes), so that with "
        "$\\kappa = k/T_{\\rm e}$ the mean is",
        told,
    )


EQUATIONS = (
    Equation(
        "norm-step",
        "Scale-invariant weights: the norm after a step",
        own.next_norm_square,
        derive_norm_step,
        "Exact for SGD without momentum, at any rate and batch size, for weights behind a normalisation.",
        {_RATE: Rational(1, 10), _DECAY: Rational(1, 100), _NORM: 1, _SLOPE: 2},
        source=_COMPARE,
        tests=_TESTS,
    ),
    Equation(
        "norm-equilibrium",
        "Scale-invariant weights: the norm in equilibrium",
        own.stationary_norm,
        derive_norm_equilibrium,
        "Where decay and noise balance. Rate and decay then set how far the direction moves in a step.",
        {_RATE: Rational(1, 10), _DECAY: Rational(1, 100), _SLOPE: 2},
        source=_COMPARE,
        tests=_TESTS,
    ),
    Equation(
        "norm-relaxation",
        "Scale-invariant weights: how the norm comes to equilibrium",
        own.norm_power,
        derive_norm_relaxation,
        "Why a drop of the learning rate first lowers the temperature by its factor and then gives half of it back, in "
        "logarithms.",
        {_RATE: Rational(1, 10), _DECAY: Rational(1, 100), _SLOPE: 2, own.initial_norm_power: 1, own.steps_taken: 100},
        source=_COMPARE,
        tests=_TESTS,
    ),
    Equation(
        "self-set-temperature",
        "Scale-invariant weights: the temperature that a run sets itself",
        own.self_set_temperature,
        derive_self_set_temperature,
        "In equilibrium, at small rates, for noise that is isotropic at right angles to the weights.",
        {
            _RATE: Rational(1, 10),
            _DECAY: Rational(1, 100),
            own.example_variance: 1,
            own.dimension: 3,
            s.batch_size: 16,
        },
        source=_COMPARE,
        tests=_TESTS,
    ),
    Equation(
        "mean-alignment",
        "Scale-invariant weights: mean alignment in three dimensions",
        own.mean_alignment,
        derive_mean_alignment,
        "The loss at a temperature, for the simplest loss on the sphere: a thermometer.",
        {own.field: 1, own.self_set_temperature: Rational(1, 2)},
        source="Langevin's function; derived here",
        tests=_TESTS,
    ),
)
