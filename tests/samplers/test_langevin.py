"""Overdamped Langevin: its exact discrete law, double wells against quadrature, wrong samplers caught."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.exact.equilibrium import phase_table
from slt_toys.kernels.codegen import load_module
from slt_toys.kernels.frame import langevin_source
from slt_toys.potentials.catalogue import catalogue, regular_double_well, singular_double_well_2_4
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import OverdampedLangevin, langevin, sample
from tests.samplers.final_points import agree
from tests.samplers.made_runs import exact_mean
from tests.seeds import fresh_seed


@pytest.mark.parametrize("scheme", ["euler_maruyama", "heun"])
@pytest.mark.parametrize("step_size", [0.05, 0.4])
def test_quadratic_has_its_exact_discrete_law(scheme, step_size):
    """On h w²/2 both schemes are linear: w' = a w + b ξ, so the variance is b²/(1-a²) at any step."""
    curvature, temperature = 2.0, 0.7
    h = curvature * step_size
    a, b = (1 - h, 1.0) if scheme == "euler_maruyama" else (1 - h + h**2 / 2, 1 - h / 2)
    variance = 2 * temperature * step_size * b**2 / (1 - a**2)
    if scheme == "euler_maruyama":
        assert variance == pytest.approx(temperature / (curvature * (1 - h / 2)))
    draws = sample(
        Potential.from_expression("w**2"), OverdampedLangevin(step_size, scheme), n_beta=1 / temperature,
        chains=20_000, steps=200, thin=200, seed=fresh_seed(),
    )["w"].values.ravel()  # fmt: skip
    agree(draws**2, variance)
    agree(draws, 0.0)


def run_double_well(potential: Potential, step_size: float) -> np.ndarray:
    # The relaxation time at T = 0.7 is about 3: 30 units of time forget the start.
    steps = round(30 / step_size)
    return sample(
        potential, OverdampedLangevin(step_size, "heun"), n_beta=1 / 0.7, chains=20_000, steps=steps, thin=steps,
        seed=fresh_seed(),
    )["w"].values.ravel()  # fmt: skip


@pytest.mark.parametrize(
    ("build", "step_size"),
    # Heun's bias of the mean energy (measured with a million chains at larger steps) is -10 h² on the first potential
    # and -35 h² on the second: an eighth of a standard error here.
    [(regular_double_well, 0.006), (singular_double_well_2_4, 0.003)],
)
def test_double_wells_against_quadrature(build, step_size):
    potential = build()
    draws = run_double_well(potential, step_size)
    barrier = potential.barrier()
    agree((draws < barrier).astype(float), exact_mean(potential, 1 / 0.7, lambda x: float(x < barrier)))
    agree(draws, exact_mean(potential, 1 / 0.7, lambda x: x))
    agree(draws**2, exact_mean(potential, 1 / 0.7, lambda x: x * x))
    energy = potential.energy_function()
    agree(energy(draws[:, None]), exact_mean(potential, 1 / 0.7, lambda x: float(energy([x]))))


@pytest.mark.parametrize(
    ("wrong", "replacement"),
    [
        ("noise * normal", "1.15 * noise * normal"),
        ("0.5 * (g0 + h0)", "0.4 * (g0 + h0)"),
        ("p0 = parameters[PARAMETER_0_0[member]]", "p0 = -parameters[PARAMETER_0_0[member]]"),
        ("(step % 2) * 64", "0 * 64"),
    ],
    ids=["noise scale", "force", "tilt", "noise used twice"],
)
def test_wrong_samplers_are_caught(wrong, replacement, monkeypatch):
    """Negative controls: the same comparison fails, by more than 12 standard errors, for samplers that are wrong."""
    potential = regular_double_well()
    source = langevin_source(potential, "heun")
    assert wrong in source
    kernel = load_module(source.replace(wrong, replacement), "wrong").advance
    monkeypatch.setattr(langevin, "langevin_kernel", lambda *_: kernel)
    with pytest.raises((AssertionError, ValueError)):
        test_double_wells_against_quadrature(regular_double_well, 0.006)


def test_separable_coordinates_are_each_right_and_independent():
    potential = catalogue()["barrier_spectrum"]
    draws = sample(
        potential,
        OverdampedLangevin(0.004, "heun"),
        n_beta=1.0,
        chains=6_400,
        steps=8_000,
        thin=8_000,
        seed=fresh_seed(),
    )["w"].values[:, 0]
    for k in (0, 4, 9):
        part = potential.component(k)
        agree(draws[:, k], exact_mean(part, 1.0, lambda x: x))
        agree(draws[:, k] ** 2, exact_mean(part, 1.0, lambda x: x * x))
    centred = draws - draws.mean(0)
    for j in range(9):
        agree(centred[:, j] * centred[:, j + 1], 0.0)


def test_walls_reflect():
    """On the unit square the crossing's energy at n_beta = 144.76 is far from the asymptotic 1/2 (SCIENCE §2)."""
    n_beta, step = 144.76, 2e-3
    potential = catalogue()["normal_crossing"]
    # Diffusion along an axis of length 1 takes n_beta / π² = 15: 120 units of time forget the start.
    draws = sample(
        potential,
        OverdampedLangevin(step),
        n_beta=n_beta,
        chains=6_400,
        steps=60_000,
        thin=60_000,
        seed=fresh_seed(),
        initial=np.random.default_rng(fresh_seed()).random((6_400, 2)),
    )["w"].values[:, 0]
    assert ((draws >= 0) & (draws <= 1)).all()
    exact = float(phase_table(potential, n_beta)["excess_energy"].item())
    agree(n_beta * (draws[:, 0] * draws[:, 1]) ** 2, exact, bias=step * exact)
