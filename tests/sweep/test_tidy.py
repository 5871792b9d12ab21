from __future__ import annotations

import numpy as np
import pytest

from slt_toys.sweep.grid import Grid
from slt_toys.sweep.tidy import DONE, Gathering, frames
from slt_toys.sweep.values import labelled

GRID = Grid.of({"a": [1, 2], "b": ["x", "y"]})


def gathered(results, grid=GRID):
    """A dataset of results by place; the others are missing."""
    gathering = Gathering(grid)
    for result in results.values():
        gathering.look(labelled(result))
    arrays = gathering.arrays()
    for place, result in results.items():
        gathering.fill(arrays, place, labelled(result))
    dataset = gathering.dataset(arrays)
    done = np.zeros(grid.shape, bool)
    for place in results:
        done[place] = True
    dataset[DONE] = (tuple(grid.axes), done)
    return dataset


def everywhere(of):
    return {place: of(point) for place, point in GRID.placed()}


def test_kinds_are_kept_where_all_is_there():
    data = gathered(
        everywhere(lambda point: {"n": point["a"], "good": point["b"] == "x", "told": point["b"] * 2, "x": 0.5})
    )
    assert data["n"].dtype == int and data["n"].values.tolist() == [[1, 1], [2, 2]]
    assert data["good"].dtype == bool and data["told"].values.tolist() == [["xx", "yy"], ["xx", "yy"]]
    assert data["a"].values.tolist() == [1, 2] and data["x"].dims == ("a", "b")


def test_what_is_missing_is_nan_or_an_empty_text():
    data = gathered({(0, 0): {"n": 3, "told": "yes", "x": 1.5}})
    assert data["n"].values[0, 0] == 3 and np.isnan(data["n"].values[1, 1]) and np.isnan(data["x"].values[0, 1])
    assert data["told"].values.tolist() == [["yes", ""], ["", ""]]
    with pytest.raises(ValueError, match=r"n is beyond 2\*\*53 and missing at some points"):
        gathered({(0, 0): {"n": 2**60 + 1}})
    whole = gathered(everywhere(lambda point: {"n": 2**60 + 1}))
    assert (whole["n"].values == 2**60 + 1).all()


def test_labels_are_united():
    import xarray as xr

    def result(point):
        names = ["p", "q"] if point["a"] == 1 else ["q", "r", "s"]
        return xr.Dataset({"v": ("claim", np.arange(len(names)) + point["a"])}, {"claim": names})

    data = gathered(everywhere(result))
    assert data["claim"].values.tolist() == ["p", "q", "r", "s"]
    assert data["v"].sel(a=1, b="x", claim="q") == 2 and data["v"].sel(a=2, b="x", claim="q") == 2
    assert np.isnan(data["v"].sel(a=1, b="y", claim="s"))


@pytest.mark.parametrize(
    ("one", "other", "said"),
    [
        ({"v": [1.0, 2.0]}, {"v": [1.0]}, "v has 1 entries along v_0 at one point and 2 at another"),
        ({"v": 1.0}, {"v": [1.0]}, "v has axes"),
        ({"v": 1.0}, {"v": "x"}, "v is text at one point and a number at another"),
        ({"a": 1.0}, {"a": 1.0}, "a is the name of an axis"),
        ({"v": (("a",), [1.0])}, {"v": (("a",), [1.0])}, "v has an axis called as one of the sweep"),
    ],
)
def test_what_no_array_holds_is_refused_by_name(one, other, said):
    with pytest.raises(ValueError, match=said):
        gathered({(0, 0): one, (0, 1): other})


def test_tables_hold_a_row_for_every_combination_that_is_done():
    curves = {(0, 0): [1.0, 2.0], (1, 1): [3.0, 4.0]}
    data = gathered({place: {"x": 1.0 + place[0], "curve": (("t",), curve)} for place, curve in curves.items()})
    ((added, table),) = frames(data)
    assert added == "" and table.columns.tolist() == ["a", "b", "t", "x", "curve"]
    assert table.values.tolist() == [
        [1, "x", 0, 1.0, 1.0],
        [1, "x", 1, 1.0, 2.0],
        [2, "y", 0, 2.0, 3.0],
        [2, "y", 1, 2.0, 4.0],
    ]
    two = gathered({(0, 0): {"p": (("s",), [1.0]), "q": (("t",), [2.0])}})
    assert [name for name, _ in frames(two)] == [".s", ".t"]
