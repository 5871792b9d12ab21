"""Axes that suit a valley: the same energy, times that staircases got wrong by any factor, and refusals."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.exact.fokker_planck import fokker_planck, grid_for, relaxation_time
from slt_toys.exact.kinetics import mean_first_passage_time
from slt_toys.exact.refinement import refined_passage_time, refined_relaxation_time
from slt_toys.exact.saddles import saddles
from slt_toys.exact.turned import _barrier, laid, suited, turned
from slt_toys.potentials.catalogue import find_pair, find_potential
from slt_toys.potentials.potential import Potential, PotentialPair
from slt_toys.protocol.exact import exact_stuck_probability
from slt_toys.protocol.schedule import Ending
from slt_toys.protocol.training import ExponentialDecay, Training
from tests.exact.made_units import CHANGES
from tests.seeds import fresh_generator

LINE = find_potential("regular_double_well")


def valley(stiffness: int, tilt: str = "- 3*w1/20") -> str:
    """As the stiffness grows, the line's double well along w1 = w2, where lengths are √2 as long."""
    return f"(w1**2-1)**2 + {stiffness}*(w2-w1)**2 {tilt}"


@pytest.mark.parametrize("tangent", [sympy.Rational(29, 70), sympy.Rational(-7, 60), sympy.S.Zero])
def test_turned_energies_are_the_same(tangent):
    plain = Potential.from_expression(valley(3))
    other, random = turned(plain, tangent), fresh_generator()
    angle = 2 * np.arctan(float(tangent))
    axes = np.array([[np.cos(angle), np.sin(angle)], [-np.sin(angle), np.cos(angle)]])
    points = random.uniform(-2, 2, (500, 2))
    moved = points @ axes.T
    assert other.energy_function()(moved) == pytest.approx(plain.energy_function()(points), rel=1e-10, abs=1e-10)
    assert (other.phase_index(moved) == plain.phase_index(points)).mean() > 0.99
    for i in (0, 1):
        assert other.minimum_point(i) == pytest.approx(axes @ plain.minimum_point(i), abs=1e-12)
        assert other.minimum_loss(i) == plain.minimum_loss(i)
    for low, high in np.array(other.box):
        assert low < moved.min() and high > moved.max()


def test_many_wells_turn_with_their_basins():
    """Axes of a camel's Hessians are not its own; a mean first passage across them ended in a traceback."""
    plain = Potential.from_expression("(4-2.1*x**2+x**4/3)*x**2+x*y+(4*y**2-4)*y**2")
    other = turned(plain, sympy.Rational(1, 5))
    axes = np.array([[12, 5], [-5, 12]]) / 13
    points = fresh_generator().uniform((-2.5, -1.5), (2.5, 1.5), (500, 2))
    assert (other.phase_index(points @ axes.T) == plain.phase_index(points)).all()
    found = suited((plain,), np.array([0.5]))
    assert found.potentials[0] != plain and found.error < 0.05


@pytest.mark.parametrize("temperature", [0.3, 0.1])
def test_a_narrow_valley_is_the_line_it_is_along(temperature):
    """Relaxation in twice the line's time, which axes that are not turned miss by far."""
    plain = Potential.from_expression(valley(400))
    found = refined_relaxation_time(plain, temperature, tolerance=0.01)
    exact = 2 * refined_relaxation_time(LINE, temperature, tolerance=1e-4).value
    assert found.value == pytest.approx(exact, rel=0.02)
    chosen = laid((plain,), np.array([0.01, 0.5]))
    process = fokker_planck(chosen.potentials[0], grid_for(chosen.potentials, [0.01, 0.5], chosen.cells))
    assert chosen.error < 0.05 and relaxation_time(process, temperature) == pytest.approx(exact, rel=0.05)
    staircase = relaxation_time(fokker_planck(plain, grid_for(plain, [0.01, 0.5])), temperature)
    assert staircase > 100 * exact
    time = refined_passage_time(plain, temperature, [-0.9, -0.9], lambda p: p.sum(axis=-1) > 1.6, tolerance=0.01)
    assert time.value == pytest.approx(2 * mean_first_passage_time(LINE, temperature, -0.9, 0.8), rel=0.02)


def test_the_end_of_a_critical_period_in_a_narrow_valley():
    """The line's at half its clock; on the axes as given it ended ten epochs too soon."""
    training = Training(128, 50_000, ExponentialDecay(0.05, 0.9), 3072.0)
    slower = Training(128, 25_000, ExponentialDecay(0.05, 0.9), 3072.0)
    deficit, clean = (Potential.from_expression(valley(400, tilt)) for tilt in ("+ 3*w1/20", "- 3*w1/20"))
    plane = PotentialPair("valley", deficit, clean, "left")
    switches, ending = np.arange(0, 40, 13), Ending("further", 60)
    exact = exact_stuck_probability(find_pair("regular_double_well"), slower, switches, ending)
    assert exact_stuck_probability(plane, training, switches, ending) == pytest.approx(exact, abs=0.01)
    staircase = exact_stuck_probability(plane, training, switches, ending, cells=56)
    assert np.abs(staircase - exact).max() > 0.1


@pytest.mark.parametrize("label", ["energies by a million", "everything"])
def test_axes_and_cells_depend_on_no_unit(label: str):
    change = CHANGES[label]
    energy = change.numbers[0]
    plain, other = (suited((p,), np.array([0.02, 0.5]) * c) for p, c in (
        (Potential.from_expression(valley(20)), 1.0), (change.of(valley(20)), energy)
    ))  # fmt: skip
    assert other.cells == plain.cells and other.axes == pytest.approx(plain.axes)
    assert other.error == pytest.approx(plain.error, rel=1e-3)


def test_what_needs_no_turn_is_left_alone():
    apart = Potential.from_expression("(w1**2-1)**2 - 3*w1/20 + 2*w2**2")
    found = laid((apart,), np.array([0.02, 0.5]))
    assert found.potentials == (apart,) and found.error < 0.05 and (found.axes == np.eye(2)).all()
    cold = laid((Potential.from_expression(valley(400)),), np.array([1e-4, 1e-3]))
    assert cold.error == 0 and cold.cells == 56  # nothing crosses


def test_a_valley_too_narrow_and_bent_is_refused_in_one_line():
    bent = Potential.from_expression("(w1**2-1)**2 - 3*w1/20 + 20000*(w2-w1**2)**2", box=((-1.6, 1.6), (-0.5, 2.5)))
    with pytest.raises(ValueError, match="valley too narrow for 112 x 112 cells") as caught:
        laid((bent,), np.array([0.02, 0.5]))
    assert "\n" not in str(caught.value)
    for potential in (LINE, find_potential("normal_crossing_against_point")):
        with pytest.raises(ValueError, match="two coordinates and no walls"):
            turned(potential, sympy.Rational(1, 3))


def test_cells_are_asked_for_at_the_barrier_that_is_passed_last():
    """Three bumps: the shallow one is left over a barrier of .046, its neighbour over one of .37."""
    energy = "-3*exp(-(x-1)**2-y**2) - 2*exp(-(x+1)**2-2*(y-1)**2) - exp(-3*(x+1)**2-(y+1)**2) + 0.3*(x**2+y**2)"
    bumps = Potential.from_expression(energy)
    heights = [own.loss - max(bumps.minimum_loss(i) for i in own.phases) for own in saddles(bumps)]
    assert min(heights) < 0.05
    assert _barrier(bumps) == pytest.approx(max(heights)) and max(heights) > 0.36
