"""The driver: units to a pool, what comes back to a record."""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Container, Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from .tasks import Failed, Pool, Returned, Task

LOOK = 1.0  # seconds between two looks at what is going on


@dataclass(frozen=True)
class Unit:
    """What is done once, and kept.

    Attributes
    ----------
    key
        By which it is known; units with one key are one.
    arguments
        Of the function.
    parent
        Key of the unit that must be done before; None where none must.
    """

    key: str
    arguments: tuple[Any, ...]
    parent: str | None = None


@dataclass(frozen=True)
class Tally:
    """What became of the units: how many were done now and before, which failed, and which wait for those."""

    done: int
    before: int
    failed: tuple[Failed, ...]
    left_out: tuple[str, ...]


def carry_out(
    units: Iterable[Unit],
    function: Callable[..., Any],
    pool: Pool,
    keep: Callable[[Sequence[Returned | Failed]], None],
    *,
    done: Container[str] = (),
    look: Callable[[], None] | None = None,
) -> Tally:
    """Do all units that are not done, parents before their children, and keep what each gives.

    Units are taken from the iterable as there is room, so that there may be any number of them.

    Parameters
    ----------
    units
        Parents before their children.
    function
        Called with the arguments of each unit, in a worker.
    pool
        Where.
    keep
        Called in this process with what has come back, all that came together in one call. What it has kept must be in
        ``done`` from then on, so that it is not done again.
    done
        Keys of the units that are done.
    look
        Called about once a second.

    Returns
    -------
    Tally
        A unit that fails stops no other, but those that need it.
    """
    queue = _Queue(units, done)
    failed: list[Failed] = []
    count = 0
    while True:
        while pool.in_flight < pool.room and (unit := queue.next()) is not None:
            pool.submit(Task(unit.key, function, unit.arguments))
        if not pool.in_flight:
            break
        back = pool.wait(LOOK)
        if back:
            keep(back)
        for each in back:
            if isinstance(each, Returned):
                count += 1
                queue.release(each.key)
            else:
                failed.append(each)
        if look is not None:
            look()
    return Tally(count, queue.before, tuple(failed), tuple(queue.never()))


class _Queue:
    """Units that can be done, in order."""

    def __init__(self, units: Iterable[Unit], done: Container[str]) -> None:
        self._units, self._done = iter(units), done
        self._ready: deque[Unit] = deque()
        self._waiting: dict[str, list[Unit]] = {}  # by parent
        self.before = 0

    def next(self) -> Unit | None:
        if self._ready:
            return self._ready.popleft()
        for unit in self._units:
            if unit.key in self._done:
                self.before += 1
            elif unit.parent is not None and unit.parent not in self._done:
                self._waiting.setdefault(unit.parent, []).append(unit)
            else:
                return unit
        return None

    def release(self, key: str) -> None:
        self._ready.extend(self._waiting.pop(key, ()))

    def never(self) -> Iterator[str]:
        """Keys of those whose parent never came."""
        return (unit.key for units in self._waiting.values() for unit in units)
