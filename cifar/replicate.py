"""``python -m cifar replicate``: a study from its preset and options, its plan, and the run of it."""

from __future__ import annotations

import dataclasses
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from cifar.study.arms import ARMS, Run
from cifar.study.measuring import Measuring
from cifar.study.presets import PRESETS, Control, Study
from cifar.study.recipes import check_one_recipe
from cifar.study.stages import LATER, Recipe
from cifar.sweep.blocks import budget_of, left_text
from cifar.sweep.estimates import Speed, seconds_of
from cifar.sweep.plan import image_cost, plan, trained_images
from cifar.sweep.store import CACHE, NAME, RESULTS, Store, check_folder, note_place, written_alone
from cifar.sweep.workers import Workers, usable_devices
from slt_toys.results.progress import duration_text

if TYPE_CHECKING:
    from cifar.data.images import LabelledImages
    from cifar.sweep.stacks import Examples

TOLD = ("checksum", "source", "train_images", "test_images")  # of the data, in the results file


@dataclass(frozen=True)
class Replicate:
    """Run a study: deficit until the switch, then clean, for every batch size, switch epoch and seed; then report.

    Stop it at any time; the same command, or resume, goes on. An option that is not given is the preset's.

    Attributes
    ----------
    preset
        achille and baker are the published protocols; laptop is a small one for two processors, study a larger one
        for many hours of them, study_decay that with learning rates that fall faster, slots one for a GPU that can be
        had for minutes at a time; minutes trains twenty seeds of a small network on curves that are drawn anew in every
        epoch, in a few minutes and without torch.
    data
        A CIFAR-10 archive, an image folder (train/<class>/<file>, test/<class>/<file>; PNG or JPEG), or a tar of one.
        Default: the official archive is fetched.
    data_name
        What captions call the data; default: CIFAR-10 for the official archives, else the name of the file or folder.
    results
        Folder of the sweep.
    dry_run
        Print the plan and stop: units, epochs, floating-point operations, estimated time.
    network
        all_cnn, resnet18, resnet18_imagenet, fully_connected or logistic_regression.
    width
        Channels of the first layer.
    depth
        Layers or blocks, see cifar.training.networks.
    batch_sizes
        Of the base arm.
    switch_epochs
        Of the base arm.
    seeds
        How many.
    deficit
        blur, blur_antialiased, vertical_flip, greyscale, noise_images or label_permutation.
    arms
        Arms in place of the preset's controls: reset, fresh, clean, constant, cyclic, linear_scaling,
        flow_time_matched, added_noise, window, warm_start, shrink_and_perturb, weight_decay_until, augmentation_until.
    arm_switch_epochs
        Their switch epochs; default: those of the base arm.
    further_epochs
        Clean epochs after the switch.
    learning_rate
        At epoch 0.
    decay
        Factor of the learning rate per epoch.
    momentum
        Of the heavy ball.
    weight_decay
        Coefficient.
    cooling
        Last epochs of each run in which the learning rate falls by .4 an epoch besides.
    augment
        Whether images are shifted and flipped.
    train_images
        The first of each class, so many in all.
    test_images
        Likewise.
    gate
        Final clean train accuracy, 0 to 1, that a run must reach to be averaged in.
    learning_coefficient
        Images of the loss whose local learning coefficient is estimated at every switch and end; 0 leaves it out.
    precision
        float32 or bfloat16; default: what suits the device.
    normalisation
        images: by mean and deviation of each channel; half: from -1 to 1.
    padding
        What a shift uncovers, mean or black.
    partial_batch
        Whether images that fill no batch make a last, smaller one.
    initialisation
        torch, or fan_out as torchvision draws residual networks.
    running_statistics
        Whether networks are evaluated with the statistics kept in training, in place of new ones.
    workers
        Processes, 1 by default. On one GPU more than one can be faster for small networks; see the benchmark.
    threads
        Of each process; 0 shares the processors out.
    devices
        Such as cuda:0 cuda:1; default: every GPU, or the processor.
    budget_minutes
        Do whole blocks of a batch size and a seed, as many as fit, and leave the rest to resume, which needs no more
        than the results file.
    other_device
        Go on with a sweep on another kind of device than it was begun on, to other bits.
    ray
        "local" or the address of a cluster, whose machines share the results folder: use Ray in place of processes.
        Needs the extra "cluster".
    num_cpus
        That Ray sets aside for each unit of work.
    num_gpus
        That Ray sets aside for each unit of work; a part of one can be asked for.
    deterministic
        On GPUs use only convolutions that give the same bits each time, slower ones.
    keep_states
        Keep the states that nothing begins from any more, trained networks among them, in place of deleting them.
    replicas
        Units that each process trains at once. On a GPU a few are faster for small networks; see the benchmark.
    compiled
        Compile training steps: faster on a GPU, other roundings.
    """

    preset: Literal["achille", "baker", "laptop", "study", "study_decay", "slots", "minutes"] = "laptop"
    data: Path | None = None
    data_name: str | None = None
    results: Path = RESULTS
    dry_run: bool = False
    network: str | None = None
    width: int | None = None
    depth: int | None = None
    batch_sizes: tuple[int, ...] | None = None
    switch_epochs: tuple[int, ...] | None = None
    seeds: int | None = None
    deficit: str | None = None
    arms: tuple[str, ...] | None = None
    arm_switch_epochs: tuple[int, ...] | None = None
    further_epochs: int | None = None
    learning_rate: float | None = None
    decay: float | None = None
    momentum: float | None = None
    weight_decay: float | None = None
    cooling: int | None = None
    augment: bool | None = None
    train_images: int | None = None
    test_images: int | None = None
    gate: float | None = None
    learning_coefficient: int | None = None
    precision: Literal["float32", "bfloat16"] | None = None
    normalisation: Literal["images", "half"] | None = None
    padding: Literal["mean", "black"] | None = None
    partial_batch: bool | None = None
    initialisation: Literal["torch", "fan_out"] | None = None
    running_statistics: bool | None = None
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

    def study(self) -> Study:
        """The preset with the options that were given."""
        study = PRESETS[self.preset]

        def given(*names: str) -> dict[str, Any]:
            return {name: value for name in names if (value := getattr(self, name)) is not None}

        precision = self.precision or ("float32" if study.generated else _best_precision(self.devices))
        names = ("deficit", "batch_sizes", "switch_epochs", "seeds", "further_epochs", "train_images", "test_images")
        changed = replace(
            study,
            recipe=replace(study.recipe, precision=precision, **given("network", "width", "depth", "momentum", *LATER)),
            stage=replace(study.stage, **given("learning_rate", "decay", "weight_decay", "augment", "cooling")),
            measuring=replace(study.measuring, **given("learning_coefficient", "running_statistics")),
            totals=study.totals if self.further_epochs is None else {},
            grids=study.grids if self.switch_epochs is None else {},
            **given(*names, "gate"),
        )
        if changed.generated != study.generated:
            raise ValueError(f"network: {changed.recipe.network} cannot read the data of preset {study.name}")
        if self.arms is None:
            return replace(changed, controls=tuple(_fitting(control, study, changed) for control in study.controls))
        unknown = [arm for arm in self.arms if arm not in ARMS]
        if unknown:
            raise ValueError(f"arms: {unknown[0]!r} is unknown; use {', '.join(ARMS)}")
        parts = [((size,), grid) for size in changed.batch_sizes if (grid := changed.grid(size))]
        if self.arm_switch_epochs or not changed.grids:
            parts = [(changed.batch_sizes, self.arm_switch_epochs or changed.switch_epochs)]
        controls = tuple(Control(arm, changed.deficit, *part) for arm in self.arms for part in parts)
        return replace(changed, controls=controls)

    def run(self) -> None:
        """Plan, and unless it is a dry run, do everything and report."""
        study, budget = self.study(), budget_of(self.budget_minutes)
        if study.generated:
            self._run_curves(study)
            return
        workers = Workers.of(self)
        from cifar.sweep.sweep import chosen_images, run_sweep

        if self.dry_run:
            images = None if self.data is None else chosen_images(
                self.data, CACHE, study.train_images, study.test_images
            )  # fmt: skip
            self._look(study, None if images is None else _told_of(images), workers)
            print(plan_text(study, workers, examples=None if images is None else len(images.train_labels)))
            return
        from cifar.analysis.report import write_report
        from slt_toys.results.records import writable_folder

        folder = writable_folder(self.results, argument="results")
        images = chosen_images(self.data, CACHE, study.train_images, study.test_images)
        with written_alone(folder, "create") as store:
            self._plan(store, study, _told_of(images))
            run_sweep(store, images, study.measuring, workers, budget=budget, other_device=self.other_device)
            if budget is not None:
                print(left_text(store.path, store.path.stat().st_size, plan(store.runs()), store.done()))
        print(write_report(folder))

    def _run_curves(self, study: Study) -> None:
        """The same for a study on curves."""
        from cifar.sweep.stacks import check_options, examples_of, run_stacks, stack_seconds, stack_workers

        check_options(self, f"preset {study.name}")
        workers = stack_workers(self)
        if self.dry_run:
            self._look(study, dict(zip(TOLD, _curves_told(examples_of(study)), strict=True)))
            print(curves_text(study, workers.workers or 1, stack_seconds(study, workers.workers or 1)))
            return
        from cifar.analysis.report import write_report
        from slt_toys.results.records import writable_folder

        folder, examples = writable_folder(self.results, argument="results"), examples_of(study)
        with written_alone(folder, "create") as store:
            self._plan(store, study, dict(zip(TOLD, _curves_told(examples), strict=True)))
            run_stacks(store, examples, workers)
        print(write_report(folder))

    def _look(self, study: Study, data: Mapping[str, Any] | None, workers: Workers | None = None) -> None:
        """Refuse what a run would refuse, and write nothing; without ``data`` they are taken to be a sweep's own."""
        _check_batches(study, study.train_images or 50_000 if data is None else data["train_images"])
        check_folder(self.results)
        if not (self.results / NAME).is_file():
            if self.results.exists():
                from slt_toys.results.records import writable_folder

                writable_folder(self.results, argument="results")
            return
        with Store(self.results, "read") as store:
            recorded = store.facts().get("data")
            if data is None and isinstance(recorded, dict):
                data = recorded
            if data is not None:
                self._check(store, study, data)
            if workers is not None and not self.other_device:
                from cifar.sweep.sweep import check_device

                check_device(store, workers)

    def _check(self, store: Store, study: Study, data: Mapping[str, Any]) -> list[Run]:
        """The runs that are asked for, where they go together with what the store has; ``data`` has `TOLD`."""
        _check_batches(study, data["train_images"])
        facts, runs = store.facts(), study.runs(data["checksum"])
        recorded = facts.get("data")
        if recorded is not None and recorded["checksum"] != data["checksum"]:
            raise ValueError(
                f"data: the sweep in {store.folder} has other images ({recorded['source']}, checksum "
                f"{recorded['checksum'][:12]}...; here {data['source']}, {data['checksum'][:12]}...); "
                "name another results folder"
            )
        _check_measuring(facts.get("study"), study, store.folder)
        check_one_recipe(store.runs(), runs, source=store.folder)
        return runs

    def _plan(self, store: Store, study: Study, data: Mapping[str, Any]) -> None:
        """Write what is to be done."""
        runs = self._check(store, study, data)  # before anything is written
        if self.data is not None:
            note_place(store.folder, self.data)
        store.set_facts(
            data={
                **data,
                "source": self.data_name or data["source"],
                "path": None if self.data is None else self.data.name,
                "train_limit": study.train_images,
                "test_limit": study.test_images,
            },
            study={"name": study.name, "gate": study.gate, "measuring": dataclasses.asdict(study.measuring)},
        )
        store.add_runs(runs)


def _told_of(images: LabelledImages) -> dict[str, Any]:
    told = images.checksum, images.source, len(images.train_labels), len(images.test_labels)
    return dict(zip(TOLD, told, strict=True))


def _check_batches(study: Study, examples: int) -> None:
    """Refuse batches that no epoch of a run fills."""
    for run in study.runs(""):
        least = min((round(part.share * examples) for part in run.stages), default=examples)
        if run.recipe.batch_size > least and not run.recipe.partial_batch:
            raise ValueError(
                f"batch_sizes: {run.recipe.batch_size} exceeds the {least} images of an epoch ({run.arm}, switch epoch "
                f"{run.switch_epoch}); give smaller batches or more images"
            )


def _curves_told(examples: Examples) -> tuple[Any, ...]:
    from cifar.sweep.stacks import CURVES

    return examples.checksum, CURVES, examples.train, examples.test


def _best_precision(asked: tuple[str, ...] | None) -> str:
    import torch

    from cifar.training.training import best_precision

    return best_precision(torch.device(usable_devices(asked)[0]))


def _check_measuring(recorded: dict[str, Any] | None, study: Study, folder: Path) -> None:
    """Refuse to go on with a sweep whose states were measured in another way: their means would mix the two."""
    if recorded is None:
        return
    then, now = dataclasses.asdict(Measuring(**recorded["measuring"])), dataclasses.asdict(study.measuring)
    differ = [f"{name} {then[name]} there, {value} here" for name, value in now.items() if value != then[name]]
    if differ:
        raise ValueError(
            f"results: the sweep in {folder} is measured in another way ({'; '.join(differ)}); "
            "give the options it was started with, or name another results folder"
        )


def _fitting(control: Control, preset: Study, study: Study) -> Control:
    """A preset's control for a study whose base arm was changed: at batch sizes and epochs that this one has."""
    sizes = tuple(size for size in control.batch_sizes if size in study.batch_sizes) or study.batch_sizes[:1]
    common = tuple(epoch for epoch in study.grid(sizes[0]) if all(epoch in study.grid(size) for size in sizes))
    return Control(
        control.arm,
        study.deficit if control.deficit == preset.deficit else control.deficit,
        sizes,
        tuple(epoch for epoch in control.switch_epochs if epoch in common) or common[-1:],
    )


def plan_text(study: Study, workers: Workers, speed: Speed | None = None, *, examples: int | None = None) -> str:
    """What a study would do, in a few lines; ``speed`` in place of steps timed now, ``examples`` if they are known."""
    runs = study.runs("")
    units = plan(runs)
    examples = examples or study.train_images or 50_000
    costs: dict[Recipe, int] = {}
    images = operations = 0
    for unit in units:
        recipe = replace(unit.recipe, batch_size=1, seed=0)
        if recipe not in costs:
            costs[recipe] = image_cost(unit, classes=10, size=32)
        count = trained_images(unit, examples)
        images, operations = images + count, operations + count * costs[recipe]
    recipe, hours, count = study.recipe, seconds_of(study, workers, speed) / 3600, workers.workers or 1
    return (
        f"preset {study.name}: {recipe.network}, width {recipe.width or 'published'}, {recipe.precision}, "
        f"{examples} training images\n"
        f"{_runs_text(study, runs)}\n"
        f"units: {len(units)}, epochs: {sum(unit.epochs for unit in units)}, images trained on: {images / 1e6:.1f} "
        f"million, {operations:.2e} floating-point operations\n"
        f"estimated time: {hours:.1f} hours with {count} worker{'s'[: count - 1]}, from steps timed now and what is "
        "measured between them"
    )


def _runs_text(study: Study, runs: Sequence[Run]) -> str:
    arms = Counter(run.arm if run.deficit == study.deficit else f"{run.arm} ({run.deficit})" for run in runs)
    return f"runs: {len(runs)} ({', '.join(f'{count} {name}' for name, count in arms.items())})"


def curves_text(study: Study, workers: int, seconds: float) -> str:
    """What a study on curves would do, in a few lines; ``seconds`` that it takes."""
    runs = study.runs("")
    units = plan(runs)
    return (
        f"preset {study.name}: {study.seeds} seeds of a {study.recipe.network} on curves, {study.train_images} new "
        f"ones an epoch\n{_runs_text(study, runs)}\n"
        f"units: {len(units)}, epochs: {sum(unit.epochs for unit in units)}\n"
        f"estimated time: {duration_text(seconds)} with {workers} worker{'s'[: workers - 1]}, from steps timed now"
    )
