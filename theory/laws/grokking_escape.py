r"""Grokking as escape: a linear network with weight decay leaves the origin over a saddle, if at all.

The loss is |P - S|^2/2 + (gamma/2) sum_l |W_l|^2 with P = W_D ... W_1, n by n layers and a target S = s e e^T of one
mode. Noise is white: dW = - grad L dt + sqrt(2T) dB in every weight.
"""

from __future__ import annotations

import sympy
from sympy import Matrix, Rational, Symbol, gamma, pi, sqrt

from theory import self_set_symbols as own
from theory import symbols as s
from theory.derivation import Derivation, Equation, demand_zero, equality

_SOURCE = "derived here"
_TESTS = ("tests/zoo/test_grokking_as_escape.py",)
_D, _N, _S, _U, _G = own.layers, own.width, own.mode_target, own.layer_strength, own.weight_decay


def _network(depth: int, width: int) -> tuple[list[Matrix], list[Symbol], sympy.Expr]:
    """Layers of free entries, these entries, and the loss of a target in the first entry."""
    layers = [
        Matrix(width, width, [Symbol(f"w{layer}_{i}{j}", real=True) for i in range(width) for j in range(width)])
        for layer in range(depth)
    ]
    whole = sympy.eye(width)
    for layer in layers:
        whole = layer * whole
    whole[0, 0] -= _S
    entries = [entry for layer in layers for entry in layer]
    loss = sum(entry**2 for entry in whole) / 2 + _G / 2 * sum(entry**2 for entry in entries)
    return layers, entries, loss


def _aligned(depth: int, width: int, entries: list[Symbol]) -> dict[Symbol, sympy.Expr]:
    """All layers u e e^T; any other aligned network is this one with its hidden units turned."""
    return {entry: _U if place % width**2 == 0 else sympy.Integer(0) for place, entry in enumerate(entries)}


def derive_aligned_mode_loss() -> Derivation:
    """The loss along the aligned mode, and that its gradient points along it."""
    result = (_S - _U**_D) ** 2 / 2 + _D * _G * _U**2 / 2
    for depth, width in ((2, 1), (2, 2), (3, 2), (4, 2)):
        _, entries, loss = _network(depth, width)
        at = _aligned(depth, width, entries)
        told = result.subs(_D, depth)
        demand_zero(loss.subs(at) - told, f"loss at depth {depth}")
        for place, entry in enumerate(entries):
            slope = sympy.diff(loss, entry).subs(at)
            along = sympy.diff(told, _U) / depth if place % width**2 == 0 else 0
            demand_zero(slope - along, "the gradient points along the mode")
    return Derivation.of(
        result,
        "Let every layer be $u$ times a unit vector of its output times one of its input, which is that of the layer "
        "below, the first and last being those of the target's mode. The product is $u^D$ along the mode and 0 "
        "elsewhere, and each of the $D$ layers has the square $u^2$. The gradient points along the mode and is the "
        "same for all layers, so that the coordinate $x = \\sqrt{D}\\,u$ falls in the potential $V$ of this law: "
        "its speed $\\dot x$ is minus the slope $\\partial_x V$,",
        equality(Symbol(r"\dot x"), -Symbol(r"\partial_x V")),
        "Held to networks of free entries at depths 2 to 4. At the origin the curvature by $x$ is $\\gamma$ from depth "
        "3 on, and at depth 2 the curvature $V''_2$ is",
        equality(Symbol(r"V''_2"), sympy.simplify(sympy.diff(result.subs(_D, 2), _U, 2).subs(_U, 0) / 2)),
    )


def derive_weak_decay_barrier() -> Derivation:
    """Barrier from the origin to leading order in the weight decay, from depth 3 on."""
    place = (_G / _S) ** (1 / (_D - 2))
    height = -_S * own.saddle_strength**_D + _D * _G * own.saddle_strength**2 / 2
    result = (_D - 2) / 2 * _G ** (_D / (_D - 2)) * _S ** (-2 / (_D - 2))
    for depth in (3, 4, 5, 7):
        leading = height.subs(_D, depth)
        at = place.subs(_D, depth)
        demand_zero(sympy.powsimp(sympy.diff(leading, own.saddle_strength).subs(own.saddle_strength, at)), "saddle")
        demand_zero(
            sympy.powsimp(sympy.expand(leading.subs(own.saddle_strength, at) - result.subs(_D, depth)), force=True),
            "height of the barrier",
        )
    return Derivation.of(
        result,
        "Near the origin $u^{2D}$ is small against $u^D$, and [eq:aligned-mode-loss] is $s^2/2$ plus",
        height.subs(own.saddle_strength, _U),
        "which is largest at the saddle",
        equality(own.saddle_strength, place),
        "The barrier rises with the weight decay and falls with the mode's strength: strong modes are learned first.",
    )


def _spectrum(depth: int, width: int) -> list[tuple[sympy.Expr, int]]:
    """Eigenvalues of the Hessian at the saddle and how often each occurs."""
    q = _U ** (2 * depth - 2)
    return [
        (depth * q - (depth - 2) * _G, 1), (2 * _G, (depth - 1) * width), (sympy.Integer(0), (depth - 1) * (width - 1)),
        (q + _G, 2 * (width - 1)), (_G, depth * (width - 1) ** 2),
    ]  # fmt: skip


def _demand_spectrum(depth: int, width: int) -> None:
    """Held to the Hessian of free entries, at exact values of strength and decay."""
    _, entries, loss = _network(depth, width)
    values = {_U: Rational(1, 3), _G: Rational(1, 7)}
    target = _U**depth + _G / _U ** (depth - 2)
    hessian = sympy.hessian(loss, entries).subs(_aligned(depth, width, entries)).subs(_S, target).subs(values)
    x = Symbol("x")
    told = sympy.prod((x - value.subs(values)) ** times for value, times in _spectrum(depth, width))
    demand_zero(sympy.expand(hessian.charpoly(x).as_expr() - told), f"spectrum at depth {depth}, width {width}")


def derive_aligned_escape_speedup() -> Derivation:
    """Rate of the whole network over that of its aligned mode, at low temperature."""
    for depth, width in ((3, 1), (3, 2), (4, 1), (4, 2)):
        _demand_spectrum(depth, width)
    temp, place = s.temperature, own.saddle_strength
    q = place ** (2 * _D - 2)
    sphere = 2 * pi ** (_N / 2) / gamma(_N / 2)
    result = (sphere / sqrt(2) * (_G * place**2 / (2 * pi * temp)) ** ((_N - 1) / 2)) ** (_D - 1) * (1 + q / _G) ** (
        1 - _N
    )
    orbit = (sphere * (sqrt(2) * place) ** (_N - 1)) ** (_D - 1)
    zero = (_D - 1) * (_N - 1)
    for depth, width in ((3, 1), (3, 2), (4, 3), (5, 2)):
        at = {_D: depth, _N: width}
        others = sympy.prod(value**times for value, times in _spectrum(depth, width)[1:] if value != 0)
        others = others.subs(_U, place)
        direct = sqrt(_G ** (depth * width**2 - 1) / others) * (orbit * (2 * pi * temp) ** (-zero / 2)).subs(at)
        demand_zero(sympy.powsimp(sympy.simplify(direct / result.subs(at)), force=True) - 1, "ratio of the two rates")
    demand_zero(sympy.simplify(result.subs(_N, 1) / sqrt(2) ** (_D - 1)) - 1, "single units")
    return Derivation.of(
        result,
        "At the saddle $(s - u_\\ddagger^D)u_\\ddagger^{D-2} = \\gamma$. With $q = u_\\ddagger^{2D-2}$ the Hessian "
        "has, across the way of the mode, the eigenvalue $2\\gamma$ for $(D-1)n$ directions that take one layer "
        "against the next, $\\gamma + q$ for $2(n-1)$ of the first and last layer, $\\gamma$ for $D(n-1)^2$, and 0 "
        "for $(D-1)(n-1)$: the hidden units can be turned (held to the Hessian of free entries for four networks). "
        "The saddles are a manifold, $D - 1$ spheres, of the volume",
        orbit,
        "Over each direction in which the saddle is flat the Gaussian integral $\\sqrt{2\\pi T/h}$ of "
        "[eq:eyring-kramers-saddle] gives way to that volume. The well has $\\gamma$ in all $Dn^2$ directions. "
        "Divided by the rate [eq:eyring-kramers] of the mode alone, whose curvatures are $\\gamma$ and "
        "$(D-2)\\gamma - Dq$, all but the spheres and the saddle's firm directions cancels.",
        "With one unit a layer it is $2^{(D-1)/2}$: as many saddles as there are signs, $2^{D-1}$, each narrower than "
        "the well. With more, the exponential has a power of $T$ in front of it, that of the turns that all lead over "
        "the saddle.",
    )


def derive_stepped_temperature() -> Derivation:
    """Temperature of white noise from what weights do in steps of any length."""
    w, slope, noise = (Symbol(name, real=True) for name in ("w", "f", r"\xi"))
    step, temp = s.time_step, s.temperature
    moved = w - step * slope + sqrt(2 * temp * step) * noise
    square = sympy.Poly(sympy.expand(moved**2), noise)
    mean = square.coeff_monomial(1) + square.coeff_monomial(noise**2)  # the noise has mean 0 and mean square 1
    gained = sympy.expand((mean - w**2) / (2 * step))
    names = {w * slope: own.weight_virial, slope**2: own.slope_square}
    (result,) = sympy.solve(gained.subs(names) - own.square_gain, temp)
    demand_zero(result.subs(own.slope_square, 0) - own.weight_virial - own.square_gain, "as the step vanishes")
    return Derivation.of(
        result,
        "A weight $w$, where the loss has the slope $f$, makes Euler steps to $w'$ with unit normal $\\xi$:",
        equality(Symbol(r"w'"), moved),
        "whatever the loss. As $\\xi$ is independent of the place, half the square grows by the mean of",
        gained,
        "per time. Solve for $T$: no term of a higher order is left out.",
    )


_AT = {_D: 3, _N: 2, _G: Rational(2, 5), own.saddle_strength: Rational(2, 5), s.temperature: Rational(1, 250)}
EQUATIONS = (
    Equation(
        "aligned-mode-loss",
        "Linear network with weight decay: the loss of an aligned mode",
        own.aligned_loss,
        derive_aligned_mode_loss,
        "What a mode has to climb. At depth 2 the origin is a saddle for $\\gamma < s$; from depth 3 on it is a "
        "minimum for every $\\gamma > 0$, and learning is an escape.",
        {_S: 1, _D: 3, _U: Rational(1, 2), _G: Rational(2, 5)},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "weak-decay-barrier",
        "Linear network with weight decay: the barrier at small decay",
        s.barrier_height,
        derive_weak_decay_barrier,
        "To leading order in the weight decay, from depth 3 on.",
        {_S: 1, _D: 3, _G: Rational(1, 10)},
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "aligned-escape-speedup",
        "Linear network with weight decay: how much faster the whole network escapes",
        own.escape_speedup,
        derive_aligned_escape_speedup,
        "The reduction to one coordinate has the right barrier and the wrong rate. At low temperature, "
        "$T \\ll \\gamma u_\\ddagger^2$, from depth 3 on, for the sum of both ways round every turn.",
        _AT,
        source=_SOURCE,
        tests=_TESTS,
    ),
    Equation(
        "stepped-temperature",
        "Temperature of white noise, read from runs of finite steps",
        s.temperature,
        derive_stepped_temperature,
        "Exact at any step. Without its last term a thermometer reads too much by half the step times the curvature, "
        "and times of escape, which are exponential in it, seem too long.",
        {own.weight_virial: Rational(1, 100), own.square_gain: Rational(1, 1000), own.slope_square: Rational(1, 100),
         s.time_step: Rational(1, 20)},
        source=_SOURCE,
        tests=_TESTS,
    ),
)  # fmt: skip
