"""The verdict in shares of networks whose mechanism is known, on the design of preset minutes."""

from __future__ import annotations

import itertools
import math
from dataclasses import dataclass, replace
from typing import Any, cast

import numpy as np
import pytest
from scipy.special import expit

from cifar.analysis.claims import claims
from cifar.analysis.curves import Row
from cifar.analysis.shares import (
    LEAST_RUNS,
    MEASURED,
    ONE_VARIANCE,
    Between,
    Judged,
    between,
    cells,
    judge,
    levels,
    observations,
    schedule_of,
    share_claim,
    share_tables,
)
from cifar.study.arms import Protocol, make_run
from cifar.study.presets import PRESETS
from cifar.study.stages import Recipe, Stage
from slt_toys.protocol.schedule import Schedule
from slt_toys.worlds.hypotheses import HYPOTHESES, design
from slt_toys.worlds.shares import Share
from tests.cifar.analysis.made_by_hand import findings, row
from tests.seeds import fresh_generator

STUDY = PRESETS["minutes"]
EXAMPLES = 1024
HIGH, LOW = 98.0, 50.0  # accuracies of the two states
NOISE = {size: {epoch: 10.0 + size / 10 for epoch in (6, 18, 30, 54)} for size in STUDY.batch_sizes}


def made(chance, *, graded: bool = False) -> list[Row]:
    """Runs of the design that end stuck by chance(schedule), or where accuracy is graded, all of a cell alike."""
    random, found, known = fresh_generator(), [], {}
    for run in STUDY.runs("made"):
        if run.deficit != "blur":
            continue
        if run.columns[:3] + run.columns[4:] not in known:
            known[run.columns[:3] + run.columns[4:]] = chance(schedule_of(run, EXAMPLES, None))
        share = known[run.columns[:3] + run.columns[4:]]
        stuck = share if graded else float(random.random() < share)
        accuracy = HIGH - (HIGH - LOW) * stuck + random.normal(0, 0.5)
        final = {"test_accuracy": accuracy / 100, "train_accuracy": accuracy / 100}
        loss = {"deficit_train_loss": 0.8 + math.exp(-run.switch_epoch / 5)} if run.switch_epoch else {}
        found.append(Row(run, final, loss, True))
    return found


def spent(schedule: Schedule) -> float:
    """Thresholds of flow time under the deficit."""
    return float(expit(8 * math.log(schedule.flow_time_spent / 120))) if schedule.flow_time_spent else 0.0


def thermal(rows: list[Row]) -> dict:
    """Stuck shares by the two-state law at one variance, by cell, where late switches alone stick."""
    found = cells(rows, "blur")
    seen = observations(found, 75.0, EXAMPLES, 10)
    law = next(each for each in HYPOTHESES if each.name == "temperature")
    given = design(seen)
    begun = np.array([switch == 0 for _, _, switch in found])
    for attempts, barrier in itertools.product(range(-4, 9), range(9)):
        shares = law.predict(np.array([attempts, barrier, 6.0, 6.0], dtype=float), given)
        if shares[begun].max() < 0.01 and shares.max() > 0.9 and 0.2 < shares.mean() < 0.7:
            return dict(zip(found, shares, strict=True))
    raise AssertionError("no parameters of the law give both kinds of runs")


def verdicts(rows: list[Row], noise=None):
    return judge(rows, findings(rows), NOISE if noise is None else noise, examples=EXAMPLES, draws=20)


@pytest.mark.slow
def test_thresholds_of_flow_time_are_not_taken_for_temperature():
    judged = verdicts(made(spent))
    assert {each.noise for each in judged} == {MEASURED, ONE_VARIANCE} and len(judged) == 6
    for each in judged:
        share = each.verdict.share("temperature")
        assert share.low < 0.35, "temperature decides nothing here"
        assert each.verdict.outcome != "temperature"
    claim = share_claim(judged)
    assert claim.verdict in ("no", "cannot tell")


@pytest.mark.slow
def test_temperature_is_not_refused_where_it_decides():
    rows = made(lambda schedule: 0.5)
    shares = thermal(rows)
    drawn = made(lambda schedule: 0.0)
    random = fresh_generator()
    for at, each in enumerate(drawn):
        name = each.run.arm, each.run.batch_size, each.run.switch_epoch
        if name in shares:
            accuracy = (LOW if random.random() < shares[name] else HIGH) + random.normal(0, 0.5)
            drawn[at] = replace(each, final={"test_accuracy": accuracy / 100, "train_accuracy": 1.0})
    judged = [each for each in verdicts(drawn) if each.noise == ONE_VARIANCE]
    assert len(judged) == 3 and len({each.stuck for each in judged}) == 1, "two states: every level counts the same"
    assert any(each.verdict.share("temperature").high == 1 for each in judged)
    assert not all(each.verdict.p_value < 1e-3 for each in judged), "the law that made them fits"
    assert all(each.verdict.pure_ratio.p_value > 1e-3 for each in judged), "temperature alone will do"


def test_accuracies_that_move_together_are_not_two_states():
    rows = made(spent, graded=True)
    counted = [each for each in between(rows, findings(rows)) if each.runs]
    assert counted and all(each.reading == "one that moves" for each in counted)
    found, at = cells(rows, "blur"), levels(rows, findings(rows))
    stuck = {sum(each.stuck for each in observations(found, level, EXAMPLES, 10)) for level in at}
    assert len(stuck) > 1, "counts follow the level"
    rows = made(spent)
    counted = [each for each in between(rows, findings(rows)) if each.runs]
    assert counted and {each.reading for each in counted} <= {"two states", "cannot tell"}
    assert "two states" in {each.reading for each in counted}, "the control: two states are seen"


@pytest.mark.slow
def test_temperature_is_not_said_where_accuracies_move_together():
    assert share_claim(verdicts(made(spent, graded=True))).verdict != "yes"


@pytest.mark.parametrize(("count", "runs", "reading"), [
    (0, 60, "two states"), (1, 20, "cannot tell"), (40, 50, "one that moves"), (25, 50, "cannot tell"),
    (0, 0, "cannot tell"),
])  # fmt: skip
def test_readings(count, runs, reading):
    assert Between(64, count, runs).reading == reading


@pytest.mark.slow
def test_neither_units_of_noise_nor_the_order_of_runs_change_a_verdict():
    rows = made(spent)
    first = verdicts(rows)
    scaled = {size: {epoch: 1e6 * trace for epoch, trace in each.items()} for size, each in NOISE.items()}
    for one, two in zip(first, verdicts(rows[::-1], scaled), strict=True):
        assert one.verdict.outcome == two.verdict.outcome
        assert one.level == pytest.approx(two.level) and one.stuck == two.stuck
        for share, same in zip(one.verdict.shares, two.verdict.shares, strict=True):
            assert share.low == pytest.approx(same.low, abs=0.02)
            assert share.high == pytest.approx(same.high, abs=0.02)


def test_schedules_are_those_of_the_runs():
    stage = Stage(0, learning_rate=0.1, decay=0.5)
    protocol = Protocol(Recipe(batch_size=32, momentum=0.9), stage, "blur", further_epochs=3)
    base = schedule_of(make_run("base", protocol, 2), 640, None)
    rates = 0.1 * 0.5 ** np.arange(5)
    assert base.deficit_weights.tolist() == [1, 1, 0, 0, 0] and base.switch_epoch == 2
    assert base.temperatures == pytest.approx(rates / (2 * 32 * 0.1))
    assert base.durations == pytest.approx(rates * 20 / 0.1)
    reset = schedule_of(make_run("reset", protocol, 2), 640, None)
    assert reset.temperatures[2:] == pytest.approx(base.temperatures[:3])
    noisy = schedule_of(make_run("added_noise", protocol, 2), 640, None)
    assert noisy.temperatures == pytest.approx(2 * base.temperatures) and noisy.durations == pytest.approx(
        base.durations
    )
    matched = schedule_of(make_run("flow_time_matched", protocol, 2), 640, None)
    assert matched.batch_size == 64 and matched.switch_epoch == 4 and len(matched.durations) == 10
    assert matched.flow_time_left == pytest.approx(base.flow_time_left, rel=0.2)
    measured = schedule_of(make_run("base", protocol, 2), 640, {0: 1.0, 4: 16.0})
    assert measured.temperatures == pytest.approx(base.temperatures * 2.0 ** np.arange(5))
    slower = schedule_of(make_run("flow_time_matched", protocol, 2), 640, {0: 1.0, 4: 16.0})
    assert slower.temperatures[:9:2] == pytest.approx(matched.temperatures[:9:2] * 2.0 ** np.arange(5))


def test_only_arms_that_begin_with_the_deficit_count_and_only_runs_that_passed():
    rows = [
        row(90.0, arm=arm, deficit=deficit, seed=seed, switch=switch, passed=passed)
        for arm, deficit, switch, passed in (
            ("base", "blur", 0, True), ("base", "blur", 2, True), ("reset", "blur", 2, True),
            ("base", "blur", 4, False),
            ("fresh", "blur", 2, True), ("clean", "blur", 2, True), ("window", "blur", 2, True),
            ("base", "vertical_flip", 2, True),
        )
        for seed in range(LEAST_RUNS)
    ]  # fmt: skip
    assert set(cells(rows, "blur")) == {("base", 64, 0), ("base", 64, 2), ("reset", 64, 2)}
    assert not cells([each for each in rows if each.run.seed], "blur"), "one run too few"


def test_nothing_is_said_of_few_seeds_or_where_nothing_declines():
    rows = made(spent)
    few = [each for each in rows if each.run.seed < LEAST_RUNS - 1]
    assert levels(few, findings(few)) and verdicts(few) == []
    flat = [
        replace(
            each,
            final={
                "test_accuracy": (0.001 * (each.run.seed - each.run.switch_epoch) + 90) / 100,
                "train_accuracy": 1.0,
            },
        )
        for each in rows
    ]
    assert levels(flat, findings(flat)) == () and verdicts(flat) == [] and between(flat, findings(flat)) == []


def judged_as(outcomes: list[str], refused: list[bool]) -> list[Judged]:
    shares = tuple(Share(name, 0.5, 0.1, 0.9, 0.2, "region") for name in ("none", "temperature"))
    return [
        Judged(level, MEASURED, 3, 9, cast(Any, Told(shares, outcome, wrong)))
        for level, outcome, wrong in zip((60.0, 70.0, 80.0), outcomes, refused, strict=True)
    ]


@dataclass(frozen=True)
class Told:
    """What the claim and the tables read of a verdict."""

    shares: tuple[Share, ...]
    outcome: str
    refused: bool
    p_value: float = 0.5

    def share(self, mechanism: str) -> Share:
        return next(each for each in self.shares if each.mechanism == mechanism)


@pytest.mark.parametrize(("outcomes", "refused", "verdict", "told"), [
    (["temperature"] * 3, [False] * 3, "yes", "temperature"),
    (["temperature", "temperature", "cannot tell"], [False] * 3, "cannot tell", "2 verdicts"),
    (["none of these"] * 3, [True] * 3, "no", "none of these"),
    (["flow time left and flow time spent and none"] * 3, [True, True, False], "cannot tell", "a mixture"),
])  # fmt: skip
def test_the_claim(outcomes, refused, verdict, told):
    claim = share_claim(judged_as(outcomes, refused))
    assert claim.verdict == verdict and claim.sentence.endswith(f"told: {told}.") and claim.value == 0.5
    assert claim.expected == 1.0 and len(claim.sentence.split()) <= 25


def test_the_claim_takes_the_place_of_one_definition_and_tables_tell_each_count():
    rows = made(spent)
    told, judged = findings(rows), judged_as(["none of these"] * 3, [True] * 3)
    said = [each.name for each in claims(told, 9.55, None, [share_claim(judged)])]
    without = [each.name for each in claims(told, 9.55, None)]
    assert "shares" in said and sum(name.startswith("shift") for name in said) <= 1
    assert set(without) - set(said) <= {"shift-half-depth", "shift-hinge"}
    verdict, states = share_tables(judged, between(rows, told))
    assert len(verdict.rows) == 3 and all(len(each) == len(verdict.headings) for each in verdict.rows)
    assert verdict.headings[6] == "temperature" and states.rows
