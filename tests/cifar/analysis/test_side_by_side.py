"""Several sweeps beside each other: what they differ in, what each found, nothing averaged."""

from __future__ import annotations

import math
from dataclasses import replace

import pytest

from cifar.__main__ import main
from cifar.analysis.side_by_side import side_by_side
from cifar.study.stages import Recipe
from tests.cifar.made_studies import make_sweep, small

MANY = (0, 1, 2, 3, 4, 5, 6)


def test_two_recipes_are_told_in_columns(tmp_path, capsys):
    study = small(switch_epochs=MANY, seeds=2)
    other = replace(study, recipe=Recipe("logistic_regression", momentum=0.5))
    other = replace(other, stage=replace(study.stage, decay=0.97))
    for name, each in (("one", study), ("two", other)):
        make_sweep(tmp_path / name, each, gate=0.0).__exit__()
    assert main(["report", "--results", str(tmp_path / "one"), "--beside", str(tmp_path / "two")]) == 0
    table = capsys.readouterr().out.strip().split("\n")
    cells = {line.split(" | ")[0].lstrip("| "): line.strip("| ").split(" | ")[1:] for line in table[2:]}
    assert cells["momentum"] == ["0.9", "0.5"] and cells["decay"] == ["0.93", "0.97"]
    assert cells["law, epochs per halving"] == ["9.55", "22.76"] and cells["runs"] == ["28 of 28"] * 2
    assert "network" not in cells and "gate" not in cells, "what they share is not told"
    folds = cells["half depth, B = 20, e-foldings of the learning rate"]
    ends = [float(end.split()[0]) for end in cells["half depth, B = 20"]]
    expected = [end * -math.log(decay) for end, decay in zip(ends, (0.93, 0.97), strict=True)]
    assert [float(each) for each in folds] == pytest.approx(expected, abs=0.01)
    assert "half depth, B = 20" in cells and "late switches cost, B = 40" in cells
    for words, more in (("name a folder twice", [str(tmp_path / "one")]), ("there is no sweep", ["/nowhere"]),
                        ("docs: there is a page", [str(tmp_path / "two"), "--docs", str(tmp_path)])):  # fmt: skip
        assert main(["report", "--results", str(tmp_path / "one"), "--beside", *more]) == 2
        said = capsys.readouterr().err
        assert words in said and said.count("\n") == 1


def test_a_folder_without_runs_is_refused(tmp_path):
    make_sweep(tmp_path / "one", small(switch_epochs=MANY, seeds=2), gate=0.0).__exit__()
    make_sweep(tmp_path / "none", small(), missing=len(MANY) * 4, gate=0.0).__exit__()
    with pytest.raises(ValueError, match="no run of the base arm is done"):
        list(side_by_side((tmp_path / "none", tmp_path / "one")))
