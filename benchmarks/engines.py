"""The engine as a contender: its compiled kernel alone, and through ``sample``."""

from __future__ import annotations

import numpy as np

from benchmarks.bound import load_bound
from benchmarks.measure import Contender
from slt_toys.kernels.codegen import parameter_values
from slt_toys.kernels.few_bits import FewBits, Precision, few_bits_kernel, word_rows
from slt_toys.kernels.frame import LANES, Scheme, langevin_kernel
from slt_toys.potentials.catalogue import barrier_spectrum, catalogue, find_potential
from slt_toys.potentials.potential import Potential
from slt_toys.samplers import (
    MALA,
    Gibbs,
    OverdampedLangevin,
    RandomWalkMetropolis,
    ReplicaExchange,
    Sampler,
    UnderdampedLangevin,
    sample,
)

STEP_SIZE = 0.01
TEMPERATURE = 0.125
NOISE = float(np.sqrt(2 * TEMPERATURE * STEP_SIZE))
TILT = 0.15
START = 1.0
BLOCKS = 16
CHAINS = BLOCKS * LANES
POTENTIALS = ("regular_double_well", "curve_against_point", "barrier_spectrum")
SCHEMES: tuple[Scheme, ...] = ("euler_maruyama", "heun")
# The rest of the family, and how many times the unadjusted sampler's CPU time a step may cost in 1 and 10 dimensions.
FAMILY: dict[str, tuple[Sampler, float | None]] = {
    "MALA": (MALA(STEP_SIZE), 3.0),
    "underdamped, BAOAB": (UnderdampedLangevin(STEP_SIZE), 3.0),
    "underdamped, OBABO": (UnderdampedLangevin(STEP_SIZE, splitting="OBABO"), None),
    "underdamped, ABOBA": (UnderdampedLangevin(STEP_SIZE, splitting="ABOBA"), None),
    "random walk": (RandomWalkMetropolis(STEP_SIZE), None),
    "Gibbs": (Gibbs(), None),
    "replica exchange, 4 of MALA": (ReplicaExchange(MALA(STEP_SIZE), [TEMPERATURE * 2**k for k in range(4)]), None),
}
# Of each dimension: about a tenth of a second.
CHAIN_STEPS = {1: 100 * 2**20, 2: 50 * 2**20, 10: 10 * 2**20, 100: 2**20}


def of_dimension(dimension: int) -> Potential:
    """The potential that stands for 1, 2, 10 or 100 dimensions."""
    named = {1: POTENTIALS[0], 2: POTENTIALS[1], 10: POTENTIALS[2]}
    return find_potential(named[dimension]) if dimension in named else barrier_spectrum(dimension)


def random_bits(seed: int, blocks: int = BLOCKS) -> np.ndarray:
    """Streams for blocks of lanes, shape (blocks, 256)."""
    return np.random.default_rng(seed).integers(0, 2**64, size=(blocks, 4 * LANES), dtype=np.uint64)


def kernel(
    potential: Potential, scheme: Scheme = "euler_maruyama", steps: int | None = None, start: float | None = None
) -> Contender:
    """The compiled kernel on one thread; returns the final states (chains, d)."""
    d = potential.dimension
    advance = langevin_kernel(potential, scheme)
    steps = CHAIN_STEPS[d] // CHAINS if steps is None else steps
    point = potential.minimum_point(0) if start is None else np.r_[start, np.zeros(d - 1)]
    bits, parameters = random_bits(1), parameter_values(potential)

    def run() -> np.ndarray:
        state = np.tile(np.repeat(point, LANES), (BLOCKS, 1))
        advance(
            state, bits.copy(), np.zeros((BLOCKS, LANES * (2 * d if d % 2 else d))), parameters,
            np.array([steps]), np.array([STEP_SIZE]), np.array([NOISE]), 0, np.zeros(0, dtype=np.int64),
            np.empty((BLOCKS, 0, d, LANES)),
        )  # fmt: skip
        return state.reshape(BLOCKS, d, LANES).swapaxes(1, 2).reshape(CHAINS, d)

    return Contender(f"kernel, {potential.name}, {scheme}", run, CHAINS * steps)


def through_sample(
    potential: Potential, scheme: Scheme = "euler_maruyama", threads: int = 1, steps: int | None = None
) -> Contender:
    """The same through ``sample``: streams spawned, schedule cut, chains kept, a dataset returned."""
    return family_member(OverdampedLangevin(STEP_SIZE, scheme), potential, threads, steps)


def family_member(sampler: Sampler, potential: Potential, threads: int = 1, steps: int | None = None) -> Contender:
    """Any sampler through ``sample``; returns the final states (chains, d)."""
    steps = CHAIN_STEPS[potential.dimension] // CHAINS if steps is None else steps
    chains = CHAINS * threads

    def run() -> np.ndarray:
        return sample(
            potential, sampler, n_beta=1 / TEMPERATURE, chains=chains, steps=steps, thin=steps, threads=threads,
            diagnose=False,
        )["w"].values[:, -1]  # fmt: skip

    return Contender(f"sample, {potential.name}, {sampler!r}, {threads} threads", run, chains * steps)


def double_well(steps: int | None = None) -> Contender:
    """The 1-D engine as the bound and the peers are compared with: one thread, the kernel alone."""
    return kernel(catalogue()["regular_double_well"], steps=steps, start=START)


def by_bits(
    noise: FewBits = "two_point",
    scheme: Scheme = "euler_maruyama",
    precision: Precision = "single",
    steps: int | None = None,
    potential: Potential | None = None,
) -> Contender:
    """The kernel whose noise is a few bits, on one thread; returns the final states (chains, d)."""
    potential = catalogue()["regular_double_well"] if potential is None else potential
    d = potential.dimension
    module = few_bits_kernel(potential, scheme, noise, precision)
    steps = 10 * CHAIN_STEPS[d] // CHAINS if steps is None else steps
    point = np.r_[START, np.zeros(d - 1)]
    bits, parameters = random_bits(5), parameter_values(potential)
    rows = d * (2 if scheme == "leimkuhler_matthews" else 1)

    def run() -> np.ndarray:
        state = np.zeros((BLOCKS, LANES * rows))
        state[:, : LANES * d] = np.repeat(point, LANES)
        module.prepare(state, parameters)
        module.advance(
            state, bits.copy(), np.zeros((BLOCKS, LANES * word_rows(d, noise))), parameters, np.array([steps]),
            np.array([STEP_SIZE]), np.array([NOISE]), 0, np.zeros(0, dtype=np.int64), np.empty((BLOCKS, 0, d, LANES)),
        )  # fmt: skip
        return state[:, : LANES * d].reshape(BLOCKS, d, LANES).swapaxes(1, 2).reshape(CHAINS, d)

    return Contender(f"kernel, {potential.name}, {scheme}, {noise}, {precision}", run, CHAINS * steps)


def c_bound_by_signs(steps: int | None = None) -> Contender:
    """The C bound of signs on the same chains."""
    bound = load_bound(signs=True)
    steps = 10 * CHAIN_STEPS[1] // CHAINS if steps is None else steps
    bits = random_bits(6)

    def run() -> np.ndarray:
        state = np.full((BLOCKS, LANES), START, np.float32)
        bound.advance_by_signs(state, bits.copy(), steps, STEP_SIZE, NOISE, TILT)
        return state.astype(float).reshape(CHAINS, 1)

    return Contender("C, signs in single numbers", run, CHAINS * steps)


def plane_well(steps: int | None = None) -> Contender:
    """The engine in deeptime's double well."""
    potential = Potential.from_expression("(w1**2 - 1)**2 + w2**2", name="plane_well")
    return kernel(potential, steps=steps, start=START)


def c_bound(steps: int | None = None) -> Contender:
    """The C bound on the same chains."""
    bound = load_bound()
    steps = CHAIN_STEPS[1] // CHAINS if steps is None else steps
    bits = random_bits(2)

    def run() -> np.ndarray:
        state = np.full((BLOCKS, LANES), START)
        bound.advance(state, bits.copy(), steps, STEP_SIZE, NOISE, TILT)
        return state.reshape(CHAINS, 1)

    return Contender("C, same algorithm", run, CHAINS * steps)
