"""What the tests let workers do; each call leaves a line in a file, so that it can be seen what was done."""

from __future__ import annotations

import os
import signal
import time
from pathlib import Path
from typing import Any

import numpy as np


def note(log: str, what: object) -> None:
    """One line, in one system call: lines of several processes do not mix."""
    descriptor = os.open(log, os.O_WRONLY | os.O_CREAT | os.O_APPEND)
    os.write(descriptor, f"{what}\n".encode())
    os.close(descriptor)


def noted(log: str | Path) -> list[str]:
    return Path(log).read_text().split() if Path(log).exists() else []


def drawn(seed: int, log: str = "", seconds: float = 0.0) -> dict[str, Any]:
    """Numbers that only their seed decides."""
    time.sleep(seconds)
    if log:
        note(log, seed)
    values = np.random.default_rng(seed).standard_normal(3)
    return {"total": values.sum(), "values": (("draw",), values), "count": seed, "told": f"seed {seed}"}


def product(a: float, b: float) -> float:
    return a * b


def failing(seed: int, log: str, bad: int) -> int:
    """One seed always raises."""
    note(log, seed)
    if seed == bad:
        raise RuntimeError(f"seed {seed} cannot\nbe done")
    return seed


def killing(seed: int, log: str, bad: int) -> int:
    """One seed always kills its worker."""
    note(log, seed)
    if seed == bad:
        os.kill(os.getpid(), signal.SIGKILL)
    return seed


def killing_once(seed: int, log: str, bad: int, marker: str) -> int:
    """One seed kills its worker the first time."""
    if seed == bad and not os.path.exists(marker):
        Path(marker).touch()
        os.kill(os.getpid(), signal.SIGKILL)
    note(log, seed)
    return seed


def environment(name: str) -> str:
    return os.environ.get(name, "")


def unfit(seed: int) -> object:
    """What no array holds."""
    return {"value": object()} if seed else 1.0


def waiting(seed: int, log: str, until: str) -> int:
    """Note the process, then wait for a file."""
    note(log, os.getpid())
    while not os.path.exists(until):
        time.sleep(0.01)
    return seed


def of_several_shapes(n: int) -> dict[str, object]:
    return {"value": np.arange(n, dtype=float)}
