"""Speeds are only worth comparing between ways to do the same thing: here every contender is checked."""

from __future__ import annotations

import numpy as np
import pytest

from benchmarks.bound import load_bound
from benchmarks.engines import NOISE, START, STEP_SIZE, TILT, random_bits
from benchmarks.measure import Contender, Unavailable, compare
from benchmarks.peers import RIVALS
from slt_toys.kernels.codegen import parameter_values
from slt_toys.kernels.frame import LANES, langevin_kernel
from slt_toys.potentials.catalogue import catalogue

STEPS = 101  # odd: the last pair of normals is used by half
BLOCKS = 3


def both_trajectories(steps: int, step_size: float, noise: float, tilt: float = TILT):
    """Final states and bits of the numba engine and of the C bound, from the same bits."""
    try:
        bound = load_bound()
    except Unavailable as reason:
        pytest.skip(str(reason))
    potential = catalogue()["regular_double_well"]
    numba_state, c_state = np.full((BLOCKS, LANES), START), np.full((BLOCKS, LANES), START)
    numba_bits, c_bits = random_bits(11, BLOCKS), random_bits(11, BLOCKS)
    langevin_kernel(potential, "euler_maruyama")(
        numba_state, numba_bits, np.zeros((BLOCKS, 2 * LANES)), parameter_values(potential),
        np.array([steps]), np.array([step_size]), np.array([noise]), 0, np.zeros(0, dtype=np.int64),
        np.empty((BLOCKS, 0, 1, LANES)),
    )  # fmt: skip
    bound.advance(c_state, c_bits, steps, step_size, noise, tilt)
    return (numba_state, numba_bits), (c_state, c_bits)


@pytest.mark.parametrize("steps", [1, 2, STEPS])
def test_c_bound_draws_the_engine_s_normals(steps):
    # Without drift and with unit noise the state is the sum of the normals drawn.
    (ours, our_bits), (theirs, their_bits) = both_trajectories(steps, 0.0, 1.0)
    assert (our_bits == their_bits).all()
    assert np.abs(ours - START).min() > 0
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-13 * steps)


@pytest.mark.parametrize("steps", [1, 2, STEPS])
def test_c_bound_follows_the_engine_s_trajectory(steps):
    (ours, our_bits), (theirs, their_bits) = both_trajectories(steps, STEP_SIZE, NOISE)
    assert (our_bits == their_bits).all()
    np.testing.assert_allclose(ours, theirs, rtol=0, atol=1e-9)


def test_a_wrong_bound_would_be_noticed():
    (ours, _), (theirs, _) = both_trajectories(STEPS, STEP_SIZE, NOISE, tilt=TILT + 1e-4)
    assert np.abs(ours - theirs).max() > 1e-6


@pytest.mark.parametrize(
    "name", [pytest.param(n, marks=pytest.mark.peers if rival[2] else ()) for n, rival in RIVALS.items()]
)
def test_contenders_sample_one_law(name):
    """Mean and variance of the final states agree within 5 standard errors, of every coordinate."""
    make_ours, make_other, _, _ = RIVALS[name]
    try:
        ours, other = make_ours(steps=100).run(), make_other(steps=100).run()
    except Unavailable as reason:
        pytest.skip(str(reason))
    assert ours.shape[1] == other.shape[1]
    assert distance(ours, other) < 5


def test_another_law_would_be_noticed():
    narrower = START + (RIVALS["c_bound"][0](steps=100).run() - START) * 0.8
    assert distance(narrower, RIVALS["numpy"][1](steps=100).run()) > 5


def distance(first: np.ndarray, second: np.ndarray) -> float:
    """Largest difference of the means and of the mean squares about 1, in standard errors."""
    worst = 0.0
    for power in (1, 2):
        a, b = (first - START) ** power, (second - START) ** power
        error = np.sqrt(a.var(axis=0) / len(a) + b.var(axis=0) / len(b))
        worst = max(worst, float((np.abs(a.mean(axis=0) - b.mean(axis=0)) / error).max()))
    return worst


def test_compare_takes_ratios_per_unit():
    def work() -> float:
        return float(np.sqrt(np.arange(400_000.0)).sum())

    def thrice() -> float:
        return work() + work() + work()

    found = compare(Contender("three", thrice, 3), Contender("one", work), repetitions=15)
    assert 0.5 < found.ratio < 2
    assert found.low <= found.ratio <= found.high
