"""An epoch of SGD in one coordinate as settings, the interval that holds its runs, and grids that resolve its steps."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Literal

import numpy as np
from numpy.typing import NDArray
from scipy.special import sici

from ..inputs.arguments import check_fields
from ..potentials.potential import Potential
from ..reference.laws import law

Array = NDArray[np.float64]
Dependence = Literal["additive", "gradient", "loss"]
RESOLUTION = 0.75  # spacing over the standard deviation of one step's noise: a Gaussian is then summed to 1e-7
REACH = 18.0  # of the interval: so many temperatures of loss above the outermost wells
MOST_POINTS = 4_000
RASTER = 4_001

__all__ = ["SGDEpoch", "crossing_weights", "interval_of", "moved", "uniform_points"]


@dataclass(frozen=True, eq=False)
class SGDEpoch:
    """What SGD does in one epoch, in one coordinate, with Gaussian gradient noise.

    As :class:`slt_toys.samplers.SGD` on :class:`~slt_toys.potentials.examples.GaussianGradients`: v ← μ v + g, then
    w ← w - η v, and with Nesterov's momentum w ← w - η (g + μ v).

    Attributes
    ----------
    potential
        The loss, of one coordinate and without walls.
    learning_rate
        η.
    steps
        Minibatches, M = N/B.
    variance
        σ²/B of a minibatch's gradient, by ``dependence``.
    dependence
        ``"additive"``: everywhere (units (loss/length)²); ``"gradient"``: times the squared gradient; ``"loss"``: times
        the loss above its least.
    added_noise
        Standard deviation of independent normal noise added to each minibatch's gradient.
    momentum, nesterov
        μ in [0, 1), and whether the step looks ahead.
    reshuffled
        Whether the noise of the epoch's minibatches, but not the added noise, sums to zero.
    """

    potential: Potential
    learning_rate: float
    steps: int
    variance: float
    dependence: Dependence = "additive"
    added_noise: float = 0.0
    momentum: float = 0.0
    nesterov: bool = False
    reshuffled: bool = False

    def __post_init__(self) -> None:
        check_fields(self)
        if self.potential.dimension != 1 or self.potential.boundary != "natural":
            raise ValueError(f"potential must have one coordinate and no walls, not be {self.potential.name}")
        for name in ("learning_rate", "variance", "added_noise"):
            value = getattr(self, name)
            if not (np.isfinite(value) and value >= 0) or (name == "learning_rate" and value == 0):
                raise ValueError(f"{name} must be positive and finite, not {value}")
        if self.steps < 1:
            raise ValueError(f"steps must be a whole number of at least 1, not {self.steps}")
        if self.dependence not in ("additive", "gradient", "loss"):
            raise ValueError(f"dependence must be 'additive', 'gradient' or 'loss', not {self.dependence!r}")
        if not 0 <= self.momentum < 1:
            raise ValueError(f"momentum must lie in [0, 1), not {self.momentum}")
        if self.reshuffled and (self.momentum or self.dependence != "additive" or self.steps < 2):
            raise ValueError(
                "reshuffled must be False with momentum or noise that is not additive: its kernel would need a third "
                "coordinate; and it needs at least 2 steps. Sample such a run"
            )

    @property
    def key(self) -> tuple[object, ...]:
        """Equal for epochs that are one; potentials are told apart by name and energy."""
        return (
            self.potential, self.learning_rate, self.steps, self.variance, self.dependence, self.added_noise,
            self.momentum, self.nesterov, self.reshuffled,
        )  # fmt: skip

    @property
    def kind(self) -> tuple[bool, bool, bool]:
        """What the state is made of: a weight, a weight and a momentum buffer, or that of Nesterov's."""
        return self.reshuffled, self.momentum > 0, self.nesterov

    def gradient(self, points: Array) -> Array:
        """L' at points of any shape."""
        return _gradient(self.potential)(points[..., None])[..., 0]

    def deviation(self, points: Array) -> Array:
        """Standard deviation of a minibatch's gradient, its own noise and the added together, at points."""
        return np.sqrt(self.own_variance(points) + self.added_noise**2)

    def own_variance(self, points: Array) -> Array:
        """Variance of a minibatch's gradient by its own noise alone."""
        if self.dependence == "gradient":
            return self.variance * self.gradient(points) ** 2
        if self.dependence == "loss":
            return self.variance * np.maximum(_energy(self.potential)(points[..., None]) - _least(self.potential), 0.0)
        return np.full(np.shape(points), self.variance)

    def temperature(self, points: Array) -> Array:
        """T of [eq:sgd-temperature] with the noise at points."""
        return law("sgd-temperature")(
            learning_rate=self.learning_rate, gradient_variance=self.deviation(points) ** 2, batch_size=1.0,
            momentum=self.momentum,
        )  # fmt: skip


@lru_cache(maxsize=64)
def _gradient(potential: Potential):
    return potential.gradient_function()


@lru_cache(maxsize=64)
def _energy(potential: Potential):
    return potential.energy_function()


@lru_cache(maxsize=64)
def _least(potential: Potential) -> float:
    return min(potential.minimum_loss(k) for k in range(len(potential.phases)))


def interval_of(epoch: SGDEpoch, potentials: Sequence[Potential], hotter: float = 1.0) -> tuple[float, float]:
    """An interval that holds the runs of an epoch: so far above the outermost wells that hardly a run gets there.

    That is :data:`REACH` temperatures, times ``hotter``, above the outermost well of each potential, and two noises of
    a step more. Where the temperature depends on the weight, loss is counted in units of the temperature where it is.
    """
    low, high = np.inf, -np.inf
    for potential in potentials:
        each = replace(epoch, potential=potential)
        wells = [float(potential.minimum_point(k)[0]) for k in range(len(potential.phases))]
        left, right = potential.box[0]
        for sign, well, end in ((1, max(wells), float(right)), (-1, min(wells), float(left))):
            points = np.linspace(well, end, RASTER)
            steep = np.maximum(sign * each.gradient(points), 0.0) / np.maximum(each.temperature(points), 1e-300)
            climbed = np.concatenate([[0.0], np.cumsum((steep[1:] + steep[:-1]) / 2 * abs(points[1] - points[0]))])
            place = min(int(np.searchsorted(climbed, REACH * hotter)), RASTER - 1)
            reached = points[place] + sign * 2 * each.learning_rate * float(
                each.deviation(points[place : place + 1])[0]
            )
            low, high = min(low, reached), max(high, reached)
    return float(np.floor(16 * low) / 16), float(np.ceil(16 * high) / 16)


def uniform_points(interval: tuple[float, float], spacing: float, what: str) -> Array:
    """Points of the interval at a spacing, the lowest at its lower end.

    Raises
    ------
    ValueError
        Where it takes more than :data:`MOST_POINTS`.
    """
    low, high = interval
    count = np.ceil((high - low) / spacing) + 1 if spacing > 0 else np.inf
    if count > MOST_POINTS:
        raise ValueError(
            f"the noise of a step, {spacing / RESOLUTION:.2g} at least, is too small for {what} on an interval of "
            f"{high - low:.3g}: it would take {count:.3g} points, more than {MOST_POINTS}; give added_noise or sample"
        )
    return np.asarray(low + spacing * np.arange(int(count)), dtype=np.float64)


@lru_cache(maxsize=2_048)
def _moved(low: float, spacing: float, count: int, new_low: float, new_spacing: float, new_count: int) -> Array:
    there, here = new_low + new_spacing * np.arange(new_count), low + spacing * np.arange(count)
    return np.asarray(new_spacing / spacing * np.sinc((there[:, None] - here) / spacing), dtype=np.float64)


def moved(points: Array, new: Array, shift: float = 0.0) -> Array:
    """Matrix (new points, points) that takes masses on a grid to another, all moved by ``shift``.

    The density between grid points is the one of limited band; the transpose takes observables back.
    """
    h, g = float(points[1] - points[0]), float(new[1] - new[0])
    return _moved(float(points[0]) + shift, h, points.size, float(new[0]), g, new.size)


def crossing_weights(points: Array, borders: tuple[float, float]) -> Array:
    """Weight of each grid point in the mass between two borders, for a density of limited band."""
    spacing = points[1] - points[0]

    def below(border: float) -> Array:
        if not np.isfinite(border):
            return np.full(points.shape, 1.0 if border > 0 else 0.0)
        return 0.5 + sici(np.pi * (border - points) / spacing)[0] / np.pi

    return below(borders[1]) - below(borders[0])
