"""Examples whose population loss and gradient noise are known."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt_toys.potentials.catalogue import find_pair, find_potential
from slt_toys.potentials.example_catalogue import additive_examples, two_phase_regression_examples
from slt_toys.samplers import SGD
from tests.seeds import fresh_seed


@pytest.mark.parametrize("noise", ["normal", "two_point"])
def test_additive_examples_have_the_variance_asked_for(noise):
    potential = find_potential("curve_against_point")
    examples = additive_examples(potential, 0.3, 40, fresh_seed(), noise)
    points = np.array([[0.3, 0.4], [2.0, 0.5]])
    gradients = examples.example_gradients(points)
    np.testing.assert_allclose(gradients.mean(axis=-2), potential.gradient_function()(points), atol=1e-12)
    np.testing.assert_allclose(gradients.var(axis=-2, ddof=1), 0.3)
    covariance = examples.gradient_covariance(points)
    np.testing.assert_allclose(covariance[:, [0, 1], [0, 1]], 0.3 * 39 / 40)
    if noise == "two_point":
        assert np.allclose(np.abs(examples.data), np.abs(examples.data[0, 0]))
    assert examples.checksum[:12] in repr(examples)


def test_a_flat_minimum_still_has_a_largest_stable_rate():
    potential = find_potential("monomial_well")
    assert SGD(0.1, 1).largest_stable_step(potential, 0.0) == pytest.approx(2 / 30, rel=0.01)


def test_the_catalogue_holds_the_regression_s_population_loss():
    """With many examples the empirical loss tends to it, up to half the variance of the labels' noise."""
    population = find_potential("two_phase_regression")
    points = np.linspace(-1.3, 1.3, 14)[:, None]
    examples = two_phase_regression_examples(400_000, label_noise=0.5, seed=fresh_seed())
    losses = np.stack([examples.example_losses(p[None])[0] for p in points])
    error = losses.std(axis=1) / math.sqrt(examples.size)
    exact = population.energy_function()(points) + 0.125
    assert (np.abs(losses.mean(axis=1) - exact) < 5 * error).all()
    assert examples.population == population
    pair = find_pair("two_phase_regression")
    assert [p.name for p in pair.clean.phases] == ["left", "right"] and pair.stuck_phase == "left"


@pytest.mark.parametrize("bounded", [False, True])
def test_population_moments_give_the_population_loss_exactly(bounded):
    """However noisy the labels, and whatever the inputs; drawn as they come they do not."""
    points = np.linspace(-1.3, 1.3, 9)[:, None]
    population = find_potential("two_phase_regression").energy_function()(points)
    options = {"size": 64, "label_noise": 30.0, "seed": fresh_seed(), "bounded_inputs": bounded}
    exact, drawn = (two_phase_regression_examples(**options, population_moments=moments) for moments in (True, False))
    np.testing.assert_allclose(exact.potential.energy_function()(points), population + 450, rtol=1e-12)
    assert np.abs(drawn.potential.energy_function()(points) - population - 450).max() > 1e-3
    if bounded:
        assert set(np.unique(drawn.data[:, :2])) == {-1.0, 1.0} and np.abs(exact.data[:, :2]).max() < 3
