"""Fits of mixtures: in any order and any units; and what information says is what repeated counts say."""

from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from slt_toys.protocol.arms import Observation, find_arm
from slt_toys.worlds.hypotheses import design, find_hypothesis
from slt_toys.worlds.mechanisms import MECHANISMS
from slt_toys.worlds.mixture import mixture_of
from slt_toys.worlds.share_cells import rival_shares
from tests.seeds import fresh_seed
from tests.worlds.made_counts import FEW, made_up

THERMAL = np.array([-2.73, 3.19, 1.44, 1.45])


@pytest.fixture(scope="module")
def made():
    """Cells, and their thermal shares by the two-state law."""
    cells = made_up(0.5, 100, 0, arms=FEW, losses=0.5 * 0.97 ** np.tile(np.arange(0, 101, 10), len(FEW)))
    return cells, find_hypothesis("temperature").predict(THERMAL, design(cells))


def counted(cells, shares, seed) -> list[Observation]:
    random = np.random.default_rng(seed)
    return [replace(each, stuck=int(random.binomial(each.runs, p))) for each, p in zip(cells, shares, strict=True)]


@pytest.mark.parametrize("form", ["known", "two-state law"])
def test_results_depend_on_no_order_and_no_unit(made, form):
    cells, thermal = made
    mixed = 0.7 * thermal + 0.3 * rival_shares(cells, thermal, "flow time left")
    counts = counted(cells, mixed, fresh_seed())
    mixture = mixture_of(counts, thermal if form == "known" else None)
    fit = mixture.fit()
    shares, value = mixture.shares(fit), fit.log_likelihood
    turned = np.random.default_rng(0).permutation(len(counts))
    other = mixture_of([replace(counts[at], arm="x") for at in turned], thermal[turned] if form == "known" else None)
    fit = other.fit()
    assert (other.shares(fit) == shares).all() and fit.log_likelihood == value
    scaled = [
        replace(
            each, deficit_loss=7.0 * each.deficit_loss,
            schedule=replace(
                each.schedule, temperatures=7 * each.schedule.temperatures, durations=each.schedule.durations * 0.3
            ),
        )
        for each in counts
    ]  # fmt: skip
    unit = mixture_of(scaled, thermal if form == "known" else None)
    fit = unit.fit()
    assert fit.log_likelihood == pytest.approx(value, abs=1e-3)
    assert unit.shares(fit) == pytest.approx(shares, abs=0.01)


def test_a_held_share_is_held(made):
    cells, thermal = made
    mixture = mixture_of(counted(cells, thermal, 1), thermal)
    best = mixture.fit()
    for names, value in ((["temperature"], 0.6), (["flow time left", "none"], 0.25), (["none"], 0.0)):
        fit = mixture.fit(held=(names, value))
        told = dict(zip(MECHANISMS, mixture.shares(fit), strict=True))
        assert sum(told[name] for name in names) == pytest.approx(value, abs=1e-9)
        assert fit.log_likelihood <= best.log_likelihood + 1e-4
    with pytest.raises(ValueError, match="must be some, not all"):
        mixture.fit(["none"], held=(["none"], 0.5))
    with pytest.raises(ValueError, match="known must hold one share for each"):
        mixture_of(cells, thermal[:3])


@pytest.mark.parametrize("share", [1.0, 0.8, 0.5])
def test_information_has_no_bias_and_the_right_error(made, share):
    """At the boundary as well: over many sets of counts, (estimate - share) / error has mean 0 and variance 1."""
    cells, thermal = made
    mixed = share * thermal + (1 - share) * rival_shares(cells, thermal, "flow time spent")
    mixture, random, sets, told = mixture_of(cells, thermal), np.random.default_rng(fresh_seed()), 200, []
    order = [next(at for at, each in enumerate(cells) if each is other) for other in mixture.cells.observations]
    for _ in range(sets):
        again = mixture.with_counts(random.binomial(100, mixed[order]).astype(float))
        estimate, error = again.information(again.fit())
        told.append((estimate - share) / error)
    assert abs(np.mean(told)) < 5 / np.sqrt(sets) and abs(np.var(told) - 1) < 5 * np.sqrt(2 / sets)


@pytest.mark.parametrize("mechanism", ["loss threshold", "none"])
def test_shares_of_others_have_no_bias_either(made, mechanism):
    """In a mixture with temperature alone, where both are told; that of none is what all others leave."""
    cells, thermal = made
    mixed = 0.7 * thermal + 0.3 * rival_shares(cells, thermal, "none")
    mixture, random, sets, told = mixture_of(cells, thermal), np.random.default_rng(fresh_seed()), 200, []
    order = [next(at for at, each in enumerate(cells) if each is other) for other in mixture.cells.observations]
    truth, among = 0.3 if mechanism == "none" else 0.0, ("temperature", "none", mechanism)
    for _ in range(sets):
        again = mixture.with_counts(random.binomial(100, mixed[order]).astype(float))
        estimate, error = again.information(again.fit(among), mechanism, among)
        told.append((estimate - truth) / error)
    assert abs(np.mean(told)) < 5 / np.sqrt(sets) and abs(np.var(told) - 1) < 5 * np.sqrt(2 / sets)


def test_there_is_no_information_where_arms_confound():
    """Temperature as a function of flow time left alone: shares that are one of its ramps, in any number of runs."""
    cells = made_up(0.5, 10**6, 0, arms=[find_arm("control"), find_arm("halve the batch")])
    left = design(cells).log_flow_left
    inside = 0.2 + 0.6 * np.clip((left.max() - left) / np.ptp(left), 0, 1)
    mixture = mixture_of(cells, inside)  # linear in ln(flow time left), as between any knots
    assert mixture.information(mixture.fit()) == (pytest.approx(float("nan"), nan_ok=True), float("inf"))
    more = made_up(0.5, 10**4, 0, arms=FEW, switches=range(0, 101, 5))  # the negative control, in arms that do not
    told = mixture_of(more, find_hypothesis("temperature").predict(THERMAL, design(more)))
    assert told.information(told.fit())[1] < 0.05
