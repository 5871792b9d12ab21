"""Weights within windows of barrier height: intervals that hold for any spectrum, or a doubt by name."""

from __future__ import annotations

import math
import re

import numpy as np
import pytest
from scipy import optimize, stats

from slt_toys.barriers.decline import REJECTED, Decline, chance_of_misfit, misfit_told
from slt_toys.barriers.inversion import invert_decline, window_weights
from slt_toys.barriers.kernel import barrier_kernel
from slt_toys.barriers.readings import window_edges
from slt_toys.barriers.separate import fit_barriers, separate_barriers
from slt_toys.potentials.catalogue import find_pair
from slt_toys.protocol.schedule import Ending
from slt_toys.protocol.training import ExponentialDecay, Training
from tests.seeds import fresh_seeds

PAIR = find_pair("regular_double_well")
TRAINING = Training(64, 50_000, ExponentialDecay(0.05, 0.9), 3072.0)
EPOCHS = np.arange(40)
ENDING = Ending("total", 70)
HEIGHTS, WEIGHTS = np.array([0.35, 0.9, 2.2]), np.array([0.3, 0.4, 0.3])


@pytest.fixture(scope="module")
def exact():
    """The Fokker-Planck kernel, the reference."""
    return barrier_kernel(PAIR, TRAINING, EPOCHS, ENDING, 0.1, 5.0, cells=100, spacing=0.1)


@pytest.fixture(scope="module")
def quick():
    """The kernel of two states, for whatever needs no exact one."""
    return barrier_kernel(PAIR, TRAINING, EPOCHS, ENDING, 0.1, 5.0, method="eyring_kramers", spacing=0.1)


def measured(mean, noise: float) -> Decline:
    return Decline(EPOCHS, mean, np.full(EPOCHS.size, noise)).redrawn(mean, fresh_seeds())


def few(count: int, runs: int, share: float) -> bool:
    """Whether a count is more than 5 standard errors below what a share of the runs would be."""
    return count < runs * share - 5 * math.sqrt(runs * share * (1 - share))


GRID = np.geomspace(0.1, 5, 400)
EDGES = np.array([0.2, 0.5, 0.9, 1.5, 2.6])


def bump(centre: float, width: float) -> np.ndarray:
    return np.exp(-(np.log(GRID / centre) ** 2) / (2 * width**2))


SPECTRA = {
    "one narrow": bump(0.9, 0.25),
    "two": bump(0.4, 0.2) + 1.5 * bump(1.8, 0.3),
    "wide": bump(0.8, 0.6),
}


SEPARATE = {
    "one": (np.array([0.86]), np.array([1.0])),
    "three": (HEIGHTS, WEIGHTS),
    "five": (np.array([0.25, 0.4, 0.7, 1.3, 2.3]), np.full(5, 0.2)),
    "smooth": (GRID, SPECTRA["wide"] / SPECTRA["wide"].sum()),
    "narrow": (GRID, SPECTRA["one narrow"] / SPECTRA["one narrow"].sum()),
}
FEWER = np.array([0.2, 0.55, 0.9, 1.5, 2.6])


@pytest.mark.parametrize("noise", [0.01, 0.003])
@pytest.mark.parametrize("name", SEPARATE)
def test_coverage_whatever_the_spectrum(quick, name, noise):
    """By default intervals hold for separate barriers and smooth spectra alike, at least as often as they promise."""
    heights, weights = SEPARATE[name]
    truth = np.histogram(heights, FEWER, weights=weights)[0]
    mean, runs = weights @ quick(heights), 12
    declines = [measured(mean, noise) for _ in range(runs)]
    found = [window_weights(quick, decline, FEWER) for decline in declines]
    assert sum(bool(window.doubt) for window in found) <= 3
    intervals = np.array([window.intervals for window in found if not window.doubt])
    inside = (intervals[..., 0] <= truth + 1e-9) & (truth <= intervals[..., 1] + 1e-9)
    assert not any(few(int(count), len(intervals), 0.9) for count in inside.sum(axis=0))
    assert not few(int(inside.sum()), inside.size, 0.9)
    for window in found:
        assert (
            window.doubt
            or ((window.intervals[:, 0] <= window.weights) & (window.weights <= window.intervals[:, 1])).all()
        )
    if name == "one":  # control: as if it were smooth, the same declines miss a window nearly always
        smooth = np.array([window_weights(quick, decline, FEWER, assume="smooth").intervals for decline in declines])
        inside = ((smooth[..., 0] <= truth + 1e-9) & (truth <= smooth[..., 1] + 1e-9)).sum(axis=0)
        assert any(few(int(count), runs, 0.9) for count in inside)
    if name == "five":  # control: a twenty-fifth as wide
        middle, half = intervals.mean(axis=2), 0.02 * np.ptp(intervals, axis=2)
        held = (np.abs(middle - truth) < half).sum()
        assert few(int(held), intervals.shape[0] * truth.size, 0.9)


@pytest.mark.parametrize("confidence", [0.5, 0.95])
def test_ends_of_intervals_are_where_chi_square_has_risen(quick, confidence):
    """The least chi-square of any spectrum with that much weight in the window, by least squares with a heavy row."""
    decline = measured(WEIGHTS @ quick(HEIGHTS), 0.01)
    found = window_weights(quick, decline, EDGES, confidence=confidence)
    assert not found.doubt and found.assume == "nothing"
    heights = np.sort(np.concatenate([np.geomspace(0.1, 5, 400)[1:-1], EDGES * (1 - 1e-7), EDGES * (1 + 1e-7)]))
    matrix = decline.whiten(quick(heights)).T
    least = optimize.nnls(matrix, decline.whitened)[1] ** 2
    excess = stats.norm.ppf((1 + confidence) / 2) ** 2
    for k in range(EDGES.size - 1):
        share = (EDGES[k] < heights) & (heights < EDGES[k + 1])
        for end in found.intervals[k]:
            if end < 1e-6:
                continue
            heavy = np.vstack([matrix, 1e5 * share])
            residual = optimize.nnls(heavy, np.append(decline.whitened, 1e5 * end))[1] ** 2
            assert residual - least == pytest.approx(excess, abs=0.02 + 0.03 * excess)  # the grids differ
        assert found.intervals[k, 1] > 1e-4  # a window is never known to be empty


def test_windows_that_no_weight_lies_in_have_an_upper_end(quick):
    """At the ends of the kernel's range the decline hardly changes with a window's weight: it is unknown, not zero."""
    edges = window_edges(quick)
    truth = np.histogram([0.86], edges, weights=[1.0])[0]
    for _ in range(8):
        decline = measured(quick(np.array([0.86]))[0], 0.01)
        for assume in ("nothing", "smooth"):
            found = window_weights(quick, decline, edges, confidence=0.9999, assume=assume)
            assert found.doubt or (np.diff(found.intervals, axis=1) > 1e-6).all()
            if assume == "nothing" and not found.doubt:
                assert ((found.intervals[:, 0] <= truth) & (truth <= found.intervals[:, 1])).all()


def test_what_does_not_explain_a_decline_is_named_and_has_no_intervals(exact):
    """Of the right kernel about one in a hundred is rejected, of the one-way law every one."""
    wrong = barrier_kernel(PAIR, TRAINING, EPOCHS, ENDING, 0.1, 5.0, method="gumbel", spacing=0.1)
    mean = WEIGHTS @ exact(HEIGHTS)
    told = [invert_decline(exact, measured(mean, 0.006)).doubt for _ in range(40)]
    assert sum(map(bool, told)) <= 8
    decline = measured(mean, 0.006)
    spectrum = invert_decline(wrong, decline)
    assert spectrum.p_value == pytest.approx(stats.chi2.sf(spectrum.chi_square, 40 - spectrum.freedom), abs=1e-12)
    for doubt in (spectrum.doubt, window_weights(wrong, decline, EDGES, assume="smooth").doubt,
                  window_weights(wrong, decline, EDGES).doubt):  # fmt: skip
        assert "does not explain the decline (chi-square " in doubt and "for 40 rows, p < 0.001)" in doubt
    assert np.isnan(window_weights(wrong, decline, EDGES).intervals).all()
    found = separate_barriers(wrong, decline, repetitions=40, most=2)
    assert re.search(r"^2 barriers do not explain the decline \(chi-square .* for 40 rows, p < 0.001\)", found.doubt)
    assert np.isnan(found.height_intervals).all() and np.isnan(found.weight_errors).all() and not found.enough
    fine = separate_barriers(exact, measured(mean, 0.006), repetitions=40, level=1e-6)
    assert fine.doubt or np.isfinite(fine.weight_intervals).all()
    # One barrier where three are: rejected by the test, whatever chi-square says.
    few_tried = separate_barriers(exact, measured(mean, 0.02), repetitions=100, most=1)
    assert few_tried.doubt and np.isnan(few_tried.height_errors).all()


def test_a_number_that_is_rejected_has_no_intervals_though_chi_square_allows_it(quick):
    """One barrier misses two, without noise, by 15 in chi-square: little for 40 rows, much against any spectrum."""
    mean = quick(np.array([0.6, 1.3])).mean(axis=0)
    missed = fit_barriers(quick, Decline(EPOCHS, mean, np.full(40, 0.01)), 1).chi_square
    found = separate_barriers(quick, Decline(EPOCHS, mean, np.full(40, 0.01 * math.sqrt(missed / 15))), most=1)
    assert not found.enough and found.doubt.startswith("the decline asks for more than the 1 barrier tried (p = 0.0")
    assert np.isnan(found.height_intervals).all()


def test_the_chance_of_a_misfit():
    for chi_square, rows, freedom in ((62.0, 10, 3.5), (30.0, 40, 6.0), (12.0, 5, 8.0)):
        chance = stats.chi2.sf(chi_square, max(rows - freedom, 1))
        assert chance_of_misfit(chi_square, rows, freedom) == pytest.approx(chance)
        told = misfit_told("it does not explain", chi_square, rows, freedom)
        assert bool(told) == (chance < 0.01)
    assert misfit_told("it does not explain", 62.0, 10, 3.5).startswith(
        "it does not explain the decline (chi-square 62 for 10 rows, p < 0.001): "
    )
    assert "p = 0.0" in misfit_told("x", 17.0, 5, 0.0)
    assert REJECTED == 0.01
