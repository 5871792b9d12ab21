"""A sweep as one dataset: what the figure draws, and what is exported."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import xarray as xr

from cifar.analysis.analysis import Findings
from cifar.analysis.curves import Row, curve, standard_errors
from cifar.study.arms import RUN_COLUMNS, Run
from slt_toys.fits.collapse import TAIL_ROWS, normalise
from slt_toys.fits.ends import MINIMUM_ROWS, CriticalPeriodEnd, hinge_fit
from slt_toys.fits.published import PublishedFindings
from slt_toys.reference.published import published_curves


def base_run(finished: Sequence[Row], deficit: str) -> Run:
    """A run of the base arm, whose schedule is that of the sweep; the first that is done may be another arm's."""
    return next(row.run for row in finished if row.run.curve[:2] == ("base", deficit))


def sweep_dataset(
    finished: Sequence[Row],
    findings: Findings,
    published: PublishedFindings,
    facts: Mapping[str, Any],
    theorem: float,
    toy: xr.Dataset,
) -> xr.Dataset:
    """Runs (dimension ``run``), the base arm's curves and ends, the published ones, and the toy's ends.

    Accuracies and their scatter are in percent, losses in nats, normalised curves run from 1 to 0; nan where there is
    nothing. ``toy`` is the dataset of ``slt_toys.phase_diagram``.
    """
    columns = zip(*(row.run.columns for row in finished), strict=True)
    data: dict[str, Any] = dict(zip(RUN_COLUMNS, columns, strict=True)) | {"passed": [row.passed for row in finished]}
    for name in sorted({name for row in finished for name in row.final if "/" not in name}):
        data[f"final_{name}"] = [row.final.get(name, math.nan) for row in finished]
        data[f"switch_{name}"] = [row.at_switch.get(name, math.nan) for row in finished]
    data = {name: ("run", list(values)) for name, values in data.items()}
    sizes = list(findings.curves)
    epochs = sorted({float(e) for each in findings.curves.values() for e in each.switch_epochs})
    means = np.full((len(sizes), len(epochs)), math.nan)
    errors, normalised = means.copy(), means.copy()
    hinge = np.full((len(sizes), 3), math.nan)
    for number, each in enumerate(findings.curves.values()):
        where = np.searchsorted(epochs, each.switch_epochs)
        means[number, where] = each.values
        errors[number, where] = standard_errors(finished, each, findings.scatter)
        if len(each.values) >= MINIMUM_ROWS["hinge"]:
            fit = hinge_fit(each.switch_epochs, each.values)
            hinge[number] = fit.kink, fit.intercept, fit.slope
        # A curve that does not fall has no ends to be normalised between.
        if len(each.values) > TAIL_ROWS and each.values[0] != each.values[-TAIL_ROWS:].mean():
            normalised[number, where] = normalise(each.values)
    stage = replace(base_run(finished, findings.deficit).stages[0], cooling=0)  # the switch is not in the last epochs
    data["curve_learning_rate"] = ("curve_epoch", [stage.rate(int(epoch), 0) for epoch in epochs])
    for suffix, values in (("_normalised", normalised), ("", means), ("_standard_error", errors)):
        data[f"curve{suffix}"] = (("curve_batch_size", "curve_epoch"), values)
    data["hinge_line"] = (("curve_batch_size", "hinge_parameter"), hinge)
    data |= _ends(findings.ends, sizes, "end", "curve_batch_size")
    curves = published_curves()
    there = sorted(curves)
    length = max(len(each.switch_epochs) for each in curves.values())
    for name, rows in (
        ("learning_rate", [curves[size].learning_rate() for size in there]),
        ("normalised", [normalise(curves[size].final_accuracy) for size in there]),
    ):
        padded = [np.pad(row, (0, length - len(row)), constant_values=math.nan) for row in rows]
        data[f"published_{name}"] = (("published_batch_size", "published_row"), np.array(padded))
    data["toy_half_depth"] = ("toy_batch_size", toy["exact_end_epoch"].sel(definition="half_depth").values)
    data |= _ends(published.ends, there, "published", "published_batch_size")
    data |= _control_columns(finished, findings)
    return xr.Dataset(
        data,
        coords={
            "curve_batch_size": sizes,
            "curve_epoch": epochs,
            "hinge_parameter": ["kink", "intercept", "slope"],
            "published_batch_size": there,
            "toy_batch_size": toy["batch_size"].values.astype(int),
        },
        attrs={
            "source": facts["data"]["source"],
            "preset": facts["study"]["name"],
            "deficit": findings.deficit,
            "gate": float(facts["study"]["gate"]),
            "epochs_per_halving_theory": theorem,
            "toy_epochs_per_halving_theory": toy["law_halving"].item(),
            "published_epochs_per_halving_theory": published.theorem_epochs_per_halving,
            "scatter": findings.scatter,
            "degrees_of_freedom": findings.freedom,
        },
    )


def _ends(
    ends: Mapping[str, Mapping[int, CriticalPeriodEnd]], sizes: Sequence[int], prefix: str, dimension: str
) -> dict[str, Any]:
    """Ends and their bounds by definition, nan where a batch size has none."""
    return {
        f"{prefix}_{name}{suffix}": (
            dimension, [_number(getattr(by_size[size], part)) if size in by_size else math.nan for size in sizes]
        )
        for name, by_size in ends.items()
        for suffix, part in (("", "epoch"), ("_low", "low"), ("_high", "high"))
    }  # fmt: skip


def _control_columns(finished: Sequence[Row], findings: Findings) -> dict[str, Any]:
    columns: dict[str, Any] = {
        name: [getattr(control, name) for control in findings.controls]
        for name in ("arm", "deficit", "batch_size", "switch_epoch")
    }
    columns["accuracy"] = [_number(control.accuracy) for control in findings.controls]
    columns["standard_error"] = []
    for control in findings.controls:
        own = curve(finished, control.arm, control.deficit, control.batch_size)
        error = standard_errors(finished, own, findings.scatter)[own.switch_epochs == control.switch_epoch]
        columns["standard_error"].append(float(error[0]) if len(error) else math.nan)
    return {f"control_{name}": ("control", values) for name, values in columns.items()}


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
