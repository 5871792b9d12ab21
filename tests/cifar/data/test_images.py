"""Image folders and tars hold what was drawn; other data are refused."""

from __future__ import annotations

import io
import shutil
import tarfile
from typing import Any

import numpy as np
import pytest
import torch
from PIL import Image

from cifar.data.images import labelled_images, load_images, read_images, write_images
from tests.cifar.data.made_archives import one_line

SAFELY: Any = {"filter": "data"} if hasattr(tarfile, "data_filter") else {}  # from Python 3.11.4 on


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


def pictures(made, count: int = 20) -> dict[str, bytes]:
    """Files of an image folder, ten classes in each part."""
    files = {}
    for part, batch in (("train", "data_batch_1"), ("test", "test_batch")):
        images, labels = made.batches()[batch]
        for number, (image, label) in enumerate(zip(images[:count], labels[:count], strict=True)):
            picture = io.BytesIO()
            Image.fromarray(image.reshape(3, 32, 32).transpose(1, 2, 0)).save(picture, "PNG")
            files[f"{part}/class{label}/{number:04d}.png"] = picture.getvalue()
    return files


def lay_out(folder, files: dict[str, bytes]):
    for name, content in files.items():
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content)
    return folder


def test_an_extracted_archive_is_read_where_it_lies(tmp_path, made, images):
    for name, archive in (("python", made.pickled), ("binary", made.binary)):
        with tarfile.open(archive(tmp_path / f"{name}.tar.gz")) as tar:
            tar.extractall(tmp_path / name, **SAFELY)
        (tmp_path / name / "made" / "batches.meta").write_bytes(b"whatever")
        for folder in (tmp_path / name, tmp_path / name / "made"):
            assert load_images(folder, tmp_path).checksum == images.checksum
    shutil.copytree(tmp_path / "python" / "made", tmp_path / "python" / "copy")
    with pytest.raises(ValueError, match="holds data_batch_1 twice") as caught:
        load_images(tmp_path / "python", tmp_path)
    one_line(caught)


def test_what_macos_leaves_beside_files_is_none_of_them(tmp_path, made):
    files = pictures(made)
    plain = load_images(lay_out(tmp_path / "plain", files), tmp_path).checksum
    beside = {"._train": b"x", "train/class0/._0000.png": b"x", "__MACOSX/train/class0/._0000.png": b"x"}
    assert load_images(lay_out(tmp_path / "mac", files | beside), tmp_path).checksum == plain
    tar = made.tar(tmp_path / "mac.tar.gz", beside | {"batches.txt": b"ten classes"} | files)
    assert load_images(tar, tmp_path).checksum == plain, "nor does a name like that of a batch hide the pictures"


def test_folders_that_are_links_are_followed_and_loops_are_refused(tmp_path, made):
    files = pictures(made)
    plain = lay_out(tmp_path / "plain", files)
    linked = tmp_path / "linked"
    linked.mkdir()
    (linked / "train").symlink_to(plain / "train")
    (linked / "test").mkdir()
    for kind in (plain / "test").iterdir():
        (linked / "test" / kind.name).symlink_to(kind)
    assert load_images(linked, tmp_path).checksum == load_images(plain, tmp_path).checksum
    (plain / "train" / "again").symlink_to(plain)
    with pytest.raises(ValueError, match="is reached twice, by a link") as caught:
        load_images(plain, tmp_path)
    one_line(caught)


def test_two_copies_in_one_folder_are_refused(tmp_path, made):
    files = pictures(made)
    both = {f"{copy}/{name}": content for name, content in files.items() for copy in ("one", "two")}
    assert load_images(lay_out(tmp_path / "single", {f"one/{k}": v for k, v in files.items()}), tmp_path).classes == 10
    for path in (lay_out(tmp_path / "both", both), made.tar(tmp_path / "both.tar", both)):
        with pytest.raises(
            ValueError, match=r"holds images under (made/)?one and (made/)?two; give one of them"
        ) as caught:
            load_images(path, tmp_path)
        one_line(caught)


@pytest.mark.parametrize("kind", ["grey", "colour"])
def test_pictures_of_sixteen_bits_are_refused(tmp_path, made, kind):
    files = pictures(made)
    picture = io.BytesIO()
    Image.fromarray(np.full((32, 32), 40_000, np.uint16)).save(picture, "PNG")
    content = bytearray(picture.getvalue())
    assert content[24] == 16
    if kind == "colour":
        content[25] = 2  # what reads it need not get further than the header
    files["train/class0/0000.png"] = bytes(content)
    with pytest.raises(ValueError, match=r"0000\.png has 16 bits a colour; give images of 8") as caught:
        load_images(lay_out(tmp_path / "folder", files), tmp_path)
    one_line(caught)


@pytest.mark.parametrize("kind", ["gz", "bz2", "xz"])
def test_a_bit_that_flipped_in_an_archive_of_ones_own_is_noticed(tmp_path, made, kind):
    for name, files in (("pictures", pictures(made)), ("batches", None)):
        plain = tmp_path / f"{name}.tar"
        with tarfile.open(made.binary(tmp_path / "b.tar.gz") if files is None else made.tar(plain, files)) as tar:
            tar.extractall(tmp_path / name, **SAFELY)
        packed = tmp_path / f"{name}.tar.{kind}"
        with tarfile.open(packed, f"w:{kind}") as tar:  # type: ignore[call-overload]
            tar.add(tmp_path / name, "made")
        assert load_images(packed, tmp_path).classes == 10
        whole = packed.read_bytes()
        for place in (len(whole) // 3, 2 * len(whole) // 3, len(whole) - 6):
            changed = bytearray(whole)
            changed[place] ^= 4
            packed.write_bytes(changed)
            with pytest.raises(ValueError, match=r"damaged|truncated|decoded|holds|records") as caught:
                load_images(packed, tmp_path)
            one_line(caught)
