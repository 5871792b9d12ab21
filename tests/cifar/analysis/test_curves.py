"""Rows, curves and the scatter between seeds, of hand-made sweeps."""

from __future__ import annotations

import math

import numpy as np
import pytest

from cifar.analysis.curves import (
    Row,
    curve,
    mean_at_switch,
    paired,
    relative_error_at_switch,
    rows,
    scatter,
    seed_curves,
    standard_errors,
)
from cifar.study.arms import Run
from cifar.study.stages import Recipe
from cifar.sweep.plan import plan
from tests.cifar.analysis.made_by_hand import cell, row
from tests.cifar.analysis.made_rows import (
    made_rows,
)
from tests.cifar.made_studies import accuracy, make_sweep, small


def test_runs_below_the_gate_are_marked_and_not_averaged_in():
    found = made_rows(0.0, gate_fails=(60,))
    one = curve(found, "base", "blur", 64)
    assert 60 not in one.switch_epochs and one.failed == {60: 3}
    assert one.values.min() > 60  # percent: what failed had 10
    assert one.counts.tolist() == [3] * 15
    assert scatter(found)[0] == pytest.approx(0, abs=1e-9)


def test_curves_of_seeds_are_those_that_the_mean_is_of():
    found = [*cell(49, 51), *cell(40, 44, switch=4), row(1, arm="reset"), row(9, seed=2, passed=False)]
    one = curve(found, "base", "blur", 64)
    own = seed_curves(found, one)
    assert own is not None and own == pytest.approx(np.array([[49, 40], [51, 44]]))
    assert own.mean(axis=0) == pytest.approx(one.values)
    # a seed of which a run is still to come is left out; one whose run failed leaves no fair choice
    begun = seed_curves(found[:-3], one)
    assert begun is not None and begun == pytest.approx(np.array([[49, 40]]))
    assert seed_curves([*found[:-3], row(9, seed=1, switch=4, passed=False)], one) is None
    assert seed_curves([found[0], found[3]], curve([found[0], found[3]], "base", "blur", 64)) is None


def test_scatter_is_pooled_over_the_degrees_of_freedom():
    # deviations from the cells' means: -1, 0, 1 and -2, 2; a cell of one run and one that failed say nothing
    found = [*cell(49, 50, 51), *cell(58, 62, switch=4), row(99, switch=8), *cell(10, 90, switch=12, passed=False)]
    spread, freedom = scatter(found)
    assert freedom == 3 and spread == pytest.approx(math.sqrt((1 + 0 + 1 + 4 + 4) / 3), rel=1e-12)
    assert scatter(cell(3, 3.5))[0] == pytest.approx(np.std([3, 3.5], ddof=1), rel=1e-12)
    # cells are told apart by arm, deficit, batch size and switch epoch
    apart = [row(1), row(2, arm="reset"), row(3, deficit="greyscale"), row(4, size=32), row(5, switch=1)]
    assert scatter(apart)[1] == 0 and math.isnan(scatter(apart)[0])


def test_a_curve_is_of_the_runs_that_passed():
    found = [*cell(49, 50, 54), *cell(40, 10, switch=4), row(0, seed=2, switch=4, passed=False)]
    found += [*cell(1, 2, switch=8, passed=False), row(99, arm="reset", switch=4), row(98, size=32, switch=4)]
    one = curve(found, "base", "blur", 64)
    assert one.switch_epochs.tolist() == [0, 4] and one.values == pytest.approx([51, 25], rel=1e-12)
    assert one.counts.tolist() == [3, 2] and one.failed == {8: 2}


def test_what_was_measured_at_a_switch_is_of_the_same_runs():
    found = [row(50, switch=4, trace=1.0), row(50, switch=4, seed=1, trace=4.0), row(50, switch=8, trace=7.0)]
    found += [row(50, switch=4, seed=2, trace=100.0, passed=False), row(50, switch=4, size=32, trace=50.0)]
    found += [row(50, switch=12), row(50, arm="reset", switch=4, trace=60.0)]
    means = mean_at_switch(found, curve(found, "base", "blur", 64), "trace")
    assert means[:2] == pytest.approx([2.5, 7.0]) and math.isnan(means[2])


def test_rows_are_the_runs_that_are_done_with_their_own_measurements(tmp_path):
    with make_sweep(tmp_path / "sweep", small(), missing=1) as store:
        found = rows(store)
        units = {unit.key: unit for unit in plan(store.runs())}
        assert len(found) == 5 and len(store.done()) == 9
        for one in found:
            assert one.final["test_accuracy"] == accuracy(units[one.run.key])
            assert one.passed == (one.run.switch_epoch == 0 or one.run.batch_size == 40)
            if one.run.switch_epoch:
                assert one.at_switch["gradient_noise_trace"] == one.run.switch_epoch
            else:
                assert one.at_switch == {}
            assert "noise" not in one.final
        assert store.epochs_done()[plan(store.runs())[0].key] == plan(store.runs())[0].epochs
        assert store.seconds() == 2.0 * sum(unit.epochs for unit in units.values() if unit.key in store.done())
        assert store.devices() == ("made 0", "made 1")


def test_a_gate_is_passed_by_what_equals_it(tmp_path):
    with make_sweep(tmp_path / "sweep", small(), gate=0.75) as store:
        assert {one.passed for one in rows(store) if one.run.batch_size == 40} == {True}
    with make_sweep(tmp_path / "other", small(), gate=0.76) as store:
        assert {one.passed for one in rows(store)} == {False}


def test_a_point_of_many_seeds_has_an_error_of_its_own():
    wide, narrow = np.array([10.0, 90.0] * 4), np.array([49.0, 51.0] * 4)
    found = [*cell(*wide, switch=0), *cell(*narrow, switch=1)]
    own = curve(found, "base", "blur", 64)
    expected = [each.std(ddof=1) / 8**0.5 for each in (wide, narrow)]
    assert standard_errors(found, own, 1.0) == pytest.approx(expected)
    few = [one for one in found if one.run.seed < 7]
    assert standard_errors(few, curve(few, "base", "blur", 64), 1.0) == pytest.approx([7**-0.5] * 2)
    assert paired(found, (own, 1), (own, 0)) == pytest.approx(narrow - wide) and paired(few, (own, 1), (own, 0)) is None
    assert paired(found[1:], (own, 1), (own, 0)) is None, "a seed lacks one of the two"


def test_the_error_of_a_mean_at_the_switch_is_the_scatter_between_its_seeds():
    values = {3: (9.0, 11.0), 6: (110.0, 90.0), 9: (5.0,)}
    found = [
        Row(Run("base", "blur", 64, seed, switch, Recipe(), ()), {"test_accuracy": 0.5}, {"trace": value}, True)
        for switch, each in values.items()
        for seed, value in enumerate(each)
    ]
    own = curve(found, "base", "blur", 64)
    # two cells with a deviation of sqrt(.02) about their means; means of two, two and one
    made = relative_error_at_switch(found, own, "trace")
    assert made is not None and made == (pytest.approx((0.02 * (0.5 + 0.5 + 1) / 3) ** 0.5), 2)
    assert relative_error_at_switch(found[-1:], own, "trace") is None, "one seed"
    assert relative_error_at_switch(found, own, "other") is None
