"""Records as text: tables line up, and everything that a reader asks for is in them."""

from __future__ import annotations

import numpy as np
import pytest
import xarray as xr

from slt_toys.results import shown
from slt_toys.results.compare import Comparison, Number
from slt_toys.results.records import read_dataset, read_record
from slt_toys.results.verification import check_record
from tests.results.made_records import OLD_RECORD, made


def test_columns_line_up_and_long_cells_end_in_an_ellipsis():
    lines = shown.columns(("a", "long heading"), [("xyz", 1), ("", "a\nb" * 100)])
    assert lines[0] == "a    long heading" and lines[1] == "xyz  1"
    assert lines[2].startswith("     a ba") and lines[2].endswith("…") and len(lines[2]) == 5 + shown.WIDEST


def test_a_list_tells_people_and_programs_the_same(tmp_path):
    checked = [check_record(made(tmp_path, seed=5)), check_record(OLD_RECORD)]
    rows = [shown.row_of(each) for each in checked]
    assert [row["seed"] for row in rows] == [5, 0] and [row["state"] for row in rows] == ["ok", "missing, old schema"]
    assert sum(rows[0]["claims"].values()) == 3 and rows[1]["claims"] == {"yes": 3, "no": 0, "cannot tell": 0}
    heading, first, second = shown.list_lines(checked)
    assert heading.split()[0] == "record" and len({line.index("  ") > 0 for line in (heading, first)}) == 1
    assert first.split()[0] == str(tmp_path / "means") and first.endswith("  ok")
    assert "edc30215b " in second and "3/0/0" in second and "2026-11-29T13:42:41" in second
    broken = tmp_path / "broken.json"
    broken.write_text("{")
    assert shown.list_lines([check_record(broken)])[1].split()[-1] == "changed"


def test_a_record_is_shown_whole(tmp_path):
    path = made(tmp_path, seed=5)
    record, dataset = read_record(path), read_dataset(tmp_path / "means.nc")
    told = "\n".join(shown.record_lines(path, record))
    for part in ("Means", "seed 5", record["manifest"]["config_sha256"], "means.nc, means.png, means.svg, means.md"):
        assert part in told
    for claim in record["claims"]:
        assert any(claim["name"] in line and line.startswith(claim["verdict"]) for line in shown.claim_lines(record))
    assert "draws = 400" in shown.config_lines(record)
    assert shown.names_lines(dataset)[1:] and all("size: 3" in line for line in shown.names_lines(dataset)[1:])
    assert shown.claim_lines({}) == ["no claims"] and shown.names_lines(xr.Dataset()) == ["no numbers"]


def test_values_are_shown_with_their_places():
    data = xr.Dataset({"a": (("x", "row"), [[1.5, np.nan]]), "long": ("y", np.arange(100.0))}, {"x": [7]})
    assert [line.split() for line in shown.number_lines(data, "a")] == [
        ["x", "row", "a"], ["7", "0", "1.5"], ["7", "1", "none"],
    ]  # fmt: skip
    assert [line.split() for line in shown.number_lines(data, "x")] == [["x", "x"], ["7", "7"]]
    assert shown.number_lines(data, "long")[-1] == "and 40 more; export has all"
    with pytest.raises(ValueError, match=r"--numbers must be one of the record's \(a, long, x\), not 'b'"):
        shown.number_lines(data, "b")


def test_a_comparison_begins_with_what_made_the_two_and_what_turned_over():
    told = Comparison(
        differences=[("seed", 0, 1)], verdicts=[("end", "yes", "no")], apart=["size is gone"],
        texts=[("t", "x=1", "a", "b")],
        numbers=[Number("m", "x=1", 1.0, 9.0, 1.0, "m_error"), Number("m", "x=2", 1.0, 1.5, 1.0, "m_error"),
                 Number("bare", "x=2", 2.0, 1.0), Number("bare", "x=1", 1.0, np.nan),
                 Number("low", "", 0.0, 1.0, of_error=True)],
    )  # fmt: skip
    lines = shown.comparison_lines(told, 20)
    text = "\n".join(lines)
    order = [
        text.index(part) for part in ("seed", "end: yes -> no", "size is gone", "m_error", "bare", "texts that changed")
    ]
    assert order == sorted(order)
    rows = [line.split() for line in lines]
    assert ["m", "x=1", "1", "9", "8", "+8.0", "m_error"] in rows
    assert ["bare", "2", "of", "2", "x=1", "1", "none", "all", "of", "it"] in rows
    assert ["t", "x=1", "a", "b"] in rows and "low" not in text
    assert "0 of 5 numbers are equal to the last bit" in text
    assert "moved by more than 2.2 standard errors" in text
    assert "numbers with an error: 2; 2 of them changed, by 5.67 standard errors" in text


@pytest.mark.parametrize(
    ("state", "said"),
    [
        ({"same_seed": True, "same_code": True}, "every bit must be equal, and IS NOT"),
        ({"same_seed": True}, "the code is another or not known by a commit"),
        ({"comparable": False}, "the configurations differ: only what both share is compared"),
        ({}, "two seeds: differences are those of independent runs"),
    ],
)
def test_what_may_be_expected_of_the_two_is_said(state, said):
    told = Comparison(numbers=[Number("a", "", 1.0, 2.0)], **state)
    assert said in "\n".join(shown.comparison_lines(told, 20))
    if state.get("same_code"):
        assert told.wrong
        told.numbers = [Number("a", "", 1.0, 1.0)]
        assert not told.wrong and "must be equal, and is:" in "\n".join(shown.comparison_lines(told, 20))


def test_no_more_lines_than_asked_for():
    told = Comparison(numbers=[Number(f"n{k}", "", 1.0, 2.0) for k in range(50)], apart=["x"] * 50)
    lines = shown.comparison_lines(told, 3)
    assert sum(line.startswith("  n") for line in lines) == 3 + 1  # and the headings
    assert sum("and 47 more; --most shows them" in line for line in lines) == 2
