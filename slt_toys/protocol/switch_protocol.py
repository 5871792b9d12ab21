"""The critical period as a stochastic process: a deficit potential until the switch epoch, the clean one afterwards.

Exactly (Fokker-Planck) and sampled (Langevin chains): the probability that a run ends stuck in the phase the deficit
prefers, for every switch epoch, for any schedule, after a fixed number of further epochs or at a fixed total.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..exact.annealing import start_masses, stuck_probability_fixed_further, stuck_probability_fixed_total
from ..exact.draws import draw_exact, phase_at
from ..exact.fokker_planck import grid_for
from ..inputs.arguments import check_fields, checked_arguments
from ..potentials.potential import Potential, PotentialPair
from ..samplers import OverdampedLangevin, Stage, largest_stable_step, sample_stages
from .training import Training

Start = Literal["equilibrium", "deficit phase", "clean phase"]
# The Heun step as a share of the largest stable one. At 0.5 the bias of the stuck probability is still below 0.001, the
# sampling error of 400 000 chains.
STEP_SHARE = 0.3


@dataclass(frozen=True)
class Ending:
    """When training ends: so many epochs after the switch, or at so many in all.

    Attributes
    ----------
    kind
        ``"further"`` (Achille et al. 2019) or ``"total"`` (Baker 2023).
    epochs
        How many, at least 1.
    """

    kind: Literal["further", "total"]
    epochs: int

    def __post_init__(self) -> None:
        check_fields(self)
        if self.kind not in ("further", "total"):
            raise ValueError(f"kind must be 'further' or 'total', not {self.kind!r}")
        if not isinstance(self.epochs, int | np.integer) or self.epochs < 1:
            raise ValueError(f"epochs after the switch must be a whole number of at least 1, not {self.epochs!r}")

    def last_epoch(self, switch_epoch: int) -> int:
        """Number of epochs a run lasts."""
        return switch_epoch + self.epochs if self.kind == "further" else self.epochs


@checked_arguments
def exact_stuck_probability(
    pair: PotentialPair,
    training: Training,
    switch_epochs: Sequence[int] | NDArray[np.int64],
    ending: Ending,
    start: Start = "equilibrium",
    cells: int | None = None,
) -> NDArray[np.float64]:
    """Final stuck mass for each switch epoch, from the Fokker-Planck equation.

    Parameters
    ----------
    pair
        Of one or two coordinates, or separable into such components: then the mean over the components that have
        two phases.
    training
        Temperatures and durations of the epochs.
    switch_epochs
        Increasing whole numbers from 0.
    ending
        The protocol.
    start
        At epoch 0: the deficit potential's ``"equilibrium"`` at the first temperature, or that within its stuck phase
        (``"deficit phase"``), or within the phase that the clean data prefer (``"clean phase"``).
    cells
        Grid cells per coordinate, passed to :func:`~slt_toys.exact.fokker_planck.grid_for`; chosen when not given.

    Returns
    -------
    ndarray
        Shape (len(switch_epochs),).
    """
    switches = _switches(switch_epochs, ending)
    epochs = ending.last_epoch(int(switches[-1]))
    temperatures, durations = training.temperatures(epochs), training.durations(epochs)
    results = []
    for part in component_pairs(pair):
        grid = grid_for((part.deficit, part.clean), temperatures, **({} if cells is None else {"cells": cells}))
        common = (part.deficit, part.clean, part.stuck_phase, temperatures, durations)
        begun = (
            start_masses(part.deficit, grid, temperatures[0], "deficit phase", preferred_phase(part))
            if start == "clean phase"
            else start
        )
        if ending.kind == "total":
            results.append(stuck_probability_fixed_total(*common, start=begun, grid=grid)[switches])
        else:
            results.append(stuck_probability_fixed_further(*common, switches, ending.epochs, start=begun, grid=grid))
    return np.mean(results, axis=0)


@checked_arguments
def sampled_stuck(
    pair: PotentialPair,
    training: Training,
    switch_epochs: Sequence[int] | NDArray[np.int64],
    ending: Ending,
    *,
    chains: int,
    seed: int | Sequence[int] = 0,
    start: Start = "equilibrium",
    threads: int | None = None,
    step_share: float = STEP_SHARE,
    advance: Callable[[float], None] | None = None,
) -> NDArray[np.float64]:
    """Whether each chain ends stuck, for each switch epoch.

    One trunk of chains runs in the deficit potential; at each switch epoch its states are forked into the clean one
    with noise of their own. So chains are independent, but the switch epochs of one chain share their past: resample
    chains, not entries (:func:`slt_toys.fits.resampling.resample_chains`).

    Parameters
    ----------
    pair, training, switch_epochs, ending, start
        As in :func:`exact_stuck_probability`.
    chains
        Number of independent chains.
    seed
        The same seed gives the same result on any number of threads.
    threads
        Defaults to the processors this process may use.
    step_share
        Step of the Heun scheme in units of the largest stable one.
    advance
        Called with the fraction of the work done since the last call.

    Returns
    -------
    ndarray
        Shape (chains, len(switch_epochs)): 1 for stuck, 0 for not; for separable pairs the components' stuck share.
    """
    switches = _switches(switch_epochs, ending)
    seeds = [seed] if isinstance(seed, int | np.integer) else list(seed)
    last = ending.last_epoch(int(switches[-1]))
    temperatures, durations = training.temperatures(last), training.durations(last)
    limit = step_limit(pair, temperatures, step_share)
    steps = np.maximum(1, np.ceil(durations / limit)).astype(np.int64)
    work = steps[: switches[-1]].sum() + sum(steps[e : ending.last_epoch(int(e))].sum() for e in switches)
    phase = {"deficit phase": pair.stuck_phase, "clean phase": preferred_phase(pair)}.get(start)
    states = draw_exact(pair.deficit, 1 / temperatures[0], chains, [*seeds, 0], phase)

    def run(potential: Potential, first: int, until: int, states: NDArray, fork: int, records=None) -> NDArray:
        part = slice(first, until)
        total = int(steps[part].sum())
        step_size = np.repeat(durations[part] / steps[part], steps[part])
        n_beta = np.repeat(1 / temperatures[part], steps[part])
        stage = Stage(potential, OverdampedLangevin(step_size, "heun"), n_beta, total)
        report = None if advance is None else partial(_report, advance, total / work)
        return sample_stages(
            [stage],
            chains=chains,
            record_steps=records,
            seed=[*seeds, 1, fork],
            initial=states,
            threads=threads,
            advance=report,
        )["w"].values

    trunk = {0: states}
    later = [int(e) for e in switches if e > 0]
    if later:
        ends = np.cumsum(steps)[np.array(later) - 1]
        trunk |= dict(zip(later, run(pair.deficit, 0, later[-1], states, 0, ends).swapaxes(0, 1), strict=True))
    stuck = np.empty((chains, len(switches)))
    for column, switch in enumerate(switches):
        until = ending.last_epoch(int(switch))
        final = trunk[int(switch)]
        if until > switch:
            final = run(pair.clean, int(switch), until, final, int(switch) + 1)[:, -1]
        stuck[:, column] = stuck_components(pair, final).mean(axis=0)
    return stuck


def _report(advance: Callable[[float], None], share: float, fraction: float) -> None:
    advance(share * fraction)


def preferred_phase(pair: PotentialPair) -> str:
    """Name of the phase of least clean loss among those that are not the stuck one."""
    others = [phase.name for phase in pair.clean.phases if phase.name != pair.stuck_phase]
    return min(others, key=pair.clean.minimum_loss)


@lru_cache(maxsize=64)
def component_pairs(pair: PotentialPair) -> tuple[PotentialPair, ...]:
    """Split a separable pair into the pairs of its components that have two phases; other pairs are left whole."""
    groups = pair.clean.components()
    if len(groups) == 1 or pair.deficit.components() != groups:
        if pair.clean.dimension > 2:
            raise ValueError(
                f"pair {pair.name} has {pair.clean.dimension} coupled coordinates; at most 2 are solved exactly"
            )
        return (pair,)
    parts = []
    stuck_point = pair.deficit.minimum_point(pair.stuck_phase)
    for number, group in enumerate(groups):
        deficit, clean = pair.deficit.component(number), pair.clean.component(number)
        if len(clean.phases) > 1:
            stuck = deficit.phases[phase_at(deficit, stuck_point[list(group)])].name
            parts.append(PotentialPair(f"{pair.name}[{number}]", deficit, clean, stuck))
    if not parts:
        raise ValueError(f"pair {pair.name} has no component with two phases; a critical period needs two")
    return tuple(parts)


def coordinates_of(part: PotentialPair, pair: PotentialPair) -> list[int]:
    """Which of a pair's coordinates one of its :func:`component_pairs` is about."""
    if part == pair:  # another object, maybe: what is cached is the first pair of its kind
        return list(range(pair.clean.dimension))
    return list(pair.clean.components()[int(part.name.rsplit("[")[-1][:-1])])


def stuck_components(pair: PotentialPair, points: NDArray[np.float64]) -> NDArray[np.bool_]:
    """Whether points (runs, coordinates) are stuck, by component that has two phases: shape (components, runs)."""
    found = []
    for part in component_pairs(pair):
        own = coordinates_of(part, pair)
        found.append(part.clean.phase_index(points[:, own]) == part.clean.phase_number(part.stuck_phase))
    return np.array(found)


def step_limit(pair: PotentialPair, temperatures: NDArray[np.float64], share: float) -> NDArray[np.float64]:
    """Largest step for each epoch, interpolated over a few temperatures (it varies slowly)."""
    low, high = temperatures.min(), temperatures.max()
    knots = np.geomspace(low, high * (1 + 1e-9), 6 if high > low else 1)
    limits = [min(largest_stable_step(p, float(t)) for p in (pair.deficit, pair.clean)) for t in knots]
    return share * np.exp(np.interp(np.log(temperatures), np.log(knots), np.log(limits)))


def _switches(switch_epochs: Sequence[int] | NDArray[np.int64], ending: Ending) -> NDArray[np.int64]:
    switches = np.asarray(switch_epochs)
    if switches.ndim != 1 or not switches.size or switches.dtype.kind not in "iu" or switches.min() < 0:
        raise ValueError(f"switch_epochs must be whole numbers of at least 0, not {switch_epochs}")
    if (np.diff(switches) <= 0).any():
        raise ValueError(f"switch_epochs must increase, not {switch_epochs}")
    if ending.kind == "total" and switches[-1] > ending.epochs:
        raise ValueError(f"switch_epochs must not exceed the total of {ending.epochs} epochs, not {switches[-1]}")
    return switches.astype(np.int64)
