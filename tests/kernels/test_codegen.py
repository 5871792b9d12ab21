"""Generated kernels: doubles next to exact numbers, one compilation for all parameters, a cache that is checked."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.potentials.potential import Potential
from slt_toys.samplers import Gibbs, OverdampedLangevin, sample
from tests.potentials.irrational import in_decimals


@pytest.mark.parametrize("text", ["(w**2-pi)**2/4 - 0.15*w", "sqrt(2)*x**2 + 2**(1/3)*y**2 + pi*x*y/9"])
@pytest.mark.parametrize(
    "sampler",
    [OverdampedLangevin(0.01), Gibbs()],
    ids=lambda s: type(s).__name__,
)
def test_kernels_are_compiled_with_the_doubles_next_to_irrational_numbers(text, sampler):
    exact = Potential.from_expression(text)
    other = Potential.from_expression(in_decimals(exact.energy))
    run = {"n_beta": 3.0, "chains": 64, "steps": 30, "initial": np.full(exact.dimension, 0.5), "diagnose": False}
    found, expected = (sample(p, sampler, **run)["w"].values for p in (exact, other))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)
