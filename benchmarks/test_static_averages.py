"""The chains of schemes, solved: right in a quadratic well, of their order in a double well, and what is sampled."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from benchmarks.static_averages import largest_step, mean_energy, points_of
from slt_toys.potentials.catalogue import regular_double_well
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import OverdampedLangevin, sample
from tests.seeds import fresh_seed

T = 0.25
loose: Any = OverdampedLangevin


@pytest.mark.parametrize("noise", ["gaussian", "two_point", "three_point", "four_point"])
def test_a_quadratic_well_has_its_variance(noise):
    well = Potential.from_expression("3*w**2/2")
    values, shares = points_of(noise)
    assert shares.sum() == pytest.approx(1) and shares @ values**2 == pytest.approx(1)
    assert mean_energy(well, T, "leimkuhler_matthews", noise, 0.2) == pytest.approx(T / 2, rel=1e-6)
    euler = T / 2 / (1 - 0.1 * 3 / 2)
    assert mean_energy(well, T, "euler_maruyama", noise, 0.1) == pytest.approx(euler, rel=1e-6)


@pytest.mark.parametrize(
    ("scheme", "noise", "order"),
    [("euler_maruyama", "gaussian", 1), ("euler_maruyama", "two_point", 1), ("leimkuhler_matthews", "two_point", 1),
     ("leimkuhler_matthews", "gaussian", 2), ("leimkuhler_matthews", "four_point", 2)],
)  # fmt: skip
def test_orders(scheme, noise, order):
    exact = mean_energy(regular_double_well(), T, scheme, noise, None)
    biases = [mean_energy(regular_double_well(), T, scheme, noise, step) - exact for step in (0.004, 0.008)]
    assert biases[1] / biases[0] == pytest.approx(2**order, rel=0.2)


@pytest.mark.parametrize(("scheme", "noise"), [("leimkuhler_matthews", "four_point"), ("euler_maruyama", "two_point")])
def test_chains_have_the_solved_mean(scheme, noise):
    well, step = regular_double_well(), 0.03
    places = sample(
        well, loose(step, scheme, noise, "single"), n_beta=1 / T, chains=40_000, steps=4000, thin=4000,
        seed=fresh_seed(), diagnose=False,
    )["w"].values[:, 0]  # fmt: skip
    energy = well.energy_function()
    found = energy(places) - energy(well.minimum_point(1)[None])[0]
    error = found.std() / np.sqrt(len(found))
    assert abs(found.mean() - mean_energy(well, T, scheme, noise, step)) < 5 * error
    assert abs(found.mean() - mean_energy(well, T, "euler_maruyama", "gaussian", 2 * step)) > 5 * error


def test_the_largest_step_is_at_the_tolerance():
    step, bias = largest_step(regular_double_well(), T, "leimkuhler_matthews", "four_point")
    assert 0.01 < step < 0.1 and abs(bias) == pytest.approx(1e-3, rel=0.05)
