"""Peers: environments, processes that die or hang, and rows against exact energies."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slt_toys.learning_coefficient import peer_runner, peers
from slt_toys.learning_coefficient.__main__ import chosen

CASE = {"peer": "devinterp-1.3.2", "setting": "as documented", "problem": "w⁶", "examples": 1000, "seed": 0}
HERE = peers.Environment("devinterp-1.3.2", Path(sys.executable))


def scripted(monkeypatch, tmp_path, text: str) -> None:
    script = tmp_path / "runner.py"
    script.write_text("import sys, json\n" + text, encoding="utf-8")
    monkeypatch.setattr(peer_runner, "__file__", str(script))


def test_a_row_is_held_against_the_exact_energy(monkeypatch, tmp_path):
    said = {"estimate": 0.17, "standard_error": 0.002, "chains": 10, "seconds": 1.5}
    scripted(monkeypatch, tmp_path, f"for line in sys.stdin: print(json.dumps({said}), flush=True)")
    with peers.Runner(HERE) as runner:
        row = peers.row(runner, CASE)
    assert (row["energy"], row["exact"], row["covered"], row["wrong"]) == (1 / 6, 1 / 6, True, False)
    assert row["half_width"] == pytest.approx(2.262 * 0.002, rel=1e-3) and row["failure"] == ""
    said["estimate"] = 0.2
    scripted(monkeypatch, tmp_path, f"for line in sys.stdin: print(json.dumps({said}), flush=True)")
    with peers.Runner(HERE) as runner:
        row = peers.row(runner, CASE)
    assert (row["covered"], row["wrong"]) == (False, True)


def test_a_process_that_dies_or_hangs_fails_its_case_and_is_started_anew(monkeypatch, tmp_path):
    reply = "print(json.dumps({'estimate': 1.0, 'standard_error': 0.1, 'seconds': 1.0}), flush=True)"
    mark = tmp_path / "once"
    scripted(
        monkeypatch, tmp_path,
        f"import pathlib; mark = pathlib.Path({str(mark)!r})\n"
        f"for line in sys.stdin:\n    if not mark.exists():\n        mark.touch(); sys.exit(3)\n    {reply}",
    )  # fmt: skip
    with peers.Runner(HERE) as runner:
        row = peers.row(runner, CASE)
        assert row["failure"] == "its process ended" and np.isnan(row["estimate"]) and row["wrong"]
        assert not row["covered"]
        assert peers.row(runner, CASE)["failure"] == ""
    scripted(monkeypatch, tmp_path, "import time\nfor line in sys.stdin: time.sleep(60)")
    monkeypatch.setattr(peers, "LONGEST", 0.5)
    with peers.Runner(HERE) as runner:
        assert peers.row(runner, CASE)["failure"] == "no answer in 0 s"


def test_finished_cases_are_kept_until_the_runner_changes(monkeypatch, tmp_path):
    scripted(
        monkeypatch, tmp_path, "for line in sys.stdin: print(json.dumps({'failure': 'x', 'seconds': 1.0}), flush=True)"
    )
    tasks = [("w⁶", 1000, 0), ("w⁴ twice", 1000, 0)]
    first = peers.measured(HERE, tasks, tmp_path / "cases")
    assert len(first) == 2 * len(tasks) and {row["failure"] for row in first} == {"x"}
    scripted(monkeypatch, tmp_path, "sys.exit(1)")
    again = peers.measured(HERE, tasks, tmp_path / "cases")
    assert [row["failure"] for row in again] == ["x"] * 4
    monkeypatch.setattr(peers, "sources", lambda: "changed")
    assert {row["failure"] for row in peers.measured(HERE, tasks, tmp_path / "cases")} == {"its process ended"}


def test_a_peer_that_cannot_be_installed_or_imported_is_named(monkeypatch, tmp_path):
    def refused(command, **_):
        return subprocess.CompletedProcess(command, int("pip" in command), "", "note\nERROR: No matching distribution")

    with monkeypatch.context() as patched:
        patched.setattr(subprocess, "run", refused)
        found, missing = peers.environments(["lambda_hat"], tmp_path)
    assert not found and missing == ["lambda_hat cannot be installed (lambda_hat): ERROR: No matching distribution"]
    home = tmp_path / "given"
    (home / "bin").mkdir(parents=True)
    (home / "bin" / "python").symlink_to(sys.executable)
    found, missing = peers.environments([f"devinterp-1.3.2={home}"], tmp_path)
    assert not found and missing[0].startswith("devinterp-1.3.2 is installed, but cannot be imported: ModuleNotFound")
    monkeypatch.setitem(peers.IMPORTED, "devinterp-1.3.2", "json")  # as if the peer were there, and torch is not
    found, missing = peers.environments([f"devinterp-1.3.2={home}"], tmp_path)
    said = "devinterp-1.3.2 is installed, but the problems cannot be drawn beside it: ModuleNotFoundError"
    assert not found and missing[0].startswith(said), missing


def test_a_peer_that_raises_in_every_run_is_not_blamed():
    """One that diverges is, and one that raises now and then; runs without a setting say nothing."""

    def rows(*failures: str) -> list[dict[str, Any]]:
        return [{"peer": "x", "failure": failure} for failure in failures]

    raised, unset = "RuntimeError: no such argument", f"ValueError: {peer_runner.NO_STEP}"
    assert peers.never_ran(rows(raised, unset)) == f"x gave no estimate in any run; the first said: {raised}"
    for failures in ((raised, ""), (raised, "diverged"), ("RuntimeError: NaN detected in loss",), (unset,), ()):
        assert peers.never_ran(rows(*failures)) == "", failures


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("devinterp", "--peers: 'devinterp' unknown; known are devinterp-1.3.2"),
        ("devinterp-2=/nowhere", "--peers: /nowhere has no python; name the folder of a virtual environment"),
    ],
)
def test_bad_peers_take_one_line(text, words, capsys, tmp_path):
    assert chosen(["--referee", "--out", str(tmp_path), "--peers", text]) == 2
    said = capsys.readouterr().err
    assert words in said and said.count("\n") == 1
