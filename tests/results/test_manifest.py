"""The manifest says what made a result, and ignores a repository that does not hold the code."""

from __future__ import annotations

import math
import subprocess
from pathlib import Path

import numpy as np
import pytest

from slt_toys.results import manifest as manifests
from slt_toys.results import records
from tests.results.made_records import Settings


def test_manifest_says_what_made_the_result(tmp_path):
    record = records.manifest(Settings(), 7, 1.5, cpu_time=2.5, files={"a.nc": "00"})
    assert record["config"] == {"decay": 0.97, "batch_sizes": [32, 64]}
    assert record["seed"] == 7 and (record["wall_time_seconds"], record["cpu_time_seconds"]) == (1.5, 2.5)
    assert record["files"] == {"a.nc": "00"}
    assert record["libraries"]["numpy"] == np.__version__
    assert record["date_utc"].endswith("+00:00")
    assert record["git_commit"] is None or len(record["git_commit"]) == 40
    records.write_json(record, tmp_path / "manifest.json")
    for wrong in (-1.0, math.nan):
        with pytest.raises(ValueError, match="wall_time"):
            records.manifest(None, None, wrong)
        with pytest.raises(ValueError, match="cpu_time"):
            records.manifest(None, None, 1.0, cpu_time=wrong)


def test_manifest_ignores_a_repository_that_does_not_hold_the_code(tmp_path, monkeypatch):
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    assert manifests._git_state(tmp_path) == (None, None)
    monkeypatch.setenv("PATH", "")
    assert manifests._git_state(Path(manifests.__file__).parent) == (None, None), "git may be missing"


def test_the_version_of_the_code_says_its_commit(monkeypatch):
    from slt_toys import __version__
    from slt_toys.results import manifest as module

    for state, words in (
        ((None, None), ""),
        (("abc", False), ", commit abc"),
        (("abc", True), ", commit abc, changed since"),
    ):
        monkeypatch.setattr(module, "_git_state", lambda folder, state=state: state)
        assert module.code_version() == f"slt-toys {__version__}{words}"
