"""How often chains change between phases, and come back: what no statistic of values shows when none of them does."""

from __future__ import annotations

import numpy as np
from numpy.typing import ArrayLike, NDArray


def phase_transitions(phase_index: ArrayLike) -> NDArray[np.int64]:
    """Number of times that each chain is seen in another phase than before.

    Parameters
    ----------
    phase_index
        Whole numbers (chain, draw); a negative one, outside every phase, is passed over.

    Returns
    -------
    ndarray
        Shape (chain,).
    """
    held, known = _held(_phase_array(phase_index))
    return ((held[:, 1:] != held[:, :-1]) & known[:, :-1]).sum(1)


def phase_round_trips(phase_index: ArrayLike, first: int | ArrayLike, second: int | ArrayLike) -> NDArray[np.int64]:
    """Number of complete trips of each chain from ``first`` to ``second`` and back.

    Parameters
    ----------
    phase_index
        Whole numbers (chain, draw); draws in neither of the two phases are passed over.
    first, second
        The phases' indices, one number or one for each chain.

    Returns
    -------
    ndarray
        Shape (chain,).
    """
    index = _phase_array(phase_index)
    ends = []
    for name, phase in (("first", first), ("second", second)):
        end = np.asarray(phase)
        if end.shape not in ((), (len(index),)):
            raise ValueError(f"{name} must be one phase index or one for each of {len(index)} chains, not {phase!r}")
        ends.append(np.broadcast_to(end, len(index))[:, None])
    if (ends[0] == ends[1]).any():
        raise ValueError(f"first and second must be different phases, not both {first}")
    held, known = _held(np.where(index == ends[0], 1, np.where(index == ends[1], 0, -1)))
    returns = ((held[:, 1:] > held[:, :-1]) & known[:, :-1]).sum(1)
    # One that is first seen in `second` has not yet been away from `first` when it comes there for the first time.
    early = (np.take_along_axis(held, known.argmax(1)[:, None], 1)[:, 0] == 0) & (returns > 0)
    return returns - early


def _phase_array(phase_index: ArrayLike) -> NDArray[np.int64]:
    index = np.asarray(phase_index)
    if index.ndim != 2 or index.dtype.kind not in "iu" or not index.size:
        raise ValueError(f"phase_index must hold whole numbers (chain, draw), not {index.dtype} of shape {index.shape}")
    return index.astype(np.int64)


def _held(index: NDArray[np.int64]) -> tuple[NDArray[np.int64], NDArray[np.bool_]]:
    """The index with negative entries replaced by the last one before that is not, and whether there was one."""
    last = np.maximum.accumulate(np.where(index >= 0, np.arange(index.shape[1]), -1), axis=1)
    return np.take_along_axis(index, np.maximum(last, 0), axis=1), last >= 0


def core_entries(core_index: ArrayLike, phases: int) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """How often each chain came into each phase's core from another one's, and how often it came back to one.

    Parameters
    ----------
    core_index
        Whole numbers (chain, draw); a negative one, in no core, is passed over.
    phases
        How many there are.

    Returns
    -------
    entries, returns
        Shapes (chain, phase) and (chain,). An entry is a return where the chain had been in that core before.
    """
    held, known = _held(_phase_array(core_index))
    entered = np.where((held[:, 1:] != held[:, :-1]) & known[:, :-1], held[:, 1:], -1)
    entries = np.stack([(entered == k).sum(1) for k in range(phases)], axis=1)
    start = np.take_along_axis(held, known.argmax(1)[:, None], axis=1)
    fresh = (entries > 0) & (np.arange(phases) != start)
    return entries, entries.sum(1) - fresh.sum(1)
