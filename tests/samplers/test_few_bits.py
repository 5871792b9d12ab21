"""Samplers whose noise is a few bits: exact in quadratic wells, of their order elsewhere, refused where they cannot."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest

from slt_toys.exact.equilibrium import phase_table
from slt_toys.kernels.few_bits import law_of
from slt_toys.potentials.catalogue import regular_double_well
from slt_toys.potentials.potential import Potential
from slt_toys.reference.laws import law
from slt_toys.samplers import OverdampedLangevin, ReplicaExchange, sample
from tests.samplers.final_points import agree
from tests.seeds import fresh_seed

NOISES = ("two_point", "three_point", "four_point")
TEMPERATURE = 0.25
loose: Any = OverdampedLangevin  # called with what its types forbid, too


def final(potential: Potential, sampler: OverdampedLangevin, temperature: float, time: float) -> np.ndarray:
    """Last places of many chains."""
    steps = round(time / float(np.asarray(sampler.step_size)))
    return sample(
        potential, sampler, n_beta=1 / temperature, chains=40_000, steps=steps, thin=steps, seed=fresh_seed(),
        diagnose=False,
    )["w"].values[:, 0]  # fmt: skip


def kurtosis(places: np.ndarray) -> tuple[float, float]:
    """Excess over that of a normal law of mean 0, and its standard error."""
    square, fourth = places**2, places**4
    value = fourth.mean() / square.mean() ** 2 - 3
    influence = fourth / square.mean() ** 2 - 2 * square * fourth.mean() / square.mean() ** 3
    return float(value), float(influence.std() / np.sqrt(len(places)))


@pytest.mark.parametrize("precision", ["double", "single"])
@pytest.mark.parametrize("noise", NOISES)
def test_a_quadratic_well_has_eulers_variance_and_the_kurtosis_of_the_law(noise, precision):
    """[eq:euler-maruyama-variance] [eq:few-point-kurtosis]"""
    step, temperature = 0.3, 0.7
    places = final(Potential.from_expression("w**2/2"), loose(step, noise=noise, precision=precision), temperature, 60)
    variance = law("euler-maruyama-variance")(temperature=temperature, curvature=1, time_step=step)
    agree(places[:, 0] ** 2, variance)
    agree(places[:, 0], 0.0)
    found = law_of(noise)
    fourth = (1 - found.probability) * found.small**4 + found.probability * found.large**4
    expected = law("few-point-kurtosis")(noise_fourth_moment=fourth, curvature=1, time_step=step)
    value, error = kurtosis(places[:, 0])
    assert abs(value - expected) < 5 * error
    other = law("few-point-kurtosis")(noise_fourth_moment=4 - fourth, curvature=1, time_step=step)
    assert abs(value - other) > 5 * error, "the control: that of the other law is seen to be wrong"


def mean_energy(sampler: OverdampedLangevin) -> tuple[float, float]:
    """Of the regular double well, with its standard error."""
    energies = regular_double_well().energy_function()(final(regular_double_well(), sampler, TEMPERATURE, 100))
    return float(energies.mean()), float(energies.std() / np.sqrt(len(energies)))


@pytest.mark.parametrize("noise", ["three_point", "four_point"])
def test_three_bits_leave_a_double_well_its_second_order(noise):
    exact = float(phase_table(regular_double_well(), 1 / TEMPERATURE).total_mean_loss.item())
    value, error = mean_energy(loose(0.02, "leimkuhler_matthews", noise, "single"))
    assert abs(value - exact) < 5 * error + 0.002 * TEMPERATURE  # measured: less than a thousandth of T
    value, error = mean_energy(loose(0.02, noise=noise, precision="single"))
    assert value - exact > 5 * error + 0.005 * TEMPERATURE, "the control: Euler's first order is seen"


REFUSED = [
    (dict(noise="normal"), "noise must be one of gaussian, three_point, two_point, four_point, not 'normal'"),
    (dict(precision="half"), "precision must be one of double, single, not 'half'"),
    (dict(precision="single"), "precision 'single' is for noise of a few bits; take noise 'four_point', or 'double'"),
    (dict(scheme="heun", noise="two_point"), "noise 'two_point' makes of scheme 'heun' one of order 1"),
]


@pytest.mark.parametrize(("options", "said"), REFUSED)
def test_what_makes_no_sense_is_refused(options, said):
    with pytest.raises(ValueError, match=said):
        loose(0.01, **options)


def test_replica_exchange_is_refused():
    with pytest.raises(ValueError, match="replica exchange takes noise 'gaussian', not 'two_point'"):
        sample(
            regular_double_well(), ReplicaExchange(OverdampedLangevin(0.01, noise="two_point"), [0.3, 0.6]),
            n_beta=1 / 0.3, chains=64, steps=10,
        )  # fmt: skip


SINGLE = OverdampedLangevin(0.01, noise="two_point", precision="single")


@pytest.mark.parametrize(
    ("energy", "n_beta", "said"),
    [
        ("(w**2-1)**2 + exp(w)/9", 3.0, "slopes are rational functions"),
        ("(w-100000)**2", 1e4, "does not resolve a step's noise"),
        ("1e4*(w**2-1)**4 + w**2/1e9", 1e7, "errs in slopes"),
    ],
)
def test_single_numbers_are_refused_where_they_are_too_coarse(energy, n_beta, said):
    """The same energy in double numbers is sampled."""
    potential = Potential.from_expression(energy)
    with pytest.raises(ValueError, match=said):
        sample(potential, SINGLE, n_beta=n_beta, chains=64, steps=100, diagnose=False)
    step = 1e-7 if "1e4" in energy else 0.01
    double = OverdampedLangevin(step, noise="two_point")
    assert sample(potential, double, n_beta=n_beta, chains=64, steps=100, diagnose=False).sizes["chain"] == 64


def test_diagnosis_takes_half_a_step_where_no_law_of_the_bias_is_known():
    draws = sample(
        regular_double_well(), OverdampedLangevin(0.02, "leimkuhler_matthews", "four_point", "single"), n_beta=2.0,
        chains=256, steps=20_000, thin=50, seed=fresh_seed(),
    )  # fmt: skip
    assert draws.attrs["scheme"] == "leimkuhler_matthews, four_point" and draws.attrs["step_order"] == 2
    assert draws.attrs["verdict"].startswith("trust"), draws.attrs["verdict"]
    signs = OverdampedLangevin(0.02, "leimkuhler_matthews", "two_point").stepping(regular_double_well(), 2.0)
    assert signs.order == 1
