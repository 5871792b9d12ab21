"""Functions of mean zero [eq:zero-mean-of-fields]: their mean by quadrature, what they take away, and who has none."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.exact.draws import draw_exact
from slt_toys.potentials.catalogue import find_potential
from slt_toys.potentials.potential import Potential
from slt_toys.reference.laws import law
from slt_toys.samplers import control_variates as module
from slt_toys.samplers.control_variates import ControlVariates, control_variates, without_noise
from tests.seeds import fresh_generator, fresh_seed

PLANE = Potential.from_expression("(x**2-1)**2 + 2*(y-x)**2 + x/10")


def functions_at(found: ControlVariates, places: np.ndarray) -> np.ndarray:
    """Each function at places (n, d): (n, functions)."""
    return found.sums(places[:, None])


def made(potential: Potential, temperature: float) -> ControlVariates:
    found = control_variates(potential, temperature, draw_exact(potential, 1 / temperature, 4000, fresh_seed()))
    assert found is not None
    return found


@pytest.mark.parametrize("name", ["regular_double_well", "singular_double_well_4_6", "narrow_against_wide"])
@pytest.mark.parametrize("temperature", [0.1, 0.4])
def test_their_mean_is_zero_on_a_line_by_quadrature(name, temperature):
    """The control: at another temperature it is not."""
    potential = find_potential(name)
    found = made(potential, temperature)
    w = np.linspace(-6, 6, 60_001)[:, None]
    loss = potential.energy_function()(w)
    values = functions_at(found, w)
    for warmer in (1.0, 1.05):
        weights = np.exp(-(loss - loss.min()) / (warmer * temperature))
        size = np.sqrt(weights @ values**2 / weights.sum())
        means = np.abs(weights @ values / weights.sum()) / size
        assert means.max() < 1e-10 if warmer == 1.0 else means.max() > 1e-3


def test_their_mean_is_zero_in_a_plane_by_quadrature():
    found = made(PLANE, 0.3)
    line = np.linspace(-4, 4, 401)
    places = np.stack(np.meshgrid(line, line, indexing="ij"), axis=-1).reshape(-1, 2)
    values = functions_at(found, places)
    weights = np.exp(-PLANE.energy_function()(places) / 0.3)
    size = np.sqrt(weights @ values**2 / weights.sum())
    assert (np.abs(weights @ values / weights.sum()) / size).max() < 1e-8
    assert values.shape[1] == found.sizes[-1] <= 128 and found.sizes[1] == 6


def test_one_of_them_by_hand():
    """The wide bump alone along x: T ∂ψ - ψ ∂L, in units of the spread."""
    found = made(PLANE, 0.3)
    place = np.array([[0.4, -0.7]])
    z = (place[0] - found.middle) / found.spread
    height = np.exp(-(z**2).sum() / 32)
    slope = PLANE.gradient_function()(place)[0]
    expected = law("zero-mean-of-fields")(
        temperature=0.3, field_divergence=-height * z[0] / 16 / found.spread[0], loss_along_field=height * slope[0]
    )
    assert functions_at(found, place)[0, 0] == pytest.approx(expected * found.spread[0], rel=1e-12)


def test_moments_are_those_of_the_bump():
    """By differences of ψ = (z/2)ⁿ exp(-z²/32)."""
    found = made(find_potential("regular_double_well"), 0.3)
    w, h = 0.37, 1e-5
    for n in range(10):

        def height(x: float, n: int = n) -> float:
            z = (x - found.middle[0]) / found.spread[0]
            return (z / 2) ** n * np.exp(-(z**2) / 32)

        slope = found.potential.gradient_function()(np.array([w]))[0]
        expected = 0.3 * (height(w + h) - height(w - h)) / (2 * h) - height(w) * slope
        assert functions_at(found, np.array([[w]]))[0, n] == pytest.approx(expected * found.spread[0], abs=1e-7)


def test_what_they_explain_is_taken_away_and_nothing_else():
    """Independent places: the mean is as exact as it says, and halves do not see their own fit."""
    well, temperature = find_potential("regular_double_well"), 0.3
    found = made(well, temperature)
    places = draw_exact(well, 1 / temperature, 512 * 20, fresh_seed()).reshape(512, 20, 1)
    energy = well.energy_function()(places)
    half = np.arange(512) % 2 == 0
    left, ratio = without_noise([energy.mean(axis=1)], [found.sums(places) / 20], half, found.sizes)
    w = np.linspace(-4, 4, 100_001)
    loss = well.energy_function()(w[:, None])
    weights = np.exp(-loss / temperature)
    exact = float((loss * weights).sum() / weights.sum())
    # 1e-7 is what rounding leaves of coefficients as large as these.
    assert ratio > 1e4 and abs(left[0].mean() - exact) < max(8 * left[0].std() / 512**0.5, 1e-7)


def test_noise_alone_explains_nothing():
    """Functions that have nothing to do with the values: none is taken, and no variance is said to have gone."""
    random = fresh_generator()
    values, functions = random.standard_normal(256), random.standard_normal((256, 60))
    left, ratio = without_noise([values], [functions], np.arange(256) % 2 == 0, (0, 5, 60))
    assert 0.9 < ratio < 1.3
    assert left[0].var() > 0.7 * values.var()
    assert np.linalg.lstsq(functions, values, rcond=None)[1][0] < 0.9 * values @ values, "the control: without halves"


def test_constant_values_and_functions_are_taken():
    left, ratio = without_noise([np.ones(16)], [np.zeros((16, 2))], np.arange(16) < 8, (0, 2))
    assert np.array_equal(left[0], np.ones(16)) and ratio == np.inf


@pytest.mark.parametrize(
    "potential",
    [
        Potential.from_expression("w**2/2", box=(0, 3), boundary="reflecting"), Potential.from_expression("abs(w)"),
        Potential.from_expression("1-cos(2*w)", box=(0, 6.283185307179586), boundary="periodic"),
    ],
    ids=["walls", "a kink", "a circle"],
)  # fmt: skip
def test_walls_kinks_and_circles_have_none(potential):
    assert control_variates(potential, 0.5, np.linspace(0.1, 2, 50)[:, None]) is None


def test_places_that_are_all_one_have_none():
    assert control_variates(find_potential("regular_double_well"), 0.5, np.zeros((9, 1))) is None


@pytest.mark.parametrize("d", [1, 2, 3, 5, 10, 40, 100])
def test_their_number_is_bounded_in_any_dimension(d):
    terms = module._moments(d)
    places = fresh_generator().standard_normal((3000, d))
    centres, widths = module._bumps(places, (module.MOST - len(terms)) // d)
    assert len(terms) + centres.size <= max(module.MOST, 2 * d) and len(centres) == len(widths)
    assert len(terms) >= min(d, 2) and (widths > 0).all()


def test_units_do_not_matter():
    temperature, scale = 0.3, 50.0
    other = Potential.from_expression("1000*((x/50)**2-1)**2 + 2000*(y/50-x/50)**2 + 1000*x/500")
    places = draw_exact(PLANE, 1 / temperature, 3000, fresh_seed())
    one = control_variates(PLANE, temperature, places)
    two = control_variates(other, 1000 * temperature, scale * places)
    assert one is not None and two is not None
    assert functions_at(two, scale * places[:50]) / 1000 == pytest.approx(
        functions_at(one, places[:50]), rel=1e-6, abs=1e-9
    )
