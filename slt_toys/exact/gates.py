"""Rates over gates: saddles that may be degenerate across the way, in two or three coordinates.

The rate of leaving a well is a capacity over an integral. On every line along the way out the best test function is
known, so that a sum over lines bounds the capacity from below and the lines' functions, put together, bound it from
above [eq:line-capacity]: two bounds at any temperature, whatever the gate is made of. What the law tends to as T falls
has the learning coefficients of the well and of the loss across the gate in its exponent [eq:gate-rate].

Berglund & Gentz (2010, Markov Process. Relat. Fields 16, 549-598) for saddles that are not quadratic.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from fractions import Fraction
from functools import lru_cache
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from theory.learning_coefficient import LearningCoefficientRefused, rlct

from ..inputs.arguments import checked_arguments, shown
from ..potentials.expressions import parse_expression
from ..potentials.potential import Potential
from ..reference.laws import law
from .fokker_planck import check_temperature

Array = NDArray[np.float64]

__all__ = ["Gate", "GateRate", "gate", "gate_rate"]

ORDER = 10  # to which a loss across the gate is expanded
DEEP = 35.0  # temperatures above the gate, where lines are left out
CLUSTERED = 9.0  # how much denser places are at the gate than far off, in powers of e
PLACES = {1: (1201, 121), 2: (601, 61)}  # along the way and across it, by the number of coordinates across
FINER = 1.4
LOOKED_AT = {1: (301, 601), 2: (121, 121)}
TOLERANCE = 2e-3  # between two resolutions
CUTS = (0.5, 0.25, 0.12, 0.06)  # shares of the way from the gate to the minima, at which lines may end
AT_ONCE = 500_000  # places at a time


@dataclass(frozen=True, eq=False)
class Gate:
    """A critical point with one way down, and the loss across it.

    Attributes
    ----------
    position
        (d,).
    loss
        There.
    curvature
        Minus the Hessian's one negative eigenvalue, in loss per length².
    way
        Unit vector along it, (d,).
    germ
        Loss across the gate, of ``germ_coordinates``, where the Hessian is flat; 0 where it is not. The others are
        eliminated: what is left of the loss at its critical point in them.
    germ_coordinates
        Along a basis of the Hessian's null space.
    learning_coefficient
        λ of all directions across: a half for each positive curvature, and that of the germ.
    multiplicity
        m of the germ, 1 without one.
    """

    position: Array
    loss: float
    curvature: float
    way: Array
    germ: sympy.Expr
    germ_coordinates: tuple[sympy.Symbol, ...]
    learning_coefficient: Fraction
    multiplicity: int

    def powers(self, potential: Potential, phase: str | int) -> tuple[Fraction, int]:
        """Powers of T and of log(1/T) before e^(-ΔL/T) in the rate out of a phase [eq:gate-rate].

        Raises
        ------
        ValueError
            Where the phase's own learning coefficient is not known.
        """
        own = potential.phases[potential.phase_number(phase)]
        if own.learning_coefficient is None or own.multiplicity is None:
            raise ValueError(f"phase {own.name!r} of {potential.name} has no learning coefficient; declare it")
        power = law("gate-rate-power")(
            gate_learning_coefficient=float(self.learning_coefficient),
            learning_coefficient=float(own.learning_coefficient),
        )
        return Fraction(power).limit_denominator(10_000), self.multiplicity - own.multiplicity


@dataclass(frozen=True)
class GateRate:
    """Bounds of a rate.

    Attributes
    ----------
    log_lower, log_upper
        Of the natural logarithm of the rate, from the two bounds of the capacity.
    numerical_error
        By how much two resolutions differ, at most.
    """

    log_lower: float
    log_upper: float
    numerical_error: float

    @property
    def log_rate(self) -> float:
        """In the middle of the bracket."""
        return (self.log_lower + self.log_upper) / 2

    @property
    def rate(self) -> float:
        """Escapes per unit of time, which may underflow."""
        return float(np.exp(self.log_rate))

    @property
    def width(self) -> float:
        """Of the bracket of the logarithm: how much is not known."""
        return self.log_upper - self.log_lower


@checked_arguments
def gate(potential: Potential, point: Any) -> Gate:
    """Read a gate at an exact critical point.

    Parameters
    ----------
    potential
        Of two or three coordinates.
    point
        d exact numbers: whole ones, fractions, sympy's, or text such as "1/3"; floats are read as their decimals.

    Raises
    ------
    ValueError
        Where the point is not critical, or has not exactly one way down, or the loss falls or is flat across it, or its
        learning coefficient across cannot be proved.
    """
    if potential.dimension not in (2, 3):
        raise ValueError(f"potential must have two or three coordinates for a gate, not {potential.dimension}")
    return _gate(potential, _exact_point(potential, point))


@lru_cache(maxsize=64)
def _gate(potential: Potential, place: tuple[sympy.Expr, ...]) -> Gate:
    energy, coordinates = potential.bound_energy, potential.coordinates
    at = dict(zip(coordinates, place, strict=True))
    slopes = [sympy.simplify(sympy.diff(energy, w).subs(at)) for w in coordinates]
    if any(slope != 0 for slope in slopes):
        raise ValueError(
            f"point {_told(place)} is not critical: the slope of {potential.name} there is {_told(slopes)}"
        )
    hessian = sympy.hessian(energy, coordinates).subs(at).applyfunc(sympy.simplify)
    values, vectors = np.linalg.eigh(np.array(hessian.evalf(20), dtype=float))
    flat = hessian.nullspace()
    negative = [k for k, value in enumerate(values) if value < 0 and abs(value) > 1e-9 * np.abs(values).max()]
    if len(negative) != 1:
        raise ValueError(f"point {_told(place)} must have one way down, not {len(negative)}")
    germ, symbols = _germ(energy, coordinates, place, flat, hessian)
    coefficient, multiplicity = _of_germ(germ, symbols, place)
    down = negative[0]
    return Gate(
        np.array([float(x) for x in place]), float(energy.subs(at)), -float(values[down]), vectors[:, down],
        germ, symbols, Fraction(len(place) - 1 - len(flat), 2) + coefficient, multiplicity,
    )  # fmt: skip


def _germ(
    energy: sympy.Expr,
    coordinates: Sequence[sympy.Symbol],
    place: Sequence[sympy.Expr],
    flat: Sequence[Any],
    hessian: Any,
) -> tuple[sympy.Expr, tuple[sympy.Symbol, ...]]:
    """The loss along the flat directions where it is critical in the others, up to an order (the splitting lemma)."""
    flat_symbols = tuple(sympy.Symbol(f"z{k + 1}", real=True) for k in range(len(flat)))
    if not flat:
        return sympy.S.Zero, ()
    # The Hessian is symmetric, so that its columns span what is not flat.
    others = hessian.columnspace()
    other_symbols = tuple(sympy.Symbol(f"u{k + 1}", real=True) for k in range(len(others)))
    moved = sympy.Matrix(place)
    for symbol, column in zip((*flat_symbols, *other_symbols), (*flat, *others), strict=True):
        moved += symbol * column
    shifted = energy.subs(dict(zip(coordinates, moved, strict=True)), simultaneous=True) - energy.subs(
        dict(zip(coordinates, place, strict=True))
    )
    shifted = _expanded(sympy.expand(shifted), (*flat_symbols, *other_symbols))
    slopes = sympy.Matrix([sympy.diff(shifted, u) for u in other_symbols])
    stiffness = slopes.jacobian(other_symbols).subs(dict.fromkeys((*flat_symbols, *other_symbols), 0))
    values = sympy.zeros(len(others), 1)
    for _ in range(ORDER):
        residue = slopes.subs(dict(zip(other_symbols, values, strict=True)))
        residue = residue.applyfunc(lambda x: _cut(sympy.expand(x), flat_symbols))
        if all(x == 0 for x in residue):
            break
        values = (values - stiffness.LUsolve(residue)).applyfunc(sympy.expand)
    return _cut(sympy.expand(shifted.subs(dict(zip(other_symbols, values, strict=True)))), flat_symbols), flat_symbols


def _expanded(expression: sympy.Expr, symbols: Sequence[sympy.Symbol]) -> sympy.Expr:
    """Taylor's polynomial, unless it is one."""
    if expression.is_polynomial(*symbols):
        return expression
    t = sympy.Symbol("t", positive=True)
    along = expression.subs({w: t * w for w in symbols}, simultaneous=True)
    return sympy.expand(sympy.series(along, t, 0, ORDER + 1).removeO().subs(t, 1))


def _cut(expression: sympy.Expr, symbols: Sequence[sympy.Symbol]) -> sympy.Expr:
    if expression == 0:
        return sympy.S.Zero
    poly = sympy.Poly(expression, *symbols)
    return sympy.Add(
        *(
            c * sympy.prod([w**n for w, n in zip(symbols, powers, strict=True)])
            for powers, c in poly.terms()
            if sum(powers) <= ORDER
        )
    )


def _of_germ(germ: sympy.Expr, symbols: Sequence[sympy.Symbol], place: Sequence[sympy.Expr]) -> tuple[Fraction, int]:
    if not symbols:
        return Fraction(0), 1
    if germ == 0:
        raise ValueError(f"point {_told(place)} is no gate: the loss is flat across it, to order {ORDER}")
    try:
        found = rlct(germ, symbols)
    except (LearningCoefficientRefused, ValueError) as problem:
        raise ValueError(
            f"point {_told(place)} has the loss {germ} across it, whose learning coefficient at a minimum is not "
            f"known: {problem}"
        ) from None
    return Fraction(int(found.value.p), int(found.value.q)), int(found.multiplicity)


@checked_arguments
def gate_rate(
    potential: Potential,
    temperature: float,
    first: str | int,
    second: str | int,
    point: Any,
) -> GateRate:
    """Bounds of the rate from a phase's minimum to the plane, across the way, of another's [eq:line-capacity].

    Parameters
    ----------
    potential
        Of two or three coordinates.
    temperature
        In units of loss.
    first, second
        Phases on the two sides of the gate.
    point
        The gate, as for :func:`gate`.

    Returns
    -------
    GateRate
        Of 1 over the mean first passage time from the first minimum, at low temperature: relative terms of e^(-ΔL/T)
        are left out.

    Raises
    ------
    ValueError
        As :func:`gate`; and where the two minima do not lie on two sides of the gate, or two resolutions differ.
    """
    check_temperature(temperature)
    own = gate(potential, point)
    minima = [potential.minimum_point(phase) for phase in (first, second)]
    ends = [float(own.way @ (place - own.position)) for place in minima]
    if ends[0] * ends[1] >= 0:
        raise ValueError(
            f"point {_told(own.position.tolist())} does not lie between phases {first!r} and {second!r}: along its way "
            f"their minima lie at {ends[0]:.3g} and {ends[1]:.3g}"
        )
    way = own.way if ends[0] < 0 else -own.way
    depth = potential.minimum_loss(first)
    reach = float(np.linalg.norm(np.diff(np.array(potential.box), axis=1)))
    span = -abs(ends[0]), abs(ends[1])
    lines = _Lines(potential, temperature, own, way, span, reach, depth, 1.0)
    *first_bounds, cut = lines.bounds(CUTS)
    *bounds, _ = replace(lines, factor=FINER).bounds((cut,))
    apart = float(np.abs(np.subtract(first_bounds, bounds)).max())
    if not apart <= TOLERANCE:
        raise ValueError(
            f"temperature {temperature:.3g} is too low, or the gate too narrow, for the places taken: two resolutions "
            f"differ by {apart:.2g}"
        )
    return GateRate(bounds[0], bounds[1], apart)


@dataclass(frozen=True, eq=False)
class _Lines:
    """All lines along the way out."""

    potential: Potential
    temperature: float
    gate: Gate
    way: Array
    ends: tuple[float, float]  # of the lines, where the two minima are
    reach: float
    depth: float  # loss of the first minimum
    factor: float  # of the number of places

    def bounds(self, cuts: Sequence[float]) -> tuple[float, float, float]:
        """Logarithms of the rate's lower and upper bound, and where lines end for the latter.

        Lines cut short nearer to the gate are a test function too: of several upper bounds the least is taken.
        """
        lower, upper, well = self._sums(1.0)
        tried = {1.0: upper} | {cut: self._sums(cut)[1] for cut in cuts if cut < 1}
        best = min(tried, key=lambda cut: tried[cut])
        height = (self.gate.loss - self.depth) / self.temperature
        low, high = (float(np.log(self.temperature * capacity / well) - height) for capacity in (lower, tried[best]))
        return low, high, best

    def _sums(self, cut: float) -> tuple[float, float, float]:
        """Bounds of the capacity over T, relative to the gate's height, and the well's integral.

        By lines that end at a share of the way to the minima; the integral only by whole ones.
        """
        along, before, across, weights = self._places(cut)
        energy, slope = self.potential.energy_function(), self.potential.gradient_function()
        basis, top, temperature = self._basis(), self.gate.loss, self.temperature
        lower = more = well = 0.0
        at_once = max(1, AT_ONCE // len(along))
        for begin in range(0, len(across), at_once):
            off, share = across[begin : begin + at_once], weights[begin : begin + at_once]
            places = self.gate.position + along[None, :, None] * self.way + (off @ basis.T)[:, None, :]
            losses = energy(places)
            highest = losses.max(axis=1, keepdims=True)
            rising = np.exp((losses - highest) / temperature)
            chance = _cumulated(rising, along)
            total = chance[:, -1:]
            chance = chance / total
            lower += float((share * np.exp((top - highest[:, 0]) / temperature) / total[:, 0]).sum())
            # Slopes of the chance across the way, by the slopes of the loss.
            factor = _weight(losses, top, temperature)
            slopes = slope(places) @ basis / temperature
            for k in range(basis.shape[1]):
                part = _cumulated(slopes[..., k] * rising, along)
                across_it = (part - chance * part[:, -1:]) / total
                more += float((share * np.trapezoid(across_it**2 * factor, along, axis=1)).sum())
            if cut == 1.0:
                behind = self.gate.position + before[None, :, None] * self.way + (off @ basis.T)[:, None, :]
                inside = (1 - chance) * _weight(losses, self.depth, temperature)
                outside = _weight(energy(behind), self.depth, temperature)
                integral = np.trapezoid(inside, along, axis=1) + np.trapezoid(outside, before, axis=1)
                well += float((share * integral).sum())
        return lower, lower + more, well

    def _basis(self) -> Array:
        """Orthonormal, across the way, (d, d - 1)."""
        return np.linalg.svd(self.way[None])[2][1:].T

    def _places(self, cut: float) -> tuple[Array, Array, Array, Array]:
        """Places along the lines, behind them, and across with their weights."""
        basis = self._basis()
        few_along, few_across = LOOKED_AT[basis.shape[1]]
        line = np.linspace(-self.reach, self.reach, few_across)
        grid = np.stack(np.meshgrid(*[line] * basis.shape[1], indexing="ij"), axis=-1).reshape(-1, basis.shape[1])
        energy, ceiling = self.potential.energy_function(), self.gate.loss + DEEP * self.temperature
        ways = np.linspace(-self.reach, self.ends[1], few_along)
        low = np.array([
            (energy(self.gate.position + s * self.way + grid @ basis.T) < ceiling) for s in ways
        ])  # fmt: skip
        seen, spacing = low.any(axis=0), line[1] - line[0]
        far = np.abs(grid[seen]).max(axis=0) + spacing
        behind = min(float(ways[low.any(axis=1)].min()) - (ways[1] - ways[0]), self.ends[0] - 1e-9)
        many_along, many_across = (round(n * self.factor) for n in PLACES[basis.shape[1]])
        axes = [_clustered(-f, f, many_across) for f in far]
        across = np.stack(np.meshgrid(*[a for a, _ in axes], indexing="ij"), axis=-1).reshape(-1, len(axes))
        weights = (
            np.stack(np.meshgrid(*[w for _, w in axes], indexing="ij"), axis=-1).reshape(-1, len(axes)).prod(axis=1)
        )
        quarter = many_along // 4
        ends = [cut * end for end in self.ends]
        inner = [_clustered(0.0, end, quarter)[0] for end in ends]
        outer = [end - _clustered(0.0, end, quarter)[0] for end in ends]
        along = np.unique(np.concatenate([*inner, *outer, [0.0, *ends]]))
        before = self.ends[0] - np.sort(np.r_[0.0, _clustered(0.0, self.ends[0] - behind, many_along // 2)[0]])[::-1]
        return along, before, across, weights


def _clustered(low: float, high: float, count: int) -> tuple[Array, Array]:
    """Places dense about 0, with weights that integrate over them: Gauss's, of a hyperbolic sine."""
    scale = max(abs(low), abs(high))
    stretch = np.exp(CLUSTERED) / 2
    ends = np.arcsinh(np.array([low, high]) / scale * stretch)
    nodes, weights = np.polynomial.legendre.leggauss(count)
    t = ends.mean() + nodes * np.diff(ends)[0] / 2
    return scale / stretch * np.sinh(t), np.abs(weights * np.diff(ends)[0] / 2 * scale / stretch * np.cosh(t))


def _cumulated(values: Array, along: Array) -> Array:
    """Integrals from the first place up to each."""
    found = np.zeros_like(values)
    np.cumsum((values[..., 1:] + values[..., :-1]) / 2 * np.diff(along), axis=-1, out=found[..., 1:])
    return found


def _weight(losses: Array, depth: float, temperature: float) -> Array:
    return np.exp(np.minimum((depth - losses) / temperature, 600.0))


def _exact_point(potential: Potential, point: Any) -> tuple[sympy.Expr, ...]:
    try:
        point = [point] if isinstance(point, str) else list(point)
    except TypeError:
        point = [point]
    if len(point) != potential.dimension:
        raise ValueError(f"point must have {potential.dimension} exact numbers, not {shown(point)}")
    found = []
    for x in point:
        text = str(x) if isinstance(x, str | float | np.floating) else None
        try:
            number: Any = sympy.sympify(x) if text is None else parse_expression(text, "point")
        except (sympy.SympifyError, TypeError, ValueError, AttributeError):
            number = None
        if not isinstance(number, sympy.Expr) or not number.is_real or not number.is_finite or number.free_symbols:
            raise ValueError(f"point must have {potential.dimension} exact numbers, not {shown(point)}")
        found.append(number)
    return tuple(found)


def _told(numbers: Sequence[Any]) -> str:
    return "(" + ", ".join(f"{float(x):.4g}" for x in numbers) + ")"
