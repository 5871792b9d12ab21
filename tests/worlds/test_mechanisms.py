"""Mechanisms: ramps by hand, in any units; thermal shares as given; batch sizes; refusals."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from slt_toys.protocol.arms import find_arm
from slt_toys.worlds.hypotheses import design
from slt_toys.worlds.mechanisms import (
    MECHANISMS,
    RIVALS,
    batch_groups,
    cells_of,
    known_thermal,
    threshold_ramps,
    two_state_thermal,
)
from slt_toys.worlds.mixture_likelihood import thermal_shares
from tests.worlds.made_counts import FEW, made_up


def test_ramps_by_hand():
    """Two intervals between four values: the median knot lies midway between the inner two."""
    ramps = threshold_ramps(np.array([2.0, 0.0, 1.0, 4.0, 1.0]), 2)
    assert ramps == pytest.approx(np.array([[1, 0, 1 / 1.5, 1, 1 / 1.5], [0.5 / 2.5, 0, 0, 1, 0]]))
    with_zero = threshold_ramps(np.array([-np.inf, 0.0, 1.0]), 16)
    assert with_zero == pytest.approx(np.array([[0, 1, 1], [0, 0, 1]]))
    assert threshold_ramps(np.full(3, 0.7), 16).shape == (0, 3)  # nothing to tell
    assert threshold_ramps(np.array([0.7, 0.7 + 1e-12, 0.7]), 16).shape == (0, 3)  # one value up to rounding
    moved = threshold_ramps(np.array([2.0, 0.0, 1.0, 4.0, 1.0]) + 17.3, 2)  # another unit
    assert moved == pytest.approx(ramps)


def test_columns_are_monotone_in_their_variable():
    """From 0 to 1 or back over the values that occur; a column of each kind in each mechanism."""
    seen = made_up(0.5, 10, 0, arms=FEW, losses=np.random.default_rng(0).uniform(0, 1, len(FEW) * 11))
    cells, given = cells_of(seen), design(seen)
    assert cells.told == MECHANISMS
    for number, rival in enumerate(RIVALS, start=1):
        order = np.argsort(rival.log_variable(given), kind="stable")
        steps = np.diff(cells.columns[order][:, cells.owner == number], axis=0)
        assert (steps >= 0).all() if rival.rising else (steps <= 0).all()
        assert (np.ptp(cells.columns[:, cells.owner == number], axis=0) == 1).all()
    assert cells.columns[:, cells.owner == 5].tolist() == [[0.0, 1.0]] * len(seen)
    assert cells.allowed(["none"]).sum() == 2 and cells.allowed(MECHANISMS).all()


def test_known_shares_come_back_and_change_with_energies_as_given():
    seen = made_up(0.5, 10, 0, arms=[find_arm("control"), find_arm("halve the batch")], switches=[0, 20, 40])
    shares, factors = np.linspace(0.1, 0.9, 6), np.array([0.5, 0.8, 1.0, 1.3, 2.0])
    logits = np.log(shares / (1 - shares))
    table = 1 / (1 + np.exp(-(logits + np.log(factors)[:, None] ** 3)))  # a cubic, so that pieces are exact
    thermal = known_thermal(seen, shares, (factors, table))
    assert thermal.groups == ("128",) and batch_groups(seen)[0].tolist() == [1, 1, 1, 0, 0, 0]
    assert thermal.free().tolist() == [False, False] and thermal.free(True).tolist() == [False, True]
    parameters = np.array([0.0, np.log(1.5)])
    found, slopes = thermal_shares(parameters, thermal.data)
    assert found[3:] == pytest.approx(shares[3:])
    assert found[:3] == pytest.approx(1 / (1 + np.exp(-(logits[:3] + np.log(1.5) ** 3))))
    assert (slopes[3:] == 0).all() and slopes[:3, 1] == pytest.approx(
        found[:3] * (1 - found[:3]) * 3 * np.log(1.5) ** 2
    )


def test_batch_sizes_by_hand():
    seen = made_up(0.5, 10, 0, arms=FEW, switches=[0, 20])
    group, names = batch_groups(seen)
    assert names == ("64", "256")
    assert [int(group[2 * at]) for at in range(6)] == [0, 1, 2, 0, 0, 0]
    assert batch_groups(seen[:2])[1] == ()
    unknown = [replace(seen[0], schedule=replace(seen[0].schedule, batch_size=None)), *seen[1:]]
    assert batch_groups(unknown)[1] == () and not batch_groups(unknown)[0].any()
    many = [
        replace(each, schedule=replace(each.schedule, batch_size=float(k)))
        for k, each in enumerate([*seen, seen[0]], 1)
    ]
    assert batch_groups(many)[1] == ("not 1",)


def test_bad_input_is_told():
    seen = made_up(0.5, 10, 0, arms=FEW[:2], switches=[0, 20])
    with pytest.raises(ValueError, match="shares must hold a number from 0 to 1 for each of 4 cells"):
        known_thermal(seen, [0.1, 0.2, 0.3])
    with pytest.raises(ValueError, match="shares must hold a number from 0 to 1"):
        known_thermal(seen, [0.1, 0.2, 0.3, 1.3])
    with pytest.raises(ValueError, match="at least four factors that increase around 1"):
        known_thermal(seen, [0.1, 0.2, 0.3, 0.4], ([0.5, 1, 2], np.full((3, 4), 0.5)))
    with pytest.raises(ValueError, match=r"shares from 0 to 1 of shape \(4, 4\)"):
        known_thermal(seen, [0.1, 0.2, 0.3, 0.4], ([0.5, 0.9, 1.1, 2], np.full((4, 3), 0.5)))
    with pytest.raises(ValueError, match="intervals must be at least 1"):
        cells_of(seen, 0)
    with pytest.raises(ValueError, match="there are none"):
        two_state_thermal([])
