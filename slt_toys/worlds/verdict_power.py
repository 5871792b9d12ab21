"""What the verdict can tell: how often it refutes temperature where temperature is not all that decides.

Pure worlds say nothing of mixtures. Here some of the runs follow a pair's exact shares, as temperature has it, and the
others a rival hypothesis whose end in the control is the same; or every run is thermal, but the energies of the arms
with another batch size are higher. Counts are drawn anew for each seed and judged.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import NDArray

from ..protocol.arms import Observation
from .hypotheses import Hypothesis, design
from .verdict import fit, judge

Array = NDArray[np.float64]

__all__ = ["Power", "mixtures", "power", "redrawn", "scaled_energies"]


@dataclass(frozen=True)
class Power:
    """How often the verdict refutes temperature in one kind of world.

    Attributes
    ----------
    world
        In words.
    refuted, seeds
        How often, of how many.
    largest_p_value
        Of temperature, over the seeds.
    outcomes
        How often each verdict was given.
    """

    world: str
    refuted: int
    seeds: int
    largest_p_value: float
    outcomes: dict[str, int]


def redrawn(observations: Sequence[Observation], shares: Array, seed: int | Sequence[int]) -> tuple[Observation, ...]:
    """The same cells with counts drawn from these stuck shares, shape (cells,).

    Raises
    ------
    ValueError
        If there is not one share from 0 to 1 for each cell.
    """
    shares = np.asarray(shares, dtype=float)
    if shares.shape != (len(observations),) or not ((shares >= 0) & (shares <= 1)).all():
        raise ValueError(f"shares must hold a number from 0 to 1 for each of {len(observations)} cells")
    random = np.random.default_rng(seed)
    return tuple(
        replace(each, stuck=int(random.binomial(each.runs, share)))
        for each, share in zip(observations, shares, strict=True)
    )


def mixtures(
    observations: Sequence[Observation], thermal: Array, rival: Hypothesis, portions: Sequence[float]
) -> dict[str, Array]:
    """Stuck shares, cell by cell, if a portion of the runs follows a rival of temperature.

    The rival is fitted to the thermal shares of the first arm, so that in the control it ends the critical period at
    the same epoch, as widely.

    Parameters
    ----------
    observations
        Cells: arms, switch epochs, runs and recorded losses.
    thermal
        Their stuck shares if temperature decides, shape (cells,).
    rival
        What the other runs follow.
    portions
        Of the runs, from 0 to 1.

    Returns
    -------
    dict
        Shares (cells,), by the mixture in words.
    """
    given = design(observations)
    control = [
        replace(each, runs=10_000, stuck=round(10_000 * float(share)))
        for each, share in zip(observations, thermal, strict=True)
        if each.arm == observations[0].arm
    ]
    other = rival.predict(fit(rival, control, units=given.units).parameters, given)
    return {
        f"{100 * (1 - portion):g} % temperature, {100 * portion:g} % {rival.name}": (1 - portion) * thermal
        + portion * other
        for portion in portions
    }


def scaled_energies(observations: Sequence[Observation], factor: float, arms: Sequence[str]) -> list[Observation]:
    """Cells with the schedules that energies times a factor amount to, in some arms.

    Energies times c at temperature T for a time t are the same energies at T/c for a time c t.
    """
    if not (np.isfinite(factor) and factor > 0):
        raise ValueError(f"factor must be positive and finite, not {factor}")
    return [
        replace(
            each,
            schedule=replace(
                each.schedule,
                temperatures=each.schedule.temperatures / factor,
                durations=each.schedule.durations * factor,
            ),
        )
        if each.arm in arms
        else each
        for each in observations
    ]


def power(
    observations: Sequence[Observation],
    worlds: dict[str, Array],
    *,
    seeds: int,
    seed: int = 0,
    advance: Callable[[], None] | None = None,
) -> tuple[Power, ...]:
    """Judge counts drawn from each world's stuck shares.

    Parameters
    ----------
    observations
        Cells: arms, switch epochs, runs and recorded losses; their counts do not matter.
    worlds
        Stuck shares (cells,), by name.
    seeds
        Sets of counts for each world.
    seed
        The same seed gives the same counts.
    advance
        Called after each verdict.
    """
    found = []
    for number, (name, shares) in enumerate(worlds.items()):
        verdicts = []
        for repeat in range(seeds):
            verdicts.append(judge(redrawn(observations, shares, [seed, number, repeat])))
            if advance is not None:
                advance()
        chances = [
            next(each.p_value for each in verdict.fits if each.hypothesis.name == "temperature") for verdict in verdicts
        ]
        refuted = sum("temperature" not in verdict.survivors for verdict in verdicts)
        outcomes = dict(Counter(verdict.outcome for verdict in verdicts))
        found.append(Power(name, refuted, seeds, max(chances), outcomes))
    return tuple(found)
