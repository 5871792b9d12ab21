"""Underdamped Langevin dynamics, its splittings spelled as strings."""

from __future__ import annotations

from dataclasses import dataclass
from functools import partial
from typing import ClassVar

import numpy as np
from numpy.typing import ArrayLike

from ..inputs.arguments import check_fields
from ..kernels.frame import normal_rows
from ..kernels.replica_exchange import InnerKernel
from ..kernels.underdamped import underdamped_kernel, underdamped_source
from ..potentials.potential import Potential
from .program import Program, check_step_size, largest_curvature, with_constants
from .step_bias import Stepping

SPLITTINGS = ("BAOAB", "OBABO", "ABOBA")


@dataclass(frozen=True)
class UnderdampedLangevin:
    """Langevin dynamics with momenta of unit mass, dx = p dt, dp = -∇L dt - γ p dt + √(2γT) dW.

    Attributes
    ----------
    step_size
        Time per step, a positive number or one for each step.
    friction
        γ > 0, in units of 1/time.
    splitting
        ``"BAOAB"`` (positions exact for quadratic wells, of order 2 elsewhere with a small constant; Leimkuhler &
        Matthews 2013), ``"OBABO"`` (Bussi & Parrinello 2007) or ``"ABOBA"``.
    """

    takes_n_beta: ClassVar[bool] = True
    step_size: ArrayLike
    friction: float = 1.0
    splitting: str = "BAOAB"

    def __post_init__(self) -> None:
        check_fields(self)
        check_step_size(self.step_size)
        if not (np.isfinite(self.friction) and self.friction > 0):
            raise ValueError(f"friction must be positive and finite, not {self.friction}")
        if self.splitting not in SPLITTINGS:
            raise ValueError(f"splitting must be one of {', '.join(SPLITTINGS)}, not {self.splitting!r}")

    def program(self, potential: Potential) -> Program:
        """Compile for a potential."""
        d = potential.dimension
        kernel = underdamped_kernel(potential, self.splitting)
        return Program(
            rows=3 * d,
            scratch_rows=normal_rows(d * self.splitting.count("O")),
            advance=partial(with_constants, kernel.advance, (float(self.friction),)),
            prepare=kernel.prepare,
            momenta=True,
        )

    def replica_kernel(self, potential: Potential) -> InnerKernel:
        """What replica exchange builds on."""
        source = underdamped_source(potential, self.splitting)
        return InnerKernel(source, ("temperature",), (float(self.friction),), moved=3 * potential.dimension)

    def escape_kernel(self, potential: Potential) -> InnerKernel:
        """What multilevel splitting builds on."""
        return self.replica_kernel(potential)

    def largest_stable_step(self, potential: Potential, temperature: float) -> float:
        """2 over the root of the largest curvature where the posterior lives, leapfrog's limit."""
        curvature = largest_curvature(potential, temperature)
        return 2.0 / np.sqrt(curvature) if curvature > 0 else np.inf

    def stepping(self, target: Potential, n_beta: float | None) -> Stepping:
        """A splitting's bias is of order 2."""
        return Stepping(self.splitting, float(np.ravel(self.step_size)[0]), 2, n_beta)
