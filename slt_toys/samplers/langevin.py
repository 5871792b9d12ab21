"""Overdamped Langevin dynamics dw = -∇L dt + √(2T) dW, its settings and its stability limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from ..inputs.arguments import check_fields, checked_arguments
from ..kernels.frame import averaged_noise_kernel, langevin_kernel, langevin_source, normal_rows
from ..kernels.replica_exchange import InnerKernel
from ..potentials.potential import Potential
from .program import Program, check_step_size, largest_curvature
from .step_bias import Stepping

STATIC = "leimkuhler_matthews"
SCHEMES = ("euler_maruyama", "heun", STATIC)


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
        noise has weak order 2 (Kloeden & Platen 1992, §15.1) at the price of a second gradient; or
        ``"leimkuhler_matthews"``, for static averages only: with one gradient, and each step's noise the mean of two,
        its stationary law has no bias of first order, and none in a quadratic well
        [eq:leimkuhler-matthews-variance]. Its kinetics are not the equation's, so passage times, schedules of
        the temperature, walls and replica exchange are refused.
    """

    takes_n_beta: ClassVar[bool] = True
    step_size: ArrayLike
    scheme: Literal["euler_maruyama", "heun", "leimkuhler_matthews"] = "euler_maruyama"

    def __post_init__(self) -> None:
        check_fields(self)
        check_step_size(self.step_size)
        if self.scheme not in SCHEMES:
            raise ValueError(f"scheme must be one of {', '.join(SCHEMES)}, not {self.scheme!r}")
        if self.static and np.ptp(np.asarray(self.step_size, dtype=float)) > 0:
            raise ValueError(
                f"step_size must be one number for scheme {self.scheme!r}, which is for static averages only"
            )

    @property
    def static(self) -> bool:
        """Whether it is for averages of the stationary law only, not for what happens in time."""
        return self.scheme == STATIC

    def program(self, potential: Potential) -> Program:
        """Compile for a potential."""
        if self.static:
            if potential.boundary == "reflecting":
                raise ValueError(f"scheme {self.scheme!r} has no law at reflecting walls; take 'heun', or MALA")
            module = averaged_noise_kernel(potential)
            return Program(
                rows=2 * potential.dimension, scratch_rows=normal_rows(potential.dimension),
                advance=partial(_advance, module.advance), prepare=module.prepare,
            )  # fmt: skip
        kernel = langevin_kernel(potential, self.scheme)
        return Program(
            rows=potential.dimension, scratch_rows=normal_rows(potential.dimension), advance=partial(_advance, kernel)
        )

    def replica_kernel(self, potential: Potential) -> InnerKernel:
        """What replica exchange builds on."""
        if self.static:
            raise ValueError(
                f"scheme {self.scheme!r} keeps a noise that a change of temperature makes wrong; take 'heun'"
            )
        noise = "np.sqrt(2.0 * temperature * dt)"
        return InnerKernel(langevin_source(potential, self.scheme), (noise,), (), moved=potential.dimension)

    def largest_stable_step(self, potential: Potential, temperature: float) -> float:
        """See :func:`largest_stable_step`."""
        return largest_stable_step(potential, temperature)

    def stepping(self, target: Potential, n_beta: float | None) -> Stepping:
        """Euler's bias is of order 1, that of the others 2, but Heun's of order 1 at walls."""
        second = self.scheme != "euler_maruyama" and target.boundary != "reflecting"
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
