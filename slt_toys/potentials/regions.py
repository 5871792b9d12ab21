"""Regions of phases as functions of points: inequalities, and basins of attraction in the plane."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy.logic.boolalg import Boolean

from .basins import BasinMap, Departure, basin_map, torus_map
from .certified_points import DECLARE, CriticalPoint, PhaseError, left_to_right, short
from .critical_numbers import CriticalNumber
from .periodic import critical_points_around, images
from .plane_points import points_of
from .real_roots import RealRoot
from .steepest import Landscape, Lost
from .wall_points import wall_points

__all__ = ["Basin", "Turned", "basins_in", "region_function", "region_labels"]

Box = tuple[tuple[float, float], ...]
FURTHEST = 12  # doublings of the extent of the critical points beyond which a point belongs where the nearest does
AROUND = 2  # periods on either side of a torus' box that paths up and down may reach into
COVERED = 60  # doublings at most for a box that is asked for


class Basin(Boolean):
    """Points from which steepest descent ends in minimum ``number`` of an energy, counted from left to right.

    Between walls that reflect a descent slides along them; on a torus, ``periodic``, the walls are one period apart and
    no walls. The energy's symbols are the coordinates.
    """

    def __new__(  # noqa: D102
        cls, energy: sympy.Expr, coordinates: Any, walls: Any, number: Any, periodic: Any = 0
    ) -> Basin:
        pairs = sympy.Tuple(*(sympy.Tuple(*(sympy.Rational(x) for x in pair)) for pair in walls))
        return super().__new__(
            cls, sympy.sympify(energy), sympy.Tuple(*coordinates), pairs, sympy.Integer(number), sympy.Integer(periodic)
        )

    @property
    def family(self) -> tuple[sympy.Basic, ...]:
        """What basins of one energy between the same walls share."""
        return (*self.args[:3], self.args[4])

    @property
    def coordinates(self) -> tuple[sympy.Symbol, ...]:
        """The two coordinates, in the order in which they were given."""
        return tuple(self.args[1])  # type: ignore[arg-type]

    @property
    def number(self) -> int:
        """Of its minimum."""
        return int(self.args[3])  # type: ignore[arg-type]

    def _sympystr(self, printer: Any) -> str:
        return f"basin of minimum {self.number + 1} of {printer._print(self.args[0])}"

    def _latex(self, printer: Any) -> str:
        return rf"\text{{basin of minimum {self.number + 1}}}"


class Turned(Boolean):
    """A region of two coordinates in axes turned by an angle, whose cosine and sine are given: u = R w with w in it.

    Basins are known by their energy's symbols, which a turn would mix.
    """

    def __new__(cls, region: Any, coordinates: Any, cosine: Any, sine: Any) -> Turned:  # noqa: D102
        return super().__new__(cls, region, sympy.Tuple(*coordinates), sympy.sympify(cosine), sympy.sympify(sine))

    @property
    def turn(self) -> tuple[sympy.Basic, ...]:
        """What regions turned alike share."""
        return self.args[1:]

    @property
    def axes(self) -> NDArray[np.float64]:
        """The new axes in the old coordinates, as rows."""
        c, s = float(self.args[2]), float(self.args[3])
        return np.array([[c, s], [-s, c]])

    def _sympystr(self, printer: Any) -> str:
        return f"{printer._print(self.args[0])}, turned"


@lru_cache(maxsize=256)
def region_function(region: Boolean, coordinates: tuple[sympy.Symbol, ...]) -> Callable[[NDArray], NDArray[np.bool_]]:
    """Numpy function of points (..., d) that says which lie in a region; roots in it become doubles."""
    if isinstance(region, Turned):
        inside, axes = region_function(region.args[0], coordinates), region.axes  # type: ignore[arg-type]
        return lambda points: inside(points @ axes)
    if region.has(Basin):
        return _with_basins(region, coordinates)
    atoms = region.atoms(sympy.CRootOf, RealRoot, CriticalNumber)
    numbers = {number: sympy.Float(sympy.N(number, 30), 17) for number in atoms}
    raw = sympy.lambdify(coordinates, region.xreplace(numbers), modules="numpy")
    return lambda points: np.broadcast_to(np.asarray(raw(*np.moveaxis(points, -1, 0)), dtype=bool), points.shape[:-1])


def _with_basins(region: Boolean, coordinates: tuple[sympy.Symbol, ...]) -> Callable[[NDArray], NDArray[np.bool_]]:
    parts = sympy.And.make_args(region)
    basins = [part for part in parts if isinstance(part, Basin)]
    others = sympy.And(*(part for part in parts if not isinstance(part, Basin)))
    if others.has(Basin):
        raise ValueError(f"region {region} joins basins by other than And; give basins and inequalities joined by And")
    rest = region_function(others, coordinates)
    columns = [[coordinates.index(w) for w in basin.coordinates] for basin in basins]

    def function(points: NDArray) -> NDArray[np.bool_]:
        inside = rest(points).copy()
        for basin, own in zip(basins, columns, strict=True):
            inside &= _labels(basin, points[..., own]) == basin.number
        return inside

    return function


@lru_cache(maxsize=256)
def region_labels(
    regions: tuple[Boolean, ...], coordinates: tuple[sympy.Symbol, ...]
) -> Callable[[NDArray], NDArray[np.int64]]:
    """Numpy function of points (..., d): the first region that holds each, or -1."""
    if all(isinstance(region, Turned) and region.turn == regions[0].turn for region in regions):
        inner = region_labels(tuple(region.args[0] for region in regions), coordinates)  # type: ignore[misc]
        return lambda points: inner(points @ regions[0].axes)
    if basins := _one_family(regions, coordinates):
        place = np.full(max(basin.number for basin in basins) + 2, -1)
        for index, basin in reversed(list(enumerate(basins))):
            place[basin.number] = index
        last = len(place) - 1  # also what -1, no number, points at

        def by_map(points: NDArray) -> NDArray[np.int64]:
            return place[np.minimum(_labels(basins[0], points), last)]

        return by_map
    functions = [region_function(region, coordinates) for region in regions]

    def one_by_one(points: NDArray) -> NDArray[np.int64]:
        index = np.full(points.shape[:-1], -1)
        for number, function in enumerate(functions):
            index[(index < 0) & function(points)] = number
        return index

    return one_by_one


def _one_family(regions: Sequence[Boolean], coordinates: tuple[sympy.Symbol, ...]) -> list[Basin]:
    basins = [region for region in regions if isinstance(region, Basin)]
    same = len(basins) == len(regions) and len({basin.family for basin in basins}) == 1
    return basins if same and basins[0].coordinates == coordinates else []


def basins_in(regions: Sequence[Boolean], coordinates: tuple[sympy.Symbol, ...], box: Box) -> BasinMap | None:
    """The map whose basins the regions are, covering a box; None where they are something else."""
    basins = _one_family(regions, coordinates)
    return _covering(basins[0], box, COVERED) if basins else None


def _labels(basin: Basin, points: NDArray) -> NDArray[np.int64]:
    finite = points[np.isfinite(points).all(axis=-1)]
    if not finite.size:
        return np.full(points.shape[:-1], -1)
    low, high = finite.min(axis=0), finite.max(axis=0)
    return _covering(basin, tuple(zip(low.tolist(), high.tolist(), strict=True)), FURTHEST).label(points)


def _covering(basin: Basin, box: Box, doublings: int) -> BasinMap:
    energy, _, walls, periodic = basin.family
    if periodic:
        return _torus_map(energy, basin.coordinates, _floats(walls))
    if walls.args:
        return _map(energy, basin.coordinates, _floats(walls), -1)
    start = _extent(energy, basin.coordinates)
    needed = max(
        max(abs(x - (a + b) / 2) / ((b - a) / 2) for x in pair) for pair, (a, b) in zip(box, start, strict=True)
    )
    return _map(energy, basin.coordinates, None, int(np.clip(np.ceil(np.log2(max(needed, 1.0))), 1, doublings)))


def _floats(walls: sympy.Basic) -> Box:
    return tuple((float(pair.args[0]), float(pair.args[1])) for pair in walls.args)


@lru_cache(maxsize=64)
def _extent(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...]) -> Box:
    """Twice the smallest box that holds the critical points, in no axis much narrower than in the other."""
    places = np.array([point.place for point in points_of(energy, coordinates, None)])
    middle, half = (places.min(axis=0) + places.max(axis=0)) / 2, np.ptp(places, axis=0)
    half = np.maximum(half, 0.1 * half.max())
    return tuple((float(c - h), float(c + h)) for c, h in zip(middle, half, strict=True))


@lru_cache(maxsize=64)
def _map(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], walls: Box | None, doublings: int) -> BasinMap:
    points = points_of(energy, coordinates, walls)
    if any(point.signs == (-1, 0) for point in points):
        raise PhaseError(f"energy {short(energy)} has a degenerate saddle; {DECLARE}")
    minima = left_to_right([point for point in points if point.signs[0] >= 0])
    rest = [point for point in points if point.signs[0] < 0]
    if walls is None:
        start = _extent(energy, coordinates)
        box = tuple(
            ((a + b) / 2 - 2.0**doublings * (b - a) / 2, (a + b) / 2 + 2.0**doublings * (b - a) / 2) for a, b in start
        )
    else:
        box = walls
    places = np.array([point.place for point in [*minima, *rest]])
    try:
        land = Landscape.of(energy, coordinates, places, range(len(minima)), box, walls is not None)
        departures = _departures(land, rest)
        for point in wall_points(energy, coordinates, walls) if walls else ():
            if point.signs == (-1,):
                departures.append(Departure(point.place, land.velocity(point.place), True))
        return basin_map(land, departures)
    except Lost as lost:
        raise _not_followed(energy, lost) from None


def _departures(land: Landscape, points: Sequence[CriticalPoint]) -> list[Departure]:
    """Both ways up from every saddle."""
    departures = []
    for point in points:
        if point.signs == (-1, 1):
            a, b, c = land.curvature(*point.place)
            upward = np.linalg.eigh(np.array([[a, b], [b, c]]))[1][:, 1]
            departures += [Departure(point.place, upward), Departure(point.place, -upward)]
    return departures


def _not_followed(energy: sympy.Expr, lost: Lost) -> PhaseError:
    return PhaseError(f"borders of the basins of energy {short(energy)} cannot be followed near {lost}; {DECLARE}")


@lru_cache(maxsize=64)
def _torus_map(energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], box: Box) -> BasinMap:
    points = critical_points_around(energy, coordinates, box)
    if any(point.signs == (-1, 0) for point in points):
        raise PhaseError(f"energy {short(energy)} has a degenerate saddle; {DECLARE}")
    minima = left_to_right([point for point in points if point.signs[0] >= 0])
    rest = [point for point in points if point.signs[0] < 0]
    count = len(minima) * (2 * AROUND + 1) ** 2
    places = np.concatenate([
        images([point.place for point in own], box, AROUND).reshape(-1, 2) for own in (minima, rest) if own
    ])  # fmt: skip
    wide = tuple((low - AROUND * (high - low), high + AROUND * (high - low)) for low, high in box)
    try:
        land = Landscape.of(energy, coordinates, places, range(count), wide, False)
        return torus_map(land, _departures(land, rest), box, len(minima))
    except Lost as lost:
        raise _not_followed(energy, lost) from None
