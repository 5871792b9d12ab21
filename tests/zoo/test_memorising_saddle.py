"""The memorising saddle: minima, barriers, and the side where its flow ends."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.zoo import memorising_saddle


def test_clean_loss_of_the_saddle_has_the_minima_and_barriers_it_claims():
    x = np.linspace(-1.2, 1.2, 100_001)
    inner, scale = memorising_saddle.BARRIER**2, memorising_saddle.CLEAN_SCALE
    loss = scale * (x**6 / 6 - (1 + inner) * x**4 / 4 + inner * x**2 / 2)
    turning = x[1:-1][np.diff(np.sign(np.diff(loss))) != 0]
    assert turning == pytest.approx([-1, -0.6, 0, 0.6, 1], abs=1e-3)
    barrier = np.interp(0.6, x, loss)
    assert barrier > 0.2 and barrier - np.interp(1.0, x, loss) > 0.15


@pytest.mark.parametrize("start", [0.3, 0.59, 0.61, 0.8])
def test_the_saddles_clean_flow_goes_to_the_side_where_it_starts(start):
    none, random = np.array([0.0]), np.random.default_rng(0)
    end = memorising_saddle._langevin(
        random, np.array([[start, 0, 0, 0]]), none, np.array([40.0]), memorising_saddle.CLEAN_SCALE, 0.02
    )
    assert end[0, 0] == pytest.approx(1.0 if start > 0.6 else 0.0, abs=1e-3)
