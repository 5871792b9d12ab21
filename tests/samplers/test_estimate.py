"""Means to an error that is asked for: right, within the interval as often as it says, or refused."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
from scipy import stats

from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import MALA, OverdampedLangevin
from slt_toys.samplers import estimate as module
from slt_toys.samplers.estimate import Estimate, estimate_mean
from tests.seeds import fresh_seed

WELL = find_potential("regular_double_well")
WARM = 2.5  # inverse temperature at which chains cross often


def quadrature(potential: Potential, n_beta: float, of=None, low: float = -4.0, high: float = 4.0) -> float:
    """The exact mean on a line by a fine sum, which converges as fast as for any smooth integrand."""
    w = np.linspace(low, high, 400_001)
    loss = potential.energy_function()(w[:, None])
    weights = np.exp(-n_beta * (loss - loss.min()))
    seen = loss - min(potential.minimum_loss(k) for k in range(len(potential.phases))) if of is None else of(w)
    return float((seen * weights).sum() / weights.sum())


def agree(found: Estimate, exact: float) -> None:
    """Within five standard errors."""
    assert found.verdict == "trust", found.verdict
    assert found.error <= found.asked * 1.000001
    assert abs(found.value - exact) < 5 * found.error / 1.96, f"{found.value} against {exact}"


@pytest.mark.parametrize(
    "of, exact", [(None, lambda w: None), ("w", lambda w: w), (lambda p: p[..., 0] ** 4, lambda w: w**4)]
)
def test_a_double_well_against_quadrature_and_a_temperature_that_is_off(of, exact):
    expected = quadrature(WELL, WARM, None if of is None else exact)
    agree(estimate_mean(WELL, n_beta=WARM, of=of, error=0.004, seed=fresh_seed()), expected)
    wrong = estimate_mean(WELL, n_beta=1.5 * WARM, of=of, error=0.003, seed=fresh_seed())
    with pytest.raises(AssertionError, match="against"):
        agree(wrong, expected)


def by_heun(monkeypatch, step: float) -> None:
    """A scheme of second order with a bias that can be seen, which that of Leimkuhler and Matthews hardly has.

    Functions of mean zero would take the bias away too.
    """
    monkeypatch.setattr(module, "_samplers", lambda *_: [OverdampedLangevin(step, "heun")])
    without_functions(monkeypatch)


def without_functions(monkeypatch) -> None:
    monkeypatch.setattr(module, "control_variates", lambda *_: None)


def test_the_bias_of_the_step_is_seen_and_taken_off(monkeypatch):
    by_heun(monkeypatch, 0.08)
    expected = quadrature(WELL, WARM)
    found = estimate_mean(WELL, n_beta=WARM, error=0.0005, seed=fresh_seed())
    agree(found, expected)
    assert abs(found.bias_removed) > 2 * found.error
    monkeypatch.setattr(module, "WEIGHTS", (0.0, 0.0, 1.0))
    with pytest.raises(AssertionError, match="against"):
        agree(estimate_mean(WELL, n_beta=WARM, error=0.0004, seed=fresh_seed()), expected)


def test_a_step_that_is_too_large_is_halved(monkeypatch):
    """Two ways to extrapolate differ: its half and its quarter go on as a step and its half."""
    by_heun(monkeypatch, 0.13)
    coarse = estimate_mean(WELL, n_beta=WARM, error=0.2, seed=1)
    fine = estimate_mean(WELL, n_beta=WARM, error=0.001, seed=1)
    assert fine.sampler.step_size < coarse.sampler.step_size  # type: ignore[operator]
    agree(fine, quadrature(WELL, WARM))
    monkeypatch.setattr(module, "HALVINGS", 0)
    assert "extrapolations over the step differ by" in estimate_mean(WELL, n_beta=WARM, error=0.001, seed=1).verdict


def test_where_chains_diverge_a_smaller_step_is_taken(monkeypatch):
    steps = (5.0, 2.0, 0.02)
    monkeypatch.setattr(module, "_samplers", lambda *_: [OverdampedLangevin(step, "heun") for step in steps])
    found = estimate_mean(WELL, n_beta=WARM, error=0.01, seed=fresh_seed())
    assert found.sampler.step_size == 0.005
    agree(found, quadrature(WELL, WARM))
    monkeypatch.setattr(module, "_samplers", lambda *_: [OverdampedLangevin(5.0, "heun")])
    with pytest.raises(ValueError, match="chains diverge at any step tried"):
        estimate_mean(WELL, n_beta=WARM, error=0.01)


def test_quadratic_wells_in_three_coordinates():
    well = Potential.from_expression("w1**2/2 + 2*w2**2 + 8*w3**2")
    agree(estimate_mean(well, n_beta=5.0, relative_error=0.01, seed=fresh_seed()), 0.3)
    agree(estimate_mean(well, n_beta=5.0, of="w1*w1 + w3", error=0.01, seed=fresh_seed()), 0.2)


def test_coupled_coordinates_against_a_sum_over_the_plane():
    potential = Potential.from_expression("(w1*w2 - 1)**2 + (w1**2 + w2**2)/10")
    line = np.linspace(-9, 9, 1501)
    plane = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1)
    loss = potential.energy_function()(plane)
    weights = np.exp(-2.0 * (loss - loss.min()))
    expected = float((plane[..., 0] ** 2 * weights).sum() / weights.sum())
    agree(estimate_mean(potential, n_beta=2.0, of="w1**2", relative_error=0.02, seed=fresh_seed()), expected)


def test_crossing_valleys_that_chains_diffuse_along():
    """Losses forget soon, places along a valley do not: a pilot that looked at losses alone would be too short."""
    potential = Potential.from_expression("w1**2*w2**2 + (w1**2 + w2**2)/500")
    line = 120 * np.linspace(-1, 1, 1501) ** 3
    weights_of = np.gradient(line)
    plane = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1)
    loss = potential.energy_function()(plane)
    weights = np.exp(-10.0 * loss) * weights_of[:, None] * weights_of
    expected = float((loss * weights).sum() / weights.sum())
    agree(estimate_mean(potential, n_beta=10.0, relative_error=0.02, seed=fresh_seed()), expected)


def test_walls_and_kinks_are_sampled_without_a_bias():
    walled = Potential.from_expression("w**2/2", box=(0, 3), boundary="reflecting")
    found = estimate_mean(walled, n_beta=4.0, of="w", relative_error=0.01, seed=fresh_seed())
    agree(found, quadrature(walled, 4.0, lambda w: w, 0.0, 3.0))
    assert isinstance(found.sampler, MALA) and found.bias_removed == 0
    kinked = Potential.from_expression("abs(w)")
    agree(estimate_mean(kinked, n_beta=2.0, relative_error=0.02, seed=fresh_seed()), 0.5)


def test_energies_whose_slopes_are_no_rational_functions_take_normal_noise():
    potential = Potential.from_expression("cosh(w) - 1")
    found = estimate_mean(potential, n_beta=3.0, relative_error=0.02, seed=fresh_seed())
    assert isinstance(found.sampler, OverdampedLangevin) and found.sampler.noise == "gaussian"
    agree(found, quadrature(potential, 3.0, low=-6, high=6))


def by_the_plane(potential: Potential, n_beta: float, half: float) -> float:
    """The exact mean loss above the least, by a sum over a plane, finer about the axes."""
    line = half * np.linspace(-1, 1, 2001) ** 3
    widths = np.gradient(line)
    plane = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1)
    loss = potential.energy_function()(plane)
    weights = np.exp(-n_beta * (loss - loss.min())) * widths[:, None] * widths
    least = min(potential.minimum_loss(k) for k in range(len(potential.phases)))
    return float(((loss - least) * weights).sum() / weights.sum())


PLANES = (
    ("(w1*w2 - 1)**2 + (w1**2 + w2**2)/10", 2.0), ("(w1**2 - 1)**2 + (w2 - w1)**2 - w1/10", 4.0),
    ("w1**2*w2**2 + (w1**2 + w2**2)/50", 5.0),
)  # fmt: skip


def misses(potential: Potential, exact: float, n_beta: float, relative_error: float, runs: int) -> np.ndarray:
    """How far off estimates are, in halves of their intervals; all of them trusted, and as narrow as asked."""
    seed = fresh_seed() % 2**31
    found = []
    for k in range(runs):
        one = estimate_mean(potential, n_beta=n_beta, relative_error=relative_error, seed=seed + k, threads=1)
        assert one.error <= one.asked or one.verdict != "trust"
        found.append(abs(one.value - exact) / one.error)
    return np.array(found)


@pytest.mark.slow
def test_coverage_over_two_hundred_seeds():
    """In planes, where errors are well above the least that are claimed."""
    curve = find_potential("curve_against_point")
    found = [misses(curve, by_the_plane(curve, 6.0, 6.0), 6.0, 0.01, 50)]
    for text, n_beta in PLANES:
        potential = Potential.from_expression(text)
        found.append(misses(potential, by_the_plane(potential, n_beta, 40.0), n_beta, 0.01, 50))
    print([int((own <= 1).sum()) for own in found], "of 50 each")
    found = np.concatenate(found)
    low, high = stats.binom.ppf([1e-6, 1 - 1e-6], 200, 0.95)
    assert low <= (found <= 1).sum() <= high
    assert (found <= 0.5).sum() < low, "intervals of half the width are caught"


def test_coverage_over_some_seeds():
    line = find_potential("two_phase_regression")
    assert (misses(line, quadrature(line, 3.0), 3.0, 0.03, 4) <= 1).sum() >= stats.binom.ppf(1e-6, 4, 0.95)
    plane = Potential.from_expression(PLANES[1][0])
    assert (misses(plane, by_the_plane(plane, 4.0, 40.0), 4.0, 0.01, 8) <= 1).sum() >= stats.binom.ppf(1e-6, 8, 0.95)


def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads():
    one, two, other = (
        estimate_mean(WELL, n_beta=WARM, error=0.02, seed=seed, threads=threads)
        for seed, threads in ((1, 1), (1, 2), (2, 1))
    )
    assert (one.value, one.error, one.chain_steps) == (two.value, two.error, two.chain_steps)
    assert one.value != other.value


def test_units_do_not_matter():
    """Losses in thousands at a thousandth of nβ, places in units of 1/50: the share of the mean is the same."""
    values = []
    for height, width in ((1.0, 1.0), (1000.0, 50.0)):
        well = Potential.from_expression(
            "height*((w/width)**2 - 1)**2", box=(-4 * width, 4 * width), parameters={"height": height, "width": width}
        )
        found = estimate_mean(well, n_beta=WARM / height, relative_error=0.01, seed=fresh_seed())
        assert found.verdict == "trust"
        values.append((found.value / height, found.error / height))
    distance = abs(values[0][0] - values[1][0])
    assert distance < 5 / 1.96 * np.hypot(values[0][1], values[1][1])


def test_progress_adds_up_to_all():
    told: list[float] = []
    estimate_mean(WELL, n_beta=WARM, error=0.01, seed=1, advance=told.append)
    assert sum(told) == pytest.approx(1) and min(told) >= 0


def test_wells_that_chains_do_not_leave_are_refused():
    with pytest.raises(ValueError, match="do not let chains forget where they began; take ReplicaExchange"):
        estimate_mean(WELL, n_beta=60.0, relative_error=0.1, most_chain_steps=1e9)


def test_chains_that_remember_are_doubted(monkeypatch):
    """A pilot that is much too short is found out by the means of chains that began in different phases."""
    without_functions(monkeypatch)
    monkeypatch.setattr(module, "LONG", 1e-3)
    found = estimate_mean(WELL, n_beta=12.0, of="w", error=0.2, seed=fresh_seed())
    assert "remember the phase they began in" in found.verdict


def test_more_steps_than_allowed_are_refused(monkeypatch):
    without_functions(monkeypatch)
    with pytest.raises(ValueError, match=r"error of .* would take .* chain-steps, more than most_chain_steps"):
        estimate_mean(WELL, n_beta=WARM, relative_error=1e-5, most_chain_steps=2e9)


@pytest.mark.parametrize(
    "more, says",
    [
        ({"error": 0.1, "relative_error": 0.1}, "error or relative_error must be given, and not both"),
        ({}, "error or relative_error must be given"),
        ({"error": 0.0}, "error must be positive, not 0"),
        ({"relative_error": -0.1}, "relative_error must be positive, not -0.1"),
        ({"relative_error": 1.5}, "relative_error must be at most 1, the whole of the mean, not 1.5"),
        ({"error": 0.1, "n_beta": -1.0}, "n_beta must be positive, not -1"),
        ({"error": 0.1, "of": 3}, "of must be a function"),
        ({"error": 0.1, "of": "z"}, "of must be an expression of w, and z has z"),
        ({"error": 0.1, "of": lambda p: p}, r"of must give one number for each point \(..., d\), not shape"),
        ({"error": 0.1, "of": lambda p: 0 * p[..., 0] / 0}, "of must be finite where the posterior is"),
        ({"relative_error": 0.1, "of": lambda p: 0 * p[..., 0]}, "relative_error needs a mean that is not 0"),
    ],
)
def test_bad_arguments_are_named(more, says):
    given: dict[str, Any] = {"n_beta": WARM, **more}
    with np.errstate(invalid="ignore"), pytest.raises(ValueError, match=says) as problem:
        estimate_mean(WELL, **given)
    assert "\n" not in str(problem.value)


@pytest.mark.parametrize("error", [1e200, 1e308])
def test_an_error_of_any_size_is_met(error):
    """Squares of it are beyond numbers."""
    found = estimate_mean(WELL, n_beta=WARM, error=error)
    assert found.asked == error and found.error <= error


# ---- with functions of mean zero ------------------------------------------------------------------------------------
@pytest.mark.parametrize("name", ["regular_double_well", "singular_double_well_2_4", "flat_topped_barrier"])
def test_noise_is_taken_away_and_the_mean_is_left(name):
    """To a fiftieth of the error asked for and less, by a ten-thousandth of the variance."""
    potential = find_potential(name)
    n_beta = 3.5 if name != "flat_topped_barrier" else 8.0
    found = estimate_mean(potential, n_beta=n_beta, relative_error=1e-3, seed=fresh_seed())
    assert found.verdict == "trust" and found.error < 0.02 * found.asked and found.variance_ratio > 1e4
    # Few places far out have most of what is left, which makes the distance longer than normal.
    assert abs(found.value - quadrature(potential, n_beta)) < 8 * found.error / 1.96


def test_no_error_below_what_single_numbers_resolve_is_claimed():
    found = estimate_mean(WELL, n_beta=WARM, error=1.0, seed=fresh_seed())
    assert found.error >= 1e-6 * 0.9 * quadrature(WELL, WARM, lambda w: (w**2 - 1) ** 2)


def test_a_wrong_temperature_in_the_functions_is_caught(monkeypatch):
    """The control: then their mean is not zero, and the estimate is off by many of its errors."""
    right = module.control_variates
    monkeypatch.setattr(module, "control_variates", lambda p, temperature, w: right(p, 1.02 * temperature, w))
    found = estimate_mean(WELL, n_beta=WARM, relative_error=0.01, seed=fresh_seed())
    assert abs(found.value - quadrature(WELL, WARM)) > 20 * found.error


def test_where_functions_do_not_help_chains_run_as_long_as_without(monkeypatch):
    """A rough observable: brief chains give up, long ones are as good as without."""

    def rough(places):
        return np.sign(np.sin(300 * places[..., 0])) + places[..., 0] ** 2

    found = estimate_mean(WELL, n_beta=WARM, of=rough, error=0.004, seed=fresh_seed())
    w = np.linspace(-4, 4, 4_000_001)
    weights = np.exp(-WARM * WELL.energy_function()(w[:, None]))
    agree(found, float((rough(w[:, None]) * weights).sum() / weights.sum()))
    assert found.variance_ratio < 1e3


def test_brief_chains_that_remember_go_on_as_long_ones(monkeypatch):
    seen = []
    remembers = module._Work._remembers
    monkeypatch.setattr(module._Work, "_remembers", lambda self, means: seen.append(len(seen)) or len(seen) == 1)
    found = estimate_mean(WELL, n_beta=WARM, error=0.01, seed=fresh_seed())
    assert len(seen) == 2 and found.verdict == "trust" and found.chain_steps > 1e8
    monkeypatch.setattr(module._Work, "_remembers", remembers)
    assert estimate_mean(WELL, n_beta=WARM, error=0.01, seed=1).chain_steps < found.chain_steps
