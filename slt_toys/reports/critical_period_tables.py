"""Tables of the critical-period experiment, from its dataset alone."""

from __future__ import annotations

import numpy as np
import xarray as xr

from ..results.claims import Table, chance_text, p_text, texts
from .critical_period_shares import share_tables
from .critical_period_windows import window_tables


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Arms, verdicts, predictions, mixtures, checks and, where they were run, worlds, shifts and windows."""
    mixtures = (_mixtures(data),) if "mixture" in data.dims else ()
    solved = (_three_ways(data),) if "solved_arm" in data.coords else ()
    more = (_worlds_table(data), _shifts(data)) if "world" in data.coords else ()
    return (_arms(data), *solved, *share_tables(data), _verdict_table(data), _predictions(data), *mixtures,
            *more, *window_tables(data), _checks(data))  # fmt: skip


def _arms(data: xr.Dataset) -> Table:
    marks = zip(data["confounding"].values, data["beyond"].values, strict=True)
    names = [f"{arm}{' *' * bool(star)}{' +' * bool(plus)}" for arm, (star, plus) in
             zip(data["arm"].values, marks, strict=True)]  # fmt: skip
    columns = {
        "arm": names,
        "exact": [told or "-" for told in texts(data["end_exact_statement"].values)],
        "sampled, 95 %": texts(data["end_sampled_statement"].values),
        **{
            f"{name}: predicted": texts(data["end_predicted_statement"].sel(hypothesis=name).values)
            for name in data["hypothesis"].values
        },
    }
    copies = list(filter(None, str(data.attrs["copies"]).split("; ")))
    for heading, column in columns.items():
        column += copies if heading == "arm" else ["not counted"] * len(copies)
    caption = (
        "End of the critical period in epochs of the control; hypotheses are fitted to the control alone "
        "(*: confounding, +: beyond the law's conditions)."
    )
    return Table.of_columns("arms", caption, columns)


def _three_ways(data: xr.Dataset) -> Table:
    """Kernel, SGD and limit by arm, and what the temperature hypothesis, fitted to the control, misses by."""
    predicted = dict(
        zip(data["arm"].values, data["end_predicted_epoch"].sel(hypothesis="temperature").values, strict=True)
    )
    sampled = data["solved_sampled_epoch"].values
    misses = [predicted.get(arm, np.nan) - end for arm, end in zip(data["solved_arm"].values, sampled, strict=True)]
    nothing = [""] * len(sampled)  # older records know no other pair
    elsewhere = [data[name].values if name in data else nothing for name in ("solved_pair", "solved_control_statement")]
    remarks = [
        f"as {other}, shares within {difference:.3f}" * bool(other)
        or f"on {pair}: the control ends there at {control}" * bool(pair)
        or told
        or "-"
        for other, difference, told, pair, control in zip(
            data["solved_redundant_with"].values,
            data["solved_difference"].values,
            data["solved_refusal"].values,
            *elsewhere,
            strict=True,
        )
    ]
    ends = {
        heading: [told or "-" for told in texts(data[f"solved_{name}_statement"].values)]
        for heading, name in (
            ("exact kernel", "kernel"),
            ("SGD, 95 %", "sampled"),
            ("limit of small steps", "langevin"),
        )
    }
    columns = {
        "arm": texts(data["solved_arm"].values), **ends,
        "largest distance": [f"{value:.1f}" if np.isfinite(value) else "-" for value in data["solved_distance"].values],
        "temperature misses by": [f"{value:+.1f}" if np.isfinite(value) else "-" for value in misses],
        "remark": remarks,
    }  # fmt: skip
    runs = max(count for count, pair in zip(data["solved_runs"].values, elsewhere[0], strict=True) if not pair)
    caption = (
        "End of the critical period by the exact transition kernel of SGD's steps, by "
        f"{int(runs)} runs of SGD at each of two or more switch epochs, and by the "
        "Langevin equation at the law's temperature; distance: shares of SGD from the kernel's, in standard errors."
    )
    return Table.of_columns("arms_three_ways", caption, columns)


def _nearest(data: xr.Dataset, prefix: str = "") -> tuple[list[str], list[str]]:
    """The hypothesis of least deviance by row, and its deviance and degrees of freedom."""
    deviance, freedom = data[f"{prefix}deviance"].values, data[f"{prefix}degrees_of_freedom"].values
    least = deviance.argmin(axis=-1)
    told = [f"{row[at]:.0f} / {free[at]:.0f}" for row, free, at in zip(deviance, freedom, least, strict=True)]
    return texts(data["hypothesis"].values[least]), told


def _verdict_table(data: xr.Dataset) -> Table:
    part = data.isel(judged=np.flatnonzero(data["arms_judged"].values))
    name, told = _nearest(part)
    columns = {
        "arms": texts(part["judged"].values),
        "how many": texts(part["arms_judged"].values),
        "verdict": texts(part["verdict_outcome"].values),
        **{
            f"{hypothesis}: p": [*map(chance_text, part["p_value"].sel(hypothesis=hypothesis).values)]
            for hypothesis in data["hypothesis"].values
        },
        "nearest": name,
        "its deviance / freedom": told,
    }
    return Table.of_columns("verdicts", "p-values of the hypotheses, each fitted to all unlike arms together.", columns)


def _predictions(data: xr.Dataset) -> Table:
    worst = data.isel(arm=xr.DataArray(data["prediction_deviance"].values.argmax(axis=0), dims="hypothesis"))
    columns = {
        "hypothesis": texts(data["hypothesis"].values),
        "right side": [f"{count} of {int(data['unseen_arms'])}" for count in texts(data["right_side"].values)],
        "ends compared": texts(data["ends_compared"].values),
        "largest miss": texts(data["largest_miss"].values),
        "worst arm": texts(worst["arm"].values),
        "predicted there": texts(worst["end_predicted_statement"].values),
        "sampled there": texts(worst["end_sampled_statement"].values),
    }
    caption = (
        "Right side: before, among or after the switch epochs. Misses in epochs, where both ends lie among them; the "
        "worst arm is that of the largest deviance."
    )
    return Table.of_columns("predictions_of_unseen_arms", caption, columns)


def _mixtures(data: xr.Dataset) -> Table:
    outcomes = [str(name) for name in data["outcome"].values]
    columns = {
        "what decides": [str(name) for name in data["power_world"].values],
        "temperature refuted": [f"{hits:.0f} of {count:.0f}" for hits, count in zip(
            data["power_refuted"].values, data["power_seeds"].values, strict=True)],
        "its largest p-value": [*map(chance_text, data["power_largest_p_value"].values)],
        "verdicts": [
            ", ".join(f"{name} {count}" for name, count in zip(outcomes, row, strict=True) if count)
            for row in data["power_verdicts"].values.astype(int)
        ],
    }  # fmt: skip
    caption = (
        "How often temperature is refuted where something else decides as well, by counts drawn anew; the rival ends "
        "the control's critical period at the same epoch."
    )
    return Table.of_columns("mixtures", caption, columns)


def _worlds_table(data: xr.Dataset) -> Table:
    law, alone = data.isel(judged=0), data.isel(judged=2)
    name, told = _nearest(law, "world_")
    survives = alone["world_p_value"].values >= data.attrs["significance"]
    columns = {
        "world": texts(data["world"].values),
        "truth": texts(data["world_truth"].values),
        "verdict, the law's arms": texts(law["world_verdict_outcome"].values),
        "nearest": name,
        "its deviance / freedom": told,
        "verdict, confounding arms": [told or "no such arms" for told in texts(alone["world_verdict_outcome"].values)],
        "survivors there": [", ".join(data["hypothesis"].values[row]) or "-" for row in survives],
    }
    caption = "Verdicts in the simulated worlds, from sampled data alone; none: no hypothesis survives."
    return Table.of_columns("worlds", caption, columns)


def _shifts(data: xr.Dataset) -> Table:
    stuck = data.sel(pair_phase=data.attrs["stuck_phase"])
    three = data[["three_exact", "three_sampled"]].reindex(three_shift=data["pair_shift"].values)
    columns = {
        "shift": texts(data["pair_shift"].values),
        "stuck, exact": [f"{share:.3f}" for share in stuck["pair_exact"].values],
        "sampled ± standard error": [f"{share:.3f} ± {error:.3f}" for share, error in zip(
            stuck["pair_sampled"].values, stuck["pair_error"].values, strict=True)],
    }  # fmt: skip
    for phase in data["three_phase"].values:
        part = three.sel(three_phase=phase)
        both = zip(part["three_exact"].values, part["three_sampled"].values, strict=True)
        told = [f"{exact:.3f} / {sampled:.3f}" if np.isfinite(exact) else "-" for exact, sampled in both]
        columns[f"three phases: {phase}, exact / sampled"] = told
    caption = (
        "Share of runs at the end, by shift; the named shifts have one sum of deficit weights, windows half of it."
    )
    return Table.of_columns("shifts", caption, columns)


def _checks(data: xr.Dataset) -> Table:
    low, high = data["reshuffling_factor"].values
    steep = texts(float(data[f"steepness_{name}"]) for name in ("first", "at_end", "of_one_temperature"))
    checks = {
        "learning rate times curvature of the steepest well, epoch 0": steep[0],
        "the same at the control's end": steep[1],
        "the same up to which a quadratic well has the law's temperature to 5 %": steep[2],
        "derived factor of reshuffling on the temperature of the wells": (
            f"{low:.2f} to {high:.2f}{' (a later end)' * bool(low >= 1)}" if np.isfinite(low) else "-"
        ),
        "scatter of repeated cells over the binomial one": (
            f"{float(data['repeats_ratio']):.2f} ({p_text(float(data['repeats_p_value']))})"
        ),
        "sampled minus exact stuck shares, root mean square in standard errors": (
            f"{float(data['distance_root_mean_square']):.2f}"
        ),
        "the same, largest": f"{float(data['distance_largest']):.1f} of {int(data['distance_count'])} shares",
    }
    if "pair_exact" in data:
        largest = max(
            float(np.abs((data[f"{name}_sampled"] - data[f"{name}_exact"]) / data[f"{name}_error"]).max())
            for name in ("pair", "three")
        )
        checks["sampled minus exact shares of phases after shifts, largest"] = (
            f"{largest:.1f} of {data['pair_exact'].size + data['three_exact'].size} shares"
        )
    caption = "What bounds the meaning of the tables."
    return Table("checks_and_limits", caption, ("quantity", "value"), tuple(checks.items()))
