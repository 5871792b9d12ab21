"""Saddles of an energy of one or two coordinates, and the Eyring–Kramers law over them.

Critical points are found numerically, whatever the energy is made of: by Newton's method from every cell of a raster
where the gradient is least, and known by the signs of the Hessian. Which phases a saddle joins is seen by going down
from it on both sides.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
import scipy
from numpy.typing import NDArray

from ..inputs.arguments import checked_arguments
from ..potentials.boxes import loss_unit
from ..potentials.periodic import critical_points_around
from ..potentials.potential import Potential
from ..reference.laws import law
from .fokker_planck import check_temperature

Array = NDArray[np.float64]

__all__ = ["Saddle", "log_saddle_rate", "saddle_rate", "saddles"]

RASTER = {1: 2001, 2: 241}  # places along each axis
NEWTON_STEPS = 60
SINGULAR = 1e-7  # of the energy's unit of loss: less curvature than this over the box's half width is none
OFF = 1e-3  # of the box's half widths, how far off a saddle the way down starts
ARRIVED = 1e-3  # of the box's half widths, how near a minimum it ends


@dataclass(frozen=True, eq=False)
class Saddle:
    """A critical point with one direction down.

    Attributes
    ----------
    position
        Of the saddle, (d,).
    loss
        There.
    curvature
        Minus the Hessian's one negative eigenvalue, in loss per length².
    determinant
        Minus the Hessian's determinant.
    phases
        The two that it joins, by number, the lower one first.
    """

    position: Array
    loss: float
    curvature: float
    determinant: float
    phases: tuple[int, int]


@checked_arguments
def saddles(potential: Potential) -> tuple[Saddle, ...]:
    """Find the saddles inside the box that join two phases, from low to high; on a circle its maxima do.

    Parameters
    ----------
    potential
        Of one or two coordinates.

    Raises
    ------
    ValueError
        For more coordinates, or where the Hessian is singular on such a way: then no law of Eyring and Kramers holds.
    """
    if potential.dimension not in RASTER:
        raise ValueError(
            f"potential must have one or two coordinates for its saddles to be found, not {potential.dimension}"
        )
    return _saddles(potential)


@lru_cache(maxsize=64)
def _saddles(potential: Potential) -> tuple[Saddle, ...]:
    box = np.array(potential.box)
    middle, half = box.mean(axis=1), np.diff(box, axis=1)[:, 0] / 2
    gradient, hessian = potential.gradient_function(), potential.hessian_function()
    energy, unit = potential.energy_function(), loss_unit(potential)
    found = []
    if potential.boundary == "periodic":
        known = critical_points_around(potential.bound_energy, potential.coordinates, potential.box)
        places = [(point.place - middle) / half for point in known]
    else:
        places = _critical_points(lambda u: gradient(middle + half * u) * half,
                                  lambda u: hessian(middle + half * u) * np.multiply.outer(half, half),
                                  potential.dimension)  # fmt: skip
    for place in places:
        position = middle + half * place
        own = hessian(position)
        # Signs are those in units of the box, whatever the axes' own (Sylvester).
        scaled = np.linalg.eigvalsh(own * np.multiply.outer(half, half)) / unit
        if scaled[0] > -SINGULAR or (scaled.size > 1 and scaled[1] < -SINGULAR):
            continue
        ends = _ends(potential, position, own, half)
        if ends is None or ends[0] == ends[1]:
            continue
        if scaled.size > 1 and abs(scaled[1]) <= SINGULAR:
            raise ValueError(
                f"potential {potential.name} is flat across its saddle at {np.round(position, 6).tolist()}; no "
                "Eyring-Kramers law holds there"
            )
        values = np.linalg.eigvalsh(own)
        found.append(
            Saddle(position, float(energy(position)), -float(values[0]), -float(np.prod(values)),
                   (min(ends), max(ends)))
        )  # fmt: skip
    return tuple(sorted(found, key=lambda saddle: saddle.loss))


def _critical_points(gradient: Callable[[Array], Array], hessian: Callable[[Array], Array], d: int) -> list[Array]:
    """Critical points in the unit box [-1, 1]^d, without minima of no interest left out: whatever Newton reaches."""
    axis = np.linspace(-1, 1, RASTER[d])
    points = np.stack(np.meshgrid(*[axis] * d, indexing="ij"), axis=-1)
    size = np.linalg.norm(gradient(points), axis=-1)
    # Newton's own length of step says how far the next critical point is, in any unit and however flat the energy.
    curvature = np.linalg.norm(hessian(points), axis=(-2, -1)) if d == 2 else np.abs(hessian(points)[..., 0, 0])
    near = size / np.maximum(curvature, np.finfo(float).tiny)
    least = np.ones(near.shape, dtype=bool)
    for k in range(d):
        padded = np.pad(near, [(1, 1) if a == k else (0, 0) for a in range(d)], constant_values=np.inf)
        for side in (slice(0, -2), slice(2, None)):
            least &= near <= padded[tuple(side if a == k else slice(None) for a in range(d))]
    found: list[Array] = []
    for start in points[least]:
        place = _newton(gradient, hessian, start)
        if place is not None and not any(np.abs(place - other).max() < 1e-6 for other in found):
            found.append(place)
    return found


def _newton(gradient: Callable[[Array], Array], hessian: Callable[[Array], Array], start: Array) -> Array | None:
    place = start.copy()
    for _ in range(NEWTON_STEPS):
        step, *_ = np.linalg.lstsq(hessian(place), -gradient(place), rcond=1e-12)
        place = place + step * min(1.0, 0.1 / max(float(np.abs(step).max()), 1e-300))
        if not np.isfinite(place).all() or np.abs(place).max() > 1:
            return None
        if np.abs(step).max() < 1e-12:
            return place
    return None


def _ends(potential: Potential, saddle: Array, hessian: Array, half: Array) -> tuple[int, int] | None:
    """The phases whose minima the ways down from a saddle end at; None where one ends elsewhere."""
    gradient, minima = potential.gradient_function(), [potential.minimum_point(i) for i in range(len(potential.phases))]
    turn = 2.0 if potential.boundary == "periodic" else np.inf  # of a period, in units of the half widths
    _, vectors = np.linalg.eigh(hessian * np.multiply.outer(half, half))
    down, ends = vectors[:, 0], []
    # In units of the box, and of the time in which the steepest curvature relaxes.
    time = 1 / max(float(np.abs(np.linalg.eigvalsh(hessian * np.multiply.outer(half, half))).max()), 1e-300)

    def flow(_: float, u: Array) -> Array:
        return -gradient(saddle + half * u) * half * time

    def off(u: Array, minimum: Array) -> float:
        away = np.abs(u - (minimum - saddle) / half)
        return float(np.minimum(away % turn, turn - away % turn).max())

    def arrived(_: float, u: Array) -> float:
        return min(off(u, minimum) for minimum in minima) - ARRIVED

    arrived.terminal = True  # type: ignore[attr-defined]
    for sign in (-1.0, 1.0):
        way = scipy.integrate.solve_ivp(
            flow, (0.0, 1e6), sign * OFF * down, method="LSODA", rtol=1e-6, atol=1e-9, events=arrived
        )
        near = [off(way.y[:, -1], minimum) for minimum in minima]
        if not way.success or min(near) > 2 * ARRIVED:
            return None
        ends.append(int(np.argmin(near)))
    return ends[0], ends[1]


@checked_arguments
def log_saddle_rate(potential: Potential, temperature: float, first: str | int, second: str | int) -> float:
    """Logarithm of the rate from one phase to another over all saddles between them [eq:eyring-kramers-saddle].

    Parameters
    ----------
    potential
        Of one or two coordinates.
    temperature
        In units of loss; as it falls, the exact rate over this one tends to 1, with a departure of the order of T.
    first, second
        Phases that at least one saddle joins; the first one's minimum must be regular.

    Raises
    ------
    ValueError
        Where no saddle joins the two, or the first one's minimum is singular.
    """
    check_temperature(temperature)
    numbers = potential.phase_number(first), potential.phase_number(second)
    joined = [saddle for saddle in saddles(potential) if saddle.phases == (min(numbers), max(numbers))]
    if not joined:
        raise ValueError(
            f"no saddle of {potential.name} joins phases {potential.phases[numbers[0]].name!r} and "
            f"{potential.phases[numbers[1]].name!r}"
        )
    minimum = potential.minimum_point(numbers[0])
    half = np.diff(np.array(potential.box), axis=1)[:, 0] / 2
    own = potential.hessian_function()(minimum)
    if np.linalg.eigvalsh(own * np.multiply.outer(half, half))[0] < SINGULAR * loss_unit(potential):
        raise ValueError(
            f"phase {potential.phases[numbers[0]].name!r} of {potential.name} is singular; the Eyring-Kramers law "
            "needs a regular minimum"
        )
    logs = [
        np.log(law("eyring-kramers-saddle")(
            barrier_curvature=saddle.curvature, well_determinant=float(np.linalg.det(own)),
            saddle_determinant=saddle.determinant, barrier_height=0.0, temperature=temperature,
        )) - (saddle.loss - potential.minimum_loss(numbers[0])) / temperature
        for saddle in joined
    ]  # fmt: skip
    return float(np.logaddexp.reduce(logs))


@checked_arguments
def saddle_rate(potential: Potential, temperature: float, first: str | int, second: str | int) -> float:
    """The rate of :func:`log_saddle_rate`, which may underflow."""
    return float(np.exp(log_saddle_rate(potential, temperature, first, second)))
