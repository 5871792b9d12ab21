"""What the temperature experiment amounts to: its dataset, the laws' curves, its JSON record and its table."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table
from scipy.optimize import brentq

from theory.laws.reshuffling import temperature_factor

from ..exact.kinetics import log_mean_first_passage_time
from ..reference.laws import law
from ..thermometers.calibration import THERMOMETERS, Calibration
from ..thermometers.sgd_temperature import TOLERANCE, inverse_temperature

POINTS = 60
SURE = 2.0  # standard errors taken off a departure before it is compared with others
NOTHING = "-"


def relaxation(one: Calibration) -> float:
    """Share of a well that one step relaxes, learning rate times curvature / (1 - momentum), at the deeper minimum."""
    return one.setting.time_per_step * one.well.curvatures[1]


# ---- dataset --------------------------------------------------------------------------------------------------------
def calibration_dataset(calibrations: Sequence[Calibration]) -> xr.Dataset:
    """Readings along (setting, thermometer); settings, laws and disagreement along setting."""
    loss = {"units": "loss"}
    inverse = {"units": "1/loss"}

    def read(field: str) -> list[list[Any]]:
        return [[getattr(found, field) for found in one.readings] for one in calibrations]

    def told(values: Sequence[Any], **attributes: str) -> tuple[str, list[Any], dict[str, str]]:
        return "setting", list(values), attributes

    grid = ("setting", "thermometer")
    settings, wells = [one.setting for one in calibrations], [one.well for one in calibrations]
    differences = [one.disagreement for one in calibrations]
    return xr.Dataset(
        {
            "inverse_temperature": (grid, read("inverse_temperature"), inverse),
            "inverse_temperature_low": (grid, read("low"), inverse),
            "inverse_temperature_high": (grid, read("high"), inverse),
            "standard_error": (grid, read("standard_error"), inverse),
            "effective_sample_size": (grid, read("effective_sample_size")),
            "reason": (grid, read("reason"), {"long_name": "why it cannot be read; empty where it can"}),
            "sweep": told([s.sweep for s in settings]),
            "noise": told([s.noise for s in settings]),
            "order": told([s.order for s in settings]),
            "learning_rate": told([s.learning_rate for s in settings], units="length^2/loss"),
            "batch_size": told([s.batch_size for s in settings], units="examples"),
            "momentum": told([s.momentum for s in settings]),
            "steps_per_epoch": told([s.steps_per_epoch for s in settings]),
            "gradient_variance": told([w.variance for w in wells], units="loss^2/length^2"),
            "relaxation_per_step": told([relaxation(one) for one in calibrations]),
            "law_temperature": told([one.law_temperature for one in calibrations], **loss),
            "expected_low": told([one.expected.low for one in calibrations], **inverse),
            "expected_high": told([one.expected.high for one in calibrations], **inverse),
            "p_value": told([d.p_value for d in differences]),
            "spread": told([d.spread for d in differences], long_name="largest over smallest temperature, minus 1"),
            "spread_error": told([d.spread_error for d in differences]),
        },
        coords={"thermometer": list(THERMOMETERS), "setting": np.arange(len(calibrations))},
    )


def law_curves(calibrations: Sequence[Calibration]) -> xr.Dataset:
    """What the laws say between the settings: temperature over [eq:sgd-temperature], by series."""
    steps = [one for one in calibrations if one.setting.sweep == "step size"]
    momenta = sorted({one.setting.momentum for one in steps})
    ends = np.array([relaxation(one) for one in steps])
    grid = np.geomspace(ends.min() / 1.3, ends.max() * 1.3, POINTS)
    local, escape = np.empty((2, len(momenta), POINTS))
    for row, momentum in enumerate(momenta):
        one = next(c for c in steps if c.setting.momentum == momentum)
        for column, share in enumerate(grid):
            rate = share * (1 - momentum) / one.well.curvatures[1]
            local[row, column] = law("sgd-temperature-quadratic")(
                temperature=1.0, learning_rate=rate, momentum=momentum, curvature=one.well.curvatures[1]
            )
            escape[row, column] = escape_temperature(one, rate) / one.law_temperature
    shuffled = [one for one in calibrations if one.setting.sweep == "reshuffling"]
    steps_per_epoch = [one.setting.steps_per_epoch for one in shuffled]
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
        },
        coords={"law_momentum": momenta, "law_relaxation_per_step": grid, "law_steps_per_epoch": lengths},
    )


def escape_temperature(one: Calibration, learning_rate: float) -> float:
    """Temperature whose exact mean first passage time is the law's, slowed by momentum's inertia."""
    potential = one.well.potential
    deeper = int(np.argmin([potential.minimum_loss(k) for k in range(2)]))
    start, end = (float(potential.minimum_point(k)[0]) for k in (1 - deeper, deeper))
    inertia = law("heavy-ball-inertia")(learning_rate=learning_rate, momentum=one.setting.momentum)
    if inertia == 0:
        return one.law_temperature
    factor = law("kramers-transmission-factor")(inertia=inertia, barrier_curvature=one.well.barrier[1])
    slowed = log_mean_first_passage_time(potential, one.law_temperature, start, end) - np.log(factor)

    def excess(log_temperature: float) -> float:
        return log_mean_first_passage_time(potential, float(np.exp(log_temperature)), start, end) - slowed

    top = float(np.log(one.law_temperature))
    found: Any = brentq(excess, top - 3, top + 1e-9, xtol=1e-6)
    return float(np.exp(found))


def largest_relaxation(steps: Sequence[Calibration], momentum: float) -> float:
    """The largest relaxation per step at which the laws leave one temperature, to 5 %, in this toy."""
    one = next(c for c in steps if c.setting.momentum == momentum)
    well = one.well

    def excess(log_share: float) -> float:
        rate = float(np.exp(log_share)) * (1 - momentum) / well.curvatures[1]
        variance = 2 * one.law_temperature * (1 - momentum) / rate
        found = inverse_temperature(
            rate, 1, momentum, gradient_variance=variance, curvature=well.curvatures, barrier=well.barrier
        )
        return found.high / found.low - (1 + TOLERANCE) ** 2

    root: Any = brentq(excess, np.log(1e-6), np.log(0.99 * 2 * (1 + momentum) / (1 - momentum)))
    return float(np.exp(root))


# ---- record ---------------------------------------------------------------------------------------------------------
def summary(calibrations: Sequence[Calibration]) -> dict[str, Any]:
    """A plain dictionary for JSON."""
    return {
        "settings": [_record(one) for one in calibrations],
        "one_temperature": one_temperature(calibrations),
        "largest_departure_from_the_laws": largest_departure(calibrations),
        "in_words": in_words(calibrations),
    }


def _record(one: Calibration) -> dict[str, Any]:
    setting, difference = one.setting, one.disagreement
    return {
        "sweep": setting.sweep,
        "learning_rate": setting.learning_rate,
        "batch_size": setting.batch_size,
        "momentum": setting.momentum,
        "order": setting.order,
        "noise": setting.noise,
        "steps_per_epoch": setting.steps_per_epoch,
        "gradient_variance": {"deeper_minimum": one.well.variance, "range": list(one.well.variances)},
        "law_inverse_temperature": 1 / one.law_temperature,
        "expected": {
            "range": [one.expected.low, one.expected.high],
            "one_temperature": one.expected.one_temperature,
            "causes": {name: [low, high] for name, low, high in one.expected.causes},
        },
        "thermometers": {
            name: {
                "inverse_temperature": found.inverse_temperature,
                "interval": [found.low, found.high],
                "standard_error": found.standard_error,
                "effective_sample_size": found.effective_sample_size,
                "verdict": found.verdict,
            }
            for name, found in zip(THERMOMETERS, one.readings, strict=True)
        },
        "disagreement": {
            "thermometers": list(difference.thermometers),
            "inverse_temperature": difference.inverse_temperature,
            "interval": [difference.low, difference.high],
            "chi_square": difference.chi_square,
            "degrees_of_freedom": difference.degrees_of_freedom,
            "p_value": difference.p_value,
            "spread": difference.spread,
            "spread_error": difference.spread_error,
            "verdict": difference.verdict,
        },
    }


def one_temperature(calibrations: Sequence[Calibration]) -> dict[str, dict[str, float | None]]:
    """For each momentum, the relaxation per step up to which one temperature holds to 5 %: by law, and as measured.

    As measured: the largest setting up to which thermometers differ by no more than 5 % to either side of their middle;
    noise makes them differ by more, not less.
    """
    steps = [one for one in calibrations if one.setting.sweep == "step size"]
    found: dict[str, dict[str, float | None]] = {}
    for momentum in sorted({one.setting.momentum for one in steps}):
        own = sorted((one for one in steps if one.setting.momentum == momentum), key=relaxation)
        measured = None
        for one in own:
            if not one.disagreement.spread <= (1 + TOLERANCE) ** 2 - 1:
                break
            measured = relaxation(one)
        found[f"{momentum:g}"] = {"law": largest_relaxation(own, momentum), "measured": measured}
    return found


def ratios(one: Calibration) -> list[tuple[float, float]]:
    """Temperatures over the law's, with standard errors, of those that could be read."""
    return [
        (found.temperature / one.law_temperature, found.relative_error * found.temperature / one.law_temperature)
        for found in one.readings
        if found.reads
    ]


def largest_departure(calibrations: Sequence[Calibration]) -> dict[str, float]:
    """How far additive readings with replacement lie beyond the laws' own range: the one surest to, and its error."""
    worst, error = 0.0, 0.0
    for one in calibrations:
        if one.setting.noise in ("additive", "table") and one.setting.order == "with_replacement":
            low, high = law_range(one)
            for ratio, own in ratios(one):
                beyond = max(ratio / high, low / ratio) - 1
                if beyond - SURE * own > worst - SURE * error:
                    worst, error = beyond, own
    return {"departure": worst, "standard_error": error}


def law_range(one: Calibration) -> tuple[float, float]:
    """Range of the temperature over the law's that the causes other than ``measured`` allow."""
    causes = [cause for cause in one.expected.causes if cause[0] != "measured"]
    return float(np.prod([c[1] for c in causes])), float(np.prod([c[2] for c in causes]))


def in_words(calibrations: Sequence[Calibration]) -> list[str]:
    """What came out, one sentence each."""
    said = []
    for momentum, found in one_temperature(calibrations).items():
        measured = "none of the settings" if found["measured"] is None else f"{found['measured']:.3g}"
        said.append(
            f"With momentum {momentum} one temperature holds to 5 % up to a relaxation per step (learning rate x "
            f"curvature / (1 - momentum)) of {found['law']:.3g} by law; as measured, up to {measured}."
        )
    worst = largest_departure(calibrations)
    said.append(
        f"With additive noise and replacement the reading most surely beyond the laws' range is so by "
        f"{100 * worst['departure']:.1f} ± {100 * worst['standard_error']:.1f} %."
    )
    for one in calibrations:
        if one.setting.sweep == "noise":
            said.append(f"Noise {one.setting.noise}: {one.disagreement.verdict}.")
        if one.setting.sweep == "reshuffling":
            unread = [f.thermometer for f in one.readings if not f.reads]
            told = [f"cannot be read: {', '.join(unread)}"] if unread else []
            read = [
                f"{f.thermometer} {f.temperature / one.law_temperature:.2f} of the law" for f in one.readings if f.reads
            ]
            parts = "; ".join([", ".join(read), *told] if read else told)
            said.append(f"Reshuffled, {one.setting.steps_per_epoch} steps an epoch: {parts}.")
    return said


def print_report(calibrations: Sequence[Calibration], said: Sequence[str], stem: Path) -> None:
    """Print the table and what it means."""
    console = Console()
    table = Table(title="Temperature over the law's, T = learning rate x variance / (2 B (1 - momentum))")
    for heading in ("series", "noise", "rate", "B", "momentum", "M", "T law", *THERMOMETERS, "spread", "p"):
        table.add_column(heading, justify="left" if heading in ("series", "noise") else "right")
    for one in calibrations:
        setting = one.setting
        cells = [
            f"{f.temperature / one.law_temperature:.3f} ± {f.relative_error * f.temperature / one.law_temperature:.3f}"
            if f.reads
            else NOTHING
            for f in one.readings
        ]
        difference = one.disagreement
        table.add_row(
            setting.sweep, setting.noise, f"{setting.learning_rate:.3g}", str(setting.batch_size),
            f"{setting.momentum:g}", str(setting.steps_per_epoch or NOTHING), f"{one.law_temperature:.3g}", *cells,
            NOTHING if difference.reason else f"{100 * difference.spread:.1f} %",
            NOTHING if difference.reason else f"{difference.p_value:.2g}",
        )  # fmt: skip
    console.print(table)
    for sentence in said:
        console.print(sentence, highlight=False)
    console.print(f"Written: {stem}.png, .svg, .nc, .json", highlight=False)
