"""The committor of two phases of a plane as an expression: the best of all scores for multilevel splitting.

The committor is the probability to come to one phase before the other. Its log-odds are solved for on a grid, and
fitted by a polynomial where escapes go. Any score is right for splitting; one that follows the committor wastes least.
"""

from __future__ import annotations

from itertools import product

import numpy as np
import sympy
from numpy.typing import NDArray

from ..inputs.arguments import checked_arguments
from ..potentials.potential import Potential
from .energy_path import minimum_energy_path
from .fokker_planck import check_temperature, fokker_planck, grid_for
from .kinetics import committor

Array = NDArray[np.float64]

__all__ = ["committor_score"]

CELLS = 120  # along each axis
DEGREE = 8
REACH = 12.0  # temperatures above the pass, up to which cells are fitted
WIDTH = 3.0  # temperatures, over which a cell above the pass counts less
NEAR = 1.0  # temperatures above a minimum, within which a chain has arrived
WORST = 0.1  # of the range of the log-odds: a fit that is off by more is refused


@checked_arguments
def committor_score(potential: Potential, temperature: float, first: str | int, second: str | int) -> sympy.Expr:
    """Log-odds to come to the second phase before the first, as an expression for ``score``.

    Parameters
    ----------
    potential
        Of one or two coordinates.
    temperature
        In units of loss; the score may be used at others too.
    first, second
        Phases. On a line every score that rises from one to the other has the committor's own levels: the coordinate is
        returned, or minus it.

    Returns
    -------
    sympy.Expr
        Of the potential's coordinates; in a plane a polynomial of degree 8 whose value is near -barrier/T at the first
        minimum, 0 where both are as likely, and barrier/T at the second.

    Raises
    ------
    ValueError
        In one line: for more coordinates, phases that are one, and where no such polynomial follows the committor.

    Examples
    --------
    >>> from slt_toys import OverdampedLangevin, Potential, committor_score, sample_escape_rate
    >>> potential = Potential.from_expression("(x**2-1)**2 + 10*(y-x**2)**2 + x/10")
    >>> score = committor_score(potential, 0.1, "left", "right")
    >>> found = sample_escape_rate(
    ...     potential, OverdampedLangevin(0.002, "heun"), temperature=0.1, start="left", target="right", score=score,
    ...     error=0.2, seed=1,
    ... )
    >>> found.verdict
    'trust'
    """
    check_temperature(temperature)
    numbers = potential.phase_number(first), potential.phase_number(second)
    if numbers[0] == numbers[1]:
        raise ValueError(f"second must be another phase than first, not {second!r} too")
    if potential.dimension > 2 or potential.boundary == "periodic":
        raise ValueError("potential must have one or two coordinates and no circle for its committor to be a score")
    places = [potential.minimum_point(number) for number in numbers]
    if potential.dimension == 1:
        return potential.coordinates[0] * (1 if places[1][0] > places[0][0] else -1)
    grid = grid_for(potential, temperature, [CELLS, CELLS])
    process, loss = fokker_planck(potential, grid), potential.energy_function()(grid.points)
    phase = potential.phase_index(grid.points)
    ends = [(loss < potential.minimum_loss(k) + NEAR * temperature) & (phase == k) for k in numbers]
    for end, place in zip(ends, places, strict=True):
        end.ravel()[grid.cell(place)] = True
    forward = committor(process, temperature, ends[0], ends[1])
    back = committor(process, temperature, ends[1], ends[0])
    top = minimum_energy_path(potential, places[0], places[1]).barrier + potential.minimum_loss(numbers[0])
    fitted = (forward > 0) & (back > 0) & (loss < top + REACH * temperature)
    odds = np.log(forward[fitted]) - np.log(back[fitted])
    weights = np.exp(-np.maximum(loss[fitted] - top, 0) / (2 * WIDTH * temperature))
    points = grid.points[fitted]
    low, high = points.min(axis=0), points.max(axis=0)
    scaled = (2 * points - low - high) / (high - low)
    powers = [own for own in product(range(DEGREE + 1), repeat=2) if sum(own) <= DEGREE]
    columns = np.stack([scaled[:, 0] ** i * scaled[:, 1] ** j for i, j in powers], axis=1)
    found = np.linalg.lstsq(columns * weights[:, None], odds * weights, rcond=1e-12)[0]
    off = float(np.sqrt(np.average((columns @ found - odds) ** 2, weights=weights**2)))
    if not off < WORST * np.ptp(odds):
        raise ValueError(
            f"potential {potential.name}: no polynomial of degree {DEGREE} follows its committor at temperature "
            f"{temperature:.3g}; give an expression that rises on the way out"
        )
    units = [
        (2 * w - a - b) / (b - a) for w, a, b in zip(potential.coordinates, low.tolist(), high.tolist(), strict=True)
    ]
    whole = sum(float(share) * units[0] ** i * units[1] ** j for share, (i, j) in zip(found, powers, strict=True))
    return sympy.horner(sympy.expand(whole))
