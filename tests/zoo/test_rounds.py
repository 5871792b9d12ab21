"""Many models at a time: the same files as one by one, none run twice, and a failure is told."""

from __future__ import annotations

import json
from typing import ClassVar

import pytest
import xarray as xr

from slt_toys.results import manifest
from slt_toys.results.claims import Outcome
from slt_toys.results.recipe import Experiment
from slt_toys.zoo import rounds

CHEAP = ("deep_linear_pathways", "insight")


class Tiny(Experiment):
    """An experiment of no cost."""

    NAME: ClassVar[str] = "zoo_tiny"

    def run(self) -> xr.Dataset:
        return xr.Dataset({"x": ("y", [float(self.seed)])})

    def outcome(self, dataset: xr.Dataset) -> Outcome:
        return Outcome("Tiny", "Nothing.", (), (), {})


def test_a_record_of_other_code_or_seed_is_made_again(tmp_path, monkeypatch):
    monkeypatch.setattr(rounds, "experiment_of", lambda name: Tiny)
    monkeypatch.setattr(manifest, "_git_state", lambda folder: ("0" * 40, False))
    assert not rounds.is_made("tiny", 0, tmp_path)
    assert rounds.run_each(["tiny"], 0, tmp_path, None, processes=1) == ["tiny"]
    assert rounds.is_made("tiny", 0, tmp_path) and not rounds.is_made("tiny", 1, tmp_path)
    assert rounds.run_each(["tiny"], 0, tmp_path, None, processes=1) == []
    for state in (("1" * 40, False), ("0" * 40, True)):
        monkeypatch.setattr(manifest, "_git_state", lambda folder, state=state: state)
        assert not rounds.is_made("tiny", 0, tmp_path)
    monkeypatch.setattr(manifest, "_git_state", lambda folder: ("0" * 40, False))
    (tmp_path / "zoo_tiny.nc").write_bytes(b"cut short")
    assert not rounds.is_made("tiny", 0, tmp_path)
    monkeypatch.setattr(manifest, "_git_state", lambda folder: (None, None))  # no repository
    assert rounds.run_each(["tiny"], 0, tmp_path, None, processes=1) == ["tiny"]
    assert not rounds.is_made("tiny", 0, tmp_path)


@pytest.mark.slow
def test_processes_change_no_number(tmp_path):
    for processes in (1, 2):
        rounds.run_each(CHEAP, 3, tmp_path / str(processes), None, processes=processes)
    one, two = (
        [json.loads((tmp_path / way / f"zoo_{name}.json").read_text())["numbers"] for name in CHEAP] for way in "12"
    )
    assert one == two


@pytest.mark.slow
def test_a_failure_of_a_run_is_told(tmp_path):
    with pytest.raises(ValueError, match="NAME must be one of"):
        rounds.run_each(["lion", "tiger"], 0, tmp_path, tmp_path, processes=2)
