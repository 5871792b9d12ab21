"""Stuck shares in two coordinates against SGD really run, for any seed, and against the kernel of one coordinate."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from sympy import Rational

from slt_toys.exact.sgd_plane import PlaneEpoch
from slt_toys.exact.sgd_plane_stuck import borders_in_plane, shares_in_plane
from slt_toys.potentials.catalogue import find_pair
from slt_toys.protocol.arms import find_arm
from slt_toys.protocol.coupled_pair import coupled_pair
from slt_toys.protocol.sgd_pair import NoisyPair
from slt_toys.protocol.training import ExponentialDecay, Training
from tests.seeds import fresh_seeds

OWN = find_pair("regular_double_well")
LEANING, SEPARATE = coupled_pair(OWN), coupled_pair(OWN, Rational(0))
BORDERS = borders_in_plane(LEANING.clean, "left")


def start_of(pair):
    energy = pair.deficit.energy_function()
    least = min(pair.deficit.minimum_loss(k) for k in range(2))
    return lambda points: np.exp(-(energy(points) - least) / 0.6)


def runs_of(pair, switches, factor, epochs=45, steps=40, decay=0.9):
    return [
        [
            PlaneEpoch(pair.deficit if e < switch else pair.clean, 0.05 * decay**e, steps, (24.0, 24.0 * factor))
            for e in range(switch + epochs)
        ]
        for switch in switches
    ]


def shares(pair, factor, switches=(2, 8, 14), **others):
    return shares_in_plane(runs_of(pair, switches, factor, **others), list(switches), start_of(pair), BORDERS)


def test_borders_are_those_of_the_first_coordinate():
    assert BORDERS[0] == -np.inf and BORDERS[1] == pytest.approx(OWN.clean.barrier())
    with pytest.raises(ValueError, match="is no interval"):
        borders_in_plane(find_pair("normal_crossing_against_point").clean, "point")


@pytest.mark.parametrize("factor", [1.0, 4.0])
def test_without_coupling_noise_in_the_second_coordinate_does_nothing(factor):
    """The negative control, on the plane itself: the shares of one coordinate, whatever the second one's noise."""
    base = Training(1, 40, ExponentialDecay(0.05, 0.9), 24.0)
    alone = NoisyPair(OWN, 24.0, 0.6)
    known = alone.kernel_shares([find_arm("control").sgd_run(base, switch, 45) for switch in (2, 8, 14)])
    found = shares(SEPARATE, factor)
    assert found.shares == pytest.approx(known.shares, abs=found.error + known.error)
    even, uneven = shares(LEANING, 1.0), shares(LEANING, 4.0)
    assert np.abs(even.shares - uneven.shares).max() > 0.05 + even.error + uneven.error, "coupled it does"


def test_one_sweep_gives_every_switch_epoch():
    together, alone = shares(LEANING, 4.0), shares(LEANING, 4.0, switches=(8,))
    assert together.shares[1] == pytest.approx(alone.shares[0], abs=together.error + alone.error)
    assert np.diff(together.shares).min() > 0.05


@pytest.mark.slow
@pytest.mark.parametrize(("name", "known"), [("control", 34.7), ("anisotropic noise", 46.2)])
def test_ends_agree_within_half_an_epoch(name, known):
    """At the experiment's own data set: the end's standard error is .08 epochs with 20 000 runs at each of two."""
    base = Training(128, 50_000, ExponentialDecay(0.05, 0.97), 3072.0)
    noisy, arm = NoisyPair(LEANING, 3072.0, 0.6), find_arm(name)
    around = [round(known) - 3, round(known) + 3]
    runs = [arm.sgd_run(base, switch, 100) for switch in around]
    exact = noisy.kernel_shares(runs, resolution=1.25)
    stuck = [
        noisy.stuck(run, chains=20_000, seed=fresh_seeds(), until=int(exact.followed.max())).mean() for run in runs
    ]
    ends = [np.interp(0.5, curve, around) for curve in (exact.shares, stuck)]
    assert ends[0] == pytest.approx(known, abs=0.35)  # of straight lines over six epochs
    assert abs(ends[1] - ends[0]) < 0.5
    for share, seen in zip(exact.shares, stuck, strict=True):
        assert abs(seen - share) < 5 * np.sqrt(share * (1 - share) / 20_000) + exact.error


def test_bad_runs_are_refused_in_one_line():
    run = runs_of(LEANING, [2], 4.0)[0]
    with pytest.raises(ValueError, match="runs must hold at least one run"):
        shares_in_plane([], [], start_of(LEANING), BORDERS)
    again = [*run[:10], *(replace(each, learning_rate=0.04) for each in run[10:])]
    with pytest.raises(ValueError, match="must share their epochs after the switch and freeze in them"):
        shares_in_plane([run, again], [2, 2], start_of(LEANING), BORDERS)
    with pytest.raises(ValueError, match="must share their epochs after the switch and freeze in them"):
        shares(LEANING, 1.0, switches=(2,), decay=1.0, epochs=6)
    with pytest.raises(ValueError, match="of their mass leaves the grid of the kernel"):
        hot = [replace(each, learning_rate=5 * each.learning_rate) for each in run]
        shares_in_plane([hot], [2], start_of(LEANING), BORDERS)
