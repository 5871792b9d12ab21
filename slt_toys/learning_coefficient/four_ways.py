"""The learning coefficient of a phase found four ways: declared, derived, integrated and sampled.

1. *Declared* in the catalogue, as an exact rational.
2. *Derived* at the phase's exact minimum (:func:`theory.learning_coefficient.rlct`).
3. *Integrated*: the slope of -log Z_α against log n_beta with (log n_beta)^(m-1) divided out, and how fast the
   logarithms grow, which gives m [eq:phase-free-energy].
4. *Sampled*: n_beta times the mean excess loss of Langevin chains in the phase, against its exact value at that n_beta
   and against the law that λ and m declare [eq:energy-law]. The three numbers differ; an estimate that "hits" λ
   where the exact value is another would be wrong.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass

import numpy as np
from sympy import Rational

from theory.learning_coefficient.engine import LearningCoefficientRefused, rlct

from ..exact.equilibrium import phase_table
from ..exact.phase_boundaries import learning_coefficient_by_quadrature, phase_asymptotics
from ..inputs.arguments import checked_arguments
from ..potentials.potential import Potential
from ..results.progress import progress
from .sampled_energy import SMALLEST_EFFECTIVE_SAMPLE, SampledEnergy, sample_energy

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
        disagreeing = []
        if (self.derived, self.derived_multiplicity) != (self.declared, self.declared_multiplicity):
            disagreeing.append("derived")
        slope_agrees = abs(self.slope - float(self.declared)) <= self.slope_error
        if not (slope_agrees and round(self.logarithms) == self.declared_multiplicity - 1):
            disagreeing.append("slope")
        margin = STANDARD_ERRORS * self.sampled.standard_error
        sampled_agrees = (
            self.sampled.effective_sample_size >= SMALLEST_EFFECTIVE_SAMPLE
            and self.sampled.outside <= LARGEST_SHARE_OUTSIDE
            and abs(self.sampled.estimate - self.exact) <= margin
            and abs(self.sampled.estimate - self.law) <= margin + self.drift
        )
        return (*disagreeing, *([] if sampled_agrees else ["sampled"]))

    @property
    def verdict(self) -> str:
        """Say "agree", or which routes do not."""
        return "agree" if not self.failures else f"{', '.join(self.failures)} disagree"


@checked_arguments
def derive(potential: Potential, phase: str | int) -> tuple[Rational | None, int | None, str]:
    """λ, m and the method that proves them at the phase's minimum; None, None and the reason if theory refuses."""
    own = potential.phases[potential.phase_number(phase)]
    try:
        derived = rlct(potential.bound_energy, potential.coordinates, own.minimum)
    except LearningCoefficientRefused as refusal:
        return None, None, f"refused: {refusal}"
    return derived.value, derived.multiplicity, derived.method


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
