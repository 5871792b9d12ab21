"""Spectra of barriers from noisy declines: smooth ones, weights within windows, and intervals for any spectrum."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import optimize, stats

from slt_toys.barriers.decline import Decline
from slt_toys.barriers.inversion import _Problem, invert_decline, window_weights
from slt_toys.barriers.readings import window_edges
from slt_toys.barriers.resolution import separation_limit
from slt_toys.barriers.separate import fit_barriers, separate_barriers
from tests.barriers.made_declines import EDGES, EPOCHS, GRID, HEIGHTS, SPECTRA, WEIGHTS, few, measured


@pytest.mark.parametrize("name", SPECTRA)
@pytest.mark.parametrize("noise", [0.01, 0.003])
def test_coverage_of_the_windows(quick, name, noise):
    """Of spectra known to be smooth nominal 90 % intervals hold that often at least, and not by saying nothing."""
    weights = SPECTRA[name] / SPECTRA[name].sum()
    truth = np.bincount(np.searchsorted(EDGES, GRID, side="right"), weights)[1 : EDGES.size]
    runs = 40
    found = [window_weights(quick, measured(weights @ quick(GRID), noise), EDGES, assume="smooth") for _ in range(runs)]
    assert sum(bool(window.doubt) for window in found) <= 4  # one in a hundred is rejected
    found = [window for window in found if not window.doubt]
    runs = len(found)
    intervals = np.array([window.intervals for window in found])
    inside = ((intervals[..., 0] <= truth) & (truth <= intervals[..., 1])).sum(axis=0)
    assert not any(few(int(count), runs, 0.9) for count in inside), inside / runs
    width = np.ptp(intervals, axis=2).mean(axis=0)
    assert (width < (0.35 if noise == 0.01 else 0.2)).all()
    # Control: the same intervals a fifth as wide, about the same estimates, are caught.
    middle, half = intervals.mean(axis=2), 0.1 * np.ptp(intervals, axis=2)
    assert any(few(int(count), runs, 0.9) for count in (np.abs(middle - truth) < half).sum(axis=0))


@pytest.mark.parametrize("rule", ["generalised_cross_validation", "discrepancy"])
def test_smooth_spectra_come_back(quick, rule):
    """The density comes back at little noise, the fit is within the noise, and more noise smooths more."""
    weights = SPECTRA["two"] / SPECTRA["two"].sum()
    mean = weights @ quick(GRID)
    truth = weights / np.log(GRID[1] / GRID[0])
    worst, typical = [], []
    for _ in range(9):
        decline = measured(mean, 2e-4)
        found = invert_decline(quick, decline, rule=rule)
        error = np.abs(found.log_density - np.interp(np.log(found.heights), np.log(GRID), truth)) / truth.max()
        inner = (found.heights > 0.2) & (found.heights < 4)
        worst.append(error[inner].max())
        typical.append(error[inner].mean())
        assert found.density == pytest.approx(found.log_density / found.heights)
        assert found.chi_square < stats.chi2.isf(1e-6, EPOCHS.size)
        if rule == "discrepancy":
            least = invert_decline(quick, decline, smoothing=1e-4).chi_square + 1e-6
            assert found.chi_square <= max(EPOCHS.size, least + math.sqrt(2 * EPOCHS.size))
        noisy = invert_decline(quick, measured(mean, 0.02), rule=rule)
        assert noisy.freedom < found.freedom < EPOCHS.size
    assert np.median(worst) < 0.25 and np.median(typical) < 0.06  # one decline may be smoothed too little


def test_weights_are_the_non_negative_least_squares(quick):
    """Chi² + penalty has no slope at a weight above 0, and none that would lower it at a weight of 0."""
    for alpha in (1e-3, 1.0, 1e3):
        decline = measured(WEIGHTS @ quick(HEIGHTS), 0.003)
        found = invert_decline(quick, decline, smoothing=alpha)
        problem = _Problem(quick, decline, found.heights)
        slope = problem.gram(alpha) @ found.weights - problem.matrix.T @ decline.whitened
        scale = np.abs(problem.matrix.T @ decline.whitened).max()
        free = found.weights > 0
        assert (found.weights >= 0).all() and 1 < free.sum() < free.size
        assert np.abs(slope[free]).max() < 1e-8 * scale and slope[~free].min() > -1e-8 * scale
        other = slope + problem.gram(alpha) @ (0.001 * found.weights)
        assert np.abs(other[free]).max() > 1e-6 * scale, "the control: other weights have a slope"


# ---- declines and refusals -----------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda k, d: Decline(EPOCHS, d.stuck_share, np.zeros(40)), "noise must be positive"),
        (lambda k, d: Decline(EPOCHS, d.stuck_share, -np.eye(40)), "positive definite"),
        (lambda k, d: Decline(EPOCHS, d.stuck_share[1:], d.noise), "one finite share per switch epoch"),
        (lambda k, d: Decline(EPOCHS[::-1], d.stuck_share, d.noise), "at least 4 whole numbers that increase"),
        (lambda k, d: Decline.of_accuracy(EPOCHS, d.stuck_share, 0.1, 0.5, 0.9), "best must exceed worst"),
        (lambda k, d: Decline.of_chains(EPOCHS, np.ones((10, 40))), "twice as many chains"),
        (lambda k, d: invert_decline(k, d, rule="eye"), "rule must be one of"),  # type: ignore[arg-type]
        (lambda k, d: invert_decline(k, d, smoothing=-1.0), "smoothing must be positive"),
        (lambda k, d: window_weights(k, d, [1.0, 1.05]), "closer than the kernel's width"),
        (lambda k, d: window_weights(k, d, [2.0, 1.0]), "edges must be"),
        (lambda k, d: window_weights(k, d, EDGES, assume="guess"), "assume must be one of nothing, smooth"),  # type: ignore[arg-type]
        (lambda k, d: Decline(np.arange(4) + 0.5, np.zeros(4), np.ones(4)), "4 whole numbers that increase"),  # type: ignore[arg-type]
        (lambda k, d: Decline(np.array([0, 1, np.nan, 3]), np.zeros(4), np.ones(4)), "4 whole numbers that increase"),
        (lambda k, d: Decline(np.arange(4), np.zeros(4), np.full((4, 4), np.inf)), "noise must be positive"),
        (lambda k, d: Decline(np.arange(4), np.zeros(4), 1e-9 * (np.eye(4) + np.eye(4, k=1) / 2)), "symmetric"),
        (lambda k, d: separate_barriers(k, d, level=0.0), "level must lie between 0 and 1"),
        (lambda k, d: separate_barriers(k, d, repetitions=3), "repetitions at least 20"),
        (lambda k, d: fit_barriers(k, d, -1), "number must be a whole number"),
        (lambda k, d: separation_limit(k, 0.01, 1.0, level=0.5), "level must be smaller than power"),
        (lambda k, d: separation_limit(k, 0.01, 100.0), "heights must lie between"),
        (lambda k, d: fit_barriers(k, Decline(EPOCHS + 1, d.stuck_share, d.noise), 1), "switch_epochs; they differ"),
    ],
)
def test_bad_input_is_refused_in_one_line(quick, make, message):
    decline = measured(WEIGHTS @ quick(HEIGHTS), 0.01)
    with pytest.raises(ValueError, match=message) as caught:
        make(quick, decline)
    assert "\n" not in str(caught.value)


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
    for _ in range(4):  # one decline in a hundred is doubted, as the doubt's level has it
        decline = measured(WEIGHTS @ quick(HEIGHTS), 0.01)
        found = window_weights(quick, decline, EDGES, confidence=confidence)
        if not found.doubt:
            break
    assert not found.doubt and found.assume == "nothing"
    heights = np.sort(np.concatenate([np.geomspace(0.1, 5, 400)[1:-1], EDGES * (1 - 1e-7), EDGES * (1 + 1e-7)]))
    matrix = decline.whiten(quick(heights)).T
    least = optimize.nnls(matrix, decline.whitened)[1] ** 2
    excess = stats.chi2.ppf(confidence, 4)
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
