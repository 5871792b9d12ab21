"""Random ideals of known answer: none is contradicted, and a wrong answer would be."""

from __future__ import annotations

from dataclasses import replace
from fractions import Fraction

import numpy as np
import pytest

from slt_toys.learning_coefficient.exact_fuzz import examine, main, random_ideal
from tests.seeds import fresh_generator, fresh_seed


def _examined(count):
    rng = fresh_generator()
    return [examine(random_ideal(rng)) for _ in range(count)]


def test_a_few_ideals():
    outcomes = _examined(8)
    assert [(o.ideal, o.verdict) for o in outcomes if o.contradicts] == []


@pytest.mark.slow
def test_many_ideals():
    outcomes = _examined(150)
    assert [(o.ideal, o.verdict) for o in outcomes if o.contradicts] == []
    assert sum(o.verdict == "right" for o in outcomes) > 100
    assert max(o.seconds for o in outcomes) < 60


@pytest.mark.slow
def test_the_volumes_of_a_few_agree():
    rng = fresh_generator()
    outcomes = [examine(random_ideal(rng), fresh_seed()) for _ in range(6)]
    assert [(o.ideal, o.verdict) for o in outcomes if o.contradicts] == []


def test_wrong_answers_are_contradictions():
    rng, seen = np.random.default_rng(1), 0
    while seen < 3:
        ideal = random_ideal(rng)
        if examine(ideal).verdict != "right":
            continue
        seen += 1
        assert examine(replace(ideal, multiplicity=ideal.multiplicity + 1)).contradicts
        assert examine(replace(ideal, value=ideal.value + Fraction(1, 100))).contradicts


def test_the_command_counts(capsys):
    assert main(["--cases", "2", "--seed", "3"]) == 0
    assert capsys.readouterr().out.startswith("2 ideals: ")
    with pytest.raises(SystemExit):
        main(["--cases", "0"])
    assert "--cases: expected a whole number" in capsys.readouterr().err
