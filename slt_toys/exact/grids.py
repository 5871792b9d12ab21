"""Tensor grids of cells in one and two dimensions, laid where a range of temperatures needs them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property, lru_cache
from itertools import pairwise
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import check_fields, checked_arguments, shown
from ..potentials.boxes import widened
from ..potentials.periodic import images, wrapped
from ..potentials.potential import Potential
from ..potentials.same_space import check_same_space

Array = NDArray[np.float64]

MOST_CUTS = 8  # of a box to where the mass is
GOLDEN, SECTIONS = (3 - 5**0.5) / 2, 40  # of a search between three midpoints
NARROW = 0.25  # of the cells go to wells and barriers narrower than a raster's cell, where there are any
CELLS = {1: 240, 2: 56}  # along each axis; a test halves the cells and bounds what changes
MOST_CELLS = 1_000_000  # along an axis
FROZEN = 40.0  # below T = barrier/FROZEN a crossing takes e⁴⁰ relaxation times: the grid need not resolve such wells


@dataclass(frozen=True, eq=False)
class Grid:
    """A tensor grid of cells.

    Attributes
    ----------
    edges
        For each of the d axes the n + 1 increasing cell edges; the first and the last are the reflecting walls.
    boundary
        ``"reflecting"``: the walls are meant; ``"natural"``, as :func:`grid_for` says where the energy confines: they
        only stand where no mass is at the temperatures the grid was made for; ``"periodic"``: the last edge of every
        axis is the first, a circle or a torus, and the energy is taken to repeat itself.
    """

    edges: tuple[Array, ...]
    boundary: Literal["natural", "reflecting", "periodic"] = "reflecting"
    # The potentials and the highest temperature that grid_for laid its walls for.
    made_for: tuple[tuple[Potential, ...], float] = field(default=((), 0.0), repr=False)

    def __post_init__(self) -> None:
        check_fields(self)
        if len(self.edges) not in (1, 2):
            raise ValueError(
                f"edges must be given for 1 or 2 axes, not {len(self.edges)}: the solver is for d = 1 and 2"
            )
        for edges in self.edges:
            if np.ndim(edges) != 1 or len(edges) < 4 or not (np.isfinite(edges).all() and (np.diff(edges) > 0).all()):
                raise ValueError("edges must be finite and increasing along each axis, with at least 3 cells")

    @classmethod
    def uniform(
        cls, box: Sequence[tuple[float, float]], cells: int | Sequence[int],
        boundary: Literal["natural", "reflecting", "periodic"] = "reflecting",
    ) -> Grid:  # fmt: skip
        """Equal cells, ``cells`` of them along each axis of the box."""
        counts = [cells] * len(box) if isinstance(cells, int) else list(cells)
        edges = tuple(np.linspace(low, high, n + 1) for (low, high), n in zip(box, counts, strict=True))
        return cls(edges, boundary)

    @property
    def dimension(self) -> int:
        """Number of axes, d."""
        return len(self.edges)

    @property
    def is_line(self) -> bool:
        """Whether the cells have two ends: one axis, and no circle."""
        return len(self.edges) == 1 and self.boundary != "periodic"

    @property
    def shape(self) -> tuple[int, ...]:
        """Number of cells along each axis."""
        return tuple(len(edges) - 1 for edges in self.edges)

    @cached_property
    def centers(self) -> tuple[Array, ...]:
        """For each axis the cells' midpoints."""
        return tuple((edges[1:] + edges[:-1]) / 2 for edges in self.edges)

    @cached_property
    def points(self) -> Array:
        """Midpoints of the cells, shape (*shape, d)."""
        return np.stack(np.meshgrid(*self.centers, indexing="ij"), axis=-1)

    @cached_property
    def volumes(self) -> Array:
        """Volumes of the cells, shape ``shape``."""
        widths = [np.diff(edges) for edges in self.edges]
        return widths[0] if len(widths) == 1 else np.multiply.outer(*widths)

    def halved(self) -> Grid:
        """The grid with every cell cut in two along every axis, to see what refinement changes."""
        halves = tuple(np.interp(np.arange(2 * len(e) - 1) / 2, np.arange(len(e)), e) for e in self.edges)
        return Grid(halves, self.boundary, self.made_for)

    def cell(self, point: ArrayLike) -> int:
        """Flat index of the cell that holds a point (d,), wherever it lies around a circle."""
        point = np.atleast_1d(np.asarray(point, dtype=float))
        if self.boundary == "periodic":
            point = wrapped(point, [(float(edges[0]), float(edges[-1])) for edges in self.edges])
        index = []
        for value, edges in zip(point, self.edges, strict=True):
            if not edges[0] <= value <= edges[-1]:
                raise ValueError(f"point {point} lies outside the grid, which reaches from {edges[0]} to {edges[-1]}")
            index.append(min(int(np.searchsorted(edges, value, side="right")) - 1, len(edges) - 2))
        return int(np.ravel_multi_index(tuple(index), self.shape))


@checked_arguments
def grid_for(
    potentials: Potential | Sequence[Potential], temperatures: ArrayLike, cells: int | Sequence[int] | None = None
) -> Grid:
    """Choose a grid for one potential, or several that share it, over a range of temperatures.

    Where the energy confines by itself, the box is widened if it must and cut where L exceeds the highest phase's
    minimum by 45 times the highest temperature. Half of the cells (three quarters along each axis of two) are spread
    evenly; the others follow the cube root of every phase's density (the spacing that is best for a
    second-order rule) at temperatures down to where crossings freeze out. In one dimension every border of a
    phase falls on a cell edge. Of a periodic potential the grid is its circle or torus.

    Parameters
    ----------
    potentials
        One or more, of the same one or two coordinates in the same order, which is that of the axes.
    temperatures
        Any array; only its smallest and largest values matter.
    cells
        Number of cells along each axis; default 240 in one dimension and 56 in two.
    """
    group = [potentials] if isinstance(potentials, Potential) else list(potentials)
    temperatures = np.asarray(temperatures, dtype=float).ravel()
    if not temperatures.size or not (np.isfinite(temperatures).all() and (temperatures > 0).all()):
        raise ValueError("temperatures must be positive and finite, at least one of them")
    d = group[0].dimension
    if d not in CELLS or any(p.dimension != d for p in group):
        raise ValueError(f"potentials must all have 1 coordinate or all have 2, not {[p.dimension for p in group]}")
    check_same_space(**{f"potentials[{number}]": p for number, p in enumerate(group)})
    wanted = [2] if cells is None else np.atleast_1d(np.asarray(cells))
    if np.ndim(wanted) != 1 or len(wanted) not in (1, d) or np.max(wanted) > MOST_CELLS:
        raise ValueError(f"cells must be one number or {d}, each at most {MOST_CELLS}, not {shown(cells)}")
    counts = [CELLS[d] if cells is None else cells] * d if cells is None or isinstance(cells, int) else list(cells)
    raster, marginals = _shares(tuple(group), float(temperatures.min()), float(temperatures.max()))
    even = {1: 0.5, 2: 0.75}[d]  # two-dimensional valleys need not run along an axis
    density = [np.full(n, even / (edges[-1] - edges[0])) for n, edges in zip(raster.shape, raster.edges, strict=True)]
    for axis, own in enumerate(marginals):
        for marginal, total in own:
            density[axis] += (1 - even) / len(own) * marginal / total
    for axis, edges in enumerate(raster.edges):
        widths = np.diff(edges)
        narrow = widths < widths.max() / 2  # where edges were added: wells that may hold mass and hardly any length
        if narrow.any():
            density[axis] = (1 - NARROW) * density[axis] + NARROW * narrow / (narrow.sum() * widths)
    borders = {place for p in group for place in borders_of(p)} if d == 1 else set()
    edges = tuple(
        _equidistribute(edges, rho, n, sorted(borders))
        for edges, rho, n in zip(raster.edges, density, counts, strict=True)
    )
    boundary = group[0].boundary  # all have the same
    return Grid(edges, boundary, (tuple(group), float(temperatures.max())))


@lru_cache(maxsize=64)
def _shares(
    group: tuple[Potential, ...], lowest: float, highest: float
) -> tuple[Grid, list[list[tuple[Array, float]]]]:
    """A raster, and for each of its axes the densities that cells should follow, with their sums."""
    temperatures, axes = np.array([lowest, highest]), range(group[0].dimension)
    raster = _refined(_raster(_effective_box(group, highest)), group, temperatures)
    marginals: list[list[tuple[Array, float]]] = [[] for _ in axes]
    for p in group:
        for bump in _bumps(p, raster, temperatures):
            for axis in axes:
                marginal = bump.sum(axis=tuple(a for a in axes if a != axis))
                marginals[axis].append((marginal, (marginal * np.diff(raster.edges[axis])).sum()))
    return raster, marginals


def _effective_box(group: Sequence[Potential], highest: float) -> tuple[tuple[float, float], ...]:
    group = [widened(p, highest) for p in group]
    box = tuple((min(p.box[i][0] for p in group), max(p.box[i][1] for p in group)) for i in range(group[0].dimension))
    if any(p.boundary != "natural" for p in group):
        return box
    for _ in range(MOST_CUTS):
        cut = _cut(group, box, highest)
        # Where mass is in a small part of the box, its raster was too coarse to say where exactly.
        if all(4 * (b - a) >= high - low for (a, b), (low, high) in zip(cut, box, strict=True)):
            return cut
        box = cut
    return box


def _cut(
    group: Sequence[Potential], box: tuple[tuple[float, float], ...], highest: float
) -> tuple[tuple[float, float], ...]:
    raster = _raster(box)
    inside = np.zeros(raster.shape, dtype=bool)
    for p in group:
        level = max(p.minimum_loss(i) for i in range(len(p.phases))) + 45 * highest
        energy = p.energy_function()(raster.points)
        inside |= energy <= level
        if p.dimension == 2:
            inside |= _between_points(p, raster, energy, level)
        for i in range(len(p.phases)):
            inside.ravel()[raster.cell(p.minimum_point(i))] = True
    cut = []
    for axis, edges in enumerate(raster.edges):
        used = np.flatnonzero(inside.any(axis=tuple(a for a in range(len(box)) if a != axis)))
        cut.append((float(edges[max(used[0] - 1, 0)]), float(edges[min(used[-1] + 2, len(edges) - 1)])))
    return tuple(cut)


def _between_points(potential: Potential, raster: Grid, energy: Array, level: float) -> NDArray[np.bool_]:
    """Cells of a raster of a plane where a valley below a level passes between the midpoints.

    Along every line of midpoints each lowest one is followed to where the loss is lowest beside it.
    """
    loss, inside = potential.energy_function(), np.zeros(raster.shape, dtype=bool)
    for axis in (0, 1):
        along, centers = np.moveaxis(energy, axis, 1), raster.centers[axis]
        padded = np.pad(along, ((0, 0), (1, 1)), constant_values=np.inf)
        lowest = (along <= padded[:, :-2]) & (along <= padded[:, 2:]) & (along > level)
        line, place = np.nonzero(lowest)
        low, high = centers[np.maximum(place - 1, 0)], centers[np.minimum(place + 1, centers.size - 1)]
        points = np.empty((2, line.size, 2))
        points[:, :, 1 - axis] = raster.centers[1 - axis][line]
        for _ in range(SECTIONS):
            points[:, :, axis] = low + GOLDEN * (high - low), high - GOLDEN * (high - low)
            first, second = loss(points)
            low, high = (
                np.where(first <= second, low, points[0, :, axis]),
                np.where(first <= second, points[1, :, axis], high),
            )
        found = np.minimum(first, second) <= level if line.size else np.zeros(0, dtype=bool)
        np.moveaxis(inside, axis, 1)[line[found], place[found]] = True
    return inside


def _raster(box: Sequence[tuple[float, float]]) -> Grid:
    return Grid.uniform(box, 4000 if len(box) == 1 else 240)


def _refined(raster: Grid, group: Sequence[Potential], temperatures: Array) -> Grid:
    """Add edges around the wells and barriers that are narrower than the raster's cells."""
    added: list[list[Array]] = [[] for _ in raster.edges]
    for p in group:
        energy = p.energy_function()
        places = [p.minimum_point(i) for i in range(len(p.phases))]
        if p.dimension == 1:
            places += [np.array([border]) for border in borders_of(p)]
        lowest = _coldest(p, temperatures)
        for axis, edges in enumerate(raster.edges):
            cell = np.zeros(p.dimension)
            cell[axis] = np.diff(edges).max()
            for place in places:
                if np.abs(energy(np.stack([place - cell, place + cell])) - energy(place)).max() > lowest:
                    steps = cell[axis] * np.geomspace(1e-5, 1.0, 200 if p.dimension == 1 else 30)
                    around = [place[axis] - steps, place[axis] + steps]
                    if p.boundary == "periodic":
                        around = [wrapped(own[:, None], [p.box[axis]])[:, 0] for own in around]
                    added[axis] += around
    if not any(added):
        return raster
    return Grid(tuple(
        np.unique(np.concatenate([edges, *(a[(a > edges[0]) & (a < edges[-1])] for a in more)]))
        for edges, more in zip(raster.edges, added, strict=True)
    ))  # fmt: skip


def _coldest(potential: Potential, temperatures: Array) -> float:
    """The lowest temperature at which a crossing is not frozen, from the losses along lines between the minima."""
    return float(max(temperatures.min(), straight_barrier(potential) / FROZEN))


def straight_barrier(potential: Potential) -> float:
    """Lowest barrier along the straight lines from each minimum to the next; 0 where there is none."""
    minima = [potential.minimum_point(i) for i in range(len(potential.phases))]
    ways = list(pairwise(minima))
    if potential.boundary == "periodic":
        ways = [(first, image) for first, second in ways for image in images(second[None], potential.box)[:, 0]]
    share, heights = np.linspace(0.0, 1.0, 1001)[:, None], []
    for first, second in ways:
        along = potential.energy_function()(first + share * (second - first))
        heights.append(float(along.max() - max(along[0], along[-1])))
    return min((h for h in heights if h > 0), default=0.0)


def borders_of(potential: Potential) -> list[float]:
    """Where each phase of one coordinate meets the next one, in the box; on a circle the last one meets the first."""
    if potential.boundary != "periodic":
        return [potential.barrier(i) for i in range(len(potential.phases) - 1)]
    if len(potential.phases) < 2:
        return []
    ends = np.array([[potential.barrier(i)] for i in range(len(potential.phases))])
    return sorted(set(wrapped(ends, potential.box)[:, 0].tolist()))


def _bumps(potential: Potential, raster: Grid, temperatures: Array) -> list[Array]:
    """For each phase, and in one dimension each barrier, the cube root of its density, averaged over temperatures."""
    energy = potential.energy_function()(raster.points)
    phase = potential.phase_index(raster.points)
    heights, shapes = [], []
    border = np.zeros(raster.shape, dtype=bool)
    for axis in range(raster.dimension):
        differs = np.diff(phase, axis=axis) != 0
        pad = [(0, 0)] * raster.dimension
        pad[axis] = (0, 1)
        border |= np.pad(differs, pad)
    for number in range(len(potential.phases)):
        inside = phase == number
        if inside.any():
            shapes.append((inside, energy - energy[inside].min()))
        if (inside & border).any():
            heights.append(energy[inside & border].min() - energy[inside].min())
    if raster.dimension == 1:
        minima = [float(potential.minimum_point(i)[0]) for i in range(len(potential.phases))]
        ways = [(raster.centers[0] > left) & (raster.centers[0] < right) for left, right in pairwise(minima)]
        if potential.boundary == "periodic":
            ways.append((raster.centers[0] > minima[-1]) | (raster.centers[0] < minima[0]))
        shapes += [(between, energy[between].max() - energy) for between in ways if between.any()]
    heights = [height for height in heights if height > 0]
    lowest = max(temperatures.min(), min(heights) / FROZEN) if heights else temperatures.min()
    ladder = np.geomspace(min(lowest, temperatures.max()), temperatures.max(), 8)
    bumps = []
    for inside, above in shapes:
        total = np.zeros(raster.shape)
        for temperature in ladder:
            root = np.where(inside, np.exp(-np.clip(above, 0, None) / (3 * temperature)), 0.0)
            total += root / (root * raster.volumes).sum()
        bumps.append(total)
    return bumps


def _equidistribute(edges: Array, density: Array, cells: int, borders: Sequence[float]) -> Array:
    """Place ``cells`` cells with equal shares of the density; the ends and the borders are kept as edges."""
    cumulative = np.concatenate([[0.0], np.cumsum(density * np.diff(edges))])
    pins = [edges[0], *(b for b in borders if edges[0] < b < edges[-1]), edges[-1]]
    shares = np.interp(pins, edges, cumulative)
    pieces = []
    for low, high, first, last in zip(shares, shares[1:], pins, pins[1:], strict=False):
        count = max(1, round(cells * (high - low) / cumulative[-1]))
        piece = np.interp(np.linspace(low, high, count + 1), cumulative, edges)
        piece[0], piece[-1] = first, last
        pieces.append(piece[:-1])
    return np.concatenate([*pieces, edges[-1:]])
