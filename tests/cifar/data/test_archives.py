"""The two official formats and image folders give the same images; whatever is damaged or hostile is refused."""

from __future__ import annotations

import io
import os
import pickle
from pathlib import Path

import numpy as np
import pytest
from PIL import Image

from cifar.data import archives
from cifar.data.archives import PYTHON, fetch, read_archive
from cifar.data.images import load_images
from cifar.data.pickled_arrays import read_batch


def one_line(caught) -> str:
    text = str(caught.value)
    assert "\n" not in text
    return text


@pytest.mark.parametrize("protocol", range(5))  # protocol 5 names other functions, and no archive has it
def test_python_and_binary_versions_hold_the_same(tmp_path, made, protocol):
    (images, labels), (test_images, test_labels) = read_archive(made.pickled(tmp_path / "p.tar.gz", protocol))
    (again, same), (test_again, test_same) = read_archive(made.binary(tmp_path / "b.tar.gz"))
    batches = made.batches()
    expected = np.concatenate([batches["data_batch_1"][0], batches["data_batch_2"][0]])
    assert np.array_equal(images.reshape(len(images), -1), expected) and np.array_equal(images, again)
    assert np.array_equal(labels, same) and np.array_equal(test_labels, test_same)
    assert np.array_equal(test_images, test_again)


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


def test_arrays_of_other_types_and_objects_are_refused():
    for values in (np.zeros((1, 3072)), np.array([[None] * 3072])):
        with pytest.raises(ValueError, match="array") as caught:
            read_batch(pickle.dumps({b"data": values, b"labels": [0]}), "made")
        one_line(caught)


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


def test_image_folder_and_its_tar_hold_what_was_drawn(tmp_path, made):
    files = {}
    for part, batch in (("train", "data_batch_1"), ("test", "test_batch")):
        images, labels = made.batches()[batch]
        for number, (image, label) in enumerate(zip(images, labels, strict=True)):
            picture = io.BytesIO()
            Image.fromarray(image.reshape(3, 32, 32).transpose(1, 2, 0)).save(picture, "PNG")
            files[f"{part}/class{label}/{number:04d}.png"] = picture.getvalue()
    for name, content in files.items():
        path = tmp_path / "folder" / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    folder, tar = load_images(tmp_path / "folder", tmp_path), load_images(made.tar(tmp_path / "t.tar", files), tmp_path)
    assert folder.checksum == tar.checksum and folder.classes == 10
    images, labels = made.batches()["data_batch_1"]
    order = np.lexsort((np.arange(len(labels)), labels))
    assert np.array_equal(folder.train_images.numpy().reshape(len(labels), -1), images[order])
    assert np.array_equal(folder.train_labels.numpy(), labels[order])
    (tmp_path / "folder/train/class0/0000.png").write_bytes(b"no picture")
    with pytest.raises(ValueError, match="decoded") as caught:
        load_images(tmp_path / "folder", tmp_path)
    one_line(caught)


def test_data_that_are_no_images_are_refused(tmp_path, made):
    (tmp_path / "empty").mkdir()
    cases = {
        "holds no train": tmp_path / "empty",
        "neither": made.tar(tmp_path / "other.tar.gz", {"readme.txt": b"text"}),
        "whole number": made.tar(tmp_path / "short.tar.gz", {"data_batch_1.bin": b"x" * 100}),
        "no test_batch": made.tar(tmp_path / "half.tar.gz", {"data_batch_1.bin": bytes(3073)}),
        "0 to 9": made.tar(tmp_path / "labels.tar.gz", {"data_batch_1.bin": b"\x0b" + bytes(3072)}),
    }
    for words, path in cases.items():
        with pytest.raises(ValueError, match=words) as caught:
            load_images(path, tmp_path)
        one_line(caught)
    with pytest.raises(FileNotFoundError, match="data: there is no"):
        load_images(tmp_path / "absent", tmp_path)


def test_first_of_each_class_is_balanced(images):
    few = images.first_of_each_class(40, 20)
    assert few.train_labels.bincount().tolist() == [4] * 10 and few.test_labels.bincount().tolist() == [2] * 10
    assert few.checksum != images.checksum
    with pytest.raises(ValueError, match="fewer than the 10 classes"):
        images.first_of_each_class(9)
