"""Critical points of any smooth energy in a box, found numerically and proved: each exists, alone, of a known kind.

Every one is enclosed (:mod:`slt_toys.potentials.enclosed_zeros`), and the signs of its curvatures are proved on the
enclosure. On a line a degenerate point is accepted where it is an exact number at which the derivatives below some
order vanish exactly, and that order's derivative has one sign around it. All else is refused.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from fractions import Fraction
from functools import cached_property, cmp_to_key, lru_cache
from typing import Any, TypeVar

import numpy as np
import sympy
from numpy.typing import NDArray

from ..inputs.names import Argument
from .critical_numbers import CriticalNumber
from .enclosed_zeros import Undecided, Zero, enclosed_zeros
from .expressions import ExpressionError
from .intervals import Enclosure, NoIntervalForm, enclosure, product, total

__all__ = ["DECLARE", "CriticalPoint", "PhaseError", "certified_points", "left_to_right", "polynomial_reach", "short"]

Array = NDArray[np.float64]
DECLARE = Argument(
    "declare them: phases=(declare_phase(energy, coordinates, name, minimum, region), ...)", "--phase declares them"
)
LARGEST_ORDER = 32
LARGEST_DENOMINATOR = 1000
ON_THE_WALL = 1e-12  # of the box
EQUAL = 1e-9  # of the spread of minima: their coordinates are the same
Item = TypeVar("Item", bound=Any)


class PhaseError(ValueError):
    """The phases of an energy cannot be derived; the message is one line and says what to declare."""


@dataclass(frozen=True)
class CriticalPoint:
    """A point where the slope vanishes.

    Attributes
    ----------
    point
        Exact coordinates, or numbers known to any precision; d of them.
    signs
        Of the Hessian's eigenvalues, ascending. On a line, of the first derivative that does not vanish.
    order
        Of that derivative, on a line; 2 elsewhere.
    kink
        Whether pieces of the energy meet there, on a line; then the order is the higher one of both sides.
    """

    point: tuple[sympy.Expr, ...]
    signs: tuple[int, ...]
    order: int = 2
    kink: bool = False

    @property
    def is_minimum(self) -> bool:
        """Whether the loss is higher all around."""
        return self.signs[0] > 0 and (self.kink or self.order % 2 == 0)

    @property
    def is_maximum(self) -> bool:
        """Whether it is lower all around."""
        return self.signs[-1] < 0 and (self.kink or self.order % 2 == 0)

    @cached_property
    def place(self) -> Array:
        """Its doubles, (d,)."""
        return np.array([float(sympy.re(sympy.N(x, 30))) for x in self.point])


@lru_cache(maxsize=64)
def certified_points(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], box: tuple[tuple[float, float], ...]
) -> tuple[CriticalPoint, ...]:
    """All critical points in a box, walls included, from left to right.

    Raises
    ------
    PhaseError
        In one line, where some cannot be decided, or the energy holds what is not enclosed.
    """
    slopes = tuple(sympy.diff(energy, w) for w in coordinates)
    second = tuple(sympy.diff(slope, w) for slope in slopes for w in coordinates)
    try:
        equations, jacobian = enclosure(slopes, coordinates), enclosure(second, coordinates)
    except NoIntervalForm as error:
        raise PhaseError(f"energy {short(energy)}: {error}, so its critical points are not found; {DECLARE}") from None
    try:
        zeros, clusters = enclosed_zeros(equations, jacobian, [low for low, _ in box], [high for _, high in box])
    except Undecided as undecided:
        raise _refusal(energy, undecided.place) from None
    found = [_classified(energy, coordinates, jacobian, zero) for zero in zeros if _meets(zero, box)]
    for cluster in clusters:
        degenerate = _degenerate_on_a_line(energy, coordinates[0], cluster) if len(coordinates) == 1 else None
        if degenerate is None:
            raise _refusal(energy, cluster.middle)
        found.append(degenerate)
    return tuple(sorted(found, key=lambda p: tuple(p.place)))


def _refusal(energy: sympy.Expr, place: Sequence[float] | Array) -> PhaseError:
    shown = ", ".join(f"{x:.6g}" for x in place)
    return PhaseError(
        f"critical points of energy {short(energy)} cannot be decided near ({shown}): degenerate, flat, or not smooth "
        f"there; {DECLARE}"
    )


def _meets(zero: Zero, box: Sequence[tuple[float, float]]) -> bool:
    return all(
        zero.high[i] >= low - ON_THE_WALL * (high - low) and zero.low[i] <= high + ON_THE_WALL * (high - low)
        for i, (low, high) in enumerate(box)
    )


def _classified(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], jacobian: Enclosure, zero: Zero
) -> CriticalPoint:
    """Signs of the curvatures all over the enclosure: Gershgorin's discs in the basis of the middle's eigenvectors."""
    d = len(coordinates)
    low, high = (side.reshape(d, d) for side in jacobian(zero.low[:, None], zero.high[:, None]))
    signs = proved_signs(low, high)
    if signs is None:
        raise _refusal(energy, zero.middle)
    exact = _exactly(energy, coordinates, zero)
    return CriticalPoint(exact or CriticalNumber.point(energy, coordinates, zero.low, zero.high), signs)


def proved_signs(low: Array, high: Array) -> tuple[int, ...] | None:
    """Signs of the eigenvalues, ascending, of every symmetric matrix between two; None where they are not proved."""
    d = low.shape[0]
    if not (np.isfinite(low).all() and np.isfinite(high).all()):
        return None
    middle = (low + high) / 2
    middle = (middle + middle.T) / 2
    lengths = np.sqrt(np.abs(np.diag(middle)))
    lengths = 1 / np.where(lengths > 0, lengths, np.abs(middle).max() ** 0.5 or 1.0)
    _, vectors = np.linalg.eigh(middle * np.outer(lengths, lengths))
    basis = lengths[:, None] * vectors  # any invertible change of basis keeps the signs (Sylvester)
    bounds = np.zeros((2, d, d))
    with np.errstate(all="ignore"):
        for i in range(d):
            for j in range(d):
                entry = (np.zeros(1), np.zeros(1))
                for k in range(d):
                    for m in range(d):
                        weight = basis[k, i] * basis[m, j]
                        spread = 4 * np.finfo(float).eps * abs(weight)
                        factor = (np.array([weight - spread]), np.array([weight + spread]))
                        entry = total(entry, product(factor, (low[k, m : m + 1], high[k, m : m + 1])))
                bounds[:, i, j] = entry[0][0], entry[1][0]
    off = np.abs(bounds).max(axis=0)
    np.fill_diagonal(off, 0.0)
    least, most = np.diag(bounds[0]) - 1.000001 * off.sum(axis=1), np.diag(bounds[1]) + 1.000001 * off.sum(axis=1)
    if not ((least > 0) | (most < 0)).all():
        return None
    return tuple(sorted(1 if x > 0 else -1 for x in least))


def _exactly(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], zero: Zero) -> tuple[sympy.Expr, ...] | None:
    """Whole numbers and simple fractions, where the slope vanishes there exactly."""
    point = [_candidates(low, high) for low, high in zip(zero.low, zero.high, strict=True)]
    if not all(point):
        return None
    exact = tuple(own[0] for own in point)
    at = dict(zip(coordinates, exact, strict=True))
    return exact if all(_vanishes(sympy.diff(energy, w).subs(at)) for w in coordinates) else None


def _candidates(low: float, high: float) -> list[sympy.Expr]:
    """Numbers that a degenerate or a symmetric point may be, between two doubles."""
    found: list[sympy.Expr] = []
    for unit in (sympy.S.One, sympy.pi / 12):
        scale = float(unit)
        middle = (low + high) / 2 / scale
        simple = Fraction(middle).limit_denominator(LARGEST_DENOMINATOR if unit == 1 else 1)
        slack = 4 * np.finfo(float).eps * abs(middle)
        if low / scale - slack <= simple <= high / scale + slack:
            found.append(sympy.Rational(simple.numerator, simple.denominator) * unit)
    return found


def _vanishes(number: sympy.Expr) -> bool:
    if number.is_zero:
        return True
    value = sympy.N(number, 20)
    return bool(value.is_finite and abs(value) < 1e-12) and bool(sympy.simplify(number) == 0)


def _degenerate_on_a_line(energy: sympy.Expr, w: sympy.Symbol, cluster: Zero) -> CriticalPoint | None:
    """The one critical point in a part: by Taylor's theorem, where L^(k) has one sign and the lower ones vanish."""
    for exact in _candidates(cluster.low[0], cluster.high[0]):
        derivative = energy
        for order in range(1, LARGEST_ORDER + 1):
            derivative = sympy.diff(derivative, w)
            if _vanishes(derivative.subs(w, exact)):
                continue
            if order == 1:
                break
            try:
                low, high = enclosure((derivative,), (w,))(cluster.low[:, None], cluster.high[:, None])
            except NoIntervalForm:
                break
            if low[0, 0] > 0 or high[0, 0] < 0:
                return CriticalPoint((exact,), (1 if low[0, 0] > 0 else -1,), order)
            break
    return None


def left_to_right(items: Iterable[Item], place: Callable[[Item], Array] = lambda item: item.place) -> list[Item]:
    """Sort by the first coordinate, and where that is equal to a part in 1e9 of the spread by the next."""
    own = [(place(item), item) for item in items]
    spread = np.ptp([at for at, _ in own], axis=0) if own else np.zeros(0)

    def compare(one: tuple[Array, Item], other: tuple[Array, Item]) -> int:
        apart = one[0] - other[0]
        differs = np.flatnonzero(np.abs(apart) > EQUAL * spread)
        return int(np.sign(apart[differs[0]])) if differs.size else 0

    return [item for _, item in sorted(own, key=cmp_to_key(compare))]


def short(energy: sympy.Expr) -> str:
    """An energy as a message shows it."""
    text = sympy.sstr(energy)
    return repr(text if len(text) <= 60 else text[:57] + "...")


def polynomial_reach(energy: sympy.Expr, w: sympy.Symbol) -> tuple[tuple[float, float], ...]:
    """An interval that holds every critical point of a polynomial in one coordinate (Cauchy 1829)."""
    derivative = sympy.Poly(sympy.diff(energy, w), w)
    sizes = [abs(float(sympy.N(c, 30))) for c in derivative.all_coeffs()]
    if not sizes[0] > 0:
        raise ExpressionError(f"energy {short(energy)}: its leading coefficient cannot be told from 0")
    reach = 1.001 * max((2 * (c / sizes[0]) ** (1 / (k + 1)) for k, c in enumerate(sizes[1:])), default=1.0) or 1.0
    return ((-reach, reach),)
