"""Lines that a verdict says of made-up numbers."""

from __future__ import annotations

import math
from typing import Any

import numpy as np
import xarray as xr

from slt_toys.potentials.potential import Potential
from slt_toys.samplers.references import Judged, Reference

TILTED = Potential.from_expression("(w**2-1)**2 - w/10")
NAN = math.nan


def judged(chains: int = 4, phases: int = 0, spread: float = 1.0) -> Judged:
    """A coordinate, the energy and phases' shares, each of standard deviation ``spread``."""
    names = ("w", "energy", *(f"phase {k}" for k in range(phases)))
    values = np.broadcast_to(np.where(np.arange(100) % 2, spread, -spread)[:, None], (chains, 100, len(names)))
    return Judged(values, names, 1, None, "all draws", True, values[..., :1], slice(None), np.array([0]))


def found(errors: list[float], means: list[float] | None = None, **others: float) -> xr.Dataset:
    """A diagnosis in which all is well but for what is given."""
    size = len(errors)
    values: dict[str, Any] = {
        "mean": means or [0.0] * size,
        "monte_carlo_standard_error": errors,
        "r_hat": [others.get("r_hat", 1.0)] * size,
        "bulk_effective_sample_size": [others.get("bulk", 1000.0)] * size,
        "tail_effective_sample_size": [others.get("tail", 1000.0)] * size,
        "drift": [others.get("drift", 0.0)] * size,
    }
    names = ["w", "energy", *(f"phase {k}" for k in range(size - 2))]
    return xr.Dataset({name: ("quantity", v) for name, v in values.items()}, {"quantity": names})


def known(**values: Any) -> Reference:
    size = len(values.get("exact", values.get("bias", [NAN, NAN])))
    usual: dict[str, Any] = {
        "temperature": 1.0, "scheme": "euler_maruyama", "exact": [NAN] * size, "deviation": [1.0] * size,
        "bias": [NAN] * size, "bias_error": [0.0] * size,
    }  # fmt: skip
    usual |= values
    arrays: dict[str, Any] = {name: np.array(v, dtype=float) if isinstance(v, list) else v for name, v in usual.items()}
    return Reference(**arrays)
