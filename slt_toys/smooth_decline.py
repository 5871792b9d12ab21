"""From a smooth decline to its spectrum of barriers: ``python -m slt_toys.smooth_decline``.

Final accuracy that declines smoothly with the switch epoch is what a population of two-phase subsystems of many
barriers shows. Which barriers, how surely, and where does it stop being possible to say? Asked of sampled declines
whose spectrum is known, of the published curves, or of a decline of one's own.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import xarray as xr
from sympy import Rational

from .barriers.kernel import METHODS, BarrierKernel, Method, barrier_kernel
from .barriers.measured import MeasuredDecline, published_decline, read_decline
from .barriers.population import Population, height_range, log_normal, sampled_decline
from .barriers.published import published_protocol, published_spectra, read_measured
from .barriers.readings import DeclineReading, read_barriers
from .barriers.recording_intervals import ManyBarriers, transitions_by_interval
from .barriers.resolution import recovery_map
from .potentials.catalogue import regular_double_well
from .potentials.potential import PotentialPair
from .protocol.schedule import Ending
from .protocol.training import ExponentialDecay, Training
from .reference.published import published_curves
from .reports.smooth_decline import in_words, print_report, readings_dataset, readme_table, summary
from .results.marked_text import write_tables
from .results.progress import command_line, progress
from .results.records import manifest, writable_folder, write_dataset, write_figure, write_json, written_together

__all__ = ["SmoothDecline", "main"]

NAME = "smooth_decline"
PUBLISHED = "published-"
CELLS = 200  # of the Fokker-Planck grid
SPACING = 0.1  # of the kernel's nodes; with the cells the kernel is right to 5e-4 (tested)
LEVEL = 0.05


@dataclass(frozen=True)
class SmoothDecline:
    """Read the spectrum of barriers behind a smooth decline, and say where that stops being possible.

    Without --decline two populations are sampled whose spectra are known, one of separate barriers and one smooth, and
    the published curves are read as well.

    Attributes
    ----------
    decline
        A file of comma-separated values with columns switch_epoch, value (final accuracy, say) and, where known,
        standard_error; or published-64, published-128, published-256.
    best
        Value where nothing is stuck. Without it the first row is taken for that level.
    worst
        Value where everything is stuck. Without it the mean of the last three rows is taken; it only rescales weights.
    slant
        Shape of every subsystem: energy (w**2-1)**2 - slant*w, in the deficit + slant*w, times a scale of its own.
    learning_rate
        At epoch 0.
    decay
        Of the learning rate, per epoch.
    batch_size
        Examples per step.
    dataset_size
        Examples per epoch.
    momentum
        Heavy-ball momentum.
    gradient_variance
        Per example and component. Barriers are in the units of loss that it is in.
    ending
        Whether training ends so many epochs after the switch (further), or after so many in all (total).
    epochs
        How many.
    switch_epochs
        Of the sampled declines: 0, 1, ... up to one fewer.
    barriers
        Heights of the separate barriers, in units of loss.
    weights
        Their shares.
    median
        Barrier of the smooth spectrum, whose logarithm is normal.
    spread
        Its standard deviation.
    chains
        Langevin chains of each population.
    method
        Kernel of separate subsystems: fokker_planck, eyring_kramers or gumbel.
    ratios
        Of neighbouring barriers, in the map of where three are recovered.
    noises
        Standard errors of the stuck share in that map.
    runs
        Declines in each cell of that map.
    intervals
        Recording intervals of the training loss, in minibatches.
    recordings
        Runs of SGD that are recorded.
    seed
        Same seed, same result, on any number of threads.
    out
        Folder for smooth_decline.png, .svg, .nc and .json.
    write_readme
        A README whose table is replaced by what came out.
    """

    decline: str = ""
    best: float | None = None
    worst: float | None = None
    slant: float = 0.6
    learning_rate: float = 0.05
    decay: float = 0.9
    batch_size: int = 64
    dataset_size: int = 50_000
    momentum: float = 0.0
    gradient_variance: float = 3072.0
    ending: Literal["total", "further"] = "total"
    epochs: int = 70
    switch_epochs: int = 40
    barriers: tuple[float, ...] = (0.35, 0.9, 2.2)
    weights: tuple[float, ...] = (0.3, 0.4, 0.3)
    median: float = 0.8
    spread: float = 0.45
    chains: int = 2000
    method: Method = "fokker_planck"
    ratios: tuple[float, ...] = (1.1, 1.4, 1.6, 2.0, 2.5, 3.0)
    noises: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03)
    runs: int = 10
    intervals: tuple[int, ...] = (1, 4, 16, 64, 256, 1024, 4096, 16384)
    recordings: int = 48
    seed: int = 0
    out: Path = Path("results")
    write_readme: Path | None = None

    def __post_init__(self) -> None:
        for option, value, least in (
            ("--switch-epochs", self.switch_epochs, 8),
            ("--chains", self.chains, 500),
            ("--runs", self.runs, 2),
            ("--recordings", self.recordings, 2),
            ("--seed", self.seed, 0),
            *(("--intervals", interval, 1) for interval in self.intervals),
        ):
            if value < least:
                raise ValueError(f"{option} must be at least {least}, not {value}")
        for option, values in (("--slant", (self.slant,)), ("--spread", (self.spread,)), ("--median", (self.median,)),
                               ("--barriers", self.barriers), ("--weights", self.weights),
                               ("--noises", self.noises)):  # fmt: skip
            if not values or not all(np.isfinite(v) and v > 0 for v in values):
                raise ValueError(f"{option} must be positive and finite, not {' '.join(map(str, values))}")
        for option, values in (("--ratios", self.ratios), ("--noises", self.noises), ("--intervals", self.intervals),
                               ("--barriers", self.barriers)):  # fmt: skip
            if not values or (np.diff(values) <= 0).any():
                raise ValueError(f"{option} must increase, not {' '.join(map(str, values))}")
        if min(self.ratios) <= 1:
            raise ValueError(f"--ratios must exceed 1, not {min(self.ratios)}")
        if len(self.weights) != len(self.barriers) or abs(sum(self.weights) - 1) > 1e-6:
            raise ValueError(f"--weights must be one share for each of --barriers, of sum 1, not {self.weights}")
        if self.slant > 1.4:
            raise ValueError(f"--slant must be at most 1.4, not {self.slant}: beyond it no second phase is left")
        if self.method not in METHODS:
            raise ValueError(f"--method must be one of {', '.join(METHODS)}, not {self.method!r}")
        self.protocol()

    def protocol(self) -> tuple[Training, Ending]:
        """The training, and when it ends."""
        if self.decline.startswith(PUBLISHED):
            sizes = [str(size) for size in published_curves()]
            wanted = self.decline.removeprefix(PUBLISHED)
            if wanted not in sizes:
                raise ValueError(f"--decline must be published- and a batch size of {', '.join(sizes)}, not "
                                 f"{self.decline!r}")  # fmt: skip
            return published_protocol(int(wanted), self.gradient_variance)
        schedule = ExponentialDecay(self.learning_rate, self.decay)
        training = Training(self.batch_size, self.dataset_size, schedule, self.gradient_variance, self.momentum)
        if not self.decline and self.ending == "total" and self.switch_epochs > self.epochs:
            raise ValueError(f"--switch-epochs must be at most the total of --epochs {self.epochs}, not "
                             f"{self.switch_epochs}")  # fmt: skip
        return training, Ending(self.ending, self.epochs)

    def pair(self) -> PotentialPair:
        """Shape of every subsystem."""
        slant = Rational(str(self.slant))
        return PotentialPair("double_well", regular_double_well(-slant), regular_double_well(slant), "left")

    def populations(self) -> list[Population]:
        """What is sampled."""
        shares = np.array(self.weights) / sum(self.weights)
        separate = Population(f"{len(self.barriers)} separate barriers", np.array(self.barriers), shares)
        return [separate, log_normal("a smooth spectrum", self.median, self.spread)]

    def measured(self) -> MeasuredDecline | None:
        """What was measured elsewhere, if anything."""
        if not self.decline:
            return None
        if self.decline.startswith(PUBLISHED):
            return published_decline(int(self.decline.removeprefix(PUBLISHED)), best=self.best, worst=self.worst)
        return read_decline(Path(self.decline), best=self.best, worst=self.worst)

    def run(self) -> tuple[xr.Dataset, dict[str, Any]]:
        """Read the declines; the dataset is what the figure shows, the other part what was read beside it."""
        measured = self.measured()
        training, ending = self.protocol()
        pair = self.pair()
        with progress("barriers behind declines", 100) as advance:
            if measured is None:
                readings = self._read_populations(pair, training, ending, advance)
                names = [population.name for population in self.populations()]
            else:
                readings = [read_measured(pair, training, ending, measured, method=self.method, cells=CELLS,
                                          spacing=SPACING, seed=[self.seed, 0])]  # fmt: skip
                names = [measured.name]
                advance(45)
            kernel = readings[0].kernel
            centre = readings[0].median if measured else float(np.exp(np.log(self.barriers).mean()))
            recovered = recovery_map(
                kernel, centre, self._ratios_within(kernel, centre), self.noises, runs=self.runs, repetitions=60,
                level=LEVEL, seed=self.seed, advance=lambda share: advance(30 * share),
            )  # fmt: skip
            recorded = transitions_by_interval(
                ManyBarriers(), self.intervals, chains=self.recordings, seed=[self.seed, 2]
            )
            advance(15)
            published = None
            if measured is None:
                published = published_spectra(pair, self.gradient_variance, seed=[self.seed, 3],
                                              advance=lambda share: advance(10 * share))  # fmt: skip
        dataset = xr.merge([
            readings_dataset(names, readings, None if measured else self.populations()),
            recovered.rename({name: f"recovery_{name}" for name in ("found", "position_error", "limit")}).drop_attrs(),
            recorded.rename({name: f"transitions_{name}" for name in recorded.data_vars}).drop_attrs(),
        ])  # fmt: skip
        dataset.attrs = {
            "names": names,
            "measured": int(measured is not None),
            "best_given": int(measured is not None and measured.best_given),
            "errors_estimated": int(measured is not None and measured.errors_estimated),
            "published": int(self.decline.startswith(PUBLISHED)),
            "first_temperature": float(training.temperatures(1)[0]),
            "chains": self.chains,
            "recovery_number": int(recovered.attrs["number"]),
            "recovery_centre": centre,
            "method": self.method,
            "barriers": ManyBarriers().barriers,
            "expected_total": recorded.attrs["expected_total"],
            "steps_per_epoch": ManyBarriers().steps_per_epoch,
            "recordings": self.recordings,
            "seed": self.seed,
        }
        record = summary(names, readings, dataset, published)
        return dataset, record | {"in_words": in_words(dataset, published)}

    def _read_populations(
        self, pair: PotentialPair, training: Training, ending: Ending, advance: Any
    ) -> list[DeclineReading]:
        epochs = np.arange(self.switch_epochs)
        low, high = height_range(pair, training, 0, int(epochs[-1]), ending)
        for option, population in zip(("--barriers", "--median and --spread"), self.populations(), strict=True):
            if not low < population.heights[0] <= population.heights[-1] < high:
                raise ValueError(
                    f"{option} must keep barriers between {low:.3g} and {high:.3g}, which these switch epochs show, "
                    f"not between {population.heights[0]:.3g} and {population.heights[-1]:.3g}"
                )
        kernel = barrier_kernel(
            pair, training, epochs, ending, low, high, method=self.method, cells=CELLS, spacing=SPACING
        )  # fmt: skip
        advance(5)
        found = []
        for number, population in enumerate(self.populations()):
            decline = sampled_decline(
                pair, training, epochs, ending, population, chains=self.chains, seed=[self.seed, 1, number],
                advance=lambda share: advance(20 * share),
            )  # fmt: skip
            found.append(read_barriers(kernel, decline, neighbours_weight=2 / 3, seed=[self.seed, 0, number]))
        return found

    def _ratios_within(self, kernel: BarrierKernel, centre: float) -> list[float]:
        """Those ratios for which three barriers about the centre lie within what the switch epochs show."""
        room = min(centre / kernel.lowest, kernel.highest / centre) * (1 - 1e-9)
        found = [ratio for ratio in self.ratios if ratio <= room]
        return found or [float(room)]


def main(config: SmoothDecline) -> None:
    """Run, print what came out, and write the four files."""
    began = time.perf_counter()
    folder = writable_folder(config.out, argument="--out")
    dataset, record = config.run()
    from figures.smooth_decline import draw

    with written_together():
        with progress("figure", None):
            files = {f"{NAME}.nc": write_dataset(dataset, folder / f"{NAME}.nc")}
            files |= write_figure(draw(dataset), folder / NAME, ("png", "svg"))
        record |= {"manifest": manifest(config, config.seed, time.perf_counter() - began, files=files)}
        write_json(record, folder / f"{NAME}.json", not_finite="null")
    print_report(record, folder / NAME)
    if config.write_readme is not None:
        write_tables(config.write_readme, {NAME: readme_table(record)})


if __name__ == "__main__":
    sys.exit(command_line(SmoothDecline, main))
