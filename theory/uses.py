"""Where each equation is used, tested and drawn: read off the sources, so that no list can be wrong."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

ROOT = Path(__file__).resolve().parents[1]
LABEL = re.compile(r"\[eq:([a-z0-9-]+)\]")


@cache
def labels_by_file(folder: str) -> dict[str, tuple[frozenset[str], frozenset[str]]]:
    """For each source below a folder, the texts it holds as values and the labels it cites."""
    by_file = {}
    for path in sorted((ROOT / folder).rglob("*.py")):
        text = path.read_text(encoding="utf-8")
        values = {node.value for node in ast.walk(ast.parse(text)) if isinstance(node, ast.Constant)}
        texts = frozenset(value for value in values if isinstance(value, str))
        by_file[path.relative_to(ROOT).as_posix()] = texts, frozenset(LABEL.findall(text))
    return by_file


def files_with(label: str, *folders: str) -> tuple[str, ...]:
    """Sources that look an equation up by its label, or cite it in brackets."""
    files = {name: of for folder in folders for name, of in labels_by_file(folder).items()}
    return tuple(name for name, (values, cited) in files.items() if label in values or label in cited)


def used_by(label: str) -> tuple[str, ...]:
    """Sources of the packages that use an equation."""
    exact = ("theory/learning_coefficient",) if label.startswith("normal-crossing") else ()
    return files_with(label, "slt_toys", "cifar", *exact)


def drawn_in(label: str) -> tuple[str, ...]:
    """Sources of the figures that draw an equation."""
    return tuple(name for name in files_with(label, "figures") if not name.endswith("theory_pages.py"))
