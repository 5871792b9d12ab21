"""Committors as scores: against quadrature along a separable plane, in splitting, and refused where they cannot be."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy.stats import spearmanr

from slt_toys.exact.committor_score import committor_score
from slt_toys.exact.kinetics import committor_quadrature
from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import OverdampedLangevin
from slt_toys.samplers.escape_rate import sample_escape_rate
from tests.seeds import fresh_seed

CURVED = Potential.from_expression("(x**2-1)**2 + 10*(y-x**2)**2 + x/10")


def test_in_a_separable_plane_it_is_the_line_s():
    """The log-odds of the coordinate that has the barrier, by another route, up to where a chain counts as arrived."""
    plane = Potential.from_expression("(x**2-1)**2 - x/10 + 3*y**2")
    line = Potential.from_expression("(x**2-1)**2 - x/10")
    score = committor_score(plane, 0.1, "left", "right")
    x = np.linspace(-0.6, 0.6, 25)
    chance = committor_quadrature(line, 0.1, x, float(line.minimum_point(0)[0]), float(line.minimum_point(1)[0]))
    expected = np.log(chance / (1 - chance))
    found = sympy.lambdify(plane.coordinates, score)(x, 0 * x)
    assert np.abs(found - expected).max() < 0.6 and np.ptp(expected) > 10
    assert spearmanr(sympy.lambdify(plane.coordinates, score)(x, 0 * x + 0.2), expected)[0] > 0.99


@pytest.mark.parametrize("name", ["regular_double_well", "singular_double_well_2_4"])
def test_on_a_line_it_is_the_coordinate(name):
    potential = find_potential(name)
    w = potential.coordinates[0]
    assert committor_score(potential, 0.1, "left", "right") == w and committor_score(potential, 0.1, 1, 0) == -w


def test_rates_by_it_and_by_the_straight_line_agree():
    """Any score is right; this one wastes no more trials than the straight line."""
    found = [
        sample_escape_rate(
            CURVED, OverdampedLangevin(0.002, "heun"), temperature=0.08, start="left", target="right", score=score,
            error=0.1, seed=fresh_seed(),
        )
        for score in (None, committor_score(CURVED, 0.08, "left", "right"))
    ]  # fmt: skip
    apart = abs(found[0].log_rate - found[1].log_rate)
    assert apart < 5 * np.hypot(found[0].relative_error, found[1].relative_error) / 1.96
    assert all(own.verdict == "trust" for own in found)


def test_units_do_not_matter():
    other = Potential.from_expression("1000*((x/7)**2-1)**2 + 10000*(y/7-(x/7)**2)**2 + 1000*x/70")
    one = sympy.lambdify(CURVED.coordinates, committor_score(CURVED, 0.1, 0, 1))
    two = sympy.lambdify(other.coordinates, committor_score(other, 100.0, 0, 1))
    x = np.linspace(-0.9, 0.9, 9)
    assert two(7 * x, 7 * x**2) == pytest.approx(one(x, x**2), abs=0.05)


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ((CURVED, 0.1, "left", "left"), "second must be another phase"), ((CURVED, -1.0, 0, 1), "temperature"),
        ((Potential.from_expression("(x**2-1)**2 + y**2 + z**2"), 0.1, 0, 1), "must have one or two coordinates"),
        ((CURVED, 0.1, "nowhere", 1), "nowhere"),
    ],
)  # fmt: skip
def test_bad_input_is_refused_in_one_line(arguments, words):
    with pytest.raises(ValueError, match=words) as caught:
        committor_score(*arguments)
    assert "\n" not in str(caught.value)
