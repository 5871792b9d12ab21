"""Curves with a known end."""

from __future__ import annotations

import numpy as np

EPOCHS = np.arange(0.0, 240.0, 20.0)


def declining(kink: float) -> np.ndarray:
    return 88 - 0.1 * np.minimum(EPOCHS, kink)
