"""The sweep's command."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import tyro
from tyro.conf import Positional

if TYPE_CHECKING:
    import xarray as xr

    from .carrying_out import Tally
    from .grid import Grid

LISTED = 10  # failures


@dataclass(frozen=True, kw_only=True)
class Sweep:
    """Run an experiment at every combination of some of its options, and gather its claims in one dataset.

    What is done is kept at once: stop it at any time; the same command goes on, and may have more values.

    Attributes
    ----------
    experiment
        A command such as phase_diagram, a model of the zoo such as insight, or a study that is a sweep:
        verdict_power, gibbs_rates. These have points of their own where --over names no others.
    over
        NAME=VALUES, once for each option that is swept: seed=0:20 or decay=.96,.97; entries of one value of an option
        that has several are parted by spaces, "batch_sizes=24 36,48 72".
    set
        NAME=VALUE, once for each option that differs from the experiment's default everywhere.
    out
        Folder of the sweep; default: results/sweep_EXPERIMENT.
    workers
        Processes; default: as many as there are processors.
    threads
        Of each; 0 shares the processors out. No result depends on it.
    ray
        "local" or the address of a cluster: use Ray in place of processes. Needs the extra "cluster".
    num_cpus
        That Ray sets aside for each point.
    num_gpus
        That Ray sets aside for each point; a part of one can be asked for.
    retries
        How often a point is tried again after a worker was lost.
    data
        Keep each experiment's dataset besides its record and claims.
    docs
        Folder of pages, such as docs, where a study's page is to be written anew.
    any_code
        Go on with results that other sources or versions have made.
    repair
        Do again what is not as it was written.
    gather
        Run nothing: write the dataset, and a study's page, of what is done.
    dry_run
        Check everything, say what would be done, and stop.
    """

    experiment: Positional[str]
    over: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=VALUES"), tyro.conf.UseAppendAction] = ()
    set: Annotated[tuple[str, ...], tyro.conf.arg(metavar="NAME=VALUE"), tyro.conf.UseAppendAction] = ()
    out: Path | None = None
    workers: int | None = None
    threads: int = 0
    ray: str | None = None
    num_cpus: float = 1.0
    num_gpus: float = 0.0
    retries: int = 2
    data: bool = True
    docs: Path | None = None
    any_code: bool = False
    repair: bool = False
    gather: bool = False
    dry_run: bool = False

    def __post_init__(self) -> None:
        for name, least in (("workers", 1), ("threads", 0), ("retries", 0), ("num_cpus", 0), ("num_gpus", 0)):
            value = getattr(self, name)
            if value is not None and not value >= least:
                raise ValueError(f"--{name.replace('_', '-')} must be at least {least}, not {value}")


def carry_out(chosen: Sweep) -> None:
    """Do the sweep, write its dataset, and say what came of it.

    Raises
    ------
    ValueError, OSError
        In one line.
    """
    from ..results.ledger import NAME
    from ..results.records import writable_folder, write_bytes_atomically, written_together
    from .driver import pool_of, run
    from .experiments import check_points, find_study, grid_of, work_of

    kind, work = work_of(chosen.experiment, chosen.set, chosen.data)
    study = find_study(chosen.experiment)
    if chosen.docs is not None and study is None:
        raise ValueError("--docs: only a study has a page; an experiment's own command writes its own")
    grid = grid_of(chosen.experiment, kind, chosen.over)
    check_points(kind, work, grid)
    folder = (chosen.out or Path("results") / f"sweep_{work.name}").expanduser()
    if chosen.dry_run:
        print(_plan(grid, folder, [work.unit(point).key for point in grid]))
        return
    pool = partial(
        pool_of, chosen.workers, threads=chosen.threads, ray=chosen.ray, num_cpus=chosen.num_cpus,
        num_gpus=chosen.num_gpus, retries=chosen.retries,
    )  # fmt: skip
    began, spent = time.perf_counter(), time.process_time()
    if chosen.gather and not (folder / NAME).is_file():
        raise ValueError(f"--gather: there is no sweep in {folder}; leave it out to begin one")
    dataset, tally = run(
        work, grid, folder, None if chosen.gather else pool, any_code=chosen.any_code, repair=chosen.repair
    )
    files = write(dataset, folder, chosen, time.perf_counter() - began, time.process_time() - spent)
    if study is not None and chosen.docs is not None:
        docs = writable_folder(chosen.docs, argument="--docs")
        with written_together():
            for name, text in study.pages(dataset).items():
                write_bytes_atomically(text.encode(), docs / name)
    print(_told(dataset, tally, folder, files))
    if tally.failed:
        raise ValueError(f"{len(tally.failed)} of {len(grid)} points failed; the same command tries them again")


def write(dataset: xr.Dataset, folder: Path, config: object, wall_time: float, cpu_time: float) -> list[str]:
    """Write a sweep's dataset as NetCDF and CSV with a record that has the checksum of every file.

    Returns
    -------
    list of str
        Names of the files.
    """
    from ..results import records
    from ..results.ledger import NAME
    from .tidy import frames

    with records.written_together():
        files = {NAME: records.sha256(folder / NAME), "sweep.nc": records.write_dataset(dataset, folder / "sweep.nc")}
        for added, table in frames(dataset):
            name = f"sweep{added}.csv"
            files[name] = records.write_bytes_atomically(table.to_csv(index=False).encode(), folder / name)
        record = {
            "title": f"Sweep of {dataset.attrs['experiment']}",
            "manifest": records.manifest(config, None, wall_time, cpu_time=cpu_time, files=files),
        }
        records.write_record(record, folder / "sweep.json")
    return [*files, "sweep.json"]


def _plan(grid: Grid, folder: Path, keys: list[str]) -> str:
    """What would be done, and how long it takes by what was done."""
    from ..results.ledger import Ledger
    from ..results.progress import duration_text

    done, seconds = 0, 0.0
    if (folder / "sweep.sqlite").is_file():
        with Ledger(folder, "read") as ledger:
            for key in keys:
                found = ledger.payload(key)
                if found is not None:
                    done, seconds = done + 1, seconds + found[1]
    axes = ", ".join(f"{len(values)} of {name}" for name, values in grid.axes.items())
    told = f"{len(grid)} points ({axes}); {done} are done in {folder}, {len(grid) - done} are left"
    if not done:
        return f"{told}; how long a point takes is known after the first"
    left = seconds / done * (len(grid) - done)
    return f"{told}: {duration_text(left)} of one worker, at {seconds / done:.3g} s each as measured"


def _told(dataset: xr.Dataset, tally: Tally, folder: Path, files: list[str]) -> str:
    lines = [f"{tally.done} points done now, {tally.before} before, {len(tally.failed)} failed."]
    lines += [f"failed: {each}" for each in dataset.attrs["failures"][:LISTED]]
    if len(dataset.attrs["failures"]) > LISTED:
        lines.append(f"and {len(dataset.attrs['failures']) - LISTED} more, in sweep.json")
    if "verdict" in dataset and "claim" in dataset.dims:
        lines += _verdicts(dataset)
    return "\n".join([*lines, f"Written: {folder}: {', '.join(files)}"])


def _verdicts(dataset: xr.Dataset) -> list[str]:
    """How often each claim holds."""
    lines = []
    for claim in dataset["claim"].values:
        said = dataset["verdict"].sel(claim=claim).values.ravel()
        counts = [f"{(said == verdict).sum()} {verdict}" for verdict in ("no", "yes", "cannot tell")]
        lines.append(f"{claim}: {', '.join(counts)}")
    return lines
