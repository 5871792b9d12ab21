"""What is usual for the reference energy, in the units of another: so no unit of loss or length matters."""

from __future__ import annotations

import numpy as np

from .boxes import loss_unit
from .catalogue import find_potential
from .potential import Potential

REFERENCE = "regular_double_well"

__all__ = ["relative_loss", "relative_time"]


def relative_loss(potential: Potential) -> float:
    """The potential's own unit of loss over the reference's: the factor of a temperature that is usual there."""
    return loss_unit(potential) / loss_unit(find_potential(REFERENCE))


def relative_time(potential: Potential) -> float:
    """The potential's own unit of Langevin time, length²/loss, over the reference's: the factor of a learning rate.

    Its length is the largest distance between the minima of two phases.
    """
    return (_width(potential) / _width(find_potential(REFERENCE))) ** 2 / relative_loss(potential)


def _width(potential: Potential) -> float:
    minima = np.array([potential.minimum_point(k) for k in range(len(potential.phases))])
    return float(np.linalg.norm(minima[:, None] - minima[None, :], axis=-1).max())
