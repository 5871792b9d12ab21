"""README's table of questions, from records made by hand."""

from __future__ import annotations

import pytest

from slt_toys.results import questions, records

CLAIM = {"name": "a", "sentence": "It is 2 [1, open].", "value": 2.0, "interval": [1.0, None], "expected": None,
         "verdict": "no"}  # fmt: skip
RECORD = {"claims": [CLAIM], "manifest": records.manifest(None, None, 0.0)}


def test_rows_are_the_claims_of_the_records(tmp_path, monkeypatch):
    records.write_record(RECORD, tmp_path / "x.json")
    monkeypatch.setattr(questions, "QUESTIONS", (("Is it?", "x", "a"),))
    shown = questions.table(tmp_path)
    assert shown.splitlines()[-1] == "| Is it? | It is 2 [1, open]. | 2 [1, open] | - | [no](docs/results/x.md) |"
    text = f"before\n{questions.OPENED}\nold\n{questions.CLOSED}\nafter"
    assert questions.with_table(text, "new") == f"before\n{questions.OPENED}\nnew\n{questions.CLOSED}\nafter"


def test_a_claim_that_is_not_there_and_a_page_without_a_place(tmp_path, monkeypatch):
    records.write_record(RECORD, tmp_path / "x.json")
    monkeypatch.setattr(questions, "QUESTIONS", (("Is it?", "x", "b"),))
    with pytest.raises(ValueError, match=r"x\.json has no claim 'b'; it has a"):
        questions.table(tmp_path)
    with pytest.raises(ValueError, match="no place for the table"):
        questions.with_table("nothing", "new")
