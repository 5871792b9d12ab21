"""The experiment on intervals: files, and options that cannot be."""

from __future__ import annotations

import json

import pytest

from slt_toys.interval_coverage import IntervalCoverage
from slt_toys.results.recipe import carry_out, main


@pytest.mark.slow
def test_a_short_run_writes_its_files(tmp_path):
    short = IntervalCoverage(
        noises=(0.01,), runs=4, readings=1, jitters=(0.0, 10.0), seeds=(1, 2), studies=4, out=tmp_path
    )  # fmt: skip
    record = carry_out(short)
    assert {path.name for path in tmp_path.iterdir()} == {f"interval_coverage.{end}" for end in ("nc", "json", "md")}
    assert record["figures"] == [] and len(record["claims"]) == 8
    assert json.loads((tmp_path / "interval_coverage.json").read_text("utf-8"))["numbers"]["noise"]["values"] == [0.01]


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["--runs", "2"], "--runs must be at least 4, not 2"),
        (["--noises", "0"], "--noises must be positive and finite"),
        (["--runs", "5", "--readings", "9"], "--readings must be at most --runs 5, not 9"),
        (["--seeds", "0", "2"], "--seeds must be at least 1, not 0"),
    ],
)
def test_options_that_cannot_be_are_refused(arguments, message, capsys):
    assert main(IntervalCoverage, arguments) != 0
    assert message in capsys.readouterr().err
