"""Potentials: an energy written once in sympy, and everything that follows from that one expression.

Gradient, Hessian, phases with exact (loss, learning coefficient, multiplicity), numpy functions, LaTeX, and (in
:mod:`slt_toys.kernels.codegen`) compiled kernels. The prior is uniform on the box.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import cached_property, lru_cache
from typing import Any, Literal

import numpy as np
import sympy
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import check_fields, checked_arguments, shown
from ..inputs.names import BOX, DEFICIT
from .confinement import box_pairs, energy_scale, natural_box, require_confinement
from .expression_parts import Function, compiled, decimal, split
from .expressions import ExpressionError, degree_bound, natural_key, parameter_values, parse_expression
from .mirror import centre_of_wells
from .periodic import check_periods, in_period, period_scale, refuse_periodic, wrapped
from .phases import Phase, PhaseError, declare_phase, derive_phases
from .regions import region_labels
from .same_space import deficit_for, in_order_of

__all__ = ["Phase", "PhaseError", "Potential", "PotentialPair", "declare_phase"]

Boundary = Literal["natural", "reflecting", "periodic"]
LARGEST_DIMENSION = 1000
NEAR_THE_MIDDLE = 0.05  # of the distance of two wells: walls about a place as near to their middle are about them
LARGEST_ROUNDING = 1e-6  # of an energy at its minima, in its own unit of loss


@dataclass(frozen=True)
class Potential:
    """A loss L(w) on a box, with its phases; the posterior is ∝ exp(-n_beta L(w)) on the box.

    Attributes
    ----------
    name
        Used in records and messages.
    energy
        sympy expression of the coordinates and the parameters.
    coordinates
        The d real symbols, in the order of every array's last axis.
    parameters
        ``(name, exact value)`` for every other symbol of the energy. Kernels take them as arguments.
    box
        ``(low, high)`` for each coordinate, the support of the uniform prior.
    phases
        Sorted from left to right when d = 1.
    boundary
        ``"natural"``: the energy confines; the box is where mass is at temperatures of the order of its own scales, and
        what is asked at a hotter one gets a wider box (:mod:`slt_toys.potentials.boxes`). ``"reflecting"``: the walls
        are part of the model, at every temperature. ``"periodic"``: the two ends of the box are one place along every
        coordinate, a circle or a torus, and the energy repeats itself by its formula.
    description
        One sentence.
    """

    name: str
    energy: sympy.Expr
    coordinates: tuple[sympy.Symbol, ...]
    parameters: tuple[tuple[str, sympy.Rational], ...]
    box: tuple[tuple[float, float], ...]
    phases: tuple[Phase, ...]
    boundary: Boundary = "natural"
    description: str = ""

    def __post_init__(self) -> None:
        check_fields(self)
        d = len(self.coordinates)
        if not 1 <= d <= LARGEST_DIMENSION:
            raise ValueError(f"coordinates must number 1 to {LARGEST_DIMENSION}, not {d}")
        _check_box(self.box, d)
        check_boundary(self.boundary)
        named = [w.name for w in self.coordinates] + [n for n, _ in self.parameters]
        if len(set(named)) < len(named) and (twice := sorted({name for name in named if named.count(name) > 1})):
            raise ValueError(
                f"coordinates and parameters must all have different names; {', '.join(twice)} comes twice"
            )
        if unknown := {s.name for s in self.energy.free_symbols}.difference(named):
            raise ValueError(f"energy holds {sorted(unknown)}, neither coordinates nor parameters; give their values")
        if len({phase.name for phase in self.phases}) != len(self.phases) or not self.phases:
            raise ValueError("phases must be at least one, with distinct names")
        if any(len(phase.minimum) != d for phase in self.phases):
            raise ValueError(f"every phase needs a minimum of {d} coordinates")
        if self.boundary == "periodic":
            check_periods(self.bound_energy, self.coordinates, self.box)
            for phase in self.phases:
                if not in_period(phase.minimum, self.box):
                    raise ValueError(f"minimum of phase {phase.name!r} must lie in the box, one period, {self.box}")

    def __hash__(self) -> int:
        """Of all fields; kept, since trees of expressions are slow to hash and potentials are looked up often."""
        return self._hash

    @cached_property
    def _hash(self) -> int:
        return hash(tuple(getattr(self, field.name) for field in fields(self)))

    def __getstate__(self) -> dict[str, Any]:
        """Without the hash, which holds in one process."""
        return {name: value for name, value in self.__dict__.items() if name != "_hash"}

    # ---- construction --------------------------------------------------------------------------------------------
    @classmethod
    @checked_arguments
    def from_expression(
        cls,
        expression: str | sympy.Expr,
        box: Sequence[tuple[float, float]] | tuple[float, float] | None = None,
        phases: Sequence[Phase] | None = None,
        name: str = "",
        argument: str = "expression",
        parameters: Mapping[str, float | str | sympy.Expr] | None = None,
        boundary: Boundary | None = None,
    ) -> Potential:
        """Make a potential of a user's own energy; phases and learning coefficients are derived.

        Parameters
        ----------
        expression
            Text such as ``"(w**2-1)**2 - 0.15*w"`` (read without evaluating it) or a sympy expression. Every name
            in it that is no parameter is a coordinate; they are ordered by name.
        box
            ``(low, high)``, or one such pair for each coordinate. With a box the walls reflect; without one the
            energy must confine by itself, and the box follows from all its phases and its own scales.
        phases
            Declared phases, where they cannot be derived.
        name
            Defaults to the expression.
        argument
            What to call the expression in an error message.
        parameters
            Values of the names that are no coordinates, such as ``{"tilt": 0.15}``; decimals and text are exact.
        boundary
            ``"reflecting"``, as every box is unless something else is said; ``"periodic"``: the box is one period of
            the energy along every coordinate, a circle or a torus, such as ``box=(0, 2*pi)`` of ``cos(w)``;
            ``"natural"``: no box.

        Raises
        ------
        ValueError
            In one line: text that is not arithmetic, an energy that is not bounded below or does not confine, phases
            that cannot be derived, a boundary that does not go with the box or an energy that does not repeat itself.
        """
        boundary = check_boundary(boundary, box is not None)
        energy = parse_expression(expression, argument) if isinstance(expression, str) else sympy.sympify(expression)
        values = parameter_values(parameters or {}, energy)
        coordinates = tuple(sorted(energy.free_symbols, key=lambda s: natural_key(s.name)))
        coordinates = tuple(s for s in coordinates if s.name not in values)
        if not coordinates:
            raise ExpressionError(
                f"{argument} {sympy.sstr(energy)!r} holds no coordinate; write it in w, or in w1, w2, ..."
            )
        energy = energy.xreplace({s: sympy.Symbol(s.name, real=True) for s in energy.free_symbols})
        coordinates = tuple(sympy.Symbol(s.name, real=True) for s in coordinates)
        if energy.has(sympy.Float):
            energy = sympy.nsimplify(energy, rational=True)
        if degree_bound(energy) > 64:
            raise ExpressionError(f"{argument} has a degree above 64, the largest supported")
        name = name or sympy.sstr(energy)
        bound = energy.xreplace({s: values[s.name] for s in energy.free_symbols if s.name in values})
        if box is not None:
            walls = tuple((float(low), float(high)) for low, high in box_pairs(box, len(coordinates)))
            _check_box(walls, len(coordinates))
            if boundary == "periodic":
                check_periods(bound, coordinates, walls, argument)
        else:
            require_confinement(bound, coordinates, argument)
            walls = None
        own = tuple(phases) if phases is not None else derive_phases(bound, coordinates, walls, boundary == "periodic")
        walls = walls or _natural_walls(bound, coordinates, own)
        potential = cls(name, energy, coordinates, tuple(values.items()), walls, own, boundary)
        _check_rounding(potential, argument)
        return potential

    # ---- exact ---------------------------------------------------------------------------------------------------
    @property
    def dimension(self) -> int:
        """Number of coordinates, d."""
        return len(self.coordinates)

    @cached_property
    def bound_energy(self) -> sympy.Expr:
        """The energy with the parameters' exact values put in."""
        values = dict(self.parameters)
        return self.energy.xreplace({s: values[s.name] for s in self.energy.free_symbols if s.name in values})

    def latex(self) -> str:
        """The energy in LaTeX."""
        return sympy.latex(self.energy)

    def phase_number(self, phase: str | int) -> int:
        """Index of a phase given by name or index.

        Raises
        ------
        ValueError
            When there is no such phase; the message lists those there are.
        """
        names = [p.name for p in self.phases]
        if isinstance(phase, str) and phase in names:
            return names.index(phase)
        if isinstance(phase, int | np.integer) and 0 <= phase < len(names):
            return int(phase)
        raise ValueError(f"phase {shown(phase)} is not one of {self.name}'s phases: {', '.join(map(repr, names))}")

    def minimum_point(self, phase: str | int) -> NDArray[np.float64]:
        """A point of the phase's minimum set, shape (d,)."""
        return np.array(self._minima[self.phase_number(phase)])

    def minimum_loss(self, phase: str | int) -> float:
        """The phase's loss L_α as a float."""
        return self._losses[self.phase_number(phase)]

    @cached_property
    def _minima(self) -> tuple[tuple[float, ...], ...]:
        return tuple(tuple(float(sympy.N(x, 30)) for x in phase.minimum) for phase in self.phases)

    @cached_property
    def _losses(self) -> tuple[float, ...]:
        return tuple(decimal(phase.loss) for phase in self.phases)

    def barrier(self, index: int = 0) -> float:
        """Where phase ``index`` meets the next one, in one dimension; on a circle the last one meets the first."""
        return self.phase_interval(index)[1]

    def phase_interval(self, phase: str | int) -> tuple[float, float]:
        """The phase's interval, cut by the box, in one dimension.

        On a circle a phase that reaches across the cut has one end beyond the box, on the side where its minimum is.

        Raises
        ------
        ValueError
            When the potential has more than one coordinate, or the phase's region is no interval.
        """
        if self.dimension != 1:
            raise ValueError(f"phase_interval needs a potential with one coordinate; {self.name} has {self.dimension}")
        number = self.phase_number(phase)
        region, (low, high) = self.phases[number].region, self.box[0]
        if isinstance(region, sympy.Or) and self.boundary == "periodic":
            return self._interval_across(region, self._minima[number][0])
        for condition in sympy.And.make_args(region) if region is not sympy.true else ():
            edge, below = interval_edge(condition, self.coordinates[0])
            if below:
                high = min(high, float(sympy.N(edge, 30)))
            else:
                low = max(low, float(sympy.N(edge, 30)))
        return low, high

    def _interval_across(self, region: sympy.Or, minimum: float) -> tuple[float, float]:
        edges = [interval_edge(condition, self.coordinates[0]) for condition in region.args]
        if sorted(below for _, below in edges) != [False, True]:
            raise ValueError(f"region {region} is no interval of a circle; give it by two inequalities joined by Or")
        upper, lower = (decimal(next(e for e, below in edges if below == side)) for side in (True, False))
        period = self.box[0][1] - self.box[0][0]
        return (lower - period, upper) if minimum < upper else (lower, upper + period)

    # ---- numeric -------------------------------------------------------------------------------------------------
    def energy_function(self) -> Function:
        """Numpy function of points (..., d) that returns losses (...)."""
        return compiled(self.bound_energy, self.coordinates, ())

    def gradient_function(self) -> Function:
        """Numpy function of points (..., d) that returns gradients (..., d)."""
        return compiled(self._derivatives(1), self.coordinates, (self.dimension,))

    def hessian_function(self) -> Function:
        """Numpy function of points (..., d) that returns Hessians (..., d, d)."""
        return compiled(self._derivatives(2), self.coordinates, (self.dimension,) * 2)

    def _derivatives(self, order: int) -> sympy.Tuple:
        gradient = [sympy.diff(self.bound_energy, w) for w in self.coordinates]
        if order == 1:
            return sympy.Tuple(*gradient)
        second = sympy.Tuple(*(sympy.diff(slope, w) for slope in gradient for w in self.coordinates))
        return second.replace(sympy.DiracDelta, lambda *_: sympy.S.Zero)  # of kinks, which no point hits

    def phase_index(self, points: ArrayLike) -> NDArray[np.int64]:
        """Index of the phase that holds each point (..., d), or -1 outside every region; shape (...)."""
        regions = tuple(phase.region for phase in self.phases)
        places = np.asarray(points, dtype=float)
        if self.boundary == "periodic":
            places = wrapped(places, self.box)
        return region_labels(regions, self.coordinates)(places)

    # ---- structure -----------------------------------------------------------------------------------------------
    def components(self) -> tuple[tuple[int, ...], ...]:
        """Groups of coordinates that do not interact: the energy is a sum over the groups."""
        return tuple(group for group, _ in split(self.energy, self.coordinates))

    def component_energy(self, index: int) -> sympy.Expr:
        """The terms of the energy that hold the coordinates of one group; constants go with the first group."""
        return split(self.energy, self.coordinates)[index][1]

    def component(self, index: int) -> Potential:
        """The potential of one group of :meth:`components` alone; constants go with the first group."""
        return _component(self, index)


@lru_cache(maxsize=256)  # deriving phases takes long
def _component(whole: Potential, index: int) -> Potential:
    parts = split(whole.energy, whole.coordinates)
    if len(parts) == 1:
        return whole
    group, energy = parts[index]
    coordinates = tuple(whole.coordinates[i] for i in group)
    parameters = tuple((n, v) for n, v in whole.parameters if n in {s.name for s in energy.free_symbols})
    bound = energy.xreplace({s: dict(parameters)[s.name] for s in energy.free_symbols - set(coordinates)})
    box = tuple(whole.box[i] for i in group)
    return Potential(
        f"{whole.name}[{index}]", energy, coordinates, parameters, box,
        derive_phases(bound, coordinates, box, whole.boundary == "periodic"), whole.boundary,
    )  # fmt: skip


@dataclass(frozen=True)
class PotentialPair:
    """A critical period's two potentials: the deficit's, then the clean one's.

    Attributes
    ----------
    name
        Used in records.
    deficit, clean
        Potentials over the same coordinates. Coordinates of the deficit that are given in another order are brought to
        the clean one's, and its phases are called as the clean one's in whose regions they lie.
    stuck_phase
        The phase the deficit prefers and the clean data do not: mass left in its *clean* region at the end is stuck.
    """

    name: str
    deficit: Potential
    clean: Potential
    stuck_phase: str

    def __post_init__(self) -> None:
        check_fields(self)
        pair = in_order_of(self.clean.coordinates, deficit=self.deficit, clean=self.clean)
        object.__setattr__(self, "deficit", pair[0])
        for role, potential in (("deficit", self.deficit), ("clean", self.clean)):
            if len(potential.phases) < 2:
                raise ValueError(
                    f"{role} potential {potential.name} has one phase; a critical period needs two, "
                    "such as (w**2-1)**2 - 0.15*w"
                )
        object.__setattr__(self, "deficit", deficit_for(self.deficit, self.clean, self.stuck_phase))


def check_boundary(boundary: Any, box: bool | None = None) -> Boundary:
    """The boundary of a potential that has a ``box`` or none, "reflecting" or "natural" where it is not said.

    Raises
    ------
    ValueError
        In one line, for what is none, or does not go with a box or its absence; the names are those of
        :meth:`Potential.from_expression`.
    """
    if boundary is None and box is not None:
        return "reflecting" if box else "natural"
    if not isinstance(boundary, str) or boundary not in ("natural", "reflecting", "periodic"):
        mixed = ", one for all coordinates" if isinstance(boundary, list | tuple | dict) else ""
        raise ValueError(f"boundary must be 'natural', 'reflecting' or 'periodic'{mixed}, not {shown(boundary)}")
    if box is False and boundary != "natural":
        what = "one period along every coordinate" if boundary == "periodic" else "walls"
        raise ValueError(f"boundary={boundary!r} needs box=, {what}, such as (0, 2*pi)")
    if box is True and boundary == "natural":
        raise ValueError("boundary='natural' is for an energy without box=; leave one of them out")
    return boundary


def interval_edge(condition: sympy.Basic, w: sympy.Symbol) -> tuple[sympy.Expr, bool]:
    """Where a linear inequality in one coordinate ends, exactly, and whether it holds below that place.

    Raises
    ------
    ValueError
        For anything else.
    """
    if isinstance(condition, sympy.core.relational.Relational) and hasattr(condition, "gts"):
        difference = condition.gts - condition.lts
        slope = sympy.diff(difference, w)
        if slope.is_number and slope != 0:
            return -difference.subs(w, 0) / slope, bool(slope < 0)
    raise ValueError(f"region {condition} is no interval; give it by inequalities such as {w} < 1, joined by And")


@checked_arguments
def mirrored_pair(clean: Potential) -> PotentialPair:
    """Pair a one-dimensional two-phase energy with its mirror image as the deficit.

    It is mirrored about the middle of its wells, :func:`slt_toys.potentials.mirror.centre_of_wells`: about 0 for
    (w² - 1)² - 0.15 w. Walls that reflect stay where they are, so there it is mirrored about the middle between them,
    which has to lie half way between the minima to a twentieth of their distance.

    Raises
    ------
    ValueError
        When the energy does not have one coordinate and two phases of different loss.
    """
    if clean.dimension != 1 or len(clean.phases) != 2:
        raise ValueError(
            f"potential {clean.name} has {clean.dimension} coordinate(s) and {len(clean.phases)} phase(s); without "
            f"{DEFICIT} it needs one coordinate and two phases, such as (w**2-1)**2 - 0.15*w"
        )
    refuse_periodic("a mirror image", f"give {DEFICIT}", clean=clean)
    w = clean.coordinates[0]
    losses = [clean.minimum_loss(0), clean.minimum_loss(1)]
    if losses[0] == losses[1]:
        raise ValueError(
            f"potential {clean.name} has phases of equal loss, so its mirror image is no deficit; give {DEFICIT}"
        )
    low, high = clean.box[0]
    left, right = (clean.minimum_point(i)[0] for i in (0, 1))
    if clean.boundary == "reflecting":
        twice = sympy.Rational(low) + sympy.Rational(high)
        if abs(float(twice) - left - right) > NEAR_THE_MIDDLE * 2 * (right - left):
            raise ValueError(
                f"potential {clean.name} has walls at {low:g} and {high:g}, so its mirror image lies between others; "
                f"give {BOX} about the middle of its wells, {(left + right) / 2:.3g}, or {DEFICIT}"
            )
    else:
        twice = 2 * centre_of_wells(clean.bound_energy, w, *(phase.minimum[0] for phase in clean.phases))
    energy = clean.bound_energy.subs(w, twice - w)
    box = clean.box if clean.boundary == "reflecting" else ((float(twice) - high, float(twice) - low),)
    phases = _mirrored(clean, energy, box, twice)
    deficit = Potential(f"mirror of {clean.name}", energy, (w,), (), box, phases, clean.boundary)
    return PotentialPair(clean.name, deficit, clean, clean.phases[int(np.argmax(losses))].name)


def _mirrored(
    clean: Potential, energy: sympy.Expr, box: tuple[tuple[float, float], ...], twice: sympy.Expr
) -> tuple[Phase, ...]:
    """Phases of a mirror image, under the clean ones' names from left to right."""
    (w,) = clean.coordinates
    try:
        phases = derive_phases(energy, (w,), None if clean.boundary == "natural" else box)
    except (PhaseError, ExpressionError):  # the clean ones were declared
        phases = tuple(
            replace(phase, minimum=(twice - phase.minimum[0],), region=phase.region.subs(w, twice - w))
            for phase in reversed(clean.phases)
        )
    return tuple(replace(phase, name=own.name) for phase, own in zip(phases, clean.phases, strict=True))


def _natural_walls(
    energy: sympy.Expr, coordinates: tuple[sympy.Symbol, ...], phases: Sequence[Phase]
) -> tuple[tuple[float, float], ...]:
    """Box from the minima of all phases, component by component."""
    walls = [(0.0, 0.0)] * len(coordinates)
    for group, own in split(energy, coordinates):
        minima = [tuple(phase.minimum[i] for i in group) for phase in phases]
        for i, wall in zip(group, natural_box(own, tuple(coordinates[i] for i in group), minima), strict=True):
            walls[i] = wall
    return tuple(walls)


def _check_rounding(potential: Potential, argument: str) -> None:
    """Refuse an energy whose doubles are no use near a minimum: large terms that cancel, or a large constant."""
    energy, nearby = potential.energy_function(), np.arange(-8, 9) * np.finfo(float).eps
    for number, group in enumerate(potential.components()):
        minima = {tuple(phase.minimum[i] for i in group) for phase in potential.phases}
        own = tuple(potential.coordinates[i] for i in group)
        walls = None if potential.boundary == "natural" else tuple(potential.box[i] for i in group)
        values = dict(potential.parameters)
        part = potential.component_energy(number)
        part = part.xreplace({s: values[s.name] for s in part.free_symbols if s.name in values})
        if potential.boundary == "periodic" and walls:
            unit = period_scale(part, own, tuple(minima), walls)
        else:
            unit = energy_scale(part, own, tuple(minima), walls)
        for phase in potential.phases:
            point = potential.minimum_point(phase.name)
            places = np.repeat(point[None], nearby.size, axis=0)
            places[:, list(group)] *= 1 + nearby[:, None]
            loss = decimal(phase.loss)
            exact = decimal(potential.bound_energy.subs(dict(zip(potential.coordinates, phase.minimum, strict=True))))
            if abs(exact - loss) > LARGEST_ROUNDING * unit + 4 * float(np.spacing(abs(loss))):
                raise PhaseError(
                    f"phase {phase.name!r} declares loss {loss:.12g}, but {argument} is {exact:.12g} at its minimum"
                )
            error = max(float(np.abs(energy(places) - loss).max()), float(np.spacing(abs(loss))))
            if error > LARGEST_ROUNDING * unit:
                raise ExpressionError(
                    f"{argument} {sympy.sstr(potential.energy)[:60]!r} cancels to {error:.1g} at the minimum of phase "
                    f"{phase.name!r}, too much beside its own scale {unit:.1g}; write it about its minima, as in "
                    "(w-1000)**2, and without a large constant"
                )


def _check_box(box: Sequence[tuple[float, float]], dimension: int) -> None:
    if len(box) != dimension or any(not (np.isfinite([low, high]).all() and low < high) for low, high in box):
        raise ValueError(f"box must hold {dimension} finite pairs (low, high) with low < high, not {tuple(box)}")
