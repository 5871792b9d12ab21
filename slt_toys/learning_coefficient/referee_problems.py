"""Problems whose learning coefficient is exact, and whose mean energy at finite nβ is exact too: the referee's.

Without localisation. A sum of even powers has the energy Σ 1/p at every nβ; a least squares loss half the number of its
weights; losses of one weight each, such as logistic regression on groups, are integrated. Of deep linear networks at
small nβ it is that of a long run of another sampler, with its error: `slt_toys.learning_coefficient.branch_energy`.
Where branches of minima cross, the energy without localisation is none, and λ stands for it: there an estimate should
be doubted.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, lru_cache, partial
from typing import Any

import numpy as np
import torch
from torch import Tensor, nn

from slt_toys.learning_coefficient.deep_linear import Minimum, deep_linear_problem, half_squared_error

DOUBLE = torch.float64
ROWS = 500  # of data that stand for n examples
REACH = 60.0  # in units of the temperature: beyond it nothing is left of an integral
NODES = 400
LARGE = 5000.0  # nβ from which on a deep linear network's energy is λ to a part in a thousand: at 145 to a fiftieth
ONES = torch.ones(2, 1, dtype=DOUBLE)


def _none(n_beta: float) -> float:
    return 0.0


@dataclass(frozen=True)
class Problem:
    """A module at a minimum of a loss.

    Attributes
    ----------
    module, loss, data, examples
        For `local_learning_coefficient`.
    exact
        λ.
    energy
        nβ (E[L] - L(w*)) at an nβ, without localisation.
    crossing
        Whether branches of minima cross at the start.
    energy_error
        Standard error of that energy: 0 where it is exact.
    """

    module: nn.Module
    loss: Callable[[Any, Any], Tensor]
    data: tuple[Tensor, Tensor]
    examples: int
    exact: float
    energy: Callable[[float], float]
    crossing: bool = False
    energy_error: Callable[[float], float] = _none


def reference(problem: Problem, n_beta: float) -> tuple[float, float]:
    """Energy and its standard error; NaN where the data drawn leave a network too close to a crossing to have one."""
    try:
        return problem.energy(n_beta), problem.energy_error(n_beta)
    except ValueError:
        return float("nan"), float("nan")


class Function(nn.Module):
    """A module whose output is a function of its weights."""

    def __init__(self, function: Callable[[Tensor], Tensor], start: list[float]):
        super().__init__()
        self.weights, self.function = nn.Parameter(torch.tensor(start, dtype=DOUBLE)), function

    def forward(self, ones: Tensor) -> Tensor:
        """The function's value for every example."""
        return ones * self.function(self.weights)


def mean_output(outputs: Tensor, targets: Tensor) -> Tensor:
    """The loss is what the module puts out."""
    return outputs.mean()


@cache
def _gauss() -> tuple[np.ndarray, np.ndarray]:
    return np.polynomial.legendre.leggauss(NODES)


def energy_by_quadrature(losses: list[Callable[[np.ndarray], np.ndarray]], n_beta: float) -> float:
    """Mean energy of a sum of losses of one weight each, all with their minimum 0 at 0, by Gauss–Legendre."""
    nodes, weights = _gauss()
    total = 0.0
    for loss in losses:
        ends = []
        for sign in (-1.0, 1.0):
            end = 1e-12
            while n_beta * loss(np.array([sign * end]))[0] < REACH:
                end *= 1.3
            ends.append(sign * end)
        w = ends[0] + (ends[1] - ends[0]) * (nodes + 1) / 2
        energy = n_beta * loss(w)
        mass = weights * np.exp(-energy)
        total += float((energy * mass).sum() / mass.sum())
    return total


def of_function(
    function: Callable[[Tensor], Tensor],
    start: list[float],
    exact: float,
    examples: int,
    seed: int,
    *,
    energy: Callable[[float], float] | None = None,
    crossing: bool = False,
) -> Problem:
    """A loss that is a function of the weights; the seed draws nothing."""
    at = (lambda n_beta: exact) if energy is None else energy
    return Problem(Function(function, start), mean_output, (ONES, ONES), examples, exact, at, crossing)


def regression(
    scales: np.ndarray,
    examples: int,
    seed: int,
    *,
    centre: float = 0.0,
    wrong: bool = False,
    dtype: torch.dtype = DOUBLE,
) -> Problem:
    """Least squares at its solution, on features of these standard deviations; of a sine if the model is wrong."""
    rng = np.random.default_rng(seed)
    x = rng.standard_normal((ROWS, len(scales))) * scales + centre
    y = np.sin(2 * x).sum(1) if wrong else x.sum(1)
    inputs, targets = torch.from_numpy(x), torch.from_numpy(y + rng.standard_normal(ROWS))[:, None]
    module = nn.Linear(len(scales), 1, bias=False).double()
    with torch.no_grad():
        module.weight.copy_(torch.linalg.lstsq(inputs, targets).solution.mT)
    exact = len(scales) / 2
    data = inputs.to(dtype), targets.to(dtype)
    return Problem(module.to(dtype), half_squared_error, data, examples, exact, lambda n_beta: exact)


def groups(rates: list[float], shares: list[float], examples: int, seed: int) -> Problem:
    """Logistic regression on groups, at its solution: one weight, the log odds, for each."""
    rate, share = np.array(rates), np.array(shares)
    odds = np.log(rate / (1 - rate))

    def loss(outputs: Tensor, targets: Tensor) -> Tensor:
        each = nn.functional.binary_cross_entropy_with_logits(outputs, targets[:, :1], reduction="none")
        return (targets[:, 1:] * each).mean()

    def of_group(k: int, w: np.ndarray) -> np.ndarray:
        return share[k] * (np.logaddexp(0, odds[k] + w) - np.logaddexp(0, odds[k]) - rate[k] * w)

    module = nn.Linear(len(rates), 1, bias=False).double()
    with torch.no_grad():
        module.weight.copy_(torch.from_numpy(odds))
    targets = torch.from_numpy(np.stack([rate, share * len(rates)], 1))
    losses = [partial(of_group, k) for k in range(len(rates))]
    data = torch.eye(len(rates), dtype=DOUBLE), targets
    return Problem(module, loss, data, examples, len(rates) / 2, partial(energy_by_quadrature, losses))


def counts(examples: int, seed: int) -> Problem:
    """Poisson regression of three means, at its solution: e^w - 1 - w in units of each."""
    means = np.array([0.3, 1.0, 4.0])

    def function(w: Tensor) -> Tensor:
        return (torch.from_numpy(means) * (w.exp() - 1 - w)).sum()

    losses = [partial(lambda m, w: m * (np.expm1(w) - w), m) for m in means]
    return of_function(function, [0.0, 0.0, 0.0], 1.5, examples, seed, energy=partial(energy_by_quadrature, losses))


def softly_quartic(examples: int, seed: int) -> Problem:
    """A curvature that small nβ do not see: between ¼ and ½."""
    energy = partial(energy_by_quadrature, [lambda w: 1e-2 * w**2 + w**4])
    return of_function(lambda w: (1e-2 * w**2 + w**4).sum(), [0.0], 0.5, examples, seed, energy=energy)


def turned(examples: int, seed: int) -> Problem:
    """Orders 2, 4 and 6 in directions that are not the weights' own."""
    basis = torch.from_numpy(np.linalg.qr(np.random.default_rng(seed).standard_normal((3, 3)))[0])

    def function(w: Tensor) -> Tensor:
        u = basis @ w
        return u[0] ** 2 + u[1] ** 4 + u[2] ** 6

    return of_function(function, [0.0, 0.0, 0.0], 0.5 + 1 / 4 + 1 / 6, examples, seed)


def deep_linear(
    widths: tuple[int, ...], rank: int, minimum: Minimum, examples: int, seed: int, *, noise: float = 0.1
) -> Problem:
    """A deep linear network; at a typical point the energy is that of its branch, which goes to λ."""
    made = deep_linear_problem(widths, rank, examples=examples, noise=noise, minimum=minimum, seed=seed)
    exact, crossing = float(made.exact.value), minimum == "crossing"
    drawn = (widths, rank, examples, noise, seed)
    energy = (lambda n_beta: exact) if crossing else partial(_on_a_branch, *drawn)
    error = partial(_error_on_a_branch, *drawn) if not crossing else _none
    data = made.inputs, made.targets
    return Problem(made.module, half_squared_error, data, examples, exact, energy, crossing, error)


@lru_cache(maxsize=64)
def _branch(
    widths: tuple[int, ...], rank: int, examples: int, noise: float, seed: int, n_beta: float
) -> tuple[float, float]:
    """Energy and standard error: of a long run, or λ where the difference is less than what such a run resolves."""
    made = deep_linear_problem(widths, rank, examples=examples, noise=noise, seed=seed)
    if n_beta >= LARGE:
        return float(made.exact.value), 0.0
    # Peers' environments draw the problems, and have not what a reference needs.
    from slt_toys.learning_coefficient.branch_energy import branch_energy

    found = branch_energy(made, n_beta, seed=seed)
    return found.energy, found.standard_error


def _on_a_branch(*drawn: Any) -> float:
    return _branch(*drawn)[0]


def _error_on_a_branch(*drawn: Any) -> float:
    return _branch(*drawn)[1]


def unit(activation: type[nn.Module], examples: int, seed: int) -> Problem:
    """One hidden unit at the true function 0: (w₁w₂)² to lowest order."""
    inputs = torch.from_numpy(np.random.default_rng(seed).standard_normal((ROWS, 1)))
    module = nn.Sequential(nn.Linear(1, 1, bias=False), activation(), nn.Linear(1, 1, bias=False)).double()
    with torch.no_grad():
        for weight in module.parameters():
            weight.zero_()
    return Problem(module, half_squared_error, (inputs, 0 * inputs), examples, 0.5, lambda n_beta: 0.5, crossing=True)


def dead_units(examples: int, seed: int) -> Problem:
    """A rectified network of which no unit hears anything: λ = 0."""
    rng = np.random.default_rng(seed)
    first, last = nn.Linear(2, 3), nn.Linear(3, 1, bias=False)
    module = nn.Sequential(first, nn.ReLU(), last).double()
    with torch.no_grad():
        first.bias.fill_(-40.0)
        last.weight.copy_(torch.from_numpy(rng.standard_normal((1, 3))))
        first.weight.copy_(torch.from_numpy(rng.standard_normal((3, 2))))
    data = torch.from_numpy(rng.random((50, 2))), torch.zeros(50, 1, dtype=DOUBLE)
    return Problem(module, half_squared_error, data, examples, 0.0, lambda n_beta: 0.0)


def _beside(w: Tensor) -> Tensor:
    return w[0] ** 2 + 2 * w[1] ** 2 + torch.relu(w[2] - 9.0) ** 2


Make = Callable[[int, int], Problem]
_F = of_function
PROBLEMS: dict[str, Make] = {
    "linear regression": partial(regression, np.ones(3)),
    "columns from 1 to 1/100": partial(regression, np.geomspace(1, 1e-2, 10)),
    "columns from 1 to 1/10 000": partial(regression, np.geomspace(1, 1e-4, 10)),
    "features of mean 5": partial(regression, np.ones(10), centre=5.0),
    "a wrong linear model": partial(regression, np.ones(5), wrong=True),
    "regression in single numbers": partial(regression, np.ones(10), dtype=torch.float32),
    "regression in half numbers": partial(regression, np.ones(10), dtype=torch.bfloat16),
    "logistic regression": partial(groups, [0.5, 0.2, 0.05, 0.3], [0.25, 0.25, 0.25, 0.25]),
    "logistic, groups of 70 to 1 %": partial(groups, [0.5, 0.2, 0.1, 0.3], [0.7, 0.25, 0.04, 0.01]),
    "Poisson regression": counts,
    "w² + w⁴": partial(_F, lambda w: w[0] ** 2 + w[1] ** 4, [0.0, 0.0], 0.75),
    "w² + w⁶": partial(_F, lambda w: w[0] ** 2 + w[1] ** 6, [0.0, 0.0], 2 / 3),
    "w⁴ twice": partial(_F, lambda w: (w**4).sum(), [0.0, 0.0], 0.5),
    "w⁶": partial(_F, lambda w: (w**6).sum(), [0.0], 1 / 6),
    "w² + w⁴ + w⁶, turned": turned,
    "w²/100 + w⁴": softly_quartic,
    "(w₁w₂ - 1)²": partial(_F, lambda w: (w[0] * w[1] - 1) ** 2, [1.0, 1.0], 0.5),
    "(|w|² - 1)²": partial(_F, lambda w: ((w**2).sum() - 1) ** 2, [0.6, 0.8, 0.0], 0.5),
    "(5,3,5;2)": partial(deep_linear, (5, 3, 5), 2, "typical"),
    "(5,3,5;2), unit noise": partial(deep_linear, (5, 3, 5), 2, "typical", noise=1.0),
    "(10,5,10;2)": partial(deep_linear, (10, 5, 10), 2, "typical"),
    "(5,4,4,5;2)": partial(deep_linear, (5, 4, 4, 5), 2, "typical"),
    "(6,2,6;1)": partial(deep_linear, (6, 2, 6), 1, "typical"),
    "dead units": dead_units,
    "a dead unit beside live weights": partial(_F, _beside, [0.0, 0.0, 0.0], 1.0),
    "(1,1,1;0), crossing": partial(deep_linear, (1, 1, 1), 0, "crossing"),
    "(5,3,5;2), crossing": partial(deep_linear, (5, 3, 5), 2, "crossing"),
    "(5,4,4,5;2), crossing": partial(deep_linear, (5, 4, 4, 5), 2, "crossing"),
    "w² + (w₁w₂)²": partial(_F, lambda w: w[0] ** 2 + (w[1] * w[2]) ** 2, [0.0, 0.0, 0.0], 1.0, crossing=True),
    "(w₁w₂w₃)²": partial(_F, lambda w: (w[0] * w[1] * w[2]) ** 2, [0.0, 0.0, 0.0], 0.5, crossing=True),
    "(w₁² - w₂³)²": partial(_F, lambda w: (w[0] ** 2 - w[1] ** 3) ** 2, [0.0, 0.0], 5 / 12, crossing=True),
    "a tanh unit at 0": partial(unit, nn.Tanh),
    "a rectified unit at 0": partial(unit, nn.ReLU),
}
