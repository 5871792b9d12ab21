"""The images on the device: once, as bytes, with each deficit computed once."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np
import torch

from cifar.data.augmentation import augment
from cifar.data.augmentation import normalisation as channels
from cifar.data.deficits import apply_deficit
from cifar.data.images import LabelledImages
from cifar.study.stages import Stage

Epoch = tuple[torch.Tensor, torch.Tensor, torch.Tensor]  # images, labels and example weights, in the order of its steps
EVALUATION_BATCH = 512
_ORDER, _SHIFTS, _SHARE, _NOISE, _DEFICIT = range(5)  # what a generator is for


def seed_for(seed: int, *purpose: int) -> int:
    """A 63-bit seed that belongs to a purpose alone."""
    return int(np.random.SeedSequence([seed, *purpose]).generate_state(1, np.uint64)[0] >> 1)


class DeviceData:
    """Training and test images on one device.

    Parameters
    ----------
    images
        As bytes.
    device
        Where.
    normalisation
        As `cifar.study.stages.Recipe`: by mean and deviation of the clean training images' channels, or to -1 to 1.
    """

    def __init__(self, images: LabelledImages, device: torch.device, normalisation: str = "images") -> None:
        self.device, self.normalisation = device, normalisation
        self.checksum = images.checksum
        self.classes = images.classes
        self.size = int(images.train_images.shape[-1])
        mean, deviation = (
            (torch.full((1, 3, 1, 1), 127.5),) * 2 if normalisation == "half" else channels(images.train_images)
        )
        self._mean, self._deviation = mean.to(device), deviation.to(device)
        # the mean colour, which the first normalisation makes zero
        self._filling = (
            None if normalisation == "images" else self.normalised(channels(images.train_images)[0].to(device))
        )
        self._clean = {
            "train": (images.train_images.to(device), images.train_labels.to(device)),
            "test": (images.test_images.to(device), images.test_labels.to(device)),
        }
        self._under: dict[tuple[str, str, int], tuple[torch.Tensor, torch.Tensor]] = {}

    @property
    def examples(self) -> int:
        """Training examples."""
        return len(self._clean["train"][1])

    @property
    def test_examples(self) -> int:
        """Test examples."""
        return len(self._clean["test"][1])

    def under_deficit(self, deficit: str, seed: int, part: str = "train") -> tuple[torch.Tensor, torch.Tensor]:
        """Images (bytes) and labels of ``train`` or ``test`` under a deficit; kept, since it never changes."""
        if deficit == "none":
            return self._clean[part]
        name = part, deficit, seed
        if name not in self._under:
            self._under[name] = apply_deficit(deficit, *self._clean[part], seed=seed_for(seed, _DEFICIT))
            if self.device.type == "cuda":  # others may read it on streams of their own
                torch.cuda.current_stream(self.device).synchronize()
        return self._under[name]

    def normalised(self, images: torch.Tensor) -> torch.Tensor:
        """Bytes as normalised floats."""
        return (images.float() - self._mean) / self._deviation

    def epoch(
        self,
        stage: Stage,
        epoch: int,
        *,
        seed: int,
        batch_size: int,
        deficit_after_augmentation: bool,
        black: bool = False,
        partial: bool = False,
    ) -> Epoch:
        """Images, labels and example weights of a whole epoch in the order of its steps.

        Parameters
        ----------
        stage, epoch, seed, batch_size, deficit_after_augmentation
            Of the run.
        black
            Whether shifts uncover black in place of the mean colour.
        partial
            Whether images that fill no batch are kept.

        Returns
        -------
        tuple
            (n, 3, h, w) float32 in channels-last order, (n,) int64, (n,) float32; n is a multiple of the batch size
            unless a partial one is kept.
        """
        ordered = torch.Generator().manual_seed(seed_for(seed, _ORDER, epoch))  # on the CPU: alike on any device
        chosen = torch.arange(self.examples)
        if stage.share < 1:
            shuffled = torch.randperm(self.examples, generator=torch.Generator().manual_seed(seed_for(seed, _SHARE)))
            chosen = shuffled[: round(stage.share * self.examples)]
        count = len(chosen) if partial else len(chosen) // batch_size * batch_size
        if not count:
            raise ValueError(f"batch_size: {batch_size} exceeds the {len(chosen)} images of an epoch; give fewer")
        rows = chosen[torch.randperm(len(chosen), generator=ordered)[:count]].to(self.device)
        late = deficit_after_augmentation and stage.deficit not in ("none", "label_permutation")
        bytes_, labels = self.under_deficit("none" if late else stage.deficit, seed)
        images = self.normalised(bytes_[rows])
        if stage.augment:
            moved = torch.Generator(self.device).manual_seed(seed_for(seed, _SHIFTS, epoch))
            images = augment(images, moved, fill=-self._mean / self._deviation if black else self._filling)
        if late:
            scaled = images * self._deviation + self._mean
            deficient, _ = apply_deficit(stage.deficit, scaled, labels[rows], seed=seed_for(seed, _DEFICIT, epoch))
            images = (deficient - self._mean) / self._deviation
        weights = torch.ones(count, device=self.device)
        if stage.added_noise:
            drawn = torch.Generator(self.device).manual_seed(seed_for(seed, _NOISE, epoch))
            noise = torch.randn(count, generator=drawn, device=self.device)
            weights = weights + stage.added_noise**0.5 * noise
        return images.contiguous(memory_format=torch.channels_last), labels[rows], weights

    def batches(
        self, part: str, deficit: str = "none", seed: int = 0, limit: int | None = None
    ) -> Iterator[tuple[torch.Tensor, torch.Tensor]]:
        """Unaugmented ``train`` or ``test`` images with their labels, for evaluation.

        ``limit`` takes that many images spread evenly over the set.
        """
        images, labels = self.under_deficit(deficit, seed, part)
        if limit is not None and limit < len(labels):
            rows = torch.linspace(0, len(labels) - 1, limit, device=self.device).round().long()
            images, labels = images[rows], labels[rows]
        for chosen, target in zip(images.split(EVALUATION_BATCH), labels.split(EVALUATION_BATCH), strict=True):
            yield self.normalised(chosen).contiguous(memory_format=torch.channels_last), target
