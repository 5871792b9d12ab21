"""Subtask discovery: the world, the linear Bellman equation, rooms and reported numbers."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.reference.laws import law
from slt_toys.zoo.subtask_discovery import (
    EXIT,
    ROOMS,
    STATES,
    World,
    best_factors,
    factors,
    passive_moves,
    room_accuracy,
    square_factors,
)
from tests.seeds import fresh_generator, fresh_seed

WORLD = World()


def test_the_world():
    moves = passive_moves()
    assert moves.shape == (104, 104) and np.allclose(moves.sum(axis=1), 1 - EXIT)
    assert np.bincount(ROOMS + 1).tolist() == [4, 25, 25, 25, 25]
    assert ((moves > 0) == (moves > 0).T).all()
    for i, j in np.argwhere(moves > 0):
        assert abs(STATES[i][0] - STATES[j][0]) + abs(STATES[i][1] - STATES[j][1]) == 1


def test_the_laws_of_two_next_states():
    """By minimising over the chance of the first, on a grid."""
    p, z1, z2, q, cost = 0.3, 0.9, 0.2, 0.1, 0.7
    a = np.linspace(1e-4, 1 - 1e-4, 200_001)
    total = q + cost * (a * np.log(a / p) + (1 - a) * np.log((1 - a) / (1 - p)) - a * np.log(z1) - (1 - a) * np.log(z2))
    values = {"passive_chance": p, "desirability_1": z1, "desirability_2": z2}
    assert law("controlled-chance")(**values) == pytest.approx(a[total.argmin()], abs=1e-5)
    z = law("desirability")(**values, state_cost=q, control_cost=cost)
    assert -cost * np.log(z) == pytest.approx(total.min(), abs=1e-9)


def test_iteration_residual_and_composition():
    """Reported: below 1e-12, 1e-12 and 1e-14."""
    ends = fresh_generator().random((104, 4)) + 1e-3
    z = WORLD.desirabilities(ends)
    assert np.abs(WORLD.iterated(ends) - z).max() < 1e-12
    assert max(WORLD.bellman_residual(end) for end in ends.T) < 1e-12
    assert np.abs(WORLD.desirabilities() @ ends - z).max() < 1e-14
    assert np.abs(World(0.2).iterated(ends) - z).max() > 1e-3


def test_only_the_ratio_of_costs_counts():
    assert np.allclose(World(0.3, 3.0).desirabilities(), WORLD.desirabilities(), rtol=1e-12)
    for bad in ({"state_cost": 0.0}, {"control_cost": -1.0}):
        with pytest.raises(ValueError, match="costs must be positive"):
            World(**bad)
    with pytest.raises(ValueError, match="at most 30 times"):
        World(40.0)


@pytest.mark.parametrize(("cost", "fifth", "fourth"), [(0.01, 0.338, 0.791), (0.1, 0.570, 0.906), (0.5, 0.858, 0.976)])
def test_reported_spectrum(cost, fifth, fourth):
    """Over the first singular value."""
    values = np.linalg.svd(World(cost).desirabilities(), compute_uv=False)
    assert values[3:5] / values[0] == pytest.approx([fourth, fifth], abs=6e-4)


def test_four_subtasks_are_the_rooms():
    z, seed = WORLD.desirabilities(), fresh_seed()
    assert room_accuracy(best_factors(z, 4, [seed])[0]) == 1
    assert room_accuracy(min((square_factors(z, 4, [seed, i]) for i in range(8)), key=lambda x: x[2])[0]) == 1
    assert room_accuracy(best_factors(World(2.0).desirabilities(), 4, [seed])[0]) < 0.75
    assert room_accuracy(fresh_generator().random((104, 4))) < 0.6


def test_reported_divergences():
    """1, .643, .462, .286, .259, .232, .206, .178 of that of one subtask, to .01.

    A quarter of the starts end in a worse minimum: four of them, as the study takes, miss it once in 250 times.
    """
    z, seed = WORLD.desirabilities(), fresh_seed()
    found = np.array([best_factors(z, rank, [seed], 1 if rank == 1 else 14)[2] for rank in range(1, 9)])
    assert found / found[0] == pytest.approx([1, 0.643, 0.462, 0.286, 0.259, 0.232, 0.206, 0.178], abs=0.01)


def test_updates_never_raise_the_divergence():
    z, seed = WORLD.desirabilities(), fresh_seed()
    found = [factors(z, 3, seed, updates)[2] for updates in range(1, 12)]
    assert (np.diff(found) <= 1e-12).all() and found[-1] < found[0]
    d, w, divergence = factors(z, 3, seed, 11)
    assert np.allclose(d.sum(axis=0), 1) and divergence == pytest.approx((z * np.log(z / (d @ w)) - z + d @ w).sum())
