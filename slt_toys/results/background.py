"""Chains in a thread of their own while the next of them are prepared.

Compiled kernels need no interpreter, so whatever else an experiment has to do can be done meanwhile. Symbolic
mathematics is the exception: the precision of mpmath is one for all threads. Hence what runs in the background has been
prepared before, and calls no more of it.
"""

from __future__ import annotations

import sys
import threading
from collections.abc import Callable, Iterator
from concurrent.futures import Future, ThreadPoolExecutor
from contextlib import contextmanager
from typing import Any, Protocol, TypeVar

Result = TypeVar("Result")
Advance = Callable[[float], None]
# Seconds until a thread that returns from a kernel gets the interpreter: a kernel's call may take no longer than the
# usual five thousandths.
SWITCH_INTERVAL = 2e-4


class Beside(Protocol):
    """Sees to it that work is done, and returns what waits for its result."""

    def __call__(self, work: Callable[[Advance], Result], advance: Advance | None = None) -> Callable[[], Result]:
        """Begin; ``work`` is called with something to tell its progress to, which is passed on to ``advance``."""
        ...


class _Abandoned(Exception):
    pass


def at_once(work: Callable[[Advance], Result], advance: Advance | None = None) -> Callable[[], Result]:
    """Do it now, in this thread."""
    result = work(advance or _nothing)
    return lambda: result


@contextmanager
def background() -> Iterator[Beside]:
    """Give a `Beside` that does one thing after the other in a thread.

    When the block is left by an exception, an interruption from the keyboard among them, work ends as soon as it tells
    of its progress. Work that failed makes the next start fail.
    """
    stop, begun, usual = threading.Event(), list[Future[Any]](), sys.getswitchinterval()
    pool = ThreadPoolExecutor(1)

    def start(work: Callable[[Advance], Result], advance: Advance | None = None) -> Callable[[], Result]:
        def told(fraction: float) -> None:
            if stop.is_set():
                raise _Abandoned
            (advance or _nothing)(fraction)

        for job in begun:
            if job.done():
                job.result()
        job = pool.submit(work, told)
        begun.append(job)
        return job.result

    sys.setswitchinterval(SWITCH_INTERVAL)
    try:
        yield start
    except BaseException:
        stop.set()
        raise
    finally:
        pool.shutdown(cancel_futures=True)
        sys.setswitchinterval(usual)


def _nothing(fraction: float) -> None:
    pass
