"""Processes and schedules for the tests of annealed evolution."""

from __future__ import annotations

import numpy as np

from slt_toys.exact.fokker_planck import FokkerPlanck, Grid, fokker_planck, grid_for
from slt_toys.potentials.catalogue import catalogue, pairs

PAIR = pairs()["regular_double_well"]


def small_plane() -> FokkerPlanck:
    grid = Grid((np.linspace(-1.9, 3.1, 15), np.linspace(-1.8, 1.8, 12)))
    return fokker_planck(catalogue()["curve_against_point"], grid)


def small_line() -> FokkerPlanck:
    return fokker_planck(PAIR.clean, grid_for((PAIR.deficit, PAIR.clean), [0.05, 1.0], 80))
