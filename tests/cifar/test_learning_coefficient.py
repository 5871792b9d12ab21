"""The old name of the estimator leads to its place."""

from __future__ import annotations

import subprocess
import sys

from cifar import learning_coefficient
from slt_toys.learning_coefficient import estimator


def test_the_old_name_is_the_estimator_and_its_command_says_where_it_went():
    assert learning_coefficient.local_learning_coefficient is estimator.local_learning_coefficient
    asked = [sys.executable, "-m", "cifar.learning_coefficient", "--help"]
    finished = subprocess.run(asked, capture_output=True, text=True, check=True)
    assert "this command is now: python -m slt_toys.learning_coefficient" in finished.stderr
