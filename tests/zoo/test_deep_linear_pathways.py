"""The thermal share of a pathway by a matrix exponential."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.zoo import deep_linear_pathways
from tests.seeds import fresh_seed


def test_thermal_share_by_a_matrix_exponential():
    """The angle's diffusion on a grid of cells with reflecting ends, in place of the cosine mode."""
    from scipy.linalg import expm

    cells, heat, strength, time = 400, 2e-3, 1.5, 150.0
    width = np.pi / 2 / cells
    rates = np.diag(np.full(cells - 1, 1.0), 1) + np.diag(np.full(cells - 1, 1.0), -1)
    rates -= np.diag(rates.sum(axis=0))
    masses = np.zeros(cells)
    masses[30] = 1.0
    share = np.sin((np.arange(cells) + 0.5) * width) ** 2
    end = expm(heat / strength / width**2 * time * rates) @ masses
    law = deep_linear_pathways.mean_share(heat, time, strength, float(share[30]))
    assert law == pytest.approx(share @ end, abs=1e-5)


@pytest.mark.parametrize("label_noise", [0.0, 0.5])
def test_a_minibatch_keeps_the_split_at_depth_2_and_nearly_so_at_depth_3(label_noise):
    """At depth 2 by an identity; at depth 3 by the invariant to first order in the rate: the rest falls with it."""
    share = deep_linear_pathways.minibatch_share
    seed = fresh_seed()
    assert np.abs(share(1, 8, seed, label_noise, 50.0, depth=2) - 0.01).max() < 1e-13
    moved = [float((share(1, 100, seed, label_noise, 50.0, rate) - 0.01).mean()) for rate in (0.02, 0.005)]
    if label_noise == 0:  # in the valley nothing pulls
        assert np.abs(moved).max() < 1e-13
    else:
        assert 1e-3 < moved[0] < 2.5e-3 and moved[1] < 0.5 * moved[0]
