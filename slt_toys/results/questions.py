"""README's table of questions, from the claims of the committed records: ``python -m slt_toys.results.questions``."""

from __future__ import annotations

import sys
from pathlib import Path

from .claims import interval_text, markdown, number_text
from .records import read_record, write_bytes_atomically

# Question, experiment, name of the claim; what speaks against the law stands beside what speaks for it.
QUESTIONS = (
    ("When does the toy's critical period end?", "phase_diagram", "end-at-128"),
    ("Does it move with the batch size as the law says?", "phase_diagram", "toy-halving"),
    ("Do published CIFAR-10 curves, by the hinge?", "phase_diagram", "published-halving-hinge"),
    ("And by half depth?", "phase_diagram", "published-halving-half-depth"),
    ("Is it the deficit that a late switch costs a network on CIFAR-10 here?", "cifar_study", "budget"),
    ("Does the loss there move as the law says, all the same?", "cifar_study", "shift-half-depth"),
    ("And one that sees nothing twice?", "cifar_minutes", "shift-half-stuck-mass"),
    ("Does temperature decide there?", "cifar_minutes", "shares"),
    ("Does SGD on real minibatches of toys?", "equi_temperature", "minibatches"),
    ("Where labels are learned by heart?", "equi_temperature", "measured-noise-memorising"),
    ("And where flow time decides?", "equi_temperature", "measured-noise-deep-linear"),
    ("Does temperature decide, within the law's conditions?", "critical_period", "temperature-survives"),
    ("And without replacement?", "critical_period", "end-when-reshuffled"),
    ("Do arms that change the batch size alone decide?", "critical_period", "confounding-arms-decide"),
    ("Would 10 % of another mechanism be seen?", "critical_period", "power-at-10-per-cent"),
    ("Where the first window is the worst, too?", "critical_period", "first-window-worst-and-law"),
    ("Do estimates of λ rise in the critical period alone?", "critical_period", "estimates-rise-in-the-period-alone"),
    ("Up to which step has SGD one temperature?", "temperature", "one-temperature-without-momentum"),
    ("Is every learning coefficient of the catalogue right?", "four_way_check", "sampled-agrees"),
    ("Are barriers read off a smooth decline?", "smooth_decline", "separate-barriers-recovered"),
    ("Do their intervals hold, whatever the spectrum?", "interval_coverage", "windows-least-favourable"),
    ("And those of one seed's e*, where seeds shift?", "interval_coverage", "ends-of-one-seed"),
    ("Is λ̂ of a torch module covered?", "learning_coefficient", "coverage"),
    ("And where branches of minima cross?", "learning_coefficient", "crossing-estimates"),
    ("Does temperature control every solvable model of learning?", "zoo", "temperature-controls"),
    ("Does batch size?", "zoo", "batch-size-controls"),
    ("Does time?", "zoo", "time-controls"),
)
OPENED, CLOSED = "<!-- table: questions -->", "<!-- /table: questions -->"


def table(records: Path) -> str:
    """The table in Markdown, from the folder of records."""
    rows = []
    for question, experiment, name in QUESTIONS:
        record = read_record(records / f"{experiment}.json")
        claims = {claim["name"]: claim for claim in record["claims"]}
        if name not in claims:
            raise ValueError(f"{experiment}.json has no claim {name!r}; it has {', '.join(claims)}")
        claim = claims[name]
        interval = "" if claim["interval"] is None else f" {interval_text(*claim['interval'])}"
        value, expected = f"{number_text(claim['value'])}{interval}", number_text(claim["expected"])
        link = f"[{claim['verdict']}](docs/results/{experiment}.md)"
        rows.append([question, claim["sentence"], value, expected, link])
    return markdown(["question", "claim", "value, 95 %", "expected", "holds"], rows)


def with_table(text: str, content: str) -> str:
    """A text with its table of questions replaced."""
    before, opened, rest = text.partition(OPENED)
    _, closed, after = rest.partition(CLOSED)
    if not (opened and closed):
        raise ValueError(f"README.md has no place for the table; it needs {OPENED} and below it {CLOSED}")
    return f"{before}{OPENED}\n{content}\n{CLOSED}{after}"


def main() -> int:
    """Write README's table anew."""
    root = Path(__file__).resolve().parents[2]
    readme = root / "README.md"
    text = with_table(readme.read_text(encoding="utf-8"), table(root / "figures"))
    write_bytes_atomically(text.encode("utf-8"), readme)
    return 0


if __name__ == "__main__":
    sys.exit(main())
