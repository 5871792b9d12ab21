"""Records as a reader sees them on the terminal: one in full, many in a table, two beside each other."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import xarray as xr

from .claims import VERDICTS, interval_text, number_text
from .compare import Comparison, Number
from .verification import Checked

COLUMNS = ("record", "date", "seed", "commit", "wall time", "yes/no/cannot tell", "bytes", "state")
ROWS_OF_ONE = 60  # of a variable shown whole by name
WIDEST = 60  # characters of a cell


def columns(headings: Sequence[str], rows: Iterable[Sequence[Any]], widest: int | None = WIDEST) -> list[str]:
    """Lines of a table of text, two spaces between its columns; longer cells than ``widest`` are cut."""
    cells = [[_cell(value, widest) for value in row] for row in (headings, *rows)]
    widths = [max(map(len, column)) for column in zip(*cells, strict=True)]
    return ["  ".join(cell.ljust(width) for cell, width in zip(row, widths, strict=True)).rstrip() for row in cells]


def _cell(value: Any, widest: int | None) -> str:
    text = "none" if value is None else " ".join(str(value).split())
    return text if widest is None or len(text) <= widest else f"{text[: widest - 1]}…"


def row_of(checked: Checked) -> dict[str, Any]:
    """What a list tells of a record, for people and for programs."""
    record = checked.record or {}
    manifest = record.get("manifest", {})
    verdicts = [claim["verdict"] for claim in record.get("claims", [])]
    return {
        "path": str(checked.path),
        "name": checked.path.stem,
        "date_utc": manifest.get("date_utc"),
        "seed": manifest.get("seed"),
        "git_commit": manifest.get("git_commit"),
        "git_modified": manifest.get("git_modified"),
        "config_sha256": manifest.get("config_sha256"),
        "wall_time_seconds": manifest.get("wall_time_seconds"),
        "claims": {verdict: verdicts.count(verdict) for verdict in VERDICTS},
        "bytes": checked.size,
        "state": checked.state,
    }


def list_lines(found: Iterable[Checked]) -> list[str]:
    """A table of records; an asterisk marks a commit whose code was changed."""
    rows = []
    for row in map(row_of, found):
        commit = "-" if row["git_commit"] is None else row["git_commit"][:9] + "*" * (row["git_modified"] is not False)
        seconds = "-" if row["wall_time_seconds"] is None else f"{row['wall_time_seconds']:.1f} s"
        claims = "/".join(str(count) for count in row["claims"].values())
        date, seed = (row["date_utc"] or "-")[:19], "-" if row["seed"] is None else row["seed"]
        rows.append(
            (Path(row["path"]).with_suffix(""), date, seed, commit, seconds, claims, row["bytes"], row["state"])
        )
    return columns(COLUMNS, rows, None)


def record_lines(path: Path, record: Mapping[str, Any]) -> list[str]:
    """What a record is and what made it."""
    manifest = record["manifest"]
    commit, seed, python = (manifest.get(name) for name in ("git_commit", "seed", "python"))
    state = {True: ", changed since", False: ""}.get(manifest.get("git_modified"), ", perhaps changed since")
    seconds = [manifest.get(name) for name in ("wall_time_seconds", "cpu_time_seconds")]
    wall, processor = ("unknown" if each is None else f"{each:.1f} s" for each in seconds)
    code = f"{manifest.get('package')} {manifest.get('version')}, commit {commit or 'unknown'}{state}"
    return [
        f"{path}: {record.get('title', 'no title')}",
        *([f"warning: {record['warning']}"] if record.get("warning") else []),
        f"made {manifest.get('date_utc')} by {code}",
        f"seed {seed}, wall time {wall}, processor time {processor}, Python {python}",
        f"configuration {manifest.get('config_sha256')}",
        f"files: {', '.join(manifest['files']) or 'none'}",
    ]


def claim_lines(record: Mapping[str, Any]) -> list[str]:
    """Every claim: verdict, name, numbers, and its sentence below."""
    lines = []
    for claim in record.get("claims", []):
        interval = "" if claim["interval"] is None else f" {interval_text(*claim['interval'])}"
        expected = "" if claim["expected"] is None else f", expected {number_text(claim['expected'])}"
        lines += [f"{claim['verdict']}: {claim['name']} = {number_text(claim['value'])}{interval}{expected}",
                  f"    {claim['sentence']}"]  # fmt: skip
    return lines or ["no claims"]


def config_lines(record: Mapping[str, Any]) -> list[str]:
    """Every option of the run."""
    config = record["manifest"]["config"]
    rows = config.items() if isinstance(config, dict) else [("config", config)]
    return [f"{name} = {value}" for name, value in rows]


def names_lines(dataset: xr.Dataset) -> list[str]:
    """The names of all numbers, each with its dimensions."""
    rows = [(name, ", ".join(f"{dim}: {n}" for dim, n in v.sizes.items()) or "one") for name, v in
            dataset.variables.items()]  # fmt: skip
    return columns(("number", "over"), rows) if rows else ["no numbers"]


def number_lines(dataset: xr.Dataset, name: str) -> list[str]:
    """Every value of one variable with its place.

    Raises
    ------
    ValueError
        If there is no such variable.
    """
    from .export import column_of, number_rows

    if name not in dataset.variables:
        near = ", ".join(str(each) for each in dataset.variables) or "none"
        raise ValueError(f"--numbers must be one of the record's ({near}), not {name!r}")
    rows = list(number_rows(dataset, [name]))
    dims = [column_of(dim) for dim in dataset[name].dims]
    shown = [[*(row[dim] for dim in dims), row["value"] if row["text"] is None else row["text"]] for row in rows]
    rest = [f"and {len(shown) - ROWS_OF_ONE} more; export has all"] if len(shown) > ROWS_OF_ONE else []
    return [*columns([*dims, name], shown[:ROWS_OF_ONE]), *rest]


def comparison_lines(told: Comparison, most: int) -> list[str]:
    """What differs between two runs: what made them, verdicts, then numbers, ``most`` of each kind at most."""
    lines = columns(("made by another", "old", "new"), told.differences)
    lines = lines if told.differences else ["made by: the same configuration, seed, commit and versions"]
    lines += ["", *_same_lines(told)]
    lines += ["", f"verdicts that changed: {len(told.verdicts)}"]
    lines += [f"  {name}: {old} -> {new}" for name, old, new in told.verdicts]
    if told.apart:
        lines += ["", f"not compared: {len(told.apart)}", *(f"  {each}" for each in told.apart[:most])]
        lines += _rest(len(told.apart), most)
    if told.known:
        lines += ["", *_known_lines(told, most)]
    bare = told.without_error
    lines += ["", f"numbers that changed and have no error, so nobody can tell whether by chance: {len(bare)}"]
    rows = _bare_rows(told, bare)
    lines += [f"  {line}" for line in columns(BARE, rows[:most])] if rows else []
    lines += _rest(len(rows), most)
    if told.texts:
        lines += ["", f"texts that changed: {len(told.texts)}"]
        lines += [f"  {row}" for row in columns(("name", "place", "old", "new"), told.texts[:most])]
        lines += _rest(len(told.texts), most)
    return lines


def _known_lines(told: Comparison, most: int) -> list[str]:
    known, moved = told.known, told.moved
    changed = [n for n in known if n.changed]
    square = math.sqrt(sum(n.z**2 for n in changed) / max(len(changed), 1))
    lines = [
        f"numbers with an error: {len(known)}; {len(changed)} of them changed, by {square:.2f} standard errors (root "
        "mean square; about 1 between two seeds if nothing else changed, wider where numbers go together)",
        f"moved by more than {told.bound:.1f} standard errors, which one of all passes by chance in one comparison of "
        f"twenty: {len(moved)}",
    ]
    lines += _table(moved[:most]) + _rest(len(moved), most)
    if changed and not moved:
        lines += ["  those that moved most:", *_table(changed[:3])]
    return lines


KNOWN = ("name", "place", "old", "new", "moved by", "standard errors", "error from")
BARE = ("name", "changed", "most at", "old", "new", "by")


def _same_lines(told: Comparison) -> list[str]:
    changed = sum(n.changed for n in told.numbers)
    equal = f"{len(told.numbers) - changed} of {len(told.numbers)} numbers are equal to the last bit"
    if told.must_be_equal:
        wrong = bool(changed or told.texts or told.apart)
        rule = "configuration, seed, code and versions agree: every bit must be equal"
        return [f"{rule}, and {'IS NOT' if wrong else 'is'}: {equal}"]
    if not told.comparable:
        return [f"the configurations differ: only what both share is compared; {equal}"]
    if told.same_seed:
        doubt = "the code is another or not known by a commit" if not told.same_code else "the code agrees"
        return [f"the seed is the same and {doubt}: differences are not those of two independent runs; {equal}"]
    return [f"two seeds: differences are those of independent runs; {equal}"]


def _table(numbers: Sequence[Number]) -> list[str]:
    rows = [
        (n.name, n.place, _told(n.old), _told(n.new), f"{n.new - n.old:.3g}", f"{n.z:+.1f}", n.source) for n in numbers
    ]
    return [f"  {line}" for line in columns(KNOWN, rows)] if rows else []


def _bare_rows(told: Comparison, bare: Sequence[Number]) -> list[Sequence[str]]:
    """A row for each name: how many of its numbers changed, and the one that changed most."""
    places = Counter(n.name for n in told.numbers)
    changed = Counter(n.name for n in bare)
    rows, seen = [], set()
    for n in bare:  # those that changed most first
        if n.name not in seen:
            seen.add(n.name)
            share = "all of it" if math.isinf(n.relative) else f"{100 * n.relative:.3g} %"
            count = f"{changed[n.name]} of {places[n.name]}"
            rows.append((n.name, count, n.place, _told(n.old), _told(n.new), share))
    return rows


def _told(value: float) -> str:
    return "none" if math.isnan(value) else f"{value:.6g}"


def _rest(count: int, most: int) -> list[str]:
    return [f"  and {count - most} more; --most shows them"] if count > most else []
