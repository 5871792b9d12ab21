"""A refusal takes one line, without the usage."""

from __future__ import annotations

import pytest

from theory.command_line import Parser


def test_a_wrong_option_takes_one_line(capsys):
    parser = Parser(prog="made")
    parser.add_argument("--number", type=int)
    assert parser.parse_args(["--number", "3"]).number == 3
    with pytest.raises(SystemExit) as stop:
        parser.parse_args(["--number", "x"])
    said = capsys.readouterr()
    assert stop.value.code == 2 and said.out == "" and said.err.count("\n") == 1 and "--number" in said.err
