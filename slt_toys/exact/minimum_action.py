"""Quasi-potentials by the geometric minimum action method: the cheapest way out of a well against any noise.

A curve φ of n + 1 points joins two places; its action S = ½ Σ (‖φ'‖ ‖b‖ - ⟨φ', b⟩) in the metric of D⁻¹
[eq:geometric-action], by the midpoint rule, does not depend on how it is run through. It is made least over the inner
points by L-BFGS, with the points spread evenly along the curve again and again (Heymann & Vanden-Eijnden 2008). A
straight line may be stationary and yet not least, as along an axis of symmetry: so curves that are bent to either side
are descended from too, and the least of all is kept.

exp(-S) is the density, to leading order in D, at the curve's end, and where that is the cheapest point of a border the
rate at which it is crossed.
"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import ArrayLike, NDArray
from scipy.optimize import minimize

from ..inputs.arguments import checked_arguments
from ..reference.laws import law

Array = NDArray[np.float64]
Field = Callable[[Array], Array]

__all__ = ["ActionPath", "evenly_spaced", "geometric_action", "least_action_path", "quasi_potential_of_barrier"]

POINTS = 100
ROUNDS = 60  # of descent and even spacing
DESCENT_STEPS = 60  # in each
COARSE = 40  # pieces of the curves that are tried first
BENDS = {True: 0.2, False: 0.02}  # of the chord, for the straight line and for a guess
MOST_DIRECTIONS = 6  # across the chord, in which curves are bent: those that cost the least, where there are more
SMALL_BEND = 0.02  # of the chord, by which that is told
ALL_TOGETHER = 60  # directions, of which sums are tried too
APART = 1e-3  # relative difference of two actions that are told apart
SETTLED = 1e-6  # relative change of the action between rounds
DIFFERENCE = 1e-6  # of the fields' numerical derivatives, relative to the curve's extent
SOFT = 1e-14  # of the squared norms, whose roots have no slope at zero


@dataclass(frozen=True, eq=False)
class ActionPath:
    """A curve and its action.

    Attributes
    ----------
    points
        Shape (n + 1, d), evenly spaced.
    action
        Along it, dimensionless.
    settled
        Whether the last round changed the action by less than 1e-6 of it.
    others
        Actions of other curves that curves bent otherwise came to, increasing, by fewer points.
    """

    points: Array
    action: float
    settled: bool
    others: tuple[float, ...] = ()


@checked_arguments
def geometric_action(drift: Field, diffusion: Field, points: ArrayLike) -> float:
    """Action of a given curve.

    Parameters
    ----------
    drift
        b at points (n, d), shape (n, d); of SGD minus the gradient.
    diffusion
        D at points (n, d), shape (n, d, d), of dw = b dt + √(2D) dW.
    points
        The curve, shape (n + 1, d), at least two points.
    """
    curve = np.asarray(points, dtype=float)
    if curve.ndim != 2 or len(curve) < 2 or not np.isfinite(curve).all():
        raise ValueError(f"points must be finite, at least two of them along a curve, not of shape {curve.shape}")
    return float(_pieces(drift, diffusion, curve).sum())


@checked_arguments
def least_action_path(
    drift: Field,
    diffusion: Field,
    start: ArrayLike,
    end: ArrayLike,
    *,
    points: int = POINTS,
    guess: ArrayLike | None = None,
) -> ActionPath:
    """Find the curve of least action between two places.

    Parameters
    ----------
    drift, diffusion
        As for :func:`geometric_action`.
    start, end
        Places (d,), such as a minimum and a saddle. The curve found is the best of those that descent from the guess,
        and from it bent a little to all sides, comes to.
    points
        Pieces of the curve.
    guess
        A curve (m, d) to begin with; the straight line when it is left out.

    Raises
    ------
    ValueError
        For places that are the same or of different dimension, or fewer than 4 pieces.
    """
    first, last = np.atleast_1d(np.asarray(start, dtype=float)), np.atleast_1d(np.asarray(end, dtype=float))
    if first.shape != last.shape or first.ndim != 1 or np.array_equal(first, last):
        raise ValueError(f"start and end must be two places of one dimension, not {first.tolist()} and {last.tolist()}")
    for name, place in (("start", first), ("end", last)):
        if not np.isfinite(place).all():
            raise ValueError(f"{name} must hold finite numbers, not {place.tolist()}")
    if points < 4:
        raise ValueError(f"points must be at least 4 pieces, not {points}")
    curve = np.stack([first, last]) if guess is None else np.asarray(guess, dtype=float)
    if curve.ndim != 2 or curve.shape[1] != first.size:
        raise ValueError(f"guess must have shape (points, {first.size}), not {curve.shape}")
    curve = np.concatenate([first[None], curve[1:-1], last[None]])
    step = DIFFERENCE * float(np.abs(last - first).max())
    coarse = min(COARSE, points)
    begun = _bent(drift, diffusion, curve, coarse, BENDS[guess is None])
    tried = [_descended(drift, diffusion, bent, coarse, step) for bent in begun]
    tried.sort(key=lambda one: one.action)
    best = _descended(drift, diffusion, tried[0].points, points, step)
    others: list[float] = []
    for one in tried:
        if one.action > (1 + APART) * max([tried[0].action, *others]):
            others.append(one.action)
    return ActionPath(best.points, best.action, best.settled, tuple(others))


@checked_arguments
def quasi_potential_of_barrier(
    drift: Field, diffusion: Field, minimum: ArrayLike, saddle: ArrayLike, *, points: int = POINTS
) -> float:
    """Least action from a minimum to a saddle: -d log(rate) / d(B/η) times B/η, with D at that η/B.

    Both must be rest points of the drift: beyond the saddle the way down costs nothing.
    """
    for name, place in (("minimum", minimum), ("saddle", saddle)):
        at = np.atleast_2d(np.asarray(place, dtype=float))
        size = float(np.linalg.norm(drift(at)))
        if size > 1e-6:
            raise ValueError(f"{name} must be a place where the drift vanishes; at {at[0].tolist()} it is {size:.2g}")
    return least_action_path(drift, diffusion, minimum, saddle, points=points).action


def _bent(drift: Field, diffusion: Field, curve: Array, points: int, size: float) -> list[Array]:
    """The curve, and the same bent across its chord to one side, to the other, and to one after the other."""
    plain = evenly_spaced(curve, points)
    chord = plain[-1] - plain[0]
    length = float(np.linalg.norm(chord))
    across = np.linalg.svd(chord[None])[2][1:]  # an orthonormal basis of what is across
    share = np.linspace(0.0, 1.0, points + 1)[:, None]
    if len(across) > MOST_DIRECTIONS:
        wave = SMALL_BEND * length * np.sin(np.pi * share)

        def costs(direction: Array) -> float:
            sides = [float(_pieces(drift, diffusion, plain + sign * wave * direction).sum()) for sign in (1.0, -1.0)]
            return sum(sides) / 2

        across = _cheapest(costs, across)[:MOST_DIRECTIONS]
    bends = [np.sin(turns * np.pi * share) * direction for direction in across for turns in (1, 2)]
    return [plain, *(plain + sign * size * length * bend for bend in bends for sign in (1.0, -1.0))]


def _cheapest(costs: Callable[[Array], float], across: Array) -> Array:
    """Directions in the order of what a bend to both sides costs, as a quadratic form; single ones of very many."""
    alone = np.array([costs(direction) for direction in across])
    if len(across) > ALL_TOGETHER:
        return across[np.argsort(alone)]
    straight = costs(np.zeros(across.shape[1]))
    form = np.diag(alone - straight)
    for i, j in zip(*np.triu_indices(len(across), 1), strict=True):
        form[i, j] = form[j, i] = (costs(across[i] + across[j]) - alone[i] - alone[j] + straight) / 2
    return np.linalg.eigh(form)[1].T @ across


def _descended(drift: Field, diffusion: Field, curve: Array, points: int, step: float) -> ActionPath:
    """The curve of least action that descent from one comes to."""
    curve, before, settled = evenly_spaced(curve, points), np.inf, False
    for _ in range(ROUNDS):

        def value(inner: Array, ends: Array = curve) -> tuple[float, Array]:
            whole = np.concatenate([ends[:1], inner.reshape(-1, ends.shape[1]), ends[-1:]])
            return float(_pieces(drift, diffusion, whole).sum()), _slope(drift, diffusion, whole, step).ravel()

        found = minimize(value, curve[1:-1].ravel(), jac=True, method="L-BFGS-B", options={"maxiter": DESCENT_STEPS})
        moved = np.concatenate([curve[:1], found.x.reshape(-1, curve.shape[1]), curve[-1:]])
        curve = evenly_spaced(moved, points)
        now = float(_pieces(drift, diffusion, curve).sum())
        if abs(before - now) <= SETTLED * max(now, 1e-300):
            settled = True
            break
        before = now
    return ActionPath(curve, float(_pieces(drift, diffusion, curve).sum()), settled)


def _pieces(drift: Field, diffusion: Field, curve: Array) -> Array:
    """Action of every piece, shape (n,)."""
    middle, tangent = (curve[1:] + curve[:-1]) / 2, np.diff(curve, axis=0)
    return _action(drift, diffusion, middle, tangent)


def _action(drift: Field, diffusion: Field, middle: Array, tangent: Array) -> Array:
    push, noise = drift(middle), diffusion(middle)
    columns = np.linalg.solve(noise, np.stack([tangent, push], axis=-1))
    along = np.einsum("ni,nij->nj", tangent, columns)
    across = np.einsum("ni,ni->n", push, columns[..., 1])
    return law("geometric-action")(
        path_norm=np.sqrt(np.maximum(along[:, 0], 0.0) + SOFT), drift_norm=np.sqrt(np.maximum(across, 0.0) + SOFT),
        path_drift=along[:, 1],
    )  # fmt: skip


def _slope(drift: Field, diffusion: Field, curve: Array, step: float) -> Array:
    """Derivatives of the whole action with respect to the inner points, shape (n - 1, d), by central differences."""
    slopes = np.zeros_like(curve)
    for axis in range(curve.shape[1]):
        for which, sign in ((0, -1.0), (1, 1.0)):  # a piece's first and last point
            moved = []
            for side in (1.0, -1.0):
                ends = [curve[:-1].copy(), curve[1:].copy()]
                ends[which][:, axis] += side * step
                moved.append(_action(drift, diffusion, (ends[0] + ends[1]) / 2, ends[1] - ends[0]))
            change = (moved[0] - moved[1]) / (2 * step)
            if sign < 0:
                slopes[:-1, axis] += change
            else:
                slopes[1:, axis] += change
    return slopes[1:-1]


def evenly_spaced(curve: Array, points: int) -> Array:
    """The same curve as so many pieces of equal length."""
    lengths = np.concatenate([[0.0], np.cumsum(np.linalg.norm(np.diff(curve, axis=0), axis=1))])
    places = np.linspace(0.0, lengths[-1], points + 1)
    return np.stack([np.interp(places, lengths, curve[:, k]) for k in range(curve.shape[1])], axis=1)
