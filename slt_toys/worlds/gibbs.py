"""Worlds that are a tempered posterior, or only look like one: run at several sizes of the noise, and judged.

All have the same two losses, one in one coordinate and one in two, with a shallow and a deep well; what differs is the
noise. Nothing of a world but its trajectories, its loss, η and B reaches the verdict
(:mod:`slt_toys.thermometers.gibbs_verdict`).

===================== ====================================================== ==========================
world                 noise                                                   what it should be called
===================== ====================================================== ==========================
langevin              √(2T) dW by another sampler                             tempered posterior
additive              of minibatches, alike everywhere, ηh = .08              tempered posterior
coarse                the same at ηh = .4, where energies read 20 % hotter    activated, not Gibbs
hot clean well        twice as hot in the deep well                           activated, not Gibbs
loss-dependent        a floor, and what grows with the loss                   activated, not Gibbs
heavy tails           α-stable, α = 1.5                                       not activated
drift                 a force that drives over the barrier and back           not activated
anisotropic           three times as hot along one axis                       activated, not Gibbs
aligned               covariance ∝ Hessian of the deep minimum                activated, not Gibbs
swirl                 alike everywhere, and a force along the level sets      activated, not Gibbs
===================== ====================================================== ==========================
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache, partial

import numpy as np
import sympy
from numpy.typing import NDArray
from sympy import Rational

from ..exact.draws import draw_exact
from ..inputs.arguments import checked_arguments
from ..potentials.phases import Phase
from ..potentials.potential import Potential
from ..reference.laws import law
from ..samplers import OverdampedLangevin, sample
from ..thermometers.dynamic import fluctuation_dissipation_thermometer
from ..thermometers.equilibrium import occupancy_thermometer
from ..thermometers.escapes import (
    escape_rate,
    phase_energy_thermometer,
    recorded_escape_thermometer,
    transverse_thermometer,
)
from ..thermometers.gibbs_verdict import RESOLVED, GibbsVerdict, NoiseLevel, gibbs_verdict
from ..thermometers.readings import Reading
from .noisy_descent import Noise, NoisyDescent, Recording

Array = NDArray[np.float64]

__all__ = [
    "WORLDS", "GibbsWorld", "hot_well", "judge", "line_potential", "plane_potential", "read_level", "world_named",
]  # fmt: skip

BARRIER_PLACE = Rational(-1, 10)
STIFF, LEAN = 4, Rational(1, 2)  # of the valley in two coordinates
TEMPERATURES = (0.6, 0.42, 0.3)  # at the levels, of a mean barrier
LEVELS = (64.0, 64 * 0.6 / 0.42, 128.0)  # batch sizes that give them; a mean of so many examples needs no whole number
LEARNING_RATE, COARSE_RATE = 0.01, 0.05
BETWEEN = (0.8, 9.0)  # inverse temperatures that the escape thermometer looks through
LOOKED = (0.25, 40.0)  # the others
COARSER = 3  # draws between those that all but the escapes look at
HOTTER = 2.0
STABILITY = 1.5
FORGET = 60.0  # Langevin time before the recording


@lru_cache(maxsize=1)
def line_potential() -> Potential:
    """L = x⁴ + 2x³/15 - 2x² - 2x/5 + 19/15: wells at -1 and 1, barriers .75 and 1.29, curvatures 7.2 and 8.8."""
    x = sympy.Symbol("x", real=True)
    energy = _energy(x)
    phases = (
        Phase("left", (sympy.S.NegativeOne,), x < BARRIER_PLACE, energy.subs(x, -1), Rational(1, 2)),
        Phase("right", (sympy.S.One,), x >= BARRIER_PLACE, energy.subs(x, 1), Rational(1, 2)),
    )
    return Potential("two wells", energy, (x,), (), ((-4.0, 4.0),), phases, description="a shallow and a deep well")


@lru_cache(maxsize=1)
def plane_potential() -> Potential:
    """The same along a leaning valley: L(x) + 2 (y - x/2)², whose Hessians have their axes in no coordinate."""
    x, y = sympy.symbols("x y", real=True)
    energy = _energy(x) + Rational(STIFF, 2) * (y - LEAN * x) ** 2
    phases = tuple(
        Phase(name, (place, LEAN * place), region, _energy(x).subs(x, place), sympy.S.One)
        for name, place, region in (
            ("left", sympy.S.NegativeOne, x < BARRIER_PLACE),
            ("right", sympy.S.One, x >= BARRIER_PLACE),
        )
    )
    box = ((-4.0, 4.0), (-6.0, 6.0))
    return Potential("two wells in a leaning valley", energy, (x, y), (), box, phases, description="two coordinates")


def _energy(x: sympy.Symbol) -> sympy.Expr:
    energy = sympy.integrate(sympy.expand(4 * (x + 1) * (x - 1) * (x - BARRIER_PLACE)), x)
    return sympy.expand(energy - energy.subs(x, 1))


@dataclass(frozen=True)
class GibbsWorld:
    """A world at several sizes of its noise.

    Attributes
    ----------
    name
    potential
    descents
        Its dynamics, one for each level; of Langevin dynamics the temperatures stand for them.
    expected
        What it should be called.
    interval
        Langevin time between draws.
    langevin
        Whether it is run as Langevin dynamics at the descents' temperatures instead.
    """

    name: str
    potential: Potential
    descents: tuple[NoisyDescent, ...]
    expected: str
    interval: float = 0.2
    langevin: bool = False

    @checked_arguments
    def record(self, level: int, chains: int, duration: float, seed: Sequence[int]) -> Recording:
        """Trajectories at one level, from the posterior at its mean temperature."""
        descent = self.descents[level]
        start = draw_exact(
            self.potential, 1 / max(TEMPERATURES[-1] / 2, descent.temperature), chains, [*seed, level, 0]
        )
        if not self.langevin:
            settled = descent.run(start, FORGET, FORGET, [*seed, level, 1]).after[:, -1]
            return descent.run(settled, duration, self.interval, [*seed, level, 2])
        thin = round(self.interval / LEARNING_RATE)
        drawn = sample(
            self.potential, OverdampedLangevin(LEARNING_RATE, "heun"), n_beta=1 / descent.temperature, chains=chains,
            steps=round(duration / LEARNING_RATE), thin=thin, seed=[*seed, level, 2], initial=start, diagnose=False,
        )["w"].values  # fmt: skip
        return Recording(drawn, drawn, thin * LEARNING_RATE)


# ---- reading and judging --------------------------------------------------------------------------------------------
@checked_arguments
def read_level(world: GibbsWorld, level: int, recording: Recording) -> NoiseLevel:
    """Every thermometer that applies, and the rates of the escapes, of one level's trajectories."""
    potential, descent = world.potential, world.descents[level]
    few, ahead = recording.after[:, ::COARSER], recording.before[:, ::COARSER]
    readings: list[Reading] = [phase_energy_thermometer(potential, few, k, between=LOOKED) for k in range(2)]
    readings.append(occupancy_thermometer(potential, few, between=LOOKED))
    if not world.langevin:
        readings.append(fluctuation_dissipation_thermometer(potential, ahead, few, learning_rate=descent.learning_rate))
    time = recording.time_per_draw
    readings += [
        recorded_escape_thermometer(potential, recording.after, time_per_draw=time, phase=k, between=BETWEEN)
        for k in range(2)
    ]
    if potential.dimension == 2:
        readings += [transverse_thermometer(potential, few, k, 1) for k in range(2)]
    rates = tuple(escape_rate(potential, recording.after, time_per_draw=time, phase=k) for k in range(2))
    return NoiseLevel(descent.batch_size / descent.learning_rate, tuple(readings), rates)


@checked_arguments
def judge(world: GibbsWorld, *, chains: int = 400, duration: float = 400.0, seed: int = 0) -> GibbsVerdict:
    """Run a world at all its levels and judge it by its trajectories.

    Parameters
    ----------
    world
        Such as of :data:`WORLDS`.
    chains
        Independent, at each level.
    duration
        Langevin time for which they are looked at.
    seed
        Non-negative.
    """
    levels = [
        read_level(world, level, world.record(level, chains, duration, [seed, 16]))
        for level in range(len(world.descents))
    ]
    return gibbs_verdict(levels)


# ---- the worlds -----------------------------------------------------------------------------------------------------
def _descents(
    potential: Potential, noise: Noise, rate: float = LEARNING_RATE, temperature: float = TEMPERATURES[0], **more: float
) -> tuple[NoisyDescent, ...]:
    """One for each level; the variance is such that the first has the temperature."""
    variance = 2 * temperature * LEVELS[0] / rate
    return tuple(NoisyDescent(potential, replace(noise, variance=variance), rate, batch, **more) for batch in LEVELS)


def langevin() -> GibbsWorld:
    """Langevin dynamics by Heun's rule, from the package's own samplers."""
    potential = line_potential()
    return GibbsWorld("langevin", potential, _descents(potential, Noise(1.0)), "tempered posterior", langevin=True)


def additive(coordinates: int = 1, rate: float = LEARNING_RATE, name: str = "additive") -> GibbsWorld:
    """SGD with normal noise alike in every place and direction.

    Steps heat the wells by [eq:sgd-temperature-quadratic] and hardly change escapes [eq:discrete-escape-factor]: where
    that sets thermometers further apart than a tempered posterior's may be, it should be called none.
    """
    potential = line_potential() if coordinates == 1 else plane_potential()
    curvature = max(float(np.linalg.eigvalsh(potential.hessian_function()(potential.minimum_point(k))).max())
                    for k in range(len(potential.phases)))  # fmt: skip
    hotter = law("sgd-temperature-quadratic")(temperature=1.0, learning_rate=rate, momentum=0.0, curvature=curvature)
    expected = "tempered posterior" if hotter - 1 < RESOLVED else "activated, not Gibbs"
    return GibbsWorld(name, potential, _descents(potential, Noise(1.0), rate), expected)


@checked_arguments
def hot_well(factor: float = HOTTER, coordinates: int = 1) -> GibbsWorld:
    """Noise whose variance is ``factor`` times as large in the deep well, with a smooth step between the wells.

    The geometric mean of the two temperatures is that of the other worlds.
    """
    if not 0.1 <= factor <= 10:
        raise ValueError(f"factor must lie between 0.1 and 10, not {factor}")
    potential = line_potential() if coordinates == 1 else plane_potential()
    x = potential.coordinates[0]
    step = (1 + sympy.tanh(3 * (x - BARRIER_PLACE))) / 2
    place = sympy.Float(factor) ** (step - Rational(1, 2))
    noise = Noise(1.0, factors=(place,) * coordinates)
    name, expected = f"{factor:g} times as hot in the deep well", "activated, not Gibbs"
    return GibbsWorld(name, potential, _descents(potential, noise), expected)


def loss_dependent() -> GibbsWorld:
    """A floor, and noise whose variance grows with the loss: hot barriers, cold minima, as where residuals make it."""
    potential = line_potential()
    (x,) = potential.coordinates
    noise = Noise(1.0, factors=(Rational(7, 10) + Rational(7, 10) * _energy(x),))
    return GibbsWorld("noise grows with the loss", potential, _descents(potential, noise), "activated, not Gibbs")


def heavy_tails(coordinates: int = 1) -> GibbsWorld:
    """α-stable noise, between walls at ±2.5 that keep the drift's steps stable; batches over a factor of 16."""
    potential = line_potential() if coordinates == 1 else plane_potential()
    noise = Noise(200.0, stability=STABILITY)
    descents = tuple(NoisyDescent(potential, noise, LEARNING_RATE, batch, walls=2.5) for batch in (64.0, 256.0, 1024.0))
    return GibbsWorld("heavy tails", potential, descents, "not activated")


def drift() -> GibbsWorld:
    """A force that switches its sign every half period drives over the barrier and back, with little noise beside."""
    potential = line_potential()
    descents = _descents(potential, Noise(1.0), temperature=0.06, force=2.6, period=14.0)
    return GibbsWorld("drift", potential, descents, "not activated")


def anisotropic(ratio: float = 3.0) -> GibbsWorld:
    """Noise ``ratio`` times as hot along the first coordinate as along the second, in no direction of a Hessian."""
    potential = plane_potential()
    mixing = ((ratio**0.25, 0.0), (0.0, ratio**-0.25))
    descents = _descents(potential, Noise(1.0, mixing=mixing))
    return GibbsWorld(f"{ratio:g} times as hot along x", potential, descents, "activated, not Gibbs")


def aligned() -> GibbsWorld:
    """Noise with the covariance of the deep minimum's Hessian, scaled to trace 2, as of a network near its minimum."""
    potential = plane_potential()
    hessian = potential.hessian_function()(potential.minimum_point(1))
    factor = np.linalg.cholesky(2 * hessian / np.trace(hessian))
    descents = _descents(potential, Noise(1.0, mixing=tuple(map(tuple, factor.tolist()))))
    return GibbsWorld("aligned with the Hessian", potential, descents, "activated, not Gibbs")


def swirl(strength: float = 1.0) -> GibbsWorld:
    """A force along the level sets of the loss: exp(-L/T) stays stationary, paths go round and leave sooner."""
    potential = plane_potential()
    descents = _descents(potential, Noise(1.0), swirl=strength)
    return GibbsWorld("swirl", potential, descents, "activated, not Gibbs")


WORLDS: dict[str, Callable[[], GibbsWorld]] = {
    "langevin": langevin,
    "additive": additive,
    "additive, two coordinates": partial(additive, 2),
    "coarse steps": partial(additive, 1, COARSE_RATE, "coarse steps"),
    "hot clean well": hot_well,
    "hot clean well, two coordinates": partial(hot_well, HOTTER, 2),
    "noise grows with the loss": loss_dependent,
    "heavy tails": heavy_tails,
    "heavy tails, two coordinates": partial(heavy_tails, 2),
    "drift": drift,
    "anisotropic": anisotropic,
    "aligned with the Hessian": aligned,
    "swirl": swirl,
}


@checked_arguments
def world_named(name: str) -> GibbsWorld:
    """Make a world of :data:`WORLDS` by its name."""
    if name not in WORLDS:
        raise ValueError(f"name must be one of {', '.join(WORLDS)}, not {name!r}")
    return WORLDS[name]()
