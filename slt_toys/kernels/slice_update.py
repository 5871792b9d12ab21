"""Template of a slice update in lanes, for a coordinate whose conditional has no closed form (Neal 2003).

A level above the energy is drawn, log density minus an exponential number, and the next value uniformly from where the
energy lies below it: from an interval around the old value that shrinks towards it at every miss. Between walls the
first interval is all that lies between; else one of a given width, placed at random and stepped out until both ends
are outside. Lanes that are done wait for the others.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

import sympy

from .codegen import ComponentGroup, expression_lines
from .frame import LOG_UNIFORM, UNIFORM, indent

SCRATCH_ROWS = 4
# Where all lanes are tried until none is left: numba counts with integers, which the compiler vectorises.
SEARCH = "searching = U(1)"


def slice_lines(
    group: ComponentGroup,
    energy: sympy.Expr,
    number: int,
    scratch: int,
    walls: tuple[float, float] | None,
    width: float,
) -> list[str]:
    """Print the update of one coordinate.

    Parameters
    ----------
    group
        The component it belongs to.
    energy
        The terms that hold it.
    number
        Of the coordinate in the component.
    scratch
        Offset of the first of :data:`SCRATCH_ROWS` scratch rows.
    walls
        Between which it lives, if there are any.
    width
        Of the first interval, where there are none.
    """
    level, left, right, done = (f"normal[U({scratch + 64 * row}) + i]" for row in range(SCRATCH_ROWS))
    own = f"w[o{number} + i]"
    height = _height(group, energy, number)
    lines = LOG_UNIFORM.rstrip().split("\n")
    lines += indent([f"at = {own}", *height, f"{level} = height * cold - log_uniform", f"{done} = 0.0"], 1)
    if walls is None:
        lines += UNIFORM.rstrip().split("\n")
        lines += indent([f"end = {own} - {width!r} * uniform", f"{left} = end", f"{right} = end + {width!r}"], 1)
        lines += _stepped_out(left, f"at - {width!r}", level, height)
        lines += _stepped_out(right, f"at + {width!r}", level, height)
    else:
        lines += ["for i in range(L):", f"    {left} = {walls[0]!r}", f"    {right} = {walls[1]!r}"]
    # An energy that is not a number counts as a hit: the chain's divergence is then told, and the search ends.
    shrunk = [
        f"old = {own}",
        f"low_end = {left}",
        f"high_end = {right}",
        "at = low_end + uniform * (high_end - low_end)",
        *height,
        f"missed = height * cold > {level}",
        f"{left} = at if (missed and at < old) else low_end",
        f"{right} = at if (missed and at >= old) else high_end",
    ]
    return [*lines, *search(UNIFORM, shrunk, own, done)]


def search(opening: str, trial: Sequence[str], own: str, done: str) -> list[str]:
    """Print trials of all lanes until none is left that missed at every one.

    Parameters
    ----------
    opening
        Opens the loop over lanes and draws.
    trial
        Computes the proposal ``at`` and whether it ``missed``.
    own, done
        The coordinate, replaced by the first proposal that hits, and whether there was one.
    """
    kept = [
        *trial,
        "hit = 0.0 if missed else 1.0",
        f"before = {done}",
        f"{own} = at if hit > before else {own}",
        f"{done} = max(hit, before)",
        "searching += U(0) if hit + before > 0.0 else U(1)",
    ]
    return [SEARCH, "while searching > U(0):", "    searching = U(0)", *indent([*opening.rstrip().split("\n")], 1),
            *indent(kept, 2)]  # fmt: skip


def _stepped_out(end: str, further: str, level: str, height: list[str]) -> list[str]:
    body = [
        f"at = {end}",
        *height,
        f"inside = height * cold < {level}",
        f"{end} = {further} if inside else at",
        "searching += U(1) if inside else U(0)",
    ]
    return [SEARCH, "while searching > U(0):", "    searching = U(0)", "    for i in range(L):", *indent(body, 2)]


def _height(group: ComponentGroup, energy: sympy.Expr, number: int) -> list[str]:
    """Print the energy at ``at``, given the other coordinates."""
    x = group.coordinates[number]
    if energy.is_polynomial(x):
        energy = sympy.horner(sympy.expand(energy), x)
    names = ["at" if k == number else f"x{k}" for k in range(len(group.coordinates))]
    others = [k for k, y in enumerate(group.coordinates) if k != number and y in energy.free_symbols]
    lines = [f"x{k} = w[o{k} + i]" for k in others]
    return [*lines, *expression_lines(replace(group, energy=energy), [energy], names, ["height"], "c")]
