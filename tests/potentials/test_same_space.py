"""Potentials of different coordinates or walls are not paired."""

from __future__ import annotations

import pytest

from slt_toys.critical_period import CriticalPeriod
from slt_toys.exact.fokker_planck import grid_for
from slt_toys.phase_diagram import PhaseDiagram
from slt_toys.potentials.potential import Potential, PotentialPair, declare_phase, mirrored_pair
from slt_toys.samplers import OverdampedLangevin, Stage, sample_stages


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
