"""A second coordinate coupled to a pair: what stays, and what noise along it costs at the barrier."""

from __future__ import annotations

import numpy as np
import pytest
from sympy import Rational

from slt_toys.exact.equilibrium import occupancy
from slt_toys.exact.minimum_action import quasi_potential_of_barrier
from slt_toys.potentials.catalogue import find_pair
from slt_toys.protocol.coupled_pair import coupled_pair
from slt_toys.reference.laws import law

PAIR = find_pair("regular_double_well")
TEMPERATURE = 0.2


def action(stiffness: int, ratio: float) -> tuple[float, float]:
    """Least action out of the stuck well times the temperature, and the height of its barrier."""
    clean = coupled_pair(PAIR, stiffness=Rational(stiffness)).clean
    bottom, top = PAIR.clean.minimum_point("left")[0], PAIR.clean.barrier()

    def drift(points):
        return -clean.gradient_function()(points)

    def diffusion(points):
        return np.broadcast_to(TEMPERATURE * np.diag([1.0, ratio]), (len(points), 2, 2))

    found = quasi_potential_of_barrier(drift, diffusion, [bottom, bottom / 2], [top, top / 2])
    energy = PAIR.clean.energy_function()
    return found * TEMPERATURE, float(energy(np.array([top])) - energy(np.array([bottom])))


def test_the_first_coordinate_keeps_its_phases():
    coupled = coupled_pair(PAIR)
    assert coupled.stuck_phase == PAIR.stuck_phase and len(coupled.clean.components()) == 1
    for own, other in ((PAIR.clean, coupled.clean), (PAIR.deficit, coupled.deficit)):
        for k in range(2):
            assert other.minimum_loss(k) == pytest.approx(own.minimum_loss(k), abs=1e-12)
            assert other.minimum_point(k) == pytest.approx(own.minimum_point(k)[0] * np.array([1.0, 0.5]))
            assert np.abs(other.gradient_function()(other.minimum_point(k))).max() < 1e-12
            assert other.phases[k].learning_coefficient == own.phases[k].learning_coefficient + Rational(1, 2)
    one, two = (occupancy(each, [4.0]) for each in (PAIR.clean, coupled.clean))
    assert two == pytest.approx(one, rel=1e-6)


def test_the_action_of_a_stiff_valley_is_the_height_over_its_temperature():
    """[eq:valley-temperature] in the limit; a soft valley lets less of the noise through, isotropic noise none."""
    heights = {stiffness: action(stiffness, 4.0) for stiffness in (8, 128)}
    factor = law("valley-temperature")(temperature=1.0, valley_lean=0.5, variance_ratio=4.0)
    assert factor == pytest.approx(1.6)
    found, height = heights[128]
    assert found == pytest.approx(height / factor, rel=1e-3)
    assert 1.01 * height / factor < heights[8][0] < 0.7 * height, "not yet stiff, and far from isotropic"
    assert action(8, 1.0)[0] == pytest.approx(height, rel=1e-3)


def test_what_cannot_be_coupled_is_refused():
    with pytest.raises(ValueError, match="pair must have one coordinate and no walls, not be curve_against_point"):
        coupled_pair(find_pair("curve_against_point"))
    with pytest.raises(ValueError, match="stiffness must be positive, not 0"):
        coupled_pair(PAIR, stiffness=Rational(0))
