"""Potentials named by an option: of the catalogue, or an energy; pairs with a deficit of one's own, or without."""

from __future__ import annotations

import pytest

from slt_toys.potentials.catalogue import PAIR_NAMES, find_pair, find_potential
from slt_toys.potentials.from_text import read_pair, read_potential

CLEAN = "(w**2-1)**2 - 0.15*w"


def test_a_name_or_an_energy():
    assert read_potential("cusp", "--potential") == find_potential("cusp")
    assert read_potential(CLEAN, "--potential").minimum_loss("right") == pytest.approx(-0.15138, abs=1e-5)


@pytest.mark.parametrize("name", PAIR_NAMES)
def test_a_name_brings_its_own_deficit(name):
    assert read_pair(name) == find_pair(name)
    named = read_pair(name, name)
    assert (named.deficit, named.clean) == (find_pair(name).deficit, find_pair(name).clean)
    assert named.stuck_phase == find_pair(name).stuck_phase


def test_an_energy_is_paired_with_its_mirror_image_or_with_another():
    assert read_pair(CLEAN).stuck_phase == "left"
    other = read_pair(CLEAN, "(w**2-1)**2 + 0.3*w")
    assert other.stuck_phase == "left" and other.deficit.minimum_loss("left") < -0.2


@pytest.mark.parametrize(
    ("clean", "deficit", "message"),
    [
        ("w**", None, r"^--clean 'w\*\*' cannot be parsed"),
        ("double_well", None, "^--clean 'double_well' is not in the catalogue: regular_double_well"),
        ("bilinear", None, "one phase; a critical period needs two"),
        ("w**4", None, "two phases"),
        ("(w**2-1)**2", None, "equal loss"),
        (CLEAN, "w**2", r"deficit potential w\*\*2 has one phase"),
        (CLEAN, "double_well", "^--own-deficit 'double_well' is not in the catalogue"),
        (CLEAN, "cusp", "^--own-deficit 'cusp' has one phase"),
        (CLEAN, "(w**2-1)**2 - 0.2*w", "^--own-deficit: the clean potential prefers phase 'right' just as the deficit"),
        ("(w**2-1)**2", CLEAN, "just as the deficit does"),
    ],
)
def test_what_cannot_be_read_or_paired_is_refused_in_one_line(clean, deficit, message):
    with pytest.raises(ValueError, match=message) as refused:
        read_pair(clean, deficit, option="--clean", deficit_option="--own-deficit")
    assert "\n" not in str(refused.value)


def test_phases_that_cannot_be_derived_are_refused_by_the_option_s_name():
    with pytest.raises(ValueError, match=r"^--clean: energy 'w\*\*2\*\(sin\(w\) \+ 2\)': .*, so box= must say"):
        read_potential("w**2*(2+sin(w))", "--clean")
