"""Local energies off a minimum: exact in quadratics of any slope and signature, doubted where they are not local."""

from __future__ import annotations

import numpy as np
import pytest
import torch
from scipy import integrate

from slt_toys.learning_coefficient import curvature, steep_walls
from slt_toys.learning_coefficient.local_energy import HELD, LessTangent, chosen_localisation, local_energy, look
from slt_toys.learning_coefficient.stacked_loss import StackedLoss
from tests.learning_coefficient.made_losses import DOUBLE, generator, stacked
from tests.seeds import fresh_seed

N_BETA, PULL = 100.0, 3.0


def turned(curvatures, slopes, seed: int) -> StackedLoss:
    """A quadratic with these curvatures and slopes along axes turned at random, from its start."""
    h, g = (torch.tensor(values, dtype=DOUBLE) for values in (curvatures, slopes))
    axes = torch.linalg.qr(torch.randn((len(h), len(h)), generator=generator(seed), dtype=DOUBLE))[0]
    return stacked(lambda w: (h * (axes @ w) ** 2).sum() / 2 + (g * (axes @ w)).sum() + 1.0, [0.0] * len(h))


def exact(curvatures) -> float:
    """Of independent directions, with what the localisation takes from those that rise to first order."""
    total = 0.0
    for h in curvatures:
        x, pull = N_BETA * h, max(PULL, -2 * N_BETA * h)
        total += x / (2 * (x + pull)) + (x * pull / (2 * (x + pull) ** 2) if x > 0 else 0.0)
    return total


@pytest.mark.parametrize("curvatures", [(4.0, 1.0, 0.3), (4.0, 1.0, 0.3, -0.2, -1.0, 0.0), (2.0, 0.5, -0.01, -0.02)])
@pytest.mark.parametrize("steep", [0.0, 1.0, 100.0])
def test_a_quadratic_of_any_slope_and_signature(curvatures, steep):
    seed = fresh_seed()
    slopes = steep * np.random.default_rng(seed).standard_normal(len(curvatures))
    at = look(turned(curvatures, slopes, seed), n_beta=N_BETA, localisation=PULL, generator=generator(seed))
    found = local_energy(at, chains=16, draws=200, generator=generator(seed))
    assert found.doubts == ()
    assert found.quadratic == pytest.approx(exact(curvatures), rel=1e-6)
    assert abs(found.estimate - exact(curvatures)) < 5 * found.standard_error
    assert at.falling == sum(2 * N_BETA * -h > PULL for h in curvatures)
    assert at.slope == pytest.approx(float(np.linalg.norm(slopes)), abs=1e-9)
    assert (at.tilt > 1) == (steep > 0)


@pytest.mark.parametrize("slope", [0.02, -0.3])
def test_the_tilt_is_what_sampling_the_loss_itself_would_miss(slope):
    """In one direction, by quadrature of the loss as it is."""
    h = 0.5
    at = look(turned([h], [slope], 0), n_beta=N_BETA, localisation=PULL, generator=generator())

    def weight(u: float) -> float:
        return float(np.exp(-N_BETA * (slope * u + h * u**2 / 2) - PULL * u**2 / 2))

    def energy(u: float) -> float:
        return N_BETA * (slope * u + h * u**2 / 2) * weight(u)

    plain = integrate.quad(energy, -4, 4, points=[0])[0] / integrate.quad(weight, -4, 4, points=[0])[0]
    untilted = N_BETA * h / (2 * (N_BETA * h + PULL))
    assert at.tilt == pytest.approx(untilted - plain, rel=1e-6)
    assert plain < untilted, "the control: the slope counts down"


def test_less_its_tangent_a_loss_has_no_slope_and_the_same_curvature():
    whole = turned([1.0, -2.0, 0.5], [3.0, 1.0, -2.0], 1)
    less = LessTangent(whole)
    value, slope = less.values_and_gradients(less.start[None])
    assert float(slope.norm()) < 1e-12 < 1 < float(whole.values_and_gradients(whole.start[None])[1].norm())
    assert float(value) == pytest.approx(float(whole.values(whole.start[None])[0]))
    vectors = torch.eye(3, dtype=DOUBLE)
    assert torch.allclose(less.hessian_products(vectors), whole.hessian_products(vectors))
    aside = less.start[None] + torch.tensor([[0.3, -1.0, 2.0]], dtype=DOUBLE)
    apart = whole.values(aside) - less.values(aside)
    by_hand = (aside - less.start) @ whole.values_and_gradients(whole.start[None])[1][0]
    assert float(apart) == pytest.approx(float(by_hand))


def test_a_loss_that_falls_out_of_the_neighbourhood_is_doubted():
    """The same saddle, once of a loss that falls on faster than its curvature says."""
    seed = fresh_seed()
    falls = stacked(lambda w: w[0] ** 2 / 2 - w[1] ** 2 / 2 - 40 * w[1] ** 4 + 400 * w[1] ** 6, [0.0, 0.0])
    honest = stacked(lambda w: w[0] ** 2 / 2 - w[1] ** 2 / 2, [0.0, 0.0])
    told = []
    for loss in (falls, honest):
        at = look(loss, n_beta=N_BETA, localisation=PULL, generator=generator(seed))
        told.append(local_energy(at, chains=16, draws=200, generator=generator(seed)).doubts)
    assert told[0] and any(doubt.startswith("not local") for doubt in told[0])
    assert told[1] == ()


def test_directions_are_not_needed_one_by_one(monkeypatch):
    """Beyond so many parameters one localisation holds the steepest fall, and the quadratic is still exact."""
    monkeypatch.setattr(curvature, "EXACT_UP_TO", 0)
    seed = fresh_seed()
    curvatures = (4.0, 1.0, 0.3, -0.2)
    at = look(turned(curvatures, [1.0, 0.0, 2.0, 1.0], seed), n_beta=N_BETA, localisation=PULL,
              generator=generator(seed))  # fmt: skip
    found = local_energy(at, chains=16, draws=300, generator=generator(seed))
    pull = HELD * 0.2 * N_BETA
    expected = sum(N_BETA * h / (2 * (N_BETA * h + pull)) for h in curvatures)
    expected += sum(N_BETA * h * pull / (2 * (N_BETA * h + pull) ** 2) for h in curvatures if h > 0)
    assert at.pulls == pytest.approx(pull, rel=1e-6)
    assert abs(found.estimate - expected) < 5 * found.standard_error
    assert at.falling == pytest.approx(1, abs=0.7) and at.tilt > 1


def test_the_localisation_leaves_the_softest_direction_free():
    loss = turned([4.0, 1.0, 0.01], [0.0, 0.0, 0.0], 2).moved_to(torch.full((3,), 1e3, dtype=DOUBLE))
    assert chosen_localisation(loss, n_beta=1e4, generator=generator()) == pytest.approx(10.0, rel=1e-6)
    stiff = turned([4.0, 4.0], [0.0, 0.0], 2).moved_to(torch.full((2,), 1e3, dtype=DOUBLE))
    assert chosen_localisation(stiff, n_beta=1e4, generator=generator()) == pytest.approx(400.0, rel=1e-6)


@pytest.mark.parametrize("power", [4, 6, 8])
@pytest.mark.parametrize("n_beta", [1e3, 1e7])
def test_a_wall_that_the_curvature_does_not_tell(power, n_beta):
    """w^p is steep where chains climb, and narrower than its localisation: by quadrature, in few steps."""
    seed = fresh_seed()
    at = look(
        stacked(lambda w: w[0] ** 2 / 2 + w[1] ** power, [0.0, 0.0]), n_beta=n_beta, localisation=PULL,
        generator=generator(seed),
    )  # fmt: skip
    found = local_energy(at, chains=16, draws=256, generator=generator(seed))
    u = np.linspace(-1, 1, 20_001) * (60 / n_beta) ** (1 / power)
    mass = np.exp(-n_beta * u**power - PULL * u**2 / 2)
    wall = float((n_beta * u**power * mass).sum() / mass.sum())
    quadratic = n_beta / (2 * (n_beta + PULL)) + n_beta * PULL / (2 * (n_beta + PULL) ** 2)
    assert found.doubts == () and at.steep is not None and at.steep > 1
    assert abs(found.estimate - quadratic - wall) < 5 * found.standard_error and found.standard_error < 0.05
    assert wall < 0.9 / 3, "the control: no half of a curved direction"


def test_chains_out_of_equilibrium_are_doubted(monkeypatch):
    """Without narrower scales and smaller steps w⁴ at large nβ is doubted by the virial, or by the chains."""
    monkeypatch.setattr(steep_walls, "narrowed", lambda loss, vectors, scales, *, n_beta: scales)
    loss = stacked(lambda w: w[0] ** 2 / 2 + w[1] ** 4, [0.0, 0.0])
    at = look(loss, n_beta=1e7, localisation=PULL, generator=generator(fresh_seed()))
    assert at.steep is None and local_energy(at, chains=16, draws=256, generator=generator(0)).doubts
