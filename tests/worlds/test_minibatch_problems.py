"""Problems on real minibatches: conditions they meet, and where measured noise predicts their ends or is wrong."""

from __future__ import annotations

from dataclasses import replace
from functools import cache

import numpy as np
import pytest
import xarray as xr

from slt_toys.reference.laws import law
from slt_toys.reports.equi_temperature_conditions import verdicts
from slt_toys.worlds import minibatch_networks as networks
from slt_toys.worlds import minibatch_regressions as regressions
from slt_toys.worlds.minibatch_problems import (
    CONDITIONS,
    NOISE_ROWS,
    SETTINGS,
    barrier,
    conditions,
    descended,
    largest_curvature,
    minibatch_problem,
    no_conditions,
    noise_rows,
)
from slt_toys.worlds.minibatch_training import trained_runs
from slt_toys.worlds.problem_ends import problem_ends
from slt_toys.worlds.problems import measure
from tests.seeds import fresh_seed


@cache
def measured(name: str, runs: int = 192) -> xr.Dataset:
    problem, seed = minibatch_problem(name), fresh_seed()
    curves = [measure(problem, each, runs, [seed, int(each.batch_size)]) for each in problem.trainings]
    ends = problem_ends(problem, curves, seed)
    made = conditions(problem, curves, ends.sel(definition="half_stuck_mass"), runs, [seed, 2])
    assert set(made) == set(no_conditions(len(curves)))
    return ends.merge(made).sel(definition="half_stuck_mass")


def test_barriers_and_curvatures_are_those_of_the_energy():
    """The regular regression's loss is (w²-1)² + (w-t)²/2, up to the noise of its labels."""
    model, target = regressions.regular_regression(), 0.32
    grid = np.linspace(-1.5, 1.5, 300_001)
    loss = (grid**2 - 1) ** 2 + (grid - target) ** 2 / 2
    left, top = loss[grid < -0.5], loss[np.abs(grid) < 0.5].max()
    stuck, clean = (descended(model, weights) for weights in (model.deficit_weights, model.clean_weights))
    assert stuck[0] == pytest.approx(grid[np.argmin(left)], abs=1e-3)
    assert barrier(model, stuck, clean) == pytest.approx(top - left.min(), rel=2e-3)
    assert largest_curvature(model, clean) == pytest.approx(12 * clean[0] ** 2 - 3, rel=1e-3)
    assert barrier(model, clean, clean) == 0.0


def test_networks_without_a_barrier_have_none():
    model = networks.deep_linear()
    assert barrier(model, *(descended(model, w, 20_000) for w in (model.deficit_weights, model.clean_weights))) == 0


def test_noise_is_measured_at_distinct_epochs():
    for setting in SETTINGS.values():
        rows = noise_rows(setting.latest)
        assert len(rows) == NOISE_ROWS and rows[0] == 0 and rows[-1] == setting.latest and (np.diff(rows) > 0).all()
    assert set(CONDITIONS) <= set(no_conditions(4))


def test_memorised_noise_is_that_of_theory():
    """With the shared weight in its well from the start and too cold to leave it: only the memories move."""
    training = replace(minibatch_problem("memorising").trainings[2], gradient_variance=1.0)
    model = regressions.memorising_regression(noise=30.0, memory=2.0, target=-1.0, deficit=-1.0)
    model = replace(model, initial_weights=np.concatenate([[-1.0], np.zeros(model.dimension - 1)]))
    found = trained_runs(model, training, np.array([0]), 0, 64, [fresh_seed()], noise_epochs=[0, 30])
    expected = law("memorised-variance")(
        memory_rate=4.0, batch_size=4, decay=0.97, epoch=30, initial_learning_rate=0.01, gradient_variance=1.0
    )
    assert found.variance[1] / found.variance[0] == pytest.approx(expected, rel=0.1) and expected < 0.8


@pytest.mark.slow
def test_labels_learned_by_heart_turn_the_slope_as_measured_noise_says():
    one = measured("memorising")
    assert one["slope"] < 0.5 and abs(one["noise_slope"] - one["slope"]) < 0.2
    ends, sizes = one["end"].values[:4], one["batch_size"].values[:4]
    anchor = int(np.flatnonzero(sizes == one["noise_anchor"].item())[0])
    closed = ends[anchor] + np.log(sizes / sizes[anchor]) / np.log(0.97)
    assert np.nanmax(np.abs(ends - one["noise_end"].values[:4])) < 10 and np.abs(ends - closed).max() > 30
    assert verdicts(one)["one variance over B"] == "no"
    # Escapes left, with nothing fitted.
    assert np.nanmax(np.abs(ends - one["escapes_end"].values[:4])) < 8
    # The control that cannot learn by heart obeys the closed form.
    other = measured("without_memory")
    error = np.nan_to_num(other["slope_error"].item(), nan=0.05)
    assert other["closed_p_value"] > 1e-6 and abs(other["slope"].item() - 1) < 5 * error
    assert verdicts(other)["one variance over B"] == "yes"


@pytest.mark.slow
def test_measured_noise_is_wrong_where_flow_time_decides():
    one = measured("deep_linear")
    assert one["noise_p_value"] < 1e-6 and one["slope"] < 0.5 < one["noise_slope"]
    assert verdicts(one)["barrier"] == "no" and verdicts(one)["start forgotten"] == "no"


@pytest.mark.slow
@pytest.mark.parametrize("name", ["logistic", "regular_regression"])
def test_slopes_of_barriers_and_noise_are_one(name):
    one = measured(name)
    # Where the hottest end may lie before epoch 0 its interval is open, and the slope has no error of its own.
    error = np.nan_to_num(one["slope_error"].item(), nan=0.05)
    assert abs(one["slope"].item() - 1) < 5 * error + 0.05
    assert law("epochs-per-halving")(decay=0.85) == pytest.approx(4.265, abs=1e-3)
