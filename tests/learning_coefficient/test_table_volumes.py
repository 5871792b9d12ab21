"""The table's cases as questions to volumes: what is sampled is what is asked, and a wrong value is denied."""

from __future__ import annotations

from collections import Counter

import numpy as np
import pytest
from sympy import Rational, symbols

from slt_toys.learning_coefficient.table_volumes import judge, main, question
from tests.seeds import fresh_generator, fresh_seed
from theory.learning_coefficient import rlct
from theory.learning_coefficient.published.cases import BY_HAND, Case, ask_for
from theory.learning_coefficient.table import cases

x, y = symbols("x y", real=True)
half = Rational(1, 2)


def case(value, multiplicity, *asked, **options) -> Case:
    return Case("made", "made", BY_HAND, Rational(value), multiplicity, ask_for(*asked, **options))


def test_nearly_all_cases_that_are_asked_are_questions():
    found = [question(each) for each in cases()]
    counts = Counter(each if isinstance(each, str) else "asked" for each in found)
    assert set(counts) <= {"asked", "answered from sizes", "no polynomial"} and counts["asked"] > 200
    for each in found:
        if not isinstance(each, str):
            at = dict.fromkeys(each.coordinates, 0)
            assert all(f.subs(at) == 0 for f in each.generators), "they vanish at the origin"


def test_points_priors_and_domains_are_taken_along():
    moved = question(case(1, 1, [(x - 1) * y], (x, y), point=(1, 0)))
    assert not isinstance(moved, str) and [f.expand() for f in moved.generators] == [x * y] and moved.factor == 1
    weighed = question(case(1, 1, "x**2*y**2", None, prior="abs(x)**(1/2)*y**(-1/3)", domain=["x >= 0", "x <= y"]))
    assert not isinstance(weighed, str) and weighed.factor == 0.5
    assert weighed.exponents == pytest.approx((0.5, -1 / 3))
    points = np.array([[0.1, 0.2], [0.2, 0.1], [-0.1, 0.2]])
    assert weighed.inside(points).tolist() == [True, False, False]
    disc = question(case(Rational(3, 4), 1, "(x - 1)**2", ["x", "y"], point=[1, 0], domain="x**2 + y**2 <= 1"))
    assert not isinstance(disc, str) and disc.inside(np.array([[-0.1, 0.0], [0.1, 0.0]])).tolist() == [True, False]
    assert question(case(half, 2, "x**2*tanh(y)**2")) == "no polynomial"
    assert question(case(half, 2, x**2 * y**2, (x, y), prior=1 + x**2)) == "another prior"


def test_too_many_coordinates_are_counted(capsys):
    assert judge(case(half, 1, [x], (x, y)), 0, most=1).said == "more than 1 coordinates"
    with pytest.raises(SystemExit):
        main(["--family", "nothing"])
    assert "--family: 'nothing' is none" in capsys.readouterr().err


@pytest.mark.slow
def test_exact_answers_of_the_table_are_not_denied():
    """Some cases each time, drawn anew: over runs all of them."""
    rng, known = fresh_generator(), cases()
    few = [each for each in known if not isinstance(asked := question(each), str) and len(asked.coordinates) <= 4]
    told = 0
    for at in rng.choice(len(few), 10, replace=False):
        verdict = judge(few[at], [fresh_seed(), int(at)])
        assert verdict.said.startswith("held") or verdict.said == "too wide to tell", (few[at].name, verdict)
        if not verdict.said.startswith("held"):
            continue
        told += 1
        exact = rlct(*few[at].ask.args, **few[at].ask.keywords)  # type: ignore[attr-defined]
        assert exact.value == few[at].value, "what the volumes hold is what the engine proves"
        found, asked = verdict.found, question(few[at])
        assert found is not None and not isinstance(asked, str)
        value = asked.factor * float(exact.value)
        assert 0.3 * value < found.low and found.high < 4 * value, "the control: wrong values are denied"
    assert told >= 5, "hardly an interval is too wide"
