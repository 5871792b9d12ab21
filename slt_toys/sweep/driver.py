"""`sweep`: a function at every point of a grid, each point once, and one dataset at the end."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

from ..results.canonical import canonical_text
from ..results.database import only_writer
from ..results.ledger import LAYOUT, Kept, Ledger, key_of
from ..results.progress import progress
from ..results.records import writable_folder
from . import code
from .carrying_out import Tally, Unit, carry_out
from .grid import Grid, Point
from .local_pool import LocalPool
from .tasks import Failed, Pool, Returned, closing_at_once
from .tidy import DONE, SECONDS, Gathering
from .values import computed, decode

if TYPE_CHECKING:
    import xarray as xr

WAITED = 60.0  # seconds between two lines of progress where there is no terminal


@dataclass(frozen=True)
class Work:
    """What a sweep does at each point.

    Attributes
    ----------
    name
        By which the ledger knows the function.
    function
        Called with the keyword arguments of a point; workers must be able to import it.
    constants
        Arguments that are the same everywhere.
    code
        What computes, see `slt_toys.sweep.code.code_identity`.
    """

    name: str
    function: Callable[..., Any]
    constants: Mapping[str, Any] = field(default_factory=dict)
    code: Mapping[str, Any] = field(default_factory=dict)

    @classmethod
    def of(cls, function: Callable[..., Any], constants: Mapping[str, Any] | None = None) -> Work:
        """The work of a function of one's own; `ValueError` if workers cannot import it."""
        name = code.name_of(function)
        return cls(name, function, dict(constants or {}), code.code_identity(function=function))

    def unit(self, point: Point) -> Unit:
        """What is done at a point."""
        arguments = {**self.constants, **point}
        key, text = key_of(self.name, arguments)
        return Unit(key, (self.function, arguments, text))


def sweep(
    function: Callable[..., Any],
    grid: Mapping[str, Any],
    *,
    constants: Mapping[str, Any] | None = None,
    wanted: Callable[[Point], bool] | None = None,
    out: str | Path | None = None,
    workers: int | None = None,
    threads: int = 0,
    ray: str | None = None,
    num_cpus: float = 1,
    num_gpus: float = 0,
    retries: int = 2,
    any_code: bool = False,
    repair: bool = False,
) -> xr.Dataset:
    """Call a function at every point of a grid, in processes, and gather what it returns.

    Every result is kept as soon as it is there. The same call goes on where an earlier one was stopped or killed, and
    repeats nothing; it may have more points.

    Parameters
    ----------
    function
        Called with a keyword argument for each axis and each constant. It must be at the top of a module that workers
        can import. It returns a number, text, array, a mapping or dataclass of them, or an `xarray` object; see
        `slt_toys.sweep.values.labelled`. Randomness must come from its arguments alone, such as a seed.
    grid
        Name of each argument that is swept to its values; every combination is visited.
    constants
        Arguments that are the same everywhere.
    wanted
        Whether a point, a mapping of names to values, is visited; without it all are.
    out
        Folder of the ledger; without one nothing is kept.
    workers
        Processes on this machine; by default as many as this one may use processors.
    threads
        Of each; 0 shares the processors out. No result may depend on it.
    ray
        Instead of processes of this one, Ray: "local", or the address of a cluster. Needs the extra "cluster".
    num_cpus, num_gpus
        That Ray sets aside for each point; a part of a GPU can be asked for.
    retries
        How often a point is tried again after a worker was lost.
    any_code
        Go on with results that other sources or versions have made.
    repair
        Do again what is not as it was written.

    Returns
    -------
    xarray.Dataset
        A dimension for each axis, then those of the results. ``unit_seconds`` says what each point took and
        ``unit_done`` whether it has a result; numbers are NaN where there is none. Attribute ``failures`` says why.

    Raises
    ------
    ValueError
        If an argument cannot be used, another process works in the folder, or its results are of another function or
        other code.
    OSError
        If the folder cannot be written to.
    """
    points = Grid.of(grid, wanted)
    canonical_text(dict(constants or {}), "constants")
    both = sorted(set(points.axes) & set(constants or {}))
    if both:
        raise ValueError(f"constants: {both[0]} is swept; leave it out of one")
    work = Work.of(function, constants)
    pool = partial(pool_of, workers, threads=threads, ray=ray, num_cpus=num_cpus, num_gpus=num_gpus, retries=retries)
    with ExitStack() as stack:
        folder = Path(stack.enter_context(tempfile.TemporaryDirectory()) if out is None else out)
        dataset, _ = run(work, points, folder, pool, any_code=any_code, repair=repair)
    return dataset


def pool_of(
    workers: int | None,
    *,
    threads: int,
    ray: str | None,
    num_cpus: float,
    num_gpus: float,
    retries: int,
    packages: tuple[str, ...] = code.OWN,
) -> Pool:
    """Processes of this machine, or Ray; ``packages`` are those whose sources must be the same on every machine."""
    if ray is None:
        return LocalPool(workers, threads=threads, retries=retries)
    from .ray_pool import RayPool

    return RayPool(
        ray, workers=workers, threads=threads, num_cpus=num_cpus, num_gpus=num_gpus, retries=retries, packages=packages
    )


def run(
    work: Work,
    grid: Grid,
    folder: Path,
    pool: Callable[[], Pool] | None,
    *,
    any_code: bool = False,
    repair: bool = False,
) -> tuple[xr.Dataset, Tally]:
    """Do what is left of a sweep and gather the whole.

    Parameters
    ----------
    work, grid
        What, and where.
    folder
        Of the ledger; made if need be.
    pool
        Called for the workers, if anything is left to do; None gathers what is done and does no more.
    any_code
        Go on with results of other code.
    repair
        Do again what is not as it was written.

    Raises
    ------
    ValueError, OSError
        As `sweep`.
    """
    folder = writable_folder(folder, argument=LAYOUT.argument)
    with only_writer(folder, argument=LAYOUT.argument), Ledger(folder, "create") as ledger:
        _check(work, ledger, any_code)
        keys = [work.unit(point).key for point in grid]
        if repair:
            ledger.drop_changed()
        tally = _done(work, grid, keys, ledger, pool)
        dataset = gathered(work, grid, keys, ledger)
        ledger.settle()
    return dataset, tally


def _check(work: Work, ledger: Ledger, any_code: bool) -> None:
    experiment = ledger.facts().get("experiment")
    if experiment is None:
        ledger.set_facts(experiment=work.name)
    elif experiment != work.name:
        raise ValueError(
            f"{LAYOUT.argument}: {ledger.path.parent} holds a sweep of {experiment}, not of {work.name}; "
            "name a folder of its own"
        )
    for known in ledger.codes():
        differs = code.difference(known, work.code)
        if differs and not any_code:
            raise ValueError(
                f"{LAYOUT.argument}: results in {ledger.path.parent} were made by other code ({differs} changed); "
                "name a folder of its own, or say --any-code (any_code=True) to go on"
            )


def _done(work: Work, grid: Grid, keys: Sequence[str], ledger: Ledger, pool: Callable[[], Pool] | None) -> Tally:
    """Carry out what is left."""
    left = {number for number, key in enumerate(keys) if key not in ledger}
    if not left or pool is None:
        return Tally(0, len(keys) - len(left), (), ())
    texts: dict[str, str] = {}  # of the units in flight

    def units() -> Iterator[Unit]:
        for number, point in enumerate(grid):
            if number in left:
                unit = work.unit(point)
                texts[unit.key] = unit.arguments[-1]
                yield unit

    with progress("units", len(keys), lines=WAITED) as advance:
        advance(len(keys) - len(left))

        def keep(back: Sequence[Returned | Failed]) -> None:
            kept = [
                Kept(each.key, *each.value, seconds=each.seconds, worker=each.worker)
                for each in back
                if isinstance(each, Returned)
            ]
            failures = [
                (each.key, texts[each.key], each.reason, each.trace, each.lost)
                for each in back
                if isinstance(each, Failed)
            ]
            ledger.keep(work.code, kept, failures)
            for each in back:
                texts.pop(each.key, None)
            advance(len(back))

        with closing_at_once(pool()) as workers:
            tally = carry_out(units(), computed, workers, keep)
    return replace(tally, before=len(keys) - len(left))


def gathered(work: Work, grid: Grid, keys: Sequence[str], ledger: Ledger) -> xr.Dataset:
    """All results at the points of a grid, each checked.

    Raises
    ------
    ValueError
        If a result is not what was written, or no array can hold them all.
    """
    import numpy as np

    gathering, seconds, done = Gathering(grid), np.full(grid.shape, np.nan), np.zeros(grid.shape, bool)
    for (place, _), key in zip(grid.placed(), keys, strict=True):
        found = ledger.payload(key)
        if found is not None:
            gathering.look(decode(found[0]))
            seconds[place], done[place] = found[1], True
    arrays = gathering.arrays()
    for (place, _), key in zip(grid.placed(), keys, strict=True):
        if done[place] and (found := ledger.payload(key)) is not None:
            gathering.fill(arrays, place, decode(found[0]))
    dataset = gathering.dataset(arrays)
    dataset[SECONDS] = (tuple(grid.axes), seconds)
    dataset[DONE] = (tuple(grid.axes), done)
    dataset[SECONDS].attrs["units"] = "s"
    wanted = set(keys)
    dataset.attrs["experiment"] = work.name
    dataset.attrs["constants"] = canonical_text(work.constants)
    dataset.attrs["failures"] = [
        f"{ {name: arguments[name] for name in grid.axes} }: {reason}"
        for key, arguments, reason, _ in ledger.failures()
        if key in wanted
    ]
    return dataset
