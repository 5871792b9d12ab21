"""Worked examples are answered, but for those whose remark says that they are not."""

from __future__ import annotations

import pytest

from theory.learning_coefficient import LearningCoefficientRefused
from theory.pages.worked_examples import WORKED_EXAMPLES, X, Y


@pytest.mark.parametrize("example", WORKED_EXAMPLES, ids=lambda example: str(example.loss))
def test_an_example_is_refused_where_its_remark_says_so(example):
    refused = example.remark in ("Refused, with bounds.", "Not a minimum.")
    assert isinstance(example.answer(), LearningCoefficientRefused) is refused


def test_a_point_is_the_origin_where_none_is_given():
    (saddle,) = (example for example in WORKED_EXAMPLES if example.remark == "Not a minimum.")
    assert (saddle.coordinates, saddle.place) == ((X, Y), (0, 0))
