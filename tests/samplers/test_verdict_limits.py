"""The verdict's limits and errors by hand: what is just below each of them passes, what is just above does not."""

from __future__ import annotations

from typing import Any

import numpy as np
import pytest
import xarray as xr
from scipy import stats

from slt_toys.samplers import diagnostics, references
from slt_toys.samplers.step_bias import Stepping, law_of_bias
from tests.samplers.made_verdicts import TILTED, found, judged, known

# ---- the step's bias -------------------------------------------------------------------------------------------------


def test_each_quantity_gets_its_own_bias():
    points = np.random.default_rng(1).standard_normal((8, 500, 1)) * 0.2 + 0.9
    draws = xr.Dataset({"w": (("chain", "draw", "coordinate"), points)})
    draws = draws.assign_attrs(n_beta=5.0, scheme="euler_maruyama", time_step=0.01)
    told = diagnostics.diagnose(draws, TILTED)["step_bias"]
    energies = TILTED.energy_function()(points)
    law = law_of_bias(TILTED, points, energies, Stepping("euler_maruyama", 0.01, 1, 5.0), 5.0)
    assert law is not None and abs(law[0] - law[1]) > 0.1 * abs(law[0])
    assert (float(told.sel(quantity="energy")), float(told.sel(quantity="w"))) == pytest.approx(tuple(law))


def test_obabo_of_step_s_has_eulers_bias_of_half_its_square():
    points = np.random.default_rng(1).standard_normal((500, 1))
    energies = TILTED.energy_function()(points)
    one = law_of_bias(TILTED, points, energies, Stepping("OBABO", 0.2, 2, 5.0), 5.0)
    other = law_of_bias(TILTED, points, energies, Stepping("euler_maruyama", 0.02, 1, 5.0), 5.0)
    assert one is not None and other is not None
    np.testing.assert_allclose(one, other)
    assert abs(one[0]) > 0


# ---- agreement of chains ---------------------------------------------------------------------------------------------


def problems(chains: int, **others: Any) -> list[str]:
    return diagnostics._problems(judged(chains), found([0.1, 0.1], **others), known(), xr.Dataset())


@pytest.mark.parametrize(
    ("name", "chains", "good", "bad"),
    [
        ("r_hat", 99, 1.0099, 1.0101),
        ("r_hat", 100, 1.0999, 1.1001),
        ("bulk", 4, 400.0, 399.9),
        ("tail", 4, 400.0, 399.9),
        *(
            ("drift", n, sign * stats.t.isf(2.85e-7, n - 1) * 0.999, sign * stats.t.isf(2.85e-7, n - 1) * 1.001)
            for n in (8, 200)
            for sign in (1, -1)
        ),
    ],
)
def test_statistics_pass_up_to_their_limits(name, chains, good, bad):
    assert not problems(chains, **{name: good})
    assert len(problems(chains, **{name: bad})) == 1


def test_seven_chains_may_drift_by_chance():
    assert not problems(7, drift=1e6)


def test_the_least_effective_size_is_of_both_kinds():
    assert references.least_effective(found([0.1, 0.1], bulk=900.0, tail=500.0)) == (500.0, "w", "tail")
    assert references.least_effective(found([0.1, 0.1], bulk=300.0, tail=500.0)) == (300.0, "w", "bulk")
