"""Generated kernels: doubles next to exact numbers, one compilation for all parameters, a cache that is checked."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.kernels.codegen import component_groups, load_module
from slt_toys.kernels.frame import langevin_source
from slt_toys.potentials.catalogue import catalogue, regular_double_well
from slt_toys.potentials.potential import Potential, declare_phase
from slt_toys.samplers import Gibbs, OverdampedLangevin, sample
from tests.potentials.irrational import in_decimals
from tests.samplers.final_points import agree
from tests.samplers.made_runs import exact_mean
from tests.seeds import fresh_seed


@pytest.mark.parametrize("text", ["(w**2-pi)**2/4 - 0.15*w", "sqrt(2)*x**2 + 2**(1/3)*y**2 + pi*x*y/9"])
@pytest.mark.parametrize(
    "sampler",
    [OverdampedLangevin(0.01), Gibbs()],
    ids=lambda s: type(s).__name__,
)
def test_kernels_are_compiled_with_the_doubles_next_to_irrational_numbers(text, sampler):
    exact = Potential.from_expression(text)
    other = Potential.from_expression(in_decimals(exact.energy))
    run = {"n_beta": 3.0, "chains": 64, "steps": 30, "initial": np.full(exact.dimension, 0.5), "diagnose": False}
    found, expected = (sample(p, sampler, **run)["w"].values for p in (exact, other))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


def test_parameters_do_not_recompile():
    sources = {langevin_source(regular_double_well(sympy.Rational(k, 20)), "heun") for k in (-3, 0, 3, 5)}
    assert len(sources) == 1
    (group,) = component_groups(catalogue()["barrier_spectrum"])
    assert len(group.coordinate_table) == 10


def test_energies_that_are_no_polynomials_compile_and_sample():
    w = sympy.Symbol("w", real=True)
    energy = w**2 + sympy.cos(w) / 4 + sympy.exp(-(w**2)) / 9 - sympy.tanh(w) ** 2 / 11
    phase = declare_phase(energy, (w,), "whole", (0,))
    potential = Potential.from_expression(energy, box=(-4, 4), phases=[phase])
    draws = sample(
        potential, OverdampedLangevin(0.02, "heun"), n_beta=2.0, chains=20_000, steps=600, thin=600, seed=fresh_seed()
    )["w"].values.ravel()
    agree(draws**2, exact_mean(potential, 2.0, lambda x: x * x))


def test_an_unwritable_cache_falls_back(monkeypatch, tmp_path):
    blocked = tmp_path / "file"
    blocked.write_text("")
    monkeypatch.setenv("SLT_TOYS_CACHE", str(blocked))
    assert load_module("value = 41 + 1\n", "fallback").value == 42


def test_a_doctored_cache_file_is_not_run(monkeypatch, tmp_path):
    monkeypatch.setenv("SLT_TOYS_CACHE", str(tmp_path))
    module = load_module("value = 1\n", "doctored")
    path = tmp_path / f"{module.__name__}.py"
    path.write_text("value = 2\n")
    import sys

    del sys.modules[module.__name__]
    assert load_module("value = 1\n", "doctored").value == 1
