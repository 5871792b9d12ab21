"""Noise from single random bits, without a call: a number whose sign, and whose size of two, are bits of a word.

Generated kernels import these; :data:`VERSION` is part of what they are named by.
"""

from __future__ import annotations

from llvmlite import ir
from numba import types
from numba.extending import intrinsic

VERSION = 2
WORD = 32  # bits, one a step
_SIGN = 0x80000000


@intrinsic
def high_half(typing_context, bits):
    """The upper 32 of 64 bits, which of xoshiro256+ are the better ones."""

    def generate(context, builder, signature, arguments):
        whole = arguments[0]
        return builder.trunc(builder.lshr(whole, ir.Constant(whole.type, WORD)), ir.IntType(WORD))

    return types.uint32(types.uint64), generate


def _with_sign(builder, word, shift, size):
    """The size, negated where the bit at ``shift`` from the top is set."""
    sign = builder.and_(builder.shl(word, shift), ir.Constant(word.type, _SIGN))
    whole = ir.IntType(WORD if isinstance(size.type, ir.FloatType) else 2 * WORD)
    if whole.width > WORD:
        sign = builder.shl(builder.zext(sign, whole), ir.Constant(whole, WORD))
    return builder.bitcast(builder.xor(builder.bitcast(size, whole), sign), size.type)


def _is_real(kind) -> bool:
    return kind in (types.float32, types.float64)


@intrinsic
def signed(typing_context, signs, shift, size):
    """``size``, negated where the bit of ``signs`` (uint32) at ``shift`` from the top is set."""

    def generate(context, builder, signature, arguments):
        return _with_sign(builder, *arguments)

    return (size(types.uint32, types.uint32, size), generate) if _is_real(size) else None


@intrinsic
def signed_of_two(typing_context, signs, rare, shift, small, large):
    """``large`` where the bit of ``rare`` (uint32) is set, else ``small``; with a sign as above."""

    def generate(context, builder, signature, arguments):
        word, rarely, at, one, other = arguments
        mask = builder.ashr(builder.shl(rarely, at), ir.Constant(rarely.type, WORD - 1))  # all bits, or none
        whole = ir.IntType(WORD if isinstance(one.type, ir.FloatType) else 2 * WORD)
        mask = builder.sext(mask, whole) if whole.width > WORD else mask
        first, second = (builder.bitcast(size, whole) for size in (one, other))
        size = builder.xor(first, builder.and_(builder.xor(first, second), mask))
        return _with_sign(builder, word, at, builder.bitcast(size, one.type))

    kinds = types.uint32, types.uint32, types.uint32, small, small
    return (small(*kinds), generate) if _is_real(small) and small == large else None
