"""Running many models: several at a time, each in a process of its own, and none twice."""

from __future__ import annotations

import io
import os
import sys
from collections.abc import Sequence
from concurrent.futures import ProcessPoolExecutor, as_completed
from multiprocessing import get_context
from pathlib import Path

from ..results import recipe
from ..results.manifest import manifest
from ..results.progress import progress
from ..results.records import read_dataset, read_record
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
    ValueError, OSError
        The first that a run raises, once those that were begun have ended.
    """
    wanted = [name for name in names if docs is not None or not is_made(name, seed, out)]
    at_once = min(processes or _processors(), max(len(wanted), 1))
    with progress("models", len(names)) as advance:
        advance(len(names) - len(wanted))
        if at_once == 1:
            for name in wanted:
                _run(name, seed, out, docs)
                advance()
            return wanted
        with ProcessPoolExecutor(at_once, mp_context=get_context("spawn"), initializer=_be_quiet) as pool:
            runs = [pool.submit(_run, name, seed, out, docs) for name in wanted]
            try:
                for run in as_completed(runs):
                    run.result()
                    advance()
            except BaseException:
                pool.shutdown(cancel_futures=True)
                raise
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


def _processors() -> int:
    """How many this process may use, where the system says so, or else how many there are."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _run(name: str, seed: int, out: Path, docs: Path | None) -> None:
    recipe.carry_out(experiment_of(name)(seed=seed, out=out, docs=docs))


def _be_quiet() -> None:
    """A process of the pool shows no progress of its own."""
    sys.stderr = io.StringIO()
