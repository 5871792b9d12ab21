"""How speed is measured here: CPU time over all threads, after a warm-up, in interleaved pairs."""

from __future__ import annotations

import os
import platform
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
    """One way to do a piece of work.

    Attributes
    ----------
    name
        For tables.
    run
        Does the work once and returns its result; the first call may compile.
    units
        How many units (chain-steps, temperatures, epochs) that work is.
    """

    name: str
    run: Callable[[], Any]
    units: float = 1.0


@dataclass(frozen=True)
class Cost:
    """Median seconds per unit: CPU time over all threads, and wall time."""

    cpu: float
    wall: float


@dataclass(frozen=True)
class Comparison:
    """Two contenders timed in turns.

    Attributes
    ----------
    ours, other
        Names.
    our_cost, other_cost
        Medians.
    ratio
        Median of the paired ratios of CPU time per unit, ours over the other's.
    low, high
        Their quartiles.
    """

    ours: str
    other: str
    our_cost: Cost
    other_cost: Cost
    ratio: float
    low: float
    high: float

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
    pairs = []
    for repetition in range(repetitions):
        if repetition % 2:
            second = time_once(other)
            pairs.append((time_once(ours), second))
        else:
            pairs.append((time_once(ours), time_once(other)))
    low, ratio, high = np.quantile([a.cpu / b.cpu for a, b in pairs], [0.25, 0.5, 0.75])
    costs = [_median(list(column)) for column in zip(*pairs, strict=True)]
    return Comparison(ours.name, other.name, costs[0], costs[1], float(ratio), float(low), float(high))


def _median(costs: list[Cost]) -> Cost:
    return Cost(float(np.median([c.cpu for c in costs])), float(np.median([c.wall for c in costs])))


def machine() -> str:
    """Processor model and the number of processors this process may use, on one line."""
    model = platform.processor() or platform.machine()
    information = Path("/proc/cpuinfo")
    if information.is_file():
        for line in information.read_text(encoding="utf-8").splitlines():
            if line.startswith("model name"):
                model = line.partition(":")[2].strip()
                break
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
