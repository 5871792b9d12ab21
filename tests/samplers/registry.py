"""Every sampler and every potential that the correctness suite runs; a new one is one line here.

Steps follow from the potential: ``scale`` is 1 over the largest curvature where the posterior lives, in Langevin time.
"""

from __future__ import annotations

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache

from slt_toys.kernels.few_bits import is_rational
from slt_toys.potentials.catalogue import POTENTIAL_NAMES, find_potential
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import (
    MALA,
    Gibbs,
    OverdampedLangevin,
    RandomWalkMetropolis,
    ReplicaExchange,
    Sampler,
    UnderdampedLangevin,
)
from slt_toys.samplers.program import largest_curvature


@dataclass(frozen=True)
class Scheme:
    """A sampler with settings that fit any potential.

    Attributes
    ----------
    name
        In test names.
    make
        Sampler from the scale (Langevin time), the temperature, and a factor on the usual step.
    steps
        Enough for stiff directions to forget a start many times over.
    order
        Of the step-size bias of its positions' law; 0 for none at any step.
    reversible
        Whether its positions obey detailed balance.
    fits
        Whether it can sample a potential at all.
    """

    name: str
    make: Callable[[float, float, float], Sampler]
    steps: int
    order: int
    reversible: bool = False
    fits: Callable[[Potential], bool] = lambda _: True

    @property
    def coarsening(self) -> int:
        """Ratio of steps to extrapolate a bias from: it falls by 8 or 16 from the coarse to the usual step."""
        return {0: 1, 1: 8, 2: 4}[self.order]


def _langevin(name: str) -> Callable[[float, float, float], Sampler]:
    return lambda scale, _, factor: OverdampedLangevin(0.02 * factor * scale, name)  # type: ignore[arg-type]


def _splitting(name: str) -> Callable[[float, float, float], Sampler]:
    # Times are in units of the stiffest oscillation; the friction damps it within a few of them.
    return lambda scale, _, factor: UnderdampedLangevin(0.05 * factor * math.sqrt(scale), 0.3 / math.sqrt(scale), name)


def _walk(scale: float, temperature: float, factor: float) -> Sampler:
    return RandomWalkMetropolis(factor * math.sqrt(temperature * scale))


def _replicas(scale: float, temperature: float, factor: float) -> Sampler:
    return ReplicaExchange(MALA(0.5 * factor * scale), [temperature, 1.5 * temperature, 2.25 * temperature])


def _few_bits(scheme: str, noise: str, precision: str) -> Callable[[float, float, float], Sampler]:
    return lambda scale, _, factor: OverdampedLangevin(0.02 * factor * scale, scheme, noise, precision)  # type: ignore[arg-type]


SCHEMES = (
    Scheme("euler_maruyama", _langevin("euler_maruyama"), steps=1600, order=1),
    Scheme("heun", _langevin("heun"), steps=1600, order=2),
    Scheme(
        "leimkuhler_matthews", _langevin("leimkuhler_matthews"), steps=1600, order=2,
        fits=lambda potential: potential.boundary != "reflecting",
    ),
    # Signs alone leave the energy of a double well a bias of first order, four points none.
    Scheme("two_point", _few_bits("euler_maruyama", "two_point", "single"), steps=1600, order=1, fits=is_rational),
    Scheme(
        "four_point", _few_bits("leimkuhler_matthews", "four_point", "single"), steps=1600, order=2,
        fits=lambda potential: is_rational(potential) and potential.boundary != "reflecting",
    ),
    Scheme("three_point", _few_bits("heun", "three_point", "double"), steps=1600, order=2),
    Scheme("BAOAB", _splitting("BAOAB"), steps=600, order=2),
    Scheme("OBABO", _splitting("OBABO"), steps=600, order=2),
    Scheme("ABOBA", _splitting("ABOBA"), steps=600, order=2),
    Scheme("MALA", lambda scale, _, factor: MALA(0.5 * factor * scale), steps=150, order=0, reversible=True),
    Scheme("random_walk", _walk, steps=200, order=0, reversible=True),
    Scheme("Gibbs", lambda *_: Gibbs(), steps=20, order=0),
    # Its hot replicas start from the cold law and must forget it.
    Scheme("replica_exchange", _replicas, steps=3000, order=0),
)  # fmt: skip
# Samplers whose law has its own tests.
ELSEWHERE = {"SGD": "test_sgd", "SGLD": "test_sgd"}

# Inverse temperatures at which the wells are left now and then, and neither of two phases is rare where that can be.
TARGETS = {
    "regular_double_well": 1.4,
    "singular_double_well_2_4": 1.4,
    "singular_double_well_4_2": 1.4,
    "singular_double_well_4_6": 1.4,
    "flat_topped_barrier": 2.0,
    "narrow_against_wide": 1.4,
    "two_phase_regression": 1.4,
    "monomial_well": 10.0,
    "normal_crossing": 20.0,
    "cusp": 20.0,
    "bilinear": 5.0,
    "flat_directions": 5.0,
    "normal_crossing_against_point": 2.0,
    "curve_against_point": 1.0,
    "barrier_spectrum": 1.0,
}

# What the default run takes of all pairs: some potentials with every scheme, the others with one in turn.
_SHARED = ("regular_double_well", "curve_against_point", "normal_crossing", "barrier_spectrum")


@dataclass(frozen=True)
class Pair:
    """A sampler on a potential."""

    scheme: Scheme
    potential: str

    @property
    def name(self) -> str:
        return f"{self.potential}-{self.scheme.name}"

    @property
    def n_beta(self) -> float:
        return TARGETS[self.potential]

    @property
    def usual(self) -> bool:
        """Whether it belongs to the default run; the others are marked slow."""
        fitting = [one for one in SCHEMES if one.fits(find_potential(self.potential))]
        turn = fitting[POTENTIAL_NAMES.index(self.potential) % len(fitting)]
        return self.potential in _SHARED or self.scheme == turn

    def sampler(self, factor: float = 1.0) -> Sampler:
        """The scheme with a multiple of its usual step."""
        return self.scheme.make(_scale(self.potential, self.n_beta), 1 / self.n_beta, factor)


def scheme(name: str) -> Scheme:
    """Look a scheme up."""
    return next(one for one in SCHEMES if one.name == name)


def pairs() -> list[Pair]:
    """Every pair that makes sense, by potential."""
    return [Pair(one, potential) for potential in TARGETS for one in SCHEMES if one.fits(find_potential(potential))]


@lru_cache
def _scale(potential: str, n_beta: float) -> float:
    return 1 / largest_curvature(find_potential(potential), 1 / n_beta)
