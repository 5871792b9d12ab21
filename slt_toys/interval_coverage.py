"""How often do intervals of window weights and of ends hold the truth? ``python -m slt_toys.interval_coverage``.

Both are 95 % intervals whose coverage was found wanting: of window weights where a few separate barriers are behind a
decline, and of e* where another seed moves the whole curve. Here truths are known, and intervals are counted.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

from .results.claims import Outcome
from .results.recipe import Experiment, at_least, main, positive

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, kw_only=True)
class IntervalCoverage(Experiment):
    """Count how often intervals hold the truth: weights of barrier windows, and ends of critical periods.

    Attributes
    ----------
    noises
        Standard errors of the stuck share in the declines.
    runs
        Declines of each kind of spectrum and noise.
    readings
        Of how many of them everything is read, for widths, smooth readings and numbers of barriers.
    jitters
        Standard deviations of a whole curve's shift between seeds, in epochs.
    seeds
        Numbers of seeds of a study.
    studies
        Simulated studies for each jitter and number of seeds.
    """

    NAME: ClassVar[str] = "interval_coverage"

    noises: tuple[float, ...] = (0.003, 0.01, 0.03)
    runs: int = 100
    readings: int = 4
    jitters: tuple[float, ...] = (0.0, 3.0, 10.0)
    seeds: tuple[int, ...] = (1, 2, 3, 5, 8)
    studies: int = 120

    def __post_init__(self) -> None:
        at_least(self, runs=4, readings=1, seeds=1, studies=4, jitters=0, seed=0)
        positive(self, "noises")
        if self.readings > self.runs:
            raise ValueError(f"--readings must be at most --runs {self.runs}, not {self.readings}")

    def run(self) -> xr.Dataset:
        """Draw declines and curves whose truth is known, and count intervals that hold it."""
        from .barriers.decline_study import SPACING, protocol, slanted_pair
        from .barriers.kernel import barrier_kernel
        from .barriers.population import height_range
        from .barriers.window_coverage import coverage_of_windows
        from .fits.seed_coverage import JitteredCurves, coverage_over_seeds
        from .reports.interval_coverage import dataset
        from .results.progress import progress
        from .smooth_decline import SmoothDecline

        usual = SmoothDecline()
        training, ending = protocol(usual)
        pair, epochs = slanted_pair(usual), range(usual.switch_epochs)
        low, high = height_range(pair, training, epochs[0], epochs[-1], ending)
        kernel = barrier_kernel(
            pair, training, list(epochs), ending, low, high, method="eyring_kramers", spacing=SPACING
        )  # fmt: skip
        with progress("intervals of known truths", 100) as advance:
            windows = coverage_of_windows(
                kernel, self.noises, runs=self.runs, intervals=self.readings, seed=[self.seed, 0],
                advance=lambda share: advance(70 * share),
            )  # fmt: skip
            ends = coverage_over_seeds(
                JitteredCurves(), jitters=self.jitters, seeds=self.seeds, runs=self.studies, seed=[self.seed, 1],
                advance=lambda share: advance(30 * share),
            )  # fmt: skip
        return dataset(windows, ends)

    def outcome(self, dataset: xr.Dataset) -> Outcome:
        """Claims and tables."""
        from .reports.interval_coverage import INTRODUCTION, TITLE, claims, tables

        return Outcome(TITLE, INTRODUCTION, claims(dataset), tables(dataset))


if __name__ == "__main__":
    sys.exit(main(IntervalCoverage))
