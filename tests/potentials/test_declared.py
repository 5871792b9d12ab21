"""Phases declared by a point: they name what is derived, and what is not derived must be a minimum."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy.integrate import quad

from slt_toys.exact.equilibrium import phase_table
from slt_toys.exact.kinetics import mean_first_passage_time
from slt_toys.potentials.declared import DeclaredPhase, potential_with_phases, read_number, read_phase
from slt_toys.potentials.from_text import read_pair
from slt_toys.potentials.potential import Potential, PotentialPair

KINKED = "abs(w-1)*abs(w+1) + w**4/10 - w/5"  # minima at the kinks -1 and 1
HANGING = "abs(exp(w-1)-1)*abs(w+1) + w**4/10 - w/5"  # likewise; its kinks are not derived
SMOOTH = "(w**2-1)**2 - w/5"


def declared(*texts: str) -> tuple[DeclaredPhase, ...]:
    return tuple(read_phase(text) for text in texts)


def test_a_phase_is_read_exactly():
    phase = read_phase("cross = 1/3, -sqrt(2):.25:2")
    assert phase == DeclaredPhase("cross", (sympy.Rational(1, 3), -sympy.sqrt(2)), sympy.Rational(1, 4), 2)
    assert read_phase("a=1") == DeclaredPhase("a", (sympy.S.One,)) and read_phase("a=1:2").multiplicity == 1
    assert read_number("2*pi", "x") == 2 * sympy.pi


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("left", r"must be NAME=POINT\[:λ\[:m\]\]"),
        ("=1", "must be NAME=POINT"),
        ("a=1:1/2:1:1", "must be NAME=POINT"),
        ("a=", "POINT of --phase a is empty"),
        ("a=w", "POINT of --phase a must be a real number"),
        ("a=1,,2", "POINT of --phase a is empty"),
        ("a=1:0", "λ of --phase a must be a positive fraction"),
        ("a=1:sqrt(2)", "λ of --phase a must be a positive fraction"),
        ("a=1:1/2:0", "m of --phase a must be a whole number from 1 to 1"),
        ("a=0,0:1/2:3", "m of --phase a must be a whole number from 1 to 2"),
    ],
)
def test_what_is_no_phase_is_refused(text, message):
    with pytest.raises(ValueError, match=message):
        read_phase(text)


def test_derived_phases_are_named():
    own = potential_with_phases(SMOOTH, declared("deep=2", "shallow=-.3"), "--potential")
    derived = Potential.from_expression(SMOOTH)
    assert [p.name for p in own.phases] == ["shallow", "deep"]
    assert [p.minimum for p in own.phases] == [p.minimum for p in derived.phases]
    plane = potential_with_phases(
        "(w1**2-1)**2 + (w2**2-1)**2 + w1*w2/10", declared("a=-1,-1", "b=-1,1:1", "c=1,-1", "d=1,1"), "--potential"
    )
    signs = {p.name: tuple(np.sign(plane.minimum_point(p.name))) for p in plane.phases}
    assert signs == {"a": (-1, -1), "b": (-1, 1), "c": (1, -1), "d": (1, 1)}


@pytest.mark.parametrize(
    ("text", "phases", "message"),
    [
        (SMOOTH, ("a=-1", "b=-.9"), "--phase a and b lie in one phase"),
        (SMOOTH, ("a=-1",), r"--phase names 1 of the 2 phases .* at \(-0.973994\) and \(1.02412\)"),
        (SMOOTH, ("a=-1", "b=1,1"), "--phase b has a point of 2 numbers; the energy has 1 coordinate"),
        (SMOOTH, ("a=-1:1/4", "b=1"), "--phase a declares λ = 1/4, m = 1; derived are λ = 1/2, m = 1"),
        (HANGING, ("a=-1", "b=1:1"), "--phase a: .* give its learning coefficient, --phase a=POINT:λ"),
        (HANGING, ("a=-1:1", "b=0.9:1"), "--phase b: no minimum is certified .* give the minimum exactly"),
        (HANGING, ("a=-1:1",), r"--phase a: the loss is lower at .* give a phase for every minimum"),
        ("abs(w)**(5/2) - 2*w**2 + w**4", ("a=0:1",), r"--phase a is no minimum: the loss is lower at"),
    ],
)
def test_a_point_that_is_no_phase_is_refused(text, phases, message):
    with pytest.raises(ValueError, match=message):
        potential_with_phases(text, declared(*phases), "--potential")


def test_phases_that_are_not_derived_have_their_occupancy_and_their_mirror_image():
    pair = read_pair(KINKED, own=_said("left=-1:1", "right=1:1"))
    own = pair.clean
    (edge,) = {own.phase_interval("left")[1], own.phase_interval("right")[0]}
    # The barrier: dL/dw = 0 of 1 - w² + w⁴/10 - w/5.
    assert edge == pytest.approx(next(r.real for r in np.roots([0.4, 0, -2, -0.2]) if abs(r) < 0.5), abs=1e-6)
    for n_beta in (3.0, 30.0):
        table = phase_table(own, [n_beta])
        weight = lambda w: np.exp(-n_beta * (abs(w * w - 1) + w**4 / 10 - w / 5))  # noqa: B023, E731
        left, right = (
            quad(weight, *ends, points=[kink], epsabs=0, epsrel=1e-12)[0]
            for ends, kink in (((-9, edge), -1), ((edge, 9), 1))
        )
        assert table["occupancy"].values[0] == pytest.approx([left / (left + right), right / (left + right)], rel=1e-7)
        image = phase_table(pair.deficit, [n_beta])["occupancy"].values[0]
        assert image == pytest.approx(table["occupancy"].values[0][::-1], rel=1e-9)
    there = mean_first_passage_time(own, temperature=0.3, start=-1.0, target=1.0)
    back = mean_first_passage_time(pair.deficit, temperature=0.3, start=1.0, target=-1.0)
    assert there == pytest.approx(back, rel=1e-9)


def test_a_smooth_energy_needs_no_exact_point_and_no_coefficient():
    text = "(w**2-1)**2 - w/5 + exp(-w**2)/10"
    own = potential_with_phases(text, declared("left=-1", "right=1"), "--potential", box=(-4, 4))
    derived = Potential.from_expression(text, box=(-4, 4))
    for one, other in zip(own.phases, derived.phases, strict=True):
        assert float(sympy.N(one.minimum[0])) == pytest.approx(float(sympy.N(other.minimum[0])), abs=1e-12)
        assert one.learning_coefficient == other.learning_coefficient == sympy.Rational(1, 2)


def _said(*phases: str):
    from slt_toys.potentials.energy_options import OwnEnergy

    return OwnEnergy(phases=declared(*phases))


def test_pairs_take_one_declaration_for_both():
    pair = read_pair(SMOOTH, "(w**2-1)**2 + w/3", _said("near=-1", "far=1"))
    assert isinstance(pair, PotentialPair) and pair.stuck_phase == "near"
    assert read_pair(SMOOTH, None, _said("near=-1", "far=1")).stuck_phase == "near"
    with pytest.raises(ValueError, match="--phase names 2 of the 3 phases"):
        read_pair(SMOOTH, "(w**2-1)**2*(w-3)**2 + w/3", _said("near=-1", "far=1"))
