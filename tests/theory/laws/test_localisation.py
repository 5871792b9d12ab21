"""Laws of the local estimate against sums and simulations that know nothing of them."""

from __future__ import annotations

import numpy as np
import pytest
from scipy import integrate

from tests.seeds import fresh_generator


@pytest.mark.parametrize(("n_beta", "curvature", "localisation"), [(50.0, 0.3, 4.0), (7.0, 2.0, 90.0)])
def test_localised_energy_by_quadrature(evaluate, n_beta, curvature, localisation):
    width = 12 / np.sqrt(n_beta * curvature + localisation)

    def mean(pull: float) -> float:
        weight = lambda w: np.exp(-(n_beta * curvature + pull) * w**2 / 2)  # noqa: E731
        energy = lambda w: n_beta * curvature * w**2 / 2 * weight(w)  # noqa: E731
        return integrate.quad(energy, -width, width)[0] / integrate.quad(weight, -width, width)[0]

    values = {"n_beta": n_beta, "curvature": curvature, "localisation": localisation}
    assert evaluate("localised-energy", **values) == pytest.approx(mean(localisation), rel=1e-8)
    step = 1e-4 * localisation
    slope = (mean(localisation - step) - mean(localisation + step)) / (2 * step)
    assert evaluate("localisation-effect", **values) == pytest.approx(localisation * slope, rel=1e-5)


@pytest.mark.parametrize("step_size", [0.001, 0.02])
def test_scheme_by_iterating_its_variance(evaluate, step_size):
    n_beta, curvature, localisation = 50.0, 0.7, 20.0
    variance = 0.0
    for _ in range(20_000):
        variance = (1 - step_size * (n_beta * curvature + localisation) / 2) ** 2 * variance + step_size
    found = evaluate(
        "localised-energy-euler", n_beta=n_beta, curvature=curvature, localisation=localisation, step_size=step_size
    )
    assert found == pytest.approx(n_beta * curvature * variance / 2, rel=1e-9)


def test_start_excess_of_a_regular_model_at_its_truth(evaluate):
    """The mean over data sets is d/2 · nβ/n: least squares with unit noise, at the true parameter."""
    rng = fresh_generator()
    examples, weights, n_beta, repeats = 200, 3, 40.0, 4000
    x = np.linalg.qr(rng.standard_normal((examples, weights)))[0] * np.sqrt(examples)  # curvature 1 in each direction
    found = np.empty(repeats)
    for k in range(repeats):
        slopes = -x.T @ rng.standard_normal(examples) / examples
        found[k] = n_beta * (slopes**2).sum() / 2
    expected = weights / 2 * n_beta / examples
    error = found.std(ddof=1) / np.sqrt(repeats)
    assert abs(found.mean() - expected) < 5 * error
    assert abs(found.mean() - 2 * expected) > 12 * error
    one = evaluate("start-excess", n_beta=n_beta, curvature=1.0, slope_at_start=0.1)
    assert one == pytest.approx(n_beta * 0.01 / 2)


@pytest.mark.parametrize(("n_beta", "curvature", "localisation"), [(144.76, 1.0, 1.0), (3000.0, 0.4, 2.0)])
def test_crossing_energy_by_a_sum_over_the_plane(evaluate, n_beta, curvature, localisation):
    """A brute sum over both weights: w = sinh u crowds the points where the arms of the cross are thin."""
    reach = np.arcsinh(9 / np.sqrt(localisation) * 100)
    u = np.linspace(-reach, reach, 3001)
    w, measure = np.sinh(u) / 100, np.cosh(u)
    energy = n_beta * curvature * (w[:, None] * w[None, :]) ** 2 / 2
    weight = np.exp(-energy - localisation * (w[:, None] ** 2 + w[None, :] ** 2) / 2) * measure[:, None] * measure
    found = evaluate("crossing-energy", n_beta=n_beta, curvature=curvature, localisation=localisation)
    assert found == pytest.approx(float((energy * weight).sum() / weight.sum()), rel=1e-6)
    assert found < 0.45, "far from one half at any such n beta"


@pytest.mark.parametrize("temperature", [0.0005, 0.02, 0.3])
def test_estimate_in_a_run_by_nested_quadrature(evaluate, temperature):
    """The mean over states of n beta (posterior loss - loss of the state); another temperature misses it."""
    n_beta, curvature, localisation = 60.0, 3.0, 25.0
    nodes, weights = np.polynomial.hermite_e.hermegauss(20)
    width = np.sqrt(temperature / curvature)

    def estimate(start: float) -> float:
        def weight(w: float) -> float:
            return float(np.exp(-n_beta * curvature * w**2 / 2 - localisation * (w - start) ** 2 / 2 + shift))

        stiffness = n_beta * curvature + localisation
        centre = localisation * start / stiffness
        shift = n_beta * curvature * centre**2 / 2 + localisation * (centre - start) ** 2 / 2
        ends = centre - 12 / np.sqrt(stiffness), centre + 12 / np.sqrt(stiffness)
        mass = integrate.quad(weight, *ends)[0]
        loss = integrate.quad(lambda w: curvature * w**2 / 2 * weight(w), *ends)[0] / mass
        return n_beta * (loss - curvature * start**2 / 2)

    mean = weights @ [estimate(width * node) for node in nodes] / weights.sum()
    values = {"n_beta": n_beta, "curvature": curvature, "localisation": localisation}
    assert evaluate("estimate-in-a-run", temperature=temperature, **values) == pytest.approx(mean, rel=1e-7)
    assert evaluate("estimate-in-a-run", temperature=1.3 * temperature, **values) != pytest.approx(mean, rel=1e-3)
