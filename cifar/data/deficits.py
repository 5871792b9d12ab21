"""Deficits: what is done to the training images, or to their labels, before the switch.

The critical-period deficit of Achille, Rovere & Soatto (2019) is a blur to 8 x 8 pixels and back. Their vertical flip
leaves the statistics of natural images as they are and no lasting effect: the negative control. Label permutation and
noise images are the high-level and the information-free deficits of the same paper.
"""

from __future__ import annotations

from collections.abc import Callable

import torch
from torch.nn import functional

from cifar.study.names import DEFICITS

BLURRED_SIZE = 8  # pixels
CHUNK = 4096  # images at a time


def blur(images: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Down to 8 x 8 by averaging areas, and bilinearly up again; (n, 3, h, w) float or uint8, the type is kept."""
    return _up(functional.interpolate(images.float(), size=(BLURRED_SIZE, BLURRED_SIZE), mode="area"), images)


def blur_antialiased(images: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """As `blur`, but down bilinearly with antialiasing, as image libraries do it."""
    small = functional.interpolate(
        images.float(), size=(BLURRED_SIZE, BLURRED_SIZE), mode="bilinear", align_corners=False, antialias=True
    )
    return _up(small, images)


def vertical_flip(images: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Upside down."""
    return images.flip(-2)


def greyscale(images: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Luminance (ITU-R BT.601) in all three channels."""
    weights = torch.tensor([0.299, 0.587, 0.114], device=images.device).view(1, 3, 1, 1)
    return _as((images.float() * weights).sum(1, keepdim=True).expand(-1, 3, -1, -1), images)


def noise_images(images: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """Gaussian noise with the mean and standard deviation of each channel, one fixed image for each example."""
    generator = torch.Generator().manual_seed(seed)
    values = images.float()
    mean, deviation = values.mean((0, 2, 3), keepdim=True), values.std((0, 2, 3), keepdim=True)
    drawn = torch.randn(images.shape, generator=generator).to(images.device)
    return _as((mean + deviation * drawn).clamp(0, 255), images)


def unchanged(images: torch.Tensor, seed: int = 0) -> torch.Tensor:
    """No deficit."""
    return images


IMAGE_DEFICITS: dict[str, Callable[[torch.Tensor, int], torch.Tensor]] = {
    "none": unchanged,
    "blur": blur,
    "blur_antialiased": blur_antialiased,
    "vertical_flip": vertical_flip,
    "greyscale": greyscale,
    "noise_images": noise_images,
    "label_permutation": unchanged,
}


def apply_deficit(
    name: str, images: torch.Tensor, labels: torch.Tensor, *, seed: int = 0
) -> tuple[torch.Tensor, torch.Tensor]:
    """Images and labels under a deficit.

    Parameters
    ----------
    name
        One of `DEFICITS`.
    images
        (n, 3, height, width), 0 to 255, uint8 or float; the type is kept.
    labels
        (n,) int64; only ``label_permutation`` changes them, all of one class alike and none to itself.
    seed
        Of the noise images and of the permutation.

    Raises
    ------
    ValueError
        If there is no such deficit.
    """
    if name not in IMAGE_DEFICITS:
        raise ValueError(f"deficit: {name!r} is unknown; use one of {', '.join(DEFICITS)}")
    if name == "label_permutation":
        classes = int(labels.max()) + 1
        order = torch.randperm(classes, generator=torch.Generator().manual_seed(seed))
        moved = torch.empty_like(order)
        moved[order] = order.roll(1)  # one cycle through all classes: no class keeps its label
        return images, moved.to(labels.device)[labels]
    function = IMAGE_DEFICITS[name]
    if name == "noise_images":  # one stream for all images
        return function(images, seed), labels
    return torch.cat([function(part, seed) for part in images.split(CHUNK)]), labels


def _up(small: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return _as(functional.interpolate(small, size=like.shape[-2:], mode="bilinear", align_corners=False), like)


def _as(values: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    return values.round().clamp(0, 255).to(torch.uint8) if like.dtype == torch.uint8 else values
