"""Options are shown before anything heavy is imported."""

from __future__ import annotations

import subprocess
import sys

import pytest

HEAVY = {"numba", "scipy", "sympy", "xarray", "matplotlib", "torch"}
COMMANDS = ["phase_diagram", "temperature", "four_way_check"]

SHOW = """
import runpy, sys
sys.argv = ["x", "--help"]
try:
    runpy.run_module("slt_toys.{name}", run_name="__main__", alter_sys=True)
except SystemExit as stop:
    assert stop.code in (0, None)
print("loaded:", *sorted({heavy} & set(sys.modules)))
"""


@pytest.mark.parametrize("name", COMMANDS)
def test_help_loads_nothing_heavy(name):
    code = SHOW.format(name=name, heavy=HEAVY)
    shown = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert "--seed" in shown and "--docs" in shown
    assert shown.rstrip().endswith("loaded:")
