"""Coordinates and localisation of many parameters, by hand and on problems whose answer is known."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from slt_toys.learning_coefficient import curvature
from slt_toys.learning_coefficient.curvature import Spectrum
from slt_toys.learning_coefficient.deep_linear import deep_linear_problem, half_squared_error
from slt_toys.learning_coefficient.estimator import LearningCoefficientEstimate, local_learning_coefficient
from slt_toys.learning_coefficient.many_directions import (
    MOST_LEAPFROGS,
    NOISE_HELD,
    STRONGEST,
    WEAKEST,
    coordinates,
    equilibrated,
    held,
    leapfrogs,
)
from tests.learning_coefficient.made_losses import DOUBLE, generator, quadratic, stacked
from tests.seeds import fresh_seed

COLUMNS = 150


@pytest.fixture
def few_are_many(monkeypatch):
    """As if a hundred parameters were too many for all eigenvectors."""
    monkeypatch.setattr(curvature, "EXACT_UP_TO", 100)


def regression(columns: np.ndarray, centre: float = 0.0, **more):
    """An estimate of a regression on columns of these standard deviations, at its solution."""
    rng = np.random.default_rng(fresh_seed())
    z = rng.standard_normal((2 * len(columns), len(columns)))
    x = torch.from_numpy(z * columns + centre)
    y = torch.from_numpy(rng.standard_normal((len(z), 1)))
    module = torch.nn.Linear(len(columns), 1, bias=False).double()
    with torch.no_grad():
        module.weight.copy_(torch.linalg.lstsq(x, y).solution.mT)
    seed = fresh_seed() % 10**6
    return local_learning_coefficient(module, half_squared_error, (x, y), examples=10**5, seed=seed, **more)


def right(found: LearningCoefficientEstimate, exact: float) -> bool:
    return abs(found.estimate - exact) < 5 * found.standard_error and found.standard_error < 0.02 * exact


def test_scales_undo_the_units_of_parameters():
    h = np.geomspace(1e-6, 1e6, 40)
    found = equilibrated(quadratic(h.tolist()), generator=generator(fresh_seed()))
    assert np.ptp(np.log(found.numpy() * np.sqrt(h))) < 2.5, "units that spanned a factor of a million"
    assert float(found.log().mean()) == pytest.approx(0, abs=1e-9)


def test_parameters_that_the_loss_does_not_see_keep_their_units():
    found = equilibrated(quadratic([0.0, 4.0, 4.0, 0.0]), generator=generator(fresh_seed()))
    assert found[[0, 3]].tolist() == [1.0, 1.0]
    nothing = equilibrated(quadratic([0.0] * 4), generator=generator())
    assert nothing.tolist() == [1.0] * 4


def test_the_stiffest_directions_are_shrunk():
    """Ten directions stand out from a hundred equal ones, in a basis of their own."""
    rng = np.random.default_rng(fresh_seed())
    basis = torch.from_numpy(np.linalg.qr(rng.standard_normal((110, 110)))[0])
    h = torch.tensor([1.0] * 100 + [1e4] * 5 + [1e2] * 5, dtype=DOUBLE)
    loss = stacked(lambda w: (h * (basis @ w) ** 2).sum() / 2, [0.0] * 110)
    known = coordinates(loss, n_beta=10.0, generator=generator(fresh_seed()))
    found = held(loss, known, n_beta=10.0, localisation=None, generator=generator(fresh_seed()))
    assert known.deflation.vectors.shape[1] >= 2, "one vector of each eigenvalue is all that Lanczos finds"
    assert found.spectrum.weight.sum() == pytest.approx(110)
    assert WEAKEST * 0.99 <= found.localisation / known.edge <= STRONGEST * 1.01
    z = torch.from_numpy(rng.standard_normal((3, 110)))
    once = known.deflation.of(z)
    vectors = known.deflation.vectors
    assert torch.allclose(once @ vectors, known.deflation.factors * (z @ vectors))
    assert torch.allclose(once - (once @ vectors) @ vectors.mT, z - (z @ vectors) @ vectors.mT)


def test_a_given_localisation_is_that_of_the_parameters():
    loss = quadratic([1.0, 4.0, 9.0])
    known = coordinates(loss, n_beta=10.0, generator=generator())
    found = held(loss, known, n_beta=10.0, localisation=7.0, generator=generator())
    assert found.pulls.tolist() == [7.0] * 3 and found.localisation == 7.0
    energy = sum(5 * h / (10 * h + 7) for h in (1.0, 4.0, 9.0))
    assert found.spectrum.energy() == pytest.approx(energy, rel=1e-6)


def test_negative_curvature_is_held():
    loss = quadratic([1.0] * 20 + [-0.01])
    known = coordinates(loss, n_beta=10.0, generator=generator())
    found = held(loss, known, n_beta=10.0, localisation=None, generator=generator())
    assert found.localisation == pytest.approx(-NOISE_HELD * found.spectrum.lowest_curvature)
    assert found.spectrum.lowest_curvature < 0


def test_trajectories_are_as_long_as_the_softest_direction_asks_for():
    def of(softest: float) -> Spectrum:
        values = np.array([1.0] * 50 + [softest] * 50)
        return Spectrum(values, 0 * values, np.ones(100), np.zeros(100, dtype=np.int64), 0.0, 1e-12)

    counts = [leapfrogs(of(softest), 0.04) for softest in (1.0, 1e-2, 1e-3, 1e-8)]
    assert counts == sorted(counts) and counts[0] < counts[2] and counts[3] == MOST_LEAPFROGS


def test_thinned_data_give_the_loss_of_every_so_many_th_example():
    x = torch.arange(10, dtype=DOUBLE)[:, None]
    module = torch.nn.Linear(1, 1, bias=False).double()
    whole = curvature.StackedLoss(module, half_squared_error, x, 0 * x)
    part = whole.thinned(3)
    assert part.examples == 3 and whole.examples == 10 and whole.thinned(10) is whole
    w = float(whole.start[0])
    assert float(part.values(part.start[None])[0]) == pytest.approx(w**2 / 2 * (0 + 16 + 64) / 3)


@pytest.mark.parametrize(
    ("columns", "centre"),
    [
        (np.ones(COLUMNS), 0.0),
        (np.geomspace(1, 1e-2, COLUMNS), 0.0),
        (np.geomspace(1, 1e-2, COLUMNS)[np.arange(COLUMNS) * 7 % COLUMNS], 0.0),
        (np.ones(COLUMNS), 5.0),
    ],
    ids=["well", "condition 1e4", "permuted", "mean 5"],
)
@pytest.mark.slow
def test_units_and_shifts_of_inputs_change_nothing(columns, centre, few_are_many):
    found = regression(columns, centre)
    assert right(found, COLUMNS / 2), found.verdict


def test_one_localisation_for_all_freezes_soft_columns_and_says_so(few_are_many):
    """The negative control: plain SGLD, whose steps cannot cross them."""
    found = regression(np.geomspace(1, 1e-2, COLUMNS), sampler="sgld", draws=64)
    assert found.estimate < 0.9 * COLUMNS / 2 and not found.trusted


@pytest.mark.slow
def test_a_typical_point_of_a_deep_linear_network_is_right(few_are_many):
    problem = deep_linear_problem((12, 6, 12), rank=2, examples=10**5, seed=fresh_seed() % 10**6)
    data = problem.inputs, problem.targets
    found = local_learning_coefficient(
        problem.module, half_squared_error, data, examples=problem.examples, seed=fresh_seed() % 10**6
    )
    assert right(found, float(problem.exact.value)), found.verdict


@pytest.mark.slow
@pytest.mark.parametrize("factor", [0.125, 8.0])
def test_only_the_product_of_loss_and_n_beta_counts(factor, few_are_many):
    """L → cL with nβ → nβ/c is the same posterior."""
    rng = np.random.default_rng(fresh_seed())
    x = torch.from_numpy(rng.standard_normal((300, COLUMNS)))
    module = torch.nn.Linear(COLUMNS, 1, bias=False).double()
    with torch.no_grad():
        module.weight.zero_()
    found = [
        local_learning_coefficient(
            module,
            lambda out, y, c=c: c * half_squared_error(out, y),
            (x, 0 * x[:, :1]),
            n_beta=1e4 / c,
            draws=64,
            seed=3,
        )
        for c in (1.0, factor)
    ]
    # The same random numbers, so that only rounding tells the two apart.
    assert abs(found[1].estimate - found[0].estimate) < found[0].standard_error / 5
