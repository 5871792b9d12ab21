"""Augmentation of a whole epoch at once, on the device: shifts by up to four pixels, and horizontal flips.

What a shift uncovers is filled with the mean colour, which is zero after normalisation, or with another. Shifts are as
likely to the left as to the right, so that it is all one whether an image is flipped first. Everything random comes
from one generator, so that an epoch is the same whenever it is repeated.
"""

from __future__ import annotations

import torch

SHIFT = 4  # pixels


def normalisation(images: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Mean and standard deviation of each channel of uint8 images (n, 3, h, w), each (1, 3, 1, 1), in 0 to 255."""
    total = torch.zeros(3, dtype=torch.float64)
    squares = torch.zeros(3, dtype=torch.float64)
    for part in images.split(4096):
        values = part.double()
        total += values.sum((0, 2, 3)).cpu()
        squares += values.square().sum((0, 2, 3)).cpu()
    count = images.numel() / 3
    mean = total / count
    deviation = (squares / count - mean**2).clamp_min(1e-6).sqrt()
    return mean.float().view(1, 3, 1, 1), deviation.float().view(1, 3, 1, 1)


def augment(
    images: torch.Tensor, generator: torch.Generator, *, shift: int = SHIFT, fill: torch.Tensor | None = None
) -> torch.Tensor:
    """Each image shifted by up to ``shift`` pixels in either direction and flipped with probability one half.

    Parameters
    ----------
    images
        (n, 3, h, w) float with mean colour zero.
    generator
        On the images' device.
    shift
        In pixels.
    fill
        What is uncovered becomes this colour, (1, 3, 1, 1); zero where it is None.

    Returns
    -------
    torch.Tensor
        (n, 3, h, w), contiguous.
    """
    count, _, height, width = images.shape
    device = images.device
    moves = torch.randint(-shift, shift + 1, (2, count), generator=generator, device=device)
    flips = torch.randint(0, 2, (count,), generator=generator, device=device, dtype=torch.bool)
    down = torch.arange(height, device=device) + moves[0, :, None]  # (n, height): which row comes here
    across = torch.arange(width, device=device).expand(count, width)
    across = torch.where(flips[:, None], width - 1 - across, across) + moves[1, :, None]
    inside = ((down >= 0) & (down < height))[:, None, :, None] & ((across >= 0) & (across < width))[:, None, None, :]
    flat = down.clamp(0, height - 1)[:, :, None] * width + across.clamp(0, width - 1)[:, None, :]
    places = flat.view(count, 1, height * width).expand(-1, images.shape[1], -1)
    taken = images.reshape(count, images.shape[1], -1).gather(2, places).view_as(images)
    return torch.where(inside, taken, torch.zeros((), dtype=images.dtype, device=device) if fill is None else fill)
