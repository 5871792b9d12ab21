"""Settings, datasets and folders of the tests of records."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True)
class Settings:
    decay: float = 0.97
    batch_sizes: tuple[int, ...] = (32, 64)
