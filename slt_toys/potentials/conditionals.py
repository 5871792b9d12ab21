"""Conditional distributions of an energy's coordinates given the others, read off the sympy expression.

Where the energy is of degree two in a block of coordinates, with coefficients that only the others enter, the block is
normal given the others: exp(-L/T) with L = ½ xᵀH x + gᵀx + const has precision H/T and mean -H⁻¹g
[eq:gibbs-conditional-mean, eq:gibbs-conditional-variance]. Within walls it is a normal cut by them, whose draws are
exact for one coordinate at a time and a coefficient that is nowhere negative.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass
from typing import Literal

import sympy

from ..inputs.arguments import checked_arguments
from .expression_parts import split
from .potential import Potential

LARGEST_BLOCK = 10  # coordinates drawn at once: the factorisation is printed entry by entry
Kind = Literal["normal", "truncated normal", "no closed form"]


@dataclass(frozen=True)
class Conditional:
    """How a block of coordinates is distributed given all others, at temperature T.

    Attributes
    ----------
    kind
        ``"normal"`` on the whole space, ``"truncated normal"`` between walls, or ``"no closed form"``.
    coordinates
        The block's symbols; one, unless the kind is ``"normal"``.
    hessian, slope
        H (m, m) and g (m,) of L = ½ xᵀH x + gᵀx + const in the block, functions of the other coordinates; empty where
        there is no closed form.
    energy
        The terms of the energy that hold the block.
    """

    kind: Kind
    coordinates: tuple[sympy.Symbol, ...]
    hessian: sympy.ImmutableMatrix
    slope: sympy.ImmutableMatrix
    energy: sympy.Expr

    def mean(self) -> sympy.Matrix:
        """Mean -H⁻¹g of the normal, before it is cut by walls, shape (m, 1) [eq:gibbs-conditional-mean].

        Raises
        ------
        ValueError
            Where there is none.
        """
        return sympy.Matrix(-self._inverse() * self.slope)

    def covariance_per_temperature(self) -> sympy.Matrix:
        """Covariance over T, H⁻¹, before the normal is cut by walls, shape (m, m) [eq:gibbs-conditional-variance].

        Raises
        ------
        ValueError
            Where there is none.
        """
        return sympy.Matrix(self._inverse())

    def _inverse(self) -> sympy.ImmutableMatrix:
        if self.kind == "no closed form" or sympy.simplify(self.hessian.det()) == 0:
            names = ", ".join(s.name for s in self.coordinates)
            raise ValueError(f"conditional of {names} has no normal form: the energy is not of degree two in it")
        return self.hessian.inv()


@checked_arguments
def conditionals(potential: Potential) -> tuple[Conditional, ...]:
    """Conditional distributions from which :class:`slt_toys.samplers.Gibbs` draws, in its order.

    Parameters
    ----------
    potential
        Whose coordinates are split into blocks, as few as it takes.

    Returns
    -------
    tuple of Conditional
        Every coordinate is in exactly one. Expressions hold the potential's parameters as symbols.

    Examples
    --------
    >>> well = Potential.from_expression("(w1*w2 - 1)**2 + (w1**2 + w2**2)/10", box=(-3, 3))
    >>> for block in conditionals(well):
    ...     print(block.kind, block.coordinates, block.mean()[0])
    truncated normal (w1,) 2*w2/(2*w2**2 + 1/5)
    truncated normal (w2,) 2*w1/(2*w1**2 + 1/5)
    """
    blocks: list[Conditional] = []
    nonnegative = {sympy.Symbol(name, real=True) for name, value in potential.parameters if value >= 0}
    for group, energy in split(potential.energy, potential.coordinates):
        coordinates = [potential.coordinates[i] for i in group]
        blocks += split_blocks(energy, coordinates, potential.boundary != "natural", nonnegative)
    return tuple(blocks)


def split_blocks(
    energy: sympy.Expr, coordinates: Sequence[sympy.Symbol], walled: bool, nonnegative: Collection[sympy.Symbol] = ()
) -> list[Conditional]:
    """Split coupled coordinates into blocks, the first coordinate's block first.

    Parameters
    ----------
    energy
        Of these coordinates and of parameters.
    coordinates
        All that it holds.
    walled
        Whether walls bound them.
    nonnegative
        Parameters known not to be negative.
    """
    if energy.is_polynomial(*coordinates):
        energy = sympy.expand(energy)
    left, blocks = list(coordinates), []
    while left:
        block = _quadratic_block(energy, left, 1 if walled else LARGEST_BLOCK)
        blocks.append(_conditional(energy, block or (left[0],), bool(block), walled, nonnegative))
        left = [x for x in left if x not in blocks[-1].coordinates]
    return blocks


def _quadratic_block(energy: sympy.Expr, left: Sequence[sympy.Symbol], largest: int) -> tuple[sympy.Symbol, ...]:
    """Grow a block in which the energy is of degree two from the first coordinate; empty where it is not even in that.

    Every second derivative within the block must be free of the block.
    """
    block: list[sympy.Symbol] = []
    second: set[sympy.Symbol] = set()
    for x in left:
        if len(block) == largest:
            break
        slope = sympy.diff(energy, x)
        more = [sympy.diff(slope, y) for y in (x, *block)]
        held = second.union(*(expression.free_symbols for expression in more))
        if held.isdisjoint({*block, x}):
            block.append(x)
            second = held
        elif not block:
            break
    return tuple(block)


def _conditional(
    energy: sympy.Expr,
    block: tuple[sympy.Symbol, ...],
    quadratic: bool,
    walled: bool,
    nonnegative: Collection[sympy.Symbol],
) -> Conditional:
    own = sympy.Add(*(term for term in sympy.Add.make_args(energy) if term.free_symbols & set(block)))
    if quadratic:
        slopes = [sympy.diff(own, x) for x in block]
        hessian = sympy.ImmutableMatrix([[sympy.diff(slope, x) for x in block] for slope in slopes])
        slope = sympy.ImmutableMatrix([slope.xreplace(dict.fromkeys(block, sympy.S.Zero)) for slope in slopes])
        # Between walls a negative curvature would be no normal; without, the energy would not confine.
        known = hessian[0, 0].xreplace({s: sympy.Dummy(nonnegative=True) for s in nonnegative})
        if not walled or known.is_nonnegative or sympy.factor(known).is_nonnegative:
            return Conditional("truncated normal" if walled else "normal", block, hessian, slope, own)
    nothing = sympy.ImmutableMatrix(0, 0, [])
    return Conditional("no closed form", block, nothing, nothing, own)
