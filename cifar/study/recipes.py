"""Whether some runs are of one recipe, so that they may be averaged and compared.

What may differ between the runs of a sweep is what a run's own columns say: arm, deficit, batch size, seed and switch
epoch. All else of the training is the recipe. It is read from the runs of the base arm, and every run must be the one
that its arm makes of it; any other is named with the fields in which it differs.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import asdict, fields, replace

from cifar.study.arms import Protocol, Run, make_run
from cifar.study.stages import Recipe, Stage, deficit_epochs

SHOWN = 6  # differences named; more are counted
CHECKSUM = 64  # hexadecimal digits
# Of a stage of the base arm: all that no switch changes.
STAGE_FIELDS = tuple(field.name for field in fields(Stage) if field.name not in ("epochs", "deficit", "cooling"))


def check_one_recipe(known: Sequence[Run], asked: Sequence[Run] = (), *, source: object) -> None:
    """Refuse runs that are not of one recipe.

    Parameters
    ----------
    known
        In the results folder.
    asked
        To be added to it.
    source
        What to call the folder.

    Raises
    ------
    ValueError
        In one line that names the fields and their values.
    """
    runs = [*known, *asked]
    differences = recipe_differences(runs)
    if not differences:
        return
    said = "; ".join(differences[:SHOWN])
    if len(differences) > SHOWN:
        said += f"; and {len(differences) - SHOWN} more"
    if asked and not recipe_differences(known):
        raise ValueError(
            f"results: the runs asked for have another recipe than the sweep in {source} ({said}); "
            "give the options it was started with, or name another results folder"
        )
    raise ValueError(
        f"results: {source} mixes runs of more than one recipe, which cannot be averaged as seeds of one ({said}); "
        "run each recipe in a results folder of its own"
    )


def recipe_differences(runs: Sequence[Run]) -> list[str]:
    """The fields in which runs differ beyond arm, deficit, batch size, seed and switch epoch; with their values."""
    base = [run for run in runs if run.arm == "base"]
    differences = _differences(base)
    counts = {
        "epochs of deficit beyond the switch epoch": [run.late for run in base if run.late is not None],
        "cycle": [_cycle(run) for run in runs if run.arm == "cyclic"],
        "window": [deficit_epochs(run.stages) for run in runs if run.arm == "window"],
    }
    differences += [_values(name, Counter(map(str, each))) for name, each in counts.items() if len(set(each)) > 1]
    meant = _lengths(base)
    if not meant:
        each = (f"{run.epochs - run.switch_epoch} (of {run.epochs} in all)" for run in base)
        differences.append(_values("epochs after the switch", Counter(each)))
    if differences or not base:
        return differences
    # one switch epoch does not tell a constant tail from a constant total: either may be meant
    return min((_against_arms(runs, base, *each) for each in meant), key=len)


def _differences(runs: Sequence[Run]) -> list[str]:
    """What differs in the recipe, or between the stages, of runs of one arm."""
    values: dict[str, Counter[str]] = {}
    for run in runs:
        for name, value in _settings(run).items():
            values.setdefault(name, Counter())[value] += 1
    return [_values(name, counts) for name, counts in values.items() if len(counts) > 1]


def _settings(run: Run) -> dict[str, str]:
    named = {name: str(value) for name, value in asdict(run.recipe).items() if name not in ("seed", "batch_size")}
    named["batch_size"] = f"{run.recipe.batch_size / run.batch_size:g} times the base arm's"
    named["cooling"] = str(run.stages[-1].cooling if run.stages else 0)  # of the last stage alone
    for name in STAGE_FIELDS:
        each = dict.fromkeys(str(getattr(part, name)) for part in run.stages)
        named[name] = " then ".join(each)
    return named


def _values(name: str, counts: Mapping[str, int]) -> str:
    each = [f"{_short(value)} in {count} run{'s' if count > 1 else ''}" for value, count in counts.items()]
    return f"{name} {', '.join(each)}"


def _short(value: str) -> str:
    return f"{value[:12]}..." if len(value) == CHECKSUM else value


def _cycle(run: Run) -> int:
    return run.stages[-1].period


def _lengths(base: Sequence[Run]) -> list[tuple[int, dict[int, int]]]:
    """How long runs can be meant to be: so many epochs after the deficit, or a total for each batch size."""
    after = {run.epochs - run.switch_epoch - (run.late or 0) for run in base}
    totals: dict[int, set[int]] = {}
    for run in base:
        totals.setdefault(run.batch_size, set()).add(run.epochs)
    meant: list[tuple[int, dict[int, int]]] = [(after.pop(), {})] if len(after) == 1 else []
    if all(len(each) == 1 for each in totals.values()):
        meant.append((0, {size: each.pop() for size, each in totals.items()}))
    return meant


def _against_arms(runs: Sequence[Run], base: Sequence[Run], further: int, totals: Mapping[int, int]) -> list[str]:
    """Runs that are not what their arm makes of the base arm's recipe."""
    stage = replace(base[0].stages[-1], epochs=0, deficit="none")
    late = next((run.late for run in base if run.late is not None), 0)
    differences: dict[str, None] = {}
    for run in runs:
        if totals and run.batch_size not in totals:
            continue  # the base arm has no such batch size, so that nothing says how long this run should be
        recipe = replace(base[0].recipe, batch_size=run.batch_size, seed=run.seed)
        lengths = further, totals.get(run.batch_size), _cycle(run), deficit_epochs(run.stages)
        protocol = Protocol(recipe, stage, run.deficit, *lengths, bool(late))
        try:
            expected = make_run(run.arm, protocol, run.switch_epoch)
        except ValueError as error:
            differences[f"{run.arm}: {error}"] = None
        else:
            differences |= dict.fromkeys(_unlike(run, expected))
    return list(differences)


def _unlike(run: Run, expected: Run) -> list[str]:
    if (run.recipe, run.stages) == (expected.recipe, expected.stages):
        return []
    if len(run.stages) != len(expected.stages):
        return [f"{run.arm}: {len(run.stages)} stages, {len(expected.stages)} by the base arm's recipe"]
    pairs: list[tuple[Recipe | Stage, Recipe | Stage]] = [(run.recipe, expected.recipe)]
    pairs += zip(run.stages, expected.stages, strict=True)
    return [
        f"{run.arm}: {name} {_short(str(value))}, {_short(str(getattr(other, name)))} by the base arm's recipe"
        for own, other in pairs
        for name, value in asdict(own).items()
        if value != getattr(other, name)
    ]
