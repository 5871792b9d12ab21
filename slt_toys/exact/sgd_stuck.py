"""Exact shares of SGD's runs that end between two borders, from the transition kernels of their epochs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ..potentials.potential import Potential
from .sgd_epoch import RESOLUTION, SGDEpoch, crossing_weights, interval_of
from .sgd_kernel import EpochKernel, Replacement, epoch_kernel, transfer

Array = NDArray[np.float64]
Run = Sequence[SGDEpoch]
STILL_CROSSING = 1e-5  # share of runs: a sweep ends when less may still cross the borders
COSTLY_CROSSING = 1e-3  # the same with momentum or reshuffled, where an epoch costs a hundred times as much
MOST_ERROR = 1e-2
BESIDE = 5e-5  # of the distance of the minima: how far off a border its curvature is read
COARSER = 1.1  # ratio of spacings from which on a step is made before the grid changes
RELAXATIONS = 12.0  # that a run is given to slide off a border after its switch
HOTTER = 1.5  # the interval of an epoch, for what is left of hotter epochs before it

__all__ = ["KernelShares", "borders_of", "shares_by_kernel"]


@dataclass(frozen=True, eq=False)
class KernelShares:
    """What ends stuck by the exact kernel.

    Attributes
    ----------
    shares
        One per run.
    lost
        Largest share of a run that left the grid.
    still_crossing
        Largest share that might have crossed the borders in epochs that were left out.
    followed
        Epochs of each run until then.
    refined
        Largest change of a share from a coarser grid to this one, where both were solved: that grid's own error.
    """

    shares: Array
    lost: float
    still_crossing: float
    followed: NDArray[np.int64]
    refined: float = 0.0

    @property
    def error(self) -> float:
        """Bound of what is neglected; the grid's own error is in it where a coarser grid was solved as well."""
        return self.lost + self.still_crossing + self.refined


def borders_of(potential: Potential, phase: str) -> tuple[float, float]:
    """Where a phase of one coordinate ends; infinite at the ends of the box."""
    low, high = potential.phase_interval(phase)
    left, right = potential.box[0]
    return (-np.inf if low <= left else low), (np.inf if high >= right else high)


def shares_by_kernel(
    runs: Sequence[Run], switch_epochs: Sequence[int], start: Callable[[Array], Array], borders: tuple[float, float], *,
    resolution: float = RESOLUTION,
) -> KernelShares:  # fmt: skip
    """Final share between the borders of each run.

    Parameters
    ----------
    runs
        Epochs of each run, all of one kind: with momentum or without, reshuffled or not.
    switch_epochs
        First epoch of each run's last stage. Runs whose epochs agree share what is computed.
    start
        Density of the weights at the beginning, up to a factor; takes and returns points (n,).
    borders
        See :func:`borders_of`.
    resolution
        Spacing of the grids over the standard deviation of a step's noise.

    Returns
    -------
    KernelShares

    Raises
    ------
    ValueError
        In one line, for runs of several kinds, noise that no grid resolves, and where more than
        :data:`MOST_ERROR` of a run is lost.
    """
    if not runs or any(not run for run in runs) or len(switch_epochs) != len(runs):
        raise ValueError("runs must hold at least one run of at least one epoch, with a switch epoch for each")
    kinds = {each.kind for run in runs for each in run}
    if len(kinds) > 1:
        raise ValueError("runs must all be of one kind: with momentum or without, reshuffled or not")
    sweep = Sweep(runs, list(switch_epochs), start, borders, resolution)
    costly = kinds.pop()[:2] != (False, False)
    found = sweep.aligned() if costly else None
    if found is None:
        found = sweep.one_by_one()
    if not found.lost < MOST_ERROR:
        raise ValueError(f"runs: {found.lost:.2g} of their mass leaves the grid of the kernel; sample them")
    return found


class Sweep:
    """Runs of one kind and what they share; see :func:`shares_by_kernel`."""

    def __init__(
        self, runs: Sequence[Run], switches: list[int], start: Callable[[Array], Array], borders: tuple[float, float],
        resolution: float,
    ) -> None:  # fmt: skip
        self.runs, self.switches, self.start, self.borders = runs, switches, start, borders
        self.resolution = resolution
        costly = runs[0][0].momentum > 0 or runs[0][0].reshuffled
        self.negligible = COSTLY_CROSSING if costly else STILL_CROSSING
        self.potentials = list({id(each.potential): each.potential for run in runs for each in run}.values())
        self.intervals: dict[tuple[object, ...], tuple[float, float]] = {}

    def kernel(self, epoch: SGDEpoch, before: SGDEpoch | None) -> EpochKernel:
        """Kernel of an epoch, on an interval that also holds what the epoch before it left."""
        hotter = HOTTER if before is None else max(HOTTER, before.learning_rate / epoch.learning_rate)
        key = (*epoch.key, hotter)
        if key not in self.intervals:
            self.intervals[key] = interval_of(epoch, self.potentials, hotter)
        return epoch_kernel(epoch, self.intervals[key], self.resolution)

    def transfer(self, kernel: EpochKernel, following: EpochKernel, state: Array, back: bool = False) -> Array:
        """Masses or observables between two epochs."""
        return transfer(kernel, following, state, back)

    def weights(self, kernel: EpochKernel) -> Array:
        """Of the states in the share between the borders."""
        columns = [
            crossing_weights(kernel.points, (self.borders[0] - shift, self.borders[1] - shift))
            for shift in kernel.weight_of()
        ]
        return (
            columns[0]
            if len(kernel.shape) == 1
            else np.stack(np.broadcast_arrays(*columns), axis=1) + np.zeros(kernel.shape)
        )

    def begun(self, kernel: EpochKernel) -> Array:
        density = self.start(kernel.points)
        return kernel.started(density / density.sum())

    # ---- one run after another ---------------------------------------------------------------------------------------
    def one_by_one(self) -> KernelShares:
        """Every run forwards, from where it parts with the one before it."""
        shares, lost, crossing = np.empty(len(self.runs)), 0.0, 0.0
        followed = np.array([len(run) for run in self.runs])
        states: list[Array] = []
        before: Run = ()
        for number, run in enumerate(self.runs):
            shared = 0
            while shared < min(len(before), len(run), len(states)) and before[shared].key == run[shared].key:
                shared += 1
            states = states[:shared]
            share, mass, left, followed[number] = self._through(run, self.switches[number], states)
            shares[number], lost, crossing, before = share, max(lost, 1 - mass), max(crossing, left), run
        return KernelShares(shares, lost, crossing, followed)

    def _through(self, run: Run, switch: int, states: list[Array]) -> tuple[float, float, float, int]:
        """Share, mass, what may still cross, epochs followed; ``states`` at the ends of epochs are continued."""
        rates = np.array([each.learning_rate for each in run])
        hottest = np.maximum.accumulate(rates[::-1])[::-1]
        kernel = self.kernel(run[0], None)
        state, left, followed = self.begun(kernel), 0.0, len(run)
        for number, epoch in enumerate(run):
            following = self.kernel(epoch, run[number - 1] if number else None)
            if number < len(states):
                state, kernel = states[number], following
                continue
            before, kernel = kernel, following
            coarser = kernel.points[1] - kernel.points[0] > COARSER * (before.points[1] - before.points[0])
            if coarser and isinstance(kernel, Replacement):
                state = kernel.masses_from(before.points, state)
                states.append(state)
                continue
            state = self.transfer(before, kernel, state) if number else state
            new = kernel.masses(state)
            if number >= switch and number % 4 == 0 and rates[number] == hottest[number] and len(run) - number > 1:
                inside = self.weights(kernel) * state
                flow = self._crossed(kernel, inside, state - inside)
                left = flow * (len(run) - 1 - number)
                if left < self.negligible:
                    state, followed = new, number + 1
                    break
            state, left = new, 0.0
            states.append(state)
        return float((self.weights(kernel) * state).sum()), float(state.sum()), left, followed

    def _crossed(self, kernel: EpochKernel, inside: Array, outside: Array) -> float:
        """Mass that crosses the borders in an epoch, both ways together."""
        within = self.weights(kernel)
        out, back = kernel.masses(inside), kernel.masses(outside)
        return abs(float(((1 - within) * out).sum())) + abs(float((within * back).sum()))

    # ---- all at once -------------------------------------------------------------------------------------------------
    def aligned(self) -> KernelShares | None:
        """One sweep forwards before the switches and one backwards after them; None where runs do not share epochs."""
        first, last = min(self.switches), max(len(run) for run in self.runs)
        trunk = max(zip(self.switches, self.runs, strict=True), key=lambda each: each[0])[1]
        after: dict[int, SGDEpoch] = {}
        for switch, run in zip(self.switches, self.runs, strict=True):
            if any(one.key != two.key for one, two in zip(run[:switch], trunk, strict=False)):
                return None
            for epoch in range(switch, len(run)):
                if after.setdefault(epoch, run[epoch]).key != run[epoch].key:
                    return None
        cold = self._frozen([after[e] for e in range(first, last)], first)
        if cold is None:
            return None
        before = self._frozen(list(trunk[: max(self.switches)]), 0)
        halt, deficit_left = before if before is not None else (max(self.switches), 0.0)
        end, clean_left = self._relaxed(after, cold[0], last, halt), cold[1]
        if end > min(len(run) for run in self.runs):
            return None
        states = self._forwards(trunk, min(max(self.switches), max(halt, 1)))
        values = self._backwards(after, first, end)
        shares, lost = np.empty(len(self.runs)), 0.0
        for number, switch in enumerate(self.switches):
            at, state = states[min(switch, len(states) - 1)]
            lost = max(lost, 1 - float(state.sum()))
            if switch in values:
                into, value = values[switch]
                shares[number] = float((self.transfer(at, into, state) * value).sum())
            else:
                shares[number] = float((self.weights(at) * state).sum())
        # An epoch of the clean energy loses most where it follows the switch, and most of all in the hottest one.
        ends = [each for each in (min(values, default=None), max(values, default=None)) if each is not None]
        leaks = [0.0]
        for epoch in ends:
            at, state = states[min(epoch, len(states) - 1)]
            begun = self.transfer(at, values[epoch][0], state)
            leaks.append(float(begun.sum() - values[epoch][0].masses(begun).sum()))
        lost += max(leaks) * (end - first)
        followed = np.maximum([end] * len(self.runs), np.array(self.switches) + 1)
        return KernelShares(shares, lost, clean_left + deficit_left, followed)

    def _relaxed(self, after: dict[int, SGDEpoch], end: int, last: int, halt: int) -> int:
        """The epoch, from a frozen one on, by which runs have slid off the border that switched while it was crossed.

        From ``halt`` on the runs before the switch are frozen, and none is at a border.
        """
        while end <= last:
            switched = max((switch for switch in self.switches if switch < min(end, halt)), default=end)
            slid = [self.sliding(after[epoch]) for epoch in range(switched, min(end, last))]
            if switched == end or sum(slid) >= RELAXATIONS:
                return end
            end += 1
        return end

    def sliding(self, epoch: SGDEpoch) -> float:
        """Relaxations of an epoch at the least steep border."""
        ends = np.array([border for border in self.borders if np.isfinite(border)])
        minima = [epoch.potential.minimum_point(k)[0] for k in range(len(epoch.potential.phases))]
        width = BESIDE * float(np.ptp(minima))
        curvature = (epoch.gradient(ends + width) - epoch.gradient(ends - width)) / (2 * width)
        return float(np.abs(curvature).min()) * epoch.learning_rate * epoch.steps / (1 - epoch.momentum)

    def _frozen(self, epochs: list[SGDEpoch], first: int) -> tuple[int, float] | None:
        """First epoch from which less than :data:`STILL_CROSSING` may cross, and how much; None if there is none."""
        rates = np.array([each.learning_rate for each in epochs])
        if not rates.size:
            return first, 0.0
        low, high = (
            int(np.flatnonzero(np.diff(rates) > 0)[-1] + 1) if (np.diff(rates) > 0).any() else 0,
            len(epochs) - 1,
        )

        def may_cross(place: int) -> float:
            kernel = self.kernel(epochs[place], epochs[place - 1] if place else None)
            temperature, energy, within, top = self.landscape(kernel)
            flow, after = 0.0, kernel.observables(self.weights(kernel))
            for side in (within, ~within):  # the lower half of either well, which has an epoch to fill the rest
                least = energy[side].min()
                low = side & (energy <= least + max(top - least, 0.0) / 2)
                density = np.where(low, np.exp(-(energy - least) / temperature), 0.0)
                stays = float((after * kernel.started(density / density.sum())).sum())
                flow = max(flow, abs(1 - stays) if side is within else abs(stays))
            return 2 * flow * self.epochs_left(epochs, place)

        stride, left = 8, np.inf
        while left > self.negligible:  # upwards, as late epochs take fine grids
            if low == high:
                return None
            below, low = low, min(low + stride, high)
            left, stride = may_cross(low), 2 * stride
        low, high = below, low
        best = high, left
        while high - low > 2:
            middle = (low + high) // 2
            left = may_cross(middle)
            if left <= self.negligible:
                high, best = middle, (middle, left)
            else:
                low = middle
        return first + best[0], best[1]

    def epochs_left(self, epochs: Sequence[SGDEpoch], place: int) -> float:
        """As many epochs like the one at a place as cross no less than those from it on."""
        return len(epochs) - place

    def landscape(self, kernel: EpochKernel) -> tuple[float, Array, NDArray[np.bool_], float]:
        """Temperature, energies of the grid's points, which lie between the borders, and the energy of the pass."""
        temperature = float(kernel.epoch.temperature(np.zeros(1))[0])
        energy = kernel.epoch.potential.energy_function()(kernel.points[:, None])
        within = (kernel.points > self.borders[0]) & (kernel.points < self.borders[1])
        top = min(float(np.interp(border, kernel.points, energy)) for border in self.borders if np.isfinite(border))
        return temperature, energy, within, top

    def _forwards(self, run: Run, until: int) -> list[tuple[EpochKernel, Array]]:
        """Kernel whose grid it is, and state, at the start of every epoch up to one."""
        kernel = self.kernel(run[0], None)
        found = [(kernel, self.begun(kernel))]
        for number, epoch in enumerate(run[:until]):
            following = self.kernel(epoch, run[number - 1] if number else None)
            state = following.masses(self.transfer(kernel, following, found[-1][1]))
            kernel = following
            found.append((kernel, state))
        return found

    def _backwards(self, after: dict[int, SGDEpoch], first: int, end: int) -> dict[int, tuple[EpochKernel, Array]]:
        """Kernel whose grid it is, and expected final share, at the start of every epoch from the first on."""
        kernel = self.kernel(after[max(end - 1, first)], after.get(end - 2))
        value, found = self.weights(kernel), {}
        for number in range(end - 1, first - 1, -1):
            own = self.kernel(after[number], after.get(number - 1))
            value = own.observables(self.transfer(own, kernel, value, back=True))
            kernel = own
            found[number] = kernel, value
        return found
