"""Image folders and tars hold what was drawn; other data are refused."""

from __future__ import annotations

import io

import numpy as np
import pytest
import torch
from PIL import Image

from cifar.data.images import labelled_images, load_images, read_images, write_images
from tests.cifar.data.made_archives import one_line


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


def test_the_first_images_of_every_class_are_taken():
    images, labels = torch.arange(24, dtype=torch.uint8).view(24, 1, 1, 1).expand(24, 3, 2, 2), torch.arange(24) % 3
    whole = labelled_images("made", images, labels, images, labels)
    few = whole.first_of_each_class(6, 9)
    assert few.train_images[:, 0, 0, 0].tolist() == list(range(6))
    assert few.test_images[:, 0, 0, 0].tolist() == list(range(9))
    assert len(whole.first_of_each_class(None).train_labels) == 24


def test_a_checksum_is_of_every_byte_and_of_the_shape():
    images, labels = torch.zeros(8, 3, 4, 4, dtype=torch.uint8), torch.arange(8) % 2
    whole = labelled_images("one", images[:4], labels[:4], images[4:], labels[4:])
    assert whole.checksum == labelled_images("two", images[:4], labels[:4], images[4:], labels[4:]).checksum
    seen = {whole.checksum}
    for number in range(4):
        parts = [part.clone() for part in (images[:4], labels[:4], images[4:], labels[4:])]
        parts[number].view(-1)[-1] += 1
        seen.add(labelled_images("one", *parts).checksum)
    seen.add(labelled_images("one", images[:4].view(4, 3, 2, 8), labels[:4], images[4:], labels[4:]).checksum)
    assert len(seen) == 6


def test_images_come_back_as_they_were_written_or_are_refused(tmp_path, images):
    path = tmp_path / "images.pt"
    with pytest.raises(OSError, match="No such file"):
        read_images(path, images.checksum)
    write_images(images, path)
    again = read_images(path, images.checksum)
    assert (again.source, again.checksum, again.classes) == (images.source, images.checksum, 10)
    assert torch.equal(again.train_images, images.train_images) and torch.equal(again.test_labels, images.test_labels)
    with pytest.raises(ValueError, match="other images") as caught:
        read_images(path, "0" * 64)
    one_line(caught)
    whole = path.read_bytes()
    changed = bytearray(whole)
    changed[len(whole) // 2] ^= 1
    for content in (bytes(changed), whole[: len(whole) // 2], b"no archive"):
        other = tmp_path / f"{len(content)}.pt"
        other.write_bytes(content)
        with pytest.raises(ValueError, match=r"images|damaged") as caught:
            read_images(other, images.checksum)
        one_line(caught)
