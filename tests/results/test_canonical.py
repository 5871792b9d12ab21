"""What is equal has one text and one hash, whatever it is made of; what differs has not."""

from __future__ import annotations

import hashlib
import json
import math
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from slt_toys.results.canonical import canonical_hash, canonical_text
from slt_toys.results.json_values import json_text, plain_values
from tests.results.made_records import Settings

NUMBERS = st.integers() | st.floats(allow_nan=False, allow_infinity=False)
LEAVES = st.none() | st.booleans() | NUMBERS | st.text(st.characters(exclude_categories=["Cs"]), max_size=5)
NAMES = st.text(st.characters(exclude_categories=["Cs"]), max_size=4)
VALUES = st.recursive(LEAVES, lambda part: st.lists(part, max_size=4) | st.dictionaries(NAMES, part, max_size=4))


def same(one: Any, other: Any) -> bool:
    """Python's equality, but that true and false are no numbers."""
    if isinstance(one, bool) or isinstance(other, bool):
        return one is other
    if isinstance(one, dict) and isinstance(other, dict):
        return one.keys() == other.keys() and all(same(one[name], other[name]) for name in one)
    if isinstance(one, list) and isinstance(other, list):
        return len(one) == len(other) and all(map(same, one, other))
    return one == other


def told_otherwise(value: Any) -> Any:
    """The same value of other types, keys the other way round."""
    if isinstance(value, dict):
        return {name: told_otherwise(value[name]) for name in reversed(value)}
    if isinstance(value, list):
        return tuple(told_otherwise(entry) for entry in value)
    if isinstance(value, bool):
        return np.bool_(value)
    if isinstance(value, float):
        return np.float64(value)
    if isinstance(value, int) and abs(value) < 2**53:
        return np.int64(value) if value % 2 else float(value)
    return value


@given(VALUES)
def test_types_and_the_order_of_keys_do_not_matter(value):
    assert canonical_text(told_otherwise(value)) == canonical_text(value)
    assert canonical_hash(told_otherwise(value)) == canonical_hash(value)


@given(VALUES)
def test_a_round_trip_through_any_layout_does_not_matter(value):
    text = canonical_text(value)
    for layout in (text, json.dumps(value), json.dumps(value, indent=3), json_text(plain_values(value, "v", "never"))):
        assert canonical_text(json.loads(layout)) == text
    assert same(json.loads(text), value)
    assert canonical_hash(value) == hashlib.sha256(text.encode()).hexdigest()


@given(VALUES, VALUES)
def test_two_values_have_one_hash_only_if_they_are_equal(one, other):
    assert (canonical_hash(one) == canonical_hash(other)) is same(one, other)


@given(st.lists(LEAVES, min_size=1, max_size=5), st.data())
def test_any_changed_value_changes_the_hash(values, data):
    place = data.draw(st.integers(0, len(values) - 1))
    changed = list(values)
    changed[place] = data.draw(LEAVES.filter(lambda leaf: not same(leaf, values[place])))
    assert canonical_hash({"config": {"options": changed}}) != canonical_hash({"config": {"options": values}})
    assert canonical_hash({"a": values}) != canonical_hash({"b": values})
    assert canonical_hash(values) != canonical_hash([values]) != canonical_hash([*values, values[0]])


@given(st.floats(allow_nan=False, allow_infinity=False))
def test_neighbouring_numbers_differ(number):
    above = math.nextafter(number, math.inf)
    if math.isfinite(above):
        assert canonical_text([number]) != canonical_text([above])


@pytest.mark.parametrize(
    ("value", "text"),
    [
        (Settings(), '{"batch_sizes":[32,64],"decay":0.97}'),
        ({"out": Path("a") / "b", 64: np.arange(2), np.int64(8): {3, 1}}, '{"64":[0,1],"8":[1,3],"out":"a/b"}'),
        ([1, 1.0, np.float32(1), True, "1", None], '[1,1,1,true,"1",null]'),
        ([-0.0, 0, 0.1, 1e22, 1e-7, 2**64], "[0,0,0.1,10000000000000000000000,1e-07,18446744073709551616]"),
        (np.float32(0.1), "0.10000000149011612"),
        ("β\n", '"β\\n"'),
    ],
)
def test_the_text_is_as_documented(value, text):
    assert canonical_text(value) == text


@dataclass(frozen=True)
class Nested:
    inner: tuple[Settings, ...] = (Settings(), Settings(decay=0.5))


@pytest.mark.parametrize(
    ("value", "message"),
    [
        ({"a": [0.0, math.nan]}, r"^config\.a\[1\] is nan, which JSON cannot hold; give a finite number$"),
        ({"a": np.float32("-inf")}, r"^config\.a is -inf, .*give a finite number$"),
        (Nested((Settings(decay=math.inf),)), r"^config\.inner\[0\]\.decay is inf, "),
        ({"a": "\ud800"}, r"^config holds '\\ud800', which is half a character; give text of Unicode$"),
        ({"f": print}, r"^config\.f is of type builtin_function_or_method, "),
        ({1: 0, "1": 0}, r"^config has two keys that read '1'"),
        (1j, r"^config is of type complex"),
    ],
)
def test_what_has_no_text_is_refused_in_one_line(value, message):
    with pytest.raises(ValueError, match=message) as refusal:
        canonical_hash(value, "config")
    assert "\n" not in str(refusal.value)
