"""Potentials and their phases: exact derivation, numeric functions, structure, refusals."""

from __future__ import annotations

import copy

import numpy as np
import pytest
import sympy

from slt_toys.potentials.boxes import scale_of
from slt_toys.potentials.catalogue import catalogue, find_potential, pairs, regular_double_well
from slt_toys.potentials.potential import Phase, PhaseError, Potential, PotentialPair, declare_phase, mirrored_pair
from tests.seeds import fresh_generator


@pytest.mark.parametrize(
    "energy",
    [
        "w1**2*w2**2 + w1**2 + w2**2",
        "w1**4 + w2**2 + w1*w2",
        "w1**4 + w2**6 + w3**2 + w1**2*w2**2*w3**2 - w1*w2",
        " + ".join(f"w{k}**2" for k in range(1, 11)) + " + w1*w10",
    ],
)
def test_energies_that_powers_hold_confine_by_themselves(energy):
    coordinates = sorted(sympy.sympify(energy).free_symbols, key=lambda s: int(s.name[1:]))
    zero = (0,) * len(coordinates)
    potential = Potential.from_expression(energy, phases=[Phase("whole", zero, sympy.true, 0, sympy.S.One)])
    assert potential.boundary == "natural"
    # Beyond the box, in any direction, the energy is high, in units of its own.
    directions = fresh_generator().standard_normal((2000, len(coordinates)))
    directions /= np.abs(directions).max(axis=1, keepdims=True)
    half = np.array([high for _, high in potential.box])
    for factor in (1.001, 3, 10):
        assert potential.energy_function()(factor * half * directions).min() > 150 * scale_of(potential)


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        ({"expression": "w**3"}, "falls without bound"),
        ({"expression": "-w**4 + w**2"}, "falls without bound"),
        ({"expression": "w1**2*w2**2"}, "does not grow in every direction"),
        ({"expression": "(w1*w2-1)**2"}, "does not grow in every direction"),
        ({"expression": "w1**4 - 3*w1**2*w2**2 + w2**4"}, "falls without bound"),
        ({"expression": "w1**2 + w2**2 + w3**2 - 2*w1*w2"}, "does not grow in every direction"),
        ({"expression": "w1**4 + w2**4 + w3**4 - 9*w1**2*w2**2"}, "falls without bound"),
        ({"expression": "w1**4 + w2**2 + w3**2 - w1**3*w2"}, "falls without bound"),
        ({"expression": "1/w + w**2"}, "cannot be shown .*give box="),
        ({"expression": "exp(-1/w**2)", "box": (-1, 1)}, "cannot be decided near .*declare them"),
        ({"expression": "exp(w)", "box": (-1, 1)}, "on the wall"),
        ({"expression": "(w1**2+w2**2-1)**2"}, "declare them"),
        ({"expression": "7"}, "holds no coordinate"),
        ({"expression": "w**2", "box": (1, -1)}, "low < high"),
        ({"expression": "w**2", "box": (float("nan"), 1)}, "finite pairs"),
        ({"expression": "w**2", "box": (1, 2)}, "on the wall"),
        ({"expression": "w1**2+w2**2", "box": ((-1, 1),) * 3}, "or 2 such pairs"),
        ({"expression": "w**66"}, "64"),
    ],
)
def test_bad_energies_are_refused_in_one_line(arguments, message):
    with pytest.raises(ValueError, match=message) as caught:
        Potential.from_expression(**arguments)
    assert "\n" not in str(caught.value)


def test_a_pair_needs_two_phases():
    single = Potential.from_expression("w**4")
    with pytest.raises(ValueError, match="one phase; a critical period needs two"):
        PotentialPair("x", single, regular_double_well(), "left")
    with pytest.raises(ValueError, match="1 phase"):
        mirrored_pair(single)
    with pytest.raises(ValueError, match="equal loss"):
        mirrored_pair(Potential.from_expression("(w**2-1)**2"))
    with pytest.raises(ValueError, match="not one of"):
        PotentialPair("x", regular_double_well(), regular_double_well(), "middle")


def test_a_parameter_is_no_coordinate():
    w = sympy.Symbol("w", real=True)
    phase = Phase("a", (sympy.S.Zero,), sympy.true, sympy.S.Zero, sympy.Rational(1, 2))
    with pytest.raises(ValueError, match="w comes twice"):
        Potential("x", w**2, (w,), (("w", sympy.S.One),), ((-1.0, 1.0),), (phase,))


def test_the_mirror_image_is_the_deficit_of_the_reference_case():
    pair = mirrored_pair(Potential.from_expression("(w**2-1)**2 - 0.15*w"))
    assert (
        sympy.expand(
            pair.deficit.energy
            - pairs()["regular_double_well"].deficit.bound_energy.subs(
                pairs()["regular_double_well"].deficit.coordinates[0], pair.deficit.coordinates[0]
            )
        )
        == 0
    )
    assert pair.stuck_phase == "left"


def test_other_bad_input():
    with pytest.raises(ValueError, match="not in the catalogue: regular"):
        find_potential("double_well")
    with pytest.raises(ValueError, match="last axis of 1"):
        regular_double_well().energy_function()(np.zeros((3, 2)))
    with pytest.raises(ValueError, match="one coordinate"):
        catalogue()["bilinear"].phase_interval(0)
    with pytest.raises(PhaseError, match="has 2 numbers"):
        declare_phase(regular_double_well().bound_energy, regular_double_well().coordinates, "x", (0, 0))
    phase = Phase("a", (sympy.S.Zero,), sympy.true, sympy.S.Zero, sympy.Rational(1, 2))
    w, s = sympy.symbols("w s", real=True)
    with pytest.raises(ValueError, match="give their values"):
        Potential("x", s * w**2, (w,), (), ((-1.0, 1.0),), (phase,))
    with pytest.raises(ValueError, match="distinct names"):
        Potential("x", w**2, (w,), (), ((-1.0, 1.0),), (phase, phase))


def test_a_hash_is_of_the_fields_and_stays_in_its_process():
    first, second = (Potential.from_expression("(w**2-1)**2 - w/7", name="wells") for _ in range(2))
    other = Potential.from_expression("(w**2-1)**2 - w/8", name="wells")
    assert first == second and hash(first) == hash(second) and hash(first) != hash(other)
    assert "_hash" in first.__dict__ and "_hash" not in first.__getstate__()
    assert copy.deepcopy(first) == first and hash(copy.deepcopy(first)) == hash(first)
