"""Blocks of coordinates whose conditional is normal, and its mean and covariance."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.potentials.catalogue import POTENTIAL_NAMES, find_potential
from slt_toys.potentials.conditionals import conditionals
from slt_toys.potentials.example_catalogue import linear_regression
from tests.samplers.made_posteriors import network, potential_of
from tests.seeds import fresh_generator


def test_blocks_are_as_few_as_it_takes_and_normal_where_they_can_be():
    kinds = [(found.kind, [s.name for s in found.coordinates]) for found in conditionals(network())]
    assert kinds == [("normal", ["a1", "a2"]), ("normal", ["b1", "b2"])]
    regression = linear_regression(40, (1.0, -0.5, 2.0), seed=3).potential
    assert [found.kind for found in conditionals(regression)] == ["normal"]
    for name in POTENTIAL_NAMES:
        potential = find_potential(name)
        drawn = [s for found in conditionals(potential) for s in found.coordinates]
        assert sorted(s.name for s in drawn) == sorted(s.name for s in potential.coordinates)
    expected = {
        "normal_crossing": "truncated normal", "flat_directions": "truncated normal", "cusp": "no closed form",
        "regular_double_well": "no closed form",
    }  # fmt: skip
    for name, kind in expected.items():
        assert {found.kind for found in conditionals(find_potential(name))} == {kind}
    # A curvature that may be negative between walls is no normal's, unless its parameter is known to be positive.
    w1, w2, p = sympy.symbols("w1 w2 p", real=True)
    for value, kind in ((1, "truncated normal"), (-1, "no closed form")):
        found = conditionals(potential_of(p * w1**2 * w2**2 + w2**4, "w1 w2", (-1.0, 1.0), "reflecting", p=value))
        assert [one.kind for one in found] == [kind, "no closed form"]


@pytest.mark.parametrize("make", [network, lambda: linear_regression(40, (1.0, -0.5, 2.0), seed=3).potential])
def test_mean_and_covariance_are_those_of_the_conditional(make):
    """Against the energy's own slopes and curvatures at a point nobody chose."""
    potential, random = make(), fresh_generator()
    point = random.standard_normal(potential.dimension)
    values = dict(zip(potential.coordinates, point, strict=True))
    for found in conditionals(potential):
        own = [potential.coordinates.index(s) for s in found.coordinates]
        mean = np.array(found.mean().subs(values), dtype=float).ravel()
        covariance = np.array(found.covariance_per_temperature().subs(values), dtype=float)
        at_mean = point.copy()
        at_mean[own] = mean
        np.testing.assert_allclose(potential.gradient_function()(at_mean)[own], 0, atol=1e-9)
        hessian = potential.hessian_function()(point)[np.ix_(own, own)]
        np.testing.assert_allclose(covariance @ hessian, np.eye(len(own)), atol=1e-9)


def test_what_has_no_normal_form_is_refused():
    (found,) = conditionals(find_potential("regular_double_well"))
    for method in (found.mean, found.covariance_per_temperature):
        with pytest.raises(ValueError, match="conditional of w has no normal form: the energy is not of degree two"):
            method()
