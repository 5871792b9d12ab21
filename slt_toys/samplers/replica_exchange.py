"""Replica exchange (parallel tempering): copies of a sampler at rising temperatures that swap configurations."""

from __future__ import annotations

import itertools
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ..inputs.arguments import real_numbers, shown
from ..kernels.frame import LANES
from ..kernels.replica_exchange import ReplicaRows, extra_scratch_rows, replica_kernel
from ..potentials.potential import Potential
from .program import Array, Program, Sampler, Summary
from .step_bias import Stepping

SAME = 1e-9  # relative difference up to which two temperatures are one


@dataclass(frozen=True)
class ReplicaExchange:
    """Chains that are each a stack of replicas, one for each temperature; the coldest one's positions are the draws.

    A step of a chain is one step of each of its replicas. After every ``swap_every`` steps neighbours in temperature
    may exchange their configurations, with probability min(1, exp((1/T_a - 1/T_b)(L_a - L_b))), which leaves the
    product of their laws as it is. Pairs (0, 1), (2, 3), ... try in even rounds and pairs (1, 2), (3, 4), ... in odd
    ones (Okabe et al. 2001, Chem. Phys. Lett. 335, 435): a configuration that was exchanged goes on in the same
    direction, and round trips do not slow down as temperatures are added (Syed et al. 2022, J. R. Stat. Soc. B 84,
    321). Momenta are multiplied by √(T_new/T_old) when they change temperature, which keeps Maxwell's law.

    All replicas of a chain start at its initial point, momenta at their own temperature.

    A run's dataset gets ``swap_acceptance`` (chain, pair), ``round_trips`` (chain): how often a configuration of the
    chain went from the coldest to the hottest temperature and back; and of a sampler that can reject ``acceptance``
    (chain) of the coldest and ``replica_acceptance`` (chain, temperature) of all replicas.

    Attributes
    ----------
    sampler
        What advances every replica; its ``step_size`` is the coldest one's.
    temperatures
        Increasing, in units of loss, such as :func:`slt_toys.exact.temperature_ladder.temperature_ladder` returns. The
        first is the one to sample at: a run's ``n_beta`` must be 1 over it.
    swap_every
        Steps from one round of swaps to the next.
    step_sizes
        One for each temperature, the first of them the sampler's own. Default: random-walk proposals widen as √T, as a
        quadratic well does; the step of a sampler that can diverge shrinks where its largest stable step does, because
        hot replicas climb to steeper places; all else takes the same step at every temperature, for which the relative
        width of a Langevin step in a quadratic well does not depend on temperature.
    """

    takes_n_beta: ClassVar[bool] = True
    sampler: Sampler
    temperatures: Iterable[float]
    swap_every: int = 10
    step_sizes: Sequence[float] | None = None

    def __post_init__(self) -> None:
        if not hasattr(self.sampler, "replica_kernel"):
            raise ValueError(
                f"sampler {type(self.sampler).__name__} cannot be exchanged; give one that samples a potential at any "
                "temperature, such as MALA, OverdampedLangevin, UnderdampedLangevin or RandomWalkMetropolis"
            )
        temperatures = _numbers("temperatures", self.temperatures)
        if any(b <= a for a, b in itertools.pairwise(temperatures)):
            raise ValueError(f"temperatures must increase, the coldest first, not {temperatures}")
        if len(temperatures) < 2:
            raise ValueError(
                f"temperatures must be at least two, not {shown(self.temperatures)}; with one temperature there is "
                f"nothing to exchange, so sample with {type(self.sampler).__name__} itself"
            )
        object.__setattr__(self, "temperatures", temperatures)
        whole = isinstance(self.swap_every, int | np.integer) and not isinstance(self.swap_every, bool)
        if not whole or self.swap_every < 1:
            raise ValueError(f"swap_every must be a whole number of at least 1, not {shown(self.swap_every)}")
        if self.step_sizes is not None:
            sizes = _numbers("step_sizes", self.step_sizes)
            own = np.asarray(self.sampler.step_size, dtype=float)
            if len(sizes) != len(temperatures):
                raise ValueError(
                    f"step_sizes must be one for each of {len(temperatures)} temperatures, not {len(sizes)}"
                )
            if own.ndim or not np.isclose(sizes[0], own, rtol=SAME, atol=0):
                raise ValueError(f"step_sizes must begin with the sampler's own step_size, not {sizes[0]:g}")
            object.__setattr__(self, "step_sizes", sizes)

    @property
    def step_size(self) -> ArrayLike:
        """Time per step of the coldest replica."""
        return self.sampler.step_size

    def step_ratios(self, potential: Potential) -> Array:
        """Step of each replica over the coldest one's, shape (temperatures,)."""
        temperatures = np.array(self.temperatures)
        if self.step_sizes is not None:
            return np.array(self.step_sizes) / self.step_sizes[0]
        power = self.sampler.replica_kernel(potential).step_power  # type: ignore[attr-defined]
        limits = np.array([_limit(self.sampler, potential, temperature) for temperature in self.temperatures])
        shrunk = np.minimum(1.0, limits / limits[0]) if np.isfinite(limits).all() else np.ones(len(temperatures))
        return (temperatures / temperatures[0]) ** power * shrunk

    def program(self, potential: Potential) -> Program:
        """Compile for a potential."""
        if not isinstance(potential, Potential):
            raise ValueError(f"potential must be a Potential for ReplicaExchange, not {type(potential).__name__}")
        kernel = self.sampler.replica_kernel(potential)  # type: ignore[attr-defined]
        inner = self.sampler.program(potential)
        temperatures = np.array(self.temperatures)
        count = len(temperatures)
        rows = ReplicaRows.of(count, inner.rows)
        compiled = replica_kernel(potential, kernel, inner.rows, inner.scratch_rows, inner.momenta)
        constants = (self.step_ratios(potential), np.array(kernel.constants, dtype=float), int(self.swap_every))
        return Program(
            rows=rows.total,
            scratch_rows=count * inner.scratch_rows + extra_scratch_rows(count),
            advance=partial(_advance, compiled.advance, temperatures, constants),
            begin=partial(_begin, inner, temperatures, potential.dimension),
            summary=partial(_summary, inner, rows, count),
            streams=count,
        )

    def largest_stable_step(self, potential: Potential, temperature: float) -> float:
        """Largest step of the coldest replica with which none diverges."""
        del temperature  # the replicas have their own
        limits = [_limit(self.sampler, potential, own) for own in self.temperatures]
        return float((np.array(limits) / self.step_ratios(potential)).min())

    def stepping(self, target: Potential, n_beta: float | None) -> Stepping:
        """The coldest replica's bias: swaps have none."""
        return self.sampler.stepping(target, n_beta)

    def halved(self) -> ReplicaExchange:
        """The same in half steps, swaps after the same time."""
        sizes = None if self.step_sizes is None else tuple(size / 2 for size in self.step_sizes)
        base = replace(self.sampler, step_size=np.asarray(self.sampler.step_size) / 2)  # type: ignore[type-var]
        return replace(self, sampler=base, step_sizes=sizes, swap_every=2 * self.swap_every)


def _numbers(name: str, values: Any) -> tuple[float, ...]:
    try:
        array = np.asarray(real_numbers(name, values), dtype=float)
    except ValueError:
        array = np.empty(0)
    if array.ndim != 1 or not array.size or not (np.isfinite(array) & (array > 0)).all():
        raise ValueError(f"{name} must be a sequence of positive numbers, not {shown(values)}")
    return tuple(array.tolist())


@lru_cache(maxsize=256)
def _cached_limit(sampler: Sampler, potential: Potential, temperature: float) -> float:
    return sampler.largest_stable_step(potential, temperature)


def _limit(sampler: Sampler, potential: Potential, temperature: float) -> float:
    if np.ndim(sampler.step_size):  # an array cannot be looked up
        return sampler.largest_stable_step(potential, temperature)
    return _cached_limit(sampler, potential, temperature)


def _check_temperature(temperatures: Array, asked: Array | float) -> None:
    if not np.allclose(asked, temperatures[0], rtol=SAME, atol=0):
        raise ValueError(
            f"n_beta must be 1/temperatures[0] = {1 / temperatures[0]:.10g} throughout a run of ReplicaExchange, not "
            f"{np.ravel(1 / np.asarray(asked))[0]:.10g} or a schedule; its temperatures are fixed"
        )


def _advance(kernel: Callable[..., None], temperatures: Array, constants: Sequence[Any], *arguments: Any) -> None:
    """The kernel takes the replicas' temperatures, and what else is its own, in place of the run's one."""
    *before, temperature, first, records, out = arguments
    _check_temperature(temperatures, temperature)
    kernel(*before, temperatures, *constants, first, records, out)


def _begin(
    inner: Program,
    temperatures: Array,
    dimension: int,
    state: Array,
    parameters: Array,
    temperature: float,
    generators: Sequence[np.random.Generator],
) -> None:
    _check_temperature(temperatures, temperature)
    places, width = state[:, : LANES * dimension].copy(), LANES * inner.rows
    state[:] = 0.0
    for number, own in enumerate(temperatures):
        state[:, number * width : (number + 1) * width] = inner.started(
            places, parameters, float(own), lambda: generators
        )
    state[:, len(temperatures) * width :][:, :LANES] = 1.0  # the coldest replica's configuration sets out


def _summary(inner: Program, rows: ReplicaRows, count: int, state: Array, steps: int) -> Summary:
    rounds = state[:, rows.rounds + np.arange(count - 1) % 2]
    with np.errstate(invalid="ignore"):
        swaps = state[:, rows.accepted : rows.trips] / np.where(rounds > 0, rounds, np.nan)
    statistics: Summary = {
        "swap_acceptance": (("chain", "pair"), swaps),
        "round_trips": (("chain",), state[:, rows.trips].copy()),
    }
    if inner.summary is None:
        return statistics
    own = [inner.summary(state[:, k * inner.rows : (k + 1) * inner.rows], steps) for k in range(count)]
    if "acceptance" in own[0]:
        shares = np.stack([part["acceptance"][1] for part in own], axis=1)
        statistics["replica_acceptance"] = (("chain", "temperature"), shares)
    return {**own[0], **statistics}
