"""Every command answers --help before it loads anything slow, and refuses a wrong option in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
SLOW = ("torch", "numpy", "scipy", "xarray", "sympy", "numba", "matplotlib", "PIL", "h5py", "jax")
CIFAR = ("replicate", "resume", "status", "report", "export", "benchmark")
EXPERIMENTS = sorted(path.stem for path in (ROOT / "slt_toys").glob("*.py") if path.stem != "__init__")
COMMANDS = [
    *(f"slt_toys.{name}" for name in (*EXPERIMENTS, "learning_coefficient", "zoo")),
    *("cifar", *(f"cifar {name}" for name in CIFAR), "cifar.learning_coefficient"),
    *("theory", "figures", "benchmarks"),
]
SCRIPT = """
import contextlib, io, json, runpy, sys
module, *words = sys.argv[1].split()
found = {}
for option in sys.argv[2:]:
    sys.argv[1:] = [*words, option]
    status, said, errors = None, io.StringIO(), io.StringIO()
    with contextlib.redirect_stdout(said), contextlib.redirect_stderr(errors):
        try:
            runpy.run_module(module, run_name="__main__", alter_sys=True)
        except SystemExit as stop:
            status = stop.code
    found[option] = status, said.getvalue(), errors.getvalue()
print(json.dumps([found, [*sys.modules]]))
"""


def run(command: str, *options: str) -> tuple[dict[str, tuple[int, str, str]], set[str]]:
    """Status, output and errors of a command under each option, and which slow modules it loaded."""
    call = [sys.executable, "-c", SCRIPT, command, *options]
    done = subprocess.run(call, cwd=ROOT, capture_output=True, text=True, check=True)
    found, names = json.loads(done.stdout)
    return found, {name for name in SLOW if name in names}


@pytest.mark.parametrize("command", COMMANDS)
def test_options_are_read_before_anything_slow_is_loaded(command):
    found, slow = run(command, "--help", "--wrong")
    status, said, _ = found["--help"]
    assert status == 0 and f"python -m {command}" in said and "--help" in said
    status, said, errors = found["--wrong"]
    assert status == 2 and said == "" and "--wrong" in errors
    assert len([line for line in errors.splitlines() if "is now" not in line]) == 1
    assert slow == set()


def test_the_control_loads_something():
    assert "xarray" in run("figures", "--data=/nowhere")[1]
