"""A pair with a gradient noise of its own: run and solved, measured, and refused where it must be."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from numpy.typing import NDArray
from sympy import Rational

from slt_toys.potentials.catalogue import find_pair
from slt_toys.protocol.arms import CONTROL, Arm, find_arm
from slt_toys.protocol.coupled_pair import coupled_pair
from slt_toys.protocol.sgd_pair import NoisyPair
from slt_toys.protocol.training import ExponentialDecay, Training
from tests.seeds import fresh_generator, fresh_seeds

BASE = Training(128, 6_400, ExponentialDecay(0.05, 0.9), 3072.0)
Array = NDArray[np.float64]
PAIR = find_pair("regular_double_well")
NOISY = NoisyPair(PAIR, 3072.0, 0.6)
LEANING = NoisyPair(coupled_pair(PAIR), 3072.0, 0.6)
SEPARATE = NoisyPair(coupled_pair(PAIR, Rational(0)), 3072.0, 0.6)
ANISOTROPIC = find_arm("anisotropic noise")
ARMS = ("control", "added gradient noise", "loss-dependent noise", "reshuffled", "momentum", "Nesterov momentum")


@pytest.mark.parametrize("name", ARMS)
def test_kernel_and_sgd_agree(name):
    run = find_arm(name).sgd_run(BASE, 6, 40)
    exact = NOISY.kernel_shares([run])
    share, chains = float(exact.shares[0]), 4_096
    stuck = NOISY.stuck(run, chains=chains, seed=fresh_seeds()).mean()
    assert abs(stuck - share) < 5 * np.sqrt(share * (1 - share) / chains) + exact.error
    other = NOISY.kernel_shares([find_arm(name).sgd_run(BASE, 25 if share < 0.5 else 0, 40)]).shares[0]
    assert abs(other - share) > 8 * np.sqrt(0.25 / chains), "the negative control: another switch epoch"


def test_anisotropic_noise_in_two_coordinates_is_run_and_solved():
    """Kernel and SGD agree, and neither is the isotropic control: noise along w₂ is felt at the barrier in w₁."""
    uneven, even = (arm.sgd_run(BASE, 8, 40) for arm in (ANISOTROPIC, CONTROL))
    exact, chains = LEANING.kernel_shares([uneven]), 16_384
    share, control = float(exact.shares[0]), float(LEANING.kernel_shares([even]).shares[0])
    error = np.sqrt(share * (1 - share) / chains)
    stuck = LEANING.stuck(uneven, chains=chains, seed=fresh_seeds()).mean()
    assert exact.refined < 0.01 and exact.error < 0.02
    assert abs(stuck - share) < 5 * error + exact.error
    assert abs(control - share) > 12 * error + exact.error, "the negative control"


def test_noise_in_an_uncoupled_direction_does_nothing():
    """The negative control of coupling: to rounding by the kernel, and as SGD is run."""
    uneven, even = (arm.sgd_run(BASE, 6, 40) for arm in (ANISOTROPIC, CONTROL))
    shares = [float(SEPARATE.kernel_shares([run]).shares[0]) for run in (uneven, even)]
    assert shares[0] == shares[1] == pytest.approx(float(NOISY.kernel_shares([even]).shares[0]), abs=1e-9)
    stuck = SEPARATE.stuck(uneven, chains=4_096, seed=fresh_seeds()).mean()
    assert abs(stuck - shares[0]) < 5 * np.sqrt(0.25 / 4_096) + 1e-3


def test_the_variance_that_is_measured_is_the_mean_over_coordinates():
    points = LEANING.starts(64, fresh_seeds())
    found = LEANING.measured_variance(ANISOTROPIC.sgd_run(BASE, 6, 5), points, 4_096, fresh_seeds())
    assert abs(found / 3072.0 - 2.5) < 5 * 2.5 * np.sqrt(2 / (64 * 4_096))


def test_labels_are_noise_that_is_added():
    """Redundant arms, to rounding: the same kernel."""
    one, two = (find_arm(name).sgd_run(BASE, 6, 20) for name in ("label noise", "added gradient noise"))
    assert NOISY.kernel_shares([one]).shares == pytest.approx(NOISY.kernel_shares([two]).shares, abs=1e-12)


def test_averaged_weights_are_the_controls_in_the_mean():
    seeds, averaged = fresh_seeds(), find_arm("weight averaging").sgd_run(BASE, 6, 40)
    switch, mean = NOISY.sampled(averaged, chains=64, seed=seeds)
    plain = replace(averaged, averaged_epochs=0)
    same, last = NOISY.sampled(plain, chains=64, seed=seeds)
    ends = [NOISY.sampled(plain, chains=64, seed=seeds, until=epoch)[1] for epoch in range(42, 47)]
    assert np.array_equal(switch, same) and np.array_equal(ends[-1], last)
    assert mean == pytest.approx(np.mean(ends, axis=0)) and not np.array_equal(mean, last)


def test_the_variance_that_is_measured_is_the_worlds():
    run, points = CONTROL.sgd_run(BASE, 6, 5), NOISY.starts(64, fresh_seeds())
    found = NOISY.measured_variance(run, points, 4_096, fresh_seeds())
    assert abs(found / 3072.0 - 1) < 5 * np.sqrt(2 / (64 * 4_096))
    loss = find_arm("loss-dependent noise").sgd_run(BASE, 6, 5)
    found = NOISY.measured_variance(loss, points, 4_096, fresh_seeds())
    mean = 0.5 + 0.5 / 3  # half the variance, and as much again where the loss is three times its mean at the start
    assert found / 3072.0 == pytest.approx(mean, abs=0.12)
    heated = find_arm("added gradient noise").sgd_run(BASE, 6, 5)
    assert NOISY.measured_variance(heated, points, 64, [1]) == NOISY.measured_variance(run, points, 64, [1])


def test_fixed_order_starts_like_reshuffled_and_repeats_its_noise():
    """On a nearly flat energy two epochs of one order lead nowhere, and steps within an epoch repeat."""
    fixed = find_arm("fixed order").sgd_run(BASE, 0, 2)
    states = NOISY.sampled(fixed, chains=512, seed=[1])[1]
    assert np.isfinite(states).all()
    with pytest.raises(
        ValueError, match=r"a fixed order repeats every minibatch's noise: .* over 49 normals of the data"
    ):
        NOISY.kernel_shares([fixed])


def plain_loop(rates: Array, switch: int, noise: Array, w: Array) -> Array:
    """Weights at the end, (starts, data sets), of one noise for each data set and step that all epochs repeat."""
    for epoch, rate in enumerate(rates):
        tilt = -0.15 if epoch < switch else 0.15
        for step in noise:
            w = w - rate * (4 * w * (w**2 - 1) - tilt + step)
    return w


def test_in_a_fixed_order_the_data_decide():
    """Why there is no kernel in the weight: all starts of a data set merge in an epoch; with few steps they do not.

    A plain loop over data sets, from one start, has the sampler's share: nothing but the data is drawn.
    """
    base = Training(128, 50_048, ExponentialDecay(0.05, 0.9), 3072.0)
    run, sets, random = find_arm("fixed order").sgd_run(base, 6, 30), 2_048, fresh_generator()
    merged, ends = [], np.empty(0)
    for steps in (391, 10):
        noise = np.sqrt(24.0) * random.standard_normal((steps, sets))
        noise -= noise.mean(axis=0)
        starts = np.array([-1.2, 1.2])[:, None] * np.ones(sets)
        merged.append(np.ptp(plain_loop(run.learning_rates[:1], 1, noise, starts), axis=0))
        if steps == 391:
            ends = plain_loop(run.learning_rates, 6, noise, starts[0])
    apart = [float((each > 1e-6).mean()) for each in merged]
    assert apart[0] < 0.02 and apart[1] > 0.5
    shares = [(ends < PAIR.clean.barrier()).mean(), NOISY.stuck(run, chains=sets, seed=fresh_seeds()).mean()]
    error = np.sqrt(0.25 * 2 / sets)
    assert abs(shares[0] - shares[1]) < 5 * error
    drawn_anew = find_arm("control").sgd_run(base, 6, 30)
    assert abs(NOISY.stuck(drawn_anew, chains=sets, seed=fresh_seeds()).mean() - shares[0]) > 5 * error, "the control"


def test_what_cannot_be_is_refused():
    uneven = Arm("uneven", anisotropy=2.0).sgd_run(BASE, 2, 2)
    assert "anisotropic noise takes two" in NOISY.lacks(uneven)
    for ask in (lambda: NOISY.kernel_shares([uneven]), lambda: NOISY.stuck(uneven, chains=2, seed=[1])):
        with pytest.raises(ValueError, match="run cannot be made on pair regular_double_well"):
            ask()
    for name in ("momentum", "reshuffled", "loss-dependent noise"):
        with pytest.raises(ValueError, match="two coupled coordinates, whose kernel takes no walls"):
            LEANING.kernel_shares([find_arm(name).sgd_run(BASE, 1, 1)])
    walls = NoisyPair(find_pair("normal_crossing_against_point"), 100.0, 0.5)
    with pytest.raises(ValueError, match="whose kernel takes no walls"):
        walls.kernel_shares([CONTROL.sgd_run(BASE, 1, 1)])


def test_the_same_seed_gives_the_same_bits_on_any_number_of_threads():
    run = find_arm("reshuffled").sgd_run(BASE, 2, 3)
    one, two = (NOISY.sampled(run, chains=300, seed=[4, 2], threads=threads)[1] for threads in (1, 2))
    assert np.array_equal(one, two)
    assert not np.array_equal(one, NOISY.sampled(run, chains=300, seed=[4, 3])[1])
