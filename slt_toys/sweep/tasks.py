"""What a pool is given and gives back."""

from __future__ import annotations

import os
import socket
import time
import traceback
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from typing import Any, Protocol

MOST_OF_REASON = 300  # letters


@dataclass(frozen=True)
class Task:
    """A call to make somewhere: ``function(*arguments)``, known by its key."""

    key: str
    function: Callable[..., Any]
    arguments: tuple[Any, ...]


@dataclass(frozen=True)
class Returned:
    """What a call gave back.

    Attributes
    ----------
    key
        Of the task.
    value
        What the function returned.
    seconds
        That the call took, by a clock that never goes back.
    worker
        Host and process.
    """

    key: str
    value: Any
    seconds: float
    worker: str


@dataclass(frozen=True)
class Failed:
    """Why there is no result.

    Attributes
    ----------
    key
        Of the task.
    reason
        In one line.
    trace
        The traceback; empty where there is none.
    lost
        Whether the worker was lost with it, and not the call that failed.
    """

    key: str
    reason: str
    trace: str = ""
    lost: bool = False


class Pool(Protocol):
    """Carries out tasks, each once, and again where a worker was lost with it."""

    @property
    def in_flight(self) -> int:
        """Tasks that were submitted and are not back."""
        ...

    @property
    def room(self) -> int:
        """How many may be in flight at present."""
        ...

    def submit(self, task: Task) -> None:
        """Begin a task soon."""
        ...

    def wait(self, seconds: float) -> list[Returned | Failed]:
        """What has come back; waits for the first, no longer than so many seconds."""
        ...

    def close(self, *, at_once: bool) -> None:
        """Let the workers go; ``at_once``: whatever they are doing."""
        ...


@contextmanager
def closing_at_once(pool: Pool) -> Iterator[Pool]:
    """Let the workers go when the block ends: at once, if by an exception such as an interruption."""
    try:
        yield pool
    except BaseException:
        pool.close(at_once=True)
        raise
    pool.close(at_once=False)


def carried_out(task: Task) -> Returned | Failed:
    """Make the call, in the worker. Whatever it raises is told in text, for not every exception can travel."""
    began = time.monotonic()
    try:
        value = task.function(*task.arguments)
    except BaseException as error:
        return Failed(task.key, one_line(error), traceback.format_exc())
    return Returned(task.key, value, time.monotonic() - began, worker_name())


def worker_name() -> str:
    """Host and process."""
    return f"{socket.gethostname()}:{os.getpid()}"


def one_line(error: BaseException) -> str:
    """What an exception says, with its kind, in one line of at most 300 letters."""
    said = " ".join(str(error).split())
    kind = type(error).__name__
    return (f"{kind}: {said}" if said else kind)[:MOST_OF_REASON]
