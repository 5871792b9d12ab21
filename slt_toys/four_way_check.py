"""The learning coefficient of every catalogue phase found four ways: ``python -m slt_toys.four_way_check``."""

from __future__ import annotations

import sys
from dataclasses import dataclass
from typing import TYPE_CHECKING, ClassVar

import tyro

from .potentials.energy_options import EnergyOptions
from .results.claims import Outcome
from .results.recipe import at_least, main

if TYPE_CHECKING:
    import xarray as xr

    from .potentials.potential import Potential


@dataclass(frozen=True)
class FourWayCheck(EnergyOptions):
    """The learning coefficient of every catalogue phase: declared, derived, integrated, sampled.

    Attributes
    ----------
    potential
        A name of the catalogue, or an energy of your own; may be given several times. Without it the whole catalogue.
    chains
        Independent Langevin chains for each phase.
    """

    NAME: ClassVar[str] = "four_way_check"

    potential: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    chains: int = 2048

    def __post_init__(self) -> None:
        super().__post_init__()
        at_least(self, chains=1000, seed=0)

    def chosen(self) -> list[Potential]:
        """The potentials asked for, or the whole catalogue; `ValueError` in one line when one cannot be read."""
        from .potentials.catalogue import catalogue
        from .potentials.from_text import read_potentials

        own = self.own_energy("" if self.potential else None)
        return read_potentials(self.potential, "--potential", own) or list(catalogue().values())

    def run(self) -> xr.Dataset:
        """Check the phases asked for."""
        from .learning_coefficient.four_ways import check
        from .reports import four_way_check as report

        return report.dataset(check(self.chosen(), chains=self.chains, seed=self.seed))

    def outcome(self, dataset: xr.Dataset) -> Outcome:
        """Claims and the table; a phase that fails is an error, and no page then shows it."""
        from .reports import four_way_check as report

        if failed := report.failures(dataset):
            raise ValueError("; ".join(failed))
        return Outcome(report.TITLE, report.INTRODUCTION, report.claims(dataset), report.tables(dataset))


if __name__ == "__main__":
    sys.exit(main(FourWayCheck))
