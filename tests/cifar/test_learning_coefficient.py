"""The old command leads to the new one."""

from __future__ import annotations

import subprocess
import sys


def test_the_old_command_says_where_it_went():
    asked = [sys.executable, "-m", "cifar.learning_coefficient", "--help"]
    finished = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert "this command is now: python -m slt_toys.learning_coefficient" in finished.stderr
