"""What a command loads: torch, and whatever else takes seconds, only where something is computed with it."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

from cifar.sweep.store import Store

ROOT = Path(__file__).resolve().parent.parent.parent
SLOW = ("torch", "numpy", "scipy", "xarray", "sympy", "numba", "matplotlib", "PIL")
SCRIPT = """
import sys
from cifar.__main__ import main
try:
    status = main(sys.argv[2:])
except SystemExit as stop:  # --help
    status = stop.code
print("loaded:", *(name for name in sys.argv[1].split(",") if name in sys.modules))
sys.exit(status)
"""


def loaded(*arguments: str, status: int = 0) -> set[str]:
    """Which of the slow modules are loaded once a command has run."""
    command = [sys.executable, "-c", SCRIPT, ",".join(SLOW), *arguments]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, check=False)
    assert done.returncode == status, done.stderr
    return set(done.stdout.rpartition("loaded:")[2].split())


def test_status_and_refusals_load_nothing_slow(tmp_path):
    with Store(tmp_path, "create") as store:
        store.set_facts(study={})
    assert loaded("status", "--results", str(tmp_path)) == set()
    assert loaded("status", "--results", str(tmp_path / "nowhere"), status=2) == set()
    assert loaded("resume", "--results", str(tmp_path / "nowhere"), status=2) == set()
    assert loaded("replicate", "--wrong", "option", status=2) == set()


def test_a_report_needs_no_torch(tmp_path):
    """One that has nothing to report of loads all that a report needs."""
    with Store(tmp_path, "create") as store:
        store.set_facts(study={"gate": 0.5})
    found = loaded("report", "--results", str(tmp_path), status=2)
    assert "xarray" in found, "the control: it got that far"
    assert "torch" not in found


def test_the_names_of_options_are_those_of_what_they_name():
    from cifar.data.deficits import IMAGE_DEFICITS
    from cifar.study.names import DEFICITS, NETWORKS
    from cifar.training.networks import WIDTHS

    assert tuple(IMAGE_DEFICITS) == DEFICITS and tuple(WIDTHS) == NETWORKS


def test_the_suite_itself_waits_passively():
    assert os.environ["OMP_WAIT_POLICY"]
