"""The exact solvers beside what scipy offers for the same job, with a check that both find the same."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from math import exp
from typing import Any

import numpy as np
from scipy import integrate, linalg, sparse
from scipy.sparse.linalg import eigsh, expm_multiply, splu

from benchmarks.measure import Contender, Unavailable
from slt_toys.exact.equilibrium import phase_table
from slt_toys.exact.fokker_planck import FokkerPlanck, fokker_planck, grid_for, phase_weights, relaxation_time
from slt_toys.exact.phase_integrals import groups
from slt_toys.exact.propagator import SHARE, SOLVES, chebyshev_coefficients, propagator
from slt_toys.exact.sweeps import backward_sweep
from slt_toys.potentials.catalogue import catalogue, pairs
from slt_toys.potentials.from_text import read_pair
from slt_toys.protocol.exact import stuck_by_switch
from slt_toys.protocol.schedule import Ending

TEMPERATURES = 60
RELAXATION_TEMPERATURE = 0.125
BATCH_SIZES = (32, 64, 128, 256)
EPOCHS = 200


@dataclass(frozen=True)
class Case:
    """One exact job; each contender's ``run`` returns an array."""

    unit: str
    ours: Contender
    others: tuple[Contender, ...]
    tolerance: float  # largest accepted `difference` of the arrays
    repetitions: int = 7


def difference(ours: np.ndarray, other: np.ndarray) -> float:
    """Largest difference, relative to the larger of 1 and our number."""
    return float((np.abs(ours - other) / np.maximum(1.0, np.abs(ours))).max())


# ---- quadrature --------------------------------------------------------------------------------------------
def _phase_table(name: str, n_beta: np.ndarray, afresh: bool) -> Contender:
    potential = catalogue()[name]

    def run() -> np.ndarray:
        if afresh:
            groups.cache_clear()
        table = phase_table(potential, n_beta)
        return np.stack([table["log_partition_function"].values, table["mean_loss"].values])

    return Contender(f"phase table, nodes {'made afresh' if afresh else 'at hand'}", run, TEMPERATURES)


def _quad(name: str, n_beta: np.ndarray) -> Contender:
    """scipy.integrate.quad (QUADPACK) for every phase, temperature and moment, told where the minimum is."""
    potential = catalogue()[name]
    energy = potential.energy_function()
    coefficients = np.polynomial.Polynomial.fit(
        grid := np.linspace(-1, 1, 9), energy(grid[:, None]), 4, domain=(-1, 1)
    ).convert().coef  # fmt: skip
    c0, c1, c2, c3, c4 = (float(c) for c in coefficients)

    def run() -> np.ndarray:
        table = np.empty((2, n_beta.size, len(potential.phases)))
        for phase in range(len(potential.phases)):
            low, high = potential.phase_interval(phase)
            minimum, loss = float(potential.minimum_point(phase)[0]), potential.minimum_loss(phase)
            base = c0 - loss
            for i, x in enumerate(n_beta.tolist()):

                def moment(w: float, power: int, x: float = x, base: float = base) -> float:
                    excess = base + w * (c1 + w * (c2 + w * (c3 + w * c4)))
                    return exp(-x * excess) * excess**power

                mass, first, _ = (
                    integrate.quad(moment, low, high, (power,), points=[minimum], epsabs=0, epsrel=1e-8)[0]
                    for power in range(3)
                )
                table[:, i, phase] = np.log(mass) - x * loss, loss + first / mass
        return table

    return Contender("scipy quad, temperature by temperature", run, TEMPERATURES)


def _cubature(name: str, n_beta: np.ndarray) -> Contender:
    """scipy.integrate.cubature over both regions, all temperatures and moments at once."""
    if not hasattr(integrate, "cubature"):
        raise Unavailable("scipy.integrate.cubature came with scipy 1.15")
    potential = catalogue()[name]
    energy = potential.energy_function()
    (low, high), (bottom, top) = potential.box
    # The phases of curve_against_point meet at one value of the first coordinate.
    line = np.linspace(low, high, 1001)
    for _ in range(6):
        phases = potential.phase_index(np.stack([line, np.zeros_like(line)], axis=-1))
        change = int(np.flatnonzero(np.diff(phases))[0])
        line = np.linspace(line[change], line[change + 1], 1001)
    edge = float(line[0])

    def run() -> np.ndarray:
        table = np.empty((2, n_beta.size, 2))
        for phase, (left, right) in enumerate(((low, edge), (edge, high))):
            loss = potential.minimum_loss(phase)

            def moments(points: np.ndarray, loss: float = loss) -> np.ndarray:
                excess = (energy(points) - loss)[..., None]
                mass = np.exp(-n_beta * excess)
                return np.stack([mass, mass * excess, mass * excess**2], axis=-1)

            result = integrate.cubature(moments, [left, bottom], [right, top], rtol=1e-7)
            mass, first, _ = result.estimate.T
            table[:, :, phase] = np.log(mass) - n_beta * loss, loss + first / mass
        return table

    return Contender("scipy cubature, all temperatures at once", run, TEMPERATURES)


def quadrature_line() -> Case:
    """60 temperatures of the regular double well, the nodes made afresh each time."""
    n_beta = np.geomspace(1, 1e4, TEMPERATURES)
    name = "regular_double_well"
    return Case("temperature", _phase_table(name, n_beta, True), (_quad(name, n_beta),), 1e-7)


def quadrature_plane(largest: float = 1e4) -> Case:
    """60 temperatures of the curve against a point; the nodes made afresh, and at hand for a second table."""
    n_beta = np.geomspace(1, largest, TEMPERATURES)
    name = "curve_against_point"
    others = (_cubature(name, n_beta), _phase_table(name, n_beta, False))
    return Case("temperature", _phase_table(name, n_beta, True), others, 1e-6, 3)


# ---- relaxation time ---------------------------------------------------------------------------------------
def _process(name: str) -> FokkerPlanck:
    potential = catalogue()[name]
    return fokker_planck(potential, grid_for(potential, [RELAXATION_TEMPERATURE]))


def _relaxation(process: FokkerPlanck, times: int) -> Contender:
    """Solved several times in a run, for the clock's sake."""

    def run() -> np.ndarray:
        return np.array([relaxation_time(process, RELAXATION_TEMPERATURE) for _ in range(times)])

    return Contender("relaxation time", run, times)


def _symmetrised(process: FokkerPlanck) -> sparse.csc_array:
    """Minus the generator in the basis where it is symmetric."""
    generator = process.generator(RELAXATION_TEMPERATURE)
    root = np.exp(process.log_stationary(RELAXATION_TEMPERATURE).ravel() / 2)
    return sparse.csc_array(-(sparse.diags_array(root) @ generator @ sparse.diags_array(1 / root)))


def relaxation_line() -> Case:
    """Longest relaxation time of the regular double well."""
    process = _process("regular_double_well")

    def dense() -> np.ndarray:
        rates = linalg.eigh(_symmetrised(process).toarray(), eigvals_only=True, subset_by_index=[0, 1])
        return 1 / rates[1:]

    return Case("solve", _relaxation(process, 40), (Contender("scipy eigh, dense", dense),), 1e-6)


def relaxation_plane() -> Case:
    """Longest relaxation time of the curve against a point."""
    process = _process("curve_against_point")

    def shifted() -> np.ndarray:
        # A small negative shift: the matrix is singular at zero.
        start = np.random.default_rng(8).standard_normal(process.energy.size)
        rates = eigsh(_symmetrised(process), k=2, sigma=-1e-3, v0=start, return_eigenvectors=False)
        return 1 / np.sort(rates)[1:]

    other = Contender("scipy eigsh, shifted and inverted", shifted)
    return Case("solve", _relaxation(process, 2), (other,), 1e-6)


# ---- annealed sweep ----------------------------------------------------------------------------------------
def reference_schedule(batch_size: int, epochs: int = EPOCHS) -> tuple[np.ndarray, np.ndarray]:
    """Temperatures and durations of the reference case: η = 0.05·0.97^e, N = 50 000, σ² = 3072."""
    rate = 0.05 * 0.97 ** np.arange(epochs)
    return rate * 3072 / (2 * batch_size), rate * 50_000 / batch_size


def reference_case() -> Contender:
    """The fixed-total protocol for every switch epoch and four batch sizes, grids included."""
    pair = pairs()["regular_double_well"]

    def run() -> np.ndarray:
        schedules = map(reference_schedule, BATCH_SIZES)
        ending = Ending("total", EPOCHS)
        return np.array([stuck_by_switch(pair, *schedule, range(EPOCHS + 1), ending) for schedule in schedules])

    return Contender("fixed total, 200 epochs, four batch sizes", run, len(BATCH_SIZES) * EPOCHS)


def annealed_sweep() -> Case:
    """Every tenth epoch of the reference case at batch size 128, swept backwards."""
    pair = pairs()["regular_double_well"]
    temperatures, durations = (column[::10] for column in reference_schedule(128))
    grid = grid_for((pair.deficit, pair.clean), temperatures)
    process, terminal = fokker_planck(pair.clean, grid), phase_weights(pair.clean, pair.stuck_phase, grid)

    def epochwise(step: Callable[[Any, float, np.ndarray], np.ndarray]) -> Callable[[], np.ndarray]:
        def run() -> np.ndarray:
            values = [terminal]
            for temperature, duration in zip(temperatures[::-1], durations[::-1], strict=True):
                values.append(step(process.generator(temperature).tocsc(), duration, values[-1]))
            return np.array(values[::-1])

        return run

    def stiff(generator: Any, duration: float, values: np.ndarray) -> np.ndarray:
        return integrate.solve_ivp(
            lambda _, u: generator @ u, (0, duration), values, "BDF", jac=generator, rtol=1e-6, atol=1e-7
        ).y[:, -1]

    def exponential(generator: Any, duration: float, values: np.ndarray) -> np.ndarray:
        return linalg.expm(generator.toarray() * duration) @ values

    count = temperatures.size
    ours = Contender("backward sweep", lambda: backward_sweep(process, temperatures, durations, terminal), count)
    others = (Contender("scipy solve_ivp, BDF", epochwise(stiff), count),
              Contender("scipy expm, dense", epochwise(exponential), count))  # fmt: skip
    return Case("epoch", ours, others, 1e-4, 3)


# ---- a plane -----------------------------------------------------------------------------------------------
COUPLED = "(w1**2-1)**2 + (w2-w1)**2 - 0.15*w1", "(w1**2-1)**2 + (w2-w1)**2 + 0.15*w1"
COLUMNS = 41  # switch epochs side by side


def _by_superlu(process: FokkerPlanck, temperature: float, duration: float, masses: np.ndarray) -> np.ndarray:
    """The propagator's own function of Q, factors made afresh by SuperLU."""
    share, weights = SHARE / SOLVES * duration, chebyshev_coefficients(SOLVES)
    matrix = sparse.eye_array(masses.shape[0]) - share * process.generator(temperature).T
    solve = splu(
        matrix.tocsc(), permc_spec="MMD_AT_PLUS_A", diag_pivot_thresh=0.0, options={"SymmetricMode": True}
    ).solve
    later, now = np.zeros_like(masses), weights[SOLVES] * masses
    for k in range(SOLVES - 1, -1, -1):
        turned = (4 if k else 2) * solve(now) - (2 if k else 1) * now - later + weights[k] * masses
        later, now = now, turned
    return now


def propagation_plane(columns: int) -> Case:
    """One epoch of a coupled pair on the usual 56 x 56 cells: factors made afresh, then so many columns of masses."""
    pair = read_pair(*COUPLED)
    temperature, duration = 0.1, 3.3  # epoch 60 at batch size 128
    process = fokker_planck(pair.clean, grid_for((pair.deficit, pair.clean), [0.003, 0.6]))
    hot = fokker_planck(pair.deficit, process.grid)
    masses = np.stack([hot.stationary(t).ravel() for t in np.geomspace(0.1, 0.6, columns)], axis=1)

    def ours() -> np.ndarray:
        return propagator(process, temperature, duration).masses(masses)

    def truncated() -> np.ndarray:
        return expm_multiply(process.generator(temperature).T.tocsr() * duration, masses)

    def factorised() -> np.ndarray:
        return _by_superlu(process, temperature, duration, masses)

    others = (Contender("scipy expm_multiply, truncated Taylor series", truncated),
              Contender("the same function of Q by SuperLU", factorised))  # fmt: skip
    return Case("epoch", Contender("propagator", ours), others, 1e-5, 5)


def stuck_curve_plane(latest: int = 12, after: int = 24) -> Case:
    """Every switch epoch of a coupled pair, at batch size 128 in epochs that are eight of the reference case's."""
    pair = read_pair(*COUPLED)
    temperatures, durations = (column[::8] for column in reference_schedule(128, 8 * (latest + after)))
    durations = 8 * durations
    grid = grid_for((pair.deficit, pair.clean), temperatures)
    deficit, clean = (fokker_planck(potential, grid) for potential in (pair.deficit, pair.clean))
    stuck = phase_weights(pair.clean, pair.stuck_phase, grid).ravel()

    def ours() -> np.ndarray:
        return stuck_by_switch(pair, temperatures, durations, range(latest + 1), Ending("further", after), grid=grid)

    def forwards() -> np.ndarray:
        """All runs side by side, one epoch after the other, each to its own end."""
        ends = np.zeros(latest + 1)
        trunk = deficit.stationary(float(temperatures[0])).reshape(-1, 1)
        runs = np.empty((trunk.size, 0))
        for epoch, (temperature, duration) in enumerate(zip(temperatures, durations, strict=True)):
            if epoch <= latest:
                runs = np.hstack([runs, trunk])
            first = max(0, epoch - after)  # the earliest run that has not ended
            runs[:, first:] = _by_superlu(clean, temperature, duration, runs[:, first:])
            if epoch < latest:
                trunk = _by_superlu(deficit, temperature, duration, trunk)
            if epoch + 1 >= after:
                ends[epoch + 1 - after] = stuck @ runs[:, epoch + 1 - after]
        return ends

    other = Contender("runs side by side, by SuperLU", forwards, latest + 1)
    return Case("switch epoch", Contender("stuck curve", ours, latest + 1), (other,), 1e-6, 3)


def ends_plane() -> Contender:
    """Every switch epoch of a coupled pair at four batch sizes, 200 epochs after the switch, grids included."""
    pair = read_pair(*COUPLED)

    def run() -> np.ndarray:
        runs = (reference_schedule(size, EPOCHS + 120) for size in BATCH_SIZES)
        return np.array([stuck_by_switch(pair, *run, range(121), Ending("further", EPOCHS)) for run in runs])

    return Contender("plane, 121 switch epochs, four batch sizes", run, 4 * 121)


CASES: dict[str, Callable[[], Case]] = {
    "quadrature, 1-D, n_beta up to 10000": quadrature_line,
    "quadrature, 2-D, n_beta up to 10000": quadrature_plane,
    "quadrature, 2-D, n_beta up to 100": lambda: quadrature_plane(100.0),
    "relaxation time, 1-D": relaxation_line,
    "relaxation time, 2-D": relaxation_plane,
    "annealed sweep, 1-D": annealed_sweep,
    "propagation, 2-D, one column": lambda: propagation_plane(1),
    f"propagation, 2-D, {COLUMNS} columns": lambda: propagation_plane(COLUMNS),
    "stuck curve, 2-D": stuck_curve_plane,
}
