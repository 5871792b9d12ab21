"""Augmentation is a shift and a flip of each image, and normalisation that of the images."""

from __future__ import annotations

import math

import numpy as np
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


def test_shifts_reach_four_pixels_each_way_and_flips_are_fair():
    count = 20_000
    place = torch.zeros(count, 3, 16, 16)
    place[:, :, 8, 7] = 1.0
    place[:, :, 8, 8] = 0.5  # tells left from right
    moved = augment(place, torch.Generator().manual_seed(int(torch.seed() % 2**31)))
    where = (moved[:, 0] == 1).flatten(1).float().argmax(1)
    down, across = where // 16, where % 16
    flipped = moved[torch.arange(count), 0, down, across - 1] == 0.5
    assert set((down - 8).tolist()) == set(range(-4, 5))
    assert set((across - torch.where(flipped, 8, 7)).tolist()) == set(range(-4, 5))
    share = float(flipped.float().mean())
    assert abs(share - 0.5) < 5 * 0.5 / count**0.5
    for values in (down - 8, across - torch.where(flipped, 8, 7)):
        spread = np.bincount(values.numpy() + 4, minlength=9) / count
        assert np.abs(spread - 1 / 9).max() < 5 * math.sqrt(8 / 81 / count)
