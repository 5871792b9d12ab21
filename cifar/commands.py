"""The other subcommands of ``python -m cifar``, as dataclasses whose fields are their options.

What a command needs is imported when it runs: torch takes seconds to load, which ``--help`` and ``status`` do not need.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cifar.study.measuring import Measuring
from cifar.study.names import GENERATED
from cifar.sweep.blocks import budget_of, left_text
from cifar.sweep.plan import name_of, plan
from cifar.sweep.store import CACHE, RESULTS, Store, note_place, place_of, written_alone
from cifar.sweep.workers import Workers, usable_devices


@dataclass(frozen=True)
class OfSweep:
    """Options of every command on a sweep.

    Attributes
    ----------
    results
        Folder of the sweep.
    """

    results: Path = RESULTS


@dataclass(frozen=True)
class Resume(OfSweep):
    """Go on with a sweep where it stopped, then report.

    Attributes
    ----------
    data
        Where the data are now, if they have moved.
    other_device, workers, threads, devices, budget_minutes, ray, num_cpus, num_gpus, deterministic,
    keep_states, replicas, compiled
        As for replicate.
    """

    data: Path | None = None
    workers: int | None = None
    threads: int = 0
    devices: tuple[str, ...] | None = None
    budget_minutes: float | None = None
    other_device: bool = False
    ray: str | None = None
    num_cpus: float = 1.0
    num_gpus: float = 0.0
    deterministic: bool = False
    keep_states: bool = False
    replicas: int = 1
    compiled: bool = False

    def run(self) -> None:
        """Do what is left, and report."""
        with Store(self.results, "read") as store:
            runs = store.runs()  # refused here if they are of two recipes, before anything is loaded or written
        if any(run.recipe.network == GENERATED for run in runs):
            self._resume_curves()
            return
        workers, budget = Workers.of(self), budget_of(self.budget_minutes)
        from cifar.analysis.report import write_report
        from cifar.sweep.sweep import chosen_images, kept_images, run_sweep

        with written_alone(self.results) as store:
            facts = store.needed("data", "study")
            recorded = facts["data"]
            images = None if self.data is not None else kept_images(self.results, recorded["checksum"])
            if images is None:
                path = self.data or place_of(self.results, recorded)
                images = chosen_images(path, CACHE, recorded["train_limit"], recorded["test_limit"])
            if self.data is not None:
                note_place(self.results, self.data)
            run_sweep(
                store,
                images,
                Measuring(**facts["study"]["measuring"]),
                workers,
                budget=budget,
                other_device=self.other_device,
            )
            if budget is not None:
                print(left_text(store.path, store.path.stat().st_size, plan(store.runs()), store.done()))
        print(write_report(self.results))

    def _resume_curves(self) -> None:
        from cifar.analysis.report import write_report
        from cifar.data.textures import Textures
        from cifar.sweep.stacks import Examples, check_options, run_stacks, stack_workers

        check_options(self, "this sweep")
        with written_alone(self.results) as store:
            recorded = store.needed("data")["data"]
            examples = Examples(Textures(), recorded["train_images"], recorded["test_images"])
            if examples.checksum != recorded["checksum"]:
                raise ValueError("data: the sweep drew other curves than this version draws; begin another")
            run_stacks(store, examples, stack_workers(self))
        print(write_report(self.results))


@dataclass(frozen=True)
class Status(OfSweep):
    """Say how far a sweep has come, and how long the rest takes at the pace so far."""

    def run(self) -> None:
        """Print it."""
        with Store(self.results, "read") as store:
            runs, done, seconds = store.runs(), store.done(), store.seconds()
            trained, total = store.progress(plan(runs))
            failures = store.failures()
        finished = sum(run.key in done for run in runs)
        print(f"{finished} of {len(runs)} runs, {trained} of {total} epochs, {seconds / 3600:.2f} hours of work so far")
        if trained:
            print(f"left: about {seconds / trained * (total - trained) / 3600:.2f} hours of one worker's work")
        for unit in plan(runs):
            if unit.key in failures:
                print(f"failed: {name_of(unit, runs)}: {failures[unit.key]}")


@dataclass(frozen=True)
class Report(OfSweep):
    """Analyse what there is, draw it and write the page of report.

    Attributes
    ----------
    docs
        Folder of pages, such as docs/results, whose page of this experiment is to be written anew.
    beside
        Results folders of other recipes: a table of all of them is printed in place of the page. Of two that differ in
        the decay of the learning rate alone, cifar_decays says by which clock the end comes.
    """

    docs: Path | None = None
    beside: tuple[Path, ...] = ()

    def run(self) -> None:
        """Write and print it."""
        if self.beside:
            from cifar.analysis.side_by_side import side_by_side

            for part in side_by_side((self.results, *self.beside), self.docs):
                print(part)
            return
        from cifar.analysis.report import write_report

        print(write_report(self.results, self.docs))


@dataclass(frozen=True)
class Export(OfSweep):
    """Write runs, epochs and measurements as NetCDF and CSV into the results folder.

    Attributes
    ----------
    tensorboard
        A folder for event files as well, which TensorBoard shows, one for each run. Needs the extra "tensorboard".
    """

    tensorboard: Path | None = None

    def run(self) -> None:
        """Write them, and print their names."""
        from cifar.analysis.export import export

        events = []
        if self.tensorboard is not None:
            from cifar.analysis.event_files import write_events

            events = write_events(self.results, self.tensorboard)
        for path in [*export(self.results), *events]:
            print(path)


@dataclass(frozen=True)
class Benchmark:
    """Measure the matrix rate, the speed of training against it, and what each optimisation gains.

    Attributes
    ----------
    networks
        The first is the one of which optimisations are left out.
    batch_sizes
        Images of a step.
    width
        Channels of the first layer; default: the published ones.
    device
        Such as cuda:0; default: the first GPU, or the processor.
    seconds
        Time of each measurement.
    """

    networks: tuple[str, ...] = ("all_cnn", "resnet18_imagenet")
    batch_sizes: tuple[int, ...] = (64, 128, 256)
    width: int | None = None
    device: str | None = None
    seconds: float = 2.0

    def __post_init__(self) -> None:
        if not self.networks:
            raise ValueError("networks: none is named; give at least one")
        if not self.batch_sizes or min(self.batch_sizes) < 1:
            raise ValueError(f"batch_sizes: {self.batch_sizes} must be whole numbers of at least 1")
        if not 0 < self.seconds < float("inf"):
            raise ValueError(f"seconds: {self.seconds} must be positive and finite")

    def run(self) -> None:
        """Measure, and print the tables."""
        import torch

        from cifar.training.benchmark import benchmark_lines

        device = torch.device(usable_devices(None if self.device is None else (self.device,))[0])
        for line in benchmark_lines(device, self.networks, self.batch_sizes, width=self.width, least=self.seconds):
            print(line, flush=True)
