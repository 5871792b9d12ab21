"""The phase diagram, end to end: ``python -m slt_toys.phase_diagram``.

Which phase the tempered posterior prefers at each temperature; how long a sampler needs to change phase; at which epoch
the critical period ends for each batch size, exactly, sampled and by law; and, for the reference case or where asked,
whether the published CIFAR-10 curves follow that law.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .potentials.energy_options import EnergyOptions
from .results.claims import Outcome
from .results.progress import progress
from .results.recipe import at_least, distinct, main

if TYPE_CHECKING:
    import xarray as xr

    from .potentials.potential import PotentialPair
    from .protocol.training import Training

EDGE = 2**0.5  # factor by which the map of mixing reaches beyond the batch sizes


@dataclass(frozen=True)
class PhaseDiagram(EnergyOptions):
    """From an energy to the end of the critical period: one figure, a page of tables, one data file.

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
    resolution
        Temperatures and batch sizes of the maps.
    published
        Ask the published CIFAR-10 curves as well, beside an energy of one's own; the reference case always does.
    """

    NAME: ClassVar[str] = "phase_diagram"

    potential: str = "regular_double_well"
    deficit: str | None = None
    batch_sizes: tuple[int, ...] = (32, 64, 128, 256)
    learning_rate: float = 0.05
    decay: float = 0.97
    gradient_variance: float = 3072.0
    dataset_size: int = 50_000
    epochs_after: int = 200
    chains: int = 4096
    resolution: int = 90
    published: bool = False

    def __post_init__(self) -> None:
        super().__post_init__()
        distinct(self, "batch_sizes")
        at_least(self, chains=100, resolution=8, seed=0, epochs_after=1)
        self.trainings()

    def trainings(self) -> list[Training]:
        """A training run for each batch size, from small to large."""
        return [self.training(size) for size in sorted(self.batch_sizes)]

    def training(self, batch_size: float) -> Training:
        """The training run at one batch size."""
        from .protocol.training import ExponentialDecay, Training

        rates = ExponentialDecay(self.learning_rate, self.decay)
        return Training(batch_size, self.dataset_size, rates, self.gradient_variance)

    def pair(self) -> PotentialPair:
        """The deficit and clean potentials; `ValueError` in one line when they cannot be read or paired."""
        from .potentials.from_text import read_pair

        return read_pair(self.potential, self.deficit, self.own_energy())

    def run(self) -> xr.Dataset:
        """Compute the maps of equilibrium and mixing, and a stuck curve for each batch size."""
        import numpy as np

        from .fits.published import published_findings
        from .protocol.components import preferred_phase
        from .protocol.curves import mixing_map, refuse_too_hot, stuck_curve
        from .protocol.maps import energy_map, equilibrium_map
        from .protocol.schedule import Ending
        from .reports import phase_diagram as report

        pair, ending, trainings = self.pair(), Ending("further", self.epochs_after), self.trainings()
        preferred = preferred_phase(pair)
        refuse_too_hot(pair, trainings, ending, "--gradient-variance")
        highest = max(float(training.temperatures(1)[0]) for training in trainings)
        temperatures = np.geomspace(highest / 100, highest, self.resolution)
        with progress("equilibrium", 1.0) as advance:
            equilibrium = equilibrium_map(
                pair, preferred, temperatures, chains=4 * self.chains, seed=self.seed, advance=advance
            )
        curves = []
        for training in trainings:
            size = int(training.batch_size)
            with progress(f"batch size {size}", 1.0) as advance:
                curves.append(
                    stuck_curve(pair, training, ending, chains=self.chains, seed=[self.seed, size], advance=advance)
                )
        sizes, latest = sorted(self.batch_sizes), max(curve.switch_epochs[-1] for curve in curves)
        between = np.geomspace(sizes[0] / EDGE, min(sizes[-1] * EDGE, self.dataset_size), self.resolution)
        mixing = mixing_map(pair.clean, [self.training(size) for size in between], int(latest) + 1)
        findings, maps = None, [equilibrium, mixing]
        if self.published or (self.potential, self.deficit) == (PhaseDiagram.potential, PhaseDiagram.deficit):
            with progress("published curves", None):
                findings = published_findings(seed=self.seed)
        else:
            maps.append(energy_map(pair))
        return report.dataset(
            pair, preferred, curves, ending, findings, maps, decay=self.decay, learning_rate=self.learning_rate,
            seed=self.seed,
        )  # fmt: skip

    def outcome(self, dataset: xr.Dataset) -> Outcome:
        """Claims, tables and the figure."""
        from figures.phase_diagram import draw

        from .reports import phase_diagram as report

        figures = {self.NAME: draw(dataset)}
        return Outcome(
            report.TITLE, report.introduction(dataset), report.claims(dataset), report.tables(dataset), figures
        )


if __name__ == "__main__":
    sys.exit(main(PhaseDiagram))
