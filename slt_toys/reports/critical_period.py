"""What the critical-period experiment amounts to: the numbers of its JSON file, and its tables on the terminal."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table

from ..fits.ends import CriticalPeriodEnd
from ..worlds.experiment import EndShift, shift_of_end
from ..worlds.verdict import Dispersion, Verdict
from .critical_period_findings import Findings
from .critical_period_tables import Cells, arm_table, power_table, shift_table, world_table
from .critical_period_words import in_words, prediction


def record_of(found: Findings) -> dict[str, Any]:
    """A plain dictionary for JSON."""
    experiment, distances = found.experiment, found.distances
    record: dict[str, Any] = {
        "pair": {
            "name": found.pair.name,
            "deficit": str(found.pair.deficit.bound_energy),
            "clean": str(found.pair.clean.bound_energy),
            "stuck_phase": found.stuck_phase,
            "temperature": found.temperature,
        },
        "verdict": _verdict_record(experiment.verdict),
        "arms_beyond_the_law": list(experiment.beyond),
        "verdict_with_arms_beyond_the_law": _verdict_record(experiment.everything),
        "copied_arms": experiment.copies,
        "repeated_cells": _dispersion_record(experiment.repeats),
        "control_as_sgd": None if found.as_sgd is None else found.as_sgd.to_dict(),
        "confounding_arms": list(experiment.confounding),
        "verdict_from_confounding_arms": _verdict_record(experiment.confounded),
        "arms": {
            row.arm: {
                "exact": None if end is None else end.to_dict(),
                "sampled": row.observed.to_dict(),
                "shift": {"exact": _exact_shift(found, end), **_shift_record(shift)},
                "predicted_from_the_control": {name: one.to_dict() for name, one in row.predicted.items()},
                "deviance_of_the_prediction": row.deviances,
            }
            for row, end, shift in zip(experiment.rows, found.ends, experiment.shifts, strict=True)
        },
        "predictions": {name: prediction(found, name) for name in found.hypotheses},
        "exact_against_sampled": {
            "shares": distances.size,
            "largest_distance_in_standard_errors": float(np.abs(distances).max()),
            "root_mean_square_in_standard_errors": float(np.sqrt((distances**2).mean())),
        },
        "power": [asdict(each) for each in found.power],
        "worlds": {
            each.world.name: {
                "truth": each.world.truth,
                "right": each.right,
                "verdict": _verdict_record(each.verdict),
                "confounding_arms": list(each.confounding),
                "verdict_from_confounding_arms": _verdict_record(each.confounded),
            }
            for each in found.worlds
        },
        "shifts": {"pair": _shifts_record(found.shifts), "three_phases": _shifts_record(found.three_phases)},
    }
    return record | {"in_words": in_words(found)}


def _verdict_record(verdict: Verdict | None) -> dict[str, Any] | None:
    if verdict is None:
        return None
    fits = {
        fit.hypothesis.name: {
            "parameters": dict(zip(fit.hypothesis.parameters, fit.parameters.tolist(), strict=True)),
            "deviance": fit.deviance,
            "degrees_of_freedom": fit.degrees_of_freedom,
            "p_value": fit.p_value,
        }
        for fit in verdict.fits
    }
    return {
        "outcome": verdict.outcome,
        "survivors": list(verdict.survivors),
        "nearest": verdict.nearest.hypothesis.name,
        "fits": fits,
    }


def _dispersion_record(repeats: Dispersion | None) -> dict[str, float] | None:
    return None if repeats is None else asdict(repeats) | {"ratio": repeats.ratio, "p_value": repeats.p_value}


def _exact_shift(found: Findings, end: CriticalPeriodEnd | None) -> float | None:
    first = found.ends[0]
    return None if end is None or first is None else shift_of_end(end, first)


def _shift_record(shift: EndShift) -> dict[str, Any]:
    return {"sampled": shift.epochs, "low": shift.low, "high": shift.high}


def _shifts_record(data: xr.Dataset) -> dict[str, Any]:
    return {
        str(shift): {
            str(phase): {
                kind: float(data[kind].sel(shift=shift, phase=phase)) for kind in ("exact", "sampled", "error")
            }
            for phase in data["phase"].values
        }
        for shift in data["shift"].values
    }


def print_report(record: dict[str, Any], stem: Path) -> None:
    """Print the tables and what they mean."""
    console = Console()
    for title, cells in (
        (
            "End of the critical period, epochs of the control; hypotheses fitted to the control alone\n"
            "(*: temperature and flow time left are one function here; +: beyond the law's conditions)",
            arm_table(record),
        ),
        ("How often temperature is refuted where it is not all that decides", power_table(record)),
        ("Verdicts in simulated worlds, from sampled data alone", world_table(record)),
        ("Stuck at the end, by shift in mid-training", shift_table(record)),
    ):
        console.print(_rich(title, cells))
    for sentence in record["in_words"]:
        console.print(sentence, highlight=False)
    console.print(f"Written: {stem}.png, .svg, .nc, .json", highlight=False)


def _rich(title: str, cells: Cells) -> Table:
    headings, rows = cells
    table = Table(title=title)
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="right" if number else "left")
    for row in rows:
        table.add_row(*row)
    return table
