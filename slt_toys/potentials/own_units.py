"""What is usual for the reference energy, in the units of another: so no unit of loss or length matters."""

from __future__ import annotations

import numpy as np

from .boxes import loss_unit
from .catalogue import find_potential
from .potential import Potential

REFERENCE = "regular_double_well"

HOTTEST = 1000.0  # in the reference's own unit, whose barriers are 1

__all__ = ["check_not_too_hot", "relative_loss", "relative_time"]


def relative_loss(potential: Potential) -> float:
    """The potential's own unit of loss over the reference's: the factor of a temperature that is usual there."""
    return loss_unit(potential) / loss_unit(find_potential(REFERENCE))


def check_not_too_hot(temperature: float, potential: Potential, name: str) -> None:
    """Refuse, in one line, a temperature at which no phase of a potential is told from another."""
    unit = relative_loss(potential)
    if temperature > HOTTEST * unit:
        raise ValueError(
            f"{name} {temperature:g} is too hot for {potential.name}: its phases are not told apart; about "
            f"{0.6 * unit:.2g} is usual"
        )


def relative_time(potential: Potential) -> float:
    """The potential's own unit of Langevin time, length²/loss, over the reference's: the factor of a learning rate.

    Its length is the largest distance between the minima of two phases.
    """
    return (_width(potential) / _width(find_potential(REFERENCE))) ** 2 / relative_loss(potential)


def _width(potential: Potential) -> float:
    minima = np.array([potential.minimum_point(k) for k in range(len(potential.phases))])
    return float(np.linalg.norm(minima[:, None] - minima[None, :], axis=-1).max())
