"""What spectrum of barriers do the published curves show, and is it the same at every batch size?

If temperature alone decides what ends stuck, curves of different batch sizes are one spectrum seen through different
kernels, and its median barrier, in units of loss, does not depend on the batch size B. If the epoch alone decides, the
curves fall together, and the median found is proportional to the temperature, that is to 1/B. So the exponent of B is 0
or -1. The gradient variance of the network is not known: another one rescales losses and, since times are known, also
changes how often a barrier is tried, so each reading is repeated with several.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence

import numpy as np
import xarray as xr

from ..inputs.arguments import checked_arguments
from ..potentials.potential import PotentialPair
from ..protocol.schedule import Ending
from ..protocol.training import ExponentialDecay, Training
from ..reference.published import DATASET_SIZE, DECAY, LEARNING_RATE, MOMENTUM, published_curves
from .inversion import invert_decline
from .kernel import BarrierKernel, Method, barrier_kernel
from .measured import MeasuredDecline, published_decline
from .population import height_range
from .readings import DeclineReading, read_barriers, spectrum_median

FACTORS = (0.25, 1.0, 4.0)  # of the gradient variance
STUCK_AT_FIRST = 0.5  # of the highest barrier: the first row is the level of nothing stuck

__all__ = ["STUCK_AT_FIRST", "published_protocol", "published_spectra", "read_measured"]


@checked_arguments
def published_protocol(batch_size: int, gradient_variance: float) -> tuple[Training, Ending]:
    """The published training at one batch size, with a gradient variance that was not measured."""
    schedule = ExponentialDecay(LEARNING_RATE, DECAY)
    total = published_curves()[batch_size].total_epochs
    return Training(batch_size, DATASET_SIZE, schedule, gradient_variance, MOMENTUM), Ending("total", total)


@checked_arguments
def read_measured(
    pair: PotentialPair,
    training: Training,
    ending: Ending,
    measured: MeasuredDecline,
    *,
    method: Method,
    cells: int | None = None,
    spacing: float = 0.1,
    repetitions: int = 400,
    seed: int | Sequence[int] = 0,
) -> DeclineReading:
    """Read the barriers of a measured decline under a protocol, over all heights that it can show.

    Parameters
    ----------
    pair, training, ending
        Shape of the subsystems and protocol.
    measured
        From :mod:`slt_toys.barriers.measured`.
    method, cells, spacing
        Of the kernel; see :func:`slt_toys.barriers.kernel.barrier_kernel`.
    repetitions, seed
        Of the intervals.
    """
    epochs = measured.decline.switch_epochs
    stuck = 0.95 if measured.best_given else STUCK_AT_FIRST
    low, high = height_range(pair, training, measured.first_epoch, int(epochs[-1]), ending, stuck_at_first=stuck)
    kernel = barrier_kernel(pair, training, epochs, ending, low, high, method=method, cells=cells, spacing=spacing)
    return read_barriers(kernel, measured.decline, neighbours_weight=2 / 3, repetitions=repetitions, seed=seed)


@checked_arguments
def published_spectra(
    pair: PotentialPair,
    gradient_variance: float,
    *,
    factors: Sequence[float] = FACTORS,
    redraws: int = 60,
    repetitions: int = 100,
    seed: int | Sequence[int] = 0,
    advance: Callable[[float], None] | None = None,
) -> xr.Dataset:
    """Read the published accuracies at every batch size, by the kernel of two states.

    Parameters
    ----------
    pair
        Shape of the subsystems.
    gradient_variance, factors
        σ² per example, and what it is multiplied by.
    redraws
        Declines drawn about the fitted one, for the spread of the median. It is what noise of the rows alone would
        move, and says nothing of another seed.
    repetitions, seed
        Of the test for the number of barriers, and of all randomness.
    advance
        Called with the fraction of the work done since the last call.

    Returns
    -------
    xarray.Dataset
        Along (factor, batch_size): ``median``, ``median_low`` and ``median_high`` (2.5 and 97.5 % of the redraws) in
        units of loss, ``first_temperature``, ``number`` of separate barriers asked for, ``chi_square`` of the smooth
        fit and its ``p_value``, ``rows``, ``row_ratio`` of barriers whose steps lie at neighbouring rows; along
        factor: ``exponent`` of the median in B, least squares in the logarithms, with its spread.
    """
    seeds = [seed] if isinstance(seed, int | np.integer) else list(seed)
    sizes = sorted(published_curves())
    names = ("median", "median_low", "median_high", "first_temperature", "number", "chi_square", "p_value", "rows",
             "row_ratio")  # fmt: skip
    table = np.empty((len(names), len(factors), len(sizes)))
    exponents = np.empty((3, len(factors)))
    for i, factor in enumerate(factors):
        redrawn = np.empty((redraws, len(sizes)))
        for j, size in enumerate(sizes):
            training, ending = published_protocol(size, gradient_variance * factor)
            reading = read_measured(
                pair, training, ending, published_decline(size), method="eyring_kramers", repetitions=repetitions,
                seed=[*seeds, i, j],
            )  # fmt: skip
            spectrum, own = reading.spectrum, [*seeds, i, j, 1]
            mean = spectrum.decline(reading.kernel)
            declines = (reading.decline.redrawn(mean, [*own, k]) for k in range(redraws))
            redrawn[:, j] = [spectrum_median(invert_decline(reading.kernel, decline)) for decline in declines]
            ends = np.full(2, np.nan) if spectrum.doubt else np.quantile(redrawn[:, j], [0.025, 0.975])
            table[:, i, j] = (
                reading.median, *ends, training.temperatures(1)[0],
                reading.separate.number, spectrum.chi_square, spectrum.p_value, reading.decline.size,
                row_ratio(reading.kernel, reading.median),
            )  # fmt: skip
            if advance is not None:
                advance(1 / (len(factors) * len(sizes)))
        slopes = [np.polyfit(np.log(sizes), np.log(row), 1)[0] for row in (table[0, i], *redrawn)]
        explained = np.isfinite(table[1, i]).all()
        exponents[:, i] = slopes[0], *(np.quantile(slopes[1:], [0.025, 0.975]) if explained else (np.nan, np.nan))
    columns = {name: (("factor", "batch_size"), values) for name, values in zip(names, table, strict=True)}
    slope_names = ("exponent", "exponent_low", "exponent_high")
    columns |= {name: ("factor", values) for name, values in zip(slope_names, exponents, strict=True)}
    return xr.Dataset(columns, coords={"factor": list(factors), "batch_size": sizes})


@checked_arguments
def row_ratio(kernel: BarrierKernel, height: float) -> float:
    """Ratio of the barriers whose steps lie at neighbouring switch epochs, about a height."""
    _, _, rows_per_width = kernel.step_at(height)
    return float(np.exp(kernel.log_width(height) / rows_per_width))
