"""How the end of the critical period e* moves with the batch size B: fits, alike for toys and networks.

The laws are those of ``slt_toys.fits.rival_laws``. With standard errors the fit is weighted and their scale is taken as
known; without, the residual variance is estimated and t quantiles are used. Intervals come from the profile likelihood.
Models are compared by AICc (Burnham & Anderson 2002), which does not exist for a model with almost as many parameters
as there are batch sizes: the comparison then says "cannot tell" and leaves that model without a weight.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping
from dataclasses import dataclass, replace
from itertools import pairwise
from typing import Any

import numpy as np
from numpy.typing import ArrayLike
from scipy.optimize import brentq, least_squares
from scipy.special import chdtrc, chdtri, stdtrit

from ..inputs.arguments import checked_arguments
from .ends import CriticalPeriodEnd, FloatArray, Record, check_rows
from .resampling import check_confidence, percentile_interval
from .rival_laws import Model


@dataclass(frozen=True)
class Parameter:
    """A fitted parameter and its profile-likelihood interval, ``None`` where the data leave that side open."""

    name: str
    value: float
    low: float | None
    high: float | None


@dataclass(frozen=True)
class Fit(Record):
    """One law fitted to e*(B).

    ``loss`` is the sum of squared residuals, in standard errors if these were given and in epochs if not; ``p_value``
    (with standard errors only) the chance of a larger one if the law is true. ``corrected_criterion`` is the AICc and
    ``weight`` its Akaike weight, ``None`` where the AICc does not exist.
    """

    model: str
    parameters: tuple[Parameter, ...]
    predicted: tuple[float, ...]
    residuals: tuple[float, ...]
    loss: float
    degrees_of_freedom: int
    p_value: float | None
    corrected_criterion: float | None
    weight: float | None = None


@dataclass(frozen=True)
class Comparison(Record):
    """Rival laws fitted to the same epochs, and in words what they can and cannot say."""

    batch_sizes: tuple[float, ...]
    epochs: tuple[float, ...]
    standard_errors: tuple[float, ...] | None
    fits: dict[str, Fit]
    confidence: float
    statement: str


@dataclass(frozen=True)
class HalvingShift:
    """How many epochs later the end comes per halving of the batch, from ``larger`` to ``smaller``."""

    larger: float
    smaller: float
    shift: float
    low: float | None = None
    high: float | None = None


@dataclass(frozen=True)
class EpochsPerHalving(Record):
    """Epochs per halving of the batch: the least-squares slope over log2 B, and each adjacent pair's own.

    ``within`` names what the intervals are confined to, such as "one seed".
    """

    slope: float
    low: float | None
    high: float | None
    pairs: tuple[HalvingShift, ...]
    confidence: float
    method: str
    within: str = ""


def usable_ends(
    ends: Mapping[int, CriticalPeriodEnd],
) -> tuple[FloatArray, FloatArray, FloatArray | None, tuple[str, ...]]:
    """Batch sizes, epochs and standard errors (``None`` unless all have one) of the ends that are numbers.

    The last item says in words which were left out because they are censored. Leaving them out biases a fit: an end
    that is "later than" the curve is later than what the fit then extrapolates from, so report the words with it.
    """
    kept = {size: end for size, end in sorted(ends.items()) if end.epoch is not None}
    left_out = tuple(f"batch size {size}: {end.statement()}" for size, end in sorted(ends.items()) if size not in kept)
    errors = [end.standard_error for end in kept.values() if end.standard_error]
    return (
        np.array(list(kept), dtype=float),
        np.array([end.epoch for end in kept.values()], dtype=float),
        np.array(errors) if kept and len(errors) == len(kept) else None,
        left_out,
    )


@checked_arguments
def fit_model(
    model: Model, batch_sizes: ArrayLike, epochs: ArrayLike, standard_errors: ArrayLike | None = None, *,
    confidence: float = 0.95,
) -> Fit:  # fmt: skip
    """Fit one law by (weighted) least squares, which for Gaussian errors is maximum likelihood.

    Parameters
    ----------
    model : Model
    batch_sizes, epochs : (n,)
        At least two different batch sizes.
    standard_errors : (n,), optional
        Of the epochs; without them the residual variance is estimated.
    confidence : float
        Of the profile-likelihood intervals.
    """
    sizes, ends, errors = _check_epochs(batch_sizes, epochs, standard_errors)
    check_confidence(confidence)
    scale = np.ones(len(ends)) if errors is None else errors

    def residuals(parameters: FloatArray) -> FloatArray:
        return (ends - model.predict(parameters, sizes)) / scale

    best, unit_errors = (_solve_line if model.linear else _solve)(residuals, model.start(sizes, ends))
    loss = float(np.sum(residuals(best) ** 2))
    count, freedom = len(ends), len(ends) - len(best)
    allowed: float | None = float(chdtri(1, 1 - confidence))
    if errors is None:
        allowed = loss / freedom * float(stdtrit(freedom, (1 + confidence) / 2)) ** 2 if freedom > 0 else None
    if allowed is not None and allowed < 1e-20 * float(np.sum((ends / scale) ** 2)):
        allowed = 0.0  # an exact fit: what is left of the residuals is rounding
    parameters = []
    for index, name in enumerate(model.parameters):
        interval = None, None
        if allowed is not None and model.linear:
            reach = float(unit_errors[index]) * math.sqrt(allowed)
            interval = float(best[index]) - reach, float(best[index]) + reach
        elif allowed is not None:
            interval = _profile(residuals, best, index, float(unit_errors[index]), loss, allowed)
        parameters.append(Parameter(name, float(best[index]), *interval))
    fitted = model.predict(best, sizes)
    return Fit(
        model.name, tuple(parameters), tuple(fitted.tolist()), tuple((ends - fitted).tolist()), loss, freedom,
        p_value=float(chdtrc(freedom, loss)) if errors is not None and freedom > 0 else None,
        corrected_criterion=_corrected_criterion(loss, count, len(best), errors is not None, ends),
    )  # fmt: skip


@checked_arguments
def compare(
    models: Mapping[str, Model], batch_sizes: ArrayLike, epochs: ArrayLike, standard_errors: ArrayLike | None = None, *,
    confidence: float = 0.95,
) -> Comparison:  # fmt: skip
    """Fit every law and weigh those that have an AICc; what cannot be told is said in ``statement``."""
    sizes, ends, errors = _check_epochs(batch_sizes, epochs, standard_errors)
    fits = {name: fit_model(model, sizes, ends, errors, confidence=confidence) for name, model in models.items()}
    known = {name: fit.corrected_criterion for name, fit in fits.items() if fit.corrected_criterion is not None}
    if len(known) > 1:
        least = min(known.values())
        shares = {name: math.exp((least - value) / 2) for name, value in known.items()}
        fits |= {name: replace(fits[name], weight=share / sum(shares.values())) for name, share in shares.items()}
    return Comparison(
        tuple(sizes.tolist()), tuple(ends.tolist()), None if errors is None else tuple(errors.tolist()), fits,
        confidence, _statement(fits, len(ends)),
    )  # fmt: skip


@checked_arguments
def epochs_per_halving(
    batch_sizes: ArrayLike, epochs: ArrayLike, *, replicates: ArrayLike | None = None, confidence: float = 0.95
) -> EpochsPerHalving:
    """How much later the critical period ends per halving of the batch [eq:epochs-per-halving].

    Parameters
    ----------
    batch_sizes, epochs : (n,)
    replicates : (repetitions, n), optional
        e* of resampled curves, from `slt_toys.fits.ends.replicate_epochs`: gives bootstrap intervals. Without them
        the slope's interval comes from its residuals and the t distribution, and needs three batch sizes.
    """
    sizes, ends, _ = _check_epochs(batch_sizes, epochs, None)
    check_confidence(confidence)
    order = np.argsort(sizes)
    octaves, ends = np.log2(sizes[order]), ends[order]
    centred = octaves - octaves.mean()
    weights = -centred / np.sum(centred**2)
    slope = float(weights @ ends)
    gaps = np.diff(octaves)
    shifts = -np.diff(ends) / gaps
    low = high = None
    pair_intervals: list[tuple[float | None, float | None]] = [(None, None)] * len(shifts)
    method = "none: two batch sizes leave no residual"
    if replicates is not None:
        drawn = np.asarray(replicates, dtype=float)
        if drawn.ndim != 2 or drawn.shape[1] != len(ends):
            raise ValueError(
                f"replicates: shape {drawn.shape}; give (repetitions, {len(ends)}), a column per batch size"
            )
        drawn = np.where(np.isfinite(drawn), drawn, np.nan)[:, order]  # censored: counted against both sides
        low, high = percentile_interval(drawn @ weights, confidence)
        pair_intervals = [percentile_interval(column, confidence) for column in (-np.diff(drawn) / gaps).T]
        method = f"percentile bootstrap, {len(drawn)} resampled curves per batch size"
    elif len(ends) > 2:
        residual = ends - ends.mean() + slope * centred
        error = math.sqrt(float(residual @ residual) / (len(ends) - 2) / float(centred @ centred))
        reach = float(stdtrit(len(ends) - 2, (1 + confidence) / 2)) * error
        low, high = slope - reach, slope + reach
        method = f"residuals about the line, t distribution with {len(ends) - 2} degrees of freedom"
    neighbours = pairwise(sizes[order].tolist())
    pairs = tuple(
        HalvingShift(larger, smaller, shift, *interval)
        for (smaller, larger), shift, interval in zip(neighbours, shifts.tolist(), pair_intervals, strict=True)
    )
    return EpochsPerHalving(slope, low, high, pairs, confidence, method)


def _check_epochs(
    batch_sizes: ArrayLike, epochs: ArrayLike, standard_errors: ArrayLike | None
) -> tuple[FloatArray, FloatArray, FloatArray | None]:
    sizes, ends = np.asarray(batch_sizes, dtype=float), np.asarray(epochs, dtype=float)
    errors = None if standard_errors is None else np.asarray(standard_errors, dtype=float)
    if sizes.ndim != 1:
        raise ValueError(f"batch_sizes: shape {sizes.shape}; give one number for each end")
    for name, array in (("batch_sizes", sizes), ("epochs", ends), ("standard_errors", errors)):
        if array is None:
            continue
        if array.shape != (len(sizes),):
            raise ValueError(f"{name}: shape {array.shape}; give one number for each of {len(sizes)} batch sizes")
        check_rows(name, array, positive=name != "epochs")
    if len(np.unique(sizes)) < max(2, len(sizes)):
        raise ValueError(f"batch_sizes: {sizes.tolist()}; give at least two batch sizes, each once")
    return sizes, ends, errors


def _solve(residuals: Callable[[FloatArray], FloatArray], start: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The best parameters, and their standard errors for residuals of unit variance."""
    fit = least_squares(residuals, start, x_scale="jac", xtol=1e-14, ftol=1e-14, gtol=1e-14)
    return fit.x, np.sqrt(np.diag(np.linalg.pinv(fit.jac.T @ fit.jac)))


def _solve_line(residuals: Callable[[FloatArray], FloatArray], start: FloatArray) -> tuple[FloatArray, FloatArray]:
    """The same for residuals that are linear in the parameters, up to a constant."""
    at_start = residuals(start)
    # Steps as large as the parameters: a difference of large numbers would lose digits.
    steps = np.maximum(np.abs(start), 1.0)
    slopes = np.stack([residuals(start + step) - at_start for step in np.diag(steps)], axis=1) / steps
    fall = np.linalg.lstsq(slopes, at_start, rcond=None)[0]
    return start - fall, np.sqrt(np.diag(np.linalg.pinv(slopes.T @ slopes)))


_BEYOND = 1e300  # a rise of the loss as good as any other


def _profile(
    residuals: Callable[[FloatArray], FloatArray], best: FloatArray, index: int, error: float, loss: float,
    allowed: float,
) -> tuple[float | None, float | None]:  # fmt: skip
    """Where the loss, minimised over the other parameters, has risen by ``allowed``; ``None`` if it never does."""
    centre, others = float(best[index]), np.delete(best, index)
    if allowed == 0:
        return centre, centre

    def excess(value: float) -> float:
        def rest(free: FloatArray) -> FloatArray:
            return residuals(np.insert(free, index, value))

        with np.errstate(over="ignore", invalid="ignore"):  # a law that is far from its data may leave the numbers
            if not np.all(np.isfinite(rest(others))):
                return _BEYOND
            free = _solve(rest, others)[0] if len(others) else others
            risen = float(np.sum(rest(free) ** 2)) - loss - allowed
        return risen if risen < _BEYOND else _BEYOND  # nan, too

    def end(sign: float) -> float | None:
        inner, step = centre, 1.1 * error * math.sqrt(allowed)  # exact but for the 1.1 where the law is linear
        for _ in range(40):
            outer = centre + sign * step
            if excess(outer) > 0:
                root: Any = brentq(excess, min(inner, outer), max(inner, outer))
                return float(root)
            inner, step = outer, 2 * step
        return None

    return end(-1.0), end(1.0)


def _corrected_criterion(loss: float, count: int, fitted: int, known_errors: bool, ends: FloatArray) -> float | None:
    """AICc up to a constant common to all models, or ``None`` where it is undefined."""
    free = fitted if known_errors else fitted + 1  # an estimated variance is a parameter as well
    if count - free - 1 <= 0:
        return None
    if not known_errors:
        # an exact fit leaves rounding only: no criterion can mean more than that
        rounding = (np.finfo(float).eps * max(1.0, float(np.max(np.abs(ends))))) ** 2
        loss = count * math.log(max(loss / count, rounding))
    return loss + 2 * free + 2 * free * (free + 1) / (count - free - 1)


def _statement(fits: Mapping[str, Fit], count: int) -> str:
    undefined = [name for name, fit in fits.items() if fit.corrected_criterion is None]
    rejected = [name for name, fit in fits.items() if fit.p_value is not None and fit.p_value < 0.05]
    weighed = {name: fit.weight for name, fit in fits.items() if fit.weight is not None}
    parts = []
    if undefined:
        parts.append(f"cannot tell by AICc about {', '.join(undefined)}: {count} batch sizes are too few for them")
    if weighed:
        shares = ", ".join(f"{name} {share:.3f}" for name, share in sorted(weighed.items(), key=lambda pair: -pair[1]))
        parts.append(f"Akaike weights among the others: {shares}" if undefined else f"Akaike weights: {shares}")
    if rejected:
        parts.append(f"does not fit its own standard errors (p < .05): {', '.join(rejected)}")
    return "; ".join(parts)
