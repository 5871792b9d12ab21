"""Separate barriers from a decline: their number, heights, weights and intervals, or a doubt by name."""

from __future__ import annotations

import math
import re
from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize, stats

from slt_toys.barriers.decline import Decline
from slt_toys.barriers.inversion import invert_decline, window_weights
from slt_toys.barriers.kernel import barrier_height, barrier_kernel, stuck_probabilities
from slt_toys.barriers.separate import any_spectrum, fit_barriers, separate_barriers
from slt_toys.protocol.sampled import sampled_stuck
from slt_toys.protocol.schedule import Ending
from slt_toys.protocol.training import ExponentialDecay, Training
from tests.barriers.made_declines import EDGES, ENDING, EPOCHS, HEIGHTS, PAIR, TRAINING, WEIGHTS, few, measured
from tests.seeds import fresh_seeds


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


def test_three_barriers_come_back_from_noisy_declines(exact):
    """The decline is solved for its own three barriers on a finer grid; number, places and weights return, any seed."""
    mean = WEIGHTS @ stuck_probabilities(PAIR, TRAINING, EPOCHS, ENDING, HEIGHTS, cells=200)
    assert np.abs(mean - WEIGHTS @ exact(HEIGHTS)).max() < 1e-3  # the two grids differ by a tenth of the noise
    runs, inside, narrow, doubted = 24, [], [], 0
    for run in range(runs):
        found = separate_barriers(exact, measured(mean, 0.006), confidence=0.9, repetitions=200, seed=run)
        assert found.number >= 3
        if found.doubt:  # chi-square or the number is rejected, once in a hundred each
            assert np.isnan(found.height_errors).all()
            doubted += 1
            continue
        if found.number != 3:
            continue
        truth = np.concatenate([HEIGHTS, WEIGHTS])
        value = np.concatenate([found.fit.heights, found.fit.weights])
        assert (np.abs(value - truth) < 6 * np.concatenate([found.height_errors, found.weight_errors])).all()
        low, high = np.concatenate([found.height_intervals, found.weight_intervals]).T
        inside.append((low <= truth) & (truth <= high))
        narrow.append(np.abs(truth - (low + high) / 2) < 0.2 * (high - low) / 2)
    right = len(inside)
    assert doubted <= 4
    assert not few(right, runs, 0.95)  # the level of the test
    assert not any(few(int(count), right, 0.9) for count in np.sum(inside, axis=0))
    assert any(few(int(count), right, 0.9) for count in np.sum(narrow, axis=0))  # control: a fifth as wide


def test_barriers_come_back_from_chains():
    """From Langevin chains, whose rows share their past, to two barriers: every step of the way."""
    training, epochs, ending = (
        Training(64, 12_500, ExponentialDecay(0.05, 0.85), 3072.0),
        np.arange(18),
        Ending("total", 30),
    )
    heights = np.array([0.4, 2.0])
    stuck = []
    for height in heights:  # a scaled energy is the unit one with other temperatures and times
        scale = height / barrier_height(PAIR)
        own = replace(training, dataset_size=12_500 * scale, gradient_variance=3072.0 / scale)
        stuck.append(sampled_stuck(PAIR, own, epochs, ending, chains=6000, seed=fresh_seeds()))
    decline = Decline.of_chains(epochs, np.mean(stuck, axis=0))
    kernel = barrier_kernel(PAIR, training, epochs, ending, 0.06, 6.0, cells=100, spacing=0.15)
    found = separate_barriers(kernel, decline, level=0.001, repetitions=1000, most=3)
    assert found.number == 2 or found.p_values[2] > 1e-4
    fit = fit_barriers(kernel, decline, 2)
    if found.number == 2:
        assert (np.abs(fit.heights - heights) < 5 * found.height_errors).all()
        assert (np.abs(fit.weights - 0.5) < 5 * found.weight_errors).all()
        assert (found.height_errors < 0.1 * heights).all()
    assert fit.chi_square < stats.chi2.isf(1e-6, epochs.size - 4)
    # Control: as if the rows were independent of one another, the same residuals are no noise of this size.
    alone = Decline(epochs, decline.stuck_share, np.sqrt(np.diag(decline.noise)))
    assert abs(fit_barriers(kernel, alone, 2).chi_square - fit.chi_square) > 1


def test_the_number_is_a_test_with_its_level(quick):
    """One barrier is called one at the level; two that nobody can tell apart are called one; two far apart, two."""
    one, near, far = quick(1.0), quick([0.97, 1.03]).mean(axis=0), quick([0.6, 1.8]).mean(axis=0)
    runs = 40
    counts = {
        name: [separate_barriers(quick, measured(mean, 0.01), repetitions=100, seed=r).number for r in range(runs)]
        for name, mean in (("one", one), ("near", near), ("far", far))
    }
    for name, number in (("one", 1), ("near", 1), ("far", 2)):
        assert not few(counts[name].count(number), runs, 0.94), (name, counts)
        assert min(counts[name]) == number
    nothing = separate_barriers(quick, measured(np.zeros(EPOCHS.size), 0.01), level=1e-3, repetitions=2000)
    assert nothing.number == 0 or nothing.p_values[0] < 1e-3


def test_fits_are_optima(quick):
    """The batch of Levenberg-Marquardt runs against a general optimiser, and the convex bound below both."""
    decline = measured(WEIGHTS @ quick(HEIGHTS), 0.006)
    fit = fit_barriers(quick, decline, 3)

    def misfit(p):
        return ((decline.stuck_share - p[3:] @ quick(np.exp(np.clip(p[:3], np.log(0.1), np.log(5))))) / 0.006) ** 2

    start = np.concatenate([np.log(HEIGHTS), WEIGHTS])
    peer = optimize.minimize(lambda p: misfit(p).sum(), start, method="Nelder-Mead",
                             options={"maxiter": 20_000, "maxfev": 20_000, "xatol": 1e-8, "fatol": 1e-8})  # fmt: skip
    assert fit.chi_square == pytest.approx(peer.fun, abs=1e-4)
    assert fit.chi_square >= any_spectrum(quick, decline, 400).chi_square - 0.05
    assert misfit(np.concatenate([np.log(fit.heights), fit.weights])).sum() == pytest.approx(fit.chi_square)
    fewer = [fit_barriers(quick, decline, number).chi_square for number in range(5)]
    assert (np.diff(fewer) <= 1e-6).all()


def test_a_wrong_kernel_is_found_out(exact):
    """Control: with the one-way law no spectrum declines like this, and the discrepancy rule says so."""
    wrong = barrier_kernel(PAIR, TRAINING, EPOCHS, ENDING, 0.1, 5.0, method="gumbel", spacing=0.1)
    decline = measured(WEIGHTS @ exact(HEIGHTS), 0.006)
    assert any_spectrum(exact, decline).chi_square < stats.chi2.isf(1e-8, EPOCHS.size)
    assert any_spectrum(wrong, decline).chi_square > 5 * EPOCHS.size
    with pytest.raises(ValueError, match="noise is too small for this kernel"):
        invert_decline(wrong, decline, rule="discrepancy")
