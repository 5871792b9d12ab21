"""The referee's problems are what they say: at a minimum, and of the energy that is told."""

from __future__ import annotations

import math

import numpy as np
import pytest
import torch
from scipy import special

from slt_toys.learning_coefficient.referee_problems import PROBLEMS, energy_by_quadrature
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from tests.seeds import fresh_seed

N = 100_000


def test_there_are_thirty_and_more():
    assert len(PROBLEMS) >= 30


@pytest.mark.parametrize("name", PROBLEMS)
def test_they_are_at_a_minimum(name):
    """No slope, but for that of numbers of less precision or the data's noise, and no lower loss beside the start."""
    problem = PROBLEMS[name](N, fresh_seed())
    stacked = StackedLoss(problem.module, problem.loss, *problem.data)
    own = stacked.doubled() or stacked
    losses, slopes = own.values_and_gradients(own.start[None])
    generator = torch.Generator().manual_seed(fresh_seed())
    beside = own.start + 1e-2 * torch.randn(64, len(own.start), generator=generator, dtype=torch.float64)
    noisy = (name.startswith("(") and ";" in name) or "half" in name or "single" in name
    assert float(slopes.norm()) < (0.1 if noisy else 1e-9)
    assert float(own.values(beside).min()) > float(losses[0]) - (1e-3 if noisy else 1e-12)
    assert 0 <= problem.exact <= len(own.start) / 2
    assert problem.energy(1e12) == pytest.approx(problem.exact, abs=1e-3)


@pytest.mark.parametrize("power", [2, 4, 6])
def test_quadrature_of_a_power_is_exact(power):
    for n_beta in (1.0, 1e3, 1e9):
        assert energy_by_quadrature([lambda w: w**power] * 2, n_beta) == pytest.approx(2 / power, rel=1e-9)


def test_quadrature_of_a_mean_that_is_counted():
    """E[a(e^w - 1 - w)] under its own exponential is that of a gamma law: a + 1 - 1 - a... by digammas."""
    a = 50.0
    found = energy_by_quadrature([lambda w: np.expm1(w) - w], a)
    # e^w is Gamma(a, 1/a) distributed: E[e^w] = 1 and E[w] = ψ(a) - log a.
    assert found == pytest.approx(-a * (special.digamma(a) - math.log(a)), rel=1e-8)
    assert found > 0.5
