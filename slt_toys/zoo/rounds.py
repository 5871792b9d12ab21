"""Running many models: several at a time, each in a process of its own, and none twice."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

from ..inputs.processors import usable_processors
from ..results import recipe
from ..results.manifest import manifest
from ..results.progress import progress
from ..results.records import read_dataset, read_record
from ..sweep.carrying_out import Unit, carry_out
from ..sweep.local_pool import LocalPool
from ..sweep.tasks import closing_at_once
from .experiment import experiment_of

SAME = ("version", "git_commit", "git_modified", "python", "libraries")  # what made a record that stands for a run


def run_each(names: Sequence[str], seed: int, out: Path, docs: Path | None, processes: int | None = None) -> list[str]:
    """Run models that have a study, each with its files in ``out``.

    Parameters
    ----------
    names
        Of models.
    seed, out, docs
        As every experiment has them.
    processes
        At a time; by default as many as this process may use processors. No number depends on it.

    Returns
    -------
    list of str
        The models that were run: all but those whose record in ``out`` is by this code, unchanged, and this seed. With
        ``docs`` all are, whose pages are then written.

    Raises
    ------
    ValueError
        If a run failed, once all others have ended.
    """
    wanted = [name for name in names if docs is not None or not is_made(name, seed, out)]
    at_once = min(processes or usable_processors(), max(len(wanted), 1))
    with progress("models", len(names)) as advance:
        advance(len(names) - len(wanted))
        if at_once == 1:
            for name in wanted:
                _run(name, seed, out, docs)
                advance()
            return wanted
        units = (Unit(name, (name, seed, out, docs)) for name in wanted)
        with closing_at_once(LocalPool(at_once)) as pool:
            tally = carry_out(units, _run, pool, lambda back: advance(len(back)))
    if tally.failed:
        raise ValueError("; ".join(f"{each.key}: {each.reason}" for each in tally.failed))
    return wanted


def is_made(name: str, seed: int, out: Path) -> bool:
    """Whether the folder holds a model's record that this code, unchanged since its commit, made with this seed."""
    stem = f"{experiment_of(name).NAME}"
    try:
        made = read_record(out / f"{stem}.json")["manifest"]
        read_dataset(out / f"{stem}.nc")  # and its checksum
    except (OSError, ValueError, KeyError):
        return False
    now = manifest(None, seed, 0.0)
    known = now["git_commit"] is not None and now["git_modified"] is False  # else the code may have changed unseen
    return known and made["seed"] == seed and all(made[key] == now[key] for key in SAME)


def _run(name: str, seed: int, out: Path, docs: Path | None) -> None:
    recipe.carry_out(experiment_of(name)(seed=seed, out=out, docs=docs))
