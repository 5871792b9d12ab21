"""The verdict in shares: told where it can be told, "cannot tell" where arms confound, "none of these" first."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
import xarray as xr

from slt_toys.protocol.arms import CONTROL, find_arm
from slt_toys.reports.critical_period_shares import share_variables, temperature_claim
from slt_toys.worlds.hypotheses import design, find_hypothesis
from slt_toys.worlds.pair_shares import TWO_STATES
from slt_toys.worlds.share_cells import rival_shares
from slt_toys.worlds.shares import ENERGIES_DIFFER, NOT_SOUGHT, _outcome, judge_shares, sentences
from slt_toys.worlds.verdict import SIGNIFICANCE, Dispersion
from slt_toys.worlds.verdict_power import scaled_energies
from tests.seeds import fresh_seed
from tests.worlds.made_counts import CONFOUNDING, FEW, made_up
from tests.worlds.test_mixture import THERMAL, counted

FAMILY = find_hypothesis("temperature")


@pytest.fixture(scope="module")
def made():
    cells = made_up(0.5, 200, 0, arms=FEW)
    return cells, FAMILY.predict(THERMAL, design(cells))


def test_temperature_alone_is_told_as_such(made):
    cells, thermal = made
    verdict = judge_shares(counted(cells, thermal, fresh_seed()), thermal, draws=99)
    share = verdict.share("temperature")
    assert verdict.outcome == "temperature" or verdict.pure_ratio.p_value < 0.05 or verdict.p_value < 0.05
    assert share.high > 1 - 5 * share.standard_error and share.how == "information" and share.low > 0.5
    assert all(each.low == 0 and each.high < 0.4 for each in verdict.shares[1:] if each.how == "region")
    assert "Temperature decides f = " in " ".join(sentences(verdict))
    chances = {(pair.smaller, pair.larger): pair.p_value for pair in verdict.pairs}
    assert chances["all but temperature", "all"] < 1e-6 > chances["flow time left", "temperature and flow time left"]
    assert len(verdict.pairs) == 1 + 5 + 5 + 6 == len(verdict.family)


@pytest.mark.parametrize(
    "rival", ["flow time left", "flow time spent", "loss threshold", "memory of the start", "none"]
)
def test_a_fifth_of_another_mechanism_is_told(made, rival):
    cells, thermal = made
    mixed = 0.8 * thermal + 0.2 * rival_shares(cells, thermal, rival)
    verdict = judge_shares(counted(cells, mixed, fresh_seed()), thermal, draws=49, pairs=False)
    share = verdict.share("temperature")
    assert verdict.refused and abs(share.estimate - 0.8) < 5 * share.standard_error
    # The mixture is right: it is called unfit once in a hundred sets, which is what its test is for.
    assert verdict.outcome == (NOT_SOUGHT if verdict.p_value >= SIGNIFICANCE else "none of these")
    assert verdict.p_value > 1e-6 and verdict.sets == ()


def test_the_two_state_law_finds_temperature_and_its_absence(made):
    cells, thermal = made
    verdict = judge_shares(counted(cells, thermal, fresh_seed()), draws=49, pairs=False)
    assert (
        verdict.form == "two-state law"
        and verdict.pure_ratio.p_value > 1e-4
        and verdict.share("temperature").high > 0.9
    )
    rival = judge_shares(counted(cells, rival_shares(cells, thermal, "flow time left"), 3), draws=49, pairs=False)
    assert rival.refused and rival.share("temperature").high < 0.7 and rival.share("flow time left").low > 0.2


def test_two_states_do_not_tell_temperature_from_a_constant_share_and_say_so(made):
    """Wrong if it were called the whole: a fifth of the runs is decided by nothing, and nothing speaks against it."""
    cells, thermal = made
    mixed = 0.8 * thermal + 0.2 * rival_shares(cells, thermal, "none")
    verdict = judge_shares(counted(cells, mixed, fresh_seed()), draws=49, pairs=False)
    assert "none" in verdict.untold and verdict.share("temperature").how == "region"
    assert any(text.startswith("Cannot tell temperature from ") and "none" in text for text in sentences(verdict))
    variables, axes = share_variables({TWO_STATES: verdict})
    told = temperature_claim(xr.Dataset(variables, axes).sel(shares_by=TWO_STATES))
    assert told.verdict in ("cannot tell", "no") and "nor told from" in told.sentence
    known = judge_shares(counted(cells, thermal, fresh_seed()), thermal, draws=49, pairs=False)
    assert known.untold == ()  # the same design, with the shares known: a fifth of anything would be seen


def test_one_set_is_no_verdict_if_temperature_is_not_told_from_another():
    alone, both = (("temperature",),), (("temperature", "none"),)
    assert _outcome(0.5, False, alone, [], []) == "temperature"
    assert _outcome(0.5, False, alone, [], ["none"]) == "cannot tell"
    assert _outcome(0.5, False, both, [], ["none"]) == "temperature and none"
    assert _outcome(0.5, True, (("none",),), [], ["none"]) == "none"


def test_barriers_that_change_with_the_batch_are_told(made):
    cells, _ = made
    moved = scaled_energies(cells, 1.25, ["halve the batch", "flow-time matched"])
    higher = FAMILY.predict(THERMAL, design(moved, design(cells).units))
    verdict = judge_shares(counted(cells, higher, fresh_seed()), draws=49, pairs=False)
    assert verdict.refused
    assert 1.0 < verdict.energy_scales["64"] < 1.6 and 1.0 < verdict.energy_scales["256"] < 1.6, verdict.energy_scales


def test_energies_by_batch_size_are_told_with_known_shares(made):
    """Known shares are tabulated at other energies; a world in which they differ is refused by that pair."""
    cells, thermal = made
    given, factors = design(cells), (0.6, 0.8, 1.0, 1.25, 1.6)
    arms = ["halve the batch", "flow-time matched"]
    table = [FAMILY.predict(THERMAL, design(scaled_energies(cells, c, arms), given.units)) for c in factors]
    verdict = judge_shares(counted(cells, table[3], fresh_seed()), thermal, (factors, np.array(table)), draws=49)
    pair = next(each for each in verdict.pairs if each.larger == ENERGIES_DIFFER)
    assert verdict.refused and pair.p_value < 1e-4 and verdict.outcome != "temperature"
    alone = judge_shares(counted(cells, thermal, 21), thermal, (factors, np.array(table)), draws=49)
    assert alone.outcome == "temperature" and not alone.refused
    assert all(0.85 < scale < 1.15 for scale in alone.energy_scales.values())


@pytest.mark.parametrize("runs", [200, 1000, pytest.param(10_000, marks=pytest.mark.slow)])
def test_confounding_arms_cannot_tell_temperature_from_time_left_but_their_sum(runs):
    """Many runs, losses that follow nothing: either alone would do, both together are needed."""
    losses = np.random.default_rng(1).uniform(0.1, 0.5, 42)
    cells = made_up(0.5, runs, 0, arms=CONFOUNDING[:2], switches=range(0, 101, 5), losses=losses)
    thermal = FAMILY.predict(THERMAL, design(cells))
    left = design(cells).log_flow_left
    assert (np.diff(thermal[np.argsort(left)]) <= 1e-5).all()  # one is a function of the other
    verdict = judge_shares(counted(cells, thermal, fresh_seed()), thermal, draws=49)
    share = verdict.share("temperature")
    assert verdict.outcome in ("cannot tell", "none of these") and share.how == "region"
    # All of it or none: a region of 95 % may end a little before either.
    assert share.low < 0.1 and share.high > 0.9 and verdict.share("flow time left").low < 0.1
    assert verdict.refused or verdict.sets[0] == ("temperature",)
    assert any("flow time left" in each for each in verdict.sets[1:])
    assert verdict.together is not None
    assert {"temperature", "flow time left"} <= set(verdict.together[0]) and verdict.together[1] > 0.2
    assert any(text.startswith("Cannot tell temperature from") for text in sentences(verdict))


def test_none_of_these_comes_first(made):
    """A share that goes up and down along the switch epochs, whatever the arm."""
    cells, thermal = made
    wave = 0.5 + 0.45 * np.sin(np.array([each.switch_epoch for each in cells]) / 8.0)
    verdict = judge_shares(counted(cells, wave, fresh_seed()), thermal, draws=49, pairs=False)
    assert verdict.outcome == "none of these" and verdict.p_value < 1e-6
    assert sentences(verdict)[0].startswith("None of these")


def test_results_depend_on_no_order_and_hardly_on_the_seed(made):
    cells, thermal = made
    counts = counted(cells, thermal, 11)
    first = judge_shares(counts, thermal, draws=199, pairs=False)
    turned = np.random.default_rng(1).permutation(len(counts))
    again = judge_shares([counts[at] for at in turned], thermal[turned], draws=199, pairs=False)
    assert (
        repr(again.shares) == repr(first.shares)
        and again.pure_ratio == first.pure_ratio
        and again.p_value == first.p_value
    )
    other = judge_shares(counts, thermal, draws=199, pairs=False, seed=1)
    assert other.deviance == first.deviance and repr(other.share("temperature")) == repr(first.share("temperature"))
    assert other.p_value == pytest.approx(first.p_value, abs=0.12)
    assert other.share("none").high == pytest.approx(first.share("none").high, abs=0.05)


def test_copies_are_left_out_and_dispersion_is_not_assumed(made):
    cells, thermal = made
    counts = counted(cells, thermal, 12)
    copied = [replace(each, arm="again") for each in counts if each.arm == CONTROL.name]
    with_copies = judge_shares([*counts, *copied], [*thermal, *thermal[:11]], draws=49, pairs=False)
    plain = judge_shares(counts, thermal, draws=49, pairs=False)
    assert with_copies.copies == {"again": "control"} and repr(with_copies.shares) == repr(plain.shares)
    spread = judge_shares(counts, thermal, draws=49, pairs=False, dispersion=Dispersion(400.0, 100))
    one, other = (each.share("temperature") for each in (plain, spread))
    assert other.high - other.low > 1.2 * (one.high - one.low) and spread.p_value > plain.p_value
    assert other.standard_error > 1.2 * one.standard_error  # of which a report makes intervals for all together
    with pytest.raises(ValueError, match="draws must be at least 20"):
        judge_shares(counts, thermal, draws=5)
    with pytest.raises(ValueError, match="confidence must lie strictly between 0 and 1"):
        judge_shares(counts, thermal, confidence=1.0)


@pytest.mark.slow
def test_a_null_without_temperature_is_drawn_from_every_start():
    """All but temperature, where that mixture holds: not refused more often than it should be."""
    cells = made_up(
        0.5, 200, 0, arms=[find_arm("control"), find_arm("flow-time matched"), find_arm("added gradient noise")]
    )
    shares = rival_shares(cells, FAMILY.predict(THERMAL, design(cells)), "flow time left")
    chances = []
    for seed in range(4):
        verdict = judge_shares(counted(cells, shares, fresh_seed()), draws=39, seed=seed)
        chances += [pair.p_value for pair in verdict.pairs if pair.smaller == "all but temperature"]
    assert np.mean(np.array(chances) < 0.01) < 0.6, chances
