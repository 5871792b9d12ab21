"""Deficits and augmentation against plain loops."""

from __future__ import annotations

import numpy as np
import pytest
import torch

from cifar.data.deficits import DEFICITS, apply_deficit, blur, blur_antialiased
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


def test_flips_and_greys_are_of_the_axes_and_weights_they_should():
    images = torch.randint(0, 256, (30, 3, 32, 32), generator=torch.Generator().manual_seed(4), dtype=torch.uint8)
    labels = torch.arange(30) % 10
    assert torch.equal(apply_deficit("vertical_flip", images, labels)[0], images[:, :, torch.arange(31, -1, -1)])
    grey = apply_deficit("greyscale", images, labels)[0]
    by_hand = (0.299 * images[:, 0].double() + 0.587 * images[:, 1].double() + 0.114 * images[:, 2].double()).round()
    assert all((grey[:, channel].double() - by_hand).abs().max() <= 1 for channel in range(3))
    noise = apply_deficit("noise_images", images.float(), labels, seed=1)[0]
    assert noise.mean((0, 2, 3)) == pytest.approx(images.float().mean((0, 2, 3)).tolist(), abs=3)
    flat = images.float().clone()
    flat[:, 1] = 100 + 0.1 * flat[:, 1]
    drawn = apply_deficit("noise_images", flat, labels, seed=1)[0]
    count = 30 * 32 * 32
    expected = float(flat[:, 1].std())
    assert abs(float(drawn[:, 1].std()) - expected) < 5 * expected / (2 * count) ** 0.5
    assert abs(float(drawn[:, 1].mean()) - float(flat[:, 1].mean())) < 5 * expected / count**0.5
    permuted = apply_deficit("label_permutation", images, labels, seed=3)
    assert torch.equal(permuted[0], images)
    step = {int(a): int(b) for a, b in zip(labels, permuted[1], strict=True)}
    seen, at = [], 0
    for _ in range(10):
        at = step[at]
        seen.append(at)
    assert sorted(seen) == list(range(10)), "one cycle through all classes"


def test_an_antialiased_blur_is_that_of_an_image_library():
    from PIL import Image

    pixels = np.random.default_rng(5).integers(0, 256, (32, 32, 3), dtype=np.uint8)
    images = torch.from_numpy(pixels).permute(2, 0, 1)[None].float()
    small_ = np.stack([
        np.asarray(Image.fromarray(pixels[..., c].astype(np.float32)).resize((8, 8), Image.Resampling.BILINEAR))
        for c in range(3)
    ])  # fmt: skip
    large = torch.nn.functional.interpolate(torch.from_numpy(small_)[None], 32, mode="bilinear", align_corners=False)
    assert torch.allclose(blur_antialiased(images), large, atol=0.05)
    assert not torch.allclose(blur_antialiased(images), blur(images), atol=2)
