"""What the temperature experiment amounts to: its dataset with the laws' curves, its tables and its claims."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import numpy as np
import xarray as xr
from scipy.optimize import brentq

from theory.laws.reshuffling import temperature_factor

from ..exact.kinetics import log_mean_first_passage_time
from ..reference.laws import law
from ..results.claims import Claim, Table, Verdict, chance_text, estimate_text, inside, number_text, texts
from ..results.variables import variables
from ..thermometers.calibration import THERMOMETERS, Calibration, Setting
from ..thermometers.readings import Disagreement, Reading
from ..thermometers.sgd_temperature import TOLERANCE, UNEXPLAINED, SGDTemperature, inverse_temperature

POINTS = 60
SURE = 2.0  # standard errors taken off a departure before it is compared with others
MANY = 4.0  # standard errors beyond which one of some sixty readings surely departs
REACH = 1.96  # standard errors of a 95 % interval
ONE = (1 + TOLERANCE) ** 2 - 1  # by which the thermometers of one temperature may differ
NEAR = 0.1  # by which a well that is not quadratic may depart from the law of one that is
CAUSES = ("noise", "step size", "reshuffling", "inertia", "measured")

TITLE = "Temperature of SGD: which inverse temperature does it sample?"
INTRODUCTION = """\
SGD with noise samples the tempered posterior exp(-n_beta L) of a loss L, if anything; T = 1/n_beta is its
*temperature*. The law says T = η σ² / (2 B (1 - μ)), with learning rate η, batch size B, momentum μ and the variance σ²
of one example's gradient. A *thermometer* solves "exact mean at n_beta = sampled mean" for n_beta. Four are read on the
same chains: the mean loss within the deeper phase (*energy*), the share of each phase, a region around one minimum of
the loss (*occupancy*), the balance of drift and noise (*fluctuation-dissipation*), and the rate of leaving the
shallower phase (*escape*). SGD has *one temperature* where their readings lie within 5 % of a common middle.

The *relaxation per step*, η h / (1 - μ) with h the curvature of the deeper minimum, is the share of a well that one
step relaxes. *Reshuffled* SGD visits every example once in an epoch of M steps, so that the noise of an epoch sums to
zero and slow motion is colder. Kinds of noise: *additive* is normal and alike everywhere, *table* is additive from 512
examples, *loss* grows with the loss, *regression* is that of 4096 examples with labels.

What cannot be told: chains that remember their start, or rarely change phase, give no reading; the record holds the
reason, a table a dash. Occupancy counts few changes of phase, so its errors are the largest."""


def relaxation(calibration: Calibration) -> float:
    """Share of a well that one step relaxes, learning rate times curvature / (1 - momentum), at the deeper minimum."""
    return calibration.setting.time_per_step * calibration.well.curvatures[1]


# ---- dataset --------------------------------------------------------------------------------------------------------
def dataset(calibrations: Sequence[Calibration]) -> xr.Dataset:
    """Readings along (setting, thermometer), settings, laws and disagreement along setting, and the laws' curves."""
    wells = [calibration.well for calibration in calibrations]
    causes = [{name: ends for name, *ends in calibration.expected.causes} for calibration in calibrations]
    along = {
        "gradient_variance": [well.variance for well in wells],
        "gradient_variance_low": [well.variances[0] for well in wells],
        "gradient_variance_high": [well.variances[1] for well in wells],
        "relaxation_per_step": [relaxation(calibration) for calibration in calibrations],
        "law_temperature": [calibration.law_temperature for calibration in calibrations],
        "law_inverse_temperature": [1 / calibration.law_temperature for calibration in calibrations],
        **{
            f"cause_{name.replace(' ', '_')}_{end}": [of.get(name, (np.nan, np.nan))[place] for of in causes]
            for name in CAUSES
            for place, end in enumerate(("low", "high"))
        },
    }
    departure, error = largest_departure(calibrations)
    disagreements, dims = [c.disagreement for c in calibrations], ["setting"]
    readings = xr.Dataset(
        {
            **variables(Setting, [c.setting for c in calibrations], dims, skip=["gradient_variance"]),
            **variables(
                Reading, [c.readings for c in calibrations], ["setting", "thermometer"], "reading_", also=["verdict"],
                skip=["thermometer"],
            ),
            **variables(Disagreement, disagreements, dims, "disagreement_", also=["verdict"]),
            **variables(SGDTemperature, [c.expected for c in calibrations], dims, "expected_"),
            **{name: (dims, np.array(values, dtype=float)) for name, values in along.items()},
            "departure": ((), departure),
            "departure_error": ((), error),
        },
        coords={"thermometer": list(THERMOMETERS), "setting": np.arange(len(calibrations))},
    )  # fmt: skip
    return xr.merge([readings, law_curves(calibrations)])


def law_curves(calibrations: Sequence[Calibration]) -> xr.Dataset:
    """What the laws say between the settings: temperature over [eq:sgd-temperature], by series."""
    steps = [calibration for calibration in calibrations if calibration.setting.sweep == "step size"]
    momenta = sorted({calibration.setting.momentum for calibration in steps})
    ends = np.array([relaxation(calibration) for calibration in steps])
    grid = np.geomspace(ends.min() / 1.3, ends.max() * 1.3, POINTS)
    local, escape = np.empty((2, len(momenta), POINTS))
    for row, momentum in enumerate(momenta):
        calibration = next(c for c in steps if c.setting.momentum == momentum)
        for column, share in enumerate(grid):
            rate = share * (1 - momentum) / calibration.well.curvatures[1]
            local[row, column] = law("sgd-temperature-quadratic")(
                temperature=1.0, learning_rate=rate, momentum=momentum, curvature=calibration.well.curvatures[1]
            )
            escape[row, column] = escape_temperature(calibration, rate) / calibration.law_temperature
    shuffled = [calibration for calibration in calibrations if calibration.setting.sweep == "reshuffling"]
    steps_per_epoch = [calibration.setting.steps_per_epoch for calibration in shuffled]
    first = shuffled[0]
    lengths = np.unique(np.round(np.geomspace(min(steps_per_epoch) / 2, max(steps_per_epoch) * 2, POINTS)).astype(int))
    lengths = lengths[lengths >= 2]
    stiffness = first.setting.learning_rate * first.well.curvatures[1]
    factors = [temperature_factor(stiffness, first.setting.momentum, int(length)) for length in lengths]
    return xr.Dataset(
        {
            "law_local": (("law_momentum", "law_relaxation_per_step"), local),
            "law_escape": (("law_momentum", "law_relaxation_per_step"), escape),
            "law_reshuffled": ("law_steps_per_epoch", factors),
            "largest_relaxation": ("law_momentum", [largest_relaxation(steps, momentum) for momentum in momenta]),
            **{
                name: ("law_momentum", [measured_relaxations(steps, momentum)[end] for momentum in momenta])
                for end, name in enumerate(("held_relaxation", "failed_relaxation"))
            },
            "reshuffled_factor": (
                "reshuffled_steps",
                [temperature_factor(stiffness, first.setting.momentum, steps) for steps in steps_per_epoch],
            ),
        },
        coords={
            "law_momentum": momenta,
            "law_relaxation_per_step": grid,
            "law_steps_per_epoch": lengths,
            "reshuffled_steps": steps_per_epoch,
        },
    )


def escape_temperature(calibration: Calibration, learning_rate: float) -> float:
    """Temperature whose exact mean first passage time is the law's, slowed by momentum's inertia."""
    potential = calibration.well.potential
    deeper = int(np.argmin([potential.minimum_loss(k) for k in range(2)]))
    start, end = (float(potential.minimum_point(k)[0]) for k in (1 - deeper, deeper))
    inertia = law("heavy-ball-inertia")(learning_rate=learning_rate, momentum=calibration.setting.momentum)
    if inertia == 0:
        return calibration.law_temperature
    factor = law("kramers-transmission-factor")(inertia=inertia, barrier_curvature=calibration.well.barrier[1])
    slowed = log_mean_first_passage_time(potential, calibration.law_temperature, start, end) - np.log(factor)

    def excess(log_temperature: float) -> float:
        return log_mean_first_passage_time(potential, float(np.exp(log_temperature)), start, end) - slowed

    top = float(np.log(calibration.law_temperature))
    root: Any = brentq(excess, top - 3, top + 1e-9, xtol=1e-6)
    return float(np.exp(root))


def largest_relaxation(steps: Sequence[Calibration], momentum: float) -> float:
    """The largest relaxation per step at which the laws leave one temperature, to 5 %, in this toy."""
    calibration = next(c for c in steps if c.setting.momentum == momentum)
    well = calibration.well

    def excess(log_share: float) -> float:
        rate = float(np.exp(log_share)) * (1 - momentum) / well.curvatures[1]
        variance = 2 * calibration.law_temperature * (1 - momentum) / rate
        expected = inverse_temperature(
            rate, 1, momentum, gradient_variance=variance, curvature=well.curvatures, barrier=well.barrier
        )
        return expected.high / expected.low - (1 + TOLERANCE) ** 2

    root: Any = brentq(excess, np.log(1e-6), np.log(0.99 * 2 * (1 + momentum) / (1 - momentum)))
    return float(np.exp(root))


def measured_relaxations(steps: Sequence[Calibration], momentum: float) -> tuple[float, float]:
    """The largest relaxation per step up to which every setting measured one temperature, and the next, which did not.

    NaN where there is none. Noise makes thermometers differ by more, not less.
    """
    own = sorted((c for c in steps if c.setting.momentum == momentum), key=relaxation)
    held = [c.disagreement.spread <= ONE for c in own]
    count = held.index(False) if False in held else len(held)
    ends = [math.nan, *map(relaxation, own), math.nan]
    compared = count < len(own) and math.isfinite(own[count].disagreement.spread)
    return ends[count], ends[count + 1] if compared else math.nan


def ratios(calibration: Calibration) -> list[tuple[float, float]]:
    """Temperatures over the law's, with standard errors, of those that could be read."""
    unit = calibration.law_temperature
    read = [reading for reading in calibration.readings if reading.reads]
    return [(each.temperature / unit, each.relative_error * each.temperature / unit) for each in read]


def largest_departure(calibrations: Sequence[Calibration]) -> tuple[float, float]:
    """How far additive readings with replacement lie beyond the laws: the largest, errors taken off; its error."""
    worst, error = 0.0, 0.0
    for calibration in calibrations:
        if calibration.setting.noise in ("additive", "table") and calibration.setting.order == "with_replacement":
            low, high = law_range(calibration)
            for ratio, own in ratios(calibration):
                beyond = max(ratio / high, low / ratio) - 1
                if beyond - SURE * own > worst - SURE * error:
                    worst, error = beyond, own
    return worst, error


def law_range(calibration: Calibration) -> tuple[float, float]:
    """Range of the temperature over the law's that the causes other than ``measured`` allow."""
    causes = [cause for cause in calibration.expected.causes if cause[0] != "measured"]
    return float(np.prod([c[1] for c in causes])), float(np.prod([c[2] for c in causes]))


# ---- tables ----------------------------------------------------------------------------------------------------------
def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Where one temperature holds, and what every thermometer read."""
    ranges = {
        "momentum": texts(data["law_momentum"].values),
        "by law, up to": texts(data["largest_relaxation"].values),
        "measured at": texts(data["held_relaxation"].values),
        "no longer at": texts(data["failed_relaxation"].values),
    }
    columns = {
        "series": texts(data["sweep"].values),
        "noise": texts(data["noise"].values),
        "learning rate": texts(data["learning_rate"].values),
        "B": texts(data["batch_size"].values),
        "momentum": texts(data["momentum"].values),
        "M": [number_text(steps or math.nan, 4) for steps in data["steps_per_epoch"].values],
        "T by law": texts(data["law_temperature"].values),
    }
    for name in data["thermometer"].values:
        told = zip(*_ratio(data.sel(thermometer=name)), strict=True)
        columns[str(name)] = ["-" if math.isnan(r) else f"{r:.3f} ± {e:.3f}" for r, e in told]
    spreads = data["disagreement_spread"].values
    columns["differ by"] = ["-" if math.isnan(spread) else f"{100 * spread:.1f} %" for spread in spreads]
    columns["p"] = [chance_text(p) for p in data["disagreement_p_value"].values]
    within = "Relaxation per step up to which SGD has one temperature, with additive noise."
    over = "Temperature over the law's, ± one standard error; p is the chance of such differences at one temperature."
    return (
        Table.of_columns("one_temperature", within, ranges),
        Table.of_columns("thermometers", over, columns),
    )


def _ratio(data: xr.Dataset) -> tuple[np.ndarray, np.ndarray]:
    """Temperature over the law's, and its standard error."""
    inverse = data["reading_inverse_temperature"]
    ratio = 1 / inverse / data["law_temperature"]
    return ratio.values, (ratio * data["reading_standard_error"] / inverse).values


# ---- claims ----------------------------------------------------------------------------------------------------------
def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """Where the law's one temperature holds and where it does not; the latter first."""
    return (
        _noise(data, "regression", "a regression's noise"),
        _noise(data, "loss", "noise that grows with the loss"),
        _reshuffled(data),
        _departure(data),
        _reshuffled_factor(data),
        *(_range(data, row) for row in range(data.sizes["law_momentum"])),
        _noise(data, "additive", "additive noise"),
    )


def _percent(spread: float, error: float) -> tuple[float, float, float]:
    return 100 * spread, 100 * (spread - REACH * error), 100 * (spread + REACH * error)


def _small(low: float, high: float) -> Verdict:
    """Whether an interval of differences, in percent, lies within what one temperature allows."""
    return "no" if low > 100 * ONE else "yes" if high <= 100 * ONE else "cannot tell"


def _noise(data: xr.Dataset, noise: str, spoken: str) -> Claim:
    own = data.isel(setting=(data["sweep"].values == "noise") & (data["noise"].values == noise)).squeeze("setting")
    spread, low, high = _percent(own["disagreement_spread"].item(), own["disagreement_spread_error"].item())
    count = int(np.isfinite(own["reading_inverse_temperature"]).sum())
    sentence = (
        f"With {spoken}, {count} readable thermometers differ by {estimate_text(spread, low, high)} %; one temperature "
        f"allows {100 * ONE:.0f} %."
        if math.isfinite(spread)
        else f"With {spoken}, {count} of {own.sizes['thermometer']} thermometers can be read: too few to compare."
    )
    return Claim.of(f"noise-{noise}", sentence, spread, (low, high), 100 * ONE, _small(low, high))


def _reshuffled(data: xr.Dataset) -> Claim:
    own = data.isel(setting=data["sweep"].values == "reshuffling")
    spreads = own["disagreement_spread"].values
    compared = np.isfinite(spreads)
    worst = int(np.nanargmax(spreads)) if compared.any() else 0
    spread, low, high = _percent(spreads[worst], own["disagreement_spread_error"].values[worst])
    sentence = (
        f"Reshuffled, thermometers differ by up to {estimate_text(spread, low, high)} %; "
        f"{int((~compared).sum())} of {len(spreads)} settings have too few readings to tell."
        if compared.any()
        else f"Reshuffled, {len(spreads)} of {len(spreads)} settings have too few readings to tell."
    )
    return Claim.of("reshuffled-one-temperature", sentence, spread, (low, high), 100 * ONE, _small(low, high))


def _departure(data: xr.Dataset) -> Claim:
    departure, error = data["departure"].item(), data["departure_error"].item()
    percent, low, high = _percent(departure, error)
    additive = np.isin(data["noise"].values, ["additive", "table"]) & (data["order"].values == "with_replacement")
    read = bool(np.isfinite(data["reading_inverse_temperature"].values[additive]).any())
    # The largest of some forty readings lies beyond by chance: from its own error alone that cannot be told.
    verdict: Verdict = "no" if departure - MANY * error > UNEXPLAINED else "cannot tell"
    if read and departure <= UNEXPLAINED:
        verdict = "yes"
    sentence = (
        f"With additive noise and replacement, the reading furthest beyond the laws lies "
        f"{estimate_text(percent, low, high)} % beyond; {100 * UNEXPLAINED:g} % is allowed."
    )
    return Claim.of("beyond-the-laws", sentence, percent, (low, high), 100 * UNEXPLAINED, verdict)


def _reshuffled_factor(data: xr.Dataset) -> Claim:
    """At the shortest epoch whose energy can be read."""
    own = data.isel(setting=data["sweep"].values == "reshuffling").sel(thermometer="energy")
    ratios, errors = _ratio(own)
    row = int(np.argmax(np.isfinite(ratios)))
    steps, ratio, reach = int(own["steps_per_epoch"].values[row]), ratios[row], REACH * errors[row]
    expected = data["reshuffled_factor"].sel(reshuffled_steps=steps).item()
    low, high = ratio - reach, ratio + reach
    sentence = (
        f"Reshuffled with {steps} steps an epoch, the energy reads {estimate_text(ratio, low, high)} of the law's "
        f"temperature; a quadratic well has {expected:.3g}."
    )
    verdict = inside(expected, low / (1 + NEAR), high * (1 + NEAR))
    return Claim.of("reshuffled-factor", sentence, ratio, (low, high), expected, verdict)


def _range(data: xr.Dataset, row: int) -> Claim:
    momentum, expected, held, failed = (
        data[name].values[row]
        for name in ("law_momentum", "largest_relaxation", "held_relaxation", "failed_relaxation")
    )
    reached, begun = (number_text(x) if math.isfinite(x) else "none tested" for x in (held, failed))
    sentence = (
        f"With momentum {momentum:g}, relaxations per step with one temperature reach {reached}, those without begin "
        f"at {begun}; the law's limit is {expected:.3g}."
    )
    name = "with-momentum" if momentum else "without-momentum"
    verdict = inside(expected, held, failed)
    return Claim.of(f"one-temperature-{name}", sentence, held, expected=expected, verdict=verdict)
