"""Laws of step bias against transition matrices, covariance iterations and exact means."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt_toys.potentials.examples import GaussianGradients
from slt_toys.potentials.phases import Phase
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import MALA, SGD, SGLD, Gibbs, OverdampedLangevin, ReplicaExchange, UnderdampedLangevin
from slt_toys.samplers import run as engine
from slt_toys.samplers.run import sample
from slt_toys.samplers.step_bias import (
    TOLERANCE,
    Stepping,
    advisable_share,
    is_quadratic,
    law_of_bias,
    quadratic_excess,
)


# ---- Euler's scheme, any loss, walls or none -------------------------------------------------------------------------
def euler_means(slope, box, walls, temperature, step, functions, points=801):
    """Stationary means of the Euler chain, folded at the box where it has walls, from its transition matrix."""
    low, high = box
    cell = (high - low) / points
    w = low + cell * (np.arange(points) + 0.5)
    centre = w - step * slope(w)
    width = math.sqrt(2 * temperature * step)

    def density(at):
        return np.exp(-((at - centre[:, None]) ** 2) / (2 * width**2))

    kernel = density(w[None, :])
    if walls:
        kernel = kernel + density(2 * low - w[None, :]) + density(2 * high - w[None, :])
    kernel /= kernel.sum(1, keepdims=True)
    for _ in range(14):
        kernel = kernel @ kernel
        kernel /= kernel.sum(1, keepdims=True)
    return np.array([kernel[points // 2] @ f(w) for f in functions])


CASES = {
    "double well": ("(w**2-1)**2 - w/10", None, lambda w: 4 * w * (w**2 - 1) - 0.1),
    "quartic": ("w**4", None, lambda w: 4 * w**3),
    "slope at a wall": ("(w+1)**2/4", (0.0, 4.0), lambda w: (w + 1) / 2),
    "walls on both sides": ("w**2 + w/2", (-0.5, 0.7), lambda w: 2 * w + 0.5),
}


def made(expression: str, box) -> Potential:
    plain = Potential.from_expression(expression)
    if box is None:
        return plain
    region = plain.phases[0].region
    point = (plain.phases[0].minimum[0] if box[0] < float(plain.phases[0].minimum[0]) < box[1] else 0,)
    loss = plain.energy.subs(plain.coordinates[0], point[0])
    phase = Phase("whole", point, region, loss, plain.phases[0].learning_coefficient)
    return Potential(expression, plain.energy, plain.coordinates, (), (box,), (phase,), "reflecting")


@pytest.mark.parametrize("case", CASES)
def test_eulers_bias_of_any_mean_between_walls_and_without(case):
    """[eq:unadjusted-langevin-bias-of-mean] to first order: what it leaves falls as the square of the step."""
    expression, box, slope = CASES[case]
    potential, temperature = made(expression, box), 0.4
    energy = potential.energy_function()
    ends = box or (-2.2, 2.2)
    w = np.linspace(ends[0], ends[1], 40_001)[:, None]
    w = (w[1:] + w[:-1]) / 2
    weight = np.exp(-(energy(w) - energy(w).min()) / temperature)
    draws = np.random.default_rng(0).choice(w[:, 0], 400_000, p=weight / weight.sum())[:, None].astype(float)
    exact = np.array([weight @ energy(w), weight @ w[:, 0]]) / weight.sum()
    steps = np.array([0.02, 0.01]) if case != "quartic" else np.array([0.008, 0.004])
    found, law = [], []
    for step in steps:
        means = euler_means(
            slope, ends, box is not None, temperature, step, [lambda x: energy(x[:, None]), lambda x: x]
        )
        found.append(means - exact)
        law.append(
            law_of_bias(potential, draws, energy(draws), Stepping("euler_maruyama", step, 1, 2.5), 1 / temperature)
        )
    found, law = np.array(found), np.array(law)
    scale = np.abs(found[:, 0]).max()
    assert np.abs(found[1] - law[1]).max() < 0.12 * scale, (found, law)
    assert abs(found[1, 0]) > 0.25 * scale, "there is a bias to be told"
    if box is not None:  # negative control: the law without the walls' share, of the modified loss alone, is another
        slopes = potential.gradient_function()(draws)[:, 0]
        bend = (potential.gradient_function()(draws + 1e-4) - potential.gradient_function()(draws - 1e-4))[:, 0] / 2e-4
        modified = temperature * bend / 2 - slopes**2 / 4
        without = -steps[1] / temperature * np.cov(energy(draws), modified)[0, 1]
        assert abs(without - found[1, 0]) > 3 * abs(law[1, 0] - found[1, 0])


@pytest.mark.parametrize("share", [0.05, 0.5, 0.9])
def test_eulers_law_is_exact_in_quadratic_wells_at_any_step(share):
    """Over draws of the scheme itself, whose temperature is its own."""
    potential, temperature = Potential.from_expression("3*w1**2/2 + w2**2/20"), 0.7
    step = 2 / 3 * share
    variance = temperature / np.array([3.0, 0.1]) / (1 - step * np.array([3.0, 0.1]) / 2)
    draws = np.random.default_rng(1).standard_normal((400_000, 2)) * np.sqrt(variance)
    energies = potential.energy_function()(draws)
    exact = temperature / 2 * sum(1 / (1 - step * h / 2) - 1 for h in (3.0, 0.1))
    law = law_of_bias(potential, draws, energies, Stepping("euler_maruyama", step, 1, 1 / temperature), 1 / temperature)
    assert law is not None and law[0] == pytest.approx(exact, rel=0.1)


# ---- second-order schemes in quadratic wells -------------------------------------------------------------------------
def iterated_variance(scheme: str, h: float, dt: float, friction: float = 0.7) -> float:
    """Variance of the place at T = 1, by applying the scheme's letters to a covariance until it stays."""
    decay = math.exp(-friction * dt / max(1, scheme.count("O")))
    covariance = np.eye(2)
    for _ in range(20_000):
        before = covariance
        for letter in scheme:
            part = dt / scheme.count(letter)
            flow = {"A": [[1, part], [0, 1]], "B": [[1, 0], [-h * part, 1]], "O": [[1, 0], [0, decay]]}[letter]
            covariance = np.array(flow) @ covariance @ np.array(flow).T
            if letter == "O":
                covariance[1, 1] += 1 - decay**2
        if np.abs(covariance - before).max() < 1e-14:
            break
    return covariance[0, 0]


@pytest.mark.parametrize("splitting", ["OBABO", "BAOAB", "ABOBA"])
@pytest.mark.parametrize(("h", "dt"), [(1.0, 0.9), (9.0, 0.3), (0.25, 3.5)])
def test_variance_of_the_splittings(splitting, h, dt):
    """[eq:obabo-variance], [eq:baoab-variance]"""
    assert quadratic_excess(splitting, dt, h) == pytest.approx(h * iterated_variance(splitting, h, dt) - 1, abs=1e-9)
    assert quadratic_excess(splitting, 2.001 / math.sqrt(h), h) == math.inf


@pytest.mark.parametrize(("h", "dt"), [(1.0, 0.2), (4.0, 0.3), (0.5, 3.0)])
def test_variance_of_heun_and_euler(h, dt):
    """[eq:heun-variance], [eq:euler-maruyama-variance]"""
    variance = 1.0
    for _ in range(5000):
        variance = (1 - h * dt + (h * dt) ** 2 / 2) ** 2 * variance + 2 * dt * (1 - h * dt / 2) ** 2
    assert quadratic_excess("heun", dt, h) == pytest.approx(h * variance - 1, abs=1e-9)
    assert quadratic_excess("euler_maruyama", dt, h) == pytest.approx(h * dt / 2 / (1 - h * dt / 2), abs=1e-9)
    assert quadratic_excess("heun", 2 / h, h) == math.inf


def test_a_step_of_which_share_is_off_by_a_hundredth():
    """A well's energy is T/2 times 1 + excess: Euler a fiftieth of its limit, not a quarter, OBABO a seventh."""
    assert advisable_share("euler_maruyama") == pytest.approx(1 / 51)
    assert advisable_share("heavy_ball") == pytest.approx(1 / 51)
    assert advisable_share("OBABO") == pytest.approx(math.sqrt(0.02 / 1.02))
    heun = advisable_share("heun")
    assert heun is not None and quadratic_excess("heun", 2 * heun, 1.0) / 2 == pytest.approx(-TOLERANCE)
    for scheme in ("BAOAB", "ABOBA", "exact", "stochastic_gradient"):
        assert advisable_share(scheme) is None
    eight = advisable_share("euler_maruyama", 8)
    assert eight is not None and 4 * (eight / (1 - eight)) == pytest.approx(TOLERANCE * 2)
    assert quadratic_excess("euler_maruyama", 0.5, 1.0) / 2 > 0.1, "a quarter of the limit"


@pytest.mark.parametrize(
    ("sampler", "advice"),
    [
        (OverdampedLangevin(0.03), r"about 0\.02; at 0\.00039 the energy is off by 1% of T"),
        (UnderdampedLangevin(0.3, 1.0, "OBABO"), r"about 0\.2; at 0\.028 the energy is off by 1% of T"),
        (UnderdampedLangevin(0.3), r"about 0\.2$"),
    ],
)
def test_divergence_advises_by_the_law(sampler, advice):
    with pytest.raises(ValueError, match=advice):
        sample(Potential.from_expression("50*w**2"), sampler, n_beta=1.0, chains=1, steps=20_000, thin=20_000)


# ---- what samplers say of themselves ---------------------------------------------------------------------------------
def test_which_law_a_sampler_follows():
    well = Potential.from_expression("w**2")
    assert OverdampedLangevin(0.1).stepping(well, 2.0) == Stepping("euler_maruyama", 0.1, 1, 2.0)
    assert OverdampedLangevin(0.1, "heun").stepping(well, 2.0) == Stepping("heun", 0.1, 2, 2.0)
    assert OverdampedLangevin(0.1, "heun").stepping(made("w**2", (-1.0, 1.0)), 2.0).order == 1
    assert UnderdampedLangevin(0.1, 1.0, "OBABO").stepping(well, 2.0) == Stepping("OBABO", 0.1, 2, 2.0)
    for exact in (MALA(0.1), Gibbs()):
        assert exact.stepping(well, 2.0).scheme == "exact"
    exchange = ReplicaExchange(OverdampedLangevin(0.1), (0.5, 1.0), swap_every=3, step_sizes=(0.1, 0.05))
    assert exchange.stepping(well, 2.0) == Stepping("euler_maruyama", 0.1, 1, 2.0)
    half = exchange.halved()
    assert half.step_size == 0.05 and half.step_sizes == (0.05, 0.025) and half.swap_every == 6


def test_sgds_temperature_is_that_of_its_noise():
    well = Potential.from_expression("w**2")
    found = SGD(0.1, 4, momentum=0.5, added_noise=0.5).stepping(GaussianGradients(well, 3.0), None)
    # T = η (σ²/B + added²) / (2 (1-μ)); the step of Euler's law is η/(1+μ)
    assert found.scheme == "heavy_ball" and found.n_beta == pytest.approx(1 / (0.1 * (0.75 + 0.25) / 2 / 0.5))
    assert found.time_step == pytest.approx(0.1 / 1.5)
    for target, sampler in (
        (GaussianGradients(well, 3.0, "loss"), SGD(0.1, 4)),
        (GaussianGradients(well, 3.0, size=8), SGD(0.1, 4, order="reshuffled")),
        (GaussianGradients(well, 0.0), SGD(0.1, 4)),
    ):
        assert sampler.stepping(target, None).n_beta is None
    assert SGD(0.1, 4, 0.5, True).stepping(GaussianGradients(well, 3.0), None).scheme == "nesterov"
    assert SGLD(0.1, 4).stepping(GaussianGradients(well, 3.0), 2.0) == Stepping("stochastic_gradient", 0.1, 1, 2.0)


def test_what_has_no_law_has_none():
    quartic, bowl = Potential.from_expression("w**4"), Potential.from_expression("w1**2 + w1*w2 + w2**2")
    points = np.random.default_rng(2).standard_normal((100, 1))
    energies = quartic.energy_function()(points)
    for scheme in ("BAOAB", "heun", "stochastic_gradient", "nesterov"):
        assert law_of_bias(quartic, points, energies, Stepping(scheme, 0.1, 2, 1.0), 1.0) is None
    assert (law_of_bias(quartic, points, energies, Stepping("exact", 0.1, 0, 1.0), 1.0) == 0).all()  # type: ignore[union-attr]
    plane = np.random.default_rng(3).standard_normal((100, 2))
    found = law_of_bias(bowl, plane, bowl.energy_function()(plane), Stepping("heun", 0.2, 2, 4.0), 4.0)
    expected = sum(quadratic_excess("heun", 0.2, h) for h in (1.0, 3.0)) / 8
    assert found is not None and found[0] == pytest.approx(expected) and (found[1:] == 0).all()
    assert is_quadratic(bowl) and not is_quadratic(quartic) and not is_quadratic(made("w**2", (-1.0, 1.0)))


def test_a_loss_steeper_than_a_square_shifts_as_quadratic_wells_as_steep():
    """From a shift of .03 T on it is step · ⟨|∇L|²⟩ / 4, where that is more than the first order."""
    quartic = Potential.from_expression("w**4")
    w = np.linspace(-2.5, 2.5, 20_001)
    draws = np.random.default_rng(0).choice(w, 50_000, p=np.exp(-(w**4)) / np.exp(-(w**4)).sum())[:, None]
    slopes = quartic.gradient_function()(draws)

    def shift(step: float) -> float:
        stepping = Stepping("euler_maruyama", step, 1, 1.0)
        found = law_of_bias(quartic, draws, quartic.energy_function()(draws), stepping, 1.0)
        assert found is not None
        return float(found[0])

    steep = float((slopes**2).mean()) / 4
    assert shift(0.029 / steep) == pytest.approx(29 * shift(0.001 / steep))
    assert shift(0.031 / steep) == pytest.approx(0.031)
    assert shift(0.029 / steep) < 0.9 * 0.029


def test_the_run_at_half_the_step_is_another_run_over_the_same_time(monkeypatch):
    """Its own seed: with the same one its errors would not be independent of the whole step's."""
    bowl = Potential.from_expression("w1**2/2 + 4*w1**4 + w2**2 + w1*w2 + w3**2 + w2*w3 + w2**4/5 + w3**4/5")
    calls = []

    def noted(target, sampler, **settings):
        calls.append((sampler, settings))
        return sample(target, sampler, **settings)

    monkeypatch.setattr(engine, "sample", noted)
    common: dict = {"n_beta": 1.0, "chains": 256, "thin": 50, "seed": (3, 4), "initial": [0.1, 0.0, 0.0]}
    run = sample(bowl, UnderdampedLangevin(0.05), steps=20_000, **common)
    assert "the step shifts energy" in run.attrs["verdict"], run.attrs["verdict"]
    ((half, settings),) = calls
    assert half == UnderdampedLangevin(0.025)
    wanted = {**common, "steps": 40_000, "thin": 100, "diagnose": False}
    del wanted["seed"]
    assert {name: settings[name] for name in wanted} == wanted
    assert settings["seed"][:2] == (3, 4) and len(settings["seed"]) == 3
