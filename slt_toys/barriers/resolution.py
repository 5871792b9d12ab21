"""How close two barriers may be and still be told apart, and where the recovery of several stops.

Two barriers of equal weight, a factor r apart, are told from one where the best single barrier misses their decline by
z² in chi², z being the normal quantiles of level and power together: no test does better than the one-sided test in
that direction, so this is a limit, and :func:`recovery_map` says how near the test of
:mod:`slt_toys.barriers.separate` comes. Beside it stands the law for a Gumbel kernel [eq:barrier-spectrum-separation].
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import brentq
from scipy.special import ndtri

from ..inputs.arguments import checked_arguments
from ..reference.laws import law
from .decline import Decline
from .kernel import BarrierKernel
from .separate import fit_barriers, separate_barriers

Array = NDArray[np.float64]
STEPS = 20  # of the search for the smallest ratio, in its logarithm

__all__ = ["Separation", "difference_from_one", "recovery_map", "separation_limit"]


@dataclass(frozen=True)
class Separation:
    """Smallest distance of two barriers that are told apart.

    Attributes
    ----------
    height
        Geometric mean of the two barriers, in units of loss.
    ratio
        The higher over the lower; ``inf`` where no ratio within the kernel's range is enough.
    log_width
        Kernel width there, in log height.
    widths
        log(ratio) / log_width.
    widths_by_law
        The same by [eq:barrier-spectrum-separation], with this kernel's width, rise and speed.
    """

    height: float
    ratio: float
    log_width: float
    widths: float
    widths_by_law: float


@checked_arguments
def difference_from_one(
    kernel: BarrierKernel, noise: ArrayLike, height: float, ratio: float, weight: float = 1.0
) -> float:
    """Chi² by which the best single barrier misses two of equal weight, ``height`` √ratio and ``height`` / √ratio.

    Parameters
    ----------
    kernel
        Its switch epochs are those measured.
    noise
        Standard errors of the stuck share, one number or one per switch epoch, or a covariance.
    height, ratio, weight
        Geometric mean and ratio of the two heights; the share of both together.
    """
    pair = np.array([height / np.sqrt(ratio), height * np.sqrt(ratio)])
    mean = weight / 2 * kernel(pair).sum(axis=0)
    return fit_barriers(kernel, Decline(kernel.switch_epochs, mean, _noise(kernel, noise)), 1).chi_square


@checked_arguments
def separation_limit(
    kernel: BarrierKernel,
    noise: ArrayLike,
    height: float,
    weight: float = 1.0,
    *,
    level: float = 0.05,
    power: float = 0.5,
) -> Separation:
    """Smallest ratio at which two barriers are told from one, at a given noise.

    Parameters
    ----------
    kernel, noise, height, weight
        As in :func:`difference_from_one`.
    level, power
        Of the test: chance to find two where there is one, and to find two where there are two.

    Raises
    ------
    ValueError
        For a height outside the kernel, a noise or a weight that is not positive, or level ≥ power.
    """
    if not 0 < level < power < 1:
        raise ValueError(f"level must be smaller than power, both between 0 and 1, not {level} and {power}")
    if not weight > 0:
        raise ValueError(f"weight must be positive, not {weight}")
    width = kernel.log_width(height)
    size = float(ndtri(1 - level) + ndtri(power))
    widest = 2 * min(np.log(height / kernel.lowest), np.log(kernel.highest / height)) * (1 - 1e-9)
    # The law in kernel widths, with the noise of the switch epoch whose step lies at the height.
    epoch, rise, per_width = kernel.step_at(height)
    errors = _noise(kernel, noise)
    error = errors if errors.ndim == 1 else np.sqrt(np.diag(errors))
    by_law = law("barrier-spectrum-separation")(
        kernel_width=1.0, relative_noise=error[epoch] / (weight * rise), points_per_width=per_width, detection_size=size
    )

    def short(log_ratio: float) -> float:
        return np.sqrt(difference_from_one(kernel, noise, height, float(np.exp(log_ratio)), weight)) - size

    # Upwards to the first ratio that suffices: barriers at both ends of a wide kernel may show nothing again.
    low = 1e-3 * width
    for high in np.append(np.geomspace(low, widest, STEPS), widest)[1:]:
        if short(float(high)) >= 0:
            break
        low = float(high)
    else:
        return Separation(float(height), np.inf, width, np.inf, by_law)
    root = float(np.asarray(brentq(short, low, float(high), xtol=1e-4)))
    return Separation(float(height), float(np.exp(root)), width, root / width, by_law)


@checked_arguments
def recovery_map(
    kernel: BarrierKernel,
    height: float,
    ratios: Sequence[float],
    noises: Sequence[float],
    *,
    number: int = 3,
    runs: int = 20,
    level: float = 0.05,
    repetitions: int = 200,
    seed: int = 0,
    advance: Callable[[float], None] | None = None,
) -> xr.Dataset:
    """How often several barriers of equal weight are recovered, by their spacing and the noise.

    Parameters
    ----------
    kernel
        For the switch epochs measured.
    height
        Geometric mean of the barriers.
    ratios
        Of each barrier to the one below.
    noises
        Standard errors of the stuck share, the same in every row.
    number, runs
        Barriers, and simulated declines for each cell of the map.
    level, repetitions, seed
        As in :func:`~slt_toys.barriers.separate.separate_barriers`.
    advance
        Called with the fraction of the work done since the last call.

    Returns
    -------
    xarray.Dataset
        ``found`` (ratio, noise, run): barriers found; ``position_error`` (ratio, noise, run): the largest error in log
        height, nan where the number is wrong; ``limit`` (noise): the ratio at which two neighbours can be told apart
        half of the time (:func:`separation_limit`).
    """
    if number < 2 or runs < 1:
        raise ValueError(f"number must be at least 2 barriers and runs at least 1, not {number} and {runs}")
    found = np.zeros((len(ratios), len(noises), runs), dtype=np.int64)
    error = np.full(found.shape, np.nan)
    for i, ratio in enumerate(ratios):
        heights = height * float(ratio) ** (np.arange(number) - (number - 1) / 2)
        mean = kernel(heights).mean(axis=0)
        for j, noise in enumerate(noises):
            clean = Decline(kernel.switch_epochs, mean, _noise(kernel, noise))
            for run in range(runs):
                result = separate_barriers(
                    kernel, clean.redrawn(mean, [seed, i, j, run]), level=level, most=number + 2,
                    repetitions=repetitions, seed=[seed, i, j, run, 1],
                )  # fmt: skip
                found[i, j, run] = result.number
                if result.number == number:
                    error[i, j, run] = np.abs(np.log(result.fit.heights / heights)).max()
            if advance is not None:
                advance(1 / (len(ratios) * len(noises)))
    limits = [separation_limit(kernel, noise, height, 2 / number, level=level).ratio for noise in noises]
    cell = ("ratio", "noise", "run")
    return xr.Dataset(
        {"found": (cell, found), "position_error": (cell, error), "limit": ("noise", np.array(limits))},
        coords={"ratio": np.asarray(ratios, dtype=float), "noise": np.asarray(noises, dtype=float)},
        attrs={"height": float(height), "number": number, "level": level, "seed": seed, "kernel": kernel.method},
    )


def _noise(kernel: BarrierKernel, noise: ArrayLike) -> Array:
    values = np.asarray(noise, dtype=float)
    return np.full(kernel.switch_epochs.size, float(values)) if values.ndim == 0 else values
