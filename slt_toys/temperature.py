"""The temperature of SGD, end to end: ``python -m slt_toys.temperature``.

From learning rate, batch size, momentum, order and noise to the inverse temperature n_beta that SGD samples, with four
thermometers, their disagreement, and the range of settings over which one temperature holds to 5 %.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from .potentials.energy_options import EnergyOptions
from .results.claims import Outcome
from .results.progress import progress
from .results.recipe import at_least, distinct, main, positive

if TYPE_CHECKING:
    import xarray as xr

    from .potentials.potential import Potential
    from .thermometers.calibration import Calibration


@dataclass(frozen=True)
class Temperature(EnergyOptions):
    """Calibrate SGD as a sampler: one figure, a page of tables, one data file.

    The reference setting has the temperature, learning rate and batch size below; its noise follows. Four series
    depart from it: batch sizes; learning rate and batch size multiplied alike, without and with momentum; epochs of
    different length without replacement; and kinds of noise.

    Attributes
    ----------
    potential
        One coordinate and two phases of different loss: a name of the catalogue, or an energy such as
        "(w**2-1)**2 - 0.15*w".
    temperature
        Of the reference setting, in units of loss.
    learning_rate
        Of the reference setting.
    batch_size
        Of the reference setting.
    batch_sizes
        Of the first series.
    multiples
        Of learning rate and batch size together: at each the temperature is the reference's by law.
    momentum
        Of the second half of that series, whose learning rates are smaller by 1 - momentum.
    steps_per_epoch
        Of the series without replacement, at the middle multiple.
    chains
        For each setting.
    duration
        Langevin time for which each chain is looked at.
    """

    NAME: ClassVar[str] = "temperature"

    potential: str = "regular_double_well"
    temperature: float = 0.4
    learning_rate: float = 0.002
    batch_size: int = 8
    batch_sizes: tuple[int, ...] = (2, 4, 8, 16, 32, 64)
    multiples: tuple[int, ...] = (1, 2, 5, 10, 20)
    momentum: float = 0.9
    steps_per_epoch: tuple[int, ...] = (8, 32, 128, 512, 2048)
    chains: int = 1024
    duration: float = 200.0

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, chains=64, batch_size=1, seed=0)
        for name, least in (("batch_sizes", 1), ("multiples", 1), ("steps_per_epoch", 2)):
            distinct(self, name)
            at_least(self, **{name: least})
        positive(self, "temperature", "learning_rate", "duration")
        if not 0 < self.momentum < 1:
            raise ValueError(f"--momentum must lie strictly between 0 and 1, not {self.momentum}")

    def energy(self) -> Potential:
        """The potential; `ValueError` in one line when it has not the two phases that the thermometers need."""
        from .potentials.from_text import read_potential

        potential = read_potential(self.potential, "--potential", self.own_energy())
        if potential.boundary == "periodic":
            raise ValueError(
                "--boundary periodic: a period is no part of a loss on examples, which SGD needs; leave it out"
            )
        if potential.dimension != 1 or len(potential.phases) != 2:
            raise ValueError(
                f"--potential must have one coordinate and two phases; {potential.name} has {potential.dimension} and "
                f"{len(potential.phases)}"
            )
        if potential.minimum_loss(0) == potential.minimum_loss(1):
            raise ValueError(
                f"--potential must have phases of different loss, for occupancy to tell; {potential.name} has not"
            )
        return potential

    def calibrations(self) -> list[Calibration]:
        """What every thermometer reads at every setting."""
        from .potentials.own_units import check_not_too_hot, relative_loss
        from .thermometers.calibration import calibrate, four_series

        potential = self.energy()
        check_not_too_hot(self.temperature, potential, "--temperature")
        settings = four_series(
            self.temperature, self.learning_rate, self.batch_size, self.batch_sizes, self.multiples, self.momentum,
            self.steps_per_epoch, relative_loss(potential),
        )  # fmt: skip
        calibrations = []
        with progress("settings", len(settings)) as advance:
            for number, setting in enumerate(settings):
                seed = self.seed * len(settings) + number  # settings that shared their noise would err together
                calibrations.append(
                    calibrate(setting, potential, chains=self.chains, duration=self.duration, seed=seed)
                )
                advance()
        return calibrations

    def run(self) -> xr.Dataset:
        """Calibrate every setting."""
        from .reports import temperature as report

        return report.dataset(self.calibrations()).assign_attrs(
            potential=self.energy().name, temperature=self.temperature, learning_rate=self.learning_rate,
            momentum=self.momentum, chains=self.chains, duration=self.duration, seed=self.seed,
        )  # fmt: skip

    def outcome(self, dataset: xr.Dataset) -> Outcome:
        """Claims and tables."""
        from .reports import temperature as report

        return Outcome(report.TITLE, report.INTRODUCTION, report.claims(dataset), report.tables(dataset))

    def figures(self, dataset: xr.Dataset) -> dict[str, Any]:
        """The figure."""
        from figures.temperature import draw

        return {self.NAME: draw(dataset)}


if __name__ == "__main__":
    sys.exit(main(Temperature))
