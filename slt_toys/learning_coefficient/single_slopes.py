"""Slopes in single numbers along trajectories that are accepted or refused by losses in double: half the cost.

Leapfrogs by any slope that is a function of the place alone can be gone back and keep volumes, so that what
Metropolis' test accepts by the loss has the law of the loss, whatever the slope. A poor one costs acceptance, not
truth: it is taken only where its errors are small in units of the temperature.
"""

from __future__ import annotations

import torch
from torch import Tensor

from slt_toys.learning_coefficient.chains import Posterior
from slt_toys.learning_coefficient.stacked_loss import StackedLoss

WITHIN = 0.1  # of the temperature: what errors of slopes make of an energy over the stiffest direction's width
TRIED, HALVINGS = 4, 10  # points, and how often their distance


def single_slopes(posterior: Posterior, stiffest: float) -> StackedLoss | None:
    """The posterior's loss in single numbers, where trajectories may follow its slopes; None elsewhere.

    Parameters
    ----------
    posterior
        In double precision, and in scaled coordinates.
    stiffest
        Largest stiffness in these.
    """
    loss = posterior.loss
    if loss.start.dtype != torch.float64 or not stiffest > 0:
        return None
    single = loss.in_type(torch.float32)
    if single is None:
        return None
    generator = torch.Generator().manual_seed(0)
    drawn = torch.randn((TRIED, len(loss.start)), generator=generator, dtype=torch.float64).to(loss.start)
    around, height = loss.start.expand_as(drawn), float(loss.values(loss.start[None])[0])
    for halvings in range(HALVINGS):
        around = posterior.moved(loss.start, 0.5**halvings * stiffest**-0.5 * drawn)
        rise = posterior.n_beta * (loss.values(around) - height)
        if bool((rise <= len(loss.start) / 2).all()):  # no quadratic's energy is higher: chains may come here
            break

    def slopes(of: StackedLoss) -> Tensor:
        found = of.values_and_gradients(around.to(of.start))[1].to(loss.start)
        return posterior.scaled(posterior.n_beta * posterior.along(found))

    errors = (slopes(single) - slopes(loss)).norm(dim=1) * stiffest**-0.5
    return single if float(errors.square().mean()) ** 0.5 <= WITHIN else None
