"""What is fitted to the published curves: ends, shifts, collapse, and the words for them."""

from __future__ import annotations

import pytest

from slt_toys.fits.ends import half_depth, hinge
from slt_toys.fits.published import published_findings
from slt_toys.reference.published import published_curves

# SCIENCE.md, section 7, fitted independently of this package
HINGE_EPOCHS = {64: 167.8, 128: 124.4, 256: 95.9}
HALF_DEPTH_EPOCHS = {64: 91.2, 128: 66.6, 256: 51.4}


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
