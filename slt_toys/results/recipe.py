"""One recipe for every experiment: options, a run, what it amounts to, and files with a record of what made them.

An experiment is a frozen dataclass of options, a subclass of `Experiment`, in a file of its own at the top of
``slt_toys``. Only the options are imported before they are read; what computes is imported by ``run``.
"""

from __future__ import annotations

import math
import time
from collections.abc import Sequence
from contextlib import ExitStack
from dataclasses import dataclass, replace
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any, ClassVar

from .progress import command_line, progress

if TYPE_CHECKING:
    import xarray as xr

    from .claims import Outcome

WIDTH = 180  # of what is printed to a file or a pipe
LARGEST_IN_RECORD = 400  # numbers of one variable; larger ones stand in the NetCDF file alone


@dataclass(frozen=True, kw_only=True)
class Experiment:
    """Options of every experiment.

    Attributes
    ----------
    seed
        Same seed, same result, on any number of threads.
    out
        Folder for the data (.nc), the record (.json), the page (.md) and the figures (.png, .svg).
    docs
        Folder of pages, such as docs/results, whose page of this experiment is to be written anew.
    """

    NAME: ClassVar[str]
    COMMAND: ClassVar[str] = ""  # what is typed, where it is not the name
    DRAWN_BY: ClassVar[str] = ""  # module with the ``draw(dataset)`` of the one figure, where that takes long

    seed: int = 0
    out: Path = Path("results")
    docs: Path | None = None

    def run(self) -> xr.Dataset:
        """Compute everything; the dataset holds every number that is told or drawn."""
        raise NotImplementedError

    def outcome(self, dataset: xr.Dataset) -> Outcome:
        """What the dataset amounts to, without figures."""
        raise NotImplementedError

    def figures(self, dataset: xr.Dataset) -> dict[str, Any]:
        """Figures by file name without ending; none unless an experiment draws."""
        return {self.NAME: import_module(self.DRAWN_BY).draw(dataset)} if self.DRAWN_BY else {}


def at_least(experiment: Experiment, **bounds: float) -> None:
    """Refuse an option below its least value, given as ``chains=100``; of several numbers the smallest counts."""
    for name, least in bounds.items():
        value = getattr(experiment, name)
        value = min(value, default=least) if isinstance(value, tuple) else value
        if value < least:
            raise ValueError(f"{_option(name)} must be at least {least}, not {value}")


def positive(experiment: Experiment, *names: str) -> None:
    """Refuse an option that is not one or more positive, finite numbers."""
    for name in names:
        value = getattr(experiment, name)
        values = value if isinstance(value, tuple) else (value,)
        if not values or not all(math.isfinite(number) and number > 0 for number in values):
            raise ValueError(f"{_option(name)} must be positive and finite, not {' '.join(map(str, values))}")


def distinct(experiment: Experiment, name: str) -> None:
    """Refuse an option that is not one or more values, no two of them alike."""
    values = getattr(experiment, name)
    if not values or len(set(values)) < len(values):
        raise ValueError(f"{_option(name)} must be distinct, at least one, not {values}")


def _option(name: str) -> str:
    return f"--{name.replace('_', '-')}"


def main(experiment: type[Experiment], arguments: Sequence[str] | None = None) -> int:
    """Run an experiment from the command line; returns the exit status."""
    return command_line(experiment, lambda chosen: print_outcome(carry_out(chosen), chosen), arguments)


def carry_out(experiment: Experiment, *, draw: bool = True) -> dict[str, Any]:
    """Run an experiment and write its files, all of them or none, with figures unless ``draw`` says no; the record.

    Raises
    ------
    ValueError, OSError
        In one line; folders are tried before the work begins.
    """
    from .drawing import artist

    name, began, spent = experiment.NAME, time.perf_counter(), time.process_time()
    command = experiment.COMMAND or f"python -m slt_toys.{name}"
    with ExitStack() as until_written:
        # Before all else, even what takes long to import.
        elsewhere = until_written.enter_context(artist(experiment.DRAWN_BY)) if draw and experiment.DRAWN_BY else None
        from . import records
        from .claims import page

        folder = records.writable_folder(experiment.out, argument="--out")
        docs = None if experiment.docs is None else records.writable_folder(experiment.docs, argument="--docs")
        dataset = experiment.run().assign_attrs(experiment=name)
        drawn = {} if elsewhere is None else {name: elsewhere.begin(dataset)}
        with progress("tables and figures", None):
            outcome = experiment.outcome(dataset)
            if draw:
                outcome = replace(outcome, figures=drawn or experiment.figures(dataset))
        until_written.enter_context(records.written_together())
        files = {f"{name}.nc": records.write_dataset(dataset, folder / f"{name}.nc")}
        for stem, figure in outcome.figures.items():
            files |= records.write_figure(figure, folder / stem, ("png", "svg"))
        record = outcome.to_dict() | {"numbers": numbers(dataset)}
        files[f"{name}.md"] = records.write_bytes_atomically(page(record, command).encode(), folder / f"{name}.md")
        if docs is not None:
            records.write_bytes_atomically(page(record, command, "../../").encode(), docs / f"{name}.md")
        record["manifest"] = records.manifest(
            experiment, experiment.seed, time.perf_counter() - began, cpu_time=time.process_time() - spent, files=files
        )
        records.write_record(record, folder / f"{name}.json")
    return record


def numbers(dataset: xr.Dataset) -> dict[str, Any]:
    """What the JSON record holds of a dataset: attributes, and variables of no more than 400 values."""
    small = {
        str(name): {"dims": list(variable.dims), "values": variable.values}
        for name, variable in dataset.variables.items()
        if variable.size <= LARGEST_IN_RECORD
    }
    return {"attributes": dict(dataset.attrs), **small}


def dataset_of(record: dict[str, Any]) -> xr.Dataset:
    """The dataset that a JSON record holds; numbers that were null are NaN."""
    import numpy as np
    import xarray as xr

    parts = dict(record["numbers"])
    attributes = parts.pop("attributes")
    variables = {}
    for name, part in parts.items():
        values = np.array(part["values"], dtype=object)
        numeric = not any(isinstance(value, str) for value in values.ravel())
        variables[name] = (part["dims"], values.astype(float) if numeric else values)
    return xr.Dataset(variables, attrs=attributes)


def print_outcome(record: dict[str, Any], experiment: Experiment) -> None:
    """Claims and tables on the terminal, after what takes their trust away."""
    from rich.console import Console
    from rich.table import Table

    console = Console()
    if not console.is_terminal:
        console = Console(width=WIDTH)
    if record.get("warning"):
        console.print(record["warning"], highlight=False, markup=False, style="bold")
    for table in record["tables"]:
        shown = Table(title=table["name"].replace("_", " "), caption=table["caption"], caption_justify="left")
        for heading in table["headings"]:
            shown.add_column(heading, overflow="fold")
        for row in table["rows"]:
            shown.add_row(*row)
        console.print(shown)
    for claim in record["claims"]:
        console.print(f"{claim['verdict']}: {claim['sentence']}", highlight=False, markup=False)
    figures = " and figures" if record["figures"] else ""
    console.print(f"Written: {experiment.out / experiment.NAME}.nc, .json, .md{figures}", highlight=False)
