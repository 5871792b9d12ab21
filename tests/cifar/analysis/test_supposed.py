"""What definitions say where nothing moves, and where the law holds, on curves whose answer is known."""

from __future__ import annotations

import math
from dataclasses import replace

import numpy as np
import pytest

from cifar.analysis.analysis import analyse
from cifar.analysis.claims import claims
from cifar.analysis.supposed import Supposed, suppose, supposed_notes, supposed_tables, unmoved_exponent
from tests.cifar.analysis.made_by_hand import cell, findings

LAW = 3.0


def fall(epoch: float) -> float:
    """Level up to epoch 4, and a straight fall that has not ended by epoch 24."""
    return 80.0 - 0.5 * max(epoch - 4, 0)


def swept(size: int, last: int, moved: float = 0.0, lower: float = 0.0) -> list:
    """Two seeds of it, a tenth of a point apart, read so many epochs later and so much lower."""
    means = {switch: fall(switch + moved) - lower for switch in range(0, last + 1, 2)}
    return [
        one for switch, mean in means.items() for one in cell(mean - 0.05, mean + 0.05, size=size, switch=switch)
    ]  # fmt: skip


def told(found: list, law: float = LAW) -> dict:
    return {each.definition: each for each in suppose(findings(found), law)}


def test_a_longer_grid_moves_half_depth_where_nothing_moves():
    # tails end at 14 and 24: their means are those of 12 and 22, midway from 80 are falls of 2 and 4.5
    found = told([*swept(64, 14), *swept(32, 24)])
    assert found["half_depth"].unmoved == pytest.approx(13 - 8)
    assert found["half_depth"].found == pytest.approx(13 - 8)
    assert found["half_stuck_mass"].unmoved == pytest.approx(0)
    alike = told([*swept(64, 24), *swept(32, 24)])
    assert all(each.unmoved == pytest.approx(0) for each in alike.values() if each.unmoved is not None)


def test_the_law_is_found_where_it_holds_and_not_where_it_does_not():
    lawful = [*swept(64, 20, moved=LAW), *swept(32, 24)]
    for name, each in told(lawful).items():
        assert (each.lawful is None) == (each.found is None), name
        if each.lawful is not None:
            assert each.lawful == pytest.approx(each.found, abs=0.2)
    assert told(lawful)["half_stuck_mass"].lawful == pytest.approx(LAW, abs=0.2)
    other = told([*swept(64, 20), *swept(32, 24)])["half_stuck_mass"]
    assert other.found == pytest.approx(0, abs=0.2) and other.lawful == pytest.approx(LAW, abs=0.2)


def test_an_end_that_would_come_too_late_bounds_what_nothing_moved_gives():
    # read up to 8 the tail is 4, 6, 8, whose mean is 79: half way, at 5, lies among these rows, so later than 4
    found = told([*swept(64, 8), *swept(32, 24)])["half_depth"]
    known = told([*swept(64, 14), *swept(32, 24)])["half_depth"]
    assert known.unmoved == pytest.approx(13 - 8) and known.unmoved_most is None
    assert found.unmoved is None and found.unmoved_most == pytest.approx(13 - 4)
    (table,) = supposed_tables(list(told([*swept(64, 8), *swept(32, 24)]).values()), LAW)
    assert "none, or at most 9.0" in {row[2] for row in table.rows}
    # small batches that end too late may move by any number
    late = told([*swept(64, 24), *swept(32, 8)])["half_depth"]
    assert (late.unmoved, late.unmoved_most) == (None, None)


def test_the_difference_from_the_law_has_an_interval_that_counts_both_scatters():
    for moved, inside in ((LAW, True), (0.0, False)):
        each = told([*swept(64, 20, moved=moved), *swept(32, 24)])["half_stuck_mass"]
        low, high = each.off_lawful
        assert (low < 0 < high) == inside and low < each.found - each.lawful < high
    narrow, wide = (
        told([
            replace(one, final={**one.final, "test_accuracy": one.final["test_accuracy"] + by * (one.run.seed - 0.5)})
            for one in (*swept(64, 20, moved=LAW), *swept(32, 24))
        ])["half_stuck_mass"].off_lawful
        for by in (0.001, 0.004)
    )  # fmt: skip
    assert wide[1] - wide[0] > 1.8 * (narrow[1] - narrow[0])
    assert told([*swept(64, 20), *swept(32, 24)], math.nan)["half_stuck_mass"].off_lawful is None


def test_a_level_of_ones_own_moves_the_common_crossing():
    found = told([*swept(64, 24), *swept(32, 24, lower=1.0)])
    assert found["half_stuck_mass"].unmoved == pytest.approx(-2)  # one point of a slope of a half
    assert found["half_depth"].unmoved == pytest.approx(0)


def test_the_law_is_not_told_where_the_curve_is_not_known_so_far():
    found = told([*swept(64, 24), *swept(32, 24)])
    assert all(each.lawful is None for each in found.values())
    assert all(each.lawful is None for each in told([*swept(64, 20), *swept(32, 24)], math.nan).values())


def test_one_curve_has_nothing_to_be_told_by():
    assert suppose(findings(swept(64, 24)), LAW) == []
    assert supposed_tables([], LAW) == []


def test_what_finds_a_shift_where_none_is_is_doubted():
    supposed = suppose(findings([*swept(64, 14), *swept(32, 24)]), LAW)
    (said,) = (words for words in supposed_notes(supposed, LAW) if "if no end moved" in words)
    assert said.startswith("By half depth, on these") and "move the end by 5.0 epochs" in said
    assert all("not" in words for words in supposed_notes(supposed, 1000.0))  # five epochs are little beside such a law
    (table,) = supposed_tables(supposed, LAW)
    assert table.headings[-1] == "if the law held (3.00)"
    assert [row[0] for row in table.rows] == ["half stuck mass", "hinge", "half depth"]
    assert np.shape(table.rows) == (3, 4)
    off = [Supposed("hinge", 1.0, 0.0, 1.2, True), Supposed("half_depth", 1.0, 0.0, 2.9, True)]
    (said,) = supposed_notes(off, LAW)
    assert said.startswith("By hinge") and said.endswith("move the end by 1.2 epochs, not 3.00, if the law held.")
    assert supposed_notes(supposed, math.nan) == []
    rows = supposed_tables([Supposed("hinge", None, None, None, False)], LAW)[0].rows
    assert rows == (("hinge", "none", "none", "-"),)
    rows = supposed_tables([Supposed("hinge", -0.01, -1e-15, None, True)], LAW)[0].rows
    assert rows == (("hinge", "0.0", "0.0", "none"),)


@pytest.mark.parametrize("factor", [0.5, 10.0])
def test_the_unit_of_epochs_drops_out(factor):
    made = findings([*swept(64, 14), *swept(32, 24)])
    curves = {
        size: replace(each, switch_epochs=each.switch_epochs * factor) for size, each in made.curves.items()
    }  # fmt: skip
    for plain, scaled in zip(suppose(made, LAW), suppose(replace(made, curves=curves), LAW * factor), strict=True):
        for name in ("unmoved", "lawful"):
            one, other = getattr(plain, name), getattr(scaled, name)
            assert one is other is None or other == pytest.approx(factor * one, abs=1e-9)


def test_a_longer_grid_gives_a_power_of_the_batch_size_where_nothing_moves():
    alike, longer = findings([*swept(64, 24), *swept(32, 24)]), findings([*swept(64, 14), *swept(32, 24)])
    assert unmoved_exponent(alike, LAW) == pytest.approx(0, abs=1e-6)
    # lines from epoch 4 through the means of the last four rows, at 11 and 21: levels are crossed half as far apart
    made = unmoved_exponent(longer, LAW)
    assert made is not None and made == pytest.approx(0.5 * (21 - 11) / LAW, rel=1e-9)
    assert unmoved_exponent(longer, math.nan) is None and unmoved_exponent(findings(swept(64, 24)), LAW) is None
    # what nothing moved would give is no evidence for the law, though the interval holds it
    law = (21 - 11) / 2  # epochs per halving that make that power 1
    again = analyse(
        [*swept(64, 14), *swept(32, 24)], deficit="blur", decay=2 ** (-1 / law), learning_rate=0.05, momentum=0.9,
        examples=640,
    )  # fmt: skip
    said = {each.name: each for each in claims(again, law, None)}["batch-size-exponent"]
    assert said.value == pytest.approx(1) and said.verdict == "cannot tell"
    assert said.sentence.endswith("the law says 1, if nothing moved 1.00.") and len(said.sentence.split()) <= 25
