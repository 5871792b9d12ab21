"""Subcommands of ``python -m slt_toys.results``, as dataclasses whose fields are their options.

Each gives its exit status: 0, or 1 where it found something that is not as it should be.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Literal

from tyro.conf import Positional, arg

FOUND = 1  # exit status
LEDGER = ".sqlite"
RESULTS = Path("results")

PLACES = "FOLDER|RECORD"
Places = Annotated[tuple[Path, ...], Positional, arg(metavar=PLACES)]
REQUIRED = "(required)"
NONE = Path()  # in place of a record that was not given, so that a wrong option is what is complained about
RecordFile = Annotated[Path, Positional, arg(metavar="RECORD", help_behavior_hint=REQUIRED)]


def _given(path: Path, name: str) -> None:
    if path == NONE:
        raise ValueError(f"{name} must be given: the file NAME.json of a run")


@dataclass(frozen=True)
class List:
    """Name every record: date, seed, commit, wall time, claims that hold, size and state.

    Attributes
    ----------
    places
        Folders, looked through to the bottom, or records.
    as_json
        Print a JSON list for programs.
    """

    places: Places = (RESULTS,)
    as_json: Annotated[bool, arg(name="json")] = False

    def run(self) -> int:
        """Print it."""
        from .shown import list_lines, row_of
        from .verification import check_record, find_records

        found = [check_record(path) for path in find_records(self.places)]
        if self.as_json:
            print(json.dumps([row_of(each) for each in found], ensure_ascii=False, indent=1))
        else:
            print("\n".join(list_lines(found)))
        return 0


@dataclass(frozen=True)
class Show:
    """Show a record: what made it, its claims, and which numbers it holds; or the ledger of a sweep.

    Attributes
    ----------
    record
        NAME.json; of a sweep also its ledger, sweep.sqlite, whether it has ended or not.
    claims
        Only the claims.
    config
        Only the options of the run.
    numbers
        Only the values of these numbers, by name.
    """

    record: RecordFile = NONE
    claims: bool = False
    config: bool = False
    numbers: tuple[str, ...] = ()

    def __post_init__(self) -> None:
        _given(self.record, "RECORD")

    def run(self) -> int:
        """Print it."""
        from . import shown
        from .compare import dataset_beside

        if self.record.suffix == LEDGER:
            from .ledger_commands import ledger_lines

            print("\n".join(ledger_lines(self.record)))
            return 0
        from .records import read_record

        record = read_record(self.record)
        dataset, source = dataset_beside(self.record, record)
        lines: list[str] = []
        if not (self.claims or self.config or self.numbers):
            lines = [*shown.record_lines(self.record, record), "", *shown.claim_lines(record), "", source]
            lines += shown.names_lines(dataset)
        if self.claims:
            lines += shown.claim_lines(record)
        if self.config:
            lines += shown.config_lines(record)
        for name in self.numbers:
            lines += shown.number_lines(dataset, name)
        print("\n".join(lines))
        return 0


@dataclass(frozen=True)
class Verify:
    """Check every byte of records and of the files they name; exit status 1 if anything is not as it was written.

    Attributes
    ----------
    places
        Folders, looked through to the bottom, or records.
    allow_missing
        A file that is not there is no fault: records are often kept without their data.
    allow_extra
        A file that no record names is no fault, unless it ends in .json.
    """

    places: Places = (RESULTS,)
    allow_missing: bool = False
    allow_extra: bool = False

    def run(self) -> int:
        """Print what is wrong, and how much was checked."""
        from .ledger_commands import find_ledgers, ledger_faults
        from .verification import check_record, extra_files, find_records

        ledgers = find_ledgers(self.places)
        found = [check_record(path) for path in find_records(self.places, or_else=bool(ledgers))]
        faults = [fault for each in found for fault in each.faults]
        faults += [fault for path in ledgers for fault in ledger_faults(path)]
        missing = [fault for fault in faults if fault.kind == "missing"]
        if self.allow_missing:
            faults = [fault for fault in faults if fault.kind != "missing"]
        if not self.allow_extra:
            faults += extra_files(found, [place for place in self.places if place.is_dir()])
        for fault in faults:
            print(f"{fault.path}: {fault.kind}: {fault.told}")
        named = sum(len(each.record["manifest"]["files"]) for each in found if each.record)
        left = f", {len(missing)} of them missing" if missing else ""
        end = f"{len(faults)} faults" if faults else "all as written"
        swept = f" and {len(ledgers)} ledgers" if ledgers else ""
        print(f"{len(found)} records{swept}, {named} files of theirs{left}: {end}")
        return FOUND if faults else 0


@dataclass(frozen=True)
class Compare:
    """Say which numbers moved between two runs, by name and place, and by how many standard errors.

    Exit status 1 if a verdict changed, a number moved by more than chance explains, or bits differ that must be equal.

    Attributes
    ----------
    old
        NAME.json of the earlier run.
    new
        That of the later run; with --by-value one or more records and NetCDF files.
    by_value
        Only name the numbers of the old record that the new files hold nowhere.
    most
        Lines of each kind.
    """

    old: Annotated[Path, Positional, arg(metavar="OLD", help_behavior_hint=REQUIRED)] = NONE
    new: Annotated[tuple[Path, ...], Positional, arg(metavar="NEW", help_behavior_hint=REQUIRED)] = ()
    by_value: bool = False
    most: int = 20

    def __post_init__(self) -> None:
        _given(self.old, "OLD")
        if self.most < 1:
            raise ValueError(f"--most must be at least 1, not {self.most}")
        if not self.new or (len(self.new) > 1 and not self.by_value):
            raise ValueError(f"NEW must be one record, not {len(self.new)}; --by-value takes several")

    def run(self) -> int:
        """Print it."""
        if self.by_value:
            from .by_value import report

            lines, lost = report(self.old, self.new)
            print("\n".join(lines))
            return FOUND if lost else 0
        from .compare import compare, datasets_of
        from .records import read_record
        from .shown import comparison_lines

        paths = (self.old, self.new[0])
        records = [read_record(path) for path in paths]
        datasets, source = datasets_of(paths, records)
        told = compare(records[0], records[1], datasets)
        print("\n".join([f"{self.old} -> {self.new[0]}", source, "", *comparison_lines(told, self.most)]))
        return FOUND if told.wrong else 0


@dataclass(frozen=True)
class Export:
    """Write claims and numbers as tidy tables, a row for each; or the files that the ledger of a sweep keeps.

    Attributes
    ----------
    record
        NAME.json, or a sweep's ledger, sweep.sqlite: then the record and the dataset of each point are written.
    points
        Of a ledger: only points with NAME=VALUE, once for each option.
    to
        csv or json: NAME.claims and NAME.numbers; nc: both in NAME.export.nc.
    out
        Folder to write into, better not that of the record.
    """

    record: RecordFile = NONE
    points: tuple[str, ...] = ()
    to: Literal["csv", "json", "nc"] = "csv"
    out: Path = Path()

    def __post_init__(self) -> None:
        _given(self.record, "RECORD")
        if self.points and self.record.suffix != LEDGER:
            raise ValueError(f"--points chooses from the ledger of a sweep, sweep.sqlite, and {self.record} is none")

    def run(self) -> int:
        """Write them, and print their names."""
        from .compare import dataset_beside
        from .export import export
        from .records import read_record, writable_folder

        if self.record.suffix == LEDGER:
            from .ledger_commands import export_points

            for path in export_points(self.record, self.points, writable_folder(self.out, argument="--out")):
                print(path)
            return 0
        record = read_record(self.record)
        dataset, source = dataset_beside(self.record, record)
        folder = writable_folder(self.out, argument="--out")
        for path in export(self.record.stem, record, dataset, self.to, folder):
            print(path)
        print(source)
        return 0


@dataclass(frozen=True)
class Migrate:
    """Bring records of older schemas to the present one, all of them or none; what they say stays what it was.

    Attributes
    ----------
    places
        Folders, looked through to the bottom, or records.
    """

    places: Annotated[tuple[Path, ...], Positional, arg(metavar=PLACES, help_behavior_hint=REQUIRED)] = ()

    def __post_init__(self) -> None:
        if not self.places:
            raise ValueError("FOLDER|RECORD must be given: migrate rewrites files")

    def run(self) -> int:
        """Rewrite those that are older, and print their names."""
        from .migration import migrate

        found, changed = migrate(self.places)
        for path in changed:
            print(path)
        print(f"{len(changed)} of {found} records brought to the present schema")
        return 0
