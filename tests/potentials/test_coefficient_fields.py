"""Roots and pi in an energy: exact phases, and everything that follows as from the same energy in decimals."""

from __future__ import annotations

import mpmath
import numpy as np
import pytest
import sympy

from slt_toys.exact.draws import draw_exact
from slt_toys.exact.equilibrium import crossover, free_energy, learning_coefficient_by_quadrature, phase_table
from slt_toys.exact.fokker_planck import fokker_planck, grid_for, relaxation_time
from slt_toys.exact.kinetics import barrier_form, kramers_rate, mean_first_passage_time, well_form
from slt_toys.potentials.phases import declare_phase
from slt_toys.potentials.potential import Potential, mirrored_pair
from slt_toys.potentials.real_roots import RealRoot, count_real_roots, real_roots
from slt_toys.protocol.exact import stuck_by_switch
from slt_toys.protocol.schedule import Ending
from slt_toys.samplers import Gibbs, OverdampedLangevin, sample

w = sympy.Symbol("w", real=True)
pi, sqrt, Rational = sympy.pi, sympy.sqrt, sympy.Rational

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
TILTED = ["(w**2-pi)**2/4 - 0.15*w", "(w**2-sqrt(2))**2 - 0.15*w", "pi*w**4 - 2*pi*w**2 - w/7"]


def in_decimals(energy: sympy.Expr) -> sympy.Expr:
    """Every coefficient of the expanded energy to 40 digits, as a rational number."""
    symbols = sorted(energy.free_symbols, key=str)
    terms = sympy.Poly(sympy.expand(energy), *symbols).terms()
    return sympy.Add(*(
        Rational(str(sympy.N(c, 40))) * sympy.prod(s**e for s, e in zip(symbols, powers, strict=True))
        for powers, c in terms
    ))  # fmt: skip


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


@pytest.mark.parametrize("text", [*TILTED, "(x**2-pi)**2 + sqrt(3)*y**2 + x/10"])
def test_what_follows_is_that_of_the_same_energy_in_decimals(text):
    exact = Potential.from_expression(text)
    other = Potential.from_expression(in_decimals(exact.energy), box=exact.box)
    exact = Potential.from_expression(text, box=exact.box)
    n_beta = np.array([2.0, 20.0])
    for name in (phase.name for phase in exact.phases):
        np.testing.assert_allclose(exact.minimum_point(name), other.minimum_point(name), rtol=1e-15, atol=1e-15)
        np.testing.assert_allclose(free_energy(exact, name, n_beta), free_energy(other, name, n_beta), rtol=1e-9)
    one, two = phase_table(exact, n_beta), phase_table(other, n_beta)
    for name in one.data_vars:
        if one[name].dtype.kind == "f":
            np.testing.assert_allclose(one[name], two[name], rtol=1e-8, atol=1e-12)
    found, expected = (crossover(p, 0, 1).n_beta for p in (exact, other))
    np.testing.assert_allclose(found, expected, rtol=1e-6)
    np.testing.assert_array_equal(draw_exact(exact, 3.0, 20, seed=1), draw_exact(other, 3.0, 20, seed=1))
    rate, same = (learning_coefficient_by_quadrature(p, 0).estimate for p in (exact, other))
    assert rate == pytest.approx(same, rel=1e-8)


@pytest.mark.parametrize("text", TILTED)
def test_kinetics_and_critical_periods_are_those_of_the_same_energy_in_decimals(text):
    exact = Potential.from_expression(text)
    box = ((-exact.box[0][1], exact.box[0][1]),)
    other = Potential.from_expression(in_decimals(exact.energy), box=box)
    exact = Potential.from_expression(text, box=box)
    found = []
    for potential in (exact, other):
        pair = mirrored_pair(potential)
        ends = (float(potential.minimum_point(0)[0]), float(potential.minimum_point(1)[0]))
        stuck = stuck_by_switch(pair, 0.3 * 0.9 ** np.arange(5), np.full(5, 2.0), range(6), Ending("total", 5))
        found.append([
            potential.barrier(),
            well_form(potential, 0).coefficient,
            barrier_form(potential).coefficient,
            kramers_rate(well_form(potential, 0), barrier_form(potential), 0.3),
            mean_first_passage_time(potential, 0.3, *ends),
            relaxation_time(fokker_planck(potential, grid_for(potential, [0.3])), 0.3),
            *stuck,
        ])  # fmt: skip
    np.testing.assert_allclose(found[0], found[1], rtol=1e-8, atol=1e-14)


@pytest.mark.parametrize("text", ["(w**2-pi)**2/4 - 0.15*w", "sqrt(2)*x**2 + 2**(1/3)*y**2 + pi*x*y/9"])
@pytest.mark.parametrize(
    "sampler",
    [OverdampedLangevin(0.01), Gibbs()],
    ids=lambda s: type(s).__name__,
)
def test_kernels_are_compiled_with_the_doubles_next_to_irrational_numbers(text, sampler):
    exact = Potential.from_expression(text)
    other = Potential.from_expression(in_decimals(exact.energy))
    run = {"n_beta": 3.0, "chains": 64, "steps": 30, "initial": np.full(exact.dimension, 0.5), "diagnose": False}
    found, expected = (sample(p, sampler, **run)["w"].values for p in (exact, other))
    np.testing.assert_allclose(found, expected, rtol=1e-6, atol=1e-9)


@pytest.mark.parametrize(
    "text",
    [
        "exp(1)*w**4 - pi*w**2",
        "erf(1)*w**4 - w**2",
        "log(2)*w**4 - log(3)*w**2",
        "pi**pi*w**2",
        "(w-pi)**4*(w+sqrt(2))**16",
        "pi*x**2*y**2 + x**4 + y**4",
        "(x**2+y**2-pi)**2",
        "(x**2-sqrt(2)*y**2)**2 + x**6 + y**6",
        "-pi*w**4",
        "(x-pi*y)**2 + y**4",
    ],
)
def test_what_cannot_be_decided_is_refused_in_one_line(text):
    with pytest.raises(ValueError) as caught:
        Potential.from_expression(text)
    assert "\n" not in str(caught.value)
    assert type(caught.value).__module__.split(".")[0] in ("slt_toys", "theory")


def test_declared_phases_may_hold_pi():
    energy = (w**2 - pi) ** 2
    assert declare_phase(energy, (w,), "right", (sqrt(pi),), w > 0).learning_coefficient == Rational(1, 2)
    with pytest.raises(ValueError, match="not a local minimum"):
        declare_phase(energy, (w,), "top", (0,))


# ---- real roots ------------------------------------------------------------------------------------------------------
def test_roots_are_found_with_their_multiplicities():
    cubic = w**3 - pi * w - Rational(1, 10)
    roots = real_roots(sympy.expand(cubic**2 * (w - sqrt(2)) ** 3 * w), w)
    expected = sorted([*(float(z.real) for z in mpmath.polyroots([1, 0, -mpmath.pi, -0.1])), 2**0.5, 0.0])
    np.testing.assert_allclose([float(root) for root in roots], expected, rtol=1e-14, atol=1e-15)
    assert sorted(roots.values()) == [1, 2, 2, 2, 3]
    assert count_real_roots(cubic, w) == 3
    assert count_real_roots(pi * w**2 + 1, w) == count_real_roots(pi, w) == 0


@pytest.mark.parametrize("gap", ["1e-3", "1e-20", "1e-25"])
def test_close_roots_are_told_apart(gap):
    # Two roots at the gap around sqrt(pi), and a double root there.
    apart = sympy.expand((w**2 - pi) ** 2 - Rational(gap) ** 2)
    assert count_real_roots(apart, w) == 4
    assert count_real_roots(sympy.expand((w**2 - pi) ** 2 + Rational(gap) ** 2), w) == 0
    assert list(real_roots(sympy.expand((w**2 - pi) ** 2), w).values()) == [2, 2]


def test_a_root_is_a_number():
    root = next(reversed(real_roots(w**3 - pi * w - Rational(1, 10), w)))
    assert isinstance(root, RealRoot)
    assert root.is_number and root.is_real and not root.free_symbols
    assert sympy.N(root, 50) == pytest.approx(sympy.N(root, 15), abs=1e-14)
    assert abs(sympy.N((w**3 - pi * w - Rational(1, 10)).subs(w, root), 80)) < 1e-70
    assert bool(root > 1) and not bool(root > 2)
    assert root.subs(sympy.Symbol("_root", real=True), 3) == root
