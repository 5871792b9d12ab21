"""Nested dissection against dense solvers, on planes, circles and tori, and where others have no digit left."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.sparse.linalg import splu

from slt_toys.exact.dissection import dissection, factor, solve, solve_transposed
from slt_toys.exact.elimination import eliminate, substitute
from slt_toys.exact.fokker_planck import FokkerPlanck, Grid, fokker_planck
from slt_toys.exact.kinetics import cells_near, mean_first_passage_times
from slt_toys.potentials.catalogue import find_potential
from tests.seeds import fresh_generator

SHAPES = [((17,), True), ((6, 9), False), ((23, 4), False), ((8, 7), True), ((3, 40), True), ((31, 30), False)]


@pytest.mark.parametrize(("shape", "ring"), SHAPES)
@pytest.mark.parametrize("columns", [1, 3])
def test_solutions_are_those_of_a_dense_solver(shape, ring, columns):
    order, random = dissection(shape, ring), fresh_generator()
    lower, upper = order.cells
    size = int(np.prod(shape))
    assert lower.size == (sum(size if ring else size // n * (n - 1) for n in shape))
    up, down = np.exp(3 * random.standard_normal((2, lower.size)))
    excess = random.random(size)
    matrix = np.zeros((size, size))
    np.add.at(matrix, (lower, upper), -up)
    np.add.at(matrix, (upper, lower), -down)
    matrix += np.diag(excess - matrix.sum(axis=1))
    factors, source = factor(order, up, down, excess), random.random((size, columns))
    for way, own in ((solve, matrix), (solve_transposed, matrix.T)):
        value = source[order.order].copy()
        way(factors, value)
        assert value == pytest.approx(np.linalg.solve(own, source)[order.order], rel=1e-7)
    value = source[order.order].copy()
    solve(factors, value)
    assert value != pytest.approx(np.linalg.solve(matrix.T, source)[order.order], rel=1e-3)


@pytest.mark.parametrize(("shape", "ring"), SHAPES)
def test_every_cell_is_eliminated_once_and_no_neighbour_is_forgotten(shape, ring):
    order = dissection(shape, ring)
    assert np.array_equal(np.sort(order.order), np.arange(np.prod(shape)))
    assert order.edges.size == order.cells.shape[1] and (order.edge_columns > order.edge_rows).all()
    assert (order.parent[:-1] > np.arange(order.parent.size - 1)).all() and order.parent[-1] == -1
    beside = order.into >= 0
    assert beside.sum() == (np.diff(order.begin) - np.diff(order.first)).sum()


def test_cost_is_that_of_dissection_and_not_of_a_band():
    """Numbers kept grow as n log n: by less than 5.5 where the cells grow fourfold, not eightfold."""
    kept = []
    for side in (40, 80, 160):
        order = dissection((side, side))
        kept.append(int((np.diff(order.first) * np.diff(order.begin)).sum()))
    assert kept[1] / kept[0] < 5.5 and kept[2] / kept[1] < 5.0


def test_cold_times_keep_their_digits_where_a_factorisation_loses_them():
    """exp(100) units of time: the plane's times are the line's, which nothing is subtracted in either."""
    line = Grid.uniform([(-1.6, 1.6)], 80)
    energy = fokker_planck(find_potential("regular_double_well"), line).energy
    across = np.linspace(-0.5, 0.5, 12)
    middle = (across[1:] + across[:-1]) / 2
    plane = FokkerPlanck(Grid((*line.edges, across)), energy[:, None] + middle**2)
    target = cells_near(line, 1.0)
    exact = mean_first_passage_times(FokkerPlanck(line, energy), 0.01, target)
    found = mean_first_passage_times(plane, 0.01, np.broadcast_to(target[:, None], plane.grid.shape))
    assert found == pytest.approx(np.broadcast_to(exact[:, None], found.shape), rel=1e-11)
    free = ~np.broadcast_to(target[:, None], plane.grid.shape).ravel()
    lost = splu(-plane.generator(0.01).tocsc()[free][:, free]).solve(np.ones(int(free.sum())))
    assert exact.max() > 1e30 and np.abs(lost / found.ravel()[free] - 1).max() > 0.01


def test_absorbing_cells_hold_nothing_and_exits_count():
    grid = Grid.uniform([(0, 1), (0, 2)], (9, 7), "periodic")
    process = FokkerPlanck(grid, fresh_generator().random(grid.shape))
    absorbing = np.arange(63) % 11 == 4
    exits = np.linspace(0, 3, 63)
    found = substitute(eliminate(process, 0.4, absorbing, exits), np.ones(63))
    free = ~absorbing
    matrix = np.diag(exits[free]) - process.generator(0.4).toarray()[np.ix_(free, free)]
    assert (found[absorbing] == 0).all()
    assert found[free] == pytest.approx(np.linalg.solve(matrix, np.ones(int(free.sum()))), rel=1e-9)
