"""How far apart barriers must be to be told apart, and where recovery stops."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt_toys.barriers.kernel import barrier_kernel
from slt_toys.barriers.resolution import difference_from_one, recovery_map, separation_limit
from tests.barriers.made_declines import ENDING, EPOCHS, PAIR, TRAINING, few
from tests.seeds import fresh_seeds


def test_separation_against_the_law():
    """For the Gumbel kernel the limit computed from the kernel is [eq:barrier-spectrum-separation]."""
    kernel = barrier_kernel(PAIR, TRAINING, EPOCHS, ENDING, 0.05, 8.0, method="gumbel", spacing=0.1)
    for noise in (1e-3, 1e-2):
        for height in (0.5, 1.0):
            found = separation_limit(kernel, noise, height)
            assert found.widths == pytest.approx(found.widths_by_law, rel=0.1)
            assert difference_from_one(kernel, noise, height, found.ratio) == pytest.approx(1.6449**2, rel=1e-2)
    far, near = (separation_limit(kernel, noise, 1.0).widths for noise in (1e-2, 1e-4))
    assert far / near == pytest.approx(10, rel=0.15)  # the square root of the noise
    assert separation_limit(kernel, 10.0, 1.0).ratio == np.inf


def test_separation_of_the_exact_kernel(exact):
    """The law also holds, to a sixth, for the whole Fokker-Planck kernel, whose levels are its equilibria."""
    for noise in (1e-3, 1e-2):
        found = separation_limit(exact, noise, 1.0)
        assert found.widths == pytest.approx(found.widths_by_law, rel=0.17)


def test_recovery_stops_at_the_limit(quick):
    """Well beyond the limit all are found, well within it none; no test could do better than the limit."""
    limit = separation_limit(quick, 0.01, 1.0).ratio
    ratios = [limit**0.5, limit, limit**2.5]
    map_ = recovery_map(quick, 1.0, ratios, [0.01], number=2, runs=30, repetitions=60, seed=fresh_seeds()[0])
    found = (map_["found"].values[:, 0] == 2).sum(axis=1)
    assert found[0] <= 15 and not few(int(found[2]), 30, 0.9) and found[0] < found[2]
    assert found[1] < 30 * 0.5 + 5 * math.sqrt(30 * 0.25)
    assert map_["limit"].values[0] == pytest.approx(limit)
    assert np.isfinite(map_["position_error"].values[map_["found"].values == 2]).all()
