"""What the environment says of a process: how many processors it may use, and whether it shows its progress."""

from __future__ import annotations

import os

SHOWN = "SLT_TOYS_PROGRESS"  # workers have "none": their driver shows how far it has come
THREADS = "SLT_TOYS_THREADS"  # in the environment: the share of a process that is one of several


def usable_processors() -> int:
    """How many threads a process may keep busy.

    Returns
    -------
    int
        What the environment variable ``SLT_TOYS_THREADS`` says; without it, the processors that the system lets this
        process use, or where it does not say, those that there are. No result depends on it.

    Raises
    ------
    ValueError
        If the variable is no whole number of at least 1.
    """
    said = os.environ.get(THREADS)
    if said is not None:
        if not said.isdecimal() or int(said) < 1:
            raise ValueError(f"{THREADS} in the environment must be a whole number of at least 1, not {said!r}")
        return int(said)
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1
