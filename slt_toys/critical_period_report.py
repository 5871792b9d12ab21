"""What the critical-period experiment amounts to: the numbers of its JSON file, and its tables on the terminal."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table

from .arm_experiment import EndShift, shift_of_end
from .critical_period_findings import Findings
from .critical_period_tables import Cells, arm_table, shift_table, world_table
from .critical_period_words import in_words, prediction
from .verdict import Verdict


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
        "confounding_arms": list(experiment.confounding),
        "verdict_from_confounding_arms": _verdict_record(experiment.confounded),
        "arms": {
            row.arm: {
                "exact": end.to_dict(),
                "sampled": row.observed.to_dict(),
                "shift": {"exact": shift_of_end(end, found.ends[0]), **_shift_record(shift)},
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
    return {"outcome": verdict.outcome, "survivors": list(verdict.survivors), "fits": fits}


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
            "(*: heat and flow time left are one function here)",
            arm_table(record),
        ),
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
