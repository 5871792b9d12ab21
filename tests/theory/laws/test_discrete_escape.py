"""Escapes by finite steps: the exact transition kernel of SGD's steps on a grid, against the limit of small steps."""

from __future__ import annotations

import math

import numpy as np

from slt_toys.exact.kinetics import log_mean_first_passage_time
from slt_toys.reference.laws import law
from slt_toys.worlds.gibbs import line_potential

LINE = line_potential()
PLACES = {-1.0: 7.2, 1.0: 8.8}  # minima and curvatures; the barrier's is 3.96
BARRIER = 3.96


def log_time(temperature: float, rate: float, start: float) -> float:
    """Logarithm of the mean time until a step first ends beyond the other minimum, by a Gaussian kernel on a grid."""
    target, spread = -start, math.sqrt(2 * temperature * rate)
    cells = round(3.4 / min(spread / 5, 0.01))
    edges = np.linspace(-2.0, target, cells + 1) if start < target else np.linspace(target, 2.0, cells + 1)
    grid = (edges[1:] + edges[:-1]) / 2
    mean = grid - rate * LINE.gradient_function()(grid[:, None])[:, 0]
    kernel = np.exp(-((grid - mean[:, None]) ** 2) / (2 * spread**2)) * (edges[1] - edges[0])
    kernel /= spread * math.sqrt(2 * math.pi)
    times = np.linalg.solve(np.eye(cells) - kernel, np.full(cells, rate))
    return math.log(float(np.interp(start, grid, times)))


def test_factor_is_that_of_the_exact_kernel_to_first_order():
    """At low temperature, from either side; half the step halves it; the energy's temperature does not do it."""
    temperature = 0.12
    for start, curvature in PLACES.items():
        plain = log_mean_first_passage_time(LINE, temperature, start, -start)
        found = [-(log_time(temperature, rate, start) - plain) for rate in (0.01, 0.005)]
        expected = [
            math.log(law("discrete-escape-factor")(
                learning_rate=rate, well_curvature=curvature, barrier_curvature=BARRIER
            )) for rate in (0.01, 0.005)
        ]  # fmt: skip
        # Of the order η T and η² are left: a third of the factor at most, half as much at half the step.
        assert all(abs(a - b) < 0.5 * b for a, b in zip(found, expected, strict=True)), (found, expected)
        assert 0.3 < found[1] / found[0] < 0.6
        hot = temperature / (1 - 0.01 * curvature / 2)
        by_energy = plain - log_mean_first_passage_time(LINE, hot, start, -start)
        assert by_energy > 5 * found[0]


def test_factor_of_a_known_case():
    """(w² - 1)², T = .2, step .04: Euler's escapes were counted to be 5 ± 2 % too frequent; the law says 4."""
    assert law("discrete-escape-factor")(learning_rate=0.04, well_curvature=8.0, barrier_curvature=4.0) == 1.04
