"""Minima at kinks: places, losses and learning coefficients, against brute force and the slope of the free energy."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from hypothesis import given, settings
from hypothesis import strategies as st

from slt_toys.potentials.expressions import parse_expression
from slt_toys.potentials.kinks import has_kinks, kink_places, smooth_about
from slt_toys.potentials.phases import PhaseError
from slt_toys.potentials.potential import Potential

HALF = sympy.Rational(1, 2)
# Text, walls, minima, learning coefficients.
MINIMA = [
    ("abs(w)", None, [0], [1]),
    ("abs(w) + w**2/2", None, [0], [1]),
    ("abs(w-1) + abs(w+2) + abs(w)/3", None, [0], [1]),
    ("(w**2-1)**2 + 0.1*abs(w)", None, [-0.9872575, 0, 0.9872575], [HALF, 1, HALF]),
    ("(w**2-1)**2 - 0.1*abs(w)", None, [-1.0122731, 1.0122731], [HALF, HALF]),
    ("abs(w**2-2) + w/10", (-3, 3), [-np.sqrt(2), np.sqrt(2)], [1, 1]),
    ("abs(abs(w)-1) + w**2/9", None, [-1, 1], [1, 1]),
    ("abs(w)**3 + w**2", None, [0], [HALF]),
    ("w*abs(w) + w**4", None, [-np.sqrt(0.5)], [HALF]),
    ("w**4*abs(w-1) + (w+abs(w))**2", None, [0], [sympy.Rational(1, 4)]),
    ("w**2 + 3*exp(-abs(w))", None, [-0.725861, 0.725861], [HALF, HALF]),
    ("log(1+abs(w))", None, [0], [1]),
    ("abs(w - sqrt(2)) + abs(w + pi)/2", None, [np.sqrt(2)], [1]),
    ("sqrt(1+w**2) + abs(w-2)/2", None, [1 / np.sqrt(3)], [HALF]),
]  # fmt: skip


@pytest.mark.parametrize(("text", "box", "minima", "coefficients"), MINIMA, ids=[text for text, *_ in MINIMA])
def test_minima_and_their_learning_coefficients(text, box, minima, coefficients):
    potential = Potential.from_expression(text, box=box)
    assert has_kinks(potential.energy)
    places = [potential.minimum_point(i)[0] for i in range(len(potential.phases))]
    np.testing.assert_allclose(places, minima, atol=1e-6)
    assert [phase.learning_coefficient for phase in potential.phases] == coefficients
    loss = potential.energy_function()
    for phase, place in zip(potential.phases, places, strict=True):
        near = place + 1e-3 * np.linspace(-1, 1, 201)
        assert float(loss(near[:, None]).min()) >= float(sympy.N(phase.loss, 20)) - 1e-12


def test_kinks_of_independent_coordinates_add_up():
    potential = Potential.from_expression("abs(w1) + abs(w2) + (w3-1)**2")
    assert potential.phases[0].learning_coefficient == 2 + HALF and potential.phases[0].minimum == (0, 0, 1)


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("abs(w-1) + abs(w+1)", "is flat between -1 and 1; declare"),
        ("abs(tanh(w)-0.5) + w**2", "kinks are placed where a polynomial changes its sign; declare"),
        ("abs(w)**1.5 + w**2", "between its kinks: critical points .* cannot be decided .*; declare"),
        ("(w1-1)**2 + (w1-w2)**2 + abs(w1)", "has kinks that couple coordinates, which are not derived; declare"),
        ("abs(w1*w2) + w1**2 + w2**2", "has kinks that couple coordinates"),
    ],
)
def test_what_is_not_derived_is_refused_by_name(text, message):
    with pytest.raises(PhaseError, match=message):
        Potential.from_expression(text)


@pytest.mark.parametrize(
    ("text", "places"),
    [
        ("abs(w**2-2) + w", [-np.sqrt(2), np.sqrt(2)]),
        ("abs(abs(abs(w)-2)-1)", [-3, -2, -1, 0, 1, 2, 3]),
        ("abs(tanh(w)-1/2) + w**2", [np.log(3) / 2]),
        ("abs(sin(w))*w + abs(w-9)", [-np.pi, 0, np.pi]),
        ("exp(w) - w", []),
    ],
)
def test_places_of_kinks(text, places):
    energy = parse_expression(text)
    (w,) = energy.free_symbols
    np.testing.assert_allclose(kink_places(energy, w, -4.0, 5.0), places, atol=1e-14)
    for place in (-3.7, 0.9, 4.1):
        own = smooth_about(energy, w, sympy.Rational(str(place)))
        assert not has_kinks(own)
        near = place + np.linspace(-1e-3, 1e-3, 5)
        np.testing.assert_allclose(*(sympy.lambdify(w, e, "numpy")(near) for e in (own, energy)), rtol=1e-14)
    for place in places:
        if abs(round(place) - place) < 1e-9:
            with pytest.raises(PhaseError, match="has a kink at"):
                smooth_about(energy, w, sympy.Integer(round(place)))


whole = st.integers(-20, 20)


@settings(max_examples=25)
@given(st.lists(st.tuples(whole, st.integers(1, 9)), min_size=1, max_size=4), whole)
def test_sums_of_sizes_against_brute_force(terms, tilt):
    """Convex and piecewise linear, with a quadratic: one minimum, where a fine grid has it."""
    text = " + ".join(f"{c}/3*abs(w-{p}/7)" if p >= 0 else f"{c}/3*abs(w+{-p}/7)" for p, c in terms)
    potential = Potential.from_expression(f"{text} + w**2/10 + {tilt}*w/10")
    assert len(potential.phases) == 1
    place = potential.minimum_point(0)[0]
    grid = np.linspace(place - 5, place + 5, 20_001)
    values = potential.energy_function()(grid[:, None])
    assert abs(grid[int(values.argmin())] - place) <= 6e-4
    kinks = [p / 7 for p, _ in terms]
    corner = min(abs(place - k) for k in kinks) < 1e-12
    assert potential.phases[0].learning_coefficient in ((1, HALF) if corner else (HALF,))
