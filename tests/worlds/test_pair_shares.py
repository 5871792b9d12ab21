"""One pair in shares: by exact shares, by two states, and by the confounding arms alone; told in tables and claims."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from slt_toys.potentials.catalogue import find_pair
from slt_toys.reports.critical_period_shares import share_claims, share_tables, share_variables
from slt_toys.worlds import pair_runs
from slt_toys.worlds.experiment import carry_out
from slt_toys.worlds.pair_shares import CONFOUNDING, EXACT, TWO_STATES, shares_on_pair
from slt_toys.worlds.world import thermal_two_phase
from tests.seeds import fresh_seed
from tests.worlds.made_counts import FEW


@pytest.fixture(scope="module")
def verdicts():
    world = thermal_two_phase(switch_epochs=tuple(range(0, 101, 10)))
    experiment = carry_out(world, FEW, runs=100, seed=fresh_seed())
    pair = find_pair("regular_double_well")
    ends = pair_runs.ends_of_arms(pair, world, 40, 0, 0.95)
    return shares_on_pair(pair, experiment, pair_runs.exact_arms(pair, experiment, ends), draws=49)


def test_a_thermal_pair_is_told_as_such(verdicts):
    assert list(verdicts) == [EXACT, TWO_STATES, CONFOUNDING]
    exact = verdicts[EXACT]
    share = exact.share("temperature")
    assert share.low > 0.4 and share.high > 0.9 and share.standard_error < 0.5
    assert set(exact.energy_scales) == {"64", "256"} and all(0.7 < c < 1.4 for c in exact.energy_scales.values())
    assert verdicts[CONFOUNDING].share("temperature").low == 0 and verdicts[CONFOUNDING].outcome == "cannot tell"


def test_tables_and_claims_say_what_the_verdicts_say(verdicts):
    variables, coordinates = share_variables(verdicts)
    data = xr.Dataset(variables, coordinates)
    shares, pairs = share_tables(data)
    assert len(shares.rows) == 6 + 5 and shares.rows[0][0] == "temperature"
    assert len(pairs.rows) == len(verdicts[EXACT].pairs)
    temperature, others, confounding = share_claims(data)
    assert temperature.value == pytest.approx(verdicts[EXACT].share("temperature").estimate)
    own = verdicts[EXACT].share("temperature")
    whole = "yes" if own.high - own.low <= 0.25 and not verdicts[EXACT].untold else "cannot tell"
    doubtful = verdicts[EXACT].refused or verdicts[EXACT].outcome == "none of these" or own.high < 1
    assert temperature.verdict == ("no" if doubtful else whole)
    assert others.value in [each.estimate for each in verdicts[EXACT].shares[1:]] and others.interval is not None
    assert others.interval[1] >= max(each.high for each in verdicts[EXACT].shares[1:])
    assert confounding.verdict == "cannot tell" and confounding.interval is not None and confounding.interval[0] == 0
    data["share_high"][:, 0], data["share_low"][:, 0], data["share_outcome"][:] = 1.0, 0.9, "temperature"
    data["share_refused"][:], data["share_untold"][:] = False, ""
    assert share_claims(data)[0].verdict == "yes"
    for name, value in (("share_untold", "none"), ("share_low", 0.6)):  # none may decide a fifth; a wide interval
        doubted = data.copy(deep=True)
        doubted[name] = doubted[name].astype(object)
        doubted[name][..., 0] = value
        doubted[name][0] = value
        assert share_claims(doubted)[0].verdict == "cannot tell", name
    data["share_refused"][:] = True  # every claim may come out no
    data["share_low"][:] = 0.1
    assert [claim.verdict for claim in share_claims(data)[:2]] == ["no", "no"]
    assert share_tables(xr.Dataset()) == () == share_claims(xr.Dataset())
    alone = data.isel(shares_by=[0, 1])
    assert share_claims(alone)[2].verdict == "cannot tell" and np.isfinite(data["share_goodness"]).all()
