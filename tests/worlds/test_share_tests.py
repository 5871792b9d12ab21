"""Likelihood ratios: tails by known laws, Holm by hand, programmes against fits, bounds above bootstraps."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import stats

from slt_toys.worlds.hypotheses import design, find_hypothesis
from slt_toys.worlds.mechanisms import MECHANISMS, TEMPERATURE
from slt_toys.worlds.mixture import mixture_of
from slt_toys.worlds.share_tests import bootstrap, holm, tail, upper_bound
from slt_toys.worlds.verdict import Dispersion
from tests.seeds import fresh_seed
from tests.worlds.made_counts import FEW, made_up
from tests.worlds.test_mixture import THERMAL, counted


@pytest.fixture(scope="module")
def thermal():
    cells = made_up(0.5, 100, 0, arms=FEW)
    shares = find_hypothesis("temperature").predict(THERMAL, design(cells))
    return counted(cells, shares, 5), shares


def test_tails_of_laws_that_are_known():
    """Half of the draws 0, the others chi-square: that of one share at its boundary (Chernoff 1954)."""
    random = np.random.default_rng(fresh_seed())
    drawn = np.where(random.uniform(size=50_000) < 0.5, 0.0, random.chisquare(1, 50_000))
    for value in (0.5, 2.7, 5.4, 9.0):
        assert tail(value, drawn) == pytest.approx(stats.chi2.sf(value, 1) / 2, rel=0.4)
    assert tail(20.0, random.chisquare(7, 50_000)) == pytest.approx(stats.chi2.sf(20, 7), rel=0.4)
    assert tail(0.0, drawn) == 1.0
    assert tail(1.0, np.zeros(99)) == 0.01  # never larger in 99 draws


def test_holm_by_hand():
    assert holm([0.001, 0.04, 0.02, 0.3], 0.05) == (True, False, False, False)  # .02 against .05/3
    assert holm([0.001, 0.024, 0.016, 0.3], 0.05) == (True, True, True, False)
    assert holm([], 0.05) == ()


def test_the_bound_is_above_the_bootstrap(thermal):
    counts, shares = thermal
    mixture = mixture_of(counts, shares)
    null = mixture.fit([TEMPERATURE])
    drawn = bootstrap(mixture, null, [(MECHANISMS, False)], draws=400, seed=fresh_seed())
    for value in (5.0, 15.0, 30.0):
        assert upper_bound(mixture, value, MECHANISMS, False) > tail(value, drawn.ratios[:, 0])


def test_dispersion_widens_the_draws(thermal):
    """Twice the variance, known from many repeats, doubles ratios and deviances."""
    counts, shares = thermal
    mixture = mixture_of(counts, shares)
    null = mixture.fit([TEMPERATURE])
    alone, spread = (
        bootstrap(mixture, null, [(MECHANISMS, False)], draws=300, seed=fresh_seed(), dispersion=each)
        for each in (None, Dispersion(2e6, 10**6))
    )
    assert spread.deviances.mean() / alone.deviances.mean() == pytest.approx(2, rel=0.1)
    assert spread.ratios.mean() / alone.ratios.mean() == pytest.approx(2, rel=0.3)
