"""The driver of a sweep: units to the workers, what comes back into the store; stopped and resumed at any time.

A unit is begun when its parent is done. Workers keep states; everything else the driver alone writes.
"""

from __future__ import annotations

import shutil
import time
from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import torch

from cifar.data.images import LabelledImages, load_images, read_images, write_images
from cifar.study.arms import Run
from cifar.study.measuring import Measuring
from cifar.sweep.blocks import Budget, blocks_of, epochs_left, fits_file, to_do_again
from cifar.sweep.plan import Unit, name_of, plan
from cifar.sweep.replicas import Block, Broken, do_block
from cifar.sweep.store import IMAGES, RUNNING, Store
from cifar.sweep.units import Order, Unwritable, device_kind, do_unit, progress_path, read_progress
from cifar.sweep.workers import Workers
from cifar.training.checkpoints import checkpoint_path
from slt_toys.results.manifest import code_version
from slt_toys.results.progress import progress
from slt_toys.sweep import carrying_out
from slt_toys.sweep.tasks import Failed, Pool, Returned, closing_at_once

LOOK = 1.0  # seconds between two looks at what workers tell
WAITED = 60.0  # seconds between two lines of progress where there is no terminal
NAMED = 3  # failures


def chosen_images(data: Path | None, cache: Path, train: int | None, test: int | None) -> LabelledImages:
    """The images of a sweep."""
    return load_images(data, cache).first_of_each_class(train, test)


def run_sweep(
    store: Store,
    images: LabelledImages,
    measuring: Measuring,
    workers: Workers,
    pool: Callable[[], Pool] | None = None,
    *,
    budget: Budget | None = None,
    other_device: bool = False,
) -> None:
    """Do all that is left of a sweep, or of it the blocks that fit a budget.

    Parameters
    ----------
    store
        Open for writing, and for nobody else.
    images, measuring
        Of the sweep.
    workers
        Where.
    pool
        Called for a pool in place of the workers'.
    budget
        Of time: blocks of one batch size and seed are begun only if they fit it.
    other_device
        Whether it may go on on another kind of device.

    Raises
    ------
    ValueError
        If the sweep belongs to other images or to another kind of device, or, after all others are done, if units
        failed; the message names them.
    OSError
        In one line, if a state or a result cannot be written.
    """
    recorded = store.facts().get("data")
    if recorded is not None and recorded["checksum"] != images.checksum:
        raise ValueError(f"data: the sweep in {store.folder} has other images; give the data it was started with")
    runs = store.runs()
    units = plan(runs)
    driver = _Driver(store, units, keep_states=workers.keep_states)
    if driver.whole():
        return
    if not other_device:
        check_device(store, workers)
    store.note_code(code_version())
    with progress(f"{len(runs)} runs (epochs)", driver.total, lines=WAITED) as driver.advance:
        driver.show()
        with _at_hand(store.folder, images, driver.whole), closing_at_once((pool or workers.pool)()) as processes:
            tallies = []
            for block in blocks_of(units) if budget else [units]:
                epochs = epochs_left(block, driver.done)
                if budget is not None and epochs and not (budget.fits(epochs) and driver.has_room(epochs)):
                    continue
                tallies.append(driver.carry_out(block, images.checksum, measuring, workers, processes))
                if budget is not None:
                    budget.did(epochs)
    store.settle()
    if any(tally.failed for tally in tallies):
        raise ValueError(_told(runs, units, tallies))


def check_device(store: Store, workers: Workers) -> None:
    """Refuse to go on with a sweep on a kind of device on which none of it was done; on Ray nobody knows before."""
    known = {name.split(", ")[0] for name in store.devices()}
    if not known or workers.ray is not None:
        return
    now = {device_kind(torch.device(name)) for name in workers.devices}
    if strange := sorted(now - known):
        raise ValueError(
            f"devices: what is done in {store.folder} was done on {' and '.join(sorted(known))}, and {strange[0]} "
            "gives other bits; give --other-device to go on all the same, or name another results folder"
        )


def kept_images(folder: Path, checksum: str) -> LabelledImages | None:
    """A sweep's images as a command that was stopped has left them; decoding them again can take long."""
    try:
        return read_images(folder / IMAGES, checksum)
    except (OSError, ValueError):
        return None


@contextmanager
def _at_hand(folder: Path, images: LabelledImages, whole: Callable[[], bool]) -> Iterator[None]:
    """The images in a file that every worker can read, until the sweep is whole; a folder for what workers tell."""
    try:
        (folder / RUNNING).mkdir(exist_ok=True)
        if kept_images(folder, images.checksum) is None:
            write_images(images, folder / IMAGES)
        yield
    finally:
        if whole():
            (folder / IMAGES).unlink(missing_ok=True)
        shutil.rmtree(folder / RUNNING, ignore_errors=True)


class _Driver:
    """What is done, and how far the rest has come."""

    def __init__(self, store: Store, units: Sequence[Unit], *, keep_states: bool = False) -> None:
        self.store, self.units = store, {unit.key: unit for unit in units}
        self.keep_states = keep_states
        self.waiting = Counter(unit.parent for unit in units)  # by state, how many units are to begin from it
        self.done = store.done()
        self.done -= to_do_again(units, self.done, lambda key: checkpoint_path(store.folder, key).is_file())
        self.total = store.progress(units)[1]
        self.advance: Callable[[int], None] = lambda steps: None
        self._shown = 0
        self._told: dict[str, int] = {}  # epochs of running units that are written
        self._looked = time.monotonic()
        # What was kept before, by this version or an earlier one, is not this run's to delete.
        self.waiting.subtract(self.units[key].parent for key in self.done & self.units.keys())

    def _count_off(self, unit: Unit) -> None:
        """A unit was done now: its state and its parent's go, if nothing is to begin from them."""
        self.waiting[unit.parent] -= 1
        for key in (unit.key, unit.parent):
            if key is not None and key in self.done and not self.waiting[key] and not self.keep_states:
                checkpoint_path(self.store.folder, key).unlink(missing_ok=True)

    def has_room(self, epochs: int) -> bool:
        """Whether the results file stays small enough to be carried with so many epochs more."""
        return fits_file(self.store.size(), self.store.progress(self.units.values())[0], epochs)

    def whole(self) -> bool:
        """Whether every unit is done."""
        return all(key in self.done for key in self.units)

    def carry_out(
        self, units: Sequence[Unit], checksum: str, measuring: Measuring, workers: Workers, processes: Pool
    ) -> carrying_out.Tally:
        """Do some of the units, no one of which needs another."""
        folder = self.store.folder.resolve()

        def order(unit: Unit) -> Order:
            known = self.store.known(unit)
            rest = workers.device, workers.deterministic, workers.compiled
            return Order(folder, unit, checksum, measuring, known, *rest)

        if workers.replicas > 1:
            return self._carry_out_blocks(units, order, workers.replicas, processes)
        orders = (carrying_out.Unit(unit.key, (order(unit),), unit.parent) for unit in units)
        return carrying_out.carry_out(orders, do_unit, processes, self.keep, done=self.done, look=self.look)

    def _carry_out_blocks(
        self, units: Sequence[Unit], order: Callable[[Unit], Order], replicas: int, processes: Pool
    ) -> carrying_out.Tally:
        """The same, each batch size and seed as one task of the engine, within which units are done by turns."""
        blocks = {f"block {number}": block for number, block in enumerate(blocks_of(units))}
        failed: list[Failed] = []

        def tasks() -> Iterator[carrying_out.Unit]:
            for name, block in blocks.items():
                if left := tuple(order(unit) for unit in block if unit.key not in self.done):
                    yield carrying_out.Unit(name, (Block(left, replicas),))

        def keep(back: Sequence[Returned | Failed]) -> None:
            for each in back:
                if isinstance(each, Failed):  # its worker was lost: of which unit nobody knows
                    first = next(unit.key for unit in blocks[each.key] if unit.key not in self.done)
                    own: list[Returned | Failed] = [replace(each, key=first)]
                else:
                    own = [Failed(key, value.reason, value.trace) if isinstance(value, Broken)
                           else replace(each, key=key, value=value) for key, value in each.value]  # fmt: skip
                failed.extend(one for one in own if isinstance(one, Failed))
                self.keep(own)

        carrying_out.carry_out(tasks(), do_block, processes, keep, look=self.look)
        broken = {each.key for each in failed}
        left = tuple(unit.key for unit in units if unit.key not in self.done and unit.key not in broken)
        return carrying_out.Tally(len(units) - len(left) - len(broken), 0, tuple(failed), left)

    def keep(self, back: Sequence[Returned | Failed]) -> None:
        """Write what has come back.

        Raises
        ------
        OSError
            If a worker could not write: all the others will fail likewise.
        """
        for each in back:
            unit = self.units[each.key]
            if isinstance(each, Failed):
                self._take(progress_path(self.store.folder, each.key))
                self.store.fail(unit, reason_of(each), each.trace, lost=each.lost)
            elif not isinstance(each.value, Unwritable):
                done = each.value
                self.store.finish(unit, done.measurements, device=done.device, epochs=done.epochs)
                self.done.add(each.key)
                self._count_off(unit)
            progress_path(self.store.folder, each.key).unlink(missing_ok=True)
        self.show()
        for each in back:
            if isinstance(each, Returned) and isinstance(each.value, Unwritable):
                raise OSError(
                    f"results: a worker cannot write ({each.value.reason}); make room, and resume goes on from there"
                )

    def look(self) -> None:
        """Write what workers tell, once a second."""
        if time.monotonic() - self._looked < LOOK:
            return
        self._looked = time.monotonic()
        for path in sorted((self.store.folder / RUNNING).glob("*.json")):
            self._take(path)
        self.show()

    def _take(self, path: Path) -> None:
        unit, epochs = self.units.get(path.stem), read_progress(path)
        if unit is not None and len(epochs) > self._told.get(path.stem, 0):
            self.store.write_epochs(unit, epochs)
            self._told[path.stem] = len(epochs)

    def show(self) -> None:
        """Move the bar on."""
        now = self.store.progress(self.units.values())[0]
        self.advance(now - self._shown)
        self._shown = now


def reason_of(failed: Failed) -> str:
    """Why a unit failed; of a worker that was killed nobody says why."""
    often = " (often the system ends the largest process when memory runs out: give fewer workers)"
    return failed.reason + (often if failed.lost else "")


def _told(runs: Sequence[Run], units: Sequence[Unit], tallies: Sequence[carrying_out.Tally]) -> str:
    """Which units failed, in one line."""
    by_key = {unit.key: unit for unit in units}
    failed = [each for tally in tallies for each in tally.failed]
    named = [f"{name_of(by_key[each.key], runs)}: {reason_of(each)}" for each in failed[:NAMED]]
    more = f"; and {len(failed) - NAMED} more" if len(failed) > NAMED else ""
    left = sum(len(tally.left_out) for tally in tallies)
    waiting = f"; {left} wait for them" if left else ""
    return (
        f"sweep: {len(failed)} of {len(units)} units failed{waiting} ({'; '.join(named)}{more}); "
        "what is done is kept, and resume tries them again"
    )
