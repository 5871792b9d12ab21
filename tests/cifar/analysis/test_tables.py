"""What the tables say of runs without a counterpart."""

from __future__ import annotations

import numpy as np
import pytest

from cifar.analysis import tables
from cifar.analysis.claims import claims
from tests.cifar.analysis.made_by_hand import base, cell, findings


def test_runs_without_a_counterpart_are_not_compared():
    found = [*base(), *cell(60, 62, arm="window", switch=3), *cell(50, 52, arm="reset", switch=9)]
    found += [*cell(1, 2, arm="fresh", switch=3, passed=False), *cell(60, 62, arm="clean", size=32, switch=3)]
    of = {one.arm: one for one in findings(found).controls}
    window = of["window"]  # its switch epoch is its onset: the base arm has no run like it
    assert window.base is None and window.recovered is None and window.lost is not None
    assert window.lost[0] == pytest.approx(80 - 61)
    assert of["reset"].base is None and of["reset"].recovered is None
    assert of["reset"].lost is not None and of["reset"].lost[0] == pytest.approx(29)
    assert of["fresh"].failed and of["fresh"].recovered is None and of["fresh"].lost is None
    assert (of["clean"].base, of["clean"].no_deficit, of["clean"].lost) == (None, None, None)
    shown = {row[0]: row[-1] for row in tables.controls(findings(found))[0].rows}
    assert shown["window (blur)"] == "loss" and shown["fresh (blur)"] == "nothing: below the gate"
    assert shown["clean (blur)"] == "cannot tell"
    assert "budget" not in {
        claim.name for claim in claims(findings(found), 1.0, None)
    }  # a run that failed says nothing


def test_what_the_gate_left_out_is_told_as_well():
    found = [*base(), *cell(70, 72, switch=3, passed=False)]
    (table,) = tables.ungated(found, findings(found))
    place = table.headings.index("e_s = 3")
    told = {(row[0], row[1]): row[place] for row in table.rows}
    own = [row for row in found if row.run.curve == ("base", "blur", 64) and row.run.switch_epoch == 3]
    assert any(not row.passed for row in own)
    accuracies = [row.accuracy for row in own], [100 * row.final["train_accuracy"] for row in own]
    assert (told["64", "test"], told["64", "clean train"]) == tuple(f"{np.mean(each):.1f}" for each in accuracies)
    (whole,) = tables.ungated(base(), findings(base()))
    assert {row[1] for row in whole.rows} == {"clean train"}, "where every run passed there is nothing else to tell"
