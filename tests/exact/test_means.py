"""Exact means on grids against quadrature, and where they say that they do not know."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from slt_toys.exact import means as exact_means_module
from slt_toys.exact.equilibrium import phase_table
from slt_toys.exact.means import ExactMeans, exact_means
from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.potential import Potential

NAMES = (
    "regular_double_well", "singular_double_well_4_6", "narrow_against_wide", "monomial_well", "normal_crossing",
    "curve_against_point",
)  # fmt: skip


@pytest.mark.parametrize("name", NAMES)
@pytest.mark.parametrize("n_beta", [1.0, 30.0, 1e3])
def test_means_agree_with_quadrature(name, n_beta):
    potential = find_potential(name)
    found, table = exact_means(potential, n_beta), phase_table(potential, n_beta)
    assert found is not None
    deviation = float(table["total_heat_capacity"].item()) ** 0.5 / n_beta
    assert found.energy == pytest.approx(float(table["total_mean_loss"].item()), abs=1e-3 * deviation)
    assert found.energy_deviation == pytest.approx(deviation, rel=1e-3)
    np.testing.assert_allclose(found.shares, table["occupancy"].values[0], atol=1e-3)


def test_coordinates_have_their_means():
    """A normal law off the axes: mean and covariance are those of the quadratic form."""
    bowl = Potential.from_expression("(w1-1)**2 + (w1-1)*(w2+2) + 2*(w2+2)**2")
    found = exact_means(bowl, 5.0)
    assert found is not None
    covariance = np.linalg.inv(5.0 * np.array([[2.0, 1.0], [1.0, 4.0]]))
    np.testing.assert_allclose(found.coordinates, [1.0, -2.0], atol=1e-9)
    np.testing.assert_allclose(found.coordinate_deviations, np.sqrt(np.diag(covariance)), rtol=1e-6)


@pytest.mark.parametrize("factor", [1e-6, 1e6])
def test_units_of_energy_and_length_do_not_matter(factor):
    plain = Potential.from_expression("(w**2-1)**2 - w/10", box=(-3.0, 3.0))
    energy = plain.energy
    w = plain.coordinates[0]
    scaled = Potential.from_expression(factor * energy, box=(-3.0, 3.0))
    stretched = Potential.from_expression(energy.subs(w, w / 1000), box=(-3000.0, 3000.0))
    one, other, third = exact_means(plain, 8.0), exact_means(scaled, 8.0 / factor), exact_means(stretched, 8.0)
    assert one is not None and other is not None and third is not None
    assert other.energy == pytest.approx(factor * one.energy, rel=1e-8)
    np.testing.assert_allclose(other.coordinates, one.coordinates, rtol=1e-8)
    np.testing.assert_allclose(third.coordinates, 1000 * one.coordinates, rtol=1e-6)
    np.testing.assert_allclose(third.shares, one.shares, rtol=1e-6)


def test_narrow_wells_between_the_cells_are_found():
    """Wells of width 1e-4 on a box of 6, level to a part in exp(n_beta): the share follows from exp(-ΔF) = 1."""
    level = Potential.from_expression("(w**2 - 1/9)**2", box=(-3.0, 3.0))
    found = exact_means(level, 1e8)
    assert found is not None
    np.testing.assert_allclose(found.shares, [0.5, 0.5], atol=1e-6)


def test_what_a_grid_cannot_have_is_not_given():
    assert exact_means(find_potential("normal_crossing"), 1e7) is None, "a valley thinner than the cells"
    assert exact_means(find_potential("flat_directions"), 1.0) is None, "four coordinates"
    assert exact_means(find_potential("regular_double_well"), 1e-3) is None, "a box that cuts the posterior off"


@pytest.mark.parametrize("box", [((-6.0, 0.5), (-6.0, 6.0)), ((-0.5, 6.0), (-6.0, 6.0)), ((-6.0, 6.0), (-6.0, 0.5)),
                                 ((-6.0, 6.0), (-0.5, 6.0))])  # fmt: skip
def test_a_box_that_cuts_one_side_off_gives_no_means(box):
    bowl = Potential.from_expression("w1**2 + w1*w2 + w2**2")
    assert exact_means(replace(bowl, box=((-6.0, 6.0), (-6.0, 6.0))), 1.0) is not None
    assert exact_means(replace(bowl, box=box), 1.0) is None


@pytest.mark.parametrize(("edge", "given"), [(4.1, True), (3.9, False)])
def test_a_density_of_a_ten_millionth_at_the_edge_is_too_much(edge, given):
    """exp(-4.1²) is 5e-8, exp(-3.9²) is 2.5e-7."""
    well = Potential.from_expression("w**2")
    for box in ((-edge, 10.0), (-10.0, edge)):
        assert (exact_means(replace(well, box=(box,)), 1.0) is not None) == given


@pytest.mark.parametrize("which", ["energy", "coordinates", "shares"])
@pytest.mark.parametrize(("apart", "given"), [(0.9e-3, True), (1.1e-3, False)])
@pytest.mark.parametrize("sign", [1, -1])
def test_two_grids_that_differ_by_a_thousandth_of_a_deviation_give_no_means(which, apart, given, sign, monkeypatch):
    """Each quantity in units of its own deviation, shares as they are."""
    first = ExactMeans(1.0, 10.0, np.array([2.0, 3.0]), np.array([1.0, 100.0]), np.array([0.25, 0.75]))
    changes = {
        "energy": first.energy + sign * 10.0 * apart,
        "coordinates": first.coordinates + np.array([0.0, sign * 100.0 * apart]),
        "shares": first.shares + np.array([0.0, sign * apart]),
    }
    grids = iter([first, replace(first, **{which: changes[which]})])
    monkeypatch.setattr(exact_means_module, "_means", lambda *_: next(grids))
    found = exact_means.__wrapped__(Potential.from_expression("w1**2 + w2**2"), 1.0)
    assert (found is first) == given
