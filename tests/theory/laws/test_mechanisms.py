"""Mixtures of mechanisms: laws against sums, an integrated master equation and an inverted Fisher matrix."""

from __future__ import annotations

import numpy as np
import pytest
from scipy.integrate import solve_ivp
from scipy.optimize import brentq

from slt_toys.reference.laws import law


def test_a_mixture_is_the_law_of_total_probability():
    rng = np.random.default_rng(1)
    thermal, rest = rng.uniform(size=7), rng.uniform(size=7)
    mixed = [
        law("mixture-of-mechanisms")(mechanism_share=0.8, share_by_mechanism=one, share_by_rest=other)
        for one, other in zip(thermal, rest, strict=True)
    ]
    assert mixed == pytest.approx(np.column_stack([thermal, rest]) @ [0.8, 0.2])


def test_an_epoch_of_two_states_is_its_master_equation():
    for start, ratio in ((0.9, 0.2), (0.1, 3.0)):
        found = solve_ivp(
            lambda _, p, k=0.7, r=ratio: -k * p + k * r * (1 - p), (0, 2.5), [start], rtol=1e-10, atol=1e-12
        )
        value = law("two-state-epoch")(first_stuck_share=start, rate_out=0.7, rate_ratio=ratio, elapsed_time=2.5)
        assert float(value) == pytest.approx(found.y[0, -1], abs=1e-8)


def test_the_law_of_information_by_two_cells():
    """Of two cells, against the inverse of the Fisher matrix."""
    values = {"first_weight": 3.0, "second_weight": 5.0, "first_contrast": 0.4, "second_contrast": -0.3,
              "first_nuisance": 1.0, "second_nuisance": 0.7}  # fmt: skip
    slopes = np.array([[0.4, 1.0], [-0.3, 0.7]])
    fisher = slopes.T @ np.diag([3.0, 5.0]) @ slopes
    assert float(law("information-about-a-share")(**values)) == pytest.approx(1 / np.linalg.inv(fisher)[0, 0])
    parallel = {**values, "second_nuisance": -0.75}
    assert float(law("information-about-a-share")(**parallel)) == pytest.approx(0, abs=1e-12)


def test_a_constant_share_is_another_energy_difference():
    """Found by bisection of the resting share; at two temperatures it is not one number."""
    found = []
    for temperature in (0.2, 0.4):
        mixed = 0.8 / (1 + np.exp(0.3 / temperature)) + 0.2 * 0.5
        root = brentq(lambda c, t=temperature, p=mixed: 1 / (1 + np.exp(c / t)) - p, 0.0, 1.0, xtol=1e-14)
        value = law("apparent-energy-difference")(
            resting_difference=0.3, temperature=temperature, mechanism_share=0.8, share_by_rest=0.5
        )
        assert float(value) == pytest.approx(root, abs=1e-10)
        found.append(root)
    assert 0.01 < found[1] - found[0] < 0.03  # a tenth of what the share moves either
