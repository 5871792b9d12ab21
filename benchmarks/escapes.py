"""What the rate of an escape costs: ``python -m benchmarks.escapes``.

For the regular double well at barriers of a few to sixty temperatures: the CPU time of `sample_escape_rate` to a given
relative error (half the width of the 95 % interval) on one thread, and what waiting for as many escapes would cost: the
exact mean time over the step, times the time of a chain-step of the plain kernel, measured in this run. Heun's scheme
at one step throughout.
"""

from __future__ import annotations

import sys
import time

import numpy as np

from benchmarks.engines import kernel
from benchmarks.measure import machine, measure
from slt_toys.exact.kinetics import log_mean_first_passage_time
from slt_toys.potentials.catalogue import regular_double_well
from slt_toys.samplers import OverdampedLangevin
from slt_toys.samplers.escape_rate import EscapeRate, sample_escape_rate

STEP = 0.005
HEIGHTS = (3.0, 6.0, 10.0, 20.0, 30.0, 60.0)  # temperatures
ERRORS = (0.05, 0.02)  # the second is a standard error of 1 %
REPETITIONS = 3


def height() -> float:
    """Of the barrier above the left minimum."""
    well = regular_double_well()
    return float(well.energy_function()(np.array([[well.barrier()]]))[0]) - well.minimum_loss("left")


def ends() -> tuple[float, float]:
    """Places of the two minima."""
    well = regular_double_well()
    return float(well.minimum_point("left")[0]), float(well.minimum_point("right")[0])


def waiting(log_time: float, error: float, per_step: float) -> float:
    """Seconds of direct simulation: times are exponential, so that n of them have a relative error of 1.96/√n."""
    return (1.96 / error) ** 2 * float(np.exp(log_time)) / STEP * per_step


def splitting(temperature: float, error: float, seed: int) -> tuple[EscapeRate, float]:
    """A rate and its CPU time."""
    begin = time.process_time()
    found = sample_escape_rate(
        regular_double_well(), OverdampedLangevin(STEP, "heun"), temperature=temperature, start="left", target="right",
        error=error, seed=seed, threads=1,
    )  # fmt: skip
    return found, time.process_time() - begin


def main() -> int:
    """Print a table."""
    print(machine())
    per_step = measure(kernel(regular_double_well(), "heun", steps=2**14)).cpu
    print(f"a chain-step of the plain kernel: {1e9 * per_step:.2f} ns")
    heads = [f"±{error:.0%}: CPU s, waiting over it, time over exact" for error in ERRORS]
    print("| barrier/T | mean time | " + " | ".join(heads) + " |")
    print("| --- " * (2 + len(heads)) + "|")
    splitting(height() / HEIGHTS[0], 0.5, 0)  # compiles
    for number in HEIGHTS:
        temperature = height() / number
        exact = log_mean_first_passage_time(regular_double_well(), temperature, *ends())
        cells = []
        for error in ERRORS:
            runs = [splitting(temperature, error, seed) for seed in range(REPETITIONS)]
            seconds = float(np.median([cpu for _, cpu in runs]))
            ratio = float(np.exp(-np.median([found.log_rate for found, _ in runs]) - exact))
            cells.append(f"{seconds:.2f}, {waiting(exact, error, per_step) / seconds:.2g}, {ratio:.3f}")
        print(f"| {number:g} | {np.exp(exact):.3g} | " + " | ".join(cells) + " |", flush=True)
    return 0


if __name__ == "__main__":
    sys.exit(main())
