"""First passage times by sampling: when chains of a Langevin sampler first reach a level of one coordinate.

The third route beside quadrature and linear solves (:mod:`slt_toys.exact.kinetics`). A chain seen only at its steps
crosses late by O(√step); between two of them it is a Brownian bridge to leading order, and drawing whether that bridge
crossed leaves an error of the order of the step (Gobet 2000, Stochastic Processes and their Applications 87, 167-197).
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..exact.fokker_planck import check_temperature
from ..inputs.arguments import checked_arguments, shown
from ..potentials.periodic import refuse_periodic
from ..potentials.potential import Potential
from . import OverdampedLangevin, sample

Array = NDArray[np.float64]

__all__ = ["FirstPassage", "sample_first_passage"]

STATES_AT_ONCE = 4_000_000  # numbers kept at a time, 32 MB


@dataclass(frozen=True, eq=False)
class FirstPassage:
    """First passage times of independent chains.

    Attributes
    ----------
    times
        Langevin times, shape (chains,).
    """

    times: Array

    @property
    def mean(self) -> float:
        """Estimate of the mean first passage time."""
        return float(self.times.mean())

    @property
    def standard_error(self) -> float:
        """Its standard error; chains are independent."""
        return float(self.times.std(ddof=1) / np.sqrt(self.times.size))


@checked_arguments(finite=False)
def sample_first_passage(
    potential: Potential,
    sampler: OverdampedLangevin,
    *,
    temperature: float,
    start: ArrayLike,
    target: float,
    coordinate: int = 0,
    chains: int,
    max_time: float,
    seed: int = 0,
) -> FirstPassage:
    """Sample how long chains take from a point until one coordinate first reaches a level.

    Chains run step by step; one that goes from distance a of the level to distance b on the same side crossed it in
    between with probability exp(-ab / (T·step)). The passage is put in the middle of its step.

    Parameters
    ----------
    potential
        Of any dimension.
    sampler
        With one constant step size.
    temperature
        In units of loss.
    start
        Point (d,).
    target
        Level of the coordinate, on either side of the start.
    coordinate
        Its number.
    chains
        At least 2.
    max_time
        Langevin time by which every chain must have arrived. A mean over those that have would be too small, so take
        it many times the mean: the tail is exponential.
    seed
        The same seed gives the same times.

    Raises
    ------
    ValueError
        A temperature or max_time that is not positive, a step-size schedule, a scheme for averages, a start on the
        level, or chains that have not arrived by ``max_time``.
    """
    check_temperature(temperature)
    refuse_periodic("a passage of a level", "ask exact.kinetics for mean_exit_time", potential=potential)
    point = np.asarray(start, dtype=float)
    if point.shape not in ((), (potential.dimension,)) or not np.isfinite(point).all():
        raise ValueError(f"start must be a point of {potential.dimension} finite coordinates, not {shown(start)}")
    if not np.isfinite(target):
        raise ValueError(f"target must be finite, not {target}")
    if sampler.static:
        raise ValueError(f"scheme {sampler.scheme!r} is for static averages; take 'heun' for passages in time")
    step = np.asarray(sampler.step_size, dtype=float)
    if step.ndim:
        raise ValueError("step_size must be one number for first passage, not a schedule")
    if not (np.isfinite(max_time) and max_time > 0):
        raise ValueError(f"max_time must be positive and finite, not {max_time}")
    if chains < 2:
        raise ValueError(f"chains must be at least 2, for a standard error, not {chains}")
    if not 0 <= coordinate < potential.dimension:
        raise ValueError(f"coordinate must lie between 0 and {potential.dimension - 1}, not {coordinate}")
    state = np.array(np.broadcast_to(np.asarray(start, dtype=float), (chains, potential.dimension)))
    if state[0, coordinate] == target:
        raise ValueError(f"start must not lie on the target {target}")
    side = np.sign(target - state[0, coordinate])
    uniforms = np.random.default_rng([seed, 0])
    times = np.full(chains, np.nan)
    running = np.arange(chains)
    done, chunk = 0, 0
    while running.size:
        if done * step >= max_time:
            raise ValueError(
                f"max_time {max_time:g} is too short: {running.size} of {chains} chains have not reached "
                f"{target:g}; take it many times the mean"
            )
        chunk += 1
        steps = int(np.clip(STATES_AT_ONCE // (running.size * potential.dimension), 1, 1000))
        path = sample(
            potential, sampler, n_beta=1 / temperature, chains=running.size, steps=steps, seed=(seed, chunk),
            initial=state, diagnose=False,
        )["w"].values  # fmt: skip
        seen = np.concatenate([state[:, None, coordinate], path[:, :, coordinate]], axis=1)
        left = side * (target - seen)  # distance still to go
        arrived = left[:, 1:] <= 0
        arrived |= _crossed_between(left, temperature * float(step), uniforms)
        ended = arrived.any(axis=1)
        times[running[ended]] = (done + arrived[ended].argmax(axis=1) + 0.5) * step
        running, state = running[~ended], path[~ended, -1]
        done += steps
    return FirstPassage(times)


def _crossed_between(left: Array, variance: float, uniforms: np.random.Generator) -> NDArray[np.bool_]:
    """Draw for every step whether the bridge between its ends, at ``left`` from the level, crossed it.

    ``variance`` is half that of one step's noise. Shape (chains, steps + 1) in, (chains, steps) out.
    """
    exponent = np.maximum(left[:, :-1], 0) * np.maximum(left[:, 1:], 0) / variance
    crossed = np.zeros(exponent.shape, dtype=bool)
    near = exponent < 40  # nearly every chain is far from the level: spare exponentials that cannot matter
    crossed[near] = uniforms.random(int(near.sum())) < np.exp(-exponent[near])
    return crossed
