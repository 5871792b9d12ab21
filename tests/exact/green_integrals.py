"""Masses of basins by Green's theorem: ∫∫ f = ∮ F dy with F = ∫ f dx, along borders of the test's own making.

Nothing of the package is used: saddles and maxima are refined by Newton's method from rough places, borders followed
by scipy in arc length, and what lies beside a border told by a plain descent.
"""

from __future__ import annotations

from collections.abc import Sequence
from itertools import pairwise

import numpy as np
import sympy
from numpy.polynomial.legendre import leggauss
from scipy.integrate import solve_ivp

ORDER, ACROSS, ALONG = 20, 30, 60
Place = tuple[float, float]


class Landscape:
    """An energy of x and y with numpy functions, and Newton's method."""

    def __init__(self, energy: sympy.Expr, x: sympy.Symbol, y: sympy.Symbol) -> None:
        first = [sympy.diff(energy, w) for w in (x, y)]
        second = [[sympy.diff(e, w) for w in (x, y)] for e in first]
        self.loss, self.slope, self.hessian = (sympy.lambdify((x, y), e, "numpy") for e in (energy, first, second))

    def refined(self, place: Place) -> np.ndarray:
        here = np.array(place, dtype=float)
        for _ in range(30):
            here = here - np.linalg.solve(np.array(self.hessian(*here), dtype=float), np.array(self.slope(*here)))
        assert np.linalg.norm(here - place) < 0.1
        return here

    def upward(self, _: float, place: np.ndarray) -> np.ndarray:
        g = np.array(self.slope(*place))
        return g / np.linalg.norm(g)

    def minimum_below(self, place: np.ndarray, minima: Sequence[np.ndarray]) -> int:
        def near(_: float, q: np.ndarray) -> float:
            return float(min(np.linalg.norm(q - m) for m in minima)) - 1e-2

        def fall(_: float, q: np.ndarray) -> np.ndarray:
            g = np.array(self.slope(*q))
            return -g / np.sqrt(g @ g + 1e-10)

        near.terminal = True  # type: ignore[attr-defined]
        end = solve_ivp(fall, (0, 100), place, method="LSODA", rtol=1e-8, atol=1e-10, events=near).y[:, -1]
        return int(np.argmin([np.linalg.norm(end - m) for m in minima]))


def basin_integrals(
    energy: sympy.Expr, x: sympy.Symbol, y: sympy.Symbol, box: Sequence[tuple[float, float]],
    minima: Sequence[Place], saddles: Sequence[Place], maxima: Sequence[Place], temperatures: np.ndarray,
) -> tuple[np.ndarray, np.ndarray]:  # fmt: skip
    """∫ exp(-(L - lowest)/T) and ∫ L times it over each basin, each (temperatures, minima), and no wall may slide."""
    land = Landscape(energy, x, y)
    low, tops = [land.refined(p) for p in minima], [land.refined(p) for p in maxima]
    reference = min(float(land.loss(*p)) for p in low)
    (left, right), (bottom, top) = box
    t, weight = leggauss(ORDER)

    def inner(px: np.ndarray, py: np.ndarray) -> np.ndarray:
        total = np.zeros((2, len(temperatures), len(px)))
        step = (px - left) / ACROSS
        for k in range(ACROSS):
            loss = land.loss((left + (k + 0.5) * step)[:, None] + step[:, None] / 2 * t, py[:, None]) - reference
            for i, temperature in enumerate(temperatures):
                density = np.exp(-loss / temperature)
                total[0, i] += step / 2 * (density @ weight)
                total[1, i] += step / 2 * ((density * loss) @ weight)
        return total

    def along(edges: np.ndarray) -> tuple[np.ndarray, np.ndarray]:
        half = np.diff(edges)[:, None] / 2
        return ((edges[1:, None] + edges[:-1, None]) / 2 + half * t).ravel(), (half * weight).ravel()

    result, cuts = np.zeros((2, len(temperatures), len(low))), [bottom, top]
    for rough in saddles:
        saddle = land.refined(rough)
        rising = np.linalg.eigh(np.array(land.hessian(*saddle), dtype=float))[1][:, 1]
        for heading in (rising, -rising):
            start = saddle + 1e-6 * heading
            path = solve_ivp(land.upward, (0, 100), start, method="DOP853", rtol=3e-13, atol=1e-14,
                             events=_ends(box, tops), dense_output=True)  # fmt: skip
            end, length = path.y[:, -1], float(path.t[-1])
            if abs(end[0] - right) < 1e-9:
                cuts.append(float(end[1]))
            beside = path.sol(min(0.05, length / 2))
            forward = land.upward(0, beside)
            normal = 1e-4 * np.array([-forward[1], forward[0]])
            sides = land.minimum_below(beside + normal, low), land.minimum_below(beside - normal, low)
            if sides[0] == sides[1]:
                continue
            s, w = along(
                np.unique([*np.linspace(0, length, ALONG + 1), *(length * (1 - np.geomspace(1e-9, 1e-2, 20)))])
            )
            places = path.sol(s)
            share = (inner(*places) * (w * np.array([land.upward(0, p)[1] for p in places.T]))).sum(axis=-1)
            gaps = [(saddle, start), *((end, p) for p in tops if np.linalg.norm(p - end) < 1e-5)]
            for a, b in gaps:
                share += inner(*((a + b) / 2)[:, None])[..., 0] * (b - a)[1]
            result[..., sides[0]] += share
            result[..., sides[1]] -= share
    for a, b in pairwise(sorted(cuts)):
        s, w = along(np.linspace(a, b, ALONG + 1))
        own = land.minimum_below(np.array([right - 1e-9, (a + b) / 2]), low)
        result[..., own] += (inner(np.full(s.size, right), s) * w).sum(axis=-1)
    return result[0], result[1] + reference * result[0]


def _ends(box: Sequence[tuple[float, float]], tops: Sequence[np.ndarray]) -> list:
    events = []
    for axis, walls in enumerate(box):
        for wall in walls:
            events.append(lambda _, q, axis=axis, wall=wall: q[axis] - wall)
    for place in tops:
        events.append(lambda _, q, place=place: np.linalg.norm(q - place) - 1e-6)
    for event in events:
        event.terminal = True
    return events
