"""How speed is measured here: CPU time over all threads, after a warm-up, in interleaved pairs."""

from __future__ import annotations

import os
import platform
import re
import time
from collections.abc import Callable
from dataclasses import dataclass
from importlib import metadata
from pathlib import Path
from typing import Any

import numpy as np

from benchmarks import REPETITIONS


class Unavailable(Exception):
    """This machine cannot run a contender; the message says why."""


@dataclass(frozen=True)
class Contender:
    """One way to do a piece of work."""

    name: str
    run: Callable[[], Any]  # does the work once and returns its result; the first call may compile
    units: float = 1.0  # how many units (chain-steps, temperatures, epochs) that work is


@dataclass(frozen=True)
class Cost:
    """Median seconds per unit: CPU time over all threads, and wall time."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Comparison:
    """Two contenders timed in turns: medians, and quartiles of the paired ratios of CPU time, ours over other."""

    ours: str
    other: str
    our_cost: Cost
    other_cost: Cost
    ratio: float
    low: float
    high: float

    def spread(self) -> str:
        """The ratio and its quartiles, for a line on the terminal."""
        return f"ratio {self.ratio:.3g} (quartiles {self.low:.3g} to {self.high:.3g})"

    def cell(self) -> str:
        """The same for a table."""
        return f"{self.ratio:.3g} ({self.low:.3g} to {self.high:.3g})"

    def in_milliseconds(self) -> dict[str, float]:
        """CPU times and their ratio, for a benchmark's record."""
        ours, other = 1e3 * self.our_cost.cpu, 1e3 * self.other_cost.cpu
        return {"our_milliseconds": ours, "other_milliseconds": other, "ratio": self.ratio}


def time_once(contender: Contender) -> Cost:
    """Run once and return seconds per unit."""
    cpu, wall = time.process_time(), time.perf_counter()
    contender.run()
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return Cost(cpu / contender.units, wall / contender.units)


def measure(contender: Contender, repetitions: int = REPETITIONS) -> Cost:
    """Median cost of a contender, after a warm-up."""
    contender.run()
    return _median([time_once(contender) for _ in range(repetitions)])


def compare(ours: Contender, other: Contender, repetitions: int = REPETITIONS) -> Comparison:
    """Time two contenders in turns, after a warm-up of both.

    What else slows the machine slows neighbours in time alike, so ratios are taken pair by pair, in
    alternating order.
    """
    ours.run()
    other.run()
    first, second = [], []
    for repetition in range(repetitions):
        turns = [(ours, first), (other, second)]
        for contender, costs in reversed(turns) if repetition % 2 else turns:
            costs.append(time_once(contender))
    low, ratio, high = np.quantile([a.cpu / b.cpu for a, b in zip(first, second, strict=True)], [0.25, 0.5, 0.75])
    return Comparison(ours.name, other.name, _median(first), _median(second), float(ratio), float(low), float(high))


def _median(costs: list[Cost]) -> Cost:
    return Cost(float(np.median([c.cpu for c in costs])), float(np.median([c.wall for c in costs])))


def machine() -> str:
    """Processor model and the number of processors this process may use, on one line."""
    information = Path("/proc/cpuinfo")
    text = information.read_text(encoding="utf-8") if information.is_file() else ""
    named = re.search(r"^model name.*?:(.*)$", text, re.MULTILINE)
    model = named[1].strip() if named else platform.processor() or platform.machine()
    count = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return f"{model}, {count} processors, {platform.system()} {platform.machine()}"


def versions() -> str:
    """Versions of Python and of what was measured, on one line."""
    found = [f"Python {platform.python_version()}"]
    for name in ("numpy", "scipy", "numba", "jax", "blackjax", "deeptime"):
        try:
            found.append(f"{name} {metadata.version(name)}")
        except metadata.PackageNotFoundError:
            continue
    return ", ".join(found)
