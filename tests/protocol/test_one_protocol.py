"""One description, one solver, one sampler: numbers frozen from the separate ones that they were merged from."""

from __future__ import annotations

import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from slt_toys.barriers.kernel import stuck_probabilities
from slt_toys.potentials.catalogue import barrier_spectrum, find_pair
from slt_toys.potentials.potential import PotentialPair
from slt_toys.protocol.arms import ARMS, Arm, find_arm
from slt_toys.protocol.exact import exact_shifts, exact_stuck_in_arm, exact_stuck_probability
from slt_toys.protocol.sampled import sampled_shifts, sampled_stuck
from slt_toys.protocol.schedule import Ending
from slt_toys.protocol.shifts import Gradual, Late, Partial, Repeated, Shift, Sudden, three_phase_pair
from slt_toys.protocol.training import ExponentialDecay, PowerDecay, Training
from slt_toys.worlds.world import observe, thermal_two_phase

PAIR, PLANE = find_pair("regular_double_well"), find_pair("curve_against_point")
SINGULAR = find_pair("singular_double_well_2_4")
TWO = PotentialPair("two components", barrier_spectrum(2, -1), barrier_spectrum(2), "all left")
FAST = Training(128, 5_000, ExponentialDecay(0.1, 0.9), 1536.0)
SHIFTED = Training(128, 50_000, ExponentialDecay(0.05, 0.9), 3072.0)
SHIFTS: dict[str, Shift] = {
    "gradual": Gradual(3, 9), "repeated": Repeated(2, 3, 2), "partial": Partial(6, 0.5), "late": Late(4, 4),
    "sudden": Sudden(0),
}  # fmt: skip


def reference(batch_size: float) -> Training:
    return Training(batch_size, 50_000, ExponentialDecay(0.05, 0.97), 3072.0)


def further(epochs: int) -> Ending:
    return Ending("further", epochs)


def total(epochs: int) -> Ending:
    return Ending("total", epochs)


def arm(name, pair=PAIR, switches=(0, 3, 7), epochs_after=6, cells=None, base=FAST) -> np.ndarray:
    own = Arm(name, noise_factor=4.0) if name == "added gradient noise" else find_arm(name)  # as it was recorded
    runs = [own.schedule(base, at, epochs_after, relative_loss=0.95 ** np.arange(30)) for at in switches]
    return exact_stuck_in_arm(pair, runs, cells)


def world(pair: PotentialPair, *names: str) -> np.ndarray:
    """Runs that end stuck and the deficit loss, for each arm and switch."""
    training = Training(128, 5_000, ExponentialDecay(0.04, 0.9), 4000.0)
    own = thermal_two_phase(pair, training, (0, 6, 12), 12, langevin=True)
    seen = observe(own, [find_arm(name) for name in names], runs=300, seed=5)
    return np.array([[each.stuck, each.deficit_loss] for each in seen])


def occupied(pair: PotentialPair, **settings) -> np.ndarray:
    """Chains in each phase at the recorded epochs of every shift."""
    found = sampled_shifts(pair, SHIFTED, SHIFTS, 24, chains=300, seed=4, step_share=0.3, **settings)
    return 300 * found["occupancy"].values


FROZEN = json.loads((Path(__file__).parent / "one_protocol.json").read_text())
EXACT: dict[str, Callable[[], np.ndarray]] = {
    "further": lambda: exact_stuck_probability(PAIR, reference(128), [0, 10, 35, 60], further(120)),
    "further from the deficit phase": lambda: exact_stuck_probability(
        PAIR, reference(256), [0, 5, 13], further(60), "deficit phase"
    ),
    "further from the clean phase": lambda: exact_stuck_probability(
        PAIR, reference(256), [0, 5, 13], further(60), "clean phase"
    ),
    "total": lambda: exact_stuck_probability(PAIR, reference(128), [0, 10, 35, 60, 70], total(70)),
    "total from the clean phase": lambda: exact_stuck_probability(
        PAIR, reference(256), [0, 5, 13], total(30), "clean phase"
    ),
    "further, singular": lambda: exact_stuck_probability(SINGULAR, reference(256), [5, 18, 30], further(100)),
    "further, power decay": lambda: exact_stuck_probability(
        PAIR, Training(128, 50000, PowerDecay(0.1, 0.8), 9000.0, 0.5), [0, 10, 40], further(40)
    ),
    "total, two components": lambda: exact_stuck_probability(TWO, FAST, [2, 8, 20], total(20), cells=100),
    "further, plane": lambda: exact_stuck_probability(PLANE, FAST, [0, 4, 9], further(12), cells=24),
    "total, plane": lambda: exact_stuck_probability(PLANE, FAST, [0, 4, 9], total(12), cells=24),
    "arm, longer control": lambda: arm("control", switches=(0, 10, 35, 60), epochs_after=100, base=reference(128)),
    "arm, plane": lambda: arm("cyclic rate", PLANE, cells=24),
    "arm, two components": lambda: arm("momentum", TWO, cells=60),
    "shifts": lambda: exact_shifts(PAIR, SHIFTED, SHIFTS, 24)["stuck"].values,
    "shifts, occupancy": lambda: exact_shifts(PAIR, SHIFTED, SHIFTS, 24)["occupancy"].values[:, [0, 7, 15], 1],
    "shifts from the deficit phase": lambda: exact_shifts(
        three_phase_pair(), SHIFTED, SHIFTS, 24, start="deficit phase"
    )["occupancy"].values[:, -1],
    "shifts, plane": lambda: exact_shifts(PLANE, FAST, SHIFTS, 12, cells=24)["stuck"].values,
    "barrier heights": lambda: stuck_probabilities(PAIR, reference(128), [0, 20, 40], further(60), [0.2, 0.6]),
    "barrier heights, total": lambda: stuck_probabilities(
        PAIR, reference(128), [0, 20, 40], total(60), [0.2, 0.6], start="deficit phase"
    ),
    **{f"arm, {each.name}": partial(arm, each.name) for each in ARMS if f"arm, {each.name}" in FROZEN["exact"]},
}


WHOLE: dict[str, Any] = {"step_share": 0.3, "shortcuts": 0.0}
SAMPLED: dict[str, Callable[[], np.ndarray]] = {
    "further": lambda: sampled_stuck(
        PAIR, reference(256), [0, 5, 13, 30], further(60), chains=300, seed=3, **WHOLE
    ).sum(axis=0),
    "total from the clean phase": lambda: sampled_stuck(
        PAIR, reference(256), [3, 13, 30], total(30), chains=300, seed=[3, 1], start="clean phase", **WHOLE
    ).sum(axis=0),
    "two components": lambda: sampled_stuck(TWO, FAST, [2, 8], further(10), chains=300, seed=3, **WHOLE).sum(axis=0),
    "plane": lambda: sampled_stuck(PLANE, FAST, [0, 4, 9], further(12), chains=300, seed=3, step_share=0.5).sum(axis=0),
    "shifts": lambda: occupied(PAIR, record_epochs=[5, 6, 24])[..., 0],
    "shifts from the deficit phase": lambda: occupied(three_phase_pair(), start="deficit phase"),
}
SEEN: dict[str, Callable[[], np.ndarray]] = {
    "one component": lambda: world(PAIR, "control", "reset at the switch"),
    "two components": lambda: world(TWO, "control"),
}


@pytest.mark.parametrize("name", EXACT)
def test_exact_numbers_are_those_of_the_separate_solvers(name):
    assert EXACT[name]().ravel() == pytest.approx(FROZEN["exact"][name], rel=1e-12, abs=0)


@pytest.mark.parametrize("name", SAMPLED)
def test_counts_are_those_of_the_separate_samplers(name):
    assert SAMPLED[name]().ravel() == pytest.approx(FROZEN["sampled"][name], rel=1e-12)


@pytest.mark.parametrize("name", SEEN)
def test_worlds_run_as_they_did(name):
    """The limit of small steps, that is: arms that SGD alone can run, or that began hotter, were recorded otherwise."""
    found = SEEN[name]()
    expected = FROZEN["seen"][name][: len(found)]
    assert found[:, 0].tolist() == [stuck for stuck, _ in expected]
    assert found[:, 1] == pytest.approx([loss for _, loss in expected], rel=1e-9)
