"""Workers that die, whatever they die of: nothing is lost, and who is to blame is known."""

from __future__ import annotations

import os
import signal
import time

import pytest

from slt_toys.inputs.processors import THREADS
from slt_toys.sweep.local_pool import AHEAD, LocalPool
from slt_toys.sweep.tasks import Failed, Returned, Task, closing_at_once
from tests.sweep import made_functions as made


def finished(pool, tasks, during=lambda: None):
    """All that comes back of some tasks."""
    left, back = list(tasks), []
    until = time.monotonic() + 300
    while (left or pool.in_flight) and time.monotonic() < until:
        while left and pool.in_flight < pool.room:
            pool.submit(left.pop(0))
        back += pool.wait(0.5)
        during()
    return back


def tasks_of(function, seeds, *more):
    return [Task(str(seed), function, (seed, *more)) for seed in seeds]


def test_everything_comes_back_once(tmp_path):
    log = str(tmp_path / "log")
    with closing_at_once(LocalPool(2)) as pool:
        back = finished(pool, tasks_of(made.drawn, range(100), log))
    assert sorted(int(each.key) for each in back) == list(range(100)) and all(
        isinstance(each, Returned) for each in back
    )
    assert sorted(map(int, made.noted(log))) == list(range(100))
    assert len({each.worker for each in back}) <= 2 and pool.in_flight == 0


def test_a_killed_worker_loses_nothing(tmp_path):
    """Two workers are killed from outside while they work."""
    log, killed = str(tmp_path / "log"), []

    def kill():
        workers = list(pool._executor._processes or ())
        if len(killed) < 2 and workers and len(made.noted(log)) > 20 * (1 + len(killed)):
            killed.append(workers[0])
            os.kill(workers[0], signal.SIGKILL)

    pool = LocalPool(2, retries=0)
    with closing_at_once(pool):
        back = finished(pool, tasks_of(made.drawn, range(80), log, 0.01), kill)
    assert len(killed) == 2 and sorted(int(each.key) for each in back) == list(range(80))
    assert all(isinstance(each, Returned) for each in back)  # no retry was needed: none died alone


def test_who_kills_its_worker_is_blamed_and_the_others_are_done(tmp_path):
    log = str(tmp_path / "log")
    with closing_at_once(LocalPool(2, retries=1)) as pool:
        back = finished(pool, tasks_of(made.killing, range(60), log, 7))
    failed = [each for each in back if isinstance(each, Failed)]
    assert [(each.key, each.lost) for each in failed] == [("7", True)] and "its worker died 2 times" in failed[0].reason
    assert sorted(int(each.key) for each in back) == list(range(60))
    assert made.noted(log).count("7") == 3  # among others once, then alone as often as it may


def test_two_who_kill_their_workers_are_both_found(tmp_path):
    log = str(tmp_path / "log")
    with closing_at_once(LocalPool(3, retries=0)) as pool:
        tasks = [*tasks_of(made.killing, range(10), log, 3), *tasks_of(made.killing, range(10, 20), log, 12)]
        back = finished(pool, tasks)
    assert sorted(each.key for each in back if isinstance(each, Failed)) == ["12", "3"] and len(back) == 20


def test_what_kills_once_is_done_the_second_time(tmp_path):
    log, marker = str(tmp_path / "log"), str(tmp_path / "marker")
    with closing_at_once(LocalPool(1)) as pool:
        back = finished(pool, tasks_of(made.killing_once, range(5), log, 2, marker))
    assert sorted(each.key for each in back if isinstance(each, Returned)) == list("01234")


def test_a_call_that_raises_is_told_in_one_line_and_not_repeated(tmp_path):
    log = str(tmp_path / "log")
    with closing_at_once(LocalPool(2)) as pool:
        back = finished(pool, tasks_of(made.failing, range(10), log, 4))
    (failed,) = [each for each in back if isinstance(each, Failed)]
    assert failed.reason == "RuntimeError: seed 4 cannot be done" and "Traceback" in failed.trace and not failed.lost
    assert made.noted(log).count("4") == 1 and len(back) == 10


def test_what_cannot_travel_is_a_failure():
    with closing_at_once(LocalPool(1)) as pool:
        back = finished(
            pool, [Task("out", abs, (lambda: 1,)), Task("home", eval, ("lambda: 1",)), Task("good", abs, (-1,))]
        )
    told = {each.key: each for each in back}
    assert isinstance(told["out"], Failed) and isinstance(told["home"], Failed)
    assert isinstance(told["good"], Returned) and told["good"].value == 1


@pytest.mark.parametrize(("workers", "threads", "each"), [(1, 3, "3"), (2, 1, "1")])
def test_libraries_of_workers_are_told_their_share(workers, threads, each):
    names = [THREADS, "OMP_NUM_THREADS", "NUMBA_NUM_THREADS", "OPENBLAS_NUM_THREADS", "OMP_WAIT_POLICY"]
    before = dict(os.environ)
    with closing_at_once(LocalPool(workers, threads=threads, environment={"MADE": "yes"})) as pool:
        back = finished(pool, [Task(name, made.environment, (name,)) for name in [*names, "MADE"]])
    told = {each.key: each.value for each in back if isinstance(each, Returned)}
    assert [told[name] for name in names] == [each, each, each, "1", "PASSIVE"] and told["MADE"] == "yes"
    assert dict(os.environ) == before


def test_workers_end_at_once_when_they_are_told_to(tmp_path):
    log = str(tmp_path / "log")
    pool = LocalPool(2)
    for number in range(4):
        pool.submit(Task(str(number), made.waiting, (number, log, str(tmp_path / "never"))))
    until = time.monotonic() + 60
    while len(made.noted(log)) < 2 and time.monotonic() < until:
        pool.wait(0.05)
    pool.close(at_once=True)
    for process in set(map(int, made.noted(log))):
        with pytest.raises(ProcessLookupError):
            os.kill(process, 0)


def test_numbers_out_of_range_are_refused():
    for make in (lambda: LocalPool(0), lambda: LocalPool(threads=-1), lambda: LocalPool(retries=-1)):
        with pytest.raises(ValueError, match="must be at least"):
            make()
    pool = LocalPool(3)
    assert pool.room == 3 * AHEAD
    pool.close(at_once=False)
