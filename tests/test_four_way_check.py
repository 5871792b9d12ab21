"""The command of the four-way check: what it writes, and what it refuses."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest
from sympy import Rational

from slt_toys.four_way_check import FourWayCheck
from slt_toys.potentials import from_text
from slt_toys.potentials.catalogue import catalogue
from slt_toys.results.recipe import main

FAST = "regular_double_well"


def test_the_command_prints_and_writes(tmp_path, capsys):
    arguments = ["--potential", FAST, "--potential", "monomial_well", "--chains", "1000"]
    assert main(FourWayCheck, [*arguments, "--out", str(tmp_path), "--docs", str(tmp_path / "docs")]) == 0
    assert capsys.readouterr().out.count("agree") >= 3
    page = (tmp_path / "docs" / "four_way_check.md").read_text("utf-8")
    assert page.count("| agree |") == 3 and "![" not in page
    assert {path.name for path in tmp_path.iterdir()} == {
        "docs",
        *(f"four_way_check.{x}" for x in ("nc", "json", "md")),
    }
    assert json.loads((tmp_path / "four_way_check.json").read_text())["figures"] == []


@pytest.mark.parametrize(
    "arguments, message",
    [
        (["--potential", "nothing"], "potential 'nothing' is not in the catalogue"),
        (["--potential", FAST, "--chains", "999"], "chains must be at least 1000"),
        (["--potential", FAST, "--seed", "-1"], "seed must be at least 0"),
        (["--docs", "pyproject.toml/docs"], "--docs: "),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments, message, tmp_path, capsys):
    assert main(FourWayCheck, ["--out", str(tmp_path), *arguments]) == 2
    complaint = capsys.readouterr().err
    assert message in complaint and complaint.count("\n") == 1
    assert not list(tmp_path.iterdir())


def test_a_failing_phase_fails_the_command_and_leaves_the_page(monkeypatch, tmp_path, capsys):
    potential = catalogue()[FAST]
    phases = tuple(
        replace(own, learning_coefficient=Rational(1, 4)) if own.name == "right" else own for own in potential.phases
    )
    wrong = replace(potential, phases=phases)
    monkeypatch.setattr(from_text, "find_potential", lambda *_: wrong)
    page = tmp_path / "four_way_check.md"
    page.write_text("as it was", "utf-8")
    arguments = ["--potential", FAST, "--chains", "1000", "--docs", str(tmp_path), "--out", str(tmp_path / "out")]
    assert main(FourWayCheck, arguments) == 2
    assert f"{FAST} right: derived, slope, sampled disagree" in capsys.readouterr().err
    assert page.read_text("utf-8") == "as it was" and not list((tmp_path / "out").iterdir())
