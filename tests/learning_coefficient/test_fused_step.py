"""The step in one pass: its drift by hand, its noise by moments."""

from __future__ import annotations

from typing import Any

import pytest
import torch

from slt_toys.learning_coefficient.chains import Posterior, Stepper
from slt_toys.learning_coefficient.fused_step import LEAST, FusedStep, fits
from tests.learning_coefficient.made_losses import generator, quadratic, stacked
from tests.seeds import fresh_seed

SIZE = 100_003  # no multiple of the lanes


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_moments_of_the_noise(dtype):
    start, w = torch.zeros(SIZE, dtype=dtype), torch.zeros(4, SIZE, dtype=dtype)
    fused = FusedStep(start, generator(fresh_seed()))
    fused.take(w, torch.zeros_like(w), start, step_size=4.0, n_beta=1.0, pull=0.0)
    noise = w.double() / 2
    count = noise.numel()
    # Of the sum of four bytes: fourth moment 3 - 6/5/4, and 8 for the square of the third power's spread is ample.
    assert abs(float(noise.mean())) < 5 / count**0.5
    assert abs(float(noise.square().mean()) - 1) < 5 * (1.7 / count) ** 0.5
    assert abs(float((noise**3).mean())) < 5 * (12 / count) ** 0.5
    assert abs(float((noise**4).mean()) - 2.7) < 5 * (60 / count) ** 0.5
    for lag in (1, 63, 64, 65, 128):
        assert abs(float((noise[:, lag:] * noise[:, :-lag]).mean())) < 5 / (count - 4 * lag) ** 0.5
    assert abs(float((noise[0] * noise[1]).mean())) < 5 / SIZE**0.5
    before = w.clone()
    fused.take(w, torch.zeros_like(w), start, step_size=4.0, n_beta=1.0, pull=0.0)
    assert abs(float(((w - before) * before).double().mean())) / 4 < 5 / count**0.5


def test_the_drift_by_hand():
    draws = generator(3)
    start, tilt = torch.randn(200, generator=draws).double(), torch.randn(200, generator=draws).double()
    w, slopes = torch.randn(2, 200, generator=draws).double(), torch.randn(2, 200, generator=draws).double()
    still, moved = w.clone(), w.clone()
    options: dict[str, Any] = {"step_size": 0.01, "n_beta": 7.0}
    FusedStep(start, generator(5)).take(still, torch.zeros_like(w), torch.zeros_like(start), **options, pull=0.0)
    FusedStep(start, generator(5)).take(moved, slopes, tilt, **options, pull=3.0)
    expected = -0.005 * (7 * (slopes + tilt) + 3 * (w - start))
    assert torch.allclose(moved - still, expected)


def test_where_it_is_taken():
    assert fits(torch.zeros(LEAST), 1) and not fits(torch.zeros(10), 10)
    assert not fits(torch.zeros(LEAST, dtype=torch.float16), 1)
    loss = quadratic([2.0] * 400)
    plain = Posterior(loss, 10.0, 3.0, torch.ones_like(loss.start))
    assert Stepper(plain, 16, generator())._fused is not None
    scaled = Posterior(loss, 10.0, 3.0, 2 * torch.ones_like(loss.start))
    assert Stepper(scaled, 16, generator())._fused is None
    w = torch.ones(16, 400).double()
    Stepper(plain, 16, generator(1)).take(w, torch.zeros_like(w), 1e-12)
    assert torch.allclose(w, torch.ones_like(w), atol=1e-4)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("parameters", [5, 3001])
def test_the_way_along_the_tilt_is_that_before_the_step(dtype, parameters):
    """By the fused step and by the other, which takes small ones."""
    source = generator(fresh_seed())
    start, tilt = torch.randn((2, parameters), generator=source, dtype=dtype)
    w = start + torch.randn((3, parameters), generator=source, dtype=dtype)
    expected = (w - start).double() @ tilt.double()
    loss = stacked(lambda w: (w**2).sum(), start.tolist(), dtype)
    plain = Posterior(loss, 2.0, 1.0, torch.ones_like(start))
    tilted = Stepper(plain, 3, generator(1)).take(w, torch.zeros_like(w), 1e-3, tilt)
    assert torch.allclose(tilted.double(), expected, rtol=1e-4, atol=1e-3)
    assert not torch.allclose((w - start).double() @ tilt.double(), expected, rtol=1e-4, atol=1e-3)
