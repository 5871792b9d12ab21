"""What a message calls an argument: by its name in Python, or by its option while a command runs.

A refusal is written where it is found, far below the door that the value came through. It holds an `Argument`, which is
put into words when the message is made.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass

__all__ = [
    "BOX", "BOX_NAME", "BOX_PAIR", "DEFICIT", "PARAMETERS", "PHASES", "REFLECTING", "SYMMETRIC_BOX", "Argument",
    "options_named",
]  # fmt: skip

_doors: list[frozenset[str]] = []  # options of the commands that run: seen by every thread, as a command is


@dataclass(frozen=True)
class Argument:
    """An argument as messages name it.

    Attributes
    ----------
    python
        In Python, such as ``box=``.
    option
        On the command line, such as ``--box``.
    without
        On a command line that has no such option; default: as in Python.
    """

    python: str
    option: str
    without: str = ""

    def __str__(self) -> str:
        if not _doors:
            return self.python
        return self.option if self.option.split()[0] in _doors[-1] else self.without or self.python

    def __format__(self, spec: str) -> str:
        return format(str(self), spec)


@contextmanager
def options_named(names: Iterable[str]) -> Iterator[None]:
    """While the block runs, messages name the options of a command with these fields, such as ``batch_size``."""
    _doors.append(frozenset(f"--{name.replace('_', '-')}" for name in names))
    try:
        yield
    finally:
        _doors.pop()


WALLS = "walls that reflect"
BOX = Argument("box=", "--box", WALLS)
BOX_NAME = Argument("box", "--box")
BOX_PAIR = Argument("box=(low, high)", "--box LOW HIGH", WALLS)
SYMMETRIC_BOX = Argument("box=(-c, c)", "--box -C C", WALLS)
DEFICIT = Argument("deficit=", "--deficit", "a deficit of its own")
PARAMETERS = Argument("parameters", "--parameter")
PHASES = Argument("phases=", "--phase")
REFLECTING = Argument("boundary='reflecting'", "--boundary reflecting", WALLS)
