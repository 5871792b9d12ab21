"""Underdamped Langevin, MALA and the random walk: exact laws, bits, acceptance, and wrong variants that must fail."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import linalg

from slt_toys.exact.equilibrium import phase_table
from slt_toys.kernels import metropolis as kernels_metropolis
from slt_toys.kernels import underdamped as kernels_underdamped
from slt_toys.kernels.codegen import load_module
from slt_toys.potentials.catalogue import catalogue, find_pair, find_potential
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import (
    MALA,
    OverdampedLangevin,
    RandomWalkMetropolis,
    Stage,
    UnderdampedLangevin,
    metropolis,
    sample,
    sample_stages,
    underdamped,
)
from slt_toys.samplers import run as engine
from slt_toys.samplers.underdamped import SPLITTINGS
from tests.samplers.final_points import agree
from tests.seeds import fresh_seed

EVERY = [UnderdampedLangevin(0.05, 1.0, s) for s in SPLITTINGS] + [MALA(0.02), RandomWalkMetropolis(0.3)]


def final(potential: Potential, sampler, n_beta: float, chains: int, steps: int) -> np.ndarray:
    return sample(potential, sampler, n_beta=n_beta, chains=chains, steps=steps, thin=steps, seed=fresh_seed())[
        "w"
    ].values[:, 0]


# ---- exact discrete-time laws ---------------------------------------------------------------------------------------
def linear_variance(splitting: str, step: float, friction: float, curvature: float, temperature: float) -> float:
    """Stationary variance of the position after a step, from the letters as 2x2 matrices and a Lyapunov equation."""
    transfer, noise = np.eye(2), np.zeros((2, 2))
    for letter in splitting:
        share = step / splitting.count(letter)
        decay = math.exp(-friction * share)
        matrix = {
            "A": np.array([[1, share], [0, 1]]),
            "B": np.array([[1, 0], [-share * curvature, 1]]),
            "O": np.diag([1, decay]),
        }[letter]
        transfer, noise = matrix @ transfer, matrix @ noise @ matrix.T
        if letter == "O":
            noise[1, 1] += temperature * (1 - decay**2)
    return float(linalg.solve_discrete_lyapunov(transfer, noise)[0, 0])


@pytest.mark.parametrize("splitting", SPLITTINGS)
@pytest.mark.parametrize(("step", "friction"), [(0.2, 1.0), (0.9, 3.0)])
def test_a_quadratic_well_has_the_splittings_own_law(splitting, step, friction):
    curvature, temperature = 2.0, 0.7
    expected = linear_variance(splitting, step, friction, curvature, temperature)
    if splitting == "BAOAB":  # exact positions at any stable step
        assert expected == pytest.approx(temperature / curvature)
    if splitting == "OBABO":  # leapfrog's shadow energy
        assert expected == pytest.approx(temperature / (curvature * (1 - curvature * step**2 / 4)))
    draws = final(
        Potential.from_expression("w**2"), UnderdampedLangevin(step, friction, splitting), 1 / temperature, 20_000, 300
    ).ravel()
    agree(draws**2, expected)
    agree(draws, 0.0)


def test_baoab_is_far_more_accurate_than_obabo():
    """In a quadratic well the positions of BAOAB are unbiased at any stable step (Leimkuhler & Matthews 2013)."""
    curvature, step = 2.0, 0.9
    variances = [linear_variance(s, step, 1.0, curvature, 1.0) for s in ("BAOAB", "OBABO")]
    assert abs(variances[0] * curvature - 1) < 1e-12 < 0.3 < variances[1] * curvature - 1


# ---- against quadrature ---------------------------------------------------------------------------------------------
@pytest.mark.parametrize("sampler", EVERY, ids=repr)
@pytest.mark.parametrize("name", ["regular_double_well", "singular_double_well_2_4"])
def test_occupancy_and_energy_against_quadrature(name, sampler):
    potential, n_beta = find_potential(name), 1 / 0.7
    draws = final(potential, sampler, n_beta, 20_000, 3000)
    table = phase_table(potential, n_beta)
    # The splittings' second-order bias at step 0.05 is below a tenth of a percent.
    bias = 0.002 if isinstance(sampler, UnderdampedLangevin) else 0.0
    agree((potential.phase_index(draws) == 0).astype(float), float(table["occupancy"].values.ravel()[0]), bias)
    mean = float(table["total_mean_loss"].values.ravel()[0])
    agree(potential.energy_function()(draws), mean, bias)


@pytest.mark.parametrize("sampler", [MALA(0.01), RandomWalkMetropolis(0.25), UnderdampedLangevin(0.03, 2.0)], ids=repr)
def test_two_coupled_coordinates_against_quadrature(sampler):
    potential = find_pair("curve_against_point").clean
    n_beta = 1.0
    draws = final(potential, sampler, n_beta, 12_800, 4000)
    table = phase_table(potential, n_beta)
    bias = 0.003 if isinstance(sampler, UnderdampedLangevin) else 0.0
    agree((potential.phase_index(draws) == 1).astype(float), float(table["occupancy"].values[0, 1]), bias)
    agree(potential.energy_function()(draws), float(table["total_mean_loss"].values.ravel()[0]), bias)


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


@pytest.mark.parametrize("sampler", [MALA(0.02), RandomWalkMetropolis(0.12), UnderdampedLangevin(0.05)], ids=repr)
def test_ten_independent_coordinates_against_quadrature(sampler):
    potential = find_potential("barrier_spectrum")
    draws = final(potential, sampler, 1.0, 6400, 8000)
    bias = 0.02 if isinstance(sampler, UnderdampedLangevin) else 0.0
    agree(
        potential.energy_function()(draws),
        float(phase_table(potential, 1.0)["total_mean_loss"].values.ravel()[0]),
        bias,
    )
    for k in (0, 9):
        part = potential.component(k)
        agree(
            (draws[:, k] < part.barrier()).astype(float),
            float(phase_table(part, 1.0)["occupancy"].values[0, 0]),
            bias / 10,
        )


@pytest.mark.parametrize("sampler", [MALA(0.1), RandomWalkMetropolis(0.4), UnderdampedLangevin(0.2)], ids=repr)
def test_walls_are_part_of_the_model(sampler):
    potential = find_potential("normal_crossing")
    draws = final(potential, sampler, 20.0, 12_800, 3000)
    assert ((draws >= 0) & (draws <= 1)).all()
    exact = float(phase_table(potential, 20.0)["excess_energy"].values.ravel()[0])
    agree(20.0 * potential.energy_function()(draws), exact, 0.003 if isinstance(sampler, UnderdampedLangevin) else 0.0)


def test_metropolis_is_exact_at_steps_where_unadjusted_langevin_is_far_off():
    potential = Potential.from_expression("w**4")
    adjusted = final(potential, MALA(0.3), 1.0, 20_000, 400).ravel() ** 4
    agree(adjusted, 0.25)
    with pytest.raises((AssertionError, ValueError)):  # it is far off, or diverges
        agree(final(potential, OverdampedLangevin(0.1), 1.0, 20_000, 400).ravel() ** 4, 0.25)


def test_acceptance_is_the_accepted_share():
    """Against a plain numpy MALA on a quadratic well."""
    step, random, chains = 0.8, np.random.default_rng(fresh_seed()), 40_000
    x = random.standard_normal(chains) * math.sqrt(0.5)
    y = x - 2 * step * x + math.sqrt(2 * step) * random.standard_normal(chains)

    def log_density(to: np.ndarray, at: np.ndarray) -> np.ndarray:
        return -((to - at + 2 * step * at) ** 2) / (4 * step)

    ratio = -(y**2) + x**2 + log_density(x, y) - log_density(y, x)
    share = np.minimum(1, np.exp(ratio))
    run = sample(
        Potential.from_expression("w**2"), MALA(step), n_beta=1.0, chains=6400, steps=500, thin=500, seed=fresh_seed()
    )
    acceptance = run["acceptance"].values
    assert abs(acceptance.mean() - share.mean()) < 5 * math.hypot(
        share.std() / math.sqrt(chains), acceptance.std() / math.sqrt(acceptance.size)
    )
    assert "acceptance" not in sample(
        Potential.from_expression("w**2"), UnderdampedLangevin(0.1), n_beta=1.0, chains=2, steps=5
    )


# ---- bits -----------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize("sampler", EVERY, ids=repr)
@pytest.mark.parametrize("name", ["regular_double_well", "curve_against_point", "barrier_spectrum"])
def test_bits_do_not_depend_on_threads_chunks_or_thinning(name, sampler, monkeypatch):
    potential = catalogue()[name]
    common: dict = {"n_beta": 3.0, "chains": 150, "seed": 5, "steps": 41}
    one = sample(potential, sampler, thin=1, threads=1, **common)["w"].values
    assert np.isfinite(one).all() and len(np.unique(one[:, -1])) > 100
    assert np.array_equal(one, sample(potential, sampler, thin=1, threads=2, **common)["w"].values)
    monkeypatch.setattr(engine, "CHUNK", 64 * 7 * potential.dimension)
    monkeypatch.setattr(engine, "BLOCKS_AT_ONCE", 1)
    assert np.array_equal(one[:, 3::4], sample(potential, sampler, thin=4, threads=2, **common)["w"].values)


def test_stages_of_different_samplers_compose():
    potential = find_potential("regular_double_well")
    stages = [
        Stage(potential, OverdampedLangevin(0.01), 2.0, 33),
        Stage(potential, MALA(0.05), 2.0, 21),
        Stage(potential, UnderdampedLangevin(0.05), 1 / 0.7, 2001),
        Stage(potential, RandomWalkMetropolis(0.4), 1 / 0.7, 200),
    ]
    run = sample_stages(stages, chains=20_000, seed=fresh_seed())
    assert run["w"].shape == (20_000, 4, 1) and "acceptance" in run
    occupancy = float(phase_table(potential, 1 / 0.7)["occupancy"].values[0, 0])
    agree((potential.phase_index(run["w"].values[:, -1]) == 0).astype(float), occupancy, 0.002)


# ---- negative controls ----------------------------------------------------------------------------------------------
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
        test_occupancy_and_energy_against_quadrature("regular_double_well", sampler)


@pytest.mark.parametrize(
    ("wrong", "replacement"),
    [("(1.0 - decay * decay)", "(1.0 - decay)"), ("v0 - 0.5 * dt * g0", "v0 - 0.4 * dt * g0")],
    ids=["noise scale", "force"],
)
def test_wrong_underdamped_samplers_are_caught(wrong, replacement, monkeypatch):
    potential = find_potential("regular_double_well")
    source = kernels_underdamped.underdamped_source(potential, "BAOAB")
    assert wrong in source
    module = load_module(source.replace(wrong, replacement), "wrong")
    monkeypatch.setattr(underdamped, "underdamped_kernel", lambda *_: module)
    with pytest.raises(AssertionError):
        test_occupancy_and_energy_against_quadrature("regular_double_well", UnderdampedLangevin(0.05))


# ---- refusals -------------------------------------------------------------------------------------------------------
@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: MALA(0.0), "step_size must be positive"),
        (lambda: RandomWalkMetropolis(-1.0), "step_size must be positive"),
        (lambda: UnderdampedLangevin(math.nan), "step_size must be positive"),
        (lambda: UnderdampedLangevin(0.1, 0.0), "friction must be positive"),
        (lambda: UnderdampedLangevin(0.1, 1.0, "BABO"), "splitting must be one of BAOAB"),
    ],
)
def test_bad_samplers_are_refused(make, message):
    with pytest.raises(ValueError, match=message):
        make()


def test_a_diverging_splitting_is_named():
    with pytest.raises(ValueError, match="is too large"):
        sample(
            Potential.from_expression("50*w**2"), UnderdampedLangevin(1.0), n_beta=1.0, chains=4, steps=5000, thin=5000
        )
