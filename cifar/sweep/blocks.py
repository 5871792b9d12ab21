"""Slots: a sweep done in whole blocks of one batch size and seed, as many as fit a time, and gone on with later.

What a slot leaves is the results file. States may be gone: what a unit begins from is then trained again.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Collection, Sequence
from pathlib import Path

from cifar.sweep.plan import Unit

MOST_BYTES = 16 * 2**20  # of a results file that is to be carried from slot to slot


class Budget:
    """Seconds that may be spent, and what has been learned of the pace.

    Parameters
    ----------
    seconds
        From now on.
    clock
        Seconds that never go back.
    """

    def __init__(self, seconds: float, clock: Callable[[], float] = time.monotonic) -> None:
        self.seconds, self._clock, self._begun = seconds, clock, clock()
        self._epochs = 0

    @property
    def spent(self) -> float:
        """Seconds."""
        return self._clock() - self._begun

    def did(self, epochs: int) -> None:
        """So many epochs more were done."""
        self._epochs += epochs

    def fits(self, epochs: int) -> bool:
        """Whether so many epochs, at the pace so far, end in time; what nothing is known of yet is tried."""
        if not self._epochs:
            return self.spent < self.seconds
        return self.spent * (1 + epochs / self._epochs) <= self.seconds


def blocks_of(units: Sequence[Unit]) -> list[list[Unit]]:
    """Units by batch size and seed, in the order of the first of each; no unit needs one of another block."""
    blocks: dict[tuple[int, int], list[Unit]] = {}
    for unit in units:
        blocks.setdefault((unit.recipe.seed, unit.recipe.batch_size), []).append(unit)
    return list(blocks.values())


def to_do_again(units: Sequence[Unit], done: Collection[str], there: Callable[[str], bool]) -> set[str]:
    """Keys of units that are done but whose state is gone, and that a unit which is not done begins from.

    Parameters
    ----------
    units
        All of the sweep.
    done
        Keys of those that are done.
    there
        Whether the state of a unit is kept.
    """
    by_key, again = {unit.key: unit for unit in units}, set[str]()
    for unit in units:
        parent = None if unit.key in done or there(unit.key) else unit.parent
        while parent is not None and parent in done and parent not in again and not there(parent):
            again.add(parent)
            parent = by_key[parent].parent
    return again


def epochs_left(units: Sequence[Unit], done: Collection[str]) -> int:
    """Epochs of the units that are not done."""
    return sum(unit.epochs for unit in units if unit.key not in done)


def budget_of(minutes: float | None) -> Budget | None:
    """The budget that an option asks for."""
    if minutes is None:
        return None
    if not 0 < minutes < float("inf"):
        raise ValueError(f"budget_minutes: {minutes} must be positive and finite")
    return Budget(60 * minutes)


def fits_file(size: int, done: int, epochs: int) -> bool:
    """Whether a results file that has grown to so many bytes by so many epochs has room for more epochs.

    What nothing is known of yet is tried.
    """
    return size * (1 + epochs / done) <= MOST_BYTES if done else size <= MOST_BYTES


def left_text(folder: Path, size: int, units: Sequence[Unit], done: Collection[str]) -> str:
    """What a slot leaves, in one line."""
    blocks = blocks_of(units)
    whole = sum(all(unit.key in done for unit in block) for block in blocks)
    told = f"{whole} of {len(blocks)} blocks of a batch size and a seed are done; {folder} has {size / 2**20:.1f} MiB"
    return told if size <= MOST_BYTES else f"{told}, more than the {MOST_BYTES // 2**20} that a slot may leave"
