"""The temperature of SGD, end to end: ``python -m slt_toys.temperature``.

From learning rate, batch size, momentum, order and noise to the inverse temperature n_beta that SGD samples, with four
thermometers, their disagreement, and the range of settings over which one temperature holds to 5 %.
"""

from __future__ import annotations

import math
import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .results.claims import Outcome
from .results.progress import progress
from .results.recipe import Experiment, at_least, main

if TYPE_CHECKING:
    import xarray as xr

    from .potentials.potential import Potential
    from .thermometers.calibration import Calibration, Setting


@dataclass(frozen=True)
class Temperature(Experiment):
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
        at_least({"--chains": (self.chains, 64), "--batch-size": (self.batch_size, 1), "--seed": (self.seed, 0)})
        for option, values, least in (
            ("--batch-sizes", self.batch_sizes, 1),
            ("--multiples", self.multiples, 1),
            ("--steps-per-epoch", self.steps_per_epoch, 2),
        ):
            if not values or len(set(values)) < len(values):
                raise ValueError(f"{option} must be distinct, at least one, not {values}")
            at_least({option: (min(values), least)})
        for option, number in (
            ("--temperature", self.temperature),
            ("--learning-rate", self.learning_rate),
            ("--duration", self.duration),
        ):
            if not (math.isfinite(number) and number > 0):
                raise ValueError(f"{option} must be positive and finite, not {number}")
        if not 0 < self.momentum < 1:
            raise ValueError(f"--momentum must lie strictly between 0 and 1, not {self.momentum}")

    @property
    def gradient_variance(self) -> float:
        """σ² that gives the reference setting its temperature [eq:sgd-temperature]."""
        return 2 * self.temperature * self.batch_size / self.learning_rate

    def settings(self) -> list[Setting]:
        """Every setting, series by series."""
        from .thermometers.calibration import LABEL_NOISE, Setting

        rate, batch, variance = self.learning_rate, self.batch_size, self.gradient_variance
        middle = sorted(self.multiples)[len(self.multiples) // 2]
        return [
            *(Setting("batch size", rate, size, 0.0, variance) for size in sorted(self.batch_sizes)),
            *(
                Setting("step size", k * rate * (1 - momentum), k * batch, momentum, variance)
                for momentum in (0.0, self.momentum)
                for k in sorted(self.multiples)
            ),
            *(
                Setting("reshuffling", middle * rate, middle * batch, 0.0, variance, order="reshuffled",
                        steps_per_epoch=steps)
                for steps in sorted(self.steps_per_epoch)
            ),
            Setting("noise", rate, batch, 0.0, variance),
            Setting("noise", rate, batch, 0.0, variance, "table", steps_per_epoch=64),
            Setting("noise", rate, batch, 0.0, variance, "loss"),
            # Of a regression σ² at the minima is about 8 LABEL_NOISE².
            Setting("noise", 2 * self.temperature / (8 * LABEL_NOISE**2), 1, 0.0, math.nan, "regression",
                    steps_per_epoch=4096),
        ]  # fmt: skip

    def energy(self) -> Potential:
        """The potential; `ValueError` in one line when it has not the two phases that the thermometers need."""
        from .potentials.from_text import read_potential

        potential = read_potential(self.potential, "--potential")
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
        from .thermometers.calibration import calibrate

        potential, settings = self.energy(), self.settings()
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
        """Claims, tables and the figure."""
        from figures.temperature import draw

        from .reports import temperature as report

        figures = {self.NAME: draw(dataset)}
        return Outcome(report.TITLE, report.INTRODUCTION, report.claims(dataset), report.tables(dataset), figures)


if __name__ == "__main__":
    sys.exit(main(Temperature))
