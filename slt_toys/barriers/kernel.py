"""The forward kernel of a smooth decline: the probability to end stuck behind a barrier of a given height.

A population of independent two-phase subsystems, energies h U(w) of one shape U and many scales h, declines as
S(e) = Σ weight · P_stuck(e; height). Time and temperature scale with h: the subsystem of scale h at temperature T for a
time t is the unit one at T/h for a time h t. Three ways to the kernel:

============== ======================================================================================================
fokker_planck  the Fokker-Planck equation of each scale, exact up to the grid
eyring_kramers two states that exchange mass at singular Eyring-Kramers rates [eq:singular-eyring-kramers]; right
               where subsystems freeze at barriers of many temperatures
gumbel         one-way escapes and nothing else [eq:sliding-barrier, eq:barrier-spectrum-kernel-width,
               eq:barrier-spectrum-kernel], endless exponential decay
============== ======================================================================================================
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Literal

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.interpolate import CubicSpline

from ..exact.kinetics import barrier_form, kramers_prefactor, well_form
from ..inputs.arguments import check_fields, checked_arguments
from ..potentials.periodic import refuse_periodic
from ..potentials.potential import Potential, PotentialPair
from ..protocol.exact import stuck_by_switch
from ..protocol.schedule import Ending, Start
from ..protocol.training import ExponentialDecay, Training
from ..reference.laws import law
from .decline import Decline

Array = NDArray[np.float64]
Method = Literal["fokker_planck", "eyring_kramers", "gumbel"]
METHODS = ("fokker_planck", "eyring_kramers", "gumbel")
NODE_SPACING = 0.05  # in log height: a third of a kernel width, where a cubic spline is good to 1e-4 (tested)

__all__ = ["BarrierKernel", "barrier_height", "barrier_kernel", "stuck_probabilities"]


@dataclass(frozen=True, eq=False)
class BarrierKernel:
    """P_stuck as a function of the barrier height, for every switch epoch.

    Attributes
    ----------
    switch_epochs
        Shape (n,).
    nodes
        Increasing barrier heights in units of loss at which it was computed, shape (m,).
    values
        Probabilities, shape (m, n).
    method
        How.
    """

    switch_epochs: NDArray[np.int64]
    nodes: Array
    values: Array
    method: str

    def __post_init__(self) -> None:
        check_fields(self)
        if np.shape(self.values) != (np.size(self.nodes), np.size(self.switch_epochs)) or np.size(self.nodes) < 4:
            raise ValueError(
                f"values must have shape (nodes, switch_epochs) with at least 4 nodes, not {np.shape(self.values)}"
            )
        _check_heights(self.nodes)
        if (np.diff(self.nodes) <= 0).any():
            raise ValueError("nodes must increase: barrier heights at which the kernel is known")

    @property
    def lowest(self) -> float:
        """Smallest barrier height."""
        return float(self.nodes[0])

    @property
    def highest(self) -> float:
        """Largest barrier height."""
        return float(self.nodes[-1])

    @cached_property
    def _spline(self) -> CubicSpline:
        return CubicSpline(np.log(self.nodes), self.values, axis=0)

    def __call__(self, heights: ArrayLike) -> Array:
        """Probabilities for heights of any shape: (*shape, n).

        Raises
        ------
        ValueError
            For heights outside the nodes.
        """
        logs = np.log(self._check(heights))
        return self._spline(np.clip(logs, np.log(self.lowest), np.log(self.highest)))

    def check_epochs(self, decline: Decline) -> None:
        """Refuse a decline of other switch epochs."""
        if not np.array_equal(self.switch_epochs, decline.switch_epochs):
            raise ValueError("kernel must be computed at the decline's switch_epochs; they differ")

    def log_width(self, height: float) -> float:
        """Width κ_G of the step at a height, in log height, from the switch epoch whose step is steepest nearest to it.

        The Gumbel law's slope is at most its rise over e κ_G. So rise / (e · steepest slope) is
        [eq:barrier-spectrum-kernel-width] over the height where that law holds, and a width of any kernel.
        """
        _, centres, widths, _ = self._steps
        return float(widths[self._nearest(height, centres)])

    def step_at(self, height: float) -> tuple[int, float, float]:
        """The step nearest to a height: index of its switch epoch, its rise, and the switch epochs in one width."""
        rows, centres, widths, rises = self._steps
        nearest = self._nearest(height, centres)
        window = slice(max(nearest - 1, 0), nearest + 2)
        if centres[window].size < 2:
            raise ValueError("switch_epochs must hold at least two steps of the kernel to tell how fast they slide")
        speed = abs(np.polyfit(rows[window], centres[window], 1)[0])
        return int(rows[nearest]), float(rises[nearest]), float(widths[nearest] / speed)

    def _nearest(self, height: float, centres: Array) -> int:
        return int(np.argmin(np.abs(centres - np.log(self._check(height)))))

    @cached_property
    def _steps(self) -> tuple[NDArray[np.int64], Array, Array, Array]:
        """Indices of the switch epochs whose steepest point lies inside the nodes; its log height, width and rise."""
        log_nodes = np.linspace(np.log(self.lowest), np.log(self.highest), 2000)
        slope, value = self._spline(log_nodes, 1), self._spline(log_nodes)
        steepest = slope.argmax(axis=0)
        rows = np.flatnonzero((steepest > 0) & (steepest < log_nodes.size - 1))
        if not rows.size:
            raise ValueError("nodes must hold a step of the kernel for at least one switch epoch; widen the heights")
        rises = np.ptp(value, axis=0)[rows]
        return rows, log_nodes[steepest[rows]], rises / (np.e * slope.max(axis=0)[rows]), rises

    def _check(self, heights: ArrayLike) -> Array:
        values = _check_heights(heights)
        slack = 1e-9
        if values.size and (values.min() < self.lowest * (1 - slack) or values.max() > self.highest * (1 + slack)):
            raise ValueError(
                f"heights must lie between {self.lowest:g} and {self.highest:g}, where the kernel is known, not "
                f"between {values.min():g} and {values.max():g}"
            )
        return values


@checked_arguments
def barrier_kernel(
    pair: PotentialPair,
    training: Training,
    switch_epochs: Sequence[int] | NDArray[np.int64],
    ending: Ending,
    lowest: float,
    highest: float,
    *,
    method: Method = "fokker_planck",
    start: Start = "equilibrium",
    cells: int | None = None,
    spacing: float = NODE_SPACING,
) -> BarrierKernel:
    """Compute the kernel between two barrier heights, evenly in log height, for splines between.

    Parameters
    ----------
    pair, training, switch_epochs, ending, method, start, cells
        As in :func:`stuck_probabilities`.
    lowest, highest
        Range of barrier heights, in units of loss.
    spacing
        Of the nodes, in log height.
    """
    _check_heights([lowest, highest])
    if not (highest > lowest and spacing > 0):
        raise ValueError(f"highest must exceed lowest and spacing 0, not {lowest:g}, {highest:g} and {spacing:g}")
    nodes = np.geomspace(lowest, highest, max(4, 1 + int(np.ceil(np.log(highest / lowest) / spacing))))
    values = stuck_probabilities(pair, training, switch_epochs, ending, nodes, method=method, start=start, cells=cells)
    return BarrierKernel(np.asarray(switch_epochs), nodes, values, method)


@checked_arguments
def stuck_probabilities(
    pair: PotentialPair,
    training: Training,
    switch_epochs: Sequence[int] | NDArray[np.int64],
    ending: Ending,
    heights: ArrayLike,
    *,
    method: Method = "fokker_planck",
    start: Start = "equilibrium",
    cells: int | None = None,
) -> Array:
    """Final stuck mass of subsystems whose clean barrier, out of the stuck phase, has the given heights.

    Parameters
    ----------
    pair
        The shape: one coordinate, two phases. Both potentials are scaled by height / :func:`barrier_height`.
    training, switch_epochs, ending, start
        The protocol; see :func:`slt_toys.protocol.exact.exact_stuck_probability`.
    heights
        Barrier heights in units of loss, shape (m,).
    method
        See the head of this module. ``"gumbel"`` knows only ``ExponentialDecay``, no ending and no way back.
    cells
        Of the Fokker-Planck grid.

    Returns
    -------
    Probabilities, shape (m, len(switch_epochs)).

    Raises
    ------
    ValueError
        In one line, for a pair of another kind, heights that are not positive, or a method that does not apply.
    """
    if method not in METHODS:
        raise ValueError(f"method must be one of {', '.join(METHODS)}, not {method!r}")
    unit = barrier_height(pair)
    heights = np.atleast_1d(_check_heights(heights))
    switches = np.asarray(switch_epochs)
    if switches.ndim != 1 or not switches.size or switches.dtype.kind not in "iu" or (np.diff(switches) <= 0).any():
        raise ValueError(f"switch_epochs must be whole numbers that increase, not {switches.tolist()}")
    if switches[0] < 0 or (ending.kind == "total" and switches[-1] > ending.epochs):
        raise ValueError(f"switch_epochs must lie between 0 and the end of training, not from {switches[0]} to "
                         f"{switches[-1]}")  # fmt: skip
    scales = heights / unit
    if method == "gumbel":
        return _gumbel(pair, training, switches, heights, scales)
    last = ending.last_epoch(int(switches[-1]))
    temperatures, durations = training.temperatures(last), training.durations(last)
    if method == "eyring_kramers":
        return _two_states(pair, temperatures, durations, switches, ending, scales, start)
    stuck = np.empty((scales.size, switches.size))
    for row, scale in zip(stuck, scales, strict=True):
        row[:] = stuck_by_switch(
            pair, temperatures / scale, durations * scale, switches, ending, start=start, cells=cells
        )
    return stuck


@checked_arguments
def barrier_height(pair: PotentialPair) -> float:
    """Height of the clean potential's barrier above the minimum of the stuck phase, in units of loss.

    Raises
    ------
    ValueError
        For a pair that has not one coordinate and two phases.
    """
    if pair.clean.dimension != 1 or len(pair.clean.phases) != 2 or len(pair.deficit.phases) != 2:
        raise ValueError(
            f"pair {pair.name} must have one coordinate and two phases to give a family of barriers, such as "
            "find_pair('regular_double_well')"
        )
    _one_barrier(pair)
    return barrier_form(pair.clean).loss - pair.clean.minimum_loss(pair.stuck_phase)


def _one_barrier(pair: PotentialPair) -> None:
    """Refuse a circle, where two wells meet over two barriers."""
    instead = "give walls, boundary='reflecting', or ask exact_stuck_probability for the pair itself"
    refuse_periodic("a family over one barrier", instead, pair=pair.clean)


def _check_heights(heights: ArrayLike) -> Array:
    values = np.asarray(heights, dtype=float)
    if not (np.isfinite(values) & (values > 0)).all():
        raise ValueError(f"heights must be positive and finite barrier heights, not {values.tolist()}")
    return values


# ---- two states ----------------------------------------------------------------------------------------------------
def _rates(potential: Potential, stuck_phase: str, temperatures: Array) -> tuple[Array, Array]:
    """Rates out of and into the stuck phase at temperatures of any shape [eq:singular-eyring-kramers]."""
    barrier = barrier_form(potential)
    stuck = potential.phase_number(stuck_phase)
    wells = [well_form(potential, phase) for phase in (stuck, 1 - stuck)]
    out, back = (
        kramers_prefactor(well, barrier, temperatures) * np.exp(-(barrier.loss - well.loss) / temperatures)
        for well in wells
    )
    return out, back


def _two_states(
    pair: PotentialPair,
    temperatures: Array,
    durations: Array,
    switches: NDArray,
    ending: Ending,
    scales: Array,
    start: str,
) -> Array:
    """Stuck mass of two states with the rates of each epoch, for every scale; exact within each epoch."""
    _one_barrier(pair)
    cold, long = temperatures / scales[:, None], durations * scales[:, None]
    tables = []
    for potential in (pair.deficit, pair.clean):
        out, back = _rates(potential, pair.stuck_phase, cold)
        total = out + back
        level = np.divide(back, total, out=np.full_like(total, 0.5), where=total > 0)
        tables.append((level, np.exp(-total * long)))
    (deficit_level, deficit_kept), (clean_level, clean_kept) = tables
    stuck = deficit_level[:, 0].copy() if start == "equilibrium" else np.ones(scales.size)
    columns = np.zeros((scales.size, switches.size))
    ends = np.array([ending.last_epoch(int(switch)) for switch in switches])
    for epoch in range(temperatures.size):
        columns[:, switches == epoch] = stuck[:, None]
        running = (switches <= epoch) & (epoch < ends)
        level, kept = clean_level[:, epoch, None], clean_kept[:, epoch, None]
        columns[:, running] = level + (columns[:, running] - level) * kept
        stuck = deficit_level[:, epoch] + (stuck - deficit_level[:, epoch]) * deficit_kept[:, epoch]
    columns[:, switches == temperatures.size] = stuck[:, None]
    return columns


def _gumbel(pair: PotentialPair, training: Training, switches: NDArray, heights: Array, scales: Array) -> Array:
    """The law of rare one-way escapes; its rate is that of the stuck phase's well."""
    _one_barrier(pair)
    schedule = training.learning_rate_at
    if not isinstance(schedule, ExponentialDecay):
        raise ValueError("method 'gumbel' is a law of exponential decay; give learning_rate_at=ExponentialDecay(...)")
    well, barrier = well_form(pair.clean, pair.stuck_phase), barrier_form(pair.clean)
    power = 1 - 1 / (2 * well.half_order) - 1 / (2 * barrier.half_order)
    prefactor = kramers_prefactor(well, barrier, 1.0)
    epochs = int(switches[-1]) + 1
    temperature = training.temperatures(epochs)[switches]
    sliding = law("sliding-barrier")(
        attempt_rate=prefactor * scales[:, None] ** (1 - power), rate_temperature_power=power, temperature=temperature,
        epoch_time=training.durations(epochs)[switches], decay=schedule.decay,
    )  # fmt: skip
    width = law("barrier-spectrum-kernel-width")(temperature=temperature, sliding_barrier=sliding)
    return law("barrier-spectrum-kernel")(barrier_height=heights[:, None], sliding_barrier=sliding, kernel_width=width)
