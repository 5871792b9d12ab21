"""The quadrature core against closed forms and independent integrators, from n_beta = 0.1 to 1e8."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from scipy.special import gamma, gammainc

from slt_toys.exact import quadrature
from slt_toys.exact.quadrature import QuadratureError, Range, gauss_kronrod, line_integrals, line_nodes
from tests.exact.plane_integrals import N_BETA, PLANE, _hyperbola, _plane


@pytest.mark.parametrize("order", [5, 7, 10, 15])
def test_kronrod_pair_has_its_degrees_of_exactness(order):
    nodes, weights, coarse = gauss_kronrod(order)
    exact = [0.0 if k % 2 else 2 / (k + 1) for k in range(3 * order + 2)]
    assert np.allclose([weights @ nodes**k for k in range(3 * order + 2)], exact, rtol=0, atol=1e-14)
    assert np.allclose([coarse @ nodes**k for k in range(2 * order)], exact[: 2 * order], rtol=0, atol=1e-14)
    assert (np.abs(nodes) < 1).all() and (weights > 0).all()


def test_kronrod_nodes_are_the_published_ones():
    # Piessens et al., QUADPACK (1983), 15-point rule: outermost node and its weight.
    nodes, weights, _ = gauss_kronrod(7)
    assert nodes[-1] == pytest.approx(0.991455371120812639206854697526329, rel=1e-14)
    assert weights[-1] == pytest.approx(0.022935322010529224963732008058970, rel=1e-13)


@pytest.mark.parametrize("half_order", [1, 2, 3, 5])
def test_monomials_on_a_line_match_gamma_functions(half_order):
    nodes, lowest = line_nodes(lambda u: u ** (2 * half_order), (-1, 0, 1), Range())
    moments = nodes.moments(N_BETA)
    a = 1 / (2 * half_order)
    exact = np.log(gamma(a) * gammainc(a, N_BETA) / half_order) - a * np.log(N_BETA)
    assert lowest == 0
    assert np.allclose(moments.log_integral, exact, rtol=1e-12, atol=1e-13)
    # n_beta E[u^2k] = a - N^a e^-N / γ(a, N) by parts; its limit is the learning coefficient.
    energy = a - N_BETA**a * np.exp(-N_BETA) / (gamma(a) * gammainc(a, N_BETA))
    assert np.allclose(N_BETA * moments.mean, energy, rtol=1e-11)
    assert moments.error.max() < 1e-10


def test_a_minimum_nobody_announced_is_found():
    # The wells at ±1 are not panel ends, and one is lower than the reference.
    nodes, lowest = line_nodes(lambda u: (u**2 - 1) ** 2 - 0.1 * u, (-2.2, 2.7), Range())
    n_beta = np.array([0.3, 10.0, 300.0, 1e4])
    for value, log_integral in zip(n_beta, nodes.moments(n_beta).log_integral, strict=True):
        exact = mp.quad(
            lambda u, x=value: mp.exp(-x * ((u * u - 1) ** 2 - u / 10 - lowest)), np.linspace(-2.2, 2.7, 60)
        )
        assert log_integral == pytest.approx(float(mp.log(exact)), rel=1e-10, abs=1e-10)


def test_line_integrals_match_gaussians():
    x = np.linspace(-1, 1, 7)
    logs = line_integrals(lambda a, b: (b - a / 3) ** 2 + a**2, x, (-2, 2), 0.0, N_BETA, Range())
    for i, value in enumerate(N_BETA):
        root = mp.sqrt(value)
        exact = [
            mp.log(mp.sqrt(mp.pi) / 2 / root * (mp.erf(root * (2 - a / 3)) + mp.erf(root * (2 + a / 3)))) for a in x
        ]
        assert np.allclose(logs[i], np.array(exact, dtype=float) - value * x**2, rtol=1e-10, atol=1e-9)


def test_negative_control_without_grading_the_answer_is_wrong_and_says_so():
    ungraded = Range(n_beta_high=1.0)  # panels fine enough for n_beta = 1 only
    value = np.array([1e8])
    nodes, _ = line_nodes(lambda u: u**2, (-1, 0.3, 1), ungraded)
    moments = nodes.moments(value)
    assert abs(moments.log_integral[0] - 0.5 * np.log(np.pi / 1e8)) > 0.1
    assert moments.error[0] > 0.1
    (nodes, _), _ = _plane(*PLANE["hyperbola"][:2], wanted=ungraded)
    moments = nodes.moments(value)
    assert abs(moments.log_integral[0] - float(mp.log(_hyperbola(value[0])))) > 1e-3
    assert moments.error[0] > 1e-3


def test_refusals(monkeypatch):
    with pytest.raises(ValueError, match="finite all over the box"), np.errstate(all="ignore"):
        line_nodes(np.log, (-1, 1), Range())
    monkeypatch.setattr(quadrature, "LARGEST_NODE_COUNT", 1000)
    with pytest.raises(QuadratureError, match="too rough"):
        _plane(*PLANE["ring"][:2])
    with pytest.raises(QuadratureError, match="too rough"):
        line_nodes(lambda u: np.sin(40 * u), (-3, 3), Range())
