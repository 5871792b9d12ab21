"""Bootstraps by one quadratic programme each are those of fits."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.worlds import share_tests
from slt_toys.worlds.hypotheses import design, find_hypothesis
from slt_toys.worlds.mechanisms import MECHANISMS, TEMPERATURE
from slt_toys.worlds.mixture import mixture_of
from tests.seeds import fresh_seed
from tests.worlds.made_counts import FEW, made_up
from tests.worlds.test_mixture import THERMAL, counted


@pytest.fixture(scope="module")
def thermal():
    cells = made_up(0.5, 100, 0, arms=FEW)
    shares = find_hypothesis("temperature").predict(THERMAL, design(cells))
    return counted(cells, shares, 5), shares


@pytest.mark.parametrize("form", ["known", "two-state law"])
def test_programmes_draw_what_fits_draw(thermal, form):
    """From temperature alone: the same counts, fitted by iteration and by one programme each."""
    counts, shares = thermal
    mixture = mixture_of(counts, shares if form == "known" else None)
    null = mixture.fit([TEMPERATURE])
    larger = [(MECHANISMS, False), ((TEMPERATURE, "none"), False)]
    drawn = np.random.default_rng(fresh_seed()).binomial(100, null.predicted, (40, len(counts))).astype(float)
    quick = share_tests._by_programmes(mixture, null, larger, drawn)  # pyright: ignore[reportPrivateUsage]
    slow = share_tests._by_fits(mixture, null, larger, drawn)  # pyright: ignore[reportPrivateUsage]
    assert quick.deviances == pytest.approx(slow.deviances, rel=0.01 if form == "known" else 0.1)
    for column in range(2):
        one, other = quick.ratios[:, column], slow.ratios[:, column]
        if form == "known" or column == 0:
            assert np.corrcoef(one, other)[0, 1] > (0.99 if form == "known" else 0.9)
        if form == "known":
            assert one.mean() == pytest.approx(other.mean(), rel=0.05)
        else:  # quadratic in the law's parameters, it errs towards large ratios, which refuse less
            assert one.mean() > other.mean() - 3 * (one - other).std() / np.sqrt(len(one))
    assert (slow.to_truth > -1e-6).all()
