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
class MALA:
    """Metropolis-adjusted Langevin (Besag 1994; Roberts & Tweedie 1996).

    Attributes
    ----------
    step_size
        Langevin time per proposal x - ε ∇L + √(2Tε) ξ, a positive number or one for each step.
    """

    takes_n_beta: ClassVar[bool] = True
    step_size: ArrayLike

    def __post_init__(self) -> None:
        check_fields(self)
        check_step_size(self.step_size)

    def program(self, potential: Potential) -> Program:
        """Compile for a potential."""
        return _program(potential, "langevin")

    def replica_kernel(self, potential: Potential) -> InnerKernel:
        """What replica exchange builds on."""
        return _replica_kernel(potential, "langevin")

    def largest_stable_step(self, potential: Potential, temperature: float) -> float:
        """No step diverges: what is too large is rejected."""
        return np.inf

    def stepping(self, target: Potential, n_beta: float | None) -> Stepping:
        """No bias at any step."""
        return Stepping(EXACT, float(np.ravel(self.step_size)[0]), 0, n_beta)


@dataclass(frozen=True)
class RandomWalkMetropolis:
    """Metropolis random walk: the plain reference.

    Attributes
    ----------
    step_size
        Standard deviation of the proposals in every coordinate, a positive number or one for each step.
    """

    takes_n_beta: ClassVar[bool] = True
    step_size: ArrayLike

    def __post_init__(self) -> None:
        check_fields(self)
        check_step_size(self.step_size)

    def program(self, potential: Potential) -> Program:
        """Compile for a potential."""
        return _program(potential, "random_walk")

    def replica_kernel(self, potential: Potential) -> InnerKernel:
        """What replica exchange builds on."""
        return _replica_kernel(potential, "random_walk", 0.5)

    def largest_stable_step(self, potential: Potential, temperature: float) -> float:
        """No step diverges: what is too large is rejected."""
        return np.inf

    def stepping(self, target: Potential, n_beta: float | None) -> Stepping:
        """No bias at any step."""
        return Stepping(EXACT, float(np.ravel(self.step_size)[0]), 0, n_beta)


def _program(potential: Potential, proposal: Proposal) -> Program:
    kernel = metropolis_kernel(potential, proposal)
    rows, scratch_rows = metropolis_rows(potential.dimension, proposal)
    return Program(rows, scratch_rows, kernel.advance, kernel.prepare, summary=accepted_share(rows - 1))


def _replica_kernel(potential: Potential, proposal: Proposal, step_power: float = 0.0) -> InnerKernel:
    last, _ = metropolis_rows(potential.dimension, proposal)
    # All rows but the count of accepted proposals; the energy is the one before it.
    return InnerKernel(
        metropolis_source(potential, proposal), ("temperature",), (), moved=last - 1, energy_row=last - 2,
        step_power=step_power,
    )  # fmt: skip
