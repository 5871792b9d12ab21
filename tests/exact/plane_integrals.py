"""Integrals over rectangles that are known in closed form."""

from __future__ import annotations

import mpmath as mp
import numpy as np

from slt_toys.exact.plane_quadrature import plane_nodes
from slt_toys.exact.quadrature import Range

N_BETA = np.geomspace(0.1, 1e8, 19)


def _plane(loss, box, label=None, reference=(0.0,), wanted=None):
    return plane_nodes(lambda p: loss(p[..., 0], p[..., 1]), label, box, reference, wanted or Range())


def _crossing(x):
    """∫∫ exp(-x a²b²) over the unit square = ₂F₂(½,½;3/2,3/2;-x), since the product has density -log u."""
    return mp.hyp2f2(0.5, 0.5, 1.5, 1.5, -x)


def _split(function, centre, width, low, high):
    cuts = {mp.mpf(low), mp.mpf(high)} | {
        mp.mpf(centre) + s * z * width for s in (-1, 1) for z in (0, 1, 3, 8, 20) if low < centre + s * z * width < high
    }
    return mp.quad(function, sorted(cuts))


def _hyperbola(x, c=0.5, side=2):
    """(w1 w2 - c)² on [-side, side]²: the product u has density 2 log(side²/|u|)."""
    area = side * side

    def density(u):
        return 2 * mp.log(area / abs(u)) * mp.exp(-x * (u - c) ** 2)

    width = 1 / mp.sqrt(x)
    return mp.fadd(_split(density, c, width, -area, 0), _split(density, c, width, 0, area))


def _ring(x):
    """(w1²+w2²-1)² on [-2, 2]²: the disc of radius 2 in closed form, the corners by the free angle at each radius."""
    disc = mp.pi / 2 * mp.sqrt(mp.pi / x) * (mp.erf(3 * mp.sqrt(x)) + mp.erf(mp.sqrt(x)))
    corners = mp.quad(
        lambda r: 8 * r * (mp.pi / 4 - mp.acos(2 / r)) * mp.exp(-x * (r * r - 1) ** 2), [2, 2.01, 2.1, 2.3, mp.sqrt(8)]
    )
    return disc + corners


def _offset_valley(x):
    def factor(a, low, high):
        return mp.sqrt(mp.pi / (a * x)) / 2 * (mp.erf(high * mp.sqrt(a * x)) - mp.erf(low * mp.sqrt(a * x)))

    return factor(1, -1.3, 1.7) * factor(300, -1, 2)


PLANE = {
    "crossing": (lambda a, b: (a * b) ** 2, ((0, 1), (0, 1)), _crossing),
    "hyperbola": (lambda a, b: (a * b - 0.5) ** 2, ((-2, 2), (-2, 2)), _hyperbola),
    "ring": (lambda a, b: (a**2 + b**2 - 1) ** 2, ((-2, 2), (-2, 2)), _ring),
    "narrow valley": (lambda a, b: a**2 + 300 * b**2, ((-1.3, 1.7), (-1, 2)), _offset_valley),
}
