"""The count of verdicts: resumed, refused, and put on a page."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
import xarray as xr

from slt_toys.worlds import gibbs_rates
from slt_toys.worlds.gibbs_rates import CASES, KEPT, GibbsRun, judged, judged_run, lines_of, page, read, with_kept


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


def test_the_page_counts_the_sweeps_runs_and_those_that_are_kept():
    kept = read(KEPT)
    again = {**made_line(kept[0]["case"], kept[0]["seed"], "cannot tell")}
    lines = [again, made_line("additive", 10**6, "cannot tell")]
    told = [json.dumps(line) for line in lines]
    dataset = xr.Dataset({"line": (("seed", "case"), [[told[0], ""], ["", told[1]]])})
    assert lines_of(dataset) == lines
    together = with_kept(lines)
    assert len(together) == len(kept) + 1 and [line for line in together if line in lines] == lines
    assert gibbs_rates.STUDY.pages(dataset) == {"gibbs.md": page(together)}


def test_the_page_that_is_kept_is_of_the_runs_that_are_kept():
    assert (Path(__file__).parents[2] / "docs" / "gibbs.md").read_text() == page(read(KEPT))


def test_a_point_is_a_run(monkeypatch):
    monkeypatch.setattr(gibbs_rates, "judged", lambda case, seed: made_line(case, seed, "cannot tell"))
    assert json.loads(judged_run(3, "drift")["line"])["case"] == "drift"
    assert judged_run(3, "drift")["answer"] == "cannot tell"
    with pytest.raises(ValueError, match="seed must be at least 0, not -1"):
        GibbsRun(seed=-1)
    with pytest.raises(ValueError, match="case must be one of "):
        GibbsRun(case="x")


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
