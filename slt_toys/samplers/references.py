"""What the means of draws are held against: exact ones, and the bias of the sampler's step.

A part of :mod:`slt_toys.samplers.diagnostics`, which makes a verdict of it.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import numpy as np
import xarray as xr
from numpy.typing import NDArray

from ..exact.means import RESOLVED, exact_means
from ..potentials.potential import Potential
from .phase_evidence import Evidence, borders, evidence
from .statistics import ChainSummary
from .step_bias import EXACT, TOLERANCE, Stepping, law_of_bias

Array = NDArray[np.float64]
# Standard errors from an exact mean; fewer where the step's bias is known from nothing else.
OFF = 4.5
OFF_WITHOUT_LAW = 4.0
FEW_VISITS = 25  # expected in a phase, below which the number of them is far from normal
BIAS_ERRORS = 2.0  # a bias below that many standard errors does no harm; one below OFF may be within the tolerance
BIAS_SEEN = 3.0  # a difference between two runs is a bias from that many of its standard errors on


@dataclass(frozen=True)
class Judged:
    """The part of a result that is looked at."""

    values: NDArray[np.float64]  # (chain, draw, quantity)
    names: tuple[str, ...]
    coordinates: int
    phase_index: NDArray[np.int64] | None  # (chain, draw), where there are several phases
    statement: str
    whole: bool
    points: NDArray[np.float64]  # (chain, draw, coordinate)
    rows: slice | NDArray[np.int64]  # chains
    picked: NDArray[np.int64]  # coordinates


@dataclass(frozen=True)
class Reference:
    """What the draws are held against, each (quantity): NaN where nothing is known."""

    temperature: float | None
    scheme: str | None
    exact: NDArray[np.float64]
    deviation: NDArray[np.float64]  # standard deviations, exact ones where they are known
    bias: NDArray[np.float64]
    bias_error: NDArray[np.float64]  # 0 for a law
    evidence: tuple[Evidence, ...] = ()


def reference(
    draws: xr.Dataset,
    potential: Potential,
    judged: Judged,
    summary: ChainSummary,
    half: tuple[ChainSummary, int] | None,
) -> Reference:
    """Find what is known of the law that the draws are of."""
    n_beta, scheme = draws.attrs.get("n_beta"), draws.attrs.get("scheme")
    size, energy = len(judged.names), judged.coordinates
    exact, deviation = np.full(size, np.nan), np.full(size, np.nan)
    bias, bias_error = np.full(size, np.nan), np.zeros(size)
    with np.errstate(all="ignore"):
        if n_beta is not None:
            exact, deviation = _exact(potential, judged, float(n_beta))
        deviation = np.where(np.isfinite(deviation), deviation, judged.values.std((0, 1)))
        if n_beta is not None and scheme is not None:
            stepping = Stepping(scheme, float(draws.attrs["time_step"]), 0, n_beta)
            by_law = law_of_bias(potential, judged.points, judged.values[..., energy], stepping, float(n_beta))
            if by_law is not None:
                bias[: energy + 1] = [*by_law[1:][judged.picked], by_law[0]]
            elif half is not None:
                bias, bias_error = _difference(summary, *half)
        sizes = summary.bulk_effective_sample_size[: energy + 1]
        least = float(np.nanmin(sizes)) if np.isfinite(sizes).any() else float(judged.values[..., 0].size)
        changes = draws["round_trips"].values[judged.rows].astype(np.int64) if "round_trips" in draws else None
        seen = (evidence(border, judged.points, n_beta, least, changes) for border in borders(potential))
        found = tuple(one for one in seen if one is not None)
    temperature = None if n_beta is None else 1 / float(n_beta)
    return Reference(temperature, scheme, exact, deviation, bias, bias_error, found)


def _exact(potential: Potential, judged: Judged, n_beta: float) -> tuple[Array, Array]:
    """Exact means and standard deviations of the quantities, NaN where no grid has them."""
    mean, deviation = np.full((2, len(judged.names)), np.nan)
    looked_at = borders(potential)
    parts = [exact_means(border.part, n_beta) for border in looked_at]
    for border, part in zip(looked_at, parts, strict=True):
        for at, number in enumerate(judged.picked):
            if part is not None and number in border.coordinates:
                own = border.coordinates.index(int(number))
                mean[at], deviation[at] = part.coordinates[own], part.coordinate_deviations[own]
    known = [part for part in parts if part is not None]
    if len(known) == len(potential.components()):
        at = judged.coordinates
        mean[at] = sum(part.energy for part in known)
        deviation[at] = np.sqrt(sum(part.energy_deviation**2 for part in known))
        if len(known) == 1:
            shares = known[0].shares[: len(judged.names) - at - 1]
            mean[at + 1 :], deviation[at + 1 :] = shares, np.sqrt(np.maximum(shares * (1 - shares), 0))
    return mean, deviation


def _difference(whole: ChainSummary, half: ChainSummary, order: int) -> tuple[Array, Array]:
    """Bias of the whole step by the difference from half of it, and its standard error."""
    share = 1 - 0.5**order
    error = np.hypot(whole.monte_carlo_standard_error, half.monte_carlo_standard_error)
    return (whole.mean - half.mean) / share, error / share


def _tolerance(judged: Judged, known: Reference) -> Array:
    scale = known.deviation.copy()
    if known.temperature is not None:
        scale[judged.coordinates] = max(scale[judged.coordinates], known.temperature)
    return TOLERANCE * scale


def _standard_errors(judged: Judged, diagnosis: xr.Dataset, known: Reference) -> Array:
    """Those of the means; of a quantity that varies less than it should, as if it varied as it should."""
    errors = diagnosis["monte_carlo_standard_error"].values
    least = least_effective(diagnosis)
    draws = least[0] if least is not None else judged.values[..., 0].size
    own = judged.values.std((0, 1))
    with np.errstate(all="ignore"):
        scaled = errors * np.maximum(1.0, known.deviation / own)
    return np.where(np.isfinite(scaled), scaled, known.deviation / np.sqrt(draws))


def biased(judged: Judged, diagnosis: xr.Dataset, known: Reference) -> list[str]:
    """The step's bias, where it is more than what passes."""
    errors = _standard_errors(judged, diagnosis, known)
    allowed = np.clip(_tolerance(judged, known), BIAS_ERRORS * errors, OFF * errors)
    allowed = np.maximum(allowed, BIAS_SEEN * known.bias_error)
    with np.errstate(all="ignore"):
        excess = np.where(np.isfinite(known.bias), np.abs(known.bias) / allowed, 0.0)
    worst = int(excess.argmax())
    return [f"the step shifts {_bias_text(judged, known, worst)}: shorten it"] if excess[worst] > 1 else []


def _bias_text(judged: Judged, known: Reference, at: int) -> str:
    name, temperature = judged.names[at], known.temperature
    energy = at == judged.coordinates and temperature is not None
    unit, what = (temperature, "T") if energy and temperature else (known.deviation[at], "its standard deviation")
    error = f" ± {known.bias_error[at] / unit:.1%}" if known.bias_error[at] > 0 else ""
    return f"{name} by {known.bias[at] / unit:.1%}{error} of {what}"


def bias_unknown(judged: Judged, known: Reference) -> bool:
    """Whether nothing tells the bias of a step that has one."""
    at = judged.coordinates
    told = known.scheme in (None, EXACT) or known.temperature is None
    return not told and not np.isfinite(known.bias[at]) and not np.isfinite(known.exact[at])


def off(judged: Judged, diagnosis: xr.Dataset, known: Reference) -> list[str]:
    """The mean that is furthest from its exact value, where that is too far."""
    errors, means = _standard_errors(judged, diagnosis, known), diagnosis["mean"].values
    limit = OFF_WITHOUT_LAW if known.scheme != EXACT and not np.isfinite(known.bias).any() else OFF
    # One draw more or less of a rare phase is no error.
    sizes = diagnosis["bulk_effective_sample_size"].values[: judged.coordinates + 1]
    rare = np.zeros(len(means))
    if np.isfinite(sizes).any():
        shares = known.exact[judged.coordinates + 1 :]
        few = np.minimum(shares, 1 - shares) * np.nanmin(sizes) < FEW_VISITS
        rare[judged.coordinates + 1 :] = np.where(few, limit / np.nanmin(sizes), 0.0)
    allowed = limit * errors + rare + RESOLVED * known.deviation
    with np.errstate(all="ignore"):
        excess = np.where(np.isfinite(known.exact), np.abs(means - known.exact) / allowed, 0.0)
    worst = int(np.nan_to_num(excess).argmax())
    if not excess[worst] > 1:
        return []
    return [
        f"{judged.names[worst]} has mean {means[worst]:.4g} ± {errors[worst]:.1g}, exactly {known.exact[worst]:.4g}"
    ]


def of_references(judged: Judged, diagnosis: xr.Dataset, known: Reference) -> str:
    """How close a trusted run is to what it is held against."""
    text = ""
    if np.isfinite(known.exact).any():
        away = np.abs(diagnosis["mean"].values - known.exact) / _standard_errors(judged, diagnosis, known)
        worst = int(np.nanargmax(away))
        text += f", exact means within {away[worst]:.1f} standard errors ({judged.names[worst]})"
    if known.scheme not in (None, EXACT) and np.isfinite(known.bias[judged.coordinates]):
        text += f", the step shifts {_bias_text(judged, known, judged.coordinates)}"
    return text


def worst_of(diagnosis: xr.Dataset, name: str, pick: Callable[..., Any]) -> tuple[float, str] | None:
    """Value and quantity of the worst; None where it is undefined everywhere."""
    values = diagnosis[name].values
    if np.isnan(values).all():
        return None
    at = int(pick(values))
    return float(values[at]), str(diagnosis["quantity"].values[at])


def least_effective(diagnosis: xr.Dataset) -> tuple[float, str, str] | None:
    """Smallest effective sample size: value, quantity and kind."""
    sizes = []
    for kind in ("bulk", "tail"):
        least = worst_of(diagnosis, f"{kind}_effective_sample_size", np.nanargmin)
        if least is not None:
            sizes.append((*least, kind))
    return min(sizes, default=None)
