"""Paths of steepest ascent and descent in the plane: borders of basins, and where a point ends up.

A path follows ±∇L/√(|∇L|² + γ²): the same curves as those of ∇L at a speed that stays finite far out and smooth at the
points where the slope vanishes. Walls reflect: a descent that meets one slides along it.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

__all__ = ["Landscape", "Lost", "ascended", "descended"]

Array = NDArray[np.float64]
Box = tuple[tuple[float, float], ...]
RELATIVE, ABSOLUTE = 1e-12, 1e-13  # errors of a step of an ascent; the second in units of the landscape
SOFTENED = 1e-3  # γ, in units of the landscape
START = 1e-5  # distance from a saddle at which an ascent is taken over from the expansion there
ARRIVED = 1e-7  # from a point at which an ascent ends
PARTS = 4  # of a step, each a polynomial of degree five
MOST_STEPS = 20_000
SLIDE = 1e-3  # step along a wall


class Lost(ValueError):
    """A path that cannot be followed."""


@dataclass(frozen=True)
class Landscape:
    """An energy in the plane, its critical points, and the walls.

    Attributes
    ----------
    slope, curvature
        Functions of x, y: (dL/dx, dL/dy), and (d²L/dx², d²L/dxdy, d²L/dy²).
    points
        Critical points, (n, 2).
    minima
        Numbers of those that are minima.
    capture
        Distance from each minimum within which the energy is convex, (minima,).
    box
        Where paths are followed to.
    walled
        Whether its edges are walls that reflect.
    unit
        Length: least distance between critical points, or of one from the edge.
    soft
        γ.
    """

    slope: Callable[[float, float], Sequence[float]]
    curvature: Callable[[float, float], Sequence[float]]
    points: Array
    minima: tuple[int, ...]
    capture: Array
    box: Box
    walled: bool
    unit: float
    soft: float

    @classmethod
    def of(
        cls, energy: sympy.Expr, coordinates: Sequence[sympy.Symbol], points: Array, minima: Sequence[int], box: Box,
        walled: bool,
    ) -> Landscape:  # fmt: skip
        """Compile an energy of two coordinates."""
        x, y = coordinates
        first = [sympy.diff(energy, w) for w in (x, y)]
        second = [sympy.diff(energy, x, x), sympy.diff(energy, x, y), sympy.diff(energy, y, y)]
        slope, curvature = (_scalar(e, coordinates) for e in (first, second))
        unit = _unit(points, box)
        steepest = max(np.abs(curvature(*p)).max() for p in points.tolist())
        capture = np.array([_convex_radius(curvature, points, i, unit) for i in minima])
        soft = SOFTENED * unit * float(steepest)
        return cls(slope, curvature, points, tuple(minima), capture, box, walled, unit, soft)

    def velocity(self, place: Array, sign: float = 1.0) -> Array:
        """Of a path upward, or downward for sign -1."""
        g = np.array(self.slope(*place))
        return sign * g / np.sqrt(g @ g + self.soft**2)

    def acceleration(self, place: Array) -> Array:
        """Of a path upward."""
        g = np.array(self.slope(*place))
        a, b, c = self.curvature(*place)
        hessian, size = np.array([[a, b], [b, c]]), np.sqrt(g @ g + self.soft**2)
        turned = hessian @ (g / size)
        return turned / size - g * (g @ turned) / size**3

    def holds(self, place: Array) -> bool:
        """Whether a point lies in the box."""
        return all(low <= x <= high for x, (low, high) in zip(place, self.box, strict=True))


def _stepper(*arguments: Any, **options: Any) -> Any:
    from scipy.integrate import DOP853  # a tenth of a second that most energies need not wait for

    return DOP853(*arguments, **options)


def _scalar(expressions: Sequence[sympy.Expr], coordinates: Sequence[sympy.Symbol]) -> Callable:
    raw = sympy.lambdify(list(coordinates), list(expressions), modules=["math"], cse=True)

    def function(x: float, y: float) -> Sequence[float]:
        try:
            return raw(float(x), float(y))
        except (OverflowError, ZeroDivisionError, ValueError):
            raise Lost(f"({x:.6g}, {y:.6g})") from None

    return function


def _unit(points: Array, box: Box) -> float:
    apart = [np.linalg.norm(p - q) for i, p in enumerate(points) for q in points[:i]]
    return float(min([*apart, *(high - low for low, high in box)]))


def _convex_radius(curvature: Callable, points: Array, minimum: int, unit: float) -> float:
    """Radius around a minimum within which both curvatures are positive, looked at on circles."""
    place, angle = points[minimum], np.linspace(0, 2 * np.pi, 24, endpoint=False)
    others = np.delete(points, minimum, axis=0)
    radius = 0.5 * float(np.linalg.norm(others - place, axis=1).min()) if len(others) else 0.5 * unit
    for _ in range(20):
        circles = [
            place + r * np.array([np.cos(t), np.sin(t)]) for r in radius * np.array([0.3, 0.6, 1.0]) for t in angle
        ]
        values = np.array([curvature(*p) for p in circles])
        if ((values[:, 0] * values[:, 2] > values[:, 1] ** 2) & (values[:, 0] > 0)).all():
            return radius
        radius /= 2
    return 1e-3 * unit  # a degenerate minimum


# ---- upward ---------------------------------------------------------------------------------------------------------
def ascended(land: Landscape, saddle: Array, heading: Array, from_wall: bool = False) -> Array:
    """The border of basins that leaves a saddle along a heading: polynomials (segments, 6, 2) of a parameter in [0, 1].

    Near the saddle the border is ξ e + a ξ² n with the heading e, its normal n, their curvatures λ_e > 0 > λ_n and
    a = L_een / (2 (2 λ_e - λ_n)) [eq:border-bend]. From a wall it leaves along the slope.
    """
    segments: list[Array] = []
    place = saddle
    if not from_wall:
        step, bend = START * land.unit, _bend(land, saddle, heading)
        normal = np.array([-heading[1], heading[0]])
        place = saddle + step * heading + bend * step**2 * normal
        turn = 2 * bend * step**2 * normal
        segments.append(_quintic(saddle, step * heading, turn, place, step * heading + turn, turn))
    ends = np.array([p for p in land.points if np.linalg.norm(p - saddle) > 0]).reshape(-1, 2)
    solver = _stepper(
        lambda _, p: land.velocity(p), 0.0, place, np.inf, first_step=0.1 * START * land.unit / _speed(land, place),
        rtol=RELATIVE, atol=ABSOLUTE * land.unit,
    )  # fmt: skip
    for _ in range(MOST_STEPS):
        if solver.step() is not None and solver.status == "failed":
            break
        dense = solver.dense_output()
        first, last = solver.t_old, solver.t
        outside = not land.holds(solver.y)
        if outside:
            last = _exit(land, dense, first, last)
        times = np.linspace(first, last, PARTS + 1)
        segments += _pieces(land, times, [dense(t) for t in times])
        if outside:
            return np.array(segments)
        if len(ends) and (near := np.linalg.norm(ends - solver.y, axis=1)).min() < ARRIVED * land.unit:
            end = ends[int(near.argmin())]
            away = end - solver.y
            segments.append(_quintic(solver.y, away, 0 * away, end, away, 0 * away))
            return np.array(segments)
    raise Lost(_shown(solver.y))


def _speed(land: Landscape, place: Array) -> float:
    return float(np.linalg.norm(land.velocity(place)))


def _bend(land: Landscape, saddle: Array, heading: Array) -> float:
    """a of :func:`ascended`; the third derivative is a difference of curvatures."""
    normal, step = np.array([-heading[1], heading[0]]), 1e-4 * land.unit
    a, b, c = (np.array(land.curvature(*(saddle + step * heading))) - land.curvature(*(saddle - step * heading))) / (
        2 * step
    )
    third = heading @ np.array([[a, b], [b, c]]) @ normal
    a, b, c = land.curvature(*saddle)
    hessian = np.array([[a, b], [b, c]])
    return float(third / (2 * (2 * heading @ hessian @ heading - normal @ hessian @ normal)))


def _exit(land: Landscape, dense: Callable[[float], Array], inside: float, outside: float) -> float:
    for _ in range(60):
        middle = (inside + outside) / 2
        inside, outside = (middle, outside) if land.holds(dense(middle)) else (inside, middle)
    return outside


def _pieces(land: Landscape, times: Array, places: Sequence[Array]) -> list[Array]:
    speeds = [land.velocity(p) for p in places]
    turns = [land.acceleration(p) for p in places]
    found = []
    for i, dt in enumerate(np.diff(times)):
        found.append(_quintic(places[i], dt * speeds[i], dt**2 * turns[i],
                              places[i + 1], dt * speeds[i + 1], dt**2 * turns[i + 1]))  # fmt: skip
    return found


def _quintic(p: Array, v: Array, a: Array, q: Array, w: Array, b: Array) -> Array:
    """Coefficients (6, 2), lowest power first, of the polynomial with these places, first and second derivatives."""
    d, e, f = q - p - v - a / 2, w - v - a, b - a
    return np.array([p, v, a / 2, 10 * d - 4 * e + f / 2, -15 * d + 7 * e - f, 6 * d - 3 * e + f / 2])


# ---- downward -------------------------------------------------------------------------------------------------------
def descended(land: Landscape, start: Array) -> int:
    """Place in ``land.minima`` of the minimum that steepest descent from a point ends in."""
    place = np.array(start, dtype=float)
    for _ in range(50):
        arrived = _captured(land, place)
        if arrived is not None:
            return arrived
        place, axis = _fall(land, place)
        if axis is None:
            continue
        place = _slide(land, place, axis)
    raise Lost(_shown(place))


def _captured(land: Landscape, place: Array) -> int | None:
    inside = np.flatnonzero(np.linalg.norm(land.points[list(land.minima)] - place, axis=1) < land.capture)
    return int(inside[0]) if inside.size else None


def _fall(land: Landscape, place: Array) -> tuple[Array, int | None]:
    """Descend to a minimum, or to a wall and along which axis it then slides."""
    solver = _stepper(
        lambda _, p: land.velocity(p, -1.0), 0.0, place, np.inf, rtol=1e-9, atol=1e-11 * land.unit,
        first_step=1e-4 * land.unit,
    )  # fmt: skip
    for _ in range(MOST_STEPS):
        if solver.step() is not None and solver.status == "failed":
            break
        if land.walled and not land.holds(solver.y):
            dense = solver.dense_output()
            place = dense(_exit(land, dense, solver.t_old, solver.t))
            low, high = np.array(land.box).T
            beyond = np.maximum(low - place, place - high) / (high - low)
            return np.clip(place, low, high), 1 - int(np.argmax(beyond))
        if _captured(land, solver.y) is not None:
            return solver.y, None
    raise Lost(_shown(solver.y))


def _slide(land: Landscape, place: Array, axis: int) -> Array:
    """Follow a wall along an axis, by Heun's method, until the descent leads off it."""
    low, high = np.array(land.box).T
    across = 1 - axis
    outward = 1.0 if place[across] - low[across] > high[across] - place[across] else -1.0
    step = SLIDE * land.unit

    def along(p: Array) -> float:
        return float(-np.sign(land.slope(*p)[axis]))

    for _ in range(MOST_STEPS * 50):
        if -outward * land.slope(*place)[across] < 0:
            inside = place.copy()
            inside[across] -= outward * 1e-9 * land.unit
            return inside
        moved = place.copy()
        moved[axis] += step * along(place)
        if not low[axis] <= moved[axis] <= high[axis] or along(moved) != along(place):
            break  # a corner or a minimum on the wall
        place = moved
    raise Lost(_shown(place))


def _shown(place: Array) -> str:
    return f"({place[0]:.6g}, {place[1]:.6g})"
