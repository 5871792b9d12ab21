"""A training run as the physics sees it: learning rates per epoch become temperatures and Langevin times."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace

import numpy as np
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import check_fields
from ..reference.laws import law


@dataclass(frozen=True)
class Training:
    """SGD with isotropic gradient noise, in its continuous limit [eq:sgd-temperature, eq:epoch-time].

    Attributes
    ----------
    batch_size, dataset_size
        Examples per step and per epoch.
    learning_rate_at
        The schedule: learning rate as a function of the epoch (an array of integers from 0).
    gradient_variance
        Per-example variance σ² of each gradient component.
    momentum
        Heavy-ball μ in [0, 1).
    """

    batch_size: float
    dataset_size: float
    learning_rate_at: Callable[[NDArray[np.int64]], ArrayLike]
    gradient_variance: float
    momentum: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        check_positive(self, "batch_size", "dataset_size", "gradient_variance")
        if self.batch_size > self.dataset_size:
            raise ValueError(
                f"batch_size {self.batch_size:g} is larger than the dataset of {self.dataset_size:g} examples; "
                "give at most dataset_size"
            )
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), not {self.momentum}")

    def learning_rates(self, epochs: int) -> NDArray[np.float64]:
        """Learning rate of epochs 0 ... epochs - 1, shape (epochs,).

        Raises
        ------
        ValueError
            When the schedule gives a rate that is not positive and finite.
        """
        rates = np.broadcast_to(np.asarray(self.learning_rate_at(np.arange(epochs)), dtype=float), epochs)
        bad = np.flatnonzero(~(np.isfinite(rates) & (rates > 0)))
        if bad.size:
            raise ValueError(f"learning_rate must be positive and finite; in epoch {bad[0]} it is {rates[bad[0]]}")
        return np.array(rates)

    def temperatures(self, epochs: int) -> NDArray[np.float64]:
        """T of each epoch in units of loss, shape (epochs,) [eq:sgd-temperature]."""
        return law("sgd-temperature")(
            learning_rate=self.learning_rates(epochs), gradient_variance=self.gradient_variance,
            batch_size=self.batch_size, momentum=self.momentum,
        )  # fmt: skip

    def durations(self, epochs: int) -> NDArray[np.float64]:
        """Langevin time of each epoch, shape (epochs,) [eq:epoch-time]."""
        return law("epoch-time")(
            learning_rate=self.learning_rates(epochs), dataset_size=self.dataset_size, batch_size=self.batch_size,
            momentum=self.momentum,
        )  # fmt: skip


def in_another_time(training: Training, factor: float) -> Training:
    """A training run with all learning rates times a factor, whose temperatures are the same [eq:sgd-temperature]."""
    rates = _Times(training.learning_rate_at, factor)
    return replace(training, learning_rate_at=rates, gradient_variance=training.gradient_variance / factor)


@dataclass(frozen=True)
class _Times:
    """A schedule of learning rates times a factor."""

    schedule: Callable[[NDArray[np.int64]], ArrayLike]
    factor: float

    def __call__(self, epochs: NDArray[np.int64]) -> NDArray[np.float64]:
        return self.factor * np.asarray(self.schedule(epochs), dtype=float)


def check_positive(settings: object, *names: str) -> None:
    """Refuse the first of some attributes that is not positive and finite."""
    for name in names:
        value = getattr(settings, name)
        if not (np.isfinite(value) and value > 0):
            raise ValueError(f"{name} must be positive and finite, not {value}")


@dataclass(frozen=True)
class ExponentialDecay:
    """η(e) = η₀ γ^e, with 0 < γ < 1."""

    learning_rate: float
    decay: float

    def __post_init__(self) -> None:
        check_fields(self)
        check_positive(self, "learning_rate")
        if not 0 < self.decay < 1:
            raise ValueError(f"decay must lie strictly between 0 and 1, not {self.decay}; 0.97 is usual")

    def __call__(self, epochs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Learning rate of each epoch."""
        return self.learning_rate * self.decay ** np.asarray(epochs, dtype=float)


@dataclass(frozen=True)
class PowerDecay:
    """η(e) = η₀ (1 + e)^-p, with p > 0."""

    learning_rate: float
    power: float

    def __post_init__(self) -> None:
        check_fields(self)
        check_positive(self, "learning_rate")
        if not (np.isfinite(self.power) and self.power > 0):
            raise ValueError(f"power must be positive, not {self.power}")

    def __call__(self, epochs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Learning rate of each epoch."""
        return self.learning_rate * (1.0 + np.asarray(epochs, dtype=float)) ** -self.power


@dataclass(frozen=True)
class ConstantRate:
    """η(e) = η₀."""

    learning_rate: float

    def __post_init__(self) -> None:
        check_fields(self)
        check_positive(self, "learning_rate")

    def __call__(self, epochs: NDArray[np.int64]) -> NDArray[np.float64]:
        """Learning rate of each epoch."""
        return np.full(np.shape(epochs), self.learning_rate)
