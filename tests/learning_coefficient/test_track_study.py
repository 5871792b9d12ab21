"""The command that follows worked examples."""

from __future__ import annotations

import pytest

from slt_toys.learning_coefficient.__main__ import chosen
from slt_toys.learning_coefficient.track_settings import RUNS
from slt_toys.learning_coefficient.track_study import CheckpointTracks


def test_options():
    assert CheckpointTracks().runs == RUNS
    with pytest.raises(ValueError, match=r"^--runs: elsewhere unknown; known are 'superposition to 5', [^\n]*$"):
        CheckpointTracks(runs=("elsewhere",))
    with pytest.raises(ValueError, match=r"^--runs: none unknown"):
        CheckpointTracks(runs=())


def test_the_command_refuses_in_one_line(tmp_path, capsys):
    assert chosen(["--track", "--out", str(tmp_path), "--draws", "3"]) == 2
    assert "--draws must be at least 20, not 3" in capsys.readouterr().err
