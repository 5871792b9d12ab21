"""Metropolis samplers: exact at any step size, for the price of rejections."""

from __future__ import annotations

from dataclasses import dataclass
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ..inputs.arguments import check_fields
from ..kernels.metropolis import Proposal, metropolis_kernel, metropolis_rows, metropolis_source
from ..kernels.replica_exchange import InnerKernel
from ..potentials.potential import Potential
from .program import Program, accepted_share, check_step_size
from .step_bias import EXACT, Stepping


@dataclass(frozen=True)
class _Metropolis:
    """What the two samplers share but for their proposals."""

    takes_n_beta: ClassVar[bool] = True
    proposal: ClassVar[Proposal]
    step_power: ClassVar[float] = 0.0  # of the temperature, in the steps of replicas
    step_size: ArrayLike

    def __post_init__(self) -> None:
        check_fields(self)
        check_step_size(self.step_size)

    def program(self, potential: Potential) -> Program:
        """Compile for a potential."""
        kernel = metropolis_kernel(potential, self.proposal)
        rows, scratch_rows = metropolis_rows(potential.dimension, self.proposal)
        return Program(rows, scratch_rows, kernel.advance, kernel.prepare, summary=accepted_share(rows - 1))

    def replica_kernel(self, potential: Potential) -> InnerKernel:
        """What replica exchange builds on."""
        source = metropolis_source(potential, self.proposal)
        last, _ = metropolis_rows(potential.dimension, self.proposal)
        # All rows but the count of accepted proposals; the energy is the one before it.
        return InnerKernel(source, ("temperature",), (), last - 1, last - 2, self.step_power)

    def largest_stable_step(self, potential: Potential, temperature: float) -> float:
        """No step diverges: what is too large is rejected."""
        return np.inf

    def stepping(self, target: Potential, n_beta: float | None) -> Stepping:
        """No bias at any step."""
        return Stepping(EXACT, float(np.ravel(self.step_size)[0]), 0, n_beta)


class MALA(_Metropolis):
    """Metropolis-adjusted Langevin (Besag 1994; Roberts & Tweedie 1996).

    Attributes
    ----------
    step_size
        Langevin time per proposal x - ε ∇L + √(2Tε) ξ, a positive number or one for each step.
    """

    proposal: ClassVar[Proposal] = "langevin"


class RandomWalkMetropolis(_Metropolis):
    """Metropolis random walk: the plain reference.

    Attributes
    ----------
    step_size
        Standard deviation of the proposals in every coordinate, a positive number or one for each step.
    """

    proposal: ClassVar[Proposal] = "random_walk"
    step_power: ClassVar[float] = 0.5
