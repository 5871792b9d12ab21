"""Examples and Gaussian gradients: losses, covariances, largest stable rates, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.example_catalogue import additive_examples, linear_regression, two_phase_regression_examples
from slt_toys.potentials.examples import Examples, GaussianGradients
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import MALA, SGD, sample
from tests.samplers.final_points import agree, final
from tests.seeds import fresh_seed

QUADRATIC = Potential.from_expression("w**2/2")


def test_empirical_loss_and_covariance_are_those_of_the_examples():
    examples = two_phase_regression_examples(50, seed=2)
    points = np.linspace(-1.5, 1.5, 7)[:, None]
    np.testing.assert_allclose(
        examples.potential.energy_function()(points), examples.example_losses(points).mean(-1), rtol=1e-12
    )
    step = 1e-6
    numeric = (examples.example_losses(points + step) - examples.example_losses(points - step)) / (2 * step)
    np.testing.assert_allclose(examples.example_gradients(points)[..., 0], numeric, rtol=1e-6, atol=1e-7)
    np.testing.assert_allclose(
        examples.gradient_covariance(points)[:, 0, 0], examples.example_gradients(points)[..., 0].var(-1), rtol=1e-12
    )
    assert len(examples.potential.phases) == 2
    wide = linear_regression(200, np.linspace(-1, 1, 10).tolist(), seed=fresh_seed())
    least = wide.potential.minimum_point(0)
    solution = np.linalg.lstsq(wide.data[:, :10], wide.data[:, 10], rcond=None)[0]
    np.testing.assert_allclose(least, solution, rtol=1e-9)
    assert wide.potential.phases[0].learning_coefficient == 5


def test_gaussian_dependences_have_their_covariance():
    potential = find_potential("curve_against_point")
    points = np.array([[0.3, 0.4], [2.0, 0.5]])
    for dependence in ("additive", "gradient", "loss"):
        target = GaussianGradients(potential, 0.3, dependence)
        for point, covariance in zip(points, target.gradient_covariance(points), strict=True):
            drift = potential.gradient_function()(point)
            moved = (point - final(target, SGD(0.01, 5), 1, initial=point, chains=40_000)) / 0.01 - drift
            for i, j in ((0, 0), (0, 1), (1, 1)):
                agree(moved[:, i] * moved[:, j], covariance[i, j] / 5)
    uneven = GaussianGradients(potential, 0.3, factors=(1.0, 4.0)).gradient_covariance(points)
    assert np.array_equal(uneven, np.broadcast_to(np.diag([0.3, 1.2]), (2, 2, 2)))
    separable = find_potential("barrier_spectrum")
    point = np.linspace(-0.5, 0.9, 10)
    target = GaussianGradients(separable, 0.3, "loss")
    moved = (point - final(target, SGD(0.01, 5), 1, initial=point)) / 0.01 - separable.gradient_function()(point)
    agree(moved[:, 3] ** 2, target.gradient_covariance(point)[3, 3] / 5)
    agree(moved[:, 3] * moved[:, 7], 0.0)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: SGD(0.0, 4), "learning_rate must be positive"),
        (lambda: SGD(0.1, 0), "batch_size must be a whole number"),
        (lambda: SGD(0.1, 4, 1.0), r"momentum must lie in \[0, 1\)"),
        (lambda: SGD(0.1, 4, nesterov=True), "nesterov needs a momentum"),
        (lambda: SGD(0.1, 4, order="random"), "order must be one of with_replacement"),  # type: ignore[arg-type]
        (lambda: SGD(0.1, 4, added_noise=-1.0), "added_noise must be finite and not negative"),
        (lambda: GaussianGradients(QUADRATIC, -1.0), "variance must be finite and not negative"),
        (lambda: GaussianGradients(QUADRATIC, 1.0, "state"), "dependence must be"),  # type: ignore[arg-type]
        (lambda: GaussianGradients(QUADRATIC, 1.0, size=1), "size must be a whole number of at least 2"),
        (lambda: GaussianGradients(QUADRATIC, 1.0, factors=(1.0, 2.0)), "factors must be one factor for each of 1"),
        (lambda: GaussianGradients(QUADRATIC, 1.0, factors=(-1.0,)), "factors must be finite and not negative"),
        (lambda: GaussianGradients(QUADRATIC, 1.0, "gradient", factors=(2.0,)), "factors must be left out"),
        (lambda: linear_regression(2, (1.0, 2.0)), "size must be larger than the number of weights"),
        (lambda: two_phase_regression_examples(3), "size must be at least 8"),
        (lambda: additive_examples(QUADRATIC, 1.0, 1), "size must be at least 2"),
        (lambda: additive_examples(QUADRATIC, 0.0, 4), "variance must be positive"),
        (lambda: additive_examples(QUADRATIC, 1.0, 5, noise="two_point"), "size must be even"),
        (lambda: additive_examples(QUADRATIC, 1.0, 4, noise="flat"), "noise must be"),  # type: ignore[arg-type]
        (lambda: sample(QUADRATIC, SGD(0.1, 4), chains=1, steps=1), "must be Examples or GaussianGradients for SGD"),
        (
            lambda: sample(GaussianGradients(QUADRATIC, 1.0), SGD(0.1, 4), chains=1, steps=1, n_beta=1.0),
            "n_beta must be None for SGD",
        ),
        (lambda: sample(QUADRATIC, MALA(0.1), chains=1, steps=1), "n_beta must be given for MALA"),
        (
            lambda: sample(GaussianGradients(QUADRATIC, 1.0), SGD(0.1, 4, order="reshuffled"), chains=1, steps=1),
            "size must be given to GaussianGradients",
        ),
        (
            lambda: sample(linear_regression(10), SGD(0.1, 4, order="fixed"), chains=1, steps=1),
            "batch_size must divide the 10 examples for order 'fixed', not 4: take 8",
        ),
        (
            lambda: sample(additive_examples(find_potential("cusp"), 1.0, 8), SGD(0.1, 4), chains=1, steps=1),
            "walls of cusp are no part of a loss on examples",
        ),
    ],
)
def test_bad_settings_are_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(("momentum", "nesterov", "limit"), [(0.0, False, 0.5), (0.5, False, 0.75), (0.5, True, 0.375)])
def test_divergence_is_named_with_the_largest_stable_rate(momentum, nesterov, limit):
    target = GaussianGradients(Potential.from_expression("2*w**2"), 1.0)
    with pytest.raises(ValueError, match=f"a chain diverged; the largest stable step is about {limit:.2g}"):
        sample(target, SGD(1.1 * limit, 4, momentum, nesterov), chains=1, steps=40_000, thin=40_000)
    assert np.isfinite(
        sample(target, SGD(0.95 * limit, 4, momentum, nesterov), chains=4, steps=5_000, thin=5_000)["w"]
    ).all()


def test_a_minibatch_of_one_from_one_example_is_gradient_descent():
    examples = Examples(
        "one", (sympy.Symbol("w", real=True) - sympy.Symbol("x", real=True)) ** 2 / 2,
        (sympy.Symbol("w", real=True),), (sympy.Symbol("x", real=True),), np.array([[3.0]]), QUADRATIC,
    )  # fmt: skip
    run = sample(examples, SGD(0.5, 1), chains=1, steps=4, initial=[0.0])["w"].values[0, :, 0]
    np.testing.assert_allclose(run, [1.5, 2.25, 2.625, 2.8125])
