"""Anisotropic noise in a quadratic well: covariances of simulated steps, and actions by other minimisers."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import linalg, optimize

from slt_toys.reference.laws import law
from tests.seeds import fresh_generator

HESSIAN = np.diag([8.0, 2.0])


@pytest.mark.parametrize("rate", [0.01, 0.1])
def test_covariance_is_that_of_the_steps(rate):
    """At any learning rate, by simulation; the law of small steps is told from it at the large one."""
    covariance, batch, chains = np.array([[30.0, 12.0], [12.0, 20.0]]), 16, 40_000
    random, factor = fresh_generator(), np.linalg.cholesky(covariance / batch)
    w = np.zeros((chains, 2))
    for _ in range(round(3 / rate)):
        w = w - rate * (w @ HESSIAN + random.standard_normal((chains, 2)) @ factor.T)
    expected = np.array([
        [law("lyapunov-covariance")(learning_rate=rate, batch_size=batch, gradient_covariance=covariance[i, j],
                                    curvature_1=HESSIAN[i, i], curvature_2=HESSIAN[j, j]) for j in range(2)]
        for i in range(2)
    ])  # fmt: skip
    seen = np.cov(w.T)
    errors = np.sqrt((np.outer(np.diag(expected), np.diag(expected)) + expected**2) / chains)
    assert (np.abs(seen - expected) < 5 * errors).all()
    small = linalg.solve_continuous_lyapunov(HESSIAN, rate * covariance / batch)
    assert (abs(seen[0, 0] - small[0, 0]) > 12 * errors[0, 0]) == (rate == 0.1)
    isotropic = rate * np.trace(covariance) / (4 * batch) * np.linalg.inv(HESSIAN)  # of one temperature
    assert (np.abs(seen - isotropic) > 12 * errors).any()


def test_aligned_noise_is_hot_where_the_loss_is_stiff():
    rate, batch, scale = 0.02, 8, 3.0
    temperatures = [
        law("aligned-temperature")(learning_rate=rate, batch_size=batch, alignment=scale, curvature_1=h)
        for h in (8.0, 2.0)
    ]
    for h, temperature in zip((8.0, 2.0), temperatures, strict=True):
        variance = law("lyapunov-covariance")(
            learning_rate=rate, batch_size=batch, gradient_covariance=scale * h, curvature_1=h, curvature_2=h
        )
        assert temperature == pytest.approx(h * variance)
    assert temperatures[0] / temperatures[1] == pytest.approx(4.0, rel=0.1)


def test_quasi_potential_is_half_the_inverse_covariance():
    noise = np.array([[0.5, 0.1], [0.1, 0.25]])
    covariance = linalg.solve_continuous_lyapunov(HESSIAN, 2 * noise)
    place = np.array([0.7, -0.4])
    found = law("quasi-potential-quadratic")(
        curvature_1=8.0, curvature_2=2.0, diffusion_11=0.5, diffusion_12=0.1, diffusion_22=0.25, direction_1=0.7,
        direction_2=-0.4,
    )  # fmt: skip
    assert found == pytest.approx(place @ np.linalg.inv(covariance) @ place / 2)
    # Least action of timed paths: the control problem's cost from far back, by the Gramian of a long time.
    steps, step = 4000, 0.001
    flow, gram = np.eye(2), np.zeros((2, 2))
    for _ in range(steps):
        gram += flow @ noise @ flow.T * step
        flow = flow @ linalg.expm(-HESSIAN * step)
    assert place @ np.linalg.inv(gram) @ place / 4 == pytest.approx(found, rel=0.01)


def test_geometric_action_is_the_least_over_speeds():
    random = fresh_generator()
    for _ in range(20):
        tangent, drift = random.standard_normal((2, 2))
        timed = optimize.minimize_scalar(
            lambda u, t=tangent, b=drift: float(((math.exp(u) * t - b) ** 2).sum() / (4 * math.exp(u))),
            bounds=(-12, 12), method="bounded", options={"xatol": 1e-9},
        )  # fmt: skip
        found = law("geometric-action")(
            path_norm=np.linalg.norm(tangent), drift_norm=np.linalg.norm(drift), path_drift=tangent @ drift
        )
        assert found == pytest.approx(float(timed.fun), rel=1e-6, abs=1e-9)
