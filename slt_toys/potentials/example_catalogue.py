"""Sets of examples to train on: linear regression, a regression with two phases, additive noise from a table."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Literal

import numpy as np
import sympy
from sympy import Rational

from ..inputs.arguments import checked_arguments, shown
from .catalogue import two_phase_regression
from .examples import Examples
from .phases import declare_phase
from .potential import Potential

LARGEST = 1e100  # of numbers whose squares are summed


@checked_arguments
def linear_regression(
    size: int, weights: Sequence[float] = (1.0,), label_noise: float = 0.5, seed: int = 0
) -> Examples:
    """Examples ½(y - Σ w_k x_k)² with normal inputs and y = Σ weights_k x_k + label_noise · normal.

    Parameters
    ----------
    size
        N, more than the number of weights.
    weights
        The true ones, one for each coordinate.
    label_noise
        Its standard deviation.
    seed
        Of the data.

    Raises
    ------
    ValueError
        When there are too few examples to determine the weights.
    """
    d = len(weights)
    for name, value in (("weights", weights), ("label_noise", [label_noise])):
        if not (np.abs(np.asarray(value, dtype=float)) < LARGEST).all():
            raise ValueError(f"{name} must be finite and below {LARGEST:g} in size, not {shown(value)}")
    if size <= d:
        raise ValueError(f"size must be larger than the number of weights, {d}, not {size}")
    random = np.random.default_rng(seed)
    inputs = random.standard_normal((size, d))
    labels = inputs @ np.asarray(weights) + label_noise * random.standard_normal(size)
    coordinates = sympy.symbols(f"w1:{d + 1}", real=True) if d > 1 else (sympy.Symbol("w", real=True),)
    columns = (*sympy.symbols(f"x1:{d + 1}", real=True), sympy.Symbol("y", real=True))
    residual = columns[-1] - sympy.Add(*(w * x for w, x in zip(coordinates, columns, strict=False)))

    def least_squares(energy: sympy.Expr) -> Potential:
        (minimum,) = sympy.linsolve([sympy.diff(energy, w) for w in coordinates], coordinates)
        # Where the loss is 50 above its least along the flattest direction.
        reach = 10 / np.sqrt(np.linalg.eigvalsh(inputs.T @ inputs / size)[0])
        box = tuple((float(w) - reach, float(w) + reach) for w in minimum)
        phases = (declare_phase(energy, coordinates, "whole", tuple(minimum)),)
        return Potential(f"empirical loss of linear regression, {size} examples", energy, coordinates, (), box, phases)

    return Examples.from_expression(
        residual**2 / 2, columns, np.column_stack([inputs, labels]), name=f"linear regression, {size} examples",
        build=least_squares,
    )  # fmt: skip


@checked_arguments
def two_phase_regression_examples(
    size: int,
    label_noise: float = 0.5,
    target: Rational = Rational(3, 10),
    seed: int = 0,
    *,
    population_moments: bool = False,
    bounded_inputs: bool = False,
) -> Examples:
    """Examples of the regression whose population loss is the catalogue's ``two_phase_regression``.

    Two normal inputs x₁, x₂, one weight w, the prediction √2 (w²-1) x₁ + ½ w x₂, and labels y = ½ target x₂ + noise:
    the half mean square residual is (w²-1)² + (w - target)²/8 on the population, up to half the noise's variance.

    Parameters
    ----------
    size
        N.
    label_noise
        Standard deviation of the labels' noise.
    target
        Where the second feature would have the weight; the catalogue's deficit has its opposite.
    seed
        Of the data.
    population_moments
        Give inputs and noise exactly the population's second moments, by a linear change of the drawn numbers: then the
        empirical loss is the population's to rounding, however noisy the labels, and only the noise of minibatches is
        left.
    bounded_inputs
        Draw inputs of -1 and 1 in place of normal ones, which have the same loss, but no minibatch so steep that hot
        runs diverge.
    """
    if size < 8:
        raise ValueError(f"size must be at least 8 examples, not {size}")
    random = np.random.default_rng(seed)
    drawn = np.column_stack([random.standard_normal((size, 2)), random.standard_normal(size)])
    if bounded_inputs:
        drawn[:, :2] = np.where(drawn[:, :2] < 0, -1.0, 1.0)
    if population_moments:
        drawn = np.linalg.solve(np.linalg.cholesky(drawn.T @ drawn / size), drawn.T).T
    inputs = drawn[:, :2]
    labels = float(target) / 2 * inputs[:, 1] + label_noise * drawn[:, 2]
    w, x1, x2, y = sympy.symbols("w x1 x2 y", real=True)
    residual = y - sympy.sqrt(2) * (w**2 - 1) * x1 - w * x2 / 2
    # √2 belongs to the model; as a double it keeps the empirical loss rational.
    loss = (residual**2 / 2).subs(sympy.sqrt(2), Rational(float(np.sqrt(2))))
    return Examples.from_expression(
        loss, (x1, x2, y), np.column_stack([inputs, labels]), name=f"two-phase regression, {size} examples",
        population=two_phase_regression(target),
    )  # fmt: skip


@checked_arguments
def additive_examples(
    potential: Potential, variance: float, size: int, seed: int = 0, noise: Literal["normal", "two_point"] = "normal"
) -> Examples:
    """Examples ℓᵢ(w) = L(w) + xᵢ·w with xᵢ that sum to zero: additive gradient noise from a finite table.

    Parameters
    ----------
    potential
        L; it is also the empirical loss.
    variance
        Of each coordinate of x over the examples (divisor N - 1), exactly.
    size
        N, at least 2.
    seed
        Of the table.
    noise
        ``"normal"``, or ``"two_point"``: in every coordinate one half of the examples has a number, the other half
        its opposite, the halves drawn anew for each coordinate; it needs an even N.
    """
    if size < 2:
        raise ValueError(f"size must be at least 2 examples, not {size}")
    if not (np.isfinite(variance) and variance > 0):
        raise ValueError(f"variance must be positive and finite, not {variance}")
    random = np.random.default_rng(seed)
    if noise == "normal":
        table = random.standard_normal((size, potential.dimension))
    elif noise == "two_point":
        if size % 2:
            raise ValueError(f"size must be even for noise 'two_point', not {size}")
        signs = np.resize([1.0, -1.0], (potential.dimension, size))
        table = random.permuted(signs, axis=1).T
    else:
        raise ValueError(f"noise must be 'normal' or 'two_point', not {noise!r}")
    table -= table.mean(axis=0)
    table *= np.sqrt(variance) / table.std(axis=0, ddof=1)
    columns = sympy.symbols(f"x1:{potential.dimension + 1}", real=True)
    pull = sympy.Add(*(w * x for w, x in zip(potential.coordinates, columns, strict=True)))
    return Examples(
        f"{potential.name} with additive noise, {size} examples", potential.bound_energy + pull,
        potential.coordinates, columns, table, potential, potential,
    )  # fmt: skip
