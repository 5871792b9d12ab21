"""Changes of phase that count: from deep in one phase to deep in another, at any recording interval.

A chain at a border is seen on either side of it again and again, the oftener the finer it is recorded. Such flicker
forgets nothing: counted as changes of phase, it let occupancies be read that were still those of the start.
"""

from __future__ import annotations

import numpy as np
from numpy.typing import NDArray

from ..inputs.arguments import checked_arguments
from ..potentials.potential import Potential
from ..samplers.phase_trips import phase_transitions

__all__ = ["settled_changes"]


@checked_arguments
def settled_changes(
    potential: Potential, positions: NDArray[np.float64], index: NDArray[np.int64]
) -> NDArray[np.int64]:
    """Number of times that each chain is seen in the lower half of another phase than the last one so seen.

    The lower half of a phase are the draws in it whose loss is at most the median of its draws.

    Parameters
    ----------
    potential
        The loss.
    positions
        Shape (chain, draw, coordinate).
    index
        Phases of the draws, shape (chain, draw); negative outside every phase.

    Returns
    -------
    ndarray
        Shape (chain,).
    """
    energy = potential.energy_function()(np.asarray(positions, dtype=float))
    deep = np.full(index.shape, -1, dtype=np.int64)
    for phase in np.unique(index[index >= 0]):
        inside = index == phase
        deep[inside & (energy <= np.median(energy[inside]))] = phase
    return phase_transitions(deep)
