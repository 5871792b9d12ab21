"""Drifts without a potential, for tests of actions."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

# CriticalTransitions.jl (docs and tests of July 2026): the saddle's quasi-potential by β, and its tolerance.
DOCUMENTED = {2.0: (0.5, 1e-9), 5.0: (0.483, 5e-4), 10.0: (0.3375, 0.01)}


def maier_stein(beta: float) -> Callable[[np.ndarray], np.ndarray]:
    """du = u - u³ - βuv², dv = -(1 + u²)v (Maier and Stein 1993): no potential for β ≠ 1."""

    def drift(points: np.ndarray) -> np.ndarray:
        u, v = points[:, 0], points[:, 1]
        return np.stack([u - u**3 - beta * u * v**2, -(1 + u**2) * v], axis=1)

    return drift


def half(points: np.ndarray) -> np.ndarray:
    """D of dw = b dt + dW."""
    return np.broadcast_to(np.eye(2) / 2, (len(points), 2, 2))
