"""Draws of a known temperature, and how far a reading is off it."""

from __future__ import annotations

import math

import numpy as np

from slt_toys.exact.draws import draw_exact
from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.potential import Potential
from slt_toys.thermometers.readings import Reading
from tests.seeds import fresh_seed

LIMIT, FAR = 5.0, 12.0  # standard errors: what must agree, what must not
QUADRATIC = Potential.from_expression("w**2/2", name="unit well")
DOUBLE_WELL = find_potential("regular_double_well")


def off(found: Reading, n_beta: float) -> float:
    """Standard errors between a reading and the truth."""
    assert found.reads, found.verdict
    assert found.low < found.inverse_temperature < found.high and found.effective_sample_size > 15
    return abs(math.log(found.inverse_temperature / n_beta)) / found.relative_error


def independent(potential: Potential, n_beta: float, chains: int = 200, draws: int = 100) -> np.ndarray:
    return draw_exact(potential, n_beta, chains * draws, fresh_seed()).reshape(chains, draws, potential.dimension)


LIMIT = 5.0  # standard errors
