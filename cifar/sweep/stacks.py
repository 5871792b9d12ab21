"""A sweep on curves that are drawn anew in every epoch: the units of some seeds in one stack, in numpy alone.

A stack is all units of one batch size and a few seeds, done together by one worker within seconds. It keeps its states
in memory; one that is interrupted is done again, to the same numbers, for no unit depends on what is beside it.
"""

from __future__ import annotations

import hashlib
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np

from cifar.data.textures import TEST, TRAIN, FloatArray, Labels, Textures
from cifar.study.presets import Study
from cifar.study.stages import EpochRecord, stage_of
from cifar.sweep.plan import Unit, name_of, plan
from cifar.sweep.store import Measurements, Store, TimedEpoch
from cifar.sweep.workers import Options, Workers
from cifar.training.stacked import Stack, evaluate, gradient_sizes, norms, train_epoch
from slt_toys.inputs.processors import usable_processors
from slt_toys.results.manifest import code_version
from slt_toys.results.progress import progress
from slt_toys.sweep import carrying_out
from slt_toys.sweep.tasks import Failed, Pool, Returned, closing_at_once

WIDTH, DEPTH = 64, 3  # of the hidden layers
SEEDS_TOGETHER = 4
RUNS_TOGETHER = 24  # so that their weights stay near the processor
OVERHEAD = 1.3  # of drawing, measuring, trunks that are short stacks, and processes that share a machine
LINES = 15.0  # seconds between two lines of progress where there is no terminal
_MEASURED = 3  # what a generator is for; see cifar.data.textures


@dataclass(frozen=True)
class Examples:
    """What a sweep draws: the task, the examples of an epoch, and the test examples."""

    task: Textures
    train: int
    test: int

    @property
    def checksum(self) -> str:
        """Of all that the examples depend on, but for seed and epoch; for `cifar.study.stages.Recipe.data`."""
        return hashlib.sha256(f"{self.task.checksum} {self.train} {self.test}".encode()).hexdigest()


CURVES = "shapes and textures (drawn)"  # what captions call the data


def examples_of(study: Study) -> Examples:
    """What a study on curves draws."""
    return Examples(Textures(), study.train_images or 0, study.test_images or 0)


@dataclass(frozen=True)
class DoneUnit:
    """What a unit gives."""

    key: str
    epochs: tuple[TimedEpoch, ...]
    measurements: Measurements


def layer_sizes(task: Textures, width: int | None, depth: int | None) -> list[int]:
    """Of what goes in, of each hidden layer, of what comes out."""
    return [task.points, *[width or WIDTH] * (depth or DEPTH), task.classes]


def stacks_of(units: Sequence[Unit], seeds: int = SEEDS_TOGETHER) -> dict[str, list[Unit]]:
    """Units by batch size and block of seeds, parents before their children; each stack has all that it needs."""
    stacks: dict[str, list[Unit]] = {}
    for unit in units:
        name = f"batch size {unit.recipe.batch_size}, seeds from {unit.recipe.seed // seeds * seeds}"
        stacks.setdefault(name, []).append(unit)
    return stacks


def do_stack(units: Sequence[Unit], examples: Examples) -> list[DoneUnit]:
    """Do all units of a stack.

    Raises
    ------
    ValueError
        If a loss is no longer finite.
    """
    curves = _Curves(examples)
    states: dict[str, Stack] = {}
    waiting, done = list(units), []
    while waiting:
        ready = [unit for unit in waiting if unit.parent is None or unit.parent in states]
        # trunks first: then all branches of one length can be done together
        trunks = [unit for unit in ready if not unit.branch] or ready
        together = [unit for unit in trunks if unit.epochs == trunks[0].epochs][:RUNS_TOGETHER]
        recipe = together[0].recipe
        layers = layer_sizes(examples.task, recipe.width, recipe.depth)
        begun = [
            Stack.fresh([unit.recipe.seed], layers) if unit.parent is None else states[unit.parent] for unit in together
        ]
        stack = Stack.joined(begun)
        epochs = _train(stack, together, curves)
        measured = _measure(stack, together, curves)
        for number, unit in enumerate(together):
            states[unit.key] = stack.run(number)
            done.append(DoneUnit(unit.key, epochs[number], measured[number]))
        finished = {unit.key for unit in together}
        waiting = [unit for unit in waiting if unit.key not in finished]
    return done


class _Curves:
    """What is drawn in an epoch, once for all runs of a seed."""

    def __init__(self, examples: Examples) -> None:
        self.examples, self.task = examples, examples.task
        self._drawn: dict[tuple[int, int], tuple[FloatArray, Labels]] = {}
        self._under = {}
        self.test = self.task.draw(0, TEST, 0, examples.test)

    def epoch(self, seed: int, epoch: int, deficit: str) -> tuple[FloatArray, Labels]:
        if (seed, epoch) not in self._drawn:
            self._drawn[seed, epoch] = self.task.draw(seed, TRAIN, epoch, self.examples.train)
        curves, labels = self._drawn[seed, epoch]
        return (curves if deficit == "none" else curves @ self.under(deficit)), labels

    def under(self, deficit: str) -> FloatArray:
        if deficit not in self._under:
            self._under[deficit] = self.task.under(deficit)
        return self._under[deficit]


def _train(stack: Stack, units: Sequence[Unit], curves: _Curves) -> list[tuple[TimedEpoch, ...]]:
    """Train units of one length; the epochs of each."""
    rows: list[list[TimedEpoch]] = [[] for _ in units]
    recipe = units[0].recipe
    for number in range(units[0].epochs):
        begun = time.monotonic()
        stages = [stage_of(unit.stages, unit.begin + number) for unit in units]
        drawn = [
            curves.epoch(unit.recipe.seed, unit.begin + number, stage.deficit)
            for unit, (stage, _) in zip(units, stages, strict=True)
        ]
        rates = [stage.rate(unit.begin + number, begin) for unit, (stage, begin) in zip(units, stages, strict=True)]
        weights = None
        if any(stage.added_noise for stage, _ in stages):
            weights = np.stack([
                curves.task.example_weights(
                    unit.recipe.seed, unit.begin + number, curves.examples.train, stage.added_noise
                )
                for unit, (stage, _) in zip(units, stages, strict=True)
            ])  # fmt: skip
        loss, right = train_epoch(
            stack, *_stacked(drawn), batch_size=recipe.batch_size,
            rates=np.array(rates), momentum=recipe.momentum, weights=weights,
            weight_decays=np.array([stage.weight_decay for stage, _ in stages]),
        )  # fmt: skip
        if not np.isfinite(loss).all():
            unit = units[int(np.flatnonzero(~np.isfinite(loss))[0])]
            raise ValueError(
                f"learning_rate: the loss is no longer finite in epoch {unit.begin + number} of seed "
                f"{unit.recipe.seed}; give a smaller learning rate"
            )
        seconds = (time.monotonic() - begun) / len(units)
        for row, unit, rate, one, share in zip(rows, units, rates, loss, right, strict=True):
            row.append((EpochRecord(unit.begin + number, rate, float(one), float(share)), seconds))
    return [tuple(row) for row in rows]


def _stacked(drawn: Sequence[tuple[FloatArray, Labels]]) -> tuple[FloatArray, Labels]:
    return np.stack([curves for curves, _ in drawn]), np.stack([labels for _, labels in drawn])


def _measure(stack: Stack, units: Sequence[Unit], curves: _Curves) -> list[Measurements]:
    """What `cifar.training.measurements.measure` gives, as far as there is any of it; on the next epoch's examples."""
    names: list[dict[str, tuple[float, float | None]]] = [{} for _ in units]
    deficits = [next((part.deficit for part in unit.stages[::-1] if part.deficit != "none"), None) for unit in units]

    def note(name: str, examples: Callable[[Unit, str], tuple[FloatArray, Labels]], under: Sequence[str | None]):
        drawn = [examples(unit, deficit or "none") for unit, deficit in zip(units, under, strict=True)]
        loss, accuracy = evaluate(stack, *_stacked(drawn))
        for row, deficit, one, share in zip(names, under, loss, accuracy, strict=True):
            if deficit is not None:
                count = len(drawn[0][1])
                row[f"{name}_loss"] = float(one), None
                row[f"{name}_accuracy"] = float(share), float((share * (1 - share) / count) ** 0.5)

    def train(unit: Unit, deficit: str) -> tuple[FloatArray, Labels]:
        return curves.epoch(unit.recipe.seed, unit.end, deficit)

    def test(_: Unit, deficit: str) -> tuple[FloatArray, Labels]:
        return (curves.test[0] @ curves.under(deficit) if deficit != "none" else curves.test[0]), curves.test[1]

    clean = ["none"] * len(units)
    for name, examples, under in (
        ("deficit_train", train, deficits), ("deficit_test", test, deficits), ("train", train, clean),
        ("test", test, clean),
    ):  # fmt: skip
        if any(each is not None for each in under):
            note(name, examples, under)
    present = [train(unit, unit.stages[-1].deficit) for unit in units]
    random = [np.random.default_rng([unit.recipe.seed, _MEASURED, unit.end]) for unit in units]
    values = gradient_sizes(stack, *_stacked(present), random)
    values |= norms(stack, curves.task.unseen("blur"))
    for name, each in values.items():
        for row, value in zip(names, each, strict=True):
            row[name] = float(value), None
    return list(names)


def run_stacks(store: Store, examples: Examples, workers: Workers, pool: Callable[[], Pool] | None = None) -> None:
    """Do all that is left of a sweep on curves.

    Parameters
    ----------
    store
        Open for writing, and for nobody else.
    examples
        Of the sweep.
    workers
        Where; as many as there are processors unless it says.
    pool
        Called for a pool in place of the workers'.

    Raises
    ------
    ValueError
        If units failed, after all others are done; the message names them.
    OSError
        In one line, if a result cannot be written.
    """
    runs = store.runs()
    units = plan(runs)
    by_key = {unit.key: unit for unit in units}
    finished, stacks = store.done(), stacks_of(units)
    done = {name for name, own in stacks.items() if all(unit.key in finished for unit in own)}
    if len(done) == len(stacks):
        return
    store.note_code(code_version())

    def orders() -> Iterator[carrying_out.Unit]:
        for name, own in stacks.items():
            yield carrying_out.Unit(name, (own, examples))

    def keep(back: Sequence[Returned | Failed]) -> None:
        for each in back:
            if isinstance(each, Failed):
                for unit in stacks[each.key]:
                    if unit.key not in finished:
                        store.fail(unit, each.reason, each.trace, lost=each.lost)
                continue
            for one in each.value:
                store.finish(by_key[one.key], one.measurements, device=device_name(), epochs=one.epochs)
            done.add(each.key)
            advance(sum(unit.epochs for unit in stacks[each.key]))

    total = sum(unit.epochs for unit in units)
    with progress(f"{len(runs)} runs (epochs)", total, lines=LINES) as advance:
        advance(sum(unit.epochs for name in done for unit in stacks[name]))
        with closing_at_once((pool or workers.pool)()) as processes:
            tally = carrying_out.carry_out(orders(), do_stack, processes, keep, done=done)
    store.settle()
    if tally.failed:
        first = tally.failed[0]
        named = next((name_of(unit, runs) for unit in stacks[first.key] if unit.key not in finished), first.key)
        raise ValueError(
            f"sweep: {len(tally.failed)} of {len(stacks)} stacks failed ({first.key}, with {named}: {first.reason}); "
            "what is done is kept, and resume tries them again"
        )


def check_options(options: object, sweep: str) -> None:
    """Refuse options of networks on images for ``sweep``, which draws curves."""
    given = [name for name in ("data", "devices", "ray", "budget_minutes") if getattr(options, name) is not None]
    given += [name for name, without in (("replicas", 1), ("compiled", False)) if getattr(options, name) != without]
    if given:
        raise ValueError(f"{given[0]}: {sweep} draws its data and runs on this machine's processors")


def stack_workers(options: Options) -> Workers:
    """Processes for stacks: as many as this process may use processors unless a number was given; one thread each."""
    return Workers(("cpu",), options.workers or usable_processors(), 1)


def device_name() -> str:
    """What stacks are done on, and with."""
    return f"CPU, numpy {np.__version__}"


def stack_seconds(study: Study, workers: int) -> float:
    """How long a study on curves takes: an epoch of a full stack is timed for each batch size."""
    task, count = Textures(), study.train_images or 1
    layers = layer_sizes(task, study.recipe.width, study.recipe.depth)
    stack = Stack.fresh([0] * RUNS_TOGETHER, layers)
    curves, labels = _stacked([task.draw(0, TRAIN, 0, count)] * RUNS_TOGETHER)
    rates = np.full(RUNS_TOGETHER, 1e-3)
    epochs = Counter[int]()
    for unit in plan(study.runs("")):
        epochs[unit.recipe.batch_size] += unit.epochs
    seconds = 0.0
    for size, number in epochs.items():
        each = []
        for _ in range(3):
            begun = time.perf_counter()
            train_epoch(stack, curves, labels, batch_size=size, rates=rates, momentum=0.9, weight_decays=rates)
            each.append(time.perf_counter() - begun)
        seconds += number * min(each) / RUNS_TOGETHER
    return OVERHEAD * seconds / workers
