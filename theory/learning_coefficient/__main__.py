"""`python -m theory.learning_coefficient "x**2*y**4" --at 0,0`: λ, m, method, certificate; several losses: an ideal."""

from __future__ import annotations

import sys
from collections.abc import Mapping, Sequence

from theory.command_line import Parser


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status (1 where the question is refused)."""
    parser = Parser(prog="python -m theory.learning_coefficient", description=__doc__)
    parser.add_argument("loss", nargs="+", help="a loss such as 'x**2*y**4'; several: the generators of an ideal")
    parser.add_argument("--at", metavar="POINT", help="the minimum, as 0,1/2 or as x=0,y=1/2; the origin if left out")
    parser.add_argument("--coordinates", metavar="NAMES", help="such as x,y; in order of name if left out")
    parser.add_argument("--prior", default="1", help="density near the point, such as 'abs(x)'")
    parser.add_argument("--domain", metavar="INEQUALITIES", help="such as 'x >= 0, x + y <= 1'; everywhere if left out")
    options = parser.parse_args(arguments)

    from theory.learning_coefficient.door import rlct
    from theory.learning_coefficient.local_problem import LearningCoefficientRefused

    loss = options.loss if len(options.loss) > 1 else options.loss[0]
    names = [name.strip() for name in options.coordinates.split(",")] if options.coordinates else None
    try:
        found = rlct(loss, names, _point(options.at), options.prior, _domain(options.domain))
    except LearningCoefficientRefused as error:
        print(f"refused: {error}", file=sys.stderr)
        for line in error.hints():
            print(line, file=sys.stderr)
        return 1
    except ValueError as error:
        print(f"error: {error}", file=sys.stderr)
        return 2
    print(f"λ = {found.value}, m = {found.multiplicity}\nmethod: {found.method}")
    for number, sentence in enumerate(found.certificate, 1):
        print(f"{number}. {sentence}")
    return 0


def _domain(text: str | None) -> list[str] | None:
    return None if text is None else [part.strip() for part in text.split(",")]


def _point(text: str | None) -> Mapping[str, str] | list[str] | None:
    if text is None:
        return None
    parts = [part.strip() for part in text.split(",")]
    if all("=" in part for part in parts):
        pairs = [part.partition("=") for part in parts]
        return {name.strip(): value for name, _, value in pairs}
    return parts


if __name__ == "__main__":
    sys.exit(main())
