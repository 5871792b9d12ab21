"""The scheme for static averages: exact in quadratic wells, of second order elsewhere, refused for kinetics."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.exact.equilibrium import phase_table
from slt_toys.kernels.codegen import load_module
from slt_toys.kernels.frame import langevin_source
from slt_toys.potentials.catalogue import regular_double_well
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import OverdampedLangevin, ReplicaExchange, langevin, sample
from slt_toys.samplers.first_passage import sample_first_passage
from slt_toys.samplers.step_bias import advisable_share, quadratic_excess
from tests.samplers.final_points import agree
from tests.seeds import fresh_seed

SCHEME = "leimkuhler_matthews"
NODES, WEIGHTS = np.polynomial.hermite_e.hermegauss(60)
REACH = 1.75  # 13 temperatures high; steps up to .03 are stable within
TEMPERATURE = 0.25


def mean_energy_by_quadrature(step: float, temperature: float, scheme: str, cells: int = 500) -> float:
    """Mean energy of the regular double well under the scheme's own chain, whose kernel is solved on a grid.

    With x the place and y = x - ξ/2 the chain of which it is made, y + y' = 2 x - dt L'(x): the sum of two neighbours
    tells the place between them.
    """
    noise = np.sqrt(2 * temperature * step)
    grid = np.linspace(-REACH, REACH, cells)
    energy, slope = (lambda x: (x**2 - 1) ** 2 - 0.15 * x), (lambda x: 4 * x * (x**2 - 1) - 0.15)
    if scheme == "euler_maruyama":
        kernel = np.exp(-((grid[:, None] - (grid - step * slope(grid))[None]) ** 2) / (2 * noise**2))
    else:
        sums = grid[:, None] + grid[None]
        place = sums / 2
        for _ in range(60):
            place -= (2 * place - step * slope(place) - sums) / (2 - step * (12 * place**2 - 4))
        normal = 2 * (place - grid[None]) / noise
        kernel = np.exp(-(normal**2) / 2) / (2 - step * (12 * place**2 - 4))
    kernel = kernel / kernel.sum(axis=0)
    values, vectors = np.linalg.eig(kernel)
    stationary = np.real(vectors[:, np.argmax(np.real(values))])
    stationary /= stationary.sum()
    if scheme == "euler_maruyama":
        return float(stationary @ energy(grid))
    seen = energy(grid[:, None] + noise / 2 * NODES[None]) @ WEIGHTS / WEIGHTS.sum()
    return float(stationary @ seen)


def exact_mean_energy() -> float:
    return float(phase_table(regular_double_well(), 1 / TEMPERATURE).total_mean_loss.item())


@pytest.mark.parametrize("share", [0.02, 0.5, 0.9])
def test_quadratic_wells_are_exact_at_any_stable_step(share):
    """[eq:leimkuhler-matthews-variance]"""
    potential, temperature = Potential.from_expression("3*w1**2/2 + w1*w2 + w2**2"), 0.7
    hessian = np.array([[3.0, 1.0], [1.0, 2.0]])
    softest, stiffest = np.linalg.eigvalsh(hessian)
    step = share * 2 / stiffest
    steps = round(20 / (step * softest))
    draws = sample(
        potential, OverdampedLangevin(step, SCHEME), n_beta=1 / temperature, chains=20_000, steps=steps, thin=steps,
        seed=fresh_seed(),
    )["w"].values[:, 0]  # fmt: skip
    covariance = temperature * np.linalg.inv(hessian)
    for i, j in ((0, 0), (0, 1), (1, 1)):
        agree(draws[:, i] * draws[:, j], covariance[i, j])


def test_its_bias_is_of_second_order_and_far_below_eulers():
    exact = exact_mean_energy()
    biases = [mean_energy_by_quadrature(step, TEMPERATURE, SCHEME) - exact for step in (0.01, 0.02)]
    assert biases[1] / biases[0] == pytest.approx(4, rel=0.15)
    euler = mean_energy_by_quadrature(0.01, TEMPERATURE, "euler_maruyama") - exact
    assert abs(euler) > 30 * abs(biases[0])


@pytest.mark.parametrize("step", [0.01, 0.03])
def test_chains_have_the_law_of_their_own_chain(step):
    draws = sample(
        regular_double_well(), OverdampedLangevin(step, SCHEME), n_beta=1 / TEMPERATURE, chains=20_000,
        steps=round(200 / step), thin=round(200 / step), seed=fresh_seed(),
    )["w"].values[:, 0]  # fmt: skip
    agree(regular_double_well().energy_function()(draws), mean_energy_by_quadrature(step, TEMPERATURE, SCHEME))


@pytest.mark.parametrize(
    ("right", "wrong"),
    [("i] + 0.5 * z0", "i] + 0.0 * z0"), ("(x0 - dt * g0) + 0.5 * z0", "(x0 - dt * g0) + 0.7 * z0"),
     ("w[j + U(64)] = w[j]", "w[j + U(64)] = w[j] + 3.0")],
    ids=["no half noise", "noise scale", "starts elsewhere"],
)  # fmt: skip
def test_wrong_ones_are_caught(right, wrong, monkeypatch):
    """Negative controls; the last is told by the first step, since the law forgets the start."""
    source = langevin_source(regular_double_well(), SCHEME)
    assert right in source
    module = load_module(source.replace(right, wrong), "wrong")
    monkeypatch.setattr(langevin, "averaged_noise_kernel", lambda _: module)
    if "3.0" in wrong:
        start = sample(
            regular_double_well(), OverdampedLangevin(1e-6, SCHEME), n_beta=1.0, chains=64, steps=1, initial=[1.0]
        )["w"].values  # fmt: skip
        assert np.abs(start - 1).max() > 1
        return
    with pytest.raises((AssertionError, ValueError)):
        test_chains_have_the_law_of_their_own_chain(0.03)


def test_it_begins_where_it_is_told():
    start = sample(
        regular_double_well(), OverdampedLangevin(1e-6, SCHEME), n_beta=1.0, chains=64, steps=1, initial=[1.0]
    )["w"].values  # fmt: skip
    assert np.abs(start - 1).max() < 0.01


def test_threads_and_chunks_change_no_bit():
    runs = [
        sample(
            Potential.from_expression("w1**4 + w2**2 + w3**2"), OverdampedLangevin(0.01, SCHEME), n_beta=2.0,
            chains=200, steps=100, thin=thin, seed=3, threads=threads, diagnose=False,
        )["w"].values[:, -1]
        for thin, threads in ((100, 1), (10, 2))
    ]  # fmt: skip
    assert np.array_equal(runs[0], runs[1])


def test_its_verdict_knows_its_step():
    draws = sample(
        Potential.from_expression("w**2"), OverdampedLangevin(0.5, SCHEME), n_beta=1.0, chains=256, steps=4000, thin=4,
        seed=fresh_seed(),
    )  # fmt: skip
    assert draws.attrs["scheme"] == SCHEME and draws.attrs["step_order"] == 2
    assert float(draws["step_bias"].sel(quantity="energy")) == 0
    assert draws.attrs["verdict"].startswith("trust")
    assert quadratic_excess(SCHEME, 0.9, 2.0) == pytest.approx(0) and quadratic_excess(SCHEME, 1.01, 2.0) == np.inf
    assert advisable_share(SCHEME) is None


def test_kinetics_are_refused_in_one_line():
    well, sampler = regular_double_well(), OverdampedLangevin(0.01, SCHEME)
    with pytest.raises(ValueError, match="scheme 'leimkuhler_matthews' is for static averages; take 'heun'"):
        sample_first_passage(well, sampler, temperature=1.0, start=-1.0, target=1.0, chains=2, max_time=1.0)
    with pytest.raises(ValueError, match="n_beta must be one number"):
        sample(well, sampler, n_beta=[1.0, 2.0], chains=2, steps=2)
    with pytest.raises(ValueError, match="step_size must be one number"):
        OverdampedLangevin([0.1, 0.2], SCHEME)
    with pytest.raises(ValueError, match="has no law at reflecting walls"):
        sample(Potential.from_expression("w**2", box=(0, 1)), sampler, n_beta=1.0, chains=2, steps=2)
    with pytest.raises(ValueError, match="take 'heun'"):
        sample(well, ReplicaExchange(sampler, (1.0, 2.0)), n_beta=1.0, chains=2, steps=2)
    with pytest.raises(ValueError, match="scheme must be one of euler_maruyama, heun, leimkuhler_matthews"):
        OverdampedLangevin(0.1, "milstein")  # type: ignore[arg-type]
