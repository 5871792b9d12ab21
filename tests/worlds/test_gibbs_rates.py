"""The count of verdicts: resumed, refused, and put on a page."""

from __future__ import annotations

import json

import pytest

from slt_toys.results.progress import command_line
from slt_toys.worlds import gibbs_rates
from slt_toys.worlds.gibbs_rates import CASES, GibbsRates, judged, page, read, run


def made_line(case: str, seed: int, answer: str) -> dict[str, object]:
    high = 0.1 if answer == "tempered posterior" else 0.3
    return {
        "case": case,
        "seed": seed,
        "answer": answer,
        "low": [0, 0, 0],
        "high": [high] * 3,
        "unread": [0, 0, 0],
        "ratio": [0.05, 0.1, None],
        "escapes": ["activated"],
    }


def test_what_is_recorded_is_not_run_again(tmp_path, monkeypatch):
    asked = []
    monkeypatch.setattr(
        gibbs_rates, "judged", lambda case, seed: asked.append((case, seed)) or made_line(case, seed, "cannot tell")
    )
    options = GibbsRates(("additive", "drift"), 2, record=tmp_path / "runs" / "record.jsonl", docs=tmp_path / "page.md")
    run(options)
    run(GibbsRates(("additive", "drift"), 3, record=options.record))
    assert asked == [(case, seed) for seed in range(3) for case in ("additive", "drift")]
    assert len(read(options.record)) == 6
    assert options.docs is not None
    assert "| additive | tempered posterior | 2 | 0 | 0 | 0 | 0 | 2 | 0.000 [0.000, 0.842] | 5 to 10 % |" in (
        options.docs.read_text(encoding="utf-8")
    )


def test_counts_and_their_intervals():
    lines = [made_line("additive", k, "tempered posterior" if k else "cannot tell") for k in range(40)]
    assert "| 39 | 0 | 0 | 0 | 1 | 0.975 [0.868, 0.999] |" in page(lines)
    more = [made_line("langevin", k, "tempered posterior") for k in range(10)]
    assert "| **all of one temperature** | tempered posterior | 50 | 49 | 0 | 0 | 0 | 1 |" in page([*lines, *more])


@pytest.mark.slow
def test_a_line_holds_what_the_verdict_rests_on():
    line = judged("additive, short runs", 5)
    assert json.loads(json.dumps(line)) == line
    assert line["answer"] == "cannot tell" and len(line["low"]) == 3 and line["statement"].startswith("cannot tell")


def test_a_family_holds_cases_of_one_answer():
    for cases in gibbs_rates.FAMILIES.values():
        assert len({CASES[case]().expected for case in cases}) == 1


def test_an_unknown_case_is_refused_in_one_line(capsys, tmp_path):
    assert command_line(GibbsRates, run, ["--cases", "cold", "--record", str(tmp_path / "r.jsonl")]) == 2
    message = capsys.readouterr().err.strip()
    assert message.startswith("error: --cases must be of langevin") and "\n" not in message
    assert set(CASES) >= {"additive", "additive, short runs"}
