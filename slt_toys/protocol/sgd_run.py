"""A run of SGD as its settings, epoch by epoch: what an arm sets and a world is given. It holds no temperature.

A temperature needs the variance of the gradients, which is the world's. Who has measured it may look at the run as a
:class:`~slt_toys.protocol.schedule.Schedule`, by :meth:`SGDRun.schedule`.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ..inputs.arguments import check_fields
from ..reference.laws import law
from .schedule import Order, Schedule, check_order

Array = NDArray[np.float64]
NoiseLaw = Literal["additive", "loss"]

__all__ = ["NoiseLaw", "SGDRun"]


@dataclass(frozen=True, eq=False)
class SGDRun:
    """Settings of one run.

    Attributes
    ----------
    learning_rates, deficit_weights
        Of each epoch, shape (epochs,): η, and the deficit's weight in the energy, 1 or 0.
    batch_size, dataset_size
        Examples in a minibatch and in an epoch, which has :attr:`steps_per_epoch` steps.
    momentum, nesterov
        μ, and whether the step looks ahead.
    order
        Of the examples.
    added_noise
        Standard deviation of independent noise that the experimenter adds to each minibatch's gradient, per coordinate.
    label_noise
        Variance that labels drawn anew at each visit add to one example's gradient, over the variance that the
        world's examples have; independent of the order.
    noise_law
        ``"additive"``: the world's noise as it is; ``"loss"``: half of its variance in proportion to the loss.
    anisotropy
        Factor on the variance in the second coordinate.
    averaged_epochs
        The weights at the ends of so many last epochs are averaged, and their mean decides; 0 for the last weights.
    """

    learning_rates: Array
    deficit_weights: Array
    batch_size: float
    dataset_size: float
    momentum: float = 0.0
    nesterov: bool = False
    order: Order = "with replacement"
    added_noise: float = 0.0
    label_noise: float = 0.0
    noise_law: NoiseLaw = "additive"
    anisotropy: float = 1.0
    averaged_epochs: int = 0

    def __post_init__(self) -> None:
        check_fields(self)
        rates = np.asarray(self.learning_rates)
        if rates.ndim != 1 or not rates.size or not (np.isfinite(rates) & (rates > 0)).all():
            raise ValueError("learning_rates must hold one positive number per epoch")
        weights = np.asarray(self.deficit_weights)
        if weights.shape != rates.shape or not np.isin(weights, (0.0, 1.0)).all():
            raise ValueError("deficit_weights must hold a 1 or a 0 per epoch")
        check_order(self.order)
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), not {self.momentum}")
        if self.order != "with replacement" and self.steps_per_epoch < 2:
            raise ValueError(
                f"batch_size {self.batch_size:g} leaves {self.steps_per_epoch} minibatch of {self.dataset_size:g} "
                "examples, whose noise is nothing; give at most half of them"
            )

    @property
    def steps_per_epoch(self) -> int:
        """Minibatches in an epoch, at least 1."""
        return max(1, round(self.dataset_size / self.batch_size))

    @property
    def switch_epoch(self) -> int:
        """First epoch from which on the energy is the clean one."""
        seen = np.flatnonzero(self.deficit_weights)
        return int(seen[-1]) + 1 if seen.size else 0

    def noise_variance(self, gradient_variance: float) -> float:
        """Variance of one example's gradient as it appears in a step, with labels and added noise."""
        return gradient_variance * (1 + self.label_noise) + self.batch_size * self.added_noise**2

    def schedule(self, gradient_variance: float) -> Schedule:
        """Temperatures and durations, for a variance of one example's gradient [eq:sgd-temperature, eq:epoch-time].

        Parameters
        ----------
        gradient_variance
            Of the world's own noise, per coordinate, as it was measured (additive, or an average).

        Returns
        -------
        Schedule
            In the limit of small steps; where examples are not drawn with replacement, which that limit does not know,
            with the order and the steps, so that it is no other run's schedule.
        """
        temperatures = law("sgd-temperature")(
            learning_rate=self.learning_rates, gradient_variance=self.noise_variance(gradient_variance),
            batch_size=self.batch_size, momentum=self.momentum,
        )  # fmt: skip
        durations = law("epoch-time")(
            learning_rate=self.learning_rates, dataset_size=self.dataset_size, batch_size=self.batch_size,
            momentum=self.momentum,
        )  # fmt: skip
        return Schedule(
            np.asarray(self.deficit_weights, dtype=float), temperatures, durations,
            learning_rates=np.asarray(self.learning_rates), batch_size=self.batch_size, momentum=self.momentum,
            order=self.order, steps_per_epoch=0 if self.order == "with replacement" else self.steps_per_epoch,
        )  # fmt: skip
