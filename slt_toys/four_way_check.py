"""The learning coefficient of every catalogue phase found four ways: ``python -m slt_toys.four_way_check``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import tyro

from .results.claims import Outcome
from .results.recipe import Experiment, at_least, main

if TYPE_CHECKING:
    import xarray as xr


@dataclass(frozen=True)
class FourWayCheck(Experiment):
    """The learning coefficient of every catalogue phase: declared, derived, integrated, sampled.

    Attributes
    ----------
    potential
        Name; may be given several times. All of the catalogue if none is.
    chains
        Independent Langevin chains for each phase.
    """

    NAME: ClassVar[str] = "four_way_check"

    potential: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    chains: int = 2048

    def __post_init__(self) -> None:
        at_least(self, chains=1000, seed=0)

    def run(self) -> xr.Dataset:
        """Check the phases asked for."""
        from .learning_coefficient.four_ways import check
        from .potentials.catalogue import catalogue, find_potential
        from .reports import four_way_check as report

        chosen = [find_potential(name, "--potential") for name in self.potential] or list(catalogue().values())
        return report.dataset(check(chosen, chains=self.chains, seed=self.seed))

    def outcome(self, dataset: xr.Dataset) -> Outcome:
        """Claims and the table; a phase that fails is an error, and no page then shows it."""
        from .reports import four_way_check as report

        if failed := report.failures(dataset):
            raise ValueError("; ".join(failed))
        return Outcome(report.TITLE, report.INTRODUCTION, report.claims(dataset), report.tables(dataset), {})


if __name__ == "__main__":
    sys.exit(main(FourWayCheck))
