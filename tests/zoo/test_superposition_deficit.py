"""The end of a deficit in superposition, from shares, and that withholding a feature matters."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.zoo.superposition_deficit import ENDS, critical_end, end_with_error, has_learned, learned
from slt_toys.zoo.superposition_loss import polygon
from slt_toys.zoo.superposition_training import Data, Sgd
from tests.seeds import fresh_generator, fresh_seed


def test_the_end_is_where_half_is_lost():
    shares = np.array([0.8, 0.8, 0.8, 0.7, 0.5, 0.4, 0.4, 0.4])
    assert critical_end(shares) == pytest.approx(10 * 2**0.5)  # .6 lies half way between those of 10 and of 20
    assert np.isnan(critical_end(shares[::-1])) and np.isnan(critical_end(np.full(8, 0.5)))
    assert critical_end(np.array([0.8, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4, 0.4])) == ENDS[1]


def test_its_error_covers():
    """Hits from known shares: e* within five standard errors."""
    law = np.array([0.8, 0.78, 0.7, 0.62, 0.52, 0.45, 0.38, 0.36])
    hits = fresh_generator().random((8, 2000)) < law[:, None]
    value, error = end_with_error(hits, fresh_seed())
    assert abs(value - critical_end(law)) < 5 * error and 0 < error < 5


def test_a_feature_has_been_learned_when_it_has_a_column():
    assert has_learned(np.array([polygon(6), polygon(5, 1)])).tolist() == [True, False]


@pytest.mark.slow
def test_a_long_deficit_is_not_made_up_for():
    hits = learned(Sgd(0.1, 4), Data.drawn(fresh_seed()), [fresh_seed()], 200)
    shares = hits.mean(axis=1)
    assert shares[0] - shares[-1] > 5 * np.sqrt(0.5 / 200) * 0.5 and 5 < critical_end(shares) < 60
