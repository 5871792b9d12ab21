"""How far a sampler's step takes its stationary law from the tempered posterior, by the laws of theory.

Euler's scheme has one for any mean and any loss, walls included, over the draws in hand
[eq:unadjusted-langevin-bias-of-mean]. OBABO of step s is Euler's of s²/2 where the friction is high, and in quadratic
wells whatever it is [eq:obabo-variance]; SGD with additive noise is Euler's of η/(1+μ) in quadratic wells
[eq:sgd-temperature-quadratic], and about that elsewhere. Heun's scheme [eq:heun-variance], Leimkuhler and
Matthews' [eq:leimkuhler-matthews-variance], BAOAB and ABOBA [eq:baoab-variance] are known in quadratic wells only.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import scipy
from numpy.typing import NDArray

from ..potentials.potential import Potential
from ..reference.laws import law

Array = NDArray[np.float64]
# A step's bias passes below a hundredth of T in the energy (of a standard deviation where that is more, and for other
# quantities): the error of 10 000 independent draws.
TOLERANCE = 0.01
EXACT = "exact"
_OF_EULER = ("euler_maruyama", "heavy_ball", "OBABO")
_QUADRATIC = {
    "euler_maruyama": "euler-maruyama-variance",
    "heavy_ball": "euler-maruyama-variance",
    "heun": "heun-variance",
    "leimkuhler_matthews": "leimkuhler-matthews-variance",
    "OBABO": "obabo-variance",
    "BAOAB": "baoab-variance",
    "ABOBA": "baoab-variance",
}
_WITHOUT_BIAS = ("baoab-variance", "leimkuhler-matthews-variance")  # in a quadratic well, at any stable step
SMALL = 0.03  # shift of the energy, in T, up to which the first order suffices
LAPLACIAN_DRAWS = 4_000
NUDGE = 1e-3  # standard deviations
LIMIT = 2.0  # largest stable step of each of them at curvature 1


@dataclass(frozen=True)
class Stepping:
    """What decides a sampler's step bias."""

    # "exact" for samplers without a bias; "euler_maruyama", "heun", "leimkuhler_matthews", "BAOAB", "ABOBA", "OBABO",
    # "heavy_ball"; any other name has no law.
    scheme: str
    time_step: float  # Langevin time; for "heavy_ball" η/(1+μ); for the splittings time
    order: int  # of the bias in the step
    n_beta: float | None  # of the law that is sampled but for the step; None where there is none


def quadratic_excess(scheme: str, time_step: float, curvature: float) -> float:
    """Relative excess of a scheme's stationary variance in a quadratic well; ``inf`` where it is unstable."""
    power = 2 if scheme in ("BAOAB", "ABOBA", "OBABO") else 1
    if curvature * time_step**power >= LIMIT**power:
        return np.inf
    values = {"temperature": 1.0, "curvature": curvature}
    if _QUADRATIC[scheme] not in _WITHOUT_BIAS:
        values["time_step"] = time_step
    return float(law(_QUADRATIC[scheme])(**values)) * curvature - 1.0


def advisable_share(scheme: str, dimension: int = 1) -> float | None:
    """Share of the largest stable step at which a quadratic well's energy is off by the tolerance.

    Parameters
    ----------
    scheme
        As in :class:`Stepping`.
    dimension
        All directions are taken to be as stiff as the stiffest.

    Returns
    -------
    float or None
        None for a scheme with no such law, or none but zero.
    """
    if _QUADRATIC.get(scheme, "baoab-variance") in _WITHOUT_BIAS:
        return None
    allowed = TOLERANCE * max(1.0, np.sqrt(dimension / 2))

    def beyond(share: float) -> float:
        return dimension / 2 * abs(quadratic_excess(scheme, share * LIMIT, 1.0)) - allowed

    return float(scipy.optimize.brentq(beyond, 1e-9, 0.6))  # pyright: ignore[reportArgumentType]


def law_of_bias(
    potential: Potential, points: Array, energies: Array, stepping: Stepping, n_beta: float
) -> Array | None:
    """Bias of the mean energy and of each coordinate's mean, by the scheme's law.

    Parameters
    ----------
    potential, points, energies
        Draws (..., d) and their losses (...).
    stepping, n_beta
        The scheme, and the inverse temperature it was meant to sample at.

    Returns
    -------
    ndarray or None
        Shape (1 + d,): energy first. None where theory has no law.
    """
    if stepping.scheme == EXACT:
        return np.zeros(1 + points.shape[-1])
    if stepping.scheme in _OF_EULER:
        time_step = stepping.time_step**2 / 2 if stepping.scheme == "OBABO" else stepping.time_step
        return _law_of_euler(potential, points, energies, time_step, 1 / n_beta)
    if stepping.scheme in _QUADRATIC and is_quadratic(potential):
        hessian = potential.hessian_function()(potential.minimum_point(0))
        curvatures = np.linalg.eigvalsh(hessian)
        excess = [quadratic_excess(stepping.scheme, stepping.time_step, h) for h in curvatures if h > 0]
        return np.array([sum(excess) / (2 * n_beta), *np.zeros(points.shape[-1])])
    return None


def is_quadratic(potential: Potential) -> bool:
    """Whether the energy is of degree two at most, with no walls."""
    energy = potential.bound_energy
    return (
        potential.boundary == "natural"
        and energy.is_polynomial(*potential.coordinates)
        and energy.as_poly(*potential.coordinates).total_degree() <= 2
    )


def _law_of_euler(potential: Potential, points: Array, energies: Array, time_step: float, temperature: float) -> Array:
    slopes = potential.gradient_function()(points)
    squares = (slopes**2).sum(-1)
    deviations = squares - squares.mean()
    mean = law("unadjusted-langevin-bias-of-mean")
    # The draws' own temperature: with it the law is exact in quadratic wells at any step, not for small ones only.
    own = temperature
    if potential.boundary == "natural":
        own = max(own, squares.mean() / _mean_laplacian(potential, points))

    def bias(values: Array, product: Array) -> float:
        covariance = (values * deviations).mean()
        return mean(
            time_step=time_step, temperature=own, mean_slope_product=product.mean(), slope_covariance=covariance
        )

    first = bias(energies, squares)
    # Beyond small steps a loss steeper than a square shifts more than by the first order: as quadratic wells as steep.
    steep = time_step * squares.mean() / 4
    if potential.boundary == "natural" and steep > SMALL * temperature:
        first = max(first, steep)
    if potential.boundary == "periodic":  # the place on a circle jumps at the cut, and no law knows by how much
        return np.array([first, *np.full(points.shape[-1], np.nan)])
    return np.array([first, *(bias(points[..., k], slopes[..., k]) for k in range(points.shape[-1]))])


def _mean_laplacian(potential: Potential, points: Array) -> float:
    """⟨ΔL⟩ by differences of gradients at some of the draws; ⟨|∇L|²⟩ over it is the temperature of a Gibbs law."""
    flat = points.reshape(-1, points.shape[-1])
    some = flat[:: max(1, len(flat) // LAPLACIAN_DRAWS)]
    gradient = potential.gradient_function()
    total = 0.0
    for k, width in enumerate(np.maximum(flat.std(0) * NUDGE, np.finfo(float).tiny)):
        step = np.zeros(points.shape[-1])
        step[k] = width
        total += float((gradient(some + step)[:, k] - gradient(some - step)[:, k]).mean() / (2 * width))
    return total if total > 0 else np.inf
