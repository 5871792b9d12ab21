"""Ladders of replicas and the laws they must keep."""

from __future__ import annotations

from dataclasses import dataclass, field
from functools import lru_cache

import numpy as np

from slt_toys.exact.draws import draw_exact
from slt_toys.exact.equilibrium import phase_table
from slt_toys.kernels.codegen import parameter_values
from slt_toys.kernels.frame import LANES
from slt_toys.potentials.catalogue import find_potential
from slt_toys.samplers import OverdampedLangevin, ReplicaExchange, UnderdampedLangevin
from tests.samplers.checks import Array, Deviations, deviation

LADDER = (0.3, 0.5, 0.9, 1.5)
# Steps so small that no bias shows.
EULER, BAOAB = OverdampedLangevin(2e-4), UnderdampedLangevin(0.02, 0.5)
WELL, PLANE, SUM = "regular_double_well", "curve_against_point", "barrier_spectrum"


@dataclass
class Stacks:
    """Blocks of chains whose replicas begin with exact draws, run outside of the engine to see them all."""

    name: str
    exchange: ReplicaExchange
    chains: int
    seed: int
    done: int = 0
    state: Array = field(init=False)

    def __post_init__(self) -> None:
        potential, blocks = find_potential(self.name), self.chains // LANES
        inner = self.exchange.sampler.program(potential)
        program = self.program = self.exchange.program(potential)
        random = np.random.default_rng(self.seed)
        self.parameters = parameter_values(potential)
        temperatures = tuple(self.exchange.temperatures)
        parts = []
        for number, temperature in enumerate(temperatures):
            draws = draw_exact(potential, 1 / temperature, self.chains, (self.seed, number))
            places = draws.reshape(blocks, LANES, -1).swapaxes(1, 2).reshape(blocks, -1)
            parts.append(inner.started(places, self.parameters, temperature, lambda: [random] * blocks))
        self.state = program.started(
            parts[0][:, : places.shape[1]], self.parameters, temperatures[0], lambda: [random] * blocks
        )
        self.state[:, : sum(part.shape[1] for part in parts)] = np.concatenate(parts, axis=1)
        self.bits = random.integers(0, 2**64, (blocks, program.streams * 4 * LANES), dtype=np.uint64)
        self.scratch = np.zeros((blocks, LANES * program.scratch_rows))
        self.inner_rows, self.dimension = inner.rows, potential.dimension

    def run(self, steps: int) -> None:
        out = np.empty((len(self.state), 0, self.dimension, LANES))
        settings = np.array([steps]), np.array([self.exchange.step_size], dtype=float)
        temperature = np.array([next(iter(self.exchange.temperatures))])
        none = np.empty(0, dtype=np.int64)
        self.program.advance(
            self.state, self.bits, self.scratch, self.parameters, *settings, temperature, self.done, none, out
        )
        self.done += steps

    def rows(self) -> Array:
        """State, shape (chains, rows)."""
        return self.state.reshape(len(self.state), -1, LANES).swapaxes(1, 2).reshape(self.chains, -1)

    def replica(self, number: int) -> Array:
        return self.rows()[:, number * self.inner_rows : (number + 1) * self.inner_rows]

    def statistics(self) -> dict[str, Array]:
        assert self.program.summary is not None
        return {name: values for name, (_, values) in self.program.summary(self.rows(), self.done).items()}


@lru_cache
def exact_means(name: str, temperatures: tuple[float, ...]) -> tuple[Array, Array]:
    table = phase_table(find_potential(name), 1 / np.array(temperatures))
    return table["total_mean_loss"].values, table["occupancy"].values[:, 0]


def invariance(name: str, exchange: ReplicaExchange, seed: int, steps: int, chains: int = 12_800) -> Deviations:
    """All replicas started from exact draws, some steps on, against quadrature at their own temperatures."""
    stacks, potential = Stacks(name, exchange, chains, seed), find_potential(name)
    stacks.run(steps)
    temperatures, d = tuple(exchange.temperatures), potential.dimension
    energies, occupancies = exact_means(name, temperatures)
    found: Deviations = {}
    for k, temperature in enumerate(temperatures):
        rows = stacks.replica(k)
        found[f"energy {k}"] = deviation(potential.energy_function()(rows[:, :d]), energies[k])
        if d < 3:
            in_first = (potential.phase_index(rows[:, :d]) == 0).astype(float)
            found[f"occupancy {k}"] = deviation(in_first, occupancies[k])
        if stacks.exchange.sampler == BAOAB:
            found[f"kinetic energy {k}"] = deviation((rows[:, d : 2 * d] ** 2).mean(axis=1), temperature)
    return found
