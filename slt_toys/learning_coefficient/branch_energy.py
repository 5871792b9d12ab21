"""The energy of a deep linear network on a branch of its minima at finite nβ, by a sampler that has no step.

Given all factors but one the posterior of that one is normal, whatever n: drawing them in turn samples the posterior
exactly, with nothing to tune and nothing to accept. Chains are held to the start in flat directions only, where nothing
else holds them, as strongly as the estimator does: by its rule and its numbers, in code of its own. It is a long run,
with a standard error, not a number in closed form; as n grows it goes to λ.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from slt_toys.learning_coefficient.deep_linear import DeepLinearProblem
from slt_toys.learning_coefficient.flat_directions import TURNED
from slt_toys.learning_coefficient.localisation import NOISE_HELD, SHARE

Array = NDArray[np.float64]

POINTS = 64
PRECISION = 0.002  # of λ: the standard error at which a run ends
CHAINS, BURN_IN, SWEEPS, MOST_SWEEPS = 64, 150, 250, 8000
NEWTON_STEPS = 30


@dataclass(frozen=True)
class BranchEnergy:
    """nβ (E[L] - min L), the minimum being that across flat directions.

    Attributes
    ----------
    energy, standard_error
        From the means of independent chains.
    localisation
        γ of flat directions [1/length²].
    sweeps
        Kept of each chain.
    """

    energy: float
    standard_error: float
    localisation: float
    sweeps: int


@dataclass(frozen=True)
class _Network:
    """A deep linear network's loss, ½ tr (P - A) M (P - A)ᵀ of the product P, and where its branch starts."""

    factors: tuple[Array, ...]
    moments: Array
    best: Array

    @classmethod
    def of(cls, problem: DeepLinearProblem) -> _Network:
        x, y = problem.inputs.double().numpy(), problem.targets.double().numpy()
        moments = x.T @ x / len(x)
        factors = tuple(factor.detach().double().numpy().copy() for factor in problem.module.factors)
        best = np.asarray(np.linalg.solve(moments, x.T @ y / len(x)).T, dtype=np.float64)
        return cls(factors, moments, best)

    @cached_property
    def start(self) -> Array:
        return np.concatenate([factor.ravel() for factor in self.factors])

    def parts(self, parameters: Array) -> list[Array]:
        """Factors of parameters (..., all of them)."""
        found, first = [], 0
        for factor in self.factors:
            found.append(parameters[..., first : first + factor.size].reshape(*parameters.shape[:-1], *factor.shape))
            first += factor.size
        return found

    def losses(self, factors: list[Array]) -> Array:
        """Losses of factors, each with the same leading axes."""
        off = _product(factors, self.moments.shape[0]) - self.best
        return 0.5 * np.einsum("...ij,jk,...ik->...", off, self.moments, off)

    def slope_and_hessian(self, parameters: Array) -> tuple[Array, Array]:
        """By hand: P is linear in each factor, so that only pairs of different factors have a second derivative."""
        factors, inputs = self.parts(parameters), len(self.moments)
        pull = (_product(factors, inputs) - self.best) @ self.moments
        ends = [_ends(factors, layer, inputs) for layer in range(len(factors))]
        ways = np.concatenate([np.kron(after, before.T) for after, before in ends], 1)
        hessian = ways.T @ np.kron(np.eye(len(pull)), self.moments) @ ways
        borders = np.cumsum([0] + [factor.size for factor in factors])
        for low in range(len(factors)):
            for high in range(low + 1, len(factors)):
                after, before = ends[high][0], ends[low][1]
                between = _product(factors[low + 1 : high], len(factors[low]))
                mixed = np.einsum("ia,ij,cj,br->rcab", after, pull, before, between, optimize=True)
                first, second = slice(*borders[low : low + 2]), slice(*borders[high : high + 2])
                hessian[first, second] += mixed.reshape(factors[low].size, -1)
                hessian[second, first] += mixed.reshape(factors[low].size, -1).T
        return ways.T @ pull.ravel(), hessian


def _product(factors: list[Array], inputs: int) -> Array:
    found = np.eye(inputs)
    for factor in factors:
        found = factor @ found
    return found


def _ends(factors: list[Array], layer: int, inputs: int) -> tuple[Array, Array]:
    """What stands after a layer, and what before it."""
    after = _product(factors[layer + 1 :], factors[layer].shape[-2])
    return after, _product(factors[:layer], inputs)


def branch_energy(problem: DeepLinearProblem, n_beta: float, *, seed: int = 0) -> BranchEnergy:
    """Energy at a typical point of the set of minima, by Gibbs sampling, until it is known well enough.

    Parameters
    ----------
    problem
        At a typical minimum of its population loss.
    n_beta
        nβ [1/loss].
    seed
        Of the chains.

    Raises
    ------
    ValueError
        Where as many directions as 2λ are not curved: at a crossing.
    """
    network, curved = _Network.of(problem), round(2 * float(problem.exact.value))
    stiffness, vectors, lowest = _bottom(network, n_beta, curved)
    flat = vectors[:, : len(network.start) - curved]
    localisation = _localisation(network, n_beta, stiffness, flat, lowest)
    pulls, reference = localisation * flat @ flat.T, float(network.losses(network.parts(lowest)))
    rng = np.random.default_rng(seed)
    w = np.tile(network.start, (CHAINS, 1))
    for _ in range(BURN_IN):
        w = _swept(network, w, n_beta, pulls, rng)
    energies, wanted = np.empty((CHAINS, 0)), PRECISION * float(problem.exact.value)
    while True:
        more = np.empty((CHAINS, SWEEPS))
        for sweep in range(SWEEPS):
            w = _swept(network, w, n_beta, pulls, rng)
            more[:, sweep] = n_beta * (network.losses(network.parts(w)) - reference)
        energies = np.concatenate([energies, more], 1)
        error = float(energies.mean(1).std(ddof=1)) / CHAINS**0.5
        if error <= wanted or energies.shape[1] >= MOST_SWEEPS:
            return BranchEnergy(float(energies.mean()), error, localisation, energies.shape[1])


def _bottom(network: _Network, n_beta: float, curved: int) -> tuple[Array, Array, Array]:
    """Stiffnesses and eigenvectors at the bottom across flat directions, rising, and that point."""
    w = network.start.copy()
    slope, stiffness, vectors = _eigenvectors(network, w, curved)
    for _ in range(NEWTON_STEPS):
        across = vectors[:, -curved:]
        w = w - across @ (across.T @ slope / stiffness[-curved:])
        slope, stiffness, vectors = _eigenvectors(network, w, curved)
    return n_beta * stiffness, vectors, w


def _eigenvectors(network: _Network, w: Array, curved: int) -> tuple[Array, Array, Array]:
    """Slope, curvatures and directions at a point."""
    slope, hessian = network.slope_and_hessian(w)
    values, vectors = np.linalg.eigh(hessian)
    if not values[-curved] > NOISE_HELD * np.abs(values[:-curved]).max(initial=0.0):
        raise ValueError(f"problem: fewer than {curved} of its directions are curved: this is no typical minimum")
    return slope, values, vectors


def _localisation(network: _Network, n_beta: float, stiffness: Array, flat: Array, lowest: Array) -> float:
    """γ of flat directions: the weakest at which chains stay where the branch has not turned."""
    pull = max(SHARE * float(stiffness[-1]), -NOISE_HELD * float(stiffness[0]))
    drawn = np.random.default_rng(0).standard_normal((POINTS, flat.shape[1])) @ flat.T
    reference = float(network.losses(network.parts(lowest)))
    while True:
        points = lowest + pull**-0.5 * np.concatenate([drawn, -drawn])
        rise = n_beta * (float(network.losses(network.parts(points)).mean()) - reference)
        if rise <= TURNED * flat.shape[1]:
            return pull
        pull *= 1.1


def _swept(network: _Network, w: Array, n_beta: float, pulls: Array, rng: np.random.Generator) -> Array:
    """Every factor drawn anew, given the others."""
    w, inputs, border = w.copy(), len(network.moments), 0
    for layer, factor in enumerate(network.factors):
        own = slice(border, border := border + factor.size)
        after, before = _ends(network.parts(w), layer, inputs)
        passed = before @ network.moments
        precision = n_beta * np.einsum(
            "...ab,...ij->...aibj", np.swapaxes(after, -1, -2) @ after, passed @ np.swapaxes(before, -1, -2)
        )
        precision = precision.reshape(*precision.shape[:-4], factor.size, factor.size) + pulls[own, own]
        away = w - network.start
        away[:, own] = 0.0
        driven = n_beta * (np.swapaxes(after, -1, -2) @ network.best @ np.swapaxes(passed, -1, -2))
        driven = driven.reshape(len(w), -1) - away @ pulls[:, own] + pulls[own, own] @ network.start[own]
        noise = np.linalg.cholesky(precision) @ rng.standard_normal((len(w), factor.size, 1))
        w[:, own] = np.linalg.solve(precision, driven[:, :, None] + noise)[:, :, 0]
    return w
