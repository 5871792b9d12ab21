r"""Attention against memory: a circuit that copies an answer from the context, and one that learns answers by heart.

A context holds N_c items with labels of +1 or -1, one of them the item that is asked for. In the limit of long vectors
the score of that item's match is b and that of every other 0. The answer is read from the attended label by a weight
w, and added to what is remembered of the item, f. All labels are told relative to the right one, which is +1.
"""

from __future__ import annotations

import sympy
from sympy import Rational, exp, log

from theory import attention_symbols as s
from theory.derivation import Derivation, Equation, demand_zero
from theory.symbols import learning_rate

_SOURCE = (
    "derived here for a reduction of the networks of Nguyen & Reddy (2024), Differential learning kinetics govern the "
    "transition from memorization to generalization during in-context learning, arXiv:2412.00104"
)
_TESTS = ("tests/zoo/test_in_context_transience.py",)


def _copied() -> sympy.Expr:
    return exp(s.match_score) / (exp(s.match_score) + s.context_size - 1)


def _loss(copied: sympy.Expr) -> sympy.Expr:
    attended = copied + (1 - copied) * s.other_labels
    return log(1 + exp(-(s.remembered_logit + s.readout * attended)))


def derive_copied_share() -> Derivation:
    """Softmax of one score b and N_c - 1 scores of 0."""
    shares = [_copied(), 1 / (exp(s.match_score) + s.context_size - 1)]
    demand_zero(sympy.simplify(shares[0] + (s.context_size - 1) * shares[1] - 1), "shares add up to 1")
    demand_zero(sympy.simplify(sympy.diff(shares[0], s.match_score) - shares[0] * (1 - shares[0])), "slope")
    return Derivation.of(
        shares[0],
        "Scores are inner products of independent vectors, but for the item that is asked for: its score is $b$, and "
        "the others' vanish as vectors grow long. The softmax of these scores gives each other item",
        shares[1],
        "and the match the rest. The share's slope in $b$ is $p_w(1-p_w)$.",
    )


def derive_readout_drift() -> Derivation:
    """Minus the gradient of the loss in the readout, at one context."""
    share, surprise = s.copied_share, s.surprise
    attended = share + (1 - share) * s.other_labels
    gradient = sympy.diff(_loss(share), s.readout)
    exact = 1 / (1 + exp(s.remembered_logit + s.readout * attended))
    demand_zero(sympy.simplify(gradient + attended * exact), "minus the gradient")
    return Derivation.of(
        surprise * attended - s.attention_decay * s.readout,
        "The loss is $\\ln(1+e^{-u})$ of the right answer's logit $u = f + wA$, where",
        attended,
        "is the label attended to: the right one with the share $p_w$, the mean $\\xi$ of the others with the rest. "
        "Its slope in $u$ is $-s_w$, with the surprise $s_w = 1/(1+e^u)$, and $u$ has the slope $A$ in $w$. Weight "
        "decay adds its own.",
    )


def derive_score_drift() -> Derivation:
    """Minus the gradient of the loss in the score of a match, at one context."""
    copied = _copied()
    attended = copied + (1 - copied) * s.other_labels
    exact = 1 / (1 + exp(s.remembered_logit + s.readout * attended))
    drift = s.readout * copied * (1 - copied) * exact * (1 - s.other_labels)
    demand_zero(sympy.simplify(sympy.diff(_loss(copied), s.match_score) + drift), "minus the gradient")
    share = s.copied_share
    return Derivation.of(
        s.readout * share * (1 - share) * s.surprise * (1 - s.other_labels) - s.attention_decay * s.match_score,
        "The attended label is $A = p_w + (1-p_w)\\xi$, so that its slope in $p_w$ is $1-\\xi$, and $p_w$ has the "
        "slope $p_w(1-p_w)$ in $b$ [eq:copied-share]. The loss falls in $A$ with $w s_w$ [eq:readout-drift].",
    )


def derive_memorising_time() -> Derivation:
    """Steps for each unit of remembered logit, while the rest is in equilibrium."""
    speed = learning_rate * s.memory_speed * s.mean_surprise / s.item_count
    return Derivation.of(
        1 / speed,
        "Of $K$ items each is asked for in one of $K$ examples, and minus the gradient of its loss in what is "
        "remembered of it is its surprise. With a rate $r_m$ times that of attention it grows in one step by",
        speed,
        "on average. Attention takes no time beside it where $K$ is large, so that $\\bar s_w$ is the mean surprise in "
        "its equilibrium at this $f$. The integral over $f$, up to the fold at which that equilibrium ends, is the "
        "time of in-context learning.",
    )


_POINT = {
    s.copied_share: Rational(3, 4), s.other_labels: Rational(1, 4), s.surprise: Rational(1, 5), s.readout: 3,
    s.attention_decay: Rational(1, 100),
}  # fmt: skip
EQUATIONS = (
    Equation(
        "copied-share",
        "In-context learning: the attention that a match gets",
        s.copied_share,
        derive_copied_share,
        "In the limit of long vectors, in which no two items resemble one another by chance.",
        {s.match_score: 2, s.context_size: 20},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "readout-drift",
        "In-context learning: how the readout learns",
        s.readout_drift,
        derive_readout_drift,
        "Averaged over $\\xi$, the mean of $N_c-1$ fair signs, it is the flow of the population loss.",
        _POINT,
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "score-drift",
        "In-context learning: how attention learns",
        s.score_drift,
        derive_score_drift,
        "Near the start $w$ and $p_w$ are small, and so is the drift: attention waits on a plateau.",
        _POINT | {s.match_score: 1},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "memorising-time",
        "In-context learning: steps in which a memory grows by one",
        s.memorising_time,
        derive_memorising_time,
        "Holds in the limit of many items, where what is remembered changes slowly.",
        {learning_rate: Rational(1, 20), s.memory_speed: 5, s.mean_surprise: Rational(1, 100), s.item_count: 200},
        source=_SOURCE,
        tests=_TESTS,
    ),
)
