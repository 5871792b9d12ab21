"""The two official formats and image folders give the same images; whatever is damaged or hostile is refused."""

from __future__ import annotations

import os
import pickle
from pathlib import Path

import numpy as np
import pytest

from cifar.data import archives
from cifar.data.archives import PYTHON, fetch, read_archive
from cifar.data.images import load_images
from tests.cifar.data.made_archives import one_line


@pytest.mark.parametrize("protocol", range(5))  # protocol 5 names other functions, and no archive has it
def test_python_and_binary_versions_hold_the_same(tmp_path, made, protocol):
    (images, labels), (test_images, test_labels) = read_archive(made.pickled(tmp_path / "p.tar.gz", protocol))
    (again, same), (test_again, test_same) = read_archive(made.binary(tmp_path / "b.tar.gz"))
    batches = made.batches()
    expected = np.concatenate([batches["data_batch_1"][0], batches["data_batch_2"][0]])
    assert np.array_equal(images.reshape(len(images), -1), expected) and np.array_equal(images, again)
    assert np.array_equal(labels, same) and np.array_equal(test_labels, test_same)
    assert np.array_equal(test_images, test_again)


class Hostile:
    def __init__(self, path: Path):
        self.path = path

    def __reduce__(self):
        return os.mkdir, (str(self.path),)


@pytest.mark.parametrize("protocol", range(6))
def test_malicious_pickle_is_refused_and_not_run(tmp_path, made, protocol):
    trap = tmp_path / "made-by-the-pickle"
    content = pickle.dumps({b"data": Hostile(trap), b"labels": [0]}, protocol=protocol)
    path = made.tar(tmp_path / "hostile.tar.gz", {"data_batch_1": content})
    with pytest.raises(ValueError, match="mkdir") as caught:
        load_images(path, tmp_path)
    one_line(caught)
    assert not trap.exists()
    pickle.loads(content)  # noqa: S301  the control: unpickled, it does its work
    assert trap.is_dir()


def test_truncated_archive_is_refused(tmp_path, made):
    whole = made.binary(tmp_path / "whole.tar.gz").read_bytes()
    for share in (0.0, 0.3, 0.7, 0.999):
        cut = tmp_path / "cut.tar.gz"
        cut.write_bytes(whole[: int(share * len(whole))])
        with pytest.raises(ValueError, match="truncated") as caught:
            load_images(cut, tmp_path)
        one_line(caught)


def test_wrong_checksum_is_refused(tmp_path, made):
    path = made.pickled(tmp_path / PYTHON.name)
    with pytest.raises(ValueError, match="md5") as caught:
        load_images(path, tmp_path)
    one_line(caught)


def test_fetched_archive_is_checked_before_it_has_its_name(tmp_path, made, monkeypatch):
    source = made.binary(tmp_path / "served.tar.gz")
    false = archives.Archive(source.as_uri(), "0" * 32, "0" * 64)
    with pytest.raises(ValueError, match="md5"):
        fetch(false, tmp_path / "cache")
    assert list((tmp_path / "cache").iterdir()) == []
    import hashlib

    content = source.read_bytes()
    true = archives.Archive(source.as_uri(), hashlib.md5(content).hexdigest(), hashlib.sha256(content).hexdigest())
    assert fetch(true, tmp_path / "cache").read_bytes() == content
    source.unlink()
    assert fetch(true, tmp_path / "cache").read_bytes() == content  # not fetched again
    with pytest.raises(OSError, match="--data") as caught:
        fetch(true, tmp_path / "other")
    one_line(caught)
