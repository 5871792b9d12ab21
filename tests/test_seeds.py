"""Seeds of tests: the same in every run whatever ran before, others when asked for, each drawn once."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest

from tests import seeds

pytest_plugins = ["pytester"]
INNER = """
import pytest
from tests.seeds import fresh_generator, fresh_seed
from hypothesis import given, strategies as st

@pytest.fixture(scope="module")
def shared():
    return fresh_seed()

def test_one(shared): print("\\nseeds", "one", shared, fresh_seed(), fresh_seed())
def test_two(shared): print("\\nseeds", "two", shared, fresh_generator().integers(1 << 30))
@given(st.integers(0, 10**9))
def test_drawn(number): print("\\nseeds", "drawn", number)
"""


@pytest.fixture
def drawn(pytester, monkeypatch):
    """The seeds that inner tests print, by test, in a run with these options."""
    monkeypatch.setenv("PYTHONPATH", str(Path(__file__).resolve().parents[1]))
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    pytester.makeconftest("from tests.conftest import *")
    pytester.makepyfile(test_inner=INNER)

    def run(*options: str) -> dict[str, list[str]]:
        result = pytester.runpytest_subprocess("-s", "-p", "no:cacheprovider", *options)
        found: dict[str, list[str]] = {}
        for line in result.outlines:
            if line.startswith("seeds "):
                _, name, *numbers = line.split()
                if name != "follow":
                    found.setdefault(name, []).extend(numbers)
        return found

    return run


def test_a_run_repeats_whatever_ran_before(drawn):
    every = drawn()
    assert set(every) == {"one", "two", "drawn"} and len(set(every["one"])) == 3
    assert drawn("-k", "two")["two"] == every["two"]
    assert drawn("-k", "one or drawn") == {name: every[name] for name in ("one", "drawn")}
    assert drawn("--entropy", "0") == every


def test_other_seeds_when_asked_for(drawn):
    one, again, other = (
        drawn("--entropy", "7"),
        drawn("--entropy", "7", "-k", "one or two"),
        drawn("--entropy", "fresh"),
    )
    assert all(one[name] == again[name] for name in ("one", "two"))
    assert all(one[name] != other[name] for name in ("one", "two", "drawn"))


def test_names_nest_and_return():
    with seeds.seeds_of("a"):
        first = seeds.fresh_seed()
        with seeds.seeds_of("b"):
            inner = seeds.fresh_seed()
        second = seeds.fresh_seed()
    with seeds.seeds_of("a"):
        assert [seeds.fresh_seed(), seeds.fresh_seed()] == [first, second]
    assert len({first, second, inner}) == 3


def test_seeds_are_spread():
    """Of 4 000 numbers of 32 bits two are equal in one run in 500; the seeds here are the same in every run."""
    with seeds.seeds_of("many"):
        numbers = np.array([seeds.fresh_seed() for _ in range(4000)])
    assert len(set(numbers.tolist())) > 3990 and abs(numbers.mean() / 2**31 - 1) < 0.05
