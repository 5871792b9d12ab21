"""Whatever energy, box and temperature somebody asks about: a right number, or one line that says why there is none."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import Phase, given, settings

from slt_toys import Potential
from tests.made_fuzz import ALL_CHECKS, Wrong, _passage, ask, cases, integrals, passage, told

SOME = settings(max_examples=16, derandomize=True, suppress_health_check=ALL_CHECKS, phases=[Phase.generate])


def check(case) -> None:
    faults = [each for each in told(case) if each.outcome == "fault"]
    assert not faults


@SOME
@given(cases(planes=False))
def test_a_few_on_a_line(case):
    check(case)


@pytest.mark.slow
@settings(SOME, max_examples=60)
@given(cases(planes=False))
def test_sixty_on_a_line(case):
    check(case)


@pytest.mark.long
@settings(SOME, max_examples=2000, derandomize=False)
@given(cases())
def test_two_thousand(case):
    check(case)


def test_the_independent_integrals():
    potential = Potential.from_expression("w**2/2")
    found = integrals(potential, 0.5)
    assert found is not None
    assert found[0] == pytest.approx(np.log(np.pi) / 2, abs=1e-9) and found[1] == pytest.approx(0.25)
    expected = passage(Potential.from_expression("(w**2-1)**2"), 0.2, -1.0, 1.0)
    assert expected is not None and expected != pytest.approx(passage(potential, 0.2, -1.0, 1.0), abs=0.1)


def test_faults_are_seen(monkeypatch):
    """The negative controls: a foreign error, two lines, a wrong number and a nan."""

    def fails(error: Exception):
        raise error

    for error in (KeyError("w"), ValueError("two\nlines"), ValueError("f(a) and f(b) must have different signs")):
        assert ask("x", lambda error=error: fails(error))[0].outcome == "fault"
    assert ask("x", lambda: fails(ValueError("box must hold pairs")))[0].outcome == "refused"
    potential = Potential.from_expression("(w**2-1)**2 - w/5")
    monkeypatch.setattr("tests.made_fuzz.mean_first_passage_time", lambda *_: 1.0)
    with pytest.raises(Wrong, match="log passage time"):
        _passage(potential, 0.3)
