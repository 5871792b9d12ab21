"""Options of `python -m slt_toys.learning_coefficient --track`: λ̂ along training, in two worked examples.

The toy model of superposition goes down its staircase to polygons whose learning coefficients are exact; a small
network learns addition modulo 11, first the pairs it sees and then those that it does not.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from slt_toys.learning_coefficient.track_settings import RUNS
from slt_toys.results.recipe import Experiment, at_least

if TYPE_CHECKING:
    import xarray as xr

    from slt_toys.results.claims import Outcome


@dataclass(frozen=True, kw_only=True)
class CheckpointTracks(Experiment):
    """Follow local learning coefficients along training, of models whose minima are known.

    Stop it at any time: the same command goes on with what is left.

    Attributes
    ----------
    runs
        Which runs, by name.
    draws
        Of each chain, at each checkpoint; half of them for addition.
    """

    NAME: ClassVar[str] = "learning_coefficient_track"
    COMMAND: ClassVar[str] = "python -m slt_toys.learning_coefficient --track"

    runs: tuple[str, ...] = RUNS
    draws: int = 256

    def __post_init__(self) -> None:
        at_least(self, draws=20)
        unknown = sorted(set(self.runs) - set(RUNS))
        if unknown or not self.runs:
            raise ValueError(f"--runs: {', '.join(unknown) or 'none'} unknown; known are {', '.join(map(repr, RUNS))}")

    def run(self) -> xr.Dataset:
        """Train and measure."""
        import xarray as xr

        from slt_toys.learning_coefficient.track_runs import followed

        folder = self.out.expanduser() / f"{self.NAME}.cases"
        parts = [followed(name, draws=self.draws, seed=self.seed, folder=folder) for name in dict.fromkeys(self.runs)]
        return xr.concat(parts, "row", combine_attrs="drop_conflicts")

    def outcome(self, dataset: xr.Dataset) -> Outcome:
        """Claims and the table."""
        from slt_toys.learning_coefficient.track_report import outcome

        return outcome(dataset)

    def figures(self, dataset: xr.Dataset) -> dict[str, Any]:
        """The figure."""
        from figures.learning_coefficient_track import draw

        return {self.NAME: draw(dataset)}
