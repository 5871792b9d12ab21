"""A zoo model as an experiment: options, run, claims, files, as every other."""

from __future__ import annotations

import importlib
import importlib.util
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from typing import TYPE_CHECKING, Any, ClassVar

from theory.equations import SUBJECT_OF, equation

from ..results.claims import Claim, Outcome, Table, markdown
from ..results.recipe import Experiment
from . import ZOO
from .model import ZooModel
from .study import CONTROLS, Influence, Study, check_table, checked, influence_table

if TYPE_CHECKING:
    import xarray as xr

PREFIX = "zoo_"
ABSENT = "not in it"
STUDIED: tuple[ZooModel, ...] = tuple(model for model in ZOO if model.study is not None)


def find_model(name: str) -> ZooModel:
    """A model by name.

    Raises
    ------
    ValueError
        If there is none of this name.
    """
    for model in ZOO:
        if model.name == name:
            return model
    raise ValueError(f"NAME must be one of {', '.join(model.name for model in ZOO)}, not {name!r}")


def study_of(model: ZooModel) -> Study:
    """The experiment of a model.

    Raises
    ------
    ValueError
        If the model has none of its own.
    """
    if model.study is None:
        raise ValueError(
            f"NAME must be a model with an experiment of its own ({', '.join(each.name for each in STUDIED)}); "
            f"{model.name} is simulated in python -m slt_toys.critical_period"
        )
    return model.study


def _variant(model: ZooModel, option: tuple[str, int]) -> Study:
    """What an option makes of a model.

    Raises
    ------
    ValueError
        If the model has no such option, or refuses the value.
    """
    name, value = option
    if name not in model.options:
        owners = " or ".join(each.name for each in ZOO if name in each.options)
        raise ValueError(f"--{name} belongs to {owners or 'no model'}, not to {model.name}")
    return model.options[name](value)


@cache
def experiment_of(name: str, option: tuple[str, int] | None = None) -> type[Experiment]:
    """The options of a model's experiment: seed and folders; of another one by an option of the model's own.

    Raises
    ------
    ValueError
        If there is no such model, or it has no experiment of its own, or not this option.
    """
    model = find_model(name)
    study = study_of(model) if option is None else _variant(model, option)
    typed, stem = f"python -m slt_toys.zoo run {name}", PREFIX + name
    if option is not None:
        flag = option[0] == "torch"
        typed, stem = f"{typed} --{option[0]}{'' if flag else f' {option[1]}'}", f"{stem}_{option[0]}"
        stem = stem if flag else f"{stem}_{option[1]}"

    class ZooExperiment(Experiment):
        """Run a model of the zoo."""

        NAME: ClassVar[str] = stem
        COMMAND: ClassVar[str] = typed

        def run(self) -> xr.Dataset:
            import xarray as xr

            quick = [check for check in model.checks if not check.slow and option is None]
            told = study.dataset(self.seed)
            return xr.merge([told, checked(quick, self.seed)], combine_attrs="override") if quick else told

        def outcome(self, dataset: xr.Dataset) -> Outcome:
            last = (check_table(dataset),) if "check" in dataset.coords else ()
            tables = (influence_table(study.influences(dataset)), *study.tables(dataset), *last)
            return Outcome(study.title, study.introduction, tuple(study.claims(dataset)), tables)

        def figures(self, dataset: xr.Dataset) -> dict[str, Any]:
            drawn_by = PREFIX + name if option is None else f"{PREFIX}{name}_{option[0]}"
            return {self.NAME: _drawing(drawn_by)(dataset)}

    return ZooExperiment


def experiment_named(stem: str) -> type[Experiment]:
    """The experiment that writes files of this name, ``zoo_NAME`` or, of an option, ``zoo_NAME_OPTION_VALUE``.

    Raises
    ------
    ValueError
        If none does.
    """
    name = stem.removeprefix(PREFIX)
    for model in STUDIED:
        if name == model.name:
            return experiment_of(name)
        for option in model.options:
            own, _, value = name.partition(f"_{option}")
            if own == model.name and (value == "") == (option == "torch"):
                return experiment_of(own, (option, int(value[1:]) if value else 1))
    raise ValueError(f"stem must be that of an experiment of the zoo, not {stem!r}")


def _drawing(name: str) -> Callable[[xr.Dataset], Any]:
    """What draws a model: its own file in figures/, or else the one that draws any."""
    own = importlib.util.find_spec(f"figures.{name}")
    return importlib.import_module(f"figures.{name}" if own else "figures.zoo_model").draw


def answers(influences: Sequence[Influence]) -> dict[str, str]:
    """For each control, what the model answers; several levers of one control stand side by side."""
    found = {control: [each.answer for each in influences if each.control == control] for control in CONTROLS}
    return {control: "; ".join(told) or ABSENT for control, told in found.items()}


def answer_table(by_model: Mapping[str, Sequence[Influence]]) -> Table:
    """The table of answers: what controls what."""
    told = {name: answers(influences) for name, influences in by_model.items()}
    columns = {"model": list(told)} | {control: [answer[control] for answer in told.values()] for control in CONTROLS}
    return Table.of_columns(
        "answers",
        "Does it control the transition? The effect stands in shares of the quantity's range, with its 95 % interval.",
        columns,
    )


def claims_of_controls(by_model: Mapping[str, Sequence[Influence]]) -> tuple[Claim, ...]:
    """For each control, in how many models it controls the transition: the conjecture says temperature in all."""
    found = []
    for control in CONTROLS[:3]:
        verdicts = {
            name: {each.verdict for each in influences if each.control == control}
            for name, influences in by_model.items()
        }
        asked = [name for name, seen in verdicts.items() if seen]
        yes = [name for name in asked if "yes" in verdicts[name]]
        if not asked:
            continue
        never = [name for name, seen in verdicts.items() if seen <= {"no"}]  # or not in the model at all
        verdict = "yes" if len(yes) == len(by_model) else "no" if never else "cannot tell"
        found.append(
            Claim.of(
                f"{control.replace(' ', '-')}-controls",
                f"{control.capitalize()} controls the transition in {len(yes)} of {len(by_model)} models.",
                len(yes), expected=len(by_model), verdict=verdict,
            )
        )  # fmt: skip
    return tuple(found)


FIELDS = ("control", "lever", "quantity", "first", "last", "first_error", "last_error", "span")


def influence_dataset(by_model: Mapping[str, Sequence[Influence]]) -> xr.Dataset:
    """Every influence of every model, along ``influence``."""
    import numpy as np
    import xarray as xr

    rows = [(name, each) for name, influences in by_model.items() for each in influences]
    columns: dict[str, Any] = {"model": ("influence", np.array([name for name, _ in rows], dtype=object))}
    for field in FIELDS:
        values = [getattr(each, field) for _, each in rows]
        columns[field] = ("influence", np.array(values, dtype=object if isinstance(values[0], str) else float))
    return xr.Dataset(columns)


def influences_in(dataset: xr.Dataset) -> dict[str, list[Influence]]:
    """What :func:`influence_dataset` holds."""
    found: dict[str, list[Influence]] = {}
    for row in range(dataset.sizes["influence"]):
        values = {field: dataset[field].values[row] for field in FIELDS}
        told: dict[str, Any] = {
            field: value if isinstance(value, str) else float(value) for field, value in values.items()
        }
        found.setdefault(str(dataset["model"].values[row]), []).append(Influence(**told))
    return found


def first_sentence(model: ZooModel) -> str:
    """What the model's file says first."""
    text = importlib.import_module(f"slt_toys.zoo.{model.name}").__doc__ or ""
    return text.strip().split("\n\n")[0].replace("\n", " ")


def listing() -> str:
    """Every model in a line."""
    rows = [[model.name, first_sentence(model), "yes" if model.study else "no"] for model in ZOO]
    return markdown(["model", "what it is", "runs"], rows)


def shown(model: ZooModel) -> str:
    """A model's own words, its equations, and its checks."""
    text = (importlib.import_module(f"slt_toys.zoo.{model.name}").__doc__ or "").strip()
    laws = [f"  [eq:{label}]  {equation(label).title}" for label in model.labels]
    checks = [
        f"  {check.name}" + (f" (within {check.tolerance:g}: {check.reason})" if check.tolerance else "")
        for check in model.checks
    ]
    runs = [f"Run it: python -m slt_toys.zoo run {model.name}"] if model.study else []
    pages = ", ".join(sorted({f"theory/pages/{SUBJECT_OF[label]}.md" for label in model.labels}))
    return "\n".join([text, "", f"Laws, derived in {pages}:", *laws, "", "Checks:", *checks, *runs])
