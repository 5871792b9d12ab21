"""Lanczos against dense symmetric matrices."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from slt_toys.learning_coefficient.lanczos import lanczos

torch.set_num_threads(1)


@pytest.fixture
def matrix() -> torch.Tensor:
    drawn = torch.randn(40, 40, generator=torch.Generator().manual_seed(int(torch.seed() % 2**31)), dtype=torch.float64)
    return drawn + drawn.mT


def test_as_many_steps_as_dimensions_find_every_eigenvalue(matrix):
    ritz = lanczos(lambda v: matrix @ v, torch.ones(40, dtype=torch.float64), 60)
    exact, vectors = np.linalg.eigh(matrix.numpy())
    assert ritz.values == pytest.approx(exact, abs=1e-9)
    assert ritz.shares == pytest.approx((vectors.sum(0) / np.sqrt(40)) ** 2, abs=1e-8)
    assert torch.allclose(ritz.vectors @ ritz.vectors.mT, torch.eye(40, dtype=torch.float64), atol=1e-10)


def test_residuals_are_those_of_the_pairs_and_an_eigenvalue_lies_that_near(matrix):
    ritz = lanczos(lambda v: matrix @ v, torch.ones(40, dtype=torch.float64), 7)
    off = matrix @ ritz.vectors.mT - ritz.vectors.mT * torch.from_numpy(ritz.values)
    assert ritz.residuals == pytest.approx(off.norm(dim=0).numpy(), rel=1e-8)
    exact = torch.linalg.eigvalsh(matrix).numpy()
    nearest = np.abs(exact[:, None] - ritz.values).min(0)
    assert (nearest <= ritz.residuals + 1e-10).all() and (nearest > 1e-6).any(), "the control: seven steps are few"


def test_it_ends_where_the_space_does():
    values = torch.randn(40, dtype=torch.float64)
    start = torch.zeros(40, dtype=torch.float64)
    start[3], start[30] = 1.0, 2.0
    ritz = lanczos(lambda v: values * v, start, 20)
    order = torch.argsort(values[[3, 30]])
    assert ritz.values == pytest.approx(values[[3, 30]][order].numpy())
    assert ritz.shares == pytest.approx(torch.tensor([0.2, 0.8])[order].numpy())
    assert lanczos(torch.zeros_like, start, 20).values == pytest.approx([0.0])
