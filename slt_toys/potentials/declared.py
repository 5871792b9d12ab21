"""Phases that are declared by a point: NAME=POINT[:λ[:m]].

Where phases can be derived, a declaration names them, and what it says of λ must agree. Where they cannot, a declared
point must be a minimum; a learning coefficient that theory refuses is taken from the declaration. Regions then follow
on a line, where neighbours meet at the highest point between them; in a plane, where they are basins of attraction;
and for one phase alone.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
import sympy
from numpy.typing import NDArray

from .certified_points import PhaseError, certified_points, left_to_right
from .expression_parts import compiled, decimal
from .expressions import ExpressionError, natural_key, parse_expression
from .phases import Phase, declare_phase
from .plane_points import points_of
from .potential import Potential
from .regions import Basin

__all__ = ["DeclaredPhase", "potential_with_phases", "read_number", "read_phase"]

Array = NDArray[np.float64]
FORM = "NAME=POINT[:λ[:m]], such as left=-1 or crossing=0,0:1/2:2"
STEPS = 400  # of a descent at most
ALONG = 20_001  # places looked at between two minima on a line
LOOKED_AT = {1: 4001, 2: 201}  # places along each axis where a lower loss is sought
NEARBY = (1e-2, 1e-3, 1e-4)  # of the distance to the nearest wall or phase: around a minimum the loss is higher


@dataclass(frozen=True)
class DeclaredPhase:
    """A phase as it is declared.

    Attributes
    ----------
    name
        Of the phase.
    point
        Exact coordinates of its minimum, or of a place in its region.
    learning_coefficient, multiplicity
        None where they are to be derived.
    """

    name: str
    point: tuple[sympy.Expr, ...]
    learning_coefficient: sympy.Rational | None = None
    multiplicity: int | None = None

    @property
    def place(self) -> Array:
        """Its doubles, (d,)."""
        return np.array([decimal(x) for x in self.point])


def read_number(text: str, argument: str) -> sympy.Expr:
    """An exact real number, such as ``1.5``, ``-1/3``, ``sqrt(2)`` or ``2*pi``.

    Raises
    ------
    ValueError
        In one line, for anything else.
    """
    value = parse_expression(text, argument)
    if not value.is_number or not value.is_real:
        raise ValueError(f"{argument} must be a real number such as 1.5, 1/3 or 2*pi, not {text.strip()!r}")
    return value


def read_phase(text: str) -> DeclaredPhase:
    """A phase from NAME=POINT[:λ[:m]].

    Raises
    ------
    ValueError
        In one line, for any other form.
    """
    name, equals, rest = text.partition("=")
    name, parts = name.strip(), rest.split(":")
    if not equals or not name or len(parts) > 3:
        raise ValueError(f"--phase must be {FORM}, not {text!r}")
    point = tuple(read_number(number, f"POINT of --phase {name}") for number in parts[0].split(","))
    if len(parts) == 1:
        return DeclaredPhase(name, point)
    coefficient = read_number(parts[1], f"λ of --phase {name}")
    if not coefficient.is_Rational or not coefficient > 0:
        raise ValueError(f"λ of --phase {name} must be a positive fraction such as 1/4, not {parts[1]!r}")
    multiplicity = read_number(parts[2], f"m of --phase {name}") if len(parts) == 3 else sympy.S.One
    if not multiplicity.is_Integer or not 1 <= multiplicity <= len(point):
        raise ValueError(f"m of --phase {name} must be a whole number from 1 to {len(point)}, not {parts[2]!r}")
    return DeclaredPhase(name, point, coefficient, int(multiplicity))


def potential_with_phases(text: str, declared: Sequence[DeclaredPhase], argument: str, **options: Any) -> Potential:
    """The potential of an energy whose phases are declared by a point in each.

    Parameters
    ----------
    text
        The energy.
    declared
        At least one.
    argument
        What messages call the energy.
    options
        Of :meth:`~slt_toys.potentials.potential.Potential.from_expression`: box, parameters, boundary.

    Raises
    ------
    ValueError
        In one line, when a point is in no phase, or two are in one, or a phase has none, or theory contradicts.
    """
    try:
        derived = Potential.from_expression(text, argument=argument, **options)
    except PhaseError as reason:
        if options.get("boundary") == "periodic":
            raise
        return _declared(text, declared, argument, str(reason), options)
    _check_lengths(declared, derived.dimension)
    return replace(derived, phases=_renamed(derived, declared))


def _check_lengths(declared: Sequence[DeclaredPhase], dimension: int) -> None:
    for phase in declared:
        if len(phase.point) != dimension:
            raise PhaseError(
                f"--phase {phase.name} has a point of {len(phase.point)} numbers; the energy has {dimension} "
                f"coordinate{'s' if dimension > 1 else ''}"
            )


def _renamed(derived: Potential, declared: Sequence[DeclaredPhase]) -> tuple[Phase, ...]:
    """The derived phases under the declared names."""
    own: dict[int, DeclaredPhase] = {}
    walled = derived.boundary == "reflecting"
    for phase in declared:
        outside = any(not a <= x <= b for x, (a, b) in zip(phase.place, derived.box, strict=True))
        number = int(derived.phase_index(phase.place))
        if number < 0 or (walled and outside):
            raise PhaseError(f"--phase {phase.name} lies in no phase of {derived.name}; they are at {_minima(derived)}")
        if number in own:
            raise PhaseError(
                f"--phase {own[number].name} and {phase.name} lie in one phase of {derived.name}; they are at "
                f"{_minima(derived)}"
            )
        own[number] = phase
    if len(own) < len(derived.phases):
        raise PhaseError(
            f"--phase names {len(own)} of the {len(derived.phases)} phases of {derived.name}; give one for each: they "
            f"are at {_minima(derived)}"
        )
    for number, phase in own.items():
        _check_coefficient(phase, derived.phases[number])
    return tuple(replace(phase, name=own[number].name) for number, phase in enumerate(derived.phases))


def _minima(potential: Potential) -> str:
    return " and ".join(_shown(potential.minimum_point(number)) for number in range(len(potential.phases)))


def _shown(place: Array) -> str:
    return f"({', '.join(f'{x:.6g}' for x in place)})"


def _check_coefficient(phase: DeclaredPhase, derived: Phase) -> None:
    """Refuse λ and m that theory contradicts."""
    theirs = (derived.learning_coefficient, derived.multiplicity)
    if phase.learning_coefficient is not None and (phase.learning_coefficient, phase.multiplicity) != theirs:
        raise PhaseError(
            f"--phase {phase.name} declares λ = {phase.learning_coefficient}, m = {phase.multiplicity}; derived are "
            f"λ = {theirs[0]}, m = {theirs[1]}"
        )


# ---- where phases are not derived -----------------------------------------------------------------------------------
def _declared(
    text: str, declared: Sequence[DeclaredPhase], argument: str, reason: str, options: dict[str, Any]
) -> Potential:
    # A phase that fills the box stands in, so that the text is read, bound and walled in one place.
    plain = parse_expression(text, argument)
    names = {name for name, _ in (options.get("parameters") or {}).items()}
    dimension = len({symbol.name for symbol in plain.free_symbols} - names)
    _check_lengths(declared, dimension)
    place = Phase("whole", declared[0].point, sympy.true, _loss(plain, declared[0], options), sympy.S.One)
    outline = Potential.from_expression(text, argument=argument, phases=(place,), **options)
    own = outline.coordinates
    minima = [_minimum(outline, phase) for phase in declared]
    order = left_to_right(range(len(declared)), lambda i: np.array([decimal(x) for x in minima[i]]))
    phases = []
    regions = _regions(outline, [declared[i] for i in order], [minima[i] for i in order], reason)
    for i, region in zip(order, regions, strict=True):
        phases.append(_phase(outline.bound_energy, own, declared[i], minima[i], region))
    found = Potential.from_expression(text, argument=argument, phases=tuple(phases), **options)
    _check_lowest(found)
    return found


def _loss(energy: sympy.Expr, phase: DeclaredPhase, options: dict[str, Any]) -> sympy.Expr:
    values = dict(options.get("parameters") or {})
    free = sorted((s for s in energy.free_symbols if s.name not in values), key=lambda s: natural_key(s.name))
    known = {s: values[s.name] for s in energy.free_symbols if s.name in values}
    return energy.subs(known | dict(zip(free, phase.point, strict=True)))


def _phase(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], declared: DeclaredPhase, minimum: tuple, region: Any
) -> Phase:
    """λ by theory, or else as it is declared."""
    try:
        derived = declare_phase(energy, coordinates, declared.name, minimum, region)
    except (ValueError, NotImplementedError) as refused:
        if declared.learning_coefficient is None:
            raise PhaseError(
                f"--phase {declared.name}: {refused}; give its learning coefficient, --phase {declared.name}=POINT:λ"
            ) from None
        loss = energy.subs(dict(zip(coordinates, minimum, strict=True)))
        multiplicity = declared.multiplicity or 1
        return Phase(declared.name, minimum, sympy.sympify(region), loss, declared.learning_coefficient, multiplicity)
    _check_coefficient(declared, derived)
    return derived


def _minimum(potential: Potential, phase: DeclaredPhase) -> tuple[sympy.Expr, ...]:
    """The declared point where it is a minimum exactly; else the one that descent from it leads to, certified."""
    energy, own = potential.bound_energy, potential.coordinates
    at = dict(zip(own, phase.point, strict=True))
    kinked = any(part.args[0].subs(at).equals(0) for part in energy.atoms(sympy.Abs))
    if kinked or all(sympy.diff(energy, w).subs(at).equals(0) for w in own):
        _check_nearby(potential, phase)
        return phase.point
    place = _descended(potential, phase.place)
    wide = 1e-3 * _room(potential, place)
    small = tuple((float(x - wide), float(x + wide)) for x in place)
    try:
        found = [point for point in certified_points(energy, own, small) if point.is_minimum]
    except PhaseError:
        found = []
    if len(found) != 1:
        raise PhaseError(
            f"--phase {phase.name}: no minimum is certified near {_shown(place)}, where descent from its point leads; "
            "give the minimum exactly"
        )
    return found[0].point


def _room(potential: Potential, place: Array) -> float:
    """A length that is small against the box: its narrowest side, or the distance to its wall."""
    return float(min(min(high - low, 2 * max(abs(x - low), abs(high - x))) for x, (low, high) in zip(
        place, potential.box, strict=True)))  # fmt: skip


def _descended(potential: Potential, place: Array) -> Array:
    """Follow the slope down in steps that never jump: short against the box, and each lower than the last."""
    energy, slope = potential.energy_function(), potential.gradient_function()
    step, here = 1e-2 * _room(potential, place), np.array(place, dtype=float)
    for _ in range(STEPS):
        down = -slope(here)
        if not np.isfinite(down).all() or not down.any():
            break
        while step > 1e-9 * (1e-9 + np.abs(here).max()):
            tried = here + step * down / np.linalg.norm(down)
            if energy(tried) < energy(here):
                break
            step /= 2
        else:
            break
        here = tried
    return here


def _check_nearby(potential: Potential, phase: DeclaredPhase) -> None:
    """Refuse a point beside which the loss is lower."""
    energy, place = potential.energy_function(), phase.place
    d, room = place.size, _room(potential, phase.place)
    directions = np.random.default_rng(0).standard_normal((256, d)) if d > 1 else np.array([[-1.0], [1.0]])
    directions = np.concatenate([directions, np.eye(d), -np.eye(d)])
    directions /= np.linalg.norm(directions, axis=1, keepdims=True)
    here, spread = energy(place), np.abs(energy(place + 0.1 * room * directions) - energy(place)).max()
    slack = 16 * np.finfo(float).eps * max(abs(here), spread)
    low, high = np.array(potential.box).T
    for radius in NEARBY:
        around = place + radius * room * directions
        if potential.boundary == "reflecting":
            around = np.clip(around, low, high)
        if (energy(around) < here - slack).any():
            lower = around[int(energy(around).argmin())]
            raise PhaseError(f"--phase {phase.name} is no minimum: the loss is lower at {_shown(lower)}")


def _regions(
    potential: Potential, declared: Sequence[DeclaredPhase], minima: Sequence[tuple], reason: str
) -> Sequence[Any]:
    """One region for each minimum, from left to right."""
    energy, own = potential.bound_energy, potential.coordinates
    if len(minima) == 1:
        return [sympy.true]
    if len(own) == 1:
        return _intervals(potential, declared, minima)
    walls = potential.box if potential.boundary == "reflecting" else None
    try:
        points = points_of(energy, own, walls)
    except (PhaseError, ExpressionError):
        points = ()
    places = [point.place for point in left_to_right([point for point in points if point.signs[0] >= 0])]
    theirs = [np.array([decimal(x) for x in minimum]) for minimum in minima]
    if len(own) != 2 or len(places) != len(theirs) or not np.allclose(places, theirs, rtol=1e-6, atol=1e-9):
        raise PhaseError(
            f"--phase: regions of {len(theirs)} phases of {len(own)} coordinates follow from all minima and saddles, "
            f"which are not found ({reason.partition('; ')[0]}); in Python regions can be declared"
        )
    return [Basin(energy, own, walls or (), number) for number in range(len(theirs))]


def _intervals(potential: Potential, declared: Sequence[DeclaredPhase], minima: Sequence[tuple]) -> list[Any]:
    (w,), energy = potential.coordinates, compiled(potential.bound_energy, potential.coordinates, ())
    borders = []
    for (one, first), (other, last) in pairwise(zip(declared, minima, strict=True)):
        low, high = decimal(first[0]), decimal(last[0])
        for _ in range(4):  # each time within two places of the highest
            along = np.linspace(low, high, ALONG)
            losses = energy(along[:, None])
            top = int(losses.argmax())
            if top in (0, ALONG - 1):
                raise PhaseError(f"--phase {one.name} and {other.name} have no barrier between them")
            low, high = along[top - 1], along[top + 1]
        borders.append(sympy.Rational(float(along[top])))
    ends = [None, *borders, None]
    return [
        sympy.And(*([] if a is None else [w >= a]), *([] if b is None else [w < b])) for a, b in pairwise(ends)
    ]  # fmt: skip


def _check_lowest(potential: Potential) -> None:
    """Refuse a phase in whose region the loss is lower than at its minimum."""
    count = LOOKED_AT.get(potential.dimension)
    if count is None:
        return
    axes = [np.linspace(low, high, count) for low, high in potential.box]
    points = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, potential.dimension)
    losses, labels = potential.energy_function()(points), potential.phase_index(points)
    unit = float(np.ptp([potential.minimum_loss(number) for number in range(len(potential.phases))])) or 1.0
    for number, phase in enumerate(potential.phases):
        inside, least = labels == number, potential.minimum_loss(number)
        if inside.any() and losses[inside].min() < least - 1e-9 * max(abs(least), unit):
            lower = points[inside][int(losses[inside].argmin())]
            raise PhaseError(
                f"--phase {phase.name}: the loss is lower at {_shown(lower)}, which no other phase holds; give a "
                "phase for every minimum"
            )
