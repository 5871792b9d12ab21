"""The tables of a sweep's report."""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import replace

import numpy as np
import xarray as xr

from cifar.analysis import curves as made
from cifar.analysis.analysis import ControlFinding, Findings
from cifar.analysis.claims import MeasuredTemperatures, points
from cifar.analysis.curves import Row, mean_at_switch
from slt_toys.fits.batch_size import EpochsPerHalving
from slt_toys.fits.collapse import BestExponent
from slt_toys.fits.ends import CriticalPeriodEnd
from slt_toys.fits.published import PublishedFindings
from slt_toys.results.claims import Table, interval_text, spoken

AT_SWITCH = {
    "fisher_trace": "Fisher trace",
    "learning_coefficient": "local learning coefficient",
    "learning_coefficient_without_burn_in": "the same without burn-in, as first published",
    "gradient_noise_trace": "gradient noise, trace",
    "hessian_top_eigenvalue": "top Hessian eigenvalue",
    "deficit_train_loss": "deficit train loss",
    "deficit_test_accuracy": "deficit test accuracy",
    "test_accuracy": "clean test accuracy",
    "weight_norm": "norm of all weights",
    "effective_learning_rate": "learning rate over squared norm, mean of normalised layers",
    "unseen_weight_norm": "norm of the first layer along what the blur hides",
}
MOST_FAILED = 40  # runs below the gate that are named


def accuracies(findings: Findings) -> Table:
    """Final test accuracy by batch size and switch epoch, and what late switches cost."""
    epochs = sorted({int(e) for curve in findings.curves.values() for e in (*curve.switch_epochs, *curve.failed)})
    rows = []
    for size, curve in findings.curves.items():
        values = {int(e): f"{v:.1f}" for e, v in zip(curve.switch_epochs, curve.values, strict=True)}
        values |= dict.fromkeys(curve.failed, "gate")
        decline = findings.declines.get(size)
        cost = "cannot tell" if decline is None else points(decline)
        rows.append((str(size), *(values.get(epoch, "-") for epoch in epochs), cost))
    scatter = (
        f"Scatter between seeds: {findings.scatter:.2f} percentage points ({findings.freedom} degrees of freedom)."
        if findings.freedom
        else "One seed: intervals show the scatter between rows only."
    )
    caption = (
        f"Percent, mean of the seeds that passed the gate. Late switches cost no deficit less the mean of the last "
        f"three switch epochs; where that shows nothing, an end is one of noise. {scatter}"
    )
    headings = ("batch size", *(f"e_s = {epoch}" for epoch in epochs), "late switches cost, 95 %")
    return Table("final_test_accuracy", caption, headings, tuple(rows))


def ungated(runs: Sequence[Row], findings: Findings) -> list[Table]:
    """Final clean train accuracy, and test accuracy where the gate left runs out, as if there were no gate."""
    every = [replace(row, passed=True) for row in runs]
    curves = {size: made.curve(every, "base", findings.deficit, size) for size in findings.curves}
    epochs = sorted({int(epoch) for each in curves.values() for epoch in each.switch_epochs})
    rows = []
    for size, each in curves.items():
        own = [row for row in every if row.run.curve == each.name]
        values: dict[str, dict[int, str]] = {}
        if any(not row.passed for row in runs if row.run.curve == each.name):
            values["test"] = {int(e): f"{v:.1f}" for e, v in zip(each.switch_epochs, each.values, strict=True)}
        of_epoch = {e: [100 * row.final["train_accuracy"] for row in own if row.run.switch_epoch == e] for e in epochs}
        values["clean train"] = {epoch: f"{np.mean(found):.1f}" for epoch, found in of_epoch.items() if found}
        rows += [
            (str(size), name, *(known.get(epoch, "-") for epoch in epochs)) for name, known in values.items()
        ]  # fmt: skip
    headings = ("batch size", "accuracy", *(f"e_s = {epoch}" for epoch in epochs))
    caption = "Percent, mean of all seeds of the base arm, whether or not they passed the gate."
    return [Table("accuracy_without_gate", caption, headings, tuple(rows))] if rows else []


def ends(findings: Findings) -> Table:
    """End of the critical period by batch size and definition."""
    rows = [(str(size), *(_end(by_size.get(size)) for by_size in findings.ends.values())) for size in findings.curves]
    headings = ("batch size", *(spoken(name) for name in findings.ends))
    return Table("end_of_the_critical_period", "Epochs, with 95 % intervals.", headings, tuple(rows))


def halvings(findings: Findings, published: PublishedFindings, toy: xr.Dataset, theorem: float) -> Table:
    """Epochs by which each halving of the batch moves the end: the law's, this run's, the toy's, the published."""
    exact = toy["exact_halving_slope"].to_series()
    rows = tuple(
        (
            spoken(name),
            f"{theorem:.2f}",
            _slope(findings.epochs_per_halving.get(name)),
            f"{exact[name]:.2f}" if name in exact else "-",
            _slope(published.epochs_per_halving.get(name)),
        )
        for name in findings.ends
    )
    headings = ("definition", "law", "this run, 95 %", f"toy (law {toy['law_halving'].item():.2f})",
                f"published, within one seed (law {published.theorem_epochs_per_halving:.2f})")  # fmt: skip
    return Table("shift", "Epochs by which the end moves for each halving of the batch.", headings, rows)


def at_switch(runs: Sequence[Row], findings: Findings) -> list[Table]:
    """What was measured at the switches, beside the hinge; nothing where nothing was."""
    rows = []
    for name, words in AT_SWITCH.items():
        for size, curve in findings.curves.items():
            values = mean_at_switch(runs, curve, name)
            known = [(int(e), v) for e, v in zip(curve.switch_epochs, values, strict=True) if math.isfinite(v)]
            if known:
                largest = max(known, key=lambda pair: pair[1])[0]
                each = ", ".join(f"{epoch}: {value:.3g}" for epoch, value in known)
                rows.append((words, str(size), each, str(largest), _end(findings.ends.get("hinge", {}).get(size))))
    headings = ("quantity", "batch size", "by switch epoch", "largest at", "hinge")
    return [Table("measured_at_the_switch", "Mean over seeds.", headings, tuple(rows))] if rows else []


def temperature(measured: MeasuredTemperatures | None) -> list[Table]:
    """Measured temperature by epoch and batch size."""
    if measured is None:
        return []
    rows = tuple(
        (str(epoch), "yes" if early else "no", *(f"{value:.3g}" for value in values), f"{exponent:+.2f}")
        for epoch, early, values, exponent in zip(
            measured.epochs, measured.early, measured.values, measured.exponents, strict=True
        )
    )
    headings = ("epoch", "before the end", *(f"B = {size}" for size in measured.batch_sizes), "power of B")
    caption = (
        "η·tr(C)/B with the gradient noise C that was measured. Noise that never changes gives a power of -1; where "
        "the power is near 0 before the end, temperature as measured predicts hardly any shift with the batch size. "
        "Between its own switch epochs the logarithm of a batch size's noise is taken to be a line."
    )
    return [Table("measured_temperature", caption, headings, rows)]


def collapse(findings: Findings, published: PublishedFindings, toy: xr.Dataset) -> Table:
    """How well curves of all batch sizes fall on one another over each variable."""
    of_toy = toy["toy_collapse_spread"].to_series().dropna()
    rows = []
    for name, there in published.collapse.items():
        here = findings.collapse[name].spread if name in findings.collapse else None
        spreads = (of_toy.get(name), here, there.spread)
        rows.append((spoken(name), *("-" if value is None else f"{value:.3f}" for value in spreads)))
    best = (f"{toy['toy_collapse_best_exponent'].item():.2f}",
            *(_exponent(fits.best_exponent) for fits in (findings, published)))  # fmt: skip
    rows.append(("best exponent of the batch size, 95 %", *best))
    caption = "Spread of the curves over each variable; 0 is perfect."
    if findings.loss_contrast is not None:
        value, low, high = findings.loss_contrast
        told = f"{value:+.3f} {interval_text(low, high)}"
        rows.append(("learning rate/batch size less deficit train loss, 95 %", "-", told, "-"))
        caption += (
            " Intervals are of rows alone. Above 0 the loss that was reached orders runs better than the law does; the "
            "size of a difference is understated."
        )
    return Table("collapse", caption, ("variable", "toy", "this run", "published"), tuple(rows))


def controls(findings: Findings) -> list[Table]:
    """Each control beside the base arm and no deficit; nothing where there is none."""
    rows = tuple(
        (
            f"{spoken(control.arm)} ({spoken(control.deficit)})",
            str(control.batch_size),
            str(control.switch_epoch),
            "gate" if control.failed else _percent(control.accuracy),
            _percent(control.base),
            _percent(control.no_deficit),
            "-" if control.recovered is None else points(control.recovered),
            "-" if control.lost is None else points(control.lost),
            _reading(control),
        )
        for control in findings.controls
    )
    headings = ("arm", "batch size", "switch epoch", "accuracy", "base arm", "no deficit", "recovered, 95 %",
                "still lost, 95 %", "shows")  # fmt: skip
    caption = (
        "Percent. Recovered: the control less the base arm. Still lost: no deficit less the control. A window's switch "
        "epoch is its onset."
    )
    return [Table("controls", caption, headings, rows)] if rows else []


def _reading(control: ControlFinding) -> str:
    """What a control shows: a loss against no deficit, a gain over the base arm, or neither."""
    recovered, lost = control.recovered, control.lost
    if control.failed:
        return "nothing: below the gate"
    if lost is None and recovered is None:
        return "cannot tell"
    shown = []
    if recovered is not None and (recovered[1] > 0 or recovered[2] < 0):
        shown.append("gain" if recovered[1] > 0 else "further loss")
    if lost is not None and lost[1] > 0:
        shown.append("loss")
    return " and ".join(shown) or "no difference"


def doubts(runs: Sequence[Row], findings: Findings) -> list[Table]:
    """Runs below the gate, and what else limits the fits; nothing where there is none."""
    failed = [row for row in runs if not row.passed][:MOST_FAILED]
    rows = [
        f"Below the gate, not averaged in: {spoken(row.run.arm)} ({spoken(row.run.deficit)}) B {row.run.batch_size} "
        f"seed {row.run.seed} switch {row.run.switch_epoch} ({100 * row.final['train_accuracy']:.1f} %)."
        for row in failed
    ]
    rows += findings.notes
    return [Table("doubts", "What limits these numbers.", ("doubt",), tuple((row,) for row in rows))] if rows else []


def _percent(value: float | None) -> str:
    return "-" if value is None else f"{value:.1f}"


def _end(end: CriticalPeriodEnd | None) -> str:
    return "-" if end is None else end.statement()


def _slope(shift: EpochsPerHalving | None) -> str:
    return "-" if shift is None else _with_bounds(shift.slope, shift.low, shift.high, 1)


def _exponent(best: BestExponent | None) -> str:
    return "-" if best is None else _with_bounds(best.exponent, best.low, best.high, 2)


def _with_bounds(value: float, low: float | None, high: float | None, digits: int) -> str:
    bounds = ("open" if bound is None else f"{bound:.{digits}f}" for bound in (low, high))
    return f"{value:.{digits}f} [{', '.join(bounds)}]"
