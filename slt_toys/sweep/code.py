"""What computes: by this a sweep knows that it is continued by the code that began it."""

from __future__ import annotations

import hashlib
import importlib.util
import inspect
import platform
import sys
from collections.abc import Callable, Iterable, Mapping
from functools import cache
from importlib import metadata
from pathlib import Path
from typing import Any

from ..results.manifest import LIBRARIES

OWN = ("slt_toys", "theory")


@cache
def sources_hash(packages: tuple[str, ...]) -> str:
    """SHA-256 of every Python source of some packages, with their names."""
    total = hashlib.sha256()
    for package in packages:
        found = importlib.util.find_spec(package)
        for folder in sorted(found.submodule_search_locations or () if found else ()):
            for path in sorted(Path(folder).rglob("*.py")):
                total.update(f"{package}/{path.relative_to(folder).as_posix()}\0".encode())
                total.update(hashlib.sha256(path.read_bytes()).digest())
    return total.hexdigest()


def code_identity(packages: Iterable[str] = OWN, function: Callable[..., Any] | None = None) -> dict[str, Any]:
    """Hash of the sources, the interpreter and the libraries that numbers come from.

    Parameters
    ----------
    packages
        Whose sources count.
    function
        The source of whose module counts as well.
    """
    identity: dict[str, Any] = {"sources": sources_hash(tuple(packages)), "python": platform.python_version()}
    identity["libraries"] = {name: metadata.version(name) for name in LIBRARIES if _installed(name)}
    if function is not None:
        module = inspect.getmodule(function)
        try:
            text = inspect.getsource(module) if module is not None else ""
        except OSError:
            text = ""
        identity["function"] = hashlib.sha256(text.encode()).hexdigest()
    return identity


def _installed(name: str) -> bool:
    try:
        metadata.version(name)
    except metadata.PackageNotFoundError:
        return False
    return True


def difference(old: Mapping[str, Any], new: Mapping[str, Any]) -> str:
    """What differs between two identities, in words."""
    words = {"sources": "the sources", "function": "the function's module", "python": "Python"}
    told = [words[name] for name in words if old.get(name) != new.get(name)]
    libraries = {*old.get("libraries", {}), *new.get("libraries", {})}
    told += sorted(
        name for name in libraries if old.get("libraries", {}).get(name) != new.get("libraries", {}).get(name)
    )
    return ", ".join(told)


def name_of(function: Callable[..., Any]) -> str:
    """The name by which a worker finds a function: module and place in it.

    Raises
    ------
    ValueError
        If a worker cannot find it.
    """
    module, place = getattr(function, "__module__", None), getattr(function, "__qualname__", None)
    main: Any = sys.modules.get("__main__")
    found: Any = sys.modules.get(module or "")
    for part in (place or "?").split("."):
        found = getattr(found, part, None)
    typed = module == "__main__" and not getattr(main, "__file__", None)
    if found is not function or typed:
        told = f"{module}:{place}" if place else repr(function)
        raise ValueError(f"function: workers cannot import {told}; define it at the top of a module, such as a file")
    if module == "__main__":
        spec = getattr(main, "__spec__", None)
        module = spec.name if spec else Path(str(main.__file__)).stem
    return f"{module}:{place}"
