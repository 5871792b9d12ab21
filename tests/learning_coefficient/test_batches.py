"""Data of any shape, by hand."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from slt_toys.learning_coefficient import batches

TREE = {"a": np.arange(6.0).reshape(3, 2), "b": (torch.arange(3), None, 2)}


def test_trees_of_data():
    found = batches.tensors("inputs", TREE)
    assert torch.equal(found["a"], torch.arange(6.0, dtype=torch.float64).view(3, 2)) and found["b"][1:] == (None, 2)
    assert batches.examples(found, None) == 3
    assert [len(leaf) for leaf in batches.leaves(batches.taken(found, slice(1, 3)))] == [2, 2]
    assert [len(leaf) for leaf in batches.leaves(batches.twice(found))] == [6, 6]
    assert batches.taken(found, torch.tensor([2, 2]))["b"][0].tolist() == [2, 2]
    assert batches.arguments(found)[1].keys() == {"a", "b"} and batches.arguments((1, 2)) == ((1, 2), {})
    assert batches.arguments(3) == ((3,), {})


@pytest.mark.parametrize(
    ("inputs", "targets", "message"),
    [
        (np.ones((2, 1)), np.ones(3), "data: 2 inputs and 3 targets"),
        (np.ones((0, 1)), None, "data: 0 inputs and no targets"),
        (None, np.ones(3), "data: no inputs and 3 targets"),
        ((np.ones(2), np.ones(3)), None, "data: 2 and 3 inputs and no targets"),
    ],
)
def test_lengths_have_to_agree(inputs, targets, message):
    with pytest.raises(ValueError, match=f"^{message}"):
        batches.examples(batches.tensors("inputs", inputs), batches.tensors("targets", targets))


def test_what_torch_says_is_told_with_a_remedy():
    said = batches.said(RuntimeError("mat1 and mat2 must have the same dtype, but got Double and Float\nmore"))
    assert "\n" not in said and said.endswith("give data of the module's type of numbers")
    assert len(batches.said(RuntimeError("x" * 500))) < 200 and batches.said(ValueError()) == "ValueError"
