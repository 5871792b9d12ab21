"""Unadjusted schemes against their own laws at finite steps: stationary, with the orders of their bias, and in motion.

Stationary laws do not show time: a wrong friction has the right equilibrium. So chains are also followed over a
barrier.
"""

from __future__ import annotations

import math
from functools import lru_cache

import numpy as np
import pytest
import sympy

from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.potential import Phase, Potential
from slt_toys.samplers import MALA, OverdampedLangevin, RandomWalkMetropolis, Sampler, UnderdampedLangevin, sample
from tests.samplers.checks import Array, Deviations, agree, deviation
from tests.samplers.discrete_laws import Function, PhaseSpace, overdamped_transition

CHAINS = 300_000
FRICTION = 2.0
SEEN = "sin 2x"  # the observable with the clearest bias
OBSERVABLES: dict[str, Function] = {
    "x^2": lambda x: x**2,
    "cos 3x": lambda x: np.cos(3 * x),
    "sin 2x": lambda x: np.sin(2 * x),
}


@lru_cache
def bumpy_well() -> Potential:
    """A parabola with a bump: its curvature lies between -3 and 2 everywhere, so that large steps are stable."""
    w = sympy.Symbol("w", real=True)
    energy = w**2 / 2 + 1 / (1 + 2 * (w - sympy.Rational(1, 2)) ** 2)
    phase = Phase("whole", (sympy.S.Zero,), sympy.true, energy.subs(w, 0), sympy.Rational(1, 2))
    return Potential.from_expression(energy, box=(-12, 12), phases=[phase])


def on_line(potential: Potential) -> tuple[Function, Function, Function]:
    """Energy, slope and curvature as functions of one number."""
    energy, slope = potential.energy_function(), potential.gradient_function()
    curvature = potential.hessian_function()
    return (
        lambda x: energy(x[..., None]),
        lambda x: slope(x[..., None])[..., 0],
        lambda x: curvature(x[..., None])[..., 0, 0],
    )


def make(scheme: str, step: float, friction: float = FRICTION) -> Sampler:
    if scheme in ("euler_maruyama", "heun"):
        return OverdampedLangevin(step, scheme)  # type: ignore[arg-type]
    return UnderdampedLangevin(step, friction, scheme)


@lru_cache
def stationary_law(scheme: str, step: float) -> tuple[Array, Array]:
    """Grid and probabilities of the position in the bumpy well at temperature 1."""
    _, gradient, curvature = on_line(bumpy_well())
    if scheme in ("euler_maruyama", "heun"):
        grid = np.linspace(-9, 9, 401 if step > 0.05 else 801)
        matrix = overdamped_transition(gradient, curvature, grid, step, 1.0, scheme)
        law = np.linalg.matrix_power(matrix, 2 ** math.ceil(math.log2(100 / step)))[grid.size // 2]
        return grid, law / law.sum()
    grid, momenta = np.linspace(-10, 10, 160, endpoint=False), np.linspace(-9, 9, 80, endpoint=False)
    space = PhaseSpace(gradient, grid, momenta, step, FRICTION, 1.0, scheme)
    return grid, space.after(np.exp(-(grid[:, None] ** 2 + momenta**2) / 2), round(30 / step))


@lru_cache
def limit_law() -> tuple[Array, Array]:
    """The same at step 0: the posterior."""
    grid = np.linspace(-12, 12, 4001)
    weights = np.exp(-on_line(bumpy_well())[0](grid))
    return grid, weights / weights.sum()


def mean(law: tuple[Array, Array], observable: Function) -> float:
    return float(observable(law[0]) @ law[1])


def bias(scheme: str, step: float, name: str) -> float:
    return mean(stationary_law(scheme, step), OBSERVABLES[name]) - mean(limit_law(), OBSERVABLES[name])


@pytest.mark.parametrize(
    ("scheme", "step", "order"),
    [("euler_maruyama", 0.0125, 1), ("heun", 0.0175, 2), ("BAOAB", 0.2, 2), ("OBABO", 0.2, 2), ("ABOBA", 0.2, 2)],
)
def test_the_exact_bias_falls_with_the_schemes_order(scheme, step, order):
    """No sampling: the laws that the next test draws from."""
    coarse, fine = (bias(scheme, h, SEEN) for h in (step, step / 2))
    assert abs(math.log2(coarse / fine) - order) < 0.1


# Schemes with a step so large that the bias shows: far more than the limit of 5.
LARGE_STEPS = [("euler_maruyama", 0.4), ("heun", 0.4), ("BAOAB", 1.0), ("OBABO", 0.8), ("ABOBA", 1.0)]


def stationarity(sampler: Sampler, law: tuple[Array, Array], seed: int, steps: int, chains: int = CHAINS) -> Deviations:
    start = np.random.default_rng([seed, 1]).standard_normal((chains, 1))
    draws = sample(
        bumpy_well(), sampler, n_beta=1.0, chains=chains, steps=steps, thin=steps, seed=(seed, 2), initial=start,
        diagnose=False,
    )["w"].values.ravel()  # fmt: skip
    return {name: deviation(observable(draws), mean(law, observable)) for name, observable in OBSERVABLES.items()}


@pytest.mark.parametrize(("scheme", "step"), LARGE_STEPS)
def test_draws_follow_the_schemes_own_law(scheme, step, seed):
    """At two steps, so that the sampled bias has the order shown above; and the bias is there to be seen."""
    grid, law = limit_law()
    spread = math.sqrt(
        mean((grid, law), lambda x: OBSERVABLES[SEEN](x) ** 2) - mean((grid, law), OBSERVABLES[SEEN]) ** 2
    )
    assert abs(bias(scheme, step, SEEN)) > 12 * spread / math.sqrt(CHAINS)
    for size in (step, step / 2):
        agree(stationarity(make(scheme, size), stationary_law(scheme, size), seed, round(20 / size)))


@pytest.mark.parametrize("sampler", [MALA(0.4), RandomWalkMetropolis(1.0)], ids=["MALA", "random_walk"])
def test_metropolis_has_no_bias_at_such_steps(sampler, seed):
    agree(stationarity(sampler, limit_law(), seed, 100))


# ---- in motion ------------------------------------------------------------------------------------------------------
MOVING = [("euler_maruyama", 0.01), ("heun", 0.01), ("BAOAB", 0.1), ("OBABO", 0.1), ("ABOBA", 0.1)]
TEMPERATURE, PLACE, WIDTH, TIME = 0.7, -1.0, 0.2, 3.0
MOVING_OBSERVABLES: dict[str, Function] = {
    "x": lambda x: x,
    "x^2": lambda x: x**2,
    "right": lambda x: np.tanh(4 * x),
}


@lru_cache
def law_after(scheme: str, step: float, steps: int) -> tuple[Array, Array]:
    """Exact law of chains that began about the left minimum of the double well."""
    _, gradient, curvature = on_line(find_potential("regular_double_well"))
    if scheme in ("euler_maruyama", "heun"):
        grid = np.linspace(-2.4, 2.5, 401)
        matrix = overdamped_transition(gradient, curvature, grid, step, TEMPERATURE, scheme)
        law = np.exp(-((grid - PLACE) ** 2) / (2 * WIDTH**2)) @ np.linalg.matrix_power(matrix, steps)
        return grid, law / law.sum()
    grid, momenta = np.linspace(-3.2, 3.2, 128, endpoint=False), np.linspace(-6.5, 6.5, 80, endpoint=False)
    space = PhaseSpace(gradient, grid, momenta, step, FRICTION, TEMPERATURE, scheme)
    start = np.exp(-((grid[:, None] - PLACE) ** 2) / (2 * WIDTH**2) - momenta**2 / (2 * TEMPERATURE))
    return grid, space.after(start, steps)


def motion(scheme: str, step: float, seed: int, friction: float = FRICTION, chains: int = 200_000) -> Deviations:
    start = PLACE + WIDTH * np.random.default_rng([seed, 1]).standard_normal((chains, 1))
    steps = round(TIME / step)
    draws = sample(
        find_potential("regular_double_well"), make(scheme, step, friction), n_beta=1 / TEMPERATURE, chains=chains,
        steps=steps, thin=steps, seed=(seed, 2), initial=start, diagnose=False,
    )["w"].values.ravel()  # fmt: skip
    law = law_after(scheme, step, steps)
    return {
        name: deviation(observable(draws), mean(law, observable)) for name, observable in MOVING_OBSERVABLES.items()
    }


@pytest.mark.parametrize(("scheme", "step"), MOVING)
def test_chains_cross_the_barrier_in_time(scheme, step, seed):
    law = law_after(scheme, step, round(TIME / step))
    late = law_after(scheme, step, round(10 * TIME / step))
    share, settled = (mean(one, MOVING_OBSERVABLES["right"]) for one in (law, late))
    assert -0.8 < share < settled - 0.1, "some have crossed, and not all that will"
    agree(motion(scheme, step, seed))
