"""The catalogue and wells of the tests of equilibrium."""

from __future__ import annotations

import numpy as np
import sympy

from slt_toys.potentials.catalogue import catalogue

N_BETA = np.geomspace(0.1, 1e8, 28)
CATALOGUE = catalogue()
ONE_DIMENSIONAL = [name for name, potential in CATALOGUE.items() if potential.dimension == 1]
w, w1, w2, w3 = sympy.symbols("w w1 w2 w3", real=True)
