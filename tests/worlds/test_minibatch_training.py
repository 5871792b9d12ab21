"""SGD on single examples' gradients: against the engine's SGD and a plain loop, by seed, and what is refused."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.kernels.minibatch import minibatch_kernel
from slt_toys.protocol.training import ExponentialDecay, Training
from slt_toys.worlds import minibatch_networks as networks
from slt_toys.worlds import minibatch_regressions as regressions
from slt_toys.worlds.minibatch_training import gradient, initial, losses_and_variances, train, trained_runs
from tests.seeds import fresh_seed

BUILDERS = (regressions.regular_regression, regressions.singular_regression, regressions.logistic, networks.deep_linear,
            networks.matrix_completion, networks.teacher_student, regressions.memorising_regression)  # fmt: skip


@pytest.mark.parametrize("build", BUILDERS)
def test_gradients_are_those_of_the_losses(build):
    model, random = build(), np.random.default_rng(fresh_seed())
    for _ in range(3):
        w = model.clean_weights + 0.3 * random.standard_normal(model.dimension)
        exact = gradient(model, model.clean, w)
        for k in random.integers(0, model.dimension, 3):
            shift = np.zeros(model.dimension)
            shift[k] = 1e-4
            up, down = losses_and_variances(model, model.clean, np.array([w + shift, w - shift]))[0]
            assert (up - down) / 2e-4 == pytest.approx(exact[k], abs=1e-5 * (1 + abs(up) + abs(exact[k])))
    stuck = model.is_stuck(np.array([model.deficit_weights, model.clean_weights]))
    assert stuck.tolist() == [True, False]


def test_variances_are_those_of_examples():
    model = regressions.regular_regression(size=64)
    w = np.array([0.7])
    each = np.array([gradient(model, row[None], w) for row in model.clean])
    assert losses_and_variances(model, model.clean, w[None])[1][0] == pytest.approx(each.var(axis=0).sum())


def test_runs_are_sgd():
    """Mean and variance of weights after training, against a plain loop of numpy, and the control at half the rate."""
    model, runs, batch, steps, rate = regressions.regular_regression(size=128, noise=5.0), 4000, 4, 32, 0.004
    start = np.full((runs, 1), -1.0)
    found = train(model, model.clean, start, np.full(2, rate), steps, batch, [fresh_seed()])[:, 0]
    half = train(model, model.clean, start, np.full(2, rate / 2), steps, batch, [fresh_seed()])[:, 0]
    random, w = np.random.default_rng(fresh_seed()), start[:, 0].copy()
    for _ in range(2 * steps):
        x1, x2, y = np.moveaxis(model.clean[random.integers(0, 128, (runs, batch))][..., :3], -1, 0)
        here = w[:, None]
        residual = np.sqrt(2) * (here**2 - 1) * x1 + here * x2 - y
        w = w - rate * (residual * (2 * np.sqrt(2) * here * x1 + x2)).mean(axis=1)
    error = np.hypot(found.std(), w.std()) / np.sqrt(runs)
    assert abs(found.mean() - w.mean()) < 5 * error
    assert abs(np.log(found.std() / w.std())) < 5 / np.sqrt(runs)
    assert abs(half.mean() - w.mean()) > 12 * error  # the control


def test_seeds_and_threads():
    model, training = regressions.logistic(size=64), Training(2, 64, ExponentialDecay(4.0, 0.8), 0.1)
    one, again, other = (
        trained_runs(model, training, np.array([0, 2]), 2, 40, [seed], noise_epochs=[0, 1]) for seed in (1, 1, 2)
    )
    np.testing.assert_array_equal(one.stuck, again.stuck)
    np.testing.assert_array_equal(one.variance, again.variance)
    assert (one.variance != other.variance).any()
    # A run's bits do not depend on how many others there are.
    few, many = (train(model, model.clean, np.full((n, 1), -1.0), np.full(2, 4.0), 32, 2, [3]) for n in (5, 50))
    np.testing.assert_array_equal(few, many[:5])


def test_what_is_refused():
    model = regressions.regular_regression(size=64)
    with pytest.raises(ValueError, match="runs diverge at learning rate 5"):
        train(model, model.clean, initial(model, "natural", 8, [1]), np.full(9, 5.0), 32, 2, [1])
    with pytest.raises(ValueError, match="top of its module"):
        minibatch_kernel(lambda w, row, g: 0.0)
