"""Fused and summed Metropolis kernels make the same moves, and wrong ones are caught."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.kernels import metropolis as kernels_metropolis
from slt_toys.kernels.codegen import load_module
from slt_toys.potentials.catalogue import find_potential
from slt_toys.samplers import MALA, RandomWalkMetropolis, metropolis, sample
from tests.samplers import test_sampler_family as checks


@pytest.mark.parametrize("proposal", ["langevin", "random_walk"])
def test_fused_and_summed_kernels_make_the_same_moves(proposal, monkeypatch):
    """The kernel for few dimensions and the one for many, from the same bits."""
    sampler = MALA(0.02) if proposal == "langevin" else RandomWalkMetropolis(0.15)
    potential = find_potential("barrier_spectrum")
    common: dict = {"n_beta": 1.0, "chains": 128, "steps": 60, "thin": 20, "seed": 9}
    fused = sample(potential, sampler, **common)
    monkeypatch.setattr(kernels_metropolis, "MOST_FUSED", 1)
    source = kernels_metropolis.metropolis_source(potential, proposal)
    module = load_module(source, "summed")
    assert module is not kernels_metropolis.metropolis_kernel(potential, proposal)
    monkeypatch.setattr(metropolis, "metropolis_kernel", lambda *_: module)
    summed = sample(potential, sampler, **common)
    np.testing.assert_allclose(fused["w"], summed["w"], rtol=1e-9, atol=1e-9)
    assert np.array_equal(fused["acceptance"], summed["acceptance"])


@pytest.mark.parametrize(
    ("kind", "wrong", "replacement"),
    [
        ("langevin", "0.5 * (z0 * z0 - b0 * b0)", "0.0"),
        ("langevin", "0.5 * (z0 * z0 - b0 * b0)", "-0.5 * (z0 * z0 - b0 * b0)"),
        ("langevin", "< total -", "< total - 0.0 *"),
        ("random_walk", "< total", "< 1e300 + total"),
        ("random_walk", "cold = 1.0 / temperature", "cold = 0.75 / temperature"),
    ],
    ids=["no proposal ratio", "its sign", "no energy", "always accepts", "a third too hot"],
)
def test_wrong_metropolis_samplers_are_caught(kind, wrong, replacement, monkeypatch):
    potential = find_potential("regular_double_well")
    source = kernels_metropolis.metropolis_source(potential, kind)
    assert wrong in source
    module = load_module(source.replace(wrong, replacement), "wrong")
    monkeypatch.setattr(metropolis, "metropolis_kernel", lambda *_: module)
    sampler = MALA(0.1) if kind == "langevin" else RandomWalkMetropolis(0.3)
    with pytest.raises((AssertionError, ValueError)):
        checks.test_occupancy_and_energy_against_quadrature("regular_double_well", sampler)
