"""Batches are read without unpickling: what Python 2 wrote, and no other types."""

from __future__ import annotations

import pickle

import numpy as np
import pytest

from cifar.data.pickled_arrays import read_batch
from tests.cifar.data.made_archives import one_line


def test_what_python_2_wrote_is_read():
    # the official batches: protocol 2 with byte strings, as Python 2 pickled them
    pixels = bytes(range(256)) * 12
    content = (
        b"\x80\x02}q\x01(U\x04dataq\x02cnumpy.core.multiarray\n_reconstruct\nq\x03cnumpy\nndarray\nq\x04K\x00\x85U\x01b"
        b"\x87Rq\x05(K\x01K\x01M\x00\x0c\x86cnumpy\ndtype\nU\x02u1K\x00K\x01\x87R(K\x03U\x01|NNNJ\xff\xff\xff\xffJ\xff"
        b"\xff\xff\xffK\x00tb\x89T\x00\x0c\x00\x00" + pixels + b"tbU\x06labelsq\x06]q\x07K\x07au."
    )
    batch = read_batch(content, "made")
    assert batch["labels"] == [7]
    assert np.array_equal(batch["data"], np.frombuffer(pixels, np.uint8)[None])


def test_arrays_of_other_types_and_objects_are_refused():
    for values in (np.zeros((1, 3072)), np.array([[None] * 3072])):
        with pytest.raises(ValueError, match="array") as caught:
            read_batch(pickle.dumps({b"data": values, b"labels": [0]}), "made")
        one_line(caught)
