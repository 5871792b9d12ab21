"""Tiny archives that tests make: the official formats with a few images in each."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np


def tiny_images(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (count, 3072) whose class can be learned from their colour and a stripe, and labels from 0 to 9."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    images = random.integers(60, 190, (count, 3, 32, 32))
    for image, label in zip(images, labels, strict=True):
        image[label % 3] += 8 * label
        image[:, 3 * label : 3 * label + 2] = 240
    return np.clip(images, 0, 255).astype(np.uint8).reshape(count, -1), labels


def batches(train: int = 240, test: int = 60) -> dict[str, tuple[np.ndarray, np.ndarray]]:
    """Two training batches and a test batch by name."""
    images, labels = tiny_images(train, 1)
    half = train // 2
    return {
        "data_batch_1": (images[:half], labels[:half]),
        "data_batch_2": (images[half:], labels[half:]),
        "test_batch": tiny_images(test, 2),
    }


def binary_batch(images: np.ndarray, labels: np.ndarray) -> bytes:
    return np.hstack([labels[:, None].astype(np.uint8), images]).tobytes()


def pickled_batch(images: np.ndarray, labels: np.ndarray, protocol: int = 2) -> bytes:
    return pickle.dumps({b"data": images, b"labels": labels.tolist(), b"batch_label": b"made"}, protocol=protocol)


def write_tar(path: Path, files: dict[str, bytes]) -> Path:
    with tarfile.open(path, "w:gz") as archive:
        for name, content in files.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            archive.addfile(member, io.BytesIO(content))
    return path


def binary_archive(path: Path, **counts: int) -> Path:
    made = batches(**counts)
    return write_tar(path, {f"made/{name}.bin": binary_batch(*batch) for name, batch in made.items()})
