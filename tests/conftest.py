"""What all tests share."""

from __future__ import annotations

import gc
import os
import sys
from pathlib import Path

# Before anything loads OpenMP: threads that spin while they wait are many times slower on busy processors.
os.environ.setdefault("OMP_WAIT_POLICY", "PASSIVE")
if "PYTEST_XDIST_WORKER" in os.environ:  # the workers together have a processor each
    os.environ.setdefault("OMP_NUM_THREADS", "1")
# Likewise before sympy is: of the thousand results it remembers by default, hardly one is asked for again in time.
os.environ.setdefault("SYMPY_CACHE_SIZE", "30000")

import pytest
from hypothesis import settings

from tests import drawn, seeds

# Each of the processes that tests start, and the suite that follows, would compile all sources again.
sys.dont_write_bytecode = False
os.environ.pop("PYTHONDONTWRITEBYTECODE", None)


def pytest_addoption(parser):
    parser.addoption("--drawn", help="the share of all cases that is run, such as 2/5, drawn by the commit")
    parser.addoption(
        "--entropy", default=str(seeds.DEFAULT), help=f"a whole number that all seeds follow from, or {seeds.FRESH!r}"
    )


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config):
    """One number for all workers; hypothesis draws the same examples again unless another number is asked for."""
    config.option.entropy = seeds.entropy_from(str(config.option.entropy))
    seeds.begin(config.option.entropy)
    again = config.option.entropy == seeds.DEFAULT
    # No deadline: a first call may compile.
    settings.register_profile("slt_toys", deadline=None, print_blob=True, derandomize=again)
    settings.load_profile("slt_toys")
    config.option.loadscopereorder = False  # files are given out in the order below, not by their number of tests


@pytest.hookimpl(optionalhook=True)  # nobody asks where xdist is not loaded
def pytest_xdist_make_scheduler(config, log):
    """Files of :data:`TOGETHER` go to one worker: deriving every equation takes long, and is not done by two."""
    if config.getoption("dist") != "loadfile":
        return None
    from xdist.scheduler.loadfile import LoadFileScheduling

    class Together(LoadFileScheduling):
        def _split_scope(self, nodeid: str) -> str:
            return TOGETHER[0] if nodeid.startswith(TOGETHER) else super()._split_scope(nodeid)

    return Together(config, log)


def pytest_report_header(config):
    return f"seeds follow from --entropy {config.option.entropy}"


def pytest_collection_finish():
    """What imports and collection made stays: it need not be looked through for rubbish again and again."""
    gc.collect()
    gc.freeze()
    gc.set_threshold(20_000, 20, 20)


@pytest.hookimpl(wrapper=True)
def pytest_runtest_protocol(item):
    with seeds.seeds_of(item.nodeid):
        return (yield)


@pytest.hookimpl(wrapper=True)
def pytest_fixture_setup(fixturedef, request):
    """What tests share has seeds of its own, whichever of them comes first."""
    if fixturedef.scope == "function":
        return (yield)
    with seeds.seeds_of(f"{fixturedef.baseid}::{fixturedef.argname}[{getattr(request, 'param_index', '')}]"):
        return (yield)


SLOW_CASES = Path(__file__).with_name("slow_cases.txt")
# Files that ask for all derivations.
TOGETHER = ("tests/theory/pages/", "tests/theory/test_")
# Files that take longest with few tests: given out first, so that no worker is left alone with one at the end.
FIRST = (
    *TOGETHER, "tests/test_equi_temperature.py", "tests/test_temperature.py", "tests/test_seeds.py",
    "tests/test_critical_period.py", "tests/test_invariance.py", "tests/exact/test_named_energies.py",
    "tests/exact/test_many_wells.py", "tests/test_fuzz.py", "tests/test_phase_diagram.py", "tests/cifar/",
    "tests/learning_coefficient/", "tests/worlds/", "tests/zoo/", "tests/exact/", "tests/protocol/", "tests/samplers/",
)  # fmt: skip


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config, items):
    """Mark the cases of tests/slow_cases.txt slow; each line holds processor seconds and a case. Draw, if asked to."""
    lines = SLOW_CASES.read_text(encoding="utf-8").splitlines()
    slow = {line.split(maxsplit=1)[1] for line in lines if not line.startswith("#")}
    for item in items:
        if item.nodeid in slow:
            item.add_marker(pytest.mark.slow)
    items.sort(key=lambda item: next((i for i, start in enumerate(FIRST) if item.nodeid.startswith(start)), len(FIRST)))
    if config.option.drawn is not None:
        try:
            share = drawn.share_of(config.option.drawn)
        except ValueError as error:
            raise pytest.UsageError(str(error)) from None
        draw = drawn.Draw.of_commit(share, Path(__file__).parents[1])
        kept = [item for item in items if item.nodeid in draw]
        config.hook.pytest_deselected(items=[item for item in items if item.nodeid not in draw])
        items[:] = kept
