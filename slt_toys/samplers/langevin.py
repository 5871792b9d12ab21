"""Overdamped Langevin dynamics dw = -∇L dt + √(2T) dW, its settings and its stability limit."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar, Literal

import numpy as np
from numpy.typing import ArrayLike

from ..inputs.arguments import check_fields, checked_arguments
from ..kernels.few_bits import few_bits_kernel, is_rational, law_of, word_rows
from ..kernels.frame import LANES, averaged_noise_kernel, langevin_kernel, langevin_source, normal_rows
from ..kernels.replica_exchange import InnerKernel
from ..potentials.potential import Potential
from .program import Program, check_step_size, largest_curvature
from .step_bias import Stepping

STATIC = "leimkuhler_matthews"
SCHEMES = ("euler_maruyama", "heun", STATIC)
NOISES = ("gaussian", "three_point", "two_point", "four_point")
PRECISIONS = ("double", "single")
# Of single numbers: the share of a step's noise that they must resolve where chains are, and of T the work that the
# error of a slope may do along the way from one end of the chains to the other.
RESOLVED, WORK_OF_ERRORS, LOOKED_AT = 0.01, 1e-3, 256


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
    noise
        Law of a step's noise. ``"gaussian"``; or, for averages and mean passage times, which ask for moments only, a
        law made of a few random bits: ``"two_point"`` ±1 (one bit, weak order 1), ``"three_point"`` 0 or ±√3, and
        ``"four_point"`` (three bits), which leave a scheme of weak order 2 what it is [eq:four-point-noise]. Signs
        alone leave a bias of first order in fourth moments, whatever the scheme [eq:few-point-kurtosis].
    precision
        ``"single"`` computes in single numbers, for noise of a few bits and energies whose slopes are rational
        functions. Refused where the chains are that they do not resolve a step's noise, or where errors of slopes do a
        thousandth of T in work.
    """

    takes_n_beta: ClassVar[bool] = True
    step_size: ArrayLike
    scheme: Literal["euler_maruyama", "heun", "leimkuhler_matthews"] = "euler_maruyama"
    noise: Literal["gaussian", "three_point", "two_point", "four_point"] = "gaussian"
    precision: Literal["double", "single"] = "double"

    def __post_init__(self) -> None:
        check_fields(self)
        check_step_size(self.step_size)
        for name, known in (("noise", NOISES), ("precision", PRECISIONS)):
            if getattr(self, name) not in known:
                raise ValueError(f"{name} must be one of {', '.join(known)}, not {getattr(self, name)!r}")
        if self.precision == "single" and self.noise == "gaussian":
            raise ValueError("precision 'single' is for noise of a few bits; take noise 'four_point', or 'double'")
        if self.scheme == "heun" and self.noise == "two_point":
            raise ValueError("noise 'two_point' makes of scheme 'heun' one of order 1; take 'four_point'")
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
        if self.static and potential.boundary == "reflecting":
            raise ValueError(f"scheme {self.scheme!r} has no law at reflecting walls; take 'heun', or MALA")
        if self.noise != "gaussian":
            return self._of_few_bits(potential)
        if self.static:
            module = averaged_noise_kernel(potential)
            return Program(
                rows=2 * potential.dimension, scratch_rows=normal_rows(potential.dimension),
                advance=partial(_advance, module.advance), prepare=module.prepare,
            )  # fmt: skip
        kernel = langevin_kernel(potential, self.scheme)
        return Program(
            rows=potential.dimension, scratch_rows=normal_rows(potential.dimension), advance=partial(_advance, kernel)
        )

    def _of_few_bits(self, potential: Potential) -> Program:
        if self.precision == "single" and not is_rational(potential):
            raise ValueError(
                f"precision 'single' is for energies whose slopes are rational functions, and {potential.name}'s are "
                "not; take 'double'"
            )
        module = few_bits_kernel(potential, self.scheme, self.noise, self.precision)
        advance = partial(_advance, module.advance)
        if self.precision == "single":
            advance = partial(_advance_single, module, potential)
        return Program(
            rows=potential.dimension * (2 if self.static else 1), advance=advance, prepare=module.prepare,
            scratch_rows=word_rows(potential.dimension, self.noise), scratch="words",
        )  # fmt: skip

    def replica_kernel(self, potential: Potential) -> InnerKernel:
        """What replica exchange builds on."""
        if self.static:
            raise ValueError(
                f"scheme {self.scheme!r} keeps a noise that a change of temperature makes wrong; take 'heun'"
            )
        if self.noise != "gaussian":
            raise ValueError(f"replica exchange takes noise 'gaussian', not {self.noise!r}")
        noise = "np.sqrt(2.0 * temperature * dt)"
        return InnerKernel(langevin_source(potential, self.scheme), (noise,), (), moved=potential.dimension)

    def escape_kernel(self, potential: Potential) -> InnerKernel:
        """What multilevel splitting builds on."""
        if self.static:
            raise ValueError(f"scheme {self.scheme!r} is for static averages; take 'heun' for escapes in time")
        if self.noise != "gaussian":
            raise ValueError(f"escapes take noise 'gaussian', not {self.noise!r}: its tail decides on rare ones")
        return self.replica_kernel(potential)

    def largest_stable_step(self, potential: Potential, temperature: float) -> float:
        """See :func:`largest_stable_step`."""
        return largest_stable_step(potential, temperature)

    def stepping(self, target: Potential, n_beta: float | None) -> Stepping:
        """Euler's bias is of order 1, that of the others 2, but Heun's of order 1 at walls, and any with signs alone.

        Of noise that is not normal no law of the bias is known.
        """
        second = self.scheme != "euler_maruyama" and target.boundary != "reflecting"
        name = self.scheme
        if self.noise != "gaussian":
            second, name = second and law_of(self.noise).order == 2, f"{self.scheme}, {self.noise}"
        return Stepping(name, float(np.ravel(self.step_size)[0]), 2 if second else 1, n_beta)


def _advance(kernel: Callable[..., None], *arguments: Any) -> None:
    """The kernel takes the noise of a step in place of the temperature."""
    *before, step_size, temperature, first, records, out = arguments
    kernel(*before, step_size, np.sqrt(2 * temperature * step_size), first, records, out)


def _advance_single(module: Any, potential: Potential, *arguments: Any) -> None:
    """The same in single numbers, refused where they are too coarse for where the chains are."""
    state, _, _, parameters, _, step_size, temperature, *_ = arguments
    noise = float(np.sqrt(2 * temperature * step_size).min())
    _check_single(module, potential, state, parameters, noise, float(temperature.min()))
    _advance(module.advance, *arguments)
    _check_single(module, potential, state, parameters, noise, float(temperature.min()))


def _check_single(
    module: Any, potential: Potential, state: Any, parameters: Any, noise: float, temperature: float
) -> None:
    """Refuse chains whose steps, or whose slopes, single numbers do not resolve."""
    places = state.reshape(len(state), -1, LANES)[:, : potential.dimension].swapaxes(0, 1)
    places = places.reshape(potential.dimension, -1)
    if not np.isfinite(places).all():
        return  # the engine says so
    farthest = float(np.abs(places).max())
    if float(np.spacing(np.float32(farthest))) > RESOLVED * noise:
        raise ValueError(
            f"precision 'single' does not resolve a step's noise of {noise:.2g} at |w| = {farthest:.3g}; take "
            "'double', a larger step_size, or coordinates nearer to 0"
        )
    some = np.ascontiguousarray(places[:, :: max(1, places.shape[1] // LOOKED_AT)].T)
    rounded = some.astype(np.float32).astype(float)
    slopes = np.empty_like(rounded)
    module.slopes(rounded, parameters, slopes)
    errors = np.abs(slopes - potential.gradient_function()(rounded)).max(axis=0)
    work = float((errors * np.ptp(places, axis=1)).sum())
    if not work <= WORK_OF_ERRORS * temperature:
        raise ValueError(
            f"precision 'single' errs in slopes of {potential.name} by up to {errors.max():.2g}, too much at "
            f"temperature {temperature:.2g}; take 'double'"
        )


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
