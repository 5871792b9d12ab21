"""What a sweep costs per unit beyond the unit itself: through processes, through Ray, and through Ray Core alone."""

from __future__ import annotations

import itertools
import tempfile
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from benchmarks.measure import Contender, Cost, Unavailable, measure
from slt_toys.sweep.driver import Work, run
from slt_toys.sweep.grid import Grid
from slt_toys.sweep.local_pool import AHEAD, LocalPool
from slt_toys.sweep.ray_pool import RayPool
from slt_toys.sweep.tasks import Pool

UNITS, WORKERS = 2000, 2
LIMITS = {"processes": 2e-3, "Ray on this machine": 10e-3}  # seconds per unit that are asked of the engine


@dataclass(frozen=True)
class Overhead:
    """Seconds per unit of a sweep whose units do nothing: of the driver's processor, and of the clock."""

    sweep: Cost
    alone: Cost | None = None  # where the same calls were made by Ray Core and nothing was kept

    @property
    def ratio(self) -> float | None:
        """Clock time over that of Ray Core alone, measured in the same run."""
        return None if self.alone is None else self.sweep.wall / self.alone.wall


def nothing(place: int, repetition: int) -> int:
    """A unit."""
    return place


class _Open(Pool):
    """A pool that outlives the sweeps it is used by, so that its start is not timed."""

    def __init__(self, pool: Pool) -> None:
        self._pool = pool
        self.submit, self.wait = pool.submit, pool.wait

    @property
    def in_flight(self) -> int:
        return self._pool.in_flight

    @property
    def room(self) -> int:
        return self._pool.room

    def close(self, *, at_once: bool) -> None:
        if at_once:
            self._pool.close(at_once=True)


@contextmanager
def _opened(made: Callable[[], Pool]) -> Iterator[Pool]:
    try:
        pool = made()
    except ValueError as error:
        raise Unavailable(str(error)) from None
    try:
        yield _Open(pool)
    finally:
        with suppress(OSError):
            pool.close(at_once=False)


def sweeping(pool: Pool, units: int) -> Contender:
    """A whole sweep: ledger, checksums and dataset included."""
    numbers = itertools.count()

    def once() -> None:
        with tempfile.TemporaryDirectory() as folder:
            grid = Grid({"place": tuple(range(units)), "repetition": (next(numbers),)})
            _, tally = run(Work.of(nothing), grid, Path(folder), lambda: pool)
            assert tally.done == units and not tally.failed

    return Contender("sweep", once, units)


def ray_core(units: int) -> Contender:
    """The same calls by Ray Core, as many in flight, and nothing kept."""
    import importlib

    ray: Any = importlib.import_module("ray")
    remote = ray.remote(nothing)

    def once() -> None:
        flying: list[Any] = []
        for place in range(units):
            if len(flying) >= AHEAD * WORKERS:
                here, flying = ray.wait(flying, num_returns=1)
                ray.get(here)
            flying.append(remote.remote(place, 0))
        ray.get(flying)

    return Contender("Ray Core", once, units)


def by_processes(repetitions: int, units: int = UNITS) -> Overhead:
    """A sweep in processes of this machine."""
    with _opened(lambda: LocalPool(WORKERS)) as pool:
        return Overhead(measure(sweeping(pool, units), repetitions))


def by_ray(repetitions: int, units: int = UNITS) -> Overhead:
    """A sweep on a Ray of this machine, beside Ray Core alone; `Unavailable` where Ray cannot start."""
    with _opened(lambda: RayPool("local", WORKERS)) as pool:
        return Overhead(measure(sweeping(pool, units), repetitions), measure(ray_core(units), repetitions))


ENGINES = {"processes": by_processes, "Ray on this machine": by_ray}
