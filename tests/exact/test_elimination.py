"""Elimination without subtractions against a dense solver, and where a dense solver has no digit left."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.exact.elimination import eliminate, substitute
from slt_toys.exact.fokker_planck import FokkerPlanck, fokker_planck, grid_for
from slt_toys.exact.kinetics import mean_first_passage_time
from slt_toys.potentials.catalogue import find_potential


def process(name: str, cells: int) -> FokkerPlanck:
    potential = find_potential(name)
    return fokker_planck(potential, grid_for(potential, [0.2, 0.5], cells))


@pytest.mark.parametrize(("name", "cells"), [("regular_double_well", 60), ("curve_against_point", 12)])
def test_solutions_are_those_of_a_dense_solver(name, cells):
    made, temperature = process(name, cells), 0.5
    absorbing = np.zeros(made.energy.size, dtype=bool)
    absorbing[-3:] = True
    exits, source = np.linspace(0.0, 2.0, made.energy.size), np.ones(made.energy.size)
    found = substitute(eliminate(made, temperature, absorbing, exits), source)
    generator = made.generator(temperature).toarray()
    free = ~absorbing
    matrix = np.diag(exits[free]) - generator[np.ix_(free, free)]
    assert found[free] == pytest.approx(np.linalg.solve(matrix, source[free]), rel=1e-9)
    assert found[free] != pytest.approx(np.linalg.solve(matrix.T, source[free]), rel=1e-3)  # rates into a cell
    assert (found[absorbing] == 0).all()


def test_times_of_a_cold_well_keep_their_digits():
    """exp(90) steps to leave: any subtraction would cancel all digits."""
    potential, temperature = find_potential("regular_double_well"), 0.01
    made = fokker_planck(potential, grid_for(potential, [temperature, 0.5], 900))
    start, end = made.grid.cell(potential.minimum_point("left")), made.grid.cell(potential.minimum_point("right"))
    absorbing = np.arange(made.energy.size) >= end
    time = substitute(eliminate(made, temperature, absorbing), np.ones(made.energy.size))[start]
    exact = mean_first_passage_time(potential, temperature, *(float(potential.minimum_point(k)[0]) for k in (0, 1)))
    assert time > 1e30 and time == pytest.approx(exact, rel=0.02)


def test_a_mask_of_other_cells_is_refused():
    made = process("regular_double_well", 20)
    for mask in (np.zeros(20, dtype=bool), np.ones(19, dtype=bool)):
        with pytest.raises(ValueError, match="absorbing must mark at least one of the 20 cells"):
            eliminate(made, 0.5, mask)
