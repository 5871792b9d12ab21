from __future__ import annotations

import os
import sys

import pytest

from slt_toys.sweep.local_pool import LocalPool
from slt_toys.sweep.tasks import MOST_OF_REASON, Failed, Returned, Task, carried_out, closing_at_once, one_line


def test_a_call_is_made_and_timed():
    told = carried_out(Task("a", divmod, (7, 2)))
    assert isinstance(told, Returned) and told.value == (3, 1) and told.seconds >= 0
    assert told.worker.endswith(f":{os.getpid()}")


@pytest.mark.parametrize("error", [ValueError("two\nlines"), SystemExit(3), KeyboardInterrupt(), MemoryError()])
def test_whatever_is_raised_is_told_in_text(error):
    def call():
        raise error

    told = carried_out(Task("a", call, ()))
    assert isinstance(told, Failed) and told.reason == one_line(error) and "\n" not in told.reason
    assert type(error).__name__ in told.reason and "Traceback" in told.trace and not told.lost


def test_long_reasons_are_cut():
    assert len(one_line(ValueError("x" * 5000))) == MOST_OF_REASON


def test_a_pool_is_closed_in_either_way():
    class Made(LocalPool):
        closed: bool | None = None

        def close(self, *, at_once):
            self.closed = at_once
            super().close(at_once=at_once)

    pool = Made(1)
    with closing_at_once(pool) as entered:
        assert entered is pool
    assert pool.closed is False
    pool = Made(1)
    with pytest.raises(SystemExit), closing_at_once(pool):
        sys.exit()
    assert pool.closed is True
