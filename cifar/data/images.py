"""Labelled images from an official archive, an image folder or a tar of one.

An official archive may have been extracted, as torchvision leaves it. An image folder holds
``train/<class>/<file>`` and ``test/<class>/<file>``, files in PNG or JPEG; classes are numbered in the alphabetical
order of their names, which for CIFAR-10 is the official order.
"""

from __future__ import annotations

import hashlib
import io
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import torch
from PIL import Image, UnidentifiedImageError

from cifar.data.archives import (
    ARCHIVES,
    BATCH,
    PYTHON,
    Batch,
    check_archive,
    check_compression,
    fetch,
    is_strange,
    members,
    read_archive,
    read_batches,
)
from slt_toys.results.progress import progress
from slt_toys.results.records import write_bytes_atomically

PNG = b"\x89PNG\r\n\x1a\n"
ENDINGS = (".png", ".jpg", ".jpeg")


@dataclass(frozen=True, eq=False)
class LabelledImages:
    """A training and a test set.

    Attributes
    ----------
    source
        What a caption says they are.
    train_images, test_images
        (n, 3, height, width) uint8, red, green and blue.
    train_labels, test_labels
        (n,) int64 from 0.
    checksum
        SHA-256 of all of it: what identifies the data in a run's key.
    """

    source: str
    train_images: torch.Tensor
    train_labels: torch.Tensor
    test_images: torch.Tensor
    test_labels: torch.Tensor
    checksum: str

    @property
    def classes(self) -> int:
        """How many classes there are."""
        return int(max(self.train_labels.max(), self.test_labels.max())) + 1

    def first_of_each_class(self, train: int | None, test: int | None = None) -> LabelledImages:
        """The first images of every class, about ``train`` and ``test`` in all; None leaves that set whole."""
        first, second = _balanced(self.train_labels, train), _balanced(self.test_labels, test)
        of_train = self.train_images[first], self.train_labels[first]
        return labelled_images(self.source, *of_train, self.test_images[second], self.test_labels[second])


def labelled_images(source: str, *tensors: torch.Tensor) -> LabelledImages:
    """`LabelledImages` of training images and labels, test images and labels, with the checksum of all that."""
    digest = hashlib.sha256()
    parts = [tensor.contiguous() for tensor in tensors]
    for part in parts:
        digest.update(str(tuple(part.shape)).encode())
        digest.update(part.numpy().tobytes())
    return LabelledImages(source, *parts, checksum=digest.hexdigest())


def write_images(images: LabelledImages, path: Path) -> None:
    """Write them as they are, in one step, so that others need not decode them again."""
    content = io.BytesIO()
    names = "train_images", "train_labels", "test_images", "test_labels"
    torch.save({"source": images.source, **{name: getattr(images, name) for name in names}}, content)
    write_bytes_atomically(content.getvalue(), path)


def read_images(path: Path, checksum: str) -> LabelledImages:
    """Read what `write_images` wrote. Processes of one machine share the memory.

    Raises
    ------
    ValueError
        In one line, if they are not those with this checksum.
    OSError
        If there is no such file.
    """
    try:
        kept = torch.load(path, map_location="cpu", weights_only=True, mmap=True)
        tensors = kept["train_images"], kept["train_labels"], kept["test_images"], kept["test_labels"]
        images = labelled_images(kept["source"], *tensors)
    except OSError:
        raise
    except Exception as error:  # what a damaged file raises varies with the damage
        reason = " ".join(str(error).split())[:80]
        raise ValueError(f"data: {path} is damaged ({reason}); resume the sweep to have it written anew") from None
    if images.checksum != checksum:
        raise ValueError(f"data: {path} holds other images than this sweep's; resume it to have them written anew")
    return images


def load_images(data: Path | None, cache: Path) -> LabelledImages:
    """Images from ``data``, or where it is None the official archive, fetched into ``cache``.

    Parameters
    ----------
    data
        An official archive, an image folder, or a tar of one. A file with the name of an official archive must be it.
    cache
        Folder for what is fetched.

    Raises
    ------
    ValueError
        In one line, if the data are damaged or not what their name says.
    OSError
        If there is no such file, or nothing can be fetched.
    """
    if data is None:
        data = fetch(PYTHON, cache)
    elif not data.exists():
        raise FileNotFoundError(f"data: there is no {data}; give an archive or an image folder")
    elif data.name in ARCHIVES and data.is_file():
        check_archive(data, ARCHIVES[data.name])
    if data.is_dir():
        files = _folder(data)
        if not any(BATCH.fullmatch(path.name) for _, path in files):
            named = ((name, path.read_bytes()) for name, path in files if name.lower().endswith(ENDINGS))
            return _from_files(named, data)
        parts = read_batches(((name, path.read_bytes) for name, path in files), data)
        return labelled_images(data.name, *_tensors(parts))
    if _holds_pictures(data):
        check_compression(data)
        return _from_files(((name, read()) for name, read in members(data)), data)
    return labelled_images("CIFAR-10" if data.name in ARCHIVES else data.name, *_tensors(read_archive(data)))


def _tensors(parts: tuple[Batch, Batch]) -> Iterator[torch.Tensor]:
    return (torch.from_numpy(array.copy()) for part in parts for array in part)


def _balanced(labels: torch.Tensor, count: int | None) -> torch.Tensor:
    if count is None or count >= len(labels):
        return torch.arange(len(labels))
    classes = int(labels.max()) + 1
    if count < classes:
        raise ValueError(f"images: {count} are fewer than the {classes} classes; give at least one for each")
    share = [torch.nonzero(labels == label).flatten()[: count // classes] for label in range(classes)]
    return torch.cat(share).sort().values


def _holds_pictures(path: Path) -> bool:
    """Whether the first file of a tar that is a picture or a batch is a picture."""
    for name, _ in members(path):
        if BATCH.fullmatch(name.rsplit("/", 1)[-1]) or name.lower().endswith(ENDINGS):
            return name.lower().endswith(ENDINGS)
    raise ValueError(f"data: {path} holds neither CIFAR-10 batches nor PNG or JPEG images")


def _folder(root: Path) -> list[tuple[str, Path]]:
    """Files under a folder, links followed, each folder once."""
    files, seen = [], set[tuple[int, int]]()
    for folder, folders, names in os.walk(root, followlinks=True):
        status = os.stat(folder)
        if (status.st_dev, status.st_ino) in seen:  # a link back up, or to what another link leads to
            raise ValueError(f"data: {folder} is reached twice, by a link; give a folder without it")
        seen.add((status.st_dev, status.st_ino))
        folders.sort()
        files += [(path.relative_to(root).as_posix(), path) for path in (Path(folder) / name for name in sorted(names))]
    return [(name, path) for name, path in files if not is_strange(name)]


def _from_files(files: Iterator[tuple[str, bytes]], source: Path) -> LabelledImages:
    """Decode every ``.../train/<class>/<file>`` and ``.../test/<class>/<file>``, in the order of their names."""
    pictures: dict[str, list[tuple[str, str, np.ndarray]]] = {"train": [], "test": []}
    place: str | None = None  # where train and test are
    with progress("decoding images", None) as advance:
        for name, content in files:
            parts = name.split("/")
            if name.lower().endswith(ENDINGS) and len(parts) >= 3 and parts[-3] in pictures:
                root = "/".join(parts[:-3])
                place = root if place is None else place
                if root != place:
                    raise ValueError(f"data: {source} holds images under {place or '.'} and {root}; give one of them")
                pictures[parts[-3]].append((parts[-2], parts[-1], _decode(content, f"data: {source}, {name}")))
                advance()
    for part, own in pictures.items():
        if not own:
            raise ValueError(
                f"data: {source} holds no {part}/<class>/<image>; give an image folder with train and test"
            )
    classes = {name: number for number, name in enumerate(sorted({kind for kind, _, _ in pictures["train"]}))}
    strange = sorted({kind for kind, _, _ in pictures["test"]} - set(classes))
    if strange:
        raise ValueError(f"data: {source} has the class {strange[0]!r} under test alone; train needs it as well")
    tensors = []
    for own in pictures.values():
        own.sort(key=lambda picture: picture[:2])
        if len({picture.shape for _, _, picture in own}) > 1:
            raise ValueError(f"data: {source} has images of different sizes; they must all be alike")
        stacked = np.stack([picture for _, _, picture in own]).transpose(0, 3, 1, 2)
        labels = torch.tensor([classes[kind] for kind, _, _ in own])
        tensors += [torch.from_numpy(np.ascontiguousarray(stacked)), labels]
    return labelled_images(source.name.split(".")[0], *tensors)


def _decode(content: bytes, source: str) -> np.ndarray:
    if content.startswith(PNG) and content[24:25] == b"\x10":
        raise ValueError(f"{source} has 16 bits a colour; give images of 8")
    try:
        with Image.open(io.BytesIO(content), formats=("PNG", "JPEG")) as picture:
            return np.asarray(picture.convert("RGB"))
    except (UnidentifiedImageError, OSError, ValueError, Image.DecompressionBombError) as error:
        raise ValueError(f"{source} cannot be decoded ({' '.join(str(error).split())})") from None
