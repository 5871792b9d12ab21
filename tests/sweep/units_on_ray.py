"""What the sweeps of test_ray_pool.py do at each point: workers import it."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path

import numpy as np


def numbers(seed, size):
    """Linear algebra, which rounds by how many threads it has."""
    matrix = np.random.default_rng(seed).standard_normal((size, size))
    values = np.linalg.eigvalsh(matrix @ matrix.T)
    threads = ",".join(os.environ[name] for name in ("OPENBLAS_NUM_THREADS", "MKL_NUM_THREADS"))
    return {
        "smallest": values[0],
        "largest": values[-1],
        "logarithm": float(np.linalg.slogdet(matrix)[1]),
        "threads": threads,
    }


def counted(folder, place, seconds):
    """Leave a line in a file of its own each time it is begun; the process above is the node."""
    with open(Path(folder, f"{place}"), "a") as file:
        file.write(f"{os.getppid()}\n")
    time.sleep(seconds)
    return {"square": place**2, "node": os.getppid()}


def begun(folder) -> dict[int, int]:
    """How often each unit of `counted` was begun."""
    return {int(path.name): len(path.read_text().splitlines()) for path in Path(folder).iterdir()}


def kills_its_worker(folder, place, killer, times):
    """One unit ends its process, as often as it is told."""
    value = counted(folder, place, 0.0)
    if place == killer and begun(folder)[place] <= times:
        os.kill(os.getpid(), signal.SIGKILL)
    return value["square"]


def raises(folder, place, culprit):
    counted(folder, place, 0.0)
    if place == culprit:
        raise ArithmeticError(f"no result at {place}")
    return place


def device(place):
    """Which GPUs this worker may use."""
    return os.environ.get("CUDA_VISIBLE_DEVICES", "none")
