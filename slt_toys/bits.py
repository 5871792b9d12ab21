"""Reinterpret the 64 bits of a double as an integer and back, inside a compiled loop, without a call.

Generated kernels import these; a change here must change :data:`VERSION`, which is part of every kernel's name.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

VERSION = 1


@intrinsic
def bits_to_float(typing_context, bits):
    """Read a uint64 as a float64."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.DoubleType())

    return types.float64(types.uint64), generate


@intrinsic
def float_to_bits(typing_context, value):
    """Read a float64 as a uint64."""

    def generate(context, builder, signature, arguments):
        return builder.bitcast(arguments[0], ir.IntType(64))

    return types.uint64(types.float64), generate
