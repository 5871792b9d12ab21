"""Reinterpret the 64 bits of a double as an integer and back, inside a compiled loop, without a call; align the stack.

Generated kernels import these; a change here must change :data:`VERSION`, which is part of every kernel's name.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

VERSION = 2
CACHE_LINE = 64  # bytes


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


@intrinsic
def align_stack(typing_context):
    """Begin the function's frame at a cache line.

    A vector that the compiler keeps on the stack, if it straddles two lines or pages, is read several times slower; by
    default only 16 bytes are aligned, so whether one does depends on the caller. An aligned variable that is reported
    to an empty piece of assembly, which the compiler cannot look into, makes it align the frame.
    """

    def generate(context, builder, signature, arguments):
        with builder.goto_entry_block():
            place = builder.alloca(ir.IntType(64))
        place.align = CACHE_LINE
        reported = ir.FunctionType(ir.VoidType(), [place.type])
        builder.asm(reported, "", "r", [place], side_effect=True)
        return context.get_dummy_value()

    return types.none(), generate
