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
    with Store(tmp_path, create=True) as store:
        store.set_facts(study={})
    assert loaded("status", "--results", str(tmp_path)) == set()
    assert loaded("status", "--results", str(tmp_path / "nowhere"), status=2) == set()
    assert loaded("resume", "--results", str(tmp_path / "nowhere"), status=2) == set()
    assert loaded("replicate", "--wrong", "option", status=2) == set()


def test_a_report_needs_no_torch(tmp_path):
    """One that has nothing to report of loads all that a report needs."""
    with Store(tmp_path, create=True) as store:
        store.set_facts(study={"gate": 0.5})
    assert "xarray" in loaded("report", "--results", str(tmp_path), status=2), "the control: it got that far"
    assert "torch" not in loaded("report", "--results", str(tmp_path), status=2)


def test_the_names_of_options_are_those_of_what_they_name():
    from cifar.data.deficits import IMAGE_DEFICITS
    from cifar.study.names import DEFICITS, NETWORKS
    from cifar.training.networks import WIDTHS

    assert tuple(IMAGE_DEFICITS) == DEFICITS and tuple(WIDTHS) == NETWORKS


def test_workers_wait_passively_and_the_parent_stays_as_it_was(monkeypatch):
    from cifar.sweep.sweep import WAITING, waiting_passively

    child = [sys.executable, "-c", "import os; print(os.environ.get('OMP_WAIT_POLICY'))"]
    for name in WAITING:
        monkeypatch.delenv(name, raising=False)
    with waiting_passively():
        assert subprocess.run(child, capture_output=True, text=True, check=True).stdout == "PASSIVE\n"
    assert not set(WAITING) & set(os.environ)
    monkeypatch.setenv("OMP_WAIT_POLICY", "ACTIVE")  # who asks for another policy gets it
    with waiting_passively():
        assert subprocess.run(child, capture_output=True, text=True, check=True).stdout == "ACTIVE\n"
    assert os.environ["OMP_WAIT_POLICY"] == "ACTIVE"


def test_a_sweep_starts_its_workers_so(monkeypatch, tmp_path, images):
    import multiprocessing

    from cifar.study.measuring import Measuring
    from cifar.sweep import sweep

    seen = []

    class Process:
        pid = exitcode = None

        def __init__(self, target, args):
            self.threads = args[-1]

        def start(self):
            seen.append((os.environ.get("OMP_WAIT_POLICY"), self.threads))

        def is_alive(self):
            return False

        def join(self, timeout=None):
            pass

    monkeypatch.delenv("OMP_WAIT_POLICY", raising=False)
    monkeypatch.setattr(multiprocessing.get_context("spawn"), "Process", Process, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    with Store(tmp_path, create=True):
        pass
    sweep.run_sweep(tmp_path, images, Measuring(), sweep.Workers(workers=3))
    assert seen == [("PASSIVE", 2)] * 3  # eight processors shared by three workers


def test_processors_are_shared_out_among_workers(monkeypatch):
    from cifar.sweep.sweep import Workers

    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert [Workers(workers=n).threads_each for n in (1, 2, 3, 8, 20)] == [8, 4, 2, 1, 1]
    assert Workers(workers=3, threads=5).threads_each == 5


def test_the_suite_itself_waits_passively():
    assert os.environ["OMP_WAIT_POLICY"]
