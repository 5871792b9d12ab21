"""A sweep as one dataset: what the figure draws, and what is exported."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

import numpy as np
import xarray as xr

from cifar.analysis.analysis import Findings
from cifar.analysis.curves import Row, curve
from cifar.study.arms import Run
from slt_toys.fits.collapse import TAIL_ROWS, normalise
from slt_toys.fits.ends import MINIMUM_ROWS, hinge_fit
from slt_toys.fits.published import PublishedFindings
from slt_toys.reference.published import published_curves


def base_run(found: Sequence[Row], deficit: str) -> Run:
    """A run of the base arm, whose schedule is that of the sweep; the first that is done may be another arm's."""
    return next(row.run for row in found if (row.run.arm, row.run.deficit) == ("base", deficit))


def sweep_dataset(
    found: Sequence[Row],
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
    names = sorted({name for row in found for name in row.final if "/" not in name})
    data: dict[str, Any] = {
        name: ("run", [getattr(row.run, name) for row in found])
        for name in ("arm", "deficit", "batch_size", "seed", "switch_epoch")
    }
    data["passed"] = ("run", [row.passed for row in found])
    for name in names:
        data[f"final_{name}"] = ("run", [row.final.get(name, math.nan) for row in found])
        data[f"switch_{name}"] = ("run", [row.at_switch.get(name, math.nan) for row in found])
    sizes = list(findings.curves)
    epochs = sorted({float(e) for one in findings.curves.values() for e in one.switch_epochs})
    means = np.full((len(sizes), len(epochs)), math.nan)
    errors = means.copy()
    hinge = np.full((len(sizes), 3), math.nan)
    for number, one in enumerate(findings.curves.values()):
        where = np.searchsorted(epochs, one.switch_epochs)
        means[number, where] = one.values
        errors[number, where] = findings.scatter / np.sqrt(one.counts)
        if len(one.values) >= MINIMUM_ROWS["hinge"]:
            fit = hinge_fit(one.switch_epochs, one.values)
            hinge[number] = fit.kink, fit.intercept, fit.slope
    stage = base_run(found, findings.deficit).stages[0]
    data["curve_learning_rate"] = ("curve_epoch", [stage.rate(int(epoch), 0) for epoch in epochs])
    normalised = np.full_like(means, math.nan)
    for number, one in enumerate(findings.curves.values()):
        # A curve that does not fall has no ends to be normalised between.
        if len(one.values) > TAIL_ROWS and one.values[0] != one.values[-TAIL_ROWS:].mean():
            normalised[number, np.searchsorted(epochs, one.switch_epochs)] = normalise(one.values)
    data["curve_normalised"] = (("curve_batch_size", "curve_epoch"), normalised)
    data["curve"] = (("curve_batch_size", "curve_epoch"), means)
    data["curve_standard_error"] = (("curve_batch_size", "curve_epoch"), errors)
    data["hinge_line"] = (("curve_batch_size", "hinge_parameter"), hinge)
    for definition, ends in findings.ends.items():
        for suffix, field in (("", "epoch"), ("_low", "low"), ("_high", "high")):
            values = [_number(getattr(ends[size], field)) if size in ends else math.nan for size in sizes]
            data[f"end_{definition}{suffix}"] = ("curve_batch_size", values)
    curves = published_curves()
    there = sorted(curves)
    length = max(len(one.switch_epochs) for one in curves.values())
    for name, values in (
        ("learning_rate", {size: curves[size].learning_rate() for size in there}),
        ("normalised", {size: normalise(curves[size].final_accuracy) for size in there}),
    ):
        padded = [np.pad(values[size], (0, length - len(values[size])), constant_values=math.nan) for size in there]
        data[f"published_{name}"] = (("published_batch_size", "published_row"), np.array(padded))
    data["toy_half_depth"] = ("toy_batch_size", toy["exact_end_epoch"].sel(definition="half_depth").values)
    for definition, ends in published.ends.items():
        for suffix, field in (("", "epoch"), ("_low", "low"), ("_high", "high")):
            values = [_number(getattr(ends[size], field)) for size in there]
            data[f"published_{definition}{suffix}"] = ("published_batch_size", values)
    controls = findings.controls
    for name in ("arm", "deficit", "batch_size", "switch_epoch"):
        data[f"control_{name}"] = ("control", [getattr(one, name) for one in controls])
    data["control_accuracy"] = ("control", [_number(one.accuracy) for one in controls])
    spread = []
    for one in controls:
        same = curve(found, one.arm, one.deficit, one.batch_size)
        count = int(same.counts[same.switch_epochs == one.switch_epoch].sum())
        spread.append(findings.scatter / math.sqrt(count) if count else math.nan)
    data["control_standard_error"] = ("control", spread)
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


def _number(value: float | None) -> float:
    return math.nan if value is None else float(value)
