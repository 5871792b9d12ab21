from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest
import xarray as xr
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra import numpy as hnp

from slt_toys.sweep.values import Labelled, decode, encode, labelled

KINDS = st.one_of(
    hnp.boolean_dtypes(), hnp.integer_dtypes(), hnp.unsigned_integer_dtypes(), hnp.floating_dtypes(sizes=(16, 32, 64)),
    hnp.unicode_string_dtypes(max_len=5),
)  # fmt: skip
ARRAYS = KINDS.flatmap(lambda kind: hnp.arrays(kind, hnp.array_shapes(min_dims=0, max_dims=3, min_side=0, max_side=3)))


@given(st.dictionaries(st.text(min_size=1, max_size=8), ARRAYS, max_size=4))
def test_every_bit_comes_back(arrays):
    value = labelled(arrays)
    again = decode(encode(value))
    assert list(again.variables) == list(arrays)
    for name, array in arrays.items():
        dims, found = again.variables[name]
        assert found.shape == array.shape and len(dims) == array.ndim
        if array.dtype.kind == "U":
            assert found.tolist() == array.tolist()
        else:
            assert found.dtype == array.dtype.newbyteorder("<")
            assert found.tobytes() == array.astype(array.dtype.newbyteorder("<")).tobytes()  # NaN and -0.0 too


@given(st.binary(max_size=60))
def test_other_bytes_are_refused(content):
    try:
        read = decode(content)
    except ValueError as refused:
        assert str(refused).startswith("payload is no result")
    else:
        assert read == Labelled({})  # an empty list and nothing after it


@pytest.mark.parametrize("cut", [1, 5, 20])
def test_a_payload_that_is_cut_is_refused(cut):
    whole = encode(labelled({"a": np.arange(5.0), "b": 1}))
    with pytest.raises(ValueError, match="payload is no result"):
        decode(whole[:-cut])
    with pytest.raises(ValueError, match="payload is no result"):
        decode(whole + b"\0")


def test_what_runs_is_not_read():
    """A kind that numpy would read by running it is none that is known."""
    with pytest.raises(ValueError, match="payload is no result"):
        decode(b'[[0,"a",[],[],"|O",null]]\n' + b"\0" * 8)


@dataclass
class Made:
    mean: float
    spread: np.ndarray


def test_what_functions_return_gets_names_and_axes():
    assert labelled(2.5).variables["value"][1] == 2.5
    assert labelled(Made(1.0, np.ones(2))).variables["spread"][0] == ("spread_0",)
    given_dims = labelled({"curve": (("epoch", "phase"), np.zeros((2, 3)))})
    assert given_dims.variables["curve"][0] == ("epoch", "phase")
    data = xr.Dataset({"curve": (("epoch",), [1.0, 2.0])}, {"epoch": [10, 20], "kind": "cold"}, {"note": "left out"})
    read = labelled(data)
    assert read.coordinates["epoch"][1].tolist() == [10, 20] and read.variables["curve"][0] == ("epoch",)
    assert decode(encode(read)).coordinates["kind"][1] == "cold"
    assert labelled(data["curve"]).variables["curve"][1].tolist() == [1.0, 2.0]
    assert labelled({"part": data["curve"]}).variables["part"][1].tolist() == [1.0, 2.0]
    made = Labelled({"a": ((), np.array(1))})
    assert labelled(made) is made


@pytest.mark.parametrize(
    ("value", "said"),
    [
        (object(), "value is of type object"),
        ({"a": None}, "a is of type NoneType"),
        ({"a": 1j}, "a is of type complex"),
        ({"a": [[1], [1, 2]]}, "a is of type list"),
        ({1: 2}, "names must be text, not 1"),
        ({"a": (("x", "y"), np.zeros(3))}, "a has 1 axes and names for 2"),
        ({"a": 10**30}, "a is of type int"),
    ],
)
def test_what_no_array_holds_is_refused_by_name(value, said):
    with pytest.raises(ValueError, match=said):
        labelled(value)
