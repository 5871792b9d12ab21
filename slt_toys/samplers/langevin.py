"""Overdamped Langevin dynamics dw = -∇L dt + √(2T) dW, its settings and its stability limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from ..inputs.arguments import check_fields, checked_arguments
from ..kernels.frame import langevin_kernel, langevin_source, normal_rows
from ..kernels.replica_exchange import InnerKernel
from ..potentials.potential import Potential
from .program import Program, check_step_size, largest_curvature
from .step_bias import Stepping


@dataclass(frozen=True)
class OverdampedLangevin:
    """Unadjusted overdamped Langevin.

    Attributes
    ----------
    step_size
        Langevin time per step, a positive number or one for each step. The Euler scheme
        w ← w - ε ∇L + √(2Tε) ξ widens a well of curvature h by 1/(1 - εh/2) [eq:unadjusted-langevin-bias].
    scheme
        ``"euler_maruyama"``, of weak order 1, or ``"heun"``, the drift averaged over a predictor, which for additive
        noise has weak order 2 (Kloeden & Platen 1992, §15.1) at the price of a second gradient.
    """

    takes_n_beta: ClassVar[bool] = True
    step_size: ArrayLike
    scheme: Literal["euler_maruyama", "heun"] = "euler_maruyama"

    def __post_init__(self) -> None:
        check_fields(self)
        check_step_size(self.step_size)
        if self.scheme not in ("euler_maruyama", "heun"):
            raise ValueError(f"scheme must be 'euler_maruyama' or 'heun', not {self.scheme!r}")

    def program(self, potential: Potential) -> Program:
        """Compile for a potential."""
        kernel = langevin_kernel(potential, self.scheme)
        return Program(
            rows=potential.dimension, scratch_rows=normal_rows(potential.dimension), advance=partial(_advance, kernel)
        )

    def replica_kernel(self, potential: Potential) -> InnerKernel:
        """What replica exchange builds on."""
        noise = "np.sqrt(2.0 * temperature * dt)"
        return InnerKernel(langevin_source(potential, self.scheme), (noise,), (), moved=potential.dimension)

    def largest_stable_step(self, potential: Potential, temperature: float) -> float:
        """See :func:`largest_stable_step`."""
        return largest_stable_step(potential, temperature)

    def stepping(self, target: Potential, n_beta: float | None) -> Stepping:
        """Euler's bias is of order 1, Heun's of order 2, but of order 1 at walls."""
        second = self.scheme == "heun" and target.boundary != "reflecting"
        return Stepping(self.scheme, float(np.ravel(self.step_size)[0]), 2 if second else 1, n_beta)


def _advance(kernel: Callable[..., None], *arguments: Any) -> None:
    """The kernel takes the noise of a step in place of the temperature."""
    *before, step_size, temperature, first, records, out = arguments
    kernel(*before, step_size, np.sqrt(2 * temperature * step_size), first, records, out)


@checked_arguments
def largest_stable_step(potential: Potential, temperature: float) -> float:
    """Largest step for which the scheme is stable where the posterior lives: 2 over the largest curvature there.

    Returns
    -------
    float
        In Langevin time; ``inf`` for a flat energy.
    """
    if not temperature > 0:
        raise ValueError(f"temperature must be positive, not {temperature}")
    curvature = largest_curvature(potential, temperature)
    return 2.0 / curvature if curvature > 0 else np.inf
