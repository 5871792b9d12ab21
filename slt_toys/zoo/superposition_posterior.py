"""The tempered posterior of toy models of superposition, by the project's own replica exchange.

exp(-N L(w)/2) times a standard normal prior, N = nβ the examples times the inverse temperature: L/2 is the energy and
1/N its temperature. The code generator takes the exact loss as it is, pair by pair, with its three pieces. The prior
must be the same at all temperatures, where replica exchange tempers the whole energy; so every replica makes
Crank-Nicolson proposals, which leave the prior as it is, and only the loss accepts them and their swaps.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import ClassVar

import numpy as np
import sympy

from theory import superposition_symbols as symbols
from theory.equations import equation

from ..kernels.codegen import parameter_values
from ..kernels.frame import LANES
from ..kernels.metropolis import Proposal
from ..potentials.phases import Phase
from ..potentials.potential import Potential
from ..samplers.metropolis import RandomWalkMetropolis
from ..samplers.replica_exchange import ReplicaExchange
from .model import Array
from .superposition_loss import FEATURES, sides

SIZES = (1700.0, 1250.0, 900.0, 650.0, 480.0, 340.0, 250.0, 180.0, 130.0, 90.0, 60.0, 40.0, 25.0, 12.0, 5.0)  # N
WIDTH = 3.0  # of a proposal in every weight, over what the loss leaves it
EVERY = 50  # steps from one look at the chains to the next


class CrankNicolson(RandomWalkMetropolis):
    """Proposals √(1 - ε²) w + ε ξ of step ε ≤ 1: they keep a standard normal prior, the loss alone accepts them."""

    proposal: ClassVar[Proposal] = "crank_nicolson"


def _pair(slope: sympy.Expr, bias: sympy.Expr, own: bool) -> sympy.Expr:
    start, end = (sympy.Piecewise((x, x > 0), (0, True)) for x in (bias, slope + bias))
    active = sympy.Piecewise(
        (1, sympy.And(bias > 0, slope + bias > 0)),
        (0, sympy.And(bias <= 0, slope + bias <= 0)),
        ((end - start) / slope, True),
    )
    values = {symbols.start_output: start, symbols.end_output: end, symbols.active_length: active}
    square = equation("active-square").derived.result.xreplace(values)
    if not own:
        return square
    return sympy.Rational(1, 3) - 2 * equation("active-moment").derived.result.xreplace(values) + square


@lru_cache(maxsize=4)
def potential(features: int = FEATURES) -> Potential:
    """Half the population loss, as the project's samplers take it."""
    x, y, b = (sympy.symbols(f"{letter}1:{features + 1}", real=True) for letter in "xyb")
    energy = sum(
        (_pair(x[i] * x[j] + y[i] * y[j], b[j], i == j) for i in range(features) for j in range(features)), sympy.S.Zero
    )
    weights = (*x, *y, *b)
    place = tuple(sympy.S.Zero for _ in weights)
    # One phase that says nothing: nobody asks this potential for its phases; the loss at 0 is 1/3.
    whole = Phase("all", place, sympy.true, sympy.Rational(1, 6), sympy.Rational(len(weights), 2))
    return Potential("superposition", energy / (2 * features), weights, (), ((-8.0, 8.0),) * len(weights), (whole,))


@dataclass(frozen=True)
class Posterior:
    """Draws of all replicas.

    Attributes
    ----------
    sizes
        N of each replica, falling, shape (sizes,).
    draws
        Weights, shape (sizes, looks, chains, 3 c).
    swaps, acceptance
        Accepted shares of swaps (sizes - 1,) and of proposals (sizes,), means over chains.
    round_trips
        From the largest N to the smallest and back, over all chains.
    """

    sizes: Array
    draws: Array
    swaps: Array
    acceptance: Array
    round_trips: float

    def counts(self) -> np.ndarray:
        """How often each chain had so many sides, shape (sizes, chains, c + 1)."""
        found = sides(self.draws)
        return np.stack([(found == k).sum(axis=1) for k in range(self.draws.shape[-1] // 3 + 1)], axis=-1)


def sample_posterior(
    seed: int | Sequence[int], looks: int = 400, blocks: int = 1, features: int = FEATURES, burn: int = 100,
    sizes: Sequence[float] = SIZES,
) -> Posterior:  # fmt: skip
    """Draw from the posterior at all sizes at once.

    Parameters
    ----------
    seed
        Same seed, same draws.
    looks
        Kept draws of every chain, each 50 steps after the last.
    blocks
        Of 64 chains.
    features
        c.
    burn
        Looks before the first that is kept.
    sizes
        N, falling.

    Raises
    ------
    ValueError
        If sizes do not fall.
    """
    levels = np.array(sizes, dtype=float)
    if levels.size < 2 or not (np.diff(levels) < 0).all() or levels[-1] <= 0:
        raise ValueError(f"sizes must be at least two positive numbers, falling, not {tuple(sizes)}")
    target = potential(features)
    steps = np.minimum(WIDTH / np.sqrt(levels * 3 * features), 0.9)
    exchange = ReplicaExchange(CrankNicolson(float(steps[0])), tuple(1 / levels), 10, tuple(steps))
    program = exchange.program(target)
    root = np.random.SeedSequence(seed)
    random = np.random.default_rng(root.spawn(1)[0])
    places = random.standard_normal((blocks, 3 * features, LANES)).reshape(blocks, -1)
    parameters = parameter_values(target)
    cold = 1 / levels[0]
    state = program.started(places, parameters, cold, lambda: [random] * blocks)
    bits = root.generate_state(blocks * program.streams * 4 * LANES, np.uint64).reshape(blocks, -1)
    scratch = np.zeros((blocks, LANES * program.scratch_rows))
    width = LANES * exchange.sampler.program(target).rows
    kept = np.empty((levels.size, looks, blocks, 3 * features, LANES))
    none, out = np.empty(0, dtype=np.int64), np.empty((blocks, 0, 3 * features, LANES))
    for look in range(-burn, looks):
        program.advance(
            state, bits, scratch, parameters, np.array([EVERY]), np.array([steps[0]]), np.array([cold]),
            (look + burn) * EVERY, none, out,
        )  # fmt: skip
        if look >= 0:
            replicas = state[:, : width * levels.size].reshape(blocks, levels.size, width)
            kept[:, look] = np.moveaxis(replicas[:, :, : 3 * features * LANES], 1, 0).reshape(kept[:, 0].shape)
    assert program.summary is not None
    chains = np.stack([row.reshape(-1, LANES) for row in state]).transpose(0, 2, 1).reshape(blocks * LANES, -1)
    told = program.summary(chains, EVERY * (looks + burn))
    draws = np.moveaxis(kept, 4, 3).reshape(levels.size, looks, blocks * LANES, 3 * features)
    return Posterior(
        levels, draws, told["swap_acceptance"][1].mean(axis=0), told["replica_acceptance"][1].mean(axis=0),
        float(told["round_trips"][1].sum()),
    )  # fmt: skip
