"""Several units at once in one process: each a replica with a network, a step graph and a stream of its own.

A small network leaves most of a GPU idle. Steps are begun by turns and nothing waits between them, so that the device
has those of all replicas to choose from. One thread begins them all; no number depends on who else trains.
"""

from __future__ import annotations

import contextlib
import traceback
from collections.abc import Generator, Iterator, Sequence
from dataclasses import dataclass

import torch

from cifar.data.device_data import DeviceData
from cifar.sweep.units import Finished, Order, Unwritable, data_of, device_of, memory_told, reused, settings
from cifar.sweep.units import unit_in_steps as in_steps
from cifar.training.training import Trainer
from slt_toys.sweep.tasks import one_line


@dataclass(frozen=True)
class Block:
    """Units that a worker is told to do together.

    Attributes
    ----------
    orders
        Parents before their children; at least one. A parent that is not among them is done.
    replicas
        Units at a time.
    """

    orders: tuple[Order, ...]
    replicas: int


@dataclass(frozen=True)
class Broken:
    """Why a unit of a block failed, in one line and with its traceback."""

    reason: str
    trace: str


Outcome = Finished | Unwritable | Broken


def do_block(block: Block) -> tuple[tuple[str, Outcome], ...]:
    """Do the units of a block, by key; those that need one that failed are left out, as all are once a disk is full."""
    first = block.orders[0]
    device = device_of(first)
    with settings(device, first.deterministic):
        data = data_of(first, device)
        return tuple(outcomes(block, data, _replicas(block.replicas, data)))


class Replica:
    """A place for one unit at a time.

    Parameters
    ----------
    data
        On its device.
    """

    def __init__(self, data: DeviceData) -> None:
        self.data = data
        self.trainer: Trainer | None = None
        self.order: Order | None = None
        self._steps: Generator[None, None, Outcome] | None = None
        self._stream = torch.cuda.Stream(data.device) if data.device.type == "cuda" else None
        if self._stream is not None:
            self._stream.wait_stream(torch.cuda.default_stream(data.device))  # by which the data came

    @contextlib.contextmanager
    def _here(self) -> Iterator[None]:
        with contextlib.nullcontext() if self._stream is None else torch.cuda.stream(self._stream):
            yield

    def take(self, order: Order, together: Sequence[Replica]) -> None:
        """Have a unit to do, beside those of others."""
        self.order = order
        self._steps = self._do(order, together)

    def _do(self, order: Order, together: Sequence[Replica]) -> Generator[None, None, Outcome]:
        try:
            with memory_told(order.unit, self.data.device):
                self.trainer = reused(self.trainer, order, self.data)
                return (yield from in_steps(order, self.trainer, lambda: sum(each.busy for each in together)))
        except Exception as error:  # whatever it is, the others go on
            self.trainer = None  # what is left of it may hold memory
            return Broken(one_line(error), traceback.format_exc())

    @property
    def busy(self) -> bool:
        """Whether it has a unit."""
        return self._steps is not None

    def go_on(self) -> Outcome | None:
        """Begin the next step; what became of the unit, once it has ended."""
        assert self._steps is not None
        try:
            with self._here():
                next(self._steps)
        except StopIteration as end:
            self._steps = None
            return end.value
        return None


_KEPT: list[Replica] = []  # of this process, with their trainers and graphs


def _replicas(count: int, data: DeviceData) -> list[Replica]:
    if len(_KEPT) != count or _KEPT[0].data is not data:
        _KEPT[:] = [Replica(data) for _ in range(count)]
    return _KEPT


def outcomes(block: Block, data: DeviceData, replicas: Sequence[Replica]) -> Iterator[tuple[str, Outcome]]:
    """Each unit's outcome as soon as it has one."""
    left = {order.unit.key: order for order in block.orders}
    waiting = set(left)  # for a parent, or for room
    try:
        while True:
            for replica in replicas:
                chosen = None if replica.busy else _next(left, waiting)
                if chosen is not None:
                    waiting.remove(chosen)
                    replica.take(left[chosen], replicas)
            if not any(replica.busy for replica in replicas):
                return
            for replica in replicas:
                outcome = replica.go_on() if replica.busy else None
                if outcome is None:
                    continue
                assert replica.order is not None
                key = replica.order.unit.key
                yield key, outcome
                if isinstance(outcome, Unwritable):
                    return
                if isinstance(outcome, Finished):
                    del left[key]
    finally:
        if any(replica.busy for replica in replicas):  # stopped between: nothing of it is to be gone on with
            _KEPT.clear()


def _next(left: dict[str, Order], waiting: set[str]) -> str | None:
    """The next unit that can begin: first those that others wait for."""
    ready = [order.unit for key, order in left.items() if key in waiting and order.unit.parent not in left]
    return min(ready, key=lambda unit: unit.branch).key if ready else None
