"""`python -m theory` renders pages and printed laws; `python -m theory --check` re-derives and compares them."""

from __future__ import annotations

import os
import sys
from collections.abc import Sequence
from pathlib import Path

from theory.command_line import Parser

PAGES_FOLDER = Path(__file__).parent / "pages"


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status."""
    parser = Parser(prog="python -m theory", description=__doc__)
    parser.add_argument("--check", action="store_true", help="re-derive everything; exit 1 if a page is out of date")
    parser.add_argument("--folder", type=Path, default=PAGES_FOLDER, help="where the pages are")
    parser.add_argument("--latex", type=Path, metavar="FILE", help="write all pages as one LaTeX document instead")
    options = parser.parse_args(arguments)

    from theory.derivation import DerivationError
    from theory.files import write_in_one_go
    from theory.pages.render import check_pages, render_latex, write_pages
    from theory.printed import FILE, check_printed, print_all

    own = options.folder.resolve() == PAGES_FOLDER.resolve()
    if options.check:
        problems = check_pages(options.folder)
        problems += check_printed() if own and not problems else []
        for problem in problems:
            print(problem)
        if not problems:
            print("every derivation closes and every page is up to date")
        return 1 if problems else 0
    try:
        if options.latex:
            pictures = os.path.relpath(PAGES_FOLDER, options.latex.parent)
            write_in_one_go(render_latex(Path(pictures).as_posix()).encode(), options.latex)
            print(options.latex)
        else:
            if own:
                write_in_one_go(print_all().encode(), FILE)
            print(f"{len(write_pages(options.folder))} pages written to {options.folder}")
    except (DerivationError, OSError) as error:
        print(f"error: cannot render the pages: {error}", file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
