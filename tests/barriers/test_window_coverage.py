"""Intervals of window weights hold the truth on spectra of every kind, those least favourable among them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.special import chdtri

from slt_toys.barriers.inversion import WINDOW_FREEDOM, window_weights
from slt_toys.barriers.kernel import barrier_kernel
from slt_toys.barriers.readings import window_edges
from slt_toys.barriers.window_coverage import KINDS, coverage_of_windows, rises
from tests.barriers.made_declines import ENDING, PAIR, TRAINING, few, measured
from tests.seeds import fresh_generator, fresh_seed


@pytest.mark.parametrize("kind", KINDS)
def test_spectra_are_within_the_kernel_and_whole(quick, kind):
    random, edges = fresh_generator(), window_edges(quick)
    for _ in range(20):
        heights, weights = KINDS[kind](random, quick, edges)
        assert weights.sum() == pytest.approx(1) and (weights >= 0).all()
        assert quick.lowest <= heights.min() and heights.max() <= quick.highest
        assert np.histogram(heights, edges, weights=weights)[0].sum() == pytest.approx(1)
        if kind[0].isdigit():
            assert heights.size == int(kind[0])


def test_an_interval_holds_the_truth_where_chi_square_rises_little(quick):
    """Two ways to one answer: ends by profiling, and the rise at the truth by a heavy equation."""
    random, edges = fresh_generator(), window_edges(quick)
    agree = held = 0
    for kind in KINDS:
        heights, weights = KINDS[kind](random, quick, edges)
        truth = np.histogram(heights, edges, weights=weights)[0]
        decline = measured(weights @ quick(heights), 0.01)
        risen, chi_square, number = rises(quick, decline, edges, truth)
        assert (risen > -1e-3).all() and 0 < chi_square < 120 and 0 < number <= 40
        for confidence in (0.002, 0.1):  # such that many do not hold it
            found = window_weights(quick, decline, edges, confidence=confidence)
            if found.doubt:
                continue
            limit = chdtri(WINDOW_FREEDOM, 1 - confidence)
            clear = np.abs(risen - limit) > 0.02 * (1 + limit)
            inside = (found.intervals[:, 0] <= truth + 1e-6) & (truth <= found.intervals[:, 1] + 1e-6)
            assert (inside == (risen <= limit))[clear].all(), (kind, confidence)
            agree += int(clear.sum())
            held += int(inside[clear].sum())
    assert agree > 80 and held < agree


def test_counts_are_a_function_of_the_seed(quick):
    first = coverage_of_windows(quick, (0.01,), runs=6, intervals=0, seed=3)
    assert first.equals(coverage_of_windows(quick, (0.01,), runs=6, intervals=0, seed=3))
    assert not first.equals(coverage_of_windows(quick, (0.01,), runs=6, intervals=0, seed=4))
    first = coverage_of_windows(quick, (0.01,), runs=1, intervals=1, seed=3)
    assert (first["held_profile"] <= first["held"]).all() and (first["full"] <= first["windows"]).all()
    assert (first["width_profile"] <= first["width"] + 1e-6).all()


@pytest.mark.slow
def test_windows_hold_the_truth_of_every_kind_of_spectrum(quick):
    """Also by rows that lie far apart; and the usual profile is found out by barriers beside an edge."""
    coarse = barrier_kernel(
        PAIR, TRAINING, np.arange(0, 40, 4), ENDING, 0.1, 5.0, method="eyring_kramers", spacing=0.1
    )  # fmt: skip
    edges = ["1 barrier beside an edge", "2 barriers at both edges"]
    for kernel in (quick, coarse):
        found = coverage_of_windows(kernel, (0.003, 0.02), runs=60, intervals=0, seed=fresh_seed())
        for kind in KINDS:
            own = found.sel(kind=kind).sum("noise")
            assert own["doubted"] <= 12  # of 120, one in a hundred expected
            for held, count in (("held", "windows"), ("full_held", "full")):
                assert not few(int(own[held]), int(own[count]), 0.95), kind
        worst = found.sel(kind=edges).sum(["kind", "noise"])
        assert few(int(worst["full_held_profile"]), int(worst["full"]), 0.95)


def test_bad_input_is_refused_in_one_line(quick):
    decline = measured(quick(np.array([0.9]))[0], 0.01)
    for call, message in (
        (lambda: rises(quick, decline, window_edges(quick), [0.5]), "one weight for each of"),
        (lambda: coverage_of_windows(quick, (-0.01,), runs=2, intervals=1), "noises positive"),
        (lambda: coverage_of_windows(quick, (0.01,), runs=2, intervals=3), "intervals at most as many"),
    ):
        with pytest.raises(ValueError, match=message) as caught:
            call()
        assert "\n" not in str(caught.value)
