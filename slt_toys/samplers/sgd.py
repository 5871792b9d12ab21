"""Stochastic gradient descent as it is really run, and stochastic gradient Langevin dynamics."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ..inputs.arguments import check_fields
from ..kernels.frame import LANES
from ..kernels.replica_exchange import InnerKernel
from ..kernels.sgd import (
    Order,
    examples_kernel,
    examples_source,
    gaussian_kernel,
    gaussian_source,
    scratch_rows,
    state_rows,
)
from ..potentials.examples import Examples, GaussianGradients
from ..potentials.potential import Potential
from ..reference.laws import law
from .program import Array, Program, check_step_size, largest_curvature, with_constants
from .step_bias import Stepping

ORDERS = ("with_replacement", "reshuffled", "fixed")
Target = Examples | GaussianGradients


@dataclass(frozen=True)
class SGD:
    """Stochastic gradient descent on minibatches, with the momentum of the common deep-learning libraries.

    With g the mean gradient of a minibatch, v ← μ v + g and w ← w - η v; Nesterov's variant steps along g + μ v. The
    buffer v starts at zero. Between two stages it stays over a change of the data, of the added noise, of η and of μ;
    where the order changes, or how much an order has to remember, it starts anew. In the limit of small steps this is
    overdamped Langevin dynamics at the temperature of [eq:sgd-temperature], where a step lasts η/(1-μ); ``time`` in
    the result is the sum of the learning rates.

    Attributes
    ----------
    learning_rate
        η, a positive number or one for each step.
    batch_size
        B, examples in a minibatch.
    momentum
        μ in [0, 1).
    nesterov
        Whether the step looks ahead.
    order
        ``"with_replacement"``: every example of every minibatch is drawn from all; ``"reshuffled"``: every epoch visits
        each example once, in a fresh random order (colder in slow directions [eq:reshuffling-temperature-factor]);
        ``"fixed"``: in one order, that of the data, for all epochs and chains.
    added_noise
        Standard deviation of normal noise added to each coordinate of each minibatch's gradient.
    """

    takes_n_beta: ClassVar[bool] = False
    learning_rate: ArrayLike
    batch_size: int
    momentum: float = 0.0
    nesterov: bool = False
    order: Order = "with_replacement"
    added_noise: float = 0.0

    def __post_init__(self) -> None:
        check_fields(self)
        check_step_size(self.learning_rate, "learning_rate")
        _check_batches(self.batch_size, self.order)
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), not {self.momentum}")
        if self.nesterov and self.momentum == 0:
            raise ValueError("nesterov needs a momentum above 0")
        if not (np.isfinite(self.added_noise) and self.added_noise >= 0):
            raise ValueError(f"added_noise must be finite and not negative, not {self.added_noise}")

    @property
    def step_size(self) -> ArrayLike:
        """The learning rate."""
        return self.learning_rate

    def program(self, target: Target) -> Program:
        """Compile for examples or Gaussian gradients."""
        return _program(target, self.batch_size, self.order, self.added_noise > 0, self._own())

    def escape_kernel(self, target: Target) -> InnerKernel:
        """What multilevel splitting builds on."""
        return _escape_kernel(target, self.batch_size, self.order, self.added_noise > 0, self._own())

    def _own(self) -> tuple[float, float, float]:
        return float(self.momentum), float(self.nesterov), float(self.added_noise)

    def largest_stable_step(self, potential: Potential, temperature: float) -> float:
        """2 (1+μ) over the curvature at the minimum, and 2 (1+μ)/(1+2μ) over it with Nesterov's momentum.

        Where the minimum is flat, the largest curvature in the box counts.
        """
        curvature = largest_curvature(potential, temperature) or largest_curvature(potential, np.inf)
        share = 1 + 2 * self.momentum if self.nesterov else 1.0
        return 2 * (1 + self.momentum) / (share * curvature) if curvature > 0 else np.inf

    def stepping(self, target: Target, n_beta: float | None) -> Stepping:
        """A temperature only where noise is additive and independent from step to step [eq:sgd-temperature]."""
        rate = float(np.ravel(self.learning_rate)[0])
        additive = isinstance(target, GaussianGradients) and target.dependence == "additive"
        additive = additive and len(set(target.factors)) <= 1  # type: ignore[union-attr]
        if not additive or self.order != "with_replacement":
            return Stepping("stochastic_gradient_descent", rate, 1, None)
        own = target.variance * (target.factors or (1.0,))[0]  # type: ignore[union-attr]
        variance = own + self.batch_size * self.added_noise**2
        if variance == 0:
            return Stepping("gradient_descent", rate, 1, None)
        temperature = law("sgd-temperature")(
            learning_rate=rate, gradient_variance=variance, batch_size=self.batch_size, momentum=self.momentum
        )
        scheme = "nesterov" if self.nesterov else "heavy_ball"
        return Stepping(scheme, rate / (1 + self.momentum), 1, 1 / temperature)


@dataclass(frozen=True)
class SGLD:
    """Stochastic gradient Langevin dynamics, w ← w - η g + √(2ηT) ξ (Welling & Teh 2011, eq. 4, per unit of loss).

    Attributes
    ----------
    learning_rate
        η, a positive number or one for each step: Langevin time per step.
    batch_size
        B, examples in a minibatch.
    order
        As for :class:`SGD`.
    """

    takes_n_beta: ClassVar[bool] = True
    learning_rate: ArrayLike
    batch_size: int
    order: Order = "with_replacement"

    def __post_init__(self) -> None:
        check_fields(self)
        check_step_size(self.learning_rate, "learning_rate")
        _check_batches(self.batch_size, self.order)

    @property
    def step_size(self) -> ArrayLike:
        """The learning rate."""
        return self.learning_rate

    def program(self, target: Target) -> Program:
        """Compile for examples or Gaussian gradients."""
        return _program(target, self.batch_size, self.order, True, (0.0, 0.0, 0.0))

    def escape_kernel(self, target: Target) -> InnerKernel:
        """What multilevel splitting builds on."""
        return _escape_kernel(target, self.batch_size, self.order, True, (0.0, 0.0, 0.0))

    def largest_stable_step(self, potential: Potential, temperature: float) -> float:
        """2 over the largest curvature where the posterior lives."""
        curvature = largest_curvature(potential, temperature)
        return 2 / curvature if curvature > 0 else np.inf

    def stepping(self, target: Target, n_beta: float | None) -> Stepping:
        """Minibatch noise raises the temperature by as much, to first order, as the step does: no law holds both."""
        return Stepping("stochastic_gradient", float(np.ravel(self.learning_rate)[0]), 1, n_beta)


def _check_batches(batch_size: int, order: str) -> None:
    if not isinstance(batch_size, int | np.integer) or isinstance(batch_size, bool) or batch_size < 1:
        raise ValueError(f"batch_size must be a whole number of at least 1, not {batch_size!r}")
    if order not in ORDERS:
        raise ValueError(f"order must be one of {', '.join(ORDERS)}, not {order!r}")


def _program(target: Any, batch_size: int, order: Order, noisy: bool, settings: tuple[float, float, float]) -> Program:
    own = _constants(target, batch_size, order)
    rows, scratch = state_rows(target, order, _batches(target, batch_size, order)), scratch_rows(target)
    # With a beginning of its own, a stage whose state has other rows than the last one's gets rows of its own.
    kept = target.size if order == "reshuffled" and isinstance(target, Examples) else 0
    begin = partial(_begin, kept)
    gaussian = isinstance(target, GaussianGradients)
    kernel = gaussian_kernel(target, order, noisy) if gaussian else examples_kernel(target, order, noisy)
    advance = partial(with_constants, kernel.advance, (*settings, *own))
    return Program(rows, scratch, advance, begin=begin, carries_state=True)


def _escape_kernel(
    target: Any, batch_size: int, order: Order, noisy: bool, settings: tuple[float, float, float]
) -> InnerKernel:
    if order != "with_replacement":
        raise ValueError(
            f"order {order!r} keeps a place in the epoch that all lanes share; escapes take order 'with_replacement'"
        )
    own = _constants(target, batch_size, order)
    gaussian = isinstance(target, GaussianGradients)
    source = gaussian_source(target, order, noisy) if gaussian else examples_source(target, order, noisy)
    return InnerKernel(source, ("temperature",), (*settings, *own), moved=2 * target.potential.dimension)


def _constants(target: Any, batch_size: int, order: Order) -> tuple[Any, ...]:
    """What the kernel takes behind its settings."""
    if not isinstance(target, Examples | GaussianGradients):
        raise ValueError(
            f"potential must be Examples or GaussianGradients for SGD, not a bare {type(target).__name__}: such as "
            "GaussianGradients(potential, variance=1.0)"
        )
    batches = _batches(target, batch_size, order)
    if isinstance(target, GaussianGradients):
        return batches, float(np.sqrt(target.variance / batch_size)), target.least_printed_loss
    if target.potential.boundary != "natural":
        what = "walls of {} are" if target.potential.boundary == "reflecting" else "the period of {} is"
        raise ValueError(f"{what.format(target.potential.name)} no part of a loss on examples; give one without")
    return int(batch_size), batches, target.size, np.ascontiguousarray(target.data).reshape(-1)


def _batches(target: Target, batch_size: int, order: Order) -> int:
    """Minibatches in an epoch; 1 when there are no epochs."""
    size = target.size
    if order == "with_replacement":
        return 1
    if size is None:
        raise ValueError(f"size must be given to GaussianGradients for order {order!r}: the examples of an epoch")
    if size % batch_size:
        whole = max(1, size // batch_size) * batch_size
        raise ValueError(
            f"batch_size must divide the {size} examples for order {order!r}, not {batch_size}: take {whole} examples"
        )
    return size // batch_size


def _begin(
    size: int, state: Array, parameters: Array, temperature: float, generators: Sequence[np.random.Generator]
) -> None:
    """Each lane's permutation starts as the order of the data, in the last ``size`` rows of the state."""
    state[:, state.shape[1] - size * LANES :] = np.repeat(np.arange(size), LANES)
