"""What a compiled loop needs without a call: the bits of a double and back, an exponential, an aligned stack.

Generated kernels import these; a change here must change :data:`VERSION`, which is part of every kernel's name.
"""

from __future__ import annotations

from math import factorial

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

VERSION = 3
CACHE_LINE = 64  # bytes
LOG_2 = 6.93147180369123816490e-01, 1.90821492927058770002e-10  # their sum; a whole number times the first is exact
ROUNDER = 1.5 * 2.0**52  # added to a number it leaves the nearest whole one in the low bits
TERMS = 13  # of the power series: on [-log(2)/2, log(2)/2] the next is 4e-18
FINITE = -746.0, 710.0  # beyond them an exponential is 0 or infinite


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


@intrinsic
def e_to_the(typing_context, exponent):
    """The exponential of a float64, to a unit in the last place: math's own is a call, and no loop with one is vectors.

    With k whole and r small, x = k log 2 + r and exp(x) = 2^k exp(r), the latter by its power series (Cody and Waite
    1980). The power of two is taken in two halves, so that results go on to the smallest doubles, 0 and infinity.
    """

    def generate(context, builder, signature, arguments):
        double, whole = ir.DoubleType(), ir.IntType(64)

        def fused(a, b, c):
            return builder.fadd(builder.fmul(a, b, flags=("contract",)), c, flags=("contract",))

        def power_of_two(k):
            return builder.bitcast(builder.shl(builder.add(k, whole(1023)), whole(52)), double)

        x = arguments[0]
        for sign, end in zip("<>", FINITE, strict=True):
            x = builder.select(builder.fcmp_ordered(sign, x, double(end)), double(end), x)
        shifted = fused(x, double(1.4426950408889634), double(ROUNDER))
        count = builder.fsub(shifted, double(ROUNDER))
        rest = x
        for part in LOG_2:
            rest = fused(count, double(-part), rest)
        series = double(1 / factorial(TERMS))
        for n in range(TERMS - 1, 1, -1):
            series = fused(series, rest, double(1 / factorial(n)))
        power = builder.fadd(fused(builder.fmul(rest, rest), series, rest), double(1.0))
        k = builder.sub(builder.bitcast(shifted, whole), builder.bitcast(double(ROUNDER), whole))
        half = builder.sub(builder.lshr(builder.add(k, whole(2048)), whole(1)), whole(1024))
        halves = half, builder.sub(k, half)
        return builder.fmul(builder.fmul(power, power_of_two(halves[0])), power_of_two(halves[1]))

    return types.float64(types.float64), generate
