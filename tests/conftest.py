"""What all tests share."""

from __future__ import annotations

import os

# Before anything loads OpenMP: threads that spin while they wait are many times slower on busy processors.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:  # the workers together have a processor each
    os.environ.setdefault("OMP_NUM_THREADS", "1")

from hypothesis import settings

# Not derandomised: what a test claims must hold for every seed. No deadline: a first call may compile.
settings.register_profile("slt_toys", deadline=None, print_blob=True)
settings.load_profile("slt_toys")
