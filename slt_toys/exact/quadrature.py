"""Integrals of exp(-n_beta L) over lines, right over nine decades of n_beta with one set of nodes.

A panel is halved until the loss above the lowest one, e, either varies by less than a factor across it or is too
flat for the largest n_beta to notice. The integrand exp(-n_beta e) is then resolved at *every* n_beta of the range:
where n_beta e is large it is negligible, where it is moderate it varies moderately. No critical point has to be
known: degenerate minima are found because e is small there. The plane (:mod:`slt_toys.exact.plane_quadrature`) is made
of such lines.

Numbers are kept relative to the lowest loss of a region, so nothing under- or overflows. Every integral comes with
that of the embedded, coarser Gauss rule.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import lru_cache

import numpy as np
from numpy.polynomial import legendre
from numpy.typing import NDArray

__all__ = ["Moments", "Nodes", "QuadratureError", "Range", "gauss_kronrod", "line_integrals", "line_nodes"]

Array = NDArray[np.float64]
FLATNESS = 2.0  # n_beta e may vary by this much across a panel, whatever its ratio
NEGLIGIBLE = 90.0  # beyond this, exp(-n_beta e) is dropped: below 1e-39 of the integral's scale
STEEP = 100.0  # a panel over which e grows by more may hide a well between its nodes, however high e is at all of them
LINES_AT_ONCE = 480  # bounds the memory of one sweep in the plane
LARGEST_NODE_COUNT = 8_000_000


class QuadratureError(RuntimeError):
    """An integral is not known to the accuracy asked for; the message says which, and how well it is known."""


@lru_cache(maxsize=8)
def gauss_kronrod(order: int) -> tuple[Array, Array, Array]:
    """Gauss-Kronrod pair on [-1, 1].

    The order + 1 added nodes are the roots of the Stieltjes polynomial, which is found from its orthogonality to
    P_order times every lower power (Kronrod 1965; Laurie 1997, Math. Comp. 66, 1133).

    Parameters
    ----------
    order
        Number of nodes of the coarse (Gauss) rule, between 1 and 20.

    Returns
    -------
    nodes, weights, coarse_weights
        Each of shape (2 order + 1,); the coarse weights are zero on the added nodes.
    """
    points, point_weights = legendre.leggauss(2 * order + 2)
    values = legendre.legvander(points, order + 1)
    products = np.einsum("q,q,qj,qk->jk", point_weights, values[:, order], values[:, : order + 1], values)
    stieltjes = np.append(np.linalg.solve(products[:, : order + 1], -products[:, order + 1]), 1.0)
    gauss_points, gauss_weights = legendre.leggauss(order)
    nodes = np.concatenate([gauss_points, legendre.legroots(stieltjes)])
    coarse = np.concatenate([gauss_weights, np.zeros(order + 1)])
    ascending = np.argsort(nodes)
    nodes = nodes[ascending]
    nodes = (nodes - nodes[::-1]) / 2  # symmetric to the last bit
    moments = np.zeros(2 * order + 1)
    moments[0] = 2.0
    weights = np.linalg.solve(legendre.legvander(nodes, 2 * order).T, moments)
    return nodes, np.asarray(weights, dtype=float), coarse[ascending]


@dataclass(frozen=True)
class Range:
    """The inverse temperatures one set of nodes must serve, and how finely.

    Attributes
    ----------
    n_beta_low, n_beta_high
        Ends of the range, in inverse units of loss. The defaults are for losses of the order of 1.
    ratio
        Largest ratio of losses (above the lowest) across one panel; its square root where a minimum lies inside.
    order
        Order of the coarse Gauss rule; the fine rule has 2 order + 1 nodes a panel.
    tolerance
        In the plane: largest disagreement of the two rules on one panel, relative to its region's integral.
    """

    n_beta_low: float = 0.1
    n_beta_high: float = 1e8
    ratio: float = 4.0
    order: int = 10
    tolerance: float = 3e-9

    def in_unit(self, unit: float) -> Range:
        """The same range for losses that are so many times as large."""
        return replace(self, n_beta_low=self.n_beta_low / unit, n_beta_high=self.n_beta_high / unit)


@dataclass(frozen=True)
class Moments:
    """Integral of exp(-n_beta e) over a region, and moments of e under it, at each n_beta."""

    log_integral: Array
    mean: Array  # of e
    variance: Array
    error: Array  # relative difference of the integral by the coarse rule: an upper estimate of the relative error


@dataclass(frozen=True)
class Nodes:
    """Nodes of one region in order of rising e (loss above the region's reference), each of shape (nodes,)."""

    excess: Array  # e
    weight: Array  # of the fine rule
    coarse_weight: Array  # of the embedded coarse one

    @classmethod
    def sorted(cls, *nodes: Array) -> Nodes:
        """Nodes whose e comes in any order."""
        order = np.argsort(nodes[0])
        return cls(*(values[order] for values in nodes))

    def moments(self, n_beta: Array) -> Moments:
        """Integral and moments at each n_beta, shape (temperatures,)."""
        result = np.full((4, n_beta.size), np.nan)
        if self.excess.size == 0:
            result[0], result[3] = -np.inf, 0.0
            return Moments(*result)
        lowest = self.excess[0]
        for i, x in enumerate(n_beta):
            used = np.searchsorted(self.excess, lowest + NEGLIGIBLE / x)
            excess = self.excess[:used]
            factor = np.exp(-x * (excess - lowest))
            mass = self.weight[:used] * factor
            total = mass.sum()
            mean = mass @ excess / total
            variance = mass @ (excess - mean) ** 2 / total
            error = abs(self.coarse_weight[:used] @ factor / total - 1)
            result[:, i] = np.log(total) - x * lowest, mean, variance, error
        return Moments(*result)


@dataclass(frozen=True)
class Panels:
    """Panels along lines: line number, half width, nodes, losses there, label of the region."""

    line: NDArray[np.int64]
    half: Array
    losses: Array
    label: NDArray[np.int64]

    def taken(self, which: slice | NDArray) -> Panels:
        """Some of them."""
        return Panels(*(own[which] for own in vars(self).values()))

    @staticmethod
    def join(parts: Sequence[Panels]) -> Panels:
        return Panels(*(np.concatenate([getattr(p, f) for p in parts]) for f in ("line", "half", "losses", "label")))


def refine(
    loss: Callable[[NDArray[np.int64], Array], Array],
    label: Callable[[NDArray[np.int64], Array], NDArray[np.int64]] | None,
    line: NDArray[np.int64],
    low: Array,
    high: Array,
    reference: Array,
    wanted: Range,
) -> Panels:
    """Halve panels along lines, all lines at once, until each is resolved; cut them at the edges of regions.

    ``reference`` (lowest loss of each label) is lowered in place wherever a node lies deeper.
    """
    nodes = gauss_kronrod(wanted.order)[0]
    # The ends are looked at as well, a hair inside, or a sliver of another region could hide beyond the last node.
    probes = np.concatenate([[-1 + 1e-7], nodes, [1 - 1e-7]])
    # No panel is cut below what doubles tell apart, near 0 or far from it.
    smallest = max(1e-15 * np.max(high - low), 4 * np.finfo(float).eps * max(np.abs(low).max(), np.abs(high).max()))
    done: list[Panels] = []
    count = 0
    while line.size:
        middle, half = (low + high) / 2, (high - low) / 2
        losses = loss(line[:, None], middle[:, None] + half[:, None] * nodes)
        if not np.isfinite(losses).all():
            raise ValueError("energy must be finite all over the box; it is not, at some quadrature node")
        if label is None:
            labels = np.zeros((line.size, 1), dtype=np.int64)
        else:
            labels = label(line[:, None], middle[:, None] + half[:, None] * probes)
        mixed = (labels != labels[:, :1]).any(axis=1) & (half > smallest)
        own = labels[:, labels.shape[1] // 2]
        np.minimum.at(reference, own[~mixed], losses[~mixed].min(axis=1))
        resolved = (varies_little(losses - reference[own][:, None], wanted) | (half <= smallest)) & ~mixed
        done.append(Panels(line, half, losses, own).taken(resolved))
        count += int(resolved.sum()) * nodes.size
        if count > LARGEST_NODE_COUNT:
            raise QuadratureError(
                f"more than {LARGEST_NODE_COUNT} nodes are needed; the loss is too rough for this rule"
            )
        cut = middle.copy()
        if label is not None and mixed.any():
            cut[mixed] = _edge(label, line[mixed], middle[mixed], half[mixed], probes, labels[mixed])
        again = ~resolved
        line = np.repeat(line[again], 2)
        ends = np.stack([low, cut, high], axis=1)[again]
        low, high = ends[:, :2].ravel(), ends[:, 1:].ravel()
    return Panels.join(done)


def varies_little(excess: Array, wanted: Range) -> NDArray[np.bool_]:
    """Whether each row of e along a panel's nodes lets exp(-n_beta e) be integrated at every n_beta of the range."""
    least, most = excess.min(axis=1), excess.max(axis=1)
    # With a minimum inside, the integrand is a bump, which takes twice the degree of a slope of the same ratio.
    at = excess.argmin(axis=1)
    ratio = np.where((at == 0) | (at == excess.shape[1] - 1), wanted.ratio, np.sqrt(wanted.ratio))
    return (
        ((most - least) * wanted.n_beta_high <= FLATNESS)
        | (most <= ratio * least)
        | ((least * wanted.n_beta_low > NEGLIGIBLE) & (most <= STEEP * least))
    )


def _edge(label: Callable, line: NDArray, middle: Array, half: Array, probes: Array, labels: NDArray) -> Array:
    """Where the region first changes along each panel, by bisection."""
    rows = np.arange(line.size)
    first = np.argmax(labels != labels[:, :1], axis=1)
    inside, outside = middle + half * probes[first - 1], middle + half * probes[first]
    here = labels[rows, first - 1]
    for _ in range(52):
        centre = (inside + outside) / 2
        same = label(line, centre) == here
        inside, outside = np.where(same, centre, inside), np.where(same, outside, centre)
    return (inside + outside) / 2


def line_nodes(excess: Callable[[Array], Array], ends: Sequence[float], wanted: Range) -> tuple[Nodes, float]:
    """Nodes on a line.

    Parameters
    ----------
    excess
        Loss above a reference at points of any shape; vectorised.
    ends
        Increasing: the two ends and any points known to matter, such as a minimum, where a panel shall end.
    wanted
        Inverse temperatures and fineness.

    Returns
    -------
    nodes, lowest
        The nodes' excess is above ``lowest``, which is 0 unless some point lies below the reference.

    Raises
    ------
    ValueError
        When the loss is not finite somewhere.
    """
    _, weights, coarse = gauss_kronrod(wanted.order)
    reference = np.zeros(1)
    low, high = np.asarray(ends[:-1], dtype=float), np.asarray(ends[1:], dtype=float)
    keep = high > low
    panels = refine(
        lambda _, y: excess(y),
        None,
        np.zeros(int(keep.sum()), dtype=np.int64),
        low[keep],
        high[keep],
        reference,
        wanted,
    )
    half = panels.half[:, None]
    excesses = (panels.losses - reference[0]).ravel()
    return Nodes.sorted(excesses, (half * weights).ravel(), (half * coarse).ravel()), float(reference[0])


def line_integrals(
    loss: Callable[[Array, Array], Array],
    x: Array,
    box: tuple[float, float],
    reference: float,
    n_beta: Array,
    wanted: Range,
) -> Array:
    """log ∫ exp(-n_beta (L(x, y) - reference)) dy over the interval ``box``, at each n_beta and x.

    Returns
    -------
    ndarray
        Shape (temperatures, lines).
    """
    _, weights, _ = gauss_kronrod(wanted.order)
    result = np.empty((n_beta.size, x.size))
    for first in range(0, x.size, LINES_AT_ONCE):
        own = x[first : first + LINES_AT_ONCE]
        lowest = np.full(own.size, np.inf)
        panels = refine(
            lambda line, y, own=own: loss(own[line], y),
            lambda line, y: np.broadcast_to(line, y.shape),  # each line has its own lowest loss
            np.repeat(np.arange(own.size), 2),
            np.tile([box[0], sum(box) / 2], own.size),
            np.tile([sum(box) / 2, box[1]], own.size),
            lowest,
            wanted,
        )
        above = panels.losses - lowest[panels.line][:, None]
        for i, value in enumerate(n_beta):
            mass = np.bincount(panels.line, panels.half * (np.exp(-value * above) @ weights), own.size)
            result[i, first : first + own.size] = np.log(mass) - value * (lowest - reference)
    return result
