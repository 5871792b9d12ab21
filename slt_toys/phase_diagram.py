"""The phase diagram, end to end: ``python -m slt_toys.phase_diagram``.

Which phase the tempered posterior prefers at each temperature; how long a sampler needs to change phase; at which epoch
the critical period ends for each batch size, exactly, sampled and by law; and whether the published CIFAR-10 curves
follow that law.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import sympy
import xarray as xr

from .fits.ends import find_end
from .fits.published import published_findings
from .potentials.from_text import read_pair
from .potentials.potential import PotentialPair
from .protocol.components import preferred_phase
from .protocol.curves import StuckCurve, curves_dataset, grid_error, mixing_map, stuck_curve
from .protocol.maps import equilibrium_map
from .protocol.schedule import Ending
from .protocol.training import ExponentialDecay, Training
from .reports.phase_diagram import HALF_STUCK_MASS, Report, make_report, print_report, report_dataset
from .reports.phase_diagram_tables import readme_tables
from .results.marked_text import write_tables
from .results.progress import command_line, progress
from .results.records import manifest, writable_folder, write_dataset, write_figure, write_json, written_together

NAME = "phase_diagram"


@dataclass(frozen=True)
class PhaseDiagram:
    """From an energy to the end of the critical period: one figure, one table, one data file.

    The defaults are the reference case: (w²-1)² - 0.15 w after a deficit (w²-1)² + 0.15 w, with temperature
    0.6 · (128 / batch size) · 0.97^epoch.

    Attributes
    ----------
    potential
        Clean potential: a name of the catalogue, or an energy such as "(w**2-1)**2 - 0.15*w".
    deficit
        Deficit potential, likewise. Default: the catalogue pair's own, or the mirror image of an energy.
    batch_sizes
        Batch sizes, distinct whole numbers.
    learning_rate
        At epoch 0.
    decay
        Factor of the learning rate per epoch, between 0 and 1.
    gradient_variance
        Per-example variance of each gradient component.
    dataset_size
        Examples in an epoch.
    epochs_after
        Clean epochs after the switch.
    chains
        Sampled chains for each batch size.
    seed
        Same seed, same result, on any number of threads.
    out
        Folder for phase_diagram.png, .svg, .nc and .json.
    resolution
        Temperatures and batch sizes of the maps.
    write_readme
        Put the tables between this file's markers.
    """

    potential: str = "regular_double_well"
    deficit: str | None = None
    batch_sizes: tuple[int, ...] = (32, 64, 128, 256)
    learning_rate: float = 0.05
    decay: float = 0.97
    gradient_variance: float = 3072.0
    dataset_size: int = 50_000
    epochs_after: int = 200
    chains: int = 4096
    seed: int = 0
    out: Path = Path("results")
    resolution: int = 90
    write_readme: Path | None = None

    def __post_init__(self) -> None:
        if not self.batch_sizes or len(set(self.batch_sizes)) < len(self.batch_sizes):
            raise ValueError(f"--batch-sizes must be distinct, at least one, not {self.batch_sizes}")
        for option, value, least in (
            ("--chains", self.chains, 100),
            ("--resolution", self.resolution, 8),
            ("--seed", self.seed, 0),
            ("--epochs-after", self.epochs_after, 1),
        ):
            if value < least:
                raise ValueError(f"{option} must be at least {least}, not {value}")
        self.trainings()

    def trainings(self) -> list[Training]:
        """A training run for each batch size, from small to large."""
        return [self.training(size) for size in sorted(self.batch_sizes)]

    def training(self, batch_size: float) -> Training:
        """The training run at one batch size."""
        schedule = ExponentialDecay(self.learning_rate, self.decay)
        return Training(batch_size, self.dataset_size, schedule, self.gradient_variance)

    def pair(self) -> PotentialPair:
        """The deficit and clean potentials.

        Raises
        ------
        ValueError
            In one line, when they cannot be read, derived or paired.
        """
        return read_pair(self.potential, self.deficit)

    def run(self) -> tuple[xr.Dataset, Report]:
        """Compute everything; the dataset is what the figure shows, the report what the JSON file says."""
        pair, ending = self.pair(), Ending("further", self.epochs_after)
        preferred = preferred_phase(pair)
        trainings = self.trainings()
        hottest = max(float(training.temperatures(1)[0]) for training in trainings)
        temperatures = np.geomspace(hottest / 100, hottest, self.resolution)
        with progress("equilibrium", 1.0) as advance:
            equilibrium = equilibrium_map(
                pair, preferred, temperatures, chains=4 * self.chains, seed=self.seed, advance=advance
            )
        curves: list[StuckCurve] = []
        for training in trainings:
            with progress(f"batch size {training.batch_size:g}", 1.0) as advance:
                curves.append(
                    stuck_curve(
                        pair,
                        training,
                        ending,
                        chains=self.chains,
                        seed=[self.seed, int(training.batch_size)],
                        advance=advance,
                    )
                )
        with progress("published curves", None):
            findings = published_findings(seed=self.seed)
        report = make_report(self, pair, preferred, curves, findings, self._grid_error(pair, curves, ending))
        dataset = xr.merge(
            [
                equilibrium,
                self._mixing(pair, curves),
                curves_dataset(curves, self.decay),
                report_dataset(report, findings),
            ],
            combine_attrs="drop_conflicts",
        )
        dataset.attrs |= {
            "potential": pair.clean.name,
            "energy_latex": sympy.latex(pair.clean.bound_energy) if pair.clean.dimension <= 2 else "",
            "stuck_phase": pair.stuck_phase,
            "preferred_phase": preferred,
            "decay": self.decay,
            "chains": self.chains,
            "epochs_after": self.epochs_after,
            **equilibrium.attrs,
        }
        return dataset, report

    def _grid_error(self, pair: PotentialPair, curves: list[StuckCurve], ending: Ending) -> float | None:
        """Of the exact ends, in epochs: at the largest batch size that has one (by θ it is the same at all)."""
        for curve in reversed(curves):
            end = find_end(curve.switch_epochs, curve.exact, HALF_STUCK_MASS).epoch
            if end is not None:
                return grid_error(pair, curve, ending, end)
        return None

    def _mixing(self, pair: PotentialPair, curves: list[StuckCurve]) -> xr.Dataset:
        sizes = sorted(self.batch_sizes)
        edge = 2**0.5
        between = np.geomspace(sizes[0] / edge, min(sizes[-1] * edge, self.dataset_size), self.resolution)
        epochs = int(max(curve.switch_epochs[-1] for curve in curves)) + 1
        relaxation, temperature = mixing_map(pair.clean, [self.training(size) for size in between], epochs)
        return xr.Dataset(
            {
                "log10_relaxation_epochs": (("map_batch_size", "map_epoch"), relaxation),
                "map_temperature": (("map_batch_size", "map_epoch"), temperature),
            },
            coords={"map_batch_size": between, "map_epoch": np.arange(epochs)},
        )


def main(config: PhaseDiagram) -> None:
    """Run, print the table, and write the four files."""
    began = time.perf_counter()
    folder = writable_folder(config.out, argument="--out")
    dataset, report = config.run()
    from figures.phase_diagram import draw

    with written_together():
        with progress("figure", None):
            figure = draw(dataset)
            files = {f"{NAME}.nc": write_dataset(dataset, folder / f"{NAME}.nc")}
            files |= write_figure(figure, folder / NAME, ("png", "svg"))
        record = report.to_dict() | {
            "manifest": manifest(config, config.seed, time.perf_counter() - began, files=files),
        }
        write_json(record, folder / f"{NAME}.json")
    print_report(report, folder / NAME)
    if config.write_readme is not None:
        write_tables(config.write_readme, readme_tables(record))


if __name__ == "__main__":
    sys.exit(command_line(PhaseDiagram, main))
