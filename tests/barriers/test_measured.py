"""The parts of the smooth-decline experiment: measured tables, sampled populations, readings, recording intervals."""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
from scipy import integrate, stats

from slt_toys.barriers import published as spectra
from slt_toys.barriers.kernel import barrier_kernel, stuck_probabilities
from slt_toys.barriers.measured import MeasuredDecline, measured_decline, published_decline, read_decline, scatter
from slt_toys.barriers.population import Population, height_range, log_normal, sampled_decline
from slt_toys.barriers.published import published_protocol, published_spectra, read_measured
from slt_toys.barriers.readings import WIDTHS, read_barriers, window_edges
from slt_toys.barriers.recording_intervals import ManyBarriers, transitions_by_interval
from slt_toys.barriers.resolution import difference_from_one, separation_limit
from slt_toys.protocol.schedule import Ending
from slt_toys.reference.laws import law
from slt_toys.reference.published import published_curves
from slt_toys.smooth_decline import CELLS, SPACING, SmoothDecline
from tests.seeds import fresh_seeds

CONFIG = SmoothDecline()
PAIR = CONFIG.pair()
TRAINING, ENDING = CONFIG.protocol()
EPOCHS = np.arange(CONFIG.switch_epochs)
THREE = CONFIG.populations()[0]


@pytest.fixture(scope="module")
def quick():
    low, high = height_range(PAIR, TRAINING, 0, int(EPOCHS[-1]), ENDING)
    return barrier_kernel(PAIR, TRAINING, EPOCHS, ENDING, low, high, method="eyring_kramers", spacing=0.1)


# ---- measured -------------------------------------------------------------------------------------------------------
def test_scatter_is_the_standard_error_of_a_row():
    random = np.random.default_rng(fresh_seeds())
    rows, runs = 20, 4000
    epochs = np.cumsum(random.integers(1, 9, rows))
    line = 90 - 0.03 * epochs
    found = np.array([scatter(epochs, line + 0.4 * random.standard_normal(rows)) for _ in range(runs)])
    error = 1.2533 * found.std() / math.sqrt(runs)  # of a median
    assert abs(np.median(found) / 0.4 - 1) < 0.07 + 5 * error / 0.4  # the median of few rows is biased a little
    assert 1.2 < math.sqrt(rows) * found.std() / 0.4 < 1.9
    doubled = np.array([scatter(epochs, line + 0.8 * random.standard_normal(rows)) for _ in range(500)])
    assert np.median(doubled) - np.median(found) > 12 * error  # control
    # One bend, as every decline has, counts little.
    bent = np.where(epochs > epochs[9], line - 3, line)
    assert scatter(epochs, bent + 0.4 * random.standard_normal(rows)) < 2


def test_the_first_row_as_the_level_of_nothing_stuck():
    """Its noise moves all others: whitened, drawn tables are white; as if it were exact, they are not."""
    random = np.random.default_rng(fresh_seeds())
    epochs, errors = np.arange(0, 80, 10), np.linspace(0.2, 0.4, 8)
    truth = np.array([90.0, 89, 87, 84, 82, 81, 80, 80])
    one = measured_decline("one", epochs, truth, errors, worst=80.0)
    assert one.best == 90 and not one.best_given and one.decline.size == 7 and one.first_epoch == 0
    assert one.decline.stuck_share == pytest.approx((90 - truth[1:]) / 10)
    runs = 4000
    drawn = truth + errors * random.standard_normal((runs, 8))
    off = (drawn[:, :1] - drawn[:, 1:]) / 10 - one.decline.stuck_share
    white = one.decline.whiten(off)
    assert np.abs(white.T @ white / runs - np.eye(7)).max() < 5 * math.sqrt(2 / runs)
    alone = off / (errors[1:] / 10)
    assert np.abs(alone.T @ alone / runs - np.eye(7)).max() > 12 * math.sqrt(2 / runs)
    given = measured_decline("one", epochs, truth, errors, best=91.0)
    assert given.best_given and given.decline.size == 8
    assert given.decline.noise == pytest.approx(errors / (91 - (81 + 80 + 80) / 3 + 1 / 3), rel=0.05)
    rising = measured_decline("loss", epochs, -truth, errors, worst=-80.0)
    assert rising.decline.stuck_share == pytest.approx(one.decline.stuck_share)


def test_a_file_and_the_published_curves(tmp_path):
    curve = published_curves()[128]
    path = tmp_path / "mine.csv"
    rows = [f"{int(e)},{v}" for e, v in zip(curve.switch_epochs, curve.final_accuracy, strict=True)]
    path.write_text("\ufeffswitch_epoch, value\n" + "\n".join(rows) + "\n", encoding="utf-8")
    mine, theirs = read_decline(path), published_decline(128)
    assert mine.decline.stuck_share == pytest.approx(theirs.decline.stuck_share)
    assert mine.decline.noise == pytest.approx(theirs.decline.noise)
    assert mine.errors_estimated and mine.name == "the decline in mine.csv"
    path.write_text("standard_error,value,switch_epoch\n" + "\n".join(f".1,{90 - k},{k}" for k in range(7)))
    assert not read_decline(path).errors_estimated


HEAD = "switch_epoch,value,standard_error\n"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("epoch,value\n1,2\n", "has no column 'switch_epoch'"),
        ("", "has no column 'switch_epoch'"),
        (HEAD + "0,90,.1\n1,x,.1\n", "line 3, column 'value': 'x' is not a number"),
        (HEAD + "0,90,.1\n1,,.1\n", "line 3, column 'value': '' is not a number: an empty cell"),
        (HEAD + "0,90\n", "line 2, column 'standard_error': '' is not a number: an empty cell"),
        (HEAD + "0,nan,.1\n", "'nan' is not finite"),
        (HEAD + "0.5,90,.1\n", "switch_epoch must be a whole number"),
        (HEAD + "-1,90,.1\n", "switch_epoch must be a whole number"),
        (HEAD + "3,90,.1\n3,89,.1\n", "line 3: switch_epoch must not come twice, but 3 stands in line 2"),
        (HEAD + "0,90,0\n", "standard_error must be positive"),
        (HEAD + "0,90,.1\n1,89,.1\n", "must have at least 6 rows, not 2"),
        (HEAD + "".join(f"{k},90,.1\n" for k in range(8)), "same level 90"),
        ("switch_epoch,value\n" + "".join(f"{k},{90 - k}\n" for k in range(8)), "values must scatter"),
        (b"\xff\xfe\x00", "is no text"),
        (b"\x00" * 40, "is no text"),
        (HEAD, "must have at least 6 rows, not 0"),
        (HEAD + "0,90,.1\n1,89,8,0,1\n", r"line 3: 5 cells where the first line names 3 columns; write decimals with"),
        ("switch_epoch,value\n\n0,90\n\n1,89,8\n", r"line 5: 3 cells where the first line names 2 columns"),
        ("switch_epoch,value\n0,90\n1,1,089.5\n", r"line 3: 3 cells where"),
        (HEAD + '0,"89,8",.1\n', r"line 2, column 'value': '89,8' is not a number; write decimals with a point"),
        (HEAD + "0,1_0,.1\n", "'1_0' is not a number; write decimals"),
        (HEAD + "0,1 089.5,.1\n", "'1 089.5' is not a number; write decimals"),
        (HEAD + "0,90%,.1\n", "leave the per cent sign out"),
        (HEAD + "0,\u0669\u0660,.1\n", "is not a number"),
        (HEAD + "0,inf,.1\n", "'inf' is not finite"),
        (HEAD + "1e30,90,.1\n", "switch_epoch must be a whole number"),
        (HEAD + "0,90,-.1\n", "standard_error must be positive"),
        ("switch_epoch,value,note\n0,90\n", "line 2: 2 cells where the first line names 3 columns"),
        ('switch_epoch,value,note\n0,90,"a\nb"\n1,x,c\n', "line 4, column 'value': 'x' is not a number"),
        (HEAD + "0;90;.1\n", "line 2.*separated by semicolons"),
        (HEAD.replace(",", ";") + "0;90;.1\n", "has no column 'switch_epoch'; it is separated by semicolons"),
        (HEAD.replace(",", "\t") + "0\t90\t.1\n", "has no column 'switch_epoch'; it is separated by tabs"),
        ("switch_epoch,value,value\n0,90,91\n", "column 'value' named twice"),
        ("switch_epoch,value,\n0,90,\n", "no name for column 3 of line 1"),
        (HEAD + '0,"90,.1\n1,89,.1\n', "no comma-separated values"),
    ],
)
def test_bad_files_are_refused_in_one_line(text, message, tmp_path):
    path = tmp_path / "bad.csv"
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    with pytest.raises(ValueError, match=message) as caught:
        read_decline(path)
    assert "\n" not in str(caught.value)


ROWS = [(e, 90 - 8 / (1 + math.exp((20 - e) / 6)) + 0.1 * math.sin(7 * e), 0.05 + 0.002 * e) for e in range(0, 60, 4)]


def written(path, rows, scale=1.0, offset=0.0, quote="", ending="\n", errors=True):
    head = "switch_epoch,value" + ",standard_error" * errors
    lines = [",".join(f"{quote}{cell!r}{quote}" for cell in (e, offset + scale * v, abs(scale) * s)[: 2 + errors])
             for e, v, s in rows]  # fmt: skip
    path.write_bytes(ending.join([head, *lines, ""]).encode())
    return path


@pytest.mark.parametrize("errors", [True, False])
def test_what_a_file_says_does_not_depend_on_how_it_is_written(errors, tmp_path):
    """Order of rows, per cent or share, an offset, loss for accuracy, quotes, line ends, byte order mark."""
    random = np.random.default_rng(fresh_seeds())
    mixed = [ROWS[k] for k in random.permutation(len(ROWS))]
    path = tmp_path / "mine.csv"
    for levels in ({}, {"best": 90.3, "worst": 81.5}):
        first = read_decline(written(path, ROWS, errors=errors), **levels).decline

        def same(rows=ROWS, scale=1.0, offset=0.0, first=first, levels=levels, **how):
            moved = {name: offset + scale * level for name, level in levels.items()}
            other = read_decline(written(path, rows, scale, offset, errors=errors, **how), **moved)
            assert other.first_epoch == 0
            assert other.decline.stuck_share == pytest.approx(first.stuck_share, rel=1e-9, abs=1e-9)
            assert other.decline.noise == pytest.approx(first.noise, rel=1e-9)

        same(mixed)
        same(scale=0.01)
        same(mixed, scale=-1e-6, offset=3.0)
        same(quote='"')
        same(ending="\r\n")
        path.write_bytes(b"\xef\xbb\xbf" + written(path, ROWS, errors=errors).read_bytes())
        assert np.array_equal(read_decline(path, **levels).decline.stuck_share, first.stuck_share)
    epochs, values, sizes = (np.array(column) for column in zip(*mixed, strict=True))
    by_hand = measured_decline("x", epochs, values, sizes if errors else None)
    of_file = read_decline(written(path, ROWS, errors=errors))
    assert by_hand.decline.stuck_share == pytest.approx(of_file.decline.stuck_share)
    assert by_hand.decline.noise == pytest.approx(of_file.decline.noise)


@pytest.mark.parametrize(
    ("levels", "message"),
    [
        ({"best": 0.92}, "far from --best 0.92; give it in their unit"),
        ({"best": 60.0}, "begins at 89.7[0-9]*, farther from --best 60 than its last rows are"),
        ({"best": 9200.0}, "far from --best 9200; give it in their unit"),
        ({"worst": 0.8}, "far from --worst 0.8; give it in their unit"),
        ({"best": 0.92, "worst": 0.8}, "in their unit"),
        ({"best": 88.0}, "standard errors beyond --best 88"),
        ({"worst": 84.0}, "standard errors beyond --worst 84"),
    ],
)
def test_levels_in_another_unit_are_refused(levels, message):
    epochs, values, errors = (np.array(column) for column in zip(*ROWS, strict=True))
    with pytest.raises(ValueError, match=message) as caught:
        measured_decline("mine", epochs, values, errors, **levels)
    assert "\n" not in str(caught.value)


# ---- populations ----------------------------------------------------------------------------------------------------
def test_a_log_normal_population_stands_for_the_smooth_spectrum(quick):
    """Its decline against a fine sum, and its weights within windows against quadrature."""
    found = log_normal("smooth", 0.8, 0.45)
    fine = np.linspace(-5, 5, 4001)
    weights = stats.norm.pdf(fine)
    inside = (weights @ quick(np.clip(0.8 * np.exp(0.45 * fine), quick.lowest, quick.highest))) / weights.sum()
    lost = 2 * stats.norm.sf(3)  # beyond the reach
    assert np.abs(found.weights @ quick(found.heights) - inside).max() < 1e-4 + lost
    assert found.median == pytest.approx(0.8)
    edges = np.array([0.3, 0.7, 1.5, 4.0])
    for k, share in enumerate(found.within(edges)):
        area, _ = integrate.quad(lambda log: float(found.log_density(np.exp([log]))[0]), *np.log(edges[k : k + 2]))
        assert share == pytest.approx(area, rel=1e-6)
    assert THREE.within(np.array([0.1, 0.5, 1.0, 3.0])) == pytest.approx(THREE.weights)


def test_a_sampled_decline_has_the_exact_means_and_its_own_covariance():
    """Langevin chains of two heights against the Fokker-Planck equation; another population lies far off."""
    epochs = np.arange(0, 28, 3)
    population = Population("two", np.array([0.4, 1.6]), np.array([0.25, 0.75]))
    exact = population.weights @ stuck_probabilities(PAIR, TRAINING, epochs, ENDING, population.heights, cells=CELLS)
    seed = fresh_seeds()
    decline = sampled_decline(PAIR, TRAINING, epochs, ENDING, population, chains=1200, seed=seed)
    misfit = float((decline.whiten(decline.stuck_share - exact) ** 2).sum())
    assert misfit < stats.chi2.isf(1e-6, epochs.size)
    wrong = np.array([0.75, 0.25]) @ stuck_probabilities(
        PAIR, TRAINING, epochs, ENDING, population.heights, method="eyring_kramers"
    )
    assert float((decline.whiten(decline.stuck_share - wrong) ** 2).sum()) > 12**2
    again = sampled_decline(PAIR, TRAINING, epochs, ENDING, population, chains=1200, seed=seed)
    assert np.array_equal(again.stuck_share, decline.stuck_share) and np.array_equal(again.noise, decline.noise)


def test_the_grid_of_the_kernel():
    """At heights between the nodes, against a grid of twice the cells."""
    heights = np.array([0.3, 1.1, 2.9])
    kernel = barrier_kernel(PAIR, TRAINING, EPOCHS[::3], ENDING, 0.25, 3.5, cells=CELLS, spacing=SPACING)
    fine = stuck_probabilities(PAIR, TRAINING, EPOCHS[::3], ENDING, heights, cells=2 * CELLS)
    assert np.abs(kernel(heights) - fine).max() < 5e-4


def test_the_range_of_heights_is_what_the_rows_show(quick):
    shares = quick(np.array([quick.lowest, quick.highest]))
    assert shares[1, 0] == pytest.approx(0.95, abs=0.03)  # stuck from the first row on
    assert shares[0, -1] - shares[0, 0] < 0.3 < shares[0, 0] + np.ptp(quick(np.array([1.0])))
    with pytest.raises(ValueError, match="show no barriers"):
        height_range(PAIR, TRAINING, 60, 69, Ending("total", 70))


# ---- readings -------------------------------------------------------------------------------------------------------
def test_windows_are_as_wide_as_the_decline_resolves(quick):
    edges = window_edges(quick)
    assert edges[0] == pytest.approx(quick.lowest) and edges[-1] == pytest.approx(quick.highest)
    for low, high in pairwise(edges):
        middle = float(np.sqrt(low * high))
        assert np.log(high / low) > quick.log_width(middle)
    for low, high in pairwise(edges[1:]):
        middle = float(np.sqrt(low * high))
        _, _, rows = quick.step_at(middle)
        assert np.log(high / low) >= WIDTHS * quick.log_width(middle) * max(1.0, 1 / rows) - 1e-6


def test_the_limit_is_the_smallest_ratio_even_of_a_wide_kernel():
    """Barriers at the ends of a wide kernel show nothing; between there are ratios that do."""
    training, ending = published_protocol(128, 3072.0)
    measured = published_decline(128)
    reading = read_measured(PAIR, training, ending, measured, method="eyring_kramers", repetitions=40)
    noise, limit = measured.decline.noise, reading.limit
    size = stats.norm.isf(0.05)
    assert 1 < limit.ratio < np.inf
    args = (reading.kernel, noise, limit.height)
    assert difference_from_one(*args, limit.ratio, 2 / 3) == pytest.approx(size**2, rel=1e-2)
    assert difference_from_one(*args, limit.ratio**0.8, 2 / 3) < size**2
    assert separation_limit(reading.kernel, 100 * np.sqrt(np.diag(noise)), limit.height).ratio == np.inf


def test_the_median_of_a_reading(quick):
    population = log_normal("smooth", 0.8, 0.45)
    mean = population.weights @ quick(population.heights)
    noise = np.full(EPOCHS.size, 1e-3)
    clean = MeasuredDecline("x", 0, measured_decline("x", EPOCHS, 1 - mean, noise, best=1.0, worst=0.0).decline, 1, 0,
                            True, False)  # fmt: skip
    reading = read_barriers(quick, clean.decline, neighbours_weight=2 / 3, repetitions=40)
    assert reading.median == pytest.approx(0.8, rel=0.03)
    assert reading.standard_errors == pytest.approx(noise)


@pytest.mark.parametrize(("power", "tolerance"), [(0.0, 0.1), (-1.0, 0.15)])
def test_the_exponent_tells_temperature_from_epoch(monkeypatch, power, tolerance):
    """Declines of one spectrum at every batch size give 0; of spectra that follow the temperature, -1."""
    random = np.random.default_rng(fresh_seeds())

    def synthetic(batch_size: int) -> MeasuredDecline:
        training, ending = published_protocol(batch_size, 3072.0)
        epochs = np.arange(0, 200, 8)
        population = log_normal("smooth", 4.0 * (batch_size / 128.0) ** power, 0.6)
        share = population.weights @ stuck_probabilities(
            PAIR, training, epochs, ending, population.heights, method="eyring_kramers"
        )
        values = 1 - share + 0.004 * random.standard_normal(epochs.size)
        return measured_decline("synthetic", epochs, values, np.full(epochs.size, 0.004), worst=0.0)

    monkeypatch.setattr(spectra, "published_decline", synthetic)
    found = published_spectra(PAIR, 3072.0, factors=(1.0,), redraws=8, repetitions=30)
    assert float(found["exponent"][0]) == pytest.approx(power, abs=tolerance)
    assert found["median"].values[0, 1] == pytest.approx(4.0, rel=0.1)


def test_the_published_curves_have_the_factor_of_the_variance():
    found = published_spectra(PAIR, 3072.0, factors=(1.0,), redraws=6, repetitions=30, seed=fresh_seeds())
    assert found["first_temperature"].values[0] == pytest.approx([12, 6, 3])
    assert (found["median_low"] <= found["median_high"]).all() and found["rows"].values[0].tolist() == [11, 11, 13]
    assert (found["row_ratio"] > 1.5).all()  # as coarse as the table


# ---- recording intervals --------------------------------------------------------------------------------------------
def test_transitions_by_interval_follow_the_law():
    system = ManyBarriers(barriers=4, epochs=40)
    variance = system.gradient_variance
    values = {"learning_rate": system.learning_rate, "batch_size": system.batch_size, "momentum": 0.0}
    assert law("sgd-temperature")(gradient_variance=variance, **values) == pytest.approx(system.temperature)
    seed = fresh_seeds()
    found = transitions_by_interval(system, [4096, 64], chains=60, seed=seed)
    assert found["every"].values.tolist() == [64, 4096]
    for name in ("detected", "separate"):
        counted, expected, error = (found[part].values for part in (name, f"expected_{name}", f"{name}_error"))
        distance = np.abs(counted - expected) / error
        assert distance[0] < 5 and (name == "detected" or distance[1] < 5)
    # Control: rare records merge transitions.
    assert float(found["detected"][0] - found["detected"][1]) > 12 * 0.5 / math.sqrt(60)
    again = transitions_by_interval(system, [64, 4096], chains=60, seed=seed)
    assert found.equals(again)


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: transitions_by_interval(ManyBarriers(), [0, 4], chains=4), "every must be recording intervals"),
        (lambda: transitions_by_interval(ManyBarriers(), [10**6], chains=4), "every must be recording intervals"),
        (lambda: transitions_by_interval(ManyBarriers(), [64], chains=1), "chains must be at least 2"),
        (lambda: Population("x", np.array([2.0, 1.0]), np.array([0.5, 0.5])), "heights must be positive"),
        (lambda: Population("x", np.array([1.0, 2.0]), np.array([0.5, 0.4])), "weights must be one positive share"),
        (lambda: log_normal("x", 1.0, 0.0), "median and spread must be positive"),
        (lambda: sampled_decline(PAIR, TRAINING, EPOCHS, ENDING, THREE, chains=0), "chains must be at least 1"),
        (lambda: published_decline(32), "batch_size must be one of 64, 128, 256"),
        (lambda: scatter([0, 1, 2], [1, 2, 3]), "at least 6 for their scatter"),
        (lambda: measured_decline("x", [0, 1], [1, 2], None), "at least 6 switch epochs"),
        (lambda: measured_decline("x", [0, 1, 2, 3, 4.5, 6], np.arange(6), None), "whole switch epochs"),
        (lambda: measured_decline("x", [0, 1, 2, 3, 3, 6], np.arange(6), None), "every switch epoch once"),
        (lambda: measured_decline("x", np.arange(6), np.arange(5), None), "one finite value per switch epoch"),
        (lambda: measured_decline("x", np.arange(6), np.arange(6), [-0.1] + [0.1] * 5), "one positive standard error"),
        (lambda: measured_decline("x", np.arange(6), np.arange(6), [0.1]), "one positive standard error"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)
