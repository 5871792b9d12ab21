"""Wells and data for the tests of SGD."""

from __future__ import annotations

import numpy as np
import sympy

from slt_toys.potentials.examples import Examples
from slt_toys.potentials.potential import Potential

QUADRATIC = Potential.from_expression("w**2/2")


def pointers(size: int) -> Examples:
    """ℓᵢ = 2ⁱ w: a step from 0 tells which examples it saw."""
    w, x = sympy.symbols("w x", real=True)
    data = np.array([[2.0**k] for k in range(size)])
    return Examples("pointers", x * w, (w,), (x,), data, QUADRATIC)
