"""A part of the slow cases: as large as asked, another one for another commit, and never without what changed."""

from __future__ import annotations

import subprocess

import pytest

from tests.drawn import Draw, git, share_of, under_test

CASES = [f"tests/exact/test_{name}.py::test_{number}[{number}]" for name in "abcd" for number in range(500)]


def taken(draw):
    return {case for case in CASES if case in draw}


def test_a_share_is_drawn_and_another_commit_draws_another():
    one, other = taken(Draw(0.4, "one")), taken(Draw(0.4, "other"))
    assert one == taken(Draw(0.4, "one")) and taken(Draw(1, "one")) == set(CASES)
    for each in (one, other):
        assert 0.3 < len(each) / len(CASES) < 0.5
    assert 0.1 < len(one & other) / len(CASES) < 0.22  # .16 where draws are independent
    assert taken(Draw(0.2, "one")) < one
    # all come in turn
    assert set.union(*(taken(Draw(0.4, str(commit))) for commit in range(40))) == set(CASES)


@pytest.mark.parametrize(
    "changed", ["slt_toys/exact/a.py", "tests/exact/test_a.py", "exact/a.py", "exact/a.json"], ids=lambda path: path
)
def test_cases_of_what_changed_are_all_taken(changed):
    of_a = {case for case in CASES if "/test_a.py" in case}
    assert of_a <= taken(Draw(1e-9, "one", [changed]))
    assert len(taken(Draw(1e-9, "one", [changed]))) == len(of_a)
    assert taken(Draw(1e-9, "one", ["slt_toys/exact/aa.py", "slt_toys/a.py", ""])) == set()


def test_names_of_what_is_tested():
    assert under_test("tests/cifar/analysis/test_claims.py") == {
        "tests/cifar/analysis/test_claims", "cifar/analysis/claims", "slt_toys/cifar/analysis/claims"
    }  # fmt: skip
    assert "slt_toys/temperature" in under_test("tests/test_temperature.py")


def test_the_commit_and_what_it_changed_are_git_s(tmp_path):
    texts = {Draw.of_commit(0.5, tmp_path).text}
    for told in ("one", "two"):  # no history: by what was changed
        (tmp_path / "CHANGELOG.md").write_text(told)
        texts.add(Draw.of_commit(0.5, tmp_path).text)
    assert len(texts) == 3
    name = ["-c", "user.name=a", "-c", "user.email=a@b.c"]
    subprocess.run(["git", "init", "-q", str(tmp_path)], check=True)
    (tmp_path / "slt_toys").mkdir()
    for text in "xy":
        (tmp_path / "slt_toys" / f"{text}.py").write_text(text)
        git(tmp_path, "add", ".")
        git(tmp_path, *name, "commit", "-q", "-m", text)
    draw = Draw.of_commit(0.5, tmp_path)
    assert draw.text == git(tmp_path, "rev-parse", "HEAD").strip() != ""
    assert draw.touched == {"CHANGELOG", "slt_toys/x", "slt_toys/y"}


@pytest.mark.parametrize(("text", "share"), [("2/5", 0.4), (".4", 0.4), ("1", 1.0)])
def test_a_share_is_read(text, share):
    assert share_of(text) == pytest.approx(share)


@pytest.mark.parametrize("text", ["0", "-1/2", "3/2", "half", "1/0", "nan", ""])
def test_another_share_gets_one_line(text):
    with pytest.raises(ValueError, match=r"^--drawn is .*; a share above 0 and at most 1 is asked for, as 2/5$"):
        share_of(text)
