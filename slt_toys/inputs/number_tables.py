"""Tables of numbers, read strictly: a cell that could be misread is refused with its line.

Cells are separated by commas, or by semicolons or tabs where the first line is. Between those, or in quotes, a decimal
comma is read as a point, as long as no cell of the table has a point and not every comma could be one of thousands.
"""

from __future__ import annotations

import csv
import io
import math
import re
from collections.abc import Sequence

__all__ = ["decode_table", "number", "read_rows"]

NUMBER = re.compile(r"[+-]?(\d+\.?\d*|\.\d+)([eE][+-]?\d+)?", re.ASCII)
SEPARATORS = {";": "semicolons", "\t": "tabs", "|": "bars"}
DECIMAL_COMMA = re.compile(r"[+-]?(\d*),(\d+)([eE][+-]?\d+)?", re.ASCII)


def decode_table(content: bytes, source: str) -> str:
    """Text of a table in UTF-8, with or without a byte order mark.

    Raises
    ------
    ValueError
        For anything else: another encoding, or a file that is no text.
    """
    try:
        text = content.decode("utf-8-sig")
    except UnicodeDecodeError:
        text = "\0"
    if "\0" in text:
        raise ValueError(f"{source} is no text; give comma-separated values in UTF-8")
    return text


def read_rows(
    text: str, source: str, columns: Sequence[str], optional: Sequence[str] = (), *, mark: str = ","
) -> tuple[list[str], list[tuple[int, dict[str, str]]]]:
    """Cells by column name, row by row.

    Parameters
    ----------
    text
        Separated by commas, semicolons or tabs; the first line names the columns. Blank lines are passed over.
    source
        What to call the table in a message.
    columns
        That it must have.
    optional
        That it may have; others are passed over.
    mark
        Between the source and the line in a message.

    Returns
    -------
    The columns that were found, of those asked for, and each row's line number with its cells.

    Raises
    ------
    ValueError
        In one line with the line's number, for a table that is empty or has other separators, for columns that are
        missing, nameless or named twice, for rows with more or fewer cells than there are columns, and for commas that
        may be decimal or of thousands.
    """
    separator = _separator(text, columns)
    reader = csv.reader(io.StringIO(text, newline=None), delimiter=separator, skipinitialspace=True, strict=True)
    numbered: list[tuple[int, list[str]]] = []
    try:
        line = 1
        for cells in reader:
            if any(cell.strip() for cell in cells) or len(cells) > 1:
                numbered.append((line, [cell.strip() for cell in cells]))
            line = reader.line_num + 1
    except csv.Error as error:
        raise ValueError(f"{source}{mark} line {reader.line_num}: no comma-separated values: {error}") from None
    wanted = f"its first line must name {', '.join(columns)}"
    if optional:
        wanted += f" and, where known, {', '.join(optional)}"
    names = numbered[0][1] if numbered else []
    head = source + mark.strip(",")
    if not names:
        raise ValueError(f"{head} is empty: it has no column {columns[0]!r}; {wanted}")
    _check_names(names, head, columns, wanted)
    known = [name for name in (*columns, *optional) if name in names]
    rows = []
    for line, cells in numbered[1:]:
        _check_length(cells, names, known, f"{source}{mark} line {line}", separator)
        padded = [*cells, *[""] * (len(names) - len(cells))]
        rows.append((line, dict(zip(names, padded, strict=True))))
    return known, _with_points(rows, known, f"{source}{mark}")  # between commas only a quoted cell can hold one


def _separator(text: str, columns: Sequence[str]) -> str:
    """The first one that parts the first line into the columns' names; a comma where none does."""
    head = next((line for line in text.splitlines() if line.strip()), "")
    for mark in (",", ";", "\t"):
        if set(columns) <= {cell.strip(' "') for cell in head.split(mark)}:
            return mark
    return ","


def _with_points(
    rows: list[tuple[int, dict[str, str]]], known: list[str], source: str
) -> list[tuple[int, dict[str, str]]]:
    """Rows whose decimal commas are points."""
    cells = [(line, name, row[name]) for line, row in rows for name in known]
    commas = [(line, name, text, match) for line, name, text in cells if (match := DECIMAL_COMMA.fullmatch(text))]
    if not commas:
        return rows
    line, name, text, _ = commas[0]
    for other, column, shown in cells:
        if "." in shown:
            raise ValueError(
                f"{source} line {other}, column {column!r}: {shown!r} has a point where {text!r} of line {line} has a "
                "comma; write all decimals in one way, and thousands without a separator"
            )
    unclear = [cell for cell in commas if len(cell[3][2]) == 3 and cell[3][1].lstrip("+-0") and len(cell[3][1]) <= 3]
    whole = [cell for cell in unclear if cell[3][2] == "000"]
    if whole or len(unclear) == len(commas):
        line, name, text, _ = (whole or unclear)[0]
        raise ValueError(
            f"{source} line {line}, column {name!r}: the comma in {text!r} may be decimal or part thousands; write "
            "decimals with a point and thousands without a separator"
        )
    return [
        (line, {name: _with_point(cell) if name in known else cell for name, cell in row.items()}) for line, row in rows
    ]


def _with_point(cell: str) -> str:
    return cell.replace(",", ".") if DECIMAL_COMMA.fullmatch(cell) else cell


def _check_names(names: list[str], source: str, columns: Sequence[str], wanted: str) -> None:
    for name in columns:
        if name in names:
            continue
        other = next((word for mark, word in SEPARATORS.items() if any(mark in own for own in names)), "")
        hint = f"; it is separated by {other}, where commas and decimal points are needed" if other else ""
        raise ValueError(f"{source} has no column {name!r}{hint}; {wanted}")
    for place, name in enumerate(names, start=1):
        if not name:
            raise ValueError(f"{source} has no name for column {place} of line 1; name it, or leave out its comma")
        if names.count(name) > 1:
            raise ValueError(f"{source} has column {name!r} named twice in its first line; leave one of them out")


def _check_length(cells: list[str], names: list[str], known: list[str], place: str, separator: str) -> None:
    if len(cells) > len(names) and separator != ",":
        raise ValueError(f"{place}: {len(cells)} cells where the first line names {len(names)} columns")
    if len(cells) > len(names):
        raise ValueError(
            f"{place}: {len(cells)} cells where the first line names {len(names)} columns; write decimals with a point "
            "(89.8, not 89,8), thousands without a comma, and name every column"
        )
    other = next((word for mark, word in SEPARATORS.items() if mark in cells[0]), "")
    if len(cells) < len(names) and (other or names[len(cells)] not in known):  # else the empty cell is refused by name
        hint = f"; it is separated by {other}, where the first line has commas" if other and separator == "," else ""
        raise ValueError(f"{place}: {len(cells)} cells where the first line names {len(names)} columns{hint}")


def number(text: str, place: str) -> float:
    """A finite number as Python writes it, in ASCII digits with a decimal point.

    Raises
    ------
    ValueError
        In one line that begins with ``place``.
    """
    if not text:
        raise ValueError(f"{place}: '' is not a number: an empty cell; every row needs one")
    try:
        value = float(text)
    except ValueError:
        value = 0.0
    if not math.isfinite(value):
        raise ValueError(f"{place}: {text!r} is not finite; every row needs a finite number")
    if not NUMBER.fullmatch(text):
        hint = ""
        if re.search(r"\d[,' _\u00a0\u2009\u202f]\d", text):
            hint = "; write decimals with a point (89.8) and thousands without a separator"
        elif text.endswith("%"):
            hint = "; leave the per cent sign out"
        raise ValueError(f"{place}: {text!r} is not a number{hint}")
    return value
