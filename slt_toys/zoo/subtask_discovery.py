r"""Subtask discovery: one matrix solves all tasks of a linearly solvable world, and its factors are the rooms.

Four rooms on 11 × 11 squares, walls along row and column 5 with a door in each of their halves. By itself the state
moves to each free neighbour alike, and with chance .05 to an end of its own, where the task is over. A step costs q,
and control costs λ times the Kullback-Leibler divergence of the moves' chances from those by itself. A *task* is a cost
of the ends; that of a goal makes its end free and all others forbidden.

Exact: with v the least mean cost, z = exp(-v/λ) is linear in those of the next states, [eq:desirability], and the best
moves are [eq:controlled-chance]. So Z = (I - M P)⁻¹ M P_b, M = exp(-q/λ), has the solution of each goal in a column and
that of any other task in their combinations. Not exact: the factors Z ≈ D W of low rank, found by multiplicative
updates from random starts, the best of four by its divergence; columns of D, of sum 1, are the *subtasks*.

Source: Earle, Saxe & Rosman (2017), Hierarchical subtask discovery with non-negative matrix factorization,
arXiv:1708.00463; its settings could not be verified, and world, costs and numbers here are ours.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import xarray as xr
from numba import njit
from numpy.typing import NDArray

from ..results.claims import Claim, Table
from .model import Array, Check, Measured, ZooModel, mean_and_error
from .study import Influence, Study, share

SIDE, WALL, EXIT = 11, 5, 0.05
DOORS = ((5, 2), (5, 8), (2, 5), (8, 5))
STATES = [
    (row, column)
    for row in range(SIDE)
    for column in range(SIDE)
    if (row != WALL and column != WALL) or (row, column) in DOORS
]
ROOMS = np.array([2 * (r > WALL) + (c > WALL) if r != WALL and c != WALL else -1 for r, c in STATES])  # -1: a door


def passive_moves() -> Array:
    """Chances from state to state by itself, shape (104, 104); rows sum to 1 - :data:`EXIT`."""
    places = {state: i for i, state in enumerate(STATES)}
    found = np.zeros((len(STATES), len(STATES)))
    for (row, column), i in places.items():
        near = [(row + 1, column), (row - 1, column), (row, column + 1), (row, column - 1)]
        free = [places[each] for each in near if each in places]
        found[i, free] = (1 - EXIT) / len(free)
    return found


@dataclass(frozen=True)
class World:
    """Cost q of a step and λ of control [loss]: only their ratio matters for desirabilities."""

    state_cost: float = 0.1
    control_cost: float = 1.0

    def __post_init__(self) -> None:
        if not (self.state_cost > 0 and self.control_cost > 0):
            raise ValueError(f"costs must be positive, not {self.state_cost} and {self.control_cost}")
        if self.state_cost / self.control_cost > 30:
            raise ValueError(f"state_cost must be at most 30 times control_cost, not {self.state_cost}: z would be 0")

    @property
    def step_factor(self) -> float:
        """What a step multiplies desirability by, e^(-q/λ)."""
        return float(np.exp(-self.state_cost / self.control_cost))

    def desirabilities(self, ends: Array | None = None) -> Array:
        """z of every state, (104, tasks), for desirabilities of the ends; of all goals if none are given."""
        moves, factor = passive_moves(), self.step_factor
        ends = np.eye(len(moves)) if ends is None else ends
        return np.asarray(np.linalg.solve(np.eye(len(moves)) - factor * moves, factor * EXIT * ends), dtype=np.float64)

    def iterated(self, ends: Array, rounds: int = 2000) -> Array:
        """The same by going through [eq:desirability] again and again."""
        moves, z = passive_moves(), np.zeros_like(ends)
        for _ in range(rounds):
            z = self.step_factor * (moves @ z + EXIT * ends)
        return z

    def bellman_residual(self, end: Array) -> float:
        """Most by which v differs from the cost of a step at [eq:controlled-chance] and of what follows; ends > 0."""
        z = self.desirabilities(end[:, None])[:, 0]
        moves = np.hstack([passive_moves(), EXIT * np.eye(z.size)])
        after = np.r_[z, end]
        chances = moves * after / (moves @ after)[:, None]
        ratio = np.divide(chances, moves, out=np.ones_like(moves), where=moves > 0)
        value, following = -self.control_cost * np.log(z), -self.control_cost * np.log(after)
        information = (chances * np.log(ratio)).sum(axis=1)
        return float(np.abs(self.state_cost + self.control_cost * information + chances @ following - value).max())


WORLD = World()


def factors(z: Array, rank: int, seed: int | Sequence[int], updates: int = 800) -> tuple[Array, Array, float]:
    """Non-negative D and W with z ≈ D W, by multiplicative updates, and the divergence of z from D W."""
    random = np.random.default_rng(seed)
    d, w = random.random((len(z), rank)) + 0.1, random.random((rank, z.shape[1])) + 0.1
    for _ in range(updates):
        w *= d.T @ (z / (d @ w)) / d.sum(axis=0)[:, None]
        d *= (z / (d @ w)) @ w.T / w.sum(axis=1)
    told = d @ w
    divergence = float((z * np.log(z / told) - z + told).sum())
    scale = d.sum(axis=0)
    return d / scale, w * scale[:, None], divergence


def square_factors(z: Array, rank: int, seed: int | Sequence[int], updates: int = 800) -> tuple[Array, Array, float]:
    """The same by the updates that lessen the square distance, which is returned with them."""
    random = np.random.default_rng(seed)
    d, w = random.random((len(z), rank)) + 0.1, random.random((rank, z.shape[1])) + 0.1
    for _ in range(updates):
        w *= d.T @ z / (d.T @ d @ w)
        d *= z @ w.T / (d @ (w @ w.T))
    scale = d.sum(axis=0)
    return d / scale, w * scale[:, None], float(((z - d @ w) ** 2).sum())


def best_factors(z: Array, rank: int, seed: Sequence[int], starts: int = 4) -> tuple[Array, Array, float]:
    """The best of so many starts."""
    return min((factors(z, rank, [*seed, rank, start]) for start in range(starts)), key=lambda each: each[2])


def room_accuracy(subtasks: Array) -> float:
    """Share of the rooms' states that the largest subtask puts into the right room, each subtask standing for one.

    Subtasks are given to rooms one after the other, the most frequent pair first; a spare room has none.
    """
    labels = subtasks.argmax(axis=1)
    counts = np.array(
        [[((room == ROOMS) & (labels == k)).sum() for k in range(subtasks.shape[1])] for room in range(4)]
    )
    right = 0
    for _ in range(min(counts.shape)):
        room, k = np.unravel_index(counts.argmax(), counts.shape)
        right += max(counts[room, k], 0)
        counts[room], counts[:, k] = -1, -1
    return right / int((ROOMS >= 0).sum())


@njit(cache=True)
def _walks(random: np.random.Generator, moves: Array, runs: int, start: int) -> NDArray[np.int64]:
    """Steps until a walk by itself has ended, and the state it ended at, (runs, 2)."""
    found = np.empty((runs, 2), np.int64)
    for run in range(runs):
        state, steps = start, 0
        while True:
            steps += 1
            chance, to = random.random(), 0
            while to < moves.shape[0] and chance >= moves[state, to]:
                chance -= moves[state, to]
                to += 1
            if to == moves.shape[0]:
                break
            state = to
        found[run] = steps, state
    return found


def walked_desirability(world: World, end: Array, start: int, runs: int, seed: int | Sequence[int]) -> Measured:
    """z of a state as the mean of e^(-q steps/λ) times the end's, over walks by themselves; with its error."""
    walks = _walks(np.random.default_rng(seed), passive_moves(), runs, start)
    return mean_and_error((world.step_factor ** walks[:, 0] * end[walks[:, 1]])[:, None])


# ---- the study ------------------------------------------------------------------------------------------------------
RANKS = tuple(range(1, 9))
COSTS = (0.01, 0.1, 0.5, 2.0)  # q/λ
STARTS, REPEATS = 20, 6


def _named(name: str, dim: str, tasks: Sequence[Array], seed: Sequence[int]) -> dict[str, tuple]:
    """Share of the rooms' states that four subtasks name right, mean over :data:`REPEATS` and its error."""
    values = [
        mean_and_error(np.array([room_accuracy(best_factors(z, 4, [*seed, i, run])[0]) for run in range(REPEATS)]))
        for i, z in enumerate(tasks)
    ]
    return {name: (dim, [float(m) for m, _ in values]), f"{name}_error": (dim, [float(e) for _, e in values])}


def dataset(seed: int) -> xr.Dataset:
    """Divergence by rank, spectra and rooms found by q/λ and by the goals there are, and the subtasks themselves."""
    z = WORLD.desirabilities()
    best = {rank: best_factors(z, rank, [seed, 0]) for rank in RANKS}
    errors = np.array([best[rank][2] for rank in RANKS])
    found: dict[str, tuple] = {"divergence": ("rank", errors / errors[0])}
    spectra = [np.linalg.svd(World(q).desirabilities(), compute_uv=False)[:10] for q in COSTS]
    found["spectrum"] = (("cost", "order"), [each / each[0] for each in spectra])
    found["gap"] = ("cost", [each[4] / each[3] for each in spectra])
    found |= _named("accuracy", "cost", [World(q).desirabilities() for q in COSTS], [seed, 1])
    hits = [room_accuracy(factors(z, 4, [seed, 2, i])[0]) == 1 for i in range(STARTS)]
    found["single"], found["single_error"] = (((), x) for x in share(np.array(hits)))
    goals = {"all": ROOMS > -2, "two rooms": (ROOMS == 0) | (ROOMS == 3), "one room": ROOMS == 0}
    found |= _named("accuracy_by_goals", "goals", [z[:, kept] for kept in goals.values()], [seed, 3])
    squared = min((square_factors(z, 4, [seed, 4, i]) for i in range(4)), key=lambda each: each[2])
    maps = np.full((4, SIDE, SIDE), np.nan)
    where = np.array(STATES)
    maps[:, where[:, 0], where[:, 1]] = best[4][0].T
    rooms = [ROOMS[best[4][0][:, k].argmax()] for k in range(4)]
    found["subtasks"] = (("subtask", "row", "column"), maps[np.argsort(rooms)])
    coords = {"rank": list(RANKS), "cost": list(COSTS), "order": np.arange(1, 11), "goals": list(goals)}
    return xr.Dataset(found, coords, {"seed": seed, "square_accuracy": room_accuracy(squared[0])})


def influences(data: xr.Dataset) -> tuple[Influence, ...]:
    """Of the policy's temperature, of the rank and of the goals: no noise, batch or training time is in this world."""
    told = "rooms' states named right by four subtasks"

    def named(lever: str, name: str, dim: str, first: object, last: object) -> Influence:
        ends = [[float(data[f"{name}{end}"].sel({dim: at})) for end in ("", "_error")] for at in (first, last)]
        return Influence("other", lever, told, ends[0][0], ends[1][0], ends[0][1], ends[1][1], 1.0)

    left = [float(data["divergence"].sel(rank=k)) for k in (4, 8)]
    return (
        named("λ/q, the policy's temperature, from 10 to .5", "accuracy", "cost", 0.1, 2.0),
        named("goals in all rooms, then in one", "accuracy_by_goals", "goals", "all", "one room"),
        Influence("other", "rank from 4 to 8", "divergence over that of rank 1", left[0], left[1], 0.0, 0.0, 1.0),
    )


def claims(data: xr.Dataset) -> tuple[Claim, ...]:
    """What the goals do first, then rooms, the elbow and the gap."""
    alone = float(data["accuracy_by_goals"].sel(goals="one room"))
    two = float(data["accuracy_by_goals"].sel(goals="two rooms"))
    right, square = float(data["accuracy"].sel(cost=0.1)), float(data.attrs["square_accuracy"])
    single, error = float(data["single"]), 1.96 * float(data["single_error"])
    drops = -np.diff(data["divergence"].values)
    return (
        Claim.of("rooms-whatever-the-goals", f"With goals in one room alone four subtasks name {alone:.2f} of the "
                 f"rooms' states right, in two opposite ones {two:.2f}.", alone, expected=1.0,
                 verdict="yes" if alone > 0.9 else "no"),
        Claim.of("subtasks-are-rooms", f"With all goals the largest of four subtasks names {right:.3f} of the rooms' "
                 f"states right; by square distance {square:.3f}.", right, expected=1.0,
                 verdict="yes" if min(right, square) > 0.99 else "no"),
        Claim.of("from-any-start", f"Single random starts find all four rooms in {single:.2f} of {STARTS} cases.",
                 single, (max(single - error, 0.0), min(single + error, 1.0)), 1.0),
        Claim.of("elbow-at-four", f"The fourth subtask takes {drops[2]:.3f} off the divergence, the fifth "
                 f"{drops[3]:.3f}.", float(drops[2] / drops[3]), verdict="yes" if drops[2] > 3 * drops[3] else "no"),
        Claim.of("gap-closes-with-cost", f"σ₅/σ₄ rises from {float(data['gap'][0]):.3f} at q/λ = 0.01 to "
                 f"{float(data['gap'].sel(cost=0.5)):.3f} at 0.5.", float(data["gap"][0]),
                 verdict="yes" if (np.diff(data["gap"].values) > 0).all() else "no"),
    )  # fmt: skip


def _cells(data: xr.Dataset, name: str) -> list[str]:
    pairs = zip(data[name].values, data[f"{name}_error"].values, strict=True)
    return [f"{value:.3f} ± {error:.2g}" if error else f"{value:.3f}" for value, error in pairs]


def tables(data: xr.Dataset) -> tuple[Table, ...]:
    """Divergence by rank; gap and rooms by cost and by goals."""
    return (
        Table.of_columns("by_rank", "Divergence of Z from its factors, over that of one subtask.", {
            "subtasks": [str(k) for k in RANKS], "divergence": [f"{x:.3f}" for x in data["divergence"].values]}),
        Table.of_columns("by_cost", f"Singular values of Z over the first, and rooms' states named right, mean "
                         f"of {REPEATS} searches from four starts each.", {
            "q/λ": [f"{x:g}" for x in COSTS],
            **{f"σ{k}": [f"{x:.3f}" for x in data["spectrum"].sel(order=k).values] for k in (4, 5)},
            "σ₅/σ₄": [f"{x:.3f}" for x in data["gap"].values],
            "named right": _cells(data, "accuracy")}),
        Table.of_columns("by_goals", "Rooms' states named right where goals are in some rooms alone.", {
            "goals": [str(x) for x in data["goals"].values],
            "named right": _cells(data, "accuracy_by_goals")}),
    )  # fmt: skip


# ---- checks ---------------------------------------------------------------------------------------------------------
_START = STATES.index(DOORS[0])
_TASK = (ROOMS == 3).astype(float)  # any end in the last room


def _walked(seed: int) -> Measured:
    return walked_desirability(WORLD, _TASK, _START, 40_000, seed)


def _solved(seed: int) -> Measured:
    """Iteration, residual and composition for a random task, all less what they should be."""
    random = np.random.default_rng(seed)
    ends, weights = random.random((len(STATES), 3)), random.random(3)
    z = WORLD.desirabilities(ends)
    composed = WORLD.desirabilities((ends @ weights)[:, None])[:, 0]
    return np.array([
        np.abs(WORLD.iterated(ends) - z).max(), WORLD.bellman_residual(ends[:, 0]),
        np.abs(composed - z @ weights).max(),
    ]), np.zeros(3)  # fmt: skip


MODEL = ZooModel("subtask_discovery", ("controlled-chance", "desirability"), (
    Check("desirability as a mean over walks by themselves",
          lambda: WORLD.desirabilities(_TASK[:, None])[_START], _walked,
          lambda: World(0.05).desirabilities(_TASK[:, None])[_START]),
    Check("iteration, Bellman residual and composed tasks", lambda: np.zeros(3), _solved, lambda: np.full(3, 1e-6),
          1e-12, "rounding"),
), Study(
    "Subtask discovery: rooms as factors of what is desirable",
    """In a world of four rooms a step costs q, and control costs λ for each unit of information that it puts into the
choice of the next state. The *desirability* z = exp(-v/λ) of a state, v the least mean cost until the end, then obeys a
linear equation [eq:desirability], so that solutions of tasks add up. The matrix of all goals' desirabilities is
factorised into non-negative *subtasks* times their weights, with least Kullback-Leibler divergence.

λ is the temperature of the best policy [eq:controlled-chance], not of training: no noise, batch or training time is in
this world, and it is no evidence on them. The paper's settings could not be verified; the world, its costs and all
numbers are ours.""",
    dataset, claims, tables, influences,
))  # fmt: skip
