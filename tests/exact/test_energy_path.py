"""Minimum energy paths against published saddles, all saddles of a plane, and the equation of the path itself."""

from __future__ import annotations

import numpy as np
import pytest
import sympy

from slt_toys.exact.energy_path import EnergyPath, minimum_energy_path
from slt_toys.exact.minimum_action import geometric_action
from slt_toys.exact.saddles import saddles
from slt_toys.potentials.catalogue import catalogue
from slt_toys.potentials.potential import Potential, declare_phase

# Müller and Brown (1979): minima, saddles and energies as published.
MULLER_BROWN = (
    "-200*exp(-(x-1)**2-10*y**2) - 100*exp(-x**2-10*(y-1/2)**2)"
    " - 170*exp(-13*(x+1/2)**2/2+11*(x+1/2)*(y-3/2)-13*(y-3/2)**2/2)"
    " + 15*exp(7*(x+1)**2/10+3*(x+1)*(y-1)/5+7*(y-1)**2/10)"
)
SIDE_VALLEYS = "(x**2-1)**2 + y**4 - 3*y**2*(1-x**2)/2 + y**2/2"


def off_the_slope(potential: Potential, path: EnergyPath) -> float:
    """Largest angle of the path to the gradient, where that is not small (radians): 0 on a path of least energy."""
    middle, tangent = (path.points[1:] + path.points[:-1]) / 2, np.diff(path.points, axis=0)
    slope = potential.gradient_function()(middle)
    size = np.linalg.norm(slope, axis=1)
    steep = size > 0.2 * size.max()
    cosine = np.abs((tangent * slope).sum(axis=1) / (np.linalg.norm(tangent, axis=1) * size))
    return float(np.arccos(np.minimum(cosine[steep], 1)).max())


def test_the_published_saddles_of_muller_and_brown():
    potential = Potential.from_expression(MULLER_BROWN, box=((-1.7, 1.3), (-0.5, 2.2)))
    path = minimum_energy_path(potential, [-0.558, 1.442], [0.623, 0.028], images=81)
    assert path.verdict == "trust"
    assert path.saddles == pytest.approx(np.array([[-0.822, 0.624], [0.212, 0.293]]), abs=6e-4)
    assert path.minima == pytest.approx(np.array([[-0.558, 1.442], [-0.050, 0.467], [0.623, 0.028]]), abs=6e-4)
    energies = potential.energy_function()
    assert energies(path.saddles) == pytest.approx([-40.66, -72.25], abs=6e-3)
    assert energies(path.minima) == pytest.approx([-146.70, -80.77, -108.17], abs=6e-3)
    assert path.barrier == pytest.approx(-40.665 + 146.700, abs=1e-2)
    assert off_the_slope(potential, path) < 0.05
    straight = path.points[[0, -1]]
    wrong = EnergyPath(np.linspace(straight[0], straight[1], 81), path.losses, path.saddles, path.minima, 0.0, "")
    assert off_the_slope(potential, wrong) > 0.5, "the control: the straight line"


@pytest.mark.parametrize(
    "name",
    [p.name for p in catalogue().values() if p.dimension == 2 and len(p.phases) == 2 and p.boundary == "natural"],
)
def test_saddles_of_the_catalogue_are_among_all_of_the_plane(name):
    potential = catalogue()[name]
    path = minimum_energy_path(potential, 0, 1)
    assert path.verdict == "trust" and len(path.saddles) == 1
    lowest = saddles(potential)[0]
    assert path.saddles[0] == pytest.approx(lowest.position, abs=1e-6)
    assert path.barrier == pytest.approx(lowest.loss - potential.minimum_loss(0), rel=1e-9)
    assert path.points[0] == pytest.approx(potential.minimum_point(0), abs=1e-5)
    assert path.points[-1] == pytest.approx(potential.minimum_point(1), abs=1e-5)


@pytest.mark.parametrize(("tilt", "side"), [("+ y/50", -1), ("- y/50", 1)])
def test_a_string_on_a_ridge_takes_the_lower_of_two_valleys(tilt, side):
    potential = Potential.from_expression(f"{SIDE_VALLEYS} {tilt}")
    path = minimum_energy_path(potential, [-1, 0], [1, 0])
    passes = [own for own in saddles(potential) if own.position[1] * side > 0]
    assert path.verdict == "trust" and path.barrier == pytest.approx(
        passes[0].loss - float(potential.energy_function()(path.minima[0])), rel=1e-9
    )
    up = minimum_energy_path(potential, [-1, 0], [1, 0], guess=[[0, -0.8 * side]])
    assert up.barrier > path.barrier + 0.02, "a guess on the other side finds the other one"


def test_many_coordinates_and_stiff_valleys():
    """A curved valley a thousand times as stiff across, in six coordinates: the pass is at the middle, of height 1."""
    a, b, c, d, e, f = own = sympy.symbols("a:f", real=True)
    energy = (
        (a**2 - 1) ** 2 + 1000 * (b - a**2) ** 2 + 100 * (c - a) ** 2 + 10 * (d - b) ** 2 + (e - c * d) ** 2 + f**2 / 10
    )
    phases = [
        declare_phase(energy, own, name, (s, 1, s, 1, s, 0), s * a > 0) for name, s in (("left", -1), ("right", 1))
    ]
    potential = Potential.from_expression(energy, box=((-3, 3),) * 6, phases=phases)
    path = minimum_energy_path(potential, "left", "right")
    assert path.verdict == "trust" and path.barrier == pytest.approx(1.0, abs=1e-9)
    assert path.saddles == pytest.approx(np.zeros((1, 6)), abs=1e-6)
    assert path.losses.max() == pytest.approx(1.0, abs=1e-3) and path.losses[[0, -1]] == pytest.approx(0.0, abs=1e-9)
    straight = np.linspace(path.points[0], path.points[-1], 41)
    assert potential.energy_function()(straight).max() > 500, "the control: the straight line climbs the wall"


def test_several_barriers_are_crossed_in_order():
    potential = Potential.from_expression("(x**2-1)**2*(x**2-4)**2/10 + x/20 + 50*y**2")
    path = minimum_energy_path(potential, [-2, 0], [2, 0])
    assert path.verdict == "trust" and path.saddles.shape == (3, 2) and path.minima.shape == (4, 2)
    assert (np.diff(path.saddles[:, 0]) > 0).all() and (np.diff(path.minima[:, 0]) > 0).all()
    back = minimum_energy_path(potential, [2, 0], [-2, 0])
    assert back.saddles[::-1] == pytest.approx(path.saddles, abs=1e-7)


def test_units_do_not_matter():
    one = minimum_energy_path(Potential.from_expression("(x**2-1)**2 + 5*(y-x**2)**2 + x/10"), 0, 1)
    other = minimum_energy_path(
        Potential.from_expression("1000*((x/7)**2-1)**2 + 5000*(y/7-(x/7)**2)**2 + 1000*x/70"), 0, 1
    )
    assert other.points / 7 == pytest.approx(one.points, abs=1e-5)
    assert other.barrier / 1000 == pytest.approx(one.barrier, rel=1e-9)


def test_the_path_is_the_least_action_of_isotropic_noise():
    """Up it costs the height over T, and no curve costs less [eq:geometric-action]."""
    potential = Potential.from_expression("(x**2-1)**2 + 5*(y-x**2)**2 + x/10")
    path = minimum_energy_path(potential, 0, 1, images=401)
    up = path.points[: int(path.losses.argmax()) + 1]
    temperature = 0.2

    def diffusion(points):
        return np.broadcast_to(temperature * np.eye(2), (len(points), 2, 2))

    cost = geometric_action(lambda w: -potential.gradient_function()(w), diffusion, up)
    assert cost == pytest.approx(path.barrier / temperature, rel=2e-3)
    straight = np.linspace(up[0], up[-1], 401)
    assert geometric_action(lambda w: -potential.gradient_function()(w), diffusion, straight) > 1.05 * cost


@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        (([-1, 1], [-0.9, 1]), "first and second must lead to two minima"), (([-1, 1], [-1, 1]), "must be two places"),
        (([-1], [1, 1]), "first must be a phase or a place of 2"), (("nowhere", 1), "nowhere"),
        (([-1, 1], [0, 0]), "second must lie where the way down ends at a minimum"),
    ],
)  # fmt: skip
def test_bad_ends_are_refused_in_one_line(arguments, words):
    potential = Potential.from_expression("(x**2-1)**2 + 5*(y-x**2)**2")
    with pytest.raises(ValueError, match=words) as caught:
        minimum_energy_path(potential, *arguments)
    assert "\n" not in str(caught.value)


def test_other_bad_input_is_refused_and_a_flat_top_is_doubted():
    potential = Potential.from_expression("(x**2-1)**2 + 5*(y-x**2)**2")
    with pytest.raises(ValueError, match="images must be at least 5"):
        minimum_energy_path(potential, 0, 1, images=3)
    with pytest.raises(ValueError, match="guess must be finite, of shape"):
        minimum_energy_path(potential, 0, 1, guess=[[0.0]])
    circle = Potential.from_expression("1-cos(2*w)", box=(0, 6.283185307179586), boundary="periodic")
    with pytest.raises(ValueError, match="periodic"):
        minimum_energy_path(circle, 0, 1)
