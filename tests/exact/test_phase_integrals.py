"""From a potential to integrals over its phases: products, planes, disjoint regions, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy.special import gamma

from slt_toys.exact import phase_integrals
from slt_toys.exact.equilibrium import free_energy, phase_table
from slt_toys.exact.plane_quadrature import plane_nodes
from slt_toys.exact.quadrature import QuadratureError, Range
from slt_toys.potentials.potential import Phase, Potential
from tests.exact.made_wells import CATALOGUE, N_BETA, w1, w2


def test_shifted_expansion_holds_where_plain_doubles_do_not():
    # An exact quartic well: ∫ exp(-n_beta u⁴) at n_beta = 1e12, where n_beta times the machine epsilon is 1e-4.
    potential = Potential.from_expression("(w - 13/7)**4 + 355/113")
    value = 1e12
    exact = np.log(2 * gamma(1.25)) - 0.25 * np.log(value)
    assert free_energy(potential, 0, value)[0] - value * 355 / 113 == pytest.approx(
        -exact, abs=2e-3
    )  # F itself is rounded
    table = phase_table(potential, value)
    assert float(table.excess_energy.item()) == pytest.approx(0.25, rel=1e-11)
    assert float(table.entropy.item()) == pytest.approx(exact + 0.25, rel=1e-11)


def test_separable_energies_are_products():
    by_product = free_energy(CATALOGUE["cusp"], 0, N_BETA)
    (nodes, _), _ = plane_nodes(CATALOGUE["cusp"].energy_function(), None, CATALOGUE["cusp"].box, [0.0], Range())
    assert np.allclose(by_product, -nodes.moments(N_BETA).log_integral, atol=1e-8)
    spectrum = CATALOGUE["barrier_spectrum"]
    sides = [spectrum.component(k) for k in range(10)]
    for number in (0, 1):
        added = sum(free_energy(side, number, N_BETA) for side in sides)
        assert np.allclose(free_energy(spectrum, number, N_BETA), added, rtol=1e-12)
    total = sum(phase_table(side, N_BETA).total_free_energy.values for side in sides)
    assert np.allclose(phase_table(spectrum, N_BETA).total_free_energy, total, rtol=1e-12)


def test_overlapping_regions_are_refused():
    phases = tuple(
        Phase(name, (sympy.S.Zero, sympy.S.Zero), region, sympy.S.Zero, sympy.S.One)
        for name, region in (("a", w1 < 0.5), ("b", w1 * w2 < 1))
    )
    with pytest.raises(ValueError, match="overlap"):
        phase_table(Potential("two", (w1 + w2) ** 2 + w1**2, (w1, w2), (), ((-1.0, 2.0),) * 2, phases), 1.0)


def test_negative_control_an_ungraded_rule_is_refused(monkeypatch):
    monkeypatch.setattr(phase_integrals, "range_for", lambda n_beta: Range(n_beta_high=1.0))
    with pytest.raises(QuadratureError, match=r"known to .* at n_beta 1e\+08"):
        phase_table(CATALOGUE["regular_double_well"], [1.0, 1e8])
