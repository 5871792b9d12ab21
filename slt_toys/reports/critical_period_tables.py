"""Tables of the critical-period experiment, from its dataset alone."""

from __future__ import annotations

from typing import Any

import numpy as np
import xarray as xr

from ..fits.ends import CriticalPeriodEnd
from ..results.claims import Table, number_text

JUDGED = ("the law's arms", "all arms", "confounding arms")
NOTHING = "-"

__all__ = ["JUDGED", "chance", "end_of", "power_of_mixtures", "tables"]


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Arms, verdicts, predictions, mixtures, worlds, shifts, and checks and limits."""
    mixtures = (_mixtures(data),) if "mixture" in data.dims else ()
    return (_arms(data), _verdicts(data), _predictions(data), *mixtures, _worlds(data), _shifts(data), _checks(data))


def end_of(part: xr.Dataset, name: str) -> str:
    """An end in a short phrase: ``part`` holds single values."""
    state = str(part[f"{name}_state"].values)
    if not state:
        return NOTHING

    def number(key: str) -> float | None:
        value = float(part[key]) if key in part else np.nan
        return value if np.isfinite(value) else None

    confidence = part.attrs["confidence"] if f"{name}_low" in part else None
    return CriticalPeriodEnd(
        "half_stuck_mass", state, number(name), part.attrs["level"], number(f"{name}_bound"),  # type: ignore[arg-type]
        number(f"{name}_low"), number(f"{name}_high"), confidence=confidence,
    ).statement()  # fmt: skip


def chance(p_value: float) -> str:
    """A p-value in words."""
    return f"p {_p(p_value)}" if _p(p_value)[0] in "<>" else f"p = {_p(p_value)}"


def power_of_mixtures(data: xr.Dataset, percent: int) -> np.ndarray:
    """How often temperature was refuted in each mixture with so many per cent of a rival."""
    names = [str(name) for name in data["mixture"].values]
    chosen = [f", {percent} % " in name for name in names]
    return data["power_refuted"].values[chosen]


def _p(p_value: float) -> str:
    if not np.isfinite(p_value):
        return NOTHING
    return "< 0.001" if p_value < 0.001 else "> 0.99" if p_value > 0.99 else f"{p_value:.2g}"


def _names(data: xr.Dataset, axis: str) -> list[str]:
    return [str(name) for name in data[axis].values]


def _arms(data: xr.Dataset) -> Table:
    hypotheses = _names(data, "hypothesis")
    rows = []
    for number, arm in enumerate(_names(data, "arm")):
        part = data.isel(arm=number)
        mark = " *" * bool(part["confounding"]) + " +" * bool(part["beyond"])
        predicted = (end_of(part.sel(hypothesis=name), "end_predicted") for name in hypotheses)
        rows.append((arm + mark, end_of(part, "end_exact"), end_of(part, "end_sampled"), *predicted))
    if str(data["end_as_sgd_state"].values):
        rows.append(("control as SGD's own steps", NOTHING, end_of(data, "end_as_sgd"), *[NOTHING] * len(hypotheses)))
    for copy in filter(None, str(data.attrs["copies"]).split("; ")):
        rows.append((copy, *["not counted"] * 2, *[NOTHING] * len(hypotheses)))
    return Table(
        "arms",
        "End of the critical period in epochs of the control; hypotheses are fitted to the control alone "
        "(*: confounding, +: beyond the law's conditions).",
        ("arm", "exact", "sampled, 95 %", *(f"{name}: predicted" for name in hypotheses)),
        tuple(rows),
    )


def _verdicts(data: xr.Dataset) -> Table:
    hypotheses = _names(data, "hypothesis")
    rows = []
    for number, judged in enumerate(JUDGED):
        part = data.isel(judged=number)
        if not int(part["arms_judged"]):
            continue
        nearest = int(np.argmin(part["deviance"].values))
        rows.append((
            judged, str(int(part["arms_judged"])), str(part["verdict"].values),
            *(_p(value) for value in part["p_value"].values), hypotheses[nearest],
            f"{float(part['deviance'][nearest]):.0f} / {int(part['degrees_of_freedom'])}",
        ))  # fmt: skip
    return Table(
        "verdicts",
        "p-values of the hypotheses in the unlike arms together, and the nearest one.",
        ("arms", "how many", "verdict", *(f"{name}: p" for name in hypotheses), "nearest", "its deviance / freedom"),
        tuple(rows),
    )


def _predictions(data: xr.Dataset) -> Table:
    arms, rows = _names(data, "arm"), []
    for name in _names(data, "hypothesis"):
        part = data.sel(hypothesis=name)
        worst = int(np.argmax(part["prediction_deviance"].values))
        there = part.isel(arm=worst)
        rows.append((
            name, f"{int(part['right_side'])} of {int(data['unseen_arms'])}", str(int(part["ends_compared"])),
            number_text(float(part["largest_miss"])), arms[worst], end_of(there, "end_predicted"),
            end_of(there, "end_sampled"),
        ))  # fmt: skip
    return Table(
        "predictions_of_unseen_arms",
        "Right side: before, among or after the switch epochs. Misses in epochs, where both ends lie among them; the "
        "worst arm is that of the largest deviance.",
        ("hypothesis", "right side", "ends compared", "largest miss", "worst arm", "predicted there", "sampled there"),
        tuple(rows),
    )


def _mixtures(data: xr.Dataset) -> Table:
    outcomes, rows = _names(data, "outcome"), []
    for number, mixture in enumerate(_names(data, "mixture")):
        part = data.isel(mixture=number)
        counts = zip(outcomes, part["power_verdicts"].values, strict=True)
        rows.append((
            mixture, f"{int(part['power_refuted'])} of {data.attrs['power_seeds']}",
            _p(float(part["power_largest_p_value"])), ", ".join(f"{name} {int(n)}" for name, n in counts if n),
        ))  # fmt: skip
    return Table(
        "mixtures",
        "How often temperature is refuted where something else decides as well, by counts drawn anew; the rival ends "
        "the control's critical period at the same epoch.",
        ("what decides", "temperature refuted", "its largest p-value", "verdicts"),
        tuple(rows),
    )


def _worlds(data: xr.Dataset) -> Table:
    hypotheses = np.array(_names(data, "hypothesis"))
    rows = []
    for number, world in enumerate(_names(data, "world")):
        law, alone = (data.isel(world=number, judged=judged) for judged in (0, 2))
        left = hypotheses[alone["world_p_value"].values >= data.attrs["significance"]]
        nearest = int(np.argmin(law["world_deviance"].values))
        rows.append((
            world, str(law["world_truth"].values), str(law["world_verdict"].values), hypotheses[nearest],
            f"{float(law['world_deviance'][nearest]):.0f} / {int(law['world_degrees_of_freedom'])}",
            str(alone["world_verdict"].values), ", ".join(left) or NOTHING,
        ))  # fmt: skip
    return Table(
        "worlds",
        "Verdicts in the simulated worlds, from sampled data alone; none: no hypothesis survives.",
        ("world", "truth", "verdict, the law's arms", "nearest", "its deviance / freedom", "verdict, confounding arms",
         "survivors there"),
        tuple(rows),
    )  # fmt: skip


def _shifts(data: xr.Dataset) -> Table:
    stuck, phases = data.sel(pair_phase=data.attrs["stuck_phase"]), _names(data, "three_phase")
    also, rows = set(_names(data, "three_shift")), []
    for shift in _names(data, "pair_shift"):
        part = stuck.sel(pair_shift=shift)
        masses = [NOTHING] * len(phases)
        if shift in also:
            three = data.sel(three_shift=shift)
            exact, sampled = three["three_exact"].values, three["three_sampled"].values
            masses = [f"{one:.3f} / {other:.3f}" for one, other in zip(exact, sampled, strict=True)]
        error = float(part["pair_error"])
        rows.append(
            (shift, f"{float(part['pair_exact']):.3f}", f"{float(part['pair_sampled']):.3f} ± {error:.3f}", *masses)
        )
    return Table(
        "shifts",
        "Share of runs at the end, by shift; the named shifts have one sum of deficit weights, windows half of it.",
        ("shift", "stuck, exact", "sampled ± standard error", *(f"three phases: {x}, exact / sampled" for x in phases)),
        tuple(rows),
    )


def _checks(data: xr.Dataset) -> Table:
    factors = data["reshuffling_factor"].values
    later = " (a later end)" * bool(factors[0] >= 1)
    phases = [
        np.abs((data[f"{name}_sampled"] - data[f"{name}_exact"]) / data[f"{name}_error"]).max().item()
        for name in ("pair", "three")
    ]
    count = data["pair_exact"].size + data["three_exact"].size
    values: list[tuple[str, Any]] = [
        ("learning rate times curvature of the steepest well, epoch 0", number_text(float(data["steepness_first"]))),
        ("the same at the control's end", number_text(float(data["steepness_at_end"]))),
        ("the same up to which a quadratic well has the law's temperature to 5 %",
         number_text(float(data["steepness_of_one_temperature"]))),
        ("derived factor of reshuffling on the temperature of the wells",
         NOTHING if np.isnan(factors[0]) else f"{factors[0]:.2f} to {factors[1]:.2f}" + later),
        ("scatter of repeated cells over the binomial one",
         f"{number_text(float(data['repeats_ratio']))} ({chance(float(data['repeats_p_value']))})"),
        ("sampled minus exact stuck shares, root mean square in standard errors",
         f"{float(data['distance_root_mean_square']):.2f}"),
        ("the same, largest", f"{float(data['distance_largest']):.1f} of {int(data['distance_count'])} shares"),
        ("sampled minus exact shares of phases after shifts, largest", f"{max(phases):.1f} of {count} shares"),
    ]  # fmt: skip
    return Table("checks_and_limits", "What bounds the meaning of the tables.", ("quantity", "value"), tuple(values))
