"""Matrix completion: gradients and noise are right; a first task closes the period, and weight decay reopens it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest

from slt_toys.reference.laws import law
from slt_toys.zoo import matrix_completion as completion
from slt_toys.zoo.matrix_completion import (
    completion_error,
    copied,
    descend,
    gradients,
    imbalance,
    minibatch_gradients,
    product,
    tasks,
)
from tests.seeds import fresh_generator, fresh_seed, fresh_seeds


def small(depth: int) -> tuple[completion.Tasks, completion.Layers]:
    return tasks(fresh_seeds(), depth, 7, 20, (3, 2), 1.0, np.float64)


@pytest.mark.parametrize("depth", [2, 3])
def test_gradients_are_those_of_the_loss(depth):
    own, layers = small(depth)
    slopes, way = gradients(layers, own.first, own.places), fresh_generator().standard_normal((depth, 7, 7))

    def loss(step: float) -> float:
        moved = product([layer + step * each for layer, each in zip(layers, way, strict=True)])
        return ((moved - own.first).ravel()[own.places] ** 2).mean() / 2

    told = sum((slope * each).sum() for slope, each in zip(slopes, way, strict=True))
    assert abs((loss(1e-5) - loss(-1e-5)) / 2e-5 - told) < 1e-6 * (1 + abs(told))


def test_minibatches_are_unbiased():
    """The mean over all single places is the full gradient, and a minibatch is the mean of its places."""
    own, layers = small(3)
    single = [minibatch_gradients(layers, own.first, own.places[[i]]) for i in range(own.places.size)]
    full = gradients(layers, own.first, own.places)
    for number in range(3):
        np.testing.assert_allclose(np.mean([each[number] for each in single], axis=0), full[number], atol=1e-12)
    twice = minibatch_gradients(layers, own.first, own.places[[0, 0, 1]])
    for number in range(3):
        np.testing.assert_allclose(twice[number], (2 * single[0][number] + single[1][number]) / 3, atol=1e-12)


def test_a_step_changes_the_balance_by_the_law_and_the_flow_does_not():
    """[eq:layer-balance-step], entry by entry; with a tenth of the rate over the same time it is a tenth."""
    own, layers = small(3)
    slopes = gradients(layers, own.first, own.places)
    told = [
        law("layer-balance-step")(learning_rate=0.1, square_slope_before=a.T @ a, square_slope_behind=b @ b.T)
        for a, b in pairwise(slopes)
    ]
    after = copied(layers)
    descend(after, own.first, own.places, 0.1, 0.1)
    np.testing.assert_allclose(imbalance(after) - imbalance(layers), told, atol=1e-12)
    drift = []
    for rate in (0.01, 0.001):
        after = copied(layers)
        descend(after, own.first, own.places, 0.5, rate)
        drift.append(np.abs(imbalance(after) - imbalance(layers)).max())
    assert drift[1] < 0.2 * drift[0]


def test_balanced_modes_grow_by_the_law():
    """[eq:balanced-mode-growth] over a small step, at depths 2, 3 and 4; of a twice as strong mode it is another."""
    grown, _ = completion._mode_growth(fresh_seed())
    assert (np.abs(grown - 1) < 1e-3).all()
    one, two = (law("balanced-mode-growth")(depth=3, mode_strength=x, mode_pull=1.0) for x in (1.0, 8.0))
    assert one == 3.0 and abs(two - 48.0) < 1e-9


def test_white_noise_has_its_temperature():
    """Where no place is wrong, every weight diffuses with the variance 2 T times flow time."""
    layers = [np.zeros((60, 60)) for _ in range(3)]
    descend(layers, np.zeros((60, 60)), np.array([0]), 2.0, 0.5, temperature=1e-8, seed=fresh_seed())
    moved = np.array(layers)
    assert abs(moved.var() / (2 * 1e-8 * 2.0) - 1) < 5 * np.sqrt(2 / moved.size)


def test_a_target_has_its_rank_and_size():
    own, layers = tasks(fresh_seed(), 3)
    for matrix, rank in ((own.first, 10), (own.second, 5)):
        strengths = np.linalg.svd(matrix, compute_uv=False)
        assert strengths[rank - 1] > 1 > 0.01 > strengths[rank] and abs((matrix**2).mean() - 1) < 1e-5
    assert np.unique(own.places).size == 2000 and len(layers) == 3
    assert 2e-5 < np.sqrt((product(layers) ** 2).mean()) < 5e-4


@pytest.mark.slow
def test_depth_3_jumps_by_an_order_of_magnitude():
    """Reported for one seed: .0001 after 10 000 steps of 0.2, .336 after 30 000.

    Of eleven seeds the least factor was 36; the middle of three is asked for 10. Weight decay brings back 300 or more.
    """
    seed, factors, back, warm = fresh_seed(), [], [], []
    for run in range(3):
        own, layers = tasks([seed, run], 3)
        ends = []
        for flow_time in (2000.0, 4000.0):
            descend(layers, own.first, own.places, flow_time)
            ends.append(completion.second_task(layers, own, "as it is", [seed, run]))
        factors.append(ends[1] / ends[0])
        back.append(ends[1] / completion.second_task(layers, own, "weight decay in the first half", [seed, run]))
        warm.append(completion.second_task(layers, own, "T = 1e-6 in the first half", [seed, run]) / ends[1])
    assert np.median(factors) > 10 and np.median(back) > 5 and 0.5 < np.median(warm) < 2


@pytest.mark.slow
def test_minibatches_act_by_learning_rate_over_batch_size():
    """Reported: .336 without, .293 and .276 with B = 20 and 5, small rates. Here the ratio .01 divides the error by 1.4
    and the ratio .04 by 3.2, from either batch size; the spread of runs leaves these bounds five deviations away.
    """
    own, layers = tasks(fresh_seed(), 3)
    descend(layers, own.first, own.places, 6000.0)
    ends = []
    for batch, rate in ((0, 1.0), (20, 0.2), (20, 0.8), (5, 0.2)):
        after = copied(layers)
        descend(after, own.second, own.places, 6000.0, rate, batch=batch, seed=fresh_seed())
        ends.append(completion_error(after, own.second))
    plain, small, large, same = ends
    assert large < 0.95 * small < plain and abs(np.log(same / large)) < 0.5 < np.log(plain / large)


@pytest.mark.slow
def test_depth_2_closes_sooner():
    """Reported for one seed: .050 without a first task, .492 after 10 000 steps of 0.2."""
    seed, factors = fresh_seed(), []
    for run in range(3):
        own, layers = tasks([seed, run], 2)
        ends = [completion.second_task(layers, own, "as it is", [seed, run])]
        descend(layers, own.first, own.places, 2000.0)
        factors.append(completion.second_task(layers, own, "as it is", [seed, run]) / ends[0])
    assert np.median(factors) > 3


@pytest.mark.slow
def test_the_learning_rate_of_the_source_ends_at_the_same_errors():
    """Full size: 10 000 and 30 000 steps of 0.2 on each task against 2000 and 6000 of 1."""
    seed, ends = fresh_seed(), []
    for rate in (1.0, 0.2):
        own, layers = tasks(seed, 3)
        descend(layers, own.first, own.places, 4000.0, rate)
        descend(layers, own.second, own.places, 4000.0, rate)
        ends.append(completion_error(layers, own.second))
    assert abs(np.log(ends[1] / ends[0])) < 0.3
