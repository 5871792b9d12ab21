"""The likelihood of a mixture: the two-state law and its slopes, quadratic programmes, and maxima that are maxima."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize

from slt_toys.reference.laws import law
from slt_toys.worlds.hypotheses import design, find_hypothesis
from slt_toys.worlds.mechanisms import MECHANISMS, known_thermal, two_state_thermal
from slt_toys.worlds.mixture import mixture_of
from slt_toys.worlds.mixture_likelihood import LAPSE, log_likelihood, solve_programme, thermal_shares
from slt_toys.worlds.verdict_power import scaled_energies
from tests.seeds import fresh_seed
from tests.worlds.made_counts import FEW, made_up

PARAMETERS = np.array([-2.7, 3.2, 1.4, 1.5, 0.1, -0.2])  # with energy scales of two further batch sizes


@pytest.fixture(scope="module")
def cells():
    return made_up(0.5, 100, 0, arms=FEW, switches=range(0, 101, 10))


def test_two_states_solve_their_master_equation(cells):
    """As the hypothesis does, and epoch by epoch as the law of one epoch says."""
    thermal = two_state_thermal(cells)
    plain = np.array([*PARAMETERS[:4], 0, 0])
    found = thermal_shares(plain, thermal.data)[0]
    family = find_hypothesis("temperature").predict(PARAMETERS[:4], design(cells))
    assert found == pytest.approx((family - 0.0005) / 0.999, abs=1e-9)
    given, epoch = design(cells), law("two-state-epoch")
    attempts, barrier, deficit, clean = PARAMETERS[:4]
    for row in (0, 16, 40):
        share = 1 / (1 + np.exp(-deficit / (given.temperatures[row, 0] / given.units[0])))
        for number in range(int((given.durations[row] > 0).sum())):
            hot, long = given.temperatures[row, number] / given.units[0], given.durations[row, number] * given.units[1]
            rate = hot * np.exp(attempts - barrier * (1 / hot - 1))
            bad = number < given.switch_epochs[row]
            moved = float(epoch(
                first_stuck_share=1 - share if bad else share, rate_out=rate, elapsed_time=long,
                rate_ratio=np.exp(-(deficit if bad else clean) / hot),
            ))  # fmt: skip
            share = 1 - moved if bad else moved
        assert found[row] == pytest.approx(share, abs=1e-9)


def test_slopes_are_those_of_differences(cells):
    thermal = two_state_thermal(cells)
    _, slopes = thermal_shares(PARAMETERS, thermal.data)
    for j in range(6):
        step = 1e-5 * np.eye(6)[j]
        up, down = (thermal_shares(PARAMETERS + sign * step, thermal.data)[0] for sign in (1, -1))
        assert slopes[:, j] == pytest.approx((up - down) / 2e-5, abs=1e-7) and np.abs(slopes[:, j]).max() > 0.01


def test_an_energy_scale_is_that_of_the_schedules(cells):
    """Energies times c in one arm, by the parameter and by schedules at T/c for c t."""
    given = design(cells)
    moved = scaled_energies(cells, 1.25, ["halve the batch"])
    expected = find_hypothesis("temperature").predict(PARAMETERS[:4], design(moved, given.units))
    found = thermal_shares(np.array([*PARAMETERS[:4], np.log(1.25), 0]), two_state_thermal(cells).data)[0]
    assert found == pytest.approx((expected - 0.0005) / 0.999, abs=1e-9)


def test_programmes_are_solved_exactly():
    """Against a general solver, with two sums held and a variable that is free."""
    random = np.random.default_rng(fresh_seed())
    for _ in range(20):
        factor, right = random.standard_normal((12, 9)), random.standard_normal(9) * 3
        matrix = factor.T @ factor
        block, sums = np.array([0, 0, 0, 0, 1, 1, 1, 1, -1]), np.array([0.7, 0.3])
        start = np.array([0.7, 0, 0, 0, 0.3, 0, 0, 0, 0])
        z = solve_programme(matrix, right, block, sums, start)
        assert (z[:8] >= 0).all() and [z[:4].sum(), z[4:8].sum()] == pytest.approx([0.7, 0.3])
        found = optimize.minimize(
            lambda x, m=matrix, r=right: x @ m @ x / 2 - r @ x, start, jac=lambda x, m=matrix, r=right: m @ x - r,
            bounds=[(0, None)] * 8 + [(None, None)], method="SLSQP", options={"ftol": 1e-14, "maxiter": 500},
            constraints=[
                {"type": "eq", "fun": lambda x: x[:4].sum() - 0.7},
                {"type": "eq", "fun": lambda x: x[4:8].sum() - 0.3},
            ],
        )  # fmt: skip
        assert z @ matrix @ z / 2 - right @ z <= found.fun + 1e-7


def test_no_cause_would_raise_the_largest_likelihood(cells):
    """For mixtures: the slope towards each pure cause is at most 0, and 0 for those that have a weight."""
    random = np.random.default_rng(fresh_seed())
    known = random.uniform(0.1, 0.9, len(cells))
    counts = [
        replace(each, stuck=int(random.binomial(100, p)))
        for each, p in zip(cells, random.uniform(size=66), strict=True)
    ]
    mixture = mixture_of(counts, known)
    for mechanisms in (MECHANISMS, ("temperature", "loss threshold"), ("flow time left", "none")):
        fit = mixture.fit(mechanisms)
        stuck, runs = mixture.cells.stuck, mixture.cells.runs
        columns = mixture.cells.columns.copy()
        columns[:, 0] = thermal_shares(fit.parameters, mixture.thermal.data)[0]
        slope = stuck / fit.predicted - (runs - stuck) / (1 - fit.predicted)
        towards = slope @ (LAPSE / 2 + (1 - LAPSE) * columns - fit.predicted[:, None])
        allowed = mixture.cells.allowed(mechanisms)
        assert towards[allowed].max() < 0.02  # of log likelihood
        assert np.abs(towards[fit.weights > 1e-3]).max() < 0.02
        assert fit.log_likelihood == pytest.approx(log_likelihood(fit.predicted, stuck, runs))
        assert fit.weights.sum() == pytest.approx(1) and (fit.weights[~allowed] == 0).all()


def test_known_shares_need_no_fit(cells):
    shares = np.linspace(0.05, 0.95, len(cells))
    data = known_thermal(cells, shares).data
    assert thermal_shares(np.zeros(1), data)[0] == pytest.approx(shares)
