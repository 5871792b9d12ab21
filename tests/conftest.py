"""What all tests share."""

from __future__ import annotations

import os
from pathlib import Path

# Before anything loads OpenMP: threads that spin while they wait are many times slower on busy processors.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:  # the workers together have a processor each
    os.environ.setdefault("OMP_NUM_THREADS", "1")

import pytest
from hypothesis import settings

# Not derandomised: what a test claims must hold for every seed. No deadline: a first call may compile.
settings.register_profile("slt_toys", deadline=None, print_blob=True)
settings.load_profile("slt_toys")


SLOW_CASES = Path(__file__).with_name("slow_cases.txt")


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(items):
    """Mark the cases of tests/slow_cases.txt slow; each line holds processor seconds and a case."""
    lines = SLOW_CASES.read_text(encoding="utf-8").splitlines()
    slow = {line.split(maxsplit=1)[1] for line in lines if not line.startswith("#")}
    for item in items:
        if item.nodeid in slow:
            item.add_marker(pytest.mark.slow)
