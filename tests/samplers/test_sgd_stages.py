"""SGD in stages: what stays over a change of batch size, noise, data or order, and what must not."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import linalg

from slt_toys.potentials.example_catalogue import linear_regression
from slt_toys.potentials.examples import GaussianGradients
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import SGD, Stage, sample, sample_stages
from tests.samplers.final_points import agree
from tests.samplers.made_stages import FLAT, increments
from tests.seeds import fresh_seed

QUADRATIC = Potential.from_expression("w**2/2")


@pytest.mark.parametrize("dimension", [1, 2, 3])
def test_noise_switched_on_and_off_between_stages_has_its_variance(dimension):
    """On for an odd number of steps, so that normals drawn for two steps at once would be left over."""
    energy = "+".join(f"w{k}**2/2" for k in range(1, dimension + 1))
    target, rate = GaussianGradients(Potential.from_expression(energy), 3.0), 0.3
    quiet, noisy = SGD(rate, 4), SGD(rate, 4, added_noise=1.5)
    stages = [Stage(target, quiet, None, 41), Stage(target, noisy, None, 61), Stage(target, quiet, None, 3)]
    draws = sample_stages(stages, chains=20_000, seed=fresh_seed(), initial=np.zeros(dimension))["w"].values
    keep = (1 - rate) ** 2
    minibatch = rate**2 * 3.0 / 4
    exact = [minibatch / (1 - keep), (minibatch + rate**2 * 1.5**2) / (1 - keep)]
    exact.append(keep**3 * exact[1] + minibatch * (1 - keep**3) / (1 - keep))
    for stage, variance in enumerate(exact):
        for k in range(dimension):
            agree(draws[:, stage, k] ** 2, variance)


@pytest.mark.parametrize("order", ["reshuffled", "fixed"])
def test_another_batch_size_begins_a_new_epoch(order):
    """Seven steps of epochs of six, then epochs of four: their noise sums to zero and has its covariance."""
    target = GaussianGradients(FLAT, 2.0, size=24)
    noise = increments(
        [Stage(target, SGD(1.0, 4, order=order), None, 7), Stage(target, SGD(1.0, 6, order=order), None, 8)]
    )
    np.testing.assert_allclose(noise[:, :6].sum(axis=1), 0, atol=1e-9)
    for begin in (7, 11):
        epoch = noise[:, begin : begin + 4]
        np.testing.assert_allclose(epoch.sum(axis=1), 0, atol=1e-9)
        for i, j in ((0, 0), (1, 1), (0, 3), (1, 2)):
            agree(epoch[:, i] * epoch[:, j], 2.0 / 6 * ((i == j) - 1 / 4))
        agree(noise[:, 6] * epoch[:, 0], 0.0)


def test_momentum_stays_over_a_change_of_data_batch_noise_and_rate():
    """Against the recursion of the covariance of (w, v), which a buffer set to zero would not follow."""
    stiff = GaussianGradients(Potential.from_expression("3*w**2"), 2.0)
    soft = GaussianGradients(QUADRATIC, 5.0)
    settings = [(stiff, 6.0, 0.02, 2, 0.9, 0.0, 300), (soft, 1.0, 0.3, 4, 0.8, 1.5, 3)]
    stages, covariance, expected = [], np.zeros((2, 2)), []
    for target, curvature, rate, batch, momentum, added, steps in settings:
        stages.append(Stage(target, SGD(rate, batch, momentum, added_noise=added), None, steps))
        matrix = np.array([[1 - rate * curvature, -rate * momentum], [curvature, momentum]])
        kick = np.outer([-rate, 1.0], [-rate, 1.0]) * (target.variance / batch + added**2)
        if not expected:
            covariance = linalg.solve_discrete_lyapunov(matrix, kick)
        else:
            for start in (covariance, np.diag([covariance[0, 0], 0.0])):
                after = start
                for _ in range(steps):
                    after = matrix @ after @ matrix.T + kick
                expected.append(after[0, 0])
            continue
        expected.append(covariance[0, 0])
    draws = sample_stages(stages, chains=40_000, seed=fresh_seed(), initial=[0.0])["w"].values[..., 0]
    agree(draws[:, 0] ** 2, expected[0])
    agree(draws[:, 1] ** 2, expected[1])
    with pytest.raises(AssertionError):  # negative control: a buffer that starts anew
        agree(draws[:, 1] ** 2, expected[2])
    assert abs(expected[2] / expected[1] - 1) > 0.2


# ---- several coordinates ---------------------------------------------------------------------------------------------


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.6, False), (0.6, True)])
@pytest.mark.parametrize("kind", ["table", "normal"])
def test_several_coordinates_move_as_a_plain_loop(kind, momentum, nesterov):
    """Each has a momentum of its own; the data in their fixed order, or gradients without noise."""
    examples = linear_regression(12, (1.0, -0.5, 0.3), seed=3)
    bowl = Potential.from_expression("w1**2 + w1*w2 + w2**2 + w2*w3/2 + w3**2/2")
    target = examples if kind == "table" else GaussianGradients(bowl, 0.0, size=12)
    sampler = SGD(0.05, 4, momentum, nesterov, "fixed")
    run = sample(target, sampler, chains=2, steps=30, seed=0, initial=[0.7, 0.2, -0.4], diagnose=False)["w"].values
    w, v, path = np.array([0.7, 0.2, -0.4]), np.zeros(3), []
    for step in range(30):
        batch = [(4 * step + k) % 12 for k in range(4)]
        g = examples.example_gradients(w)[batch].mean(axis=0) if kind == "table" else bowl.gradient_function()(w)
        v = momentum * v + g
        w = w - 0.05 * (g + momentum * v if nesterov else v)
        path.append(w)
    np.testing.assert_allclose(run[0], path, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("order", ["reshuffled", "fixed"])
def test_an_epochs_noise_sums_to_zero_in_each_coordinate_by_itself(order):
    flat = Potential.from_expression("w1**2/10**12 + w2**2/10**12 + w3**2/10**12")
    sampler = SGD(1.0, 3, order=order)
    run = sample(
        GaussianGradients(flat, 2.0, size=12), sampler, chains=20_000, steps=8, seed=fresh_seed(), initial=np.zeros(3),
        diagnose=False,
    )  # fmt: skip
    noise = -np.diff(run["w"].values, axis=1, prepend=0.0).reshape(-1, 2, 4, 3)
    np.testing.assert_allclose(noise.sum(axis=2), 0, atol=1e-9)
    for k in range(3):
        for i, j in ((0, 0), (2, 2), (0, 1)):
            agree(noise[:, 1, i, k] * noise[:, 1, j, k], 2.0 / 3 * ((i == j) - 1 / 4))
        agree(noise[:, 1, 1, k] * noise[:, 1, 1, (k + 1) % 3], 0.0)
        if order == "fixed":
            np.testing.assert_allclose(noise[:, 0, :, k], noise[:, 1, :, k], atol=1e-8)
        else:
            agree(noise[:, 0, 1, k] * noise[:, 1, 1, k], 0.0)


@pytest.mark.parametrize(("order", "added"), [("with_replacement", 1.5), ("reshuffled", 1.5), ("fixed", 0.0)])
def test_anisotropic_noise_has_each_coordinates_variance(order, added):
    """Of alike coordinates too, which kernels loop over; added noise stays the same in each."""
    flat = Potential.from_expression("w1**2/10**12 + w2**2/10**12 + w3**2/10**12")
    factors = (1.0, 4.0, 0.25)
    target = GaussianGradients(flat, 2.0, size=12, factors=factors)
    run = sample(
        target, SGD(1.0, 3, order=order, added_noise=added), chains=20_000, steps=8, seed=fresh_seed(),
        initial=np.zeros(3), diagnose=False,
    )  # fmt: skip
    noise = -np.diff(run["w"].values, axis=1, prepend=0.0)
    left = 1.0 if order == "with_replacement" else 3 / 4
    for k, factor in enumerate(factors):
        for step in (0, 5):
            agree(noise[:, step, k] ** 2, 2.0 / 3 * factor * left + added**2)
        agree(noise[:, 5, k] * noise[:, 5, (k + 1) % 3], 0.0)
    with pytest.raises(AssertionError):
        agree(noise[:, 5, 1] ** 2, 2.0 / 3 * left + added**2)
    if order == "fixed":
        np.testing.assert_allclose(noise[:, 1], noise[:, 5], atol=1e-8)


def test_anisotropic_noise_has_no_temperature():
    bowl = Potential.from_expression("w1**2/2 + w2**2")
    assert SGD(0.1, 4).stepping(GaussianGradients(bowl, 2.0, factors=(1.0, 4.0)), None).n_beta is None
    even = SGD(0.1, 4).stepping(GaussianGradients(bowl, 2.0, factors=(4.0, 4.0)), None)
    assert even.n_beta == pytest.approx(SGD(0.1, 4).stepping(GaussianGradients(bowl, 8.0), None).n_beta)
