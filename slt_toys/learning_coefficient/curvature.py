"""The Hessian's spectrum at the start, and from it all that is known of an estimate before a chain has moved.

Chains see the stiffness nβh + γ of each direction (h curvature, γ localisation). Sums over the spectrum are exact for
few parameters and by stochastic Lanczos quadrature (Ubaru, Chen & Saad 2017, SIAM J. Matrix Anal. Appl. 38:1075) for
many. Scaled coordinates w = w* + s z make a preconditioned chain a plain one.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass, replace
from math import sqrt

import numpy as np
import torch
from numpy.typing import NDArray
from scipy import optimize, special
from torch import Tensor

from slt_toys.learning_coefficient.lanczos import lanczos
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from slt_toys.reference.laws import law

Array = NDArray[np.float64]
Product = Callable[[Tensor], Tensor]

EXACT_UP_TO = 1024  # parameters: the whole Hessian then costs less than the chains
AT_ONCE = 16  # of its rows
LANCZOS_STEPS = 30
PROBES = 6
MANY, FEW_PROBES = 8192, 3  # parameters, of which one random vector tells more than of few
STIFFEST_STEP = 2.0  # of ε(nβh + γ): at 4 the scheme diverges
MOST_LEAPFROGS = 16
ROUNDING = 1000.0  # of the largest stiffness, times the numbers' epsilon: a curvature below it may be rounding
NOISE = 8.0  # of the most negative curvature: a flat direction in noisy data has a curvature of either sign


@dataclass(frozen=True)
class Spectrum:
    """Stiffness of directions in scaled coordinates, each counted with a weight.

    Attributes
    ----------
    stiffness
        nβh + γ, shape (directions,).
    pull
        The localisation's part of it.
    weight
        How many directions each one stands for, summing to the number of parameters.
    probe
        Which random vector each belongs to; all 0 where the spectrum is exact.
    start_excess
        nβ times the start's height above the minimum of the quadratic.
    rounding
        nβh below which a curvature may be nothing but rounding.
    vectors
        Directions as columns, shape (parameters, directions), where the spectrum is exact; None otherwise.
    """

    stiffness: Array
    pull: Array
    weight: Array
    probe: NDArray[np.int64]
    start_excess: float
    rounding: float
    vectors: Tensor | None = None

    @property
    def curvature(self) -> Array:
        """nβh of each direction."""
        return self.stiffness - self.pull

    @property
    def floor(self) -> float:
        """nβh up to which a direction counts as flat: what rounding and the noise of the data make of nothing."""
        return max(self.rounding, -NOISE * self.lowest_curvature)

    @property
    def softest(self) -> float:
        """Smallest nβh above that floor; infinite where there is none."""
        return float(self.curvature[self.curvature > self.floor].min(initial=np.inf))

    @property
    def largest(self) -> float:
        """Largest stiffness found."""
        return float(self.stiffness.max())

    @property
    def lowest_curvature(self) -> float:
        """Most negative (or smallest) nβh found."""
        return float(self.curvature.min())

    def energy(self, step_size: float = 0.0) -> float:
        """Mean energy of a quadratic loss of this spectrum, under the unadjusted scheme where a step is given."""
        return self.energy_with_error(step_size)[0]

    def energy_with_error(self, step_size: float = 0.0) -> tuple[float, float]:
        """That energy and its standard error, from the random vectors."""
        return self._total(self._energies(self.stiffness > 0, step_size))

    def localisation_effect(self) -> tuple[float, float]:
        """By how much that would rise without localisation, and the standard error of this number.

        Of directions that the loss holds stiffer than the localisation does: flatter ones count as flat, with nothing
        to lose, for the noise of the data gives them small curvatures of either sign.
        """
        return self._total(self._terms("localisation-effect", self.curvature > self.pull))

    def missing(self) -> tuple[float, float]:
        """What an estimate still lacks of half of every curved direction, and the standard error of this number.

        Every direction stiffer than the floor counts: one that the localisation froze lacks nearly half.
        """
        held = self.curvature > self.floor
        added = self._terms("localisation-effect", self.curvature > self.pull)
        return self._total(self.weight * held / 2 - self._energies(held) - added)

    def weakened(self, factor: float) -> Spectrum:
        """The same directions at a localisation so many times weaker (exact where the pull is that of all)."""
        return replace(self, stiffness=self.curvature + self.pull / factor, pull=self.pull / factor)

    def rise(self, factor: float, step_size: float = 0.0) -> tuple[float, float]:
        """By how much the energy rises at a localisation so many times weaker, and the standard error of this."""
        there = self.weakened(factor)
        higher = there._energies(there.stiffness > 0, step_size)
        return self._total(higher - self._energies(self.stiffness > 0, step_size))

    def _energies(self, held: NDArray[np.bool_], step_size: float = 0.0) -> Array:
        if step_size:
            return self._terms("localised-energy-euler", held, step_size=step_size)
        return self._terms("localised-energy", held)

    def _terms(self, label: str, held: NDArray[np.bool_], **more: float) -> Array:
        """Weighted terms of a law, 0 for directions that are not held."""
        terms = np.zeros_like(self.weight)
        known = {"curvature": self.curvature[held], "localisation": self.pull[held]}
        terms[held] = self.weight[held] * law(label)(n_beta=1.0, **known, **more)
        return terms

    def _total(self, terms: Array) -> tuple[float, float]:
        count = int(self.probe.max()) + 1
        sums = np.bincount(self.probe, terms, count)
        return float(terms.sum()), float(sums.std(ddof=1) * sqrt(count)) if count > 1 else 0.0

    def step_for_bias(self, share: float) -> float:
        """Step at which the unadjusted scheme overestimates a quadratic's energy by this share."""
        largest = STIFFEST_STEP / self.largest
        goal = (1 + share) * self.energy()
        if goal <= 0 or self.energy(largest) <= goal:
            return largest
        return float(optimize.brentq(lambda step: self.energy(step) - goal, 1e-12 * largest, largest))

    def step_for_acceptance(self, acceptance: float, *, leapfrogs: bool) -> float:
        """Step at which an adjusted sampler accepts this share of proposals in many quadratic directions.

        One leapfrog (MALA): 2Φ(-√(Σ(εa)³)/8), Roberts & Rosenthal (1998), J. R. Stat. Soc. B 60:255, with unequal
        scales. Several: a leapfrog keeps p²/2 + (1 - εa/4) a q²/2, so that the energy errs by (εa/8) times the change
        of a q², with variance (εa)²/16 once a quarter turn has passed; 2Φ(-√(Σ(εa)²)/8).
        """
        power = 2 if leapfrogs else 3
        total = float((self.weight * np.clip(self.stiffness, 0, None) ** power).sum())
        wanted = -8 * float(special.ndtri(acceptance / 2))
        return min((wanted**2 / total) ** (1 / power), STIFFEST_STEP / self.largest)

    def leapfrogs(self, step_size: float) -> int:
        """Leapfrogs in a quarter turn of a direction of typical stiffness, at most `MOST_LEAPFROGS`."""
        stiff = self.curvature > self.pull
        if not stiff.any():
            return MOST_LEAPFROGS
        typical = float(np.average(self.stiffness[stiff], weights=self.weight[stiff]))
        return int(np.clip(np.ceil(np.pi / 2 / sqrt(step_size * typical)), 2, MOST_LEAPFROGS))


@dataclass(frozen=True)
class Eigen:
    """The whole Hessian at the start by its eigenvectors, in units of the temperature.

    Attributes
    ----------
    curvature
        nβh of each direction, rising, shape (parameters,).
    vectors
        Directions as columns, in double precision.
    slope
        nβ times the loss's slope along each.
    rounding
        nβh below which a curvature may be nothing but rounding.
    """

    curvature: Array
    vectors: Tensor
    slope: Array
    rounding: float

    @property
    def floor(self) -> float:
        """nβh up to which a direction counts as flat: as that of `Spectrum`."""
        return max(self.rounding, -NOISE * float(self.curvature[0]))

    def spectrum(self, pulls: Array, scales: Array) -> Spectrum:
        """Spectrum with a localisation and a scale of each direction of its own."""
        stiffness = scales**2 * (self.curvature + pulls)
        squares = scales**2
        return Spectrum(
            stiffness, squares * pulls, np.ones_like(pulls), np.zeros(len(pulls), dtype=np.int64),
            _excess(stiffness, scales * self.slope), self.rounding * float(squares.max()), self.vectors,
        )  # fmt: skip


def eigen(loss: StackedLoss, *, n_beta: float, slope: Tensor | None = None) -> Eigen:
    """All eigenvectors of the Hessian at the start, and the slope there, or another one in its place.

    Raises
    ------
    ValueError
        Where it is not finite.
    """
    values, vectors = torch.linalg.eigh(_matrix(lambda v: n_beta * loss.hessian_products(v), loss.start))
    if slope is None:
        slope = loss.values_and_gradients(loss.start[None])[1][0]
    slope = n_beta * slope.double()
    curved = values.cpu().numpy()
    rounding = max(rounding_of(curved, loss.start.dtype), n_beta * loss.curvature_error)
    return Eigen(curved, vectors, (slope @ vectors).cpu().numpy(), rounding)


def _matrix(products: Callable[[Tensor], Tensor], like: Tensor) -> Tensor:
    unit = torch.eye(len(like), dtype=like.dtype, device=like.device)
    matrix = torch.cat([products(rows) for rows in unit.split(AT_ONCE)]).double()
    if not bool(torch.isfinite(matrix).all()):
        raise ValueError("module: the curvature of its loss is not finite in its type of numbers; use another type")
    return (matrix + matrix.mT) / 2


def largest_curvature(loss: StackedLoss, *, generator: torch.Generator) -> float:
    """Largest eigenvalue of the Hessian at the start, by Lanczos [loss/length²].

    A vector of signs may be one that the Hessian sends to nothing, or into a few directions: where Lanczos ends early a
    normal one is drawn, which has a part of every direction.
    """

    def product(v: Tensor) -> Tensor:
        return loss.hessian_products(v[None])[0]

    values = lanczos(product, _signs(1, loss.start, generator)[0], LANCZOS_STEPS).values
    if len(values) < min(LANCZOS_STEPS, len(loss.start)):
        drawn = torch.randn(len(loss.start), generator=generator, dtype=loss.start.dtype, device=loss.start.device)
        values = np.concatenate([values, lanczos(product, drawn, LANCZOS_STEPS).values])
    return float(values.max())


def spectrum(
    loss: StackedLoss, *, n_beta: float, localisation: float, scales: Tensor, generator: torch.Generator
) -> Spectrum:
    """Spectrum of the stiffness at the start in coordinates z = (w - w*)/scales."""

    def all_of(z: Tensor) -> Tensor:
        return n_beta * scales * loss.hessian_products(scales * z) + localisation * scales**2 * z

    def stiffness(z: Tensor) -> Tensor:
        return all_of(z[None])[0]

    slope = n_beta * scales * loss.values_and_gradients(loss.start[None])[1][0]
    pulls = localisation * scales.double() ** 2
    size = len(loss.start)
    if size <= EXACT_UP_TO:
        values, vectors = torch.linalg.eigh(_matrix(all_of, loss.start))
        curved, pull = values.cpu().numpy(), (pulls @ vectors**2).cpu().numpy()
        excess = _excess(curved, (slope.double() @ vectors).cpu().numpy())
        rounding, probe = rounding_of(curved, loss.start.dtype), np.zeros(size, dtype=np.int64)
        return Spectrum(curved, pull, np.ones(size), probe, excess, rounding, vectors)
    values, weight, probe, pull = quadrature(stiffness, lambda z: pulls.to(z) * z, loss.start, generator=generator)
    excess = excess_of(stiffness, slope)
    return Spectrum(values, pull, weight, probe, excess, rounding_of(values, loss.start.dtype))


def quadrature(
    product: Product, other: Product, like: Tensor, *, generator: torch.Generator
) -> tuple[Array, Array, NDArray[np.int64], Array]:
    """A symmetric matrix by stochastic Lanczos quadrature: eigenvalues, weights, random vectors, and another's values.

    Parameters
    ----------
    product
        The matrix times a vector.
    other
        Another one, of which each Ritz vector's quadratic form is told.
    like
        A vector of the size and type that they take.
    generator
        Of the random vectors.
    """
    parts, count = [], PROBES if len(like) <= MANY else FEW_PROBES
    for number, v in enumerate(_signs(count, like, generator)):
        ritz = lanczos(product, v, LANCZOS_STEPS)
        forms = np.array([float(u.double() @ other(u).double()) for u in ritz.vectors])
        parts.append((ritz.values, ritz.shares * len(like) / count, np.full(len(forms), number), forms))
    values, weights, probe, forms = (np.concatenate(part) for part in zip(*parts, strict=True))
    return values, weights, probe, forms


def excess_of(stiffness: Product, slope: Tensor) -> float:
    """How far a start of this slope lies above the minimum of the quadratic of this stiffness, a product, nβ times."""
    if not float(slope.norm()) > 0:
        return 0.0
    ritz = lanczos(stiffness, slope, LANCZOS_STEPS)
    return _excess(ritz.values, float(slope.double().norm()) * np.sqrt(ritz.shares))


def rounding_of(stiffness: Array, dtype: torch.dtype) -> float:
    """Stiffness below which a curvature may be nothing but rounding."""
    return ROUNDING * torch.finfo(dtype).eps * float(np.abs(stiffness).max(initial=0.0))


def _excess(stiffness: Array, slope: Array) -> float:
    """Sum of [eq:start-excess] over directions that have a minimum."""
    curved = stiffness > 1e-12 * np.abs(stiffness).max(initial=0.0)
    if not curved.any():
        return 0.0
    return float(law("start-excess")(n_beta=1.0, curvature=stiffness[curved], slope_at_start=slope[curved]).sum())


def _signs(count: int, like: Tensor, generator: torch.Generator) -> Tensor:
    drawn = torch.randint(0, 2, (count, len(like)), generator=generator, device=like.device)
    return (2 * drawn - 1).to(like.dtype)
