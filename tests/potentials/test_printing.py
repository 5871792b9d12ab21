"""Energies are printed highest power first, and mean what they meant."""

from __future__ import annotations

import pytest
import sympy

from slt_toys.potentials.catalogue import catalogue
from slt_toys.potentials.printing import energy_latex, energy_text

w, v = sympy.symbols("w v", real=True)


def test_highest_power_first():
    assert energy_text((w**2 - 1) ** 2 - 3 * w / 20) == "(w**2 - 1)**2 - 3*w/20"
    assert energy_latex((w**2 - 1) ** 2 - 3 * w / 20) == r"\left(w^{2} - 1\right)^{2} - \frac{3 w}{20}"
    assert energy_text(1 - w + 2 * w**4 * v - v**3) == "2*v*w**4 - v**3 - w + 1"
    assert energy_text(sympy.cos(w) - w) == "-w + cos(w)"


@pytest.mark.parametrize("name", catalogue())
def test_what_is_printed_is_the_energy(name):
    energy = catalogue()[name].bound_energy
    names = {str(symbol): symbol for symbol in energy.free_symbols}
    assert sympy.expand(sympy.sympify(energy_text(energy), locals=names) - energy) == 0
