"""The Langevin engine: its normals, its bits, what it samples, and controls that must fail."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt_toys.kernels.frame import LANES
from slt_toys.potentials.catalogue import catalogue, regular_double_well
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import OverdampedLangevin, Stage, largest_stable_step, sample, sample_stages
from slt_toys.samplers import work as engine

# ---- bits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["regular_double_well", "curve_against_point", "flat_directions", "barrier_spectrum"])
@pytest.mark.parametrize("scheme", ["euler_maruyama", "heun"])
def test_bits_do_not_depend_on_threads_chunks_or_thinning(name, scheme, monkeypatch):
    potential = catalogue()[name]
    sampler = OverdampedLangevin(1e-3, scheme)
    common: dict = {"n_beta": 3.0, "chains": 150, "seed": 5}
    one = sample(potential, sampler, steps=61, thin=1, threads=1, **common)["w"].values
    two = sample(potential, sampler, steps=61, thin=1, threads=2, **common)["w"].values
    assert np.array_equal(one, two)
    monkeypatch.setattr(engine, "CHUNK", LANES * 7 * potential.dimension)
    monkeypatch.setattr(engine, "BLOCKS_AT_ONCE", 1)
    assert np.array_equal(one, sample(potential, sampler, steps=61, thin=1, threads=2, **common)["w"].values)
    monkeypatch.setattr(engine, "KEPT_AT_ONCE", 1)
    assert np.array_equal(one, sample(potential, sampler, steps=61, thin=1, threads=2, **common)["w"].values)
    assert np.array_equal(one[:, 2::3], sample(potential, sampler, steps=61, thin=3, threads=2, **common)["w"].values)
    fewer = sample(potential, sampler, steps=61, thin=61, **{**common, "chains": 70})["w"].values
    assert np.array_equal(one[:70, -1:], fewer)
    other = sample(potential, sampler, steps=61, thin=61, **{**common, "seed": 6})["w"].values
    assert not np.array_equal(one[:, -1:], other)


# ---- refusals -------------------------------------------------------------------------------------------------------


def test_divergence_is_named_with_the_largest_stable_step():
    potential = Potential.from_expression("50*w**2")
    assert largest_stable_step(potential, 1.0) == pytest.approx(0.02)
    with pytest.raises(ValueError, match=r"step_size 0.03 is too large .* largest stable step is about 0.02"):
        sample(potential, OverdampedLangevin(0.03), n_beta=1.0, chains=1, steps=10_000, thin=10_000)
    with pytest.raises(ValueError, match="too large"):
        sample(regular_double_well(), OverdampedLangevin(0.5), n_beta=1.0, chains=64, steps=1000)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"n_beta": -1.0}, "n_beta must be positive"),
        ({"n_beta": math.nan}, "n_beta must be positive"),
        ({"n_beta": np.ones(3)}, "one for each of the 10 steps"),
        ({"chains": 0}, "chains must be a whole number"),
        ({"chains": 1.5}, "chains must be a whole number"),
        ({"steps": 0}, "steps must be a whole number"),
        ({"thin": 11}, "thin must be at most steps = 10"),
        ({"seed": -1}, "seed must be a whole number of at least 0"),
        ({"initial": np.zeros((3, 1))}, "initial must have shape"),
        ({"initial": "top"}, "is not one of"),
        ({"initial": [math.inf]}, "must be finite"),
        ({"threads": 0}, "threads must be a whole number"),
    ],
)
def test_bad_settings_are_refused_in_one_line(arguments, message):
    settings = {"n_beta": 1.0, "chains": 2, "steps": 10} | arguments
    with pytest.raises(ValueError, match=message) as caught:
        sample(regular_double_well(), OverdampedLangevin(0.01), **settings)
    assert "\n" not in str(caught.value)


def test_bad_samplers_and_stages():
    with pytest.raises(ValueError, match="step_size must be positive"):
        OverdampedLangevin(-0.1)
    with pytest.raises(ValueError, match="scheme must be"):
        OverdampedLangevin(0.1, "leapfrog")  # type: ignore[arg-type]
    with pytest.raises(ValueError, match="at least one Stage"):
        sample_stages([], chains=1)
    one, two = regular_double_well(), catalogue()["bilinear"]
    with pytest.raises(ValueError, match="must have the same coordinates"):
        sample_stages([Stage(p, OverdampedLangevin(0.01), 1.0, 1) for p in (one, two)], chains=1)
    with pytest.raises(ValueError, match="record_steps must increase"):
        sample_stages([Stage(one, OverdampedLangevin(0.01), 1.0, 5)], chains=1, record_steps=[2, 6])
