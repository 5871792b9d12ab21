"""Saddles that are known, and the Eyring–Kramers law over them against exact mean first passage times."""

from __future__ import annotations

from functools import cache

import numpy as np
import pytest
import sympy

from slt_toys.exact.kinetics import barrier_form, kramers_rate, well_form
from slt_toys.exact.refinement import refined_passage_time
from slt_toys.exact.saddles import log_saddle_rate, saddle_rate, saddles
from slt_toys.potentials.catalogue import find_pair, find_potential
from slt_toys.potentials.potential import Phase, Potential
from slt_toys.reference.laws import law
from tests.exact.made_units import CHANGES

COUPLED = "(w1**2-1)**2 + (w2-w1)**2 - 3*w1/20"
x, y = sympy.symbols("w1 w2", real=True)


def muller_brown() -> Potential:
    """Müller & Brown (1979), Theor. Chim. Acta 53, with the minima and saddles that are quoted for it everywhere."""
    terms = [(-200, -1, 0, -10, 1, 0), (-100, -1, 0, -10, 0, 0.5), (-170, -6.5, 11, -6.5, -0.5, 1.5),
             (15, 0.7, 0.6, 0.7, -1, 1)]  # fmt: skip
    energy = sympy.Add(*(
        A * sympy.exp(a * (x - x0) ** 2 + b * (x - x0) * (y - y0) + c * (y - y0) ** 2) for A, a, b, c, x0, y0 in terms
    ))  # fmt: skip
    minima = [(-0.5582236, 1.4417258), (-0.0500108, 0.4666941), (0.6234994, 0.0280378)]
    names, regions = ("far", "middle", "near"), (y > 1, sympy.And(y <= 1, x < sympy.Rational(1, 4)), sympy.true)
    phases = tuple(
        Phase(name, (sympy.Float(a), sympy.Float(b)), region, energy.subs({x: a, y: b}), sympy.S.One)
        for name, region, (a, b) in zip(names, regions, minima, strict=True)
    )
    return Potential("muller_brown", energy, (x, y), (), ((-1.5, 1.2), (-0.5, 2.0)), phases, "reflecting")


def test_saddles_of_muller_and_brown():
    found = saddles(muller_brown())
    assert [saddle.phases for saddle in found] == [(1, 2), (0, 1)]
    assert found[0].position == pytest.approx([0.2124866, 0.2929883], abs=1e-6)
    assert found[1].position == pytest.approx([-0.8220016, 0.6243128], abs=1e-6)
    assert [saddle.loss for saddle in found] == pytest.approx([-72.2489, -40.6648], abs=1e-3)


def test_saddles_of_the_catalogue():
    for root in (1.5, 2.5):
        pair = find_pair("normal_crossing_against_point")
        potential = pair.clean if root == 1.5 else pair.deficit
        (saddle,) = saddles(potential)
        assert saddle.position == pytest.approx([(10 - root) / 6] * 2, rel=1e-9)
        assert saddle.phases == (0, 1)
    (saddle,) = saddles(find_potential("curve_against_point"))
    assert saddle.position[1] == pytest.approx(0, abs=1e-9) and 1 < saddle.position[0] < 2.35
    barrier = barrier_form(find_potential("regular_double_well"))
    (saddle,) = saddles(find_potential("regular_double_well"))
    assert saddle.position[0] == pytest.approx(barrier.position, abs=1e-12)
    assert saddle.loss == pytest.approx(barrier.loss, rel=1e-14)
    assert saddle.curvature == pytest.approx(2 * barrier.coefficient, rel=1e-12)


def test_two_saddles_add():
    """Two ways round a hill between the wells: by symmetry twice the rate of either."""
    ring = Potential.from_expression(
        "(w1**2+w2**2-1)**2 + w2**2/2", phases=(
            Phase("left", (-sympy.S.One, sympy.S.Zero), x < 0, sympy.S.Zero, sympy.S.One),
            Phase("right", (sympy.S.One, sympy.S.Zero), x >= 0, sympy.S.Zero, sympy.S.One),
        ),
    )  # fmt: skip
    upper, lower = saddles(ring)
    assert upper.position == pytest.approx(-lower.position) and upper.position[0] == pytest.approx(0, abs=1e-9)
    height = abs(float(upper.position[1]))
    assert height == pytest.approx(np.sqrt(3) / 2, rel=1e-9)
    one = law("eyring-kramers-saddle")(
        barrier_curvature=upper.curvature, saddle_determinant=upper.determinant, well_determinant=8.0,
        barrier_height=upper.loss, temperature=0.05,
    )  # fmt: skip
    assert saddle_rate(ring, 0.05, "left", "right") == pytest.approx(2 * one, rel=1e-12)


def test_a_plane_that_separates_has_the_line_s_law():
    line = find_potential("regular_double_well")
    plane = Potential.from_expression("(w1**2-1)**2 - 3*w1/20 + 7*w2**2/2")
    for first in (0, 1):
        exact = kramers_rate(well_form(line, first), barrier_form(line), 0.04, True)
        assert log_saddle_rate(plane, 0.04, first, 1 - first) == pytest.approx(exact, rel=1e-12)
        assert log_saddle_rate(line, 0.04, first, 1 - first) == pytest.approx(exact, rel=1e-12)


@cache
def ratio(temperature: float) -> float:
    """Exact mean first passage time of the coupled pair times the law's rate, minus 1."""
    potential = Potential.from_expression(COUPLED)
    target = potential.minimum_point("right")
    time = refined_passage_time(
        potential, temperature, potential.minimum_point("left").tolist(),
        lambda points: ((points - target) ** 2).sum(axis=-1) < 0.09, tolerance=1e-4,
    )  # fmt: skip
    return time.value * saddle_rate(potential, temperature, 0, 1) - 1


def test_exact_times_tend_to_the_law_at_first_order():
    """Each halving of T halves the departure, the more nearly the colder; what is left extrapolates to nothing."""
    departure = np.array([ratio(temperature) for temperature in (0.08, 0.04, 0.02)])
    assert (np.diff(departure) < 0).all() and 0 < departure[2] < 0.02
    slopes = np.diff(np.log(departure)) / -np.log(2)
    assert 2 * slopes[1] - slopes[0] == pytest.approx(1, abs=0.04)
    assert 2 * departure[2] - departure[1] == pytest.approx(0, abs=1.5e-3)


def test_a_law_without_the_saddle_s_other_direction_is_caught():
    """The line's law along w1, as if nothing changed across the way, is off by a factor that stays."""
    potential = Potential.from_expression(COUPLED)
    (saddle,) = saddles(potential)
    own = potential.hessian_function()
    along = [abs(float(own(p)[0, 0])) for p in (potential.minimum_point(0), saddle.position)]
    wrong = law("eyring-kramers")(
        well_curvature=along[0], barrier_curvature=along[1], barrier_height=0.0, temperature=0.02
    )
    right = law("eyring-kramers-saddle")(
        barrier_curvature=saddle.curvature, saddle_determinant=saddle.determinant, barrier_height=0.0, temperature=0.02,
        well_determinant=float(np.linalg.det(own(potential.minimum_point(0)))),
    )  # fmt: skip
    assert abs(wrong / right - 1) > 0.1
    assert abs((1 + ratio(0.02)) * wrong / right - 1) > 0.1


@pytest.mark.parametrize("label", CHANGES)
def test_rates_in_any_unit_and_with_the_coordinates_exchanged(label: str):
    change = CHANGES[label]
    plain, other = Potential.from_expression(COUPLED), change.of(COUPLED)
    energy, stretch, _, _ = change.numbers
    exact = saddle_rate(plain, 0.1, 0, 1)
    assert saddle_rate(other, 0.1 * energy, 0, 1) * stretch**2 / energy == pytest.approx(exact, rel=1e-6)
    exchanged = Potential.from_expression("(w2**2-1)**2 + (w1-w2)**2 - 3*w2/20")
    left = int(np.argmin([exchanged.minimum_point(i)[1] for i in (0, 1)]))
    assert saddle_rate(exchanged, 0.1, left, 1 - left) == pytest.approx(exact, rel=1e-9)


@pytest.mark.parametrize(
    ("call", "message"),
    [
        (lambda: saddles(find_potential("barrier_spectrum")), "one or two coordinates"),
        (lambda: saddle_rate(find_potential("curve_against_point"), 0.1, "circle", "point"), "singular"),
        (lambda: saddle_rate(find_potential("cusp"), 0.1, 0, 0), "no saddle of cusp joins"),
        (lambda: saddle_rate(Potential.from_expression(COUPLED), -1.0, 0, 1), "temperature must be positive"),
    ],
)
def test_what_has_no_law_is_refused_in_one_line(call, message):
    with pytest.raises(ValueError, match=message) as caught:
        call()
    assert "\n" not in str(caught.value)
