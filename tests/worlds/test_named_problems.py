"""Problems by name: those of the experiment, those of one's own, and what is none."""

from __future__ import annotations

import pytest

from slt_toys.equi_temperature import MORE_PROBLEMS, PROBLEMS
from slt_toys.potentials.catalogue import find_pair
from slt_toys.potentials.from_text import read_pair
from slt_toys.worlds.named_problems import named_problem, own_problem


@pytest.mark.parametrize("name", (*PROBLEMS, *MORE_PROBLEMS))
def test_every_problem_of_the_experiment_has_its_trainings(name):
    problem = named_problem(name, (32, 64, 128), 0.9)
    sizes = [training.batch_size for training in problem.trainings]
    assert len(sizes) >= 3 and sizes == sorted(set(sizes))


def test_a_plane_decays_twice_as_fast():
    line, plane = (named_problem(name, (64,), 0.9).trainings[0] for name in ("regular", "plane"))
    rates = [training.learning_rate_at(1) / training.learning_rate_at(0) for training in (line, plane)]  # type: ignore[arg-type, operator]
    assert rates == pytest.approx([0.9, 0.81])


def test_an_energy_of_ones_own_and_what_is_no_problem():
    assert own_problem(read_pair("(w**2-1)**2 - w/5"), (32, 64), 0.9).kind == "your own"
    with pytest.raises(ValueError, match="--potential must have one coordinate, not 2"):
        own_problem(find_pair("curve_against_point"), (32, 64), 0.9)
    with pytest.raises(ValueError, match="'nothing' is no problem of this experiment"):
        named_problem("nothing", (32, 64), 0.9)
