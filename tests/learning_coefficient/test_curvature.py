"""The spectrum and what is computed from it, exactly, on quadratic losses whose Hessian is written down."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from torch import nn

from slt_toys.learning_coefficient import curvature as curvature_spectrum
from slt_toys.learning_coefficient.chains import Plan, Posterior, run_chains
from slt_toys.learning_coefficient.curvature import Spectrum, diagonal_scales, largest_curvature, spectrum
from slt_toys.learning_coefficient.flat_directions import WIDTHS, flatness
from slt_toys.learning_coefficient.number_resolution import resolution
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from tests.seeds import fresh_seed

torch.set_num_threads(1)
DOUBLE = torch.float64
ONES = torch.ones(2, 1, dtype=DOUBLE)


def generator(seed: int = 0) -> torch.Generator:
    return torch.Generator().manual_seed(seed)


def mean(outputs: torch.Tensor, targets: torch.Tensor) -> torch.Tensor:
    return outputs.mean()


class Loss(nn.Module):
    """A module whose output is a given function of its weights."""

    def __init__(self, function, start, dtype=DOUBLE):
        super().__init__()
        self.w = nn.Parameter(torch.tensor(start, dtype=dtype))
        self.function = function

    def forward(self, x):
        return x * self.function(self.w)


def stacked(function, start, dtype=DOUBLE) -> StackedLoss:
    return StackedLoss(Loss(function, start, dtype), mean, ONES.to(dtype), ONES.to(dtype))


def quadratic(curvatures, at=None) -> StackedLoss:
    h = torch.tensor(curvatures, dtype=DOUBLE)
    return stacked(lambda w: (h * w**2).sum() / 2, [0.0] * len(curvatures) if at is None else at)


def of(loss: StackedLoss, n_beta: float = 10.0, localisation: float = 3.0, scales=None) -> Spectrum:
    scales = torch.ones_like(loss.start) if scales is None else torch.tensor(scales, dtype=DOUBLE)
    return spectrum(loss, n_beta=n_beta, localisation=localisation, scales=scales, generator=generator())


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
    curvatures = np.array([20.0, 5.0, 5.0, 0.02, 0.0, -0.005])
    known = of(quadratic((curvatures / 10).tolist()))
    x = 3 / curvatures[:4]
    energies = curvatures / 2 / (curvatures + 3)
    back = (x / (1 + x) ** 2 / 2)[:3].sum()
    assert known.energy() == pytest.approx(energies.sum(), rel=1e-9)
    assert known.energy_with_error()[1] == pytest.approx(0, abs=1e-9)
    step = 0.05
    assert known.energy(step) == pytest.approx((energies / (1 - step * (curvatures + 3) / 4)).sum(), rel=1e-9)
    assert known.localisation_effect() == pytest.approx((back, 0), rel=1e-9, abs=1e-9)
    # Four directions are curved beyond twice the most negative one's: half of each, less what is there or was added.
    assert known.missing() == pytest.approx((2.0 - energies[:4].sum() - back, 0), rel=1e-9, abs=1e-9)
    assert (known.lowest_curvature, known.floor, known.softest) == pytest.approx((-0.005, 0.01, 0.02), rel=1e-6)
    weaker = curvatures / 2 / (curvatures + 0.3)
    assert known.weakened(10.0).energy() == pytest.approx(weaker.sum(), rel=1e-9)
    assert known.rise(10.0) == pytest.approx(((weaker - energies).sum(), 0), rel=1e-8, abs=1e-9)
    weaker_step = weaker / (1 - step * (curvatures + 0.3) / 4) - energies / (1 - step * (curvatures + 3) / 4)
    assert known.rise(10.0, step)[0] == pytest.approx(weaker_step.sum(), rel=1e-8)


def test_the_error_of_a_quadrature_is_the_scatter_over_its_vectors():
    terms = np.array([1.0, 2.0, 6.0, 3.0])
    known = Spectrum(terms, terms, np.ones(4), np.array([0, 0, 1, 1]), 0.0, 0.0)
    assert known._total(terms) == (12.0, pytest.approx(np.std([3.0, 9.0], ddof=1) * np.sqrt(2)))


def test_flat_directions_are_those_of_rounding_where_nothing_is_negative():
    known = of(quadratic([4.0, 1e-14, 0.0]), n_beta=10.0, localisation=1.0)
    assert known.floor == pytest.approx(1000 * np.finfo(float).eps * 41)
    assert known.softest == pytest.approx(40)
    assert known.missing()[0] == pytest.approx(0.5 - 40 / 82 - 40 / (2 * 41**2), rel=1e-6)
    assert of(quadratic([0.0, 0.0])).softest == np.inf


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


def test_scales_of_a_diagonal_hessian():
    h = torch.tensor([4.0, 1.0, 0.25], dtype=DOUBLE)
    found = diagonal_scales(quadratic(h.tolist()), probes=3, generator=generator(fresh_seed()))
    assert torch.allclose(found, (h + h.mean()).rsqrt())


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


# ---- flat directions ----


def looked_at(loss: StackedLoss, n_beta: float, localisation: float):
    return flatness(loss, of(loss, n_beta, localisation), n_beta=n_beta)


def test_a_bent_branch_of_minima_is_flat():
    found = looked_at(stacked(lambda w: ((w**2).sum() - 1) ** 2, [0.6, 0.8, 0.0]), 1e4, 800.0)
    assert found is not None and found.flat and abs(found.rise) < 1e-7
    assert found.width < WIDTHS[-1], "beyond the sphere one does not look"


@pytest.mark.parametrize("n_beta", [1e2, 1e5, 1e8, 1e11])
@pytest.mark.parametrize(
    "function",
    [
        lambda w: w[0] ** 2 + w[1] ** 4,
        lambda w: w[0] ** 2 + w[1] ** 6 + w[2] ** 2 * 0,
        lambda w: w[0] ** 2 + (w[1] * w[2]) ** 2,
        lambda w: w[0] ** 2 + (w[1] * w[2] * w[0]) ** 2 + (w[1] * (w[1] - w[2])) ** 2,
    ],
)
def test_higher_orders_and_crossings_are_not_flat_at_any_n(function, n_beta):
    found = looked_at(stacked(function, [0.0, 0.0, 0.0]), n_beta, 0.02 * n_beta)
    assert found is not None and not found.flat


def test_the_rise_of_a_fourth_order_is_its_own():
    found = looked_at(stacked(lambda w: w[0] ** 2 + w[1] ** 4, [0.0, 0.0]), 1e5, 2e3)
    drawn = torch.randn((16, 1), generator=generator(), dtype=DOUBLE) / 2e3**0.5
    assert found is not None
    quartic = 1e5 * float((drawn**4).mean())
    expected = quartic * (found.width**4 - WIDTHS[0] ** 4 * (found.width / WIDTHS[0]) ** 2)
    assert found.rise == pytest.approx(expected, rel=1e-6)


def test_a_wall_far_out_leaves_a_direction_flat():
    found = looked_at(stacked(lambda w: w[0] ** 2 + torch.relu(w[1] - 20.0) ** 2, [0.0, 0.0]), 10.0, 1.0)
    assert found is not None and found.flat and found.rise == pytest.approx(0, abs=1e-9)


def test_where_there_is_nothing_to_look_at(monkeypatch):
    assert looked_at(quadratic([1.0, 2.0]), 10.0, 1.0) is None
    assert looked_at(quadratic([1.0, 0.0]), 10.0, 0.0) is None
    monkeypatch.setattr(curvature_spectrum, "EXACT_UP_TO", 0)
    assert looked_at(quadratic([1.0, 0.0]), 10.0, 1.0) is None


# ---- what numbers resolve ----


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


# ---- chains ----


def posterior(scales) -> Posterior:
    loss = quadratic([2.0, 0.5], at=[0.3, -0.1])
    return Posterior(loss, 10.0, 3.0, torch.tensor(scales, dtype=DOUBLE))


def test_the_posterior_by_hand():
    law = posterior([0.5, 2.0])
    w = torch.tensor([[0.4, 0.7]], dtype=DOUBLE)
    _, losses, minus_log, slopes = law.evaluate(w)
    assert float(losses[0]) == pytest.approx(0.4**2 + 0.7**2 / 4)
    assert float(minus_log[0]) == pytest.approx(10 * (0.16 + 0.1225) + 1.5 * (0.1**2 + 0.8**2))
    by_hand = [0.5 * (10 * 2 * 0.4 + 3 * 0.1), 2 * (10 * 0.5 * 0.7 + 3 * 0.8)]
    assert slopes[0].tolist() == pytest.approx(by_hand)


def test_one_unadjusted_step_by_hand():
    law, step = posterior([0.5, 2.0]), 0.01
    plan = Plan("preconditioned sgld", 2, 1, 1, step, 1, 0, None)
    found = run_chains(law, plan, generator=generator(5), advance=lambda _: None)
    noise = torch.randn((2, 2), generator=generator(5), dtype=DOUBLE)
    slope = law.scales * 10 * torch.tensor([2 * 0.3, 0.5 * -0.1], dtype=DOUBLE)
    w = law.loss.start + law.scales * (step**0.5 * noise - step / 2 * slope)
    assert torch.allclose(found.last, w)
    energies = 10 * ((w**2 * torch.tensor([1.0, 0.25])).sum(1) - (0.09 + 0.0025))
    assert found.energies[:, 0] == pytest.approx(energies.numpy())
    assert found.distances[:, 0] == pytest.approx((w - law.loss.start).norm(dim=1).numpy())


def test_one_leapfrog_by_hand():
    law, step = posterior([1.0, 1.0]), 0.09
    plan = Plan("mala", 64, 1, 1, step, 1, 0, None)
    found = run_chains(law, plan, generator=generator(5), advance=lambda _: None)
    draws = generator(5)
    momentum = torch.randn((64, 2), generator=draws, dtype=DOUBLE)
    chance = torch.rand(64, generator=draws, dtype=DOUBLE)
    start = law.loss.start.expand(64, -1)
    before = law.evaluate(start)
    half = momentum - 0.15 * before[3]
    after = law.evaluate(start + 0.3 * half)
    end = half - 0.15 * after[3]
    ratio = before[2] + (momentum**2).sum(1) / 2 - after[2] - (end**2).sum(1) / 2
    taken = chance.log() < ratio
    assert 0 < int(taken.sum()) < 64
    assert torch.allclose(found.last, torch.where(taken[:, None], after[0], start))
    assert found.acceptance == pytest.approx(float(ratio.clamp(max=0).exp().mean()))


def test_the_way_out_of_the_minimum_is_taken_while_the_step_is_adapted():
    """From a minimum every proposal leads up: chains that may refuse it stay, those that are let out do not."""
    law = Posterior(quadratic([2.0, 0.5]), 10.0, 3.0, torch.ones(2, dtype=DOUBLE))

    def moved(adapt: int) -> int:
        plan = Plan("mala", 256, 2, 1, 0.09, 1, adapt, None)
        return int((run_chains(law, plan, generator=generator(5), advance=lambda _: None).distances[:, 0] > 0).sum())

    assert moved(2) == 256 and moved(0) < 256
