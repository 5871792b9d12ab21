r"""Toy models of superposition: the exact loss of a ReLU autoencoder on one-hot inputs, and of its regular polygons.

The input is u times a unit vector, u uniform on [0, 1]. Every output is f(u) = max(G u + b, 0), with G an inner product
of two columns of the weights and b a bias: it is linear wherever it is not zero.
"""

from __future__ import annotations

import sympy
from sympy import Rational, Symbol

from theory import superposition_symbols as s
from theory.derivation import Derivation, Equation, demand, demand_zero, equality

_SOURCE = (
    "derived here for the model of Elhage et al. (2022), Toy models of superposition; Chen, Lau, Mendel, Wei & Murfet "
    "(2023), arXiv:2310.06301, name the polygons"
)
_TESTS = ("tests/zoo/test_superposition_loss.py",)
_U = Symbol("u", nonnegative=True)
_G, _B = Symbol("G", positive=True), Symbol("b", positive=True)  # slope and bias, of either sign as they are used
_M, _P, _H = s.start_output, s.end_output, s.active_length


def _pieces() -> dict[str, tuple[sympy.Expr, sympy.Expr, sympy.Expr, dict[Symbol, sympy.Expr]]]:
    """Where an output is active: its line, the ends of the interval, and (start, end, length) there."""
    rising, falling = _G * _U - _B, _B - _G * _U
    middle = _B / _G
    return {
        "everywhere": (_G * _U + _B, sympy.S.Zero, sympy.S.One, {_M: _B, _P: _G + _B, _H: sympy.S.One}),
        "at the end": (rising, middle, sympy.S.One, {_M: sympy.S.Zero, _P: _G - _B, _H: 1 - middle}),
        "at the start": (falling, sympy.S.Zero, middle, {_M: _B, _P: sympy.S.Zero, _H: middle}),
    }


def derive_active_square() -> Derivation:
    """Mean square of an output."""
    result = _H * (_P**2 + _P * _M + _M**2) / 3
    for where, (line, low, high, values) in _pieces().items():
        demand_zero(sympy.integrate(sympy.expand(line**2), (_U, low, high)) - result.subs(values), f"active {where}")
    return Derivation.of(
        result,
        "Where the output is not zero it is a straight line, from $f_0$ to $f_1$ over a length $h_f$: the values "
        "of $f$ "
        "at $u = 0$ and $u = 1$ are $f_0 = \\max(b, 0)$ and $f_1 = \\max(G + b, 0)$, and the length is",
        equality(_H, (_P - _M) / Symbol("G", real=True)),
        "or 1 if both are positive. The mean square of a line is that of its ends. The integral of $f^2$ is checked in "
        "each of the three cases: active everywhere, at the end, at the start.",
    )


def derive_active_moment() -> Derivation:
    """Mean of u times an output that does not fall."""
    result = _H * ((3 - _H) * _P + _M) / 6
    for where, (line, low, high, values) in _pieces().items():
        if where != "at the start":
            found = sympy.integrate(sympy.expand(_U * line), (_U, low, high))
            demand_zero(found - result.subs(values), f"active {where}")
    return Derivation.of(
        result,
        "A column's product with itself is no less than 0, so its own output never falls: it is active "
        "everywhere or at "
        "the end [eq:active-square]. Its product with the input is integrated in both cases. The loss of the pair is "
        "then 1/3, the mean square of the input, less twice this, plus the mean square of the output.",
    )


def derive_polygon_loss() -> Derivation:
    """Loss of a regular polygon of the dictionary, of which only neighbours overlap."""
    square, bias, cosine, sides, size = s.column_square, s.feature_bias, s.neighbour_cosine, s.polygon_sides, s.features
    own = {_M: 0, _P: square + bias, _H: (square + bias) / square}
    beside = {_M: 0, _P: square * cosine + bias, _H: (square * cosine + bias) / (square * cosine)}
    energy, moment = derive_active_square().result, derive_active_moment().result
    kept = Rational(1, 3) - 2 * moment.subs(own) + energy.subs(own)
    spilled = energy.subs(beside)
    result = sides / size * (sympy.factor(kept) + 2 * sympy.factor(spilled))
    demand_zero(result - sides / size * (kept + 2 * spilled), "factors")
    perfect = result.subs({cosine: 1}).subs(bias, -square)
    demand_zero(perfect - sides / (3 * size), "with the bias at minus the square nothing is active")
    return Derivation.of(
        result,
        "Each of $k_p$ columns of squared length $s_c$ has the bias $b_c < 0$. Its own output is active at the "
        "end, from "
        "$u = -b_c/s_c$ on, and so are those of its two neighbours, whose columns make the cosine $c_c$ with it; all "
        "others are not, as $c'_c s_c + b_c < 0$ for their cosines. Own output [eq:active-moment], "
        "[eq:active-square] and neighbours' add up over the columns, and one input in $c_f$ is theirs. "
        "A column's own part $L_{own}$ is",
        equality(Symbol("L_own"), kept),
        "Its least value over $s_c$ and $b_c$ is that of the polygon. With four columns or fewer neighbours do not "
        "overlap, and it is 0 at $s_c = 1$, $b_c = 0$.",
    )


def derive_dead_feature_loss() -> Derivation:
    """What a feature costs that has no column."""
    size, bias = s.features, Symbol("b", nonnegative=True)
    cost = sympy.expand((sympy.integrate((_U - bias) ** 2, (_U, 0, 1)) + (size - 1) * bias**2) / size)
    best = sympy.solve(sympy.diff(cost, bias), bias)[0]
    demand_zero(best - 1 / (2 * size), "best bias")
    result = sympy.expand(cost.subs(bias, best))
    demand_zero(cost.subs(bias, 0) - 1 / (3 * size), "without a bias")
    demand(sympy.simplify(cost.subs(bias, 0) - result - 1 / (4 * size**2)) == 0, "what the bias gains")
    return Derivation.of(
        result,
        "A feature whose column is 0 has its bias as output, whatever the input. With a bias of 0 or less that "
        "is 0, and "
        "the feature costs $1/3c_f$, which no gradient tells to change. With a bias $b > 0$ it costs",
        cost,
        "least at",
        best,
        "A polygon with such features carries a + for each: 5 and 5+ are two phases.",
    )


EQUATIONS = (
    Equation(
        "active-square", "Superposition: mean square of an output", s.active_square, derive_active_square,
        "All pairs of columns together make the population loss of the model, exactly and without sampling inputs.",
        {_M: 0, _P: Rational(1, 2), _H: Rational(1, 2)}, source=_SOURCE, tests=_TESTS,
    ),
    Equation(
        "active-moment", "Superposition: product of an output with its input", s.active_moment, derive_active_moment,
        "What a feature's own output has in common with the feature.",
        {_M: 0, _P: Rational(1, 2), _H: Rational(1, 2)}, source=_SOURCE, tests=_TESTS,
    ),
    Equation(
        "polygon-loss", "Superposition: loss of a polygon", s.polygon_loss, derive_polygon_loss,
        "The phases of the model are regular polygons of columns, and their losses follow from two numbers each.",
        {s.column_square: Rational(87, 50), s.feature_bias: Rational(-31, 50), s.neighbour_cosine: Rational(1, 2),
         s.polygon_sides: 6, s.features: 6}, source=_SOURCE, tests=_TESTS,
    ),
    Equation(
        "dead-feature-loss", "Superposition: loss of a feature left out", s.dead_feature_loss, derive_dead_feature_loss,
        "Added to a polygon's loss, once for each feature that it leaves out.", {s.features: 6}, source=_SOURCE,
        tests=_TESTS,
    ),
)  # fmt: skip
