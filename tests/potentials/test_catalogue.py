"""The catalogue: what it holds, minima inside their phases, deficits that prefer the stuck phase."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.potentials.catalogue import catalogue, pairs

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


@pytest.mark.parametrize("name", sorted(pairs()))
def test_the_deficit_prefers_the_stuck_phase_and_the_clean_potential_another(name):
    pair = pairs()[name]
    for potential, prefers in ((pair.deficit, True), (pair.clean, False)):
        losses = {phase.name: potential.minimum_loss(phase.name) for phase in potential.phases}
        assert (min(losses, key=losses.__getitem__) == pair.stuck_phase) is prefers
