"""Right-hand sides of the equations as Python functions, printed by ``python -m theory`` beside its pages.

Deriving an equation takes from a moment to seconds, which would be spent again at every run. What was printed serves as
long as no source of the derivations has changed since; then the equation is derived anew. ``--check`` derives and
prints all of them and compares.
"""

from __future__ import annotations

import hashlib
import inspect
import json
from collections.abc import Callable
from functools import cache
from pathlib import Path
from typing import Any

import sympy

FOLDER = Path(__file__).parent
FILE = FOLDER / "printed.json"
MODULES = ["scipy", "numpy"]

__all__ = ["FILE", "check_printed", "compiled", "names_and_source", "print_all", "sources_digest"]


@cache
def sources_digest(folder: Path = FOLDER) -> str:
    """SHA-256 of all sources that derivations are made of, by their paths below ``folder``; pages are none of them."""
    digest = hashlib.sha256()
    for path in sorted(folder.rglob("*.py")):
        if "pages" not in path.relative_to(folder).parts:
            content = path.read_bytes().replace(b"\r\n", b"\n")
            digest.update(f"{path.relative_to(folder).as_posix()} {len(content)}\n".encode() + content)
    return digest.hexdigest()


def names_and_source(label: str) -> tuple[tuple[str, ...], str]:
    """Names of the symbols on the right-hand side, in order, and a Python function of them.

    Raises
    ------
    ValueError
        For an unknown label.
    """
    from theory.equations import equation

    right = equation(label).equation.rhs
    symbols = sorted(right.free_symbols, key=lambda symbol: symbol.name)
    function = sympy.lambdify(symbols, right, modules=MODULES)
    return tuple(symbol.name for symbol in symbols), inspect.getsource(function)


def print_all() -> str:
    """Every equation that can be printed, as JSON."""
    from theory.equations import EQUATIONS

    laws = {}
    for label in sorted(EQUATIONS):
        names, source = names_and_source(label)
        laws[label] = {"names": names, "source": source.splitlines()}
    return json.dumps({"sources": sources_digest(), "laws": laws}, indent=1) + "\n"


def check_printed(file: Path = FILE) -> list[str]:
    """Derive and print everything again and compare: one line if it differs, none if all is well."""
    present = file.read_text(encoding="utf-8") if file.is_file() else ""
    return [] if present == print_all() else [f"{file.name} is out of date; run python -m theory"]


@cache
def _kept(file: Path = FILE) -> dict[str, Any]:
    """What was printed, nothing where a source has changed since or the file cannot be read."""
    try:
        kept = json.loads(file.read_text(encoding="utf-8"))
        return kept["laws"] if kept["sources"] == sources_digest() else {}
    except (OSError, ValueError, KeyError, TypeError):
        return {}


def compiled(label: str) -> tuple[tuple[str, ...], Callable[..., Any]]:
    """Names of the symbols on the right-hand side, in order, and the function of them.

    Raises
    ------
    ValueError
        For an unknown label.
    """
    law = _kept().get(label)
    names, source = (tuple(law["names"]), "\n".join(law["source"])) if law else names_and_source(label)
    space = dict(_namespace())
    exec(compile(source, f"<[eq:{label}]>", "exec"), space)
    return names, space["_lambdifygenerated"]


@cache
def _namespace() -> dict[str, Any]:
    """What a printed function finds its functions in."""
    return sympy.lambdify([], sympy.Integer(0), modules=MODULES).__globals__
