"""The zeta function of a normal crossing by quadrature, and its pole."""

from __future__ import annotations

import itertools

import numpy as np
import pytest
from scipy import integrate

names = ("crossing_half_order_1", "crossing_half_order_2", "crossing_half_order_3")
priors = ("prior_exponent_1", "prior_exponent_2", "prior_exponent_3")


@pytest.mark.parametrize("powers", [(1, 1, 2), (1, 2, 3), (2, 2, 2)])
@pytest.mark.parametrize("exponents", [(0, 0, 0), (1, 0, 3)])
def test_zeta_function_by_quadrature(evaluate, powers, exponents):
    for z in (0.3, 2.0):
        product = 1.0
        for k, h in zip(powers, exponents, strict=True):
            product *= integrate.quad(lambda w, k=k, h=h, z=z: w ** (2 * k * z + h), 0, 1)[0]
        values = dict(zip(names + priors, powers + exponents, strict=True))
        assert evaluate("normal-crossing-zeta", zeta_argument=z, **values) == pytest.approx(product, rel=1e-9)


@pytest.mark.parametrize("powers", list(itertools.product((1, 2, 3), repeat=3)))
def test_learning_coefficient_and_multiplicity_are_the_pole(evaluate, powers):
    values = dict(zip(names + priors, (*powers, 0, 1, 2), strict=True))
    value = evaluate("normal-crossing-learning-coefficient", **values)
    multiplicity = evaluate("normal-crossing-multiplicity", **values)
    # (z + value)^order * zeta stays finite and non-zero at the pole for the right order only.
    near = [evaluate("normal-crossing-zeta", zeta_argument=-value + d, **values) for d in (1e-6, 1e-7)]
    assert np.log10(abs(near[1] / near[0])) == pytest.approx(multiplicity, abs=1e-3)


@pytest.mark.parametrize("orders", [(1, 1), (1, 2), (4, 1), (2, 2)])
def test_a_kink_has_the_slope_of_its_free_energy(evaluate, orders):
    def mass(n_beta):
        place = np.linspace(-40, 5, 9001)  # the logarithm of the distance
        return sum(np.trapezoid(np.exp(place - n_beta * np.exp(k * place)), place) for k in orders)

    value = evaluate("kink-learning-coefficient", kink_order_left=orders[0], kink_order_right=orders[1])
    slope = np.log(mass(1e10) / mass(1e12)) / np.log(100)
    assert slope == pytest.approx(value, abs=1e-3)
    assert value == 1 / max(orders)
