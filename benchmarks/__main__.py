"""``python -m benchmarks``: measure everything, print the page, write it to RESULTS.md beside this file."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from pathlib import Path

from benchmarks import REPETITIONS, RESULTS
from theory.command_line import Parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Return 0, or 1 when a limit was missed."""
    parser = Parser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, help="pairs in a comparison")
    parser.add_argument("--out", type=Path, default=RESULTS, help="page to write")
    chosen = parser.parse_args(arguments)
    if chosen.repetitions < 1:
        parser.error(f"--repetitions must be at least 1, not {chosen.repetitions}")

    from slt_toys.results.records import writable_folder
    from theory.files import write_in_one_go

    try:
        writable_folder(chosen.out.parent, argument="--out")
    except OSError as error:
        parser.error(str(error))

    from benchmarks.report import make_report

    report = make_report(chosen.repetitions, lambda what: print(f"... {what}", file=sys.stderr, flush=True))
    write_in_one_go(report.page.encode(), chosen.out)
    print(report.page)
    for line in report.missed:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
