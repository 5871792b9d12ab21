"""What equi-temperature curves across problems amount to: dataset, tables and claims."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from ..fits.agreement import halvings_of_rate
from ..fits.published import PublishedFindings
from ..reference.published import DECAY, LEARNING_RATE
from ..results.claims import Claim, Table, Verdict, chance_text, inside, spoken
from ..worlds.problem_ends import agreements

TITLE = "Equi-temperature curves across problems"
INTRODUCTION = """\
If temperature ends critical periods, the learning rate at the end is proportional to the batch size. A **halving** is a
factor of two in learning rate or batch. The **slope** is halvings of the learning rate by the end of the critical
period for each halving of the batch: theory expects 1 for every problem under exponential decay
[eq:learning-rate-halvings], and more under a power law, where the critical temperature drifts
[eq:equi-temperature-slope-power-law].

The end has three definitions, fixed beforehand. **Half stuck mass**: the share of runs that stay stuck crosses a level,
half unless said otherwise. **Hinge**: the kink of the best line that rises and then stays flat. **Half depth**: the
curve has gone half of the way from its first value to its last.

Problems that are **handed** their temperature, as a function of γ^e/B, have slope 1 by **identity**: they check solver
and sampler. Only real minibatches are a **test**, which could fail. No such curve can tell temperature from flow time
left. Under a power law the half stuck mass moves less than escapes alone would move it, since what the deficit holds
depends on the temperature too; half depth divides that out."""

MASS = "half_stuck_mass"
OPPOSITE: dict[Verdict, Verdict] = {"yes": "no", "no": "yes", "cannot tell": "cannot tell"}


def dataset(parts: Sequence[xr.Dataset], published: PublishedFindings, **options: float) -> xr.Dataset:
    """Ends, slopes and fits of every problem, whether they agree, and the published curves.

    Parameters
    ----------
    parts
        Of each problem, as `slt_toys.worlds.problem_ends.problem_ends` gives them.
    published
        Fits to the published curves.
    **options
        Of the run; they become attributes.
    """
    ranked = [part.assign_coords(rank=np.arange(part.sizes["rank"])) for part in parts]
    problems = xr.concat(ranked, "problem", join="outer", fill_value={"end_state": ""}).drop_vars("rank")
    problems["end_state"] = problems["end_state"].astype(str)
    data = problems.merge(agreements(problems)).merge(_published(published))
    return data.assign_attrs(options)


def _published(published: PublishedFindings) -> xr.Dataset:
    names = [name for name in (MASS, "hinge", "half_depth") if name in published.ends]
    sizes = sorted(published.ends[names[0]])
    epochs = [
        [[_number(getattr(published.ends[name][size], part)) for part in ("epoch", "low", "high")] for size in sizes]
        for name in names
    ]
    fallen = halvings_of_rate(LEARNING_RATE * DECAY ** np.array(epochs), LEARNING_RATE)
    shifts = [published.epochs_per_halving[name] for name in names]
    slopes = np.array([[_number(value) for value in (each.slope, each.low, each.high)] for each in shifts])
    return xr.Dataset(
        {
            "published_batch_size": ("published_size", np.array(sizes, dtype=float)),
            "published_definition": ("published", names),
            "published_end_halvings": (("published", "published_size", "bound"), fallen),
            "published_slope": (("published", "bound"), slopes / published.theorem_epochs_per_halving),
        }
    )


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


# ---- tables ---------------------------------------------------------------------------------------------------------
def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Slopes, laws, whether problems agree, and ends that were left out, if any."""
    made = (_slope_table(data), _law_table(data), _agreement_table(data))
    left_out = [
        (spoken(one["problem"].item()), spoken(one["definition"].item()), one["left_out"].item())
        for row in range(data.sizes["problem"])
        for one in (data.isel(problem=row, definition=column) for column in range(data.sizes["definition"]))
        if one["left_out"].item()
    ]
    if not left_out:
        return made
    caption = "Ends that lie beyond the curves; leaving them out biases a fit."
    return (*made, Table("left_out", caption, ("problem", "definition", "left out"), tuple(left_out)))


def _slope_table(data: xr.Dataset) -> Table:
    definitions = [str(name) for name in data["definition"].values]
    rows = []
    for row in range(data.sizes["problem"]):
        one = data.isel(problem=row)
        cells = [_slope(*(one[f"slope{end}"].values[column] for end in ("", "_low", "_high")))
                 for column in range(len(definitions))]  # fmt: skip
        rows.append(
            (
                spoken(one["problem"].item()),
                one["kind"].item(),
                "of minibatches" if one["real_noise"].item() else "handed",
                _decimals(one["expected_slope"].item(), 2),
                *(_decimals(one["exact_slope"].values[definitions.index(name)], 4) for name in (MASS, "half_depth")),
                *cells,
                _decimals(one["temperature_ratio"].values[0], 2),
            )
        )
    there = [str(name) for name in data["published_definition"].values]
    cells = [_slope(*data["published_slope"].values[there.index(name)]) if name in there else "-"
             for name in definitions]  # fmt: skip
    rows.append(("published CIFAR-10", "ResNet-18", "of minibatches", "1.00", "-", "-", *cells, "-"))
    headings = ("problem", "kind", "temperature", "theory", "exact, half stuck mass", "exact, half depth",
                *(f"{spoken(name)}, 95 %" for name in definitions), "temperature ratio")  # fmt: skip
    caption = (
        "Halvings of the learning rate by the end, per halving of the batch. The ratio is the temperature at the end "
        "of the smallest batch over that of the largest, by half stuck mass."
    )
    return Table("slopes", caption, headings, tuple(rows))


def _law_table(data: xr.Dataset) -> Table:
    part = data.sel(definition=MASS)
    rows = tuple(
        (
            spoken(one["problem"].item()),
            one["schedule"].item(),
            *(_weight(w, p) for w, p in zip(one["weight"].values, one["p_value"].values, strict=True)),
        )
        for one in (part.isel(problem=row) for row in range(data.sizes["problem"]))
    )
    headings = ("problem", "schedule", *(spoken(name) for name in data["law"].values))
    caption = "Akaike weight of each law of the end by half stuck mass, with its p-value; a dash where none was fitted."
    return Table("laws", caption, headings, rows)


def _agreement_table(data: xr.Dataset) -> Table:
    rows = []
    for name in data["definition"].values:
        for group in data["group"].values:
            own, joint = (data.sel(definition=name, group=group, way=way) for way in ("slopes", "joint fit"))
            number = {field: own[f"agreement_{field}"].item() for field in
                      ("problems", "slope", "low", "high", "chi_square", "degrees_of_freedom", "p_value", "spread",
                       "theory_p_value")}  # fmt: skip
            if not np.isfinite(number["slope"]):
                continue
            rows.append(
                (
                    spoken(name),
                    spoken(group),
                    f"{number['problems']:.0f}",
                    _slope(number["slope"], number["low"], number["high"]),
                    _decimals(joint["agreement_slope"].item(), 3),
                    f"{number['chi_square']:.1f} ({number['degrees_of_freedom']:.0f})",
                    chance_text(number["p_value"]),
                    _decimals(number["spread"], 3),
                    chance_text(number["theory_p_value"]),
                )
            )
    headings = ("definition", "problems", "how many", "slope, 95 %", "joint fit", "chi-square (freedom)",
                "p, one slope", "spread", "p, all 1")  # fmt: skip
    caption = (
        "Whether problems share one slope. Equal temperature: theory expects 1. Handed: those by identity. All: the "
        "control, which must disagree."
    )
    return Table("agreement", caption, headings, tuple(rows))


def _slope(value: float, low: float, high: float, digits: int = 3) -> str:
    ends = (f"{end:.{digits}f}" if np.isfinite(end) else "open" for end in (low, high))
    return f"{value:.{digits}f} [{', '.join(ends)}]" if np.isfinite(value) else "-"


def _decimals(value: float, digits: int) -> str:
    return f"{value:.{digits}f}" if np.isfinite(value) else "-"


def _weight(weight: float, chance: float) -> str:
    known = [
        text for value, text in ((weight, f"{weight:.3f}"), (chance, f"p {chance_text(chance)}")) if np.isfinite(value)
    ]
    return ", ".join(known) or "-"


# ---- claims ---------------------------------------------------------------------------------------------------------
def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """Those that speak against the law first; none of a problem that was not run or has too few ends."""
    made = [*_published_claims(data), *_power_law_claims(data), *_exception_claims(data), *_law_claims(data)]
    return tuple(sorted(made, key=lambda claim: ("no", "cannot tell", "yes").index(claim.verdict)))


def _told(
    name: str, sentence: str, values: Sequence[float], expected: float | None = 1.0, digits: int = 3
) -> list[Claim]:
    """A claim about a slope and its interval; ``{}`` in the sentence is where they stand.

    Without an expected number the claim is that the slope is not 1.
    """
    value, low, high = (float(each) for each in values)
    if not np.isfinite(value):
        return []
    verdict = inside(1.0 if expected is None else expected, low, high)
    if expected is None:
        verdict = OPPOSITE[verdict]
    sentence = sentence.format(_slope(value, low, high, digits))
    return [Claim.of(name, sentence, value, (low, high), np.nan if expected is None else expected, verdict)]


def _published_claims(data: xr.Dataset) -> list[Claim]:
    made = []
    for name, values in zip(data["published_definition"].values, data["published_slope"].values, strict=True):
        sentence = f"Published CIFAR-10 curves have, by {spoken(name)}, slope {{}}; the law says 1."
        made += _told(f"published-{str(name).replace('_', '-')}", sentence, values, digits=2)
    return made


def _readings(one: xr.Dataset, definition: str) -> list[float]:
    part = one.sel(definition=definition)
    return [part[f"slope{end}"].item() for end in ("", "_low", "_high")]


def _expecting(data: xr.Dataset, expected: str) -> list[xr.Dataset]:
    return [data.isel(problem=int(row)) for row in np.flatnonzero(data["expected"].values == expected)]


def _power_law_claims(data: xr.Dataset) -> list[Claim]:
    """Of the problem whose exact slope is farthest from the law of leading order."""
    known = [one for one in _expecting(data, "power law") if np.isfinite(one["expected_slope"].item())]
    if not known:
        return []
    gaps = [abs(one["exact_slope"].sel(definition=MASS).item() - one["expected_slope"].item()) for one in known]
    farthest = known[int(np.argmax(np.nan_to_num(gaps)))]
    law, kind = farthest["expected_slope"].item(), farthest["kind"].item().split(",")[0]
    made = []
    for name in (MASS, "half_depth"):
        exact = _decimals(farthest["exact_slope"].sel(definition=name).item(), 3)
        sentence = (
            f"Under a power law the {kind} well has, by {spoken(name)}, slope {{}}, exactly {exact}; "
            f"the leading-order law says {law:.3f}."
        )
        made += _told(f"power-law-{name.replace('_', '-')}", sentence, _readings(farthest, name), law)
    return made


def _exception_claims(data: xr.Dataset) -> list[Claim]:
    """Where a premise of the law is missing."""
    made = []
    for one in _expecting(data, "start remembered")[:1]:
        exact = _decimals(one["exact_slope"].sel(definition=MASS).item(), 3)
        sentence = f"Where the start is remembered the slope is {{}}, exactly {exact}; the law says 1."
        made += _told("start-remembered", sentence, _readings(one, MASS))
    for one in _expecting(data, "flow time spent")[:1]:
        sentence = "Gradient flow, which has no temperature, has slope {}, not 1."
        made += _told("no-temperature", sentence, _readings(one, MASS), None)
    return made


def _law_claims(data: xr.Dataset) -> list[Claim]:
    made = []
    for one in _expecting(data.isel(problem=np.flatnonzero(data["real_noise"].values)), "equal temperature")[:1]:
        sentence = f"SGD on real minibatches of the {spoken(one['problem'].item())} has slope {{}}; the law says 1."
        made += _told("minibatches", sentence, _readings(one, MASS))
    handed = data.sel(definition=MASS, group="handed", way="slopes")
    values = [handed[f"agreement_{field}"].item() for field in ("slope", "low", "high")]
    if np.isfinite(values[0]):
        count = f"{handed['agreement_problems'].item():.0f}"
        sentence = (
            f"{count} problems that are handed their temperature have slope {{}}; by identity it is 1, "
            "which checks solver and sampler."
        )
        made += _told("handed", sentence, values)
    return made


__all__ = ["INTRODUCTION", "TITLE", "claims", "dataset", "tables"]
