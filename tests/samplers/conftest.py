"""Seeds, as many in a row as asked for.

``python -m pytest tests/samplers -m "slow or not slow" --seeds 20`` runs every sampler test for twenty of them.

With more than one seed the run ends with a table: the largest deviation each check saw, and the smallest its negative
controls did. ``--entropy`` chooses others.
"""

from __future__ import annotations

import pytest

from tests.samplers.checks import LIMIT, SEEN
from tests.seeds import fresh_seed


def pytest_addoption(parser):
    parser.addoption("--seeds", type=int, default=1, help="run every sampler test this often, with new seeds")


def pytest_generate_tests(metafunc):
    seeds = metafunc.config.getoption("--seeds", 1)
    if seeds > 1:
        metafunc.fixturenames.append("repetition")
        metafunc.parametrize("repetition", range(seeds), indirect=True)


@pytest.fixture
def repetition(request):
    return request.param


@pytest.fixture(scope="session")
def seeds(request) -> list[int]:
    """One for each repetition, so that tests of one repetition can share exact draws."""
    return [fresh_seed() for _ in range(request.config.getoption("--seeds", 1))]


@pytest.fixture
def seed(request, seeds) -> int:
    """What is tested holds for any."""
    number = request.getfixturevalue("repetition") if "repetition" in request.fixturenames else 0
    return seeds[number]


def pytest_terminal_summary(terminalreporter, config):
    if config.getoption("--seeds", 1) == 1 or not SEEN:
        return
    terminalreporter.section("standard errors seen")
    terminalreporter.write_line(f"{'check or control':84} {'tests':>6} {'numbers':>8} {'worst':>7}   (limit {LIMIT})")
    for (name, control), values in sorted(SEEN.items(), key=lambda item: (item[0][1], item[0][0])):
        worst = [max(tested) for tested in values]
        seen = f"{min(worst):7.1f} at least" if control else f"{max(worst):7.2f} at most"
        count = sum(len(tested) for tested in values)
        terminalreporter.write_line(f"{name:84} {len(values):6} {count:8} {seen}")
