"""From a smooth decline to its spectrum of barriers: ``python -m slt_toys.smooth_decline``.

Final accuracy that declines smoothly with the switch epoch is what a population of two-phase subsystems of many
barriers shows. Which barriers, how surely, and where does it stop being possible to say? Asked of sampled declines
whose spectrum is known, of the published curves, or of a decline of one's own.
"""

from __future__ import annotations

import sys
from dataclasses import dataclass
from itertools import pairwise
from typing import TYPE_CHECKING, Any, ClassVar, Literal

from .results.claims import Outcome
from .results.recipe import Experiment, at_least, main, positive

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True, kw_only=True)
class SmoothDecline(Experiment):
    """Read the spectrum of barriers behind a smooth decline, and say where that stops being possible.

    Without --decline two populations are sampled whose spectra are known, one of separate barriers and one smooth, and
    the published curves are read as well.

    Attributes
    ----------
    decline
        A file with columns switch_epoch, value (final accuracy, say) and, where known, standard_error, separated by
        commas, semicolons or tabs; or published-64, published-128, published-256.
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
    published
        Beside a decline of your own, record SGD and read the published curves as well; without one both are done.
    """

    NAME: ClassVar[str] = "smooth_decline"

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
    method: Literal["fokker_planck", "eyring_kramers", "gumbel"] = "fokker_planck"
    ratios: tuple[float, ...] = (1.1, 1.4, 1.6, 2.0, 2.5, 3.0)
    noises: tuple[float, ...] = (0.001, 0.003, 0.01, 0.03)
    runs: int = 10
    intervals: tuple[int, ...] = (1, 4, 16, 64, 256, 1024, 4096, 16384)
    recordings: int = 48
    published: bool = False

    def __post_init__(self) -> None:
        at_least(self, switch_epochs=8, chains=500, runs=2, recordings=2, seed=0, intervals=1)
        positive(self, "slant", "spread", "median", "barriers", "weights", "noises")
        for name in ("ratios", "noises", "intervals", "barriers"):
            values = getattr(self, name)
            if not values or any(high <= low for low, high in pairwise(values)):
                raise ValueError(f"--{name} must increase, not {' '.join(map(str, values))}")
        if min(self.ratios) <= 1:
            raise ValueError(f"--ratios must exceed 1, not {min(self.ratios)}")
        if len(self.weights) != len(self.barriers) or abs(sum(self.weights) - 1) > 1e-6:
            raise ValueError(f"--weights must be one share for each of --barriers, of sum 1, not {self.weights}")
        if self.slant > 1.4:
            raise ValueError(f"--slant must be at most 1.4, not {self.slant}: beyond it no second phase is left")
        if not self.decline and self.ending == "total" and self.switch_epochs > self.epochs:
            raise ValueError(
                f"--switch-epochs must be at most the total of --epochs {self.epochs}, not {self.switch_epochs}"
            )

    def run(self) -> xr.Dataset:
        """Read the declines, map where three barriers are recovered, and record SGD where that is asked for."""
        from .barriers.decline_study import decline_study, protocol
        from .barriers.measured import PUBLISHED
        from .reports.smooth_decline import dataset

        training, _ = protocol(self)
        return dataset(*decline_study(self)).assign_attrs(
            published=int(self.decline.startswith(PUBLISHED)), first_temperature=float(training.temperatures(1)[0]),
            chains=self.chains, recordings=self.recordings, seed=self.seed,
        )  # fmt: skip

    def outcome(self, dataset: xr.Dataset) -> Outcome:
        """Claims and tables."""
        from .reports.smooth_decline import INTRODUCTION, TITLE, claims, tables, warning

        return Outcome(TITLE, INTRODUCTION, claims(dataset), tables(dataset), warning=warning(dataset))

    def figures(self, dataset: xr.Dataset) -> dict[str, Any]:
        """The figure."""
        from figures.smooth_decline import draw

        return {self.NAME: draw(dataset)}


if __name__ == "__main__":
    sys.exit(main(SmoothDecline))
