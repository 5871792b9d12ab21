"""The learning coefficient of every phase found four ways: declared, derived, integrated and sampled.

``python -m slt_toys.four_way_check`` prints the table, and ``--write-readme README.md`` puts it into a text.

1. *Declared* in the catalogue, as an exact rational.
2. *Derived* at the phase's exact minimum (:func:`theory.learning_coefficient.rlct`).
3. *Integrated*: the slope of -log Z_α against log n_beta with (log n_beta)^(m-1) divided out, and how fast the
   logarithms grow, which gives m [eq:phase-free-energy].
4. *Sampled*: n_beta times the mean excess loss of Langevin chains in the phase, against its exact value at that n_beta
   and against the law that λ and m declare [eq:energy-law]. The three numbers differ; an estimate that "hits" λ
   where the exact value is another would be wrong.
"""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, fields
from pathlib import Path

import numpy as np
import tyro
import xarray as xr
from rich.console import Console
from rich.table import Table
from sympy import Rational

from theory.learning_coefficient.engine import LearningCoefficientRefused, rlct

from .exact.equilibrium import learning_coefficient_by_quadrature, phase_asymptotics, phase_table
from .inputs.arguments import checked_arguments
from .learning_coefficient.sampled_energy import SMALLEST_EFFECTIVE_SAMPLE, SampledEnergy, sample_energy
from .potentials.catalogue import catalogue, find_potential
from .potentials.potential import Potential
from .results.marked_text import replaced_table, write_tables
from .results.progress import command_line, progress
from .results.records import write_dataset

__all__ = [
    "FourWayCheck",
    "PhaseCheck",
    "check",
    "check_phase",
    "derive",
    "main",
    "markdown_table",
    "replaced_table",
    "to_dataset",
]

STANDARD_ERRORS = 5
LARGEST_SHARE_OUTSIDE = 0.01
COLD = 1e8  # the law is compared from the sampled n_beta up to here

# Large enough for the local law, small enough that the phase's slowest motion, often along its minima, is sampled.
N_BETA = {
    ("normal_crossing", "whole"): 144.76,  # 0.3559 is right there, not 1/2
    ("bilinear", "whole"): 12.0,  # both branches of the hyperbola are visited
    ("normal_crossing_against_point", "crossing"): 10.0,
    ("curve_against_point", "circle"): 20.0,
}
DEFAULT_N_BETA = 100.0


@dataclass(frozen=True)
class PhaseCheck:
    """One phase's learning coefficient λ and multiplicity m by four routes.

    Attributes
    ----------
    potential, phase
        Names.
    declared, declared_multiplicity
        In the potential.
    derived, derived_multiplicity, method
        By theory; None and the reason where it is refused.
    slope, slope_error, logarithms
        λ by quadrature, the bound on its error, and m - 1 by quadrature: λ - E_α at n_beta = 1e8, times log n_beta.
    n_beta
        Of the sampling.
    sampled
        By Langevin chains.
    exact
        The energy by quadrature at n_beta.
    law
        What λ and m declare at n_beta: λ - d log P/d log n_beta with P the polynomial of logarithms, λ if m = 1.
    drift
        By how much exact - law still moves between n_beta and 1e8.
    """

    potential: str
    phase: str
    declared: Rational
    declared_multiplicity: int
    derived: Rational | None
    derived_multiplicity: int | None
    method: str
    slope: float
    slope_error: float
    logarithms: float
    n_beta: float
    sampled: SampledEnergy
    exact: float
    law: float
    drift: float

    @property
    def failures(self) -> tuple[str, ...]:
        """Which routes disagree with the declared one: among "derived", "slope" and "sampled"; empty if none does."""
        found = []
        if (self.derived, self.derived_multiplicity) != (self.declared, self.declared_multiplicity):
            found.append("derived")
        slope_agrees = abs(self.slope - float(self.declared)) <= self.slope_error
        if not (slope_agrees and round(self.logarithms) == self.declared_multiplicity - 1):
            found.append("slope")
        margin = STANDARD_ERRORS * self.sampled.standard_error
        sampled_agrees = (
            self.sampled.effective_sample_size >= SMALLEST_EFFECTIVE_SAMPLE
            and self.sampled.outside <= LARGEST_SHARE_OUTSIDE
            and abs(self.sampled.estimate - self.exact) <= margin
            and abs(self.sampled.estimate - self.law) <= margin + self.drift
        )
        return (*found, *([] if sampled_agrees else ["sampled"]))

    @property
    def verdict(self) -> str:
        """Say "agree", or which routes do not."""
        return "agree" if not self.failures else f"{', '.join(self.failures)} disagree"


# ---- the four routes -------------------------------------------------------------------------------------------------
@checked_arguments
def derive(potential: Potential, phase: str | int) -> tuple[Rational | None, int | None, str]:
    """λ, m and the method that proves them at the phase's minimum; None, None and the reason if theory refuses."""
    own = potential.phases[potential.phase_number(phase)]
    try:
        found = rlct(potential.bound_energy, potential.coordinates, own.minimum)
    except LearningCoefficientRefused as refusal:
        return None, None, f"refused: {refusal}"
    return found.value, found.multiplicity, found.method


@checked_arguments
def check_phase(
    potential: Potential,
    phase: str | int,
    *,
    chains: int = 2048,
    seed: int = 0,
    advance: Callable[[float], None] | None = None,
) -> PhaseCheck:
    """Find one phase's learning coefficient in all four ways.

    Raises
    ------
    ValueError
        As :func:`sample_energy` and :func:`slt_toys.exact.equilibrium.phase_table`.
    """
    number = potential.phase_number(phase)
    own = potential.phases[number]
    coefficient = float(own.learning_coefficient)
    n_beta = N_BETA.get((potential.name, own.name), DEFAULT_N_BETA)
    slope = learning_coefficient_by_quadrature(potential, number)
    exact, cold = phase_table(potential, [n_beta, COLD])["excess_energy"].values[:, number]
    logs = np.log([n_beta, COLD])
    polynomial = np.polynomial.Polynomial(phase_asymptotics(potential, number).coefficients)
    law = coefficient - polynomial.deriv()(logs) / polynomial(logs)
    return PhaseCheck(
        potential.name, own.name, own.learning_coefficient, own.multiplicity, *derive(potential, number),
        slope.estimate, slope.error, float((coefficient - cold) * logs[1]), n_beta,
        sample_energy(potential, number, n_beta, chains=chains, seed=seed, advance=advance),
        float(exact), float(law[0]), float(abs((exact - law[0]) - (cold - law[1]))),
    )  # fmt: skip


@checked_arguments
def check(potentials: Iterable[Potential], *, chains: int = 2048, seed: int = 0) -> tuple[PhaseCheck, ...]:
    """Check every phase of some potentials; a progress line is shown on a terminal."""
    phases = [(potential, number) for potential in potentials for number in range(len(potential.phases))]
    with progress("phases", len(phases)) as advance:
        return tuple(check_phase(p, number, chains=chains, seed=seed, advance=advance) for p, number in phases)


# ---- what is shown and kept ------------------------------------------------------------------------------------------
HEADINGS = (
    "potential", "phase", "declared λ (m)", "derived λ (m)", "method", "slope by quadrature", "nβ", "sampled energy",
    "exact at nβ", "λ (nβ → ∞)", "verdict",
)  # fmt: skip


def table_cells(row: PhaseCheck) -> tuple[str, ...]:
    """One row's cells in the order of HEADINGS."""
    return (
        row.potential, row.phase, f"{row.declared} ({row.declared_multiplicity})",
        "—" if row.derived is None else f"{row.derived} ({row.derived_multiplicity})", row.method,
        f"{row.slope:.5f} ± {max(row.slope_error, 1e-5):.5f}", f"{row.n_beta:g}",
        f"{row.sampled.estimate:.4f} ± {row.sampled.standard_error:.4f}", f"{row.exact:.4f}",
        f"{float(row.declared):.4f}", row.verdict,
    )  # fmt: skip


def markdown_table(rows: Sequence[PhaseCheck]) -> str:
    """Return the check as a Markdown table."""
    lines = [HEADINGS, ("---",) * len(HEADINGS), *map(table_cells, rows)]
    return "\n".join("| " + " | ".join(line) + " |" for line in lines)


def rich_table(rows: Sequence[PhaseCheck]) -> Table:
    """Return the check as a table for the terminal, which leaves out the method."""
    table = Table(title="Learning coefficients four ways; energies are n_beta (E_α[L] - L_α) ± standard error")
    shown = [number for number, heading in enumerate(HEADINGS) if heading != "method"]
    for number in shown:
        table.add_column(HEADINGS[number], overflow="fold", min_width=5)
    for row in rows:
        cells = table_cells(row)
        table.add_row(*(cells[number] for number in shown), style="bold red" if row.failures else None)
    return table


def to_dataset(rows: Sequence[PhaseCheck]) -> xr.Dataset:
    """Return the check as a dataset along one dimension, ``row``; exact numbers also as text, with ``_exact``."""
    plain = ("slope", "slope_error", "logarithms", "n_beta", "exact", "law", "drift", "method", "verdict")
    columns: dict[str, list[object]] = {name: [getattr(row, name) for row in rows] for name in plain}
    for name in (field.name for field in fields(SampledEnergy)):
        columns["sampled" if name == "estimate" else name] = [getattr(row.sampled, name) for row in rows]
    for name in ("declared", "derived"):
        columns[f"{name}_exact"] = [str(getattr(row, name)) for row in rows]
        columns[name] = [float("nan" if (value := getattr(row, name)) is None else value) for row in rows]
        columns[f"{name}_multiplicity"] = [getattr(row, f"{name}_multiplicity") or 0 for row in rows]
    names = {name: ("row", [getattr(row, name) for row in rows]) for name in ("potential", "phase")}
    return xr.Dataset({name: ("row", np.array(values)) for name, values in columns.items()}, coords=names)


NAME = "four_way_check"


@dataclass(frozen=True)
class FourWayCheck:
    """The learning coefficient of every catalogue phase: declared, derived, integrated, sampled.

    Attributes
    ----------
    potential
        Name; may be given several times. All of the catalogue if none is.
    chains
        Independent Langevin chains for each phase.
    seed
        Of their noise.
    markdown
        Print a Markdown table.
    write_readme
        Put the Markdown table between this file's markers.
    out
        Write the numbers to this NetCDF file.
    """

    potential: tyro.conf.UseAppendAction[tuple[str, ...]] = ()
    chains: int = 2048
    seed: int = 0
    markdown: bool = False
    write_readme: Path | None = None
    out: Path | None = None

    def run(self) -> tuple[PhaseCheck, ...]:
        """Check the phases asked for."""
        chosen = [find_potential(name) for name in self.potential] or list(catalogue().values())
        return check(chosen, chains=self.chains, seed=self.seed)


def main(config: FourWayCheck) -> None:
    """Print the check and write what is asked for; a phase that fails is an error, and no README then shows it."""
    if config.write_readme is not None:
        # Refuse before the work, not after it.
        replaced_table(config.write_readme.read_text(encoding="utf-8"), "", NAME)
    rows = config.run()
    if config.markdown:
        print(markdown_table(rows))
    else:
        console = Console()
        (console if console.is_terminal else Console(width=180)).print(rich_table(rows))
    if config.out is not None:
        write_dataset(to_dataset(rows), config.out)
    failed = [f"{row.potential} {row.phase}: {row.verdict}" for row in rows if row.failures]
    if failed:
        raise ValueError("; ".join(failed))
    if config.write_readme is not None:
        write_tables(config.write_readme, {NAME: markdown_table(rows)})


if __name__ == "__main__":
    sys.exit(command_line(FourWayCheck, main))
