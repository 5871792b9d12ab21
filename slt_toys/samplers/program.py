"""What the engine runs: a compiled kernel with the rows it needs, and how to start it."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any, ClassVar, Protocol

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import checked_arguments, shown
from ..kernels.frame import LANES
from ..potentials.boxes import box_at
from ..potentials.kinks import kink_places
from ..potentials.potential import Potential
from .step_bias import Stepping

Array = NDArray[np.float64]
BESIDE = 1e-8  # of the box, from a kink to where its slopes are read
OF_A_KINK = 8.0  # J²/T: a Heun step of half of 2 over that leaves .3 % in the mean of J|w| (measured)
Summary = dict[str, tuple[tuple[str, ...], Array]]


@dataclass(frozen=True)
class Program:
    """A sampler compiled for a potential."""

    # Rows of 64 lanes that a block's state and its scratch take; the first d rows of the state are the positions.
    rows: int
    scratch_rows: int
    # advance(state, bits, scratch, parameters, steps, step_size, temperature, first, records, out)
    advance: Callable[..., None]
    # prepare(state, parameters) fills in what the kernel keeps besides positions and momenta.
    prepare: Callable[[Array, Array], None] | None = None
    momenta: bool = False  # whether the d rows after the positions are, to be drawn from the Maxwell law at the start
    # Whether a following stage of the same sampler goes on from the whole state (SGD's momentum), not positions alone.
    carries_state: bool = False
    # begin(state, parameters, temperature, generators) fills the whole state from its first d rows, in place of prepare
    # and momenta; generators holds one of numpy's for each block.
    begin: Callable[[Array, Array, float, Sequence[np.random.Generator]], None] | None = None
    # summary(state, steps) makes statistics of a stage from its final state (chains, rows): names to dimensions, the
    # first of them "chain", and arrays.
    summary: Callable[[Array, int], Summary] | None = None
    scratch: str = "normals"  # what it keeps there from step to step: another sampler's is not read
    streams: int = 1  # random streams of 64 lanes that a block takes; its bits hold them one after the other

    def started(
        self,
        places: Array,
        parameters: Array,
        temperature: float,
        generators: Callable[[], Sequence[np.random.Generator]],
    ) -> Array:
        """State of blocks (blocks, rows · 64) at the start of a stage, from positions (blocks, d · 64)."""
        state = np.zeros((len(places), LANES * self.rows))
        width = places.shape[1]
        state[:, :width] = places
        if self.begin is not None:
            self.begin(state, parameters, temperature, generators())
            return state
        if self.momenta:
            for row, random in zip(state, generators(), strict=True):
                row[width : 2 * width] = np.sqrt(temperature) * random.standard_normal(width)
        if self.prepare is not None:
            self.prepare(state, parameters)
        return state


class Sampler(Protocol):
    """A small frozen dataclass that names its parameters and can be compiled for a target.

    The target is a :class:`~slt_toys.potentials.potential.Potential`; for SGD it is a set of examples that has one.
    """

    takes_n_beta: ClassVar[bool]

    @property
    def step_size(self) -> ArrayLike:
        """Time per step, one number or one for each step."""
        ...

    def program(self, target: Any, /) -> Program:
        """Compile for a target."""
        ...

    def largest_stable_step(self, potential: Potential, temperature: float) -> float:
        """Largest step that does not diverge where the posterior lives."""
        ...

    def stepping(self, target: Any, n_beta: float | None, /) -> Stepping:
        """What decides the bias of a run at a fixed step and temperature."""
        ...


def potential_of(target: Any) -> Potential:
    """The potential whose phases a target's draws lie in: the target itself, or the one that examples carry."""
    own = target if isinstance(target, Potential) else getattr(target, "potential", None)
    if not isinstance(own, Potential):
        raise ValueError(f"potential must be a Potential, or examples that have one, not {shown(target)}")
    return own


@checked_arguments
def accepted_share(row: int) -> Callable[[Array, int], Summary]:
    """Summary of a sampler that counts accepted proposals in a row of its state."""
    return lambda state, steps: {"acceptance": (("chain",), state[:, row] / steps)}


def largest_curvature(potential: Potential, temperature: float, multiples: float = 10.0) -> float:
    """Largest curvature where the posterior lives.

    Parameters
    ----------
    potential
        Of any dimension; independent components are treated one by one.
    temperature
        In units of loss.
    multiples
        "Where the posterior lives" is loss below the minimum + this many temperatures.

    Returns
    -------
    float
        Of the Hessian's eigenvalues the largest magnitude, or what kinks on a line ask for; 0 for a flat energy.
    """
    curvature = 0.0
    for k in range(len(potential.components())):
        part = potential.component(k)
        low, high = np.array(box_at(part, temperature)).T
        points = low + (high - low) * np.random.default_rng(0).random((20_000, part.dimension))
        points = np.concatenate([points, [part.minimum_point(i) for i in range(len(part.phases))]])
        losses = part.energy_function()(points)
        inside = points[losses <= losses.min() + multiples * temperature]
        level = losses.min() + multiples * temperature
        curvature = max(curvature, float(np.abs(np.linalg.eigvalsh(part.hessian_function()(inside))).max()))
        if part.dimension == 1:
            curvature = max(curvature, _curvature_of_kinks(part, temperature, level, float(low[0]), float(high[0])))
    return curvature


def _curvature_of_kinks(potential: Potential, temperature: float, level: float, low: float, high: float) -> float:
    """What a step must take kinks for: J|w| is T/J wide, and a step must move little within that."""
    places = np.array(kink_places(potential.bound_energy, potential.coordinates[0], low, high))
    places = places[potential.energy_function()(places[:, None]) <= level] if places.size else places
    if not places.size:
        return 0.0
    slope, beside = potential.gradient_function(), BESIDE * (high - low)
    jumps = slope((places + beside)[:, None]) - slope((places - beside)[:, None])
    return float(OF_A_KINK * np.abs(jumps / 2).max() ** 2 / temperature)


@checked_arguments
def check_step_size(value: ArrayLike, name: str = "step_size") -> None:
    """Refuse a step size that is not positive and finite, or is neither a number nor one for each step."""
    values = np.asarray(value, dtype=float)
    if values.ndim > 1 or not np.isfinite(values).all() or not (values > 0).all():
        raise ValueError(f"{name} must be positive (one number, or one for each step), not {shown(value)}")


def with_constants(kernel: Callable[..., None], constants: Sequence[Any], *arguments: Any) -> None:
    """Advance by a kernel that takes constants of its own before the last three of the usual arguments."""
    *before, first, records, out = arguments
    kernel(*before, *constants, first, records, out)
