"""Draws that no sampler made, and the verdict on them."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

from slt_toys.potentials.potential import Potential
from slt_toys.samplers.diagnostics import diagnose
from tests.seeds import fresh_generator

WELL = Potential.from_expression("w**2")


def autoregressive(shape: tuple[int, ...], correlation: float) -> np.ndarray:
    """Stationary x' = ρ x + √(1-ρ²) ξ along the second axis, of variance 1."""
    x = fresh_generator().standard_normal(shape)
    x[:, 1:] *= math.sqrt(1 - correlation**2)
    for t in range(1, shape[1]):
        x[:, t] += correlation * x[:, t - 1]
    return x


def dataset(w: np.ndarray, **variables) -> xr.Dataset:
    points = w if w.ndim == 3 else w[..., None]
    return xr.Dataset({"w": (("chain", "draw", "coordinate"), points), **variables})


def verdict(w: np.ndarray, potential: Potential = WELL, **variables: Any) -> str:
    line = diagnose(dataset(w, **variables), potential).attrs["verdict"]
    assert "\n" not in line
    return line
