"""Every command answers --help before it loads anything slow, and refuses a wrong option in one line."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from slt_toys.critical_period import CriticalPeriod
from slt_toys.equi_temperature import EquiTemperature
from slt_toys.four_way_check import FourWayCheck
from slt_toys.phase_diagram import PhaseDiagram
from slt_toys.results.recipe import main
from slt_toys.smooth_decline import SmoothDecline
from slt_toys.temperature import Temperature

ROOT = Path(__file__).resolve().parent.parent
SLOW = ("torch", "numpy", "scipy", "xarray", "sympy", "numba", "matplotlib", "PIL", "h5py", "jax")
CIFAR = ("replicate", "resume", "status", "report", "export", "benchmark")
RECORDS = ("list", "show", "verify", "compare", "export", "migrate")
EXPERIMENTS = sorted(path.stem for path in (ROOT / "slt_toys").glob("*.py") if not path.stem.startswith("__"))
COMMANDS = [
    *(f"slt_toys.{name}" for name in (*EXPERIMENTS, "learning_coefficient", "zoo")),
    *("cifar", *(f"cifar {name}" for name in CIFAR), "cifar.learning_coefficient"),
    *("slt_toys.results", *(f"slt_toys.results {name}" for name in RECORDS)),
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


CIRCLE = ["--box", "1", "1+2*pi", "--boundary", "periodic", "--out"]
TILTED = "1-cos(2*w)+0.3*cos(w)"


@pytest.mark.parametrize(
    ("experiment", "options", "message"),
    [
        (Temperature, [f"--potential={TILTED}"], "--boundary periodic: a period is no part of a loss on examples"),
        (CriticalPeriod, [f"--clean={TILTED}", "--deficit=1-cos(2*w)-0.3*cos(w)"], "--boundary periodic: SGD's steps"),
        (PhaseDiagram, [f"--potential={TILTED}"], "a mirror image takes no circle or torus: give --deficit"),
        (EquiTemperature, [f"--potential={TILTED}"], "a mirror image takes no circle or torus: give --deficit"),
    ],
)
def test_a_circle_is_refused_in_one_line_where_it_is_not_taken(experiment, options, message, tmp_path, capfd):
    assert main(experiment, [*options, *CIRCLE, str(tmp_path)]) == 2
    told = capfd.readouterr().err
    assert told.count("\n") == 1 and message in told, told
    assert not list(tmp_path.iterdir())


@pytest.mark.slow
def test_a_circle_is_taken_by_the_check_of_coefficients(tmp_path, capsys):
    options = [f"--potential={TILTED}", "--chains", "1000", *CIRCLE, str(tmp_path)]
    assert main(FourWayCheck, options) == 0
    assert "agree with the exact ones and with the law of λ and m in 2 phases of 2" in capsys.readouterr().out


@pytest.mark.slow
def test_a_circle_is_taken_by_the_phase_diagram(tmp_path, capsys):
    pair = [f"--potential={TILTED}", "--deficit=1-cos(2*w)-0.3*cos(w)", "--chains", "100", "--resolution", "8"]
    assert main(PhaseDiagram, [*pair, *CIRCLE, str(tmp_path)]) == 0
    assert "by 22.76 epochs exactly" in capsys.readouterr().out


@pytest.mark.parametrize(
    ("experiment", "options", "message"),
    [
        (PhaseDiagram, ["--gradient-variance", "1e9"], r"--gradient-variance 1e+09 is too hot for regular_double_well"),
        (SmoothDecline, ["--gradient-variance", "1e9"], "--barriers must keep barriers between"),
        (CriticalPeriod, ["--temperature", "1e9"], "--temperature 1e+09 is too hot for regular_double_well"),
        (Temperature, ["--temperature", "1e9"], "--temperature 1e+09 is too hot for regular_double_well"),
    ],
)
def test_what_is_too_hot_for_phases_is_said_to_be(experiment, options, message, tmp_path, capfd):
    assert main(experiment, [*options, "--out", str(tmp_path)]) == 2
    told = [line for line in capfd.readouterr().err.splitlines() if line.startswith("error")]
    assert len(told) == 1 and message in told[0], told


def test_the_control_loads_something():
    assert "xarray" in run("figures", "--data=/nowhere")[1]
