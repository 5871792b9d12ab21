"""What a potential makes of its expressions: components and derivatives."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.exact.equilibrium import phase_table
from slt_toys.potentials.catalogue import catalogue
from slt_toys.potentials.expression_parts import compiled, without_overflow
from slt_toys.potentials.expressions import parse_expression
from slt_toys.potentials.potential import Phase, Potential, declare_phase
from slt_toys.samplers import MALA, sample
from tests.seeds import fresh_seed

NAMES = sorted(catalogue())


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


def test_logarithms_of_exponentials_do_not_overflow():
    w1, w2 = sympy.symbols("w1 w2", real=True)
    for energy in (
        sympy.log(sympy.cosh(w1)),
        sympy.log(1 + sympy.exp(w1)) + w2,
        sympy.log(2 * sympy.exp(-w1) + 3 + sympy.exp(w2) / 7),
    ):
        tame = without_overflow(energy)
        function = compiled(energy, (w1, w2), ())
        for point in ((0.3, -2.0), (30.0, 4.0), (-900.0, 0.0), (5.0, 3000.0)):
            values = {w1: point[0], w2: point[1]}
            exact = float(sympy.N(energy.subs({w: sympy.Rational(x) for w, x in values.items()}), 30))
            assert float(tame.evalf(30, subs=values)) == pytest.approx(exact, rel=1e-12)
            assert function(point) == pytest.approx(exact, rel=1e-14)
    assert without_overflow(sympy.log(1 + w1**2)) == sympy.log(1 + w1**2)


def test_kinks_have_slopes_and_curvatures_where_they_are_smooth():
    w = sympy.Symbol("w", real=True)
    phase = Phase("whole", (sympy.S.Zero,), sympy.true, sympy.S.Zero, sympy.S.One)
    potential = Potential.from_expression("abs(w) + w**2/4", phases=(phase,))
    assert potential.coordinates == (w,)
    points = np.array([[-2.0], [0.5]])
    np.testing.assert_allclose(potential.gradient_function()(points)[:, 0], [-2.0, 1.25])
    np.testing.assert_allclose(potential.hessian_function()(points)[:, 0, 0], [0.5, 0.5])
    # The learning coefficient of a kink is not derived: no theorem here covers it.
    for text in ("abs(w)", "abs(w)**3 + w**2"):
        with pytest.raises(ValueError, match="not known to be analytic"):
            declare_phase(parse_expression(text), (w,), "kink", (0,))
    # Declared, it is what the integral shows: the size of w falls like 1/n.
    assert phase_table(potential, 1e6).total_excess_energy.item() == pytest.approx(1, abs=1e-5)


def test_a_kink_is_sampled_with_its_slope():
    phase = Phase("whole", (sympy.S.Zero,), sympy.true, sympy.S.Zero, sympy.S.One)
    potential = Potential.from_expression("abs(w) + w**2/4", phases=(phase,))
    run = sample(potential, MALA(0.5), n_beta=2.0, chains=512, steps=4000, thin=50, seed=fresh_seed())
    means = potential.energy_function()(run["w"].values)[:, 20:].mean(axis=-1)
    exact = phase_table(potential, 2.0).total_mean_loss.item()
    assert abs(means.mean() - exact) < 6 * means.std() / np.sqrt(means.size)
