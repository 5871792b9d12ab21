"""`python -m theory` renders the theory pages; `python -m theory --check` re-derives and compares them."""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from theory.derivation import DerivationError
from theory.pages.render import PAGES_FOLDER, check_pages, write_pages


def main(arguments: list[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = argparse.ArgumentParser(prog="python -m theory", description=__doc__)
    parser.add_argument("--check", action="store_true", help="re-derive everything; exit 1 if a page is out of date")
    parser.add_argument("--folder", type=Path, default=PAGES_FOLDER, help="where the pages are")
    options = parser.parse_args(arguments)
    if options.check:
        problems = check_pages(options.folder)
        for problem in problems:
            print(problem)
        if not problems:
            print("every derivation closes and every page is up to date")
        return 1 if problems else 0
    try:
        written = write_pages(options.folder)
    except (DerivationError, OSError) as error:
        print(f"cannot render the pages: {error}", file=sys.stderr)
        return 1
    print(f"{len(written)} pages written to {options.folder}")
    return 0


if __name__ == "__main__":
    sys.exit(main())
