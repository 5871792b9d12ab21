"""Laws are theory's equations, by their symbols' names."""

from __future__ import annotations

import math

import numpy as np
import pytest

from slt_toys.reference.laws import law


def test_values_of_known_laws():
    temperature = law("sgd-temperature")(learning_rate=0.05, gradient_variance=3072, batch_size=[32, 128], momentum=0)
    np.testing.assert_allclose(temperature, [2.4, 0.6])
    assert law("epochs-per-halving")(decay=0.97) == pytest.approx(math.log(2) / -math.log(0.97))
    exact = law("sgd-temperature-quadratic")(temperature=1, learning_rate=0.5, momentum=0, curvature=1)
    assert exact == pytest.approx(4 / 3)


def test_crossover_solves_its_equation_and_says_when_it_cannot():
    values = {"loss_difference": 0.3, "learning_coefficient_difference": -0.25, "free_energy_constant_difference": 0.1}
    x = law("crossover")(**values)
    assert 0.3 * x - 0.25 * math.log(x) + 0.1 == pytest.approx(0, abs=1e-12) or math.isnan(x)
    assert math.isnan(law("crossover")(**(values | {"free_energy_constant_difference": 5.0})))


def test_wrong_use_is_refused():
    with pytest.raises(ValueError, match="no equation is called"):
        law("sgd temperature")
    with pytest.raises(ValueError, match=r"\[eq:epochs-per-halving\] takes decay, not gamma"):
        law("epochs-per-halving")(gamma=0.97)
