"""Descent with noise that no tempered posterior has: hotter in places, along directions, heavy-tailed, or no noise.

One step is w ← w - η (∇L(w) + S ∇L(w) + force(t) + noise), then walls clip. The noise of a minibatch of B examples is
A (√p(w) ∘ ξ): one factor pᵢ(w) on the variance for each source of noise, a mixing matrix A, and symmetric α-stable ξ.
The sum of B such numbers is again α-stable, so their mean has the scale B^(1/α-1), and B^(-1/2) for the normal ones of
α = 2. Every chain has its own stream of random bits (xoshiro256+): a chain's path is the same to the bit whatever the
number of chains and of threads.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import numpy as np
import sympy
from numba import njit
from numpy.typing import ArrayLike, NDArray

from ..inputs.arguments import check_fields, checked_arguments
from ..potentials.potential import Potential

Array = NDArray[np.float64]

__all__ = ["Noise", "NoisyDescent", "Recording", "stable_draws"]

NORMAL = 2.0  # the stability α of normal noise
LAYERS, TAIL = 128, 3.442619855899  # of the normal density, and where its tail begins
FEWEST_FACTOR_POINTS = 33  # where factors are tried for their sign, along each coordinate


@dataclass(frozen=True)
class Noise:
    """The noise of one example's gradient.

    Attributes
    ----------
    variance
        σ² of the normal noise of one example, (loss/length)². Of stable noise σ/√2 is the scale, which at α = 2 is the
        same.
    factors
        One sympy expression of the coordinates for each coordinate, on the variance; none for 1 everywhere.
    mixing
        Rows of A, d by d; none for the identity. Without factors the covariance is σ² A Aᵀ.
    stability
        α in (1, 2]; 2 is normal, and below it the variance is infinite.
    """

    variance: float
    factors: tuple[sympy.Expr, ...] = ()
    mixing: tuple[tuple[float, ...], ...] = ()
    stability: float = NORMAL

    def __post_init__(self) -> None:
        check_fields(self)
        if not (math.isfinite(self.variance) and self.variance >= 0):
            raise ValueError(f"variance must be finite and not negative, not {self.variance}")
        if not 1 < self.stability <= 2:
            raise ValueError(f"stability must lie in (1, 2], where a mean exists, not {self.stability}")

    def mixed(self, dimension: int) -> Array:
        """A, shape (d, d)."""
        return np.array(self.mixing, dtype=float) if self.mixing else np.eye(dimension)

    def scale(self, batch_size: float) -> float:
        """Scale of a minibatch's noise, σ/√2 · B^(1/α-1)."""
        return math.sqrt(self.variance / 2) * batch_size ** (1 / self.stability - 1)

    def diffusion(self, potential: Potential, learning_rate: float, batch_size: float) -> Callable[[ArrayLike], Array]:
        """Matrix D(w) = η/(2B) times the covariance, shape (..., d, d), of dw = -∇L dt + √(2D) dW; normal noise only.

        Raises
        ------
        ValueError
            For heavy-tailed noise, which has no variance.
        """
        if self.stability < NORMAL:
            raise ValueError(f"stability must be 2 for a diffusion, not {self.stability}")
        factors = _compiled(self.factors or (sympy.Integer(1),) * potential.dimension, potential)
        mixing = self.mixed(potential.dimension)
        share = learning_rate * self.variance / (2 * batch_size)

        def matrix(points: ArrayLike) -> Array:
            return share * np.einsum("ij,...j,kj->...ik", mixing, factors(points), mixing)

        return matrix


@dataclass(frozen=True, eq=False)
class Recording:
    """What a run left behind.

    Attributes
    ----------
    before, after
        Positions before and after each recorded step, shape (chain, draw, coordinate).
    time_per_draw
        Langevin time between draws.
    """

    before: Array
    after: Array
    time_per_draw: float


@dataclass(frozen=True)
class NoisyDescent:
    """A world's dynamics at one learning rate and batch size.

    Attributes
    ----------
    potential
        L. Its box is no wall here.
    noise
        Of one example.
    learning_rate, batch_size
        η and B.
    swirl
        S, an antisymmetric number in two coordinates: (∇L)₂ and -(∇L)₁ times it are added to the gradient, so that
        exp(-L/T) stays stationary while paths go round.
    force, period
        Size and period (Langevin time) of a force along the first coordinate that switches its sign every half period.
    walls
        Coordinates are clipped to ± this.
    """

    potential: Potential
    noise: Noise
    learning_rate: float
    batch_size: float
    swirl: float = 0.0
    force: float = 0.0
    period: float = 1.0
    walls: float = math.inf

    def __post_init__(self) -> None:
        check_fields(self)
        if not (math.isfinite(self.learning_rate) and self.learning_rate > 0):
            raise ValueError(f"learning_rate must be positive and finite, not {self.learning_rate}")
        if not (math.isfinite(self.batch_size) and self.batch_size >= 1):
            raise ValueError(f"batch_size must be finite and at least 1, not {self.batch_size}")
        if not (self.walls > 0 and self.period > 0):
            raise ValueError(f"walls and period must be positive, not {self.walls} and {self.period}")
        dimension = self.potential.dimension
        if self.swirl and dimension != 2:
            raise ValueError(f"swirl must be 0 in {dimension} coordinates: it needs two")
        if self.noise.factors and len(self.noise.factors) != dimension:
            raise ValueError(f"factors must be {dimension}, one for each coordinate, not {len(self.noise.factors)}")
        if self.noise.mixing and np.shape(self.noise.mixing) != (dimension, dimension):
            raise ValueError(f"mixing must have shape ({dimension}, {dimension}), not {np.shape(self.noise.mixing)}")
        if self.noise.factors:
            _check_factors(self.potential, self.noise.factors)

    @property
    def temperature(self) -> float:
        """η σ²/(2B) [eq:sgd-temperature]: what noise alike everywhere would have."""
        return self.learning_rate * self.noise.variance / (2 * self.batch_size)

    @checked_arguments
    def run(self, initial: ArrayLike, duration: float, interval: float, seed: int | Sequence[int]) -> Recording:
        """Run chains from positions (chain, coordinate) for a Langevin time, and record every ``interval`` of it.

        Raises
        ------
        ValueError
            For positions of another shape, an interval below the learning rate or above the duration, or chains that
            left every bound.
        """
        state = np.array(initial, dtype=float)
        if state.ndim != 2 or state.shape[1] != self.potential.dimension or not np.isfinite(state).all():
            raise ValueError(f"initial must have shape (chains, {self.potential.dimension}) and be finite")
        thin = round(interval / self.learning_rate)
        draws = round(duration / (thin * self.learning_rate)) if thin else 0
        if thin < 1 or draws < 1:
            raise ValueError(
                f"interval must lie between the learning rate {self.learning_rate:g} and the duration {duration:g}, "
                f"not at {interval:g}"
            )
        words = np.random.SeedSequence(seed).generate_state(4 * len(state), np.uint64).reshape(-1, 4)
        before, after = np.empty((2, len(state), draws, self.potential.dimension))
        advance = _stepper(self.potential, self.noise.factors)
        advance(
            state, words, before, after, thin, self.learning_rate, self.noise.scale(self.batch_size),
            self.noise.stability, self.noise.mixed(self.potential.dimension), self.swirl, self.force,
            self.period / self.learning_rate, self.walls,
        )  # fmt: skip
        if not np.isfinite(after).all():
            raise ValueError(f"learning_rate {self.learning_rate:g} is too large: chains left every bound")
        return Recording(before, after, thin * self.learning_rate)


def _check_factors(potential: Potential, factors: tuple[sympy.Expr, ...]) -> None:
    axes = [np.linspace(low, high, FEWEST_FACTOR_POINTS) for low, high in potential.box]
    values = _compiled(factors, potential)(np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1))
    if not (np.isfinite(values).all() and (values >= 0).all()):
        raise ValueError("factors must be finite and not negative in the potential's box")


def _compiled(expressions: tuple[sympy.Expr, ...], potential: Potential) -> Callable[[ArrayLike], Array]:
    function = sympy.lambdify(potential.coordinates, list(expressions), "numpy", cse=True)

    def evaluate(points: ArrayLike) -> Array:
        points = np.asarray(points, dtype=float)
        values = function(*np.moveaxis(points, -1, 0))
        return np.stack([np.broadcast_to(value, points.shape[:-1]) for value in values], axis=-1)

    return evaluate


# ---- random numbers -------------------------------------------------------------------------------------------------
def _layers() -> tuple[Array, Array]:
    """Right ends of 128 layers of equal area under the normal density, and the share of each that lies inside it."""
    area, density = 9.91256303526217e-3, math.exp(-(TAIL**2) / 2)
    ends = np.zeros(LAYERS + 1)
    ends[0], ends[1] = area / density, TAIL
    for i in range(2, LAYERS):
        ends[i] = math.sqrt(-2 * math.log(area / ends[i - 1] + density))
        density = math.exp(-(ends[i] ** 2) / 2)
    return ends, ends[1:] / ends[:-1]


_ENDS, _INSIDE = _layers()


@njit(cache=True)
def _word(words: Any) -> Any:
    """Next 64 bits of a stream (xoshiro256+, Blackman & Vigna 2021)."""
    total = words[0] + words[3]
    kept = words[1] << np.uint64(17)
    words[2] ^= words[0]
    words[3] ^= words[1]
    words[1] ^= words[2]
    words[0] ^= words[3]
    words[2] ^= kept
    words[3] = (words[3] << np.uint64(45)) | (words[3] >> np.uint64(19))
    return total


@njit(cache=True)
def _uniform(words: Any) -> float:
    """Strictly between 0 and 1."""
    return (float(_word(words) >> np.uint64(12)) + 0.5) * 2.0**-52


@njit(cache=True)
def _normal(words: Any) -> Any:
    """One standard normal number by layers (Marsaglia & Tsang 2000, in the form of Doornik 2005)."""
    while True:
        bits = _word(words)
        u = (float(bits >> np.uint64(12)) + 0.5) * 2.0**-51 - 1.0
        layer = (bits >> np.uint64(4)) & np.uint64(127)
        if abs(u) < _INSIDE[layer]:
            return u * _ENDS[layer]
        if layer == 0:
            while True:
                beyond = math.log(_uniform(words)) / TAIL
                if -2.0 * math.log(_uniform(words)) >= beyond * beyond:
                    return beyond - TAIL if u < 0 else TAIL - beyond
        x = u * _ENDS[layer]
        low = math.exp(-0.5 * (_ENDS[layer] ** 2 - x * x))
        high = math.exp(-0.5 * (_ENDS[layer + np.uint64(1)] ** 2 - x * x))
        if high + _uniform(words) * (low - high) < 1.0:
            return x


@njit(cache=True)
def _stable(words: Any, stability: float) -> float:
    """One symmetric α-stable number with characteristic function exp(-|k|^α) (Chambers, Mallows & Stuck 1976)."""
    if stability == 2.0:
        return 1.4142135623730951 * _normal(words)
    angle = math.pi * (_uniform(words) - 0.5)
    wait = -math.log(_uniform(words))
    inner = (1.0 - stability) * angle
    return (
        math.sin(stability * angle) / math.cos(angle) ** (1.0 / stability)
        * (math.cos(inner) / wait) ** ((1.0 - stability) / stability)
    )  # fmt: skip


@njit(cache=True)
def _fill(words: Any, stability: float, values: Any) -> None:
    for i in range(values.size):
        values[i] = _stable(words, stability)


@checked_arguments
def stable_draws(stability: float, count: int, seed: int | Sequence[int]) -> Array:
    """Draw symmetric α-stable numbers with characteristic function exp(-|k|^α), as the worlds do.

    Parameters
    ----------
    stability
        α in (1, 2]; 2 gives normal numbers of variance 2.
    count, seed
        How many, and of which stream.
    """
    if not 1 < stability <= 2:
        raise ValueError(f"stability must lie in (1, 2], not {stability}")
    values = np.empty(count)
    _fill(np.random.SeedSequence(seed).generate_state(4, np.uint64), float(stability), values)
    return values


# ---- steps ----------------------------------------------------------------------------------------------------------
@lru_cache(maxsize=32)
def _stepper(potential: Potential, factors: tuple[sympy.Expr, ...]) -> Callable[..., None]:
    """Compile the loop over chains and steps for a potential and its noise's factors."""
    coordinates, energy = potential.coordinates, potential.bound_energy
    gradient = _inlined(coordinates, [sympy.diff(energy, w) for w in coordinates])
    ones = [sympy.Integer(1)] * len(coordinates)
    spread = _inlined(coordinates, [sympy.sqrt(factor) for factor in factors] or ones)
    return _line(gradient, spread) if len(coordinates) == 1 else _plane(gradient, spread)


def _inlined(coordinates: Sequence[sympy.Symbol], expressions: Sequence[sympy.Expr]) -> Any:
    """Compiled function of the coordinates with a tuple of floats for its value."""
    floats = [sympy.Float(each) if each.is_number else each for each in expressions]
    return njit(sympy.lambdify(coordinates, tuple(floats), "math", cse=True))


def _line(gradient: Any, spread: Any) -> Callable[..., None]:
    @njit(nogil=True)
    def advance(
        state, words, before, after, thin, rate, scale, stability, mixing, swirl, force, period, walls
    ):  # numba types these
        for chain in range(len(state)):
            w = state[chain, 0]
            own = words[chain].copy()
            size = scale * mixing[0, 0]
            step = 0
            for draw in range(before.shape[1]):
                for left in range(thin, 0, -1):
                    if left == 1:
                        before[chain, draw, 0] = w
                    (slope,) = gradient(w)
                    (wide,) = spread(w)
                    push = 0.0
                    if force != 0.0:
                        push = force if (2.0 * step / period) % 2.0 < 1.0 else -force
                    w = w - rate * (slope + push + size * wide * _stable(own, stability))
                    w = min(max(w, -walls), walls)
                    step += 1
                after[chain, draw, 0] = w

    return advance


def _plane(gradient: Any, spread: Any) -> Callable[..., None]:
    @njit(nogil=True)
    def advance(
        state, words, before, after, thin, rate, scale, stability, mixing, swirl, force, period, walls
    ):  # numba types these
        for chain in range(len(state)):
            x, y = state[chain, 0], state[chain, 1]
            own = words[chain].copy()
            step = 0
            for draw in range(before.shape[1]):
                for left in range(thin, 0, -1):
                    if left == 1:
                        before[chain, draw, 0] = x
                        before[chain, draw, 1] = y
                    slope_x, slope_y = gradient(x, y)
                    wide_x, wide_y = spread(x, y)
                    first = scale * wide_x * _stable(own, stability)
                    second = scale * wide_y * _stable(own, stability)
                    push = 0.0
                    if force != 0.0:
                        push = force if (2.0 * step / period) % 2.0 < 1.0 else -force
                    x_pull = slope_x + swirl * slope_y + push + mixing[0, 0] * first + mixing[0, 1] * second
                    y_pull = slope_y - swirl * slope_x + mixing[1, 0] * first + mixing[1, 1] * second
                    x = min(max(x - rate * x_pull, -walls), walls)
                    y = min(max(y - rate * y_pull, -walls), walls)
                    step += 1
                after[chain, draw, 0] = x
                after[chain, draw, 1] = y

    return advance
