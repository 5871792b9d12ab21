"""A double read as an integer and back, and an exponential, inside a compiled loop."""

from __future__ import annotations

import math
import re
from typing import Any

import numpy as np
import pytest
from numba import njit

from slt_toys.kernels import bits as intrinsics
from tests.seeds import fresh_seed

# Intrinsics take no typing context where they are called; pyright cannot know.
align_stack: Any = intrinsics.align_stack
bits_to_float: Any = intrinsics.bits_to_float
e_to_the: Any = intrinsics.e_to_the
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


@njit
def exponentials(values, found):
    for i in range(values.size):
        found[i] = e_to_the(values[i])


@pytest.mark.parametrize("low, high", [(-708.0, 709.7), (-1.0, 1.0), (-1e-7, 1e-7), (-745.1, -708.0)])
def test_an_exponential_is_maths_to_two_units_in_the_last_place(low, high):
    values = np.random.default_rng(fresh_seed()).uniform(low, high, 20_000)
    found, expected = np.empty_like(values), np.array([math.exp(value) for value in values])
    exponentials(values, found)
    assert (np.abs(found - expected) <= 2 * np.spacing(expected)).all()
    assert (np.abs(found - expected * (1 + 1e-15)) > 2 * np.spacing(expected)).any()  # so near is not near enough


def test_exponentials_end_in_nothing_infinity_and_no_number():
    values = np.array([0.0, -0.0, 709.79, 1e308, np.inf, -745.2, -1e308, -np.inf, np.nan, 709.78, -745.1])
    found = np.empty_like(values)
    exponentials(values, found)
    assert found[:2].tolist() == [1, 1] and (found[2:5] == np.inf).all() and (found[5:8] == 0).all()
    assert np.isnan(found[8]) and np.isfinite(found[9]) and found[10] == 5e-324


def test_a_loop_of_exponentials_is_vectors():
    exponentials(np.zeros(1), np.zeros(1))
    (text,) = exponentials.inspect_llvm().values()
    assert re.search(r"fmul (contract )?<\d+ x double>", text)
