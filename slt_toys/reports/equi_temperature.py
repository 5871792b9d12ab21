"""What equi-temperature curves across problems amount to: dataset, JSON record, words and tables."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import xarray as xr
from rich.console import Console
from rich.table import Table

from ..fits.agreement import halvings_of_rate
from ..fits.ends import CriticalPeriodEnd
from ..fits.published import PublishedFindings
from ..reference.published import DECAY, LEARNING_RATE
from ..results.marked_text import markdown
from .equi_findings import DEFINITIONS, Finding, agreements, halvings

NAMES = tuple(definition.name for definition in DEFINITIONS)
MODELS = ("scaling_law", "temperature_drift", "log_law", "power_law", "constant", "flow_time")
NOTHING = "-"


# ---- dataset --------------------------------------------------------------------------------------------------------
def equi_dataset(findings: Sequence[Finding], published: PublishedFindings) -> xr.Dataset:
    """Ends in epochs and in halvings of the learning rate, slopes, weights and p-values, with the published beside."""
    width = max(len(one.problem.trainings) for one in findings)
    sizes = np.full((len(findings), width), np.nan)
    grid = (len(findings), len(NAMES), width)
    ends = {part: np.full(grid, np.nan) for part in ("end", "end_low", "end_high", "exact_end")}
    fallen = {f"{part}_halvings": np.full(grid, np.nan) for part in ends}
    fit = np.full((2, len(findings), len(NAMES), len(MODELS)), np.nan)
    for row, one in enumerate(findings):
        training = one.problem.trainings[0]
        sizes[row, : len(one.problem.trainings)] = [each.batch_size for each in one.problem.trainings]
        for column, name in enumerate(NAMES):
            for rank, each in enumerate(one.problem.trainings):
                size = int(each.batch_size)
                sampled, exact = one.sampled[name][size], one.exact[name].get(size)
                values = (sampled.epoch, sampled.low, sampled.high, None if exact is None else exact.epoch)
                for part, value in zip(ends, values, strict=True):
                    ends[part][row, column, rank] = np.nan if value is None else value
            for part in ends:
                fallen[f"{part}_halvings"][row, column] = halvings(training, ends[part][row, column])
            comparison = one.comparisons.get(name)
            for at, model in enumerate(MODELS):
                found = None if comparison is None else comparison.fits.get(model)
                if found is not None:
                    fit[:, row, column, at] = [_number(found.weight), _number(found.p_value)]
    slopes = [[one.slopes[name] for name in NAMES] for one in findings]
    by_end, by_slope = ("problem", "definition", "rank"), ("problem", "definition")
    units = {"units": "halvings of the learning rate per halving of the batch"}
    return xr.Dataset(
        {
            "batch_size": (("problem", "rank"), sizes, {"units": "examples"}),
            **{part: (by_end, values, {"units": "epochs"}) for part, values in ends.items()},
            **{part: (by_end, values, {"units": "halvings of the learning rate"}) for part, values in fallen.items()},
            **{
                label: (by_slope, [[_number(getattr(each, field)) for each in row] for row in slopes], units)
                for label, field in (("slope", "value"), ("slope_error", "standard_error"), ("slope_low", "low"),
                                     ("slope_high", "high"), ("exact_slope", "exact"))
            },
            "expected_slope": ("problem", [_number(one.expected_slope) for one in findings], units),
            "weight": (("problem", "definition", "model"), fit[0]),
            "p_value": (("problem", "definition", "model"), fit[1]),
            "kind": ("problem", [one.problem.kind for one in findings]),
            "expected": ("problem", [one.problem.expected for one in findings]),
            "real_noise": ("problem", [one.problem.real_noise for one in findings]),
            "schedule": ("problem", [one.problem.schedule for one in findings]),
            **_published(published),
        },
        coords={"problem": [one.problem.name for one in findings], "definition": list(NAMES), "model": list(MODELS)},
    )  # fmt: skip


def _published(published: PublishedFindings) -> dict[str, Any]:
    names = [name for name in NAMES if name in published.ends]
    sizes = sorted(published.ends[names[0]])
    ends = [[[_halvings(published.ends[name][size], part) for part in ("epoch", "low", "high")] for size in sizes]
            for name in names]  # fmt: skip
    theorem = published.theorem_epochs_per_halving
    found = [published.epochs_per_halving[name] for name in names]
    slopes = [[_number(each.slope) / theorem, _number(each.low) / theorem, _number(each.high) / theorem]
              for each in found]  # fmt: skip
    return {
        "published_batch_size": ("published_size", np.array(sizes, dtype=float)),
        "published_definition": ("published", names),
        "published_end_halvings": (("published", "published_size", "bound"), ends),
        "published_slope": (("published", "bound"), slopes),
    }


def _halvings(end: CriticalPeriodEnd, part: str) -> float:
    epoch = getattr(end, part)
    return np.nan if epoch is None else float(halvings_of_rate(LEARNING_RATE * DECAY**epoch, LEARNING_RATE))


def _number(value: float | None) -> float:
    return np.nan if value is None else float(value)


# ---- record ---------------------------------------------------------------------------------------------------------
def summary(findings: Sequence[Finding], published: PublishedFindings) -> dict[str, Any]:
    """A plain dictionary for JSON."""
    alike, control = agreements(findings), agreements(findings, everything=True)
    record: dict[str, Any] = {
        "problems": {one.problem.name: _record(one) for one in findings},
        "agreement": {name: {way: found.to_dict() for way, found in of.items()} for name, of in alike.items()},
        "control": {name: {way: found.to_dict() for way, found in of.items()} for name, of in control.items()},
        "published": {
            name: {"slope": values[0], "interval": list(values[1:])}
            for name, values in zip(*(_published(published)[key][1] for key in ("published_definition",
                                                                               "published_slope")), strict=True)
        },
    }  # fmt: skip
    return record | {"in_words": in_words(record)}


def _record(one: Finding) -> dict[str, Any]:
    return {
        "kind": one.problem.kind,
        "schedule": one.problem.schedule,
        "expected": one.problem.expected,
        "real_noise": one.problem.real_noise,
        "expected_slope": one.expected_slope,
        "level": one.problem.level,
        "runs": len(one.curves[0].stuck),
        "ends": {
            name: {
                str(size): {
                    "exact": one.exact[name][size].epoch if size in one.exact[name] else None,
                    "sampled": end.to_dict(),
                }
                for size, end in one.sampled[name].items()
            }
            for name in NAMES
        },
        "slopes": {
            name: {
                "sampled": slope.value,
                "interval": [slope.low, slope.high],
                "standard_error": slope.standard_error,
                "exact": slope.exact,
                "temperature_ratio": slope.temperature_ratio,
            }
            for name, slope in one.slopes.items()
        },
        "comparison": {name: comparison.to_dict() for name, comparison in one.comparisons.items()},
        "notes": list(one.notes),
    }


def in_words(record: Mapping[str, Any]) -> list[str]:
    """What came out, one sentence each, first what limits it; every number is taken from the record."""
    said = _identities(record)
    for name, ways in record["agreement"].items():
        own, joint = ways["slopes"], ways["joint fit"]
        control = record["control"].get(name, ways)["slopes"]
        told = (
            f"By {_spoken(name)} {own['problems']} problems under exponential decay{_handed(record)} give a slope of "
            f"{own['slope']:.3f} "
            f"[{own['low']:.3f}, {own['high']:.3f}] halvings of the learning rate per halving of the batch (joint fit "
            f"{joint['slope']:.3f}); they {_agree(own['p_value'])} (chi-square {own['chi_square']:.1f} for "
            f"{own['degrees_of_freedom']}, {_chance(own['p_value'])}), with a spread between problems of "
            f"{own['spread']:.3f} beyond sampling; that all are exactly 1 has {_chance(own['theory_p_value'])}"
        )
        if control["problems"] > own["problems"]:
            told += f"; with the problems of which theory expects another slope, {_chance(control['p_value'])}"
        said.append(told + ".")
    main = NAMES[0]
    for name, one in record["problems"].items():
        slope = one["slopes"][main]
        if slope["sampled"] is None:
            said.append(f"{_spoken(name).capitalize()}: too few ends to fit.")
            continue
        exact = "" if slope["exact"] is None else f", exactly {slope['exact']:.4f}"
        expected = one["expected_slope"]
        theory = "theory expects no rise" if expected is None else f"theory expects {expected:.3f}"
        if one["expected"] == "start remembered":
            theory += " where the start is forgotten"
        ratio = slope["temperature_ratio"]
        depth = one["slopes"]["half_depth"]
        if one["expected"] == "power law" and None not in (depth["sampled"], depth["exact"]):
            exact += f" (by half depth {depth['sampled']:.3f} {_interval(depth['interval'])}"
            exact += f", exactly {depth['exact']:.4f})"
        said.append(
            f"{_spoken(name).capitalize()} ({one['kind']}; {one['schedule']}): slope {slope['sampled']:.3f} "
            f"{_interval(slope['interval'])}{exact}; {theory}; the smallest batch ends at {ratio:.2f} times the "
            f"temperature of the largest; {_best(one['comparison'].get(main))}."
        )
    for name, one in record["published"].items():
        inside = one["interval"][0] <= 1 <= one["interval"][1]
        said.append(
            f"Published CIFAR-10 curves by {_spoken(name)}: {one['slope']:.2f} {_interval(one['interval'])}, "
            f"{'with' if inside else 'without'} 1 in the interval."
        )
    return said


def _alike(record: Mapping[str, Any], real_noise: bool) -> dict[str, Mapping[str, Any]]:
    """Problems under exponential decay of which theory expects one temperature, by where their noise comes from."""
    return {
        name: one
        for name, one in record["problems"].items()
        if one["expected"] == "equal temperature" and one["real_noise"] == real_noise
    }


def _handed(record: Mapping[str, Any]) -> str:
    handed = len(_alike(record, False))
    return f" ({handed} of them by identity)" if handed else ""


def _identities(record: Mapping[str, Any]) -> list[str]:
    handed, real = _alike(record, False), _alike(record, True)
    said = []
    if handed:
        said.append(
            f"Of {len(handed) + len(real)} problems under exponential decay {len(handed)} are Langevin systems that "
            "are handed temperature and duration as functions of decay^epoch/B: their slope of 1 is an identity, and "
            "that they agree checks solver and sampler, not SGD."
        )
    for name, one in real.items():
        slope = one["slopes"][NAMES[0]]
        told = "too few ends" if slope["sampled"] is None else f"{slope['sampled']:.3f} {_interval(slope['interval'])}"
        said.append(f"{_spoken(name).capitalize()}, with real minibatches, could have failed: slope {told}.")
    if handed and not real:
        said.append("None has real minibatches, so none could have failed.")
    return said


def _best(comparison: Mapping[str, Any] | None) -> str:
    if comparison is None:
        return "no law could be fitted"
    weighed = {name: fit["weight"] for name, fit in comparison["fits"].items() if fit["weight"] is not None}
    if not weighed:
        return "too few ends to weigh laws"
    best = max(weighed, key=lambda name: weighed[name])
    chance = comparison["fits"][best]["p_value"]
    fits = "" if chance is None else f" and p = {chance:.2g}" if chance >= 0.001 else " and p < 0.001"
    return f"best law {_spoken(best)}, with weight {weighed[best]:.2f}{fits}"


def _spoken(name: str) -> str:
    return name.replace("_", " ")


def _agree(chance: float) -> str:
    return "agree" if chance >= 0.05 else "differ"


def _chance(value: float) -> str:
    return "p < 0.001" if value < 0.001 else f"p = {value:.2g}"


def _interval(bounds: Sequence[float | None]) -> str:
    low, high = ("open" if bound is None else f"{bound:.3f}" for bound in bounds)
    return f"[{low}, {high}]"


# ---- tables ---------------------------------------------------------------------------------------------------------
def readme_tables(record: Mapping[str, Any]) -> dict[str, str]:
    """Markdown by name of the marker, from the content of ``equi_temperature.json``."""
    return {
        "equi_temperature": markdown(*_slopes(record)),
        "equi_temperature_words": "\n".join(f"- {line}" for line in record["in_words"]),
    }


def _slopes(record: Mapping[str, Any]) -> tuple[list[str], list[list[str]]]:
    rows = []
    for name, one in record["problems"].items():
        expected = NOTHING if one["expected_slope"] is None else f"{one['expected_slope']:.2f}"
        cells = []
        for definition in NAMES:
            slope = one["slopes"][definition]
            cells.append(
                NOTHING if slope["sampled"] is None else f"{slope['sampled']:.3f} {_interval(slope['interval'])}"
            )
        exact = one["slopes"][NAMES[0]]["exact"]
        noise = "of minibatches" if one["real_noise"] else "handed"
        rows.append([_spoken(name), one["kind"], noise, expected, NOTHING if exact is None else f"{exact:.4f}", *cells])
    for number, name in enumerate(NAMES):
        if name in record["published"]:
            one = record["published"][name]
            cells = [NOTHING] * len(NAMES)
            cells[number] = f"{one['slope']:.2f} {_interval(one['interval'])}"
            rows.append(["published CIFAR-10", "ResNet-18", "of minibatches", "1.00", NOTHING, *cells])
    spoken = [_spoken(name) + ", 95 %" for name in NAMES]
    return ["problem", "kind", "temperature", "theory", f"exact ({_spoken(NAMES[0])})", *spoken], rows


def print_report(record: Mapping[str, Any], stem: Path) -> None:
    """Print the table and what it means."""
    console = Console()
    headings, rows = _slopes(record)
    table = Table(title="Halvings of the learning rate by the end of the critical period, per halving of the batch")
    for number, heading in enumerate(headings):
        table.add_column(heading, justify="left" if number < 3 else "right")
    for row in rows:
        table.add_row(*row)
    console.print(table)
    for sentence in record["in_words"]:
        console.print(sentence, highlight=False)
    for name, one in record["problems"].items():
        for note in one["notes"]:
            console.print(f"{_spoken(name)}: {note}", highlight=False)
    console.print(f"Written: {stem}.png, .svg, .nc, .json", highlight=False)
