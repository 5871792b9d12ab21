"""Tables in a README that code writes: between ``<!-- table: name -->`` and ``<!-- /table: name -->``."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path

from .records import write_bytes_atomically


def replaced_table(text: str, table: str, name: str) -> str:
    """Put a table between the markers of its name.

    Raises
    ------
    ValueError
        When the text has no such markers.
    """
    opened, closed = f"<!-- table: {name} -->", f"<!-- /table: {name} -->"
    before, found, rest = text.partition(opened)
    _, ended, after = rest.partition(closed)
    if not (found and ended):
        raise ValueError(f"text has no place for the table; it needs {opened} and below it {closed}")
    return f"{before}{opened}\n{table}\n{closed}{after}"


def write_tables(path: Path, tables: Mapping[str, str]) -> None:
    """Replace the tables of a file in one step."""
    text = path.read_text(encoding="utf-8")
    for name, table in tables.items():
        text = replaced_table(text, table, name)
    write_bytes_atomically(text.encode("utf-8"), path)


def markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)
