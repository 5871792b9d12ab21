"""Potentials of different coordinates or walls are not paired; those in another order are."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from slt_toys import Ending, ExponentialDecay, Training, exact_stuck_probability, phase_table
from slt_toys.critical_period import CriticalPeriod
from slt_toys.exact.fokker_planck import grid_for
from slt_toys.phase_diagram import PhaseDiagram
from slt_toys.potentials.catalogue import PAIR_NAMES, find_pair
from slt_toys.potentials.from_text import read_pair
from slt_toys.potentials.potential import Potential, PotentialPair, mirrored_pair
from slt_toys.potentials.same_space import in_order, named_alike
from slt_toys.protocol.maps import energy_map
from slt_toys.samplers import OverdampedLangevin, Stage, sample_stages
from tests.seeds import fresh_seed


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
        with pytest.raises(ValueError, match=f"^--deficit and --(clean|potential) .*{message}"):
            config()


TILTED = "(x**2-1)**2 {sign} 0.15*x + 2*(y - 0.3*x)**2"
COUPLED = tuple(Potential.from_expression(TILTED.format(sign=sign)) for sign in "+-")  # deficit, clean
TRAINING = Training(64, 512, ExponentialDecay(0.05, 0.85), 1200.0)
ENDING = Ending("further", 40)


def turned(potential: Potential) -> Potential:
    return in_order(potential, potential.coordinates[::-1])


@pytest.mark.parametrize("which", [(True, False), (False, True), (True, True)])
def test_every_number_of_a_pair_is_the_same_in_another_order_of_coordinates(which):
    own = PotentialPair("x", COUPLED[0], COUPLED[1], "left")
    both = [turned(p) if turn else p for p, turn in zip(COUPLED, which, strict=True)]
    other = PotentialPair("x", both[0], both[1], "left")
    assert other.deficit.coordinates == other.clean.coordinates
    assert [w.name for w in other.clean.coordinates] == (["y", "x"] if which[1] else ["x", "y"])
    if not which[1]:
        assert (other.deficit, other.clean) == COUPLED
    shares = [exact_stuck_probability(p, TRAINING, [0, 3, 8], ENDING, cells=24) for p in (own, other)]
    assert shares[1] == pytest.approx(shares[0], abs=1e-9) and np.ptp(shares[0]) > 0.05
    for role in ("deficit", "clean"):
        tables = [phase_table(getattr(p, role), n_beta=[2.0, 9.0]) for p in (own, other)]
        for name in tables[0].data_vars:
            if "error" not in str(name):  # bounds of the rule along one axis, then the other
                assert tables[1][name].values == pytest.approx(tables[0][name].values, rel=1e-7, abs=1e-9), name
    maps = [energy_map(p)["landscape"].values for p in (own, other)]
    assert maps[1] == pytest.approx(maps[0].swapaxes(1, 2) if which[1] else maps[0], rel=1e-9)


def test_an_order_that_is_mistaken_shows():
    """The control: with the axes exchanged under the same names, numbers are others."""
    x, y = COUPLED[0].coordinates
    mistaken = replace(COUPLED[0], energy=COUPLED[0].energy.xreplace({x: y, y: x}))
    right, wrong = (
        exact_stuck_probability(PotentialPair("x", p, COUPLED[1], "left"), TRAINING, [0], ENDING, cells=24)
        for p in (COUPLED[0], mistaken)
    )
    assert abs(right[0] - wrong[0]) > 0.01


def test_stages_in_another_order_of_coordinates_draw_the_same_bits():
    def drawn(second: Potential):
        stages = [Stage(p, OverdampedLangevin(0.01), 3.0, 20) for p in (COUPLED[0], second)]
        return sample_stages(stages, chains=64, seed=3, initial="left")

    own, other = drawn(COUPLED[1]), drawn(turned(COUPLED[1]))
    assert np.array_equal(own["w"], other["w"]) and list(other["coordinate"].values) == ["x", "y"]


def test_another_order_keeps_basins_and_is_undone():
    wells = Potential.from_expression("(x**2-1)**2 + 2*(y**2-1)**2 + 0.1*x*y + 0.07*y")
    other = turned(wells)
    assert turned(other) == wells and turned(other).phases == wells.phases
    points = np.random.default_rng(fresh_seed()).uniform(-2, 2, (400, 2))
    assert np.array_equal(wells.phase_index(points), other.phase_index(points[:, ::-1]))
    assert not np.array_equal(wells.phase_index(points), other.phase_index(points))  # control


def test_a_grid_is_not_laid_for_two_orders_of_axes():
    with pytest.raises(ValueError, match=r"in the same order, not x, y \(2\) and y, x \(2\); bring potentials\[1\]"):
        grid_for([COUPLED[0], turned(COUPLED[1])], [0.3])
    with pytest.raises(ValueError, match=r"coordinates must be those of .*, x, y, not x"):
        in_order(COUPLED[0], COUPLED[0].coordinates[:1])
    with pytest.raises(ValueError, match="coordinates must be symbols"):
        in_order(COUPLED[0], "xy")  # type: ignore[arg-type]


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


BUMPS = "-3*exp(-(x-1)**2-y**2) - 2*exp(-(x+1)**2-2*(y-1)**2) - exp(-3*(x+1)**2-(y+1)**2) + 0.3*(x**2+y**2)"


def test_phases_of_a_pair_are_matched_by_place_not_by_the_order_in_which_they_are_named():
    """A tilt brings the upper of two wells above each other to the left of the lower one."""
    pair = read_pair(BUMPS, f"{BUMPS} + 0.8*x")
    alone = Potential.from_expression(f"{BUMPS} + 0.8*x")
    assert [phase.name for phase in alone.phases] == ["left", "middle", "right"], "the negative control"
    assert [phase.name for phase in pair.deficit.phases] == ["middle", "left", "right"] and pair.stuck_phase == "middle"
    for phase in pair.clean.phases:
        points = [each.minimum_point(phase.name) for each in (pair.clean, pair.deficit)]
        assert np.abs(points[0] - points[1]).max() < 0.3
    assert PotentialPair("x", alone, pair.clean, "middle").deficit == pair.deficit


def test_names_that_are_right_leave_a_potential_as_it_is():
    for name in PAIR_NAMES:
        pair = find_pair(name)
        assert named_alike(pair.deficit, pair.clean) is pair.deficit


def test_a_deficit_without_a_minimum_in_a_clean_phase_is_refused():
    clean = "(w**2-1)**2*(w**2-9)**2/50 - 0.1*w"  # four wells
    deficit = "((w-1)**2-1)**2 + 0.15*w"  # two
    with pytest.raises(
        ValueError, match=r"^--deficit has no minimum in phase 'phase 4', which --potential prefers; give one"
    ):
        read_pair(clean, deficit)
    own = [Potential.from_expression(text) for text in (deficit, clean)]
    with pytest.raises(ValueError, match=r"has no minimum in phase 'phase 1' of the clean one; give as stuck_phase"):
        PotentialPair("x", own[0], own[1], "phase 1")
