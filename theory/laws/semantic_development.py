r"""A two-layer linear network learns the modes of its data one after another, strongest first.

Items are one-hot, features follow a binary tree. A mode of the input-output correlation with singular value s, whose
inputs have variance d, is learned by a weight x in and a weight y out, with the loss d (xy)^2/2 - s xy + const. The
flow of a small random start picks the balanced pairs x = y.
"""

from __future__ import annotations

from typing import Any

import sympy
from sympy import Rational, Symbol, exp, log, oo, sqrt

from theory import network_symbols as nets
from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality

_PAPER = (
    "Saxe, McClelland & Ganguli (2019), A mathematical theory of semantic development in deep neural networks, PNAS "
    "116, 11537, arXiv:1810.10531"
)
_SOURCE = _PAPER + "; derived here"
_OURS = "derived here for the network of " + _PAPER
_TESTS = ("tests/zoo/test_semantic_development.py",)
_LEVELS = 4


def _strength_rate(strength: Any) -> Any:
    """Rate of a balanced mode's strength, from the flow of its two weights."""
    x, y = Symbol("x", positive=True), Symbol("y", positive=True)
    loss = nets.input_variance * (x * y) ** 2 / 2 - nets.mode_correlation * x * y
    speed_x, speed_y = -sympy.diff(loss, x), -sympy.diff(loss, y)
    demand_zero(2 * x * speed_x - 2 * y * speed_y, "x^2 - y^2 is conserved")
    rate = (speed_x * y + x * speed_y).subs(y, x)
    told = 2 * strength * (nets.mode_correlation - nets.input_variance * strength)
    demand_zero(rate - told.subs(strength, x**2), "rate of the product of a balanced pair")
    return told


def derive_mode_strength() -> Derivation:
    """A logistic law."""
    strength, time = Symbol("a", positive=True), s.elapsed_time
    rate = _strength_rate(strength)
    full = nets.mode_correlation / nets.input_variance
    result = full / (1 + (full / nets.initial_mode_strength - 1) * exp(-2 * nets.mode_correlation * time))
    demand_zero(sympy.diff(result, time) - rate.subs(strength, result), "it obeys the flow")
    demand_zero(result.subs(time, 0) - nets.initial_mode_strength, "start")
    demand_zero(sympy.limit(result, time, oo) - full, "end")
    return Derivation.of(
        result,
        "The flow of $d_\\alpha(xy)^2/2 - s_\\alpha xy$ conserves $x^2-y^2$. A balanced pair, $x = y$, stays "
        "balanced, and its strength $a = xy$ has the rate $\\dot a$:",
        equality(Symbol(r"\dot a"), rate),
        "This is a logistic equation, solved from $a_0$ to its end $s_\\alpha/d_\\alpha$.",
    )


def derive_mode_half_time() -> Derivation:
    """When half of the strength is there."""
    full = nets.mode_correlation / nets.input_variance
    law = derive_mode_strength().result
    result = log(full / nets.initial_mode_strength - 1) / (2 * nets.mode_correlation)
    demand_zero(law.subs(s.elapsed_time, result) - full / 2, "half of the end")
    return Derivation.of(
        result,
        "Put half of $s_\\alpha/d_\\alpha$ into the logistic law [eq:mode-strength]: the exponential equals one over "
        "the factor before it. The logarithm depends on the start weakly, so the order of modes is that of their "
        "singular values.",
    )


def _growth_beside_a_learned_mode() -> None:
    """Along the hidden direction n of a learned mode, the weights of a weaker one do not grow."""
    strong, weak, spread = Symbol("s_1", positive=True), nets.mode_correlation, nets.input_variance
    n, b, c = (sympy.Matrix(x) for x in ([1, 0], sympy.symbols("b_1 b_2"), sympy.symbols("c_1 c_2")))
    root = sqrt(strong / spread)  # both weights of the learned mode
    inward, outward = sympy.Matrix.hstack(root * n, b), sympy.Matrix.vstack(root * n.T, c.T)  # by modes
    wanted = sympy.diag(strong, weak)
    error = wanted - spread * outward * inward
    speed_b, speed_c = (outward.T * error)[:, 1], (error * inward.T)[1, :].T
    small = Symbol("z", positive=True)
    scaled = dict(zip([*b, *c], [small * x for x in [*b, *c]], strict=True))
    total = (speed_b + speed_c).subs(scaled).applyfunc(lambda x: sympy.diff(x, small).subs(small, 0))
    demand_zero(total[0] - (weak - strong) * b[0] - (weak - strong) * c[0], "along n")
    demand_zero(total[1] - weak * (b[1] + c[1]), "across n")


def derive_initial_mode_strength() -> Derivation:
    """The balanced start that grows like a typical random one, noise of a temperature included."""
    time, rate, heat = s.elapsed_time, nets.mode_correlation, s.temperature
    growing = Symbol("V_+", positive=True)
    start = nets.initial_weight_deviation**2
    solved = (start + heat / rate) * exp(2 * rate * time) - heat / rate
    demand_zero(sympy.diff(solved, time) - 2 * rate * solved - 2 * heat, "variance of a growing weight with noise")
    demand_zero(solved.subs(time, 0) - start, "start")
    leading = sympy.limit(sympy.expand(solved * exp(-2 * rate * time)), time, oo)
    small = derive_mode_strength().result / nets.initial_mode_strength
    demand_zero(sympy.limit(small, nets.initial_mode_strength, 0) - exp(2 * rate * time), "growth of a small strength")
    _growth_beside_a_learned_mode()
    # Mean logarithm of a sum of nu squares of normal numbers, from its moments.
    power, x, squares = (Symbol(name, positive=True) for name in ("q", "x", "nu"))
    density = x ** (squares / 2 - 1) * exp(-x / 2) / (2 ** (squares / 2) * sympy.gamma(squares / 2))
    moment = sympy.simplify(sympy.integrate(sympy.powsimp(x**power * density), (x, 0, oo)))
    free = nets.hidden_units - nets.earlier_modes
    logarithm = sympy.diff(moment, power).subs(power, 0).subs(squares, free)
    demand_zero(logarithm - log(2) - sympy.digamma(free / 2), "mean logarithm")
    result = leading * exp(sympy.digamma(free / 2))
    demand_zero(log(result) - log(leading / 2) - logarithm, "typical strength")
    return Derivation.of(
        result,
        "While weights are small, the weights $b_h$ into and $c_h$ out of hidden unit $h$ along a mode obey "
        "$\\dot b = s_\\alpha c$, $\\dot c = s_\\alpha b$, plus noise of temperature $T$. Then $(b+c)/\\sqrt2$ grows "
        "as $e^{s_\\alpha t_e}$ and $(b-c)/\\sqrt2$ falls. The variance $V_+$ of the first is",
        equality(growing, solved),
        "The mode's strength is $b \\cdot c$, which becomes half the square of what grows. Along the hidden direction "
        "of a mode that is learned, with the singular value $s_1 \\ge s_\\alpha$, weights grow at the rate $s_\\alpha "
        "- s_1 \\le 0$. So $N_h - j$ directions are left, and the strength is $V_+/2$ times a sum of as many squares "
        "of normal numbers. The mean of its logarithm, $m_\\chi$, is",
        equality(Symbol("m_chi"), log(2) + sympy.digamma(free / 2)),
        "A balanced start [eq:mode-strength] grows as $a_0 e^{2 s_\\alpha t_e}$, too. The two agree in the end for "
        "this $a_0$, which is near $(N_h - j - 1)\\epsilon_w^2/2$ at $T = 0$.",
    )


def _tree(levels: int) -> sympy.Matrix:
    """Features by items: a row for every node, which is 1 for the items below it."""
    items = 2 ** (levels - 1)
    rows = []
    for level in range(levels):
        size = items // 2**level
        rows += [[int(item // size == node) for item in range(items)] for node in range(2**level)]
    return sympy.Matrix(rows)


def _splits(levels: int, level: int) -> list[sympy.Matrix]:
    """Directions among items that tell the children of each node apart, whose features stand at ``level``."""
    items = 2 ** (levels - 1)
    if level == 0:
        return [sympy.ones(items, 1)]
    size = items // 2**level
    found = []
    for node in range(2 ** (level - 1)):
        first = 2 * node * size
        found.append(
            sympy.Matrix([int(0 <= i - first < size) - int(size <= i - first < 2 * size) for i in range(items)])
        )
    return found


def derive_tree_singular_value() -> Derivation:
    """Singular values of items by features, from the tree alone."""
    below = Symbol("l", integer=True)
    result = sqrt(2 ** (nets.tree_levels - nets.tree_level) - 1)
    size = 2 ** (nets.tree_levels - 1 - below)
    squared = sympy.summation(size, (below, nets.tree_level, nets.tree_levels - 1))
    demand_zero(sympy.powsimp(sympy.simplify(squared - result**2)), "sum over the levels below")
    features = _tree(_LEVELS)
    for level in range(_LEVELS):
        for direction in _splits(_LEVELS, level):
            value = result.subs({nets.tree_levels: _LEVELS, nets.tree_level: level}) ** 2
            demand_zero((features.T * features * direction - value * direction).norm(), f"a direction at level {level}")
    return Derivation.of(
        result,
        "Number levels from 0, the root. A direction among items that is $+1$ below one child of a node and $-1$ below "
        "the other, the children at level $k_n$, is cancelled by every feature above $k_n$. The feature of a node at "
        "level $l \\ge k_n$ sums its $2^{D-1-l}$ items, all of one sign. Sum this over the levels to get the squared "
        "singular value:",
        equality(nets.tree_singular_value**2, sympy.Sum(size, (below, nets.tree_level, nets.tree_levels - 1))),
        "At $k_n = 0$ the direction is all ones.",
    )


def _outputs() -> tuple[sympy.Matrix, list[Symbol]]:
    """The network's outputs, features by items, when each level's directions are learned to a share of their own."""
    shares = [Symbol(f"r_{level}", nonnegative=True) for level in range(_LEVELS)]
    projections = sympy.zeros(2 ** (_LEVELS - 1))
    for level, share in enumerate(shares):
        for direction in _splits(_LEVELS, level):
            projections += share * direction * direction.T / direction.dot(direction)
    return _tree(_LEVELS) * projections, shares


def _levels_of_a_feature(sign: int) -> Any:
    """Half the parent's feature plus or minus half the share, held to the outputs of a whole tree."""
    outputs, shares = _outputs()
    rows = [2**level - 1 for level in range(_LEVELS)]  # the first node of every level
    demand_zero(outputs[0, 0] - shares[0], "the root's feature is one mode")
    for level in range(1, _LEVELS):
        sibling = 2 ** (_LEVELS - 1 - level)  # the first item below the sibling
        item = 0 if sign > 0 else sibling
        told = (outputs[rows[level - 1], 0] + sign * shares[level]) / 2
        demand_zero(outputs[rows[level], item] - told, f"level {level}")
    return (nets.parent_feature_strength + sign * nets.learned_share) / 2


_STORY = (
    "A node's feature is 1 for the items below it. It is half its parent's feature plus half the direction that tells "
    "the node from its sibling ($+1$ below it, $-1$ below the sibling). The network has learned that direction to the "
    "share $r_n$, and says $p$ for the parent's feature of any item below the parent."
)


def derive_feature_strength() -> Derivation:
    """What the network says of a node's feature for an item below it."""
    return Derivation.of(
        _levels_of_a_feature(1),
        _STORY,
        "For an item below the node the two halves add. At the root the strength is $r_n$.",
    )


def derive_illusory_strength() -> Derivation:
    """What the network says of a node's feature for an item below its sibling."""
    result = _levels_of_a_feature(-1)
    demand_zero(result.subs({nets.parent_feature_strength: 1, nets.learned_share: 1}), "right in the end")
    return Derivation.of(
        result,
        _STORY,
        "For an item below the sibling the direction counts against it. As the parent's feature is learned first, the "
        "network believes the sibling to have the feature, up to one half, and unlearns it again.",
    )


_MODE = {nets.mode_correlation: Rational(1, 2), nets.input_variance: Rational(1, 8)}
EQUATIONS = (
    Equation(
        "mode-strength",
        "Semantic development: how strong a mode is",
        nets.learned_strength,
        derive_mode_strength,
        "Nothing happens for long, then a mode is learned at once. Exact for balanced, decoupled starts.",
        _MODE | {nets.initial_mode_strength: Rational(1, 1000), s.elapsed_time: 8},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "mode-half-time",
        "Semantic development: when a mode is learned",
        nets.mode_half_time,
        derive_mode_half_time,
        "Flow time alone counts, and a mode's singular value sets how much of it is needed.",
        _MODE | {nets.initial_mode_strength: Rational(1, 1000)},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "initial-mode-strength",
        "Semantic development: a random start, with temperature",
        nets.initial_mode_strength,
        derive_initial_mode_strength,
        "A typical start: half-times follow its logarithm. Temperature adds to the start alone, and so moves them by a "
        "logarithm. Holds for small starts and low temperatures.",
        {nets.hidden_units: 32, nets.earlier_modes: 0, nets.initial_weight_deviation: Rational(1, 1000),
         s.temperature: Rational(1, 10**6), nets.mode_correlation: Rational(1, 2)},
        source=_OURS,
        tests=_TESTS,
    ),
    Equation(
        "tree-singular-value",
        "Semantic development: singular values of a tree",
        nets.tree_singular_value,
        derive_tree_singular_value,
        "Broad distinctions have large singular values, and so are learned first.",
        {nets.tree_levels: 4, nets.tree_level: 1},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "feature-strength",
        "Semantic development: a feature of one's own",
        nets.feature_strength,
        derive_feature_strength,
        "From the root downwards it gives every feature of every item.",
        {nets.parent_feature_strength: Rational(9, 10), nets.learned_share: Rational(1, 2)},
        source=_OURS,
        tests=_TESTS,
    ),
    Equation(
        "illusory-strength",
        "Semantic development: illusory correlation",
        nets.illusory_strength,
        derive_illusory_strength,
        "It is 0 at the start and in the end, and a half at most between.",
        {nets.parent_feature_strength: Rational(9, 10), nets.learned_share: Rational(1, 10)},
        source=_OURS,
        tests=_TESTS,
    ),
)  # fmt: skip
