"""Laws of the local energy off a minimum against quadrature that knows nothing of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate

CASES = [(50.0, 0.3, 4.0, 0.2), (7.0, -2.0, 90.0, -1.0), (20.0, 0.0, 3.0, 0.4), (30.0, -0.1, 6.0, 0.0)]


def energies(n_beta: float, curvature: float, localisation: float, slope: float) -> tuple[float, float]:
    """Mean energies with and without the tangent, by quadrature over a wide interval."""
    stiffness = n_beta * curvature + localisation

    def mean(tilt: float) -> float:
        def loss(u: float) -> float:
            return tilt * u + curvature * u**2 / 2

        centre, width = -n_beta * tilt / stiffness, 12 / np.sqrt(stiffness)
        shift = n_beta * loss(centre) + localisation * centre**2 / 2

        def weight(u: float) -> float:
            return float(np.exp(shift - n_beta * loss(u) - localisation * u**2 / 2))

        ends = centre - width, centre + width
        return n_beta * integrate.quad(lambda u: loss(u) * weight(u), *ends)[0] / integrate.quad(weight, *ends)[0]

    return mean(slope), mean(0.0)


@pytest.mark.parametrize(("n_beta", "curvature", "localisation", "slope"), CASES)
def test_energies_by_quadrature(evaluate, n_beta, curvature, localisation, slope):
    tilted, untilted = energies(n_beta, curvature, localisation, slope)
    values = {"n_beta": n_beta, "curvature_at_start": curvature, "localisation": localisation}
    assert evaluate("tilted-energy", **values, slope_at_start=slope) == pytest.approx(tilted, rel=1e-8, abs=1e-10)
    assert evaluate("untilted-energy", **values) == pytest.approx(untilted, rel=1e-8, abs=1e-10)
    effect = evaluate("tilt-effect", **values, slope_at_start=slope)
    assert effect == pytest.approx(untilted - tilted, rel=1e-7, abs=1e-9)
    assert (effect > 0.1) == (slope != 0), "the control: a slope is seen"


def test_a_direction_held_twice_as_stiffly_as_it_falls_counts_minus_a_half(evaluate):
    for curvature in (-3.0, -0.01):
        held = evaluate("untilted-energy", n_beta=40.0, curvature_at_start=curvature, localisation=-2 * 40 * curvature)
        assert held == pytest.approx(-0.5)
