"""What an experiment amounts to: claims, tables, and the page that shows them."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import asdict, dataclass, field
from typing import Any, Literal

Verdict = Literal["yes", "no", "cannot tell"]
VERDICTS = ("yes", "no", "cannot tell")
MOST_WORDS = 25
MOST_CLAIMS = 8


@dataclass(frozen=True)
class Claim:
    """One thing that an experiment says, in a way that could have come out otherwise.

    Attributes
    ----------
    name
        By which README and the documentation name it: lower case with hyphens, such as "end-at-128".
    sentence
        At most 25 words: subject, verb, number, interval.
    value
        The number; None where there is none.
    interval
        Low and high end at 95 %; an open end is None.
    expected
        What the law says of that number; None where there is no such law.
    verdict
        Whether the claim holds: "yes", "no" or "cannot tell".
    """

    name: str
    sentence: str
    value: float | None
    interval: tuple[float | None, float | None] | None
    expected: float | None
    verdict: Verdict

    def __post_init__(self) -> None:
        if self.verdict not in VERDICTS:
            raise ValueError(f"verdict must be one of {', '.join(VERDICTS)}, not {self.verdict!r}")
        words = len(self.sentence.split())
        if not 0 < words <= MOST_WORDS:
            raise ValueError(f"sentence must have 1 to {MOST_WORDS} words, not {words}: {self.sentence}")
        if not self.name or set(self.name) - set("abcdefghijklmnopqrstuvwxyz0123456789-"):
            raise ValueError(f"name must be lower case with hyphens, not {self.name!r}")
        for number in (self.value, self.expected, *(self.interval or ())):
            if number is not None and not math.isfinite(number):
                raise ValueError(f"numbers of claim {self.name!r} must be finite or None, not {number}")

    @classmethod
    def of(
        cls,
        name: str,
        sentence: str,
        value: float,
        interval: tuple[float, float] = (math.nan, math.nan),
        expected: float = math.nan,
        verdict: Verdict | None = None,
    ) -> Claim:
        """A claim whose numbers may be NaN for none; by default it holds if its interval holds ``expected``."""
        ends = tuple(end if math.isfinite(end) else None for end in interval)
        return cls(
            name, sentence, value if math.isfinite(value) else None,
            None if ends == (None, None) else (ends[0], ends[1]), expected if math.isfinite(expected) else None,
            verdict or inside(expected, *interval),
        )  # fmt: skip


@dataclass(frozen=True)
class Table:
    """A table: its name, a caption in one sentence, headings, and rows of text."""

    name: str
    caption: str
    headings: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]

    def __post_init__(self) -> None:
        for row in self.rows:
            if len(row) != len(self.headings):
                raise ValueError(f"rows of table {self.name!r} must have {len(self.headings)} cells, not {len(row)}")

    @classmethod
    def of_columns(cls, name: str, caption: str, columns: Mapping[str, Sequence[str]]) -> Table:
        """A table by its columns, from heading to cells."""
        return cls(name, caption, tuple(columns), tuple(zip(*columns.values(), strict=True)))


@dataclass(frozen=True)
class Outcome:
    """What a run amounts to.

    Attributes
    ----------
    title
        Of the page.
    introduction
        What was asked and how, with every term that the tables use.
    claims
        At most eight, the one that speaks against the law first.
    tables
        In order.
    figures
        By file name without ending: what has matplotlib's ``savefig``.
    warning
        One sentence that stands before everything else, where what was fitted is not to be trusted; else empty.
    """

    title: str
    introduction: str
    claims: tuple[Claim, ...]
    tables: tuple[Table, ...]
    figures: Mapping[str, Any] = field(default_factory=dict)
    warning: str = ""

    def __post_init__(self) -> None:
        if len(self.claims) > MOST_CLAIMS:
            raise ValueError(f"claims must be {MOST_CLAIMS} at most, not {len(self.claims)}")
        for what, parts in (("claims", self.claims), ("tables", self.tables)):
            names = [part.name for part in parts]
            if len(set(names)) < len(names):
                raise ValueError(f"{what} must have names of their own, not {names}")

    def to_dict(self) -> dict[str, Any]:
        """What the JSON record holds of it; the page is written from that alone."""
        return {
            "title": self.title,
            **({"warning": self.warning} if self.warning else {}),
            "introduction": self.introduction,
            "claims": [asdict(claim) for claim in self.claims],
            "tables": [asdict(table) for table in self.tables],
            "figures": list(self.figures),
        }


def number_text(value: float | None, digits: int = 3) -> str:
    """A number to so many significant digits; a dash where there is none."""
    return "-" if value is None or not math.isfinite(value) else f"{value:.{digits}g}"


def interval_text(low: float | None, high: float | None, digits: int = 3) -> str:
    """An interval in brackets, an open end named as such."""
    ends = ("open" if x is None or not math.isfinite(x) else f"{x:.{digits}g}" for x in (low, high))
    return f"[{', '.join(ends)}]"


def estimate_text(value: float, low: float, high: float, digits: int = 3) -> str:
    """A number with its interval, all to so many digits; a dash where there is none."""
    told = [f"{x:#.{digits}g}".rstrip(".") if math.isfinite(x) else "open" for x in (value, low, high)]
    return f"{told[0]} [{told[1]}, {told[2]}]" if math.isfinite(value) else "-"


def chance_text(value: float) -> str:
    """A p-value or a weight to two digits; a dash where there is none."""
    return "< 0.001" if value < 0.001 else number_text(value, 2)


def p_text(p_value: float) -> str:
    """A p-value in a sentence."""
    told = chance_text(p_value)
    return f"p {told}" if told[0] == "<" else f"p = {told}"


def decimals(value: float, digits: int = 2) -> str:
    """A number to so many decimals; a dash where there is none."""
    return f"{value:.{digits}f}" if math.isfinite(value) else "-"


def against_first(claims: Iterable[Claim]) -> tuple[Claim, ...]:
    """Claims that do not hold before the others."""
    return tuple(sorted(claims, key=lambda claim: claim.verdict != "no"))


def spoken(name: object) -> str:
    """A name of the code as a reader writes it."""
    return str(name).replace("_", " ")


def texts(values: Iterable[Any], digits: int = 3) -> list[str]:
    """Cells of a column: names as a reader writes them, whole numbers, others to so many significant digits."""

    def cell(value: Any) -> str:
        if isinstance(value, str):
            return spoken(value)
        return f"{value:.0f}" if value == round(value, 0) and abs(value) < 1e6 else number_text(float(value), digits)

    return [cell(value) for value in values]


def inside(expected: float, low: float, high: float) -> Verdict:
    """Whether an interval holds what was expected; "cannot tell" if it is open there or nothing was expected."""
    if expected < low or expected > high:
        return "no"
    return "yes" if all(map(math.isfinite, (expected, low, high))) else "cannot tell"


def markdown(headings: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    """A Markdown table."""
    lines = [headings, ["---"] * len(headings), *rows]
    return "\n".join("| " + " | ".join(cells) + " |" for cells in lines)


def page(record: Mapping[str, Any], command: str, root: str | None = None) -> str:
    """The page of an experiment in Markdown.

    Parameters
    ----------
    record
        Content of the experiment's JSON file.
    command
        What was typed.
    root
        Way from the page to the repository, such as "../../", whose figures and theory pages it then links to. Without
        it, figures stand beside the page.
    """
    figures = "" if root is None else f"{root}figures/"
    claims = [
        [
            claim["sentence"],
            number_text(claim["value"]),
            "-" if claim["interval"] is None else interval_text(*claim["interval"]),
            number_text(claim["expected"]),
            claim["verdict"],
        ]
        for claim in record["claims"]
    ]
    parts = [
        f"# {record['title']}",
        *([f"**{record['warning']}**"] if record.get("warning") else []),
        record["introduction"],
        f"Written by `{command}`.",
        markdown(["claim", "value", "95 %", "expected", "holds"], claims),
        *(f"![{record['title']}]({figures}{name}.png)" for name in record["figures"]),
    ]
    for table in record["tables"]:
        parts += [f"## {table['name'].replace('_', ' ').capitalize()}", table["caption"]]
        parts.append(markdown(table["headings"], table["rows"]))
    text = "\n\n".join(parts) + "\n"
    if root is None:
        return text
    from theory.equations import linked

    return linked(text, f"{root}theory/pages/")
