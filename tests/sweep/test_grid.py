from __future__ import annotations

import itertools

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slt_toys.sweep.grid import Grid, axis_labels

AXES = st.dictionaries(
    st.sampled_from(["a", "b", "c", "d"]), st.lists(st.integers(-9, 9), min_size=1, max_size=4, unique=True), max_size=4
)


@given(AXES)
def test_every_combination_is_visited_once_and_the_last_axis_first(axes):
    grid = Grid.of(axes)
    assert [tuple(point.values()) for point in grid] == list(itertools.product(*axes.values()))
    assert len(grid) == len(list(grid)) and all(list(point) == list(axes) for point in grid)


@given(AXES)
def test_places_are_those_of_the_array(axes):
    grid = Grid.of(axes, lambda point: sum(point.values()) % 2 == 0)
    for place, point in grid.placed():
        assert [axes[name][at] for name, at in zip(axes, place, strict=True)] == list(point.values())
        assert sum(point.values()) % 2 == 0
    assert len(grid) == sum(sum(values) % 2 == 0 for values in itertools.product(*axes.values()))


@pytest.mark.parametrize(
    ("axes", "said"),
    [
        ({"a": []}, "a has no values"),
        ({"a": [1, 1.0]}, "a has the value 1 2 times"),
        ({"a": "abc"}, "a must be a list of values, not 'abc'"),
        ({"a": 3}, "a must be a list"),
        ({"a b": [1]}, "names must be those of arguments, not 'a b'"),
        ({"a": [float("nan")]}, "a"),
        ([1, 2], "grid must map"),
    ],
)
def test_what_is_no_grid_is_refused_in_one_line(axes, said):
    with pytest.raises(ValueError, match=said.replace("(", r"\(")) as refused:
        Grid.of(axes)
    assert "\n" not in str(refused.value)


def test_arrays_and_ranges_are_values():
    assert Grid.of({"a": np.array([0.5, 1.5]), "b": range(2)}).axes == {"a": (0.5, 1.5), "b": (0, 1)}


def test_labels_are_plain_or_text():
    assert axis_labels([1, 2.5]) == [1, 2.5]
    assert axis_labels(["x", "y"]) == ["x", "y"]
    assert axis_labels([True, False]) == [True, False]
    assert axis_labels([(24, 36), (48,)]) == ["[24,36]", "[48]"]
    assert axis_labels([1, "x"]) == ["1", "x"]
