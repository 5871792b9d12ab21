r"""Bayes and Gibbs errors of tempered posteriors, data set by data set, by quadrature over weights and examples.

Models y = f(w) + N(0, 1) whose truth is f = 0. On a line one output f has the prior's density of f: f = w, f = w², or
f = w1 w2. The rank-one map A = u vᵀ from two inputs to three outputs is a length times two directions. The posterior is
the prior times the likelihood to the power β. Examples enter by their noise, √n · mean, so that any n costs the same.

Every error is n times a mean loss less the least one, and the singular fluctuation is (β/2) Σ_i Var log p(y_i | w).
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numba import njit
from numpy.polynomial.hermite_e import hermegauss
from numpy.polynomial.legendre import leggauss
from numpy.typing import NDArray
from scipy.special import erfcx

from ..inputs.arguments import checked_arguments

Array = NDArray[np.float64]
Family = Literal["mean", "square", "product"]

NODES, BEYOND = 200, 9.0  # quadrature nodes along f; standard deviations of the posterior beyond its middle
NEW_NODES = 16  # normal nodes for a new example
DEGREE, WIDEST = 24, 7.0  # polynomial in an example for sums over a training set, and where it is right
NOISES = np.linspace(-8.0, 8.0, 161)  # of data sets, for means over all of them
ANGLES, CUBE, STEP = 32, 4, 0.05  # of the rank-one map: directions, normal nodes per output, for a second derivative


@dataclass(frozen=True)
class PosteriorErrors:
    """n times each error, and the singular fluctuation; one for each data set, shape (sets,), or their means.

    Attributes
    ----------
    bayes, gibbs
        On new examples: of the predictive distribution, and of one draw.
    bayes_training, gibbs_training
        On the training examples.
    fluctuation
        (β/2) times the sum over training examples of the posterior variance of log p.
    log_evidence
        Log of ∫ prior · (likelihood over the truth's)^β; NaN where the prior has no mass of 1.
    """

    bayes: Array
    gibbs: Array
    bayes_training: Array
    gibbs_training: Array
    fluctuation: Array
    log_evidence: Array

    @property
    def waic(self) -> Array:
        """n times WAIC, less n times the least loss on the examples."""
        return self.bayes_training + 2 * self.fluctuation


@dataclass(frozen=True)
class Examples:
    """Data sets of n normal numbers: √n · mean and sum of squares, (sets,), and sums of Chebyshev polynomials."""

    size: int
    noise: Array
    squares: Array
    polynomials: Array


@njit(cache=True)
def _polynomial_sums(x: Array, degree: int) -> Array:
    found = np.zeros((x.shape[0], degree))
    for row in range(x.shape[0]):
        for value in x[row]:
            last, now = 1.0, value / WIDEST
            found[row, 0] += 1.0
            found[row, 1] += now
            for k in range(2, degree):
                last, now = now, 2 * value / WIDEST * now - last
                found[row, k] += now
    return found


@checked_arguments
def draw_examples(size: int, sets: int, seed: int) -> Examples:
    """So many data sets of ``size`` examples of N(0, 1)."""
    random, found = np.random.default_rng([seed, size]), []
    for start in range(0, sets, 256):
        x = random.standard_normal((min(256, sets - start), size))
        found.append((x.sum(axis=1) / np.sqrt(size), (x * x).sum(axis=1), _polynomial_sums(x, DEGREE)))
    noise, squares, polynomials = (np.concatenate(each) for each in zip(*found, strict=True))
    return Examples(size, noise, squares, polynomials)


# ---- one output ------------------------------------------------------------------------------------------------------
def _side(family: Family, power: float, noise: Array, beta: float, size: int) -> tuple[Array, Array]:
    """Nodes s = √n f ≥ 0 and logs of their prior mass, (sets, nodes), where the posterior has any."""
    nodes, weights = leggauss(NODES)
    most = np.maximum(noise, 0) + BEYOND / np.sqrt(beta)
    if family != "mean":
        most = np.minimum(most, np.sqrt(size))
    root = {"mean": 1, "square": 2, "product": 3}[family]  # s = v^root takes the singularity at 0 off
    end = most[:, None] ** (1 / root)
    v = end * (nodes + 1) / 2
    logs = np.log(end * weights / 2)
    if family == "mean":
        return v, logs - np.log(size) / 2
    if family == "square":
        return v**2, logs + np.log(power + 1) + power * np.log(v) - (power + 1) / 4 * np.log(size)
    density = -np.log(v**3 / np.sqrt(size)) / 2  # of w1 w2, both uniform
    return v**3, logs + np.log(3 * v**2 * density) - np.log(size) / 2


def _line_posterior(
    family: Family, power: float, beta: float, noise: Array, size: int
) -> tuple[Array, Array, Array]:  # fmt: skip
    """Outputs f, their posterior weights, (sets, nodes), and the log of the evidence, (sets,)."""
    s, logs = _side(family, power, noise, beta, size)
    if family != "square":
        other, more = _side(family, power, -noise, beta, size)
        s, logs = np.concatenate([s, -other], axis=1), np.concatenate([logs, more], axis=1)
    logs = logs - beta * (s * s / 2 - s * noise[:, None])
    top = logs.max(axis=1, keepdims=True)
    weights = np.exp(logs - top)
    total = weights.sum(axis=1, keepdims=True)
    return s / np.sqrt(size), weights / total, (top + np.log(total))[:, 0]


def _log_mean_likelihood(f: Array, weights: Array, x: Array) -> Array:
    """Log of the predictive density of x over the truth's, (sets, examples), for x (examples,) or (sets, examples)."""
    x = np.broadcast_to(x, (len(f), np.shape(x)[-1]))
    half = f * f / 2
    columns = [(weights * np.expm1(f * x[:, [k]] - half)).sum(axis=1) for k in range(x.shape[1])]
    return np.log1p(np.stack(columns, axis=1))


def _line_errors(
    family: Family, power: float, beta: float, noise: Array, size: int, squares: Array, polynomials: Array | None
) -> PosteriorErrors:
    f, weights, evidence = _line_posterior(family, power, beta, noise, size)
    first, second, third, fourth = ((weights * f**k).sum(axis=1) for k in (1, 2, 3, 4))
    new, shares = hermegauss(NEW_NODES)
    shares = shares / shares.sum()
    bayes = -size * (_log_mean_likelihood(f, weights, new) @ shares)
    total = np.sqrt(size) * noise
    variance = squares * (second - first**2) - total * (third - first * second) + size * (fourth - second**2) / 4
    if polynomials is None:  # given the mean, an example is normal about it
        told = noise[:, None] / np.sqrt(size) + np.sqrt(1 - 1 / size) * new
        training = -size * (_log_mean_likelihood(f, weights, told) @ shares)
    else:
        places = np.cos(np.pi * (np.arange(DEGREE) + 0.5) / DEGREE)
        transform = np.polynomial.chebyshev.chebvander(places, DEGREE - 1) * 2 / DEGREE
        transform[:, 0] /= 2
        training = -(_log_mean_likelihood(f, weights, WIDEST * places) @ transform * polynomials).sum(axis=1)
    return PosteriorErrors(
        bayes, size * second / 2, training, size * second / 2 - total * first, beta / 2 * variance,
        np.full(len(f), np.nan) if family == "mean" else evidence,
    )  # fmt: skip


@checked_arguments
def line_errors(family: Family, beta: float, examples: Examples, power: float = 0.0) -> PosteriorErrors:
    """Errors of each data set.

    Parameters
    ----------
    family
        "mean": f = w with a flat prior on the line. "square": f = w², prior ∝ |w|^power on [-1, 1]. "product":
        f = w1 w2, uniform prior on the square [-1, 1]².
    beta
        Inverse temperature β.
    examples
        Of :func:`draw_examples`.
    power
        Of the prior of the square.
    """
    return _line_errors(family, power, beta, examples.noise, examples.size, examples.squares, examples.polynomials)


@checked_arguments
def expected_line_errors(family: Family, beta: float, size: int, power: float = 0.0) -> dict[str, float]:
    """Means over all data sets of so many examples, by quadrature over their noise; names of the errors and "waic"."""
    found = _line_errors(family, power, beta, NOISES, size, size - 1 + NOISES**2, None)
    shares = np.exp(-(NOISES**2) / 2)
    shares /= shares.sum()
    names = ("bayes", "gibbs", "bayes_training", "gibbs_training", "fluctuation", "log_evidence", "waic")
    return {name: float(getattr(found, name) @ shares) for name in names}


# ---- the map of rank one ---------------------------------------------------------------------------------------------
def _half_line(p: Array, x: Array, moments: int) -> list[Array]:
    """∫ S^k exp(x S - p S²/2) dS over S > 0, for k below ``moments``."""
    found = [np.sqrt(np.pi / (2 * p)) * erfcx(-x / np.sqrt(2 * p))]
    if moments > 1:
        found.append((1 + x * found[0]) / p)
    if moments > 2:
        found.append((found[0] + x * found[1]) / p)
    return found


def _lengths(p: Array, pull: Array, decay: float, moments: int = 1) -> list[Array]:
    """∫∫ S^k e^(S h·a - pS²/2) over lengths S, of density S e^(-decay S), and left directions a; |h| = pull."""
    up, down = _half_line(p, pull - decay, moments), _half_line(p, -pull - decay, moments)
    return [(one - other) / (2 * pull) for one, other in zip(up, down, strict=True)]


@checked_arguments
def rank_one_errors(beta: float, size: int, noise: Array, prior_deviation: float = 10.0) -> PosteriorErrors:
    """Errors of y = A x + N(0, 1) with A = u vᵀ, three outputs, two inputs, truth A = 0.

    Each input √2 e_j is seen in half of the examples. A sum over training examples stands for its mean given the
    noise. Weights are normal; the length |u||v| = s then has the density s exp(-s/prior_deviation²), because the Bessel
    function K_½ is an exponential.

    Parameters
    ----------
    beta, size
        Inverse temperature β, and number n of examples.
    noise
        √n times the least-squares map of each data set, shape (sets, 3, 2).
    prior_deviation
        Standard deviation of each weight.
    """
    angle = np.pi * np.arange(ANGLES) / ANGLES  # half a turn: (a, b) and (-a, -b) are the same map
    right = np.stack([np.cos(angle), np.sin(angle)])  # (input, angle)
    decay = 1 / (prior_deviation**2 * np.sqrt(size))
    pulled = beta * noise @ right  # (sets, 3, angle)
    zeroth, first, second = _lengths(np.full(ANGLES, beta), np.linalg.norm(pulled, axis=1), decay, 3)
    mass = zeroth.mean(axis=1)
    length, square = first.mean(axis=1) / mass, second.mean(axis=1) / mass

    def log_mean(y: Array, column: int, power: float = 1.0) -> Array:
        """Log of the posterior mean of (likelihood of y over the truth's)^power, (sets, examples)."""
        p = beta + power * 2 * right[column] ** 2 / size
        found = []
        for k in range(y.shape[1]):
            moved = pulled + power * np.sqrt(2 / size) * right[column] * y[:, k, :, None]
            found.append(_lengths(p, np.linalg.norm(moved, axis=1), decay)[0].mean(axis=1))
        return np.log(np.stack(found, axis=1) / mass[:, None])

    bayes, training, variance = np.zeros(len(noise)), np.zeros(len(noise)), np.zeros(len(noise))
    cube, shares = _cube(CUBE)
    corners, corner_shares = _cube(2)  # exact for the variance, a polynomial of degree two in y
    for column in range(2):
        middle = np.sqrt(2 / size) * noise[:, None, :, column]  # mean of this input's examples
        spread = np.sqrt(1 - 2 / size)
        bayes -= size / 2 * (log_mean(np.broadcast_to(cube, (len(noise), *cube.shape)), column) @ shares)
        training -= size / 2 * (log_mean(middle + spread * cube, column) @ shares)
        seen = middle + spread * corners
        curved = log_mean(seen, column, STEP) + log_mean(seen, column, -STEP)
        variance += size / 2 * (curved / STEP**2) @ corner_shares
    overlap = square - (2 - decay * length) / beta  # mean of S a·(noise b), by parts in S
    return PosteriorErrors(
        bayes, square / 2, training, square / 2 - overlap, beta / 2 * variance, np.full(len(noise), np.nan)
    )


def _cube(nodes: int) -> tuple[Array, Array]:
    """Nodes (number, 3) and weights of three normal numbers."""
    x, w = hermegauss(nodes)
    w = w / w.sum()
    places = np.stack(np.meshgrid(x, x, x, indexing="ij"), axis=-1).reshape(-1, 3)
    return places, np.prod(np.stack(np.meshgrid(w, w, w, indexing="ij"), axis=-1), axis=-1).ravel()
