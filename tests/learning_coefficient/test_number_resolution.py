"""What rounding costs a loss, against double precision."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from slt_toys.learning_coefficient.number_resolution import resolution
from tests.learning_coefficient.made_losses import DOUBLE, stacked
from tests.seeds import fresh_seed


def test_errors_of_energies_are_those_against_double_precision():
    torch.manual_seed(fresh_seed())
    loss = stacked(lambda w: (w**2).sum() + 1000.0, [0.5, 0.25], torch.float32)
    twin = loss.doubled()
    assert twin is not None and twin.start.dtype == DOUBLE
    points = loss.start + 0.01 * torch.randn(6, 2)
    found = resolution(loss, twin, points, n_beta=50.0)
    exact = (points.double() ** 2).sum(1) - (loss.start.double() ** 2).sum()
    single = ((points**2).sum(1) + 1000.0).double() - float((loss.start**2).sum() + 1000.0)
    assert found.energy == pytest.approx(50 * abs(float((single - exact).mean())), rel=1e-6)
    assert found.type == "float32"
    assert resolution(twin, None, points.double(), n_beta=50.0).energy == pytest.approx(
        50 * np.finfo(float).eps * 1000.3, rel=1e-3
    )


def test_rounding_of_parameters_costs_its_energy():
    """A parameter between 1024 and 2048 has spacing 2^-13 in single precision: nβ h spacing²/24 on average."""
    loss = stacked(lambda w: (w**2).sum() / 2, [1500.0] * 2000, torch.float32)
    found = resolution(loss, loss.doubled(), loss.start[None], n_beta=3e4)
    expected = 2000 * 3e4 * 2.0**-26 / 24
    assert found.rounding == pytest.approx(expected, rel=0.08)  # 8000 uniform squares scatter by 1 %


def test_a_module_of_fixed_type_has_no_twin():
    fixed = torch.ones(2, dtype=torch.float32)
    assert stacked(lambda w: torch.mv(fixed[None], w).sum() ** 2, [1.0, 2.0], torch.float32).doubled() is None
    assert stacked(lambda w: (w.float() ** 2).sum(), [1.1, 2.0], torch.float32).doubled() is None
    assert stacked(lambda w: (w**2).sum(), [1.1, 2.0]).doubled() is None
