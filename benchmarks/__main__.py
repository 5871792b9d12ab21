"""``python -m benchmarks``: measure everything, print the page, write it to RESULTS.md beside this file."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from benchmarks.measure import REPETITIONS
from benchmarks.report import RESULTS, make_report, write


def main(arguments: list[str] | None = None) -> int:
    """Return 0, or 1 when a limit was missed."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=__doc__)
    parser.add_argument("--repetitions", type=int, default=REPETITIONS, help="pairs in a comparison")
    parser.add_argument("--out", type=Path, default=RESULTS, help="page to write")
    chosen = parser.parse_args(arguments)
    if chosen.repetitions < 1:
        parser.error(f"--repetitions must be at least 1, not {chosen.repetitions}")
    if not chosen.out.parent.is_dir():
        parser.error(f"--out must lie in a folder that exists, not {chosen.out.parent}")
    report = make_report(chosen.repetitions, lambda what: print(f"... {what}", file=sys.stderr, flush=True))
    write(report.page, chosen.out)
    print(report.page)
    for line in report.missed:
        print(f"missed: {line}", file=sys.stderr)
    return 1 if report.missed else 0


if __name__ == "__main__":
    sys.exit(main())
