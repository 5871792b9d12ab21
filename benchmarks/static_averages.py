"""What a mean energy to a tenth of a per cent costs: ``python -m benchmarks.static_averages [--estimate]``.

For every potential of the catalogue on a line, without walls: the step at which the bias of a scheme is .1 % of the
mean energy above the minimum, and the CPU time of a unit of Langevin time at that step, of Euler-Maruyama's scheme with
normal noise in double numbers and of Leimkuhler and Matthews' with noise of a few bits in single ones. Biases are
exact: the chain of a scheme is solved, its expectation over a step being a matrix on Chebyshev nodes, which converges
as fast as for any smooth function. Times are of the kernels, on one thread, in this run. The temperature is a third of
the barrier.

With ``--estimate`` it is whole answers that are compared: the CPU time of `estimate_mean` asked for ±.1 %, which finds
its steps by itself, and what Euler's chains would take for an interval of ±.1 % at the step where their bias is .1 %,
which nobody tells a user. The variance of a mean over time solves a Poisson equation.
"""

from __future__ import annotations

import argparse
import sys
import time

import numpy as np
import scipy

from benchmarks.engines import by_bits, kernel
from benchmarks.measure import machine, measure
from slt_toys.exact.fokker_planck import fokker_planck, grid_for
from slt_toys.kernels.few_bits import FewBits, law_of
from slt_toys.kernels.frame import Scheme
from slt_toys.potentials.catalogue import catalogue
from slt_toys.potentials.potential import Potential
from slt_toys.samplers.estimate import Estimate, estimate_mean

Array = np.ndarray
TOLERANCE = 1e-3  # of the mean energy above the minimum
REACH = 30.0  # temperatures above the minimum, where the line is cut
NODES = 160
CELLS = 2000  # of the line, for variances
NORMAL = 24  # nodes of a normal number


def points_of(noise: str) -> tuple[Array, Array]:
    """Values and probabilities of a noise of variance 1."""
    if noise == "gaussian":
        values, weights = np.polynomial.hermite_e.hermegauss(NORMAL)
        return values, weights / weights.sum()
    law = law_of(noise)
    sizes, shares = np.array([law.small, law.large]), np.array([1 - law.probability, law.probability])
    return np.concatenate([sizes, -sizes]), np.tile(shares / 2, 2)


def _matrix(nodes: Array, places: Array) -> Array:
    """Barycentric interpolation from Chebyshev nodes to places inside them."""
    weights = (-1.0) ** np.arange(len(nodes))
    weights[[0, -1]] /= 2
    apart = places[:, None] - nodes
    on = apart == 0
    apart[on] = 1.0
    shares = weights / apart
    found = shares / shares.sum(1, keepdims=True)
    rows = on.any(1)
    found[rows] = on[rows]
    return found


def mean_energy(potential: Potential, temperature: float, scheme: str, noise: str, step: float | None) -> float:
    """Mean energy above the minimum under a scheme's own chain; that of the tempered posterior without a step."""
    low, high = _ends(potential, temperature)
    energy, slope = potential.energy_function(), potential.gradient_function()
    bottom = min(float(energy(potential.minimum_point(k)[None])[0]) for k in range(len(potential.phases)))

    def loss(w: Array) -> Array:
        return energy(w.reshape(-1, 1)).reshape(w.shape) - bottom

    if step is None:
        w = np.linspace(low, high, 200_001)
        weights = np.exp(-loss(w) / temperature)
        return float((loss(w) * weights).sum() / weights.sum())
    nodes = (low + high) / 2 - (high - low) / 2 * np.cos(np.pi * np.arange(NODES) / (NODES - 1))
    values, shares = points_of(noise)
    kick = np.sqrt(2 * temperature * step) * values
    averaged = scheme == "leimkuhler_matthews"
    expectation, seen = np.zeros((NODES, NODES)), np.zeros(NODES)
    for z, share in zip(kick, shares, strict=True):
        place = nodes + z / 2 if averaged else nodes
        moved = place - step * slope(place.reshape(-1, 1))[:, 0] + (z / 2 if averaged else z)
        expectation += share * _matrix(nodes, np.clip(moved, low, high))
        seen += share * loss(place)
    # the stationary law's weights w: w P = w, and they add up to 1
    system = np.vstack([expectation.T - np.eye(NODES), np.ones(NODES)])
    weights = scipy.linalg.lstsq(system, np.r_[np.zeros(NODES), 1.0])[0]
    return float(weights @ seen)


def _ends(potential: Potential, temperature: float) -> tuple[float, float]:
    energy = potential.energy_function()
    points = np.array([potential.minimum_point(k)[0] for k in range(len(potential.phases))])
    top = float(energy(points[:, None]).min()) + REACH * temperature
    ends = []
    for sign, end in ((-1, points.min()), (1, points.max())):
        while float(energy(np.array([[end]]))[0]) < top:
            end += sign * 0.01
        ends.append(float(end))
    return ends[0], ends[1]


def largest_step(
    potential: Potential, temperature: float, scheme: str, noise: str, tolerance: float = TOLERANCE
) -> tuple[float, float]:
    """The largest step up to which the bias stays within the tolerance, and the bias there, as a share."""
    exact = mean_energy(potential, temperature, scheme, noise, None)

    def bias(step: float) -> float:
        return mean_energy(potential, temperature, scheme, noise, step) / exact - 1

    step = 1e-5
    while abs(bias(1.25 * step)) <= tolerance and step < 0.5:
        step *= 1.25
    low, high = step, 1.25 * step
    for _ in range(12):
        middle = (low + high) / 2
        low, high = (middle, high) if abs(bias(middle)) <= tolerance else (low, middle)
    return low, bias(low)


def temperature_of(potential: Potential) -> float:
    """A third of the barrier above the higher minimum."""
    energy = potential.energy_function()
    ends = sorted(float(potential.minimum_point(k)[0]) for k in range(2))
    between = energy(np.linspace(ends[0], ends[1], 2001)[:, None])
    return float((between.max() - max(between[0], between[-1])) / 3)


def asymptotic_variance(potential: Potential, temperature: float) -> float:
    """σ² of the mean energy over a long time t, whose variance is σ²/t: 2 Σ π f g with -Q g = f, f of mean zero."""
    process = fokker_planck(potential, grid_for(potential, temperature, CELLS))
    law = process.stationary(temperature)
    apart = potential.energy_function()(process.grid.points)
    apart = apart - law @ apart
    system = scipy.sparse.csc_array(process.generator(temperature))
    # The solution is one up to a constant, which the mean of zero fixes: one equation is that g vanishes in a cell.
    solved = scipy.sparse.linalg.spsolve(system[1:, 1:], -apart[1:])
    return float(2 * (law * apart)[1:] @ solved)


def whole_answer(potential: Potential, temperature: float, share: float, seed: int = 1) -> tuple[float, Estimate]:
    """CPU time of `estimate_mean` to a share of the mean energy, and what it says."""
    begin = time.process_time()
    found = estimate_mean(potential, n_beta=1 / temperature, relative_error=share, seed=seed, threads=1)
    return time.process_time() - begin, found


def euler_seconds(potential: Potential, temperature: float, share: float) -> float:
    """CPU time of Euler's chains at the step whose bias is that share, for an interval of ± the same share."""
    exact = mean_energy(potential, temperature, "", "", None)
    time_needed = asymptotic_variance(potential, temperature) * (1.96 / (share * exact)) ** 2
    step, _ = largest_step(potential, temperature, "euler_maruyama", "gaussian", share)
    return time_needed / step * measure(kernel(potential, steps=CHAIN_STEPS // 1024)).cpu


def lines() -> dict[str, Potential]:
    """The catalogue's potentials of one coordinate without walls."""
    return {name: p for name, p in catalogue().items() if p.dimension == 1 and p.boundary == "natural"}


OWN: tuple[tuple[Scheme, FewBits], ...] = (
    ("leimkuhler_matthews", "four_point"),
    ("leimkuhler_matthews", "two_point"),
    ("euler_maruyama", "two_point"),
)


def whole_answers(share: float) -> None:
    """Print a table of whole answers and the least ratio."""
    heads = "| potential | temperature | CPU s | error, share | off, errors | verdict | Euler over it |"
    print(f"`estimate_mean` asked for {share:.1%}:\n{heads}\n" + "| --- " * 7 + "|")
    ratios = []
    for name, potential in lines().items():
        temperature = temperature_of(potential)
        whole_answer(potential, temperature, 0.3)  # compiles
        taken, found = whole_answer(potential, temperature, share)
        off = (found.value - mean_energy(potential, temperature, "", "", None)) / found.error
        ratios.append(euler_seconds(potential, temperature, share) / taken)
        cells = f"{taken:.2f} | {found.error / found.value:.1g} | {off:.2f} | {found.verdict} | {ratios[-1]:.0f}"
        print(f"| {name} | {temperature:.2g} | {cells} |", flush=True)
    print(f"at least {min(ratios):.0f} times less, median {np.median(ratios):.0f}")


def main(arguments: list[str] | None = None) -> int:
    """Print a table and the least ratio."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.static_averages")
    parser.add_argument("--estimate", action="store_true", help="compare whole answers")
    parser.add_argument("--share", type=float, default=TOLERANCE, help="of the mean energy, for whole answers")
    options = parser.parse_args(arguments)
    print(machine())
    if options.estimate:
        whole_answers(options.share)
        return 0
    heads = ["Euler-Maruyama", *(f"{scheme}, {noise}" for scheme, noise in OWN)]
    print("| potential | temperature | " + " | ".join(f"{head}: step, ratio of CPU time" for head in heads) + " |")
    print("| --- " * (2 + len(heads)) + "|")
    ratios = []
    for name, potential in lines().items():
        temperature = temperature_of(potential)
        steps = CHAIN_STEPS // 1024
        euler, _ = largest_step(potential, temperature, "euler_maruyama", "gaussian")
        dear = measure(kernel(potential, steps=steps)).cpu / euler
        cells = [f"{euler:.2g}"]
        for scheme, noise in OWN:
            step, _ = largest_step(potential, temperature, scheme, noise)
            cost = measure(by_bits(noise, scheme, potential=potential, steps=steps)).cpu / step
            cells.append(f"{step:.2g}, {dear / cost:.0f}")
            if (scheme, noise) == OWN[0]:
                ratios.append(dear / cost)
        print(f"| {name} | {temperature:.2g} | " + " | ".join(cells) + " |", flush=True)
    print(f"{', '.join(OWN[0])}: at least {min(ratios):.0f} times less, median {np.median(ratios):.0f}")
    return 0


CHAIN_STEPS = 20 * 2**20

if __name__ == "__main__":
    sys.exit(main())
