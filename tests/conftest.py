"""What all tests share."""

from __future__ import annotations

from hypothesis import settings

# Not derandomised: what a test claims must hold for every seed. No deadline: a first call may compile.
settings.register_profile("slt_toys", deadline=None, print_blob=True)
settings.load_profile("slt_toys")
