"""Problems on which no setting was chosen: the verdict has to be right on them as well."""

from __future__ import annotations

from functools import partial

import numpy as np
import pytest
import torch

from slt_toys.learning_coefficient.deep_linear import half_squared_error
from slt_toys.learning_coefficient.estimator import local_learning_coefficient
from slt_toys.learning_coefficient.referee_problems import (
    DOUBLE,
    Make,
    Problem,
    deep_linear,
    energy_by_quadrature,
    of_function,
)
from tests.seeds import fresh_seed


def twin_columns(examples: int, seed: int) -> Problem:
    """A regression two of whose six columns are the same: one direction is flat, the others are quadratic."""
    rng = np.random.default_rng(seed)
    x = torch.from_numpy(rng.standard_normal((200, 5)) * [1, 2, 0.3, 5, 1])
    x = torch.cat([x, x[:, :1]], 1)
    y = torch.from_numpy(rng.standard_normal((200, 1)))
    module = torch.nn.Linear(6, 1, bias=False).double()
    with torch.no_grad():
        module.weight.copy_(torch.linalg.lstsq(x, y, driver="gelsd").solution.mT)
    return Problem(module, half_squared_error, (x, y), examples, 2.5, lambda n_beta: 2.5)


def waiting(examples: int, seed: int) -> Problem:
    """Logarithms of three exponential rates at their solution: e^w - 1 - w of one, e^-w - 1 + w of the others."""
    losses = [lambda w: np.expm1(w) - w, lambda w: 2 * (np.expm1(-w) + w), lambda w: 0.1 * (np.expm1(-w) + w)]

    def function(w: torch.Tensor) -> torch.Tensor:
        return torch.expm1(w[0]) - w[0] + 2 * (torch.expm1(-w[1]) + w[1]) + 0.1 * (torch.expm1(-w[2]) + w[2])

    energy = partial(energy_by_quadrature, losses)
    return of_function(function, [0.0, 0.0, 0.0], 1.5, examples, seed, energy=energy)


def robust(examples: int, seed: int) -> Problem:
    """log cosh, a parabola that goes over into a line."""
    scales = [1.0, 0.2, 5.0]
    losses = [partial(lambda s, w: s * (np.logaddexp(w, -w) - np.log(2)), s) for s in scales]

    def function(w: torch.Tensor) -> torch.Tensor:
        return (torch.tensor(scales, dtype=DOUBLE) * torch.log(torch.cosh(w))).sum()

    energy = partial(energy_by_quadrature, losses)
    return of_function(function, [0.0, 0.0, 0.0], 1.5, examples, seed, energy=energy)


def _of(function, start: list[float], exact: float, **more) -> Make:
    return partial(of_function, function, start, exact, **more)


HELD_OUT: dict[str, Make] = {
    "twin columns": twin_columns,
    "exponential rates": waiting,
    "log cosh": robust,
    "w² + w⁸": _of(lambda w: w[0] ** 2 + w[1] ** 8, [0.0, 0.0], 5 / 8),
    "w₁⁴ + w₁²w₂² + w₂⁴": _of(lambda w: w[0] ** 4 + (w[0] * w[1]) ** 2 + w[1] ** 4, [0.0, 0.0], 0.5),
    "(w₁w₂w₃ - 1)²": _of(lambda w: (w.prod() - 1) ** 2, [1.0, 2.0, 0.5], 0.5),
    "(|w|² - 1)² + w₄²": _of(lambda w: ((w[:3] ** 2).sum() - 1) ** 2 + w[3] ** 2, [0.6, 0.0, 0.8, 0.0], 1.0),
    "(8,3,6;1)": partial(deep_linear, (8, 3, 6), 1, "typical"),
    "(3,3,3;0), crossing": partial(deep_linear, (3, 3, 3), 0, "crossing"),
    "w₁⁴w₂² + w₁⁸ + w₂⁶": _of(
        lambda w: w[0] ** 4 * w[1] ** 2 + w[0] ** 8 + w[1] ** 6, [0.0, 0.0], 1 / 3, crossing=True
    ),
}


@pytest.mark.slow
@pytest.mark.parametrize("examples", [10**4, 10**6])
@pytest.mark.parametrize("name", HELD_OUT)
def test_what_is_far_from_right_is_not_trusted(name, examples):
    problem = HELD_OUT[name](examples, fresh_seed() % 10**6)
    found = local_learning_coefficient(
        problem.module, problem.loss, problem.data, examples=examples, seed=fresh_seed() % 10**6
    )
    off = abs(found.estimate - problem.energy(found.n_beta))
    far = off > max(5 * found.standard_error, 0.05 * problem.exact)
    assert not (far and found.trusted), (found.estimate, found.standard_error, found.verdict)
