"""The published table: what it holds, that it cannot change unseen, and what is fitted to it."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.fits.ends import half_depth, hinge
from slt_toys.fits.published import published_findings
from slt_toys.reference import published
from slt_toys.reference.published import COLUMNS, check_table, published_curves, read_curves
from tests.seeds import fresh_generator

# SCIENCE.md, section 7, fitted independently of this package
HINGE_EPOCHS = {64: 167.8, 128: 124.4, 256: 95.9}
HALF_DEPTH_EPOCHS = {64: 91.2, 128: 66.6, 256: 51.4}
HEADER = ",".join(COLUMNS)


def test_the_table_holds_three_curves_of_runs_that_switched():
    curves = published_curves()
    assert {size: (len(curve.switch_epochs), curve.total_epochs) for size, curve in curves.items()} == {
        64: (12, 480),
        128: (12, 240),
        256: (14, 240),
    }
    for curve in curves.values():
        assert curve.switch_epochs[-1] < curve.total_epochs
        assert 75 < curve.final_accuracy.min() < curve.final_accuracy.max() < 89
        assert np.all(curve.deficit_train_loss > 0)
        assert curve.learning_rate()[0] == 0.05
        with pytest.raises(ValueError):
            curve.final_accuracy[0] = 0


@pytest.mark.parametrize("size", HINGE_EPOCHS)
def test_the_ends_of_section_7(size):
    curve = published_curves()[size]
    kink = hinge(curve.switch_epochs, curve.final_accuracy).epoch
    half = half_depth(curve.switch_epochs, curve.final_accuracy).epoch
    assert kink == pytest.approx(HINGE_EPOCHS[size], abs=1)
    assert half == pytest.approx(HALF_DEPTH_EPOCHS[size], abs=1)


@pytest.fixture(scope="module")
def findings():
    return published_findings(repetitions=500, seed=1)


def test_shifts_per_halving_of_section_7(findings):
    for name, expected in (("hinge", (43.4, 28.5)), ("half_depth", (24.6, 15.2))):
        shifts = [pair.shift for pair in findings.epochs_per_halving[name].pairs]
        assert shifts == pytest.approx(expected, abs=0.15)
        for pair in findings.epochs_per_halving[name].pairs:
            assert pair.low < pair.shift < pair.high
    assert findings.epochs_per_halving["half_depth"].slope == pytest.approx(19.9, abs=0.05)
    assert findings.theorem_epochs_per_halving == pytest.approx(22.76, abs=0.005)


def test_collapse_of_section_7(findings):
    expected = {
        "number_of_updates": 0.607,
        "epoch": 0.209,
        "learning_rate/batch_size^1.5": 0.149,
        "learning_rate/batch_size^0.5": 0.097,
        "learning_rate/batch_size": 0.068,
        "deficit_train_loss": 0.039,
    }
    assert {name: round(result.spread, 3) for name, result in findings.collapse.items()} == expected
    best = findings.best_exponent
    assert best.exponent == pytest.approx(0.85, abs=0.025), "published on a grid of .05"
    assert best.low < best.flat_low < best.exponent < best.flat_high < best.high
    assert best.spread < findings.collapse["learning_rate/batch_size"].spread


def test_three_batch_sizes_leave_two_laws_open(findings):
    for comparison in findings.comparisons.values():
        assert comparison.fits["log_law"].weight is None and comparison.fits["power_law"].weight is None
        assert comparison.fits["constant"].p_value < 1e-4
        assert "cannot tell by AICc about log_law, power_law" in comparison.statement


def test_findings_are_a_function_of_the_seed(findings):
    assert published_findings(repetitions=500, seed=1) == findings
    assert published_findings(repetitions=500, seed=2) != findings


def test_a_changed_table_is_refused():
    with pytest.raises(ValueError, match="SHA-256"):
        check_table(HEADER.encode())


def test_line_endings_do_not_matter(monkeypatch, tmp_path):
    (tmp_path / "reference").mkdir()
    source = published.resources.files("slt_toys") / "reference" / published.TABLE
    crlf = source.read_bytes().replace(b"\n", b"\r\n")
    (tmp_path / "reference" / published.TABLE).write_bytes(crlf)
    monkeypatch.setattr(published.resources, "files", lambda package: tmp_path)
    assert len(published_curves()) == 3


ROW = "64,480,0,88.81,2.113,0.0099,0.508"
BAD = {
    "has no column 'final_accuracy'": HEADER.replace("final_accuracy", "accuracy") + "\n" + ROW,
    "line 2, column 'final_accuracy': 'nan' is not finite": HEADER + "\n64,480,0,nan,2.1,0.01,0.5",
    "line 3, column 'deficit_train_loss': '' is not a number": f"{HEADER}\n{ROW}\n64,480,40,87,,0.01,0.5",
    "line 2, column 'final_train_loss': 'low' is not a number": HEADER + "\n64,480,0,88,2.1,low,0.5",
    "line 2, column 'final_validation_loss': '' is not a number": HEADER + "\n64,480,0,88,2.1,0.01",
    "line 2, column 'batch_size': 0 is not positive": HEADER + "\n0,480,0,88,2.1,0.01,0.5",
    "line 2, column 'batch_size': 64.5 is not a whole number": HEADER + "\n64.5,480,0,88,2.1,0.01,0.5",
    "888 is not between 0 and 100 percent": HEADER + "\n64,480,0,888,2.1,0.01,0.5",
    "leave out runs that never switched": HEADER + "\n64,480,480,56,2.1,0.01,0.5",
    "switch epoch 0 does not follow 0": f"{HEADER}\n{ROW}\n{ROW}",
    "no rows": HEADER,
    "is empty": "",
    "line 2: 8 cells where the first line names 7 columns": HEADER + "\n64,480,0,88,81,2.1,0.01,0.5",
    "column 'batch_size' named twice": f"{HEADER},batch_size\n{ROW},64",
    "line 3, column 'total_epochs': 240 is not the 480": f"{HEADER}\n{ROW}\n64,240,40,87,2.1,0.01,0.5",
    "'1_0' is not a number": HEADER + "\n64,480,0,88,1_0,0.01,0.5",
    "separated by semicolons": HEADER.replace(",", ";") + "\n" + ROW.replace(",", ";"),
}


@pytest.mark.parametrize("message", BAD)
def test_bad_tables_are_refused_in_one_line(message):
    with pytest.raises(ValueError) as refusal:
        read_curves(BAD[message], "my.csv")
    assert message in str(refusal.value)
    assert str(refusal.value).startswith("my.csv: ") and "\n" not in str(refusal.value)


def test_the_order_of_rows_does_not_matter():
    text = (published.resources.files("slt_toys") / "reference" / published.TABLE).read_text()
    head, *rows = text.splitlines()
    mixed = fresh_generator().permutation(rows)
    for size, curve in read_curves("\n".join([head, *mixed]), "mixed").items():
        for name in ("switch_epochs", "final_accuracy", "deficit_train_loss"):
            assert np.array_equal(getattr(curve, name), getattr(published_curves()[size], name))
