from __future__ import annotations

import os

import pytest

from slt_toys.inputs.processors import THREADS, usable_processors


def test_the_system_or_the_environment_says_how_many(monkeypatch):
    monkeypatch.delenv(THREADS, raising=False)
    assert 1 <= usable_processors() <= (os.cpu_count() or 1)
    monkeypatch.setattr(os, "sched_getaffinity", lambda _: {0, 3, 5}, raising=False)
    assert usable_processors() == 3
    monkeypatch.setenv(THREADS, "7")
    assert usable_processors() == 7


@pytest.mark.parametrize("said", ["0", "-1", "two", "", "1.5"])
def test_other_words_are_refused(monkeypatch, said):
    monkeypatch.setenv(THREADS, said)
    with pytest.raises(ValueError, match="SLT_TOYS_THREADS in the environment must be a whole number"):
        usable_processors()
