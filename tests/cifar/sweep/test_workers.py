"""Processes with a device each; one that dies takes no other with it; and what is asked of Ray."""

from __future__ import annotations

import errno
import os

import pytest

from cifar.commands import Resume
from cifar.replicate import Replicate
from cifar.sweep.sweep import reason_of
from cifar.sweep.workers import DEVICE, MEMORY, POLICIES, OneEach, Workers
from slt_toys.inputs.processors import THREADS
from slt_toys.sweep.tasks import Failed, Pool, Returned, Task
from tests.cifar.sweep import made_tasks


def all_of(pool: Pool) -> dict[str, Returned | Failed]:
    back: dict[str, Returned | Failed] = {}
    while pool.in_flight:
        back |= {each.key: each for each in pool.wait(1.0)}
    return back


@pytest.mark.parametrize("policy", [None, "ACTIVE"])
def test_each_worker_has_its_device_its_threads_and_waits_passively(monkeypatch, policy):
    for name in POLICIES:
        monkeypatch.delenv(name, raising=False)
    if policy:  # who asks for another policy gets it
        monkeypatch.setenv("OMP_WAIT_POLICY", policy)
    before = dict(os.environ)
    pool = Workers(("cuda:0", "cuda:1"), workers=3, threads=5).pool()
    try:
        for number in range(3):
            assert pool.in_flight < pool.room
            names = DEVICE, THREADS, "OMP_NUM_THREADS", "OMP_WAIT_POLICY"
            pool.submit(Task(str(number), made_tasks.variables, names))
        assert pool.room == pool.in_flight == 3, "no task waits behind another"
        back = all_of(pool)
    finally:
        pool.close(at_once=False)
    said = [each.value for _, each in sorted(back.items()) if isinstance(each, Returned)]
    assert said == [[device, "5", "5", policy or "PASSIVE"] for device in ("cuda:0", "cuda:1", "cuda:0")]
    assert dict(os.environ) == before


@pytest.mark.parametrize("said", [None, "7"])
def test_workers_keep_memory_unless_somebody_says_otherwise(monkeypatch, said):
    for name in MEMORY:
        monkeypatch.delenv(name, raising=False)
    if said:
        monkeypatch.setenv("MALLOC_MMAP_MAX_", said)
    pool = OneEach([{}], threads=1)
    try:
        pool.submit(Task("one", made_tasks.variables, tuple(MEMORY)))
        back = all_of(pool)["one"]
    finally:
        pool.close(at_once=False)
    assert isinstance(back, Returned) and back.value == [said or "0", *list(MEMORY.values())[1:]]


def test_a_worker_that_dies_takes_no_other_with_it(tmp_path):
    """The one that dies does so in the midst of what another does, which is in the same process from start to end."""
    begun, go_on = tmp_path / "begun", tmp_path / "go_on"
    pool = OneEach([{}, {}], threads=1, retries=1)
    try:
        pool.submit(Task("busy", made_tasks.wait_for, (go_on, begun)))
        back: dict[str, Returned | Failed] = {}
        while not begun.exists():
            back |= {each.key: each for each in pool.wait(0.1)}
        pool.submit(Task("once", made_tasks.end_worker_once, (tmp_path / "marker",)))
        while "once" not in back:
            back |= {each.key: each for each in pool.wait(1.0)}
        assert pool.room == 2 and pool.in_flight == 1, "its worker is free for others"
        pool.submit(Task("always", made_tasks.end_worker, ()))
        while "always" not in back:
            back |= {each.key: each for each in pool.wait(1.0)}
        begun.unlink()
        go_on.touch()
        back |= all_of(pool)
    finally:
        pool.close(at_once=True)
    busy, once, always = (back[key] for key in ("busy", "once", "always"))
    assert isinstance(busy, Returned) and not begun.exists(), "it was not begun again"
    assert isinstance(once, Returned) and isinstance(always, Failed) and always.lost


def test_processors_are_shared_out_among_workers(monkeypatch):
    monkeypatch.delenv(THREADS, raising=False)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: set(range(8)), raising=False)
    assert [Workers(workers=n).threads_each for n in (None, 1, 2, 3, 8, 20)] == [8, 8, 4, 2, 1, 1]
    assert Workers(workers=3, threads=5).threads_each == 5


@pytest.mark.parametrize(
    ("options", "words"),
    [
        ({"workers": 0}, "workers: 0"),
        ({"threads": -1}, "threads: -1"),
        ({"ray": "local", "num_gpus": -0.5}, "num_gpus: -0.5"),
        ({"ray": "local", "num_cpus": float("nan")}, "num_cpus: nan"),
        ({"num_gpus": 0.5}, "num_gpus: 0.5 is for Ray"),
        ({"ray": "local", "devices": ("cpu",)}, "devices: with ray"),
        ({"devices": ("abacus",)}, "'abacus' is no device"),
    ],
)
@pytest.mark.parametrize("command", [Replicate, Resume])
def test_what_cannot_be_asked_is_refused_in_one_line(command, options, words):
    with pytest.raises(ValueError, match=words) as caught:
        Workers.of(command(**options))
    assert "\n" not in str(caught.value)


def test_ray_is_asked_for_what_the_options_say(monkeypatch):
    asked = []
    monkeypatch.setattr("slt_toys.sweep.driver.pool_of", lambda *given, **named: asked.append((given, named)))
    Workers.of(Replicate(ray="local", num_gpus=0.25, threads=2)).pool()
    Workers.of(Resume(ray="here:6379", workers=7, num_cpus=2.0)).pool()
    same = {"retries": 2, "packages": ("cifar", "slt_toys", "theory")}
    assert asked == [
        ((None,), {"threads": 2, "ray": "local", "num_cpus": 1.0, "num_gpus": 0.25, **same}),
        ((7,), {"threads": 0, "ray": "here:6379", "num_cpus": 2.0, "num_gpus": 0.0, **same}),
    ]


def test_a_unit_on_ray_has_the_device_that_was_set_aside_for_it():
    assert [Workers(ray="local", num_gpus=part).device for part in (0, 0.5, 1)] == ["cpu", "cuda:0", "cuda:0"]
    assert Workers(("cuda:1",)).device is None, "processes have one each"


def test_too_little_shared_memory_is_said_in_one_line(monkeypatch):
    def none(*arguments, **named):
        raise OSError(errno.ENOSPC, "No space left on device")

    monkeypatch.setattr("cifar.sweep.workers.LocalPool", none)
    with pytest.raises(OSError, match=r"workers: this machine has no shared memory left for 3 of them \(.*No space"):
        Workers(workers=3).pool()


def test_a_worker_that_was_killed_is_said_to_lack_memory_perhaps():
    assert "memory runs out" in reason_of(Failed("x", "its worker died 3 times", lost=True))
    assert reason_of(Failed("x", "its loss is nan")) == "its loss is nan"
