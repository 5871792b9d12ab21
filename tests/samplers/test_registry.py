"""Every sampler on every potential keeps the exact law; those that claim it obey detailed balance."""

from __future__ import annotations

import inspect
import math
from typing import get_args

import pytest

from slt_toys import samplers
from slt_toys.kernels import frame as kernels
from slt_toys.potentials.catalogue import POTENTIAL_NAMES, find_potential
from slt_toys.samplers import sample
from slt_toys.samplers.underdamped import SPLITTINGS
from tests.samplers.checks import Array, Deviations, agree, deviation, distribution_deviation
from tests.samplers.exact_laws import exact_law, exact_start
from tests.samplers.registry import ELSEWHERE, SCHEMES, TARGETS, Pair, pairs

CHAINS = 20_000
MANY_CHAINS = 160_000
LARGE = 6.0


def cases(chosen=lambda pair: True):
    return [
        pytest.param(pair, id=pair.name, marks=() if pair.usual else pytest.mark.slow)
        for pair in pairs()
        if chosen(pair)
    ]


def advanced(pair: Pair, start: Array, steps: int, seed: int, factor: float = 1.0) -> Array:
    return sample(
        find_potential(pair.potential), pair.sampler(factor), n_beta=pair.n_beta, chains=len(start), steps=steps,
        thin=steps, seed=(seed, SCHEMES.index(pair.scheme), factor == 1), initial=start, diagnose=False,
    )["w"].values[:, -1]  # fmt: skip


def invariance(pair: Pair, seed: int, chains: int = CHAINS) -> Deviations:
    """Exact draws, some steps on, against quadrature.

    A scheme of order p is run with its step h and a coarser one rh too, and each observable extrapolated to step 0
    chain by chain, f(h) + (f(h) - f(rh)) / (r^p - 1).
    """
    law, scheme = exact_law(pair.potential, pair.n_beta), pair.scheme
    start = exact_start(pair.potential, pair.n_beta, chains, seed)
    fine = advanced(pair, start, scheme.steps, seed)
    moved = (fine != start).mean(axis=0)
    found: Deviations = {"coordinates that stay": 0.0 if (moved > 0.99).all() else math.inf}
    ratio = scheme.coarsening
    coarse = advanced(pair, start, scheme.steps // ratio, seed, ratio) if scheme.order else fine
    for name, (observable, exact) in law.observables.items():
        values = observable(fine)
        if scheme.order:
            values = values + (values - observable(coarse)) / (ratio**scheme.order - 1)
        found[name] = deviation(values, exact)
    for k, distribution in law.distributions.items():
        found[f"distribution of coordinate {k}"] = distribution_deviation(fine[:, k], distribution)
    return found


def exchange(pair: Pair, seed: int, steps: int = 4, chains: int = MANY_CHAINS) -> Deviations:
    """Detailed balance: of a stationary x and the y some steps on, the mean of f(x) g(y) - f(y) g(x) is 0 for all f, g.

    Steps are large, so that y is far from x.
    """
    before = exact_start(pair.potential, pair.n_beta, chains, seed)
    after = advanced(pair, before, steps, seed, factor=LARGE)
    observables = exact_law(pair.potential, pair.n_beta).observables
    centred = {
        name: (observable(before) - exact, observable(after) - exact)
        for name, (observable, exact) in observables.items()
    }
    names = list(centred)
    return {
        f"{f}, {g}": deviation(centred[f][0] * centred[g][1] - centred[f][1] * centred[g][0], 0.0)
        for i, f in enumerate(names)
        for g in names[:i]
    }


@pytest.mark.parametrize("pair", cases())
def test_exact_draws_stay_exact(pair, seed):
    agree(invariance(pair, seed))


@pytest.mark.parametrize("pair", cases(lambda pair: pair.scheme.reversible))
def test_detailed_balance(pair, seed):
    agree(exchange(pair, seed))


def test_the_registry_holds_every_sampler_and_every_potential():
    assert tuple(TARGETS) == POTENTIAL_NAMES
    exported = {
        name for name in samplers.__all__ if inspect.isclass(value := getattr(samplers, name)) and has_program(value)
    }
    listed = {type(scheme.make(1.0, 1.0, 1.0)).__name__ for scheme in SCHEMES}
    assert exported == listed | set(ELSEWHERE) & exported
    named = {scheme.name for scheme in SCHEMES}
    assert len(named) == len(SCHEMES) and named >= {*SPLITTINGS, *get_args(kernels.Scheme)}
    usual = [pair for pair in pairs() if pair.usual]
    assert {pair.potential for pair in usual} == set(TARGETS) and {pair.scheme for pair in usual} == set(SCHEMES)


def has_program(value: type) -> bool:
    return hasattr(value, "__dataclass_fields__") and hasattr(value, "program")
