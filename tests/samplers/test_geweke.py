"""Geweke's joint test (2004, JASA 99, 799-804): a parameter drawn given the chains, the chains advanced given it.

The model has 64 positions, the lanes of a block, and a field: p(w, y) ∝ exp(-Σ_i [(w_i² - 1)² - y w_i] - 64 y²). It
is normal given the positions; the sampler sees it as a parameter of its potential. From exact draws of both,
alternating must keep the joint law, whose moments are integrals in two variables.
"""

from __future__ import annotations

from functools import lru_cache
from typing import Any

import numpy as np
import pytest
import sympy

from slt_toys.kernels.frame import LANES
from slt_toys.potentials.phases import Phase
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import MALA, Gibbs, RandomWalkMetropolis
from tests.samplers.checks import Array, Deviations, agree, deviation, disagree
from tests.samplers.wrong import make_wrong

REPLICAS, ROUNDS, STEPS = 2000, 8, 4
EXACT: dict[str, Any] = {"MALA": MALA(0.08), "random_walk": RandomWalkMetropolis(0.5), "Gibbs": Gibbs()}


@lru_cache
def conditional() -> Potential:
    """Energy of one position in the field."""
    w, field = sympy.symbols("w field", real=True)
    phase = Phase("whole", (sympy.S.One,), sympy.true, sympy.S.Zero, sympy.Rational(1, 2))
    energy = (w**2 - 1) ** 2 - field * w
    return Potential("field", energy, (w,), (("field", sympy.S.Zero),), ((-4.0, 4.0),), (phase,))


@lru_cache
def tables() -> tuple[Array, Array, Array, Array]:
    """Fields with their marginal probabilities, positions with theirs given each field (fields, positions)."""
    fields, positions = np.linspace(-2, 2, 401), np.linspace(-3.5, 3.5, 2001)
    weights = np.exp(-((positions**2 - 1) ** 2) + fields[:, None] * positions)
    logs = LANES * (np.log(weights.sum(axis=1)) - fields**2)
    marginal = np.exp(logs - logs.max())
    return fields, marginal / marginal.sum(), positions, weights / weights.sum(axis=1, keepdims=True)


def exact_joint_draws(random: np.random.Generator) -> tuple[Array, Array]:
    """Fields (replicas,) and positions (replicas, lanes), drawn in grid cells of no account."""
    fields, marginal, positions, given = tables()
    rows = random.choice(fields.size, REPLICAS, p=marginal)
    sums = np.cumsum(given, axis=1)[rows]
    cells = np.array([np.searchsorted(s, u) for s, u in zip(sums, random.random((REPLICAS, LANES)), strict=True)])
    jitter = random.random((REPLICAS, LANES)) - 0.5
    return fields[rows], positions[np.minimum(cells, positions.size - 1)] + jitter * (positions[1] - positions[0])


def joint(sampler: Any, seed: int) -> Deviations:
    """Alternate in independent replicas; compare moments of positions and field with the exact ones."""
    random = np.random.default_rng([seed, 1])
    program = sampler.program(conditional())
    fields, positions = exact_joint_draws(random)
    bits = random.integers(0, 2**64, (REPLICAS, 1, 4 * LANES), dtype=np.uint64)
    scratch, out = np.zeros((1, LANES * program.scratch_rows)), np.empty((1, 0, 1, LANES))
    steps, step_size, temperature = np.array([STEPS]), np.array([float(sampler.step_size)]), np.ones(1)
    records = np.array([], dtype=np.int64)
    for _ in range(ROUNDS):
        for replica in range(REPLICAS):
            parameters = fields[replica : replica + 1].copy()
            state = program.started(positions[replica : replica + 1], parameters, 1.0, lambda: [random])
            program.advance(state, bits[replica], scratch, parameters, steps, step_size, temperature, 0, records, out)
            positions[replica] = state[0, :LANES]
        fields = positions.mean(axis=1) / 2 + random.standard_normal(REPLICAS) / np.sqrt(2 * LANES)
    return compared(fields, positions)


def compared(fields: Array, positions: Array) -> Deviations:
    field, marginal, position, given = tables()
    means = {power: given @ position**power for power in (1, 2, 4)}
    exact = {
        "y": (fields, marginal @ field),
        "y^2": (fields**2, marginal @ field**2),
        "w": (positions.mean(axis=1), marginal @ means[1]),
        "w^2": ((positions**2).mean(axis=1), marginal @ means[2]),
        "w^4": ((positions**4).mean(axis=1), marginal @ means[4]),
        "y w": (fields * positions.mean(axis=1), marginal @ (field * means[1])),
        "w w": ((positions.mean(axis=1) ** 2), marginal @ (means[1] ** 2 + (means[2] - means[1] ** 2) / LANES)),
    }
    return {name: deviation(samples, float(value)) for name, (samples, value) in exact.items()}


@pytest.mark.parametrize("name", EXACT)
def test_the_joint_law_stays(name, seed):
    agree(joint(EXACT[name], seed))


def test_the_exact_draws_have_the_joint_law(seed):
    agree(compared(*exact_joint_draws(np.random.default_rng(seed))))


CONTROLS = [
    ("MALA", "no proposal ratio", {"0.5 * (z0 * z0 - b0 * b0)": "0.0"}),
    ("MALA", "temperature", {"cold = 1.0 / temperature": "cold = 0.75 / temperature"}),
    ("MALA", "field", {"p0 = parameters": "p0 = -parameters"}),
    ("random_walk", "always accepts", {"< total": "< 1e300 + total"}),
    ("random_walk", "temperature", {"cold = 1.0 / temperature": "cold = 0.75 / temperature"}),
    ("random_walk", "field", {"p0 = parameters": "p0 = -parameters"}),
    ("Gibbs", "temperature", {"cold = 1.0 / temperature": "cold = 0.75 / temperature"}),
    # A field of the wrong sign would pass: the law is even, and each sweep forgets the last.
    ("Gibbs", "field", {"p0 = parameters": "p0 = 3.0 * parameters"}),
]


@pytest.mark.parametrize(("name", "what", "changes"), [pytest.param(*row, id=f"{row[0]}-{row[1]}") for row in CONTROLS])
def test_the_joint_law_does_not_stay(name, what, changes, seed, monkeypatch):
    make_wrong(monkeypatch, EXACT[name], conditional(), changes)
    disagree(joint(EXACT[name], seed))
