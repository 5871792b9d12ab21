"""Gauss panels along a line with logarithms of integrals, where exp(L/T) may be e^±10000.

A part of :mod:`slt_toys.exact.kinetics`, which makes times of them.
"""

from __future__ import annotations

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

__all__ = ["gauss_points", "log_cumulative", "log_panel_integrals", "without_empty_panels", "without_steep_panels"]

Array = NDArray[np.float64]
NODES = 10  # Gauss nodes in a panel
STEEP = 2.0  # L/T may vary by so much across a panel where a passage is mostly downhill
UPHILL = 25.0  # where it climbs by more than this, what it takes downhill is below 1e-10 of the time
MOST_PANELS = 400_000
ROUNDS = 40  # of cutting panels in four
NOTHING_LEFT = 40.0  # temperatures above the lowest point behind a start, e⁻⁴⁰ of the mass there


def without_empty_panels(edges: Array, start: float, exponent: Callable[[Array], Array]) -> Array:
    """Drop panels next to the wall behind a start that hold no mass: how far off such a wall is does not matter."""
    lowest = exponent(edges[:-1, None] + np.diff(edges)[:, None] * np.linspace(0.0, 1.0, 9)).min(axis=1)
    behind = lowest[edges[1:] <= start]
    return edges[int(np.argmax(behind <= behind.min() + NOTHING_LEFT)) :] if behind.size else edges


def without_steep_panels(edges: Array, exponent: Callable[[Array], Array], everywhere: bool = False) -> Array:
    """Cut panels where L/T falls fast; if the time is that of a climb, only those that its start and its top are in.

    ``everywhere``: cut them all, where the edges do not run the way that is taken.
    """
    parts = np.linspace(0.0, 1.0, 9)
    heights = exponent(edges[:-1, None] + np.diff(edges)[:, None] * parts)
    if not everywhere and (heights.ravel() - np.minimum.accumulate(heights.ravel())).max() > UPHILL:
        return _with_fine_climbs(edges, exponent)
    counts = np.maximum(1, np.ceil(np.abs(np.diff(heights, axis=1)).sum(axis=1) / STEEP)).astype(np.int64)
    if counts.sum() > MOST_PANELS:
        raise ValueError(
            f"the way from {edges[0]:.4g} to {edges[-1]:.4g} is {STEEP * counts.sum():.2g} temperatures long, too "
            "steep for quadrature: start lower, or take a higher temperature"
        )
    first = np.repeat(np.cumsum(counts) - counts, counts)
    share = (np.arange(counts.sum()) - first) / np.repeat(counts, counts)
    return np.append(np.repeat(edges[:-1], counts) + share * np.repeat(np.diff(edges), counts), edges[-1])


def _with_fine_climbs(edges: Array, exponent: Callable[[Array], Array]) -> Array:
    """Cut the panels that matter to a climb until L/T varies little across each: targets may lie beyond all mass."""
    parts = np.linspace(0.0, 1.0, 9)
    for _ in range(ROUNDS):
        heights = exponent(edges[:-1, None] + np.diff(edges)[:, None] * parts)
        lowest = np.minimum.accumulate(heights.ravel()).reshape(heights.shape)
        climbed = heights - lowest
        top = np.unravel_index(int(climbed.argmax()), climbed.shape)
        matters = (climbed.max(axis=1) > climbed[top] - NOTHING_LEFT) | (
            heights.min(axis=1) < lowest[top] + NOTHING_LEFT
        )
        cut = matters & (np.abs(np.diff(heights, axis=1)).sum(axis=1) > STEEP)
        if not cut.any() or edges.size > MOST_PANELS:
            break
        inner = edges[:-1][cut, None] + np.diff(edges)[cut, None] * np.array([0.25, 0.5, 0.75])
        edges = np.unique(np.concatenate([edges, inner.ravel()]))
    return edges


def gauss_points(edges: Array) -> tuple[Array, Array]:
    """Nodes (panels, nodes) between edges (panels + 1,), and the panels' half widths."""
    nodes, _ = np.polynomial.legendre.leggauss(NODES)
    half = np.diff(edges) / 2
    return (edges[1:] + edges[:-1])[:, None] / 2 + half[:, None] * nodes, half


def log_panel_integrals(log_values: Array, half: Array) -> Array:
    """Logarithm of the integral of exp(log_values) over each panel, from its nodes; shape (panels,)."""
    _, weights = np.polynomial.legendre.leggauss(NODES)
    top = log_values.max(axis=1)
    return top + np.log(np.exp(log_values - top[:, None]) @ weights * half)


def log_cumulative(log_values: Array, half: Array) -> Array:
    """Logarithm of the integral of exp(log_values) from the first edge to every node, same shape (panels, nodes)."""
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    # Integrals of the Lagrange polynomials up to each node, through Legendre's: ∫P_n = (P_{n+1} - P_{n-1})/(2n + 1).
    values = np.polynomial.legendre.legvander(nodes, NODES)
    integral = np.empty((NODES, NODES))
    integral[:, 0] = nodes + 1
    for n in range(1, NODES):
        integral[:, n] = (values[:, n + 1] - values[:, n - 1]) / (2 * n + 1)
    project = values[:, :NODES].T * weights * (np.arange(NODES)[:, None] + 0.5)
    upto = integral @ project
    top = log_values.max(axis=1)
    part = np.maximum(np.exp(log_values - top[:, None]) @ upto.T * half[:, None], np.finfo(float).tiny)
    before = np.concatenate([[-np.inf], np.logaddexp.accumulate(log_panel_integrals(log_values, half))[:-1]])
    return np.logaddexp(before[:, None], top[:, None] + np.log(part))
