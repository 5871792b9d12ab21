"""Equi-temperature curves across problems, end to end: ``python -m slt_toys.equi_temperature``.

If temperature ends critical periods, then the learning rate at the end is proportional to the batch size, for every
problem and every schedule: one halving for each halving. Measured on energies and deep linear pathways, which are
handed the temperature, so that this checks solver and sampler; on SGD with real minibatches, which could fail; and
beside rival laws and the published curves.
"""

from __future__ import annotations

import sys
import time
import zlib
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import xarray as xr

from .fits.published import PublishedFindings, published_findings
from .potentials.catalogue import barrier_spectrum, find_pair
from .potentials.from_text import read_pair
from .potentials.potential import PotentialPair
from .reports.equi_findings import Finding, find
from .reports.equi_temperature import equi_dataset, print_report, readme_tables, summary
from .results.marked_text import write_tables
from .results.progress import command_line, progress
from .results.records import manifest, writable_folder, write_dataset, write_figure, write_json, written_together
from .worlds.problems import Problem, decaying, harmonic, measure
from .worlds.simulated_problems import cold_pathways, regression, thermal_valley

NAME = "equi_temperature"
PLANE_VARIANCE, SPECTRUM_VARIANCE, COLD_VARIANCE = 24.0, 24.0, 13.0  # for each example of the largest batch

_BUILD: dict[str, Callable[[EquiTemperature], Problem]] = {
    "regular": lambda run: run.energy("regular_double_well", "regular wells"),
    "singular": lambda run: run.energy("singular_double_well_2_4", "singular well"),
    "flat_barrier": lambda run: run.energy("flat_topped_barrier", "singular barrier"),
    # A plane is dear, so its learning rate decays twice as fast; then little more than half of its mass is ever stuck.
    "plane": lambda run: decaying(
        find_pair("curve_against_point"), "two coordinates", run.batch_sizes, run.decay**2,
        variance=PLANE_VARIANCE * max(run.batch_sizes), runs_share=0.375, level=0.3,
    ),
    "many_barriers": lambda run: decaying(
        _spectrum(), "many barriers", run.batch_sizes, run.decay, variance=SPECTRUM_VARIANCE * max(run.batch_sizes),
        runs_share=0.1875,
    ),
    "minibatches": lambda run: regression(),
    "thermal_pathways": lambda run: thermal_valley(),
    "regular_power_law": lambda run: harmonic(find_pair("regular_double_well"), "regular, other schedule"),
    "singular_power_law": lambda run: harmonic(find_pair("singular_double_well_2_4"), "singular, other schedule"),
    "start_remembered": lambda run: decaying(
        find_pair("regular_double_well"), "start remembered", run.batch_sizes, run.decay,
        variance=COLD_VARIANCE * max(run.batch_sizes), expected="start remembered", start="clean phase",
        name="regular_double_well, from the clean phase",
    ),
    "cold_pathways": lambda run: cold_pathways(),
}  # fmt: skip
PROBLEMS = tuple(_BUILD)
FEWEST_RUNS, BARRIERS = 128, 6


@dataclass(frozen=True)
class EquiTemperature:
    """Compare equi-temperature curves across problems: one figure, one table, one data file.

    Attributes
    ----------
    problems
        Which, of: regular, singular, flat_barrier, plane, many_barriers, minibatches, thermal_pathways,
        regular_power_law, singular_power_law, start_remembered, cold_pathways.
    potential
        One more, of your own: a pair of the catalogue or an energy such as "(w**2-1)**2 - 0.2*w", whose deficit is its
        mirror image; of one coordinate.
    batch_sizes
        Of the problems that are energies under exponential decay; the others have their own.
    decay
        Factor of their learning rate per epoch, from 0.5 to below 1; squared for the energy in two coordinates.
    chains
        Sampled runs of each energy in one coordinate; the costlier problems take a share of it.
    seed
        Same seed, same result, on any number of threads.
    out
        Folder for equi_temperature.png, .svg, .nc and .json.
    write_readme
        Put the tables between this file's markers.
    """

    problems: tuple[str, ...] = PROBLEMS
    potential: str | None = None
    batch_sizes: tuple[int, ...] = (16, 32, 64, 128, 256)
    decay: float = 0.95
    chains: int = 1024
    seed: int = 0
    out: Path = Path("results")
    write_readme: Path | None = None

    def __post_init__(self) -> None:
        unknown = [name for name in self.problems if name not in _BUILD]
        if unknown:
            raise ValueError(f"--problems holds {unknown[0]!r}, which is none of {', '.join(PROBLEMS)}")
        if len(set(self.problems)) < len(self.problems) or not (self.problems or self.potential):
            raise ValueError(f"--problems must be distinct, at least one, not {self.problems}")
        if len(self.batch_sizes) < 4 or len(set(self.batch_sizes)) < len(self.batch_sizes):
            raise ValueError(f"--batch-sizes must be distinct, at least 4 for laws to be told apart, not "
                             f"{self.batch_sizes}")  # fmt: skip
        for option, value, least in (
            *(("--batch-sizes", size, 1) for size in self.batch_sizes),
            ("--chains", self.chains, FEWEST_RUNS),
            ("--seed", self.seed, 0),
        ):
            if value < least:
                raise ValueError(f"{option} must be at least {least}, not {value}")
        if max(self.batch_sizes) > 1024 * min(self.batch_sizes):
            raise ValueError(f"--batch-sizes must lie within a factor of 1024, not {self.batch_sizes}")
        if not 0.5 <= self.decay < 1:
            raise ValueError(f"--decay must be at least 0.5 and below 1, not {self.decay}; 0.95 is usual")
        if self.potential is not None:
            self._own()

    def energy(self, name: str, kind: str) -> Problem:
        """A pair of the catalogue under exponential decay."""
        return decaying(find_pair(name), kind, self.batch_sizes, self.decay)

    def built(self) -> list[Problem]:
        """The problems.

        Raises
        ------
        ValueError
            In one line, when the potential cannot be read, derived or paired.
        """
        own = [] if self.potential is None else [self._own()]
        return [_BUILD[name](self) for name in self.problems] + own

    def _own(self) -> Problem:
        assert self.potential is not None
        pair = read_pair(self.potential)
        if pair.clean.dimension != 1:
            raise ValueError(f"--potential must have one coordinate, not {pair.clean.dimension} as {pair.name}")
        return decaying(pair, "your own", self.batch_sizes, self.decay)

    def run(self) -> tuple[xr.Dataset, list[Finding], PublishedFindings]:
        """Measure and fit every problem; the dataset is what the figure shows."""
        findings = []
        for problem in self.built():
            runs = max(FEWEST_RUNS, round(self.chains * problem.runs_share))
            with progress(problem.name.replace("_", " "), float(len(problem.trainings))) as advance:
                # A problem's noise does not depend on which others there are.
                seed = [self.seed, zlib.crc32(problem.name.encode())]
                curves = [
                    measure(problem, training, runs, [*seed, int(training.batch_size)], advance)
                    for training in problem.trainings
                ]
            findings.append(find(problem, curves, self.seed))
        with progress("published curves", None):
            published = published_findings(seed=self.seed)
        dataset = equi_dataset(findings, published)
        dataset.attrs = {"decay": self.decay, "chains": self.chains, "seed": self.seed}
        return dataset, findings, published


def _spectrum() -> PotentialPair:
    deficit, clean = (barrier_spectrum(BARRIERS, sign) for sign in (-1, 1))
    return PotentialPair("barrier_spectrum", deficit, clean, "all left")


def main(config: EquiTemperature) -> None:
    """Run, print the table, and write the four files."""
    began = time.perf_counter()
    folder = writable_folder(config.out, argument="--out")
    dataset, findings, published = config.run()
    from figures.equi_temperature import draw

    with written_together():
        with progress("figure", None):
            files = {f"{NAME}.nc": write_dataset(dataset, folder / f"{NAME}.nc")}
            files |= write_figure(draw(dataset), folder / NAME, ("png", "svg"))
        record = summary(findings, published)
        record["manifest"] = manifest(config, config.seed, time.perf_counter() - began, files=files)
        write_json(record, folder / f"{NAME}.json", not_finite="null")
    print_report(record, folder / NAME)
    if config.write_readme is not None:
        write_tables(config.write_readme, readme_tables(record))


if __name__ == "__main__":
    sys.exit(command_line(EquiTemperature, main))
