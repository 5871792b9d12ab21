"""`python -m theory.learning_coefficient.table`: published learning coefficients, asked again, as a page of docs."""

from __future__ import annotations

import sys
import time
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from sympy import Rational

from theory.command_line import Parser
from theory.files import write_in_one_go
from theory.learning_coefficient.local_problem import LearningCoefficient, LearningCoefficientRefused
from theory.learning_coefficient.published import models, polynomials
from theory.learning_coefficient.published.cases import BY_HAND, SOURCES, Case

PAGE = Path(__file__).resolve().parents[2] / "docs" / "results" / "learning_coefficients.md"
LIMIT = 60.0
HEADER = "| case | source | known λ, m | found λ, m | method | s |"
_OPENING = """# Learning coefficients: every known value asked again

A *case* has a learning coefficient λ and, where its source states one, a multiplicity m, which are published or, where
the source is "-", known by hand. An ideal (f, g, ...) stands for the loss f^2 + g^2 + ...; what has no parentheses
around it is a loss. The engine (`theory.learning_coefficient`) is given the loss, the ideal or the model alone, and has
to prove its answer. *Theorem* in the column of methods is the published formula itself: such a row says no more than
that the formula is copied rightly. Where there is no proof, bounds are named. Seconds are of one processor.

Written by `python -m theory.learning_coefficient.table`.
"""


@dataclass(frozen=True)
class Row:
    """A case and what the engine said to it in `seconds` of one processor: an answer or a refusal."""

    case: Case
    answer: LearningCoefficient | LearningCoefficientRefused
    seconds: float

    @property
    def decided(self) -> bool:
        """Whether there is an answer."""
        return isinstance(self.answer, LearningCoefficient)

    @property
    def right(self) -> bool:
        """Whether the answer is the known one, or the bounds of the refusal hold it."""
        if isinstance(self.answer, LearningCoefficient):
            return self.answer.value == self.case.value and self.case.multiplicity in (None, self.answer.multiplicity)
        lower, upper = self.answer.lower, self.answer.upper
        return (lower is None or lower <= self.case.value) and (upper is None or self.case.value <= upper)


def cases() -> list[Case]:
    """Every row of the table, in order."""
    return [case for family in (*polynomials.FAMILIES, *models.FAMILIES) for case in family()]


def ask(case: Case) -> Row:
    """Put one question to the engine."""
    start = time.process_time()
    try:
        answer = case.ask()
    except LearningCoefficientRefused as error:
        answer = error
    return Row(case, answer, time.process_time() - start)


def page(rows: Sequence[Row]) -> str:
    """The page of docs, from answers to all cases."""
    lines = [_OPENING, *_counts(rows)]
    for family in dict.fromkeys(row.case.family for row in rows):
        lines += ["", f"## {family}", "", HEADER, "| --- | --- | --- | --- | --- | --- |"]
        lines += [_line(row) for row in rows if row.case.family == family]
    lines += ["", "## Sources", ""]
    lines += [f"- {key}: {text}." for key, text in SOURCES.items()]
    return "\n".join(lines) + "\n"


def _counts(rows: Sequence[Row]) -> list[str]:
    published = [row for row in rows if row.case.published]
    decided = [row for row in published if row.decided]
    proved = [row for row in decided if not row.case.theorem]
    open_rows = [row for row in rows if not row.decided]
    wrong = [row for row in rows if not row.right]
    slowest = max(rows, key=lambda row: row.seconds)
    lines = [
        f"There are {len(rows)} cases; {len(published)} values are published. Of these {len(decided)} are decided,",
        f"{len(proved)} of them by proof from the loss, the ideal or the model, {len(decided) - len(proved)} by the "
        "theorem that is their source.",
        f"Answers and bounds that contradict the known value: {len(wrong)}. The slowest case took "
        f"{slowest.seconds:.0f} s.",
        "",
        "These could not be confirmed:" if open_rows else "All are confirmed.",
    ]
    if open_rows:
        lines.append("")
        lines += [f"- {row.case.name}: known {_pair(row.case)}; {_found(row)}." for row in open_rows]
    return lines


def _line(row: Row) -> str:
    case = row.case
    source = case.source if case.source != BY_HAND else "-"
    method = "theorem" if case.theorem else row.answer.method if isinstance(row.answer, LearningCoefficient) else "-"
    seconds = f"{row.seconds:.1f}"
    mark = "" if row.right else " **contradiction**"
    return f"| {case.name} | {source} | {_pair(case)} | {_found(row)}{mark} | {method} | {seconds} |"


def _pair(case: Case) -> str:
    return f"{case.value}, {case.multiplicity or '-'}"


def _found(row: Row) -> str:
    if isinstance(row.answer, LearningCoefficient):
        return f"{row.answer.value}, {row.answer.multiplicity}"
    return f"refused, {_end(row.answer.lower)} <= λ <= {_end(row.answer.upper)}"


def _end(bound: Rational | None) -> str:
    return "?" if bound is None else str(bound)


def main(arguments: Sequence[str] | None = None) -> int:
    """Run the command line; return its exit status (1 where an answer contradicts the known one or takes too long)."""
    parser = Parser(prog="python -m theory.learning_coefficient.table", description=__doc__)
    parser.add_argument("--page", type=Path, default=PAGE, help="file to write, a page of docs if left out")
    parser.add_argument("--family", help="print the rows of this family alone, and write nothing")
    options = parser.parse_args(arguments)
    chosen = [case for case in cases() if options.family in (None, case.family)]
    if not chosen:
        names = ", ".join(dict.fromkeys(case.family for case in cases()))
        print(f"error: --family: {options.family!r} is none; expected one of {names}", file=sys.stderr)
        return 2
    rows = []
    for case in chosen:
        rows.append(ask(case))
        print(_line(rows[-1]), flush=True)
    if options.family is None:
        write_in_one_go(page(rows).encode(), options.page)
    return int(any(not row.right or row.seconds > LIMIT for row in rows))


if __name__ == "__main__":
    sys.exit(main())
