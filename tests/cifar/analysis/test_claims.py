"""Claims about sweeps whose verdicts are known."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from cifar.analysis import tables
from cifar.analysis.claims import claims, measured_temperatures
from cifar.analysis.supposed import Supposed
from tests.cifar.analysis.made_by_hand import base, cell, findings
from tests.cifar.analysis.made_rows import SHIFT, fitted, made_rows, verdicts


def test_controls_are_told_apart_from_the_base_arm():
    told = fitted(made_rows(0.002))
    said = verdicts(told)
    assert (said["budget"], said["reset"], said["negative-control"]) == ("yes", "yes", "yes")
    assert [row[-1] for row in tables.controls(told)[0].rows] == ["gain", "gain", "gain"]
    same = fitted(made_rows(0.002, flat_controls=True))
    said = verdicts(same)
    # a reset that brings nothing back leaves all lost
    assert (said["budget"], said["reset"], said["negative-control"]) == ("cannot tell", "no", "no")
    assert [row[-1] for row in tables.controls(same)[0].rows] == ["loss", "loss", "loss"]


def test_a_decline_is_shown_where_there_is_one_and_not_where_there_is_none():
    told = fitted(made_rows(0.002))
    (decline,) = (claim for claim in claims(told, SHIFT, None) if claim.name == "decline")
    assert decline.verdict == "yes" and decline.value == pytest.approx(20)
    assert all(row[-1].startswith("20.0 [") for row in tables.accuracies(told).rows)
    flat = [replace(row, final={**row.final, "test_accuracy": 0.5 + 0.01 * row.run.seed}) for row in made_rows(0)]
    assert verdicts(fitted(flat))["decline"] == "cannot tell"
    assert all(row[-1].startswith("0.0 [-") for row in tables.accuracies(fitted(flat)).rows)


def test_the_law_is_held_against_its_interval():
    found = fitted(made_rows(0.002))
    assert verdicts(found)["shift-hinge"] == "yes" and verdicts(found, 3 * SHIFT)["shift-hinge"] == "no"
    assert claims(found, 3 * SHIFT, None)[0].verdict == "no"  # what speaks against the law comes first
    # lines that fall from epoch 0 to an end that moves have their half-way points move by half as much
    assert verdicts(found)["batch-size-exponent"] == "no"
    spreads = {name: one.spread for name, one in found.collapse.items() if one.spread is not None}
    assert min(spreads, key=spreads.__getitem__) == "learning_rate/batch_size^0.5"


def test_only_a_flip_is_called_the_negative_control():
    found = [*base(), *cell(79, 81, deficit="vertical_flip", switch=3), *cell(69, 71, deficit="greyscale", switch=3)]
    told = [claim for claim in claims(findings(found), 1.0, None) if claim.name == "negative-control"]
    assert len(told) == 1 and "vertical flip" in told[0].sentence and told[0].value == pytest.approx(0)


def test_a_rise_is_said_to_be_one():
    rising = [replace(one, final={**one.final, "test_accuracy": 1.5 - one.final["test_accuracy"]}) for one in base()]
    (told,) = (claim for claim in claims(findings(rising), 1.0, None) if claim.name == "decline")
    assert told.verdict == "no" and told.value == pytest.approx(-10)


def test_temperature_is_measured_against_noise_that_never_changes():
    # η = .05, .025 at epochs 0, 1; noise in proportion to the batch at 0, the same at 1
    noise = {32: {0: 32.0, 1: 64.0, 9: 1.0}, 128: {0: 128.0, 1: 64.0, 9: 1.0}}
    measured = measured_temperatures(noise, learning_rate=0.05, decay=0.5, end=0.5)
    assert measured is not None and (measured.batch_sizes, measured.epochs) == ((32, 128), (0, 1, 9))
    assert measured.values == pytest.approx(np.array([[0.05, 0.05], [0.05, 0.0125], [0.05 / 2**14, 0.05 / 2**16]]))
    assert measured.exponents == pytest.approx([0, -1, -1]) and measured.early == (True, False, False)

    def told(end: float | None, *error):
        measured = measured_temperatures(noise, learning_rate=0.05, decay=0.5, end=end, error=error or None)
        return next(one for one in claims(findings(base()), 1.0, measured) if one.name == "measured-temperature")

    assert told(0.5).verdict == "no" and told(0.5).value == pytest.approx(0)
    # one epoch that does not follow the power is enough, and one seed does not tell that all do
    assert told(4.0).verdict == told(None, 0.01, 20).verdict == "no" and told(4.0).value == pytest.approx(0)
    noise = {size: {0: 64.0, 1: 64.0, 9: 1.0} for size in (32, 128)}
    assert told(4.0).verdict == "cannot tell" and told(4.0).value == pytest.approx(-1)
    assert told(4.0, 0.01, 20).verdict == "yes" and told(4.0, 0.01, 20).interval is not None
    noise = {32: {0: 64.0, 1: 64.0}, 128: {0: 64.0, 1: 66.0}}
    assert told(4.0, 0.001, 20).verdict == "no" and told(4.0, 0.1, 20).verdict == "yes"
    assert tables.temperature(measured)[0].rows[1] == ("1", "no", "0.05", "0.0125", "-1.00")
    assert tables.temperature(None) == []
    assert measured_temperatures({32: {0: 1.0}}, learning_rate=0.05, decay=0.5, end=None) is None
    assert measured_temperatures({}, learning_rate=0.05, decay=0.5, end=None) is None


def test_switch_epochs_of_their_own_are_joined_by_lines():
    # the noise grows by 10 % an epoch, and as the square root of the batch size
    noise = {size: {epoch: size**0.5 * 1.1**epoch for epoch in own} for size, own in ((32, (4, 8, 20)), (128, (2, 10)))}
    measured = measured_temperatures(noise, learning_rate=0.05, decay=0.5, end=None)
    assert measured is not None and measured.epochs == (4, 8, 10)
    assert measured.exponents == pytest.approx([-0.5] * 3)
    apart = {32: {1: 1.0, 2: 1.0}, 128: {3: 1.0, 4: 1.0}}
    assert measured_temperatures(apart, learning_rate=0.05, decay=0.5, end=None) is None


def test_a_shift_is_held_against_what_the_law_would_give_on_these_switch_epochs():
    found = fitted(made_rows(0.002))
    supposed = [Supposed("hinge", None, 0.0, 2 * SHIFT, True), Supposed("half_depth", None, None, None, False)]
    said = {claim.name: claim for claim in claims(found, SHIFT, None, (), supposed)}
    plain = {claim.name: claim for claim in claims(found, SHIFT, None)}
    assert (said["shift-hinge"].verdict, plain["shift-hinge"].verdict) == ("no", "yes")
    assert said["shift-hinge"].expected == pytest.approx(2 * SHIFT) and "law: 9.55, here 19.1." in str(said)
    assert said["shift-half-depth"] == plain["shift-half-depth"]
    # what would be found if nothing moved is no evidence for the law
    for unmoved, verdict in ((SHIFT, "cannot tell"), (None, "yes"), (0.0, "yes")):
        told = claims(found, SHIFT, None, (), [Supposed("hinge", None, unmoved, SHIFT, True)])
        assert {claim.name: claim.verdict for claim in told}["shift-hinge"] == verdict
    # nor is what would be found at most, where ends of large batches would come later than their switch epochs
    for most, verdict in ((SHIFT, "cannot tell"), (SHIFT / 2, "yes")):
        told = claims(found, SHIFT, None, (), [Supposed("hinge", None, None, SHIFT, True, None, most)])
        assert {claim.name: claim.verdict for claim in told}["shift-hinge"] == verdict
    # what the law would give scatters as well: it is denied where the difference is none neither
    for off, verdict in (((1.0, 9.0), "no"), ((-9.0, None), "cannot tell"), ((None, -1.0), "no"), (None, "no")):
        told = claims(found, SHIFT, None, (), [Supposed("hinge", None, 0.0, 2 * SHIFT, True, off)])
        assert {claim.name: claim.verdict for claim in told}["shift-hinge"] == verdict
    assert all(len(claim.sentence.split()) <= 25 for claim in said.values())


def test_a_control_is_told_of_the_latest_switch_where_it_does_least():
    found = [*base(), *base(32), *cell(79, 81, arm="fresh", switch=1), *cell(73, 75, arm="fresh", switch=4)]
    found += cell(71, 73, arm="fresh", switch=4, size=32)
    (told,) = (one for one in claims(findings(found), 1.0, None) if one.name == "budget")
    assert "(B=32, epoch 4)" in told.sentence and told.value == pytest.approx(2)
    assert "; at B=64: 4.0 [" in told.sentence  # batch sizes may answer otherwise
    alone = [one for one in found if one.run.batch_size == 64]
    (told,) = (one for one in claims(findings(alone), 1.0, None) if one.name == "budget")
    assert "; at B" not in told.sentence


def test_switch_epochs_of_their_own_and_fresh_weights_that_do_worse_are_said():
    found = [*base(), *base(32), *cell(72, 74, arm="fresh", switch=4), *cell(59, 61, arm="fresh", switch=3, size=32)]
    (told,) = (one for one in claims(findings(found), 1.0, None) if one.name == "budget")
    assert told.value == pytest.approx(-10) and "(B=32, epoch 3)" in told.sentence
    assert "; at B=64, epoch 4: 3.0 [" in told.sentence and "points more" in told.sentence  # one of two does worse
    found = [*base(), *base(32), *cell(59, 61, arm="fresh", switch=4), *cell(49, 51, arm="fresh", switch=3, size=32)]
    (told,) = (one for one in claims(findings(found), 1.0, None) if one.name == "budget")
    assert (told.verdict, told.value) == ("no", pytest.approx(-20))
    assert (
        "reach 20.0 [" in told.sentence
        and "points less" in told.sentence
        and "; at B=64, epoch 4: 10.0 [" in told.sentence
    )
    assert told.interval is not None and told.interval[1] is not None and told.interval[1] < 0


def test_a_reset_that_leaves_a_loss_is_not_what_temperature_would_do():
    def told(*accuracies: float):
        found = [*base(), *cell(*accuracies, arm="reset", switch=4)]
        return next(one for one in claims(findings(found), 1.0, None) if one.name == "reset")

    part = told(74, 76)  # 70 without it, 80 without deficit
    assert part.verdict == "no" and part.value == pytest.approx(5) and "5.0 stay lost" in part.sentence
    whole = told(79, 81)
    assert whole.verdict == "yes" and whole.sentence.endswith("points, as temperature would.")
    assert told(69, 71).verdict == "no"


def test_an_end_without_bounds_gives_no_shift_with_bounds():
    told = fitted(made_rows(0.002))
    assert "shift-hinge" in verdicts(told)
    (size, end), *_ = told.ends["hinge"].items()
    opened = {**told.ends, "hinge": {**told.ends["hinge"], size: replace(end, high=None)}}
    assert "shift-hinge" not in verdicts(replace(told, ends=opened))
    assert "shift-half-depth" in verdicts(replace(told, ends=opened)), "others are told as before"
