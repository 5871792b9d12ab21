"""Free energy of products of known plane branches at enormous n, by quadrature in logarithmic coordinates.

Branches are sums of powers, y = sum c |x|^e, so that differences between them are exact however small x is. Nothing
here knows of Newton polygons or blow-ups.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from fractions import Fraction

import numpy as np
import sympy

X, Y = sympy.symbols("x y")
Branch = dict[Fraction, complex]
STEP = 0.25
LOG_EDGE = -8.0
"""The box is |x| < e^-8: no two branches with coefficients between 1/3 and 3 meet there but at the origin."""


@dataclass(frozen=True)
class Component:
    """A polynomial and, for either sign of x, all its branches y(x), complex ones included."""

    polynomial: sympy.Expr
    branches: dict[int, tuple[Branch, ...]]
    vertical: bool = False


def line(a: Fraction) -> Component:
    return Component(Y - _exact(a) * X, {s: ({Fraction(1): complex(s * a)},) for s in (1, -1)})


def vertical_line() -> Component:
    return Component(X, {1: (), -1: ()}, vertical=True)


def parabola(a: Fraction, b: Fraction) -> Component:
    """A smooth branch y = a x + b x^2; two of them with equal a make a tacnode, with different a a node."""
    polynomial = Y - _exact(a) * X - _exact(b) * X**2
    return Component(polynomial, {s: (_sum(complex(s * a), 1, complex(b), 2),) for s in (1, -1)})


def pair(a: Fraction, c: Fraction, twice: int) -> Component:
    """(y - a x)^2 = c x^twice: a node (2), a cusp (3), a tacnode (4), a sharper cusp (5)."""
    found = {}
    for s in (1, -1):
        square = float(c) * s**twice
        root = complex(square**0.5) if square > 0 else 1j * (-square) ** 0.5
        found[s] = tuple(_sum(complex(s * a), 1, sign * root, Fraction(twice, 2)) for sign in (1, -1))
    return Component(sympy.expand((Y - _exact(a) * X) ** 2 - _exact(c) * X**twice), found)


def upright_cusp(c: Fraction) -> Component:
    """x^2 = c y^3."""
    root = (1 if c > 0 else -1) * abs(1 / float(c)) ** (1 / 3)
    turns = (1.0, np.exp(2j * np.pi / 3), np.exp(-2j * np.pi / 3))
    branches = tuple({Fraction(2, 3): complex(root * turn)} for turn in turns)
    return Component(X**2 - _exact(c) * Y**3, {1: branches, -1: branches})


def _exact(value: Fraction) -> sympy.Rational:
    return sympy.Rational(value.numerator, value.denominator)


def _sum(c: complex, e: Fraction | int, d: complex, g: Fraction | int) -> Branch:
    branch: Branch = {Fraction(e): c}
    branch[Fraction(g)] = branch.get(Fraction(g), 0) + d
    return branch


def beyond_the_box(factors: Sequence[tuple[Component, int]]) -> float:
    """Log n at which the loss is of order one at the box's edge, on its flattest parts: asymptotics start beyond."""
    flattest = 0.0
    for component, power in factors:
        exponents = [max(map(float, branch)) for branch in component.branches[1]]
        flattest -= LOG_EDGE * power * (sum(exponents) or 1.0)
    return flattest


def minus_log_partition(factors: Sequence[tuple[Component, int]], log_n: np.ndarray) -> np.ndarray:
    """-log of the integral of exp(-n prod |f|^power) near the origin, for each log n."""
    floor = -max(log_n) / 2 - 20
    log_x = np.arange(LOG_EDGE - STEP / 2, floor, -STEP)
    total = np.zeros(len(log_n))
    for side in (1, -1):
        roots = [(branch, power) for component, power in factors for branch in component.branches[side]]
        offset = sum(power for component, power in factors if component.vertical) * log_x
        # log |f| up to the constant in front of the highest power of y, which only moves log n.
        bases = _distinct([{e: complex(c.real) for e, c in branch.items()} for branch, _ in roots] or [{}])
        x_small = np.array([LOG_EDGE - 4.0])
        bases.sort(key=_Order(x_small).key)
        for place, base in enumerate(bases):
            for direction in (1, -1):
                other = place + direction
                if 0 <= other < len(bases):
                    width = np.abs(_value(_difference(bases[other], base), log_x)) / 2
                else:
                    width = np.full(log_x.shape, 0.05)
                total += _half_interval(base, direction, width, roots, offset, log_x, log_n, floor)
    return -np.log(total)


def _half_interval(base, direction, width, roots, offset, log_x, log_n, floor) -> np.ndarray:
    with np.errstate(divide="ignore"):
        log_width = np.log(width)[:, None]
    below = np.arange(STEP / 2, 0.05 - floor, STEP)[None, :]
    log_delta = log_width - below
    delta = direction * np.exp(log_delta)
    log_loss = np.broadcast_to(offset[:, None], log_delta.shape).copy()
    with np.errstate(divide="ignore"):
        for branch, power in roots:
            gap = _value(_difference(base, branch), log_x)[:, None]
            log_loss += power * np.log(np.abs(gap + delta))
    weight = np.exp(log_delta + log_x[:, None]) * STEP**2
    return np.array([np.sum(weight * np.exp(-np.exp(np.minimum(log_loss + n, 50.0)))) for n in log_n])


def _difference(a: Branch, b: Branch) -> Branch:
    return {e: a.get(e, 0) - b.get(e, 0) for e in a.keys() | b.keys()}


def _value(branch: Branch, log_x: np.ndarray) -> np.ndarray:
    return sum((c * np.exp(float(e) * log_x) for e, c in branch.items() if c), np.zeros(log_x.shape, dtype=complex))


def _distinct(branches: list[Branch]) -> list[Branch]:
    kept: list[Branch] = []
    for branch in branches:
        if not any(all(c == 0 for c in _difference(branch, other).values()) for other in kept):
            kept.append(branch)
    return kept


@dataclass(frozen=True)
class _Order:
    log_x: np.ndarray

    def key(self, branch: Branch) -> float:
        return float(_value(branch, self.log_x)[0].real)
