"""Energies of the literature with many wells, each from its text: minima, shares, free energies, mean losses.

On a line against adaptive quadrature between maxima that scipy finds, in the plane against Green's theorem along
borders that scipy follows; at five temperatures, to 1e-8.
"""

from __future__ import annotations

import math
from itertools import pairwise

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st
from scipy.integrate import quad
from scipy.optimize import brentq, minimize, minimize_scalar

from slt_toys.exact.equilibrium import phase_table
from slt_toys.potentials.phases import PhaseError
from slt_toys.potentials.potential import Potential
from tests.exact.green_integrals import basin_integrals
from tests.seeds import fresh_generator

TEMPERATURES = np.array([0.1, 0.3, 1.0, 2.0, 5.0])  # times the energy's scale
# Text, box, scale, number of phases, source.
ON_A_LINE = {
    "Prinz": (
        "4*(w**8+0.8*exp(-80*w**2)+0.2*exp(-80*(w-0.5)**2)+0.5*exp(-40*(w+0.5)**2))", (-1.4, 1.4), 1.0, 4,
        "Prinz et al. (2011), J. Chem. Phys. 134, 174105",
    ),
    "triple": ("w**2*(w**2-4)**2/8 + w/10", (-3.2, 3.2), 1.0, 3, "a sixth-order Landau expansion"),
    "quadruple": ("(w+3)**2*(w+1)**2*(w-1)**2*(w-3)**2/100 - w/20", (-4.2, 4.2), 1.0, 4, "four wells"),
    "rational": ("(w**2-1)**2/(1+w**2) + w/7", (-5, 5), 0.5, 2, "a rational double well"),
    "Rastrigin": ("w**2 + 3*(1-cos(2*pi*w))", (-1.4, 1.35), 2.0, 3, "Rastrigin (1974)"),
    "tanh regression": (
        "((tanh(2*w)-0.6)**2 + (tanh(w)-0.5)**2 + (tanh(-w/2)+0.1)**2)/3", (-3, 4), 0.1, 1, "one unit, three examples",
    ),
    "logistic": ("log(1+exp(-3*w))+log(1+exp(2*w))+2*cos(3*w)", (-3.3, 3.6), 0.5, 4, "logistic losses and a ripple"),
}  # fmt: skip
FAST, BUMPS = "Himmelblau", "Gaussian bumps"
IN_A_PLANE = {
    "Mueller-Brown": (
        "-200*exp(-(x-1)**2-10*y**2) - 100*exp(-x**2-10*(y-0.5)**2)"
        "- 170*exp(-6.5*(x+0.5)**2+11*(x+0.5)*(y-1.5)-6.5*(y-1.5)**2)"
        "+ 15*exp(0.7*(x+1)**2+0.6*(x+1)*(y-1)+0.7*(y-1)**2)",
        ((-1.5, 1.2), (-0.2, 2.0)), 30.0,
        [(-0.558, 1.442), (-0.050, 0.467), (0.623, 0.028)], [(-0.822, 0.624), (0.212, 0.293)], [],
    ),
    FAST: (
        "(x**2+y-11)**2+(x+y**2-7)**2", ((-6.0, 6.0), (-6.0, 6.0)), 20.0,
        [(-3.779, -3.283), (-2.805, 3.131), (3.0, 2.0), (3.584, -1.848)],
        [(-3.073, -0.081), (-0.128, -1.954), (0.087, 2.884), (3.385, 0.074)], [(-0.271, -0.923)],
    ),
    "six-hump camel": (
        "(4-2.1*x**2+x**4/3)*x**2+x*y+(4*y**2-4)*y**2", ((-2.4, 2.4), (-1.5, 1.5)), 1.0,
        [(-1.704, 0.796), (-1.607, -0.569), (-0.090, 0.713), (0.090, -0.713), (1.607, 0.569), (1.704, -0.796)],
        [(-1.296, -0.605), (-1.109, 0.768), (0.0, 0.0), (1.109, -0.768), (1.296, 0.605), (-1.638, -0.229),
         (1.638, 0.229)],
        [(-1.230, -0.162), (1.230, 0.162)],
    ),
    "Styblinski-Tang": (
        "(x**4-16*x**2+5*x+y**4-16*y**2+5*y)/2", ((-5.0, 5.0), (-5.0, 5.0)), 10.0,
        [(-2.904, -2.904), (-2.904, 2.747), (2.747, -2.904), (2.747, 2.747)],
        [(-2.904, 0.157), (0.157, -2.904), (0.157, 2.747), (2.747, 0.157)], [(0.157, 0.157)],
    ),
    BUMPS: (
        "-3*exp(-(x-1)**2-y**2)-2*exp(-(x+1)**2-2*(y-1)**2)-exp(-3*(x+1)**2-(y+1)**2)+0.05*(x**2+y**2)",
        ((-4.0, 4.0), (-4.0, 4.0)), 1.0,
        [(-0.966, -0.924), (-0.952, 0.971), (0.980, 0.004)], [(-0.845, -0.117), (-0.074, 0.675)], [],
    ),
}  # fmt: skip
SLOW = [pytest.param(name, marks=pytest.mark.slow) for name in IN_A_PLANE if name != FAST]


@pytest.mark.parametrize("name", ON_A_LINE)
def test_wells_on_a_line(name):
    text, box, scale, count, _ = ON_A_LINE[name]
    potential = Potential.from_expression(text, box=box)
    assert len(potential.phases) == count
    assert all(phase.learning_coefficient == sympy.Rational(1, 2) for phase in potential.phases)
    loss = potential.energy_function()
    energy = lambda u: float(loss(np.array([u])))  # noqa: E731
    minima, edges = _by_scipy(energy, box)
    np.testing.assert_allclose([potential.minimum_point(i)[0] for i in range(count)], minima, atol=1e-6)
    lowest, temperatures = min(map(energy, minima)), scale * TEMPERATURES
    table = phase_table(potential, 1 / temperatures)
    for i, t in enumerate(temperatures):
        weigh = lambda u, t=t: math.exp(-(energy(u) - lowest) / t)  # noqa: E731
        fine = [np.linspace(a, b, 13) for a, b in pairwise(edges)]
        mass, first = ([sum(quad(f, a, b, epsabs=0, epsrel=1e-11)[0] for a, b in pairwise(own)) for own in fine]
                       for f in (weigh, lambda u, weigh=weigh: energy(u) * weigh(u)))  # fmt: skip
        _agree(table, i, t, lowest, np.array(mass), np.array(first))


def test_a_tilted_cosine_on_a_circle():
    """One period that starts at the highest maximum is a box whose equilibrium is the circle's."""
    text = "-cos(3*w) - 0.3*cos(w + 0.4)"
    loss = lambda u: -math.cos(3 * u) - 0.3 * math.cos(u + 0.4)  # noqa: E731
    top = minimize_scalar(lambda u: -loss(u), bounds=(2, 4), method="bounded", options={"xatol": 1e-13}).x
    potential = Potential.from_expression(text, box=(top, top + 2 * math.pi))
    assert [phase.name for phase in potential.phases] == ["left", "middle", "right"]
    borders = [top, potential.barrier(0), potential.barrier(1), top + 2 * math.pi]
    for t in TEMPERATURES:
        weigh = lambda u, t=t: math.exp(-(loss(u) + 1.3) / t)  # noqa: E731
        mass = np.array([quad(weigh, *ends, epsabs=0, epsrel=1e-11, limit=200)[0] for ends in pairwise(borders)])
        np.testing.assert_allclose(phase_table(potential, 1 / t).occupancy.values[0], mass / mass.sum(), atol=1e-8)
    with pytest.raises(PhaseError, match="on the wall"):
        Potential.from_expression(text, box=(top + 2, top + 2 + 2 * math.pi))


@pytest.mark.parametrize("unit", [1e-6, 1e6])
def test_units_on_a_line_change_nothing(unit):
    text, box, scale, _, _ = ON_A_LINE["rational"]
    plain = Potential.from_expression(text, box=box)
    (w,) = plain.coordinates
    shares = phase_table(plain, [1 / scale]).occupancy.values
    exact = sympy.Rational(str(unit))
    for energy, walls, n_beta in (
        (exact * plain.energy, box, 1 / (scale * unit)),
        (plain.energy.subs(w, w / exact - 3), tuple((x + 3) * unit for x in box), 1 / scale),
    ):
        other = Potential.from_expression(energy, box=walls)
        np.testing.assert_allclose(phase_table(other, [n_beta]).occupancy.values, shares, atol=1e-10)
        assert [phase.learning_coefficient for phase in other.phases] == [sympy.Rational(1, 2)] * 2


def _by_scipy(energy, box):
    grid = np.linspace(box[0], box[1], 2001)
    values = np.array([energy(u) for u in grid])
    inner = range(1, len(grid) - 1)
    found = {}
    for sign in (1, -1):
        turns = [k for k in inner if sign * values[k] < min(sign * values[k - 1], sign * values[k + 1])]
        found[sign] = [
            minimize_scalar(
                lambda u, s=sign: s * energy(u),
                bounds=(grid[k - 1], grid[k + 1]),
                method="bounded",
                options={"xatol": 1e-12},
            ).x
            for k in turns
        ]
    step = 1e-5
    slope = lambda u: energy(u + step) - energy(u - step)  # noqa: E731
    borders = [brentq(slope, u - 1e-3, u + 1e-3, xtol=1e-14) for u in found[-1]]  # a maximum's value hides its place
    inside = [u for u in borders if found[1][0] < u < found[1][-1]]
    return found[1], [box[0], *inside, box[1]]


def _agree(table, i, temperature, lowest, mass, first):
    shares = mass / mass.sum()
    np.testing.assert_allclose(table.occupancy.values[i], shares, rtol=0, atol=1e-8)
    assert table.occupancy.values[i].sum() == pytest.approx(1, abs=1e-13)
    known = shares > 1e-6  # what Green's theorem leaves of a phase without mass is rounding
    free = lowest / temperature - np.log(mass[known])
    np.testing.assert_allclose(table.free_energy.values[i][known], free, rtol=1e-8, atol=1e-8)
    scale = abs(lowest) + temperature
    np.testing.assert_allclose(table.mean_loss.values[i][known], (first / mass)[known], rtol=0, atol=1e-8 * scale)


@pytest.mark.parametrize("name", [FAST, *SLOW])
def test_wells_in_a_plane(name):
    text, box, scale, minima, saddles, maxima = IN_A_PLANE[name]
    potential = Potential.from_expression(text, box=box)
    own = np.array([potential.minimum_point(i) for i in range(len(potential.phases))])
    loss, slope = potential.energy_function(), potential.gradient_function()
    low, high = np.array(box).T
    ended = 0
    for start in fresh_generator().uniform(low, high, size=(20, 2)):
        end = minimize(loss, start, jac=slope, method="L-BFGS-B", bounds=box, options={"gtol": 1e-10}).x
        ended += (level := float(np.linalg.norm(slope(end)))) < 1e-3 * scale
        # From the steep rim of the box the line search may give up on a slope, which says nothing about minima.
        assert level > 1e-3 * scale or np.linalg.norm(own - end, axis=1).min() < 1e-3
    assert ended >= 12
    order = [int(np.linalg.norm(own - place, axis=1).argmin()) for place in minima]
    assert sorted(order) == list(range(len(minima))) and len(own) == len(minima)
    temperatures = scale * TEMPERATURES
    table = phase_table(potential, 1 / temperatures)
    x, y = potential.coordinates
    mass, first = basin_integrals(potential.energy, x, y, box, minima, saddles, maxima, temperatures)
    lowest = float(loss(own).min())
    for i, t in enumerate(temperatures):
        _agree(table.isel(phase=order), i, t, lowest, mass[i], first[i])


@pytest.mark.slow
def test_bumps_moved_scaled_and_swapped_have_the_same_shares():
    text, box, *_ = IN_A_PLANE[BUMPS]
    plain = Potential.from_expression(text, box=box)
    x, y = plain.coordinates
    shares = phase_table(plain, [1.0, 5.0]).occupancy.values
    times = Potential.from_expression(1000 * plain.energy, box=box)
    np.testing.assert_allclose(phase_table(times, [0.001, 0.005]).occupancy.values, shares, atol=1e-9)
    there = plain.energy.subs({x: x * 1000 - 4000, y: y * 1000 + 1000}, simultaneous=True)
    moved = Potential.from_expression(there, box=((3.996, 4.004), (-1.004, -0.996)))
    np.testing.assert_allclose(phase_table(moved, [1.0, 5.0]).occupancy.values, shares, atol=1e-9)
    swapped = Potential.from_expression(plain.energy.subs({x: y, y: x}, simultaneous=True), box=box)
    theirs = np.array([swapped.minimum_point(k)[::-1] for k in range(3)])
    order = [int(np.linalg.norm(theirs - plain.minimum_point(i), axis=1).argmin()) for i in range(3)]
    np.testing.assert_allclose(phase_table(swapped, [1.0, 5.0]).occupancy.values[:, order], shares, atol=1e-9)


whole = st.integers(-20, 20)


@pytest.mark.slow
@settings(max_examples=8)
@given(whole, whole, whole, whole, st.integers(-30, -5), st.integers(-30, -5))
def test_any_quartic_is_parted_or_refused(a, b, c, d, e, f):
    """Regions fill the box and share no point, and every minimum lies in its own."""
    text = f"x**4+y**4+{a}/10*x*y+{b}/10*x**2*y+{c}/10*x*y**2+{d}/20*x+{e}/10*x**2+{f}/10*y**2"
    try:
        potential = Potential.from_expression(text, box=(-4, 4))
    except PhaseError as refused:
        assert "declare" in str(refused)
        return
    table = phase_table(potential, [1.0], tolerance=1e-5)
    assert table.occupancy.values.sum() == pytest.approx(1, abs=1e-12)
    points = np.array([potential.minimum_point(i) for i in range(len(potential.phases))])
    assert potential.phase_index(points).tolist() == list(range(len(points)))
    slope = potential.gradient_function()
    assert np.abs(slope(points)).max() < 1e-10
