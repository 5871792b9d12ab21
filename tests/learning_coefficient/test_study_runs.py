"""The study's settings find exact values, with intervals that cover; settings without burn-in fail."""

from __future__ import annotations

import itertools

import numpy as np
import pytest

from slt_toys.learning_coefficient.study import NETWORKS
from slt_toys.learning_coefficient.study_runs import SETTINGS, Setting, measured, measured_crossing, widths_and_rank
from tests.seeds import fresh_seed


@pytest.mark.parametrize("network", ["(5,3,5;2)", pytest.param("(10,5,10;2)", marks=pytest.mark.long), "(5,4,4,5;2)"])
def test_default_settings_find_the_exact_value(network):
    seed = fresh_seed()
    row = measured(network, SETTINGS[0], seed)
    assert abs(row["estimate"] / row["exact"] - 1) < 0.05
    assert abs(row["estimate"] - row["exact"]) < 5 * row["standard_error"]
    # A default run may, rarely, have too few effective draws, and is told so; with more none may be doubted.
    assert measured(network, Setting("more draws", draws=500), seed)["verdict"].startswith("trust")
    widths, _ = widths_and_rank(network)
    number_of_weights = sum(a * b for a, b in itertools.pairwise(widths))
    assert abs(row["estimate"] - number_of_weights / 2) > 12 * row["standard_error"], "a regular model is told apart"


@pytest.mark.long
def test_default_settings_on_the_wide_network():
    row = measured("(50,50,50;25)", SETTINGS[0], fresh_seed())
    assert abs(row["estimate"] / row["exact"] - 1) < 0.05
    assert row["verdict"].startswith("trust")


@pytest.mark.long
@pytest.mark.parametrize("network", NETWORKS)
def test_intervals_cover(network):
    """At least 40 of 50: five standard errors below the 47.5 that 95 % intervals cover on average."""
    first = fresh_seed() % 10**9
    rows = [measured(network, SETTINGS[0], first + k) for k in range(50)]
    assert sum(row["covered"] for row in rows) >= 40
    assert max(abs(row["estimate"] / row["exact"] - 1) for row in rows) < 0.05
    off = np.array([(row["estimate"] - row["exact"]) / (row["high"] - row["estimate"]) for row in rows])
    assert (np.abs(off) < 0.2).sum() < 40, "intervals of a fifth of the width do not"


@pytest.mark.parametrize("setting", [setting for setting in SETTINGS if setting.by_hand is not None])
def test_settings_without_burn_in_fail(setting):
    row = measured("(5,3,5;2)", setting, fresh_seed())
    assert row["verdict"].startswith("doubt")
    if setting.examples == 1_000_000:  # with fewer the chains have not arrived, and are anywhere below
        assert not abs(row["estimate"] / row["exact"] - 1) < 0.05


def test_three_numbers_where_minima_cross():
    """The estimate is the exact energy at finite nβ, not the learning coefficient."""
    row = measured_crossing(10.0, fresh_seed(), draws=300)
    assert abs(row["estimate"] - row["energy"]) < 5 * row["standard_error"]
    assert row["exact"] == 0.5 and row["exact"] - row["estimate"] > 5 * row["standard_error"]
