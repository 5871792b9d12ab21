"""Workers on this machine: `concurrent.futures`, begun again where a worker dies."""

from __future__ import annotations

import os
import signal
import threading
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import Future, ProcessPoolExecutor
from concurrent.futures.process import BrokenProcessPool
from contextlib import contextmanager, suppress
from multiprocessing import get_context
from multiprocessing.connection import Connection
from queue import Empty, SimpleQueue
from typing import Any

from ..inputs.processors import SHOWN, THREADS, usable_processors
from .tasks import Failed, Pool, Returned, Task, carried_out, one_line

AHEAD = 32  # tasks in flight for each worker: a worker need not wait while the driver writes
EXIT_ABANDONED = 75


def worker_variables(threads: int) -> dict[str, str]:
    """What tells libraries, when they are loaded, to use so many threads and to sleep while they wait.

    Linear algebra has one thread always: on more it rounds otherwise. A worker shows no progress of its own.
    """
    each = str(threads)
    return {
        THREADS: each, "OMP_NUM_THREADS": each, "NUMBA_NUM_THREADS": each, "OPENBLAS_NUM_THREADS": "1",
        "MKL_NUM_THREADS": "1", "OMP_WAIT_POLICY": "PASSIVE", "KMP_BLOCKTIME": "0", SHOWN: "none",
    }  # fmt: skip


def share_of_processors(workers: int) -> int:
    """Threads of each of so many workers."""
    return max(1, usable_processors() // workers)


class LocalPool(Pool):
    """Processes on this machine.

    A worker that dies takes the others with it, and it is not known which task it died of. Those that may have been
    running are then begun again one at a time, until each is back. One that kills a worker while it runs alone has
    done so itself; it is tried ``retries`` times more.

    Parameters
    ----------
    workers
        Processes; by default as many as this process may use processors.
    threads
        Of each; 0 shares the processors out. No result depends on it.
    retries
        How often a task is begun again after it alone has killed a worker.
    environment
        Variables of the workers, besides those that say how many threads to use.
    ahead
        Tasks in flight for each worker; 1 keeps the order of long tasks open for as long as can be.
    bell
        Called, from any thread, when a task is back: for who waits for several pools.

    Raises
    ------
    ValueError
        If a number is out of range.
    """

    def __init__(
        self,
        workers: int | None = None,
        *,
        threads: int = 0,
        retries: int = 2,
        environment: Mapping[str, str] | None = None,
        ahead: int = AHEAD,
        bell: Callable[[], None] | None = None,
    ) -> None:
        for name, value, least in (
            ("workers", workers, 1), ("threads", threads, 0), ("retries", retries, 0), ("ahead", ahead, 1)
        ):  # fmt: skip
            if value is not None and value < least:
                raise ValueError(f"{name} must be at least {least}, not {value}")
        self.workers = workers or usable_processors()
        self.retries = retries
        self._ahead, self._bell = ahead, bell
        each = threads or share_of_processors(self.workers)
        self._environment = worker_variables(each) | dict(environment or {})
        self._in_flight: dict[str, Task] = {}  # in the order in which they were submitted
        self._suspects: deque[Task] = deque()  # one of them has killed a worker
        self._alone: Task | None = None  # the suspect that runs
        self._held: deque[Task] = deque()  # until no one is suspected
        self._losses: dict[str, int] = {}
        self._begin()

    def _begin(self) -> None:
        self._back: SimpleQueue[tuple[Task, Future[Returned | Failed]]] = SimpleQueue()
        context = get_context("spawn")
        reader, self._lifeline = context.Pipe(duplex=False)
        self._executor = ProcessPoolExecutor(
            self.workers, mp_context=context, initializer=_become_worker, initargs=(reader,)
        )

    @property
    def in_flight(self) -> int:
        """Tasks that were submitted and are not back."""
        return len(self._in_flight) + len(self._suspects) + len(self._held)

    @property
    def room(self) -> int:
        """How many may be in flight; none while it is looked for who kills workers."""
        return 0 if self._alone else self._ahead * self.workers

    def submit(self, task: Task) -> None:
        """Begin a task soon."""
        self._in_flight[task.key] = task
        with environment_of(self._environment):  # processes are started when there is work
            try:
                future = self._executor.submit(carried_out, task)
            except BrokenProcessPool as error:  # it broke since it was last looked at
                future = Future()
                future.set_exception(error)
        back, bell = self._back, self._bell

        def came(done: Future[Returned | Failed]) -> None:
            back.put((task, done))
            if bell is not None:
                bell()

        future.add_done_callback(came)

    def wait(self, seconds: float) -> list[Returned | Failed]:
        """What has come back; waits for the first, no longer than so many seconds."""
        back: list[Returned | Failed] = []
        try:
            came = [self._back.get(timeout=seconds)]
        except Empty:
            came = []
        came += _all_of(self._back)
        if not self._taken(came, back):  # a worker died
            self._drop()
            self._taken(_all_of(self._back), back)  # what others had done by then
            self._begin()
            back += self._blame()
        self._go_on()
        return back

    def _taken(self, came: list[tuple[Task, Future[Returned | Failed]]], back: list[Returned | Failed]) -> bool:
        """Put what futures hold to what is back; whether the workers are all alive."""
        alive = True
        for task, future in came:
            error = future.exception() if not future.cancelled() else BrokenProcessPool()
            if isinstance(error, BrokenProcessPool):
                alive = False
                continue
            del self._in_flight[task.key]
            if self._alone is task:
                self._alone = None
            # What the executor itself raises: the task or its result cannot travel.
            back.append(future.result() if error is None else Failed(task.key, one_line(error)))
        return alive

    def _blame(self) -> list[Returned | Failed]:
        """Say who may have killed a worker; the failure of who has done so too often."""
        left = list(self._in_flight.values())
        self._in_flight.clear()
        alone, self._alone = self._alone, None
        if alone is None and len(left) == 1:
            (alone,) = left
        if alone is None:
            # Tasks are begun in order, and no more are running than there are workers; as many may be done unnoticed.
            self._suspects.extend(left[: 2 * self.workers])
            self._held.extend(left[2 * self.workers :])
            return []
        losses = self._losses[alone.key] = self._losses.get(alone.key, 0) + 1
        if losses > self.retries:
            return [Failed(alone.key, f"its worker died {losses} times", lost=True)]
        self._suspects.appendleft(alone)
        return []

    def _go_on(self) -> None:
        if self._alone is not None:
            return
        if self._suspects:
            self._alone = self._suspects.popleft()
            self.submit(self._alone)
        while self._held and self._alone is None:
            self.submit(self._held.popleft())

    def _drop(self) -> None:
        self._lifeline.close()
        self._executor.shutdown(wait=True, cancel_futures=True)

    def close(self, *, at_once: bool) -> None:
        """Let the workers go; ``at_once``: whatever they are doing."""
        if at_once:
            self._drop()
        else:
            self._executor.shutdown(wait=True, cancel_futures=True)
            self._lifeline.close()


def _all_of(queue: SimpleQueue[Any]) -> list[Any]:
    """Everything a queue holds now."""
    held: list[Any] = []
    with suppress(Empty):
        while True:
            held.append(queue.get_nowait())
    return held


@contextmanager
def environment_of(variables: Mapping[str, str]) -> Iterator[None]:
    """Set variables of the environment for processes that are started meanwhile."""
    given = {name: os.environ.get(name) for name in variables}
    os.environ.update(variables)
    try:
        yield
    finally:
        for name, value in given.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _become_worker(lifeline: Connection) -> None:
    """A worker leaves interrupts to its driver, and ends with it: however that ends, the pipe's other end closes."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)

    def watch() -> None:
        try:
            lifeline.recv_bytes()
        except (EOFError, OSError):
            os._exit(EXIT_ABANDONED)

    threading.Thread(target=watch, daemon=True).start()
