"""The study's command line."""

from __future__ import annotations

from pathlib import Path

import pytest

from slt_toys.learning_coefficient.__main__ import LearningCoefficientStudy, main


@pytest.mark.parametrize(
    ("options", "words"),
    [
        (["--seeds", "0"], "--seeds must be at least 1, not 0"),
        (["--networks", "(1,1;1)"], "networks: ['(1,1;1)'] cannot be measured"),
        (["--wrong"], "--wrong"),
        (["--out", str(Path(__file__))], "--out:"),
    ],
)
def test_bad_input_is_refused_in_one_line(options, words, capsys):
    assert main(LearningCoefficientStudy, options) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1
