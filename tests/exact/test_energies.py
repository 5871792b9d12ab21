"""Tables of energies keep the units of the loss."""

from __future__ import annotations

import numpy as np

from slt_toys.exact.energies import energy_table
from slt_toys.potentials.potential import Potential
from tests.exact.made_units import CHANGES, LINES


def test_tables_of_energies():
    change = CHANGES["everything"]
    plain, other = Potential.from_expression(LINES["regular"]), change.of(LINES["regular"])
    one, two = energy_table(plain, (0.1, 100.0)), energy_table(other, (0.1e-6, 100e-6))
    places = np.log([0.2, 3.0, 77.0])
    assert np.allclose(two.occupancies(places - np.log(1e6)), one.occupancies(places), rtol=1e-8)
    assert np.allclose(two.log_means(places - np.log(1e6)) - np.log(1e6), one.log_means(places), atol=1e-8)
