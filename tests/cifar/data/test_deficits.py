"""Deficits and augmentation against plain loops."""

from __future__ import annotations

import pytest
import torch

from cifar.data.deficits import DEFICITS, apply_deficit, blur
from tests.cifar.data.made_images import some_images


def test_blur_keeps_the_mean_of_each_4_by_4_area_and_nothing_finer():
    images, _ = some_images()
    small = images.float().view(6, 3, 8, 4, 8, 4).mean((3, 5))
    # the same small image with other fine detail has the same blur
    smooth = small.repeat_interleave(4, 2).repeat_interleave(4, 3)
    assert torch.allclose(blur(images.float()), blur(smooth), atol=1e-3)
    # bilinear, by hand: pixel 5 lies at (5.5 / 4 - .5) = .875 between small pixels 0 and 1
    by_hand = 0.125 * small[:, :, 3, 0] + 0.875 * small[:, :, 3, 1]
    upper, lower = blur(images.float())[:, :, 13, 5], blur(images.float())[:, :, 14, 5]
    other = 0.125 * small[:, :, 2, 0] + 0.875 * small[:, :, 2, 1]
    next_ = 0.125 * small[:, :, 4, 0] + 0.875 * small[:, :, 4, 1]
    assert torch.allclose(upper, 0.125 * other + 0.875 * by_hand, atol=1e-3)  # row 13 at 2.875
    assert torch.allclose(lower, 0.875 * by_hand + 0.125 * next_, atol=1e-3)  # row 14 at 3.125


def test_every_deficit_keeps_shape_and_type_and_repeats():
    images, labels = some_images(20)
    for name in DEFICITS:
        first, second = (apply_deficit(name, images, labels, seed=5) for _ in range(2))
        assert first[0].shape == images.shape and first[0].dtype == torch.uint8
        assert all(torch.equal(a, b) for a, b in zip(first, second, strict=True))
        changed = not torch.equal(first[0], images) or not torch.equal(first[1], labels)
        assert changed == (name != "none")
    permuted = apply_deficit("label_permutation", images, labels, seed=5)[1]
    assert sorted(permuted.unique().tolist()) == list(range(10)) and not (permuted == labels).any()
    assert not torch.equal(
        apply_deficit("noise_images", images, labels, seed=6)[0],
        apply_deficit("noise_images", images, labels, seed=5)[0],
    )
    with pytest.raises(ValueError, match="deficit: 'fog'"):
        apply_deficit("fog", images, labels)
