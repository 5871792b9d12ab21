"""How steep a loss is where chains climb, and that energies of higher orders are right with steps to match."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from slt_toys.learning_coefficient.curvature import eigen
from slt_toys.learning_coefficient.estimator import local_learning_coefficient
from slt_toys.learning_coefficient.ground import ground
from slt_toys.learning_coefficient.referee_problems import energy_by_quadrature, of_function
from slt_toys.learning_coefficient.rungs import at_rung
from slt_toys.learning_coefficient.steep_walls import HIGHEST, stiffest
from tests.learning_coefficient.made_losses import DOUBLE, generator, stacked
from tests.seeds import fresh_seed


@pytest.mark.parametrize("power", [4, 6, 10])
@pytest.mark.parametrize("unit", [1e-3, 1.0, 1e3])
def test_by_hand(power, unit):
    """w^p is as high as chains climb, with half for its direction, at (12.5/nβ)^(1/p)."""
    n_beta, scale = 50.0, 0.4 / unit
    loss = stacked(lambda w: (unit * w[0]) ** power, [0.0])
    found = stiffest(loss, torch.eye(1, dtype=DOUBLE), np.array([scale]), np.array([True]), n_beta=n_beta)
    at = ((HIGHEST + 0.5) / n_beta) ** (1 / power)
    assert found == pytest.approx(n_beta * power * (power - 1) * at ** (power - 2) * 0.4**2, rel=1e-6)


def test_what_rises_nowhere_is_not_steep():
    found = stiffest(
        stacked(lambda w: 0 * w[0], [0.0]), torch.eye(1, dtype=DOUBLE), np.ones(1), np.ones(1, dtype=bool), n_beta=1.0
    )
    assert found == 0


@pytest.mark.parametrize(
    ("function", "steep"),
    [
        (lambda w: w[0] ** 2 + 3 * w[1] ** 2, False),
        (lambda w: w[0] ** 2 + w[1] ** 6, True),
        (lambda w: w[0] ** 2 + 1e-2 * w[1] ** 2 + w[1] ** 8, True),
        (lambda w: w[0] ** 2 + 0 * w[1], False),
    ],
)
def test_where_steps_are_bounded(function, steep):
    """Where a loss rises faster than its curvature says: at most a stable step at the height that chains climb."""
    found = ground(stacked(function, [0.0, 0.0]), "hmc", 200.0, None, generator())
    assert (found.largest_step < 1) is steep and np.isfinite(found.largest_step) == (found.steep is not None)


def test_a_stable_step_follows_from_the_curvature_at_that_height():
    n_beta = 1e4
    loss = stacked(lambda w: w[0] ** 2 + w[1] ** 6, [0.0, 0.0])
    found = ground(loss, "hmc", n_beta, None, generator())
    assert found.hold is not None
    scale = found.hold.scales[np.flatnonzero(found.hold.flat)[0]]
    high = 30 * n_beta * ((HIGHEST + 0.5) / n_beta) ** (4 / 6) * scale**2
    assert found.largest_step == pytest.approx(2 / high, rel=1e-3)
    assert at_rung(found, 16.0).largest_step == pytest.approx(found.largest_step / 4)
    assert eigen(loss, n_beta=n_beta).curvature[0] == 0, "which the curvature at the minimum does not tell"


POWERS = {
    "w⁴": ([4], 1.0), "w⁶": ([6], 1.0), "w⁸": ([8], 1.0), "w¹⁰": ([10], 1.0), "w⁶ in small units": ([6], 1e3),
    "w⁸ in large units": ([8], 1e-3), "w⁶ twice": ([6, 6], 1.0), "w⁴ + w⁶": ([4, 6], 1.0), "w² + w⁸": ([2, 8], 1.0),
    "w⁴ + w⁶ + w⁸": ([4, 6, 8], 1e3), "w⁶ thrice": ([6, 6, 6], 1e-3),
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", POWERS)
def test_energies_of_powers_are_right(name):
    """Σ 1/p at every nβ, in whatever units."""
    powers, unit = POWERS[name]
    exponents = torch.tensor(powers, dtype=DOUBLE)
    problem = of_function(lambda w: ((unit * w) ** exponents).sum(), [0.0] * len(powers), 0.0, 1000, 0)
    found = local_learning_coefficient(
        problem.module, problem.loss, problem.data, examples=1000, draws=400, seed=fresh_seed()
    )
    exact = sum(1 / power for power in powers)
    assert abs(found.estimate - exact) < 5 * found.standard_error and found.standard_error < 0.1 * exact


@pytest.mark.slow
def test_a_curvature_that_small_n_do_not_see():
    """w²/100 + w⁸: neither the quadratic's energy nor that of the power, but that of the integral."""
    problem = of_function(lambda w: (1e-2 * w**2 + w**8).sum(), [0.0], 0.5, 1000, 0)
    found = local_learning_coefficient(
        problem.module, problem.loss, problem.data, examples=1000, draws=400, seed=fresh_seed()
    )
    exact = partial(energy_by_quadrature, [lambda w: 1e-2 * w**2 + w**8])(found.n_beta)
    assert abs(found.estimate - exact) < 5 * found.standard_error and abs(exact - 0.5) > 0.1
