"""Every case of the table is asked again, and the committed page says what was found."""

from __future__ import annotations

import re

import pytest
from sympy import Integer, Rational

from theory.learning_coefficient import table
from theory.learning_coefficient.local_problem import LearningCoefficient, LearningCoefficientRefused
from theory.learning_coefficient.published.cases import BY_HAND, SOURCES, Case

CASES = {case.name: case for case in table.cases()}
PAGE = table.PAGE.read_text(encoding="utf-8")
ROWS = {
    cells[0]: cells for line in PAGE.splitlines() if line.startswith("| ") for cells in [line.strip("| ").split(" | ")]
}
# Of each family the first, and all that take a tenth of a second or less where every seventh is asked.
QUICK = [name for number, name in enumerate(CASES) if number % 7 == 0 and float(ROWS.get(name, ["9"])[-1]) <= 0.1]


def _asked(name):
    row = table.ask(CASES[name])
    assert row.right, table._line(row)
    assert row.decided is not ROWS[name][3].startswith("refused")
    assert table._line(row).split(" | ")[:5] == f"| {' | '.join(ROWS[name])}".split(" | ")[:5]
    assert row.seconds < table.LIMIT


@pytest.mark.parametrize("name", QUICK)
def test_quick_cases(name):
    _asked(name)


@pytest.mark.slow
@pytest.mark.parametrize("name", [name for name in CASES if name not in QUICK])
def test_all_other_cases(name):
    _asked(name)


def test_the_page_has_every_case_and_no_contradiction():
    assert len(CASES) == len(table.cases()) >= 200, "no name twice"
    assert [name for name in CASES if name not in ROWS] == []
    assert {name for name in ROWS if name not in CASES} == {"case", "---"}
    for name, case in CASES.items():
        assert ROWS[name][2] == table._pair(case), name
        assert ROWS[name][1] == (case.source if case.published or case.source in SOURCES else "-")
    assert "contradiction" not in PAGE
    assert all(float(cells[-1]) <= table.LIMIT for name, cells in ROWS.items() if name in CASES)


def test_nine_in_ten_published_values_are_decided():
    published = [name for name, case in CASES.items() if case.published]
    decided = [name for name in published if not ROWS[name][3].startswith("refused")]
    assert len(published) >= 60 and len(decided) >= 0.9 * len(published)
    assert f"; {len(published)} values are published. Of these {len(decided)} are decided" in PAGE
    proved = [name for name in decided if not CASES[name].theorem]
    assert len(proved) >= 0.85 * len(published), "by proof, and not by the theorem that is the source"


def test_sources_are_named():
    assert {case.source for case in CASES.values()} == {*SOURCES, BY_HAND}
    assert all(re.search(r"\((19|20)\d\d\)", text) and f"- {key}: {text}." in PAGE for key, text in SOURCES.items())


def _case(answer):
    def ask():
        if isinstance(answer, Exception):
            raise answer
        return answer

    return Case("family", "name", BY_HAND, Rational(1, 2), 2, ask)


def test_what_contradicts_is_marked():
    def found(value, multiplicity):
        return _case(LearningCoefficient(value, multiplicity, "method", ()))

    half, quarter = Rational(1, 2), Rational(1, 4)
    assert table.ask(found(half, 2)).right
    for wrong in (found(half, 1), found(quarter, 2), _case(LearningCoefficientRefused("r", quarter, Rational(1, 3)))):
        row = table.ask(wrong)
        assert not row.right and "**contradiction**" in table.page([row])
    held = table.ask(_case(LearningCoefficientRefused("r", quarter, Integer(1))))
    assert held.right and not held.decided and "could not be confirmed" in table.page([held])


def test_the_command_prints_a_family(capsys):
    assert table.main(["--family", "Gaussian mixtures"]) == 0
    assert capsys.readouterr().out.count("\n") == sum(case.family == "Gaussian mixtures" for case in CASES.values())
    assert table.main(["--family", "None"]) == 2
    assert capsys.readouterr().err.startswith("error: --family: 'None' is none; expected one of")
