"""Crossovers solve the balance of two phases."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy import optimize


@settings(max_examples=40, deadline=None)
@given(st.floats(0.001, 0.5), st.floats(0.05, 1.0), st.floats(-2.0, 2.0), st.sampled_from([-1, 1]))
def test_crossovers_solve_the_balance(evaluate, loss, coefficient, constant, sign):
    def balance(x: float) -> float:
        return -loss * x + coefficient * np.log(x) + constant

    peak = coefficient / loss
    values = {
        "loss_difference": -loss * sign,
        "learning_coefficient_difference": coefficient * sign,
        "free_energy_constant_difference": constant * sign,
    }
    if balance(peak) > 1e-3:  # two crossovers, one on each side of the peak
        low = optimize.brentq(balance, peak * np.exp(-60), peak, xtol=1e-300, rtol=1e-14)
        high = optimize.brentq(balance, peak, peak * 1e6, rtol=1e-14)
        assert evaluate("crossover-principal", **values) == pytest.approx(low, rel=1e-9)
        assert evaluate("crossover", **values) == pytest.approx(high, rel=1e-9)
    same = {**values, "loss_difference": loss * sign}
    single = optimize.brentq(
        lambda x: loss * x + coefficient * np.log(x) + constant, 1e-30, 1e6, rtol=1e-14, xtol=1e-300
    )
    assert evaluate("crossover-principal", **same) == pytest.approx(single, rel=1e-9)
