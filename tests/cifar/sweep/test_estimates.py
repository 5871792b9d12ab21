"""How long a study takes: images over their speed, with what is measured, shared among workers."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cifar.study.measuring import Measuring
from cifar.sweep.estimates import measured_images, seconds_of
from cifar.sweep.plan import plan
from cifar.sweep.workers import Workers
from tests.cifar.made_studies import small

NOTHING = Measuring(statistics=1, fisher=0, hessian=0)
STUDY = small(train_images=1000, test_images=10, measuring=NOTHING)


def test_time_is_images_over_speed_shared_among_workers():
    # 15 epochs of each batch size, and 10 units that pass 12 images forward, those with a deficit twice
    units = plan(STUDY.runs(""))
    passes = sum(2 if unit.stages[0].deficit == "blur" else 1 for unit in units)
    expected = 15_000 / 10 + 15_000 / 20
    slow = {20: 10.0, 40: 20.0}
    said = seconds_of(STUDY, Workers(), lambda study, size: slow[size])
    assert expected < said < expected + passes * 12
    assert seconds_of(STUDY, Workers(workers=3), lambda study, size: slow[size]) == pytest.approx(said / 3)
    one_gpu = Workers(("cuda:0",), workers=3)
    assert seconds_of(STUDY, one_gpu, lambda study, size: slow[size]) == pytest.approx(said)


def test_what_is_measured_counts():
    branch = next(unit for unit in plan(STUDY.runs("")) if unit.branch and len(unit.stages) == 2)
    least = measured_images(branch, STUDY)
    assert least == pytest.approx(2 * 12 / 3)
    for more in (Measuring(statistics=1, fisher=8, hessian=0), Measuring(statistics=1, fisher=0, hessian=8)):
        assert measured_images(branch, replace(STUDY, measuring=more)) > least + 8
    whole = replace(STUDY, measuring=Measuring(fisher=0, hessian=0))
    assert measured_images(branch, whole) == pytest.approx(2 * 2010 / 3)


def test_steps_are_timed_where_no_speed_is_given():
    study = small(train_images=100, test_images=10, batch_sizes=(40,), measuring=NOTHING)
    assert 0 < seconds_of(study, Workers(threads=1)) < 100
