"""The spectrum and what is computed from it, exactly, on quadratic losses whose Hessian is written down."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from slt_toys.learning_coefficient import curvature as curvature_spectrum
from slt_toys.learning_coefficient.curvature import Spectrum, largest_curvature
from tests.learning_coefficient.made_losses import generator, of, quadratic, stacked
from tests.seeds import fresh_seed

# ---- the spectrum itself ----


@pytest.mark.parametrize("exact", [True, False])
def test_stiffness_and_pull_in_scaled_coordinates(monkeypatch, exact):
    """In coordinates w = s z the stiffness is s²(nβh + γ), and the localisation's part of it s²γ."""
    if not exact:
        monkeypatch.setattr(curvature_spectrum, "EXACT_UP_TO", 0)
    h, s = np.array([2.0, 0.5, 0.0]), np.array([0.5, 3.0, 2.0])
    known = of(quadratic(h.tolist(), at=[0.1, -0.2, 0.4]), scales=s.tolist())
    order = np.argsort(s**2 * (10 * h + 3))
    parts = known.probe == 0
    assert known.stiffness[parts] == pytest.approx((s**2 * (10 * h + 3))[order], rel=1e-10)
    assert known.pull[parts] == pytest.approx((3 * s**2)[order], rel=1e-10)
    assert known.curvature[parts] == pytest.approx((10 * h * s**2)[order], rel=1e-9, abs=1e-9)
    assert known.weight.sum() == pytest.approx(3)
    assert known.largest == pytest.approx((s**2 * (10 * h + 3)).max())
    # nβ g²/2(h + γ/nβ) of the start, in each direction
    excess = ((10 * h * [0.1, -0.2, 0.4]) ** 2 / (2 * (10 * h + 3))).sum()
    assert known.start_excess == pytest.approx(excess, rel=1e-9)


@pytest.mark.parametrize("exact", [True, False])
def test_sums_over_the_spectrum(monkeypatch, exact):
    """Signs have squares of one: quadrature of a diagonal Hessian of few distinct values has no error."""
    if not exact:
        monkeypatch.setattr(curvature_spectrum, "EXACT_UP_TO", 0)
    curvatures = np.array([20.0, 5.0, 5.0, 0.02, 0.0, -0.002])
    known = of(quadratic((curvatures / 10).tolist()))
    x = 3 / curvatures[:4]
    energies = curvatures / 2 / (curvatures + 3)
    back = (x / (1 + x) ** 2 / 2)[:3].sum()
    assert known.energy() == pytest.approx(energies.sum(), rel=1e-9)
    assert known.energy_with_error()[1] == pytest.approx(0, abs=1e-9)
    step = 0.05
    assert known.energy(step) == pytest.approx((energies / (1 - step * (curvatures + 3) / 4)).sum(), rel=1e-9)
    assert known.localisation_effect() == pytest.approx((back, 0), rel=1e-9, abs=1e-9)
    # Four are curved beyond eight times the most negative: half of each, less what is there or was added.
    assert known.missing() == pytest.approx((2.0 - energies[:4].sum() - back, 0), rel=1e-9, abs=1e-9)
    assert (known.lowest_curvature, known.floor, known.softest) == pytest.approx((-0.002, 0.016, 0.02), rel=1e-6)
    weaker = curvatures / 2 / (curvatures + 0.3)
    assert known.weakened(10.0).energy() == pytest.approx(weaker.sum(), rel=1e-9)
    assert known.rise(10.0) == pytest.approx(((weaker - energies).sum(), 0), rel=1e-8, abs=1e-9)
    weaker_step = weaker / (1 - step * (curvatures + 0.3) / 4) - energies / (1 - step * (curvatures + 3) / 4)
    assert known.rise(10.0, step)[0] == pytest.approx(weaker_step.sum(), rel=1e-8)


def test_the_error_of_a_quadrature_is_the_scatter_over_its_vectors():
    terms = np.array([1.0, 2.0, 6.0, 3.0])
    known = Spectrum(terms, terms, np.ones(4), np.array([0, 0, 1, 1]), 0.0, 0.0)
    assert known._total(terms) == (12.0, pytest.approx(np.std([3.0, 9.0], ddof=1) * np.sqrt(2)))


def test_without_localisation_every_curved_direction_has_its_half():
    known = of(quadratic([4.0, 1.0, 0.0]), localisation=0.0)
    assert (known.energy(), known.localisation_effect()[0], known.missing()[0]) == (1.0, 0.0, 0.0)


# ---- steps ----


def test_steps_follow_from_the_spectrum():
    curvatures = np.array([20.0, 5.0])
    known = of(quadratic((curvatures / 10).tolist()))
    stiff = curvatures + 3
    step = known.step_for_bias(0.01)
    assert known.energy(step) == pytest.approx(1.01 * known.energy(), rel=1e-6)
    assert known.step_for_bias(1e9) == 2.0 / 23
    wanted = 8 * 0.4537621902  # minus the quantile of .65/2
    assert known.step_for_acceptance(0.65, leapfrogs=False) == pytest.approx(
        min((wanted**2 / (stiff**3).sum()) ** (1 / 3), 2 / 23), rel=1e-6
    )
    many = Spectrum(np.full(50, 23.0), np.full(50, 3.0), np.ones(50), np.zeros(50, int), 0.0, 0.0)
    assert many.step_for_acceptance(0.65, leapfrogs=False) == pytest.approx((wanted**2 / 50) ** (1 / 3) / 23, rel=1e-6)
    assert many.step_for_acceptance(0.65, leapfrogs=True) == pytest.approx((wanted**2 / 50) ** 0.5 / 23, rel=1e-6)
    assert many.leapfrogs(1 / 230) == int(np.ceil(np.pi / 2 * np.sqrt(10)))
    assert (many.leapfrogs(1e-9), many.leapfrogs(1.0)) == (16, 2)
    assert of(quadratic([0.0])).leapfrogs(0.1) == 16
    mixed = Spectrum(np.array([23.0, 3.1]), np.array([3.0, 3.0]), np.ones(2), np.zeros(2, int), 0.0, 0.0)
    assert mixed.leapfrogs(1 / 230) == int(np.ceil(np.pi / 2 * np.sqrt(10))), "soft directions are not typical"


# ---- Lanczos ----


@pytest.mark.parametrize("function", [lambda w: w[:2].sum() ** 2, lambda w: (w[0] - w[1]) ** 2])
def test_a_vector_that_the_hessian_sends_to_nothing_is_drawn_again(function):
    """Signs are such a vector for half of the seeds."""
    two, dead = stacked(function, [0.0, 0.0]), stacked(lambda w: function(w) + 0 * w[2], [0.0, 0.0, 1.0])
    for loss in (two, dead):
        assert [largest_curvature(loss, generator=generator(s)) for s in range(12)] == pytest.approx([4.0] * 12)


def test_lanczos_finds_the_top_of_a_dense_hessian():
    rng = np.random.default_rng(fresh_seed())
    root = torch.from_numpy(rng.standard_normal((60, 60)))
    dense = stacked(lambda w: (root @ w).square().sum() / 2, rng.standard_normal(60).tolist())
    exact = float(torch.linalg.eigvalsh(root.mT @ root).max())
    assert largest_curvature(dense, generator=generator(1)) == pytest.approx(exact, rel=1e-5)
    flat = stacked(lambda w: (w * 0).sum(), [1.0, 2.0])
    assert largest_curvature(flat, generator=generator(1)) == 0


def test_all_eigenvectors_and_their_own_localisation():
    """Curvatures, slopes and directions of a quadratic; a spectrum in which each direction has its γ and its scale."""
    h, at = np.array([4.0, 0.5, 2.0]), np.array([0.1, -0.2, 0.4])
    known = curvature_spectrum.eigen(quadratic(h.tolist(), at=at.tolist()), n_beta=10.0)
    assert known.curvature == pytest.approx([5.0, 20.0, 40.0])
    assert np.abs(known.slope) == pytest.approx(np.abs(10 * h * at)[[1, 2, 0]])
    pulls, scales = np.array([0.5, 2.0, 4.0]), np.array([0.3, 0.2, 0.1])
    found = known.spectrum(pulls, scales)
    assert found.stiffness == pytest.approx(scales**2 * (known.curvature + pulls))
    assert found.pull == pytest.approx(scales**2 * pulls)
    assert found.energy() == pytest.approx((known.curvature / (known.curvature + pulls)).sum() / 2)
    excess = (known.slope**2 / (2 * (known.curvature + pulls))).sum()
    assert found.start_excess == pytest.approx(excess)
