"""Experiments as functions of their options, and options as they are typed."""

from __future__ import annotations

import dataclasses
import importlib
import io
import tempfile
from collections.abc import Sequence
from contextlib import redirect_stderr, redirect_stdout
from pathlib import Path
from typing import Any, get_type_hints

import numpy as np
import tyro

from ..results.recipe import Experiment, carry_out
from .code import code_identity
from .driver import Work
from .grid import Grid
from .study import SweptStudy
from .values import Labelled

# Folders are no options of a point: its files are kept in the ledger.
FOLDERS = ("out", "docs")
COMMANDS = (
    "phase_diagram", "temperature", "critical_period", "equi_temperature", "smooth_decline", "four_way_check",
    "interval_coverage", "learning_coefficient",
)  # fmt: skip
MODULES = {"learning_coefficient": "slt_toys.learning_coefficient.study"}
STUDIES = {"verdict_power": "slt_toys.worlds.share_power", "gibbs_rates": "slt_toys.worlds.gibbs_rates"}


def experiment_names() -> tuple[str, ...]:
    """All that can be swept: commands, studies that are sweeps, and models of the zoo that have a study."""
    return (*COMMANDS, *STUDIES, *(model.name for model in _zoo().STUDIED))


def find_experiment(name: str) -> type[Experiment]:
    """The options of an experiment by its name.

    Raises
    ------
    ValueError
        If there is none.
    """
    if name in COMMANDS:
        module = importlib.import_module(MODULES.get(name, f"slt_toys.{name}"))
        return next(
            each
            for each in vars(module).values()
            if isinstance(each, type) and issubclass(each, Experiment) and getattr(each, "NAME", "") == name
        )
    plain = name.removeprefix("zoo_")
    if plain not in {model.name for model in _zoo().STUDIED}:
        raise ValueError(f"EXPERIMENT must be one of {', '.join(experiment_names())}, not {name!r}")
    return _zoo().experiment_of(plain)


def _zoo() -> Any:
    """The zoo, found by name as the commands are: both stand above the engine, which the zoo uses itself."""
    return importlib.import_module("slt_toys.zoo.experiment")


def find_study(name: str) -> SweptStudy | None:
    """A study that is a sweep of its own; None where the name is none's."""
    return importlib.import_module(STUDIES[name]).STUDY if name in STUDIES else None


def option_names(kind: type) -> tuple[str, ...]:
    """Options that can be swept."""
    return tuple(field.name for field in dataclasses.fields(kind) if field.name not in FOLDERS)


def values_of(kind: type, text: str, option: str = "--over") -> tuple[str, tuple[Any, ...]]:
    """The option and the values that ``name=values`` asks for.

    Parameters
    ----------
    kind
        Of experiment.
    text
        Values are parted by commas outside brackets; entries of one value, where an option has several, by spaces;
        ``a:b`` and ``a:b:c`` are whole numbers from a up to, not with, b in steps of c.

    Raises
    ------
    ValueError
        If there is no such option, or it cannot have such a value.
    """
    name, found, listed = text.partition("=")
    name = name.strip().removeprefix("--").replace("-", "_")
    if not found or name not in option_names(kind):
        raise ValueError(f"{option} {text!r} must be NAME=VALUES with one of {', '.join(option_names(kind))}")
    values: list[Any] = []
    for each in _parted(listed):
        whole = _whole_numbers(each) if "int" in str(get_type_hints(kind)[name]) else None
        if whole is None:
            values.append(_value(kind, name, each))
        elif len(whole) == 0:
            raise ValueError(f"--over {name}: {each} has no numbers; give it as first:end, the end not included")
        else:
            _value(kind, name, str(whole[0]))  # whether the option has whole numbers at all
            values += whole
    return name, tuple(values)


def _parted(listed: str) -> list[str]:
    """Parts between commas outside brackets."""
    parts, depth = [""], 0
    for letter in listed:
        depth += (letter in "([{") - (letter in ")]}")
        if letter == "," and depth == 0:
            parts.append("")
        else:
            parts[-1] += letter
    return [part.strip() for part in parts]


def _whole_numbers(text: str) -> range | None:
    parts = text.split(":")
    if len(parts) not in (2, 3) or not all(part.removeprefix("-").isdecimal() for part in parts):
        return None
    first, end, step = (*map(int, parts), 1)[:3]
    if step == 0:
        raise ValueError(f"--over: {text} has a step of 0; give another")
    return range(first, end, step)


def _value(kind: type, name: str, text: str) -> Any:
    """A value as the experiment's own command reads it."""
    several = "tuple" in str(get_type_hints(kind)[name])
    given = text.split() if several else [text]
    option = f"--{name.replace('_', '-')}"
    flag = get_type_hints(kind)[name] is bool
    if flag:
        if text not in ("True", "False", "true", "false", "yes", "no"):
            raise ValueError(f"--over {name}: {text!r} must be yes or no")
        return text in ("True", "true", "yes")
    arguments = [option, *given] if several or not text.startswith("-") else [f"{option}={text}"]
    said = io.StringIO()
    try:
        with redirect_stdout(said), redirect_stderr(said):
            return getattr(tyro.cli(_unchecked(kind, name), args=arguments), name)
    except SystemExit:
        from ..results.progress import refusal_text

        raise ValueError(f"--over {name}: {text!r} cannot be used: {refusal_text(said.getvalue())}") from None


def _unchecked(kind: type, name: str) -> type:
    """One option of a kind by itself: whether it fits the others is asked of every point."""
    return dataclasses.make_dataclass("Option", [(name, get_type_hints(kind)[name])])


def work_of(name: str, settings: Sequence[str], keep_data: bool) -> tuple[type, Work]:
    """Options and work of an experiment or a study, with options that are the same everywhere.

    Raises
    ------
    ValueError
        If there is none of this name, or an option cannot be used.
    """
    study = find_study(name)
    kind: type = find_experiment(name) if study is None else study.options
    fixed: dict[str, Any] = {}
    for text in settings:
        option, values = values_of(kind, text, "--set")
        if len(values) != 1:
            raise ValueError(f"--set {text!r} has {len(values)} values; sweep over them with --over")
        fixed.update((option, value) for value in values)
    own: Any = kind
    defaults = {each.name: each.default for each in dataclasses.fields(own)}
    constants = {option: fixed.get(option, defaults[option]) for option in option_names(kind)}
    if study is not None:
        return kind, Work(study.name, study.function, constants, code_identity())
    constants |= {"experiment": kind.NAME, "keep_data": keep_data}
    return kind, Work(kind.NAME, carried_out_experiment, constants, code_identity())


def grid_of(name: str, kind: type, over: Sequence[str]) -> Grid:
    """The points that ``--over`` asks for, or those of a study.

    Raises
    ------
    ValueError
        If there are none, or an option is swept twice or cannot have such a value.
    """
    axes = dict(values_of(kind, text) for text in over)
    if len(axes) < len(over):
        raise ValueError("--over: an option is swept twice; give all its values at once")
    study = find_study(name)
    if study is None:
        if not axes:
            raise ValueError("--over must be given at least once, such as --over seed=0:20")
        return Grid(axes)
    # What the command names is visited whole; the rest of a study's points are its own choice.
    own = None if set(axes) >= set(study.axes) else study.wanted
    return Grid({**study.axes, **axes}, own)


def check_points(kind: type, work: Work, grid: Grid) -> None:
    """Let the experiment check every point before anything is done.

    Raises
    ------
    ValueError
        What the experiment says, and of which point.
    """
    for point in grid:
        try:
            kind(**{name: value for name, value in {**work.constants, **point}.items() if name in option_names(kind)})
        except ValueError as error:
            told = ", ".join(f"{name}={value}" for name, value in point.items())
            raise ValueError(f"--over: at {told}: {error}") from None


def carried_out_experiment(experiment: str, keep_data: bool, **options: Any) -> Labelled:
    """Run an experiment, in a worker: its claims by name; its record, its page and its data as files."""
    kind = find_experiment(experiment)
    with tempfile.TemporaryDirectory() as folder:
        record = carry_out(kind(**options, out=Path(folder)), draw=False)
        names = [f"{kind.NAME}.json", f"{kind.NAME}.md", *([f"{kind.NAME}.nc"] if keep_data else [])]
        files = {name: (Path(folder) / name).read_bytes() for name in names}
    claims = record["claims"]

    def column(values: Sequence[Any]) -> tuple[tuple[str, ...], np.ndarray[Any, Any]]:
        return ("claim",), np.array(values)

    def number(value: float | None) -> float:
        return np.nan if value is None else float(value)

    ends = [each["interval"] or (None, None) for each in claims]
    variables = {
        "value": column([number(each["value"]) for each in claims]),
        "low": column([number(low) for low, _ in ends]),
        "high": column([number(high) for _, high in ends]),
        "expected": column([number(each["expected"]) for each in claims]),
        "verdict": column([each["verdict"] for each in claims]),
        "sentence": column([each["sentence"] for each in claims]),
    }
    return Labelled(variables, {"claim": column([each["name"] for each in claims])}, files)
