"""How many of the runs temperature decides: the toys' verdict in shares, asked of networks.

A run ends stuck if its final clean test accuracy is below a level. Where runs end in two states any level between them
counts the same; where the accuracy of all runs falls by and by, counts follow the level, and a verdict that is not the
same at every level is none.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

import numpy as np
from scipy.stats import binomtest

from cifar.analysis.analysis import Findings
from cifar.analysis.curves import FloatArray, Row
from cifar.study.arms import Run
from slt_toys.fits.collapse import TAIL_ROWS
from slt_toys.protocol.arms import Observation
from slt_toys.protocol.schedule import Schedule
from slt_toys.protocol.training import Training
from slt_toys.results.claims import Claim, Table, Verdict, spoken
from slt_toys.worlds.shares import CANNOT_TELL, DRAWS, NONE_OF_THESE, TEMPERATURE, ShareVerdict, judge_shares

LEVELS = 0.25, 0.5, 0.75  # of the way from where late switches end to where no deficit does
LEAST_RUNS, LEAST_CELLS = 8, 12  # of a cell, of a verdict; with fewer nothing would be told
CLEAR = 3.0  # standard deviations of runs without a deficit, by which the highest level lies below them
EMPTY, FULL = 0.1, 0.9  # shares of stuck runs between which a cell is in transition
FEW, MANY = 0.1, 0.5  # of its runs that end between the levels: two states leave few, one that moves leaves many
ONE_VARIANCE, MEASURED = "one variance", "measured noise"


@dataclass(frozen=True)
class Judged:
    """A verdict with the level by which runs were counted as stuck, in percent, and the noise that was supposed."""

    level: float
    noise: str
    stuck: int
    runs: int
    verdict: ShareVerdict


@dataclass(frozen=True)
class Between:
    """How many of a batch size's runs in transition end between the outer levels."""

    batch_size: int
    count: int
    runs: int

    @property
    def reading(self) -> str:
        """Whether these runs end in two states, in one that moves, or nobody can tell, by Wilson's 95 % interval."""
        if not self.runs:
            return CANNOT_TELL
        low, high = binomtest(self.count, self.runs).proportion_ci(0.95, method="wilson")
        return "two states" if high < FEW else "one that moves" if low > MANY else CANNOT_TELL


def levels(finished: Sequence[Row], findings: Findings) -> tuple[float, ...]:
    """Accuracies, in percent, below which a run counts as stuck.

    On the way from where late switches end, at the batch size that loses most, up to where no deficit does. None where
    runs without a deficit scatter too widely for a level to part them from stuck ones.
    """
    curves = [each for each in findings.curves.values() if len(each.values) > TAIL_ROWS and not each.switch_epochs[0]]
    if not curves:
        return ()
    top = float(np.mean([each.values[0] for each in curves]))
    bottom = min(float(each.values[-TAIL_ROWS:].mean()) for each in curves)
    begun = [row for row in finished if row.passed and not row.run.switch_epoch]
    values = [np.array([row.accuracy for row in begun if row.run.curve == each.name]) for each in curves]
    # by the median, which one run that is stuck all the same does not move
    scatter = max(1.4826 * float(np.median(np.abs(each - np.median(each)))) for each in values)
    if (1 - LEVELS[-1]) * (top - bottom) <= CLEAR * scatter:
        return ()
    return tuple(bottom + part * (top - bottom) for part in LEVELS)


def cells(finished: Sequence[Row], deficit: str) -> dict[tuple[str, int, int], list[Row]]:
    """Runs that passed the gate, by arm, batch size and switch epoch, where they are enough.

    Of arms that begin with the deficit; no deficit at all is the base arm's switch at epoch 0.
    """
    found: dict[tuple[str, int, int], list[Row]] = {}
    for row in finished:
        first = [part.deficit == deficit for part in row.run.stages]
        of_base = row.run.arm == "base" and row.run.switch_epoch == 0
        if row.passed and row.run.deficit == deficit and (of_base or (first[0] and not any(first[1:]))):
            found.setdefault((row.run.arm, row.run.batch_size, row.run.switch_epoch), []).append(row)
    return {name: own for name, own in found.items() if len(own) >= LEAST_RUNS}


def schedule_of(run: Run, examples: int, traces: Mapping[int, float] | None) -> Schedule:
    """Temperatures and flow times of a run, by [eq:sgd-temperature].

    Parameters
    ----------
    run
        Its learning rates, batch size and momentum are read.
    examples
        Of an epoch.
    traces
        Of the covariance of per-example gradients, by epoch of the base arm, between which their logarithm is a line;
        None for one that never changes.
    """
    recipe, rates, added, before = run.recipe, [], [], 0
    for part in run.stages:
        rates += [part.rate(epoch, before) for epoch in range(before, before + part.epochs)]
        added += [part.added_noise] * part.epochs
        before += part.epochs
    spent = sum(part.epochs for part in run.stages if part.deficit != "none")
    learning, variance = np.array(rates), 1 + np.array(added)
    if traces is not None:
        at = sorted(traces)
        stretch = 2 if run.arm == "flow_time_matched" else 1  # epochs for one of the base arm
        epochs = np.arange(before) / stretch
        variance = variance * np.exp(np.interp(epochs, at, [math.log(traces[epoch]) for epoch in at]))
    whole = examples // recipe.batch_size * recipe.batch_size  # what fills no batch is left out
    one = Training(recipe.batch_size, whole, learning.__getitem__, 1.0, recipe.momentum)
    return Schedule(
        (np.arange(before) < spent).astype(float),
        variance * one.temperatures(before),
        one.durations(before),
        learning_rates=learning,
        batch_size=float(recipe.batch_size),
        momentum=recipe.momentum,
    )


def observations(
    found: Mapping[tuple[str, int, int], Sequence[Row]],
    level: float,
    examples: int,
    classes: int,
    noise: Mapping[int, Mapping[int, float]] | None = None,
) -> list[Observation]:
    """Counts of stuck runs, each with its schedule; ``noise`` by batch size and epoch, or one variance for all."""
    seen = []
    for (arm, size, switch), own in found.items():
        run = own[0].run
        losses = [row.at_switch["deficit_train_loss"] for row in own if "deficit_train_loss" in row.at_switch]
        loss = float(np.mean(losses)) if losses else math.log(classes)  # before any training: as good as a guess
        traces = None if noise is None else noise[size]
        stuck = sum(row.accuracy < level for row in own)
        name = f"{spoken(arm)}, B = {size}"
        seen.append(Observation(name, switch, len(own), stuck, loss, schedule_of(run, examples, traces)))
    return seen


def judge(
    finished: Sequence[Row],
    findings: Findings,
    noise: Mapping[int, Mapping[int, float]],
    *,
    examples: int,
    classes: int = 10,
    draws: int = DRAWS,
) -> list[Judged]:
    """The verdict at each level, with noise as measured and with one variance; none where there are too few runs."""
    found, judged = cells(finished, findings.deficit), []
    known = all(len(noise.get(size, {})) > 1 for _, size, _ in found)
    for level in levels(finished, findings) if len(found) >= LEAST_CELLS else ():
        for supposed in (MEASURED, ONE_VARIANCE) if known else (ONE_VARIANCE,):
            seen = observations(found, level, examples, classes, noise if supposed == MEASURED else None)
            stuck, runs = sum(each.stuck for each in seen), sum(each.runs for each in seen)
            verdict = judge_shares(seen, draws=draws)
            judged.append(Judged(level, supposed, stuck, runs, verdict))
    return judged


def between(finished: Sequence[Row], findings: Findings) -> list[Between]:
    """Of every batch size, the runs of cells in which some end stuck and some do not."""
    bounds, counted = levels(finished, findings), {size: Between(size, 0, 0) for size in findings.curves}
    if not bounds:
        return []
    low, middle, high = bounds
    for (_, size, _), own in cells(finished, findings.deficit).items():
        values = np.array([row.accuracy for row in own])
        if size in counted and _in_transition(values, low, middle, high):
            inside = int(((values > low) & (values < high)).sum())
            counted[size] = Between(size, counted[size].count + inside, counted[size].runs + len(values))
    return list(counted.values())


def _in_transition(values: FloatArray, low: float, middle: float, high: float) -> bool:
    """Whether the mean lies between the outer levels: some of two states, or one on its way."""
    return bool(low < values.mean() < high) or EMPTY < float((values < middle).mean()) < FULL


def share_claim(judged: Sequence[Judged]) -> Claim:
    """Temperature's share, from the least to the largest of its intervals, and whether temperature alone will do."""
    shares = [each.verdict.share(TEMPERATURE) for each in judged]
    middle = next(each for each in judged if each.level == judged[len(judged) // 2].level)
    value = middle.verdict.share(TEMPERATURE).estimate
    low, high = min(each.low for each in shares), max(each.high for each in shares)
    outcomes = {each.verdict.outcome for each in judged}
    refused = sum(each.verdict.refused for each in judged)
    alone = outcomes == {TEMPERATURE}
    verdict: Verdict = "no" if refused == len(judged) else "yes" if alone else CANNOT_TELL  # type: ignore[assignment]
    told = f"{len(outcomes)} verdicts"
    if len(outcomes) == 1:
        told = outcomes.pop() if outcomes <= {TEMPERATURE, NONE_OF_THESE, CANNOT_TELL} else "a mixture"
    sentence = (
        f"Temperature decides {value:.2f} [{low:.2f}, {high:.2f}] of the runs; alone it is refused in {refused} of "
        f"{len(judged)} ways of counting; told: {told}."
    )
    return Claim.of("shares", sentence, value, (low, high), 1.0, verdict)


def share_tables(judged: Sequence[Judged], spread: Sequence[Between]) -> list[Table]:
    """The verdicts, and in what runs end."""
    rows = tuple(
        (
            f"{each.level:.1f}",
            each.noise,
            f"{each.stuck} of {each.runs}",
            each.verdict.outcome,
            "yes" if each.verdict.refused else "no",
            f"{each.verdict.p_value:.2g}",
            *(
                f"{share.estimate:.2f} [{share.low:.2f}, {share.high:.2f}]"
                for share in sorted(each.verdict.shares, key=lambda share: share.mechanism != TEMPERATURE)
            ),
        )
        for each in judged
    )
    names = sorted((share.mechanism for share in judged[0].verdict.shares), key=lambda name: name != TEMPERATURE)
    headings = ("stuck below, %", "temperature from", "stuck", "verdict", "temperature alone refused",
                "p of the best mixture", *names)  # fmt: skip
    caption = (
        "Share of the runs that each mechanism decides, as the toys are asked ([eq:mixture-of-mechanisms]), with 95 % "
        "intervals. A run is stuck if its final accuracy is below a level: a quarter, half and three quarters of the "
        "way up from the lowest late switches. Arms that begin with the deficit count. Noise was measured under the "
        "deficit and is taken to go on so. Minibatches are drawn without replacement, and the temperature is the law's "
        "for drawing with it. None of these: no mixture fits the counts, and shares say little."
    )
    tables = [Table("shares", caption, headings, rows)]
    known = [(str(each.batch_size), f"{each.count} of {each.runs}", each.reading) for each in spread if each.runs]
    if known:
        caption = (
            "In what runs end. Of the runs in transition, where the mean of a cell lies between the outer levels or "
            "some runs are stuck and some are not, how many end between the outer levels. Two phases leave few "
            f"(below {100 * FEW:.0f} %); more than half between says that the accuracy of all runs moves, and then "
            "counts of stuck runs follow the level."
        )
        tables.append(Table("two_states", caption, ("batch size", "between the levels", "ends in"), tuple(known)))
    return tables
