"""Mixtures of temperature with something else, and barriers that change with the batch, are refuted."""

from __future__ import annotations

import numpy as np
import pytest

from slt_toys.potentials.catalogue import find_pair
from slt_toys.protocol.exact import exact_stuck_in_arm
from slt_toys.worlds.hypotheses import design, find_hypothesis
from slt_toys.worlds.verdict import fit, judge
from slt_toys.worlds.verdict_power import Power, mixtures, power, redrawn, scaled_energies
from slt_toys.worlds.world import observe, thermal_two_phase
from tests.seeds import fresh_seed
from tests.worlds.made_counts import FEW, UNLIKE, made_up

# ---- mixtures ------------------------------------------------------------------------------------------------------
THERMAL = np.array([-2.73, 3.19, 1.44, 1.45])  # the family's parameters nearest to the default pair's exact shares


@pytest.fixture(scope="module")
def thermal_cells():
    """Cells of the default experiment, with shares by which temperature decides alone."""
    cells = made_up(0.5, 400, 0, arms=UNLIKE, switches=range(0, 101, 5))
    return cells, find_hypothesis("temperature").predict(THERMAL, design(cells))


@pytest.mark.parametrize(
    ("rival", "portion"), [("flow time left", 0.2), ("flow time left", 0.4), ("flow time spent", 0.2),
                           ("flow time spent", 0.3)],
)  # fmt: skip
def test_mixtures_of_temperature_with_a_rival_are_refuted(thermal_cells, rival, portion):
    """An earlier verdict, which let a share miss by 0.07, called each of these temperature with p above .99."""
    cells, thermal = thermal_cells
    ((name, mixed),) = mixtures(cells, thermal, find_hypothesis(rival), [portion]).items()
    assert name == f"{100 - 100 * portion:g} % temperature, {100 * portion:g} % {rival}"
    verdict = judge(redrawn(cells, mixed, fresh_seed()))
    chances = {each.hypothesis.name: each.p_value for each in verdict.fits}
    assert chances["temperature"] < 1e-4 and chances[rival] < 1e-4 and verdict.outcome == "none", chances
    control = slice(0, 21)  # the rival was fitted to it: the mixture is told in the other arms
    assert np.abs(mixed - thermal)[control].max() < 0.02 < np.abs(mixed - thermal).max()


def test_barriers_that_change_with_the_batch_are_refuted(thermal_cells):
    cells, thermal = thermal_cells
    family, given = find_hypothesis("temperature"), design(cells)
    moved = scaled_energies(cells, 1.25, ["halve the batch", "flow-time matched"])
    shares = family.predict(THERMAL, design(moved, given.units))
    assert (shares[:21] == thermal[:21]).all() and np.abs(shares - thermal).max() > 0.05
    chances = {each.hypothesis.name: each.p_value for each in judge(redrawn(cells, shares, fresh_seed())).fits}
    assert max(chances.values()) < 1e-4, chances
    # the negative control, temperature alone
    assert fit(family, redrawn(cells, thermal, fresh_seed())).p_value > 1e-7


def test_scaled_energies_are_colder_and_slower_in_those_arms_alone():
    """Energies times c at T for t are the same energies at T/c for c t: the noise 2 T t stays as it is."""
    cells = made_up(0.5, 10, 0, arms=FEW[:2], switches=[0, 10])
    moved = scaled_energies(cells, 1.25, ["halve the batch"])
    assert [one is other for one, other in zip(moved, cells, strict=True)] == [True, True, False, False]
    for one, other in zip(moved[2:], cells[2:], strict=True):
        assert one.schedule.temperatures == pytest.approx(other.schedule.temperatures / 1.25)
        assert one.schedule.durations == pytest.approx(other.schedule.durations * 1.25)


def test_the_power_counts_refusals(thermal_cells):
    cells, thermal = thermal_cells
    cells, thermal = cells[:84:2], thermal[:84:2]
    worlds = {"temperature alone": thermal, "a half": np.full(42, 0.5) + 0.4 * (np.arange(42) % 2)}
    work: list[int] = []
    alone, half = power(cells, worlds, seeds=2, seed=fresh_seed(), advance=lambda: work.append(1))
    assert len(work) == 4 and (alone.seeds, half.seeds) == (2, 2)
    assert half == Power("a half", 2, 2, half.largest_p_value, {"none": 2}) and half.largest_p_value < 1e-9
    assert alone.largest_p_value > 1e-5 and sum(alone.outcomes.values()) == 2
    assert alone.refuted == 2 - alone.outcomes.get("temperature", 0) - alone.outcomes.get("cannot tell", 0)


@pytest.mark.long
@pytest.mark.parametrize("rival", ["flow time left", "flow time spent", "loss threshold"])
def test_mixtures_of_exact_shares_are_refuted(rival):
    """As the audit made them: the Fokker-Planck shares of the default pair, a fifth of the runs something else."""
    world = thermal_two_phase(switch_epochs=tuple(range(0, 101, 5)))
    seen = observe(world, UNLIKE, runs=400, seed=fresh_seed())
    exact = exact_stuck_in_arm(find_pair("regular_double_well"), [each.schedule for each in seen])
    (mixed,) = mixtures(seen, exact, find_hypothesis(rival), [0.2]).values()
    found = power(seen, {"pure": exact, "mixed": mixed}, seeds=5, seed=fresh_seed())
    assert found[1].refuted == 5 and found[1].outcomes == {"none": 5}
    assert found[0].refuted <= 2
    moved = scaled_energies(seen, 1.25, ["halve the batch", "flow-time matched"])
    shares = exact_stuck_in_arm(find_pair("regular_double_well"), [each.schedule for each in moved])
    assert power(seen, {"barriers": shares}, seeds=3, seed=fresh_seed())[0].refuted == 3
