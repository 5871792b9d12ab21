r"""Gradient descent on products of vectors closes on overlaps and squared norms.

Three vectors of weights a, b, c learn the rank-one tensor a* b* c* of three teachers. The loss depends on each vector
through its overlap R = a.a* and its squared norm q = a.a alone, so that two numbers a vector follow exactly.
"""

from __future__ import annotations

from itertools import product
from typing import Any

import sympy
from sympy import Rational, Symbol

from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality

_SOURCE = (
    "derived here for the coopetition model of Singh et al. (2025), Strategy coopetition explains the emergence and "
    "transience of in-context learning, ICML, arXiv:2503.05631"
)
_TESTS = ("tests/zoo/test_coopetition.py",)


def _vector(name: str) -> tuple[Any, Any]:
    return Symbol(f"{name}_1", real=True), Symbol(f"{name}_2", real=True)


def _dot(one: tuple[Any, ...], other: tuple[Any, ...]) -> Any:
    return sum(x * y for x, y in zip(one, other, strict=True))


def _tensor_loss(overlaps: Any, norms: Any, teachers: Any, size: Any) -> Any:
    return (teachers - 2 * overlaps + norms) / (2 * size)


def derive_tensor_loss() -> Derivation:
    """Half the mean square of a*b*c* - abc over all entries, held to the sum itself for vectors of two entries."""
    weights, teachers = [_vector(name) for name in "abc"], [_vector(f"{name}^*") for name in "abc"]
    entries = [
        sympy.prod(t[i] for t, i in zip(teachers, at, strict=True))
        - sympy.prod(w[i] for w, i in zip(weights, at, strict=True))
        for at in product(range(2), repeat=3)
    ]
    mean = sum(entry**2 for entry in entries) / (2 * len(entries))
    parts = (
        sympy.prod(_dot(w, t) for w, t in zip(weights, teachers, strict=True)),
        sympy.prod(_dot(w, w) for w in weights),
        sympy.prod(_dot(t, t) for t in teachers),
    )
    demand_zero(mean - _tensor_loss(*parts, len(entries)), "vectors of two entries")
    result = _tensor_loss(s.overlap_product, s.square_norm_product, s.teacher_product, s.tensor_size)
    return Derivation.of(
        result,
        "Expand the square of $a^*_i b^*_j c^*_k - a_i b_j c_k$ and sum over $i$, $j$ and $k$. Each of the three sums "
        "is a product of three inner products: of teachers with teachers, of weights with teachers, and of weights "
        "with weights.",
    )


def _stepped(weights: tuple[Any, ...], teacher: tuple[Any, ...]) -> tuple[Any, ...]:
    keep, pull = 1 - s.learning_rate * s.shrinkage, s.learning_rate * s.teacher_pull
    return tuple(keep * x + pull * t for x, t in zip(weights, teacher, strict=True))


def _step_of_a_descent() -> None:
    """A loss of overlap and squared norm has a gradient f of the teacher and h of the weights."""
    weights, teacher = _vector("a"), _vector("a^*")
    loss = sympy.Function("L")(s.overlap, s.square_norm)
    for x, t in zip(weights, teacher, strict=True):
        chain = sympy.diff(loss, s.overlap) * sympy.diff(_dot(weights, teacher), x)
        chain += sympy.diff(loss, s.square_norm) * sympy.diff(_dot(weights, weights), x)
        demand_zero(chain - (sympy.diff(loss, s.overlap) * t + 2 * sympy.diff(loss, s.square_norm) * x), "gradient")


def derive_overlap_step() -> Derivation:
    """The overlap after a step of gradient descent."""
    _step_of_a_descent()
    weights, teacher = _vector("a"), _vector("a^*")
    keep, pull = 1 - s.learning_rate * s.shrinkage, s.learning_rate * s.teacher_pull
    result = keep * s.overlap + pull * s.teacher_square_norm
    told = result.subs({s.overlap: _dot(weights, teacher), s.teacher_square_norm: _dot(teacher, teacher)})
    demand_zero(_dot(_stepped(weights, teacher), teacher) - told, "overlap of the stepped weights")
    return Derivation.of(
        result,
        "A loss that depends on the weights $a$ through $R = a\\cdot a^*$ and $q = a\\cdot a$ has the gradient "
        "$-f a^* + h a$, with $f = -\\partial L/\\partial R$ and $h = 2\\,\\partial L/\\partial q$. A step of gradient "
        "descent is $a' = (1-\\eta h)a + \\eta f a^*$. Take its inner product with $a^*$.",
    )


def derive_square_norm_step() -> Derivation:
    """The squared norm after a step of gradient descent."""
    weights, teacher = _vector("a"), _vector("a^*")
    keep, pull = 1 - s.learning_rate * s.shrinkage, s.learning_rate * s.teacher_pull
    result = keep**2 * s.square_norm + 2 * pull * keep * s.overlap + pull**2 * s.teacher_square_norm
    told = result.subs(
        {
            s.overlap: _dot(weights, teacher),
            s.square_norm: _dot(weights, weights),
            s.teacher_square_norm: _dot(teacher, teacher),
        }
    )
    stepped = _stepped(weights, teacher)
    demand_zero(_dot(stepped, stepped) - told, "squared norm of the stepped weights")
    perpendicular = s.square_norm - s.overlap**2 / s.teacher_square_norm
    after = result - (keep * s.overlap + pull * s.teacher_square_norm) ** 2 / s.teacher_square_norm
    demand_zero(after - keep**2 * perpendicular, "what is perpendicular to the teacher only shrinks")
    return Derivation.of(
        result,
        "Square the step $a' = (1-\\eta h)a + \\eta f a^*$ [eq:overlap-step]. What is perpendicular to the teacher, "
        "with the square $q_\\perp$ before the step and $q'_\\perp$ after it, only shrinks:",
        equality(Symbol(r"q'_\perp"), keep**2 * Symbol(r"q_\perp")),
    )


_EXAMPLE = {
    s.learning_rate: 1,
    s.overlap: 5,
    s.square_norm: 20,
    s.teacher_square_norm: 20,
    s.teacher_pull: Rational(1, 10),
    s.shrinkage: Rational(1, 20),
}
EQUATIONS = (
    Equation(
        "tensor-loss",
        "Three vectors learn a tensor: the loss by overlaps",
        s.tensor_loss,
        derive_tensor_loss,
        "However many entries the vectors have, the loss knows six numbers of them.",
        {s.overlap_product: 2, s.square_norm_product: 3, s.teacher_product: 4, s.tensor_size: 8},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "overlap-step",
        "Gradient descent on a vector: its overlap with the teacher",
        s.next_overlap,
        derive_overlap_step,
        "With [eq:square-norm-step] this is gradient descent itself, without any limit.",
        {symbol: value for symbol, value in _EXAMPLE.items() if symbol is not s.square_norm},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "square-norm-step",
        "Gradient descent on a vector: its squared norm",
        s.next_square_norm,
        derive_square_norm_step,
        "What starts out perpendicular to the teacher only shrinks, and is a memory of the start until it has.",
        _EXAMPLE,
        source=_SOURCE,
        tests=_TESTS,
    ),
)
