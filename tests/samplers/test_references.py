"""Draws against exact values: biases, means and rare phases pass up to their limits."""

from __future__ import annotations

import math

import numpy as np
import pytest
import xarray as xr

from slt_toys.exact.equilibrium import phase_table
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import diagnostics, references
from slt_toys.samplers.references import biased, off
from slt_toys.samplers.statistics import ChainSummary
from tests.samplers.made_verdicts import NAN, TILTED, found, judged, known


@pytest.mark.parametrize(
    ("error", "bias_error", "temperature", "allowed"),
    [
        (0.001, 0.0, 1.0, 4.5 * 0.001),  # what draws cannot see does no harm, up to the tolerance
        (0.003, 0.0, 1.0, 0.01),  # the tolerance, a hundredth
        (0.01, 0.0, 1.0, 2 * 0.01),  # what draws hardly see
        (0.003, 0.01, 1.0, 3 * 0.01),  # a bias that was measured must be seen itself
        (0.006, 0.0, 2.0, 0.02),  # a hundredth of T where that is more than a standard deviation of the energy
        (0.003, 0.0, 0.1, 0.01),
    ],
)
@pytest.mark.parametrize("sign", [1, -1])
def test_a_bias_passes_up_to_its_limit(error, bias_error, temperature, allowed, sign):
    for share, doubted in ((0.99, False), (1.01, True)):
        reference = known(bias=[NAN, sign * share * allowed], bias_error=[0.0, bias_error], temperature=temperature)
        assert bool(biased(judged(), found([error, error]), reference)) == doubted


def test_a_coordinates_bias_is_held_against_its_own_deviation():
    for share, doubted in ((0.99, False), (1.01, True)):
        reference = known(bias=[share * 0.03, 0.0], deviation=[3.0, 1.0], temperature=50.0)
        assert bool(biased(judged(spread=3.0), found([0.01, 0.01]), reference)) == doubted


@pytest.mark.parametrize(("order", "bias", "error"), [(1, 0.2, 0.1), (2, 0.4 / 3, 0.2 / 3)])
def test_the_bias_from_half_the_step_and_its_error(order, bias, error):
    """A bias of order p leaves 2^-p of itself at half the step; errors of 3 and 4 make one of 5."""

    def summary(mean: float, standard_error: float) -> ChainSummary:
        one = np.ones(1)
        return ChainSummary(mean * one, standard_error * one, one, one, one)

    told = references._difference(summary(1.2, 0.03), summary(1.1, 0.04), order)
    assert (told[0][0], told[1][0]) == pytest.approx((bias, error))


@pytest.mark.parametrize(
    ("scheme", "bias", "errors"),
    [("exact", 0.0, 4.5), ("euler_maruyama", 0.0, 4.5), ("BAOAB", NAN, 4.0)],
)
def test_a_mean_passes_up_to_its_limit(scheme, bias, errors):
    """A thousandth of the deviation is the grid's own."""
    allowed = errors * 0.01 + 0.001
    for share, doubted in ((0.99, False), (1.01, True)):
        reference = known(scheme=scheme, exact=[share * allowed, NAN], bias=[bias, bias])
        assert bool(off(judged(), found([0.01, 0.01]), reference)) == doubted


@pytest.mark.parametrize(("share", "rare"), [(0.024, True), (0.026, False), (0.974, False), (0.976, True)])
def test_a_draw_more_or_less_of_a_rare_phase_is_no_error(share, rare):
    """Fewer than 25 of 1000 draws are expected in it; then 4.5 draws more are let through."""
    allowed = 4.5 * 0.002 + 0.001 + (0.0045 if rare else 0.0)
    for part, doubted in ((0.99, False), (1.01, True)):
        reference = known(scheme="exact", exact=[NAN, NAN, share])
        diagnosis = found([0.002] * 3, [0.0, 0.0, share + part * allowed])
        assert bool(off(judged(phases=1), diagnosis, reference)) == doubted


def test_errors_of_means_that_vary_too_little():
    errors = references._standard_errors(judged(spread=0.5), found([0.01, 0.02]), known(deviation=[1.0, 0.1]))
    np.testing.assert_allclose(errors, [0.02, 0.02])
    still = references._standard_errors(judged(spread=0.0), found([NAN, NAN], bulk=400.0), known(deviation=[1.0, 2.0]))
    np.testing.assert_allclose(still, [1 / 20, 2 / 20])


def test_exact_deviations_of_sums_and_of_shares():
    """Two independent quadratic wells at T = 1/4: energy T ± T, coordinates as theirs; a phase's share is 0 or 1."""
    wells = Potential.from_expression("w1**2 + 4*(w2 - 1)**2")
    points = np.random.default_rng(2).standard_normal((4, 50, 2))
    draws = xr.Dataset({"w": (("chain", "draw", "coordinate"), points)})
    mean, deviation = references._exact(wells, diagnostics._judged(draws, wells), 4.0)
    np.testing.assert_allclose(mean, [0.0, 1.0, 0.25], atol=1e-6)
    np.testing.assert_allclose(deviation, [math.sqrt(1 / 8), math.sqrt(1 / 32), 0.25], rtol=1e-5)
    mean, deviation = references._exact(TILTED, diagnostics._judged(draws[["w"]].isel(coordinate=[0]), TILTED), 4.0)
    share = float(phase_table(TILTED, 4.0)["occupancy"].values[0, 0])
    assert (mean[2], deviation[2]) == pytest.approx((share, math.sqrt(share * (1 - share))), rel=1e-4)
