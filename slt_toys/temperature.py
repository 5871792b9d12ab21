"""The temperature of SGD, end to end: ``python -m slt_toys.temperature``.

From learning rate, batch size, momentum, order and noise to the inverse temperature n_beta that SGD samples, with four
thermometers, their disagreement, and the range of settings over which one temperature holds to 5 %.
"""

from __future__ import annotations

import sys
import time
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import xarray as xr

from .potentials.from_text import read_potential
from .potentials.potential import Potential
from .reports.temperature import calibration_dataset, in_words, law_curves, print_report, summary
from .results.progress import command_line, progress
from .results.records import manifest, writable_folder, write_dataset, write_figure, write_json, written_together
from .thermometers.calibration import LABEL_NOISE, Calibration, Setting, calibrate
from .thermometers.sgd_temperature import inverse_temperature

__all__ = ["Temperature", "inverse_temperature", "main"]

NAME = "temperature"


@dataclass(frozen=True)
class Temperature:
    """Calibrate SGD as a sampler: one figure, one table, one data file.

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
    seed
        Same seed, same result, on any number of threads.
    out
        Folder for temperature.png, .svg, .nc and .json.
    """

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
    seed: int = 0
    out: Path = Path("results")

    def __post_init__(self) -> None:
        for option, value, least in (
            ("--chains", self.chains, 64),
            ("--batch-size", self.batch_size, 1),
            ("--seed", self.seed, 0),
            *(("--batch-sizes", size, 1) for size in self.batch_sizes),
            *(("--multiples", multiple, 1) for multiple in self.multiples),
            *(("--steps-per-epoch", steps, 2) for steps in self.steps_per_epoch),
        ):
            if value < least:
                raise ValueError(f"{option} must be at least {least}, not {value}")
        for option, number in (
            ("--temperature", self.temperature),
            ("--learning-rate", self.learning_rate),
            ("--duration", self.duration),
        ):
            if not (np.isfinite(number) and number > 0):
                raise ValueError(f"{option} must be positive and finite, not {number}")
        if not 0 < self.momentum < 1:
            raise ValueError(f"--momentum must lie strictly between 0 and 1, not {self.momentum}")
        for option, values in (
            ("--batch-sizes", self.batch_sizes),
            ("--multiples", self.multiples),
            ("--steps-per-epoch", self.steps_per_epoch),
        ):
            if not values or len(set(values)) < len(values):
                raise ValueError(f"{option} must be distinct, at least one, not {values}")

    @property
    def gradient_variance(self) -> float:
        """σ² that gives the reference setting its temperature [eq:sgd-temperature]."""
        return 2 * self.temperature * self.batch_size / self.learning_rate

    def settings(self) -> list[Setting]:
        """Every setting, series by series."""
        rate, batch, variance = self.learning_rate, self.batch_size, self.gradient_variance
        middle = sorted(self.multiples)[len(self.multiples) // 2]
        found = [Setting("batch size", rate, size, 0.0, variance) for size in sorted(self.batch_sizes)]
        for momentum in (0.0, self.momentum):
            found += [
                Setting("step size", k * rate * (1 - momentum), k * batch, momentum, variance)
                for k in sorted(self.multiples)
            ]
        found += [
            Setting("reshuffling", middle * rate, middle * batch, 0.0, variance, order="reshuffled", steps_per_epoch=m)
            for m in sorted(self.steps_per_epoch)
        ]
        found += [
            Setting("noise", rate, batch, 0.0, variance),
            Setting("noise", rate, batch, 0.0, variance, "table", steps_per_epoch=64),
            Setting("noise", rate, batch, 0.0, variance, "loss"),
            # Of a regression σ² at the minima is about 8 LABEL_NOISE².
            Setting("noise", 2 * self.temperature / (8 * LABEL_NOISE**2), 1, 0.0, np.nan, "regression",
                    steps_per_epoch=4096),
        ]  # fmt: skip
        return found

    def energy(self) -> Potential:
        """The potential.

        Raises
        ------
        ValueError
            In one line, when it cannot be read or has not the two phases that the thermometers need.
        """
        found = read_potential(self.potential, "--potential")
        if found.dimension != 1 or len(found.phases) != 2:
            raise ValueError(
                f"--potential must have one coordinate and two phases; {found.name} has {found.dimension} and "
                f"{len(found.phases)}"
            )
        if found.minimum_loss(0) == found.minimum_loss(1):
            raise ValueError(f"--potential must have phases of different loss, for occupancy to tell; {found.name} "
                             "has not")  # fmt: skip
        return found

    def run(self) -> tuple[xr.Dataset, list[Calibration]]:
        """Calibrate every setting; the dataset is what the figure shows."""
        potential, settings = self.energy(), self.settings()
        calibrations = []
        with progress("settings", len(settings)) as advance:
            for number, setting in enumerate(settings):
                seed = self.seed * len(settings) + number  # settings that shared their noise would err together
                calibrations.append(
                    calibrate(setting, potential, chains=self.chains, duration=self.duration, seed=seed)
                )
                advance()
        dataset = xr.merge([calibration_dataset(calibrations), law_curves(calibrations)])
        dataset.attrs = {
            "potential": potential.name,
            "temperature": self.temperature,
            "learning_rate": self.learning_rate,
            "momentum": self.momentum,
            "chains": self.chains,
            "duration": self.duration,
            "seed": self.seed,
        }
        return dataset, calibrations


def main(config: Temperature) -> None:
    """Run, print the table, and write the four files."""
    began = time.perf_counter()
    folder = writable_folder(config.out, argument="--out")
    dataset, calibrations = config.run()
    from figures.temperature import draw

    with written_together():
        with progress("figure", None):
            files = {f"{NAME}.nc": write_dataset(dataset, folder / f"{NAME}.nc")}
            files |= write_figure(draw(dataset), folder / NAME, ("png", "svg"))
        record = summary(calibrations) | {
            "manifest": manifest(config, config.seed, time.perf_counter() - began, files=files),
        }
        write_json(record, folder / f"{NAME}.json", not_finite="null")
    print_report(calibrations, in_words(calibrations), folder / NAME)


if __name__ == "__main__":
    sys.exit(command_line(Temperature, main))
