"""A pair of one coordinate with a second one coupled to it, which the wells of the first know nothing of.

L(w₁) becomes L(w₁) + κ/2 (w₂ - a w₁)²: a valley that leans by a. Minima and barriers keep their loss, regions their
borders in w₁, and in equilibrium at one temperature w₁ has the law it had alone. Noise along w₂ reaches the barrier
through the coupling alone: of a stiff valley the temperature is [eq:valley-temperature], and without lean the second
coordinate is a bowl of its own, whose noise does nothing.
"""

from __future__ import annotations

from dataclasses import replace
from functools import lru_cache

import sympy

from ..inputs.arguments import checked_arguments
from ..potentials.phases import Phase
from ..potentials.potential import Potential, PotentialPair

__all__ = ["LEAN", "STIFFNESS", "coupled_pair"]

LEAN, STIFFNESS = sympy.Rational(1, 2), sympy.Integer(8)


@checked_arguments
@lru_cache(maxsize=16)
def coupled_pair(
    pair: PotentialPair, lean: sympy.Rational = LEAN, stiffness: sympy.Rational = STIFFNESS
) -> PotentialPair:
    """Couple a second coordinate to a pair.

    Parameters
    ----------
    pair
        Of one coordinate, without walls.
    lean
        a, dimensionless; 0 leaves the coordinates uncoupled.
    stiffness
        κ, positive (loss/length²).

    Raises
    ------
    ValueError
        For a pair of more coordinates or with walls, or a stiffness that is not positive.
    """
    if pair.clean.dimension != 1 or pair.clean.boundary != "natural":
        raise ValueError(f"pair must have one coordinate and no walls, not be {pair.name}")
    if not stiffness > 0:
        raise ValueError(f"stiffness must be positive, not {stiffness}")
    deficit, clean = (_coupled(each, lean, stiffness) for each in (pair.deficit, pair.clean))
    return PotentialPair(f"{pair.name} in a leaning valley", deficit, clean, pair.stuck_phase)


def _coupled(potential: Potential, lean: sympy.Rational, stiffness: sympy.Rational) -> Potential:
    first, second = sympy.symbols("w1 w2", real=True)
    (low, high), (only,) = potential.box[0], potential.coordinates
    reach = (1 + abs(float(lean))) * max(abs(low), abs(high))
    energy = potential.energy.xreplace({only: first}) + stiffness * (second - lean * first) ** 2 / 2
    phases = tuple(_leaning(phase, {only: first}, lean) for phase in potential.phases)
    return Potential(
        f"{potential.name} in a leaning valley", energy, (first, second), potential.parameters,
        ((low, high), (-reach, reach)), phases, description=f"{potential.description}; a second coordinate coupled",
    )  # fmt: skip


def _leaning(phase: Phase, renamed: dict[sympy.Symbol, sympy.Symbol], lean: sympy.Rational) -> Phase:
    (place,) = phase.minimum
    return replace(
        phase, minimum=(place, lean * place), region=phase.region.xreplace(renamed),
        learning_coefficient=phase.learning_coefficient + sympy.Rational(1, 2),
    )  # fmt: skip
