"""Critical periods of a real network on CIFAR-10: replicate, resume, status, export, report, benchmark."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from typing import Annotated, Any

import tyro

from cifar.commands import Benchmark, Export, Report, Resume, Status
from cifar.replicate import Replicate
from slt_toys.results.progress import command_line

Command = (
    Annotated[Replicate, tyro.conf.subcommand("replicate")]
    | Annotated[Resume, tyro.conf.subcommand("resume")]
    | Annotated[Status, tyro.conf.subcommand("status")]
    | Annotated[Export, tyro.conf.subcommand("export")]
    | Annotated[Report, tyro.conf.subcommand("report")]
    | Annotated[Benchmark, tyro.conf.subcommand("benchmark")]
)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; returns the exit status."""
    command: Any = Command
    return command_line(command, lambda chosen: chosen.run(), arguments, description=__doc__)


if __name__ == "__main__":
    sys.exit(main())
