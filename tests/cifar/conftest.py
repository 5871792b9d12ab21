"""Tiny archives and images for the tests of `cifar`; all of it is skipped where torch is not installed."""

from __future__ import annotations

import io
import pickle
import tarfile
from pathlib import Path

import numpy as np
import pytest

torch = pytest.importorskip("torch")
torch.set_num_threads(1)


def tiny_images(count: int, seed: int) -> tuple[np.ndarray, np.ndarray]:
    """Images (count, 3072) whose class can be learned from their colour and a stripe, and labels from 0 to 9."""
    random = np.random.default_rng(seed)
    labels = np.arange(count) % 10
    images = random.integers(60, 190, (count, 3, 32, 32))
    for image, label in zip(images, labels, strict=True):
        image[label % 3] += 8 * label
        image[:, 3 * label : 3 * label + 2] = 240
    return np.clip(images, 0, 255).astype(np.uint8).reshape(count, -1), labels


class Made:
    """Archives in the official formats with a few images in each."""

    train, test = 120, 40

    def batches(self) -> dict[str, tuple[np.ndarray, np.ndarray]]:
        """Two training batches and a test batch by name."""
        images, labels = tiny_images(self.train, 1)
        half = self.train // 2
        return {
            "data_batch_1": (images[:half], labels[:half]),
            "data_batch_2": (images[half:], labels[half:]),
            "test_batch": tiny_images(self.test, 2),
        }

    def tar(self, path: Path, files: dict[str, bytes]) -> Path:
        with tarfile.open(path, "w:gz") as archive:
            for name, content in files.items():
                member = tarfile.TarInfo(f"made/{name}")
                member.size = len(content)
                archive.addfile(member, io.BytesIO(content))
        return path

    def binary(self, path: Path) -> Path:
        files = {
            f"{name}.bin": np.hstack([labels[:, None].astype(np.uint8), images]).tobytes()
            for name, (images, labels) in self.batches().items()
        }
        return self.tar(path, files)

    def pickled(self, path: Path, protocol: int = 2) -> Path:
        files = {
            name: pickle.dumps({b"data": images, b"labels": labels.tolist(), b"batch_label": name}, protocol=protocol)
            for name, (images, labels) in self.batches().items()
        }
        return self.tar(path, files)


@pytest.fixture(scope="session")
def made() -> Made:
    return Made()


@pytest.fixture(scope="session")
def archive(tmp_path_factory, made) -> Path:
    return made.binary(tmp_path_factory.mktemp("archive") / "made.tar.gz")


@pytest.fixture(scope="session")
def images(archive):
    from cifar.data.images import load_images

    return load_images(archive, archive.parent)


@pytest.fixture(scope="session")
def device_data(images):
    from cifar.data.device_data import DeviceData

    return DeviceData(images, torch.device("cpu"))


@pytest.fixture(scope="module")
def lopsided():
    """Test labels are not those of the training set's colours, so that no accuracy can pass for another."""
    generator = torch.Generator().manual_seed(2)
    images = torch.randint(0, 256, (100, 3, 32, 32), generator=generator, dtype=torch.uint8)
    labels = torch.arange(100) % 10
    from cifar.data.device_data import DeviceData
    from cifar.data.images import labelled_images

    made = labelled_images("made", images[:60], labels[:60], images[60:], (labels[60:] * 3 + 1) % 10)
    return DeviceData(made, torch.device("cpu"))
