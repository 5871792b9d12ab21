"""Other libraries, where they are installed."""

from __future__ import annotations

import importlib
from collections.abc import Callable
from typing import Any

import numpy as np

from benchmarks.measure import Unavailable


def library(name: str) -> Any:
    """Import a peer, or say how to install it."""
    try:
        return importlib.import_module(name)
    except ImportError:
        raise Unavailable(f"{name} is not installed; pip install '.[peers]'") from None


def jax_in_double_precision() -> Any:
    """JAX, computing in double precision as the engine does."""
    jax = library("jax")
    jax.config.update("jax_enable_x64", True)
    return jax


def timed(function: Callable, *arguments: Any) -> Callable[[], np.ndarray]:
    """Run to the end: JAX returns before the work is done."""
    return lambda: np.asarray(function(*arguments).block_until_ready())[:, None]
