"""The place about which an energy is mirrored follows the energy, whatever its units."""

from __future__ import annotations

import numpy as np
import pytest
import sympy
from scipy.optimize import brentq, minimize_scalar

from slt_toys.potentials.mirror import centre_of_wells
from slt_toys.potentials.potential import Potential, mirrored_pair


def centre(text: str) -> sympy.Rational:
    potential = Potential.from_expression(text)
    return centre_of_wells(
        potential.bound_energy, potential.coordinates[0], *(phase.minimum[0] for phase in potential.phases)
    )  # fmt: skip


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ("(w**2-1)**2 - 0.15*w", 0),
        ("(w**2-1)**2 - sqrt(2)*w/10", 0),
        ("((w-3)**2-1)**2 - 0.15*w", 3),
        ("w**2*(w-8)**2 - w", 4),
        ("(w+1)**2*(w-1)**4 + w/200", 0),
        ("1000*((w/1000-1/70)**2-1)**2 - w/3", sympy.Rational(100, 7)),
    ],
)
def test_known_centres_are_exact(text, place):
    assert centre(text) == place


def test_the_touching_points_of_one_line_by_another_route():
    text = "w**2*(w-1)**2 + w**6/1000 + w/100"
    energy = Potential.from_expression(text).energy_function()

    def tilted(w: float, t: float) -> float:
        return float(energy(np.array([w]))) - t * w

    def wells(t: float):
        ends = (-0.3, 0.4), (0.6, 1.3)
        return [minimize_scalar(tilted, args=(t,), bounds=e, method="bounded", options={"xatol": 1e-12}) for e in ends]

    t = brentq(lambda t: np.diff([well.fun for well in wells(t)]).item(), -0.1, 0.1, xtol=1e-15)
    assert float(centre(text)) == pytest.approx(np.mean([well.x for well in wells(float(t))]), abs=1e-7)  # type: ignore[arg-type]
    assert abs(float(centre(text)) - 0.5) > 1e-4  # the control: not the middle of what the even part has


def test_pairs_of_moved_energies_are_moved_pairs():
    plain, moved = (mirrored_pair(Potential.from_expression(t)) for t in ("(w**2-1)**2 - w/5", "((w-7)**2-1)**2 - w/5"))
    w = np.linspace(-1.5, 1.5, 13)[:, None]
    for role in ("deficit", "clean"):
        one, two = (getattr(pair, role).energy_function() for pair in (plain, moved))
        assert np.allclose(two(w + 7), one(w) - 7 / 5)
    assert plain.stuck_phase == moved.stuck_phase == "left"


def test_walls_must_be_about_the_wells():
    text = "((w-3)**2-1)**2 - w/5"
    pair = mirrored_pair(Potential.from_expression(text, box=(1, 5)))
    assert pair.deficit.box == pair.clean.box == ((1.0, 5.0),)
    with pytest.raises(ValueError, match="mirror image lies between others; give box= about the middle of its wells"):
        mirrored_pair(Potential.from_expression(text, box=(0.5, 5)))
