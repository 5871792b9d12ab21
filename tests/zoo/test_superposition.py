"""Superposition as an experiment: how runs are counted, and what the record's claims rest on."""

from __future__ import annotations

import numpy as np

from slt_toys.zoo.superposition import MODEL, grid_of, learning_coefficient, measured_coefficient, shares_of
from slt_toys.zoo.superposition_loss import polygon
from slt_toys.zoo.superposition_posterior import Posterior
from tests.seeds import fresh_seed


def test_runs_are_counted_by_sides():
    runs = np.array([polygon(6), polygon(5), polygon(5, 1), polygon(3), np.zeros(18), np.full(18, np.nan)])
    assert shares_of(runs).tolist() == [2, 0, 2, 1]


def test_a_grid_rises_and_merges_few_sides():
    draws = np.array([polygon(6), polygon(3), np.zeros(18), polygon(5)])
    found = grid_of(Posterior(np.array([90.0, 5.0]), np.array([[draws[:2], draws[:2]], [draws[2:], draws[2:]]]),
                              np.ones(1), np.ones(2), 0.0))  # fmt: skip
    assert found.sizes.tolist() == [5, 90]
    assert found.counts[0].tolist() == [[2, 0, 0, 0], [0, 0, 2, 0]]
    assert found.counts[1].tolist() == [[0, 0, 0, 2], [2, 0, 0, 0]]


def test_energies_tell_the_coefficient():
    """Of 5 it is 7, not the 8.5 of its neighbour 5+: the dead feature is free."""
    assert (learning_coefficient(5, 0), learning_coefficient(5, 1), learning_coefficient(6, 0)) == (7, 8.5, 8.5)
    value, error = measured_coefficient(5, 0, fresh_seed(), paths=32)
    assert abs(value - 7) < 0.25 + 5 * error and abs(value - 8.5) > 5 * error


def test_the_study_says_what_could_not_be_verified():
    assert MODEL.study is not None
    assert "could not be verified" in MODEL.study.introduction.replace("\n", " ")
