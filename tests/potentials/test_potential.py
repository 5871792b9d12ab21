"""Potentials and their phases: exact derivation, numeric functions, structure, refusals."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from slt_toys.critical_period import CriticalPeriod
from slt_toys.exact.fokker_planck import grid_for
from slt_toys.phase_diagram import PhaseDiagram
from slt_toys.potentials.boxes import scale_of
from slt_toys.potentials.catalogue import catalogue, find_potential, pairs, regular_double_well
from slt_toys.potentials.potential import Phase, PhaseError, Potential, PotentialPair, declare_phase, mirrored_pair
from slt_toys.samplers import OverdampedLangevin, Stage, sample_stages
from tests.seeds import fresh_generator

NAMES = sorted(catalogue())


def test_the_catalogue_holds_what_the_field_needs():
    assert len(NAMES) >= 12
    two_phase = {name for name, potential in catalogue().items() if len(potential.phases) >= 2}
    assert two_phase == set(pairs())
    coefficients = {tuple(phase.learning_coefficient for phase in p.phases) for p in catalogue().values()}
    for expected in [("1/2", "1/4"), ("1/4", "1/2"), ("1/4", "1/6")]:
        assert tuple(map(sympy.Rational, expected)) in coefficients


@pytest.mark.parametrize("name", NAMES)
def test_minima_are_minima_inside_their_phase(name):
    potential = catalogue()[name]
    rng = np.random.default_rng(1)
    for number, phase in enumerate(potential.phases):
        point = potential.minimum_point(number)
        assert potential.phase_index(point) == number
        assert np.allclose(potential.gradient_function()(point), 0, atol=1e-13)
        assert potential.energy_function()(point) == pytest.approx(potential.minimum_loss(number), abs=1e-13)
        exact = potential.bound_energy.subs(dict(zip(potential.coordinates, phase.minimum, strict=True)))
        assert abs(sympy.N(exact - phase.loss, 30)) < 1e-25
        # No point of the phase lies lower.
        low, high = np.array(potential.box).T
        points = low + (high - low) * rng.random((4000, potential.dimension))
        points = np.vstack([points, point + 1e-2 * rng.standard_normal((2000, potential.dimension))])
        inside = points[potential.phase_index(points) == number]
        assert (potential.energy_function()(inside) >= potential.minimum_loss(number) - 1e-12).all()


@pytest.mark.parametrize("name", NAMES)
def test_derivatives_are_sympys(name):
    potential = catalogue()[name]
    low, high = np.array(potential.box).T
    points = low + (high - low) * np.random.default_rng(2).random((5, potential.dimension))
    for point in points:
        values = dict(zip(potential.coordinates, map(float, point), strict=True))
        gradient = [float(sympy.diff(potential.bound_energy, w).evalf(30, subs=values)) for w in potential.coordinates]
        np.testing.assert_allclose(potential.gradient_function()(point), gradient, rtol=1e-9, atol=1e-9)
        step = 1e-6
        for j in range(potential.dimension):
            shift = step * np.eye(potential.dimension)[j]
            numeric = (potential.gradient_function()(point + shift) - potential.gradient_function()(point - shift)) / (
                2 * step
            )
            np.testing.assert_allclose(potential.hessian_function()(point)[j], numeric, rtol=1e-4, atol=1e-3)


@pytest.mark.parametrize("name", sorted(pairs()))
def test_the_deficit_prefers_the_stuck_phase_and_the_clean_potential_another(name):
    pair = pairs()[name]
    for potential, prefers in ((pair.deficit, True), (pair.clean, False)):
        losses = {phase.name: potential.minimum_loss(phase.name) for phase in potential.phases}
        assert (min(losses, key=losses.__getitem__) == pair.stuck_phase) is prefers


@pytest.mark.parametrize("name", NAMES)
def test_components_add_up(name):
    potential = catalogue()[name]
    low, high = np.array(potential.box).T
    points = low + (high - low) * np.random.default_rng(3).random((50, potential.dimension))
    parts = sum(
        potential.component(k).energy_function()(points[:, list(group)])
        for k, group in enumerate(potential.components())
    )
    np.testing.assert_allclose(parts, potential.energy_function()(points), rtol=1e-12, atol=1e-10)


def test_hidden_components_are_found_by_expanding():
    potential = Potential.from_expression("(w1**2 + w2**2)**2 - 2*w1**2*w2**2")
    assert potential.components() == ((0,), (1,))


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
        ({"expression": "w**3"}, "unbounded below"),
        ({"expression": "-w**4 + w**2"}, "unbounded below"),
        ({"expression": "w1**2*w2**2"}, "does not grow in every direction"),
        ({"expression": "(w1*w2-1)**2"}, "does not grow in every direction"),
        ({"expression": "w1**4 - 3*w1**2*w2**2 + w2**4"}, "unbounded below"),
        ({"expression": "w1**2 + w2**2 + w3**2 - 2*w1*w2"}, "does not grow in every direction"),
        ({"expression": "w1**4 + w2**4 + w3**4 - 9*w1**2*w2**2"}, "unbounded below"),
        ({"expression": "w1**4 + w2**2 + w3**2 - w1**3*w2"}, "unbounded below"),
        ({"expression": "w**2 + cos(w)"}, "give box="),
        ({"expression": "w**2 + cos(w)", "box": (-1, 1)}, "declare them"),
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


@pytest.mark.parametrize(
    ("deficit", "clean", "message"),
    [
        ("(u**2-1)**2 + 0.15*u", "(w**2-1)**2 - 0.15*w", r"same coordinates, not u \(1\) and w \(1\)"),
        ("(y**2-1)**2 + 0.15*y + x**2", "(x**2-1)**2 - 0.15*x + z**2", r"not x, y \(2\) and x, z \(2\)"),
        ("(w1**2-1)**2 + 0.15*w1", "(w1**2-1)**2 - 0.15*w1 + w2**2", r"not w1 \(1\) and w1, w2 \(2\)"),
    ],
)
def test_potentials_of_different_coordinates_are_not_paired(deficit, clean, message):
    pair = one, two = Potential.from_expression(deficit), Potential.from_expression(clean)
    with pytest.raises(ValueError, match=message):
        PotentialPair("x", one, two, "left")
    with pytest.raises(ValueError, match=r"same coordinates, not|all have 1"):
        grid_for(pair, [0.3])
    with pytest.raises(ValueError, match=message):
        sample_stages([Stage(p, OverdampedLangevin(0.01), 3.0, 5) for p in pair], chains=64)
    for config in (lambda: CriticalPeriod(clean=clean, deficit=deficit).potentials(),
                   lambda: PhaseDiagram(potential=clean, deficit=deficit).pair()):  # fmt: skip
        with pytest.raises(ValueError, match=message):
            config()


def test_potentials_of_the_same_names_in_another_order_are_not_paired():
    one = Potential.from_expression("(x**2-1)**2 - 0.15*x + 3*y**2")
    x, y = one.coordinates
    turned = Potential(
        "turned", one.energy, (y, x), (), one.box,
        tuple(declare_phase(one.energy, (y, x), p.name, p.minimum[::-1], p.region) for p in one.phases),
    )  # fmt: skip
    with pytest.raises(ValueError, match=r"in the same order, not y, x \(2\) and x, y"):
        PotentialPair("x", turned, one, "left")


def test_potentials_between_different_walls_are_not_paired():
    text = "(w**2-1)**2 - 0.15*w"
    free, narrow, wide = (Potential.from_expression(text, box=box) for box in (None, (-2, 2), (-3, 3)))
    for pair in ((free, narrow), (narrow, wide), (wide, free)):
        with pytest.raises(ValueError, match="same reflecting walls"):
            PotentialPair("x", *pair, "left")
        with pytest.raises(ValueError, match="same reflecting walls"):
            sample_stages([Stage(p, OverdampedLangevin(0.01), 3.0, 5) for p in pair], chains=64)
    PotentialPair("x", narrow, Potential.from_expression("(w**2-1)**2 + 0.15*w", box=(-2, 2)), "left")
    with pytest.raises(ValueError, match="mirror image lies between others"):
        mirrored_pair(Potential.from_expression(text, box=(-2, 3)))
    # Without walls a box only says where mass can be: it may differ.
    wider = Potential.from_expression("(w**2-16)**2 + w")
    assert wider.box != free.box
    PotentialPair("x", wider, free, "left")


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
