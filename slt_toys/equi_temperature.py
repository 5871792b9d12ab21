"""Equi-temperature curves across problems, end to end: ``python -m slt_toys.equi_temperature``.

If temperature ends critical periods, then the learning rate at the end is proportional to the batch size, for every
problem and every schedule: one halving for each halving. Measured by SGD on real minibatches of problems that could
fail, beside what measured gradient noise predicts, rival laws and the published curves. One energy is handed its
temperature: its slope is 1 by identity, a check of solver and sampler.
"""

from __future__ import annotations

import sys
import zlib
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, ClassVar

from .potentials.energy_options import EnergyOptions
from .results.progress import progress
from .results.recipe import at_least, main

if TYPE_CHECKING:
    import xarray as xr

    from .potentials.potential import PotentialPair
    from .results.claims import Outcome
    from .worlds.problems import Problem

PROBLEMS = ("memorising", "deep_linear", "matrix_completion", "teacher_student", "singular_regression",
            "regular_regression", "logistic", "without_memory", "regular")  # fmt: skip
MORE_PROBLEMS = ("singular", "flat_barrier", "plane", "many_barriers", "minibatches", "thermal_pathways",
                 "regular_power_law", "singular_power_law", "start_remembered", "cold_pathways")  # fmt: skip
FEWEST_RUNS = 128
OWN = "your own"  # kind of the problem that the user brings


@dataclass(frozen=True, kw_only=True)
class EquiTemperature(EnergyOptions):
    """Compare equi-temperature curves across problems.

    Attributes
    ----------
    problems
        Which, of: memorising, deep_linear, matrix_completion, teacher_student, singular_regression, regular_regression,
        logistic, without_memory, minibatches (SGD on real minibatches); regular, singular, flat_barrier, plane,
        many_barriers, thermal_pathways, regular_power_law, singular_power_law, start_remembered, cold_pathways (handed
        their temperature or flow time). Default: the first eight and regular; none beside a potential of your own.
    potential
        In their place one of your own, of one coordinate: a catalogue pair, or an energy such as "(w**2-1)**2 - w/5".
    deficit
        The deficit that goes with ``potential``. Default: the catalogue pair's own, or the mirror image of an energy.
    published
        Beside a potential of your own, run the problems and ask the published CIFAR-10 curves as well.
    batch_sizes
        Of the problems that are energies under exponential decay; the others have their own.
    decay
        Factor of their learning rate per epoch, from 0.5 to below 1; squared for the energy in two coordinates.
    chains
        Sampled runs of each energy in one coordinate; the costlier problems take a share of it.
    """

    NAME: ClassVar[str] = "equi_temperature"

    problems: tuple[str, ...] = ()
    potential: str | None = None
    deficit: str | None = None
    published: bool = False
    batch_sizes: tuple[int, ...] = (16, 32, 64, 128, 256)
    decay: float = 0.95
    chains: int = 1024

    def __post_init__(self) -> None:
        super().__post_init__()
        self.own_energy(self.potential)
        if self.deficit is not None and self.potential is None:
            raise ValueError("--deficit needs --potential; the other problems have their own")
        if unknown := [name for name in self.problems if name not in (*PROBLEMS, *MORE_PROBLEMS)]:
            known = ", ".join((*PROBLEMS, *MORE_PROBLEMS))
            raise ValueError(f"--problems holds {unknown[0]!r}, which is none of {known}")
        if len(set(self.problems)) < len(self.problems):
            raise ValueError(f"--problems must be distinct, not {self.problems}")
        if len(self.batch_sizes) < 4 or len(set(self.batch_sizes)) < len(self.batch_sizes):
            told = "distinct, at least 4 for laws to be told apart"
            raise ValueError(f"--batch-sizes must be {told}, not {self.batch_sizes}")
        at_least(self, batch_sizes=1, chains=FEWEST_RUNS, seed=0)
        if max(self.batch_sizes) > 1024 * min(self.batch_sizes):
            raise ValueError(f"--batch-sizes must lie within a factor of 1024, not {self.batch_sizes}")
        if not 0.5 <= self.decay < 1:
            raise ValueError(f"--decay must be at least 0.5 and below 1, not {self.decay}; 0.95 is usual")

    def built(self) -> list[Problem]:
        """The problems; `ValueError` in one line when the potential cannot be read, derived or paired."""
        from .worlds.named_problems import named_problem, own_problem

        chosen = self.problems or (PROBLEMS if self.asks_published else ())
        named = [named_problem(name, self.batch_sizes, self.decay) for name in chosen]
        pair = self.pair()
        return named if pair is None else [*named, own_problem(pair, self.batch_sizes, self.decay)]

    def pair(self) -> PotentialPair | None:
        """The pair of one's own, if there is one."""
        from .potentials.from_text import read_pair

        return None if self.potential is None else read_pair(self.potential, self.deficit, self.own_energy())

    @property
    def asks_published(self) -> bool:
        """Whether the published curves are asked: with a potential of one's own only if it is said."""
        return self.published or self.potential is None

    def run(self) -> xr.Dataset:
        """Measure and fit every problem."""
        from .reports.equi_temperature import dataset
        from .worlds.minibatch_problems import conditions, no_conditions
        from .worlds.problem_ends import problem_ends
        from .worlds.problems import measure

        parts = []
        for problem in self.built():
            runs = max(FEWEST_RUNS, round(self.chains * problem.runs_share))
            with progress(problem.name.replace("_", " "), float(len(problem.trainings))) as advance:
                # A problem's noise does not depend on which others there are, nor on how an energy is written.
                seed = [self.seed, zlib.crc32((OWN if problem.kind == OWN else problem.name).encode())]
                curves = [
                    measure(problem, training, runs, [*seed, int(training.batch_size)], advance)
                    for training in problem.trainings
                ]
            ends = problem_ends(problem, curves, self.seed)
            made = no_conditions(len(curves))
            if problem.model is not None:
                made = conditions(problem, curves, ends.sel(definition="half_stuck_mass"), runs, [*seed, 2])
            parts.append(ends.merge(made))
        published = None
        if self.asks_published:
            from .fits.published import published_findings

            with progress("published curves", None):
                published = published_findings(seed=self.seed)
        return dataset(parts, published, decay=self.decay, chains=self.chains, seed=self.seed)

    def outcome(self, dataset: xr.Dataset) -> Outcome:
        """Claims and tables."""
        from .reports import equi_temperature as report
        from .results.claims import Outcome

        told = report.introduction(dataset), report.claims(dataset), report.tables(dataset)
        return Outcome(report.TITLE, *told)

    def figures(self, dataset: xr.Dataset) -> dict[str, Any]:
        """The figure."""
        from figures.equi_temperature import draw

        return {self.NAME: draw(dataset)}


if __name__ == "__main__":
    sys.exit(main(EquiTemperature))
