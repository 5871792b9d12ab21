"""Overdamped Langevin kernels whose noise is made of single random bits, in double or single precision.

Sixty-four random bits are a normal number and a half in the usual kernels. For averages, weak convergence asks for
moments only: a sign, one bit, has those of first order; a sign and a size of two, whose probability is made of a few
bits, those of second order [eq:four-point-noise]. Up to eight blocks of lanes go through 32 steps together, so that a
processor has enough independent chains in flight; what a lane gets does not depend on its neighbours.
"""

from __future__ import annotations

import re
import textwrap
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import sqrt
from types import ModuleType
from typing import Literal

import sympy

from ..potentials.potential import Potential
from ..reference.laws import law
from . import sign_bits
from .codegen import ComponentGroup, component_groups, gradient_lines, load_module
from .frame import DRAW, HEADER, LANES, LOAD, STORE, component_members, component_tables, indent, walls

FewBits = Literal["three_point", "two_point", "four_point"]
Precision = Literal["double", "single"]
GROUP = 8  # blocks that run together
SPAN = GROUP * LANES
PLACES = 16  # binary ones of the probability of the rare size
_REAL = {"double": "np.float64", "single": "np.float32"}
_LITERAL = re.compile(r"(?<![\w.\]])(?<!\*\*)(\d+(?:\.\d*)?(?:e[+-]?\d+)?)(?![\w.])")


@dataclass(frozen=True)
class Law:
    """A symmetric law of mean 0 and variance 1: one size, or two of which the rare one is taken now and then.

    Attributes
    ----------
    bits
        Of the rare size's probability, after the binary point, the first one first; none for one size.
    small, large
        Sizes.
    order
        Weak order of what it allows: 1 for a fourth moment that is not 3, else 2.
    """

    bits: tuple[int, ...]
    small: float
    large: float
    order: int

    @property
    def probability(self) -> float:
        """Of the rare size."""
        return _probability(self.bits)


def law_of(noise: str) -> Law:
    """The law of a noise by its name.

    ``two_point`` is ±1. ``three_point`` is 0 or ±√3, the latter in a third of steps, rounded to 16 binary places; its
    size is such that the variance is 1, and the fourth moment is 3 to 5e-5. ``four_point`` has its rare size in a
    fourth of steps, and moments that are exact.
    """
    if noise == "two_point":
        return Law((), 1.0, 1.0, 1)
    if noise == "three_point":
        return _of_two_sizes(tuple(k % 2 for k in range(PLACES)), 0.0)
    bits = (0, 1)
    return _of_two_sizes(bits, float(law("four-point-noise")(rare_probability=_probability(bits))))


def _probability(bits: tuple[int, ...]) -> float:
    return sum(bit / 2 ** (k + 1) for k, bit in enumerate(bits))


def _of_two_sizes(bits: tuple[int, ...], small_square: float) -> Law:
    """The rare size makes the variance 1."""
    share = _probability(bits)
    return Law(bits, sqrt(small_square), sqrt((1 - (1 - share) * small_square) / share), 2)


def is_rational(potential: Potential) -> bool:
    """Whether the slopes are rational functions of the coordinates: what single numbers can be printed for."""
    slopes = [sympy.diff(potential.bound_energy, w) for w in potential.coordinates]
    return all(slope.is_rational_function(*potential.coordinates) for slope in slopes)


def few_bits_source(potential: Potential, scheme: str, noise: str, precision: str) -> str:
    """Print the kernel; its module has ``advance``, ``prepare`` and ``slopes``."""
    tables = [
        line
        for number, group in enumerate(component_groups(potential))
        for line in component_tables(number, group, SPAN)
    ]
    found, d = law_of(noise), potential.dimension
    update = [
        line
        for number, group in enumerate(component_groups(potential))
        for line in _update(number, group, scheme, potential, found, precision)
    ]
    slopes = [
        line for number, group in enumerate(component_groups(potential)) for line in _slopes(number, group, precision)
    ]
    words = ("signs", "rare") if found.bits else ("signs",)
    averaged = scheme == "leimkuhler_matthews"
    text = _FRAME.format(
        version=sign_bits.VERSION, real=_REAL[precision], d=d, rows=d * (2 if averaged else 1), group=GROUP, span=SPAN,
        tables="\n".join(tables), small=repr(found.small), large=repr(found.large),
        update="\n".join(indent(update, 5)), slopes="\n".join(indent(slopes, 1)),
        draw="\n".join(indent(_draw(found), 8)),
        make="\n".join(f"    {word} = np.empty({d * SPAN}, np.uint32)" for word in words),
        load="\n".join(
            f"                    {word}[j * SPAN + b * L + i] = np.uint32(spare[begin + b, (j + U({d * k})) * L + i])"
            for k, word in enumerate(words)
        ),
        store="\n".join(
            f"                    spare[begin + b, (j + U({d * k})) * L + i] = {word}[j * SPAN + b * L + i]"
            for k, word in enumerate(words)
        ),
        follow=f"            w[j + U({LANES * d})] = w[j]" if averaged else "            pass",
    )  # fmt: skip
    return HEADER + text


@lru_cache(maxsize=256)
def few_bits_kernel(potential: Potential, scheme: str, noise: str, precision: str) -> ModuleType:
    """Compile (or load) the kernel of a potential.

    State rows of a block: the positions, and for Leimkuhler and Matthews' scheme the same less half of their last
    noise. Scratch rows: for each coordinate a word of signs, and of sizes where there are two.
    """
    return load_module(few_bits_source(potential, scheme, noise, precision), f"few_bits_{scheme}_{noise}_{precision}")


def word_rows(dimension: int, noise: str) -> int:
    """Scratch rows of a block."""
    return dimension * (2 if law_of(noise).bits else 1)


def _draw(found: Law) -> list[str]:
    """A word of signs, and one whose bits are set with the rare size's probability, by its binary places."""
    draw = DRAW.format(r="r1")
    text = LOAD + draw + "    signs[o + i] = high_half(r1)\n"
    if found.bits:
        text += "    m = np.uint32(0)\n"
        for bit in reversed(found.bits[: max(k for k, one in enumerate(found.bits) if one) + 1]):
            text += draw + ("    m = high_half(r1) | m\n" if bit else "    m = high_half(r1) & m\n")
        text += "    rare[o + i] = m\n"
    return textwrap.dedent(text + STORE).rstrip().split("\n")


def _typed(lines: Sequence[str], precision: str) -> list[str]:
    """Numbers as the kernel's own kind: one double would make doubles of all that it meets."""
    return [_LITERAL.sub(r"R(\1)", line) for line in lines] if precision == "single" else list(lines)


def _gradient(group: ComponentGroup, precision: str) -> list[str]:
    return _typed(gradient_lines(group, "c", products=precision == "single"), precision)


def _update(
    number: int, group: ComponentGroup, scheme: str, potential: Potential, found: Law, precision: str
) -> list[str]:
    size, behind = len(group.coordinates), f"U({potential.dimension * SPAN})"
    kick = (
        "signed_of_two(signs[{o}], rare[{o}], shift, small, large)"
        if found.bits
        else "signed(signs[{o}], shift, small)"
    )
    body = [f"z{k} = " + kick.format(o=f"o{k} + i") for k in range(size)]
    if scheme == "leimkuhler_matthews":
        body += [f"z{k} = half * z{k}" for k in range(size)]
        body += [f"x{k} = w[o{k} + {behind} + i] + z{k}" for k in range(size)]
        body += _gradient(group, precision)
        body += [f"w[o{k} + {behind} + i] = (x{k} - dt * g{k}) + z{k}" for k in range(size)]
    else:
        body += [f"x{k} = w[o{k} + i]" for k in range(size)]
        body += _gradient(group, precision)
        if scheme == "heun":
            body += [f"y{k} = x{k} - dt * g{k} + z{k}" for k in range(size)]
            heun = gradient_lines(group, "d", "y", "h", products=precision == "single")
            body += _typed(heun, precision)
            body += [f"x{k} = x{k} - dt * (half * (g{k} + h{k})) + z{k}" for k in range(size)]
        else:
            body += [f"x{k} = x{k} - dt * g{k} + z{k}" for k in range(size)]
        for k, (low, high) in enumerate(walls(potential, group)):
            body += [
                f"x{k} = R({low!r}) + abs(x{k} - R({low!r}))",
                f"x{k} = R({high!r}) - abs(R({high!r}) - x{k})",
            ]
    body += [f"w[o{k} + i] = x{k}" for k in range(size)]
    loop = ["for i in range(n):", *indent(body, 1)]
    return component_members(number, group, loop, SPAN, "held")


def _slopes(number: int, group: ComponentGroup, precision: str) -> list[str]:
    """The gradient at points, by the arithmetic of the steps."""
    size = len(group.coordinates)
    body = [f"x{k} = R(points[i, o{k} // U({SPAN})])" for k in range(size)]
    body += _gradient(group, precision)
    body += [f"out[i, o{k} // U({SPAN})] = g{k}" for k in range(size)]
    loop = ["for i in range(points.shape[0]):", *indent(body, 1)]
    return component_members(number, group, loop, SPAN, "held")


_FRAME = '''from slt_toys.kernels.sign_bits import high_half, signed, signed_of_two  # version {version}

R = {real}
SPAN = U({span})
{tables}


@njit(nogil=True, cache=True, fastmath={{"contract"}}, error_model="numpy", boundscheck=False)
def advance(state, bits, spare, parameters, segment_steps, segment_step_size, segment_noise, first, records, out):
    """Advance blocks of lanes through segments of constant settings, copying the positions at some steps."""
    align_stack()
    w = np.empty({rows} * {span}, R)
{make}
    held = np.empty(parameters.shape[0], R)
    for k in range(parameters.shape[0]):
        held[k] = R(parameters[k])
    half = R(0.5)
    for begin in range(0, state.shape[0], {group}):
        blocks = min({group}, state.shape[0] - begin)
        n = U(blocks) * L
        for b in range(U(blocks)):
            for j in range(U({rows})):
                for i in range(L):
                    w[j * SPAN + b * L + i] = R(state[begin + b, j * L + i])
            for j in range(U({d})):
                for i in range(L):
{load}
        step = first
        record = 0
        for segment in range(segment_steps.shape[0]):
            dt = R(segment_step_size[segment])
            noise = R(segment_noise[segment])
            small = noise * R({small})  # a product of doubles would be made again in every step
            large = noise * R({large})
            left = segment_steps[segment]
            while left > 0:
                phase = step % 32
                if phase == 0:
                    for b in range(U(blocks)):
                        random = bits[begin + b]
                        for j in range(U({d})):
                            o = j * SPAN + b * L
                            for i in range(L):
{draw}
                count = min(32 - phase, left)
                if record < records.shape[0]:
                    count = min(count, records[record] - step)
                for k in range(count):
                    shift = np.uint32(phase + k)
{update}
                step += count
                left -= count
                if record < records.shape[0] and records[record] == step:
                    for b in range(U(blocks)):
                        for j in range(U({d})):
                            for i in range(L):
                                out[begin + b, record, j, i] = w[j * SPAN + b * L + i]
                    record += 1
        for b in range(U(blocks)):
            for j in range(U({rows})):
                for i in range(L):
                    state[begin + b, j * L + i] = w[j * SPAN + b * L + i]
            for j in range(U({d})):
                for i in range(L):
{store}


@njit(nogil=True, cache=True, fastmath={{"contract"}}, error_model="numpy", boundscheck=False)
def prepare(state, parameters):
    """Fill in what the state keeps besides positions."""
    for block in range(state.shape[0]):
        w = state[block]
        for j in range(U({d} * 64)):
{follow}


@njit(nogil=True, cache=True, fastmath={{"contract"}}, error_model="numpy", boundscheck=False)
def slopes(points, parameters, out):
    """The gradient at points (n, d), in the arithmetic of the steps."""
    held = np.empty(parameters.shape[0], R)
    for k in range(parameters.shape[0]):
        held[k] = R(parameters[k])
{slopes}
'''
