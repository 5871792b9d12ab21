"""Quadrature of the plane against closed forms at every temperature."""

from __future__ import annotations

import mpmath as mp
import numpy as np
import pytest

from slt_toys.exact.quadrature import Range
from tests.exact.plane_integrals import N_BETA, PLANE, _crossing, _plane


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


def test_the_estimate_is_not_below_the_error():
    # A rule coarse enough for its error to be visible.
    loss, box, exact = PLANE["narrow valley"]
    (nodes, _), _ = _plane(loss, box, wanted=Range(order=3, ratio=16.0, tolerance=1e-3))
    moments = nodes.moments(N_BETA)
    true = np.abs(np.expm1(moments.log_integral - [float(mp.log(exact(mp.mpf(float(x))))) for x in N_BETA]))
    assert true.max() > 1e-8
    assert (true <= moments.error + 1e-9).all()
