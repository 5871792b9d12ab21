"""SGD and SGLD: exact discrete-time laws, every order of visiting examples, bits, and wrong variants that must fail."""

from __future__ import annotations

import itertools
import math

import numpy as np
import pytest
import sympy
from scipy import linalg

from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.example_catalogue import additive_examples, linear_regression, two_phase_regression_examples
from slt_toys.potentials.examples import Examples, GaussianGradients
from slt_toys.potentials.potential import Potential
from slt_toys.reference.laws import law
from slt_toys.samplers import SGD, SGLD, Stage, sample, sample_stages
from slt_toys.samplers import work as engine
from tests.samplers.final_points import agree, final
from tests.samplers.made_sgd import QUADRATIC, pointers
from tests.seeds import fresh_seed
from theory.laws.reshuffling import temperature_factor

ORDERS = ("with_replacement", "reshuffled", "fixed")


# ---- exact laws in a quadratic well ---------------------------------------------------------------------------------


def lyapunov_variance(rate: float, curvature: float, momentum: float, nesterov: bool, noise: float) -> float:
    """Stationary variance of w from the recursion of (w, v) as a matrix; ``noise`` is a minibatch's variance."""
    ahead = momentum if nesterov else 1.0
    # v' = μ v + h w + ξ, w' = w - η v'; with Nesterov w' = w - η (h w + ξ + μ v').
    new_v = np.array([curvature, momentum])
    if nesterov:
        new_w = np.array([1.0, 0.0]) - rate * (np.array([curvature, 0.0]) + ahead * new_v)
        kick = np.array([-rate * (1 + ahead), 1.0])
    else:
        new_w = np.array([1.0, 0.0]) - rate * new_v
        kick = np.array([-rate, 1.0])
    return float(linalg.solve_discrete_lyapunov(np.array([new_w, new_v]), noise * np.outer(kick, kick))[0, 0])


@pytest.mark.parametrize(
    ("rate", "momentum", "nesterov", "curvature"),
    [(0.5, 0.0, False, 1), (0.05, 0.9, False, 10), (0.3, 0.6, False, 2), (0.3, 0.6, True, 1), (0.05, 0.9, True, 4)],
)
def test_additive_noise_has_the_exact_discrete_law(rate, momentum, nesterov, curvature):
    variance, batch = 3.0, 8
    expected = lyapunov_variance(rate, curvature, momentum, nesterov, variance / batch)
    if not nesterov:  # the derived law is the same number (SCIENCE: 1.333 T and 1.15 T)
        values = {"learning_rate": rate, "momentum": momentum, "curvature": curvature}
        temperature = law("sgd-temperature")(
            learning_rate=rate, momentum=momentum, gradient_variance=variance, batch_size=batch
        )
        factor = law("sgd-temperature-quadratic")(temperature=temperature, **values)
        assert expected == pytest.approx(factor / curvature)
    target = GaussianGradients(Potential.from_expression(f"{curvature}*w**2/2"), variance)
    draws = final(target, SGD(rate, batch, momentum, nesterov), 400).ravel()
    agree(draws**2, expected)
    agree(draws, 0.0)
    with pytest.raises(AssertionError):  # negative control: batches of 6
        agree(final(target, SGD(rate, 6, momentum, nesterov), 400).ravel() ** 2, expected)


def test_added_noise_adds_its_variance():
    target, rate = GaussianGradients(QUADRATIC, 3.0), 0.2
    expected = rate**2 * (3.0 / 4 + 0.8**2) / (1 - (1 - rate) ** 2)
    agree(final(target, SGD(rate, 4, added_noise=0.8), 200).ravel() ** 2, expected)


def test_sgld_adds_the_heat_it_is_asked_for():
    rate, temperature = 0.2, 0.7
    expected = (rate**2 * 3.0 / 4 + 2 * rate * temperature) / (1 - (1 - rate) ** 2)
    target = GaussianGradients(QUADRATIC, 3.0)
    agree(final(target, SGLD(rate, 4), 200, n_beta=1 / temperature).ravel() ** 2, expected)
    # Without gradient noise it is unadjusted Langevin.
    target = GaussianGradients(QUADRATIC, 0.0)
    expected = 2 * rate * temperature / (1 - (1 - rate) ** 2)
    agree(final(target, SGLD(rate, 4), 200, n_beta=1 / temperature).ravel() ** 2, expected)


def unmoved() -> Examples:
    """Examples whose gradient at the origin is zero: a step from there is added noise alone."""
    w1, w2, x = sympy.symbols("w1 w2 x", real=True)
    energy = Potential.from_expression("(w1**2 + w2**2)/2")
    return Examples("unmoved", x * (w1**2 + w2**2) / 2, (w1, w2), (x,), np.array([[0.5], [1.5]]), energy)


@pytest.mark.parametrize(
    "target",
    [unmoved(), GaussianGradients(Potential.from_expression("(w1**2 + w2**2)/2"), 0.0)],
    ids=["table", "normal"],
)
@pytest.mark.parametrize(
    ("sampler", "n_beta", "variance"),
    [(SGD(0.5, 1, added_noise=0.8), None, 0.5**2 * 0.8**2), (SGLD(0.5, 1), 2.0, 2 * 0.5 / 2.0)],
    ids=["SGD", "SGLD"],
)
def test_a_step_from_rest_is_the_noise_that_was_asked_for(target, sampler, n_beta, variance):
    """Its variance in every coordinate, no covariance between them, and none between two steps."""
    path = sample(
        target, sampler, n_beta=n_beta, chains=20_000, steps=2, seed=fresh_seed(), initial=[0.0, 0.0], diagnose=False
    )["w"].values
    one, two = path[:, 0], path[:, 1] - path[:, 0]
    for k in (0, 1):
        agree(one[:, k] ** 2, variance)
        agree(one[:, k], 0.0)
    agree(one[:, 0] * one[:, 1], 0.0)
    agree(one[:, 0] * two[:, 0], -0.5 * variance)
    agree(one[:, 0] * two[:, 1], 0.0)


# ---- without replacement --------------------------------------------------------------------------------------------


def over_an_epoch(target, sampler, batches: int, chains: int = 12_800) -> np.ndarray:
    """Squares of w averaged over the steps of an epoch, one number for each chain, after forgetting the start."""
    epochs = -(-800 // batches)
    stage = Stage(target, sampler, None, (epochs + 1) * batches)
    steps = np.arange(epochs * batches + 1, (epochs + 1) * batches + 1)
    drawn = sample_stages([stage], chains=chains, record_steps=steps, seed=fresh_seed())
    return (drawn["w"].values[..., 0] ** 2).mean(axis=1)


@pytest.mark.parametrize("kind", ["gaussian", "table"])
@pytest.mark.parametrize(("rate", "momentum", "batches"), [(0.05, 0.0, 64), (0.4, 0.0, 8), (0.05, 0.8, 16)])
def test_reshuffling_cools_by_the_derived_factor(kind, rate, momentum, batches):
    variance, batch = 2.0, 4
    size = batch * batches
    # Over random tables of a small sample the law is exact for a given one: its variance is what counts.
    target = (
        GaussianGradients(QUADRATIC, variance, size=size)
        if kind == "gaussian"
        else additive_examples(QUADRATIC, variance, size, seed=fresh_seed())
    )
    temperature = rate * variance / (2 * batch * (1 - momentum))
    squares = over_an_epoch(target, SGD(rate, batch, momentum, order="reshuffled"), batches)
    agree(squares, temperature * temperature_factor(rate, momentum, batches))
    with pytest.raises(AssertionError):  # negative control: with replacement it is another temperature
        agree(
            over_an_epoch(target, SGD(rate, batch, momentum), batches),
            temperature * temperature_factor(rate, momentum, batches),
        )


def test_gaussian_noise_of_an_epoch_sums_to_zero_and_has_its_covariance():
    """On an energy that is all but flat the weight is minus the sum of the noise."""
    line = Potential.from_expression(sympy.Symbol("w", real=True) ** 2 / 10**12)
    batches, batch = 6, 3
    target = GaussianGradients(line, 2.0, size=batch * batches)
    for order in ("reshuffled", "fixed"):
        path = sample(
            target, SGD(1.0, batch, order=order), chains=40_000, steps=3 * batches, seed=fresh_seed(), initial=[0.0]
        )["w"].values[..., 0]
        noise = -np.diff(path, axis=1, prepend=0.0)
        epochs = noise.reshape(-1, 3, batches)
        np.testing.assert_allclose(epochs.sum(axis=2), 0, atol=1e-9)
        for i, j in ((0, 0), (0, 1), (2, 5), (4, 4), (5, 5)):
            agree(epochs[:, 0, i] * epochs[:, 0, j], 2.0 / batch * ((i == j) - 1 / batches))
        if order == "fixed":
            np.testing.assert_allclose(epochs[:, 0], epochs[:, 2], atol=1e-8)
        else:
            agree(epochs[:, 0, 1] * epochs[:, 1, 1], 0.0)
            agree(epochs[:, 0, 5] * epochs[:, 1, 0], 0.0)


def test_reshuffling_visits_each_example_once_and_every_order_equally_often():
    path = sample(
        pointers(4), SGD(1.0, 1, order="reshuffled"), chains=24_000, steps=12, seed=fresh_seed(), initial=[0.0]
    )["w"].values[..., 0]
    seen = np.log2(-np.diff(path, axis=1, prepend=0.0)).round().astype(int).reshape(-1, 3, 4)
    assert (np.sort(seen, axis=2) == np.arange(4)).all()
    codes = (seen * 4 ** np.arange(4)).sum(axis=2)
    first = [sum(4**k * p for k, p in enumerate(order)) for order in itertools.permutations(range(4))]
    for epoch in range(3):
        counts = np.array([(codes[:, epoch] == code).sum() for code in first])
        assert counts.sum() == 24_000 and (np.abs(counts - 1000) < 6 * math.sqrt(1000)).all()
    # Two epochs are independent: pairs of orders are as frequent as they should be.
    same = (codes[:, 0] == codes[:, 1]).astype(float)
    agree(same, 1 / 24)


def test_with_replacement_draws_every_example_equally_often():
    path = sample(pointers(5), SGD(1.0, 1), chains=50_000, steps=2, seed=fresh_seed(), initial=[0.0])["w"].values
    seen = np.log2(-np.diff(path[..., 0], axis=1, prepend=0.0)).round().astype(int)
    counts = np.bincount(seen.ravel(), minlength=5)
    assert len(counts) == 5 and (np.abs(counts - 20_000) < 6 * math.sqrt(16_000)).all()
    agree((seen[:, 0] == seen[:, 1]).astype(float), 1 / 5)


def test_fixed_order_is_the_order_of_the_data():
    path = sample(pointers(6), SGD(1.0, 2, order="fixed"), chains=3, steps=6, seed=0, initial=[0.0])["w"].values[..., 0]
    moved = -np.diff(path, axis=1, prepend=0.0)
    assert np.array_equal(moved, np.tile([1.5, 6.0, 24.0], (3, 2)))


# ---- a real finite dataset ------------------------------------------------------------------------------------------


def affine(examples: Examples, rate: float, batch: tuple[int, ...]) -> tuple[np.ndarray, np.ndarray]:
    """One SGD step on linear regression as an affine map w → A w + b."""
    d = len(examples.coordinates)
    x, y = examples.data[list(batch), :d], examples.data[list(batch), d]
    return np.eye(d) - rate * x.T @ x / len(batch), rate * x.T @ y / len(batch)


def moments_with_replacement(examples: Examples, rate: float, batch: int) -> tuple[np.ndarray, np.ndarray]:
    """Stationary mean and second moment of w by the linear recursion of both, batches enumerated."""
    d = len(examples.coordinates)
    maps = [affine(examples, rate, chosen) for chosen in itertools.product(range(examples.size), repeat=batch)]
    mean_a = np.mean([a for a, _ in maps], axis=0)
    mean = np.linalg.solve(np.eye(d) - mean_a, np.mean([b for _, b in maps], axis=0))
    squared = np.mean([np.kron(a, a) for a, _ in maps], axis=0)
    constant = np.mean(
        [np.outer(a @ mean, b) + np.outer(b, a @ mean) + np.outer(b, b) for a, b in maps], axis=0
    ).ravel()
    return mean, np.linalg.solve(np.eye(d * d) - squared, constant).reshape(d, d)


@pytest.mark.parametrize(("weights", "batch"), [((1.0,), 2), ((1.0, -0.5), 2)])
def test_linear_regression_with_replacement_against_its_exact_moments(weights, batch):
    examples = linear_regression(9, weights, seed=3)
    mean, second = moments_with_replacement(examples, 0.1, batch)
    draws = final(examples, SGD(0.1, batch), 600, chains=40_000)
    for i, j in itertools.combinations_with_replacement(range(len(weights)), 2):
        agree(draws[:, i] * draws[:, j], second[i, j])
        agree(draws[:, i], mean[i])


def test_linear_regression_reshuffled_against_all_permutations():
    """At the end of an epoch: the stationary second moment over all 6! orders of six examples in batches of two."""
    examples, rate = linear_regression(6, (1.0,), seed=5), 0.3
    maps = []
    for order in itertools.permutations(range(6)):
        a, b = 1.0, 0.0
        for start in (0, 2, 4):
            step_a, step_b = affine(examples, rate, order[start : start + 2])
            a, b = step_a.item() * a, step_a.item() * b + step_b.item()
        maps.append((a, b))
    a, b = np.array(maps).T
    mean = b.mean() / (1 - a.mean())
    second = (2 * (a * b).mean() * mean + (b**2).mean()) / (1 - (a**2).mean())
    draws = final(examples, SGD(rate, 2, order="reshuffled"), 3 * 60, chains=40_000).ravel()
    agree(draws, mean)
    agree(draws**2, second)
    mean_r, second_r = moments_with_replacement(examples, rate, 2)
    with pytest.raises(AssertionError):  # negative control: the other order has another variance
        agree(final(examples, SGD(rate, 2), 180, chains=40_000).ravel() ** 2, second)
    assert second_r.item() - mean_r.item() ** 2 > 1.5 * (second - mean**2)


@pytest.mark.parametrize(("momentum", "nesterov"), [(0.0, False), (0.9, False), (0.9, True)])
def test_trajectories_in_a_fixed_order_equal_a_plain_loop(momentum, nesterov):
    examples = two_phase_regression_examples(24, seed=1)
    rates = np.geomspace(0.05, 0.01, 40)
    run = sample(examples, SGD(rates, 4, momentum, nesterov, "fixed"), chains=2, steps=40, seed=0, initial=[0.7])
    w, v, path = np.array([0.7]), np.zeros(1), []
    for step, rate in enumerate(rates):
        batch = [(4 * step + k) % 24 for k in range(4)]
        g = examples.example_gradients(w)[batch].mean(axis=0)
        v = momentum * v + g
        w = w - rate * (g + momentum * v if nesterov else v)
        path.append(w[0])
    np.testing.assert_allclose(run["w"].values[0, :, 0], path, rtol=1e-11)
    assert run["time"].values[-1] == pytest.approx(rates.sum())


def test_momentum_stays_over_a_change_of_data():
    """Two stages on the same examples are one run: buffer, permutation and place in the epoch carry over."""
    examples = two_phase_regression_examples(24, seed=1)
    sampler = SGD(0.02, 4, 0.9, order="reshuffled")
    staged = sample_stages([Stage(examples, sampler, None, 33), Stage(examples, sampler, None, 27)], chains=70, seed=4)
    whole = sample(examples, sampler, chains=70, steps=60, thin=60, seed=4)
    assert np.array_equal(staged["w"].values[:, -1], whole["w"].values[:, -1])


# ---- bits -----------------------------------------------------------------------------------------------------------


@pytest.mark.parametrize("order", ORDERS)
@pytest.mark.parametrize("kind", ["regression", "gaussian", "table"])
def test_bits_do_not_depend_on_threads_chunks_or_thinning(order, kind, monkeypatch):
    target = {
        "regression": lambda: two_phase_regression_examples(24, seed=1),
        "gaussian": lambda: GaussianGradients(find_potential("curve_against_point"), 0.2, "loss", 24),
        "table": lambda: additive_examples(find_potential("curve_against_point"), 0.2, 24),
    }[kind]()
    sampler = SGD(0.01, 4, 0.5, order=order, added_noise=0.1 if kind == "table" else 0.0)
    common: dict = {"chains": 150, "seed": 5, "steps": 41}
    one = sample(target, sampler, thin=1, threads=1, **common)["w"].values
    assert np.isfinite(one).all()
    if (order, kind) != ("fixed", "regression"):
        assert len(np.unique(one[:, -1])) > 100
    assert np.array_equal(one, sample(target, sampler, thin=1, threads=2, **common)["w"].values)
    monkeypatch.setattr(engine, "CHUNK", 64 * 7)
    monkeypatch.setattr(engine, "BLOCKS_AT_ONCE", 1)
    assert np.array_equal(one[:, 3::4], sample(target, sampler, thin=4, threads=2, **common)["w"].values)


def test_a_resumed_run_has_the_same_bits(tmp_path, monkeypatch):
    monkeypatch.setattr(engine, "CHUNK", 64 * 7)
    examples, sampler = two_phase_regression_examples(24, seed=1), SGD(0.01, 4, 0.5, order="reshuffled")
    common: dict = {"chains": 64, "seed": 5, "steps": 70, "thin": 5}
    calls = []

    def stop(share: float) -> None:
        calls.append(share)
        if len(calls) == 4:
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        sample(examples, sampler, checkpoint=tmp_path, advance=stop, **common)
    resumed = sample(examples, sampler, checkpoint=tmp_path, **common)
    assert resumed.identical(sample(examples, sampler, **common))
