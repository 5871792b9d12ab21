"""Records of results: list, show, verify, compare, export, migrate."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import tyro

from slt_toys.results.commands import Compare, Export, List, Migrate, Show, Verify
from slt_toys.results.progress import command_line

Command = (
    Annotated[List, tyro.conf.subcommand("list")]
    | Annotated[Show, tyro.conf.subcommand("show")]
    | Annotated[Verify, tyro.conf.subcommand("verify")]
    | Annotated[Compare, tyro.conf.subcommand("compare")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Migrate, tyro.conf.subcommand("migrate")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status: 0, 1 where something was found wrong, 2 where input is refused."""
    command: Any = Command
    found: list[int] = []
    refused = command_line(command, lambda chosen: found.append(chosen.run()), arguments, description=__doc__)
    return refused or found[0]


if __name__ == "__main__":
    sys.exit(main())
