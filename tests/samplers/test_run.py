"""The Langevin engine: its normals, its bits, what it samples, and controls that must fail."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import sympy
from scipy import integrate, stats

from slt_toys.exact.equilibrium import phase_table
from slt_toys.kernels.codegen import component_groups, load_module, parameter_values
from slt_toys.kernels.frame import LANES, langevin_kernel, langevin_source
from slt_toys.potentials.catalogue import catalogue, regular_double_well, singular_double_well_2_4
from slt_toys.potentials.potential import Potential, declare_phase
from slt_toys.samplers import OverdampedLangevin, Stage, langevin, largest_stable_step, sample, sample_stages
from slt_toys.samplers import run as engine
from tests.samplers.final_points import agree
from tests.seeds import fresh_seed

MASK = (1 << 64) - 1


# ---- random numbers -------------------------------------------------------------------------------------------------


def reference_pair(state: list[int]) -> tuple[float, float]:
    """xoshiro256+ and Box-Muller in plain Python integers and libm, from the algorithm's definition."""

    def draw() -> int:
        result = (state[0] + state[3]) & MASK
        t = (state[1] << 17) & MASK
        state[2] ^= state[0]
        state[3] ^= state[1]
        state[1] ^= state[2]
        state[0] ^= state[3]
        state[2] ^= t
        state[3] = ((state[3] << 45) | (state[3] >> 19)) & MASK
        return result

    first, second = draw(), draw()
    uniform = 1 - (first >> 12) / 2**52
    angle = ((second >> 12) / 2**52 - 0.5) * math.pi / 2
    radius = math.sqrt(-2 * math.log(uniform)) * (-1 if (second >> 10) & 1 else 1)
    x, y = radius * math.cos(angle), radius * math.sin(angle)
    return (y, x) if (second >> 11) & 1 else (x, y)


def kernel_normals(draws: int, bits: np.ndarray) -> np.ndarray:
    """Normals as the engine makes them: chains of pure noise with unit amplitude, differenced."""
    potential = catalogue()["regular_double_well"]
    kernel = langevin_kernel(potential, "euler_maruyama")
    state, spare = np.zeros((1, LANES)), np.zeros((1, 2 * LANES))
    collected = []
    for _ in range(draws // 2):
        kernel(
            state, bits, spare, parameter_values(potential), np.array([2]), np.array([0.0]), np.array([0.0]), 0,
            np.array([], dtype=np.int64), np.empty((1, 0, 1, LANES)),
        )  # fmt: skip
        collected.append(spare.reshape(2, LANES).copy())
    return np.concatenate(collected)


def test_normals_are_box_muller_of_xoshiro_to_rounding():
    bits = np.random.default_rng(fresh_seed()).integers(0, 2**64, (1, 4 * LANES), dtype=np.uint64)
    states = [[int(bits[0, lane + LANES * k]) for k in range(4)] for lane in range(LANES)]
    normals = kernel_normals(200, bits)
    for pair in range(100):
        for lane in range(LANES):
            expected = reference_pair(states[lane])
            np.testing.assert_allclose(normals[2 * pair : 2 * pair + 2, lane], expected, rtol=4e-15, atol=1e-16)


def test_the_radius_is_right_at_the_ends_of_the_uniform():
    """First output 0 gives radius 0; first output all ones gives the largest one, √(104 ln 2)."""
    for first, radius in ((0, 0.0), (MASK, math.sqrt(2 * 52 * math.log(2)))):
        bits = np.zeros((1, 4 * LANES), dtype=np.uint64)
        bits[0, :LANES] = np.uint64(first)
        normals = kernel_normals(2, bits)
        np.testing.assert_allclose(np.hypot(normals[0], normals[1]), radius, rtol=1e-14)


def test_normals_are_normal_and_independent():
    bits = np.stack([np.random.SeedSequence(fresh_seed()).generate_state(4 * LANES, np.uint64)])
    normals = kernel_normals(20_000, bits)
    flat = normals.ravel()
    n = flat.size
    for power, variance in ((1, 1), (2, 2), (3, 15), (4, 96), (6, 10170)):
        exact = 0 if power % 2 else math.prod(range(1, power, 2))
        assert abs(np.mean(flat**power) - exact) < 5 * math.sqrt(variance / n)
    assert stats.kstest(flat, "norm").pvalue > 1e-6
    for left, right in (
        (normals[::2], normals[1::2]),
        (normals[:-2], normals[2:]),
        (normals[:, :-1], normals[:, 1:]),
    ):
        for a, b in ((left, right), (left**2 - 1, right**2 - 1)):
            assert abs(np.mean(a * b)) < 5 * np.std(a * b) / math.sqrt(a.size)


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


def test_stages_are_one_schedule():
    potential = regular_double_well()
    half = [
        Stage(potential, OverdampedLangevin(0.01), 2.0, 33),
        Stage(potential, OverdampedLangevin(0.02), 5.0, 20),
    ]
    whole = sample(
        potential, OverdampedLangevin(np.repeat([0.01, 0.02], [33, 20])), n_beta=np.repeat([2.0, 5.0], [33, 20]),
        chains=64, steps=53, thin=53, seed=3,
    )  # fmt: skip
    staged = sample_stages(half, chains=64, seed=3)
    assert np.array_equal(staged["w"].values[:, -1], whole["w"].values[:, -1])
    np.testing.assert_allclose(staged["time"], [0.33, 0.73])
    np.testing.assert_allclose(whole["time"], [0.73])


def test_parameters_do_not_recompile():
    sources = {langevin_source(regular_double_well(sympy.Rational(k, 20)), "heun") for k in (-3, 0, 3, 5)}
    assert len(sources) == 1
    (group,) = component_groups(catalogue()["barrier_spectrum"])
    assert len(group.coordinate_table) == 10


def exact_mean(potential: Potential, n_beta: float, observable) -> float:
    energy = potential.energy_function()
    low, high = potential.box[0]
    base = min(potential.minimum_loss(i) for i in range(len(potential.phases)))
    weight = lambda x: math.exp(-n_beta * (float(energy([x])) - base))  # noqa: E731
    edges = sorted({low, high, *(float(potential.minimum_point(i)[0]) for i in range(len(potential.phases))),
                    *([potential.barrier()] if len(potential.phases) > 1 else [])})  # fmt: skip
    total = lambda f: sum(integrate.quad(f, a, b, epsabs=1e-13)[0] for a, b in pairwise(edges))  # noqa: E731
    return total(lambda x: observable(x) * weight(x)) / total(weight)


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


def test_energies_that_are_no_polynomials_compile_and_sample():
    w = sympy.Symbol("w", real=True)
    energy = w**2 + sympy.cos(w) / 4 + sympy.exp(-(w**2)) / 9 - sympy.tanh(w) ** 2 / 11
    phase = declare_phase(energy, (w,), "whole", (0,))
    potential = Potential.from_expression(energy, box=(-4, 4), phases=[phase])
    draws = sample(
        potential, OverdampedLangevin(0.02, "heun"), n_beta=2.0, chains=20_000, steps=600, thin=600, seed=fresh_seed()
    )["w"].values.ravel()
    agree(draws**2, exact_mean(potential, 2.0, lambda x: x * x))


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
