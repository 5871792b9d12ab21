"""A double read as an integer and back, inside a compiled loop."""

from __future__ import annotations

from typing import Any

import numpy as np
from numba import njit

from slt_toys.kernels import bits as intrinsics

# Intrinsics take no typing context where they are called; pyright cannot know.
align_stack: Any = intrinsics.align_stack
bits_to_float: Any = intrinsics.bits_to_float
float_to_bits: Any = intrinsics.float_to_bits


@njit
def there(values, found):
    align_stack()
    for i in range(values.size):
        found[i] = float_to_bits(values[i])


@njit
def back(bits, found):
    for i in range(bits.size):
        found[i] = bits_to_float(bits[i])


def test_bits_are_those_of_memory():
    values = np.array([0.0, -0.0, 1.0, -2.5, np.pi, 5e-324, 1e308, np.inf, -np.inf, np.nan])
    bits, found = np.empty(values.size, dtype=np.uint64), np.empty(values.size)
    there(values, bits)
    back(bits, found)
    assert np.array_equal(bits, values.view(np.uint64)) and np.array_equal(found, values, equal_nan=True)
