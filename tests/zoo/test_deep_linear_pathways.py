"""The thermal share of a pathway by a matrix exponential."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.zoo import deep_linear_pathways


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
