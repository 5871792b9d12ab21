"""Size and power of the verdict in shares, and the worlds that they are measured in."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from scipy import stats

from slt_toys.potentials.catalogue import find_pair
from slt_toys.worlds.hypotheses import design, find_hypothesis
from slt_toys.worlds.mechanisms import MECHANISMS, TEMPERATURE, batch_groups
from slt_toys.worlds.mixture import mixture_of
from slt_toys.worlds.share_power import (
    FACTORS,
    HIGHER,
    PowerRow,
    default_cells,
    energy_table,
    power_row,
    rival_shares,
    table,
)
from slt_toys.worlds.share_tests import bootstrap
from slt_toys.worlds.verdict import fit
from tests.seeds import fresh_seed


@pytest.fixture(scope="module")
def cells():
    return default_cells(seed=0)


@pytest.fixture(scope="module")
def judged(cells):
    """The mixture, its cells, the order of the given ones in it, and draws of temperature alone."""
    seen, shares = cells
    mixture = mixture_of(seen, shares, energy_table(find_pair("regular_double_well"), seen, shares))
    order = [next(at for at, each in enumerate(seen) if each is other) for other in mixture.cells.observations]
    start = mixture.with_counts(mixture.cells.runs * shares[order]).fit([TEMPERATURE])
    return mixture, order, bootstrap(mixture, start, [(MECHANISMS, True)], draws=299, seed=fresh_seed())


def row(cells, judged, made, truth, sets, regions=0) -> PowerRow:
    mixture, order, of_known = judged
    return power_row(
        mixture, mixture.cells.observations, made[order], "made", truth, sets=sets, draws=49, seed=fresh_seed(),
        regions=regions, of_known=of_known,
    )  # fmt: skip


def truth_of(share: float) -> np.ndarray:
    return np.array([share, 1 - share, 0, 0, 0, 0.0])


def test_rivals_end_the_control_where_temperature_does(cells):
    seen, shares = cells
    given = design(seen)
    control = np.array([each.arm == "control" for each in seen])
    for name in ("flow time left", "flow time spent", "loss threshold"):
        rival = rival_shares(seen, shares, name)
        assert np.abs(rival - shares)[control].max() < 0.3 < np.abs(rival - shares).max()
    order = np.argsort(given.log_flow_left)
    assert (np.diff(rival_shares(seen, shares, "flow time left")[order]) <= 1e-12).all()
    assert (rival_shares(seen, shares, "none") == 0.5).all()


def test_the_energy_table_is_exact_at_one_and_moves_other_batch_sizes_alone(cells):
    seen, shares = cells
    factors, known = energy_table(find_pair("regular_double_well"), seen[:63:3], shares[:63:3], (0.8, 1.0, 1.25))
    moved = batch_groups(seen[:63:3])[0] > 0
    assert factors.tolist() == [0.8, 1.0, 1.25] and (known[1] == shares[:63:3]).all()
    assert (known[:, ~moved] == shares[:63:3][~moved]).all()
    assert np.abs(known[2] - known[0])[moved].max() > 0.1


def test_a_few_sets_are_judged_and_told(cells, judged):
    """By eye: pure, a fifth of a rival, higher energies; the negative control is the pure one."""
    seen, shares = cells
    mixed = 0.8 * shares + 0.2 * rival_shares(seen, shares, "flow time left")
    higher = energy_table(find_pair("regular_double_well"), seen, shares)[1][FACTORS.index(HIGHER)]
    pure, other = row(cells, judged, shares, truth_of(1.0), 20), row(cells, judged, mixed, truth_of(0.8), 12, regions=2)
    moved = row(cells, judged, higher, None, 6)
    assert pure.refused <= 4 and pure.covered >= 14 and other.refused == 12 and other.covered >= 7
    assert moved.refused == 6 and moved.judged == 0 and other.rivals_judged == 10
    text = table([pure, other, moved])
    assert len(text.splitlines()) == 5 and "100.0 % [" in text


@pytest.mark.slow
def test_size_power_and_coverage(cells, judged):
    """The committed table at fewer repeats, two-sided: false refusals, power and coverage as they should be."""
    seen, shares = cells
    pure = row(cells, judged, shares, truth_of(1.0), 300)
    assert pure.refused <= stats.binom.isf(1e-5, 300, 0.015) and pure.covered >= stats.binom.ppf(1e-5, 300, 0.95)
    for name in MECHANISMS[1:]:
        mixed = 0.8 * shares + 0.2 * rival_shares(seen, shares, name)
        found = row(cells, judged, mixed, truth_of(0.8), 60)
        assert found.refused >= 55 and stats.binom.ppf(1e-5, 60, 0.95) <= found.covered, name
    half = row(cells, judged, 0.6 * shares + 0.4 * rival_shares(seen, shares, "flow time spent"), truth_of(0.6), 60)
    assert half.covered >= stats.binom.ppf(1e-5, 60, 0.95)


@pytest.mark.slow
def test_the_two_state_law_is_near_enough_to_the_pair(cells):
    """Its misfit at 100 runs a cell: what its best fit to the exact shares lacks, in units of deviance."""
    seen, shares = cells
    many = [replace(each, runs=10**6, stuck=round(10**6 * p)) for each, p in zip(seen, shares, strict=True)]
    lacking = fit(find_hypothesis("temperature"), many).deviance / 10**4
    assert 0.5 < lacking < 12  # against a deviance of 164 with a standard deviation of 18
