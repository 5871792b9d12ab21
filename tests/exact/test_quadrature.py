"""The quadrature core against closed forms and independent integrators, from n_beta = 0.1 to 1e8."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest
from scipy.special import gamma, gammainc

from slt_toys.exact import quadrature
from slt_toys.exact.plane_quadrature import plane_nodes
from slt_toys.exact.quadrature import QuadratureError, Range, gauss_kronrod, line_integrals, line_nodes

N_BETA = np.geomspace(0.1, 1e8, 19)


def _plane(loss, box, label=None, reference=(0.0,), wanted=None):
    return plane_nodes(lambda p: loss(p[..., 0], p[..., 1]), label, box, reference, wanted or Range())


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


def _crossing(x):
    """∫∫ exp(-x a²b²) over the unit square = ₂F₂(½,½;3/2,3/2;-x), since the product has density -log u."""
    return mp.hyp2f2(0.5, 0.5, 1.5, 1.5, -x)


def _split(function, centre, width, low, high):
    cuts = {mp.mpf(low), mp.mpf(high)} | {
        mp.mpf(centre) + s * z * width for s in (-1, 1) for z in (0, 1, 3, 8, 20) if low < centre + s * z * width < high
    }
    return mp.quad(function, sorted(cuts))


def _hyperbola(x, c=0.5, side=2):
    """(w1 w2 - c)² on [-side, side]²: the product u has density 2 log(side²/|u|)."""
    area = side * side

    def density(u):
        return 2 * mp.log(area / abs(u)) * mp.exp(-x * (u - c) ** 2)

    width = 1 / mp.sqrt(x)
    return mp.fadd(_split(density, c, width, -area, 0), _split(density, c, width, 0, area))


def _ring(x):
    """(w1²+w2²-1)² on [-2, 2]²: the disc of radius 2 in closed form, the corners by the free angle at each radius."""
    disc = mp.pi / 2 * mp.sqrt(mp.pi / x) * (mp.erf(3 * mp.sqrt(x)) + mp.erf(mp.sqrt(x)))
    corners = mp.quad(
        lambda r: 8 * r * (mp.pi / 4 - mp.acos(2 / r)) * mp.exp(-x * (r * r - 1) ** 2), [2, 2.01, 2.1, 2.3, mp.sqrt(8)]
    )
    return disc + corners


def _offset_valley(x):
    def factor(a, low, high):
        return mp.sqrt(mp.pi / (a * x)) / 2 * (mp.erf(high * mp.sqrt(a * x)) - mp.erf(low * mp.sqrt(a * x)))

    return factor(1, -1.3, 1.7) * factor(300, -1, 2)


PLANE = {
    "crossing": (lambda a, b: (a * b) ** 2, ((0, 1), (0, 1)), _crossing),
    "hyperbola": (lambda a, b: (a * b - 0.5) ** 2, ((-2, 2), (-2, 2)), _hyperbola),
    "ring": (lambda a, b: (a**2 + b**2 - 1) ** 2, ((-2, 2), (-2, 2)), _ring),
    "narrow valley": (lambda a, b: a**2 + 300 * b**2, ((-1.3, 1.7), (-1, 2)), _offset_valley),
}


@pytest.mark.parametrize("case", PLANE)
def test_plane_matches_closed_forms_at_every_temperature(case):
    loss, box, exact = PLANE[case]
    (nodes, outside), _ = _plane(loss, box)
    moments = nodes.moments(N_BETA)
    expected = [float(mp.log(exact(mp.mpf(float(x))))) for x in N_BETA]
    assert outside.excess.size == 0
    assert np.abs(moments.log_integral - expected).max() < 1e-9
    assert moments.error.max() < 1e-6
    assert nodes.excess.size < 2e6


def test_crossing_energy_that_an_asymptotic_estimate_gets_wrong():
    (nodes, _), _ = _plane(*PLANE["crossing"][:2])
    x = 144.76
    by_parts = mp.quad(lambda u: -mp.log(u) * x * u**2 * mp.exp(-x * u**2), [0, 0.05, 0.2, 0.5, 1]) / _crossing(x)
    energy = float(x * nodes.moments(np.array([x])).mean[0])
    assert energy == pytest.approx(float(by_parts), rel=1e-9)
    # λ - (m-1)/(log n_beta + c), with c from the asymptotic series: .3559 and not λ = 1/2.
    assert energy == pytest.approx(0.5 - 1 / (np.log(x) + np.euler_gamma + 2 * np.log(2)), abs=1e-8)
    assert energy == pytest.approx(0.3559, abs=5e-5)


def test_regions_cut_cells_without_loss_of_accuracy():
    # A disc, and a half-plane at a place no bisection of the box reaches; the energy is low at their edges.
    def label(p):
        disc = (p[..., 0] + 0.4) ** 2 + p[..., 1] ** 2 < 0.5
        return np.where(disc, 0, np.where(p[..., 0] > np.pi / 8, 1, -1))

    nodes, _ = _plane(lambda a, b: (a + 0.4) ** 2 + b**2, ((-2, 2), (-1.5, 1.7)), label, (0.0, (np.pi / 8 + 0.4) ** 2))
    for value in (0.1, 1.0, 30.0, 1e4):
        logs = [float(n.moments(np.array([value])).log_integral[0]) for n in nodes]
        disc = np.pi * -np.expm1(-value / 2) / value
        root = mp.sqrt(value)
        across = mp.sqrt(mp.pi) / 2 / root * (mp.erfc(root * (mp.pi / 8 + 0.4)) - mp.erfc(root * 2.4))
        across *= mp.exp(value * (mp.pi / 8 + 0.4) ** 2)
        along = mp.sqrt(mp.pi) / 2 / root * (mp.erf(1.7 * root) + mp.erf(1.5 * root))
        assert logs[0] == pytest.approx(np.log(disc), abs=1e-6)  # the disc's two tips slip between nodes
        assert logs[1] == pytest.approx(float(mp.log(across * along)), abs=1e-7)


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


def test_the_estimate_is_not_below_the_error():
    # A rule coarse enough for its error to be visible.
    loss, box, exact = PLANE["narrow valley"]
    (nodes, _), _ = _plane(loss, box, wanted=Range(order=3, ratio=16.0, tolerance=1e-3))
    moments = nodes.moments(N_BETA)
    true = np.abs(np.expm1(moments.log_integral - [float(mp.log(exact(mp.mpf(float(x))))) for x in N_BETA]))
    assert true.max() > 1e-8
    assert (true <= moments.error + 1e-9).all()


def test_refusals(monkeypatch):
    with pytest.raises(ValueError, match="finite all over the box"), np.errstate(all="ignore"):
        line_nodes(np.log, (-1, 1), Range())
    monkeypatch.setattr(quadrature, "LARGEST_NODE_COUNT", 1000)
    with pytest.raises(QuadratureError, match="too rough"):
        _plane(*PLANE["ring"][:2])
    with pytest.raises(QuadratureError, match="too rough"):
        line_nodes(lambda u: np.sin(40 * u), (-3, 3), Range())
