"""The page of results: one line for each experiment, from its record."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

from .stage import title, toctree

VERDICTS = ("no", "cannot tell", "yes")


def records(root: Path) -> dict[str, dict[str, Any]]:
    """By its name, every committed record that has claims, those of experiments before those of the zoo."""
    found = {path.stem: json.loads(path.read_text(encoding="utf-8")) for path in (root / "figures").glob("*.json")}
    found = {name: record for name, record in found.items() if record.get("claims") and "manifest" in record}
    return dict(sorted(found.items(), key=lambda item: (item[0].startswith("zoo"), item[0])))


def counted(record: dict[str, Any]) -> dict[str, int]:
    """How many claims of a record have each verdict."""
    said = [str(claim["verdict"]) for claim in record["claims"]]
    return {verdict: said.count(verdict) for verdict in VERDICTS}


def results_page(root: Path) -> str:
    """Every experiment with what its claims said; numbers stand on its own page."""
    rows, names = [], []
    for name, record in records(root).items():
        page = root / "docs" / "results" / f"{name}.md"
        if not page.is_file():
            continue
        names.append(f"docs/results/{name}")
        counts, manifest = counted(record), record["manifest"]
        rows.append(
            f"| [{title(page)}]({name}.md) | {counts['no']} | {counts['cannot tell']} | {counts['yes']} "
            f"| {manifest['date_utc'][:10]} | `{manifest['git_commit'][:10]}` |"
        )
    known = {name.rpartition("/")[2] for name in names}
    others = [path for path in sorted((root / "docs" / "results").glob("*.md")) if path.stem not in known]
    names += [f"docs/results/{path.stem}" for path in others]
    alone = [f"- [{title(path)}]({path.name})" for path in others]
    return "\n".join([
        "# Results", "",
        "One page for each experiment, written by its command from a committed record. A *claim* is a sentence with a "
        "number, its 95 % interval and what was expected; the columns count the claims that do not hold, that cannot "
        "be told, and that hold.", "",
        "| experiment | no | cannot tell | yes | run on | by commit |", "| --- | --- | --- | --- | --- | --- |",
        *rows, "",
        *(["Without a record of their own:", "", *alone, ""] if alone else []),
        toctree(names, hidden=True), "",
    ])  # fmt: skip
