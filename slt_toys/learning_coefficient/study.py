"""Options of `python -m slt_toys.learning_coefficient`: deep linear networks, whose coefficients are theorems.

Default settings are held against the exact values, at a typical minimum and where branches of minima cross; and so are
settings without burn-in, of the kind with which coefficients along training were first published: SGLD with a step
chosen by hand, localisation 100, ten chains of a hundred draws, none dropped.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from slt_toys.results.recipe import Experiment, at_least

if TYPE_CHECKING:
    import xarray as xr

    from slt_toys.results.claims import Outcome

NETWORKS = ("(5,3,5;2)", "(10,5,10;2)", "(5,4,4,5;2)", "(50,50,50;25)")  # (widths; rank of the true map)


@dataclass(frozen=True, kw_only=True)
class LearningCoefficientStudy(Experiment):
    """Measure learning coefficients of deep linear networks and hold them against the exact values.

    Stop it at any time: the same command goes on with what is left.

    Attributes
    ----------
    seeds
        Problems of each network under the default setting; with more than one, coverage is reported.
    networks
        Which networks.
    """

    NAME: ClassVar[str] = "learning_coefficient"

    seeds: int = 1
    networks: tuple[str, ...] = NETWORKS

    def __post_init__(self) -> None:
        at_least(self, seeds=1)
        unknown = sorted(set(self.networks) - set(NETWORKS))
        if unknown or not self.networks:
            raise ValueError(f"networks: {unknown or 'none'} cannot be measured; known are {', '.join(NETWORKS)}")

    def run(self) -> xr.Dataset:
        """Measure."""
        from slt_toys.learning_coefficient.study_runs import measured_study

        folder = self.out.expanduser() / f"{self.NAME}.cases"
        return measured_study(self.networks, self.seeds, self.seed, folder)

    def outcome(self, dataset: xr.Dataset) -> Outcome:
        """Claims and tables."""
        from slt_toys.learning_coefficient.study_report import outcome

        return outcome(dataset)

    def figures(self, dataset: xr.Dataset) -> dict[str, Any]:
        """The figure."""
        from figures.learning_coefficient import draw

        return {self.NAME: draw(dataset)}
