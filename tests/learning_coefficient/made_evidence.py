"""What a verdict looks at where nothing speaks against an estimate."""

from __future__ import annotations

import numpy as np

from slt_toys.learning_coefficient.flat_directions import Flatness
from slt_toys.learning_coefficient.number_resolution import Resolution
from slt_toys.learning_coefficient.verdict import Evidence
from tests.seeds import fresh_seed


def evidence() -> Evidence:
    rng = np.random.default_rng(fresh_seed())
    energies = rng.gamma(5.0, 1.0, (8, 200))
    return Evidence(
        energies=energies - energies[:, :100].mean() + 5, distances=rng.random((8, 200)) + 1, estimate=5.0,
        standard_error=0.1, half_width=0.2, r_hat=1.01, effective=900.0, step_bias=0.1, localisation_effect=0.2,
        start_excess=0.1, parameters=10, lowest_curvature=-1.0, softest_curvature=50.0, flat_directions=True,
        rounding_curvature=0.01, localisation=3.0, acceptance=0.8, stiffest_step=0.5, minibatch_excess=0.0,
        unexplained=(0.1, 0.05), missing=(0.05, 0.01), flatness=Flatness(0.1, 0.2, 3.0),
        resolution=Resolution("float32", 0.01, 0.001), rising=(0.1, 0.1),
    )  # fmt: skip
