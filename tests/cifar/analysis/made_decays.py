"""Pairs of sweeps at two decays, on the grids of the presets, in which a clock that is known decides."""

from __future__ import annotations

from dataclasses import replace

import numpy as np

from cifar.analysis.analysis import analyse
from cifar.analysis.clocks import Sweep
from cifar.analysis.curves import Row
from cifar.study.presets import STUDY, STUDY_DECAY, Study

RATE = 0.05
MIDDLES = {128: 27.0, 32: 46.0}  # epochs of the first sweep where half of the decline is done
CLOCKS = ("learning_rate", "epoch", "flow_time_left", "flow_time_spent")


def same_clock(clock: str, epoch: float, decay: float, other: float, tails: tuple[int, int]) -> float:
    """The epoch at the other decay at which a clock shows what it shows at this epoch, by closed forms."""
    if clock == "epoch":
        return epoch
    if clock == "learning_rate":
        return epoch * np.log(decay) / np.log(other)
    if clock == "flow_time_spent":
        share = (1 - decay**epoch) * (1 - other) / (1 - decay)
        return float(np.log(1 - share) / np.log(other)) if share < 1 else np.inf
    cooled = 5
    left = [
        sum(each**step * 0.4 ** max(0, step - (tail - cooled - 1)) for step in range(tail))
        for each, tail in ((decay, tails[0]), (other, tails[1]))
    ]
    return float((epoch * np.log(decay) + np.log(left[0] / left[1])) / np.log(other))


def accuracy(size: int, epoch: float) -> float:
    """Percent, by the epoch of the first sweep: flat, then a fall of eight points over some thirty epochs."""
    return 76 - 8 / (1 + np.exp(-(epoch - MIDDLES[size]) / 5))


def made(study: Study, clock: str, *, noise: float, seeds: int, generator, shift: float = 0.0) -> Sweep:
    """The runs of a study whose accuracies follow the clock; ``shift`` moves whole curves of seeds, in epochs."""
    rows, decay, tails = [], study.stage.decay, (study.further_epochs, STUDY.further_epochs)
    moves = shift * generator.standard_normal(seeds)
    for run in replace(study, seeds=seeds).runs("made"):
        if (run.arm, run.deficit) != ("base", "blur"):
            continue
        at = same_clock(clock, run.switch_epoch, decay, STUDY.stage.decay, tails) if run.switch_epoch else 0.0
        value = accuracy(run.batch_size, min(at, 1e3) - moves[run.seed]) + noise * generator.standard_normal()
        rows.append(Row(run, {"test_accuracy": value / 100, "train_accuracy": 0.9}, {}, True))
    findings = analyse(rows, deficit="blur", decay=decay, learning_rate=RATE, momentum=0.9, examples=10_000)
    return Sweep(rows, findings)


def pair(clock: str, *, noise: float, seeds: tuple[int, int], generator, shift: float = 0.0) -> tuple[Sweep, Sweep]:
    """The study and the one whose learning rates fall faster."""
    first = made(STUDY, clock, noise=noise, seeds=seeds[0], generator=generator, shift=shift)
    return first, made(STUDY_DECAY, clock, noise=noise, seeds=seeds[1], generator=generator, shift=shift)
