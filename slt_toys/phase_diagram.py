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

    from .fits.published import PublishedFindings
    from .potentials.potential import PotentialPair
    from .protocol.curves import BegunCurve
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
    DRAWN_BY: ClassVar[str] = "figures.phase_diagram"

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
        from contextlib import ExitStack

        import numpy as np

        from .protocol.components import preferred_phase
        from .protocol.curves import begin_stuck_curve, refuse_too_hot
        from .protocol.maps import begin_equilibrium_map
        from .protocol.schedule import Ending
        from .results.background import background

        pair, ending, trainings = self.pair(), Ending("further", self.epochs_after), self.trainings()
        preferred = preferred_phase(pair)
        refuse_too_hot(pair, trainings, ending, "--gradient-variance")
        highest = max(float(training.temperatures(1)[0]) for training in trainings)
        temperatures = np.geomspace(highest / 100, highest, self.resolution)
        with ExitStack() as shown, background() as beside:
            advance = shown.enter_context(progress("equilibrium", 1.0))
            equilibrium = begin_equilibrium_map(
                pair, preferred, temperatures, chains=4 * self.chains, seed=self.seed, advance=advance, beside=beside
            )
            begun: list[BegunCurve] = []
            for training in trainings:  # the smallest batch first, whose chains take longest
                size = int(training.batch_size)
                advance = shown.enter_context(progress(f"batch size {size}", 1.0))
                begun.append(
                    begin_stuck_curve(
                        pair, training, ending, chains=self.chains, seed=[self.seed, size], advance=advance,
                        beside=beside, dear=begun[0].dear if begun else None,
                    )
                )  # fmt: skip
            findings, further = self._beside_chains(pair, int(max(curve.switch_epochs[-1] for curve in begun)))
            from .reports import phase_diagram as report  # chains run, so that this costs no time

            maps, curves = [equilibrium(), *further], (curve.curve() for curve in begun)  # as their chains arrive
            return report.dataset(
                pair, preferred, curves, ending, findings, maps, decay=self.decay, learning_rate=self.learning_rate,
                seed=self.seed,
            )  # fmt: skip

    def _beside_chains(self, pair: PotentialPair, latest: int) -> tuple[PublishedFindings | None, list[xr.Dataset]]:
        """What needs no chains and is computed while they run: published findings, the maps of mixing and energy."""
        import numpy as np

        from .fits.published import published_findings
        from .protocol.curves import mixing_map
        from .protocol.maps import energy_map

        sizes = sorted(self.batch_sizes)
        between = np.geomspace(sizes[0] / EDGE, min(sizes[-1] * EDGE, self.dataset_size), self.resolution)
        maps = [mixing_map(pair.clean, [self.training(size) for size in between], latest + 1)]
        if not (self.published or (self.potential, self.deficit) == (PhaseDiagram.potential, PhaseDiagram.deficit)):
            return None, [*maps, energy_map(pair)]
        with progress("published curves", None):
            return published_findings(seed=self.seed), maps

    def outcome(self, dataset: xr.Dataset) -> Outcome:
        """Claims and tables."""
        from .reports import phase_diagram as report

        return Outcome(report.TITLE, report.introduction(dataset), report.claims(dataset), report.tables(dataset))


if __name__ == "__main__":
    sys.exit(main(PhaseDiagram))
