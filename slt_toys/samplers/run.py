"""Run chains through stages: blocks of 64 lanes in threads, bits independent of threads and chunks."""

from __future__ import annotations

import os
from collections.abc import Callable, Sequence
from dataclasses import dataclass, fields, is_dataclass, replace
from pathlib import Path as FolderPath
from typing import Any, cast

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import checked_arguments, real_numbers, shown
from ..inputs.processors import usable_processors
from ..potentials.periodic import wrapped
from ..potentials.potential import Potential
from ..potentials.same_space import check_same_space, in_order_of
from .checkpoint import Checkpoint, fingerprint
from .diagnostics import attach, lacks_step_bias
from .program import Sampler, potential_of
from .schedule import Segments, segments
from .step_bias import Stepping
from .work import Work

HALF = 2  # last entry of the seed of a run at half the step
Seed = int | Sequence[int]
Path = str | os.PathLike[str]


@dataclass(frozen=True)
class Stage:
    """One stage of a run: a potential sampled at a temperature for a number of steps.

    Attributes
    ----------
    potential
        A :class:`~slt_toys.potentials.potential.Potential`; for SGD, examples with a ``potential`` of their own. All
        stages of a run have the same coordinates and walls.
    sampler
        Its settings; ``step_size`` may be an array with one entry for each step.
    n_beta
        Inverse temperature nβ = 1/T in units of 1/loss, one number or one for each step; None for a sampler whose
        temperature follows from its own settings.
    steps
        How many.
    """

    potential: Any
    sampler: Sampler
    n_beta: ArrayLike | None
    steps: int


@checked_arguments
def sample(
    potential: Any,
    sampler: Sampler,
    *,
    n_beta: ArrayLike | None = None,
    chains: int,
    steps: int,
    thin: int = 1,
    seed: Seed = 0,
    initial: ArrayLike | str | None = None,
    threads: int | None = None,
    advance: Callable[[float], None] | None = None,
    checkpoint: Path | None = None,
    diagnose: bool = True,
) -> xr.Dataset:
    """Sample the tempered posterior ∝ exp(-n_beta L) with parallel chains.

    Parameters
    ----------
    potential, sampler
        What to sample, and how; SGD takes examples in place of a potential.
    n_beta
        Inverse temperature, one number or one for each step (annealing); None for SGD, which has its own.
    chains, steps, thin
        Every ``thin``-th of the ``steps`` states of each chain is kept: steps // thin draws.
    seed
        A non-negative integer, or a sequence of them. The same seed gives the same bits on any number of threads.
    initial
        Points (chains, d) or (d,), on a circle any image of them, the name of a phase to start at its minimum, or None:
        the phases' minima in turn.
    threads
        Defaults to the processors this process may use.
    advance
        Called with the fraction of the work done since the last call.
    checkpoint
        Folder that keeps what was done every two seconds. The same call on it goes on where an interrupted one
        stopped, on any number of threads, and gives the bits of an uninterrupted run; a finished one is read back.
    diagnose
        Whether to add diagnostics and a verdict, by :func:`slt_toys.samplers.diagnostics.attach`. Where neither theory
        nor a grid knows the step's bias (more than two coupled coordinates and a scheme without a law), a run that
        would be trusted is made a second time at half the step, at twice its price.

    Returns
    -------
    xarray.Dataset
        Variable ``w`` (chain, draw, coordinate); coordinates ``step`` and ``time`` (the sum of step sizes) along draw.
        Metropolis samplers add ``acceptance`` (chain), the accepted share of the last stage's proposals. Diagnostics
        lie along ``quantity``; the attribute ``verdict`` says in one line whether to trust the draws. Attributes
        ``n_beta``, ``scheme``, ``time_step``, ``step_order`` and ``start_phases`` say what it may rest on.

    Raises
    ------
    ValueError
        In one line, for settings that make no sense and for a step so large that a chain diverged.
    """
    _whole("steps", steps)
    if _whole("thin", thin) > steps:
        raise ValueError(f"thin must be at most steps = {steps}, not {thin}")
    drawn = sample_stages(
        [Stage(potential, sampler, n_beta, steps)], chains=chains, record_steps=np.arange(thin, steps + 1, thin),
        seed=seed, initial=initial, threads=threads, advance=advance, checkpoint=checkpoint,
    )  # fmt: skip
    constant = all(_constant(setting) for setting in (n_beta, sampler.step_size))
    drawn = drawn.assign_attrs(_claims(potential, sampler, n_beta, initial, chains) if constant else {})
    if not diagnose:
        return drawn
    if not constant:
        return drawn.assign_attrs(verdict="cannot judge: the settings change during the run, its draws have many laws")
    judged = attach(drawn, potential_of(potential))
    half = _halved(sampler) if lacks_step_bias(judged) else None
    if half is None:
        return judged
    again = sample(
        potential, half, n_beta=_one_n_beta(n_beta), chains=chains, steps=2 * steps, thin=2 * thin,
        seed=(*_seed(seed), HALF), initial=initial, threads=threads, diagnose=False,
        checkpoint=None if checkpoint is None else FolderPath(checkpoint) / "half_step",
    )  # fmt: skip
    return attach(drawn, potential_of(potential), again)


def _one_n_beta(n_beta: ArrayLike | None) -> float | None:
    """That of a run whose temperature does not change."""
    return None if n_beta is None else float(np.ravel(np.asarray(n_beta, dtype=float))[0])


def _claims(
    target: Any, sampler: Sampler, n_beta: ArrayLike | None, initial: ArrayLike | str | None, chains: int
) -> dict[str, Any]:
    """What the draws are of, for :func:`slt_toys.samplers.diagnostics.diagnose`."""
    potential = potential_of(target)
    own = _one_n_beta(n_beta)
    stepping = sampler.stepping(target, own) if hasattr(sampler, "stepping") else Stepping("unknown", 0.0, 1, own)
    starts = _initial_points(potential, initial, chains)
    claims = {
        "scheme": stepping.scheme, "time_step": stepping.time_step, "step_order": stepping.order,
        "start_phases": len(np.unique(potential.phase_index(starts))),
    }  # fmt: skip
    return claims if stepping.n_beta is None else {"n_beta": stepping.n_beta, **claims}


def _halved(sampler: Any) -> Any:
    """The same in half steps; None where there is no telling how."""
    if hasattr(sampler, "halved"):
        return sampler.halved()
    name = "learning_rate" if hasattr(sampler, "learning_rate") else "step_size"
    if not is_dataclass(sampler) or name not in {own.name for own in fields(sampler)}:
        return None
    return replace(cast(Any, sampler), **{name: float(np.ravel(cast(Any, sampler).step_size)[0]) / 2})


def _constant(setting: ArrayLike | None) -> bool:
    return setting is None or np.ptp(np.asarray(setting, dtype=float)) == 0


@checked_arguments
def sample_stages(
    stages: Sequence[Stage],
    *,
    chains: int,
    record_steps: ArrayLike | None = None,
    seed: Seed = 0,
    initial: ArrayLike | str | None = None,
    threads: int | None = None,
    advance: Callable[[float], None] | None = None,
    checkpoint: Path | None = None,
) -> xr.Dataset:
    """Run chains through a sequence of stages, keeping the states after given numbers of steps.

    Parameters
    ----------
    stages
        In order; the positions, the random streams and the step count carry over. Momenta are drawn afresh.
        Coordinates of their potentials are those of the first, in its order.
    record_steps
        Increasing step counts (over all stages) at which to keep the state; default: the end of each stage.
    chains, seed, initial, threads, advance, checkpoint
        As in :func:`sample`.

    Returns
    -------
    xarray.Dataset
        As :func:`sample`.
    """
    if not stages:
        raise ValueError("stages must hold at least one Stage")
    potentials = [potential_of(stage.potential) for stage in stages]
    named = {f"stages[{number}]": potential for number, potential in enumerate(potentials)}
    if all(isinstance(stage.potential, Potential) for stage in stages):
        potentials = list(in_order_of(potentials[0].coordinates, **named))
        stages = [replace(stage, potential=own) for stage, own in zip(stages, potentials, strict=True)]
    else:  # examples come with gradients of their own
        check_same_space(**named)
    chains = _whole("chains", chains)
    schedule = [_schedule(stage) for stage in stages]
    total = sum(part.total for part in schedule)
    records = np.cumsum([part.total for part in schedule]) if record_steps is None else np.asarray(record_steps)
    if records.ndim != 1 or records.size == 0 or (np.diff(records) <= 0).any() or records[0] < 1 or records[-1] > total:
        raise ValueError(f"record_steps must increase from at least 1 to at most {total}, the number of steps")
    records = records.astype(np.int64)
    start = _initial_points(potentials[0], initial, chains)
    draws = np.empty((chains, records.size, start.shape[1]))
    work = Work(tuple(stages), schedule, records, start, draws, _seed(seed), advance)
    threads = _threads(threads)
    if checkpoint is not None:
        run = fingerprint(work.stages, schedule, records, start, work.seed)
        work = replace(work, checkpoint=Checkpoint(checkpoint, run, work.range_size(threads)))
    statistics = work.run(threads)
    if potentials[0].boundary == "periodic":  # chains went on along the line, where the energy repeats itself
        draws[...] = wrapped(draws, potentials[0].box)
    starts = zip(schedule, work.starts(), strict=True)
    times = sum(part.time_after(np.clip(records - begin, 0, part.total)) for part, begin in starts)
    last = stages[-1].sampler
    return xr.Dataset(
        {"w": (("chain", "draw", "coordinate"), draws), **statistics},
        coords={
            "coordinate": [w.name for w in potentials[-1].coordinates],
            "step": ("draw", records),
            "time": ("draw", times),
        },
        attrs={
            "potential": potentials[-1].name,
            "seed": str(seed),
            "sampler": type(last).__name__ if np.ndim(last.step_size) else repr(last),
        },
    )


def _schedule(stage: Stage) -> Segments:
    if not hasattr(stage.sampler, "takes_n_beta"):
        raise ValueError(f"sampler must be one of slt_toys.samplers, such as MALA(0.01), not {shown(stage.sampler)}")
    if stage.sampler.takes_n_beta and stage.n_beta is None:
        raise ValueError(f"n_beta must be given for {type(stage.sampler).__name__}: an inverse temperature, 1/loss")
    if not stage.sampler.takes_n_beta and stage.n_beta is not None:
        raise ValueError(
            f"n_beta must be None for {type(stage.sampler).__name__}, whose temperature follows from its settings"
        )
    if getattr(stage.sampler, "static", False) and not _constant(stage.n_beta):
        raise ValueError("n_beta must be one number for a scheme that is for static averages only; take 'heun'")
    return segments(stage.sampler.step_size, stage.n_beta, _whole("steps", stage.steps))


def _initial_points(potential: Potential, initial: ArrayLike | str | None, chains: int) -> NDArray[np.float64]:
    d = potential.dimension
    if initial is None:
        minima = np.array([potential.minimum_point(i) for i in range(len(potential.phases))])
        return np.resize(minima, (chains, d))
    if isinstance(initial, str):
        points = potential.minimum_point(initial)
    else:
        points = np.asarray(real_numbers("initial", initial), dtype=float)
    if points.shape not in ((d,), (chains, d)):
        raise ValueError(f"initial must have shape ({d},) or ({chains}, {d}), not {points.shape}")
    if potential.boundary == "periodic":
        points = wrapped(points, potential.box)
    low, high = np.array(potential.box).T
    if not np.isfinite(points).all() or (
        potential.boundary == "reflecting" and ((points < low) | (points > high)).any()
    ):
        raise ValueError(f"initial must be finite and lie in the box {potential.box}")
    return np.array(np.broadcast_to(points, (chains, d)))


def _whole(name: str, value: int) -> int:
    if not isinstance(value, int | np.integer) or isinstance(value, bool) or value < 1:
        raise ValueError(f"{name} must be a whole number of at least 1, not {value!r}")
    return int(value)


def _seed(seed: Seed) -> tuple[int, ...]:
    values = (seed,) if isinstance(seed, int | np.integer) else tuple(seed)
    if not values or any(not isinstance(v, int | np.integer) or v < 0 for v in values):
        raise ValueError(f"seed must be a non-negative integer or a sequence of them, not {seed!r}")
    return tuple(int(v) for v in values)


def _threads(threads: int | None) -> int:
    if threads is None:
        return usable_processors()
    return _whole("threads", threads)
