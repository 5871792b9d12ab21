"""About which place an energy with two wells is mirrored: one that its wells say, not the zero of somebody's scale."""

from __future__ import annotations

from fractions import Fraction

import mpmath
import numpy as np
import sympy

DIGITS = 60
SAME = Fraction(1, 10**12)  # of the distance of the wells: the shortest number as near as that stands for the place
ROUNDS, HALVINGS = 60, 220
LOOKED_AT = 2001  # places between the wells for the steepest ones


def centre_of_wells(energy: sympy.Expr, w: sympy.Symbol, left: sympy.Expr, right: sympy.Expr) -> sympy.Rational:
    """The place half way between two wells once the energy is tilted until both are equally deep.

    That is the middle between the points where one line touches the energy in both wells (Maxwell's construction). It
    is 0 for an even energy with any tilt, such as (w² - 1)² - 0.15 w, and follows an energy that is moved, stretched or
    multiplied.

    Parameters
    ----------
    energy, w
        The energy and its coordinate.
    left, right
        The two minima.
    """
    with mpmath.workdps(DIGITS):
        height = sympy.lambdify(w, energy, modules="mpmath")
        slope = sympy.lambdify(w, sympy.diff(energy, w), modules="mpmath")
        wells = [mpmath.mpf(sympy.N(x, DIGITS)) for x in (left, right)]
        distance = wells[1] - wells[0]
        inner = [wells[0] + distance * k / (LOOKED_AT - 1) for k in range(1, LOOKED_AT - 1)]
        slopes = np.array([float(slope(x)) for x in inner])
        # The steepest places on the flanks of the barrier, beyond which no line touches a well.
        flanks = inner[int(slopes.argmax())], inner[int(slopes.argmin())]
        touch = list(wells)
        for _ in range(ROUNDS):
            tilt = (height(touch[1]) - height(touch[0])) / (touch[1] - touch[0])
            found = [
                _where(slope, tilt, touch[0] - distance, flanks[0]),
                _where(slope, tilt, flanks[1], touch[1] + distance),
            ]
            moved = max(abs(a - b) for a, b in zip(found, touch, strict=True))
            touch = found
            if moved < distance * mpmath.mpf(10) ** -30:
                break
        middle, slack = sum(touch) / 2, distance * SAME.numerator / SAME.denominator
        return _shortest(_fraction(middle - slack), _fraction(middle + slack))


def _where(slope, tilt: mpmath.mpf, low: mpmath.mpf, high: mpmath.mpf) -> mpmath.mpf:
    """Where a slope that rises through a tilt between two places equals it."""
    for _ in range(HALVINGS):
        middle = (low + high) / 2
        low, high = (middle, high) if slope(middle) < tilt else (low, middle)
    return (low + high) / 2


def _fraction(number: mpmath.mpf) -> Fraction:
    sign, mantissa, exponent, _ = number._mpf_
    return (-1) ** sign * Fraction(int(mantissa)) * Fraction(2) ** int(exponent)


def _shortest(low: Fraction, high: Fraction) -> sympy.Rational:
    """The fraction of least denominator between two, by their continued fractions."""
    if low <= 0 <= high:
        return sympy.S.Zero
    if high < 0:
        return -_shortest(-high, -low)
    whole = -(-low.numerator // low.denominator)  # rounded up
    if whole <= high:
        return sympy.Rational(whole)
    rest = low.numerator // low.denominator
    inner = _shortest(1 / (high - rest), 1 / (low - rest))
    return rest + 1 / inner
