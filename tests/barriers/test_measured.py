"""The parts of the smooth-decline experiment: measured tables, sampled populations, readings, recording intervals."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt_toys.barriers.decline_study import CELLS, SPACING
from slt_toys.barriers.kernel import barrier_kernel, stuck_probabilities
from slt_toys.barriers.measured import measured_decline, published_decline, read_decline, scatter
from slt_toys.barriers.population import Population, log_normal, sampled_decline
from slt_toys.barriers.recording_intervals import ManyBarriers, transitions_by_interval
from slt_toys.reference.published import published_curves
from tests.barriers.made_experiment import ENDING, EPOCHS, PAIR, THREE, TRAINING
from tests.seeds import fresh_seeds

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
        (
            HEAD + '0,"89,8",.1\n',
            r"line 2, column 'standard_error': '.1' has a point where '89,8' of line 2 has a comma",
        ),
        (HEAD + '0,"89,800","1,000"\n', r"line 2, column 'standard_error': the comma in '1,000' may be decimal or"),
        (HEAD + "0,90,.1\n,,\n", "line 3, column 'switch_epoch': '' is not a number: an empty cell"),
        (HEAD + "0,90,.1,\n", "line 2: 4 cells where the first line names 3 columns"),
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
        (HEAD.replace(",", "|") + "0|90|.1\n", "has no column 'switch_epoch'; it is separated by bars"),
        ("epoch;value\n0;90\n", "has no column 'switch_epoch'; it is separated by semicolons"),
        (
            HEAD.replace(",", ";") + "0;90;0,1\n1;89.5;0,1\n",
            "line 3, column 'value': '89.5' has a point where '0,1' of",
        ),
        (HEAD.replace(",", ";") + "0;1,090;1,125\n", "line 2, column 'value': the comma in '1,090' may be decimal or"),
        (HEAD.replace(",", "\t") + "0\t90,5\t0,1\n1,000\t8,5\t0,1\n", "line 3, .*'1,000' may be decimal or part"),
        (HEAD.replace(",", ";") + "0;90;0,1;2\n", "line 2: 4 cells where the first line names 3 columns$"),
        (HEAD.replace(",", ";") + "0;90,,5;0,1\n", "'90,,5' is not a number"),
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


@pytest.mark.parametrize("separator", [",", ";", "\t"])
@pytest.mark.parametrize("comma", [False, True])
def test_separators_and_decimal_commas_that_can_be_meant_in_one_way_are_read(separator, comma, tmp_path):
    """A spreadsheet's file in another country's notation is the same decline, to the bit."""
    path, theirs = tmp_path / "mine.csv", tmp_path / "theirs.csv"
    lines = [(str(k), f"{90 - k**1.5:.{1 + k % 3}f}", f"0.{k + 1}") for k in range(8)]
    path.write_text(HEAD + "".join(",".join(line) + "\n" for line in lines))
    cells = [[cell.replace(".", ",") if comma else cell for cell in line] for line in lines]
    quoted = comma and separator == ","
    shown = [separator.join(f'"{cell}"' if quoted else cell for cell in line) for line in cells]
    theirs.write_text("\ufeff\n" + HEAD.replace(",", separator) + "\n  \n\n".join(shown), encoding="utf-8")
    own, other = read_decline(path).decline, read_decline(theirs).decline
    assert np.array_equal(own.stuck_share, other.stuck_share) and np.array_equal(own.noise, other.noise)


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


def test_the_grid_of_the_kernel():
    """At heights between the nodes, against a grid of twice the cells."""
    heights = np.array([0.3, 1.1, 2.9])
    kernel = barrier_kernel(PAIR, TRAINING, EPOCHS[::3], ENDING, 0.25, 3.5, cells=CELLS, spacing=SPACING)
    fine = stuck_probabilities(PAIR, TRAINING, EPOCHS[::3], ENDING, heights, cells=2 * CELLS)
    assert np.abs(kernel(heights) - fine).max() < 5e-4


# ---- recording intervals --------------------------------------------------------------------------------------------


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


def test_a_row_lies_off_the_line_of_its_neighbours():
    """Rows 1, 3 and 6 apart: one of height 1 between zeros is off by 1, with 1 + s² + (1 - s)² rows' variances."""
    epochs = np.array([0, 1, 4, 10, 11, 14, 20])
    values = np.array([0.0, 1.0, 0.0, 0.0, 1.0, 0.0, 0.0])
    shares = np.diff(epochs)[:-1] / (epochs[2:] - epochs[:-2])
    off = np.array([1, 1 - shares[1], shares[2], 1, 1 - shares[4]])
    found = np.median(off / np.sqrt(1 + shares**2 + (1 - shares) ** 2)) / 0.6744897502
    assert scatter(epochs, values) == pytest.approx(found, rel=1e-9)


def test_rows_in_any_order_keep_their_errors_and_share_the_first_ones():
    epochs, values = np.array([5, 0, 1, 2, 3, 4]), np.array([4.0, 10.0, 9.0, 8.0, 6.0, 5.0])
    errors = np.array([0.6, 0.1, 0.2, 0.3, 0.4, 0.5])
    given = measured_decline("x", epochs, values, errors, best=10.0, worst=0.0).decline
    assert given.stuck_share == pytest.approx([0, 0.1, 0.2, 0.4, 0.5, 0.6])
    assert given.noise == pytest.approx([0.01, 0.02, 0.03, 0.04, 0.05, 0.06])
    own = measured_decline("x", epochs, values, errors)
    assert (own.best, own.worst) == (10.0, 5.0)  # the first row, and the mean of the last three
    assert own.decline.stuck_share == pytest.approx([0.2, 0.4, 0.8, 1.0, 1.2])
    expected = np.diag(np.array([0.04, 0.06, 0.08, 0.1, 0.12]) ** 2) + 0.02**2
    assert own.decline.noise == pytest.approx(expected)
