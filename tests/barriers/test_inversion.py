"""Spectra of barriers from noisy declines: smooth ones, separate ones, and where it stops being possible."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest
from scipy import optimize, stats

from slt_toys.barriers import nonnegative
from slt_toys.barriers.decline import Decline
from slt_toys.barriers.inversion import invert_decline, window_weights
from slt_toys.barriers.kernel import barrier_height, barrier_kernel, stuck_probabilities
from slt_toys.barriers.nonnegative import minimise_nonnegative
from slt_toys.barriers.resolution import difference_from_one, recovery_map, separation_limit
from slt_toys.barriers.separate import any_spectrum, fit_barriers, separate_barriers
from slt_toys.potentials.catalogue import find_pair
from slt_toys.protocol.sampled import sampled_stuck
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


# ---- separate barriers ---------------------------------------------------------------------------------------------
def test_three_barriers_come_back_from_noisy_declines(exact):
    """The decline is solved for its own three barriers on a finer grid; number, places and weights return, any seed."""
    mean = WEIGHTS @ stuck_probabilities(PAIR, TRAINING, EPOCHS, ENDING, HEIGHTS, cells=200)
    assert np.abs(mean - WEIGHTS @ exact(HEIGHTS)).max() < 1e-3  # the two grids differ by a tenth of the noise
    runs, inside, narrow = 24, [], []
    for run in range(runs):
        found = separate_barriers(exact, measured(mean, 0.006), confidence=0.9, repetitions=200, seed=run)
        assert found.enough and 3 <= found.number <= 5
        if found.number != 3:
            continue
        truth = np.concatenate([HEIGHTS, WEIGHTS])
        value = np.concatenate([found.fit.heights, found.fit.weights])
        assert (np.abs(value - truth) < 6 * np.concatenate([found.height_errors, found.weight_errors])).all()
        low, high = np.concatenate([found.height_intervals, found.weight_intervals]).T
        inside.append((low <= truth) & (truth <= high))
        narrow.append(np.abs(truth - (low + high) / 2) < 0.2 * (high - low) / 2)
    right = len(inside)
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


# ---- smooth spectra ------------------------------------------------------------------------------------------------
GRID = np.geomspace(0.1, 5, 400)
EDGES = np.array([0.2, 0.5, 0.9, 1.5, 2.6])


def bump(centre: float, width: float) -> np.ndarray:
    return np.exp(-(np.log(GRID / centre) ** 2) / (2 * width**2))


SPECTRA = {
    "one narrow": bump(0.9, 0.25),
    "two": bump(0.4, 0.2) + 1.5 * bump(1.8, 0.3),
    "wide": bump(0.8, 0.6),
}


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


def test_nonnegative_least_squares_against_an_active_set():
    random = np.random.default_rng(fresh_seeds())
    for _ in range(20):
        rows, size = 30, 18
        matrix, data = random.standard_normal((rows, size)), random.standard_normal(rows)
        gram = matrix.T @ matrix
        guess = random.random(size) < 0.5
        found, free = minimise_nonnegative(gram, matrix.T @ data, guess)
        assert found == pytest.approx(optimize.nnls(matrix, data)[0], abs=1e-9)
        assert (found >= 0).all() and np.array_equal(found > 0, free)


def test_nonnegative_least_squares_where_rounding_matters(monkeypatch):
    """Exchanges may then go round in circles; the active set that takes over gives the same least squares."""
    random = np.random.default_rng(fresh_seeds())
    matrix, data = random.standard_normal((30, 18)), random.standard_normal(30)
    gram = matrix.T @ matrix
    expected = minimise_nonnegative(gram, matrix.T @ data)
    monkeypatch.setattr(nonnegative, "ROUNDS", 0)
    found, free = minimise_nonnegative(gram, matrix.T @ data)
    assert found == pytest.approx(expected[0], abs=1e-9) and np.array_equal(free, expected[1])
    with pytest.raises(ValueError, match="gram must be positive definite"):
        minimise_nonnegative(-gram, matrix.T @ data)


# ---- resolution ----------------------------------------------------------------------------------------------------
def test_separation_against_the_law():
    """For the Gumbel kernel the limit computed from the kernel is [eq:barrier-spectrum-separation]."""
    kernel = barrier_kernel(PAIR, TRAINING, EPOCHS, ENDING, 0.05, 8.0, method="gumbel", spacing=0.1)
    for noise in (1e-3, 1e-2):
        for height in (0.5, 1.0):
            found = separation_limit(kernel, noise, height)
            assert found.widths == pytest.approx(found.widths_by_law, rel=0.1)
            assert difference_from_one(kernel, noise, height, found.ratio) == pytest.approx(1.6449**2, rel=1e-2)
    far, near = (separation_limit(kernel, noise, 1.0).widths for noise in (1e-2, 1e-4))
    assert far / near == pytest.approx(10, rel=0.15)  # the square root of the noise
    assert separation_limit(kernel, 10.0, 1.0).ratio == np.inf


def test_separation_of_the_exact_kernel(exact):
    """The law also holds, to a sixth, for the whole Fokker-Planck kernel, whose levels are its equilibria."""
    for noise in (1e-3, 1e-2):
        found = separation_limit(exact, noise, 1.0)
        assert found.widths == pytest.approx(found.widths_by_law, rel=0.17)


def test_recovery_stops_at_the_limit(quick):
    """Well beyond the limit all are found, well within it none; no test could do better than the limit."""
    limit = separation_limit(quick, 0.01, 1.0).ratio
    ratios = [limit**0.5, limit, limit**2.5]
    map_ = recovery_map(quick, 1.0, ratios, [0.01], number=2, runs=30, repetitions=60, seed=fresh_seeds()[0])
    found = (map_["found"].values[:, 0] == 2).sum(axis=1)
    assert found[0] <= 15 and not few(int(found[2]), 30, 0.9) and found[0] < found[2]
    assert found[1] < 30 * 0.5 + 5 * math.sqrt(30 * 0.25)
    assert map_["limit"].values[0] == pytest.approx(limit)
    assert np.isfinite(map_["position_error"].values[map_["found"].values == 2]).all()


# ---- declines and refusals -----------------------------------------------------------------------------------------
def test_correlated_noise_is_whitened():
    random = np.random.default_rng(fresh_seeds())
    root = np.tril(random.random((6, 6))) + np.eye(6)
    decline = Decline(np.arange(6), np.zeros(6), root @ root.T)
    drawn = np.array([decline.redrawn(np.zeros(6), [*fresh_seeds(), i]).whitened for i in range(4000)])
    assert np.abs(drawn.T @ drawn / 4000 - np.eye(6)).max() < 5 * math.sqrt(2 / 4000)
    assert np.abs(np.cov((drawn @ root.T).T) - np.diag(np.diag(root @ root.T))).max() > 0.2  # control: not white before


def test_accuracy_is_normalised():
    decline = Decline.of_accuracy([0, 10, 20, 30], [0.92, 0.9, 0.86, 0.82], 0.002, best=0.92, worst=0.82)
    assert decline.stuck_share == pytest.approx([0, 0.2, 0.6, 1.0])
    assert decline.noise == pytest.approx(np.full(4, 0.02))


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
