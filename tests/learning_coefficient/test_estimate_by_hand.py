"""An estimate, its error and its second run from draws that are written down: every number by hand."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
import torch
from scipy import stats

from slt_toys.learning_coefficient import estimator as learning_coefficient
from slt_toys.learning_coefficient import scatter as scattered
from slt_toys.learning_coefficient import verdict as learning_coefficient_verdict
from slt_toys.learning_coefficient.chains import Draws, Plan, Posterior
from slt_toys.learning_coefficient.curvature import Spectrum
from slt_toys.learning_coefficient.estimator import local_learning_coefficient
from slt_toys.learning_coefficient.flat_directions import Flatness
from slt_toys.learning_coefficient.ground import Ground
from slt_toys.learning_coefficient.localisation import Hold
from slt_toys.learning_coefficient.scatter import scatter
from slt_toys.learning_coefficient.verdict import burn_in_of
from tests.learning_coefficient.made_losses import DOUBLE, ONES, Loss, generator, mean, of, quadratic
from tests.seeds import fresh_seed

N_BETA, PULL = 10.0, 3.0
CURVATURES, START = np.array([4.0, 1.0]), np.array([0.1, -0.2])
STIFF = N_BETA * CURVATURES  # of the loss alone
EXCESS = float((STIFF**2 * START**2 / (2 * (STIFF + PULL))).sum())
EFFECT = float((STIFF * PULL / (2 * (STIFF + PULL) ** 2)).sum())
QUADRATIC = float((STIFF / (2 * (STIFF + PULL))).sum())
MEANS = np.array([0.7, 0.9, 1.0, 1.4])  # of the chains, after five draws that are dropped


def energies() -> np.ndarray:
    swings = 0.1 * (-1.0) ** np.arange(20)
    swings[:5] = 100.0
    return MEANS[:, None] + swings - np.where(np.arange(20) < 5, 0, swings[5:].mean())


def draws_of(values: np.ndarray, step: float = 0.01) -> Draws:
    away = np.tile(np.linspace(0.1, 0.4, len(values))[:, None], values.shape[1])
    return Draws(values, away, 0.02 * np.ones_like(values), step, 0, 0.9, torch.zeros(len(values), 2, dtype=DOUBLE))


def run_of(sampler: str, known: Spectrum | None = None, step: float = 0.01):
    loss = quadratic(CURVATURES.tolist(), at=START.tolist())
    found = of(loss, N_BETA, PULL) if known is None else known
    plan = Plan(sampler, 4, 20, 1, step, 1, 4, None)  # type: ignore[arg-type]
    posterior = Posterior(loss, N_BETA, PULL, torch.ones(2, dtype=DOUBLE))
    return learning_coefficient._Run(Ground(posterior, None, found, found, 4.0, PULL), plan, 5)


def two_probes(first: float, second: float) -> Spectrum:
    """Curvatures 40 and 10 by two random vectors that share them out differently."""
    stiffness = np.array([*(STIFF + PULL), *(STIFF + PULL)])
    weight = np.array([first, 1 - first, second, 1 - second])
    return Spectrum(stiffness, np.full(4, PULL), weight, np.array([0, 0, 1, 1]), EXCESS, 1e-9)


@pytest.mark.parametrize("sampler", ["hmc", "sgld"])
def test_an_estimate_is_the_energy_with_its_three_corrections(sampler):
    """Energy + start's excess + localisation's effect - step's bias, the error from four chains' means."""
    step = 0.01
    found, evidence = learning_coefficient._estimate(draws_of(energies(), step), run_of(sampler))
    stiffness = STIFF + PULL
    bias = 0.0 if sampler == "hmc" else float((STIFF / (2 * stiffness) * (1 / (1 - step * stiffness / 4) - 1)).sum())
    assert found.posterior_energy == pytest.approx(1.0, rel=1e-12)
    assert found.start_excess == pytest.approx(EXCESS, rel=1e-9)
    assert found.localisation_effect == pytest.approx(EFFECT, rel=1e-9)
    assert found.quadratic_energy == pytest.approx(QUADRATIC, rel=1e-9)
    assert found.step_bias == pytest.approx(bias, rel=1e-9)
    assert found.estimate == pytest.approx(1.0 + EXCESS + EFFECT - bias, rel=1e-9)
    error = math.sqrt(0.26 / 3 / 4)  # squares of -.3, -.1, 0 and .4 over 3, and over 4 chains
    assert found.standard_error == pytest.approx(error, rel=1e-9)
    assert evidence.half_width == pytest.approx(3.182446305 * error, rel=1e-6)  # Student's, 3 degrees of freedom
    assert np.diff(found.interval)[0] / 2 == pytest.approx(evidence.half_width, rel=1e-9)
    assert np.mean(found.interval) == pytest.approx(found.estimate, rel=1e-9)
    assert evidence.unexplained[0] == pytest.approx(1.0 + EXCESS - bias - QUADRATIC, rel=1e-9)
    assert found.burn_in == 5 and evidence.energies.shape == (4, 15)


def test_the_corrections_random_vectors_are_in_the_error():
    found, evidence = learning_coefficient._estimate(draws_of(energies()), run_of("hmc", two_probes(0.7, 0.4)))
    parts = STIFF * PULL / (2 * (STIFF + PULL) ** 2)
    sums = np.array([0.7 * parts[0] + 0.3 * parts[1], 0.4 * parts[0] + 0.6 * parts[1]])
    # The total is the sum of two independent sums: its variance is twice theirs, (difference)²/2 each.
    of_effect = abs(sums[0] - sums[1])
    assert found.localisation_effect == pytest.approx(sums.sum(), rel=1e-9)
    assert found.standard_error == pytest.approx(math.hypot(math.sqrt(0.26 / 12), of_effect), rel=1e-9)
    energy = STIFF / (2 * (STIFF + PULL))
    assert evidence.unexplained[1] == pytest.approx(0.3 * abs(energy[0] - energy[1]), rel=1e-9)


@pytest.mark.parametrize(("sampler", "lowest", "factor"), [("hmc", 1.0, 10), ("sgld", 1.0, 10), ("hmc", -0.1, 3.75)])
def test_the_run_at_a_weaker_localisation(monkeypatch, sampler, lowest, factor):
    """Ten times weaker, or eight times the most negative curvature; the quadratic's own rise is taken off."""
    step, seen = 0.01, {}

    def run_plan(posterior, plan, *, generator, advance):
        seen.update(localisation=posterior.localisation, n_beta=posterior.n_beta, plan=plan)
        return draws_of(energies() + 0.5, step), None

    monkeypatch.setattr(learning_coefficient, "run_plan", run_plan)
    run = run_of(sampler, two_probes(0.7, 0.4), step)
    if lowest < 0:
        bare = replace(run.ground.bare, stiffness=np.array([PULL + lowest, 13.0, 13.0, 13.0]))
        run = replace(run, ground=replace(run.ground, bare=bare))
    first = draws_of(energies(), step)
    found, evidence = learning_coefficient._estimate(draws_of(energies(), step), run_of(sampler, two_probes(0.7, 0.4)))
    again = learning_coefficient._at_weaker(run, first, found, evidence, generator())
    assert again.localisation_change is not None and again.estimate == found.estimate
    change, error = again.localisation_change
    assert seen["localisation"] == pytest.approx(PULL / factor) and seen["n_beta"] == N_BETA
    assert (seen["plan"].draws, seen["plan"].adapt) == (20, 4)

    def energy(pull):
        stiffness = STIFF + pull
        return STIFF / (2 * stiffness) / (1 if sampler == "hmc" else 1 - step * stiffness / 4)

    rise = energy(PULL / factor) - energy(PULL)
    sums = np.array([0.7 * rise[0] + 0.3 * rise[1], 0.4 * rise[0] + 0.6 * rise[1]])
    assert change == pytest.approx(0.5 - sums.sum(), rel=1e-9)
    expected = math.sqrt(0.26 / 12 + found.standard_error**2 + (sums[0] - sums[1]) ** 2)
    assert error == pytest.approx(expected, rel=1e-9)


def test_one_chain_has_the_error_of_its_own_draws():
    """A single chain has no scatter of means: the Monte Carlo error of its draws, and the normal quantile."""
    kept = np.random.default_rng(0).standard_normal((1, 400))
    error, quantile = scatter(kept)
    assert quantile == pytest.approx(1.959963985, rel=1e-8) and 0.025 < error < 0.1
    assert scatter(energies()[:, 5:]) == pytest.approx((math.sqrt(0.26 / 12), stats.t.ppf(0.975, 3)), rel=1e-9)


def test_where_the_order_is_higher_two_runs_are_extrapolated(monkeypatch):
    """Two estimates .5 and more apart, of one error; what γ takes is an error of both, ten times that of the second."""
    monkeypatch.setattr(
        learning_coefficient,
        "run_plan",
        lambda posterior, plan, *, generator, advance: (draws_of(energies() + 0.5), None),
    )
    reach = 0.5
    held = Hold(np.array([1.0]), np.array([1.0]), np.array([True]), Flatness(9.0, 1.0, 1.0, reach), True, 0.0)
    run = run_of("hmc")
    run = replace(run, ground=replace(run.ground, hold=held))
    first = draws_of(energies())
    found, evidence = learning_coefficient._estimate(first, run)
    again = learning_coefficient._at_weaker(run, first, found, evidence, generator())
    assert again.localisation_change is not None
    change, error, taken = again.localisation_change[0], math.sqrt(0.26 / 12), 0.2 * PULL * reach**2
    one, two = error**2 + taken**2, error**2 + taken**2 / 100
    both = taken**2 / 10
    total = one + two - 2 * both
    assert again.estimate == pytest.approx(found.estimate + change * (one - both) / total, rel=1e-9)
    assert again.standard_error == pytest.approx(math.sqrt((one * two - both**2) / total), rel=1e-9)
    half = float(stats.t.ppf(0.975, 6)) * again.standard_error
    assert again.interval == pytest.approx((again.estimate - half, again.estimate + half), rel=1e-9)


def test_chains_that_agree_by_chance_have_the_error_of_their_draws(monkeypatch):
    """Sixteen chains whose means scatter less than their draws allow; and more, by little and by far."""
    kept = np.random.default_rng(fresh_seed()).standard_normal((16, 100))
    kept -= kept.mean(1, keepdims=True)
    apart = np.where(np.arange(16) % 2, 1.0, -1.0)[:, None]
    for between, pooled in ((0.0, True), (0.5, True), (1.4, True), (1.6, False)):
        monkeypatch.setattr(scattered, "summarise", lambda kept: np.array([0.0, 0.02, 1.0, 1.0]))
        spread = between * 0.02 * math.sqrt(15)  # of means, so that their standard error is `between` times the draws'
        error, quantile = scatter(kept + spread * apart)
        expected = 0.02 * (math.sqrt((between**2 + 3) / 4) if pooled else between)
        assert error == pytest.approx(expected, rel=1e-9)
        assert quantile == pytest.approx(stats.t.ppf(0.975, 60 if pooled else 15), rel=1e-9)


@pytest.mark.parametrize("examples", [100, 2000])
@pytest.mark.parametrize("sampler", ["hmc", "sgld"])
def test_n_beta_and_localisation_that_are_chosen(examples, sampler):
    """n/log n; a hundredth of nβ times a direction's own curvature, of the softest is told; the largest's for SGLD."""
    module = Loss(lambda w: 2 * w[0] ** 2 + w[1] ** 2 / 2, [0.0, 0.0])
    found = local_learning_coefficient(
        module, mean, (ONES, ONES), examples=examples, draws=20, chains=4, sampler=sampler
    )
    assert found.n_beta == pytest.approx(examples / math.log(examples), rel=1e-12)
    assert found.largest_curvature == pytest.approx(4, rel=1e-9)
    share = 0.01 if sampler == "hmc" else 0.04
    assert found.localisation == pytest.approx(share * examples / math.log(examples), rel=1e-6)


def test_curvatures_that_a_verdict_names_are_the_modules_own():
    """Chains may run in scaled coordinates; what is soft, negative or flat is told in the module's."""
    run = run_of("hmc", two_probes(0.7, 0.4))
    own = replace(run.ground.bare, stiffness=PULL + np.array([40.0, -0.25, 0.1, 2.5]), rounding=1e-3)
    _, evidence = learning_coefficient._estimate(
        draws_of(energies()), replace(run, ground=replace(run.ground, bare=own))
    )
    assert evidence.lowest_curvature == pytest.approx(-0.25) and evidence.softest_curvature == pytest.approx(2.5)
    assert evidence.flat_directions and evidence.rounding_curvature == 1e-3
    assert evidence.missing == pytest.approx(own.missing()) and evidence.localisation == PULL


def test_a_drift_is_the_second_half_less_the_first():
    values = np.tile(MEANS[:, None], 20)
    values[:, 10:] += np.array([0.2, 0.21, 0.19, 0.2])[:, None]
    assert learning_coefficient_verdict._drift(values) == pytest.approx(0.2, rel=1e-12)
    assert learning_coefficient_verdict._drift(values[:, ::-1]) == pytest.approx(-0.2, rel=1e-12)
    assert learning_coefficient_verdict._drift(np.tile(MEANS[:, None], 20)) is None


def test_the_border_of_a_burn_in_by_hand():
    """Variance of what is left over how much is left: a tail that is a little quieter is not worth half of the run."""
    swing = (-1.0) ** np.arange(20)
    quieter = np.where(np.arange(20) < 10, swing, 0.95 * swing)
    assert burn_in_of(np.tile(quieter, (3, 1))) == 2  # a tenth, the least
    away = np.where(np.arange(20) < 6, 50.0, swing)
    assert burn_in_of(np.tile(away, (3, 1))) == 6
    assert burn_in_of(np.tile(np.repeat(away, 40), (3, 1))) == 240
    assert burn_in_of(np.tile(away[::-1], (3, 1))) == 2
