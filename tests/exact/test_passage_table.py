"""Tables of recorded passages against the passages themselves, a finer grid, and simulated chains."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt_toys.exact import passage_table as tables
from slt_toys.exact.passage_table import passage_table
from slt_toys.exact.recorded_passage import recorded_passage
from slt_toys.worlds.gibbs import line_potential, plane_potential
from slt_toys.worlds.noisy_descent import Noise, NoisyDescent
from tests.seeds import fresh_seed

LINE, PLANE = line_potential(), plane_potential()


@pytest.mark.parametrize(("start", "target"), [(-1.0, 1.0), (1.0, -1.0)])
@pytest.mark.parametrize("interval", [0.04, 0.5])
def test_between_its_nodes_a_table_on_a_line_is_exact(start, target, interval):
    table = passage_table(LINE, interval, start, target, (1.0, 6.0))
    places = np.linspace(start * 1.4, target * 0.6, 9)
    for temperature in (0.9, 0.37, 0.18):
        own = recorded_passage(LINE, temperature, interval, start, target)(places)
        read = table.at(-math.log(temperature), places[:, None])
        np.testing.assert_allclose(read, own, rtol=1e-3)
        at_nodes = table.at_nodes(places[:, None])
        np.testing.assert_allclose(table.weights(table.nodes[2]) @ at_nodes, at_nodes[2], rtol=1e-9)


@pytest.mark.slow
def test_in_two_coordinates_a_finer_grid_says_the_same(monkeypatch):
    places = np.array([[-1.3, -0.5], [-1.0, -0.5], [-1.0, 0.5], [0.2, 0.1]])
    coarse = passage_table(PLANE, 0.2, -1.0, 1.0, (1.0, 6.0))
    monkeypatch.setattr(tables, "CELLS_ALONG", 100)
    monkeypatch.setattr(tables, "CELLS_ACROSS", 64)
    fine = passage_table.__wrapped__.__wrapped__(PLANE, 0.2, -1.0, 1.0, (1.0, 6.0))
    for temperature in (0.8, 0.4, 0.25):
        at = -math.log(temperature)
        np.testing.assert_allclose(coarse.at(at, places), fine.at(at, places), rtol=6e-3)


@pytest.mark.slow
def test_in_two_coordinates_chains_take_so_long():
    """Draws until chains from one place are first seen beyond the level, at the table's interval and another one."""
    temperature, rate, interval, chains = 0.5, 0.002, 0.4, 4000
    descent = NoisyDescent(PLANE, Noise(2 * temperature * 8 / rate), rate, 8.0)
    seen = descent.run(np.tile([-1.0, -0.5], (chains, 1)), 240.0, interval, fresh_seed()).after[..., 0] >= 1.0
    assert seen.any(axis=1).all()
    draws = seen.argmax(axis=1) + 1
    table = passage_table(PLANE, interval, -1.0, 1.0, (1.0, 6.0))
    expected = float(table.at(-math.log(temperature), np.array([[-1.0, -0.5]]))[0])
    error = draws.std() / math.sqrt(chains)
    assert abs(draws.mean() - expected) < 5 * error + 0.02 * expected  # of the order of the step
    watched = passage_table(PLANE, 0.04, -1.0, 1.0, (1.0, 6.0))
    sooner = float(watched.at(-math.log(temperature), np.array([[-1.0, -0.5]]))[0]) * 0.04 / interval
    assert draws.mean() - sooner > 5 * error


def test_bad_input_is_refused():
    with pytest.raises(ValueError, match="between must hold two positive"):
        passage_table(LINE, 0.1, -1.0, 1.0, (1.0, 100.0))
    with pytest.raises(ValueError, match="interval must be positive"):
        passage_table(LINE, 0.0, -1.0, 1.0, (1.0, 6.0))
