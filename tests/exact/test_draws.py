"""Exact draws resolve wells of any width and phases far above another."""

from __future__ import annotations

import math

import numpy as np
import pytest
from scipy import stats

from slt_toys.exact.draws import draw_exact
from slt_toys.exact.equilibrium import occupancy
from slt_toys.exact.phase_integrals import phase_moments
from slt_toys.potentials.catalogue import find_pair, regular_double_well
from slt_toys.potentials.potential import Potential
from tests.seeds import fresh_seed


@pytest.mark.parametrize("n_beta", [1e-2, 1.0, 1e4, 1e8])
def test_draws_resolve_wells_of_any_width(n_beta: float):
    """Wells a hundred apart: a uniform grid over both has no cell inside either when it is cold."""
    potential = Potential.from_expression("w**2*(w-100)**2 - w/1000000")
    draws = draw_exact(potential, n_beta, 40_000, 7)
    share = occupancy(potential, n_beta)[0, 1]
    assert abs((draws > 50).mean() - share) < 5 * math.sqrt(share * (1 - share) / len(draws)) + 1e-12
    for number in (0, 1):
        own = draw_exact(potential, n_beta, 20_000, 8, phase=number)
        assert (potential.phase_index(own) == number).all()
        (part,) = phase_moments(potential, np.array([n_beta]), [number])
        mean, spread = part.moments.mean[0], math.sqrt(part.moments.variance[0] / len(own))
        # In doubles the loss is known about its minimum only.
        u = own[:, 0] - potential.minimum_point(number)[0]
        excess = potential.hessian_function()(potential.minimum_point(number)[None])[0, 0, 0] * u**2 / 2
        if n_beta >= 1:
            assert abs(excess.mean() - mean) < 5 * spread + 1e-3 * mean


def test_draws_of_a_phase_far_above_the_other():
    """Its mass beside the other's is exp(-3000), and it is a phase like any other."""
    potential = Potential.from_expression("(w**2-1)**2 - 0.15*w")
    draws = draw_exact(potential, 1e4, 20_000, 9, phase="left")[:, 0]
    curvature = float(potential.hessian_function()(potential.minimum_point("left")[None])[0, 0, 0])
    variance = draws.var(ddof=1) * 1e4 * curvature
    assert abs(variance - 1) < 5 * math.sqrt(2 / draws.size) + 1e-3


def test_exact_draws_follow_the_density():
    potential = regular_double_well()
    draws = draw_exact(potential, 1.5, 20_000, seed=fresh_seed())[:, 0]
    x = np.linspace(-4, 4, 20_001)
    weight = np.exp(-1.5 * potential.energy_function()(x[:, None]))
    cumulative = np.cumsum(weight) / weight.sum()
    assert stats.kstest(draws, lambda v: np.interp(v, x, cumulative)).pvalue > 1e-6
    assert stats.kstest(1.02 * draws + 0.02, lambda v: np.interp(v, x, cumulative)).pvalue < 1e-6
    left = draw_exact(potential, 1.5, 1000, seed=1, phase="left")
    assert (potential.phase_index(left) == 0).all()


def test_exact_draws_in_two_dimensions_against_their_phases():
    potential = find_pair("normal_crossing_against_point").clean
    draws = draw_exact(potential, 2.0, 40_000, seed=fresh_seed())
    share = (potential.phase_index(draws) == 1).mean()
    exact = float(occupancy(potential, np.array([2.0]))[0, 1])
    assert abs(share - exact) < 5 * math.sqrt(exact * (1 - exact) / 40_000)


def test_a_temperature_below_zero_is_refused_in_one_line():
    with pytest.raises(ValueError, match="n_beta must be positive") as caught:
        draw_exact(regular_double_well(), -1.0, 10)
    assert "\n" not in str(caught.value)
