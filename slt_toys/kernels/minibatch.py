"""Kernel of SGD on single examples' gradients that a compiled function adds up, cached on disk like the others.

Every run draws with replacement from a generator of its own, splitmix64 (Steele, Lea & Flood 2014), so that its bits
do not depend on the number of threads. An example's number is ⌊u N⌋ for a uniform u of 53 bits.
"""

from __future__ import annotations

import hashlib
import inspect
from collections.abc import Callable
from types import ModuleType
from typing import Any

from .codegen import load_module

_TEMPLATE = '''"""SGD on gradients of {module}.{name}, {digest}."""
import numpy as np
from numba import njit, prange

from {module} import {name} as add_gradient


@njit(parallel=True, cache=True)
def advance(data, weights, rates, steps, batch, states):
    """Train runs in place: rates by epoch, steps in an epoch, a generator's state for each run."""
    runs, size = weights.shape
    for block in prange((runs + {lanes} - 1) // {lanes}):
{begin}
        for epoch in range(rates.size):
            step = rates[epoch] / batch
            for _ in range(steps):
                for _ in range(batch):
{add}
                for k in range(size):
{move}
{end}


@njit(cache=True)
def descend(data, weights, step, steps):
    """Follow the mean gradient down in place."""
    g = np.empty(weights.size)
    for _ in range(steps):
        g[:] = 0.0
        for row in range(data.shape[0]):
            add_gradient(weights, data[row], g)
        for k in range(weights.size):
            weights[k] -= step * g[k] / data.shape[0]


@njit(cache=True)
def slope(data, weights):
    """Mean gradient."""
    g = np.zeros(weights.size)
    for row in range(data.shape[0]):
        add_gradient(weights, data[row], g)
    return g / data.shape[0]


@njit(parallel=True, cache=True)
def measure(data, weights, moving):
    """Mean loss and trace of the covariance (divisor N) of the leading gradients at each run's weights."""
    losses, traces = np.zeros(weights.shape[0]), np.zeros(weights.shape[0])
    for run in prange(weights.shape[0]):
        mean, g, square, loss = np.zeros(weights.shape[1]), np.empty(weights.shape[1]), 0.0, 0.0
        for row in range(data.shape[0]):
            g[:] = 0.0
            loss += add_gradient(weights[run], data[row], g) / data.shape[0]
            for k in range(moving):
                mean[k] += g[k] / data.shape[0]
                square += g[k] * g[k] / data.shape[0]
        losses[run], traces[run] = loss, square - np.sum(mean[:moving] ** 2)
    return losses, traces
'''

# A step waits for the last one's weights, so a thread takes several runs at once. Those past the last run do its work
# again, and keep nothing of it.
_LANES = 4
_BEGIN = """
        run{k} = min({lanes} * block + {k}, runs - 1)
        w{k}, g{k}, z{k} = weights[run{k}].copy(), np.zeros(size), states[run{k}]
"""
_ADD = """
                    z{k} += np.uint64(0x9E3779B97F4A7C15)
                    x = (z{k} ^ (z{k} >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
                    x = (x ^ (x >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
                    x = x ^ (x >> np.uint64(31))
                    add_gradient(w{k}, data[int(float(x >> np.uint64(11)) * 2.0**-53 * data.shape[0])], g{k})
"""
_MOVE = """
                    w{k}[k] -= step * g{k}[k]
                    g{k}[k] = 0.0
"""
_END = """
        if {lanes} * block + {k} < runs:
            weights[run{k}], states[run{k}] = w{k}, z{k}
"""


def _in_lanes(lines: str) -> str:
    """Lines of the kernel, once for each run that a thread takes at a time."""
    return "\n".join(lines.strip("\n").format(k=k, lanes=_LANES) for k in range(_LANES))


def minibatch_kernel(add_gradient: Callable[..., Any]) -> ModuleType:
    """Compile (or load from the cache) training and measuring for a function that adds one example's gradient.

    Parameters
    ----------
    add_gradient
        Compiled by numba, a name of its module: takes weights (d,), a row of the data and an array (d,) to add to;
        returns the loss.

    Raises
    ------
    ValueError
        For a function that its module does not hold by name.
    """
    plain = inspect.unwrap(getattr(add_gradient, "py_func", add_gradient))
    module, name = plain.__module__, plain.__name__
    if getattr(inspect.getmodule(plain), name, None) is not add_gradient or plain.__qualname__ != name:
        raise ValueError(f"add_gradient must be a function at the top of its module, not {plain.__qualname__}")
    # Constants that it reads stand in its file, so the whole file's text decides which kernel this is.
    text = inspect.getsource(inspect.getmodule(plain))  # type: ignore[arg-type]
    digest = hashlib.sha256(text.encode()).hexdigest()[:16]
    parts = {"begin": _BEGIN, "add": _ADD, "move": _MOVE, "end": _END}
    lanes = {part: _in_lanes(lines) for part, lines in parts.items()}
    source = _TEMPLATE.format(module=module, name=name, digest=digest, lanes=_LANES, **lanes)
    return load_module(source, f"minibatch_{name.strip('_')}")
