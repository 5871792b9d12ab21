"""Components of a pair: which coordinates are whose."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.potentials.catalogue import find_pair
from slt_toys.potentials.from_text import read_pair
from slt_toys.potentials.potential import PotentialPair
from slt_toys.protocol.components import component_pairs, stuck_components


def test_a_pair_that_equals_a_known_one_is_not_taken_for_a_part_of_it():
    pair = find_pair("regular_double_well")
    component_pairs(pair)
    twin = PotentialPair(pair.name, pair.deficit, pair.clean, pair.stuck_phase)
    points = np.array([[-1.0], [1.0]])
    assert twin is not pair
    assert np.array_equal(stuck_components(twin, points), stuck_components(pair, points))
    assert stuck_components(twin, points).sum() == 1


@pytest.mark.parametrize(
    ("make", "message"),
    [
        (lambda: find_pair("bilinear"), "has one phase; a critical period needs two"),
    ],
)
def test_bad_input_is_refused_in_one_line(make, message):
    with pytest.raises(ValueError, match=message) as caught:
        make()
    assert "\n" not in str(caught.value)


def test_a_component_that_both_energies_agree_on_holds_no_run():
    """Styblinski and Tang's energy, tilted along one axis: along the other deficit and clean prefer the same well."""
    energy = "(x**4-16*x**2+5*x)/2 + (y**4-16*y**2+5*y)/2"
    pair = read_pair(energy, f"{energy} - 8*x")
    (part,) = component_pairs(pair)
    assert part.clean.coordinates == pair.clean.coordinates[:1]
    points = np.array([[-2.9, -2.9], [2.7, -2.9], [2.7, 2.7], [-2.9, 2.7]])
    assert stuck_components(pair, points).tolist() == [[False, True, True, False]]
    both = read_pair(energy, f"{energy} - 8*x - 8*y")
    assert len(component_pairs(both)) == 2
