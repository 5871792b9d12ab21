"""The energy that a loss would have if it were a sum of its profiles along the Hessian's eigenvectors.

At finite nβ a loss that is curved everywhere may still be far from its quadratic, as logistic regression is where a
group has few examples: the profiles, integrated one by one, then say what the energy should be. They know nothing of
how directions hang together, so that an energy which agrees with them has been reached in two ways.
"""

from __future__ import annotations

import numpy as np
import torch
from numpy.typing import NDArray

from slt_toys.learning_coefficient.curvature import Eigen
from slt_toys.learning_coefficient.stacked_loss import StackedLoss

Array = NDArray[np.float64]

MOST = 256  # directions: beyond, profiles cost as much as the chains
HIGH = 30.0  # in units of the temperature: nothing is left there
NODES = 40  # on each side
DOUBLINGS = 60
HALVINGS = 12
POINTS = 64  # evaluated at once
BELOW = 1e-3  # of the temperature: by how much a loss may fall below its minimum


def profile_energy(
    loss: StackedLoss, known: Eigen, pulls: Array, scales: Array, curved: NDArray[np.bool_], *, n_beta: float
) -> float | None:
    """Sum over curved directions of nβ (E[L] - L(w*)) along each of them alone, at its localisation.

    Parameters
    ----------
    loss
        In double precision where it can be, at its minimum.
    known
        Its eigenvectors there.
    pulls, scales
        Localisation [1/length²] of each, and about how far chains go there [length].
    curved
        Which of them count.
    n_beta
        nβ [1/loss].

    Returns
    -------
    float or None
        None where there are too many of them, or the loss falls below the start's or does not hold the chains.
    """
    which = np.flatnonzero(curved)
    if not len(which):
        return 0.0
    if len(which) > MOST:
        return None
    nodes, weights = np.polynomial.legendre.leggauss(NODES)
    mass, energy = np.zeros(len(which)), np.zeros(len(which))
    for sign in (1.0, -1.0):
        ends = _ends(loss, known, n_beta, which, sign * scales[which], pulls[which])
        if ends is None:
            return None
        far = ends[:, None] * (nodes + 1) / 2
        rises = _rises(loss, known, n_beta, np.repeat(which, NODES), far.ravel()).reshape(far.shape)
        if not (np.isfinite(rises).all() and rises.min() > -BELOW):
            return None
        shares = np.abs(ends)[:, None] * weights * np.exp(-rises - pulls[which][:, None] * far**2 / 2)
        mass += shares.sum(1)
        energy += (shares * rises).sum(1)
    return float((energy / mass).sum())


def _ends(
    loss: StackedLoss, known: Eigen, n_beta: float, which: NDArray[np.intp], far: Array, pulls: Array
) -> Array | None:
    """How far along each direction nothing is left; None where nothing rises so high."""

    def low(far: Array) -> NDArray[np.bool_]:
        return ~(_rises(loss, known, n_beta, which, far) + pulls * far**2 / 2 > HIGH)

    for _ in range(DOUBLINGS):
        rises = low(far)
        if not rises.any():
            break
        far = np.where(rises, 2 * far, far)
    else:
        return None
    near = np.zeros_like(far)
    for _ in range(HALVINGS):
        middle = (near + far) / 2
        rises = low(middle)
        near, far = np.where(rises, middle, near), np.where(rises, far, middle)
    return far


def _rises(loss: StackedLoss, known: Eigen, n_beta: float, which: NDArray[np.intp], by: Array) -> Array:
    """nβ (L - L(w*)) so far along each of these directions."""
    start, reference = loss.start.double(), float(loss.values(loss.start[None])[0])
    found = np.empty(len(which))
    for first in range(0, len(which), POINTS):
        part = slice(first, first + POINTS)
        steps = torch.from_numpy(by[part]).to(start)[:, None] * known.vectors[:, which[part]].mT
        found[part] = loss.values((start + steps).to(loss.start.dtype)).cpu().numpy()
    return n_beta * (found - reference)
