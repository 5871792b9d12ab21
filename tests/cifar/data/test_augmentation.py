"""Augmentation is a shift and a flip of each image, and normalisation that of the images."""

from __future__ import annotations

import torch

from cifar.data.augmentation import augment, normalisation
from tests.cifar.data.made_images import some_images


def test_augmentation_is_a_shift_and_a_flip_of_each_image():
    images = torch.randn(200, 3, 12, 12, generator=torch.Generator().manual_seed(0))
    moved = augment(images, torch.Generator().manual_seed(1))
    seen = set()
    for image, result in zip(images, moved, strict=True):
        padded = torch.zeros(3, 20, 20)
        padded[:, 4:16, 4:16] = image
        found = [
            (down, across, flip)
            for down in range(9)
            for across in range(9)
            for flip in (False, True)
            if torch.equal(_crop(padded, down, across, flip), result)
        ]
        assert found, "no shift and flip gives this image"
        seen.add(found[0])
    assert len({s[:2] for s in seen}) > 50 and {s[2] for s in seen} == {True, False}


def _crop(padded: torch.Tensor, down: int, across: int, flip: bool) -> torch.Tensor:
    # shifted first, then mirrored: padding is symmetric, so all 162 images are covered either way
    part = padded[:, down : down + 12, across : across + 12]
    return part.flip(-1) if flip else part


def test_normalisation_is_that_of_the_images():
    images, _ = some_images()
    mean, deviation = normalisation(images)
    values = (images.float() - mean) / deviation
    assert torch.allclose(values.mean((0, 2, 3)), torch.zeros(3), atol=1e-5)
    assert torch.allclose(values.std((0, 2, 3), unbiased=False), torch.ones(3), atol=1e-5)
