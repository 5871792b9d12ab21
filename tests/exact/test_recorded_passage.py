"""Passages of a recorded chain, the τ of [eq:recorded-wait], against an integral equation and in two limits."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt_toys.exact.kinetics import mean_first_passage_time
from slt_toys.exact.recorded_passage import recorded_passage
from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.potential import Potential

QUADRATIC = Potential.from_expression("w**2/2", name="unit well")
DOUBLE_WELL = find_potential("regular_double_well")


def by_integral_equation(temperature: float, interval: float, target: float, start: float) -> float:
    """τ = 1 + ∫ p τ for an Ornstein-Uhlenbeck process, whose kernel is normal, by Gauss-Legendre nodes."""
    nodes, weights = np.polynomial.legendre.leggauss(400)
    low = -10 * math.sqrt(temperature)
    points, weights = low + (target - low) * (nodes + 1) / 2, weights * (target - low) / 2
    decay, variance = math.exp(-interval), temperature * (1 - math.exp(-2 * interval))

    def kernel(x):
        return np.exp(-((points - decay * x) ** 2) / (2 * variance)) / math.sqrt(2 * math.pi * variance) * weights

    tau = np.linalg.solve(np.eye(points.size) - kernel(points[:, None]), np.ones(points.size))
    return float(1 + kernel(start) @ tau)


@pytest.mark.parametrize("interval", [0.005, 0.04, 0.2, 1.0, 4.0])
@pytest.mark.parametrize(("temperature", "target"), [(0.2, 1.0), (1.0, 1.5), (0.2, 0.1)])
def test_against_the_integral_equation_of_a_quadratic_well(interval, temperature, target):
    for start in (-0.5, 0.0):
        exact = by_integral_equation(temperature, interval, target, start)
        found = recorded_passage(QUADRATIC, temperature, interval, start, target)
        assert float(found(start)) == pytest.approx(exact, rel=1e-3)
        # The mirror image takes as long.
        mirrored = recorded_passage(QUADRATIC, temperature, interval, -start, -target)
        assert float(mirrored(-start)) == pytest.approx(exact, rel=1e-3)
    watched = mean_first_passage_time(QUADRATIC, temperature, 0.0, target) / interval
    assert float(found(0.0)) > 1.02 * watched  # control


@pytest.mark.parametrize("temperature", [0.05, 0.3])
def test_it_converges_with_the_cells(temperature):
    coarse, fine = (recorded_passage(DOUBLE_WELL, temperature, 0.04, -1.0, 1.0, cells) for cells in (360, 720))
    assert float(coarse(-1.0)) == pytest.approx(float(fine(-1.0)), rel=2e-3)


def test_often_recorded_it_is_the_mean_first_passage_time_beyond_by_the_overshoot():
    """To the order of √Δ a recorded path crosses ζ(1/2)/√(2π) standard deviations late (Broadie and others 1997)."""
    temperature, interval, level = 0.3, 1e-3, -0.3  # where the hill is steep
    late = 0.5826 * math.sqrt(2 * temperature * interval)
    found = float(recorded_passage(DOUBLE_WELL, temperature, interval, -1.0, level)(-1.0)) * interval
    watched, beyond = (mean_first_passage_time(DOUBLE_WELL, temperature, -1.0, level + x) for x in (0.0, late))
    assert found == pytest.approx(beyond, rel=2e-3)
    assert beyond > 1.02 * watched  # control


def test_units_of_loss_and_length():
    """L → a L at T → a T and Δ → Δ/a, and w → b w at Δ → b² Δ, change no count of draws."""
    plain = recorded_passage(DOUBLE_WELL, 0.3, 0.04, -1.0, 1.0)
    louder = Potential.from_expression("((w**2-1)**2 - 3*w/20)/1000")
    (w,) = louder.coordinates
    energy = DOUBLE_WELL.bound_energy.subs(DOUBLE_WELL.coordinates[0], w / 8)
    wider = Potential.from_expression(energy)
    assert float(recorded_passage(louder, 3e-4, 40.0, -1.0, 1.0)(-1.0)) == pytest.approx(float(plain(-1.0)), rel=1e-3)
    assert float(recorded_passage(wider, 0.3, 2.56, -8.0, 8.0)(-8.0)) == pytest.approx(float(plain(-1.0)), rel=1e-3)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ((DOUBLE_WELL, 0.0, 0.1, -1.0, 1.0), "temperature must be positive"),
        ((DOUBLE_WELL, 0.3, 0.0, -1.0, 1.0), "interval must be positive"),
        ((DOUBLE_WELL, 0.3, math.nan, -1.0, 1.0), "interval must be positive"),
        ((DOUBLE_WELL, 0.3, 0.1, 1.0, 1.0), "off the start"),
        ((DOUBLE_WELL, 0.3, 0.1, -1.0, 1e9), "target must lie inside the box"),
        ((find_potential("curve_against_point"), 0.3, 0.1, -1.0, 1.0), "potential must have one coordinate"),
    ],
)
def test_bad_input_is_refused_in_one_line(arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        recorded_passage(*arguments)
    assert "\n" not in str(caught.value)
