"""Shapes and textures: a task that is drawn anew in every epoch, so that nothing of it can be learned by heart.

An example is a curve of some points. A smooth shape, one of five, is what a blur leaves of it. On it lie two fine
waves, each with a sign of its own, and noise. Its class says which shape it is and whether the signs agree: whoever
sees shapes alone is right half of the time, and no wave says anything without the other.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import asdict, dataclass
from functools import cached_property

import numpy as np
from numpy.typing import NDArray

from cifar.study.names import GENERATED_DEFICITS

FloatArray = NDArray[np.float32]
Labels = NDArray[np.int64]
TRAIN, TEST, NOISE = range(3)  # what a generator is for
BLURRED = 4  # points that are left of a blurred curve
SHAPE_WAVES = (1, 2, 3)  # cycles
TEXTURE_WAVES = (11, 14)


@dataclass(frozen=True)
class Textures:
    """The task.

    Attributes
    ----------
    points
        Of a curve, a multiple of 4.
    shapes
        How many; there are twice as many classes.
    texture
        Root mean square of each fine wave; a shape's is 1.
    noise
        Standard deviation at every point.
    jitter
        Relative standard deviation of the height of shape and waves.
    """

    points: int = 32
    shapes: int = 5
    texture: float = 0.3
    noise: float = 0.5
    jitter: float = 0.2

    @property
    def classes(self) -> int:
        """A shape, and whether the signs agree."""
        return 2 * self.shapes

    @property
    def checksum(self) -> str:
        """SHA-256 of all that the examples depend on, but for seed and epoch."""
        return hashlib.sha256(json.dumps(["textures", asdict(self)], sort_keys=True).encode()).hexdigest()

    @cached_property
    def _waves(self) -> tuple[NDArray[np.float64], NDArray[np.float64]]:
        angle = 2 * np.pi * np.arange(self.points) / self.points
        smooth = np.concatenate([[np.cos(k * angle), np.sin(k * angle)] for k in SHAPE_WAVES])
        parts = np.random.default_rng(0).standard_normal((self.shapes, len(smooth)))
        parts /= np.linalg.norm(parts, axis=1, keepdims=True)
        fine = np.array([np.cos(k * angle) for k in TEXTURE_WAVES])
        return np.sqrt(2) * parts @ smooth, np.sqrt(2) * self.texture * fine

    def draw(self, seed: int, purpose: int, epoch: int, count: int) -> tuple[FloatArray, Labels]:
        """Examples (count, points) and their classes; a function of the arguments alone."""
        random = np.random.default_rng([seed, purpose, epoch])
        shapes, fine = self._waves
        shape = random.integers(0, self.shapes, count)
        signs = 2 * random.integers(0, 2, (count, len(fine))) - 1
        heights = 1 + self.jitter * random.standard_normal((count, 1 + len(fine)))
        curves = self.noise * random.standard_normal((count, self.points))
        curves += shapes[shape] * heights[:, :1] + (signs * heights[:, 1:]) @ fine
        return curves.astype(np.float32), 2 * shape + (signs.prod(1) > 0)

    def example_weights(self, seed: int, epoch: int, count: int, added_noise: float) -> FloatArray:
        """Weights of the examples' losses that add gradient noise; see `cifar.study.stages.Stage`."""
        drawn = np.random.default_rng([seed, NOISE, epoch]).standard_normal(count)
        return (1 + added_noise**0.5 * drawn).astype(np.float32)

    def under(self, deficit: str) -> FloatArray:
        """The matrix (points, points) that curves are multiplied by, from the right, under a deficit.

        ``blur``: means of neighbours, 4 in all, joined by straight lines. ``vertical_flip``: back to front, which for
        a curve is what upside down is for an image.

        Raises
        ------
        ValueError
            If there is no such deficit of curves.
        """
        if deficit not in GENERATED_DEFICITS:
            raise ValueError(f"deficit: {deficit!r} is none of curves; use {', '.join(GENERATED_DEFICITS)}")
        whole = np.eye(self.points)
        if deficit == "vertical_flip":
            return whole[::-1].astype(np.float32)
        if deficit == "none":
            return whole.astype(np.float32)
        wide = self.points // BLURRED
        means = np.repeat(np.eye(BLURRED), wide, axis=1) / wide
        places = (np.arange(BLURRED) + 0.5) * wide - 0.5
        lines = np.array([np.interp(np.arange(self.points), places, each) for each in np.eye(BLURRED)])
        return (means.T @ lines).astype(np.float32)

    def unseen(self, deficit: str) -> FloatArray:
        """Projection (points, points) onto the directions that no curve has under a deficit."""
        _, sizes, rows = np.linalg.svd(self.under(deficit).astype(float))
        seen = rows[sizes > 1e-6 * sizes[0]]
        return (np.eye(self.points) - seen.T @ seen).astype(np.float32)
