"""Phases derived from an energy or declared: minima, saddles, borders, losses."""

from __future__ import annotations

import math

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad

from slt_toys.exact.equilibrium import occupancy, phase_table
from slt_toys.exact.fokker_planck import Grid, fokker_planck, grid_for
from slt_toys.exact.kinetics import barrier_form
from slt_toys.potentials.catalogue import regular_double_well
from slt_toys.potentials.phases import derive_phases
from slt_toys.potentials.potential import Phase, Potential, declare_phase
from tests.potentials.irrational import Rational, pi, sqrt, w

w1, w2 = sympy.symbols("w1 w2", real=True)

# Energy, and the learning coefficients of its phases from left to right.
ON_A_LINE = {
    "(w**2-pi)**2": "1/2 1/2",
    "sqrt(3)*w**2": "1/2",
    "sqrt(2)*w**6": "1/6",
    "(w**2-pi)**2 - 0.15*w": "1/2 1/2",
    "(w**2-sqrt(2))**2 - w/10": "1/2 1/2",
    "2**(1/3)*w**4 - w**2": "1/2 1/2",
    "(sqrt(2)+sqrt(3))*w**4 - w**2 - w/10": "1/2 1/2",
    "pi**2*w**2": "1/2",
    "exp(1)*w**4": "1/4",
    "erf(1)*(w**2-1)**2": "1/2 1/2",
    "exp(1)*pi*((w**2-1)**2 - w/10)": "1/2 1/2",
    "log(2)*w**4 - w**2": "1/2 1/2",
    "(w-pi)**2*(w+sqrt(2))**4": "1/4 1/2",
    "(w-pi)**4*(w+1)**2": "1/2 1/4",
    "(w-sqrt(2))**16*(w+1)**16": "1/16 1/16",
    "(w**2-pi)**2*(w-1)**2": "1/2 1/2 1/2",
    "sqrt(pi)*w**2": "1/2",
    "sqrt(1+pi)*w**2": "1/2",
    "sqrt(2+sqrt(2))*w**4 - w**2": "1/2 1/2",
    "(w**5-w-pi)**2": "1/2 1/2",
    "(w-2**(1/3))**2*(w**2+1)": "1/2",
    "(w-pi)**2/7 + (w-pi)**4": "1/2",
    "(pi*w-1)**2*(pi*w+1)**4": "1/4 1/2",
    "sin(1)*w**4 - sin(1)**2*w**2": "1/2 1/2",
    # Two constants whose relation nobody knows: certified numbers.
    "exp(1)*w**4 - pi*w**2": "1/2 1/2",
    "erf(1)*w**4 - w**2": "1/2 1/2",
    "log(2)*w**4 - log(3)*w**2": "1/2 1/2",
    "(w**3-pi*w-exp(1))**2": "1/2 1/2",
}
IN_THE_PLANE = {
    "(x**2-pi)**2 + y**2": "1 1",
    "(x**2-sqrt(2))**2 + y**2 + x*y/10": "1 1",
    "x**4 + y**4 - pi*x*y": "1 1",
    "(x-pi)**2 + (y-sqrt(2))**2": "1",
    "(x**2-pi)**2 + sqrt(3)*y**2 + x/10": "1 1",
    "sqrt(2)*x**4 + y**2": "3/4",
    "(x-sqrt(2)*y)**2 + x**6 + y**6": "2/3",
    "x**4 + y**6 + sqrt(2)*x**2*y**2": "1/2",
    "sqrt(2)*x**2*y**2 + x**4 + y**4": "1/2",
}


@pytest.mark.parametrize(("deviations", "refused"), [(4.5, True), (4.8, True), (5.0, False)])
@pytest.mark.parametrize("t", [1e-6, 0.3, 40.0])
def test_walls_may_cut_a_millionth_and_no_more(t: float, deviations: float, refused: bool):
    """Of a normal law walls at so many standard deviations cut erfc(z/sqrt 2): 6.8e-6, 1.6e-6 and 5.7e-7 of it."""
    phase = Phase("well", (sympy.S.Zero,), sympy.true, sympy.S.Zero, sympy.Rational(1, 2))
    wall = deviations * math.sqrt(t)
    well = Potential("well", w**2 / 2, (w,), (), ((-20 * wall, 20 * wall),), (phase,))
    process = fokker_planck(well, Grid((np.linspace(-wall, wall, 61),), "natural"))
    if refused:
        share = math.erfc(deviations / math.sqrt(2))
        with pytest.raises(ValueError, match=f"cuts off {share:.2g} of phase 'well'"):
            process.stationary(t)
    else:
        assert process.stationary(t).sum() == pytest.approx(1)
    assert fokker_planck(well, Grid(process.grid.edges)).stationary(t).sum() == pytest.approx(1)  # walls that are meant


def test_the_right_border_of_a_middle_phase_in_tiny_units():
    """Both borders of the middle phase are within 1e-12 of either; each barrier is its own."""
    tiny = Potential.from_expression(
        4 * (w * 10**14) ** 2 * ((w * 10**14) ** 2 - 1) ** 2 - sympy.Rational(3, 10) * w * 10**14
    )
    plain = Potential.from_expression(4 * w**2 * (w**2 - 1) ** 2 - sympy.Rational(3, 10) * w)
    for i in (0, 1):
        assert barrier_form(tiny, i).position * 1e14 == pytest.approx(barrier_form(plain, i).position, rel=1e-9)
        assert barrier_form(tiny, i).coefficient * 1e-28 == pytest.approx(barrier_form(plain, i).coefficient, rel=1e-9)


@pytest.mark.parametrize("stretch", [1, 10**9])
def test_a_stretched_axis_does_not_hide_a_saddle(stretch: int):
    energy = (w1**2 - 1) ** 2 - w1 / 5 + (w2 / stretch) ** 2 + w1 * w2 / (10 * stretch)
    phases = derive_phases(sympy.expand(energy), (w1, w2))
    assert [phase.name for phase in phases] == ["left", "right"]
    one = derive_phases(sympy.expand(energy / stretch**2), (w1, w2))
    assert [phase.learning_coefficient for phase in one] == [1, 1]


def test_a_declared_loss_is_held_against_the_energy_s_own_scale():
    tiny = Phase("whole", (sympy.S.Zero,), sympy.true, sympy.Float(1e-15), sympy.Rational(1, 2))
    with pytest.raises(ValueError, match="declares loss"):
        phase_table(Potential("tiny", 1e-12 * (w**2 + w**4), (w,), (), ((-9.0, 9.0),), (tiny,)), 1e12)


def test_borders_are_read_wherever_the_coordinate_stands():
    """A region w - 1/40 < 0 ends at 1/40: its border was read as 0, the number beside the inequality."""
    potential = Potential.from_expression("(w1**2-1)**2 - w1/10 + w2**2")
    line = Potential.from_expression("(w**2-1)**2 - w/10")
    for t in (0.2, 1.0, 30.0):
        assert np.allclose(occupancy(potential, 1 / t), occupancy(line, 1 / t), rtol=1e-9)
    for region, ends in (
        (sympy.And(w - 1 < 0, -2 * w <= 1), (-0.5, 1.0)),
        (sympy.And(2 * w < 3, w + 1 > 0), (-1.0, 1.5)),
        (w > -9, (-4.0, 4.0)),
    ):
        phase = Phase("whole", (sympy.S.Zero,), region, sympy.S.Zero, sympy.Rational(1, 2))
        assert Potential("x", w**2, (w,), (), ((-4.0, 4.0),), (phase,)).phase_interval(0) == ends
    for region in (sympy.Or(w < 1, w > 2), w**2 < 1):
        phase = Phase("whole", (sympy.S.Zero,), region, sympy.S.Zero, sympy.Rational(1, 2))
        with pytest.raises(ValueError, match="is no interval; give it by inequalities"):
            Potential("x", w**2, (w,), (), ((-4.0, 4.0),), (phase,)).phase_interval(0)


def test_a_grid_resolves_a_hole_narrower_than_its_raster():
    """A hole a millionth of the box wide holds its share of the mass."""
    energy = 5 * (1 - sympy.exp(-((100_000 * w) ** 2))) + w**2 / 100
    phase = Phase("hole", (sympy.S.Zero,), sympy.true, sympy.S.Zero, sympy.Rational(1, 2))
    potential, t = Potential("hole", energy, (w,), (), ((-4.3, 4.0),), (phase,), "reflecting"), 0.5
    weigh = sympy.lambdify(w, sympy.exp(-energy / t), "math")
    hole = quad(weigh, -1e-4, 1e-4, points=[-1e-5, 0, 1e-5], epsabs=0)[0]
    rest = sum(quad(lambda u: math.exp(-(5 + u * u / 100) / t), *ends)[0] for ends in ((-4.3, -1e-4), (1e-4, 4.0)))
    errors, grid = [], grid_for(potential, t)
    for _ in range(2):
        inside = np.abs(grid.centers[0]) < 1e-4
        share = float(fokker_planck(potential, grid).stationary(t)[inside].sum())
        errors.append(abs(share * (hole + rest) / hole - 1))
        grid = grid.halved()
    assert errors[0] < 0.03 and errors[1] < errors[0] / 3  # of second order, as everywhere


@pytest.mark.parametrize(("text", "expected"), [*ON_A_LINE.items(), *IN_THE_PLANE.items()])
def test_phases_of_irrational_energies_are_exact(text, expected):
    potential = Potential.from_expression(text)
    assert [str(phase.learning_coefficient) for phase in potential.phases] == expected.split()
    for phase in potential.phases:
        at = dict(zip(potential.coordinates, phase.minimum, strict=True))
        for coordinate in potential.coordinates:
            assert abs(sympy.N(sympy.diff(potential.energy, coordinate).subs(at), 60)) < 1e-40
        assert abs(sympy.N(potential.energy.subs(at) - phase.loss, 60)) < 1e-40
        assert potential.phases[int(potential.phase_index(potential.minimum_point(phase.name)))] == phase
    assert np.isfinite(potential.box).all()
    potential.latex()


def test_declared_phases_may_hold_pi():
    energy = (w**2 - pi) ** 2
    assert declare_phase(energy, (w,), "right", (sqrt(pi),), w > 0).learning_coefficient == Rational(1, 2)
    with pytest.raises(ValueError, match="not a local minimum"):
        declare_phase(energy, (w,), "top", (0,))


def test_from_expression_derives_the_reference_case():
    mine = Potential.from_expression("(w**2-1)**2 - 0.15*w")
    known = regular_double_well()
    assert [p.name for p in mine.phases] == ["left", "right"]
    for phase, other in zip(mine.phases, known.phases, strict=True):
        assert phase.minimum == other.minimum and phase.learning_coefficient == sympy.Rational(1, 2)
    assert mine.barrier() == pytest.approx(known.barrier(), rel=1e-15)


@settings(max_examples=25)
@given(st.integers(1, 3), st.integers(1, 3), st.fractions(-1, 1, max_denominator=9).filter(lambda c: abs(c) < 1))
def test_from_expression_derives_singular_wells(a, b, c):
    w = sympy.Symbol("w", real=True)
    slope = (w + 1) ** (2 * a - 1) * (w - 1) ** (2 * b - 1) * (w - sympy.Rational(c.numerator, c.denominator))
    potential = Potential.from_expression(sympy.integrate(sympy.expand(slope), w))
    left, right = potential.phases
    assert (left.learning_coefficient, right.learning_coefficient) == (
        sympy.Rational(1, 2 * a),
        sympy.Rational(1, 2 * b),
    )
    assert (left.minimum, right.minimum) == ((-1,), (1,))
    assert potential.barrier() == pytest.approx(float(c))


def test_from_expression_in_two_dimensions():
    well = Potential.from_expression("w1**4 + w2**4 + (w1 - 1)**2 - 2*w1 - w1**4 + w1**2 + w2**2 + w1**4")
    assert len(well.phases) == 1 and well.phases[0].learning_coefficient == 1
    wells = Potential.from_expression("(w1**2-1)**2 + w1*w2**2/10 + w2**2 + w2**4 - w1**3/20")
    assert [phase.learning_coefficient for phase in wells.phases] == [1, 1]
    assert wells.phase_index(np.array([[-1.0, 0.0], [1.0, 0.0]])).tolist() == [0, 1]
    edge = wells.phases[0].region
    assert edge.free_symbols <= set(wells.coordinates)


def test_algebraic_critical_points_in_two_dimensions():
    """Three real roots of a cubic, no radicals needed: a double well along one axis of a tilted valley."""
    potential = Potential.from_expression("(w1**2 - 1)**2 + (w2 - w1/2)**2 - 0.2*w1", box=((-2, 2), (-2, 2)))
    line = Potential.from_expression("(w**2 - 1)**2 - 0.2*w")
    for phase in ("left", "right"):
        (w,) = line.minimum_point(phase)
        np.testing.assert_allclose(potential.minimum_point(phase), [w, w / 2], rtol=1e-14)
        assert potential.minimum_loss(phase) == pytest.approx(line.minimum_loss(phase), rel=1e-14)
        assert potential.phases[potential.phase_number(phase)].learning_coefficient == 1
    border = np.array([line.barrier(), line.barrier() / 2])
    assert potential.phase_index([border - 1e-6, border + 1e-6]).tolist() == [0, 1]


def test_declared_phases_get_their_learning_coefficient_from_theory():
    x, y = sympy.symbols("x y", real=True)
    energy = (x**2 + y**2 - 1) ** 2
    phase = declare_phase(energy, (x, y), "ring", (1, 0), minimum_dimension=1)
    assert (phase.loss, phase.learning_coefficient, phase.multiplicity) == (0, sympy.Rational(1, 2), 1)
    potential = Potential.from_expression(energy, phases=[phase])
    assert potential.boundary == "natural"
