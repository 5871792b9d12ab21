"""Roots and pi in an energy: exact phases, and everything that follows as from the same energy in decimals."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.exact.draws import draw_exact
from slt_toys.exact.equilibrium import free_energy, phase_table
from slt_toys.exact.fokker_planck import fokker_planck, grid_for, relaxation_time
from slt_toys.exact.kinetics import barrier_form, kramers_rate, mean_first_passage_time, well_form
from slt_toys.exact.phase_boundaries import crossover, learning_coefficient_by_quadrature
from slt_toys.potentials.potential import Potential, mirrored_pair
from slt_toys.protocol.exact import stuck_by_switch
from slt_toys.protocol.schedule import Ending
from tests.potentials.irrational import in_decimals

TILTED = ["(w**2-pi)**2/4 - 0.15*w", "(w**2-sqrt(2))**2 - 0.15*w", "pi*w**4 - 2*pi*w**2 - w/7"]


@pytest.mark.parametrize("text", [*TILTED, "(x**2-pi)**2 + sqrt(3)*y**2 + x/10"])
def test_what_follows_is_that_of_the_same_energy_in_decimals(text):
    exact = Potential.from_expression(text)
    other = Potential.from_expression(in_decimals(exact.energy), box=exact.box)
    exact = Potential.from_expression(text, box=exact.box)
    n_beta = np.array([2.0, 20.0])
    for name in (phase.name for phase in exact.phases):
        np.testing.assert_allclose(exact.minimum_point(name), other.minimum_point(name), rtol=1e-15, atol=1e-15)
        np.testing.assert_allclose(free_energy(exact, name, n_beta), free_energy(other, name, n_beta), rtol=1e-9)
    one, two = phase_table(exact, n_beta), phase_table(other, n_beta)
    for name in one.data_vars:
        if one[name].dtype.kind == "f":
            np.testing.assert_allclose(one[name], two[name], rtol=1e-8, atol=1e-12)
    found, expected = (crossover(p, 0, 1).n_beta for p in (exact, other))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_array_equal(draw_exact(exact, 3.0, 20, seed=1), draw_exact(other, 3.0, 20, seed=1))
    rate, same = (learning_coefficient_by_quadrature(p, 0).estimate for p in (exact, other))
    assert rate == pytest.approx(same, rel=1e-8)


@pytest.mark.parametrize("text", TILTED)
def test_kinetics_and_critical_periods_are_those_of_the_same_energy_in_decimals(text):
    exact = Potential.from_expression(text)
    box = ((-exact.box[0][1], exact.box[0][1]),)
    other = Potential.from_expression(in_decimals(exact.energy), box=box)
    exact = Potential.from_expression(text, box=box)
    found = []
    for potential in (exact, other):
        pair = mirrored_pair(potential)
        ends = (float(potential.minimum_point(0)[0]), float(potential.minimum_point(1)[0]))
        stuck = stuck_by_switch(
            pair, 0.3 * np.power(0.9, np.arange(5.0)), np.full(5, 2.0), range(6), Ending("total", 5)
        )
        found.append([
            potential.barrier(),
            well_form(potential, 0).coefficient,
            barrier_form(potential).coefficient,
            kramers_rate(well_form(potential, 0), barrier_form(potential), 0.3),
            mean_first_passage_time(potential, 0.3, *ends),
            relaxation_time(fokker_planck(potential, grid_for(potential, [0.3])), 0.3),
            *stuck,
        ])  # fmt: skip
    np.testing.assert_allclose(found[0], found[1], rtol=1e-8, atol=1e-14)


@pytest.mark.parametrize(
    "text",
    [
        "pi**pi*w**2",
        "(w-pi)**4*(w+sqrt(2))**16",
        "pi*x**2*y**2 + x**4 + y**4",
        "(x**2+y**2-pi)**2",
        "(x**2-sqrt(2)*y**2)**2 + x**6 + y**6",
        "-pi*w**4",
        "(x-pi*y)**2 + y**4",
    ],
)
def test_what_cannot_be_decided_is_refused_in_one_line(text):
    with pytest.raises(ValueError) as caught:
        Potential.from_expression(text)
    assert "\n" not in str(caught.value)
    assert type(caught.value).__module__.split(".")[0] in ("slt_toys", "theory")
