"""What equi-temperature curves across problems amount to: dataset, tables and claims."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import xarray as xr

from ..fits.agreement import halvings_of_rate
from ..fits.published import PublishedFindings
from ..reference.published import DECAY, LEARNING_RATE
from ..results.claims import MOST_CLAIMS, Claim, Table, Verdict, chance_text, decimals, inside, spoken
from ..worlds.problem_ends import agreements
from .equi_temperature_conditions import condition_claims, condition_tables

TITLE = "Equi-temperature curves across problems"
LAW = """\
If temperature ends critical periods, the learning rate at the end is proportional to the batch size. A **halving** is a
factor of two in learning rate or batch. The **slope** is halvings of the learning rate by the end of the critical
period for each halving of the batch. The closed form says 1 for every problem under exponential decay
[eq:learning-rate-halvings]. It has three conditions: the state at the switch has forgotten its start, steps are small
(the continuous limit), and gradient noise has one variance σ², or one that γ^e/B fixes.
"""
MINIBATCHES = """
Problems on **real minibatches** are trained by SGD on the gradients of single examples and could fail. Their σ² is
measured along the deficit, on clean data. Where it depends on epoch and batch size, **measured noise** predicts the
ends instead [eq:end-shift-measured-noise]: η σ²/B falls to one temperature, fitted at the end of one batch size. It can
be wrong too, and is where something else than temperature decides. The problem that is **handed** its temperature, as a
function of γ^e/B, has slope 1 by **identity**: a check of solver and sampler, and no evidence.
"""
HANDED = """
A problem that is **handed** its temperature, as a function of γ^e/B, has slope 1 by **identity** if its start is
forgotten: a check of solver and sampler, and no evidence.
"""
ENDS = """
The end has three definitions, fixed beforehand. **Half stuck mass**: the share of runs that stay stuck crosses a half.
**Hinge**: the kink of the best line that rises and then stays flat. **Half depth**: the curve has gone half of the way
from its first value to its last. No such curve can tell temperature from flow time left."""
INTRODUCTION = LAW + MINIBATCHES + ENDS

MASS = "half_stuck_mass"
OPPOSITE: dict[Verdict, Verdict] = {"yes": "no", "no": "yes", "cannot tell": "cannot tell"}


def dataset(parts: Sequence[xr.Dataset], published: PublishedFindings | None, **options: float) -> xr.Dataset:
    """Ends, slopes and fits of every problem, whether they agree, and the published curves, if asked for.

    Parameters
    ----------
    parts
        Of each problem, as `slt_toys.worlds.problem_ends.problem_ends` gives them.
    published
        Fits to the published curves; None where they are not asked.
    **options
        Of the run; they become attributes.
    """
    ranked = [part.assign_coords(rank=np.arange(part.sizes["rank"])) for part in parts]
    problems = xr.concat(ranked, "problem", join="outer", fill_value={"end_state": ""}).drop_vars("rank")
    problems["end_state"] = problems["end_state"].astype(str)
    data = problems.merge(agreements(problems))
    if published is not None:
        data = data.merge(_published(published))
    return data.assign_attrs(options)


def introduction(data: xr.Dataset) -> str:
    """The law, its conditions, and of which kind the problems are."""
    return LAW + (MINIBATCHES if data["real_noise"].values.any() else HANDED) + ENDS


def _published(published: PublishedFindings) -> xr.Dataset:
    names = [name for name in (MASS, "hinge", "half_depth") if name in published.ends]
    sizes = sorted(published.ends[names[0]])
    ends = [[published.ends[name][size] for size in sizes] for name in names]
    epochs = [[(end.epoch, end.low, end.high) for end in row] for row in ends]
    fallen = halvings_of_rate(LEARNING_RATE * DECAY ** np.array(epochs, dtype=float), LEARNING_RATE)
    shifts = [published.epochs_per_halving[name] for name in names]
    slopes = np.array([(each.slope, each.low, each.high) for each in shifts], dtype=float)
    return xr.Dataset(
        {
            "published_batch_size": ("published_size", np.array(sizes, dtype=float)),
            "published_definition": ("published", names),
            "published_end_halvings": (("published", "published_size", "bound"), fallen),
            "published_slope": (("published", "bound"), slopes / published.theorem_epochs_per_halving),
        }
    )


# ---- tables ---------------------------------------------------------------------------------------------------------
def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Slopes, conditions, laws, whether problems agree, and ends that were left out, if any."""
    agreement = _agreement_table(data)
    made = (_slope_table(data), *condition_tables(data), _law_table(data), *([agreement] if agreement.rows else []))
    cells = [(problem, name) for problem in data["problem"].values for name in data["definition"].values]
    reasons = data["left_out"].transpose("problem", "definition").values.ravel()
    left_out = [(*map(spoken, cell), str(why)) for cell, why in zip(cells, reasons, strict=True) if why]
    if not left_out:
        return made
    caption = "Ends that lie beyond the curves; leaving them out biases a fit."
    return (*made, Table("left_out", caption, ("problem", "definition", "left out"), tuple(left_out)))


def _slope_table(data: xr.Dataset) -> Table:
    definitions = [str(name) for name in data["definition"].values]
    rows = []
    for row in range(data.sizes["problem"]):
        problem = data.isel(problem=row)
        exact = (problem["exact_slope"].values[definitions.index(name)] for name in (MASS, "half_depth"))
        rows.append((
            spoken(problem["problem"].item()),
            problem["kind"].item(),
            "of minibatches" if problem["real_noise"].item() else "handed (check of code)",
            decimals(problem["expected_slope"].item()),
            *(decimals(slope, 4) for slope in exact),
            *(_slope(*_readings(problem, name)) for name in definitions),
            decimals(problem["temperature_ratio"].values[0]),
        ))  # fmt: skip
    if "published_slope" in data:
        there = [str(name) for name in data["published_definition"].values]
        cells = [_slope(*data["published_slope"].values[there.index(name)]) if name in there else "-"
                 for name in definitions]  # fmt: skip
        name = "published CIFAR-10, within one seed"
        rows.append((name, "ResNet-18", "of minibatches", "1.00", "-", "-", *cells, "-"))
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
            spoken(problem["problem"].item()),
            problem["schedule"].item(),
            *(_weight(w, p) for w, p in zip(problem["weight"].values, problem["p_value"].values, strict=True)),
        )
        for problem in (part.isel(problem=row) for row in range(data.sizes["problem"]))
    )
    headings = ("problem", "schedule", *(spoken(name) for name in data["law"].values))
    caption = "Akaike weight of each law of the end by half stuck mass, with its p-value; a dash where none was fitted."
    return Table("laws", caption, headings, rows)


def _agreement_table(data: xr.Dataset) -> Table:
    rows = []
    for name in data["definition"].values:
        for group in data["group"].values:
            own, joint = (data.sel(definition=name, group=group, way=way) for way in ("slopes", "joint fit"))
            value = {str(field).removeprefix("agreement_"): own[field].item() for field in own.data_vars
                     if str(field).startswith("agreement_")}  # fmt: skip
            if not np.isfinite(value["slope"]):
                continue
            rows.append((
                spoken(name),
                spoken(group),
                f"{value['problems']:.0f}",
                _slope(value["slope"], value["low"], value["high"]),
                decimals(joint["agreement_slope"].item(), 3),
                f"{value['chi_square']:.1f} ({value['degrees_of_freedom']:.0f})",
                chance_text(value["p_value"]),
                decimals(value["spread"], 3),
                chance_text(value["theory_p_value"]),
            ))  # fmt: skip
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


def _weight(weight: float, chance: float) -> str:
    known = ((weight, f"{weight:.3f}"), (chance, f"p {chance_text(chance)}"))
    return ", ".join(text for value, text in known if np.isfinite(value)) or "-"


# ---- claims ---------------------------------------------------------------------------------------------------------
def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """Those that speak against the law first; none of a problem that was not run or has too few ends."""
    made = [*condition_claims(data), *_published_claims(data), *_power_law_claims(data), *_exception_claims(data),
            *_law_claims(data)]  # fmt: skip
    return tuple(sorted(made, key=lambda claim: ("no", "cannot tell", "yes").index(claim.verdict)))[:MOST_CLAIMS]


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
    made: list[Claim] = []
    if "published_slope" not in data:
        return made
    for name, values in zip(data["published_definition"].values, data["published_slope"].values, strict=True):
        sentence = f"Published CIFAR-10 curves, one seed each, have by {spoken(name)} slope {{}}; the law says 1."
        made += _told(f"published-{str(name).replace('_', '-')}", sentence, values, digits=2)
    return made


def _readings(problem: xr.Dataset, definition: str) -> tuple[float, float, float]:
    part = problem.sel(definition=definition)
    return part["slope"].item(), part["slope_low"].item(), part["slope_high"].item()


def _expecting(data: xr.Dataset, expected: str) -> list[xr.Dataset]:
    return [data.isel(problem=int(row)) for row in np.flatnonzero(data["expected"].values == expected)]


def _power_law_claims(data: xr.Dataset) -> list[Claim]:
    """Of the problem whose exact slope is farthest from the law of leading order."""
    known = [problem for problem in _expecting(data, "power law") if np.isfinite(problem["expected_slope"].item())]
    if not known:
        return []
    gaps = [abs((each["exact_slope"].sel(definition=MASS) - each["expected_slope"]).item()) for each in known]
    farthest = known[int(np.argmax(np.nan_to_num(gaps)))]
    law, kind = farthest["expected_slope"].item(), farthest["kind"].item().split(",")[0]
    made = []
    for name in (MASS, "half_depth"):
        exact = decimals(farthest["exact_slope"].sel(definition=name).item(), 3)
        sentence = (
            f"Under a power law the {kind} well has, by {spoken(name)}, slope {{}}, exactly {exact}; "
            f"the leading-order law says {law:.3f}."
        )
        made += _told(f"power-law-{name.replace('_', '-')}", sentence, _readings(farthest, name), law)
    return made


def _exception_claims(data: xr.Dataset) -> list[Claim]:
    """Where a premise of the law is missing."""
    made = []
    for problem in _expecting(data, "start remembered")[:1]:
        exact = decimals(problem["exact_slope"].sel(definition=MASS).item(), 3)
        sentence = f"Where the start is remembered the slope is {{}}, exactly {exact}; the law says 1."
        made += _told("start-remembered", sentence, _readings(problem, MASS))
    for problem in _expecting(data, "flow time spent")[:1]:
        sentence = "Gradient flow, which has no temperature, has slope {}, not 1."
        made += _told("no-temperature", sentence, _readings(problem, MASS), None)
    return made


def _law_claims(data: xr.Dataset) -> list[Claim]:
    made = []
    if not condition_tables(data):
        for one in _expecting(data.isel(problem=np.flatnonzero(data["real_noise"].values)), "equal temperature")[:1]:
            sentence = f"SGD on real minibatches of the {spoken(one['problem'].item())} has slope {{}}; the law says 1."
            made += _told("minibatches", sentence, _readings(one, MASS))
    checks = [each for each in _expecting(data, "equal temperature") if not each["real_noise"].item()]
    if len(checks) == 1:
        name = spoken(checks[0]["problem"].item())
        sentence = f"The {name}, handed its temperature, has slope {{}}; by identity it is 1."
        return made + _told("handed", sentence, _readings(checks[0], MASS))
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
