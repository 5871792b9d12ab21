"""Minimum energy paths in any number of coordinates: the way over the lowest pass from one minimum to another.

A string of images between two places goes down the gradient and is spread evenly again and again (E, Ren &
Vanden-Eijnden 2007). It need not come to rest: where it is highest Newton's method finds the saddle, and the ways down
from there, to either side, are the path itself. A string that lies on a ridge by symmetry tops out at a place with two
directions down; it is then bent along the second one, to both sides, and the lower way is kept.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import checked_arguments, shown
from ..potentials.boxes import loss_unit
from ..potentials.potential import Potential
from .minimum_action import evenly_spaced

Array = NDArray[np.float64]

__all__ = ["EnergyPath", "minimum_energy_path"]

IMAGES = 41
STEP = 0.5  # of the largest curvature on the string, whose steps are stable below 2
SPREAD_EVERY = 5  # steps
LOOK_EVERY = 100  # steps, at the tops
MOST_STEPS = 20_000
BEND = 0.1  # of the distance of the ends
MOST_BENDS = 3  # of a string off ridges
NEWTON_STEPS = 100
LEVEL = 1e-9  # of a gradient, in units of loss over distance, that is none
FLAT = 1e-7  # of a curvature, in units of loss over distance squared, that is none
OFF = 1e-4  # of the distance, how far off a saddle the ways down begin
SAME = 1e-4  # of the distance, up to which two places are one


@dataclass(frozen=True, eq=False)
class EnergyPath:
    """A path of least energy, or a string that did not become one.

    Attributes
    ----------
    points
        Evenly spaced, shape (images, d), from the first place to the second.
    losses
        At the points, (images,).
    saddles
        The passes on the way, in order, shape (k, d).
    minima
        The minima between them, in order, both ends among them, shape (k + 1, d).
    barrier
        Loss of the highest saddle above the first place.
    verdict
        "trust", or "doubt: ..." with what is missing; then ``points`` is the last string.
    """

    points: Array
    losses: Array
    saddles: Array
    minima: Array
    barrier: float
    verdict: str


@checked_arguments
def minimum_energy_path(
    potential: Potential, first: str | int | ArrayLike, second: str | int | ArrayLike, *, images: int = IMAGES,
    guess: ArrayLike | None = None,
) -> EnergyPath:  # fmt: skip
    """Find a path of least energy between two minima: heteroclinic orbits over saddles of one direction down.

    It is a path near the guess; others may lie lower, and in one or two coordinates
    :func:`~slt_toys.exact.saddles.saddles` finds all passes.

    Parameters
    ----------
    potential
        Of any number of coordinates, without walls on the way.
    first, second
        Phases, by name or number, whose minima are the ends; or places (d,) from which one goes down to the ends.
    images
        Of the string and of the result, at least 5.
    guess
        A curve (m, d) to begin with; the straight line when it is left out.

    Raises
    ------
    ValueError
        In one line, for places that are the same, have another dimension, or from which one does not come to a minimum.

    Examples
    --------
    >>> from slt_toys import Potential, minimum_energy_path
    >>> potential = Potential.from_expression("(x**2-1)**2 + 3*(y - x**2/2)**2 + (z - y)**2")
    >>> path = minimum_energy_path(potential, [-1, 0.5, 0.5], [1, 0.5, 0.5])
    >>> round(path.barrier, 6), path.verdict
    (1.0, 'trust')
    """
    if images < 5:
        raise ValueError(f"images must be at least 5, not {images}")
    if potential.boundary == "periodic":
        raise ValueError("potential must have no periodic boundary: a string has no way round; ask saddles")
    search = _Search(potential, _place(potential, first, "first"), _place(potential, second, "second"))
    if guess is None:
        curve = np.stack([search.first, search.second])
    else:
        curve = np.asarray(guess, dtype=float)
        if curve.ndim != 2 or curve.shape[1] != potential.dimension or not np.isfinite(curve).all():
            raise ValueError(
                f"guess must be finite, of shape (points, {potential.dimension}) for this potential, not {curve.shape}"
            )
        curve = np.concatenate([search.first[None], curve, search.second[None]])
    return search.path(_evenly(curve, images))


class _Search:
    """Strings of one potential between two minima."""

    def __init__(self, potential: Potential, first: Array, second: Array) -> None:
        self.loss, self.gradient = potential.energy_function(), potential.gradient_function()
        self.hessian, self.unit = potential.hessian_function(), loss_unit(potential)
        self.first, self.second = first, second
        self.distance = float(np.linalg.norm(second - first))
        if not self.distance > 0:
            raise ValueError(f"first and second must be two places, not {first.tolist()} both")
        for name in ("first", "second"):
            place = self.down(getattr(self, name))
            if place is None:
                raise ValueError(f"{name} must lie where the way down ends at a minimum, not at {getattr(self, name)}")
            setattr(self, name, place)
        if np.linalg.norm(self.second - self.first) < SAME * self.distance:
            raise ValueError(f"first and second must lead to two minima, not both to {self.first.tolist()}")
        self.distance = float(np.linalg.norm(self.second - self.first))

    def path(self, curve: Array, bends: int = 0) -> EnergyPath:
        """The path that a string comes to; of two, off either side of a ridge, the one that is trusted, then lower."""
        reason = ""
        for step in range(0, MOST_STEPS, LOOK_EVERY):
            if step:
                curve = self.lowered(curve)
            tops = [top for place in self.tops(curve) if (top := self.rest(place)) is not None]
            ridge = next((top for top in tops if self.falls(top)[0].size > 1), None)
            if ridge is not None:
                if bends == MOST_BENDS:
                    reason = "the string kept to ridges"
                    break
                away = self.falls(ridge)[1][:, 1] * BEND * self.distance
                share = np.sin(np.pi * np.linspace(0.0, 1.0, len(curve)))[:, None]
                sides = [self.path(_evenly(curve + sign * share * away, len(curve)), bends + 1) for sign in (1, -1)]
                return min(sides, key=lambda side: (side.verdict != "trust", side.barrier))
            passes = [top for top in tops if self.falls(top)[0].size == 1]
            found = self.joined(passes, len(curve))
            if found is not None:
                return found
            reason = "no saddle was found where the string is highest"
            if len(passes) == len(tops) > 0:
                reason = "the saddles found do not join the two minima"
        losses = self.loss(curve)
        nothing = np.empty((0, self.first.size))
        ends = np.stack([self.first, self.second])
        return EnergyPath(curve, losses, nothing, ends, float(losses.max() - losses[0]), f"doubt: {reason}")

    def lowered(self, curve: Array) -> Array:
        """Some steps down the gradient."""
        for step in range(LOOK_EVERY):
            if step % SPREAD_EVERY == 0:
                curve = _evenly(curve, len(curve))
                inner = self.hessian(curve)
                rate = STEP / max(
                    float(np.abs(np.linalg.eigvalsh(inner[np.isfinite(inner).all(axis=(1, 2))])).max()), 1e-300
                )
            moved = rate * self.gradient(curve[1:-1])
            longest = np.linalg.norm(moved, axis=1, keepdims=True)
            moved *= np.minimum(1.0, 0.1 * self.distance / np.maximum(longest, 1e-300))
            curve = np.concatenate([curve[:1], curve[1:-1] - moved, curve[-1:]])
        return _evenly(curve, len(curve))

    def tops(self, curve: Array) -> list[Array]:
        """Where the string is higher than on both sides, by a parabola through three images."""
        losses, found = self.loss(curve), []
        for i in range(1, len(curve) - 1):
            before, here, after = losses[i - 1 : i + 2]
            if here >= before and here > after:
                bend = before - 2 * here + after
                share = 0.0 if bend >= 0 else float(np.clip((before - after) / (2 * bend), -1, 1))
                other = curve[i + 1] if share > 0 else curve[i - 1]
                found.append(curve[i] + abs(share) * (other - curve[i]))
        return found

    def rest(self, place: Array) -> Array | None:
        """The critical point that Newton's method comes to without going far."""
        start = place
        for _ in range(NEWTON_STEPS):
            slope = self.gradient(place)
            step, *_ = np.linalg.lstsq(self.hessian(place), -slope, rcond=1e-12)
            length = float(np.linalg.norm(step))
            place = place + step * min(1.0, 0.05 * self.distance / max(length, 1e-300))
            if not np.isfinite(place).all() or np.linalg.norm(place - start) > self.distance / 2:
                return None
            if length < 1e-13 * self.distance or np.linalg.norm(slope) * self.distance < LEVEL**2 * self.unit:
                break
        level = np.linalg.norm(self.gradient(place)) * self.distance < LEVEL * self.unit
        return place if level else None

    def falls(self, place: Array) -> tuple[Array, Array]:
        """The negative curvatures, steepest first, and their directions (d, k)."""
        values, vectors = np.linalg.eigh(self.hessian(place))
        down = values * self.distance**2 < -FLAT * self.unit
        return values[down], vectors[:, down]

    def way(self, start: Array) -> tuple[Array, Array | None]:
        """The way down from a place as points (m, d), and the minimum where it ends."""
        own = self.hessian(start)
        curvature = float(np.abs(np.linalg.eigvalsh(own)).max()) if np.isfinite(own).all() else 0.0
        time = 1 / max(curvature, self.unit / self.distance**2)

        def flow(_: float, w: Array) -> Array:
            return -self.gradient(w) * time

        def level(_: float, w: Array) -> float:
            return float(np.linalg.norm(self.gradient(w))) * self.distance - 1e-7 * self.unit

        level.terminal, level.direction = True, -1  # type: ignore[attr-defined]
        went = scipy.integrate.solve_ivp(flow, (0.0, 1e9), start, method="LSODA", rtol=1e-8,
                                         atol=1e-11 * self.distance, events=level)  # fmt: skip
        points = went.y.T
        end = self.rest(points[-1]) if went.success else None
        if end is None or np.linalg.norm(end - points[-1]) > 0.05 * self.distance or self.falls(end)[0].size:
            return points, None
        return np.concatenate([points, end[None]]), end

    def down(self, place: Array) -> Array | None:
        """The minimum below a place."""
        own = self.rest(place)
        if own is not None and np.linalg.norm(own - place) < 1e-3 * self.distance and not self.falls(own)[0].size:
            return own
        return self.way(place)[1]

    def joined(self, passes: list[Array], images: int) -> EnergyPath | None:
        """The path over some of the saddles, where they join the two minima."""
        minima = [self.first, self.second]
        links: list[tuple[int, int, Array, Array, Array]] = []  # from, to, saddle, and the ways down to both
        for saddle in passes:
            away = self.falls(saddle)[1][:, 0] * OFF * self.distance
            ways = [self.way(saddle + sign * away) for sign in (-1.0, 1.0)]
            numbers = [self._number(end, minima) for _, end in ways]
            if -1 not in numbers and numbers[0] != numbers[1]:
                links.append((numbers[0], numbers[1], saddle, ways[0][0], ways[1][0]))
        order = _route([(one, other) for one, other, *_ in links], len(minima))
        if order is None:
            return None
        pieces, saddles, at = [self.first[None]], [], 0
        stops = [self.first]
        for number in order:
            one, other, saddle, left, right = links[number]
            up, down, at = (left, right, other) if one == at else (right, left, one)
            pieces += [up[::-1], saddle[None], down]
            saddles.append(saddle)
            stops.append(minima[at])
        points = _evenly(np.concatenate([*pieces, self.second[None]]), images)
        barrier = max(float(self.loss(saddle)) for saddle in saddles) - float(self.loss(self.first))
        return EnergyPath(points, self.loss(points), np.array(saddles), np.array(stops), barrier, "trust")

    def _number(self, end: Array | None, minima: list[Array]) -> int:
        if end is None:
            return -1
        for number, other in enumerate(minima):
            if np.linalg.norm(end - other) < SAME * self.distance:
                return number
        minima.append(end)
        return len(minima) - 1


def _route(links: list[tuple[int, int]], places: int) -> list[int] | None:
    """Links that lead from place 0 to place 1, the fewest of them."""
    ways: dict[int, list[int]] = {0: []}
    queue = [0]
    while queue:
        at = queue.pop(0)
        for number, (one, other) in enumerate(links):
            for here, there in ((one, other), (other, one)):
                if here == at and there not in ways and there < places:
                    ways[there] = [*ways[at], number]
                    queue.append(there)
    return ways.get(1)


def _place(potential: Potential, given: str | int | ArrayLike, argument: str) -> Array:
    if isinstance(given, str | int | np.integer):
        return potential.minimum_point(given if isinstance(given, str) else int(given))
    place = np.atleast_1d(np.asarray(given, dtype=float))
    if place.shape != (potential.dimension,) or not np.isfinite(place).all():
        raise ValueError(
            f"{argument} must be a phase or a place of {potential.dimension} coordinates, not {shown(given)}"
        )
    return place


def _evenly(curve: Array, images: int) -> Array:
    return evenly_spaced(curve, images - 1)
